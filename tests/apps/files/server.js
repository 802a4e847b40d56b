// Listens on ./sock and answers /slow in 5 s. On SIGTERM it finishes the requests that it has accepted, writes ./saved and exits.
//
//   node server.js [--handler once|on|count|none] [--cluster] [--also-on PORT]
//
// once     process.once(): the second SIGTERM has the default action and kills it
// on       process.on(): further SIGTERMs change nothing
// count    process.on(): the second SIGTERM exits immediately
// none     no handler: the first SIGTERM kills it
const cluster = require('cluster');
const fs = require('fs');
const http = require('http');
const net = require('net');

const option = (name, otherwise) => (process.argv.includes(name) ? process.argv[process.argv.indexOf(name) + 1] : otherwise);
const handler = option('--handler', 'once');

function serve() {
	let served = 0;
	const server = http.createServer((request, response) => {
		response.write('begin\n');
		setTimeout(() => {
			served += 1;
			response.end('end\n');
		}, request.url === '/slow' ? 5000 : 0);
	});
	const listeners = [server.listen('sock')];
	if (option('--also-on')) listeners.push(net.createServer().listen(option('--also-on')));

	let signals = 0;
	const finish = () => {
		signals += 1;
		if (handler === 'count' && signals > 1) process.exit(1);
		if (signals > 1) return;
		for (const listener of listeners) listener.close();
		server.on('close', () => {
			fs.appendFileSync('saved', `${served} served\n`);
			process.exit(0);
		});
	};
	if (handler === 'once') process.once('SIGTERM', finish);
	else if (handler !== 'none') process.on('SIGTERM', finish);
}

// As the cluster's documentation has it: the primary forwards SIGTERM and waits for its workers.
function supervise() {
	for (let i = 0; i < 2; i++) cluster.fork();
	let running = 2;
	cluster.on('exit', () => {
		running -= 1;
		if (running === 0) process.exit(0);
	});
	process.on('SIGTERM', () => {
		for (const worker of Object.values(cluster.workers)) worker.process.kill('SIGTERM');
	});
}

if (process.argv.includes('--cluster') && cluster.isPrimary) supervise();
else serve();

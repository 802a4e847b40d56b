// Answers /slow in 2 s. With --graceful it finishes what it has begun when it is asked to stop, and saves what it
// knows; without, it is a server that has never heard of SIGTERM.
const fs = require('fs');
const http = require('http');

let served = 0;
const server = http.createServer((request, response) => {
	response.write('begin\n');
	if (request.url !== '/slow') {
		response.end('end\n');
		return;
	}
	setTimeout(() => {
		served += 1;
		response.end('end\n');
	}, 2000);
});
server.listen('sock');

if (process.argv.includes('--graceful')) {
	process.on('SIGTERM', () => server.close(() => fs.writeFileSync('saved', `${served} served\n`)));
}

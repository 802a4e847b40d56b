// What pnpm does on SIGTERM, without pnpm, which Debian does not package: it starts a script with the terminal's descriptors,
// forwards SIGTERM to it, and exits without waiting for it.
const { spawn } = require('child_process');

const script = spawn('sh', ['-c', process.argv[2]], { stdio: 'inherit' });
script.on('exit', (code, signal) => process.exit(signal ? 1 : code));
process.once('SIGTERM', () => {
	script.kill('SIGTERM');
	process.exit(143);
});

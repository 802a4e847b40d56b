// Runs commands in parallel, each in a shell, as npm-run-all's run-p. Like that it has no handler for SIGTERM, but Node's runtime has.
const { spawn } = require('child_process');

for (const command of process.argv.slice(2)) spawn(command, { shell: true, stdio: 'inherit' });

/** The main process of scripts/in-electron.ts. */
const { readFileSync } = require('node:fs');
const { join } = require('node:path');
const { app, utilityProcess } = require('electron');

const args = JSON.parse(process.env.CHEXREASON_ARGUMENTS);

app.whenReady().then(() => {
  const command = join(__dirname, '../../out/main/chexreason.cjs');
  const child = utilityProcess.fork(command, args, { stdio: 'pipe', serviceName: 'command' });
  let peak = 0;
  const watch = setInterval(() => {
    peak = Math.max(peak, residentBytes(child.pid));
  }, 200);
  child.stdout.on('data', (text) => process.stdout.write(text));
  child.stderr.on('data', (text) => process.stderr.write(text));
  child.once('exit', (code) => {
    clearInterval(watch);
    const { electron, node } = process.versions;
    process.stderr.write(`${JSON.stringify({ electron, node, exit: code, peakMiB: Math.round(peak / 2 ** 20) })}\n`);
    app.exit(code === 0 ? 0 : 1);
  });
});

/** The high-water mark where the system keeps one (Linux). */
function residentBytes(pid) {
  try {
    const kib = /VmHWM:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'));
    return kib ? 1024 * Number(kib[1]) : 0;
  } catch {
    return 0;
  }
}

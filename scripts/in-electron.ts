/**
 * Runs a command of `chexreason` inside a utilityProcess of a real Electron, where the desktop runs its engine: what a model
 * needs there, and that nothing it allocates ends the process. Prints the command's output, and peak memory at the end.
 *
 *   CHEXREASON_ELECTRON_DIST=DIR npm run -s in-electron -- infer --model DIR --image FILE --json   (after npm run build)
 *
 * Needs a display (DISPLAY; Xvfb is one). Paths are to be absolute.
 */
import { spawn } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { writeJson } from '../core/platform/files.ts';

const dist = process.env['CHEXREASON_ELECTRON_DIST'];
if (!dist || !existsSync(join(dist, 'electron'))) {
  console.error('CHEXREASON_ELECTRON_DIST names no folder with an Electron (scripts/get-electron.sh).');
  process.exit(2);
}
const root = join(import.meta.dirname, '..');
const copy = join(root, '.cache', 'electron-with-command');
const app = join(copy, 'resources', 'app');
if (!existsSync(app)) {
  cpSync(dist, copy, { recursive: true });
  mkdirSync(app, { recursive: true });
  await writeJson(join(app, 'package.json'), { name: 'command', main: 'command.cjs' });
  symlinkSync(join(import.meta.dirname, 'electron', 'command.cjs'), join(app, 'command.cjs'));
}
const switches = ['--disable-gpu', ...(process.getuid?.() === 0 ? ['--no-sandbox'] : [])];
const child = spawn(join(copy, 'electron'), switches, {
  stdio: 'inherit',
  env: { ...process.env, CHEXREASON_ARGUMENTS: JSON.stringify(process.argv.slice(2)) },
});
child.on('exit', (code) => process.exit(code ?? 1));

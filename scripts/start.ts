/**
 * `npm start`: the desktop on the built-in workspace, built first where it has to be. Where Electron's binary or a display
 * is missing it says so, and serves the same screens as a page instead.
 */
import { spawn } from 'node:child_process';
import { cpSync, existsSync, readFileSync, symlinkSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { buildAll } from './build.ts';

const root = resolve(import.meta.dirname, '..');

/** Why there is no desktop, or the program that shows it. */
function findElectron(): { program: string } | { missing: string } {
  if (process.platform === 'linux' && !process.env['DISPLAY'] && !process.env['WAYLAND_DISPLAY']) {
    return { missing: 'there is no display here' };
  }
  const dist = process.env['CHEXREASON_ELECTRON_DIST'] ?? process.env['ELECTRON_OVERRIDE_DIST_PATH'];
  const program = dist ? startable(dist) : ofThePackage();
  if (program && existsSync(program)) return { program };
  return {
    missing: 'the electron package has not fetched its program (node node_modules/electron/install.js fetches it)',
  };
}

/** Where the electron package keeps its program: path.txt is written by its install script. */
function ofThePackage(): string | null {
  const folder = join(root, 'node_modules', 'electron');
  const pathFile = join(folder, 'path.txt');
  return existsSync(pathFile) ? join(folder, 'dist', readFileSync(pathFile, 'utf8').trim()) : null;
}

/** An Electron without its default application does not read a path from the command line: a copy of it gets ours. */
function startable(dist: string): string {
  if (existsSync(join(dist, 'resources', 'default_app.asar'))) return join(dist, 'electron');
  const copy = join(root, '.cache', 'electron-with-app');
  if (!existsSync(join(copy, 'resources', 'app'))) {
    cpSync(dist, copy, { recursive: true });
    symlinkSync(root, join(copy, 'resources', 'app'));
  }
  return join(copy, 'electron');
}

function run(program: string, args: string[]): void {
  const child = spawn(program, args, { cwd: root, stdio: 'inherit' });
  child.on('exit', (code) => process.exit(code ?? 1));
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => child.kill(signal));
}

const electron = findElectron();
const args = process.argv.slice(2);
if ('program' in electron) {
  console.error('Building ...');
  await buildAll();
  // Chromium refuses to run as root with its sandbox.
  const asRoot = process.getuid?.() === 0 ? ['--no-sandbox'] : [];
  run(electron.program, [root, ...asRoot, ...args]);
} else {
  console.error(`No desktop: ${electron.missing}. Serving the page instead.`);
  run(process.execPath, ['--import', 'tsx', join(root, 'main/headless/chexreason.ts'), 'serve', ...args]);
}

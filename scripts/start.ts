/**
 * `npm start`: the desktop on the built-in workspace, built first where it has to be. Where Electron's binary or a display
 * is missing it says so, and serves the same screens as a page instead.
 */
import { spawn } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { buildAll } from './build.ts';
import { electronWithApp } from './support/electronWithApp.ts';

const root = resolve(import.meta.dirname, '..');

/** Why there is no desktop, or the program that shows it, and what it is started with. */
function findElectron(): { program: string; args: string[] } | { missing: string } {
  if (process.platform === 'linux' && !process.env['DISPLAY'] && !process.env['WAYLAND_DISPLAY']) {
    return { missing: 'there is no display here' };
  }
  const dist = process.env['CHEXREASON_ELECTRON_DIST'] ?? process.env['ELECTRON_OVERRIDE_DIST_PATH'];
  const found = dist ? startable(dist) : { program: ofThePackage(), args: [root] };
  if (found.program && existsSync(found.program)) return { program: found.program, args: found.args };
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

/**
 * An Electron without its default application does not take the application's folder from the command line (it would be
 * one more folder of films to open): a copy of it gets ours.
 */
function startable(dist: string): { program: string; args: string[] } {
  if (existsSync(join(dist, 'resources', 'default_app.asar'))) return { program: join(dist, 'electron'), args: [root] };
  return { program: join(electronWithApp(dist), 'electron'), args: [] };
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
  run(electron.program, [...electron.args, ...asRoot, ...args]);
} else {
  console.error(`No desktop: ${electron.missing}. Serving the page instead.`);
  run(process.execPath, ['--import', 'tsx', join(root, 'main/headless/chexreason.ts'), 'serve', ...args]);
}

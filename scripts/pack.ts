/**
 * Packs the application into a folder (dist/linux-unpacked): `npm run pack`. Installers are `npx electron-builder`.
 *
 * With CHEXREASON_ELECTRON_DIST the Electron in that folder is packed (scripts/get-electron.sh), else the one that
 * electron-builder fetches for the version in package.json.
 */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { build, Platform } from 'electron-builder';
import { buildAll } from './build.ts';

const projectDir = resolve(import.meta.dirname, '..');
const CONFIG = 'electron-builder.yml';

/** A fuse that Electron has from 29 on; electron-builder refuses to set it on an older one. */
const YOUNG_FUSE = /^ *grantFileProtocolExtraPrivileges:.*\n/m;
const YOUNG_FUSE_SINCE = 29;

/** The folder of the packed application. What out/ holds is packed. */
export async function packFolder(
  output = 'dist',
  electronDist = process.env['CHEXREASON_ELECTRON_DIST'],
): Promise<string> {
  const configFile = join(projectDir, output, CONFIG);
  mkdirSync(join(projectDir, output), { recursive: true });
  writeFileSync(configFile, configFor(output, electronDist));
  await build({ projectDir, targets: Platform.LINUX.createTarget('dir'), config: configFile });
  return resolve(projectDir, output, 'linux-unpacked');
}

/** The project's own configuration, for this output folder and this Electron. */
function configFor(output: string, electronDist: string | undefined): string {
  const config = readFileSync(join(projectDir, CONFIG), 'utf8').replace(/^( *output:).*$/m, `$1 ${output}`);
  if (!electronDist) return config;
  const version = readFileSync(join(electronDist, 'version'), 'utf8').trim();
  const fitting = Number.parseInt(version, 10) < YOUNG_FUSE_SINCE ? config.replace(YOUNG_FUSE, '') : config;
  return `${fitting}electronDist: ${electronDist}\nelectronVersion: ${version}\n`;
}

if (import.meta.url === pathToFileURL(process.argv[1]!).href) {
  await buildAll();
  console.error(`packed into ${await packFolder()}`);
}

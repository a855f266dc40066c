/**
 * Packs the application into a folder (dist/linux-unpacked): `npm run pack`. Installers are `npx electron-builder`.
 *
 * With CHEXREASON_ELECTRON_DIST the Electron in that folder is packed (scripts/get-electron.sh), else the one that
 * electron-builder fetches for the version in package.json.
 */
import { readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { build, Platform } from 'electron-builder';
import { buildAll } from './build.ts';

/** The first Electron that has the fuse grantFileProtocolExtraPrivileges. */
const FILE_PROTOCOL_FUSE_SINCE = 29;

/** The folder of the packed application. What out/ holds is packed. */
export async function packFolder(
  output = 'dist',
  electronDist = process.env['CHEXREASON_ELECTRON_DIST'],
): Promise<string> {
  const projectDir = resolve(import.meta.dirname, '..');
  const version = electronDist ? readFileSync(join(electronDist, 'version'), 'utf8').trim() : undefined;
  const old = version !== undefined && Number.parseInt(version, 10) < FILE_PROTOCOL_FUSE_SINCE;
  await build({
    projectDir,
    targets: Platform.LINUX.createTarget('dir'),
    config: {
      directories: { output },
      ...(electronDist ? { electronDist, electronVersion: version } : {}),
      ...(old ? { electronFuses: { grantFileProtocolExtraPrivileges: null } } : {}),
    } as Parameters<typeof build>[0] extends { config?: infer C } | undefined ? C : never,
  });
  return resolve(projectDir, output, 'linux-unpacked');
}

if (import.meta.url === pathToFileURL(process.argv[1]!).href) {
  await buildAll();
  console.error(`packed into ${await packFolder()}`);
}

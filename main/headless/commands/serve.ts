/** `chexreason serve`: the same screens as on the desktop, in a browser. */
import { join } from 'node:path';
import { startEngineChild } from '../../engine/child.ts';
import { enginePath, rendererDir } from '../../places.ts';
import type { Call } from '../call.ts';
import { startPageHost } from '../pageHost.ts';
import { commandPlatform, userPath } from '../places.ts';
import { buildRenderer } from '../rendererBuild.ts';

export interface ServeOptions {
  port: number;
  workspace?: string;
}

/** Prints the address and serves until it is interrupted. */
export async function serve({ output, signal }: Call, options: ServeOptions): Promise<void> {
  await buildRenderer((text) => output.note(text));
  const { resourcesDir, userDir } = commandPlatform();
  const workspace = options.workspace === undefined ? undefined : userPath(options.workspace);
  const child = startEngineChild(enginePath(), { resourcesDir, userDir, workspace });
  try {
    const uploadsDir = join(userDir, 'uploads');
    const host = await startPageHost({ engine: child.engine, rendererDir, uploadsDir, port: options.port });
    output.result({ url: host.url, port: host.port }, () => `ChexReason Workbench is at ${host.url}\nCtrl+C ends it.`);
    await aborted(signal);
    await host.close();
  } finally {
    child.stop();
  }
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    signal.addEventListener('abort', () => resolve());
  });
}

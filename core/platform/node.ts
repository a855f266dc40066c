/** The machine as Node gives it. */
import { homedir } from 'node:os';
import { join } from 'node:path';
import type { Log, Platform } from './platform.ts';

export function nodePlatform(places: { resourcesDir: string; userDir: string }, log: Log = silentLog): Platform {
  return { ...places, log, now: () => new Date() };
}

/**
 * Where this user's workspace, settings and caches lie: CHEXREASON_HOME, else the system's place for application data.
 * The desktop and the command share it.
 */
export function userDirectory(env: NodeJS.ProcessEnv = process.env, system: string = process.platform): string {
  if (env['CHEXREASON_HOME']) return env['CHEXREASON_HOME'];
  if (system === 'win32') return join(env['APPDATA'] ?? join(homedir(), 'AppData', 'Roaming'), 'ChexReason Workbench');
  if (system === 'darwin') return join(homedir(), 'Library', 'Application Support', 'ChexReason Workbench');
  return join(env['XDG_DATA_HOME'] || join(homedir(), '.local', 'share'), 'chexreason');
}

/** Of what can be made again: converted weights, image features. */
export function cacheDirectory(userDir: string = userDirectory()): string {
  return join(userDir, 'cache');
}

export const silentLog: Log = { info: () => {}, warn: () => {} };

/** One JSON object a line on stderr, so that a script's stdout stays its own. */
export const stderrLog: Log = {
  info: (event, details) => writeLine('info', event, details),
  warn: (event, details) => writeLine('warn', event, details),
};

function writeLine(level: string, event: string, details: Record<string, unknown> = {}): void {
  process.stderr.write(`${JSON.stringify({ time: new Date().toISOString(), level, event, ...details })}\n`);
}

/**
 * What core needs of the machine. The Node form is in node.ts; hosts pass it in, so that core never asks where it is.
 */
export interface Log {
  /** Logs carry codes, counts and hashes; never a patient's name, identifier or path. */
  info(event: string, details?: Record<string, unknown>): void;
  warn(event: string, details?: Record<string, unknown>): void;
}

export interface Platform {
  /** The folder `resources` of the application: prompts, labels, paper, models, fonts. */
  resourcesDir: string;
  /** A folder of the user for settings, caches and the default workspace. */
  userDir: string;
  log: Log;
  now(): Date;
}

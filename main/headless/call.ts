import type { Output } from './output.ts';

/** What every subcommand gets beside its own arguments. */
export interface Call {
  output: Output;
  /** Aborted by Ctrl+C. */
  signal: AbortSignal;
}

/** Arguments that cannot be used together: the command ends with status 2 and says how to use it. */
export class UsageError extends Error {}

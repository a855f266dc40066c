/** How long a test waits for what a page should show, in milliseconds: a limit for what hangs, not for what is slow on a busy machine. */
export const PATIENCE_MS = 120_000;

/**
 * Where the time goes, on request: with CHEXREASON_TRACE in the environment each stage of opening a film writes a line to
 * stderr, `trace STAGE MILLISECONDS`, in milliseconds since 1970 (with fractions), so that processes and threads can be set
 * side by side. `bench -- window --trace` reads them. Stages only: no paths, no names.
 */
import { writeSync } from 'node:fs';

const wanted = process.env['CHEXREASON_TRACE'] !== undefined;

export function trace(stage: string): void {
  if (!wanted) return;
  // Not process.stderr: in a thread that goes through the main thread's event loop, which is what is measured.
  writeSync(2, `trace ${stage} ${(performance.timeOrigin + performance.now()).toFixed(2)}\n`);
}

/** What benchmarks share. */
import { cpus, loadavg } from 'node:os';

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}

/** Seconds of each of `runs` calls, after one that is not counted. */
export async function seconds(runs: number, work: () => Promise<unknown>): Promise<number[]> {
  await work();
  const measured: number[] = [];
  for (let i = 0; i < runs; i++) {
    const start = performance.now();
    await work();
    measured.push((performance.now() - start) / 1000);
  }
  return measured;
}

/** The machine, and how busy it was: timings on a busy machine say little. */
export function machine() {
  const processors = cpus();
  return {
    processor: processors[0]?.model ?? 'unknown',
    processors: processors.length,
    load: loadavg()[0]!,
    node: process.version,
  };
}

/** What one hostile file may cost: time of the processor, which other work on the machine does not lengthen, and memory. */

export const TIME_LIMIT_MS = 5_000;
export const MEMORY_LIMIT_BYTES = 512 * 2 ** 20;

/** Processor time of this process so far, all of its threads. */
export function processorMs(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}

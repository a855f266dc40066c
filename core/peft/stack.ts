/** Adapters of the rows of a batch, brought into the form in which a network takes them as inputs. */
import type { Adapter } from './adapter.ts';

export interface StackedModule {
  /** `[in, R]`. */
  down: Float32Array;
  /** `[R, out]`, scaled. */
  up: Float32Array;
  in: number;
  out: number;
  /** R: the ranks of all adapters side by side, the same for every module. */
  rank: number;
}

export interface StackedAdapters {
  /** The same for the same adapters in the same rows. */
  key: string;
  modules: Map<string, StackedModule>;
  /** `[B,1,R]`: 1 where a rank belongs to the row's adapter; null where all rows have the same one. */
  rankMask: Float32Array | null;
  rank: number;
}

/** Of `ForwardInput.adapter`; null where no row has one. */
export function stackAdapters(
  adapter: Adapter | null | undefined | readonly (Adapter | null)[],
  batch: number,
): StackedAdapters | null {
  const rows = isList(adapter) ? adapter : Array.from({ length: batch }, () => adapter ?? null);
  const distinct = [...new Map(rows.flatMap((row) => (row ? [[row.hash, row] as const] : []))).values()];
  if (distinct.length === 0) return null;
  const blocks = placeRanks(distinct);
  const rank = blocks.reduce((sum, block) => sum + block.rank, 0);
  const modules = new Map<string, StackedModule>();
  for (const { adapter, start } of blocks) addModules(modules, adapter, start, rank);
  const same = distinct.length === 1 && rows.every((row) => row !== null);
  return { key: adapterKey(adapter, batch)!, modules, rank, rankMask: same ? null : maskRanks(rows, blocks, rank) };
}

/** What identifies the stacked form; null where no row has an adapter. */
export function adapterKey(
  adapter: Adapter | null | undefined | readonly (Adapter | null)[],
  batch: number,
): string | null {
  if (!isList(adapter)) return adapter?.hash ?? null;
  const hashes = adapter.slice(0, batch).map((row) => row?.hash ?? '-');
  if (hashes.every((hash) => hash === '-')) return null;
  return hashes.every((hash) => hash === hashes[0]) ? hashes[0]! : hashes.join(' ');
}

interface RankBlock {
  adapter: Adapter;
  start: number;
  rank: number;
}

function placeRanks(adapters: readonly Adapter[]): RankBlock[] {
  let start = 0;
  return adapters.map((adapter) => {
    const rank = Math.max(...[...adapter.modules.values()].map((module) => module.rank));
    const block = { adapter, start, rank };
    start += rank;
    return block;
  });
}

function addModules(modules: Map<string, StackedModule>, adapter: Adapter, start: number, rank: number): void {
  for (const [name, module] of adapter.modules) {
    let stacked = modules.get(name);
    if (!stacked) {
      const { in: input, out } = module;
      stacked = { down: new Float32Array(input * rank), up: new Float32Array(rank * out), in: input, out, rank };
      modules.set(name, stacked);
    }
    for (let i = 0; i < module.in; i++)
      stacked.down.set(module.down.subarray(i * module.rank, (i + 1) * module.rank), i * rank + start);
    stacked.up.set(
      module.up.map((value) => value * module.scale),
      start * module.out,
    );
  }
}

function maskRanks(rows: readonly (Adapter | null)[], blocks: readonly RankBlock[], rank: number): Float32Array {
  const mask = new Float32Array(rows.length * rank);
  rows.forEach((row, b) => {
    const block = blocks.find(({ adapter }) => adapter.hash === row?.hash);
    if (block) mask.fill(1, b * rank + block.start, b * rank + block.start + block.rank);
  });
  return mask;
}

function isList(adapter: unknown): adapter is readonly (Adapter | null)[] {
  return Array.isArray(adapter);
}

/** Adapters of the rows of a batch, brought into the form in which a network takes them as inputs (`LoraInputs`). */
import type { Adapter } from './adapter.ts';

export interface StackedModule {
  /** `[in, R]`. */
  down: Float32Array;
  /** `[R, out]`, scaled. */
  up: Float32Array;
  in: number;
  out: number;
}

/** Different adapters with their ranks side by side. */
export interface StackedAdapters {
  modules: Map<string, StackedModule>;
  /** R, the same for every module. */
  rank: number;
  /** Where the ranks of each adapter lie, by hash. */
  ranks: ReadonlyMap<string, readonly [start: number, end: number]>;
}

/** As in `ForwardInput`: one adapter for all rows, one for each, or none. */
export type AdapterOfRows = Adapter | null | undefined | readonly (Adapter | null)[];

export function stackAdapters(adapters: readonly Adapter[]): StackedAdapters {
  let rank = 0;
  const ranks = new Map<string, readonly [number, number]>();
  for (const adapter of adapters) {
    const own = Math.max(...[...adapter.modules.values()].map((module) => module.rank));
    ranks.set(adapter.hash, [rank, rank + own]);
    rank += own;
  }
  const modules = new Map<string, StackedModule>();
  for (const adapter of adapters) addModules(modules, adapter, ranks.get(adapter.hash)![0], rank);
  return { modules, rank, ranks };
}

function addModules(modules: Map<string, StackedModule>, adapter: Adapter, start: number, rank: number): void {
  for (const [name, module] of adapter.modules) {
    const { in: input, out } = module;
    const stacked = modules.get(name) ?? {
      down: new Float32Array(input * rank),
      up: new Float32Array(rank * out),
      in: input,
      out,
    };
    modules.set(name, stacked);
    for (let i = 0; i < input; i++)
      stacked.down.set(module.down.subarray(i * module.rank, (i + 1) * module.rank), i * rank + start);
    stacked.up.set(
      module.up.map((value) => value * module.scale),
      start * out,
    );
  }
}

/** `[B,1,R]`: 1 where a rank belongs to the row's adapter. */
function rankMask(rows: readonly (Adapter | null)[], { rank, ranks }: StackedAdapters): Float32Array {
  const mask = new Float32Array(rows.length * rank);
  rows.forEach((row, b) => {
    const [start, end] = row ? ranks.get(row.hash)! : [0, 0];
    mask.fill(1, b * rank + start, b * rank + end);
  });
  return mask;
}

export interface AdapterFeed<V> {
  stacked: StackedAdapters;
  /** What an executor made of it. */
  value: V;
  /** `[B,1,R]`; null where all rows have the same adapter. */
  rankMask: Float32Array | null;
}

/** Base, SFT and GRPO of a comparison, and their mixtures. */
const KEPT_SETS = 4;

/**
 * The sets of adapters that an executor used last, in its own form. A set does not depend on the rows of a batch, so it
 * stays while rows come and go; only the mask is made for each call.
 */
export class AdapterSets<V> {
  private readonly sets = new Map<string, { stacked: StackedAdapters; value: V }>();

  constructor(
    private readonly make: (stacked: StackedAdapters) => V,
    private readonly free: (value: V) => void = () => {},
  ) {}

  /** null where no row has an adapter. */
  feed(adapter: AdapterOfRows, batch: number): AdapterFeed<V> | null {
    const rows = isList(adapter) ? adapter : Array.from({ length: batch }, () => adapter ?? null);
    const distinct = [...new Map(rows.flatMap((row) => (row ? [[row.hash, row] as const] : []))).values()];
    if (distinct.length === 0) return null;
    const set = this.setOf(distinct.sort((a, b) => (a.hash < b.hash ? -1 : 1)));
    const same = distinct.length === 1 && rows.every((row) => row !== null);
    return { ...set, rankMask: same ? null : rankMask(rows, set.stacked) };
  }

  private setOf(adapters: readonly Adapter[]): { stacked: StackedAdapters; value: V } {
    const key = adapters.map(({ hash }) => hash).join();
    let set = this.sets.get(key);
    if (!set) {
      const stacked = stackAdapters(adapters);
      set = { stacked, value: this.make(stacked) };
    }
    this.sets.delete(key);
    this.sets.set(key, set);
    if (this.sets.size > KEPT_SETS) this.drop(this.sets.keys().next().value!);
    return set;
  }

  private drop(key: string): void {
    this.free(this.sets.get(key)!.value);
    this.sets.delete(key);
  }

  clear(): void {
    for (const key of [...this.sets.keys()]) this.drop(key);
  }
}

function isList(adapter: AdapterOfRows): adapter is readonly (Adapter | null)[] {
  return Array.isArray(adapter);
}

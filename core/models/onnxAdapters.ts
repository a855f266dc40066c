/**
 * LoRA adapters as inputs of the language graph (see LoraPlan): for one adapter its own arrays; for rows with different
 * adapters the ranks of all of them side by side, and for each row which of them are its own.
 */
import { identityOf } from '../base/identity.ts';
import type { Adapter } from '../peft/adapter.ts';
import type { LoraPlan } from '../tensor/onnx/ops.ts';
import type { ForwardInput } from './runner.ts';

export interface FloatInput {
  data: Float32Array;
  shape: number[];
}

export interface AdapterFeeds {
  plan: LoraPlan;
  inputs: Record<string, FloatInput>;
}

const NONE: AdapterFeeds = { plan: { modules: new Set(), mixed: false }, inputs: {} };
/** Sets of adapters whose arrays are kept, the last used ones. */
const KEPT = 4;

interface JoinedAdapters {
  modules: Set<string>;
  inputs: Record<string, FloatInput>;
  ranks: number[];
}

export class AdapterInputs {
  private readonly joined = new Map<string, JoinedAdapters>();

  /** Rows that all have the same adapter are fed without `lora.rows`. */
  feeds(adapter: ForwardInput['adapter'], batch: number): AdapterFeeds {
    const rows = Array.isArray(adapter) ? (adapter as (Adapter | null)[]) : [adapter as Adapter | null | undefined];
    const distinct = [...new Set(rows)].flatMap((one) => (one ? [one] : [])).sort(byIdentity);
    if (distinct.length === 0) return NONE;
    const { modules, inputs, ranks } = this.join(distinct);
    if (distinct.length === 1 && rows.every((row) => row)) return { plan: { modules, mixed: false }, inputs };
    const mask = rowMask(rows, distinct, ranks);
    const shape = [batch, 1, mask.length / batch];
    return { plan: { modules, mixed: true }, inputs: { ...inputs, 'lora.rows': { data: mask, shape } } };
  }

  private join(adapters: Adapter[]): JoinedAdapters {
    const key = adapters.map(identityOf).join();
    const joined = this.joined.get(key) ?? joinAdapters(adapters);
    this.joined.delete(key);
    this.joined.set(key, joined);
    if (this.joined.size > KEPT) this.joined.delete(this.joined.keys().next().value!);
    return joined;
  }
}

function byIdentity(a: Adapter, b: Adapter): number {
  return identityOf(a) - identityOf(b);
}

/** An adapter whose modules differ in rank takes the largest everywhere; what it lacks is zero. */
function joinAdapters(adapters: Adapter[]): JoinedAdapters {
  const ranks = adapters.map(({ modules }) => Math.max(0, ...[...modules.values()].map((module) => module.rank)));
  const total = ranks.reduce((sum, rank) => sum + rank, 0);
  const inputs: Record<string, FloatInput> = {};
  const modules = new Set(adapters.flatMap((adapter) => [...adapter.modules.keys()]));
  for (const name of modules) {
    const some = adapters.flatMap((adapter) => adapter.modules.get(name) ?? [])[0]!;
    const down = new Float32Array(some.in * total);
    const up = new Float32Array(total * some.out);
    let start = 0;
    adapters.forEach((adapter, i) => {
      const module = adapter.modules.get(name);
      if (module) {
        for (let row = 0; row < some.in; row++)
          down.set(module.down.subarray(row * module.rank, (row + 1) * module.rank), row * total + start);
        for (let k = 0; k < module.up.length; k++) up[start * some.out + k] = module.up[k]! * module.scale;
      }
      start += ranks[i]!;
    });
    inputs[`${name}.down`] = { data: down, shape: [some.in, total] };
    inputs[`${name}.up`] = { data: up, shape: [total, some.out] };
  }
  return { modules, inputs, ranks };
}

/** `[B,R]`: 1 where a rank belongs to the row's adapter. */
function rowMask(rows: readonly (Adapter | null | undefined)[], distinct: Adapter[], ranks: number[]): Float32Array {
  const total = ranks.reduce((sum, rank) => sum + rank, 0);
  const mask = new Float32Array(rows.length * total);
  rows.forEach((adapter, row) => {
    if (!adapter) return;
    const index = distinct.indexOf(adapter);
    const start = row * total + ranks.slice(0, index).reduce((sum, rank) => sum + rank, 0);
    mask.fill(1, start, start + ranks[index]!);
  });
  return mask;
}

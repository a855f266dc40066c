/**
 * LoRA adapters as inputs of the language graph (LoraPlan in tensor/onnx/ops.ts). The arrays depend only on which
 * adapters a batch has, not on its rows, so they are kept while rows come and go; only the mask is made for each call.
 */
import type { Adapter } from '../peft/adapter.ts';
import { type StackedAdapters, stackAdapters } from '../peft/stack.ts';
import type { LoraPlan } from '../tensor/onnx/ops.ts';
import type { PlainTensor } from '../tensor/onnx/session.ts';
import type { ForwardInput } from './runner.ts';

export interface AdapterFeeds {
  plan: LoraPlan;
  inputs: Record<string, PlainTensor>;
}

/** Sets of adapters whose arrays are kept, the last used ones. */
const KEPT_SETS = 4;

interface AdapterSet {
  adapters: Adapter[];
  stacked: StackedAdapters;
  inputs: Record<string, PlainTensor>;
}

export class AdapterInputs {
  private readonly sets = new Map<string, AdapterSet>();

  /** Rows that all have the same adapter are fed without `lora.rows`. */
  feeds(adapter: ForwardInput['adapter'], batch: number): AdapterFeeds {
    const rows = isList(adapter) ? adapter : Array.from({ length: batch }, () => adapter ?? null);
    const distinct = [...new Map(rows.flatMap((row) => (row ? [[row.hash, row] as const] : []))).values()];
    if (distinct.length === 0) return { plan: { modules: new Set(), mixed: false }, inputs: {} };
    const set = this.setOf(distinct.sort((a, b) => (a.hash < b.hash ? -1 : 1)));
    const modules = new Set(set.stacked.modules.keys());
    if (distinct.length === 1 && rows.every((row) => row))
      return { plan: { modules, mixed: false }, inputs: set.inputs };
    const mask = { data: rowMask(rows, set), shape: [batch, 1, set.stacked.rank] };
    return { plan: { modules, mixed: true }, inputs: { ...set.inputs, 'lora.rows': mask } };
  }

  private setOf(adapters: Adapter[]): AdapterSet {
    const key = adapters.map(({ hash }) => hash).join();
    const set = this.sets.get(key) ?? stack(adapters);
    this.sets.delete(key);
    this.sets.set(key, set);
    if (this.sets.size > KEPT_SETS) this.sets.delete(this.sets.keys().next().value!);
    return set;
  }
}

function stack(adapters: Adapter[]): AdapterSet {
  const stacked = stackAdapters(adapters, adapters.length)!;
  const inputs: Record<string, PlainTensor> = {};
  for (const [module, { down, up, in: width, out, rank }] of stacked.modules) {
    inputs[`${module}.down`] = { data: down, shape: [width, rank] };
    inputs[`${module}.up`] = { data: up, shape: [rank, out] };
  }
  return { adapters, stacked, inputs };
}

/** `[B,R]`, of the set's own mask, which has one row for each of its adapters. */
function rowMask(rows: readonly (Adapter | null)[], { adapters, stacked }: AdapterSet): Float32Array {
  const { rank } = stacked;
  const ofSet = stacked.rankMask ?? new Float32Array(rank).fill(1);
  const mask = new Float32Array(rows.length * rank);
  rows.forEach((row, b) => {
    const index = adapters.findIndex(({ hash }) => hash === row?.hash);
    if (index >= 0) mask.set(ofSet.subarray(index * rank, (index + 1) * rank), b * rank);
  });
  return mask;
}

function isList(adapter: unknown): adapter is readonly (Adapter | null)[] {
  return Array.isArray(adapter);
}

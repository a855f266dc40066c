/** LoRA adapters as inputs of the language graph (LoraPlan in tensor/onnx/ops.ts). */
import { AdapterSets, type StackedAdapters } from '../peft/stack.ts';
import type { LoraPlan } from '../tensor/onnx/ops.ts';
import type { PlainTensor } from '../tensor/onnx/session.ts';
import type { ForwardInput } from './runner.ts';

export interface AdapterFeeds {
  plan: LoraPlan;
  inputs: Record<string, PlainTensor>;
}

/** Linear layers that can be adapted, by module. */
export type Linears = ReadonlyMap<string, readonly [out: number, input: number]>;

type Inputs = Record<string, PlainTensor>;

/** Each kind of batch gets the graph that is fastest for it: without LoRA, with one adapter, with one for each row. */
export class AdapterInputs {
  private readonly sets = new AdapterSets<Inputs>(asInputs);

  feeds(adapter: ForwardInput['adapter'], batch: number): AdapterFeeds {
    const feed = this.sets.feed(adapter, batch);
    if (feed === null) return { plan: { modules: new Set(), mixed: false }, inputs: {} };
    const { stacked, value: inputs, rankMask } = feed;
    const modules = new Set(stacked.modules.keys());
    if (rankMask === null) return { plan: { modules, mixed: false }, inputs };
    return { plan: { modules, mixed: true }, inputs: { ...inputs, 'lora.rows': rowsOf(rankMask, batch) } };
  }
}

/**
 * One graph serves every batch, so that a large model is in memory once: layers without an adapter get zeros, a batch
 * without adapters gets them of rank 0, or 1 on a GPU: there ONNX Runtime 1.30 divides by the rank, and the process ends.
 */
export class OneGraphAdapterInputs {
  private readonly plan: LoraPlan;
  private readonly sets: AdapterSets<Inputs>;
  private readonly none: Inputs;

  constructor(
    linears: Linears,
    private readonly rankOfNone: 0 | 1 = 0,
  ) {
    this.plan = { modules: new Set(linears.keys()), mixed: true };
    this.sets = new AdapterSets((stacked) => ({ ...zeros(linears, stacked.rank), ...asInputs(stacked) }));
    this.none = zeros(linears, rankOfNone);
  }

  feeds(adapter: ForwardInput['adapter'], batch: number): AdapterFeeds {
    const feed = this.sets.feed(adapter, batch);
    const rank = feed?.stacked.rank ?? this.rankOfNone;
    const mask = feed?.rankMask ?? new Float32Array(batch * rank).fill(1);
    return { plan: this.plan, inputs: { ...(feed?.value ?? this.none), 'lora.rows': rowsOf(mask, batch) } };
  }
}

function rowsOf(rankMask: Float32Array, batch: number): PlainTensor {
  return { data: rankMask, shape: [batch, 1, rankMask.length / batch] };
}

function asInputs({ modules, rank }: StackedAdapters): Inputs {
  const inputs: Inputs = {};
  for (const [module, { down, up, in: width, out }] of modules) {
    inputs[`${module}.down`] = { data: down, shape: [width, rank] };
    inputs[`${module}.up`] = { data: up, shape: [rank, out] };
  }
  return inputs;
}

function zeros(linears: Linears, rank: number): Inputs {
  const modules = [...linears].map(([module, [out, width]]) => {
    return [
      module,
      { down: new Float32Array(width * rank), up: new Float32Array(rank * out), in: width, out },
    ] as const;
  });
  return asInputs({ modules: new Map(modules), rank, ranks: new Map() });
}

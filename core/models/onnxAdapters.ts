/** LoRA adapters as inputs of the language graph (LoraPlan in tensor/onnx/ops.ts). */
import { AdapterSets, type StackedAdapters } from '../peft/stack.ts';
import type { LoraPlan } from '../tensor/onnx/ops.ts';
import type { PlainTensor } from '../tensor/onnx/session.ts';
import type { ForwardInput } from './runner.ts';

export interface AdapterFeeds {
  plan: LoraPlan;
  inputs: Record<string, PlainTensor>;
}

export class AdapterInputs {
  private readonly sets = new AdapterSets<Record<string, PlainTensor>>(asInputs);

  /** Rows that all have the same adapter are fed without `lora.rows`. */
  feeds(adapter: ForwardInput['adapter'], batch: number): AdapterFeeds {
    const feed = this.sets.feed(adapter, batch);
    if (feed === null) return { plan: { modules: new Set(), mixed: false }, inputs: {} };
    const { stacked, value: inputs, rankMask } = feed;
    const modules = new Set(stacked.modules.keys());
    if (rankMask === null) return { plan: { modules, mixed: false }, inputs };
    const mask = { data: rankMask, shape: [batch, 1, stacked.rank] };
    return { plan: { modules, mixed: true }, inputs: { ...inputs, 'lora.rows': mask } };
  }
}

function asInputs({ modules, rank }: StackedAdapters): Record<string, PlainTensor> {
  const inputs: Record<string, PlainTensor> = {};
  for (const [module, { down, up, in: width, out }] of modules) {
    inputs[`${module}.down`] = { data: down, shape: [width, rank] };
    inputs[`${module}.up`] = { data: up, shape: [rank, out] };
  }
  return inputs;
}

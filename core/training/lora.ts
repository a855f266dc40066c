/** A LoRA adapter as trained parameters: two for each module, `<module>.down` `[in,rank]` and `<module>.up` `[rank,out]`. */
import type { Tensor } from '@tensorflow/tfjs-core';
import type { Random } from '../base/random.ts';
import type { Adapter, AdapterModule } from '../peft/adapter.ts';
import { hashAdapter } from '../peft/adapterFolder.ts';
import type { LoraInputs, LoraPair } from '../tensor/ops.ts';
import type { Parameter } from './optimizer.ts';

export interface TrainedAdapter {
  parameters: Parameter[];
  /** By module: alpha / rank. */
  scales: ReadonlyMap<string, number>;
  config: Record<string, unknown>;
}

/** An adapter, to be trained further; its numbers are copied. */
export function trainedAdapter({ modules, config }: Adapter): TrainedAdapter {
  const parameters = [...modules].flatMap(([name, { in: input, out, rank, down, up }]): Parameter[] => [
    { name: `${name}.down`, shape: [input, rank], value: down.slice() },
    { name: `${name}.up`, shape: [rank, out], value: up.slice() },
  ]);
  return { parameters, scales: new Map([...modules].map(([name, module]) => [name, module.scale])), config };
}

/** The adapter as it stands, with numbers of its own. */
export function snapshot({ parameters, scales, config }: TrainedAdapter): Adapter {
  const byName = new Map(parameters.map((parameter) => [parameter.name, parameter]));
  const modules = new Map<string, AdapterModule>();
  for (const [module, scale] of scales) {
    const down = byName.get(`${module}.down`)!;
    const up = byName.get(`${module}.up`)!;
    const [input, rank] = down.shape as [number, number];
    modules.set(module, { down: down.value.slice(), up: up.value.slice(), rank, in: input, out: up.shape[1]!, scale });
  }
  return { hash: hashAdapter(modules), modules, config };
}

/** Puts an adapter's numbers in the place of the trained ones. The two must have the same modules. */
export function restore({ parameters }: TrainedAdapter, { modules }: Adapter): void {
  for (const { name, value } of parameters) {
    const split = name.lastIndexOf('.');
    value.set(modules.get(name.slice(0, split))![name.slice(split + 1) as 'down' | 'up']);
  }
}

/** What the network wants, from the parameters as tensors. */
export function loraInputs(
  tensors: ReadonlyMap<string, Tensor>,
  scales: ReadonlyMap<string, number>,
): LoraInputs<Tensor> {
  const pairOf = ([module, scale]: [string, number]): [string, LoraPair<Tensor>] => [
    module,
    { down: tensors.get(`${module}.down`)!, up: tensors.get(`${module}.up`)!, scale },
  ];
  return { pairs: new Map([...scales].map(pairOf)) };
}

/** The mask of a module's dropout, with `size` values: 0, or what the kept ones are multiplied by. */
export type DropoutMasks = (module: string, size: number) => Float32Array;

/**
 * Dropout on the input of every pair, as PEFT's lora_dropout: kept values are divided by 1 - p. The masks are drawn on the
 * host, each module's from a stream of its own, so that they are the same on every engine, and when a layer is computed
 * again; two come from each 32 random bits. null: no dropout.
 */
export function loraDropout(probability: number, random: Random): DropoutMasks | null {
  if (probability === 0) return null;
  const limit = Math.round(probability * 65536);
  const kept = 1 / (1 - probability);
  return (module, size) => {
    const own = random.fork(module);
    const mask = new Float32Array(size);
    for (let i = 0; i < size; i += 2) {
      const bits = own.uint32();
      mask[i] = (bits & 0xffff) < limit ? 0 : kept;
      if (i + 1 < size) mask[i + 1] = bits >>> 16 < limit ? 0 : kept;
    }
    return mask;
  };
}

/** What the benchmarks of SFT and GRPO share: the model on each tfjs backend, a LoRA adapter, random films and tokens. */
import { parseArgs } from 'node:util';
import { WorkbenchError } from '../../core/base/errors.ts';
import { Random } from '../../core/base/random.ts';
import { type ModelFolder, openModelFolder } from '../../core/models/modelFolder.ts';
import { adapterTarget } from '../../core/models/network.ts';
import type { ModelInfo } from '../../core/models/runner.ts';
import { TfjsModel } from '../../core/models/tfjsModel.ts';
import type { Adapter } from '../../core/peft/adapter.ts';
import { createAdapter } from '../../core/peft/adapterFolder.ts';
import type { PixelValues } from '../../core/preprocessing/imageProcessor.ts';
import { openTfjs, type TfjsBackend } from '../../core/tensor/tfjs/backend.ts';
import { machine } from './measure.ts';
import { peerModel } from './peerModel.ts';

const BACKENDS: readonly TfjsBackend[] = ['tensorflow', 'wasm'];

export interface TrainingBench {
  folder: ModelFolder;
  model: TfjsModel;
  adapter: Adapter;
  runs: number;
}

/** Runs `measure` on every backend that is asked for and there, and describes what was measured. */
export async function measureBackends(
  name: string,
  args: string[],
  measure: (bench: TrainingBench) => Promise<object>,
): Promise<object> {
  const { values } = parseArgs({
    args,
    options: {
      model: { type: 'string' },
      backend: { type: 'string', multiple: true },
      runs: { type: 'string', default: '5' },
      rank: { type: 'string', default: '16' },
    },
  });
  const folder = await openModelFolder(values.model ?? (await peerModel()));
  const { parameters, layers, width, vocabulary } = folder.info;
  const rank = Number(values.rank);
  const target = adapterTarget(folder);
  const adapter = createAdapter(target, { r: rank, lora_alpha: 2 * rank }, new Random('adapter'));
  const backends: object[] = [];
  for (const backend of (values.backend ?? BACKENDS) as TfjsBackend[]) {
    backends.push(await onBackend(backend, { folder, adapter, runs: Number(values.runs) }, measure));
  }
  const model = { parameters, layers, width, vocabulary };
  return { benchmark: name, model, rank, runs: Number(values.runs), machine: machine(), backends };
}

async function onBackend(
  backend: TfjsBackend,
  bench: Omit<TrainingBench, 'model'>,
  measure: (bench: TrainingBench) => Promise<object>,
): Promise<object> {
  try {
    const model = await TfjsModel.load(bench.folder, await openTfjs({ prefer: backend }));
    const result = { ...model.executor, ...(await measure({ ...bench, model })) };
    await model.dispose();
    return result;
  } catch (error) {
    if (!(error instanceof WorkbenchError && error.code.endsWith('_UNAVAILABLE'))) throw error;
    return { name: backend, unavailable: error.message };
  }
}

/** One image's tokens, then random text. */
export function randomPrompt(
  { imageTokens, imageTokenId, vocabulary }: ModelInfo,
  tokens: number,
  name: string,
): number[] {
  const random = new Random(name);
  const text = Array.from({ length: tokens - imageTokens }, () => {
    const id = random.below(vocabulary);
    return id === imageTokenId ? 0 : id;
  });
  return [...new Array<number>(imageTokens).fill(imageTokenId), ...text];
}

/** Images of the one size that the model wants. */
export function randomPixels({ imageSize: side }: ModelInfo, count: number): PixelValues[] {
  const random = new Random('pixels');
  return Array.from({ length: count }, () => {
    const data = Float32Array.from({ length: 3 * side * side }, () => random.between(-1, 1));
    return { data, width: side, height: side };
  });
}

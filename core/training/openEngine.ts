/**
 * Chooses what trains: the executor that was asked for or, with `auto` and where that one is not there, the fastest that is
 * (measured by `npm run -s bench -- sft`): tfjs on libtensorflow where it has a CUDA device, else ONNX Runtime, tfjs on
 * libtensorflow, tfjs on WebAssembly.
 */
import { toErrorData, WorkbenchError } from '../base/errors.ts';
import type { Work } from '../base/progress.ts';
import type { ModelFolder } from '../models/modelFolder.ts';
import { onnxTrainer, openOnnxTrainable } from '../models/onnxTrainable.ts';
import { TfjsModel } from '../models/tfjsModel.ts';
import { cudaMemory } from '../platform/cuda.ts';
import type { ExecutorChoice, ExecutorInfo } from '../tensor/executor.ts';
import { loadOnnxRuntime } from '../tensor/onnx/session.ts';
import { openTfjs } from '../tensor/tfjs/backend.ts';
import { explained, type TrainingEngine } from './engine.ts';
import type { TrainingExecutor } from './executors.ts';
import { OnnxEngine } from './onnxEngine.ts';
import { TfjsEngine } from './tfjsEngine.ts';

/**
 * @param chosen an executor, or what `chooseExecutor` chose; where that is not what was asked for, `executor.reason` says why
 * Throws ONNXRUNTIME_UNAVAILABLE, TENSORFLOW_UNAVAILABLE or WASM_UNAVAILABLE where this executor is not there.
 */
export async function openTrainingEngine(
  folder: ModelFolder,
  chosen: TrainingExecutor | ChosenExecutor,
  work?: Work,
): Promise<TrainingEngine> {
  const { executor, instead } = typeof chosen === 'string' ? { executor: chosen, instead: null } : chosen;
  if (executor === 'onnxruntime-cpu')
    return new OnnxEngine(await openOnnxTrainable(folder, work ? { work } : {}), instead);
  const tfjs = await openTfjs({ prefer: executor === 'tfjs-wasm' ? 'wasm' : 'tensorflow' });
  return new TfjsEngine(await TfjsModel.load(folder, tfjs, work), instead);
}

/** What trains, and why it is not what was asked for (null: it is). */
export interface ChosenExecutor {
  executor: TrainingExecutor;
  instead: string | null;
}

export async function chooseExecutor(asked: ExecutorChoice): Promise<ChosenExecutor> {
  const order: TrainingExecutor[] = (await hasCuda())
    ? ['tfjs-tensorflow', 'onnxruntime-cpu', 'tfjs-wasm']
    : ['onnxruntime-cpu', 'tfjs-tensorflow', 'tfjs-wasm'];
  let instead: string | null = null;
  if (asked !== 'auto') {
    const missing = await whyNot(asked);
    if (missing === null) return { executor: asked, instead };
    instead = missing;
  }
  for (const executor of order) if ((await whyNot(executor)) === null) return { executor, instead };
  throw new WorkbenchError('TRAINING_EXECUTOR', 'Nothing that trains can be loaded here.', { asked });
}

let cuda: Promise<boolean> | undefined;

function hasCuda(): Promise<boolean> {
  cuda ??= findCuda();
  return cuda;
}

/** libtensorflow is loaded only where there is a device: that takes a second and hundreds of megabytes. */
async function findCuda(): Promise<boolean> {
  if ((await cudaMemory()) === null) return false;
  return openTfjs({ prefer: 'tensorflow' }).then(
    (tfjs) => tfjs.cuda,
    () => false,
  );
}

/** What would train, found out without a model. */
export async function bestTrainer(asked: ExecutorChoice = 'auto'): Promise<ExecutorInfo> {
  const { executor, instead } = await chooseExecutor(asked);
  const info =
    executor === 'onnxruntime-cpu'
      ? await onnxTrainer()
      : (await openTfjs({ prefer: executor === 'tfjs-wasm' ? 'wasm' : 'tensorflow' })).executor;
  return explained(info, instead);
}

/** A sentence, or null where the executor is there. */
async function whyNot(executor: TrainingExecutor): Promise<string | null> {
  try {
    if (executor === 'onnxruntime-cpu') await loadOnnxRuntime();
    else await openTfjs({ prefer: executor === 'tfjs-wasm' ? 'wasm' : 'tensorflow' });
    return null;
  } catch (error) {
    return toErrorData(error).message;
  }
}

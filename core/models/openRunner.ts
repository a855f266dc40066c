/** Chooses what runs a model: the fastest executor that is there, or the one that was asked for. */
import { cpus, totalmem } from 'node:os';
import { toErrorData, WorkbenchError } from '../base/errors.ts';
import type { Work } from '../base/progress.ts';
import type { Device, ExecutorChoice } from '../tensor/executor.ts';
import { findGpu } from '../tensor/onnx/gpu.ts';
import { bytesPerParameter, PRECISIONS, type Precision } from '../tensor/precision.ts';
import { openTfjs, type TfjsBackend } from '../tensor/tfjs/backend.ts';
import { type ModelFolder, openModelFolder } from './modelFolder.ts';
import { onnxExecutor, openOnnxRunner } from './onnxRunner.ts';
import type { ExecutorInfo, Runner } from './runner.ts';
import { TfjsModel } from './tfjsModel.ts';

export { EXECUTORS, type ExecutorChoice } from '../tensor/executor.ts';

export interface RunnerOptions {
  /** A folder that is open already, or the path of one. */
  model: ModelFolder | string;
  /** `auto`: ONNX Runtime, else tfjs on libtensorflow, else on WebAssembly. */
  executor?: ExecutorChoice;
  /** Where ONNX Runtime computes. Absent, and where the GPU cannot: the processor, and `runner.executor.reason` says why. */
  device?: Device;
  /** ONNX Runtime's threads; absent: as many as the model is worth, and no more than processors. */
  threads?: number;
  /** `auto`: f32 where half of the machine's memory holds the weights, else int8 on ONNX Runtime. Absent: f32. */
  precision?: PrecisionChoice;
  /** Where converted weights are kept. */
  cacheDir?: string;
  work?: Work;
}

export const PRECISION_CHOICES = ['auto', ...PRECISIONS] as const;
export type PrecisionChoice = (typeof PRECISION_CHOICES)[number];

/** What `auto` means for a model of this size on this machine. */
export function usefulPrecision(parameters: number, memoryBytes = totalmem()): Precision {
  return parameters * bytesPerParameter('f32') <= memoryBytes / 2 ? 'f32' : 'int8';
}

/** What `auto` would run, found out without a model. */
export async function bestExecutor(threads = cpus().length, asked?: Device): Promise<ExecutorInfo> {
  try {
    const { device, missing } = await usableDevice(asked);
    return withReason(await onnxExecutor({ threads, device }), missing);
  } catch (error) {
    const { executor } = await openTfjs();
    return { ...executor, reason: `${toErrorData(error).message} ${executor.reason}` };
  }
}

/**
 * Throws what opening the folder throws; ONNXRUNTIME_UNAVAILABLE and TENSORFLOW_UNAVAILABLE where just that executor was
 * asked for. With `auto` the reason of a slower one is in `runner.executor.reason`.
 */
export async function openRunner(options: RunnerOptions): Promise<Runner> {
  const folder = typeof options.model === 'string' ? await openModelFolder(options.model) : options.model;
  const threads = options.threads ?? usefulThreads(folder.info.parameters);
  const executor = options.executor ?? 'auto';
  if (executor !== 'auto' && options.device === 'webgpu') throw onlyProcessor(executor);
  const asked = options.precision ?? 'f32';
  const precision = asked === 'auto' ? usefulPrecision(folder.info.parameters) : asked;
  if (executor === 'tfjs-tensorflow' || executor === 'tfjs-wasm') {
    if (asked !== 'auto' && precision !== 'f32') throw onlyF32(executor, precision);
    return openTfjsRunner(folder, options, executor === 'tfjs-wasm' ? 'wasm' : 'tensorflow');
  }
  try {
    const { cacheDir, work } = options;
    const { device, missing } = await usableDevice(options.device);
    if (missing !== null && precision === 'f16') throw noGpu(missing);
    const runner = await openOnnxRunner(folder, { threads, device, precision, cacheDir, work });
    Object.assign(runner.executor, withReason(runner.executor, missing));
    return runner;
  } catch (error) {
    const unavailable = error instanceof WorkbenchError && error.code === 'ONNXRUNTIME_UNAVAILABLE';
    if (!unavailable || executor !== 'auto' || (asked !== 'auto' && precision !== 'f32')) throw error;
    return openTfjsRunner(folder, options, undefined, error.message);
  }
}

/** The processor instead of a GPU that cannot compute, and why. */
async function usableDevice(asked: Device = 'cpu'): Promise<{ device: Device; missing: string | null }> {
  const { missing } = asked === 'webgpu' ? await findGpu() : { missing: null };
  return { device: missing === null ? asked : 'cpu', missing };
}

/** @throws DEVICE_UNAVAILABLE with the reason */
export async function requireDevice(device: Device): Promise<void> {
  const { missing } = await usableDevice(device);
  if (missing !== null) throw new WorkbenchError('DEVICE_UNAVAILABLE', `No GPU can be used: ${missing}`, { device });
}

function withReason(executor: ExecutorInfo, missing: string | null): ExecutorInfo {
  if (missing === null) return executor;
  return { ...executor, reason: `No GPU can be used (${missing}), so the processor computes.` };
}

function noGpu(missing: string): WorkbenchError {
  const remedy = 'Choose f32, int8 or int4, which the processor computes.';
  return new WorkbenchError('DEVICE_UNAVAILABLE', `f16 needs a GPU, and none can be used: ${missing}`, {}, remedy);
}

function onlyProcessor(executor: string): WorkbenchError {
  return new WorkbenchError('DEVICE_UNAVAILABLE', `${executor} computes on the processor only.`, { executor });
}

function onlyF32(executor: string, precision: Precision): WorkbenchError {
  return new WorkbenchError(
    'PRECISION_UNAVAILABLE',
    `${executor} computes in f32 only.`,
    { executor, precision },
    'Use ONNX Runtime (onnxruntime-cpu) for other precisions.',
  );
}

/** Each operation of a small model is done before a second thread has woken up, and waiting for it costs time. */
const PARAMETERS_PER_THREAD = 4e6;

function usefulThreads(parameters: number): number {
  return Math.min(cpus().length, 1 + Math.floor(parameters / PARAMETERS_PER_THREAD));
}

async function openTfjsRunner(
  folder: ModelFolder,
  { work }: RunnerOptions,
  prefer?: TfjsBackend,
  whyNotOnnx?: string,
): Promise<Runner> {
  const tfjs = await openTfjs(prefer ? { prefer } : {});
  const reason = [whyNotOnnx, tfjs.executor.reason].filter(Boolean).join(' ');
  return TfjsModel.load(folder, { ...tfjs, executor: { ...tfjs.executor, reason } }, work);
}

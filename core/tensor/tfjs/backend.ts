/**
 * Opens tfjs on the fastest backend that is there: libtensorflow through @tensorflow/tfjs-node-gpu (whose addon is the
 * same on a CPU and a CUDA libtensorflow), else WebAssembly.
 *
 * In a checkout both come with the one @tensorflow/tfjs of node_modules. A bundle carries its own tfjs, and the addon loads
 * a second copy beside it; both then share one engine and one list of kernels and gradients, which tfjs keeps in the
 * global object. One backend is current at a time (`use`); a tensor belongs to the one that was current when it was made.
 */
import { cpus } from 'node:os';
import util from 'node:util';
import { WorkbenchError } from '../../base/errors.ts';
import type { ExecutorInfo } from '../executor.ts';
import { replaceSlowKernels } from './wasmKernels.ts';

export type Tf = typeof import('@tensorflow/tfjs-core');
export type TfjsBackend = 'tensorflow' | 'wasm';

export interface Tfjs {
  readonly tf: Tf;
  readonly backend: TfjsBackend;
  readonly executor: ExecutorInfo;
  /** Tensors lie in the memory of a CUDA device. */
  readonly cuda: boolean;
  /** Makes this backend the current one. */
  use(): void;
}

const SETUP = 'run `npm run setup:tensorflow` to build it';

/**
 * Without `prefer`: tensorflow where it can be loaded, else wasm. With `prefer: 'tensorflow'` a failure to load it is an
 * error (TENSORFLOW_UNAVAILABLE) instead.
 */
export async function openTfjs(options: { prefer?: TfjsBackend } = {}): Promise<Tfjs> {
  if (options.prefer === 'wasm') return openWasm('WebAssembly was asked for.');
  try {
    return await openTensorflow();
  } catch (error) {
    const reason = whyNoTensorflow(error);
    if (options.prefer === 'tensorflow')
      throw new WorkbenchError('TENSORFLOW_UNAVAILABLE', reason, {}, 'Run `npm run setup:tensorflow`.');
    return openWasm(reason);
  }
}

/** Each is loaded once in a process; a failure stays too, with its reason. */
const opened: Partial<Record<TfjsBackend, Promise<Tfjs>>> = {};

async function openTensorflow(): Promise<Tfjs> {
  opened.tensorflow ??= loadTensorflow();
  const tfjs = await opened.tensorflow;
  tfjs.use();
  return tfjs;
}

async function loadTensorflow(): Promise<Tfjs> {
  restoreUtil();
  process.env['TF_CPP_MIN_LOG_LEVEL'] ??= '2';
  const tf = unwrap<Tf>(await quietly(() => import('@tensorflow/tfjs-node-gpu')));
  const backend = tf.backend() as unknown as { isUsingGpuDevice: boolean; binding: { TF_Version: string } };
  const device = backend.isUsingGpuDevice ? 'a CUDA device' : 'the CPU';
  return describe(tf, 'tensorflow', backend.isUsingGpuDevice, {
    name: 'tfjs-tensorflow',
    version: `${tf.version_core} on libtensorflow ${backend.binding.TF_Version}`,
    threads: Number(process.env['TF_NUM_INTRAOP_THREADS']) || cpus().length,
    reason: `libtensorflow is built and uses ${device}.`,
  });
}

async function openWasm(reason: string): Promise<Tfjs> {
  opened.wasm ??= loadWasm();
  const { tf, executor, cuda, use } = await opened.wasm;
  use();
  return { tf, backend: 'wasm', cuda, executor: { ...executor, reason }, use };
}

async function loadWasm(): Promise<Tfjs> {
  const tf = unwrap<Tf>(await quietly(() => import('@tensorflow/tfjs')));
  await import('@tensorflow/tfjs-backend-wasm');
  replaceSlowKernels(tf);
  await withoutCrashHandlers(async () => {
    if (!(await tf.setBackend('wasm')))
      throw new WorkbenchError('WASM_UNAVAILABLE', 'The WebAssembly engine could not be started.');
  });
  const simd = (await tf.env().getAsync('WASM_HAS_SIMD_SUPPORT')) ? ' with SIMD' : '';
  const version = `${tf.version_core} on WebAssembly${simd}`;
  return describe(tf, 'wasm', false, { name: 'tfjs-wasm', version, threads: 1, reason: '' });
}

function describe(tf: Tf, backend: TfjsBackend, cuda: boolean, executor: ExecutorInfo): Tfjs {
  // setBackend is asynchronous only for a backend that has not been started yet; these have.
  const use = () => {
    if (tf.getBackend() !== backend) void tf.setBackend(backend);
  };
  return { tf, backend, executor, cuda, use };
}

function whyNoTensorflow(error: unknown): string {
  const message = error instanceof Error ? error.message : String(error);
  if (/native addon module|Cannot find (module|package)/.test(message)) return `libtensorflow is not built; ${SETUP}.`;
  return `libtensorflow could not be loaded (${message.split('\n')[0]}); ${SETUP} again.`;
}

/** tfjs-node 4.22 calls functions of node:util that Node 23 took away. */
function restoreUtil(): void {
  const target = util as unknown as Record<string, unknown>;
  target['isNullOrUndefined'] ??= (value: unknown) => value === null || value === undefined;
  target['isArray'] ??= Array.isArray;
}

/** Loads a copy of tfjs without its 300 warnings where another copy has registered the same kernels before. */
async function quietly(load: () => Promise<object>): Promise<object> {
  const engine = (globalThis as { _tfengine?: { ENV: { set(flag: string, value: boolean): void } } })._tfengine;
  engine?.ENV.set('PROD', true);
  try {
    return await load();
  } finally {
    engine?.ENV.set('PROD', false);
  }
}

/** Emscripten's start-up code makes any unhandled rejection end the process with a page of source; that is undone. */
async function withoutCrashHandlers(start: () => Promise<void>): Promise<void> {
  const events = ['uncaughtException', 'unhandledRejection'] as const;
  const before = events.map((event) => new Set<unknown>(process.listeners(event as 'uncaughtException')));
  await start();
  events.forEach((event, i) => {
    for (const listener of process.listeners(event as 'uncaughtException'))
      if (!before[i]!.has(listener)) process.removeListener(event, listener);
  });
}

/** What `import()` of a CommonJS package gives: its exports under `default`, whichever of them it could name besides. */
function unwrap<T>(module: object): T {
  return ('default' in module ? module.default : module) as T;
}

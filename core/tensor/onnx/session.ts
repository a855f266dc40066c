/** ONNX Runtime itself: loaded on first use, so that a machine where it cannot be loaded still has the other executors. */
import type * as Ort from 'onnxruntime-node';
import { WorkbenchError } from '../../base/errors.ts';
import type { Device } from '../executor.ts';
import type { EncodedGraph } from './graph.ts';

let runtime: Promise<typeof Ort> | undefined;

/** Throws ONNXRUNTIME_UNAVAILABLE, with the loader's own words, where the native library cannot be loaded. */
export function loadOnnxRuntime(): Promise<typeof Ort> {
  runtime ??= importRuntime().catch((error: unknown) => {
    throw new WorkbenchError('ONNXRUNTIME_UNAVAILABLE', `ONNX Runtime cannot be loaded here: ${firstLine(error)}`, {
      platform: process.platform,
      arch: process.arch,
    });
  });
  return runtime;
}

/** A CommonJS package: its exports are under `default`, whichever of them could be named besides. */
async function importRuntime(): Promise<typeof Ort> {
  const module = (await import('onnxruntime-node')) as typeof Ort & { default?: typeof Ort };
  return module.default ?? module;
}

export interface OnnxSettings {
  threads: number;
  /** Absent: the processor. */
  device?: Device;
  /**
   * Whether each product keeps its weight in the layout that it is fastest with (absent: yes). That is a copy for each
   * product, and pays where few rows are multiplied at once.
   */
  prepacking?: boolean;
}

/** A tensor as a plain array, row-major. */
export interface PlainTensor {
  data: Float32Array | Int32Array;
  shape: readonly number[];
}

/** A loaded graph. */
export class OnnxSession {
  private constructor(
    private readonly ort: typeof Ort,
    private readonly session: Ort.InferenceSession,
  ) {}

  /** Throws ONNXRUNTIME_SESSION where the graph or its weights cannot be loaded. */
  static async open(
    { bytes, externalRoot }: EncodedGraph,
    { threads, device = 'cpu', prepacking = true }: OnnxSettings,
  ): Promise<OnnxSession> {
    const ort = await loadOnnxRuntime();
    const folder = externalRoot === null ? {} : { model_external_initializers_file_folder_path: externalRoot };
    const options: Ort.InferenceSession.SessionOptions = {
      executionProviders: [device],
      intraOpNumThreads: threads,
      interOpNumThreads: 1,
      executionMode: 'sequential',
      graphOptimizationLevel: 'all',
      // Sizes grow with every token, so that a plan of memory is never used twice: without one a token costs a quarter less.
      enableMemPattern: false,
      logSeverityLevel: 3,
      extra: { session: { ...folder, ...(prepacking ? {} : { disable_prepacking: '1' }) } },
    };
    try {
      return new OnnxSession(ort, await ort.InferenceSession.create(bytes, options));
    } catch (error) {
      throw runtimeError('ONNXRUNTIME_SESSION', 'ONNX Runtime could not load the model', error);
    }
  }

  /** Runs the graph as far as the named outputs need it. Throws ONNXRUNTIME_RUN, mostly for lack of memory. */
  async run(
    inputs: Readonly<Record<string, PlainTensor>>,
    outputs: readonly string[],
  ): Promise<Record<string, PlainTensor>> {
    try {
      const results = await this.session.run(this.tensors(inputs), outputs);
      return Object.fromEntries(
        Object.entries(results).map(([name, { data, dims }]) => [
          name,
          { data: data as PlainTensor['data'], shape: dims },
        ]),
      );
    } catch (error) {
      throw runtimeError('ONNXRUNTIME_RUN', 'ONNX Runtime could not run the model', error);
    }
  }

  release(): Promise<void> {
    return this.session.release();
  }

  private tensors(plain: Readonly<Record<string, PlainTensor>>): Record<string, Ort.Tensor> {
    const { Tensor } = this.ort;
    const tensors: Record<string, Ort.Tensor> = {};
    for (const [name, { data, shape }] of Object.entries(plain))
      tensors[name] =
        data instanceof Int32Array ? new Tensor('int32', data, shape) : new Tensor('float32', data, shape);
    return tensors;
  }
}

function runtimeError(code: string, what: string, error: unknown): WorkbenchError {
  const remedy = 'Close other programs to free memory, or use a smaller model or batch.';
  return new WorkbenchError(code, `${what}: ${firstLine(error)}`, {}, remedy);
}

function firstLine(error: unknown): string {
  return (error instanceof Error ? error.message : String(error)).split('\n')[0]!;
}

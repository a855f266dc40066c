/**
 * The weights of a model on a backend, in the layouts that it is fast with. Loaded once, kept until `dispose`.
 */

import { totalmem } from 'node:os';
import type { Tensor, Tensor1D, Tensor2D } from '@tensorflow/tfjs-core';
import { WorkbenchError } from '../../base/errors.ts';
import { throwIfCancelled, type Work } from '../../base/progress.ts';
import { elements } from '../dtypes.ts';
import type { TensorEntry } from '../safetensors.ts';
import type { Tfjs, TfjsBackend } from './backend.ts';
import type { FrozenMatrix } from './functions.ts';

export interface WeightSource {
  readonly names: readonly string[];
  entry(name: string): TensorEntry;
  read(name: string): Promise<Float32Array>;
}

export class TfjsWeights {
  private readonly stored = new Map<string, Tensor>();
  /** Kept tensors made from stored ones, by what they are. */
  private readonly derived = new Map<string, Tensor>();

  private constructor(private readonly tfjs: Tfjs) {}

  /** Reads every tensor of the source; cancelling frees what was loaded. MODEL_TOO_LARGE where it cannot fit. */
  static async load(tfjs: Tfjs, source: WeightSource, work?: Work): Promise<TfjsWeights> {
    const weights = new TfjsWeights(tfjs);
    const { names } = source;
    checkSize(
      tfjs.backend,
      names.map((name) => 4 * elements(source.entry(name).shape)),
    );
    try {
      for (const [done, name] of names.entries()) {
        throwIfCancelled(work?.signal);
        work?.report({ stage: 'Loading the model', done, total: names.length });
        const data = await source.read(name);
        tfjs.use();
        weights.stored.set(name, tfjs.tf.tensor(data, source.entry(name).shape));
      }
    } catch (error) {
      weights.dispose();
      throw error;
    }
    return weights;
  }

  get names(): string[] {
    return [...this.stored.keys()];
  }

  /** As stored in the checkpoint. TENSOR_MISSING where the name is unknown. */
  get(name: string): Tensor {
    const tensor = this.stored.get(name);
    if (tensor) return tensor;
    throw new WorkbenchError('TENSOR_MISSING', 'The model has no tensor of this name.', { tensor: name });
  }

  /** `<module>.weight` `[out,in]` as a matrix `[in,out]`; a rank above 2 is flattened behind `out`. */
  linear(module: string): FrozenMatrix {
    const stored = this.matrix(`${module}.weight`);
    if (this.tfjs.backend !== 'wasm') return { forward: stored, transposed: true, backward: () => stored };
    return { forward: this.flipped(`${module}.weight`), transposed: false, backward: () => stored };
  }

  /** A weight stored `[in,out]`. */
  project(name: string): FrozenMatrix {
    const forward = this.matrix(name);
    return { forward, transposed: false, backward: () => this.flipped(name) };
  }

  /** A norm's weight plus 1. */
  plusOne(name: string): Tensor1D {
    return this.derive(`${name} + 1`, () => this.tfjs.tf.add(this.get(name), 1)) as Tensor1D;
  }

  private matrix(name: string): Tensor2D {
    const stored = this.get(name);
    if (stored.rank === 2) return stored as Tensor2D;
    return this.derive(`${name} as matrix`, () => this.tfjs.tf.reshape(stored, [stored.shape[0]!, -1])) as Tensor2D;
  }

  private flipped(name: string): Tensor2D {
    return this.derive(`${name} transposed`, () => this.tfjs.tf.transpose(this.matrix(name))) as Tensor2D;
  }

  private derive(key: string, make: () => Tensor): Tensor {
    let tensor = this.derived.get(key);
    if (!tensor) {
      tensor = this.tfjs.tf.keep(this.tfjs.tf.tidy(make));
      this.derived.set(key, tensor);
    }
    return tensor;
  }

  dispose(): void {
    for (const tensor of [...this.derived.values(), ...this.stored.values()]) tensor.dispose();
    this.derived.clear();
    this.stored.clear();
  }
}

/** The heap of a WebAssembly module of 32 bits. */
export const WASM_BYTES = 2 ** 32;
/** Electron 22 ends a process, without a word, that asks for more at once. */
const ELECTRON_BYTES_AT_ONCE = 2 ** 30;

/** `sizes` in bytes as f32. A model that cannot fit would end the process, so it is refused before anything is read. */
export function checkSize(
  backend: TfjsBackend,
  sizes: readonly number[],
  machine = { memory: totalmem(), electron: process.versions['electron'] !== undefined },
): void {
  const bytes = sizes.reduce((sum, size) => sum + size, 0);
  // On wasm linear layers lie there in two layouts, and the network needs room as well.
  const limit = backend === 'wasm' ? WASM_BYTES / 3 : machine.memory;
  const largest = Math.max(0, ...sizes);
  if (bytes <= limit && (!machine.electron || largest <= ELECTRON_BYTES_AT_ONCE)) return;
  throw new WorkbenchError(
    'MODEL_TOO_LARGE',
    backend === 'wasm'
      ? 'This model is too large for WebAssembly.'
      : 'This model is too large for libtensorflow in the memory that is there.',
    { bytes, largestTensorBytes: largest, limitBytes: bytes > limit ? limit : ELECTRON_BYTES_AT_ONCE },
    'Read films with ONNX Runtime or a server; train it on a larger machine, on the command line.',
  );
}

/**
 * The first meaning of a network: every operation is computed at once by tfjs, and gradients flow back through it.
 *
 * Inside, values have the form that needs the fewest calls (one costs 7-15 us on libtensorflow, batched products ten times
 * that): `[B,T,D]` is kept as rows `[B*T,D]`, ids, indices and rows as vectors, rotary angles as `[B,1,T,C]` with both
 * halves (sin with its first half negated), and masks as `[B,1,G*T,S]`, once for each of the G query heads that share a
 * key head. `angles` and `mask` make these from host arrays.
 */
import type { Tensor, Tensor1D, Tensor2D, Tensor4D } from '@tensorflow/tfjs-core';
import type { LayerContext, LoraInputs, Ops } from '../ops.ts';
import type { Tfjs } from './backend.ts';
import { type Checkpointing, checkpointed } from './checkpoint.ts';
import { Functions } from './functions.ts';
import type { TfjsWeights } from './weights.ts';

export interface TfjsOpsOptions {
  /** B: the rows of the batch, or the images. */
  batch: number;
  /** Gradients are wanted. */
  recording: boolean;
  lora?: LoraInputs<Tensor>;
  /** Of the input of every LoRA pair. */
  dropout?: (x: Tensor, module: string) => Tensor;
  /** Of layers, while gradients are recorded. Not where weights are trained: their gradients would be lost. */
  checkpointing?: Checkpointing;
  /** Weights that are trained, in place of the loaded ones. */
  trained?: ReadonlyMap<string, Tensor>;
}

export class TfjsOps implements Ops<Tensor> {
  private readonly tf: Tfjs['tf'];
  private readonly functions: Functions;

  constructor(
    tfjs: Tfjs,
    private readonly weights: TfjsWeights,
    private readonly options: TfjsOpsOptions,
  ) {
    this.tf = tfjs.tf;
    this.functions = new Functions(tfjs.tf, options.recording);
  }

  weight(name: string): Tensor {
    return this.trained(name) ?? this.weights.get(name);
  }

  private trained(name: string): Tensor | undefined {
    return this.options.trained?.get(name);
  }

  embedding(table: string, ids: Tensor): Tensor {
    const trained = this.trained(table);
    if (trained) return this.functions.gatherRows(trained as Tensor2D, ids as Tensor1D);
    return this.tf.gather(this.weights.get(table), ids as Tensor1D);
  }

  linear(x: Tensor, module: string, bias: boolean): Tensor {
    const product = this.timesWeight(x as Tensor2D, module);
    const adapted = this.options.lora?.pairs.has(module)
      ? this.tf.add(product, this.adapterPart(x as Tensor2D, module, this.options.lora))
      : product;
    return bias ? this.tf.add(adapted, this.weight(`${module}.bias`)) : adapted;
  }

  /** x `[N,in]` times the transposed `<module>.weight`, whose axes behind the first count as one. */
  private timesWeight(x: Tensor2D, module: string): Tensor2D {
    const trained = this.trained(`${module}.weight`);
    if (!trained) return this.functions.frozenProduct(x, this.weights.linear(module));
    const matrix = trained.rank === 2 ? trained : this.tf.reshape(trained, [trained.shape[0]!, -1]);
    return this.tf.matMul<Tensor2D>(x, matrix as Tensor2D, false, true);
  }

  private adapterPart(x: Tensor2D, module: string, lora: LoraInputs<Tensor>): Tensor2D {
    const { down, up, scale } = lora.pairs.get(module)!;
    const input = this.options.dropout ? this.options.dropout(x, module) : x;
    const inner = this.tf.matMul(input as Tensor2D, down as Tensor2D) as Tensor2D;
    const masked = lora.rankMask ? this.ofOwnAdapter(inner, lora.rankMask) : inner;
    const part = this.tf.matMul<Tensor2D>(masked, up as Tensor2D);
    return scale === 1 ? part : this.tf.mul(part, scale);
  }

  /** inner `[B*T,R]`, mask `[B,1,R]`. */
  private ofOwnAdapter(inner: Tensor2D, mask: Tensor): Tensor2D {
    const byRow = this.tf.reshape(inner, [this.options.batch, -1, inner.shape[1]]);
    return this.tf.reshape(this.tf.mul(byRow, mask), inner.shape);
  }

  add(a: Tensor, b: Tensor): Tensor {
    return this.tf.add(a, b);
  }

  mul(a: Tensor, b: Tensor): Tensor {
    return this.tf.mul(a, b);
  }

  scale(x: Tensor, factor: number): Tensor {
    return this.tf.mul(x, factor);
  }

  rmsNorm(x: Tensor, weight: string, eps: number, unitOffset: boolean): Tensor {
    const trained = this.trained(weight);
    if (trained) return this.functions.rmsNorm(x, unitOffset ? this.tf.add(trained, 1) : trained, eps, true);
    const factor = unitOffset ? this.weights.plusOne(weight) : this.weights.get(weight);
    return this.functions.rmsNorm(x, factor, eps, false);
  }

  layerNorm(x: Tensor, weight: string, bias: string, eps: number): Tensor {
    const { tf } = this;
    const centered = tf.sub(x, tf.mean(x, -1, true));
    const normed = tf.mul(centered, tf.rsqrt(tf.add(tf.mean(tf.square(centered), -1, true), eps)));
    return tf.add(tf.mul(normed, this.weight(weight)), this.weight(bias));
  }

  geluTanh(x: Tensor): Tensor {
    return this.functions.geluTanh(x);
  }

  gelu(x: Tensor): Tensor {
    return this.tf.mul(this.tf.mul(x, 0.5), this.tf.add(this.tf.erf(this.tf.mul(x, Math.SQRT1_2)), 1));
  }

  silu(x: Tensor): Tensor {
    return this.tf.mul(x, this.tf.sigmoid(x));
  }

  splitHeads(x: Tensor, heads: number): Tensor {
    const [rows, width] = x.shape as [number, number];
    const { batch } = this.options;
    if (rows === batch) return this.tf.reshape(x, [batch, heads, 1, width / heads]);
    return this.tf.transpose(this.tf.reshape(x, [batch, rows / batch, heads, width / heads]), [0, 2, 1, 3]);
  }

  /** `cos` is `[B,1,T,C]` here. */
  splitRows(x: Tensor, heads: number, cos: Tensor): Tensor {
    const [batch, , length] = cos.shape as [number, number, number, number];
    return this.tf.transpose(this.tf.reshape(x, [batch, length, heads, -1]), [0, 2, 1, 3]);
  }

  mergeHeads(x: Tensor, heads: number): Tensor {
    const [batch, , length, width] = x.shape as [number, number, number, number];
    const byPosition = length === 1 ? x : this.tf.transpose(x, [0, 2, 1, 3]);
    return this.tf.reshape(byPosition, [batch * length, heads * width]);
  }

  rope(x: Tensor, cos: Tensor, sin: Tensor): Tensor {
    return this.functions.rope(x, cos, sin);
  }

  appendCache(past: Tensor | null, now: Tensor): Tensor {
    return past === null ? now : this.tf.concat([past, now], 2);
  }

  attention(q: Tensor, k: Tensor, v: Tensor, bias: Tensor | null, scale: number): Tensor {
    const [batch, heads, length, width] = q.shape as [number, number, number, number];
    const keyHeads = k.shape[1]!;
    if (heads === keyHeads) return this.functions.attention(q, k, v, bias, scale);
    const grouped = this.tf.reshape(q, [batch, keyHeads, (heads / keyHeads) * length, width]);
    return this.tf.reshape(this.functions.attention(grouped, k, v, bias, scale), q.shape);
  }

  patchEmbed(pixels: Tensor, weight: string, bias: string, patch: number): Tensor {
    const [images, channels, height, width] = pixels.shape as [number, number, number, number];
    const [rows, columns] = [height / patch, width / patch];
    const cut = this.tf.reshape(pixels, [images, channels, rows, patch, columns, patch]);
    const patches = this.tf.reshape(this.tf.transpose(cut, [0, 2, 4, 1, 3, 5]), [images * rows * columns, -1]);
    const module = weight.replace(/\.weight$/, '');
    return this.tf.add(this.timesWeight(patches as Tensor2D, module), this.weight(bias));
  }

  poolTokens(x: Tensor, side: number, target: number): Tensor {
    const size = side / target;
    const images = x.shape[0]! / (side * side);
    const width = x.shape[1]!;
    const inRows = this.tf.mean(this.tf.reshape(x, [images * side * target, size, width]), 1);
    return this.tf.reshape(this.tf.mean(this.tf.reshape(inRows, [images * target, size, target, width]), 1), [
      images * target * target,
      width,
    ]);
  }

  addPositions(x: Tensor, weight: string): Tensor {
    const positions = this.weight(weight);
    const byImage = this.tf.reshape(x, [-1, ...positions.shape]);
    return this.tf.reshape(this.tf.add(byImage, positions), x.shape);
  }

  project(x: Tensor, weight: string): Tensor {
    const trained = this.trained(weight);
    if (trained) return this.tf.matMul(x as Tensor2D, trained as Tensor2D);
    return this.functions.frozenProduct(x as Tensor2D, this.weights.project(weight));
  }

  placeRows(x: Tensor, features: Tensor, index: Tensor): Tensor {
    const { tf } = this;
    const isImage = tf.greaterEqual(index, 0);
    const rows = tf.mul(index, tf.cast(isImage, 'int32')) as Tensor1D;
    const placed = this.functions.gatherRows(features as Tensor2D, rows);
    return this.functions.choose(tf.expandDims(tf.cast(isImage, 'float32'), 1), placed, x);
  }

  takeRows(x: Tensor, rows: Tensor): Tensor {
    return this.functions.gatherRows(x as Tensor2D, rows as Tensor1D);
  }

  asRows(x: Tensor, width: number): Tensor {
    return this.tf.reshape(x, [-1, width]);
  }

  columns(x: Tensor, start: number, end: number): Tensor {
    return this.tf.slice(x as Tensor2D, [0, start], [x.shape[0]!, end - start]);
  }

  flattenRows(x: Tensor): Tensor {
    return x;
  }

  layer<C extends LayerContext<Tensor>>(
    name: string,
    x: Tensor,
    context: C,
    compute: (x: Tensor, context: C) => Tensor,
  ): Tensor {
    const { checkpointing, recording, lora } = this.options;
    if (!checkpointing || !recording) return compute(x, context);
    const pairs = [...(lora?.pairs ?? [])].filter(([module]) => module.startsWith(`${name}.`));
    const parameters = pairs.flatMap(([, { down, up }]) => [down, up]);
    return checkpointed(this.tf, checkpointing, x, context, parameters, compute);
  }
}

/** Rotary angles `[B,T,C/2]` of the host as `TfjsOps.rope` wants them. */
export function angles(
  tf: Tfjs['tf'],
  values: Float32Array,
  batch: number,
  kind: 'cos' | 'sin',
  half: number,
): Tensor4D {
  const positions = values.length / half;
  const whole = new Float32Array(values.length * 2);
  for (let p = 0; p < positions; p++)
    for (let i = 0; i < half; i++) {
      const value = values[p * half + i]!;
      whole[p * 2 * half + i] = kind === 'sin' ? -value : value;
      whole[(p * 2 + 1) * half + i] = value;
    }
  return tf.tensor4d(whole, [batch, 1, positions / batch, 2 * half]);
}

/** A mask `[B,1,T,S]` of the host as `TfjsOps.attention` wants it, for `group` query heads to a key head. */
export function mask(tf: Tfjs['tf'], values: Float32Array, batch: number, length: number, group: number): Tensor4D {
  const size = values.length / batch;
  const repeated = new Float32Array(values.length * group);
  for (let b = 0; b < batch; b++)
    for (let g = 0; g < group; g++) repeated.set(values.subarray(b * size, (b + 1) * size), (b * group + g) * size);
  return tf.tensor4d(repeated, [batch, 1, group * length, size / length]);
}

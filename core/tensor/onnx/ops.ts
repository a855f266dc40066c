/**
 * The second meaning of a network: `OnnxOps` does not compute, it records each operation as nodes of an ONNX graph whose
 * batch, lengths, image rows and LoRA ranks are free dimensions. ONNX Runtime runs the graph later.
 *
 * Fused operators of ONNX Runtime are used where they are exact in f32: FusedMatMul (multiplies by the transposed weight,
 * so that a checkpoint's `[out,in]` layout needs no copy), SimplifiedLayerNormalization (RMSNorm),
 * SkipSimplifiedLayerNormalization (the same of a sum, which it gives too), QuickGelu (with alpha 1 it is SiLU),
 * MultiHeadAttention, and of opset 23 Attention and RotaryEmbedding. tests/tensor/onnxOps.test.ts compares each with a
 * plain computation.
 *
 * Weights are not copied: an initializer points into the checkpoint's own file. f16 and bf16 get a Cast, which ONNX
 * Runtime folds when it loads the graph. No tensor is larger than `maxTensorBytes` in memory; larger ones are cut into
 * blocks of rows, because Electron 22 ends a process that allocates more than 2^30 bytes at once. A linear layer whose weight
 * is there in quantized form (tensor/quantize.ts) is a MatMulNBits. What of this a GPU does otherwise is in gpuOps.ts.
 */
import { WorkbenchError } from '../../base/errors.ts';
import type { Device } from '../executor.ts';
import type { LayerContext, Ops } from '../ops.ts';
import { blocksOf, type QuantizedFormat } from '../quantize.ts';
import { type FileRegion, float, MICROSOFT, type OnnxGraph, type Value } from './graph.ts';

/**
 * Where a weight lies on disk: row-major, little endian. `file` is a real path, because ONNX Runtime refuses a link that
 * leads out of its folder.
 */
export interface StoredWeight extends FileRegion {
  dtype: 'F32' | 'F16' | 'BF16';
  shape: readonly number[];
}
/** By canonical name. */
export type LocateWeight = (name: string) => StoredWeight;

/** A linear layer's weight in quantized form (QuantizedRows), each part a region of a file. */
export interface QuantizedWeight {
  format: QuantizedFormat;
  out: number;
  in: number;
  packed: FileRegion;
  scales: FileRegion;
}

/**
 * A linear layer's weight as float16, transposed, in blocks of its rows: `[in, rows]` after `[in, rows]`, of as many rows
 * each as `rowsPerBlock`, the last of what is left.
 */
export interface HalfWeight {
  out: number;
  in: number;
  rowsPerBlock: number;
  region: FileRegion;
}

/** What a recorded graph may be told besides where its weights lie. */
export interface OnnxOpsOptions {
  lora?: LoraPlan;
  /** Absent: the processor. */
  device?: Device;
  /** By module, for a GPU; null where the layer keeps its own weight. */
  half?: (module: string) => HalfWeight | null;
  /** By module; null where the layer keeps its own weight. */
  quantized?: (module: string) => QuantizedWeight | null;
  /** Their width, where embeddings are the input EMBEDDING_INPUT: looked up by the caller, so that the table takes no memory. */
  embeddingWidth?: number | null;
  maxTensorBytes?: number;
}

/** `[B,T,D]`. */
export const EMBEDDING_INPUT = 'embeddings';

/**
 * The adapters' part of a linear layer: inputs `<module>.down` `[in,R]` and `<module>.up` `[R,out]` (scale folded in),
 * where R holds the ranks of all adapters of the batch side by side, and one input `lora.rows` `[B,1,R]` that is 1 where a
 * rank belongs to the row's adapter, else 0. So rows of one batch may have different adapters, or none, at the price
 * of one small multiplication. Without `mixed` every row has the same adapter and `lora.rows` is left out.
 */
export interface LoraPlan {
  modules: ReadonlySet<string>;
  mixed: boolean;
}

const NO_LORA: LoraPlan = { modules: new Set(), mixed: false };
const MAX_TENSOR_BYTES = 2 ** 29;
const ONNX_TYPE = { F32: 'float', F16: 'float16', BF16: 'bfloat16' } as const;
const ONNX_FLOAT = 1;
/** Which output of SkipSimplifiedLayerNormalization is the sum that was normed. */
const SUM_OUTPUT = 3;
/** MatMulNBits' accuracy level with 8-bit activations. */
const INT8_ACTIVATIONS = 4;

/** A block of rows of a weight, as an f32 value. */
export interface RowBlock {
  value: Value;
  start: number;
  rows: number;
}

export class OnnxOps implements Ops<Value> {
  private readonly blocks = new Map<string, RowBlock[]>();
  /**
   * By the name of a value with split heads: the same as `[B,T,H*C]`. Operators that take heads so are recorded on it, and
   * the splitting, where nothing asks for it, is left out of the graph: at one token a call, transposing small tensors
   * costs as much as computing with them.
   */
  protected readonly splits = new Map<string, { x: Value; heads: number }>();
  /** By the name of a result of appendCache: the new part of it, `[B,T,K*C]`. */
  private readonly appended = new Map<string, Value>();
  /** By the name of a sum: what was added. */
  private readonly sums = new Map<string, [Value, Value]>();
  private rowsInput: Value | undefined;
  private readonly lora: LoraPlan;
  private readonly maxTensorBytes: number;

  constructor(
    protected readonly graph: OnnxGraph,
    private readonly locate: LocateWeight,
    protected readonly options: OnnxOpsOptions = {},
  ) {
    this.lora = options.lora ?? NO_LORA;
    this.maxTensorBytes = options.maxTensorBytes ?? MAX_TENSOR_BYTES;
  }

  weight(name: string): Value {
    const blocks = this.weightBlocks(name);
    if (blocks.length > 1) {
      const { file, shape } = this.locate(name);
      throw new WorkbenchError('WEIGHT_TOO_LARGE', `The weight ${name} is too large to be used whole.`, {
        file,
        tensor: name,
        shape: [...shape],
      });
    }
    return blocks[0]!.value;
  }

  embedding(table: string, ids: Value): Value {
    const { embeddingWidth } = this.options;
    if (embeddingWidth) return this.graph.input(EMBEDDING_INPUT, 'float', ['B', 'T', embeddingWidth]);
    const blocks = this.weightBlocks(table);
    let found = this.node('Gather', [blocks[0]!.value, this.withinBlock(ids, blocks[0]!, blocks.length)]);
    for (const block of blocks.slice(1)) {
      const here = this.node('Gather', [block.value, this.withinBlock(ids, block, blocks.length)]);
      const isHere = this.node('GreaterOrEqual', [ids, this.graph.int32(block.start)]);
      found = this.node('Where', [this.addLastAxis(isHere), here, found]);
    }
    return found;
  }

  /** Ids counted from the block's first row; those of other blocks are moved to its edge. */
  private withinBlock(ids: Value, { start, rows }: RowBlock, blocks: number): Value {
    if (blocks === 1) return ids;
    const moved = this.node('Sub', [ids, this.graph.int32(start)]);
    return this.node('Clip', [moved, this.graph.int32(0), this.graph.int32(rows - 1)]);
  }

  linear(x: Value, module: string, bias: boolean): Value {
    const quantized = this.options.quantized?.(module) ?? null;
    const parts = quantized ? this.quantizedProducts(x, module, quantized) : this.products(x, module);
    const product = parts.length === 1 ? parts[0]! : this.node('Concat', parts, { axis: -1 });
    const adapted = this.lora.modules.has(module) ? this.add(product, this.adapterPart(x, module)) : product;
    return bias ? this.add(adapted, this.weight(`${module}.bias`)) : adapted;
  }

  /** x times the transposed blocks of rows of the weight. */
  protected products(x: Value, module: string): Value[] {
    return this.weightBlocks(`${module}.weight`, true).map(({ value }) =>
      this.node('FusedMatMul', [x, value], { transB: 1 }, MICROSOFT),
    );
  }

  /** The same of a quantized weight, in parts small enough to be allocated. */
  private quantizedProducts(x: Value, module: string, weight: QuantizedWeight): Value[] {
    const { format, in: width, packed, scales } = weight;
    const blocks = blocksOf(width, format);
    const blob = (format.block * format.bits) / 8;
    const perPart = Math.max(1, Math.floor(this.maxTensorBytes / (blocks * (blob + 4))));
    const products: Value[] = [];
    for (let start = 0; start < weight.out; start += perPart) {
      const rows = Math.min(perPart, weight.out - start);
      const part = ({ file, offset }: FileRegion, rowBytes: number) => {
        return { file, offset: offset + start * rowBytes, length: rows * rowBytes };
      };
      const id = `${module}.weight#${start}`;
      const b = this.graph.external(`${id}.packed`, 'uint8', [rows, blocks, blob], part(packed, blocks * blob));
      const s = this.graph.external(`${id}.scales`, 'float', [rows * blocks], part(scales, blocks * 4));
      const sizes = { K: width, N: rows, bits: format.bits, block_size: format.block };
      products.push(this.node('MatMulNBits', [x, b, s], { ...sizes, accuracy_level: INT8_ACTIVATIONS }, MICROSOFT));
    }
    return products;
  }

  private adapterPart(x: Value, module: string): Value {
    const quantized = this.options.quantized?.(module);
    const [out, width] = quantized ? [quantized.out, quantized.in] : this.locate(`${module}.weight`).shape;
    const down = this.graph.input(`${module}.down`, 'float', [width!, 'R']);
    const up = this.graph.input(`${module}.up`, 'float', ['R', out!]);
    const inner = this.node('MatMul', [x, down]);
    return this.node('MatMul', [this.lora.mixed ? this.mul(inner, this.adapterRows()) : inner, up]);
  }

  private adapterRows(): Value {
    this.rowsInput ??= this.graph.input('lora.rows', 'float', ['B', 1, 'R']);
    return this.rowsInput;
  }

  add(a: Value, b: Value): Value {
    const sum = this.node('Add', [a, b]);
    this.sums.set(sum.name, [a, b]);
    return sum;
  }

  mul(a: Value, b: Value): Value {
    return this.node('Mul', [a, b]);
  }

  scale(x: Value, factor: number): Value {
    return this.node('Mul', [x, this.graph.float(factor)]);
  }

  rmsNorm(x: Value, weight: string, eps: number, unitOffset: boolean): Value {
    const stored = this.weight(weight);
    const factor = unitOffset ? this.add(stored, this.graph.float(1)) : stored;
    const split = this.splits.get(x.name);
    if (!split) return this.normedSum(x, factor, eps) ?? this.normed(x, factor, eps);
    const heads = this.normed(this.reshape(split.x, [0, 0, split.heads, -1]), factor, eps);
    return this.splitHeads(this.reshape(heads, [0, 0, -1]), split.heads);
  }

  /** A sum and its norm in one; null where x is no sum, or was used before. */
  private normedSum(x: Value, factor: Value, eps: number): Value | null {
    const [a, b] = this.sums.get(x.name) ?? [];
    if (!a || !b) return null;
    const skip = 'SkipSimplifiedLayerNormalization';
    return this.graph.replace(x, SUM_OUTPUT, skip, [a, b, factor], { epsilon: float(eps) }, MICROSOFT);
  }

  private normed(x: Value, factor: Value, eps: number): Value {
    return this.node('SimplifiedLayerNormalization', [x, factor], { axis: -1, epsilon: float(eps), stash_type: 1 });
  }

  layerNorm(x: Value, weight: string, bias: string, eps: number): Value {
    const inputs = [x, this.weight(weight), this.weight(bias)];
    return this.node('LayerNormalization', inputs, { axis: -1, epsilon: float(eps) });
  }

  geluTanh(x: Value): Value {
    return this.node('Gelu', [x], { approximate: 'tanh' });
  }

  gelu(x: Value): Value {
    return this.node('Gelu', [x], { approximate: 'none' });
  }

  silu(x: Value): Value {
    return this.node('QuickGelu', [x], { alpha: float(1) }, MICROSOFT);
  }

  splitHeads(x: Value, heads: number): Value {
    const split = this.transpose(this.reshape(x, [0, 0, heads, -1]), [0, 2, 1, 3]);
    this.splits.set(split.name, { x, heads });
    return split;
  }

  splitRows(x: Value, heads: number, cos: Value): Value {
    const shape = this.node('Concat', [this.node('Shape', [cos], { end: 2 }), this.graph.int64s([-1])], { axis: 0 });
    return this.splitHeads(this.node('Reshape', [x, shape]), heads);
  }

  mergeHeads(x: Value, _heads: number): Value {
    return this.splits.get(x.name)?.x ?? this.joinHeads(x);
  }

  private joinHeads(x: Value): Value {
    return this.reshape(this.transpose(x, [0, 2, 1, 3]), [0, 0, -1]);
  }

  rope(x: Value, cos: Value, sin: Value): Value {
    const split = this.splits.get(x.name);
    if (!split) return this.node('RotaryEmbedding', [x, cos, sin], { interleaved: 0 });
    const turned = this.node('RotaryEmbedding', [split.x, cos, sin], { interleaved: 0, num_heads: split.heads });
    return this.splitHeads(turned, split.heads);
  }

  appendCache(past: Value | null, now: Value): Value {
    if (past === null) return now;
    const [before, after] = [past, now].map((x) => this.splits.get(x.name));
    if (!before || !after) return this.node('Concat', [past, now], { axis: 2 });
    const all = this.splitHeads(this.node('Concat', [before.x, after.x], { axis: 1 }), after.heads);
    this.appended.set(all.name, after.x);
    return all;
  }

  /** An input with cached keys or values, stored `[P,B,K*C]` (see newInCache), as `[B,K,P,C]`. */
  cacheInput(name: string, heads: number, width: number): Value {
    return this.splitHeads(
      this.transpose(this.graph.input(name, 'float', ['P', 'B', heads * width]), [1, 0, 2]),
      heads,
    );
  }

  /**
   * Of what `appendCache` gave, the new part, `[T,B,K*C]`: with positions outermost a cache grows at its end, so that
   * a call gives back the new positions only. (onnxruntime-node copies every output into new memory; giving back
   * whole caches spent a quarter of the time on garbage.)
   */
  newInCache(all: Value): Value {
    return this.transpose(this.appended.get(all.name) ?? this.mergeHeads(all, 0), [1, 0, 2]);
  }

  attention(q: Value, k: Value, v: Value, bias: Value | null, scale: number): Value {
    const [query, key, value] = [q, k, v].map((x) => this.splits.get(x.name));
    if (!query || !key || !value) return this.node('Attention', [q, k, v, bias], { scale: float(scale) });
    if (bias === null && query.heads === key.heads)
      return this.splitHeads(this.unmaskedAttention(query.x, key.x, value.x, query.heads, scale), query.heads);
    const heads = { q_num_heads: query.heads, kv_num_heads: key.heads };
    const mixed = this.node('Attention', [query.x, key.x, value.x, bias], { scale: float(scale), ...heads });
    return this.splitHeads(mixed, query.heads);
  }

  /**
   * On heads that were not split yet, `[B,T,H*C]`. This operator goes over the scores in tiles: one film of MedGemma's
   * (4,096 patches, 16 heads) needs 150 MiB and 3 s on one thread, where Attention needs 1.1 GiB at once and 8 s.
   */
  private unmaskedAttention(q: Value, k: Value, v: Value, heads: number, scale: number): Value {
    return this.node('MultiHeadAttention', [q, k, v], { num_heads: heads, scale: float(scale) }, MICROSOFT);
  }

  patchEmbed(pixels: Value, weight: string, bias: string, patch: number): Value {
    const grid = this.node('Conv', [pixels, this.weight(weight), this.weight(bias)], {
      kernel_shape: [patch, patch],
      strides: [patch, patch],
    });
    return this.transpose(this.reshape(grid, [0, 0, -1]), [0, 2, 1]);
  }

  poolTokens(x: Value, side: number, target: number): Value {
    const square = side / target;
    const squares = this.reshape(x, [0, target, square, target, square, -1]);
    const mean = this.node('ReduceMean', [squares, this.graph.int64s([2, 4])], { keepdims: 0 });
    return this.reshape(mean, [0, target * target, -1]);
  }

  addPositions(x: Value, weight: string): Value {
    return this.add(x, this.weight(weight));
  }

  project(x: Value, weight: string): Value {
    return this.node('MatMul', [x, this.weight(weight)]);
  }

  placeRows(x: Value, features: Value, index: Value): Value {
    const zero = this.graph.int32(0);
    const rows = this.node('Gather', [features, this.node('Max', [index, zero])]);
    return this.node('Where', [this.addLastAxis(this.node('GreaterOrEqual', [index, zero])), rows, x]);
  }

  takeRows(x: Value, rows: Value): Value {
    return this.node('Gather', [this.flattenRows(x), rows]);
  }

  asRows(x: Value, width: number): Value {
    return this.reshape(x, [-1, width]);
  }

  columns(x: Value, start: number, end: number): Value {
    const [from, to, axis] = [start, end, -1].map((value) => this.graph.int64s([value]));
    return this.node('Slice', [x, from!, to!, axis!]);
  }

  flattenRows(x: Value): Value {
    return this.node('Flatten', [x], { axis: -1 });
  }

  layer<C extends LayerContext<Value>>(
    _name: string,
    x: Value,
    context: C,
    compute: (x: Value, context: C) => Value,
  ): Value {
    return compute(x, context);
  }

  /** The weight as f32 values, in blocks of rows small enough to be allocated; `asMatrix`: the axes behind the first as one. */
  weightBlocks(name: string, asMatrix = false): RowBlock[] {
    const known = this.blocks.get(name);
    if (known) return known;
    const { dtype, shape: stored, file, offset, length } = this.locate(name);
    const shape = asMatrix ? [stored[0]!, stored.slice(1).reduce((a, b) => a * b, 1)] : stored;
    const [rows = 1, ...rest] = shape;
    const rowBytes = length / rows;
    const rowBytesF32 = 4 * rest.reduce((a, b) => a * b, 1);
    const perBlock = Math.max(1, Math.floor(this.maxTensorBytes / rowBytesF32));
    const blocks: RowBlock[] = [];
    for (let start = 0; start < rows; start += perBlock) {
      const count = Math.min(perBlock, rows - start);
      const region = { file, offset: offset + start * rowBytes, length: count * rowBytes };
      const id = perBlock < rows ? `${name}#${start}` : name;
      const weight = this.graph.external(id, ONNX_TYPE[dtype], shape.length === 0 ? [] : [count, ...rest], region);
      blocks.push({
        value: dtype === 'F32' ? weight : this.node('Cast', [weight], { to: ONNX_FLOAT }),
        start,
        rows: count,
      });
    }
    this.blocks.set(name, blocks);
    return blocks;
  }

  protected addLastAxis(x: Value): Value {
    return this.node('Unsqueeze', [x, this.graph.int64s([-1])]);
  }

  protected transpose(x: Value, axes: number[]): Value {
    return this.node('Transpose', [x], { perm: axes });
  }

  protected reshape(x: Value, shape: number[]): Value {
    return this.node('Reshape', [x, this.graph.int64s(shape)]);
  }

  protected node(...args: Parameters<OnnxGraph['node']>): Value {
    return this.graph.node(...args);
  }
}

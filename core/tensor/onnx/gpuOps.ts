/**
 * `OnnxOps` for a GPU: the same network, recorded in operators that ONNX Runtime's WebGPU provider has kernels for. A node
 * without one would run on the processor, with its inputs and results copied back and forth; two sizes of the same graph
 * (Shape, and a Concat of two numbers) do, because that is where ONNX Runtime wants them.
 *
 * Otherwise than on the processor:
 * - a linear layer is a MatMul with the transposed weight: in f32 the transposing is folded when the graph is loaded, f16
 *   weights are stored transposed (models/halfWeights.ts). With these the input is brought to f16 and the result back to
 *   f32, so that residuals, norms, rotary angles and attention stay in f32: Gemma 3's residuals are larger than f16 holds.
 * - attention is written out (scores, softmax, sum): WebGPU has no kernel of opset 23's Attention, and its
 *   MultiHeadAttention in tiles (flash attention) was wrong by 0.2 on two software drivers (docs/LOG.md). Without a mask,
 *   in the image encoder, heads go one after the other, because all scores of a film at once are a GiB.
 */
import type { OnnxGraph, Value } from './graph.ts';
import { type HalfWeight, type LocateWeight, OnnxOps, type OnnxOpsOptions } from './ops.ts';

/** What every WebGPU device can bind at once (maxStorageBufferBindingSize). */
const MAX_BINDING_BYTES = 2 ** 27;
const ONNX_FLOAT = 1;
const ONNX_FLOAT16 = 10;

export class GpuOps extends OnnxOps {
  /** By the name of a value: the same as f16. */
  private readonly halves = new Map<string, Value>();

  constructor(graph: OnnxGraph, locate: LocateWeight, options: OnnxOpsOptions = {}) {
    super(graph, locate, { maxTensorBytes: MAX_BINDING_BYTES, ...options });
  }

  protected override products(x: Value, module: string): Value[] {
    const half = this.options.half?.(module) ?? null;
    if (half) return this.halfProducts(x, module, half);
    return this.weightBlocks(`${module}.weight`, true).map(({ value }) =>
      this.node('MatMul', [x, this.transpose(value, [1, 0])]),
    );
  }

  private halfProducts(x: Value, module: string, { out, in: width, rowsPerBlock, region }: HalfWeight): Value[] {
    const products: Value[] = [];
    for (let start = 0; start < out; start += rowsPerBlock) {
      const rows = Math.min(rowsPerBlock, out - start);
      const place = { file: region.file, offset: region.offset + 2 * start * width, length: 2 * rows * width };
      const weight = this.graph.external(`${module}.half#${start}`, 'float16', [width, rows], place);
      products.push(this.node('Cast', [this.node('MatMul', [this.half(x), weight])], { to: ONNX_FLOAT }));
    }
    return products;
  }

  private half(x: Value): Value {
    const half = this.halves.get(x.name) ?? this.node('Cast', [x], { to: ONNX_FLOAT16 });
    this.halves.set(x.name, half);
    return half;
  }

  override attention(q: Value, k: Value, v: Value, bias: Value | null, scale: number): Value {
    const [query, key, value] = [q, k, v].map((x) => this.splits.get(x.name));
    if (!query || !key || !value) return super.attention(q, k, v, bias, scale);
    const mixed =
      bias === null && query.heads === key.heads
        ? this.headByHead(query.x, key.x, value.x, query.heads, scale)
        : this.grouped(query, key, value, bias, scale);
    return this.splitHeads(mixed, query.heads);
  }

  /** `[B,T,H*C]` and twice `[B,S,K*C]` -> `[B,T,H*C]`; G = H / K heads share keys and values. */
  private grouped(query: Split, key: Split, value: Split, bias: Value | null, scale: number): Value {
    const [kv, shared] = [key.heads, query.heads / key.heads];
    const grouped = (x: Value, group: number, axes: number[]) =>
      this.transpose(this.reshape(x, [0, 0, kv, group, -1]), axes);
    const q = grouped(this.scale(query.x, scale), shared, [0, 2, 3, 1, 4]);
    const scores = this.node('MatMul', [q, grouped(key.x, 1, [0, 2, 3, 4, 1])]);
    const masked = bias ? this.node('Add', [scores, this.node('Unsqueeze', [bias, this.graph.int64s([1])])]) : scores;
    const weights = this.node('Softmax', [masked], { axis: -1 });
    const mixed = this.node('MatMul', [weights, grouped(value.x, 1, [0, 2, 3, 1, 4])]);
    return this.reshape(this.transpose(mixed, [0, 3, 1, 2, 4]), [0, 0, -1]);
  }

  /** All `[B,T,H*C]`, nothing masked. */
  private headByHead(q: Value, k: Value, v: Value, heads: number, scale: number): Value {
    const scaled = this.scale(q, scale);
    const each = Array.from({ length: heads }, (_, head) => {
      const [own, keys, values] = [scaled, k, v].map((x) => this.headOf(x, heads, head));
      const scores = this.node('MatMul', [own!, this.transpose(keys!, [0, 2, 1])]);
      return this.node('MatMul', [this.node('Softmax', [scores], { axis: -1 }), values!]);
    });
    return this.node('Concat', each, { axis: -1 });
  }

  /** `[B,T,H*C]` -> `[B,T,C]`. */
  private headOf(x: Value, heads: number, head: number): Value {
    const split = this.reshape(x, [0, 0, heads, -1]);
    return this.node('Gather', [split, this.graph.int32(head)], { axis: 2 });
  }

  /** WebGPU has no Flatten of this opset. */
  override flattenRows(x: Value): Value {
    const width = this.node('Shape', [x], { start: -1 });
    return this.node('Reshape', [x, this.node('Concat', [this.graph.int64s([-1]), width], { axis: 0 })]);
  }
}

type Split = { x: Value; heads: number };

/** The operations of a graph for the device that the options name. */
export function opsFor(graph: OnnxGraph, locate: LocateWeight, options: OnnxOpsOptions = {}): OnnxOps {
  return options.device === 'webgpu' ? new GpuOps(graph, locate, options) : new OnnxOps(graph, locate, options);
}

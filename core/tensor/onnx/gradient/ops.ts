/**
 * A third meaning of a network: `GradientOps` records it as OnnxOps does, but in operations whose gradients are known
 * (pulls.ts) instead of fused ones, and notes them on a tape. Only what a text model uses: image features are inputs, the
 * base is frozen, and the trained values are LoRA pairs, inputs `<module>.down` `[in,R]` and `<module>.up` `[R,out]`.
 *
 * Inside, `[B,T,D]` is kept as rows `[B*T,D]`: products of two axes are what ONNX Runtime is fast at, and what a
 * transposed first factor needs. Batch, length, image rows and ranks are free.
 */
import type { LayerContext, Ops } from '../../ops.ts';
import type { OnnxGraph, Value } from '../graph.ts';
import { type LocateWeight, OnnxOps, type OnnxOpsOptions } from '../ops.ts';
import { Pulls } from './pulls.ts';
import { Tape, type TapeEntry } from './tape.ts';

export interface GradientOpsOptions extends Pick<OnnxOpsOptions, 'embeddingWidth' | 'maxTensorBytes'> {
  /** By adapted module: alpha / rank. */
  scales: ReadonlyMap<string, number>;
  /** Masks of dropout, inputs `<module>.mask` `[B*T,in]`. */
  dropout: boolean;
  /** Of layers, keep what goes in and compute the rest again. */
  checkpointing: boolean;
}

export class GradientOps implements Ops<Value> {
  readonly tape: Tape;
  readonly pulls: Pulls;
  private readonly plain: OnnxOps;
  private readonly pairs = new Map<string, { down: Value; up: Value; mask: Value | null }>();
  /** Heads of a value `[B,H,T,C]`, by name. */
  private readonly heads = new Map<string, number>();
  /** `[B,T]`. */
  private positions: Value | null = null;
  private readonly headShapes = new Map<number, Value>();

  constructor(
    private readonly graph: OnnxGraph,
    private readonly locate: LocateWeight,
    private readonly options: GradientOpsOptions,
  ) {
    const { embeddingWidth, maxTensorBytes } = options;
    this.tape = new Tape(graph);
    this.pulls = new Pulls(graph, this.tape);
    this.plain = new OnnxOps(graph, locate, {
      ...(embeddingWidth ? { embeddingWidth } : {}),
      ...(maxTensorBytes === undefined ? {} : { maxTensorBytes }),
    });
  }

  /** The trained pairs that the network used, in its order. */
  get trained(): { module: string; down: Value; up: Value }[] {
    return [...this.pairs].map(([module, { down, up }]) => ({ module, down, up }));
  }

  /** Says where batch and length of the rows come from: any value whose first two axes they are. */
  shapedBy(value: Value): void {
    this.positions = this.graph.node('Shape', [value], { start: 0, end: 2 });
  }

  weight(name: string): Value {
    return this.plain.weight(name);
  }

  embedding(table: string, ids: Value): Value {
    return this.pulls.flat(this.plain.embedding(table, ids));
  }

  linear(x: Value, module: string, bias: boolean): Value {
    const product = this.timesWeight(x, `${module}.weight`);
    const scale = this.options.scales.get(module);
    const adapted = scale === undefined ? product : this.adapted(product, x, module, scale);
    return bias ? this.pulls.addBias(adapted, this.weight(`${module}.bias`)) : adapted;
  }

  private timesWeight(x: Value, name: string): Value {
    const blocks = this.plain.weightBlocks(name, true);
    if (blocks.length === 1) return this.pulls.frozenProduct(x, blocks[0]!.value, true);
    const y = this.graph.node(
      'Concat',
      blocks.map(({ value }) => this.pulls.product(x, value, { transB: true })),
      { axis: 1 },
    );
    return this.tape.record(y, [x], (dy) => {
      const parts = blocks.map(({ value, start, rows }) => {
        const [from, to, axis] = [start, start + rows, 1].map((n) => this.graph.int64s([n]));
        return this.pulls.product(this.graph.node('Slice', [dy, from!, to!, axis!]), value);
      });
      return [parts.reduce((sum, part) => this.graph.node('Add', [sum, part]))];
    });
  }

  private adapted(product: Value, x: Value, module: string, scale: number): Value {
    const { down, up, mask } = this.pair(module);
    return this.pulls.adapted(product, x, down, up, scale, mask);
  }

  /** The inputs of a module's pair: the same when a layer is computed again. */
  private pair(module: string) {
    let pair = this.pairs.get(module);
    if (!pair) {
      const [out, width] = this.locate(`${module}.weight`).shape as [number, number];
      const rank = `R.${module}`;
      const down = this.tape.leaf(this.graph.input(`${module}.down`, 'float', [width, rank]));
      const up = this.tape.leaf(this.graph.input(`${module}.up`, 'float', [rank, out]));
      const mask = this.options.dropout ? this.graph.input(`${module}.mask`, 'float', ['rows', width]) : null;
      pair = { down, up, mask };
      this.pairs.set(module, pair);
    }
    return pair;
  }

  add(a: Value, b: Value): Value {
    return this.pulls.add(a, b);
  }

  mul(a: Value, b: Value): Value {
    return this.pulls.mul(a, b);
  }

  scale(x: Value, factor: number): Value {
    return this.pulls.scale(x, factor);
  }

  rmsNorm(x: Value, weight: string, eps: number, unitOffset: boolean): Value {
    const stored = this.weight(weight);
    const factor = unitOffset ? this.pulls.plus(stored, 1) : stored;
    return this.withHeadsOf(x, this.pulls.rmsNorm(x, factor, eps));
  }

  geluTanh(x: Value): Value {
    return this.pulls.geluTanh(x);
  }

  silu(x: Value): Value {
    return this.pulls.silu(x);
  }

  splitHeads(x: Value, heads: number): Value {
    const split = this.pulls.splitHeads(x, this.headShape(heads));
    this.heads.set(split.name, heads);
    return split;
  }

  mergeHeads(x: Value, heads: number): Value {
    return this.pulls.mergeHeads(x, this.headShape(heads));
  }

  private headShape(heads: number): Value {
    let shape = this.headShapes.get(heads);
    if (!shape) {
      if (!this.positions) throw new Error('shapedBy comes before heads are split.');
      shape = this.graph.node('Concat', [this.positions, this.graph.int64s([heads, -1])], { axis: 0 });
      this.headShapes.set(heads, shape);
    }
    return shape;
  }

  rope(x: Value, cos: Value, sin: Value): Value {
    return this.withHeadsOf(x, this.pulls.rope(x, cos, sin));
  }

  private withHeadsOf(x: Value, y: Value): Value {
    const heads = this.heads.get(x.name);
    if (heads !== undefined) this.heads.set(y.name, heads);
    return y;
  }

  appendCache(past: Value | null, now: Value): Value {
    if (past !== null) throw notDifferentiated('appendCache');
    return now;
  }

  attention(q: Value, k: Value, v: Value, bias: Value | null, scale: number): Value {
    const heads = { query: this.heads.get(q.name)!, keyValue: this.heads.get(k.name)! };
    return this.pulls.attention(q, k, v, bias, scale, heads);
  }

  /** Image features and embeddings are given: no gradient flows here. */
  placeRows(x: Value, features: Value, index: Value): Value {
    if (this.tape.needs(x) || this.tape.needs(features)) throw notDifferentiated('placeRows');
    return this.pulls.flat(this.plain.placeRows(x, features, this.pulls.reshape(index, [-1])));
  }

  takeRows(x: Value, rows: Value): Value {
    return this.pulls.takeRows(x, rows);
  }

  layer<C extends LayerContext<Value>>(
    _name: string,
    x: Value,
    context: C,
    compute: (x: Value, context: C) => Value,
  ): Value {
    const { tape } = this;
    const { result: y, entries } = tape.apart(() => compute(x, context));
    // Without pairs in it and before it nothing is to be differentiated.
    if (entries.length === 0) return y;
    return tape.always(y, [x], (dy) => {
      if (!this.options.checkpointing) return [this.layerBack(x, y, dy, entries)];
      const again = this.after(x, [dy]);
      if (tape.needs(x)) tape.passing(again);
      const second = tape.apart(() => compute(again, context));
      return [this.layerBack(again, second.result, dy, second.entries)];
    });
  }

  /**
   * The gradient of a layer's input, which is there when those of its pairs are: ONNX Runtime would put them off to the end, and
   * keep until then what they are made of.
   */
  private layerBack(x: Value, y: Value, dy: Value, entries: readonly TapeEntry[]): Value | null {
    const { passed, leaves } = this.tape.backward(y, dy, entries);
    const dx = passed.get(x.name);
    return dx ? this.after(dx, leaves) : null;
  }

  /**
   * x, but not before the others are there: 0 times one number of each is added. With checkpointing, ONNX Runtime would
   * else see that a layer was computed already, and keep that instead.
   */
  private after(x: Value, others: readonly Value[]): Value {
    if (others.length === 0) return x;
    const first = this.graph.int64s([0]);
    const ones = others.map((other) => this.graph.node('Gather', [this.pulls.reshape(other, [-1]), first]));
    const all = ones.length === 1 ? ones[0]! : this.graph.node('Sum', ones);
    return this.graph.node('Add', [x, this.pulls.times(all, 0)]);
  }

  layerNorm(): Value {
    throw notDifferentiated('layerNorm');
  }

  gelu(): Value {
    throw notDifferentiated('gelu');
  }

  splitRows(): Value {
    throw notDifferentiated('splitRows');
  }

  patchEmbed(): Value {
    throw notDifferentiated('patchEmbed');
  }

  poolTokens(): Value {
    throw notDifferentiated('poolTokens');
  }

  addPositions(): Value {
    throw notDifferentiated('addPositions');
  }

  project(): Value {
    throw notDifferentiated('project');
  }

  asRows(): Value {
    throw notDifferentiated('asRows');
  }

  columns(): Value {
    throw notDifferentiated('columns');
  }

  flattenRows(): Value {
    throw notDifferentiated('flattenRows');
  }
}

/** A network that uses such an operation in its text model needs its gradient here first. */
function notDifferentiated(operation: string): Error {
  return new Error(`The gradient of ${operation} is not recorded.`);
}

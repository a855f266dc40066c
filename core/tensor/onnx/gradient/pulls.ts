/**
 * The operations of a text model with their gradients (vector-Jacobian products), as nodes of ONNX. Shapes: N rows `[N,D]`,
 * heads `[B,H,T,C]`. Gradients in closed form use what the forward pass has anyway; what is cheap is computed again.
 * tests/tensor/onnxGradients.test.ts compares each with differences of plain loops.
 */
import { float, MICROSOFT, type OnnxGraph, type Value } from '../graph.ts';
import type { Tape } from './tape.ts';

const SQRT_2_OVER_PI = Math.sqrt(2 / Math.PI);
const GELU_CUBIC = 0.044715;

export class Pulls {
  constructor(
    readonly graph: OnnxGraph,
    readonly tape: Tape,
  ) {}

  /** x . w with a frozen w, given as `[out,in]` where `transposed`, else `[in,out]`. */
  frozenProduct(x: Value, w: Value, transposed: boolean): Value {
    const y = this.product(x, w, { transB: transposed });
    return this.tape.record(y, [x], (dy) => [this.product(dy, w, { transB: !transposed })]);
  }

  /**
   * base + scale * (x . down . up), for a trained pair; `mask`: what the input of the pair is multiplied by (dropout).
   * Gemm adds the products to what is there, which saves a pass over it.
   */
  adapted(base: Value, x: Value, down: Value, up: Value, scale: number, mask: Value | null): Value {
    const input = mask ? this.node('Mul', [x, mask]) : x;
    const inner = this.product(input, down);
    const y = this.node('Gemm', [inner, up, base], { alpha: float(scale), beta: float(1) });
    return this.tape.record(y, [base, x, down, up], (dy) => {
      const dInner = this.product(dy, up, { transB: true, alpha: scale });
      const dUp = this.product(inner, dy, { transA: true, alpha: scale });
      const dDown = this.product(input, dInner, { transA: true });
      const dInput = this.product(dInner, down, { transB: true });
      return [dy, mask ? this.node('Mul', [dInput, mask]) : dInput, dDown, dUp];
    });
  }

  add(a: Value, b: Value): Value {
    return this.tape.record(this.node('Add', [a, b]), [a, b], (dy) => [dy, dy]);
  }

  /** A constant of the last axis. */
  addBias(x: Value, bias: Value): Value {
    return this.tape.record(this.node('Add', [x, bias]), [x], (dy) => [dy]);
  }

  mul(a: Value, b: Value): Value {
    return this.tape.record(this.node('Mul', [a, b]), [a, b], (dy) => [
      this.node('Mul', [dy, b]),
      this.node('Mul', [dy, a]),
    ]);
  }

  scale(x: Value, factor: number): Value {
    const by = this.graph.float(factor);
    return this.tape.record(this.node('Mul', [x, by]), [x], (dy) => [this.node('Mul', [dy, by])]);
  }

  /**
   * x / sqrt(mean(x^2) + eps) * factor over the last axis. With r the reciprocal root, which the operator gives too, and
   * g = dy factor: dx = r (g - x r^2 mean(g x)).
   */
  rmsNorm(x: Value, factor: Value, eps: number): Value {
    const [y, root] = this.graph.nodeOf(2, 'SimplifiedLayerNormalization', [x, factor], {
      ...{ axis: -1, epsilon: float(eps), stash_type: 1 },
    });
    return this.tape.record(y!, [x], (dy) => {
      const g = this.node('Mul', [dy, factor]);
      const along = this.node('ReduceMean', [this.node('Mul', [g, x]), this.lastAxis()], { keepdims: 1 });
      const share = this.node('Mul', [this.node('Mul', [root!, root!]), along]);
      return [this.node('Mul', [this.node('Sub', [g, this.node('Mul', [x, share])]), root!])];
    });
  }

  /**
   * 0.5 x (1 + tanh(u)) = x s with s = sigmoid(2u), 2u = x p, p = c1 x^2 + c0. So dy/dx = s + y (1 - s) (3 p - 2 c0).
   */
  geluTanh(x: Value): Value {
    const [c0, c1] = [2 * SQRT_2_OVER_PI, 2 * SQRT_2_OVER_PI * GELU_CUBIC];
    const y = this.node('FastGelu', [x], {}, MICROSOFT);
    return this.tape.record(y, [x], (dy) => {
      const p = this.plus(this.times(this.node('Mul', [x, x]), c1), c0);
      const s = this.node('Sigmoid', [this.node('Mul', [x, p])]);
      const slope = this.plus(this.times(p, 3), -2 * c0);
      return [this.node('Mul', [dy, this.gateSlope(y, s, slope)])];
    });
  }

  /** x sigmoid(x); dy/dx = s + y (1 - s). */
  silu(x: Value): Value {
    const y = this.node('QuickGelu', [x], { alpha: float(1) }, MICROSOFT);
    return this.tape.record(y, [x], (dy) => {
      const s = this.node('Sigmoid', [x]);
      return [this.node('Mul', [dy, this.gateSlope(y, s, null)])];
    });
  }

  /** s + (y - y s) slope. */
  private gateSlope(y: Value, s: Value, slope: Value | null): Value {
    const rest = this.node('Sub', [y, this.node('Mul', [y, s])]);
    return this.node('Add', [s, slope ? this.node('Mul', [rest, slope]) : rest]);
  }

  /** Rows `[B*T,H*C]` -> `[B,H,T,C]`; `shape` is `[B,T,H,-1]`. */
  splitHeads(x: Value, shape: Value): Value {
    const y = this.node('Transpose', [this.node('Reshape', [x, shape])], { perm: [0, 2, 1, 3] });
    return this.tape.record(y, [x], (dy) => [this.joined(dy)]);
  }

  /** `[B,H,T,C]` -> rows `[B*T,H*C]`; `shape` is `[B,T,H,-1]`. */
  mergeHeads(x: Value, shape: Value): Value {
    return this.tape.record(this.joined(x), [x], (dy) => [
      this.node('Transpose', [this.node('Reshape', [dy, shape])], { perm: [0, 2, 1, 3] }),
    ]);
  }

  private joined(x: Value): Value {
    const turned = this.node('Transpose', [x], { perm: [0, 2, 1, 3] });
    // [B,T,H,C] -> [B,T,H*C] -> rows
    return this.flat(this.node('Reshape', [turned, this.graph.int64s([0, 0, -1])]));
  }

  /** `[...,D]` -> `[N,D]`. */
  flat(x: Value): Value {
    return this.node('Flatten', [x], { axis: -1 });
  }

  /** A turn by the angles; its gradient is the turn back. */
  rope(x: Value, cos: Value, sin: Value): Value {
    const turn = (value: Value, by: Value) => this.node('RotaryEmbedding', [value, cos, by], { interleaved: 0 });
    return this.tape.record(turn(x, sin), [x], (dy) => [turn(dy, this.node('Neg', [sin]))]);
  }

  /**
   * softmax(q k^T * scale + bias) v: q `[B,H,T,C]`, k and v `[B,K,S,C]`, bias `[B,1,T,S]` or null. Query heads that share a
   * key head are rows of one product. The softmax's row sums are those of dy * y, which are smaller (Dao et al. 2022).
   */
  attention(
    q: Value,
    k: Value,
    v: Value,
    bias: Value | null,
    scale: number,
    heads: { query: number; keyValue: number },
  ): Value {
    const grouped = (x: Value) => this.reshape(x, [0, heads.keyValue, -1, 0]);
    const apart = (x: Value) => this.reshape(x, [0, heads.query, -1, 0]);
    const rows = grouped(q);
    const scores = apart(this.product(rows, k, { transB: true, alpha: scale }));
    const weights = grouped(this.node('Softmax', [bias ? this.node('Add', [scores, bias]) : scores], { axis: -1 }));
    const mixed = this.product(weights, v);
    return this.tape.record(apart(mixed), [q, k, v], (dOut) => {
      const dy = grouped(dOut);
      const sums = this.node('ReduceSum', [this.node('Mul', [dy, mixed]), this.lastAxis()], { keepdims: 1 });
      const dWeights = this.product(dy, v, { transB: true });
      const dScores = this.node('Mul', [weights, this.node('Sub', [dWeights, sums])]);
      return [
        apart(this.product(dScores, k, { alpha: scale })),
        this.product(dScores, rows, { transA: true, alpha: scale }),
        this.product(weights, dy, { transA: true }),
      ];
    });
  }

  /** Rows of `x` `[N,D]` by index; the gradient adds rows up where an index comes twice. */
  takeRows(x: Value, rows: Value): Value {
    return this.tape.record(this.node('Gather', [x, rows]), [x], (dy) => {
      const zeros = this.node('Expand', [this.graph.float(0), this.node('Shape', [x])]);
      const wide = this.node('Expand', [this.node('Unsqueeze', [rows, this.lastAxis()]), this.node('Shape', [dy])]);
      return [this.node('ScatterElements', [zeros, wide, dy], { axis: 0, reduction: 'add' })];
    });
  }

  /**
   * Log-probabilities `[N]` of `targets` `[N]` under softmax(logits / temperature), with entropy and the most probable token.
   * The gradient is dy (one-hot - softmax) / temperature.
   */
  logProbabilities(logits: Value, targets: Value, temperature: number) {
    const scaled = temperature === 1 ? logits : this.times(logits, 1 / temperature);
    const logs = this.node('LogSoftmax', [scaled], { axis: -1 });
    const column = this.node('Unsqueeze', [targets, this.lastAxis()]);
    const softmax = this.node('Exp', [logs]);
    const chosen = this.node('Squeeze', [this.node('GatherElements', [logs, column], { axis: 1 }), this.lastAxis()]);
    const surprise = this.node('ReduceSum', [this.node('Mul', [softmax, logs]), this.lastAxis()], { keepdims: 0 });
    const best = this.node('ArgMax', [logs], { axis: -1, keepdims: 0 });
    const logps = this.tape.record(chosen, [logits], (dy) => {
      const weight = this.node('Unsqueeze', [this.times(dy, 1 / temperature), this.lastAxis()]);
      const others = this.node('Mul', [softmax, this.node('Neg', [weight])]);
      return [this.node('ScatterElements', [others, column, weight], { axis: 1, reduction: 'add' })];
    });
    return { logps, entropy: this.node('Neg', [surprise]), best: this.node('Cast', [best], { to: INT32 }) };
  }

  product(a: Value, b: Value, options: { transA?: boolean; transB?: boolean; alpha?: number } = {}): Value {
    const { transA = false, transB = false, alpha = 1 } = options;
    if (!transA && !transB && alpha === 1) return this.node('MatMul', [a, b]);
    const attributes = { transA: Number(transA), transB: Number(transB), alpha: float(alpha) };
    return this.node('FusedMatMul', [a, b], attributes, MICROSOFT);
  }

  reshape(x: Value, shape: number[]): Value {
    return this.node('Reshape', [x, this.graph.int64s(shape)]);
  }

  times(x: Value, factor: number): Value {
    return this.node('Mul', [x, this.graph.float(factor)]);
  }

  plus(x: Value, term: number): Value {
    return this.node('Add', [x, this.graph.float(term)]);
  }

  private lastAxis(): Value {
    return this.graph.int64s([-1]);
  }

  node(...args: Parameters<OnnxGraph['node']>): Value {
    return this.graph.node(...args);
  }
}

const INT32 = 6;

/**
 * The operations that a network is written in. A network is a function over `Ops<T>`; an executor gives T a meaning:
 *
 * - tfjs (tfjs/): T is a tensor, computed at once, differentiable;
 * - ONNX (onnx/): T is a value of a graph that is being recorded, run later by ONNX Runtime with batch and length free.
 *
 * So every operation is named by what it does to named axes, and none asks for a dynamic size. Axes:
 * B batch, T new positions, S all positions (cached + new), D model width, H query heads, K key/value heads, C width of
 * a head, V vocabulary, I images, P patches, M rows of all image tokens (I x tokens).
 */
export interface Ops<T> {
  /** A weight by its canonical name (models/), in the layout of the checkpoint. */
  weight(name: string): T;

  /** `[B,T]` ids -> rows of the weight `table` `[V,D]` -> `[B,T,D]`. */
  embedding(table: string, ids: T): T;
  /**
   * x `[...,in]` times the transposed weight `<module>.weight` (stored `[out,in]`), plus `<module>.bias` `[out]` where
   * `bias`, plus the adapter's part where the module has one: x . down . up, times its scale. Named, so that an executor
   * may keep its own layout of the weight. A tied head is `linear(rows, 'language.embed_tokens', false)`.
   */
  linear(x: T, module: string, bias: boolean): T;
  add(a: T, b: T): T;
  mul(a: T, b: T): T;
  scale(x: T, factor: number): T;
  /** x / sqrt(mean(x^2) + eps) * weight, over the last axis. Gemma's weight is stored as w - 1: `unitOffset`. */
  rmsNorm(x: T, weight: string, eps: number, unitOffset: boolean): T;
  layerNorm(x: T, weight: string, bias: string, eps: number): T;
  geluTanh(x: T): T;
  /** 0.5 x (1 + erf(x / sqrt 2)). */
  gelu(x: T): T;
  silu(x: T): T;
  /** `[B,T,H*C]` -> `[B,H,T,C]`. */
  splitHeads(x: T, heads: number): T;
  /** Rows `[B*T,H*C]` -> `[B,H,T,C]`, with B and T those of the rotary angles `cos` `[B,T,C/2]`. */
  splitRows(x: T, heads: number, cos: T): T;
  /** `[B,H,T,C]` -> `[B,T,H*C]`. */
  mergeHeads(x: T, heads: number): T;
  /** Rotary embedding on `[B,H,T,C]`, halves (not pairs), with cos and sin `[B,T,C/2]`. */
  rope(x: T, cos: T, sin: T): T;
  /** Joins cached `[B,K,S-T,C]` and new `[B,K,T,C]` keys or values along the positions; no cache gives the new ones. */
  appendCache(past: T | null, now: T): T;
  /**
   * softmax(q k^T * scale + bias) v with grouped heads: q `[B,H,T,C]`, k and v `[B,K,S,C]`, bias `[B,1,T,S]` or null,
   * result `[B,H,T,C]`.
   */
  attention(q: T, k: T, v: T, bias: T | null, scale: number): T;
  /** Pixels `[I,channel,height,width]` -> patches in row order, projected by weight `[out,channel,p,p]` -> `[I,P,out]`. */
  patchEmbed(pixels: T, weight: string, bias: string, patch: number): T;
  /** `[I,side*side,D]` -> mean over squares -> `[I,target*target,D]`. */
  poolTokens(x: T, side: number, target: number): T;
  /** Adds a weight `[P,D]` to every image of `[I,P,D]`. */
  addPositions(x: T, weight: string): T;
  /** x `[...,in]` times the weight as stored, `[in,out]` (Gemma's multimodal projector has this layout). */
  project(x: T, weight: string): T;
  /** Where `index` `[B,T]` is >= 0, the row of `features` `[M,D]` that it names; elsewhere the row of x `[B,T,D]`. */
  placeRows(x: T, features: T, index: T): T;
  /** Flattens `[B,T,D]` to rows and takes those named by `rows` `[N]` -> `[N,D]`. */
  takeRows(x: T, rows: T): T;
  /** The same values in their order as rows `[N,width]`. */
  asRows(x: T, width: number): T;
  /** Columns `start` to `end` (not included) of rows `[N,D]`. */
  columns(x: T, start: number, end: number): T;
  /** Flattens `[I,P,D]` to `[I*P,D]`. */
  flattenRows(x: T): T;
  /**
   * `compute(x, context)`, as one part of the network: with gradient checkpointing only x is kept of it, and the rest
   * computed again when its gradient is wanted. `compute` must take every value that it did not make itself from its
   * arguments; no gradient flows into `context`. The modules whose names begin with `name` belong to it.
   */
  layer<C extends LayerContext<T>>(name: string, x: T, context: C, compute: (x: T, context: C) => T): T;
}

export type LayerContext<T> = Readonly<Record<string, T | null>>;

/**
 * LoRA as inputs of the network, by module: y += (x . down . up) * scale, with down `[in,R]` and up `[R,out]`; PEFT's A
 * is down transposed, its B is up transposed. Where the rows of a batch have different adapters, or none, R holds the
 * ranks of all of them side by side, and `rankMask` `[B,1,R]` is 1 where a rank belongs to the row's adapter, else 0.
 */
export interface LoraPair<T> {
  down: T;
  up: T;
  scale: number;
}
export interface LoraInputs<T> {
  pairs: ReadonlyMap<string, LoraPair<T>>;
  rankMask?: T;
}

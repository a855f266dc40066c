/**
 * The functions of a network that have a gradient of their own: fewer and faster operations than the tape of tfjs would
 * record, and none for what is frozen.
 *
 * `Functions` has two forms: `recording`, where each function is one node on the tape, and without, where only the value
 * is computed, as generation wants it. What a gradient needs must be saved, unless it outlives the tape (weights do):
 * tfjs disposes everything else that was made while it recorded.
 * Shapes: N rows of a matrix, C columns; batches of matrices are `[..., rows, columns]`.
 */
import type { Tensor, Tensor1D, Tensor2D } from '@tensorflow/tfjs-core';
import type { Tf } from './backend.ts';

type Save = (tensors: Tensor[]) => void;
type Gradients = (dy: Tensor, saved: Tensor[]) => Tensor | Tensor[];

/** A frozen matrix `[in,out]`, in the layouts that a backend is fast with. */
export interface FrozenMatrix {
  /** `[in,out]`, or `[out,in]` where `transposed`. */
  forward: Tensor2D;
  transposed: boolean;
  /** `[out,in]` for the gradient, made when first asked for. */
  backward(): Tensor2D;
}

const SQRT_2_OVER_PI = Math.sqrt(2 / Math.PI);
const GELU_CUBIC = 0.044715;

export class Functions {
  constructor(
    readonly tf: Tf,
    private readonly recording: boolean,
  ) {}

  /** x `[N,in]` times a frozen matrix; gradient for x only. */
  frozenProduct(x: Tensor2D, matrix: FrozenMatrix): Tensor2D {
    return this.node([x], () => ({
      value: this.tf.matMul(x, matrix.forward, false, matrix.transposed),
      gradFunc: (dy) => this.tf.matMul(dy as Tensor2D, matrix.backward()),
    })) as Tensor2D;
  }

  /** x / sqrt(mean(x^2) + eps) * factor over the last axis; gradient for x, and for the factor where it is trained. */
  rmsNorm(x: Tensor, factor: Tensor, eps: number, trained: boolean): Tensor {
    const { tf } = this;
    return this.node(trained ? [x, factor] : [x], (save) => {
      const scale = tf.rsqrt(tf.add(tf.mean(tf.square(x), -1, true), eps));
      const normed = tf.mul(x, scale);
      save(trained ? [normed, scale, factor] : [normed, scale]);
      return {
        value: tf.mul(normed, factor),
        gradFunc: (dy, [normed_, scale_, factor_]) => {
          const g = tf.mul(dy, factor_ ?? factor);
          const along = tf.mean(tf.mul(g, normed_!), -1, true);
          const dx = tf.mul(tf.sub(g, tf.mul(normed_!, along)), scale_!);
          return trained ? [dx, this.overRows(tf.mul(dy, normed_!))] : dx;
        },
      };
    });
  }

  /** Sum over all axes but the last. */
  private overRows(x: Tensor): Tensor {
    return this.tf.sum(
      x,
      x.shape.slice(0, -1).map((_, i) => i),
    );
  }

  /**
   * 0.5 x (1 + tanh(sqrt(2/pi) (x + 0.044715 x^3))), computed as x sigmoid(2 u), which is the same function.
   */
  geluTanh(x: Tensor): Tensor {
    const { tf } = this;
    return this.node([x], (save) => {
      const square = tf.square(x);
      const twiceU = tf.mul(x, tf.add(tf.mul(square, 2 * SQRT_2_OVER_PI * GELU_CUBIC), 2 * SQRT_2_OVER_PI));
      const gate = tf.sigmoid(twiceU);
      save([x, square, gate]);
      return {
        value: tf.mul(x, gate),
        gradFunc: (dy, [x_, square_, gate_]) => {
          const slope = tf.add(tf.mul(square_!, 6 * SQRT_2_OVER_PI * GELU_CUBIC), 2 * SQRT_2_OVER_PI);
          const gateSlope = tf.mul(tf.mul(gate_!, tf.sub(1, gate_!)), slope);
          return tf.mul(dy, tf.add(gate_!, tf.mul(x_!, gateSlope)));
        },
      };
    });
  }

  /**
   * Rotary embedding of `[B,H,T,C]`: x cos + swap(x) sin, where swap exchanges the halves of the last axis; cos `[B,1,T,C]`
   * has both halves the same, sin has its first half negated.
   */
  rope(x: Tensor, cos: Tensor, sin: Tensor): Tensor {
    const { tf } = this;
    return this.node([x], (save) => {
      save([cos, sin]);
      return {
        value: tf.add(tf.mul(x, cos), tf.mul(this.swapHalves(x), sin)),
        gradFunc: (dy, [cos_, sin_]) => tf.sub(tf.mul(dy, cos_!), tf.mul(this.swapHalves(dy), sin_!)),
      };
    });
  }

  private swapHalves(x: Tensor): Tensor {
    const half = x.shape[3]! / 2;
    const [low, high] = this.tf.split(x, [half, half], 3);
    return this.tf.concat([high!, low!], 3);
  }

  /** softmax(q k^T * scale + bias) v for batches of heads: q `[B,K,M,C]`, k and v `[B,K,S,C]`, bias `[B,1,M,S]`. */
  attention(q: Tensor, k: Tensor, v: Tensor, bias: Tensor | null, scale: number): Tensor {
    const { tf } = this;
    return this.node([q, k, v], (save) => {
      const scores = tf.matMul(tf.mul(q, scale), k, false, true);
      const weights = tf.softmax(bias ? tf.add(scores, bias) : scores);
      save([q, k, v, weights]);
      return {
        value: tf.matMul(weights, v),
        gradFunc: (dy, [q_, k_, v_, w]) => {
          const dw = tf.mul(tf.matMul(dy, v_!, false, true), w!);
          const ds = tf.mul(tf.sub(dw, tf.mul(w!, tf.sum(dw, -1, true))), scale);
          return [tf.matMul(ds, k_!), tf.matMul(ds, q_!, true), tf.matMul(w!, dy, true)];
        },
      };
    });
  }

  /** Rows of table `[M,C]` by index `[N]`; the gradient adds rows up where an index comes twice. */
  gatherRows(table: Tensor2D, index: Tensor1D): Tensor2D {
    const { tf } = this;
    return this.node([table], (save) => {
      save([index]);
      return {
        value: tf.gather(table, index),
        gradFunc: (dy, [index_]) => tf.scatterND(tf.expandDims(index_!, 1), dy, table.shape),
      };
    }) as Tensor2D;
  }

  /** Where mask `[N,1]` is 1, the row of y `[N,C]`, elsewhere of x. */
  choose(mask: Tensor, y: Tensor, x: Tensor): Tensor {
    const { tf } = this;
    return this.node([y, x], (save) => {
      save([mask]);
      return {
        value: tf.where(tf.cast(mask, 'bool'), y, x),
        gradFunc: (dy, [mask_]) => {
          const dyOfY = tf.mul(dy, mask_!);
          return [dyOfY, tf.sub(dy, dyOfY)];
        },
      };
    });
  }

  /** log softmax of logits `[N,V]` at targets `[N]`, in nats: `[N]`. */
  logProbabilities(logits: Tensor2D, targets: Tensor1D): Tensor1D {
    const { tf } = this;
    return this.node([logits], (save) => {
      const logs = tf.logSoftmax(logits);
      save([logs, targets]);
      const hot = (of: Tensor) => tf.oneHot(of, logits.shape[1]);
      return {
        value: tf.sum(tf.mul(logs, hot(targets)), -1),
        gradFunc: (dy, [logs_, targets_]) => tf.mul(tf.sub(hot(targets_!), tf.exp(logs_!)), tf.expandDims(dy, 1)),
      };
    }) as Tensor1D;
  }

  private node(inputs: Tensor[], compute: (save: Save) => { value: Tensor; gradFunc: Gradients }): Tensor {
    if (!this.recording) return compute(() => {}).value;
    return this.tf.customGrad((...args) => {
      const save = args[args.length - 1] as unknown as Save;
      const { value, gradFunc } = compute(save);
      // tfjs would keep what a gradient makes on its way until the whole backward pass is done.
      return { value, gradFunc: (dy: Tensor, saved: Tensor[]) => this.tf.tidy(() => gradFunc(dy, saved)) };
    })(...inputs);
  }
}

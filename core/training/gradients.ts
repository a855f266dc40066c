/** Loss and gradients of one micro-batch, as numbers on the host; every tensor that was made for it is gone afterwards. */
import type { Scalar, Tensor } from '@tensorflow/tfjs-core';
import type { Tf } from '../tensor/tfjs/backend.ts';
import type { Parameter } from './optimizer.ts';

export interface LossAndGradients {
  loss: number;
  /** In the order of the parameters. */
  gradients: Float32Array[];
  /**
   * Most bytes of tensors: weights, activations, what the tape keeps; when the forward pass was done or, with checkpointing, a
   * layer's was done again. An engine that cannot count them says null.
   */
  tensorBytes: number | null;
}

/** A loss of parameters as tensors, by name; it must use every one of them, and may call `watch` when it holds most. */
export type TapedLoss = (tensors: ReadonlyMap<string, Tensor>, watch: () => void) => Scalar;

export function lossAndGradients(tf: Tf, parameters: readonly Parameter[], loss: TapedLoss): LossAndGradients {
  // tidy looks through whatever it is given back for tensors, number by number; so the numbers leave another way.
  const result = { loss: Number.NaN, gradients: [] as Float32Array[], tensorBytes: 0 };
  const watch = () => {
    result.tensorBytes = Math.max(result.tensorBytes, tf.memory().numBytes);
  };
  tf.tidy(() => {
    const inputs = parameters.map(({ value, shape }) => tf.tensor(value, [...shape]));
    const byName = (tensors: readonly Tensor[]) => new Map(parameters.map(({ name }, i) => [name, tensors[i]!]));
    const { value, grads } = tf.valueAndGrads((...tensors: Tensor[]) => {
      const scalar = loss(byName(tensors), watch);
      watch();
      return scalar;
    })(inputs);
    result.loss = value.dataSync()[0]!;
    for (const grad of grads) result.gradients.push(grad.dataSync() as Float32Array);
  });
  return result;
}

/** Adds `more` to `sum` in place; `null` sum gives `more` itself. */
export function accumulate(sum: LossAndGradients | null, more: LossAndGradients): LossAndGradients {
  if (sum === null) return more;
  sum.gradients.forEach((total, p) => {
    const part = more.gradients[p]!;
    for (let i = 0; i < total.length; i++) total[i]! += part[i]!;
  });
  const tensorBytes = sum.tensorBytes === null ? null : Math.max(sum.tensorBytes, more.tensorBytes ?? 0);
  return { loss: sum.loss + more.loss, gradients: sum.gradients, tensorBytes };
}

/** The parameters as tensors, for passes without gradient; call inside `tf.tidy`. */
export function asTensors(tf: Tf, parameters: readonly Parameter[]): Map<string, Tensor> {
  return new Map(parameters.map(({ name, value, shape }) => [name, tf.tensor(value, [...shape])]));
}

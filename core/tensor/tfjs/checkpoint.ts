/**
 * Gradient checkpointing on the tape of tfjs (Chen et al. 2016, arXiv 1604.06174): of a layer the tape keeps what goes in;
 * when its gradient is wanted, the layer is computed once more on a tape of its own. The numbers are the same, because the
 * same operations run on the same values.
 *
 * tfjs 4.22 has one active tape. Differentiating inside a gradient would overwrite it, so it is put aside meanwhile
 * (`EngineState.activeTape`; engine.js, `gradients`).
 */
import type { Tensor } from '@tensorflow/tfjs-core';
import type { LayerContext } from '../ops.ts';
import type { Tf } from './backend.ts';

export interface Checkpointing {
  /** Called when a layer's activations are there again: the moment when most memory is used. */
  watch(): void;
}

/**
 * @param parameters every tensor besides x that gradients flow into
 * @returns compute(x, context)
 */
export function checkpointed<C extends LayerContext<Tensor>>(
  tf: Tf,
  { watch }: Checkpointing,
  x: Tensor,
  context: C,
  parameters: readonly Tensor[],
  compute: (x: Tensor, context: C) => Tensor,
): Tensor {
  const names = Object.keys(context).filter((name) => context[name] !== null);
  const operation = tf.customGrad((...args) => {
    const save = args[args.length - 1] as unknown as (tensors: Tensor[]) => void;
    save([x, ...names.map((name) => context[name]!)]);
    const gradFunc = (dy: Tensor, [input, ...kept]: Tensor[]) => {
      const again = { ...context, ...Object.fromEntries(names.map((name, i) => [name, kept[i]!])) };
      const forward = () => {
        const y = compute(input!, again);
        watch();
        return y;
      };
      return gradientsInside(tf, forward, [input!, ...parameters], dy);
    };
    return { value: compute(x, context), gradFunc };
  });
  return operation(x, ...parameters);
}

function gradientsInside(tf: Tf, forward: () => Tensor, inputs: Tensor[], dy: Tensor): Tensor[] {
  const { state } = tf.engine();
  const outer = state.activeTape;
  try {
    const { value, grads } = tf.engine().gradients(forward, inputs, dy);
    value.dispose();
    return grads;
  } finally {
    state.activeTape = outer;
  }
}

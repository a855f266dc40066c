/**
 * A text model with the gradient of its LoRA pairs as one ONNX graph. Inputs are those of the language graph without a cache
 * (graphs.ts), `targets` `[N]`, the pairs and masks of dropout (tensor/onnx/gradient/ops.ts), and what the loss adds. Outputs:
 * `logps`, `entropy` and `best` `[N]` of the targets' positions and, with a loss, `<module>.down.grad`, `<module>.up.grad`.
 */

import { GradientOps, type GradientOpsOptions } from '../tensor/onnx/gradient/ops.ts';
import { type EncodedGraph, OnnxGraph, type Value } from '../tensor/onnx/graph.ts';
import type { LocateWeight } from '../tensor/onnx/ops.ts';
import { languageInputs } from './graphs.ts';
import type { Network } from './network.ts';

/** Records the gradient of the loss by the log-probabilities `[N]`. */
export type RecordSeed = (ops: GradientOps, graph: OnnxGraph, logps: Value) => Value;

export interface GradientGraphOptions extends GradientOpsOptions {
  temperature: number;
  /** null: only the log-probabilities are wanted. */
  seed: RecordSeed | null;
}

export const SCORES = ['logps', 'entropy', 'best'] as const;

export const gradientName = (parameter: string): string => `${parameter}.grad`;

export function gradientGraph(network: Network, locate: LocateWeight, options: GradientGraphOptions): EncodedGraph {
  const graph = new OnnxGraph('gradient');
  const ops = new GradientOps(graph, locate, options);
  const inputs = { ...languageInputs(network, graph), past: null };
  ops.shapedBy(inputs.ids);
  const { logits } = network.languageModel(ops, inputs);
  const scores = ops.pulls.logProbabilities(logits, graph.input('targets', 'int32', ['N']), options.temperature);
  if (options.seed) ops.tape.backward(scores.logps, options.seed(ops, graph, scores.logps));
  for (const name of SCORES) graph.output(scores[name], name, name === 'best' ? 'int32' : 'float');
  if (options.seed) {
    for (const { module, down, up } of ops.trained) {
      graph.output(ops.tape.gradientOf(down)!, gradientName(`${module}.down`), 'float');
      graph.output(ops.tape.gradientOf(up)!, gradientName(`${module}.up`), 'float');
    }
  }
  return graph.encode();
}

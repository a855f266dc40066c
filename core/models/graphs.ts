/** A network as two ONNX graphs: one for images, one for text. Names of inputs and outputs are those used by onnxRunner.ts. */

import { opsFor } from '../tensor/onnx/gpuOps.ts';
import { type DataType, type Dimension, type EncodedGraph, OnnxGraph, type Value } from '../tensor/onnx/graph.ts';
import type { LocateWeight, OnnxOps, OnnxOpsOptions } from '../tensor/onnx/ops.ts';
import { layerKinds } from './config.ts';
import type { ByKind, LanguageInputs, Network, Watch } from './network.ts';

/** Both graphs can give intermediate values too, under the names that the network gives them. */
type Watched = readonly string[];

/** The network's own image inputs -> `features` `[M,D]`. */
export function visionGraph(
  network: Network,
  locate: LocateWeight,
  options: OnnxOpsOptions = {},
  watched: Watched = [],
): EncodedGraph {
  const graph = new OnnxGraph('vision');
  recordVision(network, graph, opsFor(graph, locate, options), watched);
  return graph.encode();
}

export function recordVision(network: Network, graph: OnnxGraph, ops: OnnxOps, watched: Watched = []): void {
  const inputs: Record<string, Value> = {};
  for (const [name, { kind, shape }] of Object.entries(network.imageSignature))
    inputs[name] = graph.input(name, kind === 'rows' ? 'int32' : 'float', shape);
  const features = network.encodeImages(ops, inputs, watch(graph, watched));
  graph.output(features, 'features', 'float');
}

/**
 * Inputs: `ids` (or embeddings: tensor/onnx/ops.ts), `imageIndex` `[B,T]`; `imageFeatures` `[M,D]`; `cos.<kind>`,
 * `sin.<kind>` `[B,T,C/2]` and `bias.<kind>` `[B,1,T,S]` for each kind of layer; `rows` `[N]`; `past.key.<i>`,
 * `past.value.<i>` `[P,B,K*C]` (P may be 0); those of LoRA (tensor/onnx/ops.ts). Outputs: `logits` `[N,V]`; `key.<i>`,
 * `value.<i>` `[T,B,K*C]`, to be joined to the past ones.
 */
export function languageGraph(
  network: Network,
  locate: LocateWeight,
  options: OnnxOpsOptions = {},
  watched: Watched = [],
): EncodedGraph {
  const graph = new OnnxGraph('language');
  recordLanguage(network, graph, opsFor(graph, locate, options), watched);
  return graph.encode();
}

/** The inputs that the language model has in every graph. */
export function languageInputs(network: Network, graph: OnnxGraph): Omit<LanguageInputs<Value>, 'past'> {
  const { text } = network.config;
  const byKind = (name: string, type: DataType, shape: Dimension[]): ByKind<Value> =>
    Object.fromEntries(layerKinds(text).map((kind) => [kind, graph.input(`${name}.${kind}`, type, shape)]));
  return {
    ids: graph.input('ids', 'int32', ['B', 'T']),
    imageIndex: graph.input('imageIndex', 'int32', ['B', 'T']),
    imageFeatures: graph.input('imageFeatures', 'float', ['M', text.width]),
    cos: byKind('cos', 'float', ['B', 'T', text.headWidth / 2]),
    sin: byKind('sin', 'float', ['B', 'T', text.headWidth / 2]),
    bias: byKind('bias', 'float', ['B', 1, 'T', 'S']),
    rows: graph.input('rows', 'int32', ['N']),
  };
}

export function recordLanguage(network: Network, graph: OnnxGraph, ops: OnnxOps, watched: Watched = []): void {
  const { text } = network.config;
  const past = (name: string) =>
    text.layerTypes.map((_, i) => ops.cacheInput(`past.${name}.${i}`, text.keyValueHeads, text.headWidth));
  const inputs = {
    ...languageInputs(network, graph),
    past: { keys: past('key'), values: past('value') },
  };
  const { logits, keys, values } = network.languageModel(ops, inputs, watch(graph, watched));
  graph.output(logits, 'logits', 'float');
  for (const [i, key] of keys.entries()) graph.output(ops.newInCache(key), `key.${i}`, 'float');
  for (const [i, value] of values.entries()) graph.output(ops.newInCache(value), `value.${i}`, 'float');
}

function watch(graph: OnnxGraph, watched: Watched): Watch<Value> | undefined {
  if (watched.length === 0) return undefined;
  return (name, value) => {
    if (watched.includes(name)) graph.output(value, name, 'float');
  };
}

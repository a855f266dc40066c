/**
 * Whether a GPU computes here: found out by trying, as nothing else tells. ONNX Runtime's WebGPU provider comes with the
 * package on Linux x64, Windows and macOS (arm64), and runs on Vulkan, Direct3D 12 or Metal. Nothing is tried before a GPU
 * is asked for.
 */
import { toErrorData } from '../../base/errors.ts';
import { OnnxGraph, type Value } from './graph.ts';
import { OnnxSession } from './session.ts';

export interface Gpu {
  /** null: it computes; else why not, as a sentence. */
  missing: string | null;
  /** The same of float16 (WebGPU's feature shader-f16). */
  halfMissing: string | null;
}

let found: Promise<Gpu> | undefined;

/** Tried once in a process. */
export function findGpu(): Promise<Gpu> {
  found ??= tryGpu();
  return found;
}

async function tryGpu(): Promise<Gpu> {
  const missing = await failure((graph, x) => graph.node('Mul', [x, graph.float(2)]));
  if (missing !== null) return { missing, halfMissing: missing };
  const halfMissing = await failure((graph, x) => {
    const half = graph.node('Cast', [x], { to: 10 });
    return graph.node('Cast', [graph.node('Add', [half, half])], { to: 1 });
  });
  return { missing, halfMissing };
}

/** Why x -> 2 x does not compute; null: it does. */
async function failure(twice: (graph: OnnxGraph, x: Value) => Value): Promise<string | null> {
  const graph = new OnnxGraph('probe');
  graph.output(twice(graph, graph.input('x', 'float', ['N'])), 'y', 'float', ['N']);
  try {
    const session = await OnnxSession.open(graph.encode(), { threads: 1, device: 'webgpu' });
    const { y } = await session.run({ x: { data: Float32Array.of(1.5, -4), shape: [2] } }, ['y']);
    await session.release();
    return y?.data[0] === 3 && y.data[1] === -8 ? null : 'The GPU computes wrong numbers.';
  } catch (error) {
    return toErrorData(error).message.replace(/^.*(Status Message:|was false\.) */, '');
  }
}

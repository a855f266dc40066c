/** ONNX Runtime itself: loaded on first use, so that a machine where it cannot be loaded still has the other executors. */
import type * as Ort from 'onnxruntime-node';
import { WorkbenchError } from '../../base/errors.ts';
import type { EncodedGraph } from './graph.ts';

let runtime: Promise<typeof Ort> | undefined;

/** Throws ONNXRUNTIME_UNAVAILABLE, with the loader's own words, where the native library cannot be loaded. */
export function loadOnnxRuntime(): Promise<typeof Ort> {
  runtime ??= importRuntime().catch((error: unknown) => {
    const cause = error instanceof Error ? error.message.split('\n')[0]! : String(error);
    throw new WorkbenchError('ONNXRUNTIME_UNAVAILABLE', `ONNX Runtime cannot be loaded here: ${cause}`, {
      platform: process.platform,
      arch: process.arch,
    });
  });
  return runtime;
}

/** A CommonJS package: its exports are under `default`, whichever of them could be named besides. */
async function importRuntime(): Promise<typeof Ort> {
  const module = (await import('onnxruntime-node')) as typeof Ort & { default?: typeof Ort };
  return module.default ?? module;
}

export interface OnnxSettings {
  threads: number;
}

export async function openSession(graph: EncodedGraph, settings: OnnxSettings): Promise<Ort.InferenceSession> {
  const { InferenceSession } = await loadOnnxRuntime();
  const folder = graph.externalRoot;
  return InferenceSession.create(graph.bytes, {
    intraOpNumThreads: settings.threads,
    interOpNumThreads: 1,
    executionMode: 'sequential',
    graphOptimizationLevel: 'all',
    logSeverityLevel: 3,
    extra: { session: folder === null ? {} : { model_external_initializers_file_folder_path: folder } },
  });
}

/** The training engines that are here: tfjs on each backend, and ONNX Runtime. */
import { openModelFolder } from '../../core/models/modelFolder.ts';
import { openOnnxTrainable } from '../../core/models/onnxTrainable.ts';
import type { TrainingEngine } from '../../core/training/engine.ts';
import { OnnxEngine } from '../../core/training/onnxEngine.ts';
import { asEngine } from '../../core/training/tfjsEngine.ts';
import { backendsHere, loadTrainable } from './tinyModel.ts';

export type EngineName = 'tensorflow' | 'wasm' | 'onnxruntime';

export async function enginesHere(): Promise<EngineName[]> {
  return [...(await backendsHere()), 'onnxruntime'];
}

/** Two threads: as many as the smallest machine that this is tested on has. */
export async function openEngine(folder: string, name: EngineName): Promise<TrainingEngine> {
  if (name !== 'onnxruntime') return asEngine((await loadTrainable(folder, name)).model);
  return new OnnxEngine(await openOnnxTrainable(await openModelFolder(folder), { threads: 2 }));
}

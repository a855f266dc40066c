/**
 * A GPU for tests: the software Vulkan that `scripts/setup-lavapipe.sh` made, else the machine's own, else SwiftShader, which
 * Chromium and Electron bring with them (f32 only, and minutes for what lavapipe does in one). CHEXREASON_VULKAN_ICD names
 * another driver's manifest.
 */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'vitest';
import { findGpu, type Gpu } from '../../core/tensor/onnx/gpu.ts';

const LAVAPIPE = join(import.meta.dirname, '../../.cache/lavapipe/icd.json');
const SWIFTSHADER = [
  '/usr/lib/chromium/vk_swiftshader_icd.json',
  join(process.env['CHEXREASON_ELECTRON_DIST'] ?? '', 'vk_swiftshader_icd.json'),
];

const own = existsSync('/dev/dri');
const named = [process.env['CHEXREASON_VULKAN_ICD'], LAVAPIPE].find((path) => path !== undefined && existsSync(path));
const manifest = named ?? (own ? undefined : SWIFTSHADER.find((path) => existsSync(path)));
// Before the first session of this process: the Vulkan loader reads the variable once.
if (manifest !== undefined) process.env['VK_ICD_FILENAMES'] ??= manifest;

const gpu: Gpu = await findGpu();
export const gpuMissing = gpu.missing;
export const halfMissing = gpu.halfMissing;

/** Why whole models are not run on it; null: they are. */
export const modelsMissing =
  gpuMissing ??
  (manifest !== undefined && manifest !== named ? 'SwiftShader takes minutes; run scripts/setup-lavapipe.sh' : null);

/** A `describe` that runs where a GPU computes whole models, and is skipped, saying so, where none does. */
export function describeGpu(title: string, body: () => void): void {
  if (modelsMissing === null) describe(title, body);
  else it.skip(`${title} (skipped: ${modelsMissing})`, () => {});
}

/** Runs a body on each executor that is there: ONNX Runtime and wasm always, libtensorflow where it was built. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { describe } from 'vitest';
import type { ExecutorChoice } from '../../core/models/openRunner.ts';

const addon = join(import.meta.dirname, '../../node_modules/@tensorflow/tfjs-node-gpu/lib');

export function describeExecutors(title: string, body: (executor: ExecutorChoice) => void): void {
  for (const executor of ['onnxruntime-cpu', 'tfjs-wasm'] as const)
    describe(`${title} on ${executor}`, () => body(executor));
  const executor = 'tfjs-tensorflow';
  if (existsSync(addon)) describe(`${title} on ${executor}`, () => body(executor));
  else describe.skip(`${title} on ${executor} (skipped: npm run setup:tensorflow was not run)`, () => body(executor));
}

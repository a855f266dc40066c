/** Runs a body on each backend of tfjs that is there: wasm always, tensorflow where its addon was built. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { describe } from 'vitest';
import type { TfjsBackend } from '../../core/tensor/tfjs/backend.ts';

const addon = join(import.meta.dirname, '../../node_modules/@tensorflow/tfjs-node-gpu/lib');

export function describeBackends(title: string, body: (backend: TfjsBackend) => void): void {
  describe(`${title} on wasm`, () => body('wasm'));
  if (existsSync(addon)) describe(`${title} on tensorflow`, () => body('tensorflow'));
  else
    describe.skip(`${title} on tensorflow (skipped: npm run setup:tensorflow was not run)`, () => body('tensorflow'));
}

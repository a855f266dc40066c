/** Runs a body on each executor that is there: ONNX Runtime and wasm always, libtensorflow where it was built. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { describe } from 'vitest';
import type { ExecutorChoice } from '../../core/models/openRunner.ts';
import type { KvCache, Runner } from '../../core/models/runner.ts';

const addon = join(import.meta.dirname, '../../node_modules/@tensorflow/tfjs-node-gpu/lib');

export function describeExecutors(title: string, body: (executor: ExecutorChoice) => void): void {
  for (const executor of ['onnxruntime-cpu', 'tfjs-wasm'] as const)
    describe(`${title} on ${executor}`, () => body(executor));
  const executor = 'tfjs-tensorflow';
  if (existsSync(addon)) describe(`${title} on ${executor}`, () => body(executor));
  else describe.skip(`${title} on ${executor} (skipped: npm run setup:tensorflow was not run)`, () => body(executor));
}

/** The same runner; `count` says how many caches it made, and how many of them were disposed. */
export function countCaches(runner: Runner, count: { made: number; disposed: number }): Runner {
  const counted = (cache: KvCache): KvCache => {
    count.made++;
    const dispose = cache.dispose.bind(cache);
    cache.dispose = () => {
      count.disposed++;
      dispose();
    };
    return cache;
  };
  return {
    executor: runner.executor,
    precision: runner.precision,
    info: runner.info,
    encodeImages: (images) => runner.encodeImages(images),
    positions: (ids, grids) => runner.positions(ids, grids),
    async forward(input) {
      const output = await runner.forward(input);
      if (output.cache) counted(output.cache);
      return output;
    },
    selectRows: async (cache, rows) => counted(await runner.selectRows(cache, rows)),
    shorten: async (cache, length) => counted(await runner.shorten(cache, length)),
    dispose: () => runner.dispose(),
  };
}

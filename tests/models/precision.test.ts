/** The same checkpoint in other precisions: near the reference, made once, made again where the cache is damaged. */
import { mkdtemp, readdir, rm, stat, truncate, utimes } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { formFile, linearLayers, removeForms, storedForms } from '../../core/models/convertedWeights.ts';
import { openModelFolder } from '../../core/models/modelFolder.ts';
import { openRunner, usefulPrecision } from '../../core/models/openRunner.ts';
import type { Runner } from '../../core/models/runner.ts';

const BASE = join(import.meta.dirname, '../../resources/models/base');
let cacheDir: string;
beforeAll(async () => {
  cacheDir = await mkdtemp(join(tmpdir(), 'precision-'));
});
afterAll(() => rm(cacheDir, { recursive: true }));

const LENGTH = 24;
async function logits(runner: Runner): Promise<Float32Array> {
  const { logits } = await runner.forward({
    batch: 1,
    length: LENGTH,
    inputIds: Int32Array.from({ length: LENGTH }, (_, i) => 300 + 7 * i),
    attentionMask: new Uint8Array(LENGTH).fill(1),
    positionIds: Int32Array.from({ length: LENGTH }, (_, i) => i),
    logitsAt: Int32Array.from({ length: LENGTH }, (_, i) => i),
    keepCache: false,
  });
  return logits;
}

/** Root mean square of the difference, relative to that of the reference. */
function distance(a: Float32Array, b: Float32Array): number {
  const power = (values: Float32Array) => values.reduce((sum, value) => sum + value * value, 0);
  return Math.sqrt(power(a.map((value, i) => value - b[i]!)) / power(b));
}

describe('the shipped base', () => {
  let reference: Float32Array;
  beforeAll(async () => {
    const runner = await openRunner({ model: BASE, threads: 1 });
    reference = await logits(runner);
    await runner.dispose();
  });

  it.each([
    ['int8', 0.03],
    ['int4', 0.25],
  ] as const)('in %s is near f32, and takes the disk that it says', async (precision, bound) => {
    const runner = await openRunner({ model: BASE, threads: 1, precision, cacheDir });
    expect(runner.precision).toBe(precision);
    const far = distance(await logits(runner), reference);
    expect(far).toBeGreaterThan(0);
    expect(far).toBeLessThan(bound);
    const file = formFile(cacheDir, runner.info.weightsHash, precision);
    expect(await storedForms(cacheDir, runner.info.weightsHash)).toContainEqual({
      file,
      bytes: (await stat(file)).size,
    });
    await runner.dispose();
  });

  it('is converted once, and again where its file is cut off', async () => {
    const { info } = await openModelFolder(BASE);
    const file = formFile(cacheDir, info.weightsHash, 'int8');
    const open = async () => (await openRunner({ model: BASE, threads: 1, precision: 'int8', cacheDir })).dispose();
    await open();
    const old = new Date('2020-01-01');
    await utimes(file, old, old);
    await open();
    expect((await stat(file)).mtime).toEqual(old);
    const { size } = await stat(file);
    await truncate(file, size - 1);
    await open();
    expect((await stat(file)).size).toBe(size);
  });

  it('leaves nothing behind where it is cancelled', async () => {
    const elsewhere = await mkdtemp(join(tmpdir(), 'precision-cancelled-'));
    const work = { signal: AbortSignal.abort(), report: () => {} };
    await expect(
      openRunner({ model: BASE, threads: 1, precision: 'int4', cacheDir: elsewhere, work }),
    ).rejects.toMatchObject({ code: 'CANCELLED' });
    expect(await readdir(join(elsewhere, 'weights'))).toEqual([]);
    await rm(elsewhere, { recursive: true });
  });

  it('is removed from the cache on request', async () => {
    const { info } = await openModelFolder(BASE);
    const before = await storedForms(cacheDir, info.weightsHash);
    expect(await removeForms(cacheDir, info.weightsHash)).toBe(before.reduce((sum, { bytes }) => sum + bytes, 0));
    expect(await storedForms(cacheDir)).toEqual([]);
  });

  it('refuses what the runtime has no kernels for', async () => {
    for (const wrong of [{ precision: 'f16' }, { precision: 'int8', executor: 'tfjs-wasm' }] as const)
      await expect(openRunner({ model: BASE, cacheDir, ...wrong })).rejects.toMatchObject({
        code: 'PRECISION_UNAVAILABLE',
      });
  });
});

it('knows every linear layer of the network', async () => {
  const { network } = await openModelFolder(BASE);
  const layers = linearLayers(network);
  for (const module of network.linears.keys()) expect(layers.has(module)).toBe(true);
  expect(layers.get('language.embed_tokens')?.weight).toBe('language.embed_tokens.weight');
  expect([...layers.keys()].some((name) => name.startsWith('vision.'))).toBe(true);
});

it('chooses f32 where it fits well', () => {
  expect(usefulPrecision(1e6, 2 ** 34)).toBe('f32');
  expect(usefulPrecision(4.3e9, 2 ** 34)).toBe('int8');
});

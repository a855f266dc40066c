import { mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ImageFeatureCache } from '../../core/generation/imageFeatureCache.ts';
import type { ImageFeatures } from '../../core/models/runner.ts';

const key = (imageHash: string) => ({ imageHash, preprocessing: 'phantom', baseHash: 'base' });
/** 24 bytes. */
const features = (value: number): ImageFeatures => ({
  data: new Float32Array(6).fill(value),
  width: 3,
  grids: [[1, 2]],
});

/** Counts how often features were computed. */
function encoder() {
  const computed: number[] = [];
  const compute = (value: number) => async () => {
    computed.push(value);
    return features(value);
  };
  return { computed, compute };
}

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'chexreason-features-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

describe('ImageFeatureCache', () => {
  it('computes a film once, also when it is asked for twice at once, and gives the same array', async () => {
    const cache = new ImageFeatureCache();
    const { computed, compute } = encoder();
    const [a, b] = await Promise.all([cache.get(key('film'), compute(1)), cache.get(key('film'), compute(2))]);
    const c = await cache.get(key('film'), compute(3));
    expect(computed).toEqual([1]);
    expect(b.data).toBe(a.data);
    expect(c.data).toBe(a.data);
  });

  it('tells films, preprocessings and bases apart', async () => {
    const cache = new ImageFeatureCache();
    const { computed, compute } = encoder();
    await cache.get(key('film'), compute(1));
    await cache.get({ ...key('film'), preprocessing: 'other' }, compute(2));
    await cache.get({ ...key('film'), baseHash: 'other' }, compute(3));
    expect(computed).toEqual([1, 2, 3]);
  });

  it('drops the least recently used beyond its bytes', async () => {
    const cache = new ImageFeatureCache({ maxBytes: 48 });
    const { computed, compute } = encoder();
    await cache.get(key('a'), compute(1));
    await cache.get(key('b'), compute(2));
    await cache.get(key('a'), compute(1));
    await cache.get(key('c'), compute(3));
    expect(cache.bytes).toBe(48);
    await cache.get(key('a'), compute(1));
    await cache.get(key('b'), compute(4));
    expect(computed).toEqual([1, 2, 3, 4]);
  });

  it('finds what an earlier run wrote, and computes again what is damaged', async () => {
    const { computed, compute } = encoder();
    await new ImageFeatureCache({ folder, worthSeconds: 0 }).get(key('film'), compute(7));
    const found = await new ImageFeatureCache({ folder, worthSeconds: 0 }).get(key('film'), compute(8));
    expect(found).toEqual(features(7));
    writeFileSync(join(folder, readdirSync(folder)[0]!), 'damaged');
    expect((await new ImageFeatureCache({ folder, worthSeconds: 0 }).get(key('film'), compute(9))).data[0]).toBe(9);
    expect(await new ImageFeatureCache({ folder, worthSeconds: 0 }).get(key('film'), compute(10))).toEqual(features(9));
    expect(computed).toEqual([7, 9]);
  });

  it('writes only what took long, and keeps the folder within its bytes, the last used staying', async () => {
    const { compute } = encoder();
    await new ImageFeatureCache({ folder }).get(key('quick'), compute(1));
    expect(readdirSync(folder)).toEqual([]);
    const cache = () => new ImageFeatureCache({ folder, worthSeconds: 0, maxDiskBytes: 400 });
    const first = cache();
    await first.get(key('a'), compute(1));
    const { size } = statSync(join(folder, readdirSync(folder)[0]!));
    expect(size * 2).toBeLessThan(400);
    expect(size * 3).toBeGreaterThan(400);
    await first.get(key('b'), compute(2));
    await cache().get(key('a'), compute(9));
    await cache().get(key('c'), compute(3));
    const kept = encoder();
    for (const film of ['a', 'c', 'b']) await cache().get(key(film), kept.compute(8));
    expect(kept.computed).toEqual([8]);
  });

  it('forgets a failure', async () => {
    const cache = new ImageFeatureCache({ folder });
    await expect(cache.get(key('film'), () => Promise.reject(new Error('no memory')))).rejects.toThrow('no memory');
    expect(await cache.get(key('film'), async () => features(1))).toEqual(features(1));
  });
});

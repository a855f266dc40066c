import { describe, expect, it } from 'vitest';
import type { Gemma3Config } from '../../core/models/gemma3/config.ts';
import { OnnxCache } from '../../core/models/onnxCache.ts';

/** One layer, one head of width 2: a position of a row is two numbers. */
const config = { text: { layerTypes: ['full_attention'], keyValueHeads: 1, headWidth: 2 } } as Gemma3Config;

const added = (...values: number[]) => {
  const tensor = { data: Float32Array.from(values), shape: [] };
  return { 'key.0': tensor, 'value.0': tensor };
};
const keys = (cache: OnnxCache) => [...cache.inputs()['past.key.0']!.data];

describe('OnnxCache', () => {
  it('grows, and the shorter one stays what it was', () => {
    const prompt = OnnxCache.empty(config, 1).append(added(1, 1, 2, 2), 2);
    const longer = prompt.append(added(3, 3), 1);
    expect(keys(longer)).toEqual([1, 1, 2, 2, 3, 3]);
    expect(keys(prompt)).toEqual([1, 1, 2, 2]);
    expect(longer.inputs()['past.key.0']!.shape).toEqual([3, 1, 2]);
  });

  it('two continuations of one prompt do not disturb each other', () => {
    const prompt = OnnxCache.empty(config, 1).append(added(1, 1), 1);
    const first = prompt.append(added(2, 2), 1);
    const second = prompt.append(added(7, 7), 1);
    const third = first.append(added(3, 3), 1);
    expect(keys(first)).toEqual([1, 1, 2, 2]);
    expect(keys(second)).toEqual([1, 1, 7, 7]);
    expect(keys(third)).toEqual([1, 1, 2, 2, 3, 3]);
  });

  it('grows beyond the room that was left for it', () => {
    let cache = OnnxCache.empty(config, 1);
    for (let i = 0; i < 500; i++) cache = cache.append(added(i, -i), 1);
    expect(keys(cache)).toEqual(Array.from({ length: 500 }, (_, i) => [i, -i]).flat());
  });

  it('selects rows, with repetition', () => {
    const cache = OnnxCache.empty(config, 2).append(added(1, 1, 9, 9, 2, 2, 8, 8), 2);
    expect(keys(cache.select(Int32Array.of(1, 0, 1)))).toEqual([9, 9, 1, 1, 9, 9, 8, 8, 2, 2, 8, 8]);
    expect(() => cache.select(Int32Array.of(2))).toThrow('not among its rows');
  });

  it('forgets its end, and grows on from there in the same memory', () => {
    const prompt = OnnxCache.empty(config, 1).append(added(1, 1), 1);
    const tried = prompt.append(added(2, 2, 3, 3), 2);
    const cut = tried.shorten(2);
    expect(() => tried.inputs()).toThrow('disposed');
    const longer = cut.append(added(7, 7), 1);
    expect(keys(cut)).toEqual([1, 1, 2, 2]);
    expect(keys(longer)).toEqual([1, 1, 2, 2, 7, 7]);
    expect(longer.inputs()['past.key.0']!.data.buffer).toBe(cut.inputs()['past.key.0']!.data.buffer);
    expect(keys(prompt)).toEqual([1, 1]);
    expect(() => longer.shorten(4)).toThrow('cannot be cut');
  });

  it('cannot be used after it was disposed', () => {
    const cache = OnnxCache.empty(config, 1).append(added(1, 1), 1);
    cache.dispose();
    expect(() => cache.inputs()).toThrow('disposed');
  });
});

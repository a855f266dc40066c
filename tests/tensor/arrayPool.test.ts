import { describe, expect, it } from 'vitest';
import { ArrayPool } from '../../core/tensor/arrayPool.ts';

describe('ArrayPool', () => {
  it('gives the memory of a returned array to one that is a little longer', () => {
    const pool = new ArrayPool();
    const first = pool.take(10_000);
    first.fill(7);
    pool.give(first);
    const second = pool.take(10_100);
    expect(second.length).toBe(10_100);
    expect(second.buffer).toBe(first.buffer);
  });

  it('never gives the same memory twice at once', () => {
    const pool = new ArrayPool();
    const taken = [0, 1, 10, 10, 5000, 5000, 5001].map((length) => pool.take(length));
    expect(new Set(taken.map(({ buffer }) => buffer)).size).toBe(taken.length);
    expect(taken.map(({ length }) => length)).toEqual([0, 1, 10, 10, 5000, 5000, 5001]);
  });

  it('keeps a bounded number of bytes', () => {
    const pool = new ArrayPool();
    const large = Array.from({ length: 5 }, () => pool.take(2 ** 24));
    for (const array of large) pool.give(array);
    const again = large.map(() => pool.take(2 ** 24).buffer);
    const reused = again.filter((buffer) => large.some((array) => array.buffer === buffer));
    expect(reused.length).toBeLessThanOrEqual(4);
  });
});

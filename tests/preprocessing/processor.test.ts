import { mkdtemp, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { Gemma3Processor, loadGemma3Processor } from '../../core/preprocessing/gemma3Processor.ts';
import { resize } from '../../core/preprocessing/resize.ts';

const gray = (width: number, height: number, data: number[]) => ({
  width,
  height,
  channels: 1 as const,
  data: Uint8Array.from(data),
});

describe('resize', () => {
  it('averages where it halves, and keeps an image of the wanted size', () => {
    const image = gray(4, 1, [0, 100, 200, 200]);
    expect([...resize(image, 4, 1, 'bilinear').data]).toEqual([0, 100, 200, 200]);
    // Triangle of radius 2 about 1 and 3: weights 3, 3, 1 at the left edge (100 * 3 + 200 of 7), mirrored at the right.
    expect([...resize(image, 2, 1, 'bilinear').data]).toEqual([71, 186]);
  });

  it('clips a cubic’s overshoot to 8 bits', () => {
    const edge = gray(6, 1, [0, 0, 0, 255, 255, 255]);
    const wide = [...resize(edge, 12, 1, 'bicubic').data];
    expect(Math.min(...wide)).toBe(0);
    expect(Math.max(...wide)).toBe(255);
    expect(wide.slice(0, 4)).toEqual([0, 0, 0, 0]);
  });

  it('resizes interleaved channels alike', () => {
    const rgb = {
      width: 2,
      height: 2,
      channels: 3 as const,
      data: Uint8Array.from([9, 0, 5, 9, 0, 5, 9, 0, 5, 9, 0, 5]),
    };
    const { data } = resize(rgb, 5, 3, 'bilinear');
    expect([...data.slice(-6)]).toEqual([9, 0, 5, 9, 0, 5]);
  });

  it('refuses sizes without bound, and data that do not fit', () => {
    const unusable = expect.objectContaining({ code: 'IMAGE_SIZE_UNUSABLE' });
    expect(() => resize(gray(2, 2, [1, 2, 3, 4]), 1e9, 1e9, 'bilinear')).toThrowError(unusable);
    expect(() => resize(gray(2, 2, [1, 2, 3, 4]), 0, 2, 'bilinear')).toThrowError(unusable);
    expect(() => resize(gray(3, 2, [1, 2, 3, 4]), 2, 2, 'bilinear')).toThrowError(unusable);
  });
});

describe('Gemma 3’s processor', () => {
  const config = {
    width: 2,
    height: 2,
    interpolation: 'bilinear' as const,
    rescaleFactor: 1 / 255,
    mean: [0.5, 0.5, 0.5],
    std: [0.5, 0.5, 0.5],
  };

  it('repeats gray for the three channels', () => {
    const values = new Gemma3Processor(config).pixelValues(gray(2, 2, [0, 255, 255, 0])).data;
    expect([...values]).toEqual([-1, 1, 1, -1, -1, 1, 1, -1, -1, 1, 1, -1]);
  });

  it('reads both file names, the newer first, and says what it cannot do', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'processor-'));
    await expect(loadGemma3Processor(folder)).rejects.toMatchObject({ code: 'PROCESSOR_CONFIG_MISSING' });
    await writeFile(join(folder, 'preprocessor_config.json'), '{"size":{"width":64,"height":32},"resample":3}');
    expect((await loadGemma3Processor(folder)).settings).toMatchObject({
      width: 64,
      height: 32,
      interpolation: 'bicubic',
    });
    await writeFile(join(folder, 'processor_config.json'), '{"image_processor":{"size":{"width":8,"height":8}}}');
    expect((await loadGemma3Processor(folder)).settings).toMatchObject({ width: 8, interpolation: 'bilinear' });
    await writeFile(join(folder, 'processor_config.json'), '{"image_processor":{"size":{"shortest_edge":8}}}');
    await expect(loadGemma3Processor(folder)).rejects.toMatchObject({ code: 'PROCESSOR_CONFIG_UNUSABLE' });
  });
});

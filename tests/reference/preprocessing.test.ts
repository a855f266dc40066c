import { dirname, join } from 'node:path';
import { expect, it } from 'vitest';
import { openFilm } from '../../core/dicom/openFilm.ts';
import { loadGemma3Processor } from '../../core/preprocessing/gemma3Processor.ts';
import { toModelImage } from '../../core/preprocessing/presets.ts';
import { loadQwen2VlProcessor, smartResize } from '../../core/preprocessing/qwen2VlProcessor.ts';
import { type Image8, resize } from '../../core/preprocessing/resize.ts';
import { openSafetensors } from '../../core/tensor/safetensors.ts';
import { describeReference, readJsonFile, referenceDir } from '../support/reference.ts';

async function readPng(...path: string[]): Promise<Image8> {
  return toModelImage(await openFilm(join(...path)), 'as-stored');
}

/** Largest difference in gray levels. */
function difference(actual: ArrayLike<number>, expected: ArrayLike<number>, level: number): number {
  expect(actual.length).toBe(expected.length);
  let largest = 0;
  for (let i = 0; i < expected.length; i++) largest = Math.max(largest, Math.abs(actual[i]! - expected[i]!) / level);
  return largest;
}

describeReference('gemma3: pixel values as in transformers', referenceDir('gemma3'), (folder) => {
  it('equals the torchvision backend, and Pillow’s within one gray level', async () => {
    const processor = await loadGemma3Processor(join(folder, 'model'));
    const reference = await openSafetensors(join(folder, 'pixel_values.safetensors'));
    const level = processor.settings.rescaleFactor / Math.min(...processor.settings.std);
    for (const name of reference.names) {
      const [, backend, file] = /^(pixel_values\w*)\.(.*)$/.exec(name)!;
      const expected = await reference.read(name);
      const actual = processor.pixelValues(await readPng(folder, 'images', file!)).data;
      expect(difference(actual, expected, level)).toBeLessThan(backend === 'pixel_values' ? 0.001 : 1.01);
    }
  });
});

// The small copies have the text of this model, not its images.
const qwen = referenceDir('qwen25vl/pixel_values.safetensors');

describeReference('qwen25vl: pixel values as in transformers', qwen && dirname(qwen), (folder) => {
  it('the sizes that images are brought to', () => {
    const { min_pixels: min, max_pixels: max } = readJsonFile(folder, 'model/preprocessor_config.json');
    for (const { height, width, ...sizes } of readJsonFile(folder, 'smart_resize.json')) {
      expect(smartResize(height, width, 28, min, max)).toEqual(sizes.this_model);
      expect(smartResize(height, width, 28, 3136, 1003520)).toEqual(sizes.factor28_min3136_max1003520);
    }
  });

  it('equals the torchvision backend within one gray level', async () => {
    const processor = await loadQwen2VlProcessor(join(folder, 'model'));
    const { rescaleFactor, std, patchSize } = processor.settings;
    const reference = await openSafetensors(join(folder, 'pixel_values.safetensors'));
    for (const [file, [, rows, columns]] of Object.entries<number[]>(readJsonFile(folder, 'cases.json').measured.grids)) {
      const { data, width, height } = processor.pixelValues(await readPng(folder, 'images', file));
      expect([height, width]).toEqual([rows! * patchSize, columns! * patchSize]);
      const expected = await reference.read(`pixel_values.${file}`);
      expect(difference(data, expected, rescaleFactor / Math.min(...std))).toBeLessThan(1.01);
    }
  });

  it('resizes to the size that it already has without change', async () => {
    const image = await readPng(folder, 'images', 'a_gray.png');
    expect(resize(image, image.width, image.height, 'bicubic').data).toEqual(image.data);
  });
});

import { dirname, join } from 'node:path';
import { expect, it } from 'vitest';
import { openFilm } from '../../core/dicom/openFilm.ts';
import { loadGemma3Processor, pixelValues } from '../../core/preprocessing/gemma3Processor.ts';
import { toModelImage } from '../../core/preprocessing/presets.ts';
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
    const config = await loadGemma3Processor(join(folder, 'model'));
    const reference = await openSafetensors(join(folder, 'pixel_values.safetensors'));
    const level = config.rescaleFactor / Math.min(...config.std);
    for (const name of reference.names) {
      const [, backend, file] = /^(pixel_values\w*)\.(.*)$/.exec(name)!;
      const expected = await reference.read(name);
      const actual = pixelValues(await readPng(folder, 'images', file!), config);
      expect(difference(actual, expected, level)).toBeLessThan(backend === 'pixel_values' ? 0.001 : 1.01);
    }
  });
});

const qwen = referenceDir('qwen25vl/pixel_values.safetensors');

describeReference('qwen25vl: bicubic resizing as in transformers', qwen && dirname(qwen), (folder) => {
  it('equals the torchvision backend within one gray level', async () => {
    const json = readJsonFile(folder, 'model/preprocessor_config.json');
    const reference = await openSafetensors(join(folder, 'pixel_values.safetensors'));
    for (const [file, [, rows, columns]] of Object.entries<number[]>(readJsonFile(folder, 'cases.json').measured.grids)) {
      const size = json.patch_size;
      const config = {
        width: columns! * size,
        height: rows! * size,
        interpolation: 'bicubic' as const,
        rescaleFactor: 1 / 255,
        mean: json.image_mean,
        std: json.image_std,
      };
      const planes = pixelValues(await readPng(folder, 'images', file), config);
      const patches = await reference.read(`pixel_values.${file}`);
      const actual = toPatches(planes, rows!, columns!, size, json.merge_size, json.temporal_patch_size);
      expect(difference(actual, patches, 1 / 255 / Math.min(...json.image_std))).toBeLessThan(1.01);
    }
  });

  it('resizes to the size that it already has without change', async () => {
    const image = await readPng(folder, 'images', 'a_gray.png');
    expect(resize(image, image.width, image.height, 'bicubic').data).toEqual(image.data);
  });
});

/** Qwen's order: blocks of merge x merge patches; in a patch channel, time, row, column. */
function toPatches(planes: Float32Array, rows: number, columns: number, size: number, merge: number, time: number) {
  const values: number[] = [];
  for (let blockRow = 0; blockRow < rows; blockRow += merge)
    for (let blockColumn = 0; blockColumn < columns; blockColumn += merge)
      for (let patch = 0; patch < merge * merge; patch++)
        for (let channel = 0; channel < 3; channel++)
          for (let t = 0; t < time; t++)
            for (let y = 0; y < size; y++)
              for (let x = 0; x < size; x++) {
                const row = (blockRow + Math.floor(patch / merge)) * size + y;
                const column = (blockColumn + (patch % merge)) * size + x;
                values.push(planes[(channel * rows * size + row) * columns * size + column]!);
              }
  return values;
}

/** PNG and JPEG films; pngjs and jpeg-js are the other opinion. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { deflateSync } from 'node:zlib';
import jpeg from 'jpeg-js';
import { PNG } from 'pngjs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { decodePng } from '../../core/dicom/codecs/png.ts';
import { openFilm } from '../../core/dicom/openFilm.ts';
import { readRasterSize } from '../../core/dicom/rasterFiles.ts';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'raster-'));
});
afterAll(() => rm(folder, { recursive: true }));

/** A scene with gradients and edges, so that every PNG filter is used. */
function scene(width: number, height: number, channels: number, scale = 1): number[] {
  return Array.from({ length: width * height * channels }, (_, i) => {
    const [x, y] = [Math.floor(i / channels) % width, Math.floor(i / channels / width)];
    return ((x * 3 + y * 5 + (i % channels) * 40 + (x > y ? 60 : 0)) % 256) * scale;
  });
}

/** RGBA over white, not rounded. */
function onWhite(data: ArrayLike<number>, bits: number): number[] {
  const white = 2 ** bits - 1;
  return Array.from(data, (sample, i) => {
    const alpha = data[(i & ~3) + 3]! / white;
    return sample * alpha + white * (1 - alpha);
  });
}

describe('PNG', () => {
  for (const [name, colorType, channels] of [
    ['gray', 0, 1],
    ['gray with alpha', 4, 2],
    ['RGB', 2, 3],
    ['RGBA', 6, 4],
  ] as const) {
    for (const bitDepth of [8, 16] as const) {
      it(`${name}, ${bitDepth} bits, every filter`, () => {
        const [width, height] = [37, 23];
        const values = scene(width, height, 4, bitDepth === 16 ? 257 : 1);
        const data = bitDepth === 16 ? Buffer.from(Uint16Array.from(values).buffer) : Buffer.from(values);
        for (const filterType of [0, 1, 2, 3, 4]) {
          const file = PNG.sync.write({ width, height, data } as PNG, {
            colorType,
            bitDepth,
            inputColorType: 6,
            filterType,
          });
          const expected = onWhite(PNG.sync.read(file, { skipRescale: true } as object).data, bitDepth);
          const image = decodePng(file);
          expect(image).toMatchObject({ width, height, bits: bitDepth, samplesPerPixel: channels > 2 ? 3 : 1 });
          const step = image.samplesPerPixel;
          for (let i = 0; i < image.pixels.length; i++) {
            expect(Math.abs(image.pixels[i]! - expected[Math.floor(i / step) * 4 + (i % step)]!)).toBeLessThanOrEqual(
              0.501,
            );
          }
        }
      });
    }
  }

  it('interlaced, 1 and 4 bits, palette: files of the PNG specification’s kind', () => {
    // 8 x 8, 1 bit gray, Adam7 interlaced, and 4 x 1 with 2-bit palette; written by hand with zlib.
    expect([...decodePng(interlacedChecker()).pixels].slice(0, 10)).toEqual([255, 0, 255, 0, 255, 0, 255, 0, 0, 255]);
    expect([...decodePng(palette2Bits()).pixels]).toEqual([10, 20, 30, 40, 50, 60, 70, 80, 90, 10, 20, 30]);
    expect([...decodePng(grayWithKey()).pixels]).toEqual([6, 255, 8]);
  });

  it('refuses what is cut off or lies, with a code', async () => {
    const file = PNG.sync.write(new PNG({ width: 64, height: 64, fill: true }));
    const path = join(folder, 'cut.png');
    await writeFile(path, file.subarray(0, file.length - 40));
    await expect(openFilm(path)).rejects.toMatchObject({ code: 'PNG_DAMAGED', details: { file: path } });
    const lying = Buffer.from(file);
    lying.writeUInt32BE(60_000, 16);
    lying.writeUInt32BE(60_000, 20);
    await writeFile(path, lying);
    await expect(openFilm(path)).rejects.toMatchObject({ code: 'IMAGE_TOO_LARGE' });
  });
});

describe('JPEG', () => {
  it('gray and colour, within 3 of jpeg-js; equal channels become a gray film', async () => {
    for (const gray of [true, false]) {
      const [width, height] = [64, 48];
      const values = scene(width, height, 4).map((value, i) => (gray ? (i >> 2) % 256 : value >> 1));
      const data = Buffer.from(values);
      const file = jpeg.encode({ width, height, data }, 95).data;
      const path = join(folder, gray ? 'gray.jpg' : 'colour.jpg');
      await writeFile(path, file);
      const film = await openFilm(path);
      const other = jpeg.decode(file, { useTArray: true }).data;
      expect(film.samplesPerPixel).toBe(gray ? 1 : 3);
      let worst = 0;
      for (let i = 0; i < film.pixels.length; i++) {
        const at = gray ? 4 * i : Math.floor(i / 3) * 4 + (i % 3);
        worst = Math.max(worst, Math.abs(film.pixels[i]! - other[at]!));
      }
      expect(worst).toBeLessThanOrEqual(3);
    }
  });

  it('shows a film as it is stored', async () => {
    const film = await openFilm(join(folder, 'gray.jpg'));
    expect(film).toMatchObject({ kind: 'jpeg', inverse: false, spacing: null, transferSyntax: '' });
    expect(film.voi).toEqual([{ kind: 'minmax', minimum: 0, maximum: 255 }]);
  });
});

describe('Exif orientation', () => {
  // 3 x 2 pixels, numbered; what stands upright is what Pillow's exif_transpose gives.
  const stored = [1, 2, 3, 4, 5, 6];
  const upright: Record<number, [columns: number, pixels: number[]]> = {
    1: [3, [1, 2, 3, 4, 5, 6]],
    2: [3, [3, 2, 1, 6, 5, 4]],
    3: [3, [6, 5, 4, 3, 2, 1]],
    4: [3, [4, 5, 6, 1, 2, 3]],
    5: [2, [1, 4, 2, 5, 3, 6]],
    6: [2, [4, 1, 5, 2, 6, 3]],
    7: [2, [6, 3, 5, 2, 4, 1]],
    8: [2, [3, 6, 2, 5, 1, 4]],
    9: [3, [1, 2, 3, 4, 5, 6]],
  };
  const exif = (orientation: number) =>
    Buffer.from([0x4d, 0x4d, 0, 42, 0, 0, 0, 8, 0, 1, 1, 0x12, 0, 3, 0, 0, 0, 1, 0, orientation, 0, 0, 0, 0, 0, 0]);

  it('of PNG: the pixels and the size that a scan states are those of the upright image', async () => {
    for (const [orientation, [columns, pixels]] of Object.entries(upright)) {
      const file = png(3, 2, 8, 0, 0, Buffer.from([0, ...stored.slice(0, 3), 0, ...stored.slice(3)]));
      const turned = Buffer.concat([file.subarray(0, 33), chunk('eXIf', exif(Number(orientation))), file.subarray(33)]);
      const path = join(folder, 'turned.png');
      await writeFile(path, turned);
      const film = await openFilm(path);
      expect([film.columns, [...film.pixels]], orientation).toEqual([columns, pixels]);
      expect(film.warnings).toHaveLength(orientation === '1' || orientation === '9' ? 0 : 1);
      expect(readRasterSize(turned, 'png')).toEqual({ columns, rows: 6 / columns });
    }
  });

  it('of JPEG, in colour too', async () => {
    const [width, height] = [24, 16];
    const data = Buffer.from(scene(width, height, 4));
    const file = Buffer.from(jpeg.encode({ width, height, data }, 95).data);
    const content = Buffer.concat([Buffer.from('Exif\0\0', 'latin1'), exif(6)]);
    const marker = Buffer.from([0xff, 0xe1, 0, content.length + 2]);
    const path = join(folder, 'turned.jpg');
    await writeFile(path, Buffer.concat([file.subarray(0, 2), marker, content, file.subarray(2)]));
    const turned = await openFilm(path);
    await writeFile(path, file);
    const plain = await openFilm(path);
    expect([turned.rows, turned.columns]).toEqual([width, height]);
    // A quarter clockwise: the stored first row is the last column.
    for (let x = 0; x < width; x++) {
      const at = (x * height + height - 1) * 3;
      expect([...turned.pixels.subarray(at, at + 3)]).toEqual([...plain.pixels.subarray(3 * x, 3 * x + 3)]);
    }
  });
});

function chunk(type: string, content: Buffer): Buffer {
  const head = Buffer.alloc(8);
  head.writeUInt32BE(content.length, 0);
  head.write(type, 4, 'latin1');
  return Buffer.concat([head, content, Buffer.alloc(4)]);
}

function png(
  width: number,
  height: number,
  depth: number,
  colorType: number,
  interlace: number,
  rows: Buffer,
  palette?: Buffer,
) {
  const header = Buffer.alloc(13);
  header.writeUInt32BE(width, 0);
  header.writeUInt32BE(height, 4);
  header.set([depth, colorType, 0, 0, interlace], 8);
  return Buffer.concat([
    Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]),
    chunk('IHDR', header),
    ...(palette ? [chunk('PLTE', palette)] : []),
    chunk('IDAT', deflateSync(rows)),
    chunk('IEND', Buffer.alloc(0)),
  ]);
}

/** White where x + y is even. */
function interlacedChecker(): Buffer {
  const rows: number[] = [];
  for (const [x0, y0, dx, dy] of [
    [0, 0, 8, 8],
    [4, 0, 8, 8],
    [0, 4, 4, 8],
    [2, 0, 4, 4],
    [0, 2, 2, 4],
    [1, 0, 2, 2],
    [0, 1, 1, 2],
  ] as const) {
    for (let y = y0; y < 8; y += dy) {
      let byte = 0;
      for (let x = x0, bit = 7; x < 8; x += dx, bit--) if ((x + y) % 2 === 0) byte |= 1 << bit;
      rows.push(0, byte);
    }
  }
  return png(8, 8, 1, 0, 1, Buffer.from(rows));
}

/** Gray 7 is transparent. */
function grayWithKey(): Buffer {
  const file = png(3, 1, 8, 0, 0, Buffer.from([0, 6, 7, 8]));
  return Buffer.concat([file.subarray(0, 33), chunk('tRNS', Buffer.from([0, 7])), file.subarray(33)]);
}

function palette2Bits(): Buffer {
  return png(4, 1, 2, 3, 0, Buffer.from([0, 0b00011000]), Buffer.from([10, 20, 30, 40, 50, 60, 70, 80, 90]));
}

/**
 * Small pictures of films for the study list: 8-bit gray, as the viewer shows the film first, averaged down. They are kept
 * as PNG files, named by path, size and modification time of the film, so that a changed film gets a new one.
 */
import { mkdir, readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { PNG } from 'pngjs';
import { sha256 } from '../base/hash.ts';
import { fileVersion, writeFileAtomic } from '../platform/files.ts';
import { decodePng } from './codecs/png.ts';
import type { Film, FilmPreview } from './film.ts';
import { openSmallHere } from './openFilm.ts';
import { withoutHelp } from './partners.ts';
import { inThread } from './threads.ts';
import { renderGray } from './voi.ts';

/** Pixels of the longer side: twice what the list shows, for dense screens. */
export const THUMBNAIL_SIDE = 96;

export interface Thumbnail {
  width: number;
  height: number;
  /** Row by row. */
  gray: Uint8Array;
}

/**
 * @param folder where thumbnails are kept; null: they are not
 * @throws WorkbenchError as openFilm does
 */
export function thumbnail(path: string, frame: number, folder: string | null): Promise<Thumbnail> {
  return inThread('thumbnail', [path, frame, folder], () => thumbnailHere(path, frame, folder));
}

/** The same in this thread. */
export async function thumbnailHere(path: string, frame: number, folder: string | null): Promise<Thumbnail> {
  if (folder === null) return shrink(await smallOf(path, frame));
  const kept = join(folder, await nameOf(path, frame));
  const there = await readKept(kept);
  if (there) return there;
  const made = shrink(await smallOf(path, frame));
  // A full disk costs the file, not the picture.
  await keep(kept, made).catch(() => {});
  return made;
}

/** One job at a time runs in a thread, so that this is of no other. */
function smallOf(path: string, frame: number): Promise<FilmPreview | Film> {
  return withoutHelp(() => openSmallHere(path, frame, { width: THUMBNAIL_SIDE, height: THUMBNAIL_SIDE }));
}

async function nameOf(path: string, frame: number): Promise<string> {
  const key = sha256(`${path}\n${frame}\n${await fileVersion(path)}`);
  return join(key.slice(0, 2), `${key.slice(2, 32)}.png`);
}

async function readKept(path: string): Promise<Thumbnail | null> {
  try {
    const { width, height, pixels } = decodePng(await readFile(path));
    return { width, height, gray: Uint8Array.from(pixels) };
  } catch {
    return null;
  }
}

async function keep(path: string, { width, height, gray }: Thumbnail): Promise<void> {
  const png = new PNG({ width, height, colorType: 0, inputColorType: 0, inputHasAlpha: false });
  png.data = Buffer.from(gray);
  await mkdir(dirname(path), { recursive: true });
  const settings = { colorType: 0, inputColorType: 0, inputHasAlpha: false } as const;
  await writeFileAtomic(path, PNG.sync.write(png, settings));
}

/** Each pixel the mean of those that it stands for; a film that is small already stays. */
function shrink(opened: FilmPreview | Film): Thumbnail {
  const film = 'small' in opened ? { ...opened, ...opened.small, samplesPerPixel: 1 } : opened;
  const scale = Math.min(1, THUMBNAIL_SIDE / Math.max(film.rows, film.columns));
  const width = Math.max(1, Math.round(film.columns * scale));
  const height = Math.max(1, Math.round(film.rows * scale));
  const full = film.samplesPerPixel === 3 ? grayOfRgb(film.pixels) : renderGray(film, film.voi[0]!);
  const sums = new Float64Array(width * height);
  const counts = new Uint32Array(width * height);
  for (let row = 0; row < film.rows; row++) {
    const to = Math.min(height - 1, Math.floor((row * height) / film.rows)) * width;
    for (let column = 0; column < film.columns; column++) {
      const at = to + Math.min(width - 1, Math.floor((column * width) / film.columns));
      sums[at] = sums[at]! + full[row * film.columns + column]!;
      counts[at] = counts[at]! + 1;
    }
  }
  return { width, height, gray: Uint8Array.from(sums, (sum, i) => Math.round(sum / counts[i]!)) };
}

/** ITU-R BT.601. */
function grayOfRgb(rgb: ArrayLike<number>): Uint8Array {
  return Uint8Array.from({ length: rgb.length / 3 }, (_, i) =>
    Math.round(0.299 * rgb[3 * i]! + 0.587 * rgb[3 * i + 1]! + 0.114 * rgb[3 * i + 2]!),
  );
}

/// <reference path="./cornerstone.d.ts" />
/**
 * A film as an image for cornerstone-core. Cornerstone draws LINEAR_EXACT windows only, so the gray values come from our
 * own table, through the image's `render` hook; scale, pan, rotation and flips stay cornerstone's.
 */
import { type EnabledElement, type Image, setToPixelCoordinateSystem } from 'cornerstone-core';
import type { Film, PixelArray, Voi } from '../../core/dicom/film.ts';
import { modalityValue, voiGray } from './gray.ts';

export interface Picture {
  image: Image;
  /** What is shown from the next drawing on. */
  setTone(voi: Voi, invert: boolean): void;
}

/** Integer values of at most this range are looked up in a table; others are computed one by one. */
const LARGEST_TABLE = 1 << 16;

export function pictureOf(film: Film): Picture {
  const canvas = document.createElement('canvas');
  canvas.width = film.columns;
  canvas.height = film.rows;
  const context = canvas.getContext('2d', { alpha: false });
  const drawn = new ImageData(film.columns, film.rows);
  const target = new Uint32Array(drawn.data.buffer);
  let tone: { voi: Voi; invert: boolean } = { voi: film.voi[0], invert: false };
  let stale = true;

  function render(element: EnabledElement): void {
    if (stale) {
      paint(film, tone.voi, tone.invert, target);
      context?.putImageData(drawn, 0, 0);
      stale = false;
    }
    draw(element, canvas);
  }

  return {
    image: imageOf(film, render),
    setTone(voi, invert) {
      if (voi === tone.voi && invert === tone.invert) return;
      tone = { voi, invert };
      stale = true;
    },
  };
}

function draw(element: EnabledElement, picture: HTMLCanvasElement): void {
  const screen = element.canvas.getContext('2d');
  if (!screen) return;
  screen.setTransform(1, 0, 0, 1, 0, 0);
  screen.fillStyle = '#000';
  screen.fillRect(0, 0, element.canvas.width, element.canvas.height);
  screen.imageSmoothingEnabled = !element.viewport.pixelReplication;
  screen.imageSmoothingQuality = element.viewport.scale < 1 ? 'high' : 'low';
  setToPixelCoordinateSystem(element, screen);
  screen.drawImage(picture, 0, 0);
}

/** What cornerstone asks of an image; the values that only its own rendering would use are the film's range. */
function imageOf(film: Film, render: Image['render']): Image {
  return {
    imageId: `film:${film.sha256}:${film.frame}`,
    minPixelValue: film.minimum,
    maxPixelValue: film.maximum,
    slope: 1,
    intercept: 0,
    windowCenter: (film.minimum + film.maximum) / 2,
    windowWidth: Math.max(1, film.maximum - film.minimum),
    rows: film.rows,
    columns: film.columns,
    height: film.rows,
    width: film.columns,
    color: film.samplesPerPixel === 3,
    // Cornerstone stretches pixels that are not square.
    columnPixelSpacing: film.spacing?.column,
    rowPixelSpacing: film.spacing?.row,
    invert: false,
    sizeInBytes: film.pixels.byteLength,
    getPixelData: () => film.pixels as ArrayLike<number>,
    render,
  };
}

/** Writes the film's gray (or colour) into `target`, one opaque RGBA word a pixel (little endian). */
export function paint(film: Film, voi: Voi, invert: boolean, target: Uint32Array): void {
  if (film.samplesPerPixel === 3) paintColour(film.pixels, invert, target);
  else paintGray(film, voi, invert, target);
}

function paintGray(film: Film, voi: Voi, invert: boolean, target: Uint32Array): void {
  const flip = film.inverse !== invert;
  const word = (stored: number) => {
    const gray = voiGray(voi, modalityValue(film, stored));
    return wordOf(flip ? 255 - gray : gray);
  };
  const range = tableRange(film.pixels);
  if (!range) {
    for (let i = 0; i < target.length; i++) target[i] = word(film.pixels[i]);
    return;
  }
  const table = new Uint32Array(range.high - range.low + 1);
  for (let i = 0; i < table.length; i++) table[i] = word(range.low + i);
  const { pixels } = film;
  const { low } = range;
  for (let i = 0; i < target.length; i++) target[i] = table[pixels[i] - low];
}

function wordOf(gray: number): number {
  return (0xff000000 | (gray << 16) | (gray << 8) | gray) >>> 0;
}

function paintColour(pixels: PixelArray, invert: boolean, target: Uint32Array): void {
  const mask = invert ? 0xffffff : 0;
  for (let i = 0; i < target.length; i++) {
    const at = 3 * i;
    target[i] = (0xff000000 | ((pixels[at] | (pixels[at + 1] << 8) | (pixels[at + 2] << 16)) ^ mask)) >>> 0;
  }
}

/** Smallest and largest stored value that the array's type can hold, where a table over them is small enough. */
function tableRange(pixels: PixelArray): { low: number; high: number } | null {
  if (pixels instanceof Uint8Array) return { low: 0, high: 255 };
  if (pixels instanceof Int8Array) return { low: -128, high: 127 };
  if (pixels instanceof Uint16Array) return { low: 0, high: 65535 };
  if (pixels instanceof Int16Array) return { low: -32768, high: 32767 };
  if (pixels instanceof Float32Array || pixels instanceof Float64Array) return null;
  let low = Number.POSITIVE_INFINITY;
  let high = Number.NEGATIVE_INFINITY;
  for (let i = 0; i < pixels.length; i++) {
    if (pixels[i] < low) low = pixels[i];
    if (pixels[i] > high) high = pixels[i];
  }
  return high - low < LARGEST_TABLE ? { low, high } : null;
}

/// <reference path="./cornerstone.d.ts" />
/**
 * A film as an image for cornerstone-core. Cornerstone draws LINEAR_EXACT windows only, so the gray values come from our
 * own table, through the image's `render` hook; scale, pan, rotation and flips stay cornerstone's.
 */
import { type EnabledElement, type Image, setToPixelCoordinateSystem } from 'cornerstone-core';
import type { Film, PixelArray, Voi } from '../../core/dicom/film.ts';
import { displayFunction, grayTable } from '../../core/dicom/voi.ts';

export interface Picture {
  image: Image;
  /** The film's gray as last drawn, one canvas pixel a film pixel. */
  canvas: HTMLCanvasElement;
  /** What is shown from the next drawing on. */
  setTone(voi: Voi, invert: boolean): void;
}

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
    canvas,
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
  // Padding is no image: it stays black, as the room around the film is, whatever the inversion.
  const options = { inverse: film.inverse !== invert, blackPadding: true };
  const { pixels } = film;
  const lut = grayTable(film, voi, options);
  if (!lut) {
    const display = displayFunction(film, voi, options);
    for (let i = 0; i < target.length; i++) target[i] = wordOf(display(pixels[i]));
    return;
  }
  const words = Uint32Array.from(lut.table, wordOf);
  const { first } = lut;
  for (let i = 0; i < target.length; i++) target[i] = words[pixels[i] - first];
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

/// <reference path="./cornerstone.d.ts" />
/**
 * A film as an image for cornerstone-core. Cornerstone draws LINEAR_EXACT windows only, so the gray values come from our
 * own table, through the image's `render` hook; scale, pan, rotation and flips stay cornerstone's.
 */
import { type EnabledElement, type Image, setToPixelCoordinateSystem } from 'cornerstone-core';
import type { Film, FilmPreview, PixelArray, Voi } from '../../core/dicom/film.ts';
import { averaged } from '../../core/dicom/preview.ts';
import { displayFunction, grayTable } from '../../core/dicom/voi.ts';
import { markStage } from './trace.ts';

export interface Picture {
  image: Image;
  /** The film's gray as last drawn whole, one canvas pixel a film pixel. */
  canvas: HTMLCanvasElement;
  /** What is shown from the next drawing on. */
  setTone(voi: Voi, invert: boolean): void;
}

/** Changes of the window that come faster than this are a drag. */
const DRAG_MS = 150;
/** Smaller films are drawn whole at every step. */
const LARGE_PIXELS = 2_000_000;

/**
 * While the window of a large film is dragged, only what the viewport shows is windowed: at half the film's size or less a film
 * reduced by whole factors (means of stored values, made once), else the part that lies in the viewport. 150 ms after the last
 * change the whole film is; `repaint` is called then.
 */
export function pictureOf(film: Film, repaint: () => void = () => {}): Picture {
  const whole = toned(film);
  const reduced = new Map<number, Toned>();
  let tone: Tone = { voi: film.voi[0], invert: false };
  let changedAt = 0;
  let dragging = false;
  let settling: ReturnType<typeof setTimeout> | undefined;

  function render(element: EnabledElement): void {
    const factor = Math.min(8, Math.floor(1 / element.viewport.scale));
    const isPart = dragging && film.samplesPerPixel === 1 && film.pixels.length > LARGE_PIXELS;
    if (isPart && factor >= 2) draw(element, reducedBy(factor).paint(tone), factor);
    else if (isPart) draw(element, whole.paint(tone, visiblePart(element, film)), 1);
    else {
      const canvas = whole.paint(tone);
      markStage('painted');
      draw(element, canvas, 1);
      markStage('drawn');
    }
  }

  function reducedBy(factor: number): Toned {
    const small = reduced.get(factor) ?? toned(reduce(film, factor));
    reduced.set(factor, small);
    return small;
  }

  function settle(): void {
    dragging = false;
    repaint();
  }

  return {
    image: imageOf(film, render),
    canvas: whole.canvas,
    setTone(voi, invert) {
      if (voi === tone.voi && invert === tone.invert) return;
      tone = { voi, invert };
      dragging = performance.now() - changedAt < DRAG_MS;
      changedAt = performance.now();
      clearTimeout(settling);
      if (dragging) settling = setTimeout(settle, DRAG_MS);
    },
  };
}

/** A film in small, in the place of the whole one. */
export function previewPicture(preview: FilmPreview): Picture {
  const { small, factor, modality, inverse, padding } = preview;
  const picture = toned({ ...small, modality, inverse, padding, samplesPerPixel: 1 });
  let tone: Tone = { voi: preview.voi[0], invert: false };
  const render = (element: EnabledElement) => {
    draw(element, picture.paint(tone), factor);
    markStage('preview');
  };
  return {
    image: imageOf({ ...preview, ...NO_PIXELS }, render),
    canvas: picture.canvas,
    setTone(voi, invert) {
      if (voi !== tone.voi || invert !== tone.invert) tone = { voi, invert };
    },
  };
}

interface Tone {
  voi: Voi;
  invert: boolean;
}

/** Columns from `left` up to `right`, rows from `top` up to `bottom`. */
export interface Part {
  left: number;
  top: number;
  right: number;
  bottom: number;
}

interface Toned {
  canvas: HTMLCanvasElement;
  /** The canvas in this tone, in the part at least; painted only where it is in another. */
  paint(tone: Tone, part?: Part): HTMLCanvasElement;
}

type Painted = Pick<Film, 'rows' | 'columns'> & PaintSource;

function toned(film: Painted): Toned {
  const canvas = document.createElement('canvas');
  canvas.width = film.columns;
  canvas.height = film.rows;
  const context = canvas.getContext('2d', { alpha: false });
  const drawn = new ImageData(film.columns, film.rows);
  const target = new Uint32Array(drawn.data.buffer);
  let painted: Tone | null = null;
  return {
    canvas,
    paint(tone, part) {
      if (painted === tone) return canvas;
      const { left, top, right, bottom } = part ?? { left: 0, top: 0, right: film.columns, bottom: film.rows };
      paint(film, tone.voi, tone.invert, target, part && { ...part, columns: film.columns });
      context?.putImageData(drawn, 0, 0, left, top, right - left, bottom - top);
      painted = part ? null : tone;
      return canvas;
    },
  };
}

function reduce(film: Film, factor: number): Painted {
  return { ...film, ...averaged(film.pixels, film, factor) };
}

/** The film's pixels that lie in the viewport, and one around them. */
function visiblePart(element: EnabledElement, film: Pick<Film, 'rows' | 'columns'>): Part {
  const screen = element.canvas.getContext('2d');
  if (!screen) return { left: 0, top: 0, right: film.columns, bottom: film.rows };
  setToPixelCoordinateSystem(element, screen);
  const toFilm = screen.getTransform().inverse();
  const { width, height } = element.canvas;
  const corners = [
    [0, 0],
    [width, 0],
    [0, height],
    [width, height],
  ].map(([x, y]) => toFilm.transformPoint({ x, y }));
  const within = (value: number, most: number) => Math.max(0, Math.min(most, value));
  const xs = corners.map(({ x }) => x);
  const ys = corners.map(({ y }) => y);
  return {
    left: within(Math.floor(Math.min(...xs)) - 1, film.columns),
    top: within(Math.floor(Math.min(...ys)) - 1, film.rows),
    right: within(Math.ceil(Math.max(...xs)) + 1, film.columns),
    bottom: within(Math.ceil(Math.max(...ys)) + 1, film.rows),
  };
}

function draw(element: EnabledElement, picture: HTMLCanvasElement, factor: number): void {
  const screen = element.canvas.getContext('2d');
  if (!screen) return;
  screen.setTransform(1, 0, 0, 1, 0, 0);
  screen.fillStyle = '#000';
  screen.fillRect(0, 0, element.canvas.width, element.canvas.height);
  screen.imageSmoothingEnabled = !element.viewport.pixelReplication;
  screen.imageSmoothingQuality = element.viewport.scale < 1 && factor === 1 ? 'high' : 'low';
  setToPixelCoordinateSystem(element, screen);
  screen.drawImage(picture, 0, 0, picture.width * factor, picture.height * factor);
}

type Imaged = Pick<
  Film,
  'sha256' | 'frame' | 'minimum' | 'maximum' | 'rows' | 'columns' | 'samplesPerPixel' | 'spacing' | 'pixels'
>;
/** Only cornerstone's own rendering would look at these. */
const NO_PIXELS = {
  sha256: 'preview',
  frame: 0,
  minimum: 0,
  maximum: 1,
  samplesPerPixel: 1,
  pixels: new Uint8Array(0),
} as const;

/** What cornerstone asks of an image; the values that only its own rendering would use are the film's range. */
function imageOf(film: Imaged, render: Image['render']): Image {
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

/** What of a film decides what is painted. */
export type PaintSource = Pick<Film, 'pixels' | 'modality' | 'inverse' | 'padding' | 'samplesPerPixel'>;

/**
 * Writes the film's gray (or colour) into `target`, one opaque RGBA word a pixel (little endian): all of it, or a part of rows
 * of `columns` pixels.
 */
export function paint(
  film: PaintSource,
  voi: Voi,
  invert: boolean,
  target: Uint32Array,
  part?: Part & { columns: number },
): void {
  if (film.samplesPerPixel === 3) paintColour(film.pixels, invert, target);
  else if (!part) paintGray(film, voi, invert, target, [[0, target.length]]);
  else {
    const { left, top, right, bottom, columns } = part;
    const rows = Array.from({ length: Math.max(0, bottom - top) }, (_, row) => (top + row) * columns);
    const runs = rows.map((start): [number, number] => [start + left, start + right]);
    paintGray(film, voi, invert, target, runs);
  }
}

/** @param runs places in `target`, first and beyond the last */
function paintGray(
  film: PaintSource,
  voi: Voi,
  invert: boolean,
  target: Uint32Array,
  runs: readonly [number, number][],
): void {
  // Padding is no image: it stays black, as the room around the film is, whatever the inversion.
  const options = { inverse: film.inverse !== invert, blackPadding: true };
  const { pixels } = film;
  const lut = grayTable(film, voi, options);
  if (!lut) {
    const display = displayFunction(film, voi, options);
    for (const [from, to] of runs) for (let i = from; i < to; i++) target[i] = wordOf(display(pixels[i]));
    return;
  }
  const words = Uint32Array.from(lut.table, wordOf);
  const { first } = lut;
  for (const [from, to] of runs) for (let i = from; i < to; i++) target[i] = words[pixels[i] - first];
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

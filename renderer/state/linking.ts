/**
 * Linked viewports: what is done to one is done to the others, each in its own film's terms. Zoom and place are carried
 * over relative to the whole film; a window in shares of the film's standard window, because stored values of two
 * detectors do not mean the same; presets by name. Pure.
 */
import type { Film, Voi } from '../../core/dicom/film.ts';
import { fitScale, standing } from '../viewer/fit.ts';
import { clampScale, type DisplayState, type Shown, windowOf } from './display.ts';

/** What `target` takes over from the change of `source` from `before`; null: nothing. */
export function carriedOver(before: DisplayState, source: DisplayState, target: DisplayState): Partial<Shown> | null {
  if (before.film !== source.film || !source.film || !target.film) return null;
  const shown: Partial<Shown> = {};
  if (source.voi !== before.voi || source.presetId !== before.presetId) Object.assign(shown, window(source, target));
  for (const key of ['invert', 'rotation', 'hflip', 'vflip'] as const) {
    if (source[key] !== before[key]) Object.assign(shown, { [key]: source[key] });
  }
  if (source.scale !== before.scale || source.translation !== before.translation) {
    Object.assign(shown, place(source, source.film, target, target.film));
  }
  return Object.keys(shown).length > 0 ? shown : null;
}

function window(source: DisplayState, target: DisplayState): Partial<Shown> {
  const named = target.presets.find(({ id, kind }) => id === source.presetId && kind !== 'file');
  if (named) return { presetId: named.id, voi: named.voi };
  const [from, to] = [standardRange(source), standardRange(target)];
  if (!source.voi || !from || !to) return {};
  const { center, width, function: shape } = windowOf(source.voi);
  const ratio = (to.high - to.low) / (from.high - from.low);
  const voi: Voi = {
    kind: 'window',
    center: to.low + (center - from.low) * ratio,
    width: width * ratio,
    // DICOM's LINEAR is narrower by one value, which means nothing on another scale.
    function: ratio === 1 ? shape : shape === 'LINEAR' ? 'LINEAR_EXACT' : shape,
    explanation: '',
  };
  return { voi, presetId: null };
}

function standardRange({ presets }: DisplayState): { low: number; high: number } | null {
  const voi = presets.find(({ id }) => id === 'standard')?.voi;
  return voi?.kind === 'minmax' ? { low: voi.minimum, high: voi.maximum } : null;
}

function place(source: DisplayState, from: Film, target: DisplayState, to: Film): Partial<Shown> {
  const [a, b] = [standing(from, source.rotation), standing(to, source.rotation)];
  const translation = {
    x: (source.translation.x / a.width) * b.width,
    y: (source.translation.y / a.height) * b.height,
  };
  if (source.scale === null) return { scale: null, translation };
  const times = source.scale / fitScale(from, source.rotation, source.room);
  return { scale: clampScale(times * fitScale(to, source.rotation, target.room)), translation };
}

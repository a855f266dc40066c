/** Measurements in words: what stands at an annotation, in the list below the film, and for a screen reader. */
import type { Film } from '../../core/dicom/film.ts';
import type { Annotation } from '../../core/services/contract.ts';
import { text } from '../text.ts';
import { type Length, type Measurement, measure, ratioCaveat } from './measure.ts';

const t = text.viewer.measured;

/** One line a value; none for an arrow. */
export function measurementLines(measured: Measurement, film: Film): string[] {
  switch (measured.kind) {
    case 'length':
      return [lengthText(measured.length)];
    case 'angle':
      return [t.degrees(measured.degrees)];
    case 'ctr': {
      const caveat = ratioCaveat(film.tags.viewPosition);
      const { heart, chest, ratio } = measured;
      return [
        t.ratio(ratio),
        t.widths(lengthText({ ...heart, origin: null }), lengthText(chest)),
        caveat ? t.caveats[caveat] : '',
      ].filter(Boolean);
    }
    case 'rectangle':
    case 'ellipse': {
      const { area, statistics: s } = measured;
      const stats = s ? [t.mean(s.mean, s.sd), t.extremes(s.minimum, s.maximum)] : [];
      return [
        ...stats,
        t.area(area.value, area.unit, area.origin && text.viewer.origins[area.origin], s?.pixels ?? null),
      ];
    }
    case 'probe':
      if (!measured.stored) return [t.outside];
      return [t.probe(measured.column, measured.row), t.pixel(measured.stored, measured.value)];
    case 'arrow':
      return [];
  }
}

function lengthText({ value, unit, origin }: Length): string {
  return t.length(value, unit, origin && text.viewer.origins[origin]);
}

/** The whole annotation in one line. */
export function annotationText(annotation: Annotation, film: Film): string {
  const lines = measurementLines(measure(annotation, film), film);
  return [text.viewer.tools[annotation.kind], annotation.text, ...lines].filter(Boolean).join(' · ');
}

/** What is written over the film: identity, study, window and scale in the corners, sides of the body, a scale bar. */
import { type Film, millimetresOf, type Voi } from '../../core/dicom/film.ts';
import type { FilmEntry } from '../../core/services/contract.ts';
import type { DisplayState } from '../state/display.ts';
import { text } from '../text.ts';
import { edgesOf } from './orientation.ts';
import { scaleBar } from './scaleBar.ts';

/** The bar's share of the film's width at most: the corners keep theirs. */
const WIDEST_BAR = 0.25;

export function Overlay({ entry, display }: { entry: FilmEntry; display: DisplayState }) {
  const { film, voi } = display;
  if (!film || !voi) return null;
  return (
    <div className="overlay" aria-hidden="true">
      <Corner at="top left" lines={identity(entry, film)} />
      <Corner at="top right" lines={studyLines(entry, film)} />
      <Corner at="bottom left" lines={[voiText(voi), ...shownLines(display)]} />
      <Corner at="bottom right" lines={viewLines(entry, film)} />
      <Sides film={film} display={display} />
      <Bar film={film} scale={display.shownScale} room={display.room.width} />
    </div>
  );
}

function Corner({ at, lines }: { at: string; lines: string[] }) {
  return (
    <div className={`corner ${at}`}>
      {lines.filter(Boolean).map((line) => (
        <div key={line}>{line}</div>
      ))}
    </div>
  );
}

function Sides({ film, display }: { film: Film; display: DisplayState }) {
  const edges = edgesOf(film.tags.patientOrientation, display);
  if (!edges) return null;
  return (
    <>
      <div className="side left">{edges.left}</div>
      <div className="side right">{edges.right}</div>
      <div className="side top">{edges.top}</div>
      <div className="side bottom">{edges.bottom}</div>
    </>
  );
}

function Bar({ film, scale, room }: { film: Film; scale: number; room: number }) {
  const spacing = millimetresOf(film.spacing);
  const bar = spacing && scaleBar(spacing, scale, WIDEST_BAR * room);
  if (!bar) return null;
  return (
    <div className="scale-bar">
      <div className="scale-bar-line" style={{ width: bar.pixels }} />
      <div>{text.viewer.scaleBar(bar.millimetres, text.viewer.origins[spacing.origin])}</div>
    </div>
  );
}

function identity(entry: FilmEntry, film: Film): string[] {
  const { patientName, patientId, patientSex, patientAge } = film.tags;
  const person = [patientSex || entry.patientSex, ageText(patientAge || entry.patientAge)].filter(Boolean).join('  ');
  return [nameText(patientName || entry.patientName), patientId || entry.patientId, person];
}

function studyLines(entry: FilmEntry, film: Film): string[] {
  const { institution, studyDate, studyTime, studyDescription } = film.tags;
  const date = [dateText(studyDate || entry.studyDate), timeText(studyTime)].filter(Boolean).join('  ');
  return [institution, studyDescription || entry.description, date];
}

function viewLines(entry: FilmEntry, film: Film): string[] {
  const view = [film.tags.modality || entry.modality, film.tags.viewPosition || entry.viewPosition].filter(Boolean);
  const frame = film.frames > 1 ? text.viewer.frame(film.frame + 1, film.frames) : '';
  return [view.join('  '), frame, `${film.columns} × ${film.rows}`];
}

function shownLines(display: DisplayState): string[] {
  const turns = [
    display.invert ? text.viewer.inverted : '',
    display.rotation === 0 ? '' : `${display.rotation}°`,
    display.hflip || display.vflip ? text.viewer.flipped : '',
  ];
  return [turns.filter(Boolean).join('  '), text.viewer.zoom(display.shownScale)];
}

export function voiText(voi: Voi): string {
  if (voi.kind === 'lut') return text.viewer.lut(voi.explanation);
  if (voi.kind === 'minmax') return text.viewer.range(voi.minimum, voi.maximum);
  return text.viewer.window(voi.center, voi.width, voi.function);
}

const MONTHS_AND_THE_LIKE: Record<string, string> = { M: ' months', W: ' weeks', D: ' days' };

/** DICOM's 061Y as 61, 003M as 3 months; anything else as it is. */
export function ageText(age: string): string {
  const [, value, unit = ''] = /^(\d{1,3})([YMWD])$/.exec(age) ?? [];
  return value === undefined ? age : `${Number(value)}${MONTHS_AND_THE_LIKE[unit] ?? ''}`;
}

/** PN (PS3.5 6.2.1): `Doe^Jane^A=…` as `Doe, Jane A`; ideographic and phonetic groups follow. */
export function nameText(name: string): string {
  const [alphabetic = '', ...others] = name.split('=').map((group) => group.split('^').filter((part) => part !== ''));
  const [family = '', ...given] = alphabetic;
  const first = given.length > 0 ? `${family}, ${given.join(' ')}` : family;
  return [first, ...others.map((group) => group.join(' '))].filter(Boolean).join('  ');
}

/** DICOM's 20260131 as 2026-01-31; anything else as it is. */
export function dateText(date: string): string {
  return /^\d{8}$/.test(date) ? `${date.slice(0, 4)}-${date.slice(4, 6)}-${date.slice(6)}` : date;
}

function timeText(time: string): string {
  return /^\d{4}/.test(time) ? `${time.slice(0, 2)}:${time.slice(2, 4)}` : '';
}

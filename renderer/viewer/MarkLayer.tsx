/** Annotations over the film, in the reader's colour; drawn in screen pixels, so that lines keep their width. */
import type { Film } from '../../core/dicom/film.ts';
import type { Annotation } from '../../core/services/contract.ts';
import { useFrom } from '../frame/context.ts';
import type { DisplayState } from '../state/display.ts';
import type { Draft } from '../state/marks.ts';
import type { Pane } from '../state/panes.ts';
import { boxOf, measure, type Point } from './measure.ts';
import { measurementLines } from './measurementText.ts';
import { apply, filmToScreen, type Matrix, type Room } from './transform.ts';

const HEAD = 12;
const LINE_HEIGHT = 16;
const NO_LINES: string[] = [];

export function MarkLayer({ pane, display }: { pane: Pane; display: DisplayState }) {
  const { annotations, draft, selectedId } = useFrom(pane.marks, (state) => state);
  const { film } = display;
  if (!film) return null;
  const matrix = matrixOf(film, display);
  return (
    <svg className="film-marks" aria-hidden="true">
      {annotations.map((annotation) => (
        <MarkView
          key={annotation.id}
          annotation={annotation}
          film={film}
          matrix={matrix}
          room={display.room}
          selected={annotation.id === selectedId}
        />
      ))}
      {draft && <DraftView draft={draft} matrix={matrix} film={film} room={display.room} />}
    </svg>
  );
}

export function matrixOf(film: Film, display: DisplayState): Matrix {
  return filmToScreen(film, { ...display, scale: display.scale ?? display.shownScale }, display.room);
}

function MarkView(props: { annotation: Annotation; film: Film; matrix: Matrix; room: Room; selected: boolean }) {
  const { annotation, film, matrix, room, selected } = props;
  const points = annotation.points.map((point) => apply(matrix, point));
  const lines = [annotation.text, ...measurementLines(measure(annotation, film), film)].filter(Boolean);
  return (
    <g className={`mark-on-film${selected ? ' selected' : ''}`} data-mark={annotation.id}>
      <Shape kind={annotation.kind} points={points} />
      {points.map((point, index) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: a point is its place in the list.
        <g key={index} data-mark={annotation.id} data-point={index}>
          <circle cx={point.x} cy={point.y} r={10} className="grip" />
          <circle cx={point.x} cy={point.y} r={3} className="handle" />
        </g>
      ))}
      <Label place={labelPlace(annotation.kind, points, room, lines)} lines={lines} />
    </g>
  );
}

/** What is being placed, with the pointer as its next point; measured once it has all its points. */
function DraftView({ draft, matrix, film, room }: { draft: Draft; matrix: Matrix; film: Film; room: Room }) {
  const onFilm = [...draft.points, draft.next];
  const points = onFilm.map((point) => apply(matrix, point));
  const complete = onFilm.length === (draft.kind === 'angle' ? 3 : draft.kind === 'ctr' ? 4 : 2);
  const lines = complete ? measurementLines(measure({ kind: draft.kind, points: onFilm }, film), film) : NO_LINES;
  return (
    <g className="mark-on-film draft">
      <Shape kind={draft.kind} points={points} />
      <Label place={labelPlace(draft.kind, points, room, lines)} lines={lines} />
    </g>
  );
}

/** Each line twice: a wide one in black to be seen on white, and to be grabbed; the line itself. */
function Shape({ kind, points }: { kind: Annotation['kind']; points: Point[] }) {
  const outline = outlineOf(kind, points);
  return (
    <>
      <path d={outline} className="under" />
      <path d={outline} className="line-on-film" />
    </>
  );
}

/** An SVG path; points that are not placed yet are left out. */
function outlineOf(kind: Annotation['kind'], points: Point[]): string {
  const [a, b, c, d] = points;
  const line = (from: Point, to: Point) => `M${from.x} ${from.y}L${to.x} ${to.y}`;
  switch (kind) {
    case 'length':
      return b ? line(a, b) : '';
    case 'angle':
      return [b && line(a, b), c && line(b, c)].filter(Boolean).join('');
    case 'ctr':
      return [b && line(a, b), d && line(c, d)].filter(Boolean).join('');
    case 'rectangle':
      return b ? `M${a.x} ${a.y}H${b.x}V${b.y}H${a.x}Z` : '';
    case 'ellipse':
      return b ? ellipse(a, b) : '';
    case 'probe':
      return `M${a.x - 8} ${a.y}H${a.x - 2}M${a.x + 2} ${a.y}H${a.x + 8}M${a.x} ${a.y - 8}V${a.y - 2}M${a.x} ${a.y + 2}V${a.y + 8}`;
    case 'arrow':
      return b ? `${line(a, b)}${arrowHead(a, b)}` : '';
  }
}

function ellipse(a: Point, b: Point): string {
  const { left, right, top, bottom } = boxOf(a, b);
  const [rx, ry, y] = [(right - left) / 2, (bottom - top) / 2, (top + bottom) / 2];
  return `M${left} ${y}A${rx} ${ry} 0 1 1 ${right} ${y}A${rx} ${ry} 0 1 1 ${left} ${y}Z`;
}

function arrowHead(tail: Point, head: Point): string {
  const angle = Math.atan2(tail.y - head.y, tail.x - head.x);
  const side = (by: number) => `${head.x + HEAD * Math.cos(angle + by)} ${head.y + HEAD * Math.sin(angle + by)}`;
  return `M${side(0.45)}L${head.x} ${head.y}L${side(-0.45)}`;
}

/** A letter's width on the average, in pixels. */
const LETTER = 6.4;

/**
 * Text stands to the right of the annotation (of an arrow, at its tail), where there is less room to the left, and under it where
 * neither side holds its longest line.
 */
function labelPlace(
  kind: Annotation['kind'],
  points: Point[],
  room: Room,
  lines: readonly string[],
): { at: Point; toLeft: boolean } {
  const sorted = kind === 'arrow' ? [points[0]] : [...points].sort((a, b) => a.x - b.x);
  const [left, right] = [sorted[0], sorted[sorted.length - 1]];
  const width = LETTER * Math.max(0, ...lines.map((line) => line.length)) + 10;
  const toLeft = right.x + width > room.width && left.x > room.width - right.x;
  if (width > (toLeft ? left.x : room.width - right.x)) {
    const under = Math.max(...points.map((point) => point.y)) + 20;
    return { at: { x: Math.max(4, Math.min(left.x, room.width - width)), y: under }, toLeft: false };
  }
  const side = toLeft ? left : right;
  const isBox = kind === 'rectangle' || kind === 'ellipse';
  const y = isBox ? Math.min(...points.map((point) => point.y)) : side.y;
  return { at: { x: side.x + (toLeft ? -10 : 10), y: y + 4 }, toLeft };
}

function Label({ place: { at, toLeft }, lines }: { place: { at: Point; toLeft: boolean }; lines: string[] }) {
  return (
    <text x={at.x} y={at.y} className="mark-text" textAnchor={toLeft ? 'end' : 'start'}>
      {lines.map((line, index) => (
        <tspan key={line} x={at.x} dy={index === 0 ? 0 : LINE_HEIGHT}>
          {line}
        </tspan>
      ))}
    </text>
  );
}

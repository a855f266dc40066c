/** Quantities of a training run against its steps, a panel for each group of them. */
import { INK } from '../palette.ts';
import { type Figure, label, line, type Mark, niceDomain, type Scale } from './figure.ts';
import { type Panel, panelGrid } from './panels.ts';

export interface Curve {
  name: string;
  color: string;
  dash: number[] | null;
  /** Step and value, in order. */
  points: readonly (readonly [number, number])[];
}

export interface CurvePanel {
  title: string;
  curves: readonly Curve[];
}

/** Points that a curve is drawn with at most; of more, neighbours are averaged. */
const POINTS = 160;

export function curvesChart(panels: readonly CurvePanel[], width: number): Figure {
  const grid = panelGrid(panels.map(panelOf), { width, columns: 3, rowHeight: 128 });
  const words = panels.map(({ title, curves }) => {
    const each = curves.map(({ name, points }) => {
      const [first, last] = [points[0]![1], points[points.length - 1]![1]];
      return `${name} from ${plain(first)} to ${plain(last)}`;
    });
    return `${title}: ${each.join(', ')}`;
  });
  return { width, height: grid.height, marks: grid.marks, alt: `Training by step. ${words.join('; ')}.` };
}

function panelOf({ title, curves }: CurvePanel): Panel {
  const drawn = curves.map((curve) => ({ ...curve, points: thinned(curve.points) }));
  const steps = drawn.flatMap(({ points }) => points.map(([step]) => step));
  const values = drawn.flatMap(({ points }) => points.map(([, value]) => value));
  const [least, most] = [Math.min(...values), Math.max(...values)];
  const step = 10 ** Math.floor(Math.log10(Math.max(most - least, Math.abs(most) * 1e-3, 1e-9)));
  const yDomain = niceDomain(values, [], step);
  const [first, last] = [Math.min(...steps), Math.max(...steps)];
  return {
    title,
    xDomain: [first, last > first ? last : first + 1],
    yDomain,
    xTitle: 'step',
    xDigits: 0,
    yDigits: Math.max(0, Math.min(4, 1 - Math.floor(Math.log10((yDomain[1] - yDomain[0]) / 2)))),
    draw: (x, y) => drawn.flatMap((curve, i) => curveMarks(curve, i, drawn.length, x, y)),
  };
}

function curveMarks(curve: Curve, index: number, of: number, x: Scale, y: Scale): Mark[] {
  const { name, color, dash, points } = curve;
  const marks: Mark[] =
    points.length > 1
      ? [
          line(
            points.map(([step, value]) => [x(step), y(value)]),
            { color, width: 1.1, dash },
          ),
        ]
      : [];
  if (points.length <= 12)
    for (const [step, value] of points)
      marks.push({ kind: 'symbol', shape: 'circle', x: x(step), y: y(value), radius: 1.4, color, hollow: false });
  // Names stand in a row under the title, each with a stroke of its line.
  if (of > 1) {
    const at = x(x.domain[0]) + index * ((x(x.domain[1]) - x(x.domain[0])) / of);
    marks.push(
      line(
        [
          [at, 16],
          [at + 10, 16],
        ],
        { color, width: 1.4, dash },
      ),
      label(at + 13, 16, name, { size: 6.5, color: INK.text }),
    );
  }
  return marks;
}

/** Means of neighbours. */
function thinned(points: Curve['points']): Curve['points'] {
  if (points.length <= POINTS) return points;
  return Array.from({ length: POINTS }, (_, i) => {
    const part = points.slice(Math.floor((i * points.length) / POINTS), Math.floor(((i + 1) * points.length) / POINTS));
    const mean = (of: 0 | 1) => part.reduce((sum, point) => sum + point[of], 0) / part.length;
    return [mean(0), mean(1)] as const;
  });
}

function plain(value: number): string {
  return String(Number(value.toPrecision(3)));
}

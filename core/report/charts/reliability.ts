/** Reliability curves: how often a label is true among the films that got a certain probability for it. One panel a label. */
import { INK, ON_WHITE, type ReaderRole } from '../palette.ts';
import { decimals, type Figure, legend, line, symbol } from './figure.ts';
import { type Panel, panelGrid } from './panels.ts';

export interface ReliabilityCurve {
  name: string;
  role: ReaderRole;
  /** Expected calibration error. */
  error: number;
  points: readonly { meanProbability: number; observed: number; films: number }[];
}

export interface ReliabilityPanel {
  title: string;
  note: string;
  curves: readonly ReliabilityCurve[];
}

const COLUMNS = 5;

/** The dashed line is where probability and frequency are the same; larger marks stand for more films. */
export function reliabilityChart(
  panels: readonly ReliabilityPanel[],
  readers: readonly { name: string; role: ReaderRole }[],
  width: number,
): Figure {
  const names = legend(
    readers.map(({ name, role }) => ({ name, role, color: ON_WHITE[role] })),
    0,
    6,
    width,
  );
  const grid = panelGrid(panels.map(panelOf), { width, columns: COLUMNS, rowHeight: 112, top: names.height + 8 });
  const words = panels.map(
    ({ title, curves }) => `${title}: ${curves.map(({ name, error }) => `${name} ${decimals(error)}`).join(', ')}`,
  );
  return {
    width,
    height: grid.height,
    marks: [...names.marks, ...grid.marks],
    alt: `Observed frequency against stated probability by label; expected calibration error: ${words.join('; ')}.`,
  };
}

function panelOf({ title, note, curves }: ReliabilityPanel): Panel {
  const most = Math.max(1, ...curves.flatMap(({ points }) => points.map(({ films }) => films)));
  return {
    title,
    note,
    xDomain: [0, 1],
    yDomain: [0, 1],
    xTicks: 2,
    draw: (x, y) => [
      line(
        [
          [x(0), y(0)],
          [x(1), y(1)],
        ],
        { color: INK.rule, width: 0.75, dash: [2, 2] },
      ),
      ...curves.flatMap(({ role, points }) => [
        line(
          points.map(({ meanProbability, observed }) => [x(meanProbability), y(observed)]),
          { color: ON_WHITE[role], width: 1 },
        ),
        ...points.map(({ meanProbability, observed, films }) =>
          symbol(role, x(meanProbability), y(observed), ON_WHITE[role], { radius: 1 + 1.6 * Math.sqrt(films / most) }),
        ),
      ]),
    ],
  };
}

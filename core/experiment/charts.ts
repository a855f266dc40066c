/** The page's figures: changes with their intervals, and the curves of the GRPO runs. */

import { type Estimate as ChartRow, estimatesChart } from '../report/charts/changes.ts';
import { type Curve, curvesChart } from '../report/charts/curves.ts';
import type { Figure, Mark } from '../report/charts/figure.ts';
import { ON_WHITE, type ReaderRole } from '../report/palette.ts';
import { probeField, type TrainingLogLine } from '../training/types.ts';
import type { Estimate } from './estimates.ts';
import type { Arm, ArmLogs } from './results.ts';

const WIDTH = 640;
const SEED_ROLES: readonly ReaderRole[] = ['sft', 'grpo', 'truth', 'reader', 'extra1', 'extra2'];

export function experimentFigures(arms: readonly Arm[], logs: readonly ArmLogs[]): { file: string; figure: Figure }[] {
  const probed = logs.filter(({ logs: runs }) => runs.some(({ lines }) => points(lines, PROBES[0][1]).length > 0));
  const figures = [
    ...(arms.length > 0 ? [{ file: 'changes.svg', figure: changesFigure(arms) }] : []),
    ...(logs.length > 0
      ? [
          { file: 'reward.svg', figure: curvesFigure(logs, 'reward', 'reward') },
          { file: 'kl.svg', figure: curvesFigure(logs, 'kl', 'KL to the SFT checkpoint') },
        ]
      : []),
    ...(probed.length > 0 ? [{ file: 'probe.svg', figure: curvesChart(probed.flatMap(probePanels), WIDTH) }] : []),
  ];
  return figures.map(({ file, figure }) => ({ file, figure: { ...figure, marks: [paper(figure), ...figure.marks] } }));
}

/** White: a page in dark colours would hide the text. */
function paper({ width, height }: Figure): Mark {
  return { kind: 'rect', x: 0, y: 0, width, height, fill: '#FFFFFF' };
}

function changesFigure(arms: readonly Arm[]): Figure {
  const row = (name: string, role: ReaderRole, { value, both, films }: Estimate): ChartRow => ({
    ...{ name, role, value, interval: both ?? films, strong: false },
  });
  const rows = arms.flatMap(({ world, reward, a, b }) => [
    row(`${world}, ${reward}: a, nine labels`, 'sft', a.grpoMinusSftNine),
    row(`${world}, ${reward}: b, nine labels`, 'grpo', b.grpoMinusSft),
  ]);
  return estimatesChart(rows, WIDTH, 'GRPO − SFT, macro-F1, mean over seeds, 95 % over films and seeds');
}

/** A panel for each arm, a line for each seed; every value a mean of `SMOOTHED` steps, because a step has 8 films. */
function curvesFigure(logs: readonly ArmLogs[], field: string, what: string): Figure {
  const panels = logs.map(({ world, reward, logs: runs }) => ({
    title: `${world}, ${reward}: ${what}`,
    curves: runs.map(
      ({ seed, lines }, i): Curve => ({
        name: `seed ${seed}`,
        color: ON_WHITE[SEED_ROLES[i % SEED_ROLES.length]!],
        dash: null,
        points: smoothed(points(lines, field)),
      }),
    ),
  }));
  return curvesChart(panels, WIDTH);
}

const PROBES = [
  ['a', probeField('source', 'macro_f1'), 'sft'],
  ['b', probeField('target', 'macro_f1'), 'grpo'],
] as const;

/** Of each run, by step: the reward, and macro-F1 of both institutions' probes on the nine labels. */
function probePanels({ world, reward, logs }: ArmLogs) {
  return logs.flatMap(({ seed, lines }) => {
    const curve = (name: string, role: ReaderRole, of: [number, number][]): Curve => ({
      ...{ name, color: ON_WHITE[role], dash: null, points: of },
    });
    const probes = PROBES.map(([name, field, role]) => curve(name, role, points(lines, field)));
    if (probes[0]!.points.length === 0) return [];
    const rewards = curve('reward', 'truth', smoothed(points(lines, 'reward')));
    return [{ title: `${world}, ${reward}, seed ${seed}`, curves: [rewards, ...probes] }];
  });
}

function points(lines: readonly TrainingLogLine[], field: string): [number, number][] {
  return lines.flatMap((line): [number, number][] => {
    const value = line[field];
    return typeof value === 'number' ? [[line.step, value]] : [];
  });
}

const SMOOTHED = 8;

function smoothed(all: readonly [number, number][]): [number, number][] {
  const size = Math.min(SMOOTHED, Math.max(1, Math.floor(all.length / 2)));
  return Array.from({ length: Math.ceil(all.length / size) }, (_, i) => {
    const part = all.slice(i * size, (i + 1) * size);
    const mean = (of: 0 | 1) => part.reduce((sum, point) => sum + point[of], 0) / part.length;
    return [mean(0), mean(1)];
  });
}

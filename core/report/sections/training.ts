/** How the checkpoints were trained: their runs' curves, the probe of both institutions among them, and departures. */
import type { TrainingLogLine } from '../../training/types.ts';
import type { Block } from '../blocks.ts';
import { type Curve, type CurvePanel, curvesChart } from '../charts/curves.ts';
import { checkpointOf } from '../lookup.ts';
import { CONTENT_WIDTH } from '../page.ts';
import { ON_WHITE } from '../palette.ts';
import type { ReportInput, ReportRun } from '../types.ts';
import { plural, short, text } from '../words.ts';
import type { Missing } from './section.ts';

/** Which fields of log.jsonl (TRL's metric names) a panel shows, with the names of its lines. */
const PANELS: { title: string; kind: ReportRun['kind']; fields: [field: string, name: string][] }[] = [
  {
    title: 'Loss',
    kind: 'sft',
    fields: [
      ['loss', 'training'],
      ['eval_loss', 'held out'],
    ],
  },
  { title: 'Gradient norm', kind: 'sft', fields: [['grad_norm', 'norm']] },
  { title: 'Learning rate', kind: 'sft', fields: [['learning_rate', 'rate']] },
  { title: 'Reward', kind: 'grpo', fields: [['reward', 'reward']] },
  { title: 'KL to the start', kind: 'grpo', fields: [['kl', 'KL']] },
  { title: 'Entropy', kind: 'grpo', fields: [['entropy', 'entropy']] },
  { title: 'Completion length, tokens', kind: 'grpo', fields: [['completions/mean_length', 'length']] },
  {
    title: 'Clipped tokens, share',
    kind: 'grpo',
    fields: [
      ['clip_ratio/low_mean', 'low'],
      ['clip_ratio/high_mean', 'high'],
    ],
  },
  { title: 'Gradient norm', kind: 'grpo', fields: [['grad_norm', 'norm']] },
];

const STAGES = { sft: 'supervised fine-tuning', grpo: 'group relative policy optimization' } as const;

const STROKES: { color: string; dash: number[] | null }[] = [
  { color: ON_WHITE.other, dash: null },
  { color: ON_WHITE.truth, dash: [4, 2] },
  { color: ON_WHITE.extra1, dash: [1.5, 1.5] },
  { color: ON_WHITE.extra2, dash: [6, 2, 1.5, 2] },
];

export function training(input: ReportInput): Block[] | Missing {
  const runs = input.runs.filter(({ log }) => log.length > 0);
  if (runs.length === 0) return { missing: 'no training run of these checkpoints is in the workspace' };
  return runs.flatMap((run) => runBlocks(input, run));
}

function runBlocks(input: ReportInput, run: ReportRun): Block[] {
  const { name } = checkpointOf(input, run.checkpointId);
  const panels = panelsOf(run);
  const probed = panels.some(({ title }) => title.startsWith(PROBE_TITLE));
  return [
    { kind: 'subheading', text: `${name}: ${STAGES[run.kind]}` },
    ...(panels.length === 0
      ? []
      : [
          {
            kind: 'figure' as const,
            id: `training-${run.checkpointId}`,
            figure: curvesChart(panels, CONTENT_WIDTH),
            caption: `Training of ${name}, ${plural(lastStep(run), 'step')} on ${plural(run.examples, 'example')}. ${
              probed
                ? 'Probe: macro-F1 on fixed films of each institution, taken while training; the films are in no test set.'
                : 'No probe of the other institution was taken during this run.'
            }`,
          },
        ]),
    ...departures(run),
  ];
}

const PROBE_TITLE = 'Probe';
const PROBE = /^probe\/(.+?)\/(?:macro_?f1|f1)$/i;

function panelsOf(run: ReportRun): CurvePanel[] {
  const panels = PANELS.filter(({ kind }) => kind === run.kind).flatMap(({ title, fields }) => {
    const curves = fields.flatMap(([field, name], i) => curveOf(run.log, field, name, i));
    return curves.length > 0 ? [{ title, curves }] : [];
  });
  const probe = probePanel(run);
  return probe ? [probe, ...panels] : panels;
}

/** The probe's fields and the reward on one axis pair: where the one rises and the other falls is seen. */
function probePanel({ log, kind }: ReportRun): CurvePanel | null {
  const fields = [...new Set(log.flatMap((line) => Object.keys(line).filter((field) => PROBE.test(field))))].sort();
  const probes = fields.flatMap((field, i) => curveOf(log, field, PROBE.exec(field)![1]!, i + 1));
  if (probes.length === 0) return null;
  const reward = kind === 'grpo' ? curveOf(log, 'reward', 'reward', 0) : [];
  return { title: kind === 'grpo' ? `${PROBE_TITLE} and reward` : PROBE_TITLE, curves: [...reward, ...probes] };
}

function curveOf(log: readonly TrainingLogLine[], field: string, name: string, stroke: number): Curve[] {
  const points = log.flatMap((line): [number, number][] => {
    const value = line[field];
    return typeof value === 'number' && Number.isFinite(value) ? [[line.step, value]] : [];
  });
  if (points.length === 0) return [];
  return [{ name, points, ...STROKES[stroke % STROKES.length]! }];
}

function lastStep({ log }: ReportRun): number {
  return log.reduce((last, { step }) => Math.max(last, step), 0);
}

function departures(run: ReportRun): Block[] {
  if (run.departures.length === 0) return [];
  return [
    {
      kind: 'table',
      id: `departures-${run.checkpointId}`,
      caption: `Settings of this run that differ from the paper. Executor: ${run.executor}; data ${short(run.dataHash)}${run.startHash ? `; started from adapter ${short(run.startHash)}` : ''}.`,
      size: 7.5,
      columns: [
        { title: 'Setting', width: 0.2 },
        { title: 'Paper', width: 0.15 },
        { title: 'Run', width: 0.15 },
        { title: 'Reason', width: 0.5 },
      ],
      rows: run.departures.map(({ field, paper, run: value, reason }) => [
        text(field),
        text(paper),
        text(value),
        text(reason),
      ]),
    },
  ];
}

/** What the run cost: completions and tokens, time of the device, memory; of the readings and of the training behind them. */
import type { TrainingLogLine } from '../../training/types.ts';
import type { Block, Cell } from '../blocks.ts';
import { datasetName, reader } from '../lookup.ts';
import type { ReportInput, ReportRun } from '../types.ts';
import { bytes, count, duration, number, text } from '../words.ts';
import { engineInWords } from './overview.ts';
import type { Missing } from './section.ts';

export function cost(input: ReportInput): Block[] | Missing {
  const { readings } = input.cost;
  if (readings.length === 0 && input.runs.length === 0)
    return { missing: 'no answer and no training run says what it cost' };
  return [
    ...(readings.length > 0 ? [readingTable(input)] : []),
    ...trainingTable(input),
    { kind: 'paragraph', words: note(input) },
  ];
}

function readingTable(input: ReportInput): Block {
  const { readings } = input.cost;
  const total = readings.reduce(
    (sum, { completions, tokens, seconds }) => ({
      completions: sum.completions + completions,
      tokens: sum.tokens + tokens,
      seconds: sum.seconds + seconds.vision + seconds.prefill + seconds.decode,
    }),
    { completions: 0, tokens: 0, seconds: 0 },
  );
  const bold = { weight: 'semibold' as const };
  return {
    kind: 'table',
    id: 'cost-of-reading',
    caption: `Reading the films${input.reading ? ` on ${engineInWords(input.reading.engine)}` : ''}. Time is the device\u2019s, summed over completions; films that were read together share it.`,
    columns: [
      { title: 'Data set', width: 0.22 },
      { title: 'Checkpoint', width: 0.18 },
      { title: 'Completions', width: 0.11, align: 'right' },
      { title: 'Tokens written', width: 0.12, align: 'right' },
      { title: 'Image', width: 0.09, align: 'right' },
      { title: 'Prompt', width: 0.09, align: 'right' },
      { title: 'Writing', width: 0.09, align: 'right' },
      { title: 'Device-hours', width: 0.1, align: 'right' },
    ],
    rows: [
      ...readings.map(({ datasetId, checkpointId, completions, tokens, seconds }) => [
        text(datasetName(input, datasetId)),
        reader(input, checkpointId),
        count(completions),
        count(tokens),
        time(seconds.vision),
        time(seconds.prefill),
        time(seconds.decode),
        hours(seconds.vision + seconds.prefill + seconds.decode),
      ]),
      [
        text('All', bold),
        text(''),
        { ...count(total.completions), ...bold },
        { ...count(total.tokens), ...bold },
        text(''),
        text(''),
        text(''),
        { ...hours(total.seconds), ...bold },
      ],
    ],
  };
}

function trainingTable(input: ReportInput): Block[] {
  const runs = input.runs.filter(({ log }) => log.length > 0);
  if (runs.length === 0) return [];
  return [
    {
      kind: 'table',
      id: 'cost-of-training',
      caption:
        'Training the checkpoints, from the logs of their runs. Tokens are those of prompts and answers that went through the trainer.',
      columns: [
        { title: 'Checkpoint', width: 0.2 },
        { title: 'Stage', width: 0.08 },
        { title: 'Steps', width: 0.08, align: 'right' },
        { title: 'Examples', width: 0.1, align: 'right' },
        { title: 'Tokens', width: 0.12, align: 'right' },
        { title: 'Device-hours', width: 0.12, align: 'right' },
        { title: 'Peak memory', width: 0.12, align: 'right' },
        { title: 'Executor', width: 0.28 },
      ],
      rows: runs.map((run) => {
        const memory = peakMemory(run.log);
        return [
          reader(input, run.checkpointId),
          text(run.kind.toUpperCase()),
          count(Math.max(...run.log.map(({ step }) => step))),
          count(run.examples),
          count(lastOf(run.log, 'num_tokens') ?? 0),
          trainingHours(run.log),
          memory === null ? text('not recorded', { value: null }) : text(bytes(memory), { value: memory }),
          text(run.executor),
        ];
      }),
    },
  ];
}

function note({ cost: { peakMemoryBytes } }: ReportInput): string {
  return peakMemoryBytes === null
    ? 'The peak memory of reading was not recorded.'
    : `Peak memory of the process that read the films: ${bytes(peakMemoryBytes)}.`;
}

function trainingHours(log: ReportRun['log']): Cell {
  const seconds = log.flatMap((line) => numeric(line['step_time']) ?? []);
  if (seconds.length === 0) return text('not recorded', { value: null });
  return hours(seconds.reduce((sum, each) => sum + each, 0));
}

/** The largest value of a field of the log that names memory, in bytes. */
function peakMemory(log: ReportRun['log']): number | null {
  const values = log.flatMap((line) =>
    Object.entries(line).flatMap(([field, value]) => {
      const n = numeric(value);
      if (n === null || !/memory/i.test(field)) return [];
      return [/(^|_|\/)gib?$/i.test(field) ? n * 2 ** 30 : /(^|_|\/)mib?$/i.test(field) ? n * 2 ** 20 : n];
    }),
  );
  return values.length === 0 ? null : Math.max(...values);
}

function lastOf(log: readonly TrainingLogLine[], field: string): number | null {
  for (let i = log.length - 1; i >= 0; i--) {
    const value = numeric(log[i]![field]);
    if (value !== null) return value;
  }
  return null;
}

function numeric(value: unknown): number | null {
  return typeof value === 'number' && Number.isFinite(value) ? value : null;
}

function time(seconds: number) {
  return text(duration(seconds), { value: seconds });
}

/** Small ones need digits: a phantom is read in a thousandth of an hour. */
function hours(seconds: number) {
  const value = seconds / 3600;
  return number(value, value >= 10 ? 1 : value >= 0.1 ? 2 : 4);
}

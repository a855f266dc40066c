/** The first pages: the answer in one figure, and what was compared on what. */
import { policyText } from '../../labels/uncertainty.ts';
import type { Block, TableBlock } from '../blocks.ts';
import { type Estimate, estimatesChart } from '../charts/changes.ts';
import {
  checkpointOf,
  datasetName,
  hasTwoDatasets,
  intervalNote,
  LABEL_SETS,
  lookOf,
  NO_SECOND_CHECKPOINT,
  questionPair,
  reader,
} from '../lookup.ts';
import { CONTENT_WIDTH } from '../page.ts';
import { INK } from '../palette.ts';
import type { ReportCheckpoint, ReportDataset, ReportInput } from '../types.ts';
import { count, listed, pairOf, plural, short, text } from '../words.ts';
import type { Missing } from './section.ts';

export function summary(input: ReportInput): Block[] | Missing {
  const { evaluation } = input;
  const pair = questionPair(input);
  if (!pair) return { missing: NO_SECOND_CHECKPOINT };
  const [from, to] = pair;
  const isPair = (each: { fromCheckpointId: string; toCheckpointId: string }) =>
    each.fromCheckpointId === from.id && each.toCheckpointId === to.id;
  const labelSet = hasTwoDatasets(input) ? 'shared' : evaluation.datasets[0]!.labelSet;
  const differences = evaluation.differences.filter((each) => each.labelSet === labelSet && isPair(each));
  const shown = differences.length > 0 ? differences : evaluation.differences.filter(isPair).slice(0, 1);
  const question = evaluation.gapDifferences.find(isPair);
  const estimates: Estimate[] = shown.map((each) => ({
    name: `${to.name} \u2212 ${from.name}, ${datasetName(input, each.datasetId)}`,
    role: lookOf(input, to.id),
    value: each.change,
    interval: pairOf(each.interval),
    strong: false,
  }));
  if (question) {
    estimates.push({
      name: 'Target minus source',
      role: 'other',
      value: question.change,
      interval: pairOf(question.interval),
      strong: true,
    });
  }
  const on = `the ${evaluation.sharedLabels.length} ${hasTwoDatasets(input) ? 'shared ' : ''}labels`;
  return [
    {
      kind: 'figure',
      id: 'answer',
      figure: estimatesChart(estimates, CONTENT_WIDTH, `Difference of macro-F1 on ${on}`),
      caption: `${to.name} minus ${from.name} on the same films${question ? ', and how that difference changes from the source to the target' : ''}. Hollow marks: the interval includes zero, the sign is not settled. ${intervalNote(input)}`,
    },
  ];
}

export function comparison(input: ReportInput): Block[] {
  const { evaluation, checkpoints } = input;
  const concerns = checkpoints.flatMap(({ id, concerns: own }) =>
    own.map((concern) => [
      { text: `${checkpointOf(input, id).name}: `, weight: 'semibold' as const, color: INK.warning },
      { text: concern, color: INK.warning },
    ]),
  );
  const trained = checkpoints.filter(({ training }) => training !== '');
  return [
    datasetTable(input),
    checkpointTable(input),
    ...(concerns.length > 0
      ? [
          { kind: 'subheading' as const, text: 'To be known before these figures are believed' },
          { kind: 'list' as const, items: concerns },
        ]
      : []),
    ...(trained.length > 0
      ? [
          {
            kind: 'list' as const,
            items: trained.map(({ id, training }) => `${checkpointOf(input, id).name}: ${training}`),
          },
        ]
      : []),
    {
      kind: 'paragraph',
      words: input.reading
        ? `Every checkpoint read the same films with the same settings: ${settingsInWords(input)}.`
        : 'The answers were made elsewhere and imported: how the films were shown and read is not known here.',
    },
    ...(evaluation.datasets.length > 1
      ? []
      : [{ kind: 'paragraph' as const, words: 'One data set was chosen; nothing here says how a figure travels.' }]),
  ];
}

/** "greedy decoding (temperature 0), at most 256 new tokens, ...; onnxruntime-cpu 1.30, f32, 2 threads". */
export function settingsInWords({ reading }: ReportInput): string {
  if (!reading) return 'settings unknown, the answers were made elsewhere';
  const { sampling, engine } = reading;
  const decoding =
    sampling.temperature === 0
      ? 'greedy decoding (temperature 0)'
      : `temperature ${sampling.temperature}, top-p ${sampling.topP}`;
  const samples = sampling.samplesPerFilm === 1 ? 'one completion' : `${sampling.samplesPerFilm} completions`;
  return `${decoding}, at most ${sampling.maxNewTokens} new tokens, seed ${sampling.seed}, ${samples} a film; ${engineInWords(engine)}`;
}

export function engineInWords({ executor, version, precision, threads }: Engine): string {
  const name = `${executor} ${version}`.trim();
  if (threads === null) return `${name} on a server, precision ${precision || 'unknown'}`;
  return [name, precision, `${threads} ${threads === 1 ? 'thread' : 'threads'}`].filter(Boolean).join(', ');
}

type Engine = NonNullable<ReportInput['reading']>['engine'];

function datasetTable(input: ReportInput): TableBlock {
  const { evaluation, datasets } = input;
  return {
    kind: 'table',
    id: 'datasets',
    caption:
      'Data sets. The source is where the conventions that the checkpoints learned are at home; the target is another institution. Uncertain: what an uncertain label counts as.',
    columns: [
      { title: 'Data set', width: 0.23 },
      { title: 'Part', width: 0.09 },
      { title: 'For the checkpoints', width: 0.15 },
      { title: 'Labels', width: 0.18 },
      { title: 'Uncertain', width: 0.1 },
      { title: 'Unit', width: 0.07 },
      { title: 'Films', width: 0.09, align: 'right' },
      { title: 'Patients', width: 0.09, align: 'right' },
    ],
    rows: evaluation.datasets.map((dataset) => [
      text(dataset.name, { weight: 'semibold' }),
      text(dataset.part),
      text(datasets.find((each) => each.id === dataset.id)?.relation ?? 'unknown'),
      text(`${LABEL_SETS[dataset.labelSet]} (${dataset.labels.length})`),
      text(policyText(dataset.policy)),
      text(dataset.unit),
      count(dataset.films),
      count(dataset.patients),
    ]),
  };
}

function checkpointTable(input: ReportInput): TableBlock {
  const { evaluation, checkpoints } = input;
  return {
    kind: 'table',
    id: 'checkpoints',
    caption: 'Checkpoints. Hashes are the first 12 digits of sha256; whole ones stand under provenance.',
    columns: [
      { title: 'Checkpoint', width: 0.22 },
      { title: 'Training data', width: 0.2 },
      { title: 'Base', width: 0.14 },
      { title: 'Adapter', width: 0.14 },
      { title: 'Prompt', width: 0.3 },
    ],
    rows: evaluation.checkpoints.map(({ id, trainingSource }) => {
      const provenance = checkpoints.find((each) => each.id === id);
      return [
        reader(input, id),
        text(trainingSource || 'unknown'),
        ...weightsOf(provenance),
        text(
          provenance
            ? `${provenance.promptId}, ${short(provenance.promptHash)}; film as ${provenance.preprocessing}`
            : 'unknown',
        ),
      ];
    }),
  };
}

/** " 3 films of its table are not what the models were made for (2 lateral and 1 view not stated): left out." */
export function unsuitableInWords({ unsuitable: { read, reasons } }: ReportDataset): string {
  const total = reasons.reduce((sum, { films }) => sum + films, 0);
  if (total === 0) return '';
  const named = listed(reasons.map(({ words, films }) => `${films.toLocaleString('en')} ${words}`));
  const are = total === 1 ? 'is' : 'are';
  return ` ${plural(total, 'film')} of its table ${are} not what the models were made for (${named}): ${read ? 'read all the same' : 'left out'}.`;
}

/** Cells for base and adapter. */
function weightsOf(checkpoint: ReportCheckpoint | undefined) {
  const { baseHash = '', adapterHash = null, servedAs } = checkpoint ?? {};
  if (servedAs !== undefined) return [text(`a server’s “${servedAs}”`), text('not seen')];
  return [
    text(short(baseHash), { value: baseHash || null }),
    text(adapterHash ? short(adapterHash) : 'none', { value: adapterHash }),
  ];
}

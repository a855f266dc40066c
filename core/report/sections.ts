/**
 * The sections of the report, in their order. Each writes itself from the input; sentences follow from the numbers, and
 * what an interval leaves open is said to be open.
 */
import {
  PAPER_GRPO,
  PAPER_SFT,
  PAPER_SOURCE,
  type PaperSide,
  paperSides,
  recomputePaper,
} from '../evaluation/paper.ts';
import type {
  Difference,
  EvaluatedCheckpoint,
  EvaluationCell,
  Figures,
  Interval,
  LabelSetName,
} from '../evaluation/types.ts';
import { isSettled } from '../evaluation/types.ts';
import type { Label } from '../labels/labels.ts';
import { labelMapping } from '../labels/mapping.ts';
import { policyText, positiveLabels } from '../labels/uncertainty.ts';
import { contributionsChart, type Estimate, estimatesChart } from './charts/changes.ts';
import { decimals, type Figure, sideBySide, signedDecimals, symbol } from './charts/figure.ts';
import { forestChart } from './charts/forest.ts';
import { slopeChart, slopePanels } from './charts/slope.ts';
import { type Cell, CONTENT_WIDTH, type Column, type ReportDocument } from './document.ts';
import { INK, ON_WHITE } from './palette.ts';
import type { ReportInput, ReportSample } from './types.ts';

export interface Section {
  id: string;
  title: string;
  /** Writes the section; not called where `applies` says no. */
  write(document: ReportDocument, input: ReportInput): void;
  applies(input: ReportInput): boolean;
}

const always = () => true;
const hasTwoDatasets = ({ evaluation }: ReportInput) => evaluation.datasets.length > 1;
const hasTwoCheckpoints = ({ evaluation }: ReportInput) => evaluation.checkpoints.length > 1;

export const SECTIONS: readonly Section[] = [
  { id: 'summary', title: 'In short', write: writeSummary, applies: hasTwoCheckpoints },
  { id: 'comparison', title: 'What was compared on what', write: writeComparison, applies: always },
  { id: 'gap', title: 'From the source to the target', write: writeGap, applies: hasTwoDatasets },
  { id: 'differences', title: 'Differences between checkpoints', write: writeDifferences, applies: hasTwoCheckpoints },
  { id: 'labels', title: 'Results by label', write: writeLabels, applies: always },
  {
    id: 'contributions',
    title: 'What each label contributes to the change',
    write: writeContributions,
    applies: hasTwoDatasets,
  },
  { id: 'failures', title: 'Failed completions and dominance', write: writeFailures, applies: always },
  { id: 'paper', title: 'Beside the published figures', write: writePaper, applies: hasTwoDatasets },
  {
    id: 'samples',
    title: 'Films with both readings',
    write: writeSamples,
    applies: ({ samples }) => samples.length > 0,
  },
  { id: 'mapping', title: 'Labels and their mapping', write: writeMapping, applies: always },
  { id: 'methods', title: 'Methods', write: writeMethods, applies: always },
  { id: 'reproduce', title: 'How to reproduce', write: writeReproduce, applies: always },
  { id: 'limits', title: 'Limits', write: writeLimits, applies: always },
];

// ------------------------------------------------------------------------------------------------------------ helpers

const LABEL_SETS: Record<LabelSetName, string> = {
  shared: 'shared labels',
  'chexpert-14': 'the 14 CheXpert labels',
  'nih-9': 'the paper\u2019s nine NIH labels',
  own: 'its own labels',
};

function checkpointOf({ evaluation }: ReportInput, id: string): EvaluatedCheckpoint {
  return evaluation.checkpoints.find((checkpoint) => checkpoint.id === id)!;
}

function datasetName({ evaluation }: ReportInput, id: string): string {
  return evaluation.datasets.find((dataset) => dataset.id === id)?.name ?? id;
}

function cellOf({ evaluation }: ReportInput, datasetId: string, checkpointId: string): EvaluationCell {
  return evaluation.cells.find((cell) => cell.datasetId === datasetId && cell.checkpointId === checkpointId)!;
}

function reader(checkpoint: EvaluatedCheckpoint): Cell {
  return { text: checkpoint.name, mark: markOf(checkpoint), weight: 'semibold' };
}

function markOf({ role }: EvaluatedCheckpoint): Cell['mark'] & object {
  return symbol(role, 0, 0, ON_WHITE[role]) as Cell['mark'] & object;
}

function pairOf(interval: Interval | null): [number, number] | null {
  return interval ? [interval.low, interval.high] : null;
}

function withInterval(value: number, interval: Interval | null, digits = 3): string {
  if (!interval) return decimals(value, digits);
  return `${decimals(value, digits)} (${decimals(interval.low, digits)}\u2013${decimals(interval.high, digits)})`;
}

function changeWithInterval(value: number, interval: Interval | null): string {
  if (!interval) return signedDecimals(value);
  return `${signedDecimals(value)} (${signedDecimals(interval.low)} to ${signedDecimals(interval.high)})`;
}

function pValue(p: number | null): string {
  if (p === null) return '\u2013';
  return p < 0.001 ? '<0.001' : p.toFixed(3);
}

function percent(value: number): string {
  return `${(100 * value).toFixed(1)} %`;
}

function short(hash: string): string {
  return hash === '' ? 'unknown' : hash.slice(0, 12);
}

/** SFT and GRPO where both are there: the pair that the question is about. */
function questionPair(input: ReportInput): [from: EvaluatedCheckpoint, to: EvaluatedCheckpoint] {
  const [first] = input.evaluation.differences;
  return [checkpointOf(input, first!.fromCheckpointId), checkpointOf(input, first!.toCheckpointId)];
}

function intervalNote(input: ReportInput): string {
  const interval = input.evaluation.cells.map((cell) => cell.own.macroF1Interval).find((each) => each !== null);
  if (!interval) return 'Intervals were not computed.';
  return `95 % intervals: bootstrap over patients, ${interval.replicates.toLocaleString('en')} replicates, seed ${interval.seed}.`;
}

// ----------------------------------------------------------------------------------------------------------- sections

function writeComparison(document: ReportDocument, input: ReportInput): void {
  const { evaluation, datasets, checkpoints } = input;
  document.table(
    [
      { title: 'Data set', width: 0.24 },
      { title: 'Part', width: 0.13 },
      { title: 'For the checkpoints', width: 0.15 },
      { title: 'Labels', width: 0.18 },
      { title: 'Uncertain', width: 0.1 },
      { title: 'Films', width: 0.1, align: 'right' },
      { title: 'Patients', width: 0.1, align: 'right' },
    ],
    evaluation.datasets.map((dataset) => [
      { text: dataset.name, weight: 'semibold' },
      dataset.part,
      datasets.find((each) => each.id === dataset.id)?.relation ?? 'unknown',
      `${LABEL_SETS[dataset.labelSet]} (${dataset.labels.length})`,
      policyText(dataset.policy),
      String(dataset.films),
      String(dataset.patients),
    ]),
    'Data sets. The source is where the conventions that the checkpoints learned are at home; the target is another institution. One row of the figures is one film unless said otherwise.',
  );
  document.list(
    datasets.map(
      (dataset) =>
        `${datasetName(input, dataset.id)}: ${dataset.description} Label table ${dataset.table}, sha256 ${short(dataset.tableHash)}.`,
    ),
  );
  document.table(
    [
      { title: 'Checkpoint', width: 0.2 },
      { title: 'Training data', width: 0.2 },
      { title: 'Base', width: 0.15 },
      { title: 'Adapter', width: 0.15 },
      { title: 'Prompt', width: 0.3 },
    ],
    evaluation.checkpoints.map((checkpoint) => {
      const provenance = checkpoints.find((each) => each.id === checkpoint.id);
      return [
        reader(checkpoint),
        checkpoint.trainingSource || 'unknown',
        short(provenance?.baseHash ?? ''),
        provenance?.adapterHash ? short(provenance.adapterHash) : 'none',
        provenance
          ? `${provenance.promptId}, ${short(provenance.promptHash)}; film as ${provenance.preprocessing}`
          : 'unknown',
      ];
    }),
    'Checkpoints. Hashes are the first 12 digits of sha256.',
  );
  const trained = checkpoints.filter(
    ({ id, training }) => training !== '' && evaluation.checkpoints.some((checkpoint) => checkpoint.id === id),
  );
  if (trained.length > 0)
    document.list(trained.map(({ id, training }) => `${checkpointOf(input, id).name}: ${training}`));
  const { sampling, engine } = input;
  document.paragraph(
    `Every checkpoint read the same films with the same settings: ${sampling.temperature === 0 ? 'greedy decoding (temperature 0)' : `temperature ${sampling.temperature}, top-p ${sampling.topP}`}, at most ${sampling.maxNewTokens} new tokens, seed ${sampling.seed}, ${sampling.samplesPerFilm === 1 ? 'one completion' : `${sampling.samplesPerFilm} completions`} a film; ${engine.executor} ${engine.version}, ${engine.precision}, ${engine.threads} ${engine.threads === 1 ? 'thread' : 'threads'}.`,
  );
}

function writeGap(document: ReportDocument, input: ReportInput): void {
  const { evaluation } = input;
  const [source, target] = [
    datasetName(input, evaluation.sourceDatasetId),
    datasetName(input, evaluation.targetDatasetId),
  ];
  const shared = evaluation.gaps.filter((gap) => gap.labelSet === 'shared');
  document.paragraph(
    `A change from one set to another can only be compared on labels that both have: ${evaluation.sharedLabels.join(', ')}. The last columns give each set on its own labels, as papers often print it; those two numbers do not measure the same thing.`,
  );
  document.figure(
    slopeChart({
      lines: shared.map((gap) => {
        const { name, role } = checkpointOf(input, gap.checkpointId);
        const interval = (datasetId: string) =>
          pairOf(cellOf(input, datasetId, gap.checkpointId).shared.macroF1Interval);
        const ends = {
          sourceInterval: interval(evaluation.sourceDatasetId),
          targetInterval: interval(evaluation.targetDatasetId),
        };
        return { name, role, source: gap.source, target: gap.target, ...ends };
      }),
      sourceName: source,
      targetName: target,
      width: CONTENT_WIDTH,
      height: 190,
    }),
    `Macro-F1 on the ${evaluation.sharedLabels.length} shared labels. ${intervalNote(input)}`,
  );
  document.table(
    [
      { title: 'Checkpoint', width: 0.17 },
      { title: source, width: 0.115, align: 'right' },
      { title: target, width: 0.115, align: 'right' },
      { title: 'Change, 95 % interval', width: 0.27, align: 'right' },
      { title: `${source}, own labels`, width: 0.115, align: 'right' },
      { title: `${target}, own labels`, width: 0.115, align: 'right' },
      { title: 'Change', width: 0.1, align: 'right' },
    ],
    shared.map((gap) => {
      const own = evaluation.gaps.find((each) => each.checkpointId === gap.checkpointId && each.labelSet === 'own')!;
      return [
        reader(checkpointOf(input, gap.checkpointId)),
        decimals(gap.source),
        decimals(gap.target),
        {
          text: changeWithInterval(gap.change, gap.interval),
          weight: isSettled(gap.interval) ? 'semibold' : 'regular',
        },
        { text: decimals(own.source), color: INK.muted },
        { text: decimals(own.target), color: INK.muted },
        { text: signedDecimals(own.change), color: INK.muted },
      ];
    }),
    'Macro-F1 at the source and at the target: on the shared labels, then on each set\u2019s own. Bold: the interval leaves out zero.',
  );
  const [from, to] = hasTwoCheckpoints(input) ? questionPair(input) : [null, null];
  if (!from || !to) return;
  document.figure(
    slopePanels(
      evaluation.sharedLabels.map((label) => ({
        title: label,
        note: `n+ ${supportOf(input, evaluation.sourceDatasetId, label)} / ${supportOf(input, evaluation.targetDatasetId, label)}`,
        lines: [from, to].map((checkpoint) => ({
          name: checkpoint.name,
          role: checkpoint.role,
          source: labelF1(cellOf(input, evaluation.sourceDatasetId, checkpoint.id).shared, label),
          target: labelF1(cellOf(input, evaluation.targetDatasetId, checkpoint.id).shared, label),
          sourceInterval: null,
          targetInterval: null,
        })),
      })),
      CONTENT_WIDTH,
    ),
    `F1 of each shared label from ${source} (left) to ${target} (right): ${from.name} (${shapeName(from)}) and ${to.name} (${shapeName(to)}). n+: positive films at the source and at the target.`,
  );
}

function shapeName({ role }: EvaluatedCheckpoint): string {
  return { base: 'gray circles', sft: 'blue squares', grpo: 'orange diamonds', other: 'black circles' }[role];
}

function labelF1(figures: Figures, label: Label): number {
  return figures.labels.find((each) => each.label === label)?.f1 ?? 0;
}

function supportOf(input: ReportInput, datasetId: string, label: Label): number {
  const cell = input.evaluation.cells.find((each) => each.datasetId === datasetId)!;
  return cell.own.labels.find((each) => each.label === label)?.support ?? 0;
}

function writeSummary(document: ReportDocument, input: ReportInput): void {
  const { evaluation } = input;
  const [from, to] = questionPair(input);
  const shared = evaluation.differences.filter(
    (each) => each.labelSet === 'shared' && each.fromCheckpointId === from.id && each.toCheckpointId === to.id,
  );
  const question = evaluation.gapDifferences.find(
    (each) => each.fromCheckpointId === from.id && each.toCheckpointId === to.id,
  );
  const estimates: Estimate[] = shared.map((each) => ({
    name: `${to.name} \u2212 ${from.name}, ${datasetName(input, each.datasetId)}`,
    role: to.role,
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
  document.figure(
    estimatesChart(
      estimates,
      CONTENT_WIDTH,
      `Difference of macro-F1 on the ${evaluation.sharedLabels.length} shared labels`,
    ),
    `${to.name} minus ${from.name} on the same films${question ? ', and how that difference changes from the source to the target' : ''}. Hollow marks: the interval includes zero, the sign is not settled. ${intervalNote(input)}`,
  );
}

function writeDifferences(document: ReportDocument, input: ReportInput): void {
  const { evaluation } = input;
  const [from, to] = questionPair(input);
  document.table(
    [
      { title: 'On', width: 0.19 },
      { title: 'Labels', width: 0.16 },
      { title: 'From', width: 0.13 },
      { title: 'To', width: 0.13 },
      { title: 'Macro-F1 difference', width: 0.27, align: 'right' },
      { title: 'p', width: 0.12, align: 'right' },
    ],
    evaluation.differences.map((each) => differenceRow(input, each)),
    'Every pair of checkpoints. p: two-sided, exchanging the two answers of whole patients at random; not adjusted for the number of rows.',
  );
  for (const each of evaluation.differences) {
    const asked = each.fromCheckpointId === from.id && each.toCheckpointId === to.id;
    if (asked && each.labelSet === 'shared') labelDifferences(document, input, each);
  }
}

function differenceRow(input: ReportInput, each: Difference): (string | Cell)[] {
  return [
    datasetName(input, each.datasetId),
    LABEL_SETS[each.labelSet],
    reader(checkpointOf(input, each.fromCheckpointId)),
    reader(checkpointOf(input, each.toCheckpointId)),
    { text: changeWithInterval(each.change, each.interval), weight: isSettled(each.interval) ? 'semibold' : 'regular' },
    pValue(each.p),
  ];
}

function labelDifferences(document: ReportDocument, input: ReportInput, each: Difference): void {
  const [from, to] = [checkpointOf(input, each.fromCheckpointId), checkpointOf(input, each.toCheckpointId)];
  const test = each.contributions[0]?.test;
  const how =
    test === 'mcnemar-exact'
      ? 'p: exact McNemar test of right answers, one film a patient'
      : 'p: of the F1 difference, exchanging whole patients';
  document.subheading(`${to.name} against ${from.name} on ${datasetName(input, each.datasetId)}`);
  document.table(
    [
      { title: 'Label', width: 0.2 },
      { title: 'n+', width: 0.07, align: 'right' },
      { title: `F1 ${from.name}`, width: 0.11, align: 'right' },
      { title: `F1 ${to.name}`, width: 0.11, align: 'right' },
      { title: 'Difference, 95 % interval', width: 0.27, align: 'right' },
      { title: 'p', width: 0.08, align: 'right' },
      { title: 'Holm', width: 0.08, align: 'right' },
      { title: 'BH', width: 0.08, align: 'right' },
    ],
    each.contributions.map((label) => [
      label.label,
      String(supportOf(input, each.datasetId, label.label)),
      decimals(label.from),
      decimals(label.to),
      {
        text: changeWithInterval(label.to - label.from, label.interval),
        weight: isSettled(label.interval) ? 'semibold' : 'regular',
      },
      pValue(label.p),
      pValue(label.pHolm),
      pValue(label.pBenjaminiHochberg),
    ]),
    `${how}; adjusted over the ${each.contributions.length} labels by Holm and by Benjamini and Hochberg.`,
    7.5,
  );
}

function writeLabels(document: ReportDocument, input: ReportInput): void {
  const { evaluation } = input;
  const labels = evaluation.datasets.reduce<Label[]>(
    (longest, { labels: own }) => (own.length > longest.length ? own : longest),
    [],
  );
  document.figure(
    forestChart(
      labels,
      evaluation.datasets.map((dataset) => ({
        title: dataset.name,
        rows: labels.map((label) => {
          if (!dataset.labels.includes(label)) return null;
          const marks = evaluation.checkpoints.map((checkpoint) => {
            const figures = cellOf(input, dataset.id, checkpoint.id).own.labels.find((each) => each.label === label)!;
            return { role: checkpoint.role, f1: figures.f1, interval: pairOf(figures.f1Interval) };
          });
          return { marks, support: supportOf(input, dataset.id, label) };
        }),
      })),
      evaluation.checkpoints.map(({ role, name }) => ({ role, name })),
      CONTENT_WIDTH,
    ),
    `F1 by label. n+: films whose truth has the label; where they are few, the interval is wide and should be read with care. ${intervalNote(input)}`,
  );
  document.table(
    [
      { title: 'Data set', width: 0.2 },
      { title: 'Checkpoint', width: 0.17 },
      { title: 'Macro-F1, 95 % interval', width: 0.23, align: 'right' },
      { title: 'Micro-F1', width: 0.1, align: 'right' },
      { title: 'Micro P', width: 0.1, align: 'right' },
      { title: 'Micro R', width: 0.1, align: 'right' },
      { title: 'All right', width: 0.1, align: 'right' },
    ],
    evaluation.cells.map(({ datasetId, checkpointId, own }) => [
      datasetName(input, datasetId),
      reader(checkpointOf(input, checkpointId)),
      withInterval(own.macro.f1, own.macroF1Interval),
      decimals(own.micro.f1),
      decimals(own.micro.precision),
      decimals(own.micro.recall),
      percent(own.subsetAccuracy),
    ]),
    'In total, on each data set\u2019s own labels. Macro-F1 is the unweighted mean of the labels\u2019 F1; a division by zero counts as 0. All right: films on which every label is.',
  );
  for (const cell of evaluation.cells) labelTable(document, input, cell);
}

const FIGURE_COLUMNS: Column[] = [
  { title: 'Label', width: 0.23 },
  { title: 'n+', width: 0.055, align: 'right' },
  { title: 'Said', width: 0.06, align: 'right' },
  { title: 'TP', width: 0.055, align: 'right' },
  { title: 'FP', width: 0.055, align: 'right' },
  { title: 'FN', width: 0.055, align: 'right' },
  { title: 'Prec.', width: 0.06, align: 'right' },
  { title: 'Recall', width: 0.065, align: 'right' },
  { title: 'Spec.', width: 0.06, align: 'right' },
  { title: 'F1, 95 % interval', width: 0.175, align: 'right' },
  { title: 'Kappa', width: 0.065, align: 'right' },
  { title: 'MCC', width: 0.065, align: 'right' },
];

function labelTable(
  document: ReportDocument,
  input: ReportInput,
  { datasetId, checkpointId, own }: EvaluationCell,
): void {
  const checkpoint = checkpointOf(input, checkpointId);
  document.subheading(`${checkpoint.name} on ${datasetName(input, datasetId)}`);
  document.table(
    FIGURE_COLUMNS,
    own.labels.map((each) => [
      each.label,
      String(each.support),
      String(each.predicted),
      String(each.tp),
      String(each.fp),
      String(each.fn),
      decimals(each.precision, 2),
      decimals(each.recall, 2),
      decimals(each.specificity, 2),
      withInterval(each.f1, each.f1Interval, 2),
      each.kappa === null ? '\u2013' : decimals(each.kappa, 2),
      decimals(each.mcc, 2),
    ]),
    `${own.films} films of ${own.patients} patients; macro precision ${decimals(own.macro.precision)}, recall ${decimals(own.macro.recall)}, F1 ${decimals(own.macro.f1)}.`,
    7.5,
  );
}

function writeContributions(document: ReportDocument, input: ReportInput): void {
  const { evaluation } = input;
  const gaps = evaluation.gaps.filter((gap) => gap.labelSet === 'shared');
  const pair = hasTwoCheckpoints(input) ? questionPair(input) : null;
  const inPair = gaps.filter((gap) => !pair || pair.some((checkpoint) => checkpoint.id === gap.checkpointId));
  const panels = [
    {
      title: 'From the source to the target',
      series: inPair.map((gap) => {
        const { name, role } = checkpointOf(input, gap.checkpointId);
        return { name, role, values: gap.contributions.map((each) => each.contribution) };
      }),
    },
  ];
  if (pair) panels.push(survivalPanel(input, pair));
  document.figure(
    contributionsChart(evaluation.sharedLabels, panels, CONTENT_WIDTH),
    `Each label\u2019s part of the change of macro-F1: the change of its F1 divided by ${evaluation.sharedLabels.length}. Left: each checkpoint from the source to the target. ${pair ? `Right: ${pair[1].name} minus ${pair[0].name} at the target, minus the same at the source.` : ''}`,
  );
}

function survivalPanel(input: ReportInput, [from, to]: [EvaluatedCheckpoint, EvaluatedCheckpoint]) {
  const { evaluation } = input;
  const parts = (datasetId: string) =>
    evaluation.differences.find(
      (each) =>
        each.datasetId === datasetId &&
        each.labelSet === 'shared' &&
        each.fromCheckpointId === from.id &&
        each.toCheckpointId === to.id,
    )!.contributions;
  const [atSource, atTarget] = [parts(evaluation.sourceDatasetId), parts(evaluation.targetDatasetId)];
  const values = atTarget.map((each, i) => each.contribution - atSource[i]!.contribution);
  return {
    title: `${to.name} \u2212 ${from.name}: target minus source`,
    series: [{ name: 'Target minus source', role: 'other' as const, values }],
  };
}

function writeFailures(document: ReportDocument, input: ReportInput): void {
  const { evaluation } = input;
  document.table(
    [
      { title: 'Data set', width: 0.18 },
      { title: 'Checkpoint', width: 0.15 },
      { title: 'Failed', width: 0.13, align: 'right' },
      { title: 'Macro-F1', width: 0.1, align: 'right' },
      { title: 'without failures', width: 0.13, align: 'right' },
      { title: 'Findings a film', width: 0.1, align: 'right' },
      { title: 'Most frequent label', width: 0.21 },
    ],
    evaluation.cells.map(({ datasetId, checkpointId, own }) => [
      datasetName(input, datasetId),
      reader(checkpointOf(input, checkpointId)),
      `${own.failures} (${percent(own.failRate)})`,
      decimals(own.macro.f1),
      decimals(own.withoutFailures.macroF1),
      decimals(own.findingsPerFilm, 2),
      own.dominant ? `${own.dominant.label}, ${percent(own.dominant.share)}` : 'none',
    ]),
    'A completion that cannot be read counts as no label and stays in every figure; the column beside shows the figure without those films.',
  );
  if (input.failures.length > 0) {
    document.list(
      input.failures.map(
        ({ datasetId, checkpointId, kind, count }) =>
          `${checkpointOf(input, checkpointId).name} on ${datasetName(input, datasetId)}: ${count} \u00d7 ${kind}`,
      ),
    );
  }
  if (evaluation.agreements.length === 0) return;
  document.table(
    [
      { title: 'Data set', width: 0.3 },
      { title: 'Checkpoints', width: 0.3 },
      { title: 'Films', width: 0.1, align: 'right' },
      { title: 'Same labels', width: 0.15, align: 'right' },
      { title: 'Mean Jaccard', width: 0.15, align: 'right' },
    ],
    evaluation.agreements.map(({ datasetId, checkpointIds, films, sameSet, meanJaccard }) => [
      datasetName(input, datasetId),
      checkpointIds.map((id) => checkpointOf(input, id).name).join(' and '),
      String(films),
      percent(sameSet),
      decimals(meanJaccard),
    ]),
    'How far the checkpoints say the same, right or wrong.',
  );
}

function writePaper(document: ReportDocument, input: ReportInput): void {
  const { evaluation } = input;
  const sides = paperSides();
  const side = (model: string) => sides.find((each) => each.model === model)!;
  const [sft, grpo] = [side(PAPER_SFT), side(PAPER_GRPO)];
  document.paragraph(
    `The paper (${PAPER_SOURCE}) prints macro-F1 on 14 labels for CheXpert and on nine for NIH ChestX-ray14, and so ${decimals(sft.own.chexpert)} to ${decimals(grpo.own.chexpert)} for the gain of GRPO over SFT on CheXpert. On the nine labels that both of its test sets share, worked out again from its own per-label values, the same gain is ${decimals(sft.shared.chexpert)} to ${decimals(grpo.shared.chexpert)}; on NIH it is ${decimals(sft.shared.nih)} to ${decimals(grpo.shared.nih)}. The paper gives no intervals.`,
  );
  const number = (value: number): Cell => ({ text: decimals(value) });
  const change = (value: number): Cell => ({ text: signedDecimals(value) });
  const paperRows = sides.map(({ model, own, shared }) => [
    { text: model, weight: model === PAPER_SFT || model === PAPER_GRPO ? ('semibold' as const) : ('regular' as const) },
    number(own.chexpert),
    number(own.nih),
    change(own.nih - own.chexpert),
    number(shared.chexpert),
    number(shared.nih),
    change(shared.nih - shared.chexpert),
  ]);
  const ours = evaluation.gaps
    .filter((gap) => gap.labelSet === 'shared')
    .map((gap) => {
      const own = evaluation.gaps.find((each) => each.checkpointId === gap.checkpointId && each.labelSet === 'own')!;
      const name = reader(checkpointOf(input, gap.checkpointId));
      return [
        { ...name, text: `This report: ${name.text}` },
        number(own.source),
        number(own.target),
        change(own.change),
        number(gap.source),
        number(gap.target),
        change(gap.change),
      ];
    });
  document.table(
    [
      { title: 'Checkpoint', width: 0.28 },
      { title: 'Source, own labels', width: 0.12, align: 'right' },
      { title: 'Target, own labels', width: 0.12, align: 'right' },
      { title: 'Change', width: 0.12, align: 'right' },
      { title: 'Source, shared labels', width: 0.12, align: 'right' },
      { title: 'Target, shared labels', width: 0.12, align: 'right' },
      { title: 'Change', width: 0.12, align: 'right' },
    ],
    [...paperRows, ...ours],
    'Published figures (source: CheXpert test, target: NIH test) and ours. They were taken on other films and, for ours, other models: the way from left to right can be compared, the numbers themselves cannot.',
  );
  document.figure(
    sideBySide([
      { title: 'The paper as printed', figure: paperSlope(sides, 'own') },
      { title: 'The paper on the nine shared labels', figure: paperSlope(sides, 'shared') },
      { title: 'This report, shared labels', figure: oursSlope(input) },
    ]),
    'Macro-F1 from the source (CheXpert test for the paper) to the target (NIH test). In each panel the scale is its own.',
  );
  const recomputed = recomputePaper();
  const worst = Math.max(...recomputed.map(({ printed, recomputed: again }) => Math.abs(printed - again)));
  document.paragraph(
    `Of the paper\u2019s figures, ${recomputed.length} follow from others that it prints (macro-F1 from per-label F1, micro-F1 from micro precision and recall); all agree within ${decimals(worst, 4)}.`,
  );
}

const PANEL = { width: (CONTENT_WIDTH - 24) / 3, height: 120 };

function paperSlope(sides: PaperSide[], set: 'own' | 'shared'): Figure {
  const asked = [PAPER_SFT, PAPER_GRPO].map((model) => sides.find((each) => each.model === model)!);
  const roles = ['sft', 'grpo'] as const;
  const lines = asked.map((each, i) => ({
    name: ['SFT', 'GRPO'][i]!,
    role: roles[i]!,
    source: each[set].chexpert,
    target: each[set].nih,
    sourceInterval: null,
    targetInterval: null,
  }));
  const [source, target] = set === 'own' ? ['CheXpert, 14', 'NIH, 9'] : ['CheXpert, 9', 'NIH, 9'];
  return slopeChart({ lines, sourceName: source!, targetName: target!, ...PANEL });
}

function oursSlope(input: ReportInput): Figure {
  const { evaluation } = input;
  const pair = hasTwoCheckpoints(input) ? questionPair(input) : evaluation.checkpoints;
  const lines = pair.flatMap(({ id, name, role }) => {
    const gap = evaluation.gaps.find((each) => each.checkpointId === id && each.labelSet === 'shared');
    return gap
      ? [{ name, role, source: gap.source, target: gap.target, sourceInterval: null, targetInterval: null }]
      : [];
  });
  return slopeChart({ lines, sourceName: 'Source', targetName: 'Target', ...PANEL });
}

function writeSamples(document: ReportDocument, input: ReportInput): void {
  document.paragraph(
    'Chosen where the checkpoints disagree; they illustrate and prove nothing. Reasoning is the checkpoint\u2019s own text, shortened where it is long.',
  );
  for (const sample of input.samples) writeSample(document, input, sample);
}

function writeSample(document: ReportDocument, input: ReportInput, sample: ReportSample): void {
  const dataset = input.evaluation.datasets.find((each) => each.id === sample.datasetId);
  const truth = dataset ? positiveLabels(sample.truth, dataset.labels, dataset.policy) : [];
  const truthMark = symbol('truth', 0, 0, ON_WHITE.truth) as Cell['mark'] & object;
  document.subheading(sample.title);
  document.film(
    sample.image,
    `Chest film: ${sample.title}. Truth: ${truth.join(', ') || 'none of the scored labels'}.`,
    [
      {
        text: `Truth: ${truth.join(', ') || 'none of the scored labels'}`,
        style: { size: 8.5, weight: 'semibold', color: ON_WHITE.truth, after: 6 },
        mark: truthMark,
      },
      ...sample.readings.flatMap(({ checkpointId, findings, reasoning, failure }) => {
        const checkpoint = checkpointOf(input, checkpointId);
        const said = failure
          ? `could not be read (${failure}); counts as no label`
          : saidAgainst(findings, truth, dataset?.labels ?? []);
        return [
          {
            text: `${checkpoint.name}: ${said}`,
            style: { size: 8.5, weight: 'semibold' as const, color: ON_WHITE[checkpoint.role], after: 2 },
            mark: markOf(checkpoint),
          },
          { text: shortened(reasoning), style: { size: 8, color: INK.text, lineGap: 1, after: 7 } },
        ];
      }),
    ],
  );
}

/** Labels in words, with what is wrong or missing said after them. */
function saidAgainst(findings: readonly Label[], truth: readonly Label[], scored: readonly Label[]): string {
  const names = findings.map((label) =>
    truth.includes(label) ? label : scored.includes(label) ? `${label} (wrong)` : `${label} (not scored)`,
  );
  const missed = truth.filter((label) => !findings.includes(label));
  return `${names.join(', ') || 'no label'}${missed.length > 0 ? `; missed: ${missed.join(', ')}` : ''}`;
}

function shortened(text: string): string {
  const plain = text.replace(/\s+/g, ' ').trim();
  if (plain === '') return 'No reasoning was written.';
  return plain.length <= 700 ? plain : `${plain.slice(0, 700).replace(/\s\S*$/, '')} \u2026`;
}

function writeMapping(document: ReportDocument, input: ReportInput): void {
  for (const { id, mapping } of input.datasets) {
    if (mapping !== 'nih') continue;
    const { rows, name } = labelMapping(mapping);
    document.table(
      [
        { title: `Name in ${name}`, width: 0.18 },
        { title: 'CheXpert label', width: 0.2 },
        { title: 'Use', width: 0.09 },
        { title: 'Reason', width: 0.53 },
      ],
      rows.map((row) => [row.from ?? '\u2013', row.to ?? '\u2013', row.use, row.reason]),
      `How the labels of ${datasetName(input, id)} were mapped.`,
      7.5,
    );
  }
  const own = input.datasets.filter(({ mapping }) => mapping !== 'nih').map(({ id }) => datasetName(input, id));
  if (own.length > 0)
    document.paragraph(
      `${own.join(' and ')}: the 14 CheXpert labels under their own names; a blank is "not mentioned" and counts as negative.`,
    );
}

function writeMethods(document: ReportDocument, input: ReportInput): void {
  const { evaluation } = input;
  const policies = evaluation.datasets
    .map(({ name, policy, unit }) => `${name}: ${policyText(policy)}, by ${unit}`)
    .join('; ');
  document.paragraph(
    `Each film was given to each checkpoint with the prompt named above; the labels in the solution block of the completion were read by a rule-based parser and filtered to the 14 CheXpert names. A completion that could not be read counts as no label. Uncertain labels of the truth (${policies}): zeros counts them as negative, ones as positive, ignore leaves them out of that label. Precision, recall and F1 are those of scikit-learn with zero_division 0; macro averages are unweighted.`,
  );
  document.paragraph(
    `Intervals are BCa bootstrap intervals (percentile where BCa is undefined) that resample whole patients; checkpoints are resampled together, data sets independently. Differences of macro-F1 are tested by exchanging the two answers of whole patients at random; differences by label by the exact McNemar test where each patient has one film, else likewise. A label\u2019s contribution to a change is the change of its F1 divided by the number of labels; contributions sum to the change. ${intervalNote(input)}`,
  );
}

function writeReproduce(document: ReportDocument, input: ReportInput): void {
  const { application, evaluation } = input;
  document.paragraph(
    `Made with ${application.name} ${application.version}; evaluation ${evaluation.id} of ${evaluation.createdAt}.`,
  );
  document.commands(input.reproduce);
}

function writeLimits(document: ReportDocument, input: ReportInput): void {
  document.list([
    'Research use only. Nothing here supports the diagnosis or treatment of a patient, and no checkpoint is a medical device.',
    'Labels were mined from reports or made by a program; they are not a radiologist\u2019s reading of the film, and each institution\u2019s conventions are part of what is measured.',
    'Two data sets differ in many things at once (scanner, patients, prevalence, labelling). A change between them is measured, its cause is not.',
    'Labels with few positive films have wide intervals and weigh in macro-F1 as much as common ones.',
    ...input.limits,
  ]);
}

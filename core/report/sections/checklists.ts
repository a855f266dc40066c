/**
 * TRIPOD+AI and CLAIM filled from the run's metadata. Each item asks for a fact (resources/checklists); what the metadata
 * says is written there, in part where it says only some of it, and what only the authors know is marked as a gap.
 */
import claim from '../../../resources/checklists/claim.json' with { type: 'json' };
import tripodAi from '../../../resources/checklists/tripod-ai.json' with { type: 'json' };
import { isSettled } from '../../evaluation/types.ts';
import type { Block, Cell } from '../blocks.ts';
import { checkpointOf, datasetName, hasTwoDatasets, sourceName, targetName } from '../lookup.ts';
import { INK } from '../palette.ts';
import type { ReportCheckpoint, ReportDataset, ReportInput } from '../types.ts';
import { listed, plural, short, text } from '../words.ts';
import { engineInWords, settingsInWords, unsuitableInWords } from './overview.ts';

interface Fact {
  state: 'stated' | 'in part';
  words: string;
}

type FactOf = (input: ReportInput) => Fact | null;

const stated = (words: string): Fact => ({ state: 'stated', words });
const inPart = (words: string, open: string): Fact => ({ state: 'in part', words: `${words} Open: ${open}.` });

const names = ({ evaluation }: ReportInput) => listed(evaluation.checkpoints.map(({ name }) => name));
const sets = ({ evaluation }: ReportInput) => listed(evaluation.datasets.map(({ name }) => name));
const sizes = ({ evaluation }: ReportInput) =>
  evaluation.datasets
    .map(({ name, films, patients }) => `${name}: ${plural(films, 'film')} of ${plural(patients, 'patient')}`)
    .join('; ');

const FACTS: Record<string, FactOf> = {
  identification: (input) =>
    inPart(
      `Evaluation of vision-language models (${names(input)}) that write chest-film findings as text.`,
      'the title is the authors\u2019',
    ),
  result: () => inPart('The result in a sentence stands on the first page.', 'the abstract is the authors\u2019'),
  intendedUse: () =>
    inPart('Research use only; nothing here may guide the care of a patient.', 'the use intended later'),
  objective: (input) =>
    stated(
      hasTwoDatasets(input)
        ? `Whether differences between checkpoints on ${sourceName(input)} hold on ${targetName(input)}. Evaluation, not development.`
        : `How the checkpoints read ${sets(input)}. Evaluation, not development.`,
    ),
  sources: (input) =>
    inPart(
      input.datasets.map(({ id, table, relation }) => `${datasetName(input, id)}: ${table} (${relation})`).join('; ') +
        `. Training: ${input.evaluation.checkpoints.map(({ name, trainingSource }) => `${name}: ${trainingSource || 'unknown'}`).join('; ')}.`,
      'why these data, and how representative they are',
    ),
  eligibility: (input) =>
    inPart(
      `Films of the tables that can be opened${leftOut(input)}.${input.datasets.map((dataset) => namedUnsuitable(input, dataset)).join('')}`,
      'how patients came into the data sets',
    ),
  preprocessing: ({ checkpoints }) => {
    const ways = [...new Set(checkpoints.map(({ preprocessing }) => preprocessing).filter(Boolean))];
    return ways.length > 0 ? stated(`Each film as ${listed(ways)}, the same at every institution.`) : null;
  },
  reference: (input) =>
    inPart(
      'Labels of the data sets\u2019 tables, mapped to the CheXpert labels (see Labels and their mapping); uncertain labels as stated there.',
      `who or what made the labels of ${sets(input)}`,
    ),
  mapping: () => stated('One reason for every row: see Labels and their mapping.'),
  blinding: () =>
    inPart('The checkpoints saw the film and the instruction, no label.', 'blinding of whoever made the labels'),
  predictors: () => stated('The pixels of one film and the instruction; nothing else of the patient.'),
  noAssessor: () => stated('No predictor needs a person\u2019s judgement.'),
  sampleSize: (input) => {
    const open = (input.evaluation.power ?? []).filter(({ settled }) => !settled).length;
    const words = `${sizes(input)}.${input.evaluation.power ? ` ${open} of ${input.evaluation.power.length} differences are not settled by them; see Power.` : ''}`;
    return inPart(words, 'whether the size was planned');
  },
  missing: (input) =>
    stated(
      `A label that is not mentioned counts as negative; a completion that cannot be read counts as no label (${plural(
        input.evaluation.cells.reduce((sum, { own }) => sum + own.failures, 0),
        'completion',
      )}); films that cannot be opened are left out and counted${leftOut(input)}.`,
    ),
  partitions: (input) =>
    inPart(
      input.datasets.map(({ id, relation }) => `${datasetName(input, id)}: ${relation}`).join('; ') + concernsOf(input),
      'partitions inside the training data',
    ),
  disjoint: (input) => {
    const trained = input.checkpoints.some(({ concerns }) => concerns.length > 0);
    return inPart(
      trained ? `Not disjoint:${concernsOf(input)}` : 'No training run here used a data set of this evaluation.',
      'disjointness by patient from data that this workspace does not hold',
    );
  },
  training: (input) => {
    if (input.runs.length === 0) return null;
    const runs = input.runs.map(
      ({ checkpointId, kind, examples, log }) =>
        `${checkpointOf(input, checkpointId).name}: ${kind.toUpperCase()}, ${plural(examples, 'example')}, ${plural(log.length, 'step')}`,
    );
    return stated(`${runs.join('; ')}; settings and departures under Training.`);
  },
  selection: (input) => {
    const chosen = input.checkpoints.flatMap(({ id, concerns }) =>
      concerns.map((concern) => `${checkpointOf(input, id).name}: ${concern}`),
    );
    if (input.runs.length === 0) return null;
    return inPart(
      chosen.length > 0 ? chosen.join(' ') : 'No run says that target data chose a checkpoint.',
      'choices made outside',
    );
  },
  ensembling: () => stated('None: one completion of one checkpoint for each film.'),
  initialisation: (input) => {
    const started = input.runs.map(
      ({ checkpointId, startHash }) =>
        `${checkpointOf(input, checkpointId).name}: ${startHash ? `adapter ${short(startHash)}` : 'a new adapter'}`,
    );
    return started.length > 0 ? stated(`${started.join('; ')}.`) : null;
  },
  heterogeneity: (input) =>
    hasTwoDatasets(input)
      ? stated(`By institution: every figure for ${sets(input)}, and the change between them with its interval.`)
      : null,
  measures: () =>
    stated(
      'Precision, recall, specificity, F1, kappa, Matthews correlation by label; macro, micro and weighted; forest and slope plots.',
    ),
  uncertainty: ({ evaluation }) => {
    const interval = evaluation.cells.find(({ own }) => own.macroF1Interval)?.own.macroF1Interval;
    if (!interval) return null;
    return stated(
      `${interval.replicates.toLocaleString('en')} bootstrap replicates over patients; paired permutation tests by patient; Holm and Benjamini-Hochberg.`,
    );
  },
  updating: () => stated('None: no checkpoint was changed after its evaluation.'),
  prediction: (input) => (input.reading ? stated(`${capital(settingsInWords(input))}.`) : null),
  imbalance: () =>
    stated(
      'Nothing was resampled or reweighted; macro-F1 gives every label the same weight, prevalence stands beside.',
    ),
  fairness: ({ evaluation }) => {
    const groups = new Set((evaluation.subgroups ?? []).map(({ by }) => by));
    return groups.size > 0 ? inPart(`Figures by ${listed([...groups])}.`, 'other groups') : null;
  },
  output: () => stated('Reasoning and a list of labels as text; the labels are taken as written, without a threshold.'),
  shift: (input) => {
    if (!hasTwoDatasets(input)) return null;
    const divided = (input.evaluation.decompositions ?? []).length > 0;
    return inPart(
      `Prevalence by label at source and target under Results by label${divided ? '; the change divided by cause under Why it changed' : ''}.`,
      'differences in acquisition and referral',
    );
  },
  subset: (input) => stated(`${sizes(input)}${leftOut(input)}.`),
  dataIdentity: ({ datasets }) =>
    inPart(
      `Label tables by sha256: ${datasets.map(({ table, tableHash }) => `${table} ${short(tableHash)}`).join('; ')}.`,
      'where the data can be had',
    ),
  code: ({ application }) => stated(`${application.name} ${application.version}; commands under How to reproduce.`),
  software: ({ application, reading }) => {
    const own = `${application.name} ${application.version}`;
    return reading ? stated(`${own}; ${engineInWords(reading.engine)}.`) : inPart(`${own}.`, 'what read the films');
  },
  flow: (input) => stated(`${sizes(input)}${leftOut(input)}.`),
  characteristics: (input) => {
    const groups = new Set((input.evaluation.subgroups ?? []).map(({ by }) => by));
    return inPart(
      `${sizes(input)}; positive films by label${groups.size > 0 ? `; numbers by ${listed([...groups])}` : ''}.`,
      'what the tables do not say of the patients',
    );
  },
  events: () => stated('Positive films by label and data set under Results by label.'),
  specification: (input) =>
    stated(
      `${input.checkpoints.map((each) => `${checkpointOf(input, each.id).name}: ${weightsInWords(each)}`).join('; ')}.`,
    ),
  performance: (input) => {
    const missing = (input.evaluation.subgroups ?? []).length === 0;
    const words = 'Macro-F1 and F1 by label with 95 % intervals.';
    return missing ? inPart(words, 'key subgroups') : stated(`${words} Subgroups likewise.`);
  },
  accuracy: () =>
    inPart('Sensitivity (recall) and specificity by label.', 'intervals of both in print; the data export has them'),
  interpretation: () =>
    inPart(
      'The result in a sentence stands on the first page; beside it, the published figures.',
      'the discussion is the authors\u2019',
    ),
  limits: () => inPart('See Limits.', 'the authors\u2019 own'),
  poorInput: () =>
    stated(
      'A film that cannot be opened is left out with its reason; a completion that cannot be read counts as no label.',
    ),
  retrospective: () => inPart('Retrospective: films and labels were there before.', 'dates of collection'),
  identifiers: () =>
    inPart('No identifier enters this report; films are named by number.', 'how the source data were de-identified'),
  robustness: ({ evaluation }) => {
    const parts = [
      ...((evaluation.subgroups ?? []).length > 0 ? ['subgroups'] : []),
      ...((evaluation.decompositions ?? []).length > 0 ? ['the change by cause'] : []),
      'figures without failed completions',
    ];
    return inPart(`${capital(listed(parts))}.`, 'other seeds and instructions');
  },
  explainability: ({ samples }) =>
    inPart(
      `The reasoning that each checkpoint wrote, for ${plural(samples.length, 'film')}; whether it caused the answer is not tested.`,
      'maps of attention or saliency',
    ),
  internal: (input) => {
    const home = input.datasets.filter(
      ({ relation }) => relation === 'in-distribution' || relation === 'training source',
    );
    return home.length > 0 ? stated(`${listed(home.map(({ id }) => datasetName(input, id)))}.`) : null;
  },
  external: (input) => {
    const away = input.datasets.filter(({ relation }) => relation === 'other institution');
    const gap = input.evaluation.gapDifferences[0];
    const settled = gap ? (isSettled(gap.interval) ? '; the change is settled' : '; the change is not settled') : '';
    return away.length > 0 ? stated(`${listed(away.map(({ id }) => datasetName(input, id)))}${settled}.`) : null;
  },
  failures: () => stated('Failed completions by kind, false and missed findings by label, films with both readings.'),
};

function leftOut({ datasets }: ReportInput): string {
  const sum = datasets.reduce((all, { filmsLeftOut }) => all + filmsLeftOut, 0);
  return sum > 0 ? `; ${plural(sum, 'film')} left out` : '';
}

function namedUnsuitable(input: ReportInput, dataset: ReportDataset): string {
  const words = unsuitableInWords(dataset);
  return words === '' ? '' : ` ${datasetName(input, dataset.id)}:${words}`;
}

function concernsOf(input: ReportInput): string {
  const words = input.checkpoints.flatMap(({ id, concerns }) =>
    concerns.map((concern) => ` ${checkpointOf(input, id).name}: ${concern}`),
  );
  return words.length > 0 ? words.join('') : '.';
}

function capital(words: string): string {
  return words.charAt(0).toUpperCase() + words.slice(1);
}

interface Checklist {
  name: string;
  reference: string;
  items: { item: string; topic: string; asks: string; fact: string | null }[];
}

/** The keys of the facts that the two lists ask for and that nothing here knows; for the test: none. */
export function unknownFacts(): string[] {
  return [tripodAi, claim].flatMap(({ items }: Checklist) =>
    items.flatMap(({ fact }) => (fact !== null && !(fact in FACTS) ? [fact] : [])),
  );
}

export function tripod(input: ReportInput): Block[] {
  return checklist(input, tripodAi, 'tripod-ai');
}

export function claimItems(input: ReportInput): Block[] {
  return checklist(input, claim, 'claim');
}

function checklist(input: ReportInput, list: Checklist, id: string): Block[] {
  const filled = list.items.map((item) => ({ ...item, found: item.fact === null ? null : FACTS[item.fact]!(input) }));
  const number = (state: Fact['state'] | null) => filled.filter(({ found }) => (found?.state ?? null) === state).length;
  return [
    {
      kind: 'paragraph',
      words: `${list.name} (${list.reference}). From this run\u2019s metadata ${number('stated')} are stated and ${number('in part')} stated in part; ${number(null)} are gaps that only the authors can fill.`,
    },
    {
      kind: 'table',
      id,
      caption: `${list.name}, item by item.`,
      size: 7.5,
      columns: [
        { title: 'Item', width: 0.06 },
        { title: 'Topic', width: 0.15 },
        { title: 'Asks for', width: 0.27 },
        { title: 'State', width: 0.08 },
        { title: 'From this run', width: 0.44 },
      ],
      rows: filled.map(({ item, topic, asks, found }) => [
        text(item),
        text(topic),
        text(asks),
        stateCell(found),
        text(found?.words ?? 'Not in the metadata: to be stated by the authors.', found ? {} : { color: INK.muted }),
      ]),
    },
  ];
}

function stateCell(found: Fact | null): Cell {
  if (found === null) return text('Gap', { weight: 'semibold', color: INK.warning });
  return text(found.state === 'stated' ? 'Stated' : 'In part', {
    weight: found.state === 'stated' ? 'regular' : 'italic',
  });
}

function weightsInWords({ baseHash, adapterHash, servedAs }: ReportCheckpoint): string {
  if (servedAs !== undefined) return `a server’s model “${servedAs}”, weights not seen`;
  return `base ${short(baseHash)}${adapterHash ? `, adapter ${short(adapterHash)}` : ''}`;
}

/** Evaluate: data sets, the grid, the figures and their films. */
import type { CautionCode } from '../../core/dicom/suitability.ts';
import { count, duration, percent, plural } from './format.ts';
import { doubt } from './studies.ts';

export const evaluate = {
  prompt: 'Prompt',
  ownPrompt: 'each checkpoint’s own',
  probabilities: 'Label probabilities',
  probabilitiesHint:
    'For AUROC and calibration. After its own reasoning: one more reading of each answer. Over samples: eight more answers of each film.',
  probabilityMethods: { none: 'none', 'answer-tree': 'after its own reasoning', frequency: 'over 8 samples' },
  title: 'Evaluate',
  question: 'Does the gain at the source survive at another institution?',
  setup: 'What is compared',
  source: 'Source',
  target: 'Other institution',
  checkpoints: 'Checkpoints',
  limit: 'Films of each data set',
  limitHint: 'Empty: all films',
  all: 'all',
  run: 'Evaluate',
  update: 'Show the result',
  running: 'Evaluating',
  finished: 'The evaluation is complete',
  failed: 'The evaluation stopped',
  filmsFailed: 'The films could not be listed',
  noFilms: 'No film is behind this number',
  earlier: 'Result',
  leftOut: (counts: [code: CautionCode, films: number][], read: boolean) => {
    const total = counts.reduce((sum, [, films]) => sum + films, 0);
    const reasons = counts.map(([code, films]) => `${count(films)} ${doubt.short[code]}`).join(', ');
    const verb = read ? (total === 1 ? 'is read too' : 'are read too') : total === 1 ? 'is left out' : 'are left out';
    return `${plural(total, 'film')} of these data sets ${verb}: ${reasons}.`;
  },
  readThemToo: 'Read them too',
  evaluationName: (name: string, done: number, total: number) =>
    done === total ? `${name} (${count(total)} answers)` : `${name} (${count(done)} of ${count(total)} answers)`,
  cost: (films: number, done: number, seconds: number | null) => {
    const left = films - done;
    if (left <= 0) return 'Every answer is there already.';
    const known = done > 0 ? `, ${count(done)} are there already` : '';
    const time = seconds === null ? 'time not measured yet' : `about ${duration(seconds)}`;
    return `${plural(left, 'answer')} to make${known}: ${time}.`;
  },
  choose: 'Choose two data sets and at least one checkpoint.',
  needTwo: 'An evaluation needs two labelled data sets.',
  needTwoHint: 'Add a label table (CheXpert, NIH ChestX-ray14 or MIMIC-CXR-JPG) with its images.',
  empty: 'Nothing has been evaluated yet.',
  emptyHint: 'Choose what is compared above, then Evaluate. Results appear while it runs and every answer is kept.',
  loading: 'Working out the result',
  loadingHint: 'Intervals are computed from thousands of draws of whole patients. Answers are not made anew.',
  again: 'Work it out again',
  costFailed: 'What it will cost is not known',
  incomplete: (done: number, total: number) =>
    `This evaluation is not complete: ${count(done)} of ${plural(total, 'answer')} are there. The figures are of these alone.`,
  resumeThis: 'Go on with it',
  resultFailed: 'The result cannot be shown',
  grid: 'Macro-F1 by data set and checkpoint, on each data set’s own labels',
  dataset: 'Data set',
  parts: { source: 'source', target: 'other institution' },
  films: (films: number, patients: number) => `${plural(films, 'film')}, ${plural(patients, 'patient')}`,
  labelSets: {
    shared: 'shared labels',
    'chexpert-14': '14 labels',
    'nih-9': '9 labels',
    own: 'own labels',
  },
  failRate: (rate: number) => `${percent(rate)} unreadable`,
  unreadable: (name: string, dataset: string) => `${name} on ${dataset}: unreadable answers`,
  cellFilms: (name: string, dataset: string) => `${name} on ${dataset}: all films`,
  interval: (low: number, high: number, show: (value: number) => string) => `${show(low)} to ${show(high)}`,
  waiting: 'waiting',
  rate: (rate: number) => `${rate < 10 ? rate.toFixed(1) : Math.round(rate)} films/s`,
  gaps: (labels: number) => `From source to target, on the ${labels} shared labels`,
  gapsHint: 'Macro-F1. The same labels on both sides, so the two numbers can be compared.',
  ownGaps: 'From source to target, each on its own labels',
  ownGapsHint: 'As the paper prints it. The labels differ, so these two numbers cannot be compared.',
  checkpoint: 'Checkpoint',
  at: (name: string) => `at ${name}`,
  change: 'Change',
  ci: '95 % interval',
  survives: 'Does the gain survive?',
  survivesHint: 'Macro-F1 on the shared labels, the second checkpoint minus the first.',
  step: 'Step',
  stepOf: (from: string, to: string) => `${from} → ${to}`,
  atSource: 'Gain at the source',
  atTarget: 'Gain at the other institution',
  difference: 'Difference',
  differences: 'Between checkpoints, on the same films',
  differencesHint: 'Macro-F1. Strong where the interval leaves out zero; p by flipping whole patients.',
  perLabel: 'Label by label',
  forestHint:
    'Marks: F1; lines: 95 % intervals over whole patients; n+: films whose truth has the label. Where they are few, the interval is wide.',
  perLabelHint:
    'F1: open mark at the source, filled mark at the other institution. Choose a label for the films behind it.',
  labelChoice: 'Labels',
  sharedChoice: 'Shared',
  ownChoice: 'All',
  contribution: 'Part of the change',
  contributionHint: 'The label’s share of the change in macro-F1; the column adds up to it.',
  support: 'Films with it',
  behind: (label: string) => `Films behind ${label}`,
  outcomes: {
    tp: 'said, right',
    fp: 'said, wrong',
    fn: 'missed',
    tn: 'not said, right',
    failed: 'unreadable',
  },
  outcomeFilms: (label: string, name: string, dataset: string, outcome: string) =>
    `${label}, ${name} on ${dataset}: ${outcome}`,
  notScored: 'not scored here',
  addTable: 'Add data set',
  tableKind: 'Format',
  tableKinds: { chexpert: 'CheXpert', nih: 'NIH ChestX-ray14', mimic: 'MIMIC-CXR-JPG', custom: 'Another table' },
  csv: 'Label table (CSV)',
  images: 'Folder of the images',
  imagesHint: 'Empty: beside the table',
  policy: 'Uncertain labels count as',
  policies: { zeros: 'negative', ones: 'positive', ignore: 'neither (left out)' },
  role: 'Part in the question',
  roles: {
    'training-source': 'training source',
    'probe-source': 'probe, source',
    'probe-target': 'probe, other institution',
    source: 'source',
    target: 'other institution',
    none: 'none',
  },
  add: 'Add',
  browse: 'Choose',
  added: (name: string, films: number) => `${name} was added: ${plural(films, 'film')}`,
  addFailed: 'The data set could not be added',
};

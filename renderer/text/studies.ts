/** Read: the study list, its filters, doubtful films, export without patients. */
import type { ScanReport } from '../../core/dicom/scan.ts';
import { CAUTION_WORDS, type CautionCode } from '../../core/dicom/suitability.ts';
import type { Collection, DeidentifySummary, ScanSummary } from '../../core/services/contract.ts';
import type { StudyOrder } from '../state/library.ts';
import type { AgreementKind } from '../studies/agreement.ts';
import { count, duration, plural } from './format.ts';

export const studies = {
  order: 'Order',
  orders: {
    table: 'In the order of the table',
    patient: 'By patient',
    newest: 'Newest first',
    oldest: 'Oldest first',
  } satisfies Record<StudyOrder, string>,
  title: 'Studies',
  copyList: 'Copy the list',
  saveList: 'Save the list as CSV',
  listCopied: (films: number) => `${plural(films, 'film')} copied as a table`,
  listColumns: ['Collection', 'Patient', 'Sex', 'Age', 'Study date', 'View', 'Description', 'File'],
  filter: 'Filter',
  filterHint: 'Patient, finding, -not this',
  open: 'Open',
  openFiles: 'Open files',
  openFolder: 'Open a folder',
  openPath: 'Path of a file or folder',
  pathHint: 'Path to open',
  films: (shown: number, all: number) => (shown === all ? count(all) : `${count(shown)} of ${count(all)}`),
  role: {
    'training-source': 'training source',
    'probe-source': 'probe, source',
    'probe-target': 'probe, other institution',
    source: 'source',
    target: 'other institution',
    none: '',
  } satisfies Record<Collection['role'], string>,
  fold: (name: string) => `Fold ${name}`,
  unfold: (name: string) => `Unfold ${name}`,
  followed: 'Films behind a number',
  unfollow: 'Show all films',
  scanning: ({ done, total, failures = 0, counts: { patients, studies, instances } }: ScanReport) => {
    const found = `${plural(instances, 'film')}, ${plural(studies, 'study', 'studies')}, ${plural(patients, 'patient')}`;
    const files = total === null ? plural(done, 'file') : `${count(done)} of ${plural(total, 'file')}`;
    return `Scanning: ${found} in ${files}${failures > 0 ? `, ${count(failures)} left out` : ''}`;
  },
  scanned: ({ patients, studies, series, instances, unchanged, seconds }: ScanSummary) => {
    const found = [
      plural(patients, 'patient'),
      plural(studies, 'study', 'studies'),
      `${count(series)} series`,
      plural(instances, 'film'),
    ].join(', ');
    return `${found} in ${duration(seconds)}${unchanged > 0 ? ` (${count(unchanged)} unchanged)` : ''}`;
  },
  counts: ({ patients, studies, series, films }: Collection) =>
    [
      plural(patients, 'patient'),
      plural(studies, 'study', 'studies'),
      `${count(series)} series`,
      plural(films, 'film'),
    ].join(', '),
  rejected: (files: number) => `${plural(files, 'file')} could not be opened; the rest is listed`,
  andMore: (files: number) => `and ${count(files)} more`,
  openFailed: 'The films could not be opened',
  loading: 'Loading the study list',
  empty: 'No films yet.',
  coming: 'The films appear here as they come.',
  emptyHint: 'Drop DICOM files, a folder or a DICOMDIR here, or type a path below.',
  nothingFound: 'No film matches the filter.',
  clearFilter: 'Clear the filter',
  more: (hidden: number) => `+${hidden}`,
  noTruth: 'no label table',
  uncertain: 'uncertain',
  hint: [
    'Tab compares the last two checkpoints on this film.',
    'Evaluate measures them on two institutions.',
    'Report exports what came out, as PDF.',
  ],
  position: (at: number, all: number) => `Film ${count(at)} of ${count(all)}`,
  previous: 'Previous film',
  next: 'Next film',
  warning: 'Outside what the model knows',
};

export const agreement = {
  title: 'Agreement',
  anyLabel: 'any label',
  kinds: {
    all: () => 'All films',
    allWrong: () => 'All checkpoints wrong',
    allRight: () => 'All checkpoints right',
    lost: (from: string, to: string) => `${to} lost it (${from} right)`,
    won: (from: string, to: string) => `${to} won it (${from} wrong)`,
    disagree: (from: string, to: string) => `${from} and ${to} disagree`,
    unreadable: () => 'An answer cannot be read',
    unanswered: (from: string, to: string) => `Not read by ${from} or ${to}`,
    readerDiffers: (_from: string, to: string) => `${to} differs from the reader`,
  } satisfies Record<AgreementKind, (from: string, to: string) => string>,
};

export const doubt = {
  title: 'Read this film all the same?',
  reasons: {
    'for-processing': 'It is a FOR PROCESSING image: its gray values are not meant for reading.',
    'not-a-radiograph': 'It is not a radiograph.',
    'not-the-chest': 'It does not show the chest.',
    lateral: 'It is a lateral view.',
    'other-view': 'It is neither an AP nor a PA view.',
    'view-unknown': 'Nothing says that it is a frontal view.',
  } satisfies Record<CautionCode, string>,
  short: CAUTION_WORDS,
  why: 'The checkpoints were trained on frontal chest films; what they say of another film means little.',
  no: 'Do not read it',
  yes: 'Read it',
};

export const exportFilms = {
  open: 'Export films without their patients',
  title: 'Export films without their patients',
  what:
    'DICOM copies under PS3.15’s Basic Application Level Confidentiality Profile: names, numbers, dates, free text and ' +
    'private elements go, UIDs are new and consistent in this workspace. Pixels stay as they are. The films themselves ' +
    'are not changed.',
  choices: 'What is exported',
  scopes: {
    study: (films: number) => `The study on the screen (${plural(films, 'film')})`,
    listed: (films: number) => `All in the list (${plural(films, 'film')})`,
  },
  out: 'Folder of the copies',
  outHint: '/data/export',
  shiftDates: 'Keep the time between dates: each patient’s dates move back by a secret number of days',
  keepCharacteristics: 'Keep sex, age, size and weight',
  run: (films: number) => `Export ${plural(films, 'film')}`,
  running: 'Writing the copies',
  failed: 'The export stopped',
  done: ({ films, studies, patients, out }: DeidentifySummary) =>
    `${plural(films, 'film')}, ${plural(studies, 'study', 'studies')}, ${plural(patients, 'patient')} written to ${out}.`,
  look: (films: number) =>
    `${plural(films, 'film')} may show who the patient is: look at the pixels before you pass them on.`,
  rejected: (files: number) => `${plural(files, 'file')} not exported`,
};

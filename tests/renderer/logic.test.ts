/** The logic of the screens without a window: filter, sentences, matrix, orientation, scale, keys, the study list. */
import { describe, expect, it } from 'vitest';
import type { Reading } from '../../core/findings/types.ts';
import type { FilmEntry, TrainingLogLine } from '../../core/services/contract.ts';
import { configFields } from '../../core/training/config.ts';
import { diffReasonings } from '../../renderer/compare/diff.ts';
import { changeOf, markOf } from '../../renderer/compare/matrix.ts';
import { mentioned, sentences } from '../../renderer/compare/sentences.ts';
import { keyOf } from '../../renderer/state/commands.ts';
import { type LibraryState, type StudyOrder, studyRows } from '../../renderer/state/library.ts';
import { EVERY_FILM } from '../../renderer/studies/agreement.ts';
import { matches } from '../../renderer/studies/filter.ts';
import { trainingFields, trainingGroups } from '../../renderer/text/trainingFields.ts';
import { duration, signed } from '../../renderer/text.ts';
import { chartsOf, rowsOf } from '../../renderer/training/charts.ts';
import { fitScale, zoomAround } from '../../renderer/viewer/fit.ts';
import { ageText, dateText, nameText } from '../../renderer/viewer/Overlay.tsx';
import { edgesOf } from '../../renderer/viewer/orientation.ts';
import { percentileVoi, sampledValues } from '../../renderer/viewer/percentiles.ts';
import { scaleBar } from '../../renderer/viewer/scaleBar.ts';
import { filmOf, ramp } from './support/films.ts';
import { COLLECTIONS } from './support/studies.ts';

const entry = (rest: Partial<FilmEntry>): FilmEntry => ({
  id: 'f',
  collectionId: 'a',
  path: '/films/view1_frontal.dcm',
  frame: 0,
  patientId: '00001335',
  patientName: 'Doe^Jane',
  patientSex: 'F',
  patientAge: '061Y',
  studyDate: '20200101',
  studyInstanceUid: '1.2',
  seriesInstanceUid: '',
  cautions: [],
  description: 'Chest',
  modality: 'DX',
  viewPosition: 'AP',
  rows: 10,
  columns: 10,
  truth: { Edema: 1, Cardiomegaly: 0, Pneumonia: -1 },
  phantom: false,
  warnings: [],
  ...rest,
});

const reading = (findings: Reading['findings'], rest: Partial<Reading> = {}): Reading => ({
  reasoning: '',
  findings,
  parseFailure: null,
  invalid: [],
  duplicates: [],
  outside: false,
  ...rest,
});

describe('What is written over a film', () => {
  it('is a name, an age and a date as people write them', () => {
    expect(nameText('Doe^Jane^A^Dr')).toBe('Doe, Jane A Dr');
    expect(nameText('Yamada^Tarou=山田^太郎=やまだ^たろう')).toBe('Yamada, Tarou  山田 太郎  やまだ たろう');
    expect(['SMITH', '=王^小东', '', '^Jane'].map(nameText)).toEqual(['SMITH', '王 小东', '', 'Jane']);
    expect(['061Y', '003M', '010D', '61', 'unknown', ''].map(ageText)).toEqual([
      '61',
      '3 months',
      '10 days',
      '61',
      'unknown',
      '',
    ]);
    expect(['20260131', '', '2026'].map(dateText)).toEqual(['2026-01-31', '', '2026']);
  });
});

describe('The filter', () => {
  it.each([
    ['edema', true],
    ['cardiomegaly', false],
    ['pneumonia', false],
    ['AP 1335', true],
    ['jane -lateral', true],
    ['jane -edema', false],
    ['frontal', true],
    ['films', false],
    ['', true],
    ['-', true],
  ])('%j finds the film: %s', (filter, found) => {
    expect(matches(filter)(entry({}))).toBe(found);
  });
});

describe('Sentences and labels', () => {
  it('splits at full stops and line ends, not within numbers', () => {
    const parts = sentences('The ratio is 0.62. The heart is enlarged.\n- No effusion').map((each) => each.text);
    expect(parts).toEqual(['The ratio is 0.62.', 'The heart is enlarged.', '- No effusion']);
  });

  it.each([
    ['Bibasilar atelectatic change.', ['Atelectasis']],
    ['Cardiac silhouette is enlarged.', ['Cardiomegaly']],
    ['The right costophrenic angle is blunted.', ['Pleural Effusion']],
    ['A right PICC ends in the superior vena cava.', ['Support Devices']],
    ['Midline trachea.', []],
  ])('%j mentions %j', (sentence, labels) => {
    expect(mentioned(sentence)).toEqual(labels);
  });

  it('finds the sentences that the other reading does not have, whatever their case and spacing', () => {
    const ours = sentences('Heart is large.  Lungs are clear. Edema is seen.');
    const theirs = sentences('lungs are  clear. Heart is large!');
    // Two changed places: it takes one of them as moved.
    expect(diffReasonings(theirs, ours).map(({ kind, sentence }) => `${kind} ${sentence.text}`)).toEqual([
      'removed lungs are  clear.',
      'same Heart is large.',
      'added Lungs are clear.',
      'added Edema is seen.',
    ]);
  });
});

describe('The matrix', () => {
  it.each([
    ['Edema', { Edema: 1 }, 'hit'],
    ['Edema', { Edema: 0 }, 'false-alarm'],
    ['Edema', { Edema: -1 }, 'said'],
    ['Edema', null, 'said'],
    ['Fracture', { Fracture: 1 }, 'miss'],
    ['Fracture', { Fracture: 0 }, 'rest'],
    ['Fracture', {}, 'blank'],
  ] as const)('%s, where the table says %j, is marked %s', (label, truth, mark) => {
    expect(markOf(label, reading(['Edema']), truth)).toBe(mark);
  });

  it('a completion that cannot be read says nothing', () => {
    const failed = reading([], { parseFailure: 'no-solution' });
    expect(markOf('Edema', failed, { Edema: 1 })).toBe('unreadable');
  });

  it('tells what was gained and lost; without both answers nothing', () => {
    const [sft, grpo] = [reading(['Edema']), reading(['Fracture'])];
    expect(changeOf('Edema', sft, grpo)).toBe('lost');
    expect(changeOf('Fracture', sft, grpo)).toBe('gained');
    expect(changeOf('Pneumonia', sft, grpo)).toBe('same');
    expect(changeOf('Edema', null, grpo)).toBe('same');
  });
});

describe('Sides of the body', () => {
  const upright = { rotation: 0, hflip: false, vflip: false };
  it.each([
    ['L\\F', upright, { left: 'R', right: 'L', top: 'H', bottom: 'F' }],
    ['L\\F', { ...upright, hflip: true }, { left: 'L', right: 'R', top: 'H', bottom: 'F' }],
    ['L\\F', { ...upright, vflip: true }, { left: 'R', right: 'L', top: 'F', bottom: 'H' }],
    // A quarter turn clockwise brings what was on the left to the top.
    ['L\\F', { ...upright, rotation: 90 }, { left: 'F', right: 'H', top: 'R', bottom: 'L' }],
    ['L\\F', { ...upright, rotation: 270 }, { left: 'H', right: 'F', top: 'L', bottom: 'R' }],
    ['A\\F', upright, { left: 'P', right: 'A', top: 'H', bottom: 'F' }],
    ['LA\\FP', upright, { left: 'RP', right: 'LA', top: 'HA', bottom: 'FP' }],
  ])('%s, %j', (orientation, turn, edges) => {
    expect(edgesOf(orientation, turn)).toEqual(edges);
  });

  it.each(['', 'L', 'X\\F', 'L\\', '\\F'])('%j says nothing', (orientation) => {
    expect(edgesOf(orientation, upright)).toBeNull();
  });
});

describe('Scale', () => {
  it('draws the longest round length that has room', () => {
    const spacing = { row: 0.2, column: 0.2, origin: 'detector' as const };
    expect(scaleBar(spacing, 0.25, 180)).toEqual({ millimetres: 100, pixels: 125 });
    expect(scaleBar(spacing, 4, 180)).toEqual({ millimetres: 5, pixels: 100 });
    expect(scaleBar({ ...spacing, row: 0, column: 0 }, 1, 180)).toBeNull();
  });

  it('fits turned films and pixels that are not square', () => {
    const film = { ...filmOf(100, ramp(100, 0, 1), []), columns: 200 };
    const room = { width: 400, height: 400 };
    expect(fitScale(film, 0, room)).toBe(2);
    expect(fitScale(film, 90, room)).toBe(2);
    expect(fitScale({ ...film, spacing: { row: 0.4, column: 0.2, origin: 'aspect' } }, 0, room)).toBe(2);
    expect(fitScale({ ...film, columns: 100, spacing: { row: 0.4, column: 0.2, origin: 'aspect' } }, 0, room)).toBe(2);
  });

  it('keeps the point under the pointer', () => {
    const offset = { x: 30, y: -12 };
    const before = { x: 5, y: 7 };
    const after = zoomAround(before, offset, 2, 5);
    expect(offset.x / 2 - before.x).toBeCloseTo(offset.x / 5 - after.x, 12);
    expect(offset.y / 2 - before.y).toBeCloseTo(offset.y / 5 - after.y, 12);
  });
});

describe('Windows from percentiles', () => {
  const film = filmOf(100, ramp(100, 0, 1), []);
  it('lie at the percentiles of the modality values', () => {
    const voi = percentileVoi(film, sampledValues(film), { id: 'lung', low: 1, high: 65 });
    expect(voi).toEqual({ kind: 'minmax', minimum: 100, maximum: 6499 });
  });
  it('are mirrored on an inverse film, and leave padding out', () => {
    const inverse = { ...film, inverse: true, padding: { low: 0, high: 999 } };
    const voi = percentileVoi(inverse, sampledValues(inverse), { id: 'lung', low: 0, high: 60 });
    expect(voi).toEqual({ kind: 'minmax', minimum: 1000 + Math.round(0.4 * 8999), maximum: 9999 });
  });
});

describe('Keys', () => {
  const press = (key: string, rest = {}) =>
    keyOf({ key, ctrlKey: false, metaKey: false, altKey: false, shiftKey: false, ...rest });
  it('are named as the table of commands writes them', () => {
    expect(press('j')).toBe('j');
    expect(press('J')).toBe('j');
    expect(press('R', { shiftKey: true })).toBe('Shift+R');
    expect(press('?', { shiftKey: true })).toBe('?');
    expect(press('Enter', { shiftKey: true })).toBe('Shift+Enter');
    expect(press('k', { ctrlKey: true })).toBe('Control+k');
  });
});

describe('The study list', () => {
  const state = (films: FilmEntry[], rest: Partial<LibraryState> = {}): LibraryState => ({
    collections: COLLECTIONS.slice(0, 2),
    films,
    filter: '',
    agreement: EVERY_FILM,
    known: { answers: {}, readers: {}, from: null, to: null },
    order: 'table',
    folded: new Set(),
    currentId: null,
    followed: null,
    recent: [],
    scan: null,
    lastScan: null,
    loaded: true,
    ...rest,
  });
  const lines = (each: LibraryState) =>
    studyRows(each).map((row) => (row.kind === 'film' ? `${row.id}${row.firstOfPatient ? '' : ' again'}` : row.id));
  const films = [
    entry({ id: '1', patientId: 'p' }),
    entry({ id: '2', patientId: 'q' }),
    entry({ id: '3', patientId: 'p' }),
    entry({ id: '4', patientId: 'r', collectionId: 'b' }),
  ];

  it('keeps a patient’s films together', () => {
    expect(lines(state(films))).toEqual(['c:a', '1', '3 again', '2', 'c:b', '4']);
  });
  it('is ordered, and a patient’s films stay together', () => {
    const dated = [
      entry({ id: '1', patientId: '10', studyDate: '20200101' }),
      entry({ id: '2', patientId: '9', studyDate: '20230101' }),
      entry({ id: '3', patientId: '10', studyDate: '20240101' }),
    ];
    const inOrder = (order: StudyOrder) =>
      lines(state(dated, { order, collections: COLLECTIONS.slice(0, 1) })).slice(1);
    expect(inOrder('table')).toEqual(['1', '3 again', '2']);
    expect(inOrder('patient')).toEqual(['2', '1', '3 again']);
    expect(inOrder('newest')).toEqual(['3', '1 again', '2']);
    expect(inOrder('oldest')).toEqual(['1', '3 again', '2']);
  });
  it('folds, filters, and shows only the films behind a number', () => {
    expect(lines(state(films, { folded: new Set(['a']) }))).toEqual(['c:a', 'c:b', '4']);
    expect(lines(state(films, { filter: 'r' }))).toHaveLength(6);
    expect(lines(state(films, { filter: '-q' }))).toEqual(['c:a', '1', '3 again', 'c:b', '4']);
    expect(lines(state(films, { followed: { title: '', ids: new Set(['4']) } }))).toEqual(['c:b', '4']);
  });
  it('lists 100,000 films, and makes their lines once for as long as they are the same', () => {
    const many = Array.from({ length: 100_000 }, (_, i) => entry({ id: `${i}`, patientId: `${Math.floor(i / 2)}` }));
    const shown = state(many, { filter: 'edema' });
    const rows = studyRows(shown);
    expect(rows).toHaveLength(100_001);
    // Choosing another film does not group them anew.
    expect(studyRows({ ...shown, currentId: '7' })).toBe(rows);
    expect(studyRows({ ...shown, filter: 'e' })).not.toBe(rows);
  });
});

describe('The charts of a run', () => {
  it('are made of what the log has', () => {
    const log: TrainingLogLine[] = [
      { step: 1, loss: 0.5, grad_norm: null, 'rewards/jaccard': 0.1, reward: 0.2 },
      { step: 2, loss: 0.4, grad_norm: 1.5, note: 'saved' },
    ];
    expect(chartsOf(log)).toEqual([
      { id: 'reward', columns: ['rewards/jaccard', 'reward'] },
      { id: 'loss', columns: ['loss'] },
      { id: 'gradient', columns: ['grad_norm'] },
    ]);
    expect(rowsOf(log, ['grad_norm'], 'shown')).toEqual([{ step: 2, series: 'grad_norm', value: 1.5, run: 'shown' }]);
  });
});

describe('The settings of a run', () => {
  it('have a name in the words of the field, each in one place of the form', () => {
    for (const kind of ['sft', 'grpo'] as const) {
      const keys = configFields(kind).map(({ name }) => name);
      const placed = trainingGroups.flatMap((group) => group.keys);
      expect(keys.filter((key) => !(key in trainingFields))).toEqual([]);
      expect(keys.filter((key) => placed.filter((each) => each === key).length !== 1)).toEqual([]);
    }
    const known = new Set((['sft', 'grpo'] as const).flatMap((kind) => configFields(kind).map(({ name }) => name)));
    expect(Object.keys(trainingFields).filter((key) => !known.has(key))).toEqual([]);
    expect(new Set(Object.values(trainingFields)).size).toBe(known.size);
  });
});

describe('Numbers in words', () => {
  it('have a sign, and no negative zero', () => {
    expect([signed(0.03), signed(-0.0612), signed(-0.0001)]).toEqual(['+0.030', '−0.061', '0.000']);
  });
  it('durations are as a person says them', () => {
    expect([1.24, 45, 120, 7300].map(duration)).toEqual(['1.2 s', '45 s', '2 min', '2.0 h']);
  });
});

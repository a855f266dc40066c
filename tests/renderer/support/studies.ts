/** The studies of the page tests: two phantom data sets, test patterns, and what is asked of films. */
import { WorkbenchError } from '../../../core/base/errors.ts';
import type { Film } from '../../../core/dicom/film.ts';
import { CHEXPERT_LABELS, type Label, type LabelValues, NIH_NINE } from '../../../core/labels/labels.ts';
import type {
  Annotation,
  Collection,
  EngineEvent,
  FilmEntry,
  ReaderFindings,
  ServerInfo,
} from '../../../core/services/contract.ts';
import { chest, filmOf, ramp } from './films.ts';
import type { Handlers } from './fixture.ts';

const FOUR_IMAGES = {
  patients: 4,
  studies: 4,
  series: 4,
  films: 4,
  policy: 'zeros',
  unit: 'image',
  views: 'frontal',
  aggregation: 'first',
  notes: [],
} satisfies Partial<Collection>;

export const COLLECTIONS: Collection[] = [
  {
    id: 'a',
    name: 'Phantom a',
    kind: 'chexpert',
    role: 'source',
    path: '/workspace/a',
    ...FOUR_IMAGES,
    films: 6,
    labels: [...CHEXPERT_LABELS],
  },
  {
    id: 'b',
    name: 'Phantom b',
    kind: 'nih',
    role: 'target',
    path: '/workspace/b',
    ...FOUR_IMAGES,
    labels: [...NIH_NINE],
  },
  {
    id: 'ramps',
    name: 'Test patterns',
    kind: 'opened',
    role: 'none',
    path: '/films',
    ...FOUR_IMAGES,
    labels: [],
  },
];

function truthOf(...positive: Label[]): LabelValues {
  return Object.fromEntries(CHEXPERT_LABELS.map((label) => [label, positive.includes(label) ? 1 : 0]));
}

const TRUTHS: LabelValues[] = [
  truthOf('Cardiomegaly', 'Edema', 'Pleural Effusion', 'Support Devices', 'Lung Opacity'),
  truthOf('No Finding'),
  truthOf('Pneumonia', 'Consolidation', 'Lung Opacity'),
  { ...truthOf('Atelectasis'), Pneumonia: -1, Fracture: null },
  truthOf('Pneumothorax', 'Support Devices'),
  truthOf('No Finding'),
];

function entryOf(id: string, collectionId: string, film: Film, truth: LabelValues | null): FilmEntry {
  return {
    id,
    collectionId,
    path: `/workspace/${collectionId}/${id}.dcm`,
    frame: 0,
    patientId: film.tags.patientId || id,
    patientName: film.tags.patientName,
    patientSex: film.tags.patientSex,
    patientAge: film.tags.patientAge,
    studyDate: film.tags.studyDate,
    studyInstanceUid: `1.2.${id}`,
    seriesInstanceUid: `1.2.${id}.1`,
    description: film.tags.studyDescription,
    modality: 'DX',
    viewPosition: film.tags.viewPosition,
    rows: film.rows,
    columns: film.columns,
    truth,
    phantom: collectionId !== 'ramps',
    cautions: collectionId === 'ramps' ? ['view-unknown'] : [],
    warnings: collectionId === 'ramps' ? ['Not a chest film of the phantom: outside what these checkpoints know.'] : [],
  };
}

/** The ramps, by id; each is small, so that it is shown 1:1 or larger and every value can be read off the canvas. */
export const RAMPS: Record<string, Film> = {
  // Cornerstone's own window would be half a value beside it, and a ramp of two values wide.
  'LINEAR of width 2': filmOf(64, ramp(64, 0, 1), [
    { kind: 'window', center: 2047.5, width: 2, function: 'LINEAR', explanation: '' },
  ]),
  'LINEAR of width 1': filmOf(64, ramp(64, 0, 1), [
    { kind: 'window', center: 2047.5, width: 1, function: 'LINEAR', explanation: '' },
  ]),
  'LINEAR_EXACT of width 2': filmOf(64, ramp(64, 0, 1), [
    { kind: 'window', center: 2047.5, width: 2, function: 'LINEAR_EXACT', explanation: '' },
  ]),
  'Modality LUT': filmOf(
    64,
    ramp(64, -100, 1),
    [{ kind: 'window', center: 30000, width: 60000, function: 'LINEAR', explanation: '' }],
    {
      modality: {
        kind: 'lut',
        first: 0,
        bits: 16,
        data: Uint16Array.from({ length: 3000 }, (_, i) => Math.round(60000 * (i / 2999) ** 2)),
      },
    },
  ),
  'MONOCHROME1 with padding': filmOf(
    64,
    ramp(64, 0, 1),
    [{ kind: 'window', center: 2048, width: 3000, function: 'LINEAR', explanation: '' }],
    { inverse: true, photometricInterpretation: 'MONOCHROME1', padding: { low: 0, high: 63 } },
  ),
  linear: filmOf(64, ramp(64, 0, 1), [
    { kind: 'window', center: 2000, width: 1500, function: 'LINEAR', explanation: '' },
  ]),
  sigmoid: filmOf(
    64,
    ramp(64, -2000, 1),
    [{ kind: 'window', center: 100, width: 1200, function: 'SIGMOID', explanation: '' }],
    { modality: { kind: 'rescale', slope: 2, intercept: -50 }, minimum: -4050, maximum: 4140 },
  ),
  lut: filmOf(64, ramp(64, 0, 1), [
    {
      kind: 'lut',
      first: 500,
      bits: 12,
      data: Uint16Array.from({ length: 3000 }, (_, i) => Math.round(4095 * Math.sqrt(i / 2999))),
      explanation: 'ROOT',
    },
  ]),
  monochrome1: filmOf(
    64,
    ramp(64, 0, 1),
    [{ kind: 'window', center: 2048, width: 4096, function: 'LINEAR', explanation: '' }],
    { inverse: true, photometricInterpretation: 'MONOCHROME1' },
  ),
};

export interface Studies {
  films: Map<string, Film>;
  entries: FilmEntry[];
}

export function fixtureStudies(): Studies {
  const films = new Map<string, Film>();
  const entries: FilmEntry[] = [];
  const add = (id: string, collectionId: string, film: Film, truth: LabelValues | null) => {
    films.set(id, film);
    entries.push(entryOf(id, collectionId, film, truth));
  };
  for (const [index, truth] of TRUTHS.entries())
    add(`a${index}`, 'a', chest(512, index - (index === 3 ? 1 : 0)), truth);
  for (let index = 0; index < 4; index++) add(`b${index}`, 'b', chest(512, 20 + index), TRUTHS[index + 1]);
  for (const [id, film] of Object.entries(RAMPS)) add(id, 'ramps', film, null);
  return { films, entries };
}

/** @param goneServers servers that were removed: the list of what is removed names them too */
export function studyHandlers(
  { films, entries }: Studies,
  goneServers: readonly ServerInfo[],
  tell: (event: EngineEvent) => void,
): Handlers {
  const readers: ReaderFindings[] = [];
  const annotations = new Map<string, Annotation[]>();
  const gone = { collections: new Set<string>(), films: new Set<string>() };
  const emit = (what: 'films') => tell({ type: 'changed', what });
  return {
    'collections.list': () => COLLECTIONS.filter(({ id }) => !gone.collections.has(id)),
    'collections.remove': ({ collectionId }) => {
      gone.collections.add(collectionId);
      emit('films');
      return COLLECTIONS.find(({ id }) => id === collectionId)!;
    },
    'collections.restore': ({ collectionId }) => {
      gone.collections.delete(collectionId);
      emit('films');
      return COLLECTIONS.find(({ id }) => id === collectionId)!;
    },
    'films.list': () =>
      entries.filter(({ id, collectionId }) => !gone.films.has(id) && !gone.collections.has(collectionId)),
    'films.remove': (which) => {
      const ids = entries
        .filter(({ studyInstanceUid, path }) =>
          'study' in which ? studyInstanceUid === which.study : 'folder' in which && path.startsWith(which.folder),
        )
        .map(({ id }) => id);
      for (const id of ids) gone.films.add(id);
      emit('films');
      return ids;
    },
    'films.restore': (which) => {
      const ids = 'filmIds' in which ? which.filmIds : [];
      for (const id of ids) gone.films.delete(id);
      emit('films');
      return ids;
    },
    'removed.list': () => ({
      collections: COLLECTIONS.filter(({ id }) => gone.collections.has(id)),
      films: [...gone.films].map((id) => ({ id, path: `/films/${id}.dcm` })),
      checkpoints: [],
      servers: [...goneServers],
    }),
    'films.open': ({ filmId }) => {
      const entry = entries.find((each) => each.id === filmId);
      const film = films.get(filmId);
      if (!entry || !film) throw new WorkbenchError('FILM_UNKNOWN', 'There is no such film.', { filmId });
      return { entry, film };
    },
    'films.modelView': ({ filmId }) => {
      const film = films.get(filmId) as Film;
      const step = film.columns / 64;
      const at = (x: number, y: number) => film.pixels[Math.floor(y * step) * film.columns + Math.floor(x * step)];
      const gray = Uint8Array.from({ length: 4096 }, (_, i) => at(i % 64, Math.floor(i / 64)) >> 4);
      return { width: 64, height: 64, gray, preprocessing: 'gemma3-64' };
    },
    'annotations.ofFilm': ({ filmId, imageHash }) => ({
      annotations: annotations.get(imageHash) ?? [],
      boxes: filmId === 'b0' ? [{ finding: 'Nodule', x: 300, y: 160, width: 60, height: 40 }] : [],
    }),
    'annotations.set': ({ imageHash, annotations: all }) => {
      annotations.set(imageHash, all);
      return null;
    },
    'recent.list': () => [],
    'readers.list': () => readers,
    'readers.save': (findings) => {
      const saved = { ...findings, createdAt: '2026-11-28T09:00:00.000Z' };
      readers.push(saved);
      return saved;
    },
    'paths.recognise': ({ paths }) => paths.map((path) => ({ path, kind: 'films', table: null })),
    'films.thumbnail': ({ filmId }) => {
      const film = films.get(filmId) as Film;
      const at = (i: number) => film.pixels[Math.floor((i * film.pixels.length) / 576)];
      return { width: 24, height: 24, gray: Uint8Array.from({ length: 576 }, (_, i) => at(i) >> 4) };
    },
    'films.deidentify': ({ filmIds, out }) => ({
      out,
      patients: 1,
      studies: 1,
      films: filmIds.length,
      files: filmIds.map((id) => ({
        file: `/films/${id}.dcm`,
        to: `CR-0/${id}.dcm`,
        pixelsMayIdentify: true,
        warnings: ['Text may be burned into the pixels (secondary capture); look at the film before you pass it on.'],
      })),
      rejected: [],
      seconds: 0.1,
    }),
    'films.add': () => ({
      patients: 0,
      studies: 0,
      series: 0,
      instances: 0,
      rejected: [],
      rejectedByCode: {},
      unchanged: 0,
      seconds: 0,
    }),
  };
}

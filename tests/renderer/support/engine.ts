/**
 * An engine in memory for the page tests: the same contract, answers prepared beforehand. It counts what it was asked
 * (`calls`), so that a test can say what reached the engine. Test code only.
 */
import { WorkbenchError } from '../../../core/base/errors.ts';
import type { Film } from '../../../core/dicom/film.ts';
import { CHEXPERT_LABELS, type Label, type LabelValues, NIH_NINE } from '../../../core/labels/labels.ts';
import type {
  Annotation,
  CheckedParameters,
  Checkpoint,
  Collection,
  Engine,
  EngineEvent,
  EvaluationSummary,
  FilmEntry,
  Method,
  PrecisionDistance,
  PrecisionForm,
  Prediction,
  ReaderFindings,
  Results,
  ServerFacts,
  ServerInfo,
  TrainingLogLine,
  TrainingRun,
} from '../../../core/services/contract.ts';
import { evaluationResult } from './evaluation.ts';
import { chest, filmOf, ramp } from './films.ts';
import { smallPdf } from './pdf.ts';
import { COMPLETIONS, FIELDS, logLine, probeLine, trainingRun } from './training.ts';

export type Handlers = {
  [M in Method]?: (params: CheckedParameters<M>, call: Call) => Promise<Results[M]> | Results[M];
};

export interface Call {
  signal: AbortSignal;
  // biome-ignore lint/suspicious/noExplicitAny: each method has its own kind of progress.
  progress(progress: any): void;
}

const SERVER_FACTS: ServerFacts = {
  kind: 'vllm',
  version: '0.32.0',
  models: [
    { id: 'medgemma', parent: null, root: '/m', precision: '', vision: null, contextLength: 4096 },
    { id: 'grpo', parent: 'medgemma', root: '/a', precision: '', vision: null, contextLength: null },
  ],
};

const SERVER: ServerInfo = {
  id: 'server',
  name: 'gpu:8000',
  address: 'http://gpu:8000',
  ...SERVER_FACTS,
  key: 'none',
  keyVariable: 'CHEXREASON_API_KEY_SERVER',
  concurrency: 8,
  timeoutSeconds: 300,
  error: null,
};

export class FixtureEngine implements Engine {
  readonly calls: { method: Method; params: unknown }[] = [];
  private readonly listeners = new Set<(event: EngineEvent) => void>();

  constructor(readonly handlers: Handlers) {}

  async call<M extends Method>(
    method: M,
    params: unknown,
    options: { signal?: AbortSignal; onProgress?: (progress: never) => void } = {},
  ): Promise<Results[M]> {
    this.calls.push({ method, params });
    const handler = this.handlers[method];
    if (!handler) throw new WorkbenchError('NOT_IN_FIXTURE', `The fixture does not answer ${method}.`);
    const signal = options.signal ?? new AbortController().signal;
    const progress = (value: unknown) => options.onProgress?.(value as never);
    return handler(params as never, { signal, progress }) as Results[M] | Promise<Results[M]>;
  }

  onEvent(listener: (event: EngineEvent) => void): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  emit(event: EngineEvent): void {
    for (const listener of this.listeners) listener(event);
  }
}

export async function pause(milliseconds: number, signal: AbortSignal): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, milliseconds));
  if (signal.aborted) throw new WorkbenchError('CANCELLED', 'The work was cancelled.');
}

// ------------------------------------------------------------------------------------------------------- the world

export const COLLECTIONS: Collection[] = [
  {
    id: 'a',
    name: 'Phantom a',
    kind: 'chexpert',
    role: 'source',
    path: '/workspace/a',
    patients: 4,
    studies: 4,
    series: 4,
    films: 6,
    policy: 'zeros',
    unit: 'image',
    views: 'frontal',
    aggregation: 'first',
    notes: [],
    labels: [...CHEXPERT_LABELS],
  },
  {
    id: 'b',
    name: 'Phantom b',
    kind: 'nih',
    role: 'target',
    path: '/workspace/b',
    patients: 4,
    studies: 4,
    series: 4,
    films: 4,
    policy: 'zeros',
    unit: 'image',
    views: 'frontal',
    aggregation: 'first',
    notes: [],
    labels: [...NIH_NINE],
  },
  {
    id: 'ramps',
    name: 'Test patterns',
    kind: 'opened',
    role: 'none',
    path: '/films',
    patients: 4,
    studies: 4,
    series: 4,
    films: 4,
    policy: 'zeros',
    unit: 'image',
    views: 'frontal',
    aggregation: 'first',
    notes: [],
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

const DISTANCE: PrecisionDistance = {
  films: 8,
  positions: 412,
  relativeLogitError: 0.0123,
  klDivergence: 0.00072,
  sameToken: 0.985,
  labelAgreement: 0.991,
  sameFindings: 7,
};

const PRECISION_FORMS: PrecisionForm[] = [
  { precision: 'f32', used: true, recommended: true, memoryBytes: 5_995_008, diskBytes: 0, distance: null },
  { precision: 'int8', used: false, recommended: false, memoryBytes: 1_592_424, diskBytes: 0, distance: null },
  {
    precision: 'int4',
    used: false,
    recommended: false,
    memoryBytes: 843_048,
    diskBytes: 870_400,
    distance: { ...DISTANCE, relativeLogitError: 0.148, klDivergence: 0.061, sameToken: 0.86, sameFindings: 4 },
  },
];

export const CHECKPOINTS: Checkpoint[] = [
  checkpoint('base', 'Phantom base', 'base', 2.1),
  checkpoint('sft', 'SFT', 'sft', 2.2),
  checkpoint('grpo', 'GRPO', 'grpo', null),
];

function checkpoint(id: string, name: string, role: Checkpoint['role'], secondsPerFilm: number | null): Checkpoint {
  return {
    id,
    name,
    role,
    path: `models/${id}`,
    baseId: role === 'base' ? null : 'base',
    trainingSource: 'phantom m',
    preprocessing: 'gemma3-64',
    promptId: 'free-reasoning',
    maxNewTokens: 256,
    phantomOnly: true,
    hash: `${id}0123456789abcdef`.repeat(3),
    info: {
      architecture: 'Gemma3ForConditionalGeneration',
      vocabulary: 2048,
      width: 128,
      layers: 4,
      imageSize: 64,
      imageTokens: 16,
      imageTokenId: 5,
      visionTokenIds: [5],
      endTokenIds: [1],
      padTokenId: 0,
      parameters: 1_498_752,
      contextLength: 8192,
      weightsHash: 'abc',
      dtype: 'float32',
    },
    bytes: role === 'base' ? 6_000_000 : 620_000,
    secondsPerFilm,
    warnings: role === 'grpo' ? ['Trained on Phantom m only.'] : [],
    error: null,
  };
}

const ANSWERS: Record<string, { reasoning: string; findings: Label[] }> = {
  base: {
    reasoning: 'The heart is enlarged. The lungs are clear. There is no pneumothorax.',
    findings: ['Cardiomegaly', 'Fracture'],
  },
  sft: {
    reasoning:
      'The heart is enlarged with a cardiothoracic ratio above one half. Perihilar haze suggests edema. A central line ends in the superior vena cava.',
    findings: ['Cardiomegaly', 'Edema', 'Support Devices'],
  },
  grpo: {
    reasoning:
      'The heart is enlarged with a cardiothoracic ratio above one half. The left costophrenic angle is blunted by an effusion. A central line ends in the superior vena cava.',
    findings: ['Cardiomegaly', 'Pleural Effusion', 'Support Devices'],
  },
};

export function predictionOf(filmId: string, checkpointId: string): Prediction {
  const { reasoning, findings } = ANSWERS[checkpointId];
  const text = `<think>${reasoning}</think>\n<solution>${findings.join(', ')}</solution>`;
  return {
    key: `${filmId}-${checkpointId}`,
    filmId,
    checkpointId,
    text,
    reading: { reasoning, findings, parseFailure: null, invalid: [], duplicates: [], outside: false },
    tokenIds: Array.from({ length: 58 }, (_, i) => i),
    logprobs: Array.from({ length: 58 }, () => -0.1),
    stop: 'end',
    provenance: {
      imageHash: 'f00d'.repeat(16),
      preprocessing: 'gemma3-64',
      baseHash: 'ba5e'.repeat(16),
      adapterHash: checkpointId === 'base' ? null : 'ada9'.repeat(16),
      promptId: 'free-reasoning',
      promptHash: 'c0de'.repeat(16),
      temperature: 0,
      topP: 1,
      topK: 0,
      seed: 0,
      maxNewTokens: 256,
      precision: 'float32',
      executor: 'onnxruntime-cpu',
      executorVersion: '1.30.0',
    },
    seconds: { vision: 0.1, prefill: 0.2, decode: 1.4 },
    createdAt: '2026-11-23T09:00:00.000Z',
  };
}

const SUMMARY: EvaluationSummary = {
  id: 'e1',
  name: 'Phantom a against Phantom b',
  createdAt: '2026-11-23T08:00:00.000Z',
  state: 'complete',
  datasetIds: ['a', 'b'],
  checkpointIds: ['base', 'sft', 'grpo'],
  limit: 200,
  leftOut: {},
  done: 1200,
  total: 1200,
};

/** The whole world of the page tests; a test may replace single answers. */
export function fixtureEngine(changed: Handlers = {}): FixtureEngine {
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

  const predictions = new Map<string, Record<string, Prediction>>();
  predictions.set('a0', { base: predictionOf('a0', 'base'), sft: predictionOf('a0', 'sft') });

  const owns = new Map<string, Prediction>();
  const readers: ReaderFindings[] = [];
  const annotations = new Map<string, Annotation[]>();
  const evaluations: EvaluationSummary[] = [];
  const runs: TrainingRun[] = [];
  const logs = new Map<string, TrainingLogLine[]>();
  const servers: ServerInfo[] = [];
  const goneServers: ServerInfo[] = [];
  const gone = { collections: new Set<string>(), films: new Set<string>() };
  const emit = (what: 'films' | 'servers') => engine.emit({ type: 'changed', what });
  let precisions = PRECISION_FORMS;
  const handlers: Handlers = {
    'app.state': () => ({
      version: '0.1.0',
      engine: {
        generation: { name: 'onnxruntime-cpu', version: '1.30.0', threads: 2, reason: 'The fastest that is here.' },
        training: {
          name: 'tfjs-wasm',
          version: '4.22.0',
          threads: 1,
          reason: 'libtensorflow is not built; run npm run setup:tensorflow.',
        },
        processId: 4711,
        memoryBytes: 412_000_000,
      },
      workspace: { path: '/workspace', name: 'Built-in', builtIn: true },
      network: [],
      paperLabels: { chexpert: CHEXPERT_LABELS, nih: NIH_NINE },
    }),
    'jobs.list': () => [],
    'jobs.cancel': () => null,
    'jobs.pause': () => null,
    'jobs.resume': () => null,
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
      servers: goneServers,
    }),
    'servers.remove': ({ serverId }) => {
      goneServers.push(
        ...servers.splice(
          servers.findIndex(({ id }) => id === serverId),
          1,
        ),
      );
      emit('servers');
      return null;
    },
    'servers.restore': () => {
      const [server] = goneServers.splice(0, 1);
      servers.push(server!);
      emit('servers');
      return server!;
    },
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
    'checkpoints.list': () => CHECKPOINTS,
    'prompts.problems': () => [],
    'prompts.list': () => [{ id: 'only-label', name: 'Only labels', text: 'Name the findings.', format: 'Only Label' }],
    'servers.list': () => servers,
    'servers.probe': ({ address }) => {
      if (address.includes('nothing'))
        throw new WorkbenchError('SERVER_NOT_JSON', 'The server answered with a web page.', { server: address });
      return { address, ...SERVER_FACTS };
    },
    'servers.add': ({ address }) => {
      const server = { ...SERVER, address };
      servers.push(server);
      return server;
    },
    'servers.setKey': () => null,
    'servers.refresh': () => servers[0]!,
    'checkpoints.precisions': () => precisions,
    'checkpoints.setPrecision': ({ precision }) => {
      const used = precision === 'auto' ? 'f32' : precision;
      precisions = precisions.map((form) => ({ ...form, used: form.precision === used }));
      return precisions;
    },
    'checkpoints.measurePrecision': async ({ precision, films = 8 }, { signal, progress }) => {
      for (let done = 0; done < films; done++) {
        progress({ stage: `Reading phantom films in ${precision}`, done, total: films });
        await pause(100, signal);
      }
      const distance = { ...DISTANCE, films };
      precisions = precisions.map((form) => (form.precision === precision ? { ...form, distance } : form));
      return precisions;
    },
    'checkpoints.removeForms': () => {
      precisions = precisions.map((form) => ({ ...form, diskBytes: 0 }));
      return precisions;
    },
    'checkpoints.addRemote': ({ model }) => ({ ...CHECKPOINTS[1]!, id: model, name: model }),
    'predictions.ofFilm': ({ filmId }) => predictions.get(filmId) ?? {},
    'predictions.generate': async ({ filmId, checkpointId, promptText, probabilities }, { signal, progress }) => {
      const prediction = predictionOf(filmId, checkpointId);
      if (probabilities) {
        const values = { Edema: checkpointId === 'grpo' ? 0.93 : 0.12 };
        const scored = { ...prediction, probabilities: { method: 'answer-tree-1', values } };
        predictions.set(filmId, { ...predictions.get(filmId), [checkpointId]: scored });
        return scored;
      }
      if (promptText) {
        const own = { ...prediction, key: `own-${filmId}`, promptText, text: `You asked: ${promptText}` };
        owns.set(own.key, own);
        return own;
      }
      for (let at = 0; at <= prediction.text.length; at += 6) {
        progress({ stage: 'Writing', done: at, total: null, text: prediction.text.slice(0, at) });
        await pause(20, signal);
      }
      predictions.set(filmId, { ...predictions.get(filmId), [checkpointId]: prediction });
      return prediction;
    },
    'predictions.inspect': ({ filmId, key }) => {
      const prediction = Object.values(predictions.get(filmId) ?? {}).find((each) => each.key === key) ?? owns.get(key);
      if (!prediction) throw new WorkbenchError('ANSWER_UNKNOWN', 'There is no such answer.');
      const tokens = prediction.text.match(/\s*\S+/g) ?? [];
      return { prompt: '<start_of_turn>user\n<start_of_image>Report.<end_of_turn>', promptTokens: 30, tokens };
    },
    'predictions.index': () =>
      Object.fromEntries(
        [...predictions].map(([filmId, answers]) => [
          filmId,
          Object.fromEntries(Object.entries(answers).map(([id, { reading }]) => [id, reading.findings])),
        ]),
      ),
    'predictions.sample': ({ filmId, checkpointId, samples }) => ({
      predictions: Array.from({ length: samples }, () => predictionOf(filmId, checkpointId)),
      frequency: CHEXPERT_LABELS.map((label) => ({
        label,
        count: ANSWERS[checkpointId].findings.includes(label) ? samples - (label === 'Support Devices' ? 3 : 0) : 0,
      })),
      failures: 1,
    }),
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
    'evaluations.list': () => evaluations,
    'evaluations.cost': ({ datasetIds, checkpointIds, limit, unsuitable }) => ({
      leftOut: { lateral: 3, 'view-unknown': 1 },
      films: datasetIds.length * checkpointIds.length * (limit ?? (unsuitable === 'include' ? 1004 : 1000)),
      alreadyDone: evaluations.some((each) => each.state !== 'running') ? 400 : 0,
      estimatedSeconds: 96,
    }),
    'evaluations.run': async ({ sourceDatasetId, targetDatasetId, checkpointIds }, { signal, progress }) => {
      for (let done = 0; done <= 200; done += 10) {
        const cells = [sourceDatasetId, targetDatasetId].flatMap((datasetId) =>
          checkpointIds.map((checkpointId) => ({
            datasetId,
            checkpointId,
            done,
            total: 200,
            failures: Math.floor(done / 60),
            macroF1: done < 20 ? null : 0.3 + done / 1000,
          })),
        );
        const total = cells.length * 200;
        const all = { stage: 'Reading films', done: done * cells.length, total, rate: 6.5, secondsLeft: 40, cells };
        progress({ ...all, evaluationId: 'e1' });
        await pause(60, signal);
      }
      const result = evaluationResult();
      evaluations.splice(0, 1, { ...SUMMARY, checkpointIds });
      return result;
    },
    'evaluations.result': () => evaluationResult(),
    'evaluations.films': ({ label, outcome }) =>
      entries
        .filter(
          (entry) => entry.collectionId === 'b' && (!label || outcome !== 'tp' || entry.truth?.[label as Label] === 1),
        )
        .map((entry) => ({ entry, truth: entry.truth ?? {}, prediction: null })),
    'training.fields': ({ kind }) => FIELDS[kind],
    'training.list': () => runs,
    'training.log': ({ runId }) => logs.get(runId) ?? [],
    'training.plan': ({ config }) => ({
      parts: [
        { part: 'weights', bytes: 3 * 2 ** 30, on: 'host' },
        { part: 'activations', bytes: (Number(config['microBatch'] ?? 1) * 2 ** 30) / 2, on: 'host' },
      ],
      device: null,
      bytes: 3 * 2 ** 30 + (Number(config['microBatch'] ?? 1) * 2 ** 30) / 2,
      available: 16 * 2 ** 30,
      fits: Number(config['microBatch'] ?? 1) < 26,
      remedy: Number(config['microBatch'] ?? 1) < 26 ? null : { field: 'microBatch', value: 16 },
      tokens: { prompt: 300, answer: 200 },
      trainer: { executor: 'onnxruntime-cpu', instead: null, hasCuda: false },
    }),
    'training.completions': ({ runId }) => ({ step: 30, steps: [15, 30], rows: logs.has(runId) ? COMPLETIONS : [] }),
    'training.run': async ({ kind, name }, { signal, progress }) => {
      const run = trainingRun(`run-${runs.length}`, { kind, name, state: 'running', steps: 0 });
      runs.push(run);
      const log: TrainingLogLine[] = [];
      logs.set(run.id, log);
      for (let step = 1; step <= 30; step++) {
        const line = logLine(step);
        log.push(line);
        if (step % 5 === 0) {
          log.push(probeLine(step));
          progress({ stage: 'Training', done: step, total: 30, runId: run.id, line: probeLine(step) });
        }
        progress({ stage: 'Training', done: step, total: 30, secondsLeft: (30 - step) / 10, runId: run.id, line });
        run.steps = step;
        await pause(100, signal).catch((error) => {
          run.state = 'stopped';
          throw error;
        });
      }
      run.state = 'complete';
      return run;
    },
    'report.sections': () => [
      { id: 'summary', title: 'What was compared' },
      { id: 'results', title: 'Results' },
      { id: 'films', title: 'Sample films' },
    ],
    'report.render': ({ sections = [] }) => ({
      pdf: smallPdf(sections.map((id) => `Section ${id}`)),
      pages: sections.length,
    }),
    'report.save': ({ path }) => ({ path, pages: 3, bytes: 1234 }),
    'report.export': ({ path }) => ({ path, files: 7 }),
    'report.films': () => [
      { filmId: 'a0', datasetId: 'a', number: 1, gain: -0.5 },
      { filmId: 'b0', datasetId: 'b', number: 1, gain: 0.25 },
    ],
    'checkpoints.add': ({ path }) => {
      throw new WorkbenchError(
        'ADAPTER_WRONG_BASE',
        'This adapter was made for another base model.',
        { file: `${path}/adapter_config.json`, expected: 'google/medgemma-4b-it' },
        'Add its base model first.',
      );
    },
    'checkpoints.remove': () => null,
    'engine.setDevice': () => {
      throw new WorkbenchError('DEVICE_UNAVAILABLE', 'No GPU can be used: No supported adapters');
    },
    'checkpoints.restore': ({ checkpointId }) => CHECKPOINTS.find(({ id }) => id === checkpointId)!,
    'settings.get': () => ({}),
    'settings.set': () => null,
    ...changed,
  };
  const engine = new FixtureEngine(handlers);
  return engine;
}

/** The checkpoints of the page tests, their answers, and the servers that models may be on. */
import { WorkbenchError } from '../../../core/base/errors.ts';
import { CHEXPERT_LABELS, type Label } from '../../../core/labels/labels.ts';
import type {
  Checkpoint,
  EngineEvent,
  PrecisionDistance,
  PrecisionForm,
  Prediction,
  ServerFacts,
  ServerInfo,
} from '../../../core/services/contract.ts';
import { type Handlers, pause } from './fixture.ts';

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

/** @param goneServers takes what is removed */
export function modelHandlers(goneServers: ServerInfo[], tell: (event: EngineEvent) => void): Handlers {
  const predictions = new Map<string, Record<string, Prediction>>();
  predictions.set('a0', { base: predictionOf('a0', 'base'), sft: predictionOf('a0', 'sft') });
  const owns = new Map<string, Prediction>();
  const servers: ServerInfo[] = [];
  const emit = (what: 'servers') => tell({ type: 'changed', what });
  let precisions = PRECISION_FORMS;
  return {
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
    'checkpoints.add': ({ path }) => {
      throw new WorkbenchError(
        'ADAPTER_WRONG_BASE',
        'This adapter was made for another base model.',
        { file: `${path}/adapter_config.json`, expected: 'google/medgemma-4b-it' },
        'Add its base model first.',
      );
    },
    'checkpoints.remove': () => null,
    'checkpoints.restore': ({ checkpointId }) => CHECKPOINTS.find(({ id }) => id === checkpointId)!,
  };
}

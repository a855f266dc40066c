/** A report's input made from seeded answers: two data sets, three checkpoints, two films. */
import { Random } from '../../core/base/random.ts';
import { type DatasetInput, evaluate } from '../../core/evaluation/evaluate.ts';
import type { EvaluatedFilm } from '../../core/evaluation/figures.ts';
import { CHEXPERT_LABELS, type Label, type LabelValues, NIH_NINE } from '../../core/labels/labels.ts';
import type { ReportInput } from '../../core/report/types.ts';

const CHECKPOINTS = [
  { id: 'base', name: 'Base', role: 'base' as const, trainingSource: '' },
  { id: 'sft', name: 'SFT', role: 'sft' as const, trainingSource: 'phantom m' },
  { id: 'grpo', name: 'GRPO', role: 'grpo' as const, trainingSource: 'phantom m' },
];
const SKILL: Record<string, Record<string, number>> = {
  a: { base: 0.62, sft: 0.82, grpo: 0.86 },
  b: { base: 0.6, sft: 0.78, grpo: 0.72 },
};

function films(datasetId: string, labels: readonly Label[], count: number): EvaluatedFilm[] {
  const random = new Random(`report ${datasetId}`);
  return Array.from({ length: count }, (_, i) => {
    const truth: LabelValues = {};
    labels.forEach((label, j) => {
      truth[label] = random.chance(0.04 + 0.03 * j) ? 1 : 0;
    });
    return CHECKPOINTS.map(({ id }) => ({
      filmId: `${datasetId}${i}`,
      patientId: String(i >> 1),
      datasetId,
      checkpointId: id,
      truth,
      findings: labels.filter((label) =>
        truth[label] === 1 ? random.chance(SKILL[datasetId]![id]!) : random.chance(0.12),
      ),
      failed: random.chance(id === 'base' ? 0.06 : 0.01),
    }));
  }).flat();
}

export async function reportInput(films_ = 200, replicates = 500): Promise<ReportInput> {
  const dataset = (id: string, name: string, labels: readonly Label[], kind: DatasetInput['kind']): DatasetInput => ({
    id,
    name,
    kind,
    labels: [...labels],
    policy: 'zeros',
    unit: 'film',
    total: films_,
  });
  const evaluation = await evaluate({
    id: 'e1f0',
    createdAt: '2026-11-23T09:00:00.000Z',
    source: dataset('a', 'Phantom a', CHEXPERT_LABELS, 'chexpert'),
    target: dataset(
      'b',
      'Phantom b',
      CHEXPERT_LABELS.filter((label) => (NIH_NINE as readonly Label[]).includes(label)),
      'nih',
    ),
    checkpoints: CHECKPOINTS,
    films: [...films('a', CHEXPERT_LABELS, films_), ...films('b', NIH_NINE, films_)],
    replicates,
    seed: 1,
  });
  const hash = (character: string) => character.repeat(64);
  return {
    evaluation,
    createdAt: '2026-11-23T10:00:00.000Z',
    answered: { from: '2026-11-22T09:00:00.000Z', to: '2026-11-23T09:30:00.000Z' },
    application: { name: 'ChexReason Workbench', version: '0.1.0' },
    datasets: [
      {
        id: 'a',
        mapping: 'chexpert',
        description: 'Procedural phantom of institution a (CheXpert-like), 200 films, seed 1.',
        table: 'valid.csv',
        tableHash: hash('a'),
        filmsHash: hash('1'),
        filmsLeftOut: 0,
        unsuitable: { read: false, reasons: [] },
        relation: 'in-distribution',
      },
      {
        id: 'b',
        mapping: 'nih',
        description: 'Procedural phantom of institution b (NIH-like), 200 films, seed 1.',
        table: 'Data_Entry_2017.csv',
        tableHash: hash('b'),
        filmsHash: hash('2'),
        filmsLeftOut: 3,
        unsuitable: {
          read: false,
          reasons: [
            { words: 'lateral', films: 2 },
            { words: 'view not stated', films: 1 },
          ],
        },
        relation: 'other institution',
      },
    ],
    checkpoints: CHECKPOINTS.map(({ id }) => ({
      id,
      baseHash: hash('c'),
      adapterHash: id === 'base' ? null : hash(id === 'sft' ? 'd' : 'e'),
      promptId: 'free-reasoning',
      promptHash: hash('f'),
      preprocessing: 'gemma3-64',
      concerns: id === 'grpo' ? ['trained on Phantom b, which is evaluated here.'] : [],
      training: id === 'base' ? '' : `${id.toUpperCase()} on 2,000 phantom films of institution m; LoRA rank 16.`,
    })),
    reading: {
      sampling: { temperature: 0, topP: 1, seed: 0, maxNewTokens: 256, samplesPerFilm: 1 },
      engine: { executor: 'onnxruntime-cpu', version: '1.30.0', precision: 'float32', threads: 2 },
    },
    samples: [sample('a', 1), sample('b', 2)],
    failures: [{ datasetId: 'a', checkpointId: 'base', kind: 'no-solution', count: 9 }],
    runs: [run('sft'), run('grpo')],
    cost: {
      readings: evaluation.cells.map(({ datasetId, checkpointId, done }) => ({
        datasetId,
        checkpointId,
        completions: done,
        tokens: done * 41,
        seconds: { vision: done * 0.01, prefill: done * 0.02, decode: done * 0.3 },
      })),
      peakMemoryBytes: 1.5 * 2 ** 30,
    },
    reproduce: [
      'chexreason phantom --institution b --count 200 --seed 1 --out films/b',
      'chexreason evaluate --dataset phantom-a --dataset phantom-b --checkpoint base --checkpoint sft --checkpoint grpo --json',
    ],
    limits: ['The films are procedural phantoms, not patients; nothing follows from them for real films.'],
  };
}

function run(kind: 'sft' | 'grpo'): ReportInput['runs'][number] {
  const log = Array.from({ length: 60 }, (_, i) => ({
    step: i + 1,
    loss: 2 / (i + 2),
    num_tokens: (i + 1) * 4000,
    step_time: 0.8,
    'memory/peak_bytes': 2 ** 30,
    ...(kind === 'sft' ? {} : { reward: 0.2 + i / 200, kl: i / 1000, entropy: 0.3 - i / 400 }),
    ...(i % 10 === 9 ? { 'probe/source/macro_f1': 0.3 + i / 300, 'probe/target/macro_f1': 0.3 - i / 400 } : {}),
  }));
  return {
    checkpointId: kind,
    kind,
    createdAt: '2026-11-20T09:00:00.000Z',
    config: { learningRate: 1e-4 },
    departures: [{ field: 'precision', paper: 'bf16', run: 'f32', reason: 'Both executors compute in f32.' }],
    executor: 'tfjs-wasm 4.22.0',
    startHash: kind === 'sft' ? null : 'd'.repeat(64),
    examples: 1000,
    dataHash: '3'.repeat(64),
    log,
  };
}

function sample(datasetId: string, seed: number): ReportInput['samples'][number] {
  const [width, height] = [96, 112];
  const random = new Random(seed);
  const gray = Uint8Array.from({ length: width * height }, (_, i) => (i % width) + random.below(40));
  return {
    title: `Film ${seed} of phantom ${datasetId}`,
    datasetId,
    image: { width, height, gray },
    truth: { Edema: 1, Cardiomegaly: 1, 'No Finding': 0 },
    readings: [
      {
        checkpointId: 'sft',
        findings: ['Edema', 'Pneumonia'],
        reasoning: 'The heart is wide. Perihilar haze on both sides with fine lines at the bases suggests fluid.',
        failure: null,
      },
      { checkpointId: 'grpo', findings: [], reasoning: 'The film shows', failure: 'no-solution' },
    ],
  };
}

const DIFFICULT_NAMES = [
  'MedGemma-4B-instruction-tuned-with-a-very-long-name-base',
  '\u80f8\u90e8X\u7dda\u5199\u771f SFT \u7b2c1\u56de',
  '\u041c\u043e\u0434\u0435\u043b\u044c GRPO, \u0448\u0430\u0433 1000',
  '\ud765\ubd80 GRPO seed-2 <&> "quoted"',
  'GRPO-lr8e-4-beta0.15-promptsPerStep8-iterations1-warmup0.05-seed3-final',
];

/** Five checkpoints with long names in several scripts, labels with hardly a positive film, no run, no cost, no films. */
export async function difficultInput(): Promise<ReportInput> {
  const plain = await reportInput(30, 60);
  const { evaluation } = plain;
  const checkpoints = DIFFICULT_NAMES.map((name, i) => ({
    id: `c${i}`,
    name,
    role: (['base', 'sft', 'grpo', 'grpo', 'grpo'] as const)[i]!,
    trainingSource: i === 0 ? '' : '\u533b\u9662 m',
  }));
  const films = evaluation.datasets.flatMap(({ id, labels }) =>
    checkpoints.flatMap(({ id: checkpointId }, c) =>
      Array.from({ length: 30 }, (_, i): EvaluatedFilm => {
        const truth: LabelValues = {};
        for (const [j, label] of labels.entries()) truth[label] = i % 29 === j ? 1 : 0;
        return {
          filmId: `${id}${i}`,
          patientId: String(i),
          datasetId: id,
          checkpointId,
          truth,
          findings: labels.filter((_, j) => (i + j * c) % 7 === 0),
          failed: i % 10 === c,
        };
      }),
    ),
  );
  const dataset = (index: number, name: string): DatasetInput => {
    const { part: _part, labelSet: _set, films: _films, patients: _patients, ...rest } = evaluation.datasets[index]!;
    return { ...rest, name, total: 40 };
  };
  const names = [
    'Universit\u00e4tsklinikum \u2013 a very long name of a data set that goes on and on',
    '\u5317\u4eac\u533b\u9662 NIH-like',
  ];
  return {
    ...plain,
    evaluation: await evaluate({
      id: 'd1ff',
      createdAt: '2026-11-23T09:00:00.000Z',
      source: dataset(0, names[0]!),
      target: dataset(1, names[1]!),
      checkpoints,
      films,
      replicates: 60,
      seed: 1,
    }),
    checkpoints: checkpoints.map(({ id }) => ({ ...plain.checkpoints[0]!, id, concerns: [] })),
    samples: plain.samples.map((sample) => ({
      ...sample,
      image: null,
      readings: checkpoints.map(({ id }) => ({
        checkpointId: id,
        findings: ['Edema' as const],
        reasoning: '\u5fc3\u810f\u6269\u5927\u3002 The heart is wide. '.repeat(30),
        failure: null,
      })),
    })),
    failures: [],
    runs: [],
    cost: { readings: [], peakMemoryBytes: null },
  };
}

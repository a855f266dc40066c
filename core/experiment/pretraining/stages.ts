/**
 * Makes the base from seeds: a tokenizer, random weights, then stages of pretraining on films of mixed looks. Each stage begins with
 * what the one before ends with, keeps its state every hundred steps, and is skipped where it is done.
 *
 * It trains all weights, and so needs tfjs. Every random number comes from a seed, a stage and a step, so that the same code gives
 * the same weights bit for bit: on WebAssembly, and on libtensorflow where machine and threads are the same (docs/LOG.md).
 */
import { join } from 'node:path';
import type { Work } from '../../base/progress.ts';
import { loadPromptModel } from '../../models/architectures.ts';
import { openModelFolder } from '../../models/modelFolder.ts';
import { TfjsModel } from '../../models/tfjsModel.ts';
import { loadGemma3Processor } from '../../preprocessing/gemma3Processor.ts';
import type { ExecutorInfo } from '../../tensor/executor.ts';
import { openTfjs } from '../../tensor/tfjs/backend.ts';
import { loadPrompts } from '../../text/prompts.ts';
import type { Patience } from '../../training/patience.ts';
import { initialWeights, type PretrainSettings, pretrainLanguage, pretrainVision } from '../../training/pretrain.ts';
import { StoredPretrainState } from '../../training/pretrainState.ts';
import type { TrainingLogLine } from '../../training/types.ts';
import { type FilmSet, filmSet } from '../films.ts';
import {
  baseShapes,
  languageSource,
  type Questions,
  saveBaseWeights,
  VISION_TARGETS,
  visionExample,
  writeBaseFolder,
} from './base.ts';
import { readParaphrases } from './tokenizer.ts';

export interface PretrainStage {
  name: string;
  steps: number;
  batchSize: number;
  learningRate: number;
  /** Ends the stage before its schedule does. */
  stopAt?: number;
  /** Absent: the vision tower on findings. */
  questions?: Questions;
  frozenVision?: boolean;
  /** The first so many films; absent: all. */
  films?: number;
}

export interface PretrainPlan {
  seed: number;
  films: { source: 'blend'; seed: number; count: number };
  stages: readonly PretrainStage[];
}

/**
 * The base of resources/models. The language model learns the form of an answer within some hundred steps, but looks at the
 * image only when the tower has something to say; hence the tower's second stage, and many short questions for the labels
 * alone among the long prompts. Patients of different seeds are different people; plan.ts uses other seeds.
 */
export const PRETRAINING: PretrainPlan = {
  seed: 1,
  films: { source: 'blend', seed: 1, count: 18_000 },
  stages: [
    { name: 'vision', steps: 1000, batchSize: 64, learningRate: 1.2e-3 },
    {
      name: 'language',
      steps: 420,
      stopAt: 300,
      batchSize: 64,
      learningRate: 1.5e-3,
      questions: { caption: 0.4, labels: 0, onlyLabel: 0.06, paraphrase: 0.18 },
    },
    { name: 'vision-2', steps: 1300, batchSize: 32, learningRate: 1.2e-3 },
    {
      name: 'answers',
      steps: 420,
      batchSize: 64,
      learningRate: 1.5e-3,
      frozenVision: true,
      films: 9000,
      questions: { caption: 0.04, labels: 0.6, onlyLabel: 0.03, paraphrase: 0.1, wordingFirst: true },
    },
  ],
};

/** The same in small, for trying out: at most so many films, and steps of each stage. */
export function smallPretraining(films: number, steps: number): PretrainPlan {
  const { stages, ...plan } = PRETRAINING;
  return {
    ...plan,
    films: { ...plan.films, count: Math.min(films, plan.films.count) },
    stages: stages.map((stage) => ({
      ...stage,
      steps: Math.min(steps, stage.steps),
      ...(stage.stopAt === undefined ? {} : { stopAt: Math.min(steps, stage.stopAt) }),
      ...(stage.films === undefined ? {} : { films: Math.min(films, stage.films) }),
    })),
  };
}

const STATE_EVERY = 100;
const MICRO_BATCH = 32;

export interface StageFolders {
  resources: string;
  /** Films of all stages. */
  films: string;
  /** What the stage before ended with; null: none. */
  before: string | null;
  /** The stage's result: a model folder. */
  out: string;
  /** JSON lines. */
  log: string;
  /** Of a stage under way; whoever notes that the stage is done removes it. */
  state: string;
}

/** Runs one stage, or goes on with it. @param disk waits where there is no room for what is written @returns what trained */
export async function pretrainStage(
  stage: PretrainStage,
  plan: PretrainPlan,
  folders: StageFolders,
  work: Work,
  disk: Patience,
): Promise<ExecutorInfo> {
  const films = await filmSet(folders.films, plan.films, work, disk);
  const { out, before, log } = folders;
  await disk.write(() => writeBaseFolder(out, folders.resources));
  const weights = before === null ? initialWeights(baseShapes(), plan.seed) : await readWeights(before);
  await disk.write(() => saveBaseWeights(out, weights));
  const state = new StoredPretrainState({ state: folders.state, log, every: STATE_EVERY }, disk);
  const model = await TfjsModel.load(await openModelFolder(out), await openTfjs());
  try {
    const processor = await loadGemma3Processor(out);
    const run = { model, processor, weights, shapes: baseShapes(), settings: settingsOf(stage, plan.seed), state };
    const watched = { ...run, work: watching(work, state) };
    const size = Math.min(stage.films ?? films.scenes.length, films.scenes.length);
    if (stage.questions === undefined) {
      const source = { size, at: (index: number) => visionExample(films, index) };
      await pretrainVision({ ...watched, source, findings: VISION_TARGETS });
    } else {
      const at = await questionsAbout(films, stage.questions, folders.resources);
      const prompt = await loadPromptModel(out);
      await pretrainLanguage({ ...watched, source: { size, at }, prompt, frozenVision: stage.frozenVision ?? false });
    }
    await disk.write(() => saveBaseWeights(out, weights));
    return model.executor;
  } finally {
    await model.dispose();
  }
}

async function questionsAbout(films: FilmSet, questions: Questions, resources: string) {
  const prompts = new Map((await loadPrompts(join(resources, 'prompts'))).map(({ id, text }) => [id, text]));
  const asked = { freeReasoning: prompts.get('free-reasoning')!, onlyLabel: prompts.get('only-label')! };
  return languageSource(films, readParaphrases(resources).training, asked, questions);
}

async function readWeights(dir: string): Promise<Map<string, Float32Array>> {
  const { weights } = await openModelFolder(dir);
  return new Map(await Promise.all(weights.names.map(async (name) => [name, await weights.read(name)] as const)));
}

function settingsOf({ steps, stopAt, batchSize, learningRate }: PretrainStage, seed: number): PretrainSettings {
  return {
    batchSize,
    microBatch: MICRO_BATCH,
    seed,
    learningRate,
    weightDecay: 0.01,
    maxGradNorm: 1,
    schedule: 'cosine',
    warmupRatio: 0.05,
    totalSteps: steps,
    ...(stopAt === undefined ? {} : { stopAt }),
  };
}

function watching({ signal, report }: Work, state: StoredPretrainState) {
  return {
    signal,
    report: ({ line, ...progress }: { stage: string; done: number; total: number; line: TrainingLogLine }) => {
      state.log(line);
      report(progress);
    },
  };
}

/** Pretrains the base model in stages; what a stage ends with is kept in the cache, so that a stop costs one stage. */
import { appendFileSync, cpSync, existsSync, mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { toErrorData } from '../../core/base/errors.ts';
import type { FilmSet } from '../../core/experiment/films.ts';
import { openModelFolder } from '../../core/models/modelFolder.ts';
import { TfjsModel } from '../../core/models/tfjsModel.ts';
import { writeJson } from '../../core/platform/files.ts';
import { loadGemma3Processor } from '../../core/preprocessing/gemma3Processor.ts';
import { openTfjs } from '../../core/tensor/tfjs/backend.ts';
import { ChatTemplate } from '../../core/text/chatTemplate.ts';
import { gemma3ImageTokens } from '../../core/text/promptInput.ts';
import { loadPrompts } from '../../core/text/prompts.ts';
import { Tokenizer } from '../../core/text/tokenizer.ts';
import {
  initialWeights,
  type PretrainSettings,
  pretrainLanguage,
  pretrainVision,
} from '../../core/training/pretrain.ts';
import type { TrainingLogLine } from '../../core/training/types.ts';
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
  stages: readonly PretrainStage[];
}

/** The folder of the last stage. Logs of all stages lie in `<cache>/<stage>/log-<stage>.jsonl`. */
export async function pretrainBase(
  films: FilmSet,
  resources: string,
  cache: string,
  plan: PretrainPlan,
): Promise<string> {
  let before: string | null = null;
  for (const stage of plan.stages) {
    const out = join(cache, `base-${stage.name}`);
    if (!existsSync(join(out, 'done.json'))) await runStage(stage, films, resources, before, out, plan.seed);
    before = out;
  }
  return before!;
}

/** Copies the logs of all stages beside the base. */
export function copyLogs(cache: string, plan: PretrainPlan, to: string): void {
  mkdirSync(to, { recursive: true });
  for (const { name } of plan.stages)
    cpSync(join(cache, `base-${name}`, `log-${name}.jsonl`), join(to, `log-${name}.jsonl`));
}

async function runStage(
  stage: PretrainStage,
  films: FilmSet,
  resources: string,
  from: string | null,
  out: string,
  seed: number,
): Promise<void> {
  await writeBaseFolder(out, resources);
  const shapes = baseShapes();
  const weights = from === null ? initialWeights(shapes, seed) : await readWeights(from);
  await saveBaseWeights(out, weights);
  const folder = await openModelFolder(out);
  const model = await TfjsModel.load(folder, await openTfjs({ prefer: 'tensorflow' }));
  const processor = await loadGemma3Processor(out);
  const watch = logged(out, stage, weights);
  const run = { model, processor, weights, shapes, settings: settingsOf(stage, seed), work: watch };
  const size = stage.films ?? films.scenes.length;
  try {
    if (stage.questions === undefined) {
      const source = { size, at: (index: number) => visionExample(films, index) };
      await pretrainVision({ ...run, source, findings: VISION_TARGETS });
    } else {
      const prompts = new Map((await loadPrompts(join(resources, 'prompts'))).map(({ id, text }) => [id, text]));
      const asked = { freeReasoning: prompts.get('free-reasoning')!, onlyLabel: prompts.get('only-label')! };
      const at = languageSource(films, readParaphrases(resources).training, asked, stage.questions);
      const tokenizer = await Tokenizer.load(out);
      const prompt = {
        tokenizer,
        template: await ChatTemplate.load(out, tokenizer),
        imageTokens: gemma3ImageTokens(tokenizer),
      };
      await pretrainLanguage({ ...run, source: { size, at }, prompt, frozenVision: stage.frozenVision ?? false });
    }
  } catch (error) {
    if (stage.stopAt === undefined || toErrorData(error).code !== 'CANCELLED') throw error;
  }
  await saveBaseWeights(out, weights);
  await writeJson(join(out, 'done.json'), { seed, stage });
  await model.dispose();
}

async function readWeights(dir: string): Promise<Map<string, Float32Array>> {
  const { weights } = await openModelFolder(dir);
  return new Map(await Promise.all(weights.names.map(async (name) => [name, await weights.read(name)] as const)));
}

function settingsOf({ steps, batchSize, learningRate }: PretrainStage, seed: number): PretrainSettings {
  return {
    batchSize,
    microBatch: 32,
    seed,
    learningRate,
    weightDecay: 0.01,
    maxGradNorm: 1,
    schedule: 'cosine',
    warmupRatio: 0.05,
    totalSteps: steps,
  };
}

/** A line of log every step; the weights every hundred, so that a stop leaves something to look at. */
function logged(out: string, { name, stopAt }: PretrainStage, weights: ReadonlyMap<string, Float32Array>) {
  const start = Date.now();
  const file = join(out, `log-${name}.jsonl`);
  rmSync(file, { force: true });
  const stop = new AbortController();
  return {
    signal: stop.signal,
    report: ({ done, total, line }: { done: number; total: number; line: TrainingLogLine }) => {
      appendFileSync(file, `${JSON.stringify({ ...line, seconds: Math.round((Date.now() - start) / 100) / 10 })}\n`);
      if (done === stopAt) stop.abort();
      if (done % 100 === 0) void saveBaseWeights(out, weights);
      if (done % 20 === 0)
        console.log(
          name,
          `${done}/${total}`,
          line['loss'],
          `${((Date.now() - start) / done / 1000).toFixed(2)} s/step`,
        );
    },
  };
}

/** Pretrains the base model in two stages; what a stage ends with is kept in the cache, so that a stop costs one stage. */
import { appendFileSync, existsSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { Work } from '../../core/base/progress.ts';
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
import { baseShapes, languageSource, saveBaseWeights, VISION_TARGETS, visionExample, writeBaseFolder } from './base.ts';
import type { FilmSet } from './films.ts';

export interface PretrainPlan {
  seed: number;
  vision: { steps: number; batchSize: number; learningRate: number };
  language: { steps: number; batchSize: number; learningRate: number };
}

type Stage = 'vision' | 'language';
type StageWork = Work<{ stage: string; done: number; total: number; line: TrainingLogLine }>;

export async function pretrainBase(
  films: FilmSet,
  resources: string,
  cache: string,
  out: string,
  plan: PretrainPlan,
): Promise<void> {
  const seen = join(cache, 'base-vision');
  if (!existsSync(join(seen, 'done.json'))) await runStage('vision', films, resources, null, seen, plan);
  await runStage('language', films, resources, seen, out, plan);
}

async function runStage(
  stage: Stage,
  films: FilmSet,
  resources: string,
  from: string | null,
  out: string,
  plan: PretrainPlan,
): Promise<void> {
  await writeBaseFolder(out, resources);
  const shapes = baseShapes();
  const weights = from === null ? initialWeights(shapes, plan.seed) : await readWeights(from);
  await saveBaseWeights(out, weights);
  const folder = await openModelFolder(out);
  const model = await TfjsModel.load(folder, await openTfjs({ prefer: 'tensorflow' }));
  const processor = await loadGemma3Processor(out);
  const run = {
    model,
    processor,
    weights,
    shapes,
    settings: settingsOf(plan, stage),
    work: logged(out, stage, weights),
  };
  if (stage === 'vision') {
    const source = { size: films.scenes.length, at: (index: number) => visionExample(films, index) };
    await pretrainVision({ ...run, source, findings: VISION_TARGETS });
  } else {
    const prompts = new Map((await loadPrompts(join(resources, 'prompts'))).map(({ id, text }) => [id, text]));
    const at = languageSource(films, resources, prompts.get('free-reasoning')!, prompts.get('only-label')!);
    const tokenizer = await Tokenizer.load(out);
    const prompt = {
      tokenizer,
      template: await ChatTemplate.load(out, tokenizer),
      imageTokens: gemma3ImageTokens(tokenizer),
    };
    await pretrainLanguage({ ...run, source: { size: films.scenes.length, at }, prompt });
  }
  await saveBaseWeights(out, weights);
  await writeJson(join(out, 'done.json'), { stage, plan });
  await model.dispose();
}

async function readWeights(dir: string): Promise<Map<string, Float32Array>> {
  const { weights } = await openModelFolder(dir);
  return new Map(await Promise.all(weights.names.map(async (name) => [name, await weights.read(name)] as const)));
}

function settingsOf(plan: PretrainPlan, stage: Stage): PretrainSettings {
  const { steps, batchSize, learningRate } = plan[stage];
  return {
    batchSize,
    microBatch: 32,
    seed: plan.seed,
    learningRate,
    weightDecay: 0.01,
    maxGradNorm: 1,
    schedule: 'cosine',
    warmupRatio: 0.05,
    totalSteps: steps,
  };
}

/** A line of log every step; the weights every hundred, so that a stop leaves something to look at. */
function logged(out: string, stage: Stage, weights: ReadonlyMap<string, Float32Array>): StageWork {
  const start = Date.now();
  const file = join(out, `log-${stage}.jsonl`);
  rmSync(file, { force: true });
  return {
    signal: new AbortController().signal,
    report: ({ done, total, line }) => {
      appendFileSync(file, `${JSON.stringify({ ...line, seconds: Math.round((Date.now() - start) / 100) / 10 })}\n`);
      if (done % 100 === 0) void saveBaseWeights(out, weights);
      if (done % 20 === 0)
        console.log(
          stage,
          `${done}/${total}`,
          line['loss'],
          `${((Date.now() - start) / done / 1000).toFixed(2)} s/step`,
        );
    },
  };
}

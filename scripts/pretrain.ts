/**
 * `npm run pretrain`: makes the base of resources/models again from seeds: films of mixed looks, then the stages below. Films
 * and the states between stages are kept in a cache outside the repository, so that an interruption costs at most one
 * stage. What is trained on the base is `chexreason experiment paper-in-miniature`.
 *
 *   npm run pretrain -- [--cache DIR] [--out DIR]
 */
import { cpSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { unattended } from '../core/base/progress.ts';
import { filmSet } from '../core/experiment/films.ts';
import { writeCard } from '../core/workspace/card.ts';
import { copyLogs, type PretrainPlan, pretrainBase } from './pretrain/stages.ts';

const RESOURCES = join(import.meta.dirname, '..', 'resources');

/** Patients of different seeds are different people; core/experiment/plan.ts uses others. */
const FILMS = { source: 'blend', seed: 1, count: 18_000 } as const;

/**
 * The language model learns the form of an answer within some hundred steps, but looks at the image only when the tower has
 * something to say; hence the tower's second stage, and many short questions for the labels alone among the long prompts.
 */
const PRETRAINING: PretrainPlan = {
  seed: 1,
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
      questions: { caption: 0.04, labels: 0.6, onlyLabel: 0.03, paraphrase: 0.1 },
    },
  ],
};

const { values: options } = parseArgs({
  options: {
    cache: { type: 'string', default: join(tmpdir(), 'chexreason-pretrain') },
    out: { type: 'string', default: join(RESOURCES, 'models') },
  },
});

async function main(): Promise<void> {
  const { cache, out } = options;
  const films = await filmSet(join(cache, 'films'), FILMS, unattended());
  const made = await pretrainBase(films, RESOURCES, cache, PRETRAINING);
  const base = join(out, 'base');
  rmSync(base, { recursive: true, force: true });
  cpSync(made, base, { recursive: true, filter: (file) => !/done\.json|log-.*\.jsonl$/.test(file) });
  await writeCard(base, {
    ...{ name: 'Base', role: 'base', trainingSource: 'phantom films of blended institutions' },
    ...{ preprocessing: 'file-window', promptId: 'free-reasoning', maxNewTokens: 96, phantomOnly: true },
  });
  copyLogs(cache, PRETRAINING, join(out, 'logs'));
}

void main();

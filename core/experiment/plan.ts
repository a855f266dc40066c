/**
 * The paper's study in miniature, decided before any of its films was read: worlds, settings, films and seeds as data. The
 * page of results prints what stands here. A world is a teacher, two institutions' labelling conventions and a weight of
 * the KL term; its rewards are separate runs from the same SFT checkpoints.
 *
 * What was known when this was written: two trials in PyTorch on a simpler phantom (docs/LOG.md), and one run of `main-far`
 * with one seed in this repository (2026-11-23; other films). Departures from the paper are those of each run's config.json.
 */
import { WorkbenchError } from '../base/errors.ts';
import type { Conventions } from '../phantom/conventions.ts';
import type { SceneSource } from '../phantom/scene.ts';
import type { Teacher } from '../phantom/traces.ts';

export type ExperimentReward = 'hard' | 'nuanced';

export interface World {
  id: string;
  name: string;
  teacher: Teacher;
  conventions: Conventions;
  /** Weight of GRPO's KL term. */
  beta: number;
  rewards: readonly ExperimentReward[];
  why: string;
}

export const WORLDS: readonly World[] = [
  {
    id: 'main-far',
    name: 'Main findings, far conventions',
    teacher: 'main',
    conventions: 'far',
    beta: 0.15,
    rewards: ['hard', 'nuanced'],
    why: 'The default, and the world whose checkpoints are shipped: the paper’s beta; an SFT that is weaker than its base on the benchmark, as in the paper; institutions whose conventions differ as those of CheXpert and NIH do. Trial 2 found a up by .03 and b down by .02 here.',
  },
  {
    id: 'main-far-loose',
    name: 'Main findings, far conventions, loose KL',
    teacher: 'main',
    conventions: 'far',
    beta: 0.04,
    rewards: ['hard'],
    why: 'The same with less hold on the SFT checkpoint: the one cell in which trial 2 found the paper’s pattern in both seeds. It was reached after weaker ones, so it needs a repetition.',
  },
  {
    id: 'omits-near',
    name: 'Labels left out, near conventions',
    teacher: 'omits',
    conventions: 'near',
    beta: 0.15,
    rewards: ['hard', 'nuanced'],
    why: 'A teacher who is wrong at random, and institutions that nearly agree: what the reward corrects should help both. Trial 2 found both up.',
  },
  {
    id: 'main-near',
    name: 'Main findings, near conventions',
    teacher: 'main',
    conventions: 'near',
    beta: 0.15,
    rewards: ['hard'],
    why: 'Differs from the default in the conventions alone. Trial 2 found a up and b unchanged.',
  },
  {
    id: 'full-far',
    name: 'Correct traces, far conventions',
    teacher: 'full',
    conventions: 'far',
    beta: 0.15,
    rewards: ['hard'],
    why: 'Differs from the default in the teacher alone: traces name every label of the table, so SFT learns the source’s conventions and little is left for the reward. Trial 1 found no change by GRPO.',
  },
];

/** The world of resources/models, of the four SFT formats, and of the prompts’ truth. */
export const DEFAULT_WORLD: World = WORLDS[0]!;

/** The format of every world, and from which GRPO starts, as in the paper. */
export const FORMAT = 'free-reasoning';
/** The paper's four SFT formats (Table 2); `only-label` is taught without the reasoning. */
export const SFT_FORMATS = ['only-label', FORMAT, 'reasoning-narrative', 'reasoning-a'] as const;
/** The paper's nine instruction formats (Table 1). */
export const PROMPTS = [
  'reasoning-narrative',
  'reasoning-self-check',
  'reasoning-hypothesis',
  'reasoning-a',
  'reasoning-b',
  'reasoning-c',
  'reasoning-d',
  'reasoning-e',
  'reasoning-f',
] as const;

/** Numbers of films, and of seeds. */
export interface Sizes {
  /** Films that an SFT run draws, held-out ones included. */
  sft: number;
  /** Films that a GRPO run draws. */
  grpo: number;
  /** Test films of each institution. */
  test: number;
  /** Films of a's validation: prompts and formats are compared there, as the paper does, and not on the test films. */
  validation: number;
}

export const SIZES: Sizes = { sft: 480, grpo: 400, test: 500, validation: 300 };
export const SEEDS = 3;

/** What GRPO's probe looks at: another hundred films of each institution. */
export const PROBE_SETS = ['probeA', 'probeB'] as const;

export type SetName = 'sft' | 'grpo' | 'testA' | 'testB' | 'validationA' | (typeof PROBE_SETS)[number];

/**
 * Patients of different seeds are different people. None of these is a seed of pretraining (1, pretraining/stages.ts), of the shipped run before
 * (101 to 302), of the built-in films or of the tests.
 */
const SET_SEEDS: Record<SetName, { source: SceneSource; seed: number }> = {
  sft: { source: 'm', seed: 1101 },
  grpo: { source: 'm', seed: 1102 },
  testA: { source: 'a', seed: 1211 },
  testB: { source: 'b', seed: 1212 },
  validationA: { source: 'a', seed: 1311 },
  probeA: { source: 'a', seed: 1411 },
  probeB: { source: 'b', seed: 1412 },
};

/** A run draws its films by its seed from a pool of one and a half times as many. */
const POOL = 1.5;

/** Of each institution, or as many as there are for validation. */
const PROBE_FILMS = 100;

export interface SetPlan {
  name: SetName;
  source: SceneSource;
  seed: number;
  count: number;
}

export function setPlan(name: SetName, sizes: Sizes): SetPlan {
  const counts: Record<SetName, number> = {
    sft: Math.ceil(POOL * sizes.sft),
    grpo: Math.ceil(POOL * sizes.grpo),
    testA: sizes.test,
    testB: sizes.test,
    validationA: sizes.validation,
    probeA: Math.min(PROBE_FILMS, sizes.validation),
    probeB: Math.min(PROBE_FILMS, sizes.validation),
  };
  return { name, ...SET_SEEDS[name], count: counts[name] };
}

type Settings = Record<string, string | number>;

/** What differs from the paper, and why; everything else is the paper's (core/training/config.ts). */
export function sftSettings(seed: number, { sft }: Sizes, promptId: string): Settings {
  return { samples: sft, epochs: 2, learningRate: 1e-3, microBatch: 8, checkpointEvery: 50, seed, promptId };
}

export const SFT_REASONS: Record<string, string> = {
  samples: 'Fewer films for time.',
  epochs: 'Fewer passes for time; the tiny adapter has learned the teacher by then.',
  learningRate: 'A model of 1.6 million parameters needs larger steps than one of 4 billion.',
  microBatch: 'The whole batch fits into memory; the result is the same.',
};

export function grpoSettings(seed: number, { grpo }: Sizes, world: World, reward: ExperimentReward): Settings {
  return {
    samples: grpo,
    learningRate: 8e-4,
    microBatch: 32,
    beta: world.beta,
    maxCompletionLength: 96,
    checkpointEvery: 10,
    probeEvery: 10,
    seed,
    reward,
    'hard.minTokens': 27,
    'hard.lambdaLen': 0.2,
    'nuanced.scale': 0.01,
  };
}

export const GRPO_REASONS: Record<string, string> = {
  samples: 'Fewer films for time.',
  beta: 'The world’s own: less hold on the SFT checkpoint.',
  microBatch: 'Memory allows it; the result is the same.',
  reward: 'The paper’s second reward, in a run of its own.',
  'hard.minTokens': 'The traces of the phantom have 27 to 54 tokens; 250 would punish every answer alike.',
};

/** @throws EXPERIMENT_WORLD */
export function worldsNamed(ids: readonly string[] | undefined): World[] {
  const unknown = ids?.find((id) => !WORLDS.some((world) => world.id === id));
  if (unknown !== undefined)
    throw new WorkbenchError(
      'EXPERIMENT_WORLD',
      `There is no world “${unknown}”.`,
      { world: unknown },
      `Worlds: ${WORLDS.map(({ id }) => id).join(', ')}.`,
    );
  return WORLDS.filter(({ id }) => ids === undefined || ids.includes(id));
}

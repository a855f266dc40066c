import { cp, mkdtemp, readdir, readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { unattended, type Work } from '../../core/base/progress.ts';
import { Random } from '../../core/base/random.ts';
import { adapterTarget } from '../../core/models/network.ts';
import type { TrainableModel } from '../../core/models/trainable.ts';
import { createAdapter, openAdapter } from '../../core/peft/adapterFolder.ts';
import { configFields, fieldDepartures, parseTrainingConfig } from '../../core/training/config.ts';
import { type GrpoRun, trainGrpo } from '../../core/training/grpo.ts';
import { type RunProgress, readLog, readRun } from '../../core/training/run.ts';
import { type SftRun, trainSft } from '../../core/training/sft.ts';
import { drawExamples, holdOut } from '../../core/training/split.ts';
import type { TrainingExample } from '../../core/training/types.ts';
import { comparableLog } from '../support/killing.ts';
import { backendsHere, loadTrainable, sidedFilm, writeTinyModel } from '../support/tinyModel.ts';
import { readerExamples, TINY_READER } from '../support/tinyReader.ts';

let base = '';
beforeAll(async () => {
  base = await writeTinyModel();
});

const ANSWERS = ['Edema', 'Fracture'] as const;

function examples(count: number): TrainingExample[] {
  return Array.from({ length: count }, (_, i) => ({
    id: `film ${i}`,
    patientId: `patient ${i >> 1}`,
    image: () => sidedFilm(i % 2 === 0),
    promptText: 'Read.',
    targetText: `<think>s</think><solution>${ANSWERS[i % 2]}</solution>`,
    labels: [ANSWERS[i % 2]!],
  }));
}

const tensorsOf = (model: SftRun['model']) => (model as TrainableModel).tf.memory().numTensors;

const newFolder = () => mkdtemp(join(tmpdir(), 'run-'));

/** Stops the run when it has reported so many steps. */
function stoppingAfter(steps: number): Work<RunProgress> {
  const controller = new AbortController();
  const report = ({ done }: RunProgress) => {
    if (done >= steps) controller.abort();
  };
  return { signal: controller.signal, report };
}

async function sameFiles(a: string, b: string, names: string[]): Promise<void> {
  for (const name of names) expect(await readFile(join(a, name))).toEqual(await readFile(join(b, name)));
}

const ADAPTER = ['adapter/adapter_model.safetensors', 'adapter/adapter_config.json'];

const SFT = {
  epochs: 3,
  batchSize: 4,
  microBatch: 4,
  learningRate: 1e-2,
  rank: 4,
  alpha: 8,
  dropout: 0.1,
  checkpointEvery: 2,
  heldOut: 0.25,
};

describe('an SFT run', async () => {
  const [backend] = await backendsHere();
  const runIn = async (folder: string, changes: Partial<SftRun> = {}, config: object = {}): Promise<SftRun> => ({
    ...(await loadTrainable(base, backend!)),
    examples: examples(24),
    start: null,
    config: parseTrainingConfig('sft', { ...SFT, ...config }),
    folder,
    baseName: 'tiny',
    now: new Date(0),
    work: unattended<RunProgress>(),
    ...changes,
  });

  it('writes a folder that says what was done, and leaves no tensor behind', async () => {
    const run = await runIn(await newFolder());
    // The first step makes what the model keeps for its gradients.
    await trainSft({ ...run, folder: await newFolder(), config: { ...run.config, maxSteps: 1, warmupRatio: 0 } });
    const before = tensorsOf(run.model);
    const result = await trainSft(run);
    expect(tensorsOf(run.model)).toBe(before);
    const log = await readLog(run.folder);
    const steps = log.filter((line) => 'loss' in line);
    // 9 of 12 patients train: 18 films, 5 steps an epoch.
    expect(steps.map(({ step }) => step)).toEqual(Array.from({ length: 15 }, (_, i) => i + 1));
    expect(log.filter((line) => 'eval_loss' in line)).toHaveLength(3);
    expect(steps[14]!['loss']).toBeLessThan(steps[0]!['loss'] as number);
    expect(steps[0]).toMatchObject({ learning_rate: 0, epoch: 0.2 });
    expect(Object.keys(steps[0]!)).toEqual(
      expect.arrayContaining(['grad_norm', 'mean_token_accuracy', 'entropy', 'num_tokens']),
    );
    expect(await readRun(run.folder)).toMatchObject({ kind: 'sft', state: 'complete', steps: 15, totalSteps: 15 });
    const target = adapterTarget(run.model);
    const { adapter } = await openAdapter(join(run.folder, 'adapter'), target);
    expect(adapter.hash).toBe(result.adapter.hash);
    expect((await readdir(join(run.folder, 'checkpoints'))).sort()).toEqual(['step-00000014', 'step-00000015']);
  });

  it('resumed, equals one that was never stopped, bit for bit', async () => {
    const whole = await runIn(await newFolder());
    await trainSft(whole);
    const folder = await newFolder();
    await expect(trainSft(await runIn(folder, { work: stoppingAfter(7) }))).rejects.toMatchObject({
      code: 'CANCELLED',
    });
    expect(await readRun(folder)).toMatchObject({ state: 'stopped', steps: 7, error: null });
    await trainSft(await runIn(folder));
    await sameFiles(whole.folder, folder, ADAPTER);
    expect(await comparableLog(folder)).toEqual(await comparableLog(whole.folder));
    const before = await readFile(join(folder, ADAPTER[0]!));
    await trainSft(await runIn(folder));
    expect(await readFile(join(folder, ADAPTER[0]!))).toEqual(before);
  });

  it('gives the same with gradient checkpointing as without, dropout included', async () => {
    const logs = [];
    for (const gradientCheckpointing of [false, true]) {
      const folder = await newFolder();
      await trainSft(await runIn(folder, {}, { gradientCheckpointing, maxSteps: 4 }));
      logs.push((await readLog(folder)).filter((line) => 'loss' in line));
    }
    const [kept, again] = logs;
    kept!.forEach((line, i) => {
      for (const key of ['loss', 'grad_norm']) expect(again![i]![key]! as number).toBeCloseTo(line[key] as number, 5);
    });
  });

  it('gives the same from one batch of 8 as from 8 accumulated ones', async () => {
    const [whole, pieces] = [await newFolder(), await newFolder()];
    const config = { batchSize: 8, dropout: 0, maxSteps: 3 };
    await trainSft(await runIn(whole, {}, { ...config, microBatch: 8 }));
    await trainSft(await runIn(pieces, {}, { ...config, microBatch: 1 }));
    const [a, b] = [await readLog(whole), await readLog(pieces)];
    a.forEach((line, i) => {
      for (const key of ['loss', 'grad_norm', 'eval_loss'])
        if (key in line) expect(b[i]![key]).toBeCloseTo(line[key] as number, 4);
    });
  });

  it('stops early, and keeps the best adapter', async () => {
    const run = await runIn(await newFolder(), {}, { epochs: 6, patience: 2 });
    // What is held out says the opposite of what is learned: the better the one, the worse the other.
    const { heldOut } = holdOut(drawExamples(run.examples, 2000, run.config.seed), run.config.heldOut, run.config.seed);
    const opposite = new Set(heldOut.map(({ id }) => id));
    const flipped = run.examples.map((example, i) =>
      opposite.has(example.id) ? { ...example, targetText: `no ${i}: ${'zqj'.repeat(6)}` } : example,
    );
    const result = await trainSft({ ...run, examples: flipped });
    expect(result).toMatchObject({ stoppedEarly: true, best: { epoch: expect.any(Number) } });
    expect(result.steps).toBe((result.best!.epoch + 2) * 5);
    expect(result.chosen).toEqual({ on: 'validation', step: result.best!.epoch * 5, value: result.best!.loss });
  });

  it('refuses to go on with other settings or data', async () => {
    const folder = await newFolder();
    await trainSft(await runIn(folder, {}, { maxSteps: 1, warmupRatio: 0 }));
    const refused = { code: 'TRAINING_RESUME' };
    await expect(trainSft(await runIn(folder, {}, { maxSteps: 2 }))).rejects.toMatchObject(refused);
    await expect(
      trainSft(await runIn(folder, { examples: examples(22) }, { maxSteps: 1, warmupRatio: 0 })),
    ).rejects.toMatchObject(refused);
  });
});

/** As TRL 1.16 logs a GRPO step (grpo_trainer.py), without what only its own engines have. */
const TRL_COLUMNS = [
  ...['num_tokens', 'reward', 'reward_std', 'frac_reward_zero_std', 'kl', 'entropy', 'step_time', 'learning_rate'],
  ...['loss', 'grad_norm', 'epoch', 'rewards/nuanced/mean', 'rewards/nuanced/std', 'rewards/nuanced/match/mean'],
  ...['mean', 'min', 'max'].map((name) => `completions/${name}_length`),
  ...['mean', 'min', 'max'].map((name) => `completions/${name}_terminated_length`),
  ...['low_mean', 'low_min', 'high_mean', 'high_max', 'region_mean'].map((name) => `clip_ratio/${name}`),
  ...['mean', 'max'].map((name) => `sampling/sampling_logp_difference/${name}`),
  ...['min', 'mean', 'max'].map((name) => `sampling/importance_sampling_ratio/${name}`),
  'completions/clipped_ratio',
];

describe('a GRPO run', async () => {
  const [backend] = await backendsHere();
  const runIn = async (folder: string, changes: Partial<GrpoRun> = {}, config: object = {}): Promise<GrpoRun> => {
    const loaded = await loadTrainable(TINY_READER, backend!);
    return {
      ...loaded,
      runner: loaded.model,
      examples: readerExamples(6, true),
      start: createAdapter(adapterTarget(loaded.model), { r: 4, lora_alpha: 8 }, new Random(1)),
      config: parseTrainingConfig('grpo', {
        promptsPerStep: 2,
        groupSize: 3,
        maxCompletionLength: 12,
        microBatch: 4,
        learningRate: 1e-3,
        iterations: 2,
        checkpointEvery: 1,
        reward: 'nuanced',
        temperature: 1,
        topP: 1,
        'nuanced.windowMinimum': 2,
        ...config,
      }),
      folder,
      baseName: 'tiny',
      now: new Date(0),
      work: unattended<RunProgress>(),
      ...changes,
    };
  };

  it('logs rollouts and steps by TRL’s names, and leaves no tensor behind', async () => {
    const run = await runIn(await newFolder());
    // The first rollouts make what the model keeps for gradients and for the last adapters.
    await trainGrpo({ ...run, folder: await newFolder() });
    const before = tensorsOf(run.model);
    await trainGrpo(run);
    expect(tensorsOf(run.model)).toBe(before);
    const log = await readLog(run.folder);
    expect(log.map(({ step }) => step)).toEqual([1, 2, 3, 4, 5, 6]);
    expect(Object.keys(log[0]!)).toEqual(
      expect.arrayContaining(['loss', 'grad_norm', 'kl', 'entropy', 'reward', 'reward_std', 'rewards/nuanced/mean']),
    );
    expect(log[0]).toMatchObject({ 'clip_ratio/region_mean': 0, kl: 0 });
    expect(Object.keys(log[0]!)).toEqual(expect.arrayContaining(TRL_COLUMNS));
    // The tiny model draws and trains on one engine; what is left is batches of another shape.
    for (const line of log) {
      expect(line['sampling/sampling_logp_difference/max']).toBeLessThan(1e-4);
      expect(line['sampling/importance_sampling_ratio/mean']).toBeCloseTo(1, 4);
    }
    const completions = (await readFile(join(run.folder, 'completions.jsonl'), 'utf8')).trim().split('\n');
    expect(completions).toHaveLength(18);
    const rows = completions.slice(0, 3).map((line) => JSON.parse(line));
    expect(new Set(rows.map(({ id }) => id)).size).toBe(1);
    expect(rows.reduce((sum, { advantage }) => sum + advantage, 0)).toBeCloseTo(0, 9);
  });

  it('resumed, equals one that was never stopped, bit for bit', async () => {
    const whole = await runIn(await newFolder());
    await trainGrpo(whole);
    const folder = await newFolder();
    await expect(trainGrpo(await runIn(folder, { work: stoppingAfter(3) }))).rejects.toMatchObject({
      code: 'CANCELLED',
    });
    await trainGrpo(await runIn(folder));
    await sameFiles(whole.folder, folder, [...ADAPTER, 'completions.jsonl']);
    expect(await comparableLog(folder)).toEqual(await comparableLog(whole.folder));
  });

  it('learns from a user’s own reward, and refuses to go on with another one', async () => {
    const folder = await newFolder();
    const devices = (worth: number) =>
      `function reward(state, samples) {
        const says = ({ findings }) => (findings.includes('Support Devices') ? ${worth} : 0);
        return { scores: samples.map(says), terms: samples.map((sample) => ({ devices: says(sample) })), state: samples.length };
      }`;
    const config = { reward: 'file', rewardFile: 'devices.js' };
    const rewardFile = { name: 'devices.js', source: devices(1) };
    await trainGrpo(await runIn(folder, { rewardFile }, config));
    const log = await readLog(folder);
    expect(log[0]).toMatchObject({
      'rewards/devices/mean': log[0]!['reward'],
      'rewards/devices/devices/mean': log[0]!['reward'],
    });
    const state = JSON.parse(await readFile(join(folder, 'checkpoints/step-00000006/trainer_state.json'), 'utf8'));
    expect(state.reward).toBe(6);
    const other = { name: 'devices.js', source: devices(2) };
    await expect(trainGrpo(await runIn(folder, { rewardFile: other }, config))).rejects.toMatchObject({
      code: 'TRAINING_RESUME',
      details: { differs: 'rewardHash' },
    });
    await expect(runIn(await newFolder(), {}, config).then(trainGrpo)).rejects.toMatchObject({ code: 'REWARD_FILE' });
  });

  it('a checkpoint that was cut off is not seen', async () => {
    const folder = await newFolder();
    const run = await runIn(folder, { work: stoppingAfter(3) });
    await expect(trainGrpo(run)).rejects.toMatchObject({ code: 'CANCELLED' });
    await cp(join(folder, 'checkpoints/step-00000002'), join(folder, 'checkpoints/.step-00000004.part'), {
      recursive: true,
    });
    await trainGrpo(await runIn(folder));
    expect(await readRun(folder)).toMatchObject({ state: 'complete', steps: 6 });
  });
});

describe('settings', () => {
  it('are a form with the paper’s values as defaults', () => {
    const sft = Object.fromEntries(configFields('sft').map((field) => [field.name, field]));
    expect(sft['rank']).toMatchObject({ type: 'integer', default: 16, paper: '16' });
    expect(sft['learningRate']).toMatchObject({ type: 'number', default: 5e-5, paper: '5e-5' });
    expect(sft['schedule']).toMatchObject({ type: 'choice', choices: ['cosine', 'constant'], default: 'cosine' });
    const grpo = Object.fromEntries(configFields('grpo').map((field) => [field.name, field]));
    expect(grpo['epsilonHigh']).toMatchObject({ default: 0.22, paper: '0.22' });
    expect(grpo['hard.lambdaLen']).toMatchObject({ default: 0.1, paper: '' });
    expect(grpo['nuanced.exactMatch']).toMatchObject({ default: 100, paper: '100' });
    for (const field of [...Object.values(sft), ...Object.values(grpo)]) expect(field.help).not.toBe('');
  });

  it('that differ from the paper are departures, with a reason', () => {
    const config = parseTrainingConfig('grpo', { beta: 0.04, learningRate: 1e-3 });
    expect(fieldDepartures('grpo', config, { beta: 'KL stays small.' })).toEqual([
      { field: 'beta', paper: '0.15', run: '0.04', reason: 'KL stays small.' },
    ]);
    expect(fieldDepartures('sft', parseTrainingConfig('sft', {}))).toEqual([]);
  });

  it('that cannot be used are named', () => {
    const named = (field: string) =>
      expect.objectContaining({ code: 'TRAINING_CONFIG', details: expect.objectContaining({ field }) });
    expect(() => parseTrainingConfig('sft', { rank: 0 })).toThrowError(named('rank'));
    expect(() => parseTrainingConfig('grpo', { groupSize: 'four' })).toThrowError(named('groupSize'));
  });

  it('hold out patients, not films', () => {
    const { training, heldOut } = holdOut(examples(40), 0.1, 5);
    expect(new Set(heldOut.map(({ patientId }) => patientId)).size).toBe(2);
    expect(training.length + heldOut.length).toBe(40);
    const patients = new Set(training.map(({ patientId }) => patientId));
    expect(heldOut.some(({ patientId }) => patients.has(patientId))).toBe(false);
    expect(holdOut(examples(2), 0.5, 5)).toMatchObject({ heldOut: [] });
  });
});

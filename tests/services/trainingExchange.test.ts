/** Runs out to TRL and back without Python: what lies in the folder, what is refused, whom GRPO may draw. */
import { cp, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PNG } from 'pngjs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { writePhantom } from '../../core/phantom/generate.ts';
import { nodePlatform } from '../../core/platform/node.ts';
import type { Engine, TrainingRun } from '../../core/services/contract.ts';
import { createEngine } from '../../core/services/engine.ts';
import { configFields } from '../../core/training/config.ts';
import { root } from '../support/command.ts';
import { TINY_READER } from '../support/tinyReader.ts';

describe('a run for TRL', () => {
  let folder = '';
  let engine: Engine;
  let sft: TrainingRun;
  const FORM = { maxSteps: 2, batchSize: 4, microBatch: 2, learningRate: 0.01, rank: 2, alpha: 4, probeEvery: 0 };
  const SFT = { ...FORM, promptId: 'only-label', heldOut: 0.25 };
  const GRPO = {
    ...{ maxSteps: 1, promptsPerStep: 2, groupSize: 2, maxCompletionLength: 32, promptId: 'only-label', probeEvery: 0 },
    // So that answers and rewards differ within a group.
    ...{ reward: 'file', rewardFile: 'mine.js', temperature: 5, topP: 1 },
    learningRate: 0.01,
    warmupRatio: 0,
  };

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'exchange-'));
    await cp(TINY_READER, join(folder, 'base'), { recursive: true });
    const out = join(folder, 'm');
    const { csv } = await writePhantom({ institution: 'm', count: 18, seed: 5, out, size: 32, format: 'png' });
    const platform = nodePlatform({ resourcesDir: join(root, 'resources'), userDir: join(folder, 'home') });
    engine = await createEngine(platform, { workspace: join(folder, 'workspace') });
    await engine.call('checkpoints.add', { path: join(folder, 'base'), name: 'Reader' });
    await engine.call('datasets.add', { kind: 'mimic', csv, images: out, role: 'training-source', name: 'Phantom m' });
    await mkdir(join(folder, 'workspace/rewards'));
    const reward = 'function reward(state, samples) { return { scores: samples.map((_, i) => i) }; }';
    await writeFile(join(folder, 'workspace/rewards/mine.js'), reward);
    const config = { ...SFT, reserveForGrpo: 0.5 };
    sft = await engine.call('training.run', { kind: 'sft', name: 'First', startFromId: 'reader', config });
  });
  afterAll(() => rm(folder, { recursive: true, force: true }));

  const json = async (...path: string[]) => JSON.parse(await readFile(join(folder, ...path), 'utf8'));
  const rowsOf = async (...path: string[]) =>
    (await readFile(join(folder, ...path), 'utf8'))
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));

  it('holds what was drawn, in order, and names no patient', async () => {
    const exported = await engine.call('training.export', { run: { runId: sft.id }, path: join(folder, 'out') });
    const train = await rowsOf('out/data/train.jsonl');
    const heldOut = await rowsOf('out/data/held_out.jsonl');
    expect(exported).toMatchObject({ films: train.length, heldOut: heldOut.length, model: true, rollouts: 0 });
    const patients = (rows: { patient: string }[]) => new Set(rows.map(({ patient }) => patient));
    for (const patient of patients(train)) expect(patients(heldOut)).not.toContain(patient);
    const order: number[][] = await json('out/data/order.json');
    expect(order).toHaveLength(6);
    for (const epoch of order) expect([...epoch].sort((a, b) => a - b)).toEqual(train.map((_, i) => i));
    const image = PNG.sync.read(await readFile(join(folder, 'out', train[0].image)));
    expect([image.width, image.height]).toEqual([32, 32]);
    expect(await json('out/settings.json')).toMatchObject({
      effectiveBatch: 4,
      patience: 2,
      trl: { learning_rate: 0.01, max_grad_norm: 5, per_device_train_batch_size: 2, max_steps: 2, warmup_steps: 1 },
    });
    const log = await engine.call('training.log', { runId: sft.id });
    const run = await json('out/run.json');
    expect(run.firstStep.loss).toBe(log[0]!['loss']);
    expect(run.draw).toEqual(sft.draw);
    const ids = (await engine.call('films.list', {})).map(({ patientId }) => patientId);
    for (const name of await readdir(join(folder, 'out'), { recursive: true })) {
      if (!/\.(json|jsonl|md|py)$/.test(name) || name.startsWith('model')) continue;
      const text = await readFile(join(folder, 'out', name), 'utf8');
      for (const id of ids) expect(text).not.toContain(`"${id}"`);
    }
  });

  it('says every setting in its README, with its place in TRL or without', async () => {
    const text = await readFile(join(folder, 'out/README.md'), 'utf8');
    for (const { name } of configFields('sft')) expect(text).toContain(`| ${name} |`);
    expect(text).toContain('## Departures');
  });

  it('writes over nothing of the user’s', async () => {
    await mkdir(join(folder, 'mine'));
    await writeFile(join(folder, 'mine/thesis.tex'), 'text');
    const run = { runId: sft.id };
    await expect(engine.call('training.export', { run, path: join(folder, 'mine') })).rejects.toMatchObject({
      code: 'TRAINING_EXPORT_FOLDER',
    });
    expect(await readdir(join(folder, 'mine'))).toEqual(['thesis.tex']);
    await engine.call('training.export', { run, path: join(folder, 'out') });
    await mkdir(join(folder, 'out/output'));
    await expect(engine.call('training.export', { run, path: join(folder, 'out') })).rejects.toMatchObject({
      code: 'TRAINING_EXPORT_FOLDER',
      message: expect.stringContaining('trained already'),
    });
  });

  it('takes the trained adapter back as a checkpoint with its log and its patients', async () => {
    const out = join(folder, 'out');
    const output = join(out, 'output');
    await expect(engine.call('training.import', { path: output })).rejects.toMatchObject({
      code: 'TRAINING_IMPORT_FOLDER',
    });
    await cp(join(out, 'adapter'), join(output, 'adapter'), { recursive: true });
    await writeFile(join(output, 'trainer_state.json'), '{"global_step": 2, "log_history": []}');
    await expect(engine.call('training.import', { path: out })).rejects.toMatchObject({
      code: 'ADAPTER_CHANGES_NOTHING',
    });
    await cp(join(sft.path, 'adapter'), join(output, 'adapter'), { recursive: true });
    await writeFile(
      join(output, 'trainer_state.json'),
      '{"global_step": 2, "max_steps": 2, "log_history": [{"step": 1, "loss": 2.5, "grad_norm": NaN}, {"step": 2, "loss": 2}]}',
    );
    await writeFile(join(output, 'versions.json'), '{"trl": "1.16.0"}');
    const run = await engine.call('training.import', { path: out, name: 'From elsewhere' });
    expect(run).toMatchObject({ name: 'From elsewhere', kind: 'sft', state: 'complete', trainedBy: 'TRL 1.16.0' });
    expect(await engine.call('training.log', { runId: run.id })).toEqual([
      { step: 1, loss: 2.5, grad_norm: null },
      { step: 2, loss: 2 },
    ]);
    const known = await engine.call('checkpoints.list', {});
    expect(known.find(({ id }) => id === run.checkpointId)).toMatchObject({
      ...{ name: 'From elsewhere', role: 'sft', trainingSource: 'Phantom m', promptId: 'only-label' },
      hash: known.find(({ id }) => id === sft.checkpointId)!.hash,
    });
    expect(await json('workspace/runs', run.id, 'adapter/trained-on.json')).toEqual(
      JSON.parse(await readFile(join(sft.path, 'adapter/trained-on.json'), 'utf8')),
    );
    await writeFile(join(out, 'run.json'), JSON.stringify({ ...(await json('out/run.json')), kind: 'ppo' }));
    await expect(engine.call('training.import', { path: out })).rejects.toMatchObject({
      code: 'TRAINING_IMPORT_FILE',
      details: { file: join(out, 'run.json') },
    });
  });

  it('GRPO draws from patients that its SFT run did not use, and says how many are left', async () => {
    const grpo = await engine.call('training.run', {
      ...{ kind: 'grpo', name: 'Apart', startFromId: sft.checkpointId!, config: GRPO },
    });
    const seen = new Set(await json('workspace/runs', sft.id, 'draw.json').then(({ patients }) => patients));
    const drawn: string[] = await json('workspace/runs', grpo.id, 'draw.json').then(({ patients }) => patients);
    expect(drawn.length).toBeGreaterThan(0);
    for (const patient of drawn) expect(seen).not.toContain(patient);
    expect(grpo.draw).toMatchObject({ asked: 1000, patientsOfSft: seen.size, patients: drawn.length, sftKnown: true });
    const { sft: before, grpo: own } = await json('workspace/runs', grpo.id, 'adapter/trained-on.json');
    expect([new Set(before), own]).toEqual([seen, [...drawn].sort()]);
  });

  it('has GRPO’s settings one to one', async () => {
    const config = { ...GRPO, reward: 'hard', rewardFile: '', 'hard.lambdaLen': 0.2, groupSize: 4 };
    const run = { kind: 'grpo', name: 'Not here', startFromId: sft.checkpointId!, config } as const;
    await engine.call('training.export', { run, path: join(folder, 'grpo'), model: 'leave' });
    expect(await json('grpo/settings.json')).toMatchObject({
      effectiveBatch: 8,
      ...{ reward: 'hard', rewardSettings: { lambdaLen: 0.2, minTokens: 250, emptyJaccard: 1 } },
      trl: { epsilon: 0.15, epsilon_high: 0.22, beta: 0.15, loss_type: 'dr_grpo', scale_rewards: 'none', top_p: 1 },
      vllm: { vllm_importance_sampling_mode: 'token_truncate', vllm_importance_sampling_clip_max: 3 },
    });
    const there = await readdir(join(folder, 'grpo'));
    expect(there).toContain('rewards.py');
    expect(there).not.toContain('model');
  });

  it('GRPO is refused where SFT has used every patient', async () => {
    const all = await engine.call('training.run', {
      ...{ kind: 'sft', name: 'All', startFromId: 'reader', config: { ...SFT, reserveForGrpo: 0 } },
    });
    expect(all.draw).toMatchObject({ films: 18, patientsReserved: 0 });
    const asked = { kind: 'grpo', name: 'None left', startFromId: all.checkpointId!, config: GRPO } as const;
    await expect(engine.call('training.run', asked)).rejects.toMatchObject({ code: 'TRAINING_PATIENTS' });
  });

  it('refuses a user’s own reward by its name', async () => {
    const run = { kind: 'grpo', name: 'Own', startFromId: sft.checkpointId!, config: GRPO } as const;
    const asked = engine.call('training.export', { run, path: join(folder, 'own') });
    await expect(asked).rejects.toMatchObject({
      code: 'TRAINING_EXPORT_REWARD',
      message: expect.stringContaining('mine.js'),
    });
    expect(await readdir(folder)).not.toContain('own');
  });
});

/**
 * A run exported for TRL, trained there for a step, and taken back: same data, order, starting adapter and (GRPO) the same
 * completions give the same first loss. With the shipped base of 1.6 million parameters, in f32, without dropout. It needs
 * CHEXREASON_PYTHON with the versions of ../shared/reference/versions.json and is skipped without; it takes minutes.
 */
import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { writePhantom } from '../../core/phantom/generate.ts';
import { nodePlatform } from '../../core/platform/node.ts';
import type { Engine, TrainingRun } from '../../core/services/contract.ts';
import { createEngine } from '../../core/services/engine.ts';
import { root } from '../support/command.ts';
import { trlPython } from '../support/python.ts';

const run = promisify(execFile);

/** What a script says of the first step. */
interface FirstStep {
  first_step: { loss: number; grad_norm: number };
  chexreason: { loss: number; grad_norm: number };
  loss_difference: number;
}

describe.skipIf(trlPython === null)('TRL (skipped where CHEXREASON_PYTHON has none)', () => {
  let folder = '';
  let engine: Engine;
  let sft: TrainingRun;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'trl-'));
    const out = join(folder, 'm');
    const { csv } = await writePhantom({ institution: 'm', count: 12, seed: 5, out, size: 64, format: 'png' });
    const platform = nodePlatform({ resourcesDir: join(root, 'resources'), userDir: join(folder, 'home') });
    engine = await createEngine(platform, { workspace: join(folder, 'workspace') });
    for (const name of ['base', 'sft'])
      await engine.call('checkpoints.add', { path: join(root, 'resources/models', name) });
    await engine.call('datasets.add', { kind: 'mimic', csv, images: out, role: 'training-source', name: 'Phantom m' });
  });
  afterAll(() => rm(folder, { recursive: true, force: true }));

  async function trainThere(path: string, script: string, ...args: string[]): Promise<FirstStep> {
    const env = { ...process.env, CUDA_VISIBLE_DEVICES: '', HF_HUB_OFFLINE: '1', TOKENIZERS_PARALLELISM: 'false' };
    const asked = [join(path, script), '--precision', 'f32', ...args];
    const { stdout } = await run(trlPython!, asked, { env, maxBuffer: 2 ** 26 });
    return JSON.parse(stdout.split('\n').find((line) => line.includes('"first_step"'))!.replace(/^[^{]*/, ''));
  }

  it('SFT: the first step has the same loss and gradient norm; the adapter comes back as a checkpoint', async () => {
    const config = { batchSize: 4, microBatch: 2, dropout: 0, warmupRatio: 0, learningRate: 1e-3, maxSteps: 2 };
    sft = await engine.call('training.run', { kind: 'sft', name: 'Short', startFromId: 'base', config });
    const path = join(folder, 'sft');
    const exported = await engine.call('training.export', { run: { runId: sft.id }, path });
    expect(exported).toMatchObject({ kind: 'sft', model: true, leftOut: [] });
    const { first_step: theirs, chexreason: ours, loss_difference } = await trainThere(path, 'train_sft.py');
    expect(loss_difference).toBeLessThan(1e-3);
    expect(theirs.grad_norm / ours.grad_norm).toBeCloseTo(1, 4);
    const back = await engine.call('training.import', { path });
    expect(back).toMatchObject({ kind: 'sft', state: 'complete', steps: 2, draw: sft.draw });
    expect(back.trainedBy).toMatch(/^TRL 1\./);
    const log = await engine.call('training.log', { runId: back.id });
    expect(log[0]).toMatchObject({ step: 1, loss: theirs.loss, grad_norm: theirs.grad_norm });
    const known = await engine.call('checkpoints.list', {});
    expect(known.find(({ id }) => id === back.checkpointId)).toMatchObject({
      role: 'sft',
      trainingSource: 'Phantom m',
      promptId: 'free-reasoning',
      error: null,
    });
    // It has seen the same patients, so that GRPO from it keeps away from them.
    const key = async (runId: string) => JSON.parse(await readFile(join(runId, 'adapter/trained-on.json'), 'utf8'));
    expect(await key(back.path)).toEqual(await key(sft.path));
  });

  it('GRPO: given the same completions, the first step has the same loss and gradient norm', async () => {
    const config = {
      ...{ promptsPerStep: 2, microBatch: 2, maxSteps: 1, warmupRatio: 0, learningRate: 1e-3, maxCompletionLength: 96 },
      ...{ reward: 'nuanced', 'nuanced.scale': 0.1, temperature: 1.2, topP: 1 },
    };
    const grpo = await engine.call('training.run', { kind: 'grpo', name: 'Steps', startFromId: 'sft', config });
    const path = join(folder, 'grpo');
    expect(await engine.call('training.export', { run: { runId: grpo.id }, path })).toMatchObject({ rollouts: 8 });
    const { first_step: theirs, chexreason: ours, loss_difference } = await trainThere(path, 'train_grpo.py', '--replay');
    // Else the comparison would say nothing.
    expect(ours.loss).not.toBe(0);
    expect(loss_difference).toBeLessThan(1e-3);
    expect(theirs.grad_norm / ours.grad_norm).toBeCloseTo(1, 4);
    const back = await engine.call('training.import', { path, name: 'Back' });
    const log = await engine.call('training.log', { runId: back.id });
    const own = await engine.call('training.log', { runId: grpo.id });
    // The rewards in Python are those of this program.
    expect(log[0]!['reward']).toBeCloseTo(own[0]!['reward'] as number, 5);
    expect(back).toMatchObject({ name: 'Back', kind: 'grpo', state: 'complete' });
    const from = { kind: 'grpo', name: 'Again', startFromId: back.checkpointId!, config: { ...config, maxSteps: 1 } } as const;
    expect((await engine.call('training.run', from)).state).toBe('complete');
  });
});

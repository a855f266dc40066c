/** SFT and GRPO on Qwen2.5-VL, where the tokens of a film depend on its size (the reference's tiny model). */
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { expect, it } from 'vitest';
import { unattended } from '../../core/base/progress.ts';
import { openRunner } from '../../core/models/openRunner.ts';
import type { Image8 } from '../../core/preprocessing/resize.ts';
import { parseTrainingConfig } from '../../core/training/config.ts';
import { trainGrpo } from '../../core/training/grpo.ts';
import { type RunProgress, readLog } from '../../core/training/run.ts';
import { trainSft } from '../../core/training/sft.ts';
import type { TrainingExample } from '../../core/training/types.ts';
import { describeReference, referenceDir } from '../support/reference.ts';
import { backendsHere, loadTrainable } from '../support/tinyModel.ts';

const SIZES = [
  [56, 84],
  [140, 84],
  [84, 56],
  [56, 56],
] as const;

function film(index: number): Image8 {
  const [width, height] = SIZES[index % SIZES.length]!;
  const data = Uint8Array.from({ length: width * height }, (_, i) => (i * 7 + index * 50) % 256);
  return { width, height, channels: 1, data };
}

const examples = Array.from({ length: 8 }, (_, i): TrainingExample => {
  const label = i % 2 === 0 ? 'Edema' : 'Fracture';
  return {
    id: `film ${i}`,
    patientId: `patient ${i}`,
    image: () => film(i),
    promptText: 'Read.',
    targetText: `<think>s</think><solution>${label}</solution>`,
    labels: [label],
  };
});

// The small copies have the text of this model, not its weights.
const config = referenceDir('qwen25vl/model/config.json');

describeReference('training Qwen2.5-VL', config && dirname(config), async (model) => {
  const [backend] = await backendsHere();

  it('fine-tunes on films of several sizes in one batch, then goes on by GRPO', async () => {
    const loaded = await loadTrainable(model, backend!);
    const run = { ...loaded, examples, baseName: 'tiny', now: new Date(0), work: unattended<RunProgress>() };
    const settings = { epochs: 4, batchSize: 4, microBatch: 4, learningRate: 1e-2, rank: 4, alpha: 8, heldOut: 0.25 };
    const folder = await mkdtemp(join(tmpdir(), 'run-'));
    const sft = await trainSft({ ...run, start: null, folder, config: parseTrainingConfig('sft', settings) });
    const losses = (await readLog(folder)).flatMap(({ loss }) => (typeof loss === 'number' ? [loss] : []));
    expect(losses[losses.length - 1]!).toBeLessThan(losses[0]!);

    const runner = await openRunner({ model, threads: 1 });
    const grpo = parseTrainingConfig('grpo', {
      ...{ maxSteps: 2, maxCompletionLength: 8, groupSize: 4, promptsPerStep: 2, reward: 'file' },
    });
    // Random weights never write an answer that the paper's rewards can tell from another.
    const source =
      'function reward(state, samples) { return { scores: samples.map(({ completion }) => completion.charCodeAt(0) % 7) }; }';
    const rewardFile = { name: 'letters.js', source };
    const rollouts = await mkdtemp(join(tmpdir(), 'run-'));
    await trainGrpo({ ...run, runner, start: sft.adapter, folder: rollouts, config: grpo, rewardFile });
    const [step] = await readLog(rollouts);
    // The policy is still the reference: what differs is the sampler's engine, not the positions of tokens.
    expect(Math.abs(step!['kl'] as number)).toBeLessThan(1e-6);
    expect(step!['completions/max_length']).toBeLessThanOrEqual(8);
    await runner.dispose();
  });
});

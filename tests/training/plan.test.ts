/** The memory plan: near what the tape was measured to hold, refusing what cannot fit, with a setting that does. */
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { unattended } from '../../core/base/progress.ts';
import { adapterTarget } from '../../core/models/network.ts';
import { type GrpoConfig, parseTrainingConfig } from '../../core/training/config.ts';
import { demandFit, type PlanInput, planMemory } from '../../core/training/plan.ts';
import { type RunProgress, readLog } from '../../core/training/run.ts';
import { trainSft } from '../../core/training/sft.ts';
import { backendsHere, loadTrainable, writeTinyModel } from '../support/tinyModel.ts';
import { readerExamples, TINY_READER } from '../support/tinyReader.ts';

/** MedGemma 4B's language model. */
const MEDGEMMA: PlanInput = {
  kind: 'grpo',
  config: parseTrainingConfig('grpo', {}),
  text: {
    ...{ vocabulary: 262_208, width: 2560, innerWidth: 10_240, heads: 8, keyValueHeads: 4, headWidth: 256 },
    ...{ layerTypes: new Array(34).fill('full_attention'), normEpsilon: 1e-6, tiedHead: true, maxPositions: 131_072 },
  },
  parameters: 4.3e9,
  linears: new Array(34 * 7).fill([2560, 5120]),
  rank: 16,
  tokens: { prompt: 400, answer: 512 },
  imageTokens: 256,
  films: 1000,
  backend: 'tensorflow',
  sampler: true,
  available: 80 * 2 ** 30,
};

describe('the memory plan', async () => {
  for (const backend of await backendsHere()) {
    for (const [microBatch, gradientCheckpointing] of [
      [1, false],
      [8, false],
      [8, true],
    ] as const) {
      const checkpointed = gradientCheckpointing ? ', with checkpointing' : '';
      it(`${backend}, micro-batch ${microBatch}${checkpointed}: within a factor of two of what the tape holds`, async () => {
        for (const folder of [TINY_READER, await writeTinyModel()]) {
          const loaded = await loadTrainable(folder, backend);
          const config = parseTrainingConfig('sft', {
            ...{
              microBatch,
              gradientCheckpointing,
              batchSize: 8,
              maxSteps: 2,
              warmupRatio: 0,
              rank: 16,
              heldOut: 0,
              learningRate: 1e-3,
            },
          });
          const run = await mkdtemp(join(tmpdir(), 'plan-'));
          const examples = readerExamples(8, true);
          const before = loaded.model.tf.memory().numBytes;
          await trainSft({
            ...{ ...loaded, examples, start: null, config, folder: run, baseName: 'tiny', now: new Date(0) },
            work: unattended<RunProgress>(),
          });
          const measured = ((await readLog(run))[0]!['memory_tensor_bytes'] as number) - before;
          const target = adapterTarget(loaded.model);
          const answer = loaded.prompt.tokenizer.encode(examples[0]!.targetText).length + 1;
          const { parts } = planMemory({
            ...{ kind: 'sft', config, text: loaded.model.network.config.text, parameters: 0, rank: 16, backend },
            ...{ linears: [...target.linears.values()], imageTokens: 4, films: 8, sampler: false, available: 1e12 },
            tokens: { prompt: 12, answer },
          });
          const planned = parts
            .filter(({ part }) => part === 'activations' || part === 'logits')
            .reduce((sum, { bytes }) => sum + bytes, 0);
          expect(planned / measured).toBeGreaterThan(0.5);
          expect(planned / measured).toBeLessThan(2);
          await loaded.model.dispose();
        }
      }, 60_000);
    }
  }

  it('of MedGemma 4B does not fit 24 GiB, and fits 80 GiB', () => {
    const plan = planMemory(MEDGEMMA);
    expect(plan.bytes).toBe(plan.parts.reduce((sum, { bytes }) => sum + bytes, 0));
    expect(plan).toMatchObject({ fits: true, remedy: null });
    expect(plan.parts.find(({ part }) => part === 'weights')!.bytes).toBeCloseTo(4.3e9 * 4, -6);
    expect(() => demandFit(plan)).not.toThrow();
    const small = planMemory({ ...MEDGEMMA, available: 24 * 2 ** 30 });
    expect(small).toMatchObject({ fits: false, remedy: null });
    expect(() => demandFit(small)).toThrowError(
      expect.objectContaining({ code: 'TRAINING_TOO_LARGE', remedy: expect.stringContaining('more memory') }),
    );
  });

  it('names the setting that makes a run fit, and with it the run does', () => {
    const config = parseTrainingConfig('grpo', { microBatch: 32 });
    const input = { ...MEDGEMMA, config };
    const plan = planMemory(input);
    expect(plan.fits).toBe(false);
    expect(plan.remedy!.field).toBe('microBatch');
    const changed = { ...config, [plan.remedy!.field]: plan.remedy!.value } as GrpoConfig;
    expect(planMemory({ ...input, config: changed }).fits).toBe(true);
    expect(() => demandFit(plan)).toThrowError(
      expect.objectContaining({ remedy: expect.stringContaining(`microBatch to ${plan.remedy!.value}`) }),
    );
  });

  it('says that WebAssembly needs the weights twice', () => {
    const weights = (backend: 'wasm' | 'tensorflow') => planMemory({ ...MEDGEMMA, backend }).parts[0]!.bytes;
    expect(weights('wasm')).toBe(2 * weights('tensorflow'));
  });
});

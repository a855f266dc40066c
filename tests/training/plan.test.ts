/** The memory plan: near what the tape was measured to hold, refusing what cannot fit, with a setting that does. */
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { unattended } from '../../core/base/progress.ts';
import { architectureOf } from '../../core/models/architectures.ts';
import { adapterTarget } from '../../core/models/network.ts';
import { cudaMemory, parseCudaMemory } from '../../core/platform/cuda.ts';
import { elements } from '../../core/tensor/dtypes.ts';
import { type GrpoConfig, parseTrainingConfig } from '../../core/training/config.ts';
import { demandFit, type PlanInput, planMemory } from '../../core/training/plan.ts';
import { type RunProgress, readLog } from '../../core/training/run.ts';
import { trainSft } from '../../core/training/sft.ts';
import { SYNTHETIC } from '../../scripts/support/syntheticModels.ts';
import { backendsHere, loadTrainable, writeTinyModel } from '../support/tinyModel.ts';
import { readerExamples, TINY_READER } from '../support/tinyReader.ts';

type Name = keyof typeof SYNTHETIC;

/** A published model with the settings' defaults; the paper's longest answers. */
function planOf(name: Name, changes: Partial<PlanInput> = {}): PlanInput {
  const { config: json } = SYNTHETIC[name]();
  const network = architectureOf(json, 'config.json').open(json, 'config.json');
  return {
    kind: 'grpo',
    config: parseTrainingConfig('grpo', {}),
    text: network.config.text,
    parameters: [...network.shapes.values()].reduce((sum, shape) => sum + elements(shape), 0),
    linears: [...network.linears.values()],
    rank: 16,
    tokens: { prompt: 700, answer: 512 },
    imageTokens: 512,
    films: 1000,
    executor: 'tfjs-tensorflow',
    cuda: null,
    sampler: true,
    available: 80 * 2 ** 30,
    ...changes,
  };
}

const MEDGEMMA = planOf('medgemma-4b');
const GIB = 2 ** 30;

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
            ...{ kind: 'sft', config, text: loaded.model.network.config.text, parameters: 0, rank: 16, cuda: null },
            executor: `tfjs-${backend}`,
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
      });
    }
  }

  it('of MedGemma 4B does not fit 24 GiB, and fits 80 GiB', () => {
    const plan = planMemory(MEDGEMMA);
    expect(plan.bytes).toBe(plan.parts.reduce((sum, { bytes }) => sum + bytes, 0));
    expect(plan).toMatchObject({ fits: true, remedy: null });
    expect(plan.parts.find(({ part }) => part === 'weights')!.bytes).toBeCloseTo(4.3e9 * 4, -9);
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

  for (const name of ['medgemma-4b', 'qwen2.5-vl-3b'] as const)
    it(`of ${name} with the paper’s settings fits one A100 of 40 GiB, by SFT and by GRPO`, () => {
      for (const kind of ['sft', 'grpo'] as const) {
        const config = parseTrainingConfig(kind as 'sft', {});
        const input = planOf(name, { kind, config, cuda: { available: 40 * GIB }, available: 64 * GIB });
        const { fits, device, parts, bytes } = planMemory(input);
        expect(fits).toBe(true);
        const onDevice = parts.filter(({ on }) => on === 'cuda');
        expect(onDevice.map(({ part }) => part)).toEqual(['weights', 'adapter', 'activations', 'logits']);
        expect(device!.bytes).toBe(onDevice.reduce((sum, part) => sum + part.bytes, 0));
        expect(device!.bytes + bytes).toBe(parts.reduce((sum, part) => sum + part.bytes, 0));
      }
    });

  it('compares what lies on a CUDA device with its memory, not with the host’s', () => {
    const small = planMemory({ ...MEDGEMMA, cuda: { available: 16 * GIB } });
    expect(small.fits).toBe(false);
    expect(() => demandFit(small)).toThrowError(/16\.0 GiB.*/);
    expect(() => demandFit(small)).toThrowError(/CUDA device/);
    const unknown = planMemory({ ...MEDGEMMA, cuda: { available: null } });
    expect(unknown).toMatchObject({ fits: true, device: { available: null } });
    // The sampler and its cache stay with the host.
    expect(planMemory({ ...MEDGEMMA, cuda: { available: 80 * GIB }, available: 8 * GIB }).fits).toBe(false);
  });

  it('reads a device’s memory as nvidia-smi tells it, and says so where it cannot', async () => {
    expect(parseCudaMemory('81559, 80999\n40960, 100\n')).toEqual({ total: 81559 * 2 ** 20, free: 80999 * 2 ** 20 });
    expect(parseCudaMemory('No devices were found\n')).toBeNull();
    expect(await cudaMemory('no such command')).toBeNull();
  });

  it('tells a run without checkpointing to switch it on, where that is enough', () => {
    const config = parseTrainingConfig('sft', { gradientCheckpointing: false, microBatch: 4 });
    const input = planOf('medgemma-4b', { kind: 'sft', config, cuda: { available: 40 * GIB } });
    const plan = planMemory(input);
    expect(plan).toMatchObject({ fits: false, remedy: { field: 'gradientCheckpointing', value: true } });
    expect(planMemory({ ...input, config: { ...config, gradientCheckpointing: true } }).fits).toBe(true);
  });

  it('says that WebAssembly needs the weights twice', () => {
    const weights = (backend: 'wasm' | 'tensorflow') =>
      planMemory({ ...MEDGEMMA, executor: `tfjs-${backend}` }).parts[0]!.bytes;
    expect(weights('wasm')).toBe(2 * weights('tensorflow'));
  });
});

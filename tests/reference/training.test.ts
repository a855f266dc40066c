import { join } from 'node:path';
import { expect, it } from 'vitest';
import { loadPromptModel } from '../../core/models/architectures.ts';
import type { ImageFeatures } from '../../core/models/runner.ts';
import { openAdapter } from '../../core/peft/adapterFolder.ts';
import { adapterTarget } from '../../core/models/network.ts';
import { openSafetensors } from '../../core/tensor/safetensors.ts';
import { completionSequence, conversationSequence } from '../../core/training/batch.ts';
import { completionLogps, policyLoss, policyMetrics } from '../../core/training/policy.ts';
import { trainedAdapter } from '../../core/training/lora.ts';
import { grpoLoss, groupAdvantages } from '../../core/training/loss.ts';
import { globalNorm, type Parameter } from '../../core/training/optimizer.ts';
import { answerLoss } from '../../core/training/sft.ts';
import type { TrainingEngine } from '../../core/training/engine.ts';
import { Stepper } from '../../core/training/step.ts';
import { pixelValues } from '../support/gemma3.ts';
import { describeReference, readJsonFile, referenceDir } from '../support/reference.ts';
import { type EngineName, enginesHere, openEngine } from '../support/engines.ts';

/** The unmasked entries of [B][T], one row after the other. */
function unmasked(values: number[][], mask: number[][]): number[] {
  return values.flatMap((row, b) => row.filter((_, t) => mask[b]![t] === 1));
}

function expectClose(actual: ArrayLike<number>, expected: ArrayLike<number>, tolerance: number): void {
  expect(actual.length).toBe(expected.length);
  for (let i = 0; i < expected.length; i++) expect(Math.abs(actual[i]! - expected[i]!)).toBeLessThanOrEqual(tolerance);
}

describeReference('grpo: the loss on given numbers as in TRL', referenceDir('grpo'), (folder) => {
  const { settings, cases } = readJsonFile(folder, 'loss_cases.json');
  for (const entry of cases) {
    it(entry.name, () => {
      const { mask } = entry;
      const advantages = groupAdvantages(entry.rewards, settings.num_generations);
      expectClose(advantages as number[], entry.advantages, 1e-12);
      const batch = {
        lengths: mask.map((row: number[]) => row.filter((m) => m === 1).length),
        advantages,
        oldLogps: entry.old_logps === null ? null : unmasked(entry.old_logps, mask),
        refLogps: unmasked(entry.ref_logps, mask),
      };
      const result = grpoLoss(unmasked(entry.logps, mask), batch, {
        epsilonLow: settings.epsilon,
        epsilonHigh: settings.epsilon_high,
        beta: settings.beta,
        maxCompletionLength: entry.max_completion_length,
      });
      expect(Math.abs(result.loss - entry.loss)).toBeLessThan(1e-9);
      expectClose(result.gradient, unmasked(entry.dloss_dlogps, mask), 1e-7);
      const { kl, clipRatio } = result.metrics;
      expectClose(
        [kl, clipRatio.low, clipRatio.high, clipRatio.region, clipRatio.lowMin, clipRatio.highMax],
        ['kl', ...['low_mean', 'high_mean', 'region_mean', 'low_min', 'high_max'].map((name) => `clip_ratio/${name}`)].map(
          (name) => entry.metrics[name],
        ),
        1e-6,
      );
    });
  }
});

/** An adapter file of PEFT's as parameters of the same names and layout as the trained ones. */
async function readAdapterFile(file: string, canonicalName: (module: string) => string | null) {
  const tensors = await openSafetensors(file);
  const values = new Map<string, Float32Array>();
  for (const name of tensors.names) {
    const [, module, which] = /^base_model\.model\.(.+)\.lora_([AB])(?:\.default)?\.weight$/.exec(name)!;
    const [rows, columns] = tensors.entry(name).shape as [number, number];
    const data = await tensors.read(name);
    const transposed = data.map((_, i) => data[(i % rows) * columns + Math.floor(i / rows)]!);
    values.set(`${canonicalName(module!)}.${which === 'A' ? 'down' : 'up'}`, transposed);
  }
  return values;
}

/** Adam divides by small second moments, so that single entries with tiny gradients differ far more than the mean. */
function expectAdapter(
  parameters: readonly Parameter[],
  expected: ReadonlyMap<string, Float32Array>,
  tolerance: { largest: number; mean: number },
): void {
  const differences = parameters.flatMap(({ name, value }) =>
    Array.from(value, (x, i) => Math.abs(x - expected.get(name)![i]!)),
  );
  expect(differences.reduce((a, b) => Math.max(a, b), 0)).toBeLessThan(tolerance.largest);
  expect(differences.reduce((a, b) => a + b, 0) / differences.length).toBeLessThan(tolerance.mean);
}

describeReference('sft: ten steps as in PyTorch and PEFT', referenceDir('sft'), async (folder) => {
  const gemma3 = referenceDir('gemma3')!;
  const reference = readJsonFile(folder, 'sft.json');

  async function prepare(name: EngineName) {
    const prompt = await loadPromptModel(join(gemma3, 'model'));
    const model = await openEngine(join(gemma3, 'model'), name);
    const target = adapterTarget(model);
    const { adapter } = await openAdapter(join(folder, 'initial_adapter'), target);
    const features = await imageFeatures(model, gemma3, reference.examples);
    const sequences = reference.examples.map((example: { messages: []; completion: string; image: string | null }) =>
      conversationSequence(
        example.messages,
        features.get(example.image ?? '')?.grids ?? [],
        example.completion,
        prompt,
        model.info,
      ),
    );
    const trained = trainedAdapter(adapter);
    const partOf = (indices: number[], supervised: number, checkpointing = false) =>
      answerLoss(
        model,
        trained,
        indices.map((i) => sequences[i]!),
        indices.map((i) => features.get(reference.examples[i].image) ?? null),
        supervised,
        { checkpointing },
      );
    return { model, target, trained, sequences, partOf };
  }

  for (const engine of await enginesHere()) {
    it(`${engine}: tokens and labels of every example`, async () => {
      const { sequences } = await prepare(engine);
      reference.examples.forEach((example: { input_ids: number[]; labels: number[] }, i: number) => {
        const { ids, promptLength, targetLength } = sequences[i]!;
        expect(ids).toEqual(example.input_ids);
        const inTarget = (position: number) => position >= promptLength && position < promptLength + targetLength;
        expect(ids.map((id: number, position: number) => (inTarget(position) ? id : -100))).toEqual(example.labels);
      });
    });

    it(`${engine}: gradients of the first step, with checkpointing and without`, async () => {
      const { target, trained, partOf } = await prepare(engine);
      const expected = await readAdapterFile(join(folder, 'first_step_gradients.safetensors'), target.canonicalName);
      const { tokens } = reference.steps[0];
      const micro: number[][] = reference.microbatches.slice(0, 2);
      for (const checkpointing of [false, true]) {
        const parts: Float32Array[][] = [];
        for (const indices of micro) parts.push((await partOf(indices, tokens, checkpointing)()).gradients);
        trained.parameters.forEach(({ name }, p) => {
          const values = expected.get(name)!;
          const sum = values.map((_, i) => parts[0]![p]![i]! + parts[1]![p]![i]!);
          const difference = sum.map((value, i) => value - values[i]!);
          expect(globalNorm([difference])).toBeLessThanOrEqual(1e-4 * globalNorm([values]) + 1e-12);
        });
      }
    });

    for (const [title, expected, maxGradNorm, file] of [
      ['every step clipped', reference.steps, reference.hyperparameters.max_grad_norm, 'final_adapter.safetensors'],
      [
        'some steps clipped',
        reference.clipping_variant.steps,
        reference.clipping_variant.max_grad_norm,
        'final_adapter_clipping.safetensors',
      ],
    ] as const) {
      it(`${engine}: losses, norms, rates and the final adapter, ${title}`, async () => {
        const { target, trained, partOf } = await prepare(engine);
        const { lr, weight_decay, steps, accumulation, warmup_ratio } = reference.hyperparameters;
        const stepper = new Stepper(trained.parameters, {
          learningRate: lr,
          weightDecay: weight_decay,
          maxGradNorm,
          schedule: 'cosine',
          warmupRatio: warmup_ratio,
          totalSteps: steps,
        });
        for (const step of expected) {
          const start = (step.step - 1) * accumulation;
          const micro: number[][] = reference.microbatches.slice(start, start + accumulation);
          const report = await stepper.step(micro.map((indices) => partOf(indices, step.tokens)));
          expect(Math.abs(report.loss - step.loss)).toBeLessThan(1e-4);
          expect(Math.abs(report.gradNorm / step.grad_norm - 1)).toBeLessThan(1e-3);
          expect(report.learningRate).toBeCloseTo(step.lr, 12);
        }
        const final = await readAdapterFile(join(folder, file), target.canonicalName);
        expect(final.size).toBe(trained.parameters.length);
        expectAdapter(trained.parameters, final, { largest: 4e-4, mean: 1e-6 });
      });
    }
  }
});

describeReference('grpo: two updates as in TRL and PEFT', referenceDir('grpo'), async (folder) => {
  const gemma3 = referenceDir('gemma3')!;

  for (const engine of await enginesHere()) {
    for (const name of ['update_t1.0', 'update_t0.8']) {
      it(`${engine}: ${name}`, async () => {
        const update = readJsonFile(folder, `${name}.json`);
        const { settings, rows, completion_mask: mask } = update;
        const model = await openEngine(join(gemma3, 'model'), engine);
        const target = adapterTarget(model);
        const trained = trainedAdapter((await openAdapter(join(folder, 'initial_adapter'), target)).adapter);
        const features = await imageFeatures(model, gemma3, rows);
        const advantages = groupAdvantages(
          rows.map(({ reward }: { reward: number }) => reward),
          settings.num_generations,
        );
        expectClose(advantages as number[], update.advantages, 1e-6);
        const batch = {
          sequences: rows.map((row: { prompt_ids: number[]; completion_ids: number[] }) =>
            completionSequence(row.prompt_ids, row.completion_ids),
          ),
          features: rows.map(({ image }: { image: string }) => features.get(image)!),
          advantages,
        };
        const ref = await completionLogps(model, null, batch, settings.temperature);
        expectClose(ref, unmasked(update.ref_logps, mask), 1e-3);
        const loss = {
          epsilonLow: settings.epsilon,
          epsilonHigh: settings.epsilon_high,
          beta: settings.beta,
          maxCompletionLength: settings.max_completion_length,
          temperature: settings.temperature,
        };
        const stepper = new Stepper(trained.parameters, {
          learningRate: settings.lr,
          weightDecay: settings.weight_decay,
          maxGradNorm: settings.max_grad_norm,
          schedule: 'constant',
          warmupRatio: 0,
          totalSteps: update.steps.length,
        });
        let old: Float32Array | null = null;
        for (const step of update.steps) {
          const { part, pass } = policyLoss(model, trained, batch, { old, ref }, loss, rows.length);
          const report = await stepper.step([part]);
          expectClose(pass.logps, unmasked(step.logps, mask), 1e-3);
          expect(Math.abs(report.loss - step.loss)).toBeLessThan(1e-4);
          expect(Math.abs(report.gradNorm / step.grad_norm - 1)).toBeLessThan(1e-3);
          const metrics = policyMetrics([pass]);
          for (const [metric, value] of Object.entries<number>(step.metrics)) {
            expect(Math.abs(metrics[metric]! - value)).toBeLessThan(1e-4);
          }
          const file = join(folder, `${name}_adapter_step${step.step}.safetensors`);
          const expected = await readAdapterFile(file, target.canonicalName);
          expectAdapter(trained.parameters, expected, { largest: 1e-4, mean: 1e-7 });
          old ??= pass.logps;
        }
      });
    }
  }
});

async function imageFeatures(engine: TrainingEngine, gemma3: string, rows: { image: string | null }[]) {
  const features = new Map<string, ImageFeatures>();
  for (const { image } of rows) {
    if (image === null || features.has(image)) continue;
    const [pixels] = await pixelValues(gemma3, [image]);
    features.set(image, await engine.imageFeatures(pixels!));
  }
  return features;
}

/**
 * Seconds of one GRPO step, as reference/peers/peer_speed.py times the Python stack: 4 completions of 64 tokens for a
 * prompt of 48 with one image, sampled at temperature 0.8 and top-p 0.95 by the adapter of this very step; their
 * log-probabilities under the reference policy; one update. Sampling is on the fastest executor (ONNX Runtime where it is),
 * the rest on tfjs. The peer scores the old policy in a pass of its own; here the update's own pass gives it. With --python the
 * Python stack takes its steps between ours, as it is and with image features at hand, and the ratios are printed.
 *
 *   npm run -s bench -- grpo [--python PATH] [--model DIR] [--executor onnxruntime-cpu|tfjs-tensorflow|tfjs-wasm]… [--runs N] [--rank R] --json
 */
import { generate } from '../../core/generation/generate.ts';
import { openRunner } from '../../core/models/openRunner.ts';
import { completionSequence } from '../../core/training/batch.ts';
import { snapshot, trainedAdapter } from '../../core/training/lora.ts';
import { completionLogps, type PolicyBatch, policyLoss } from '../../core/training/policy.ts';
import { Stepper } from '../../core/training/step.ts';
import {
  measureExecutors,
  randomPixels,
  randomPrompt,
  type TimedStep,
  type TrainingBench,
} from '../support/trainingBench.ts';

const GROUP = 4;
const PROMPT = 48;
const NEW_TOKENS = 64;
const LOSS = { epsilonLow: 0.15, epsilonHigh: 0.22, beta: 0.15, maxCompletionLength: NEW_TOKENS, temperature: 0.8 };
const ADVANTAGES = [1, -1, 0.5, -0.5];

export async function run(args: string[]): Promise<object> {
  const result = await measureExecutors('grpo', args, prepare);
  return { ...result, group: GROUP, promptTokens: PROMPT, completionTokens: NEW_TOKENS };
}

async function prepare({ folder, engine, adapter, runs }: TrainingBench): Promise<TimedStep> {
  const { info } = engine;
  const runner = await openRunner({ model: folder });
  const images = await runner.encodeImages(randomPixels(info, 1));
  const promptIds = randomPrompt(info, Math.max(PROMPT, info.imageTokens + 1), 'prompt');
  const trained = trainedAdapter(adapter);
  const reference = trainedAdapter(adapter);
  const stepper = new Stepper(trained.parameters, {
    learningRate: 1e-4,
    weightDecay: 0,
    maxGradNorm: 1,
    schedule: 'constant',
    warmupRatio: 0,
    totalSteps: runs + 1,
  });
  let seed = 0;
  const sample = () => {
    const policy = snapshot(trained);
    const requests = Array.from({ length: GROUP }, () => ({
      promptIds,
      images,
      adapter: policy,
      sampling: { temperature: LOSS.temperature, topK: 0, topP: 0.95, seed: seed++ },
      maxNewTokens: NEW_TOKENS,
      stopIds: [],
    }));
    return generate(runner, requests);
  };
  const step = async () => {
    const start = performance.now();
    const completions = await sample();
    const sampled = performance.now();
    const batch: PolicyBatch = {
      sequences: completions.map(({ tokenIds }) => completionSequence(promptIds, tokenIds)),
      features: completions.map(() => images),
      advantages: ADVANTAGES,
    };
    const ref = await completionLogps(engine, reference, batch, LOSS.temperature);
    await stepper.step([policyLoss(engine, trained, batch, { old: null, ref }, LOSS, GROUP).part]);
    const end = performance.now();
    return { step: (end - start) / 1000, sampling: (sampled - start) / 1000 };
  };
  return { step, once: {}, dispose: () => runner.dispose() };
}

/**
 * Seconds of one SFT step, as reference/peers/peer_speed.py times the Python stack: 8 films, 150 tokens each, 50 of them
 * supervised, LoRA on all projections, gradient-norm clipping, AdamW. `stepSeconds` has the image features at hand, as in
 * every epoch but the first; `visionSeconds` is what computing them costs once; `tensorBytes` is what the tape holds at most
 * (`…Checkpointed`: with gradient checkpointing).
 * With --python the Python stack takes its steps between ours, as it is and with our levers, and the ratios are printed.
 *
 *   npm run -s bench -- sft [--python PATH] [--model DIR] [--executor onnxruntime-cpu|tfjs-tensorflow|tfjs-wasm]… [--runs N] [--rank R] --json
 */
import type { ImageFeatures } from '../../core/models/runner.ts';
import type { TrainingSequence } from '../../core/training/batch.ts';
import { trainedAdapter } from '../../core/training/lora.ts';
import { answerLoss } from '../../core/training/sft.ts';
import { Stepper } from '../../core/training/step.ts';
import { median, seconds } from '../support/measure.ts';
import {
  measureExecutors,
  randomPixels,
  randomPrompt,
  type TimedStep,
  type TrainingBench,
} from '../support/trainingBench.ts';

const BATCH = 8;
const TOKENS = 150;
const SUPERVISED = 50;

export async function run(args: string[]): Promise<object> {
  const result = await measureExecutors('sft', args, prepare);
  return { ...result, batch: BATCH, tokens: TOKENS, supervised: SUPERVISED };
}

async function prepare({ engine, adapter, runs }: TrainingBench): Promise<TimedStep> {
  const { info } = engine;
  const pixels = randomPixels(info, BATCH);
  const features: ImageFeatures[] = [];
  const encode = async () => {
    features.length = 0;
    for (const film of pixels) features.push(await engine.imageFeatures(film));
  };
  const vision = median(await seconds(runs, encode));
  const sequences = features.map((_, i): TrainingSequence => {
    return {
      ids: randomPrompt(info, TOKENS, `sequence ${i}`),
      promptLength: TOKENS - SUPERVISED,
      targetLength: SUPERVISED,
    };
  });
  const trained = trainedAdapter(adapter);
  const stepper = new Stepper(trained.parameters, {
    learningRate: 1e-4,
    weightDecay: 0.01,
    maxGradNorm: 5,
    schedule: 'constant',
    warmupRatio: 0,
    totalSteps: 2 * runs + 4,
  });
  const part = (checkpointing: boolean) =>
    answerLoss(engine, trained, sequences, features, BATCH * SUPERVISED, { checkpointing });
  const { tensorBytes } = await stepper.step([part(false)]);
  const { tensorBytes: tensorBytesCheckpointed } = await stepper.step([part(true)]);
  const timed = async (checkpointing: boolean) => {
    const start = performance.now();
    await stepper.step([part(checkpointing)]);
    return (performance.now() - start) / 1000;
  };
  const step = async () => ({ step: await timed(false), stepCheckpointed: await timed(true) });
  return { step, once: { visionSeconds: vision, tensorBytes, tensorBytesCheckpointed } };
}

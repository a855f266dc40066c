/**
 * Seconds of one SFT step, as reference/peers/peer_speed.py times the Python stack: 8 films, 150 tokens each, 50 of them
 * supervised, LoRA on all projections, gradient-norm clipping, AdamW; each executor's, with gradient checkpointing and without
 * (the peer has none). `stepSeconds` has the image features at hand, as in every epoch but the first; `visionSeconds` is what
 * computing them costs once; `peakBytes` is by how much a step lets the process grow, measured in a process of its own;
 * `tensorBytes` is what the tape of tfjs holds of it at most. With --python the Python stack takes its steps between ours, as it is
 * and with our levers, and the ratios of medians are printed.
 *
 *   npm run -s bench -- sft [--python PATH] [--model DIR] [--executor onnxruntime-cpu|tfjs-tensorflow|tfjs-wasm]… [--runs N] [--rank R] --json
 */
import { trainedAdapter } from '../../core/training/lora.ts';
import { answerLoss } from '../../core/training/sft.ts';
import { Stepper } from '../../core/training/step.ts';
import { median, seconds } from '../support/measure.ts';
import { BATCH, filmsOf, SUPERVISED, TOKENS } from '../support/sftStep.ts';
import { stepMemory } from '../support/stepMemory.ts';
import { measureExecutors, type TimedStep, type TrainingBench } from '../support/trainingBench.ts';

export async function run(args: string[]): Promise<object> {
  const result = await measureExecutors('sft', args, prepare);
  return { ...result, batch: BATCH, tokens: TOKENS, supervised: SUPERVISED };
}

async function prepare({ folder, engine, adapter, runs }: TrainingBench): Promise<TimedStep> {
  const { sequences, features, encode } = await filmsOf(engine);
  const visionSeconds = median(await seconds(runs, encode));
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
  const peakBytes = await stepMemory(folder.dir, engine.executor.name, false);
  const peakBytesCheckpointed = await stepMemory(folder.dir, engine.executor.name, true);
  const timed = async (checkpointing: boolean) => {
    const start = performance.now();
    await stepper.step([part(checkpointing)]);
    return (performance.now() - start) / 1000;
  };
  const step = async () => ({ step: await timed(false), stepCheckpointed: await timed(true) });
  const memory = { peakBytes, peakBytesCheckpointed, tensorBytes, tensorBytesCheckpointed };
  return { step, once: { visionSeconds, ...memory } };
}

/** The training engine on ONNX Runtime: one run of a graph gives log-probabilities and gradients (models/gradientGraph.ts). */
import { gradientName, SCORES } from '../models/gradientGraph.ts';
import type { OnnxTrainable } from '../models/onnxTrainable.ts';
import type { ImageFeatures } from '../models/runner.ts';
import type { PixelValues } from '../preprocessing/imageProcessor.ts';
import type { PlainTensor } from '../tensor/onnx/session.ts';
import {
  type EngineBatch,
  type GradientSettings,
  ModelEngine,
  type Objective,
  objectiveLoss,
  type PassResult,
  type ScoreSettings,
  type TrainingEngine,
} from './engine.ts';
import type { TrainedAdapter } from './lora.ts';
import { objectiveKey, seedFeeds, seedOf } from './objectiveGraph.ts';

export class OnnxEngine extends ModelEngine<OnnxTrainable> implements TrainingEngine {
  imageFeatures(image: PixelValues): Promise<ImageFeatures> {
    return this.model.imageFeatures(image);
  }

  weightsHash(): Promise<string> {
    return this.model.weightsHash();
  }

  async logProbabilities(
    { input, targets, images }: EngineBatch,
    adapter: TrainedAdapter | null,
    settings: ScoreSettings,
  ): Promise<Float32Array> {
    if (targets.length === 0) return new Float32Array();
    const { temperature } = settings;
    const scales = adapter?.scales ?? new Map<string, number>();
    const key = `score/${temperature}/${keyOf(scales)}`;
    const options = { scales, dropout: false, checkpointing: false, temperature, seed: null };
    const own = { ...targetFeed(targets), ...(adapter ? parameterFeeds(adapter) : {}) };
    const scores = await this.model.run(key, options, input, images, own, SCORES);
    return counted(scores, targets, settings);
  }

  async gradients(
    { input, targets, images }: EngineBatch,
    adapter: TrainedAdapter,
    settings: GradientSettings,
  ): Promise<PassResult> {
    const { temperature, objective, dropout, checkpointing } = settings;
    const { scales, parameters } = adapter;
    if (targets.length === 0) return nothing(objective, adapter);
    const key = [
      'gradient',
      temperature,
      dropout !== null,
      checkpointing,
      objectiveKey(objective),
      keyOf(scales),
    ].join();
    const options = { scales, dropout: dropout !== null, checkpointing, temperature, seed: seedOf(objective) };
    const own = { ...targetFeed(targets), ...parameterFeeds(adapter), ...seedFeeds(objective) };
    if (dropout) {
      const rows = input.batch * input.length;
      for (const { name, shape } of parameters) {
        if (!name.endsWith('.down')) continue;
        const module = name.slice(0, -'.down'.length);
        own[`${module}.mask`] = { data: dropout(module, rows * shape[0]!), shape: [rows, shape[0]!] };
      }
    }
    const names = parameters.map(({ name }) => gradientName(name));
    const results = await this.model.run(key, options, input, images, own, [...SCORES, ...names]);
    const logps = counted(results, targets, settings);
    const { loss, metrics } = objectiveLoss(objective, logps);
    const gradients = names.map((name) => results[name]!.data as Float32Array);
    return { loss, gradients, tensorBytes: null, logps, metrics };
  }
}

/** Of completions without a token. */
function nothing(objective: Objective, { parameters }: TrainedAdapter): PassResult {
  const logps = new Float32Array();
  const { loss, metrics } = objectiveLoss(objective, logps);
  const gradients = parameters.map(({ value }) => new Float32Array(value.length));
  return { loss, gradients, tensorBytes: null, logps, metrics };
}

function keyOf(scales: ReadonlyMap<string, number>): string {
  return JSON.stringify([...scales]);
}

function targetFeed(targets: Int32Array): Record<string, PlainTensor> {
  return { targets: { data: targets, shape: [targets.length] } };
}

function parameterFeeds({ parameters }: TrainedAdapter): Record<string, PlainTensor> {
  return Object.fromEntries(parameters.map(({ name, value, shape }) => [name, { data: value, shape }]));
}

/** Adds up the statistics. @returns the log-probabilities */
function counted(
  { logps, entropy, best }: Readonly<Record<string, PlainTensor>>,
  targets: Int32Array,
  { statistics }: ScoreSettings,
): Float32Array {
  if (statistics) {
    statistics.tokens += targets.length;
    targets.forEach((target, i) => {
      statistics.entropy += entropy!.data[i]!;
      statistics.correct += best!.data[i] === target ? 1 : 0;
    });
  }
  return logps!.data as Float32Array;
}

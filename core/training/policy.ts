/**
 * Completions under a policy: their log-probabilities, the part of a batch in GRPO's loss, and TRL's metrics of it. A policy
 * is the base model with an adapter, or without one.
 */
import type { Tensor, Tensor1D } from '@tensorflow/tfjs-core';
import type { ImageFeatures } from '../models/runner.ts';
import type { TrainableModel } from '../models/trainable.ts';
import { type TrainingSequence, trainingBatch } from './batch.ts';
import { featureInput, placeImages } from './features.ts';
import { asTensors } from './gradients.ts';
import { loraInputs, type TrainedAdapter } from './lora.ts';
import {
  type GrpoMetrics,
  type GrpoSettings,
  grpoLoss,
  hostLoss,
  type Mismatch,
  type TokenStatistics,
  tokenLogProbs,
} from './loss.ts';
import type { LossPart } from './step.ts';

/** Completions that go through the network at once. `features[i]` belongs to sequence i; a group shares one. */
export interface PolicyBatch {
  sequences: readonly TrainingSequence[];
  features: readonly ImageFeatures[];
  advantages: readonly (number | null)[];
  /** By sequence and token, as the sampler computed them; absent: not known. */
  samplerLogps?: readonly (readonly number[])[];
}

export interface PolicyRow {
  sequence: TrainingSequence;
  features: ImageFeatures;
  advantage: number | null;
  samplerLogps: readonly number[];
}

/** Rows in batches of `size`, in order. */
export function policyBatches(rows: readonly PolicyRow[], size: number): PolicyBatch[] {
  const batches: PolicyBatch[] = [];
  for (let start = 0; start < rows.length; start += size) {
    const some = rows.slice(start, start + size);
    batches.push({
      sequences: some.map(({ sequence }) => sequence),
      features: some.map(({ features }) => features),
      advantages: some.map(({ advantage }) => advantage),
      samplerLogps: some.map(({ samplerLogps }) => samplerLogps),
    });
  }
  return batches;
}

/** Log-probabilities of a batch's completion tokens, one completion after the other. */
export interface PolicyGiven {
  /** When the completions were drawn; null: they are the present ones. */
  old: Float32Array | null;
  /** Of the reference policy. */
  ref: Float32Array;
}

/** What one pass of a batch saw; filled by the pass. */
export interface PolicyPass {
  logps: Float32Array;
  metrics: GrpoMetrics;
  statistics: TokenStatistics;
}

/** A batch's part of the loss of a step that has `completions` completions in all. */
export function policyLoss(
  model: TrainableModel,
  adapter: TrainedAdapter,
  batch: PolicyBatch,
  given: PolicyGiven,
  settings: GrpoSettings & { temperature: number },
  completions: number,
): { part: LossPart; pass: PolicyPass } {
  const { logps, lengths } = policyPass(model, adapter, batch, settings.temperature);
  const pass: PolicyPass = {
    logps: new Float32Array(),
    metrics: { kl: 0, mismatch: null, clipRatio: { low: 0, high: 0, region: 0, lowMin: 0, highMax: 0 } },
    statistics: { tokens: 0, entropy: 0, correct: 0 },
  };
  const samplerLogps = batch.samplerLogps?.flat() ?? null;
  const part: LossPart = (tensors) =>
    hostLoss(model.tf, logps(tensors, pass.statistics), (values) => {
      pass.logps = values;
      const { old: oldLogps, ref: refLogps } = given;
      const { metrics, ...loss } = grpoLoss(
        values,
        { lengths, advantages: batch.advantages, oldLogps, refLogps, samplerLogps },
        settings,
        completions,
      );
      pass.metrics = metrics;
      return loss;
    });
  return { part, pass };
}

/** Log-probabilities of the completions' tokens under softmax(logits / temperature), without gradient. */
export function completionLogps(
  model: TrainableModel,
  adapter: TrainedAdapter | null,
  batch: PolicyBatch,
  temperature: number,
): Float32Array {
  const { logps } = policyPass(model, adapter, batch, temperature);
  let values = new Float32Array();
  model.tf.tidy(() => {
    const tensors = adapter === null ? new Map() : asTensors(model.tf, adapter.parameters);
    values = logps(tensors).dataSync() as Float32Array<ArrayBuffer>;
  });
  return values;
}

function policyPass(model: TrainableModel, adapter: TrainedAdapter | null, batch: PolicyBatch, temperature: number) {
  const images = placeImages(batch.features);
  const { input, targets, lengths } = trainingBatch(batch.sequences, images.places, images.grids, model);
  const logps = (tensors: ReadonlyMap<string, Tensor>, statistics?: TokenStatistics): Tensor1D => {
    const options = adapter === null ? {} : { lora: loraInputs(tensors, adapter.scales) };
    const logits = model.languageLogits({ ...input, ...featureInput(model, images.distinct) }, options);
    return tokenLogProbs(model.tf, logits, targets, temperature, statistics);
  };
  return { logps, lengths };
}

/** TRL's metrics of the loss, over the tokens of the whole step. */
export function policyMetrics(passes: readonly PolicyPass[]): Record<string, number> {
  const tokens = passes.reduce((sum, { statistics }) => sum + statistics.tokens, 0);
  const overTokens = (value: (metrics: GrpoMetrics) => number) =>
    passes.reduce((sum, { metrics, statistics }) => sum + value(metrics) * statistics.tokens, 0) / Math.max(1, tokens);
  return {
    kl: overTokens(({ kl }) => kl),
    entropy: passes.reduce((sum, { statistics }) => sum + statistics.entropy, 0) / Math.max(1, tokens),
    'clip_ratio/low_mean': overTokens(({ clipRatio }) => clipRatio.low),
    'clip_ratio/high_mean': overTokens(({ clipRatio }) => clipRatio.high),
    'clip_ratio/region_mean': overTokens(({ clipRatio }) => clipRatio.region),
    'clip_ratio/low_min': Math.min(...passes.map(({ metrics }) => metrics.clipRatio.lowMin)),
    'clip_ratio/high_max': Math.max(...passes.map(({ metrics }) => metrics.clipRatio.highMax)),
    ...mismatchMetrics(passes.flatMap(({ metrics }) => metrics.mismatch ?? [])),
  };
}

/** Of trainer and sampler, under TRL's names. */
function mismatchMetrics(found: readonly Mismatch[]): Record<string, number> {
  const tokens = found.reduce((sum, each) => sum + each.tokens, 0);
  if (tokens === 0) return {};
  const mean = (value: (each: Mismatch) => number) => found.reduce((sum, each) => sum + value(each), 0) / tokens;
  return {
    'sampling/sampling_logp_difference/mean': mean(({ sum }) => sum),
    'sampling/sampling_logp_difference/max': Math.max(...found.map(({ max }) => max)),
    'sampling/importance_sampling_ratio/min': Math.min(...found.map(({ ratioMin }) => ratioMin)),
    'sampling/importance_sampling_ratio/mean': mean(({ ratioSum }) => ratioSum),
    'sampling/importance_sampling_ratio/max': Math.max(...found.map(({ ratioMax }) => ratioMax)),
  };
}

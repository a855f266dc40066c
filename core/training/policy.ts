/**
 * Completions under a policy: their log-probabilities, the part of a batch in GRPO's loss, and TRL's metrics of it. A policy
 * is the base model with an adapter, or without one.
 */
import type { ImageFeatures } from '../models/runner.ts';
import type { TrainingSequence } from './batch.ts';
import type { EngineBatch, TrainingEngine } from './engine.ts';
import { engineBatch } from './features.ts';
import type { TrainedAdapter } from './lora.ts';
import type { GrpoMetrics, GrpoSettings, Mismatch, TokenStatistics } from './loss.ts';
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

export interface PolicySettings extends GrpoSettings {
  temperature: number;
  gradientCheckpointing?: boolean;
}

/** A batch's part of the loss of a step that has `completions` completions in all. */
export function policyLoss(
  engine: TrainingEngine,
  adapter: TrainedAdapter,
  batch: PolicyBatch,
  given: PolicyGiven,
  settings: PolicySettings,
  completions: number,
): { part: LossPart; pass: PolicyPass } {
  const pass: PolicyPass = {
    logps: new Float32Array(),
    metrics: { kl: 0, mismatch: null, clipRatio: { low: 0, high: 0, region: 0, lowMin: 0, highMax: 0 } },
    statistics: { tokens: 0, entropy: 0, correct: 0 },
  };
  const passed = policyPass(engine, batch);
  const samplerLogps = batch.samplerLogps?.flat() ?? null;
  const lengths = batch.sequences.map(({ targetLength }) => targetLength);
  const part: LossPart = async () => {
    const { old: oldLogps, ref: refLogps } = given;
    const result = await engine.gradients(passed, adapter, {
      objective: {
        ...{ kind: 'grpo', settings, completions },
        batch: { lengths, advantages: batch.advantages, oldLogps, refLogps, samplerLogps },
      },
      temperature: settings.temperature,
      statistics: pass.statistics,
      dropout: null,
      checkpointing: settings.gradientCheckpointing ?? false,
    });
    pass.logps = result.logps;
    pass.metrics = result.metrics!;
    return result;
  };
  return { part, pass };
}

/** Log-probabilities of the completions' tokens under softmax(logits / temperature), without gradient. */
export function completionLogps(
  engine: TrainingEngine,
  adapter: TrainedAdapter | null,
  batch: PolicyBatch,
  temperature: number,
): Promise<Float32Array> {
  return engine.logProbabilities(policyPass(engine, batch), adapter, { temperature });
}

function policyPass(engine: TrainingEngine, { sequences, features }: PolicyBatch): EngineBatch {
  return engineBatch(engine, sequences, features);
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

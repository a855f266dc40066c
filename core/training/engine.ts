/**
 * What an engine does for SFT and GRPO, with arrays of the host in and out: log-probabilities of given tokens under an
 * adapter, and the gradients of a loss of them with respect to the adapter's pairs. Two engines do: tfjs (tfjsEngine.ts)
 * differentiates what it computes, ONNX Runtime (onnxEngine.ts) runs a graph in which the gradient is recorded too. The base
 * is frozen, image features are given.
 */
import type { Network } from '../models/network.ts';
import type { ImageFeatures, ModelInfo } from '../models/runner.ts';
import type { PixelValues } from '../preprocessing/imageProcessor.ts';
import type { ExecutorInfo } from '../tensor/executor.ts';
import type { TrainingBatch } from './batch.ts';
import type { LossAndGradients } from './gradients.ts';
import type { DropoutMasks, TrainedAdapter } from './lora.ts';
import type { TokenStatistics } from './loss.ts';
import { type GrpoBatch, type GrpoMetrics, type GrpoSettings, grpoLoss, type HostLoss, sftLoss } from './loss.ts';

/** One forward pass: a padded batch, its targets, and the features of the images that it names, each once. */
export interface EngineBatch extends Pick<TrainingBatch, 'input' | 'targets'> {
  images: readonly ImageFeatures[];
}

/** A loss as a function of the log-probabilities of a batch's targets. */
export type Objective =
  | { kind: 'sft' /** Of the whole step, over all its micro-batches. */; supervised: number }
  | { kind: 'grpo'; batch: GrpoBatch; settings: GrpoSettings /** Of the whole step. */; completions: number };

/** The loss, its gradient by log-probability, and GRPO's metrics, in f64. */
export function objectiveLoss(objective: Objective, logps: Float32Array): HostLoss & { metrics: GrpoMetrics | null } {
  if (objective.kind === 'sft') return { ...sftLoss(logps, objective.supervised), metrics: null };
  return grpoLoss(logps, objective.batch, objective.settings, objective.completions);
}

export interface ScoreSettings {
  /** Of softmax(logits / temperature). */
  temperature: number;
  /** Counted up. */
  statistics?: TokenStatistics;
}

export interface GradientSettings extends ScoreSettings {
  objective: Objective;
  /** null: none. */
  dropout: DropoutMasks | null;
  /** Keep of each layer what goes into it, and compute the rest again for the gradient. */
  checkpointing: boolean;
}

export interface PassResult extends LossAndGradients {
  logps: Float32Array;
  metrics: GrpoMetrics | null;
}

/** @param instead why it is not what was asked for; null: it is */
export function explained(executor: ExecutorInfo, instead: string | null): ExecutorInfo {
  return instead === null ? executor : { ...executor, reason: `${instead} ${executor.reason}` };
}

/** What every engine has of its model. */
export abstract class ModelEngine<M extends Pick<TrainingEngine, 'executor' | 'info' | 'network' | 'dispose'>> {
  constructor(
    protected readonly model: M,
    /** Why this and not the engine that was asked for. */
    private readonly instead: string | null = null,
  ) {}

  get executor(): ExecutorInfo {
    return explained(this.model.executor, this.instead);
  }

  get info(): ModelInfo {
    return this.model.info;
  }

  get network(): Network {
    return this.model.network;
  }

  dispose(): Promise<void> {
    return this.model.dispose();
  }
}

export interface TrainingEngine {
  readonly executor: ExecutorInfo;
  readonly info: ModelInfo;
  readonly network: Network;
  imageFeatures(image: PixelValues): Promise<ImageFeatures>;
  /** Natural-log probabilities `[N]` of the batch's targets; without adapter (null): under the base alone. */
  logProbabilities(batch: EngineBatch, adapter: TrainedAdapter | null, settings: ScoreSettings): Promise<Float32Array>;
  /** Gradients in the order of the adapter's parameters. */
  gradients(batch: EngineBatch, adapter: TrainedAdapter, settings: GradientSettings): Promise<PassResult>;
  /** sha256 over every weight of the base as the engine holds it. */
  weightsHash(): Promise<string>;
  dispose(): Promise<void>;
}

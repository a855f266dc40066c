/**
 * A network that gradients flow through, as training sees it: tensors of tfjs in and out, nothing kept between calls.
 * Everything is synchronous, so that it can run inside `tf.tidy`, `tf.variableGrads` and `tf.customGrad`.
 */
import type { Tensor, Tensor1D, Tensor2D } from '@tensorflow/tfjs-core';
import type { PixelValues } from '../preprocessing/imageProcessor.ts';
import type { ExecutorInfo } from '../tensor/executor.ts';
import type { LoraInputs } from '../tensor/ops.ts';
import type { Tf } from '../tensor/tfjs/backend.ts';
import type { Checkpointing } from '../tensor/tfjs/checkpoint.ts';
import type { PositionedInput } from './hostInputs.ts';
import type { Network } from './network.ts';
import type { ImageFeatures, ModelInfo } from './runner.ts';

/**
 * A padded batch, without cache: fields as in `ForwardInput`. `logitsAt` names the flat positions whose next token is
 * asked for; logits are computed there only. `imageFeatures` as a tensor `[M,D]` lets gradients reach the vision tower.
 */
export interface TrainingInput extends PositionedInput {
  imageFeatures?: ImageFeatures | Tensor2D;
}

export interface TrainingOptions {
  /** LoRA pairs by canonical module; tensors or variables that the caller owns: down `[in,r]`, up `[r,out]`. */
  lora?: LoraInputs<Tensor>;
  /** Applied to the input of every LoRA pair (PEFT's lora_dropout). */
  dropout?: (x: Tensor, module: string) => Tensor;
  /** Of the layers of the text model; not together with `weights`. */
  checkpointing?: Checkpointing;
  /** Replaces loaded weights by canonical name, and lets gradients flow into them (pretraining of everything). */
  weights?: ReadonlyMap<string, Tensor>;
}

export interface TrainableModel {
  readonly executor: ExecutorInfo;
  readonly info: ModelInfo;
  readonly network: Network;
  /** The namespace that the tensors belong to. */
  readonly tf: Tf;
  /** Makes the backend that the tensors belong to the current one. */
  use(): void;
  /** Every weight by canonical name. */
  readonly weightNames: readonly string[];
  /** As stored in the checkpoint; belongs to the model. */
  weight(name: string): Tensor;
  /** Logits `[N,V]` at `input.logitsAt`. */
  languageLogits(input: TrainingInput, options?: TrainingOptions): Tensor2D;
  /** Natural-log probabilities `[N]` of targets `[N]` (int32) under logits `[N,V]`. */
  logProbabilities(logits: Tensor2D, targets: Tensor1D): Tensor1D;
  /** Features `[M,D]` of images, image after image; differentiable with respect to `options.weights` only. */
  imageFeatures(images: readonly PixelValues[], options?: Pick<TrainingOptions, 'weights'>): Tensor2D;
  dispose(): Promise<void>;
}

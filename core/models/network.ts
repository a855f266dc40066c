/**
 * What an architecture is to the rest of the program: a network with its configuration, its tensors' names and shapes, the
 * inputs that the host makes for it, and its two functions over `Ops`. Executors, training and generation know only this;
 * architectures.ts lists the ones there are.
 */
import type { AdapterTarget } from '../peft/adapterFolder.ts';
import type { ImageProcessor, PixelValues } from '../preprocessing/imageProcessor.ts';
import type { Dimension } from '../tensor/onnx/graph.ts';
import type { Ops } from '../tensor/ops.ts';
import type { ImageTokens } from '../text/promptInput.ts';
import type { Tokenizer } from '../text/tokenizer.ts';
import type { LayerType, ModelConfig } from './config.ts';
import type { HostInputs, PositionedInput } from './hostInputs.ts';
import type { TokenGrid } from './runner.ts';

export interface Architecture {
  /** In config.json's `architectures`. */
  className: string;
  /** In config.json's `model_type`. */
  modelType: string;
  /** MODEL_ARCHITECTURE, MODEL_CONFIG: see config.ts. */
  open(json: unknown, file: string): Network;
  loadProcessor(folder: string): Promise<ImageProcessor>;
  /** How an image stands in a rendered prompt. */
  imageTokens(tokenizer: Tokenizer): ImageTokens;
}

/** One tensor is called differently in files, in PEFT's adapters and here. */
export interface TensorNames {
  /** The canonical name of a tensor or module in a file, or null where the architecture has none of that name. */
  canonical(published: string): string | null;
  /** The name that published checkpoints use: what a checkpoint of ours is saved with. */
  published(canonical: string): string;
  /** The name of a module as PEFT 0.21 with transformers 5 writes it, without the `base_model.model.` before it. */
  peft(module: string): string;
}

/** An input of the image encoder on the host. Executors bring angles and masks into their own form (`Ops`). */
export type HostTensor =
  | { kind: 'values' | 'cos' | 'sin' | 'bias'; data: Float32Array; shape: readonly number[] }
  | { kind: 'rows'; data: Int32Array; shape: readonly number[] };

/** Positions of a prompt's tokens, axis after axis (one axis, or time, height and width), and of what follows it. */
export interface TokenPositions {
  /** `[axes][T]`. */
  axes: Int32Array[];
  /** Of the first token after the prompt, on every axis; each further one is 1 more. */
  next: number;
}

/** Looks at intermediate values, by name: `vision.last_hidden`, `hidden.<i>` (input of text layer i, last: normed). */
export type Watch<T> = (name: string, value: T) => void;

/** By kind of layer; only the kinds that the model has (`layerKinds`). */
export type ByKind<T> = Partial<Record<LayerType, T>>;

export interface LanguageInputs<T> {
  /** `[B,T]`. */
  ids: T;
  /** Both or neither: `[B,T]` as `Ops.placeRows` reads it, and `[M,D]`. */
  imageIndex: T | null;
  imageFeatures: T | null;
  /** Rotary angles, `[B,T,C/2]`. */
  cos: ByKind<T>;
  sin: ByKind<T>;
  /** Additive masks `[B,1,T,S]`; null where nothing is masked. */
  bias: ByKind<T | null>;
  /** Flat positions `[N]` whose logits are wanted. */
  rows: T;
  /** By layer, `[B,K,S-T,C]`, keys with their rotary embedding; null without a cache. */
  past: { keys: readonly T[]; values: readonly T[] } | null;
}

/** What a text layer of one kind reads besides its input. */
export type LayerInputs<T> = { cos: T; sin: T; bias: T | null };

export function layerInputs<T>({ cos, sin, bias }: LanguageInputs<T>, kind: LayerType): LayerInputs<T> {
  return { cos: cos[kind]!, sin: sin[kind]!, bias: bias[kind] ?? null };
}

export interface LanguageOutputs<T> {
  /** Hidden state after the final norm at the wanted rows, `[N,D]`. */
  rows: T;
  /** `[N,V]`. */
  logits: T;
  /** By layer, `[B,K,S,C]`: the cache for what follows. */
  keys: T[];
  values: T[];
}

export interface Network {
  readonly config: ModelConfig;
  readonly names: TensorNames;
  /** Every tensor, by canonical name. */
  readonly shapes: ReadonlyMap<string, number[]>;
  /** The linear layers of the text model, which LoRA adapts, in the order of the network. */
  readonly linears: ReadonlyMap<string, [out: number, input: number]>;
  /** Where every image is brought to one size: its side, and the tokens that stand for it; else 0. */
  readonly fixedImage: { size: number; tokens: number };

  /** Image tokens that stand for an image. PIXEL_VALUES where the encoder cannot take it. */
  tokenGrid(image: PixelValues): TokenGrid;
  /** `grids` are those of the prompt's images, in order, with as many tokens as the prompt has image tokens. */
  positions(ids: readonly number[], grids: readonly TokenGrid[]): TokenPositions;
  /** FORWARD_INPUT where sizes, ids or indices do not fit. */
  languageInputs(input: PositionedInput, cachedLength: number, featureRows: number): HostInputs;

  /** Most images that go through the encoder together, so that its activations stay small. */
  readonly imagesAtOnce: number;
  imageInputs(images: readonly PixelValues[]): Record<string, HostTensor>;
  /** Kinds and shapes of `imageInputs`, sizes that depend on the images by a name. */
  readonly imageSignature: Readonly<Record<string, { kind: HostTensor['kind']; shape: readonly Dimension[] }>>;
  /** -> features of the image tokens in the language model's width, `[M,D]`, image after image. */
  encodeImages<T>(ops: Ops<T>, inputs: Readonly<Record<string, T>>, watch?: Watch<T>): T;
  languageModel<T>(ops: Ops<T>, inputs: LanguageInputs<T>, watch?: Watch<T>): LanguageOutputs<T>;
}

/** What adapters of a model are checked against. */
export function adapterTarget({ network, info }: { network: Network; info: { weightsHash: string } }): AdapterTarget {
  const { linears, names } = network;
  return { linears, weightsHash: info.weightsHash, canonicalName: names.canonical, peftName: names.peft };
}

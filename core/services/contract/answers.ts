/** Answers of checkpoints to films. Part of the contract (../contract.ts). */
import type { Progress } from '../../base/progress.ts';
import type { AnswerFormat, Reading } from '../../findings/types.ts';
import type { Label } from '../../labels/labels.ts';

/** A film's answer by a checkpoint. Its key holds everything that may change it; nothing is computed twice. */
export interface Prediction {
  key: string;
  filmId: string;
  checkpointId: string;
  text: string;
  reading: Reading;
  tokenIds: number[];
  /** Natural logarithm of the probability of every token. */
  logprobs: number[];
  /** The tokens as a server wrote them; absent where the model's own tokenizer is here. */
  tokens?: string[];
  /** The user's own question (its promptId is `own`); absent: a prompt by its id. */
  promptText?: string;
  /** `end`: an end token; `length`: maximum tokens; `cancelled` answers are not kept. */
  stop: 'end' | 'length';
  provenance: Provenance;
  seconds: { vision: number; prefill: number; decode: number };
  createdAt: string;
  /** Where they were asked for; their method is part of the key. */
  probabilities?: LabelProbabilities;
}

/** How sure the checkpoint is of each label (core/generation/labelProbabilities.ts says what each method means). */
export interface LabelProbabilities {
  method: string;
  values: Partial<Record<Label, number>>;
  /** `answer-tree`: share of the answers that were not looked at; no value is further off than this. */
  unexplored?: number;
  /** `frequency`: completions counted, and those among them that could not be read. */
  samples?: number;
  failures?: number;
}

/** Several answers of one checkpoint to one film, drawn with seeds one after the other: what changes between them is noise. */
export interface SampledAnswers {
  /** Stored like any other answer; sample i has seed + i. */
  predictions: Prediction[];
  /** How many of the samples name a label, in the order of the 14; an answer that cannot be read names none. */
  frequency: { label: Label; count: number }[];
  /** Samples that cannot be read. */
  failures: number;
}

/** An answer as the network has it. */
export interface InspectedAnswer {
  /** The rendered prompt with its marks; each image stands as its placeholder. */
  prompt: string;
  /** Tokens of the prompt, the image's included; null: the server's own template made them. */
  promptTokens: number | null;
  /** The written tokens, one for each of `tokenIds`; joined they are the completion with its special tokens. */
  tokens: string[];
}

/** By film id, then by checkpoint id; null: the answer could not be read. */
export type AnswerIndex = Record<string, Record<string, Label[] | null>>;

export interface Provenance {
  imageHash: string;
  preprocessing: string;
  baseHash: string;
  adapterHash: string | null;
  promptId: string;
  /** Of the instruction. */
  promptHash: string;
  /** Of the model's chat template; absent: the server's. */
  templateHash?: string;
  temperature: number;
  topP: number;
  /** 0: off. */
  topK: number;
  seed: number;
  maxNewTokens: number;
  precision: string;
  /** On a server: its kind. */
  executor: string;
  executorVersion: string;
  /** Only on a server: its address, and its name of the model. */
  server?: string;
  serverModel?: string;
  /** Which reader read the answer; absent: the paper's format. */
  answerFormat?: AnswerFormat;
  /** Method of the label probabilities; absent: none. */
  probabilityMethod?: string;
}

export interface GenerationProgress extends Progress {
  /** The whole text so far. */
  text: string;
}

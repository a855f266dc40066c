/**
 * Prompts as rows of one batch: unequal lengths are padded on the left, so that every row's next token stands at the same
 * place, and a prompt that comes several times (a group of samples, two checkpoints' first film) is computed once.
 */
import { WorkbenchError } from '../base/errors.ts';
import { identityOf } from '../base/identity.ts';
import type { TokenPositions } from '../models/network.ts';
import { type ForwardInput, type ImageFeatures, type KvCache, type Runner, tokensOf } from '../models/runner.ts';
import type { Adapter } from '../peft/adapter.ts';

export interface Prompt {
  promptIds: readonly number[];
  /** In the order of the image tokens in `promptIds`; null: a prompt without images. */
  images: ImageFeatures | null;
  /** null: the base model. */
  adapter: Adapter | null;
}

const DEFAULT_BATCH = 16;
/** Bounds what a layer allocates at once: 16,384 positions of Gemma 3 4B's feed-forward block are 640 MiB. */
const MAX_BATCH_POSITIONS = 2 ** 14;

/** Indices of prompts, a batch at a time: equal prompts together, so that they are read once, and similar lengths. */
export function batchPrompts(prompts: readonly Prompt[], size = DEFAULT_BATCH): number[][] {
  const keys = prompts.map(promptKey);
  const firstWith = new Map([...keys.entries()].reverse().map(([index, key]) => [key, index]));
  const length = (index: number) => prompts[index]!.promptIds.length;
  const group = (index: number) => firstWith.get(keys[index]!)!;
  const order = prompts.map((_, index) => index);
  order.sort((a, b) => length(a) - length(b) || group(a) - group(b) || a - b);
  const batches: number[][] = [];
  for (const index of order) {
    const batch = batches[batches.length - 1];
    const fits = batch && batch.length < size && (batch.length + 1) * length(index) <= MAX_BATCH_POSITIONS;
    if (fits) batch.push(index);
    else batches.push([index]);
  }
  return batches;
}

/** Prompts that the network has read. The owner disposes `cache`. */
export interface ReadPrompts {
  cache: KvCache;
  /** By row, `[V]`: what follows the prompt. */
  logits: Float32Array[];
  /** By row: how many of the cached positions are padding. */
  padding: number[];
  /** By row: the position of what follows the prompt. */
  next: number[];
}

/** Reads the prompts; row i of the result belongs to `prompts[i]`. Equal prompts are computed once. */
export async function readPrompts(runner: Runner, prompts: readonly Prompt[]): Promise<ReadPrompts> {
  const { unique, rowOf } = findEqual(prompts);
  const { batch, next } = padPrompts(unique, runner);
  const lastPositions = Int32Array.from(unique, (_, row) => (row + 1) * batch.length - 1);
  const adapter = unique.map((prompt) => prompt.adapter);
  const output = await runner.forward({ ...batch, adapter, logitsAt: lastPositions, keepCache: true });
  const logits = rowsOf(output.logits, unique.length, runner.info.vocabulary);
  return {
    cache: await expand(runner, output.cache!, rowOf, unique.length),
    logits: rowOf.map((row) => logits[row]!),
    padding: prompts.map(({ promptIds }) => batch.length - promptIds.length),
    next: rowOf.map((row) => next[row]!),
  };
}

/** One prompt and `draft` behind it, in one pass: the logits `[V]` after the prompt and after each token of the draft. */
export async function readPromptAndDraft(
  runner: Runner,
  prompt: Prompt,
  draft: readonly number[],
): Promise<{ cache: KvCache; logits: Float32Array[]; next: number }> {
  const { batch, next } = padPrompts([prompt], runner, draft);
  const asked = draft.length + 1;
  const logitsAt = Int32Array.from({ length: asked }, (_, i) => batch.length - asked + i);
  const output = await runner.forward({ ...batch, adapter: [prompt.adapter], logitsAt, keepCache: true });
  const logits = rowsOf(output.logits, asked, runner.info.vocabulary);
  return { cache: output.cache!, logits, next: next[0]! };
}

/** `[rows * V]` -> `[V]` of each row. */
export function rowsOf(logits: Float32Array, rows: number, vocabulary: number): Float32Array[] {
  return Array.from({ length: rows }, (_, row) => logits.subarray(row * vocabulary, (row + 1) * vocabulary));
}

async function expand(runner: Runner, cache: KvCache, rowOf: number[], rows: number): Promise<KvCache> {
  if (rowOf.length === rows && rowOf.every((row, i) => row === i)) return cache;
  try {
    return await runner.selectRows(cache, Int32Array.from(rowOf));
  } finally {
    cache.dispose();
  }
}

/**
 * Prompts with the same key have the same tokens, images and adapter. Images are the same where their array is the same:
 * ImageFeatureCache gives the same one for the same film.
 */
export function promptKey({ promptIds, images, adapter }: Prompt): string {
  return `${adapter?.hash ?? ''}/${images ? identityOf(images.data) : ''}/${promptIds.join()}`;
}

function findEqual(prompts: readonly Prompt[]): { unique: Prompt[]; rowOf: number[] } {
  const rows = new Map<string, number>();
  const unique: Prompt[] = [];
  const rowOf = prompts.map((prompt) => {
    const key = promptKey(prompt);
    const row = rows.get(key) ?? unique.push(prompt) - 1;
    rows.set(key, row);
    return row;
  });
  return { unique, rowOf };
}

type PaddedPrompts = Omit<ForwardInput, 'logitsAt' | 'keepCache' | 'adapter' | 'cache'>;

/** @param draft text behind every prompt; `next` is where it begins */
function padPrompts(
  prompts: readonly Prompt[],
  runner: Runner,
  draft: readonly number[] = [],
): { batch: PaddedPrompts; next: number[] } {
  const { info } = runner;
  const length = Math.max(...prompts.map(({ promptIds }) => promptIds.length)) + draft.length;
  const size = prompts.length * length;
  const inputIds = new Int32Array(size).fill(info.padTokenId);
  const attentionMask = new Uint8Array(size);
  const positions = prompts.map((prompt) => positionsOf(prompt, runner));
  const positionIds = new Int32Array(size * positions[0]!.axes.length);
  const imageIndex = new Int32Array(size).fill(-1);
  const { features, firstRow } = joinFeatures(prompts);
  prompts.forEach((prompt, row) => {
    const ids = [...prompt.promptIds, ...draft];
    const { axes, next } = positions[row]!;
    const start = (row + 1) * length - ids.length;
    let imageRow = prompt.images ? firstRow.get(prompt.images.data)! : 0;
    ids.forEach((id, position) => {
      const at = start + position;
      inputIds[at] = id;
      attentionMask[at] = 1;
      if (prompt.images && id === info.imageTokenId) imageIndex[at] = imageRow++;
    });
    for (const [axis, own] of axes.entries()) {
      positionIds.set(own, axis * size + start);
      draft.forEach((_, i) => {
        positionIds[axis * size + start + own.length + i] = next + i;
      });
    }
  });
  const batch = { batch: prompts.length, length, inputIds, attentionMask, positionIds };
  return {
    batch: features ? { ...batch, imageIndex, imageFeatures: features } : batch,
    next: positions.map(({ next }) => next),
  };
}

/** The features of all prompts one after the other, each array once, and the first row of each. */
function joinFeatures(prompts: readonly Prompt[]) {
  const firstRow = new Map<Float32Array, number>();
  const parts: ImageFeatures[] = [];
  let rows = 0;
  for (const { images } of prompts) {
    if (!images || firstRow.has(images.data)) continue;
    firstRow.set(images.data, rows);
    parts.push(images);
    rows += tokensOf(...images.grids);
  }
  if (parts.length <= 1) return { features: parts[0] ?? null, firstRow };
  const { width } = parts[0]!;
  const data = new Float32Array(rows * width);
  for (const part of parts) data.set(part.data, firstRow.get(part.data)! * width);
  return { features: { data, width, grids: parts.flatMap(({ grids }) => grids) }, firstRow };
}

function positionsOf({ promptIds, images }: Prompt, runner: Runner): TokenPositions {
  if (promptIds.length === 0) throw new WorkbenchError('PROMPT_EMPTY', 'The prompt has no tokens.');
  const { contextLength } = runner.info;
  if (promptIds.length >= contextLength)
    throw new WorkbenchError(
      'PROMPT_TOO_LONG',
      `The prompt has ${promptIds.length} tokens, and the model has room for ${contextLength} with its answer.`,
      { tokens: promptIds.length, contextLength },
      'Shorten the prompt.',
    );
  const grids = images?.grids ?? [];
  const expected = promptIds.filter((id) => id === runner.info.imageTokenId).length;
  const actual = tokensOf(...grids);
  if (expected === actual) return runner.positions(promptIds, grids);
  throw new WorkbenchError(
    'PROMPT_IMAGE_TOKENS',
    'The image tokens of the prompt are not as many as the images have.',
    { inPrompt: expected, ofImages: actual, images: grids.length },
    'Give as many images as the prompt has places for, made by the processor of the same model.',
  );
}

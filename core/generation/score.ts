/**
 * Log-probabilities of given completions (teacher forcing): scoring, and the old and reference policy of GRPO.
 * Prompts are read first, each once; then the completions go over their cache in pieces short enough that the logits of
 * a piece (rows x positions x vocabulary) stay small, whatever the vocabulary.
 */
import { nextTurn, throwIfCancelled } from '../base/progress.ts';
import type { KvCache, Runner } from '../models/runner.ts';
import { batchPrompts, type Prompt, type ReadPrompts, readPrompts } from './prompt.ts';
import { logProbability } from './sampling.ts';

export interface ScoreRequest extends Prompt {
  completionIds: readonly number[];
  /** Log-probabilities of softmax(logits / temperature); absent: 1. */
  temperature?: number;
}

export interface ScoreOptions {
  /** Most rows that are scored at once; absent: 16. */
  batchSize?: number;
  signal?: AbortSignal;
}

const MAX_LOGITS = 2 ** 25;

/** For every request the natural-log probability of each token of its completion, given what is before it. */
export async function score(
  runner: Runner,
  requests: readonly ScoreRequest[],
  options: ScoreOptions = {},
): Promise<number[][]> {
  const result = new Array<number[]>(requests.length);
  for (const batch of batchPrompts(requests, options.batchSize)) {
    const rows = batch.map((index) => requests[index]!);
    const scores = await scoreBatch(runner, rows, options.signal);
    batch.forEach((index, i) => {
      result[index] = scores[i]!;
    });
  }
  return result;
}

/** The logits `[V]` at every token of a completion: what the model would have said there. */
export async function completionLogits(
  runner: Runner,
  prompt: Prompt,
  completionIds: readonly number[],
): Promise<Float32Array[]> {
  const { cache, logits, next } = await readPrompts(runner, [prompt]);
  const length = completionIds.length - 1;
  try {
    if (length < 1) return logits;
    const output = await runner.forward({
      batch: 1,
      length,
      inputIds: Int32Array.from(completionIds.slice(0, length)),
      attentionMask: new Uint8Array(cache.length + length).fill(1),
      positionIds: Int32Array.from({ length }, (_, i) => next[0]! + i),
      cache,
      adapter: [prompt.adapter],
      logitsAt: Int32Array.from({ length }, (_, i) => i),
      keepCache: false,
    });
    const { vocabulary } = runner.info;
    const row = (i: number) => output.logits.subarray(i * vocabulary, (i + 1) * vocabulary);
    return [logits[0]!, ...Array.from({ length }, (_, i) => row(i))];
  } finally {
    cache.dispose();
  }
}

async function scoreBatch(runner: Runner, rows: ScoreRequest[], signal?: AbortSignal): Promise<number[][]> {
  throwIfCancelled(signal);
  const read = await readPrompts(runner, rows);
  const scores = rows.map((row, i) =>
    row.completionIds.slice(0, 1).map((id) => logProbability(read.logits[i]!, id, row.temperature)),
  );
  // The last token of a completion is predicted, but predicts nothing that is asked for.
  const inputs = Math.max(...rows.map((row) => row.completionIds.length)) - 1;
  const longestPiece = Math.max(1, Math.floor(MAX_LOGITS / (rows.length * runner.info.vocabulary)));
  let cache = read.cache;
  try {
    for (let start = 0; start < inputs; start += longestPiece) {
      await nextTurn();
      throwIfCancelled(signal);
      const end = Math.min(inputs, start + longestPiece);
      const longer = await scorePiece(runner, rows, read, cache, { start, end, last: end === inputs }, scores);
      if (!longer) break;
      cache.dispose();
      cache = longer;
    }
  } finally {
    cache.dispose();
  }
  return scores;
}

/** Tokens `start` to `end` of every completion; `last`: nothing follows. */
interface Piece {
  start: number;
  end: number;
  last: boolean;
}

/** Appends to `scores` what the tokens of the piece predict, and gives the longer cache. */
async function scorePiece(
  runner: Runner,
  rows: ScoreRequest[],
  { padding, next }: Pick<ReadPrompts, 'padding' | 'next'>,
  cache: KvCache,
  { start, end, last }: Piece,
  scores: number[][],
): Promise<KvCache | undefined> {
  const length = end - start;
  const total = cache.length + length;
  const inputIds = new Int32Array(rows.length * length);
  const positionIds = new Int32Array(rows.length * length);
  const attentionMask = new Uint8Array(rows.length * total);
  const asked: { row: number; position: number }[] = [];
  rows.forEach(({ promptIds, completionIds }, row) => {
    const real = padding[row]! + promptIds.length + Math.min(end, completionIds.length);
    attentionMask.fill(1, row * total + padding[row]!, row * total + real);
    for (let position = start; position < Math.min(end, completionIds.length - 1); position++) {
      const at = row * length + position - start;
      inputIds[at] = completionIds[position]!;
      positionIds[at] = next[row]! + position;
      asked.push({ row, position });
    }
  });
  const output = await runner.forward({
    batch: rows.length,
    length,
    inputIds,
    attentionMask,
    positionIds,
    cache,
    adapter: rows.map((row) => row.adapter),
    logitsAt: Int32Array.from(asked, ({ row, position }) => row * length + position - start),
    keepCache: !last,
  });
  const { vocabulary } = runner.info;
  asked.forEach(({ row, position }, i) => {
    const logits = output.logits.subarray(i * vocabulary, (i + 1) * vocabulary);
    const { completionIds, temperature } = rows[row]!;
    scores[row]!.push(logProbability(logits, completionIds[position + 1]!, temperature));
  });
  return output.cache;
}

/**
 * Completions of many prompts: batched, each with its own adapter, sampling and seed, ending on its own.
 *
 * A request's result depends on the request alone. The batch that it happens to be in changes logits by rounding only
 * (some 1e-6 in f32; some 1e-2 in int8 and int4, whose kernels round one row otherwise than several), and random numbers
 * come from the request's own seed. Rows that ended leave the batch. The same holds for drafts (drafts.ts): a token is chosen
 * from the network's logits with the request's own random numbers, whatever was copied.
 */
import { WorkbenchError } from '../base/errors.ts';
import { nextTurn, throwIfCancelled } from '../base/progress.ts';
import { Random } from '../base/random.ts';
import type { KvCache, Runner } from '../models/runner.ts';
import { Drafts } from './drafts.ts';
import { batchPrompts, type Prompt, readPromptAndDraft, readPrompts, rowsOf } from './prompt.ts';
import { type Sampling, sampleToken } from './sampling.ts';

export interface GenerationRequest extends Prompt {
  sampling: Sampling;
  maxNewTokens: number;
  /** The completion ends with the first of these; it is part of the completion. */
  stopIds: readonly number[];
  /** Token ids of texts that the completion may resemble; used where it is alone in its batch. */
  drafts?: readonly (readonly number[])[];
}

export interface Completion {
  tokenIds: number[];
  /** Natural logarithm of every token's probability under softmax(logits). */
  logprobs: number[];
  /** The same under softmax(logits / temperature), before top-k and top-p: what GRPO's ratio is made of. */
  temperedLogprobs: number[];
  stop: 'end' | 'length';
  /** Time of the batch that it was in: reading the prompts, and from then to this completion's last token. */
  seconds: { prefill: number; decode: number };
}

export interface GenerateOptions {
  /** Most rows that are generated at once; absent: 16. */
  batchSize?: number;
  /** Ends the work with CANCELLED before the next token. */
  signal?: AbortSignal;
  onToken?(request: number, tokenId: number, logprob: number): void;
  onCompletion?(request: number, completion: Completion): void;
}

/** Completions in the order of the requests. */
export async function generate(
  runner: Runner,
  requests: readonly GenerationRequest[],
  options: GenerateOptions = {},
): Promise<Completion[]> {
  requests.forEach(checkRequest);
  const completions = new Array<Completion>(requests.length);
  for (const batch of batchPrompts(requests, options.batchSize)) {
    const rows = batch.map((index) => new Row(index, requests[index]!, runner.info.contextLength));
    const finish: Finish = (row, completion) => {
      completions[row.index] = completion;
      options.onCompletion?.(row.index, completion);
    };
    const [first] = rows as [Row];
    if (rows.length === 1 && first.request.drafts?.length) await generateDrafted(runner, first, options, finish);
    else await generateBatch(runner, rows, options, finish);
  }
  return completions;
}

/** A completion while it grows. */
class Row {
  readonly tokenIds: number[] = [];
  readonly logprobs: number[] = [];
  readonly temperedLogprobs: number[] = [];
  private readonly random: Random;
  /** Padding before the prompt in the cache. */
  padding = 0;
  /** Position of the first token after the prompt. */
  start = 0;

  constructor(
    readonly index: number,
    readonly request: GenerationRequest,
    private readonly contextLength: number,
  ) {
    this.random = new Random(request.sampling.seed);
  }

  /** Chooses the next token. */
  extend(logits: Float32Array): void {
    const token = sampleToken(logits, this.request.sampling, this.random);
    this.tokenIds.push(token.id);
    this.logprobs.push(token.logprob);
    this.temperedLogprobs.push(token.temperedLogprob);
  }

  get lastToken(): number {
    return this.tokenIds[this.tokenIds.length - 1]!;
  }

  get stop(): 'end' | 'length' | null {
    if (this.request.stopIds.includes(this.lastToken)) return 'end';
    return this.room <= 0 ? 'length' : null;
  }

  /** How many tokens more it may have. */
  get room(): number {
    const { maxNewTokens, promptIds } = this.request;
    return Math.min(maxNewTokens, this.contextLength - promptIds.length) - this.tokenIds.length;
  }
}

type Finish = (row: Row, completion: Completion) => void;

async function generateBatch(runner: Runner, rows: Row[], options: GenerateOptions, finish: Finish): Promise<void> {
  throwIfCancelled(options.signal);
  const start = performance.now();
  const read = await readPrompts(
    runner,
    rows.map((row) => row.request),
  );
  const prefilled = performance.now();
  let { cache, logits } = read;
  rows.forEach((row, i) => {
    row.padding = read.padding[i]!;
    row.start = read.next[i]!;
  });
  let active = rows;
  try {
    while (active.length > 0) {
      await nextTurn();
      throwIfCancelled(options.signal);
      active.forEach((row, i) => {
        row.extend(logits[i]!);
        options.onToken?.(row.index, row.lastToken, row.logprobs[row.logprobs.length - 1]!);
        const seconds = { prefill: (prefilled - start) / 1000, decode: (performance.now() - prefilled) / 1000 };
        if (row.stop) finish(row, completionOf(row, row.stop, seconds));
      });
      const going = active.flatMap((row, i) => (row.stop ? [] : [i]));
      if (going.length === 0) break;
      if (going.length < active.length) cache = await replace(cache, runner.selectRows(cache, Int32Array.from(going)));
      active = going.map((i) => active[i]!);
      const output = await forwardOne(runner, active, cache);
      cache = await replace(cache, Promise.resolve(output.cache));
      logits = output.logits;
    }
  } finally {
    cache.dispose();
  }
}

/** One completion, several tokens a pass where they could be copied from its drafts. */
async function generateDrafted(runner: Runner, row: Row, options: GenerateOptions, finish: Finish): Promise<void> {
  throwIfCancelled(options.signal);
  const start = performance.now();
  const { vocabulary, imageTokenId } = runner.info;
  // An image token stands for features.
  const isText = (id: number) => Number.isInteger(id) && id >= 0 && id < vocabulary && id !== imageTokenId;
  const drafts = new Drafts(row.request.drafts!, isText);
  // The last token that fits needs no pass of its own.
  let copied = drafts.next([], row.room - 1);
  const read = await readPromptAndDraft(runner, row.request, copied);
  const prefilled = performance.now();
  let { cache, logits } = read;
  row.start = read.next;
  try {
    for (;;) {
      await nextTurn();
      throwIfCancelled(options.signal);
      let kept = 0;
      for (;;) {
        row.extend(logits[kept]!);
        options.onToken?.(row.index, row.lastToken, row.logprobs[row.logprobs.length - 1]!);
        const seconds = { prefill: (prefilled - start) / 1000, decode: (performance.now() - prefilled) / 1000 };
        if (row.stop) return finish(row, completionOf(row, row.stop, seconds));
        if (kept === copied.length || row.lastToken !== copied[kept]) break;
        kept++;
      }
      drafts.kept(kept, copied.length);
      if (kept < copied.length) cache = await runner.shorten(cache, cache.length - copied.length + kept);
      copied = drafts.next(row.tokenIds, row.room - 1);
      const output = await forwardDraft(runner, row, copied, cache);
      cache = await replace(cache, Promise.resolve(output.cache));
      logits = output.logits;
    }
  } finally {
    cache.dispose();
  }
}

/** The last token and those copied behind it -> the logits `[V]` after each of them. */
async function forwardDraft(runner: Runner, row: Row, copied: readonly number[], cache: KvCache) {
  const inputIds = Int32Array.from([row.lastToken, ...copied]);
  const { length } = inputIds;
  const first = row.start + row.tokenIds.length - 1;
  const output = await runner.forward({
    batch: 1,
    length,
    inputIds,
    attentionMask: new Uint8Array(cache.length + length).fill(1),
    positionIds: Int32Array.from({ length }, (_, i) => first + i),
    cache,
    adapter: [row.request.adapter],
    logitsAt: Int32Array.from({ length }, (_, i) => i),
    keepCache: true,
  });
  return { cache: output.cache!, logits: rowsOf(output.logits, length, runner.info.vocabulary) };
}

/** The last token of every row -> the logits `[V]` of the next. */
async function forwardOne(runner: Runner, rows: readonly Row[], cache: KvCache) {
  const total = cache.length + 1;
  const attentionMask = new Uint8Array(rows.length * total).fill(1);
  rows.forEach((row, i) => {
    attentionMask.fill(0, i * total, i * total + row.padding);
  });
  const output = await runner.forward({
    batch: rows.length,
    length: 1,
    inputIds: Int32Array.from(rows, (row) => row.lastToken),
    attentionMask,
    positionIds: Int32Array.from(rows, (row) => row.start + row.tokenIds.length - 1),
    cache,
    adapter: rows.map((row) => row.request.adapter),
    logitsAt: Int32Array.from(rows, (_, i) => i),
    keepCache: true,
  });
  return { cache: output.cache!, logits: rowsOf(output.logits, rows.length, runner.info.vocabulary) };
}

async function replace(old: KvCache, made: Promise<KvCache>): Promise<KvCache> {
  const cache = await made;
  old.dispose();
  return cache;
}

function completionOf(row: Row, stop: 'end' | 'length', seconds: Completion['seconds']): Completion {
  const { tokenIds, logprobs, temperedLogprobs } = row;
  return { tokenIds, logprobs, temperedLogprobs, stop, seconds };
}

function checkRequest({ sampling, maxNewTokens }: GenerationRequest, index: number): void {
  const { temperature, topK, topP, seed } = sampling;
  const wrong =
    (!(temperature >= 0 && temperature < Number.POSITIVE_INFINITY) && 'temperature') ||
    (!(Number.isInteger(topK) && topK >= 0) && 'topK') ||
    (!(topP > 0 && topP <= 1) && 'topP') ||
    (!Number.isSafeInteger(seed) && 'seed') ||
    (!(Number.isSafeInteger(maxNewTokens) && maxNewTokens >= 1) && 'maxNewTokens');
  if (wrong)
    throw new WorkbenchError('GENERATION_REQUEST', `The value of ${wrong} cannot be used.`, { request: index });
}

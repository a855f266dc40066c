/**
 * Completions of many prompts: batched, each with its own adapter, sampling and seed, ending on its own.
 *
 * A request's result depends on the request alone. The batch that it happens to be in changes logits by rounding only
 * (some 1e-6), and random numbers come from the request's own seed. Rows that ended leave the batch.
 */
import { WorkbenchError } from '../base/errors.ts';
import { nextTurn, throwIfCancelled } from '../base/progress.ts';
import { Random } from '../base/random.ts';
import type { KvCache, Runner } from '../models/runner.ts';
import { batchPrompts, type Prompt, readPrompts } from './prompt.ts';
import { type Sampling, sampleToken } from './sampling.ts';

export interface GenerationRequest extends Prompt {
  sampling: Sampling;
  maxNewTokens: number;
  /** The completion ends with the first of these; it is part of the completion. */
  stopIds: readonly number[];
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
    await generateBatch(runner, rows, options, (row, completion) => {
      completions[row.index] = completion;
      options.onCompletion?.(row.index, completion);
    });
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
    checkFinite(token.logprob, this);
    this.tokenIds.push(token.id);
    this.logprobs.push(token.logprob);
    this.temperedLogprobs.push(token.temperedLogprob);
  }

  get lastToken(): number {
    return this.tokenIds[this.tokenIds.length - 1]!;
  }

  get stop(): 'end' | 'length' | null {
    if (this.request.stopIds.includes(this.lastToken)) return 'end';
    const room = this.contextLength - this.request.promptIds.length;
    return this.tokenIds.length >= Math.min(this.request.maxNewTokens, room) ? 'length' : null;
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
  const { vocabulary } = runner.info;
  const logits = rows.map((_, i) => output.logits.subarray(i * vocabulary, (i + 1) * vocabulary));
  return { cache: output.cache!, logits };
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

function checkFinite(logprob: number, row: Row): void {
  if (Number.isFinite(logprob)) return;
  throw new WorkbenchError(
    'LOGITS_NOT_FINITE',
    'The model gave a number that is not finite; its weights or its adapter are damaged.',
    { token: row.tokenIds.length, adapter: row.request.adapter?.hash ?? null },
  );
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

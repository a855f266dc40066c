/**
 * Generation beside transformers on the very same weights, one call of each in turn, so that a busy machine slows both: 48
 * prompt tokens with one image, 64 new ones, greedy, f32, the same number of threads. Times are whole calls: encoding the
 * images, reading the prompts, generating. `ratio` is ours to theirs in tokens per second, the median of the pairs.
 * `firstToken`: from a prompt of a film whose features are cached to its first token.
 *
 *   npm run -s bench -- generation [--python PYTHON] [--model DIR] [--threads 2] [--runs 7] --json
 *
 * The model is what shared/reference/peers/peer_speed.py --save writes; absent, one of the same shape with random
 * weights. Without --python only ours is timed.
 */
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { parseArgs } from 'node:util';
import { Random } from '../../core/base/random.ts';
import { type GenerationRequest, generate } from '../../core/generation/generate.ts';
import { GREEDY } from '../../core/generation/sampling.ts';
import { openModelFolder } from '../../core/models/modelFolder.ts';
import { openRunner } from '../../core/models/openRunner.ts';
import type { ImageFeatures, Runner } from '../../core/models/runner.ts';
import { machine, median } from '../support/measure.ts';
import { peerModel } from '../support/peerModel.ts';
import { randomPixels } from '../support/trainingBench.ts';

const PROMPT_TOKENS = 48;
const NEW_TOKENS = 64;
const BATCHES = [1, 8];

type Timed = (rows: number) => Promise<number>;

export async function run(args: string[]): Promise<object> {
  const { values } = parseArgs({
    args,
    options: {
      python: { type: 'string' },
      model: { type: 'string' },
      threads: { type: 'string', default: '2' },
      runs: { type: 'string', default: '7' },
    },
  });
  const threads = Number(values.threads);
  const model = values.model ?? (await peerModel());
  const runner = await openRunner({ model: await openModelFolder(model), executor: 'onnxruntime-cpu', threads });
  const peer = values.python === undefined ? null : await startPeer(values.python, model, threads);
  const batches: Record<string, object> = {};
  for (const rows of BATCHES) batches[`batch${rows}`] = await pairs(rows, Number(values.runs), ours(runner), peer);
  const firstToken = await firstTokenMilliseconds(runner, Number(values.runs));
  peer?.end();
  const { executor, info } = runner;
  await runner.dispose();
  return {
    benchmark: 'generation',
    model: { parameters: info.parameters, layers: info.layers, width: info.width, vocabulary: info.vocabulary },
    runs: Number(values.runs),
    executor,
    peer: peer?.name ?? null,
    machine: machine(),
    ...batches,
    firstTokenOfCachedFilmMilliseconds: firstToken,
  };
}

/** One call of each in turn, after one that is not counted. */
async function pairs(rows: number, runs: number, mine: Timed, peer: Peer | null): Promise<object> {
  const times: { mine: number; theirs: number }[] = [];
  for (let i = 0; i <= runs; i++) {
    const theirs = peer ? await peer.timed(rows) : Number.NaN;
    times.push({ mine: await mine(rows), theirs });
  }
  const counted = times.slice(1);
  const rate = (pick: (time: (typeof times)[number]) => number) => (rows * NEW_TOKENS) / median(counted.map(pick));
  if (!peer) return { tokensPerSecond: rate(({ mine }) => mine) };
  return {
    tokensPerSecond: rate(({ mine }) => mine),
    peerTokensPerSecond: rate(({ theirs }) => theirs),
    ratio: median(counted.map(({ mine, theirs }) => theirs / mine)),
    ratios: counted.map(({ mine, theirs }) => theirs / mine),
  };
}

function ours(runner: Runner): Timed {
  return async (rows) => {
    const pixels = randomPixels(runner.info, rows);
    const start = performance.now();
    const features = await runner.encodeImages(pixels);
    const requests = Array.from({ length: rows }, (_, row) => requestOf(runner, rowOf(features, row, rows), row));
    await generate(runner, requests);
    return (performance.now() - start) / 1000;
  };
}

async function firstTokenMilliseconds(runner: Runner, runs: number): Promise<number> {
  const features = await runner.encodeImages(randomPixels(runner.info, 1));
  const times: number[] = [];
  for (let i = 0; i <= 3 * runs; i++) {
    const start = performance.now();
    let first = 0;
    const onToken = () => {
      first ||= performance.now() - start;
    };
    await generate(runner, [{ ...requestOf(runner, features, i), maxNewTokens: 2 }], { onToken });
    times.push(first);
  }
  return median(times.slice(1));
}

function rowOf(features: ImageFeatures, row: number, rows: number): ImageFeatures {
  const size = features.data.length / rows;
  return { ...features, data: features.data.subarray(row * size, (row + 1) * size), grids: [features.grids[row]!] };
}

/** Rows differ, so that no prompt is read for two of them. */
function requestOf(runner: Runner, images: ImageFeatures, row: number): GenerationRequest {
  const { imageTokens, imageTokenId, vocabulary } = runner.info;
  const random = new Random(`prompt ${row}`);
  const promptIds = Array.from({ length: PROMPT_TOKENS }, () => 10 + random.below(vocabulary - 20));
  promptIds.fill(imageTokenId, 6, 6 + imageTokens);
  return { promptIds, images, adapter: null, sampling: GREEDY, maxNewTokens: NEW_TOKENS, stopIds: [] };
}

interface Peer {
  name: string;
  timed: Timed;
  end(): void;
}

async function startPeer(python: string, model: string, threads: number): Promise<Peer> {
  const script = join(import.meta.dirname, 'peers/transformers_generate.py');
  const child = spawn(python, [script, model, `${threads}`], { stdio: ['pipe', 'pipe', 'ignore'] });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const next = async (): Promise<string> => {
    const { value, done } = await lines.next();
    if (done) throw new Error('The Python program ended; run it by hand to see why.');
    return value as string;
  };
  const [, torch, transformers] = (await next()).split(' ');
  return {
    name: `transformers ${transformers}, torch ${torch}`,
    timed: async (rows) => {
      child.stdin.write(`${rows}\n`);
      return Number(await next());
    },
    end: () => child.stdin.end(),
  };
}

/**
 * Tokens per second of every executor: a prompt of 48 tokens with one image, 64 new tokens, greedy, no end token, as
 * reference/peers/peer_speed.py times the Python stack. `tokensPerSecond` counts everything (encoding the image, reading
 * the prompt, generating), `decodeTokensPerSecond` generating alone.
 *
 *   npm run -s bench -- generate [--model DIR] [--executor NAME]… [--threads N] [--runs N] [--rank R] --json
 */
import { parseArgs } from 'node:util';
import { WorkbenchError } from '../../core/base/errors.ts';
import { Random } from '../../core/base/random.ts';
import { type Completion, type GenerationRequest, generate } from '../../core/generation/generate.ts';
import { GREEDY } from '../../core/generation/sampling.ts';
import { type ModelFolder, openModelFolder } from '../../core/models/modelFolder.ts';
import { adapterTarget } from '../../core/models/network.ts';
import { EXECUTORS, type ExecutorChoice, openRunner } from '../../core/models/openRunner.ts';
import type { ImageFeatures, Runner } from '../../core/models/runner.ts';
import type { Adapter } from '../../core/peft/adapter.ts';
import { createAdapter } from '../../core/peft/adapterFolder.ts';
import { machine, median, seconds } from '../support/measure.ts';
import { peerModel } from '../support/peerModel.ts';
import { randomPixels } from '../support/trainingBench.ts';

const PROMPT_TOKENS = 48;
const NEW_TOKENS = 64;

interface Settings {
  folder: ModelFolder;
  runs: number;
  threads: number | undefined;
  rank: number;
}

export async function run(args: string[]): Promise<object> {
  const { values } = parseArgs({
    args,
    options: {
      model: { type: 'string' },
      executor: { type: 'string', multiple: true },
      threads: { type: 'string' },
      runs: { type: 'string', default: '5' },
      rank: { type: 'string', default: '16' },
    },
  });
  const folder = await openModelFolder(values.model ?? (await peerModel()));
  const threads = values.threads === undefined ? undefined : Number(values.threads);
  const settings = { folder, runs: Number(values.runs), threads, rank: Number(values.rank) };
  const chosen = (values.executor ?? EXECUTORS.filter((name) => name !== 'auto')) as ExecutorChoice[];
  const executors: object[] = [];
  for (const executor of chosen) executors.push(await measureOrExplain(executor, settings));
  const { parameters, layers, width, vocabulary } = folder.info;
  return {
    benchmark: 'generate',
    model: { parameters, layers, width, vocabulary },
    promptTokens: PROMPT_TOKENS,
    newTokens: NEW_TOKENS,
    runs: settings.runs,
    machine: machine(),
    executors,
  };
}

async function measureOrExplain(executor: ExecutorChoice, settings: Settings): Promise<object> {
  try {
    return await measure(executor, settings);
  } catch (error) {
    if (error instanceof WorkbenchError && error.code.endsWith('_UNAVAILABLE'))
      return { name: executor, unavailable: error.message };
    throw error;
  }
}

async function measure(executor: ExecutorChoice, { folder, runs, threads, rank }: Settings): Promise<object> {
  const start = performance.now();
  const runner = await openRunner({ model: folder, executor, ...(threads === undefined ? {} : { threads }) });
  const pixels = randomPixels(folder.info, 1);
  const images = await runner.encodeImages(pixels);
  const loadSeconds = (performance.now() - start) / 1000;
  const vision = median(await seconds(runs, () => runner.encodeImages(pixels)));
  const settings = { r: rank, lora_alpha: 2 * rank };
  const adapter = createAdapter(adapterTarget(folder), settings, new Random('adapter'));
  const timed = async (rows: number, adapters: (Adapter | null)[]) => {
    const requests = Array.from({ length: rows }, (_, row) =>
      requestOf(runner, images, row, adapters[row % adapters.length]!),
    );
    return timeGeneration(runner, requests, runs, vision);
  };
  const result = {
    ...runner.executor,
    loadSeconds,
    visionMilliseconds: 1000 * vision,
    batch1: await timed(1, [null]),
    batch8: await timed(8, [null]),
    batch1Adapter: await timed(1, [adapter]),
    batch8Adapter: await timed(8, [adapter]),
    batch8Mixed: await timed(8, [null, adapter]),
  };
  await runner.dispose();
  return result;
}

async function timeGeneration(runner: Runner, requests: GenerationRequest[], runs: number, vision: number) {
  const all: Completion[][] = [];
  const processor: number[] = [];
  const whole = await seconds(runs, async () => {
    const before = process.cpuUsage();
    all.push(await generate(runner, requests));
    const { user, system } = process.cpuUsage(before);
    processor.push((user + system) / 1000);
  });
  const timings = all.slice(1).map((completions) => completions[0]!.seconds);
  const tokens = requests.length * NEW_TOKENS;
  return {
    tokensPerSecond: tokens / (median(whole) + requests.length * vision),
    // The first token comes out of reading the prompt.
    decodeTokensPerSecond: (tokens - requests.length) / median(timings.map(({ decode }) => decode)),
    prefillMilliseconds: 1000 * median(timings.map(({ prefill }) => prefill)),
    // Says something on a busy machine too.
    processorMillisecondsPerToken: median(processor.slice(1)) / tokens,
  };
}

/** Rows differ, so that no prompt is read for two of them. */
function requestOf(runner: Runner, images: ImageFeatures, row: number, adapter: Adapter | null): GenerationRequest {
  const { imageTokens, imageTokenId, vocabulary } = runner.info;
  const random = new Random(`prompt ${row}`);
  const id = () => {
    const drawn = random.below(vocabulary);
    return drawn === imageTokenId ? 0 : drawn;
  };
  const text = Math.max(1, PROMPT_TOKENS - imageTokens);
  const promptIds = [...new Array<number>(imageTokens).fill(imageTokenId), ...Array.from({ length: text }, id)];
  return { promptIds, images, adapter, sampling: GREEDY, maxNewTokens: NEW_TOKENS, stopIds: [] };
}

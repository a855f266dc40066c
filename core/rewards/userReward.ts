/**
 * A user's own reward: one JavaScript file that defines
 *
 *   function reward(state, samples) { return { scores: [...], state: ..., terms: [...] }; }
 *
 * `samples` in the order of the batch: `completion`, `tokens`, `reasoning`, `findings`, `parseFailure` (null: it could be
 * read) and `truth` (null: the film's labels cannot be read). `scores` has a finite number or null for each sample; `state`
 * is plain JSON, null at first, and stored in checkpoints; `terms`, if given, has an object of numbers for each.
 *
 * It is a pure function by construction: the file is evaluated anew for each batch in a context of its own, in which there
 * is no clock and no Math.random, so that nothing but `state` is carried on and a resumed run gets the same scores.
 *
 * No network, and it can be ended. It runs in a worker thread with a limit on memory, which is terminated when a batch takes
 * too long. In its context there is nothing but the language: no require, no process, no fetch, no import, no eval; data goes
 * in and out as JSON text, so that no object of Node's own ever lies in reach. Behind that, the worker itself has its sockets,
 * resolvers, processes and native modules replaced by functions that refuse. This keeps mistakes and careless files from the
 * network; it is not a wall against somebody who looks for a fault in V8, as no sandbox inside one process is.
 */
import { Worker } from 'node:worker_threads';
import { WorkbenchError } from '../base/errors.ts';
import { parseCompletion } from '../findings/parse.ts';
import type { RewardResult, RewardSample } from './types.ts';

export interface UserRewardFile {
  /** The file's name, for messages and for the log. */
  name: string;
  source: string;
}

export interface UserRewardLimits {
  /** For one batch. */
  seconds: number;
  megabytes: number;
}

type Answer = { ok: true; json: string } | { ok: false; stage: 'source' | 'call'; message: string };

const MOST_STATE = 2 ** 20;

export class UserReward {
  private worker: Worker | null = null;

  /** @throws REWARD_SOURCE where the file asks for what it cannot have */
  constructor(
    private readonly file: UserRewardFile,
    private readonly limits: UserRewardLimits,
  ) {
    if (/\bimport\b/.test(withoutComments(file.source)))
      throw this.failure('REWARD_SOURCE', 'This reward imports something; a reward is one file that needs no other.');
  }

  /**
   * @throws REWARD_SOURCE where the file cannot be evaluated, REWARD_FAILED where the function throws, REWARD_TIMEOUT,
   * REWARD_MEMORY, REWARD_RESULT where it returns something else than scores
   */
  async score(samples: readonly RewardSample[], state: unknown): Promise<RewardResult<unknown>> {
    const seen = samples.map(({ completion, tokens, truth }) => {
      const { reasoning, findings, parseFailure } = parseCompletion(completion);
      return { completion, tokens, truth, reasoning, findings, parseFailure };
    });
    const answer = await this.ask(JSON.stringify({ state: state ?? null, samples: seen }));
    if (!answer.ok) {
      const code = answer.stage === 'source' ? 'REWARD_SOURCE' : 'REWARD_FAILED';
      throw this.failure(code, `The reward ${this.file.name} failed: ${answer.message}`);
    }
    return this.checked(answer.json, samples.length);
  }

  async close(): Promise<void> {
    await this.worker?.terminate();
    this.worker = null;
  }

  private ask(input: string): Promise<Answer> {
    const worker = this.worker ?? this.start();
    return new Promise((resolve, reject) => {
      const end = (error: WorkbenchError) => {
        settle();
        this.worker = null;
        void worker.terminate();
        reject(error);
      };
      const late = `The reward ${this.file.name} took longer than ${this.limits.seconds} s for one batch, and was ended.`;
      const timer = setTimeout(() => end(this.failure('REWARD_TIMEOUT', late)), this.limits.seconds * 1000);
      const onMessage = (answer: Answer) => {
        settle();
        resolve(answer);
      };
      const onError = (error: Error & { code?: string }) => {
        const memory = error.code === 'ERR_WORKER_OUT_OF_MEMORY';
        const message = memory
          ? `The reward ${this.file.name} needed more than ${this.limits.megabytes} MB, and was ended.`
          : `The reward ${this.file.name} ended: ${error.message}`;
        end(this.failure(memory ? 'REWARD_MEMORY' : 'REWARD_FAILED', message));
      };
      const settle = () => {
        clearTimeout(timer);
        worker.off('message', onMessage);
        worker.off('error', onError);
      };
      worker.on('message', onMessage);
      worker.on('error', onError);
      worker.postMessage(input);
    });
  }

  private start(): Worker {
    const { megabytes } = this.limits;
    this.worker = new Worker(WORKER, {
      eval: true,
      env: {},
      execArgv: [],
      workerData: this.file,
      resourceLimits: {
        maxOldGenerationSizeMb: megabytes,
        maxYoungGenerationSizeMb: Math.ceil(megabytes / 8),
        stackSizeMb: 4,
      },
    });
    this.worker.unref();
    return this.worker;
  }

  private checked(json: string, count: number): RewardResult<unknown> {
    const wrong = (what: string) => this.failure('REWARD_RESULT', `The reward ${this.file.name} returned ${what}.`);
    const result = JSON.parse(json) as { scores?: unknown; terms?: unknown; state?: unknown } | null;
    if (typeof result !== 'object' || result === null) throw wrong('no object with scores');
    const { scores, terms = [], state = null } = result;
    if (!Array.isArray(scores) || scores.length !== count) throw wrong(`no list of ${count} scores`);
    // JSON has no NaN and no infinity: they come as null, which would mean a film without labels.
    const odd = scores.findIndex((score) => score !== null && typeof score !== 'number');
    if (odd >= 0) throw wrong(`something else than a finite number or null for sample ${odd}`);
    if (!Array.isArray(terms) || (terms.length > 0 && terms.length !== count)) throw wrong(`no list of ${count} terms`);
    if (JSON.stringify(state).length > MOST_STATE) throw wrong('a state of more than a megabyte');
    const numbers = (each: unknown) =>
      Object.fromEntries(
        Object.entries(each ?? {}).filter((entry): entry is [string, number] => typeof entry[1] === 'number'),
      );
    return { scores, terms: scores.map((_, i) => numbers(terms[i])), state };
  }

  private failure(code: string, message: string): WorkbenchError {
    return new WorkbenchError(code, message, { file: this.file.name }, 'Mend the file and start a new run.');
  }
}

function withoutComments(source: string): string {
  return source.replace(/\/\*[\s\S]*?\*\//g, ' ').replace(/\/\/.*$/gm, ' ');
}

/** Plain CommonJS, given to the worker as text: it needs no file of its own in a bundle. */
const WORKER = `
const { parentPort, workerData } = require('node:worker_threads');
const vm = require('node:vm');

const refuse = () => { throw new Error('A reward has no network and starts no process.'); };
// Loaded first: one of them builds on classes of another.
const modules = ['net', 'tls', 'dgram', 'http', 'https', 'http2', 'dns', 'child_process', 'cluster', 'worker_threads', 'inspector']
  .map((name) => require('node:' + name));
for (const module of modules) {
  for (const own of [module, module.Socket && module.Socket.prototype, module.Server && module.Server.prototype, module.promises]) {
    for (const [key, { value }] of Object.entries(Object.getOwnPropertyDescriptors(own || {}))) {
      if (typeof value === 'function' && key !== 'constructor') try { own[key] = refuse; } catch {}
    }
  }
}
require('node:module').syncBuiltinESMExports();
for (const name of ['fetch', 'WebSocket', 'EventSource', 'XMLHttpRequest', 'BroadcastChannel']) delete globalThis[name];
for (const name of ['binding', '_linkedBinding', 'dlopen', 'getBuiltinModule']) process[name] = refuse;

const FROZEN = \`
  delete globalThis.Date;
  delete globalThis.WeakRef;
  delete globalThis.FinalizationRegistry;
  delete globalThis.SharedArrayBuffer;
  delete globalThis.Atomics;
  Math.random = () => { throw new Error('A reward has no random numbers: a resumed run could not draw the same.'); };
\`;
const CALL = new vm.Script('(text => { const { state, samples } = JSON.parse(text); return JSON.stringify(reward(state, samples), (_, value) => { if (typeof value === "number" && !Number.isFinite(value)) throw new Error("a score or a term is not a finite number"); return value; }); })(input)');

parentPort.on('message', (text) => {
  let stage = 'source';
  try {
    const context = vm.createContext(Object.create(null), { codeGeneration: { strings: false, wasm: false } });
    vm.runInContext(FROZEN, context);
    vm.runInContext(workerData.source, context, { filename: workerData.name });
    if (vm.runInContext('typeof reward', context) !== 'function') throw new Error('it defines no function reward(state, samples)');
    stage = 'call';
    context.input = text;
    const json = CALL.runInContext(context);
    if (typeof json !== 'string') throw new Error('it returned nothing');
    parentPort.postMessage({ ok: true, json });
  } catch (error) {
    let message = 'unknown';
    try { message = String((error && error.message) || error).slice(0, 500); } catch {}
    parentPort.postMessage({ ok: false, stage, message });
  }
});
`;

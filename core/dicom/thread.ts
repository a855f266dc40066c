/** The inside of a decoder thread (threads.ts). */
import { parentPort, workerData } from 'node:worker_threads';
import { type ErrorData, fromErrorData, toErrorData } from '../base/errors.ts';
import { decodeStripe, loadOpenJpeg, warmOpenJpeg } from './codecs/openJpeg.ts';
import { decodeFileHere } from './decodeFile.ts';
import { exportFileHere } from './deidentify/exportFile.ts';
import type { FilmPreview } from './film.ts';
import { readFilmHeaders } from './headerFile.ts';
import { type OpenOptions, openFilmHere } from './openFilm.ts';
import { setPartners } from './partners.ts';
import { thumbnailHere } from './thumbnail.ts';

const JOBS = {
  openFilm: (path: string, options: OpenOptions) => openFilmHere(path, options, say),
  decodeFile: decodeFileHere,
  readHeaders: readFilmHeaders,
  exportFile: exportFileHere,
  /** Of another thread's film. */
  decodeStripe,
  thumbnail: thumbnailHere,
  warmUp: warmOpenJpeg,
};
export type Jobs = typeof JOBS;
export type JobName = keyof Jobs;

export interface Job {
  name: JobName;
  args: unknown[];
}

export interface Outcome {
  result?: unknown;
  error?: ErrorData;
}

/** To a thread: a job, or what became of a part that it had asked others for (no outcome: nobody had time). */
export type ToThread = { job: Job } | { part: number; outcome?: Outcome };
/** From a thread: it can take jobs; its job is done; a word before that; it asks others for a part of it. */
export type FromThread = { ready: true } | { done: Outcome } | { said: unknown } | { part: number; job: Job };

/** Of the pool: how many threads have nothing to do. */
export type PoolState = Int32Array;

const waiting = new Map<number, (outcome: Outcome | undefined) => void>();
let asked = 0;

function start(port: NonNullable<typeof parentPort>): void {
  const send = (message: FromThread, transfer: ArrayBuffer[] = []) => port.postMessage(message, transfer);
  setPartners({
    idle: () => Atomics.load(workerData as PoolState, 0),
    ask: async (name, args) => {
      const part = ++asked;
      const answer = new Promise<Outcome | undefined>((resolve) => waiting.set(part, resolve));
      send({ part, job: { name, args } });
      const outcome = await answer;
      if (outcome?.error) throw fromErrorData(outcome.error);
      return outcome?.result;
    },
  });
  port.on('message', (message: ToThread) => {
    if ('part' in message) {
      waiting.get(message.part)?.(message.outcome);
      waiting.delete(message.part);
      return;
    }
    const job = JOBS[message.job.name] as (...args: unknown[]) => Promise<unknown>;
    job(...message.job.args).then(
      (result) => send({ done: { result } }, transferable(result)),
      (error) => send({ done: { error: toErrorData(error) } }),
    );
  });
  send({ ready: true });
  // Not waited for: a first film of another kind need not.
  void loadOpenJpeg().catch(() => undefined);
}

/** Of the job under way. */
function say(preview: FilmPreview): void {
  parentPort?.postMessage({ said: preview } satisfies FromThread, [preview.small.pixels.buffer as ArrayBuffer]);
}

/** Pixels change hands without a copy. */
function transferable(result: unknown): ArrayBuffer[] {
  const { pixels, data } = (result ?? {}) as { pixels?: ArrayBufferView; data?: ArrayBufferView };
  return [pixels, data].flatMap((array) => (array ? [array.buffer as ArrayBuffer] : []));
}

if (parentPort) start(parentPort);

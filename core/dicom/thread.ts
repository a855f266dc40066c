/** The inside of a decoder thread (threads.ts). */
import { parentPort } from 'node:worker_threads';
import { toErrorData } from '../base/errors.ts';
import { decodeFileHere } from './decodeFile.ts';
import { exportFileHere } from './deidentify/exportFile.ts';
import { readFilmHeaders } from './headerFile.ts';
import { openFilmHere } from './openFilm.ts';
import type { Reply } from './threads.ts';

const JOBS = {
  openFilm: openFilmHere,
  decodeFile: decodeFileHere,
  readHeaders: readFilmHeaders,
  exportFile: exportFileHere,
};
export type Jobs = typeof JOBS;
export type JobName = keyof Jobs;

interface Request {
  name: JobName;
  args: unknown[];
}

parentPort?.on('message', ({ name, args }: Request) => {
  const job = JOBS[name] as (...args: unknown[]) => Promise<unknown>;
  job(...args).then(
    (result) => send({ result }, transferable(result)),
    (error) => send({ error: toErrorData(error) }, []),
  );
});

function send(reply: Reply, transfer: ArrayBuffer[]): void {
  parentPort?.postMessage(reply, transfer);
}

/** A film's pixels change hands without a copy. */
function transferable(result: unknown): ArrayBuffer[] {
  const pixels = (result as { pixels?: ArrayBufferView } | undefined)?.pixels;
  return pixels ? [pixels.buffer as ArrayBuffer] : [];
}

/**
 * Milliseconds to decode a film of 2,048 x 2,500 pixels and 12 bits (JPEG baseline: 8), by codec:
 *
 * - `decodeMs`: from the file to its stored values, one film in one thread; `openFilmMs`: with what the viewer needs
 *   besides (hash, range, tags), in a thread of the pool, which lets idle threads help.
 * - `folderMsPerFilm`: 8 films at once, a whole film a thread, each handed to the caller with its stored values, range, windows
 *   and tags, which is what pydicom does, and more; `folderHashedMsPerFilm`: with the sha256 besides that predictions are kept by.
 *   It is no part of decoding, and pydicom makes none.
 * - with --python, pydicom's `pixel_array` of the same files in the same run, turn by turn: `pydicomMs`; to it `ratio`, of one
 *   thread, and `openRatio`, of a film as the application opens it (its threads, sha256 and range included);
 *   `pydicomFolderMsPerFilm`: 8 films by one process, since pydicom has no parallelism of its own, and `pydicomPoolMsPerFilm`:
 *   by as many processes as there are processors, which keep the pixels to themselves; `folderRatio` is to the faster of the two.
 *
 *   npm run -s bench -- decode [--runs N] [--python PATH] [--only NAME]… [--file FILE]… --json
 */
import { copyFile, mkdtemp, readFile, rm } from 'node:fs/promises';
import { cpus, tmpdir } from 'node:os';
import { basename, join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { readDicom } from '../../core/dicom/dataSet.ts';
import { decodeFrame, openFrames } from '../../core/dicom/decode.ts';
import { type OpenOptions, openFilm, readWhole } from '../../core/dicom/openFilm.ts';
import { startDicomThreads, stopDicomThreads, warmDicomThreads } from '../../core/dicom/threads.ts';
import { writeBenchFilms } from '../support/benchFilms.ts';
import { machine, median } from '../support/measure.ts';
import { PydicomPeer, transcodeWithGdcm } from '../support/pydicomPeer.ts';

const FOLDER_FILMS = 8;

export async function run(args: string[]): Promise<object> {
  const { values } = parseArgs({
    args,
    options: {
      runs: { type: 'string', default: '7' },
      python: { type: 'string' },
      only: { type: 'string', multiple: true },
      file: { type: 'string', multiple: true },
    },
  });
  const folder = await mkdtemp(join(tmpdir(), 'decode-'));
  const peer = values.python ? new PydicomPeer(values.python) : undefined;
  startDicomThreads(resolve('core/dicom/thread.ts'), cpus().length);
  warmDicomThreads();
  try {
    const runs = Number(values.runs);
    const films = values.file
      ? Object.fromEntries(values.file.map((file) => [basename(file), resolve(file)]))
      : await madeFilms(folder, values.python);
    const codecs: Record<string, object> = {};
    for (const [name, path] of Object.entries(films)) {
      if (!values.only || values.only.includes(name)) codecs[name] = await timeFilm(path, runs, folder, peer);
    }
    const threads = {
      decode: 1,
      openFilm: cpus().length,
      folder: cpus().length,
      pydicom: 1,
      pydicomPool: cpus().length,
    };
    return { benchmark: 'decode', runs, folderFilms: FOLDER_FILMS, machine: machine(), threads, codecs };
  } finally {
    peer?.close();
    await stopDicomThreads();
    await rm(folder, { recursive: true });
  }
}

async function madeFilms(folder: string, python: string | undefined): Promise<Record<string, string>> {
  const films = await writeBenchFilms(folder);
  const names = python ? transcodeWithGdcm(python, films['native']!, folder) : [];
  for (const name of names) films[name] = join(folder, `${name}.dcm`);
  return films;
}

async function timeFilm(path: string, runs: number, folder: string, peer: PydicomPeer | undefined) {
  const copies = await Promise.all(
    Array.from({ length: FOLDER_FILMS }, (_, i) => copyTo(path, join(folder, `copy${i}`))),
  );
  const one = {
    decodeMs: () => milliseconds(async () => void (await decodeFrame(openFrames(readDicom(await readWhole(path))), 0))),
    openFilmMs: () => milliseconds(() => openFilm(path)),
    ...(peer ? { pydicomMs: () => peer.decode([path]) } : {}),
  };
  const many = {
    folderMsPerFilm: () => milliseconds(() => openAll(copies, { hash: false })),
    folderHashedMsPerFilm: () => milliseconds(() => openAll(copies)),
    ...(peer
      ? {
          pydicomFolderMsPerFilm: () => peer.decode(copies),
          pydicomPoolMsPerFilm: () => peer.decode(copies, true),
        }
      : {}),
  };
  const single = await turnByTurn(one, runs);
  const folders = await turnByTurn(many, runs, FOLDER_FILMS);
  const { decodeMs, openFilmMs, pydicomMs } = single;
  const toPydicom = (ours: number | string | undefined) =>
    typeof pydicomMs === 'number' && typeof ours === 'number' ? round(ours / pydicomMs, 2) : null;
  const [ratio, openRatio] = [toPydicom(decodeMs), toPydicom(openFilmMs)];
  const { folderMsPerFilm, pydicomFolderMsPerFilm, pydicomPoolMsPerFilm } = folders;
  const peers = [pydicomFolderMsPerFilm, pydicomPoolMsPerFilm].filter((each) => typeof each === 'number');
  const folderRatio =
    peers.length > 0 && typeof folderMsPerFilm === 'number' ? round(folderMsPerFilm / Math.min(...peers), 2) : null;
  return { bytes: (await readFile(path)).length, ...single, ratio, openRatio, ...folders, folderRatio };
}

type Timed = () => Promise<number | string>;

/** Medians of `runs` rounds, in each of which every candidate has its turn, after a round that is not counted. */
async function turnByTurn(
  candidates: Record<string, Timed>,
  runs: number,
  per = 1,
): Promise<Record<string, number | string>> {
  const times = Object.fromEntries(Object.keys(candidates).map((name) => [name, [] as (number | string)[]]));
  for (let round = -1; round < runs; round++) {
    for (const [name, time] of Object.entries(candidates)) {
      const spent = await time();
      if (round >= 0) times[name]!.push(spent);
    }
  }
  return Object.fromEntries(
    Object.entries(times).map(([name, all]) => {
      const reason = all.find((spent) => typeof spent === 'string');
      return [name, reason ?? round(median(all as number[]) / per, 1)];
    }),
  );
}

/** All of them are handed over, as pydicom hands over its pixels: one after the other, whoever asked lets go of each. */
async function openAll(paths: string[], options: OpenOptions = {}): Promise<void> {
  await Promise.all(paths.map((path) => openFilm(path, options).then(({ pixels }) => pixels.length)));
}

async function milliseconds(work: () => Promise<unknown>): Promise<number> {
  const start = performance.now();
  await work();
  return performance.now() - start;
}

function round(value: number, digits: number): number {
  return Number(value.toFixed(digits));
}

async function copyTo(from: string, to: string): Promise<string> {
  await copyFile(from, to);
  return to;
}

/**
 * Milliseconds to decode a film of 2,048 x 2,500 pixels and 12 bits (JPEG: 8), from the file to its stored values, by codec:
 * one film after the other in one thread, and a folder of 8 films on all processors. `openFilm` adds what the viewer needs
 * (hash, range, tags). With --python, pydicom's `pixel_array` of the same files in the same run.
 *
 *   npm run -s bench -- decode [--runs N] [--python PATH] [--file FILE]… --json
 */
import { execFileSync } from 'node:child_process';
import { copyFile, mkdtemp, readFile, rm } from 'node:fs/promises';
import { cpus, tmpdir } from 'node:os';
import { basename, join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { readDicom } from '../../core/dicom/dataSet.ts';
import { decodeFrame, openFrames } from '../../core/dicom/decode.ts';
import { openFilm, readWhole } from '../../core/dicom/openFilm.ts';
import { startDicomThreads, stopDicomThreads } from '../../core/dicom/threads.ts';
import { writeBenchFilms } from '../support/benchFilms.ts';
import { machine, median, seconds } from '../support/measure.ts';

const FOLDER_FILMS = 8;

const PYDICOM = `
import json, statistics, sys, time, pydicom
runs, out = int(sys.argv[1]), {}
for path in sys.argv[2:]:
    times = []
    for run in range(runs + 1):
        start = time.perf_counter()
        try: pydicom.dcmread(path).pixel_array
        except Exception as error: out[path] = str(error)[:80]; break
        times.append((time.perf_counter() - start) * 1000)
    else: out[path] = statistics.median(times[1:])
print(json.dumps(out))
`;

export async function run(args: string[]): Promise<object> {
  const { values } = parseArgs({
    args,
    options: {
      runs: { type: 'string', default: '7' },
      python: { type: 'string' },
      file: { type: 'string', multiple: true },
    },
  });
  const folder = await mkdtemp(join(tmpdir(), 'decode-'));
  try {
    const runs = Number(values.runs);
    const given = values.file?.map((file) => [basename(file), resolve(file)] as const);
    const films = given ? Object.fromEntries(given) : await writeBenchFilms(folder);
    const pydicom = values.python ? timePydicom(values.python, runs, Object.values(films)) : {};
    const codecs: Record<string, object> = {};
    for (const [name, path] of Object.entries(films)) {
      codecs[name] = { ...(await timeFilm(path, runs, folder)), pydicomMs: pydicom[path] ?? null };
    }
    return { benchmark: 'decode', runs, folderFilms: FOLDER_FILMS, machine: machine(), codecs };
  } finally {
    await rm(folder, { recursive: true });
  }
}

async function timeFilm(path: string, runs: number, folder: string) {
  const decode = async () => {
    const source = openFrames(readDicom(await readWhole(path)));
    await decodeFrame(source, 0);
  };
  const bytes = (await readFile(path)).length;
  const decodeMs = milliseconds(await seconds(runs, decode));
  const openFilmMs = milliseconds(await seconds(runs, () => openFilm(path)));
  const copies = await Promise.all(
    Array.from({ length: FOLDER_FILMS }, (_, i) => copyTo(path, join(folder, `copy${i}`))),
  );
  startDicomThreads(resolve('core/dicom/thread.ts'), cpus().length);
  const all = () => Promise.all(copies.map((copy) => openFilm(copy)));
  const folderMsPerFilm = milliseconds(await seconds(Math.min(runs, 3), all)) / FOLDER_FILMS;
  await stopDicomThreads();
  return { bytes, decodeMs, openFilmMs, folderMsPerFilm };
}

async function copyTo(from: string, to: string): Promise<string> {
  await copyFile(from, to);
  return to;
}

function milliseconds(values: number[]): number {
  return Math.round(median(values) * 10_000) / 10;
}

function timePydicom(python: string, runs: number, paths: string[]): Record<string, number | string> {
  const output = execFileSync(python, ['-c', PYDICOM, String(runs), ...paths], { encoding: 'utf8' });
  return JSON.parse(output) as Record<string, number | string>;
}

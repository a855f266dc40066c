/**
 * Files per second of the index: a drive of small films (headers of 45 elements) through `scanPaths`, in this thread, on all
 * processors, and a second time with what has not changed taken from the cache on disk, after one pass that warms the file
 * system's cache. Also the time to the first film, the longest that the event loop stood still, and memory. With --python,
 * pydicom's dcmread of the same files, stopping before pixels and asking for the tags of a study list only, on as many
 * processes, between our own runs; `times` is ours by pydicom's.
 *
 *   npm run -s bench -- scan [--files N] [--runs N] [--python PATH] [--keep FOLDER] --json
 */
import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, rm, stat } from 'node:fs/promises';
import { cpus, tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { parseArgs } from 'node:util';
import { unattended } from '../../core/base/progress.ts';
import { HeaderCache } from '../../core/dicom/headerCache.ts';
import { scanPaths } from '../../core/dicom/scan.ts';
import { startDicomThreads, stopDicomThreads } from '../../core/dicom/threads.ts';
import { writeManyFilms } from '../support/manyFilms.ts';
import { machine, median } from '../support/measure.ts';

const PYDICOM = `
import multiprocessing, os, sys, time, pydicom
TAGS = ['PatientID', 'PatientName', 'StudyInstanceUID', 'SeriesInstanceUID', 'SOPInstanceUID', 'Modality', 'ViewPosition', 'Rows', 'Columns']
def read(path): return str(pydicom.dcmread(path, stop_before_pixels=True, specific_tags=TAGS).PatientID)
if __name__ == '__main__':
    paths = [os.path.join(root, name) for root, _, names in os.walk(sys.argv[1]) for name in names]
    with multiprocessing.Pool(os.cpu_count()) as pool:
        pool.map(read, paths[:256], chunksize=64)
        start = time.perf_counter()
        pool.map(read, paths, chunksize=64)
        print(time.perf_counter() - start)
`;

interface Run {
  seconds: number;
  firstFilmMs: number;
  longestStallMs: number;
}

export async function run(args: string[]): Promise<object> {
  const { values } = parseArgs({
    args,
    options: {
      files: { type: 'string', default: '10000' },
      runs: { type: 'string', default: '3' },
      python: { type: 'string' },
      /** A folder to make once and keep. */
      keep: { type: 'string' },
    },
  });
  const [files, runs] = [Number(values.files), Number(values.runs)];
  const own = await mkdtemp(join(tmpdir(), 'scan-'));
  const folder = values.keep ? resolve(values.keep) : join(own, 'films');
  try {
    if (!existsSync(folder)) await writeManyFilms(folder, files);
    const oneThread = await scanOnce(folder);
    startDicomThreads(resolve('core/dicom/thread.ts'), cpus().length);
    const cache = join(own, 'headers.txt');
    // Warms threads and the file system's cache, and fills ours.
    await scanOnce(folder, cache);
    const [first, again, pydicom]: [Run[], Run[], number[]] = [[], [], []];
    for (let i = 0; i < runs; i++) {
      first.push(await scanOnce(folder));
      again.push(await scanOnce(folder, cache));
      if (values.python) pydicom.push(Number(execFileSync(values.python, ['-c', PYDICOM, folder]).toString()));
    }
    const memoryMiB = Math.round(process.memoryUsage().rss / 2 ** 20);
    await stopDicomThreads();
    const rate = (seconds: number) => Math.round(files / seconds);
    const ours = rate(median(first.map(({ seconds }) => seconds)));
    const peer = pydicom.length > 0 ? rate(median(pydicom)) : null;
    const secondOpening = rate(median(again.map(({ seconds }) => seconds)));
    return {
      benchmark: 'scan',
      files,
      runs,
      machine: machine(),
      filesPerSecond: { oneThread: rate(oneThread.seconds), allProcessors: ours, secondOpening, pydicom: peer },
      times: peer && { firstOpening: ours / peer, secondOpening: secondOpening / peer },
      secondByFirst: secondOpening / ours,
      firstFilmMs: median(first.map(({ firstFilmMs }) => firstFilmMs)),
      longestStallMs: Math.max(...first.map(({ longestStallMs }) => longestStallMs)),
      cacheMiB: (await stat(cache)).size / 2 ** 20,
      memoryMiB,
    };
  } finally {
    await rm(own, { recursive: true });
  }
}

async function scanOnce(folder: string, cachePath?: string): Promise<Run> {
  const delay = monitorEventLoopDelay({ resolution: 5 });
  delay.enable();
  const start = performance.now();
  let firstFilmMs = 0;
  const loading = cachePath === undefined ? undefined : HeaderCache.open(cachePath);
  const found = () => {
    firstFilmMs ||= performance.now() - start;
  };
  await scanPaths([folder], unattended(), found, loading);
  await (await loading)?.close();
  const seconds = (performance.now() - start) / 1000;
  delay.disable();
  return { seconds, firstFilmMs, longestStallMs: delay.max / 1e6 };
}

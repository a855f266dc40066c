/**
 * Files per second of the index: a folder of small films (headers of 40 elements) through `scanPaths`, in this thread and on
 * all processors, after one pass that warms the file system's cache. With --python, pydicom's dcmread of the same files,
 * stopping before pixels and asking for the tags of a study list only, on as many processes.
 *
 *   npm run -s bench -- scan [--files N] [--runs N] [--python PATH] --json
 */
import { execFileSync } from 'node:child_process';
import { copyFile, mkdir, mkdtemp, rm } from 'node:fs/promises';
import { cpus, tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { unattended } from '../../core/base/progress.ts';
import { scanPaths } from '../../core/dicom/scan.ts';
import { startDicomThreads, stopDicomThreads } from '../../core/dicom/threads.ts';
import { machine, median, seconds } from '../support/measure.ts';

const FILM = resolve('tests/data/dicom/derived/charset_latin1.dcm');
const FILES_A_FOLDER = 500;

const PYDICOM = `
import multiprocessing, os, statistics, sys, time, pydicom
TAGS = ['PatientID', 'PatientName', 'StudyInstanceUID', 'SeriesInstanceUID', 'SOPInstanceUID', 'Modality', 'ViewPosition', 'Rows', 'Columns']
def read(path): return str(pydicom.dcmread(path, stop_before_pixels=True, specific_tags=TAGS).PatientID)
if __name__ == '__main__':
    paths = [os.path.join(root, name) for root, _, names in os.walk(sys.argv[2]) for name in names]
    with multiprocessing.Pool(os.cpu_count()) as pool:
        times = []
        for run in range(int(sys.argv[1]) + 1):
            start = time.perf_counter()
            pool.map(read, paths, chunksize=64)
            times.append(time.perf_counter() - start)
    print(len(paths) / statistics.median(times[1:]))
`;

export async function run(args: string[]): Promise<object> {
  const { values } = parseArgs({
    args,
    options: {
      files: { type: 'string', default: '10000' },
      runs: { type: 'string', default: '3' },
      python: { type: 'string' },
    },
  });
  const [files, runs] = [Number(values.files), Number(values.runs)];
  const folder = await mkdtemp(join(tmpdir(), 'scan-'));
  try {
    await writeFiles(folder, files);
    const oneThread = await filesPerSecond(folder, runs);
    startDicomThreads(resolve('core/dicom/thread.ts'), cpus().length);
    const allProcessors = await filesPerSecond(folder, runs);
    await stopDicomThreads();
    const python = values.python ? execFileSync(values.python, ['-c', PYDICOM, String(runs), folder]) : null;
    const pydicom = python && Math.round(Number(python.toString()));
    return {
      benchmark: 'scan',
      files,
      runs,
      machine: machine(),
      filesPerSecond: { oneThread, allProcessors, pydicom },
    };
  } finally {
    await rm(folder, { recursive: true });
  }
}

async function writeFiles(folder: string, files: number): Promise<void> {
  for (let i = 0; i < files; i++) {
    const inside = join(folder, String(Math.floor(i / FILES_A_FOLDER)));
    if (i % FILES_A_FOLDER === 0) await mkdir(inside);
    await copyFile(FILM, join(inside, `${i}.dcm`));
  }
}

async function filesPerSecond(folder: string, runs: number): Promise<number> {
  let instances = 0;
  const scan = async () => {
    ({ instances } = await scanPaths([folder], unattended(), () => {}));
  };
  const spent = median(await seconds(runs, scan));
  return Math.round(instances / spent);
}

/** pydicom with its plugins (pylibjpeg, gdcm), as the peer of decoding benchmarks: one process that is asked film by film. */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';

/** A line with paths in, a line with milliseconds (or why not) out. `pool`: by as many processes as there are processors. */
const SERVER = `
import concurrent.futures, json, os, sys, time, warnings
import pydicom
warnings.simplefilter('ignore')
def decode(path): pydicom.dcmread(path).pixel_array
def check(path): decode(path); return 0
if __name__ == '__main__':
    pool = None
    for line in sys.stdin:
        request = json.loads(line)
        start = time.perf_counter()
        try:
            if request['pool']:
                if pool is None: pool = concurrent.futures.ProcessPoolExecutor(os.cpu_count())
                start = time.perf_counter()
                list(pool.map(check, request['paths']))
            else:
                for path in request['paths']: decode(path)
            answer = (time.perf_counter() - start) * 1000
        except Exception as error: answer = str(error).strip().split('\\n')[0][:100]
        print(json.dumps(answer), flush=True)
`;

/** gdcm encodes what no encoder here does. (Its JPEG of 12 bits claims 16 in its frame header, and is of no use.) */
const TRANSCODE = `
import sys, gdcm
source, folder = sys.argv[1:]
for name, syntax, lossless in [('jpeg-lossless', gdcm.TransferSyntax.JPEGLosslessProcess14_1, True)]:
    reader = gdcm.ImageReader(); reader.SetFileName(source); assert reader.Read()
    codec = gdcm.JPEGCodec(); codec.SetLossless(lossless)
    if not lossless: codec.SetQuality(90)
    change = gdcm.ImageChangeTransferSyntax(); change.SetTransferSyntax(gdcm.TransferSyntax(syntax)); change.SetUserCodec(codec)
    change.SetInput(reader.GetImage())
    if not change.Change(): continue
    writer = gdcm.ImageWriter(); writer.SetFile(reader.GetFile()); writer.SetImage(change.GetOutput()); writer.SetFileName(f'{folder}/{name}.dcm')
    if writer.Write(): print(name)
`;

export class PydicomPeer {
  private readonly process: ChildProcess;
  private readonly answers: { resolve(answer: number | string): void; reject(error: Error): void }[] = [];

  constructor(python: string) {
    this.process = spawn(python, ['-c', SERVER], { stdio: ['pipe', 'pipe', 'inherit'] });
    createInterface({ input: this.process.stdout! }).on('line', (line) =>
      this.answers.shift()?.resolve(JSON.parse(line) as number | string),
    );
    this.process.once('exit', () => {
      for (const { reject } of this.answers) reject(new Error('the Python peer ended'));
    });
  }

  /** Milliseconds for all of the films, or why it cannot. */
  decode(paths: readonly string[], pool = false): Promise<number | string> {
    return new Promise((resolve, reject) => {
      this.answers.push({ resolve, reject });
      this.process.stdin!.write(`${JSON.stringify({ paths, pool })}\n`);
    });
  }

  close(): void {
    this.process.stdin!.end();
  }
}

/** Writes the native film as JPEG lossless; the names of what gdcm could write. */
export function transcodeWithGdcm(python: string, native: string, folder: string): string[] {
  const output = execFileSync(python, ['-c', TRANSCODE, native, folder], { encoding: 'utf8' });
  return output.split('\n').filter((name) => name !== '');
}

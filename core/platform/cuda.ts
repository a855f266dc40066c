/** Memory of the first CUDA device, as NVIDIA's own tool tells it. */
import { execFile } from 'node:child_process';

export interface CudaMemory {
  /** Bytes. */
  total: number;
  free: number;
}

/** Megabytes, first device first, without header and units. */
const QUERY = ['--query-gpu=memory.total,memory.free', '--format=csv,noheader,nounits'];

/** null: there is no CUDA device, or none that can be asked. */
export function cudaMemory(command = 'nvidia-smi'): Promise<CudaMemory | null> {
  return new Promise((done) => {
    execFile(command, QUERY, { timeout: 10_000 }, (error, stdout) => done(error ? null : parseCudaMemory(stdout)));
  });
}

/** `81559, 80999` and a line for each further device. */
export function parseCudaMemory(output: string): CudaMemory | null {
  const match = /^\s*(\d+)\s*,\s*(\d+)\s*$/m.exec(output);
  return match ? { total: Number(match[1]) * 2 ** 20, free: Number(match[2]) * 2 ** 20 } : null;
}

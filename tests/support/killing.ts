/** Kills a training run at random moments (SIGKILL), goes on with it until it is complete, and compares. */
import { spawn } from 'node:child_process';
import { mkdtemp, readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { sha256 } from '../../core/base/hash.ts';
import type { Random } from '../../core/base/random.ts';
import { openSafetensors } from '../../core/tensor/safetensors.ts';
import { readLog } from '../../core/training/run.ts';
import type { TrainingLogLine } from '../../core/training/types.ts';
import type { EngineName } from './engines.ts';

const SCRIPT = join(import.meta.dirname, 'killedRun.ts');
const TSX = pathToFileURL(createRequire(import.meta.url).resolve('tsx')).href;

export type Kind = 'sft' | 'grpo';

/** killedRun.ts in a process of its own. `training` resolves when it begins to train. */
export function spawnRun(kind: Kind, folder: string, backend: EngineName) {
  const child = spawn(process.execPath, ['--import', TSX, SCRIPT, kind, folder, backend], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let errors = '';
  child.stderr.on('data', (data) => {
    errors += data;
  });
  const training = new Promise<void>((resolve) =>
    child.stdout.on('data', (data: Buffer) => data.includes('training') && resolve()),
  );
  const ended = new Promise<{ code: number | null; signal: string | null; errors: string }>((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code, signal) => resolve({ code, signal, errors }));
  });
  return { child, training, ended };
}

/** @returns milliseconds of training, or null where it was killed before it was complete */
export async function runOnce(
  kind: Kind,
  folder: string,
  backend: EngineName,
  killAfter: number | null,
): Promise<number | null> {
  const { child, training, ended } = spawnRun(kind, folder, backend);
  let began = performance.now();
  void training.then(() => {
    began = performance.now();
    if (killAfter !== null) setTimeout(() => child.kill('SIGKILL'), killAfter);
  });
  const { code, signal, errors } = await ended;
  if (signal === 'SIGKILL') return null;
  if (code === 0) return performance.now() - began;
  throw new Error(`The run ended with ${code}:\n${errors}`);
}

export interface KilledRun {
  whole: string;
  killed: string;
  kills: number;
}

/** One run without interruption, and one that is killed `kills` times while it trains. */
export async function killAtRandom(
  kind: Kind,
  backend: EngineName,
  kills: number,
  random: Random,
  onKill: (kill: number) => void = () => {},
): Promise<KilledRun> {
  const whole = await mkdtemp(join(tmpdir(), 'whole-'));
  const killed = await mkdtemp(join(tmpdir(), 'killed-'));
  const duration = (await runOnce(kind, whole, backend, null))!;
  let done = 0;
  while (done < kills) {
    // A run that was complete before its kill is one kill less: it is begun anew.
    const ended = await runOnce(kind, killed, backend, random.uniform() * duration * 0.7);
    if (ended !== null) return { whole, killed, kills: done };
    onKill(++done);
  }
  await runOnce(kind, killed, backend, null);
  return { whole, killed, kills: done };
}

/** Log lines without what a clock or the system's memory says. */
export async function comparableLog(folder: string): Promise<TrainingLogLine[]> {
  const lines = await readLog(folder);
  return lines.map(
    (line) =>
      Object.fromEntries(
        Object.entries(line).filter(([name]) => !/_time$|seconds$|^memory/.test(name)),
      ) as TrainingLogLine,
  );
}

/** The hash of every file of a run that must be the same to the bit; null: it is not there. */
export async function comparableFiles(folder: string): Promise<Record<string, string | null>> {
  const names = [
    'adapter/adapter_model.safetensors',
    'adapter/adapter_config.json',
    'completions.jsonl',
    'gates.jsonl',
  ];
  const contents = await Promise.all(
    names.map((name) =>
      readFile(join(folder, name)).then(
        (bytes) => sha256(bytes),
        () => null,
      ),
    ),
  );
  return Object.fromEntries(names.map((name, i) => [name, contents[i]!]));
}

/** Largest difference of two runs' adapters, entry by entry. */
export async function adapterDistance(a: string, b: string): Promise<number> {
  const [one, two] = await Promise.all(
    [a, b].map((folder) => openSafetensors(join(folder, 'adapter/adapter_model.safetensors'))),
  );
  let largest = 0;
  for (const name of one!.names) {
    const [x, y] = [await one!.read(name), await two!.read(name)];
    x.forEach((value, i) => {
      largest = Math.max(largest, Math.abs(value - y[i]!));
    });
  }
  return largest;
}

/** What a run survives: kill -9, a full disk, a second process on its folder. */
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, readdir, readFile, rm, statfs, symlink, unlink, utimes, writeFile } from 'node:fs/promises';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { unattended } from '../../core/base/progress.ts';
import { Random } from '../../core/base/random.ts';
import { adapterTarget } from '../../core/models/network.ts';
import type { Runner } from '../../core/models/runner.ts';
import { createAdapter } from '../../core/peft/adapterFolder.ts';
import { parseTrainingConfig } from '../../core/training/config.ts';
import { type GrpoRun, trainGrpo } from '../../core/training/grpo.ts';
import { PAUSED } from '../../core/training/patience.ts';
import { type RunProgress, readLog, readRun } from '../../core/training/run.ts';
import { RunLock } from '../../core/training/runLock.ts';
import { type SftRun, trainSft } from '../../core/training/sft.ts';
import { comparableFiles, comparableLog, killAtRandom, spawnRun } from '../support/killing.ts';
import { mountSmallDisk } from '../support/smallDisk.ts';
import { loadTrainable } from '../support/tinyModel.ts';
import { readerExamples, TINY_READER } from '../support/tinyReader.ts';

const newFolder = () => mkdtemp(join(tmpdir(), 'never-lost-'));

async function shortRun(folder: string, changes: Partial<SftRun> = {}): Promise<SftRun> {
  const config = { epochs: 2, batchSize: 4, microBatch: 4, learningRate: 5e-3, rank: 2, alpha: 4, checkpointEvery: 2 };
  return {
    ...(await loadTrainable(TINY_READER, 'wasm')),
    examples: readerExamples(16, true),
    start: null,
    config: parseTrainingConfig('sft', config),
    folder,
    baseName: 'tiny-reader',
    now: new Date(0),
    work: unattended<RunProgress>(),
    ...changes,
  };
}

async function shortGrpo(folder: string): Promise<GrpoRun> {
  const loaded = await loadTrainable(TINY_READER, 'wasm');
  const config = {
    ...{
      promptsPerStep: 2,
      groupSize: 3,
      samplingBatch: 2,
      maxCompletionLength: 12,
      microBatch: 6,
      learningRate: 5e-3,
    },
    ...{ checkpointEvery: 1, temperature: 1, topP: 1, 'hard.minTokens': 0, samples: 8 },
  };
  return {
    ...loaded,
    runner: loaded.model,
    examples: readerExamples(8, true),
    start: createAdapter(adapterTarget(loaded.model), { r: 4, lora_alpha: 8 }, new Random(1)),
    config: parseTrainingConfig('grpo', config),
    folder,
    baseName: 'tiny-reader',
    now: new Date(0),
    work: unattended<RunProgress>(),
  };
}

describe('killed at random moments, and gone on with', () => {
  // scripts/kill.ts does it as often as one likes, and on tensorflow.
  for (const kind of ['sft', 'grpo'] as const) {
    it(`${kind}: the result is that of a run left alone, bit for bit`, async () => {
      const { whole, killed, kills } = await killAtRandom(kind, 'wasm', 2, new Random(`kill ${kind}`));
      expect(kills).toBeGreaterThan(0);
      const files = await comparableFiles(killed);
      expect(files['adapter/adapter_model.safetensors']).not.toBeNull();
      expect(files).toEqual(await comparableFiles(whole));
      expect(await comparableLog(killed)).toEqual(await comparableLog(whole));
      expect(await readRun(killed)).toMatchObject({ state: 'complete' });
      expect(existsSync(join(killed, 'lock.json'))).toBe(false);
    });
  }
});

describe('killed after its last step', () => {
  it('looks at the gates of the result again, and writes them once', async () => {
    const run = await shortRun(await newFolder());
    await trainSft(run);
    const gates = await readFile(join(run.folder, 'gates.jsonl'), 'utf8');
    await unlink(join(run.folder, 'adapter/adapter_model.safetensors'));
    await trainSft(run);
    expect(await readFile(join(run.folder, 'gates.jsonl'), 'utf8')).toBe(gates);
    expect(existsSync(join(run.folder, 'adapter/adapter_model.safetensors'))).toBe(true);
  });
});

describe('stopped between two checkpoints', () => {
  it('a run goes on from the very step', async () => {
    const folder = await newFolder();
    const controller = new AbortController();
    const work = { signal: controller.signal, report: ({ done }: RunProgress) => done === 3 && controller.abort() };
    const run = await shortRun(folder);
    const config = { ...run.config, checkpointEvery: 100 };
    await expect(trainSft({ ...run, config, work })).rejects.toMatchObject({ code: 'CANCELLED' });
    expect(existsSync(join(folder, 'checkpoints/step-00000003/trainer_state.json'))).toBe(true);
  });
});

describe('the disk is full', () => {
  // /dev/full says so to every writer; elsewhere there is no disk to fill without harm.
  it.skipIf(!existsSync('/dev/full'))('a run pauses, says why, and goes on when there is room', async () => {
    const folder = await newFolder();
    await symlink('/dev/full', join(folder, 'log.jsonl'));
    const stages: string[] = [];
    let state: unknown = null;
    const report = ({ stage }: RunProgress) => {
      if (stages[stages.length - 1] !== stage) stages.push(stage);
      if (stage === PAUSED)
        setTimeout(async () => {
          state = await readRun(folder);
          await unlink(join(folder, 'log.jsonl'));
        }, 200);
    };
    const run = await shortRun(folder, { work: { signal: new AbortController().signal, report } });
    await trainSft({ ...run, diskWaitMs: 50 });
    expect(stages.slice(0, 2)).toEqual([PAUSED, expect.stringContaining('SFT')]);
    expect(state).toMatchObject({ state: 'paused', error: { code: 'DISK_FULL' } });
    expect((await readLog(folder)).filter((line) => 'loss' in line).map(({ step }) => step)).toEqual([
      1, 2, 3, 4, 5, 6, 7, 8,
    ]);
    expect(await readRun(folder)).toMatchObject({ state: 'complete', error: null });
  });

  it.skipIf(!existsSync('/dev/full'))('a paused run can be stopped', async () => {
    const folder = await newFolder();
    await symlink('/dev/full', join(folder, 'log.jsonl'));
    const controller = new AbortController();
    const report = ({ stage }: RunProgress) => stage === PAUSED && controller.abort();
    const run = await shortRun(folder, { work: { signal: controller.signal, report } });
    await expect(trainSft(run)).rejects.toMatchObject({ code: 'CANCELLED' });
    expect(await readRun(folder)).toMatchObject({ state: 'stopped' });
  });
});

const disk = mountSmallDisk(3 * 2 ** 20);
afterAll(() => disk?.remove());

// Only root mounts a disk; the other tests of a full disk run for everybody.
describe.skipIf(disk === null)('a real disk that is full when a checkpoint is written', () => {
  /** Leaves so little room that a checkpoint does not fit; makes room when the run has said that it waits. */
  async function fillUp(folder: string) {
    const filler = join(disk!.path, 'filler');
    const { bavail, bsize } = await statfs(disk!.path);
    await writeFile(filler, new Uint8Array(bavail * bsize - 40_000));
    const pauses: { state: unknown; checkpoints: string[] }[] = [];
    const report = ({ stage }: RunProgress) => {
      if (stage !== PAUSED) return;
      const seen = Promise.all([readRun(folder), readdir(join(folder, 'checkpoints')).catch(() => [])]);
      void seen
        .then(([state, checkpoints]) => pauses.push({ state, checkpoints }))
        .then(() => rm(filler, { force: true }));
    };
    return { pauses, work: { signal: new AbortController().signal, report } };
  }

  it('sft: the run waits, goes on when there is room, and equals one that never waited, bit for bit', async () => {
    const whole = await shortRun(await newFolder());
    await trainSft(whole);
    const folder = await mkdtemp(join(disk!.path, 'run-'));
    const { pauses, work } = await fillUp(folder);
    await trainSft({ ...(await shortRun(folder)), work, diskWaitMs: 50 });
    expect(pauses.length).toBeGreaterThan(0);
    // No half checkpoint is ever named as a whole one.
    for (const { checkpoints } of pauses) expect(checkpoints.filter((name) => name.startsWith('step-'))).toEqual([]);
    expect(await comparableFiles(folder)).toEqual(await comparableFiles(whole.folder));
    expect(await comparableLog(folder)).toEqual(await comparableLog(whole.folder));
    expect(await readRun(folder)).toMatchObject({ state: 'complete', error: null });
    await rm(folder, { recursive: true });
  });

  it('grpo: the same, with what its rollouts drew', async () => {
    const whole = await shortGrpo(await newFolder());
    await trainGrpo(whole);
    const folder = await mkdtemp(join(disk!.path, 'run-'));
    const { pauses, work } = await fillUp(folder);
    await trainGrpo({ ...(await shortGrpo(folder)), work });
    expect(pauses.length).toBeGreaterThan(0);
    expect(await comparableFiles(folder)).toEqual(await comparableFiles(whole.folder));
    expect(await comparableLog(folder)).toEqual(await comparableLog(whole.folder));
    await rm(folder, { recursive: true });
  });
});

describe('stopped while completions are drawn', () => {
  /** The runner, counting the batches that it begins; `after` so many it calls `stop`. */
  function counting(runner: Runner, stop: () => void = () => {}, after = Number.POSITIVE_INFINITY) {
    const count = { begun: 0 };
    const forward: Runner['forward'] = (input) => {
      if (!input.cache && ++count.begun === after) stop();
      return runner.forward(input);
    };
    const counted = new Proxy(runner, {
      get: (target, name) => {
        const value = name === 'forward' ? forward : Reflect.get(target, name);
        return typeof value === 'function' ? value.bind(target) : value;
      },
    });
    return { count, runner: counted };
  }

  it('what was drawn is kept and not drawn again; the run comes to the same end', async () => {
    const whole = await shortGrpo(await newFolder());
    const all = counting(whole.runner);
    await trainGrpo({ ...whole, runner: all.runner });
    const folder = await newFolder();
    const controller = new AbortController();
    const first = await shortGrpo(folder);
    // In the second of the second rollout's three batches.
    const stopped = counting(first.runner, () => controller.abort(), 5);
    const work = { signal: controller.signal, report: () => {} };
    await expect(trainGrpo({ ...first, runner: stopped.runner, work })).rejects.toMatchObject({ code: 'CANCELLED' });
    const kept = await readFile(join(folder, 'rollouts/rollout-00000001.json'), 'utf8');
    expect(JSON.parse(kept).completions).toHaveLength(2);
    const rest = await shortGrpo(folder);
    const resumed = counting(rest.runner);
    await trainGrpo({ ...rest, runner: resumed.runner });
    // The batch that was stopped is begun twice, and no other.
    expect(stopped.count.begun + resumed.count.begun).toBe(all.count.begun + 1);
    expect(await comparableFiles(folder)).toEqual(await comparableFiles(whole.folder));
    expect(await comparableLog(folder)).toEqual(await comparableLog(whole.folder));
  });
});

describe('a second process on the same folder', () => {
  it('is refused while the first one trains, and goes on when that was killed', async () => {
    const folder = await newFolder();
    const first = spawnRun('sft', folder, 'wasm');
    await first.training;
    while (!existsSync(join(folder, 'checkpoints'))) await new Promise((resolve) => setTimeout(resolve, 10));
    const second = spawnRun('sft', folder, 'wasm');
    expect((await second.ended).errors).toContain('A run is going on in this folder already.');
    expect(first.child.exitCode).toBeNull();
    first.child.kill('SIGKILL');
    await first.ended;
    expect(existsSync(join(folder, 'lock.json'))).toBe(true);
    expect((await spawnRun('sft', folder, 'wasm').ended).code).toBe(0);
    expect(await readRun(folder)).toMatchObject({ state: 'complete' });
  });
});

describe('the lock of a run’s folder', () => {
  it('refuses a second run, here and from another process', async () => {
    const folder = await newFolder();
    const file = join(folder, 'lock.json');
    const lock = await RunLock.take(file);
    const refused = { code: 'TRAINING_LOCKED', details: { processId: process.pid } };
    await expect(RunLock.take(file)).rejects.toMatchObject(refused);
    await expect(trainSft(await shortRun(folder))).rejects.toMatchObject(refused);
    expect(existsSync(join(folder, 'state.json'))).toBe(false);
    await lock.release();
    expect(existsSync(file)).toBe(false);
    await (await RunLock.take(file)).release();
  });

  it('of a process that is gone does not count', async () => {
    const file = join(await newFolder(), 'lock.json');
    const gone = spawn(process.execPath, ['-e', '']);
    await new Promise((resolve) => gone.on('close', resolve));
    const holder = { processId: gone.pid, host: hostname(), began: null, token: 'x' };
    await writeFile(file, JSON.stringify(holder));
    await (await RunLock.take(file)).release();
  });

  it.skipIf(!existsSync('/proc/self/stat'))('of a process whose id another one has now does not count', async () => {
    const file = join(await newFolder(), 'lock.json');
    const holder = { processId: process.pid, host: hostname(), began: 'an earlier boot 17', token: 'x' };
    await writeFile(file, JSON.stringify(holder));
    const lock = await RunLock.take(file);
    expect(JSON.parse(await readFile(file, 'utf8'))).toMatchObject({ processId: process.pid });
    await lock.release();
  });

  it('that is no lock, as a crash may leave it, does not count', async () => {
    const file = join(await newFolder(), 'lock.json');
    await writeFile(file, '{"processId":');
    await (await RunLock.take(file)).release();
  });

  it('of another machine counts while it gives signs', async () => {
    const file = join(await newFolder(), 'lock.json');
    await writeFile(file, JSON.stringify({ processId: 1, host: 'elsewhere', began: null, token: 'x' }));
    await expect(RunLock.take(file)).rejects.toMatchObject({ code: 'TRAINING_LOCKED', details: { host: 'elsewhere' } });
    const longAgo = new Date(Date.now() - 3_600_000);
    await utimes(file, longAgo, longAgo);
    await (await RunLock.take(file)).release();
  });

  it('is one process’s, however many want it at once', async () => {
    const file = join(await newFolder(), 'lock.json');
    await writeFile(file, JSON.stringify({ processId: 2 ** 30, host: hostname(), began: null, token: 'x' }));
    const taken = await Promise.allSettled(Array.from({ length: 8 }, () => RunLock.take(file)));
    const locks = taken.flatMap((result) => (result.status === 'fulfilled' ? [result.value] : []));
    expect(locks).toHaveLength(1);
    await locks[0]!.release();
  });
});

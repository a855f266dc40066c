/** What a run survives: kill -9, a full disk, a second process on its folder. */
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, readFile, symlink, unlink, utimes, writeFile } from 'node:fs/promises';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { unattended } from '../../core/base/progress.ts';
import { Random } from '../../core/base/random.ts';
import { parseTrainingConfig } from '../../core/training/config.ts';
import { PAUSED, type RunProgress, readLog, readRun } from '../../core/training/run.ts';
import { RunLock } from '../../core/training/runLock.ts';
import { type SftRun, trainSft } from '../../core/training/sft.ts';
import { comparableFiles, comparableLog, killAtRandom } from '../support/killing.ts';
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

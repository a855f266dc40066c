/** The experiment on a disk that is full for a while: the base's first cell waits, says so, and goes on. */
import { statfsSync, writeFileSync } from 'node:fs';
import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import type { Progress } from '../../core/base/progress.ts';
import { SIZES, WORLDS } from '../../core/experiment/plan.ts';
import { smallPretraining } from '../../core/experiment/pretraining/stages.ts';
import { readDone, runCells } from '../../core/experiment/run.ts';
import { PAUSED } from '../../core/training/patience.ts';
import { root } from '../support/command.ts';
import { mountSmallDisk } from '../support/smallDisk.ts';

const disk = mountSmallDisk(40 * 2 ** 20);
afterAll(() => disk?.remove());

// Only root mounts a disk.
describe.skipIf(disk === null)('a real disk without room for the weights', () => {
  it('pauses the cell, which then ends as one that never waited', async () => {
    const run = async (folder: string, report: (progress: Progress) => void) => {
      const base = smallPretraining(8, 2);
      const sizes = { ...SIZES, test: 2, validation: 2 };
      const options = { folder, base, resources: join(root, 'resources'), worlds: WORLDS, seeds: 1, sizes, cells: 1 };
      await runCells({ ...options, diskWaitMs: 50 }, { signal: new AbortController().signal, report });
      expect(await readDone(folder, 'pretrain-vision')).toMatchObject({ seconds: expect.any(Number) });
      return readFile(join(folder, 'cells/pretrain-vision/model/model.safetensors'));
    };
    const whole = await run(join(disk!.path, 'whole'), () => {});

    const filler = join(disk!.path, 'filler');
    const { bavail, bsize } = statfsSync(disk!.path);
    writeFileSync(filler, new Uint8Array(bavail * bsize - 2 ** 20));
    const stages: string[] = [];
    const waited = await run(join(disk!.path, 'waited'), ({ stage }) => {
      stages.push(stage);
      if (stage.endsWith(PAUSED)) void rm(filler, { force: true });
    });
    expect(stages).toContainEqual(expect.stringContaining(`pretrain-vision: ${PAUSED}`));
    expect(waited.equals(whole)).toBe(true);
  });
});

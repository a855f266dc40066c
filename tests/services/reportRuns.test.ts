/** What the report says of a checkpoint's training run: found beside it, and what a reader must know of its choice. */
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { concernsOf, runOf } from '../../core/services/reportRuns.ts';

let run: string;

const HEADER = {
  ...{ kind: 'grpo', createdAt: '2026-11-28T09:00:00.000Z', executor: 'tfjs wasm', startHash: 'ab', departures: [] },
  ...{ config: { keep: 'probe-target' }, data: { examples: 12, hash: 'cd' } },
};

beforeAll(async () => {
  run = await mkdtemp(join(tmpdir(), 'report-run-'));
  await mkdir(join(run, 'adapter'));
  await writeFile(join(run, 'config.json'), JSON.stringify(HEADER));
  await writeFile(join(run, 'run.json'), JSON.stringify({ datasetId: 'm' }));
  await writeFile(join(run, 'log.jsonl'), '{"step":1,"loss":0.5}\n');
});
afterAll(() => rm(run, { recursive: true, force: true }));

const withState = async (chosen: object) => {
  await writeFile(join(run, 'state.json'), JSON.stringify({ state: 'complete', steps: 9, totalSteps: 9, chosen }));
  return runOf('grpo', join(run, 'adapter'));
};
const SETS = [
  { id: 'a', name: 'Phantom a' },
  { id: 'b', name: 'Phantom b' },
];

describe('the run of a checkpoint', () => {
  it('is found above its adapter folder, with its log and its data', async () => {
    expect(await withState({ on: 'last', step: 9, value: null })).toMatchObject({
      ...{ checkpointId: 'grpo', kind: 'grpo', examples: 12, datasetId: 'm', log: [{ step: 1, loss: 0.5 }] },
      ...{ chosen: { on: 'last', step: 9 } },
    });
    expect(await runOf('base', run.replace(/.$/, '-nothing'))).toBeNull();
  });

  it('is marked where its step was chosen on films of the other institution, and only there', async () => {
    const target = await withState({ on: 'probe-target', step: 6, value: 0.3 });
    expect(concernsOf(target, '', SETS)).toEqual([
      expect.stringMatching(/step \(6\) was chosen on films of the other/),
    ]);
    for (const on of ['last', 'validation', 'probe-source']) {
      expect(concernsOf(await withState({ on, step: 6, value: 0.3 }), '', SETS)).toEqual([]);
    }
  });

  it('and where only the card says so, as of a checkpoint that came without its run', () => {
    expect(concernsOf(null, '', SETS, 'probe-target')).toEqual([expect.stringContaining('its step was chosen on')]);
    expect(concernsOf(null, '', SETS, 'validation')).toEqual([]);
  });

  it('is marked where it learned from a set that is evaluated', async () => {
    const state = await withState({ on: 'last', step: 9, value: null });
    expect(concernsOf(state, '', [...SETS, { id: 'm', name: 'Phantom m' }])).toEqual([
      expect.stringContaining('trained on Phantom m, which is evaluated here'),
    ]);
  });
});

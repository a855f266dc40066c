/** Long work goes on after its process was killed, and what was opened is remembered. The real engine, in a process of its own. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { EngineEvent, JobInfo } from '../../core/services/contract.ts';
import { type EngineChild, startEngineChild } from '../../main/engine/child.ts';
import { root } from '../support/command.ts';
import { makeJobWorkspace } from '../support/jobWorkspace.ts';

const program = join(root, 'main/engine/engine.ts');
const folder = mkdtempSync(join(tmpdir(), 'go-on-'));
let workspace: string;
let dicom: string;
const started: EngineChild[] = [];

beforeAll(async () => {
  ({ workspace, dicom } = await makeJobWorkspace(folder));
});
// An engine that still lives would take up the work of the next test's.
afterEach(() => {
  for (const child of started.splice(0)) child.stop();
});
afterAll(() => {
  rmSync(folder, { recursive: true, force: true });
});

function start(): EngineChild {
  const places = { resourcesDir: join(root, 'resources'), userDir: join(folder, 'home') };
  const child = startEngineChild(program, { ...places, workspace }, ['--import', 'tsx']);
  started.push(child);
  return child;
}

/** Resolves with the first job of this kind that fits. */
function jobOf({ engine }: EngineChild, kind: JobInfo['kind'], fits: (job: JobInfo) => boolean): Promise<JobInfo> {
  return new Promise((resolve) => {
    const look = (event: EngineEvent) => {
      const job = event.type === 'jobs' ? event.jobs.find((each) => each.kind === kind && fits(each)) : undefined;
      if (!job) return;
      stop();
      resolve(job);
    };
    const stop = engine.onEvent(look);
  });
}

const entries = () => JSON.parse(readFileSync(join(workspace, 'jobs.json'), 'utf8')) as object[];

describe('the engine', () => {
  it('lets an evaluation go on that was under way when it was killed', async () => {
    const child = start();
    const collections = await child.engine.call('collections.list', {});
    const [source, target] = ['source', 'target'].map((role) => collections.find((each) => each.role === role)!.id);
    const checkpointIds = (await child.engine.call('checkpoints.list', {})).map(({ id }) => id);
    const params = { sourceDatasetId: source!, targetDatasetId: target!, checkpointIds, limit: null };
    const first = child.pid();
    // Killed as soon as there is an answer.
    const killed = new Promise<void>((resolve) => {
      const onProgress = ({ done }: { done: number }) => {
        if (done === 0 || child.pid() !== first) return;
        process.kill(first!, 'SIGKILL');
        resolve();
      };
      child.engine.call('evaluations.run', params, { onProgress }).catch(() => {});
    });
    await killed;
    const finished = await jobOf(child, 'evaluate', ({ state }) => state === 'done' || state === 'failed');
    expect(finished.error).toBeNull();
    expect(child.pid()).not.toBe(first);
    const [evaluation] = await child.engine.call('evaluations.list', {});
    expect(evaluation).toMatchObject({ state: 'complete', done: evaluation!.total });
    expect(entries()).toEqual([]);
  });

  it('takes a paused evaluation up paused after a kill, and reads on when it is resumed', async () => {
    const child = start();
    const { engine } = child;
    const collections = await engine.call('collections.list', {});
    const [source, target] = ['source', 'target'].map((role) => collections.find((each) => each.role === role)!.id);
    const checkpointIds = (await engine.call('checkpoints.list', {})).map(({ id }) => id);
    // Another prompt: none of these answers is there yet.
    const params = {
      sourceDatasetId: source!,
      targetDatasetId: target!,
      checkpointIds,
      limit: 2,
      promptId: 'only-label',
    };
    const isPaused = ({ state }: JobInfo) => state === 'paused';
    const pausing = jobOf(child, 'evaluate', isPaused);
    const asked = jobOf(child, 'evaluate', ({ state }) => state === 'running');
    engine.call('evaluations.run', params).catch(() => {});
    await engine.call('jobs.pause', { jobId: (await asked).id });
    const paused = await pausing;
    const shown = async () => (await engine.call('evaluations.list', {})).find(({ limit }) => limit === 2)!;
    expect(await shown()).toMatchObject({ state: 'paused' });
    const { done, total } = await shown();
    expect(done).toBeLessThan(total);

    const first = child.pid();
    await expect.poll(() => JSON.stringify(entries())).toContain('"paused"');
    process.kill(first!, 'SIGKILL');
    // As the page does, which asks after a restart: the engine has it before anybody listens.
    const listed = async () => (child.pid() === first ? [] : await engine.call('jobs.list', {}).catch(() => []));
    await expect.poll(async () => (await listed()).filter(isPaused).length).toBe(1);
    const { id, progress } = (await listed()).find(isPaused)!;
    expect(progress).toEqual(paused.progress);
    expect(await shown()).toMatchObject({ state: 'paused', done });
    await engine.call('jobs.resume', { jobId: id });
    await expect.poll(async () => (await shown()).done).toBe(total);
    // Its intervals are another test's.
    await engine.call('jobs.cancel', { jobId: id });
    await expect.poll(async () => (await listed()).map(({ state }) => state).join()).toMatch(/^(cancelled|done)$/);
    expect(await shown()).toMatchObject({ state: 'complete', done: total });
    expect(entries()).toEqual([]);
  });

  it('remembers what was opened, newest first, until it is told to forget', async () => {
    const { engine } = start();
    await engine.call('films.add', { paths: [dicom] });
    await engine.call('workspace.open', { path: workspace });
    const paths = (await engine.call('recent.list', {})).map(({ kind, path }) => [kind, path]);
    expect(paths.slice(0, 2)).toEqual([
      ['workspace', workspace],
      ['films', dicom],
    ]);
    await engine.call('recent.clear', {});
    expect(await engine.call('recent.list', {})).toEqual([]);
  });
});

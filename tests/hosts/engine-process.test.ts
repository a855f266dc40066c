/** The life of the engine process: a crash costs the requests under way, not the host. */
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import type { EngineEvent } from '../../core/services/contract.ts';
import { type EngineChild, startEngineChild } from '../../main/engine/child.ts';
import { restartDelay } from '../../main/engine/supervisor.ts';

const program = join(import.meta.dirname, 'programs/small-engine.ts');
const places = { resourcesDir: '/r', userDir: '/u' };
const started: EngineChild[] = [];

afterEach(() => {
  for (const child of started.splice(0)) child.stop();
});

function start(workspace?: string): EngineChild {
  const child = startEngineChild(program, { ...places, workspace }, ['--import', 'tsx']);
  started.push(child);
  return child;
}

interface Answer {
  processId: number;
  pixels: Uint16Array;
  args: object;
}

describe('an engine in a child process', () => {
  it('runs apart from its host and answers with typed arrays', async () => {
    const { engine, pid } = start('w');
    const answer = (await engine.call('app.state', {})) as unknown as Answer;
    expect(answer.processId).toBe(pid());
    expect(answer.processId).not.toBe(process.pid);
    expect(answer.pixels).toEqual(new Uint16Array([1, 4095]));
    expect(answer.args).toEqual({ ...places, workspace: 'w' });
  });

  it('is started again after a crash: what was under way fails, what comes after is answered', async () => {
    const { engine } = start();
    const first = (await engine.call('app.state', {})) as unknown as Answer;
    const events: EngineEvent[] = [];
    engine.onEvent((event) => events.push(event));
    const underWay = engine.call('prompts.list', {});
    const fatal = engine.call('jobs.list', {});
    await expect(underWay).rejects.toMatchObject({ code: 'ENGINE_CRASHED' });
    await expect(fatal).rejects.toMatchObject({ code: 'ENGINE_CRASHED', details: { reason: 'ended with status 7' } });
    const second = (await engine.call('app.state', {})) as unknown as Answer;
    expect(second.processId).not.toBe(first.processId);
    expect(events).toEqual([{ type: 'engine-restarted', reason: 'ended with status 7' }]);
  });

  it('is started again after a signal too', async () => {
    const { engine, pid } = start();
    await engine.call('app.state', {});
    process.kill(pid()!, 'SIGKILL');
    await expect(engine.call('prompts.list', {})).rejects.toMatchObject({ details: { reason: 'killed by SIGKILL' } });
    expect(((await engine.call('app.state', {})) as unknown as Answer).processId).toBe(pid());
  });

  it('answers with its own error where it cannot start', async () => {
    const { engine } = start('broken');
    await expect(engine.call('app.state', {})).rejects.toMatchObject({ code: 'WORKSPACE_FORMAT' });
  });

  it('is restarted at growing intervals while it keeps failing', () => {
    expect([0, 1, 2, 3, 20].map(restartDelay)).toEqual([0, 250, 500, 1000, 30_000]);
  });
});

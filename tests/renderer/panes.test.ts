/** Films in their viewports, in the stores: what stands where while another film is being opened. */
import { describe, expect, it } from 'vitest';
import type { FilmView, HostBridge } from '../../core/services/contract.ts';
import { createWorkbench } from '../../renderer/state/workbench.ts';
import { fixtureEngine } from './support/engine.ts';
import type { Handlers } from './support/fixture.ts';

const settled = () => new Promise((resolve) => setTimeout(resolve, 20));

/** A workbench whose films are opened when the test says so. */
async function started(changed: Handlers = {}) {
  const engine = fixtureEngine();
  const waiting = new Map<string, () => void>();
  let held = false;
  const handlers: Handlers = {
    'films.open': async (params, call) => {
      if (held) await new Promise<void>((resolve) => waiting.set(params.filmId, resolve));
      return (await engine.call('films.open', params, { signal: call.signal })) as FilmView;
    },
    ...changed,
  };
  const bridge = { engine: fixtureEngine(handlers), host: 'browser', dialogs: false } as unknown as HostBridge;
  const workbench = createWorkbench(bridge);
  workbench.start();
  await settled();
  const release = async (filmId: string) => {
    waiting.get(filmId)?.();
    await settled();
  };
  return { ...workbench, release, hold: () => (held = true) };
}

describe('A viewport', () => {
  it('shows nothing of the last patient while the next one’s film is decoded', async () => {
    const { library, panes, hold, release } = await started();
    const [pane] = panes.all;
    library.select('a0');
    await settled();
    const first = pane!.display.store.getState().film;
    expect(first).not.toBeNull();
    hold();
    library.select('b0');
    expect(pane!.display.store.getState().film).toBeNull();
    expect(pane!.marks.store.getState().annotations).toEqual([]);
    expect(pane!.store.getState()).toMatchObject({ entry: { id: 'b0' }, film: { state: 'loading' } });
    await release('b0');
    expect(pane!.display.store.getState().film).not.toBeNull();
    expect(pane!.display.store.getState().film).not.toBe(first);
  });

  it('beside it drops a film of another patient at once, and keeps the same patient’s', async () => {
    const { library, panes, hold, release } = await started();
    // a2 and a3 are of one patient; a0 is of another.
    library.select('a3');
    panes.setLayout(2);
    await settled();
    const beside = panes.all[1]!;
    expect(beside.store.getState().entry?.id).toBe('a2');
    hold();
    library.select('a0');
    expect(beside.display.store.getState().film).toBeNull();
    expect(beside.store.getState().entry).toBeNull();
    await release('a0');
    expect(beside.store.getState()).toMatchObject({ entry: null, film: { state: 'none' } });
  });

  it('shows what the model receives of its own film', async () => {
    const asked: string[] = [];
    const { library, panes, reading } = await started({
      'films.modelView': ({ filmId }) => {
        asked.push(filmId);
        return { width: 1, height: 1, gray: Uint8Array.of(asked.length), preprocessing: filmId };
      },
    });
    library.select('a3');
    panes.setLayout(2);
    await settled();
    expect(asked).toEqual([]);
    reading.toggleModel();
    await settled();
    const shown = (at: number) => {
      const { model } = panes.all[at]!.store.getState();
      return model.state === 'ready' ? model.value.preprocessing : model.state;
    };
    expect([shown(0), shown(1)]).toEqual(['a3', 'a2']);
    expect(asked.sort()).toEqual(['a2', 'a3']);
    library.select('a0');
    expect(shown(0)).not.toBe('a3');
    await settled();
    expect([shown(0), shown(1)]).toEqual(['a0', 'none']);
  });
});

/** The stores of the screens on the fixture's engine, without a window. */
import { describe, expect, it } from 'vitest';
import { WorkbenchError } from '../../core/base/errors.ts';
import type { FilmPreview } from '../../core/dicom/film.ts';
import type { FilmEntry, FilmView, HostBridge, JobInfo } from '../../core/services/contract.ts';
import { answerOf } from '../../renderer/state/reading.ts';
import { createWorkbench } from '../../renderer/state/workbench.ts';
import { fixtureEngine } from './support/engine.ts';
import { type FixtureEngine, type Handlers, pause } from './support/fixture.ts';
import { CHECKPOINTS } from './support/models.ts';
import { COLLECTIONS } from './support/studies.ts';

function bridgeTo(engine: FixtureEngine): HostBridge {
  return {
    host: 'browser',
    dialogs: false,
    engine,
    pickFiles: async () => [],
    pickFolder: async () => null,
    pickSavePath: async () => null,
    pathsOfDrop: async () => [],
    reveal: async () => {},
    setZoom: async () => {},
    keepKey: async () => false,
    restoreKey: async () => false,
  };
}

async function started(changed: Handlers = {}) {
  const engine = fixtureEngine(changed);
  const workbench = createWorkbench(bridgeTo(engine));
  workbench.start();
  await settled();
  return { engine, ...workbench };
}

const ENTRY = {
  collectionId: 'a',
  path: '/x.dcm',
  studyInstanceUid: '1.2',
  warnings: [],
  cautions: [],
} as unknown as FilmEntry;

const PREVIEW: FilmPreview = {
  rows: 400,
  columns: 400,
  spacing: null,
  modality: { kind: 'identity' },
  voi: [{ kind: 'minmax', minimum: 0, maximum: 255 }],
  inverse: false,
  padding: null,
  factor: 2,
  small: { rows: 200, columns: 200, pixels: new Uint16Array(40_000) },
};

const settled = () => new Promise((resolve) => setTimeout(resolve, 20));
const never = new AbortController().signal;

const job = (state: JobInfo['state']): JobInfo => ({
  id: 'job-1',
  kind: 'scan',
  title: 'Making the built-in films',
  state,
  progress: null,
  error: null,
  startedAt: '2026-11-23T09:00:00.000Z',
});

describe('Work under way', () => {
  it('that ends while the window is still asking is not shown as running', async () => {
    const { engine, frame } = await started({
      'jobs.list': () => [job('running')],
      // The state of the application comes last, as where an engine has to be opened first.
      'app.state': async () => {
        await pause(40, never);
        throw new WorkbenchError('LATE', 'Late.');
      },
    });
    engine.emit({ type: 'jobs', jobs: [job('done')] });
    await pause(80, never);
    expect(frame.store.getState().jobs).toEqual([job('done')]);
  });
});

describe('Reading', () => {
  it('shows the film that was chosen last, whichever is decoded first', async () => {
    const waits: Record<string, number> = { a1: 60, a2: 5 };
    const fixture = fixtureEngine();
    const { library, reading } = await started({
      'films.open': async ({ filmId }, { signal }) => {
        await new Promise((resolve) => setTimeout(resolve, waits[filmId] ?? 0));
        return fixture.call('films.open', { filmId }, { signal });
      },
    });
    library.select('a1');
    library.select('a2');
    await pause(120, never);
    const { film } = reading.store.getState();
    expect(film.state === 'ready' && film.value.entry.id).toBe('a2');
  });

  it('shows a film in small until it is there, and never that of another film', async () => {
    const fixture = fixtureEngine();
    const steps: Record<string, (() => void)[]> = { a0: [], a1: [], a2: [] };
    const step = (filmId: string) => new Promise<void>((resolve) => steps[filmId].push(resolve));
    const go = async (filmId: string) => {
      steps[filmId].shift()?.();
      await settled();
    };
    const { library, panes, display } = await started({
      'films.open': async ({ filmId }, { signal, progress }) => {
        await step(filmId);
        progress({ stage: '', done: 0, total: 1, preview: { ...PREVIEW, rows: filmId === 'a1' ? 111 : 222 } });
        await step(filmId);
        return fixture.call('films.open', { filmId }, { signal });
      },
    });
    library.select('a1');
    library.select('a2');
    await go('a2');
    await go('a1');
    const seen = display.store.getState();
    expect(seen).toMatchObject({ film: null, preview: { rows: 222 }, presetId: 'file-0', voi: PREVIEW.voi[0] });
    const [pane] = panes.all;
    expect([pane.store.getState().film.state, pane.marks.store.getState().film]).toEqual(['loading', null]);
    await go('a1');
    await go('a2');
    const { film, preview } = display.store.getState();
    expect([pane.store.getState().entry?.id, film !== null, preview]).toEqual(['a2', true, null]);
  });

  it('keeps writing an answer when the reader goes on, and finds it on return', async () => {
    const { library, reading } = await started();
    void reading.ask('grpo');
    library.select('a1');
    await settled();
    expect(answerOf(reading.store.getState(), 'grpo').state).toBe('none');
    library.select('a0');
    await settled();
    expect(answerOf(reading.store.getState(), 'grpo').state).toBe('asking');
    await pause(1500, never);
    expect(answerOf(reading.store.getState(), 'grpo').state).toBe('answered');
  });

  it('asks a checkpoint once, however often it is told to', async () => {
    const { engine, reading } = await started();
    void reading.ask('grpo');
    reading.askActive();
    void reading.askAll();
    await settled();
    expect(engine.calls.filter((call) => call.method === 'predictions.generate')).toHaveLength(1);
  });

  it('asks again, says whether the answer is the same, and keeps the stored one', async () => {
    const fixture = fixtureEngine();
    let token = 7;
    const { engine, reading } = await started({
      'predictions.generate': async (params, { signal }) => {
        const answer = await fixture.call('predictions.generate', params, { signal });
        return { ...answer, tokenIds: [5, token, 9] };
      },
    });
    await reading.askAgain();
    const asked = () =>
      engine.calls.filter(({ method }) => method === 'predictions.generate').map(({ params }) => params);
    expect(asked(), 'there is nothing to repeat').toEqual([]);
    await reading.ask('grpo');
    const stored = reading.store.getState().predictions['grpo'];
    await reading.askAgain();
    expect(asked()[1]).toMatchObject({ checkpointId: 'grpo', again: true });
    expect(reading.store.getState().repeats['grpo']).toMatchObject({ differsAt: null });
    token = 8;
    await reading.askAgain();
    expect(reading.store.getState().repeats['grpo']).toMatchObject({ differsAt: 2 });
    expect(reading.store.getState().predictions['grpo']).toBe(stored);
  });

  it('asks the person before a film that the checkpoints were not made for, and then no more', async () => {
    const { engine, library, reading } = await started();
    const generated = () => engine.calls.filter((call) => call.method === 'predictions.generate').length;
    library.select('linear');
    await settled();
    void reading.askAll();
    await settled();
    expect(reading.store.getState().doubt).toMatchObject({ filmId: 'linear', cautions: ['view-unknown'] });
    await reading.decide(false);
    expect([generated(), reading.store.getState().doubt]).toEqual([0, null]);
    void reading.ask('grpo');
    void reading.decide(true);
    await settled();
    expect(generated()).toBe(1);
    // Once decided, the film is read without a question.
    void reading.ask('sft');
    await settled();
    expect([generated(), reading.store.getState().doubt]).toEqual([2, null]);
  });

  it('says what went wrong in the place of the answer, and asks again', async () => {
    const { reading } = await started({
      'predictions.generate': () => {
        throw new WorkbenchError('OUT_OF_MEMORY', 'The memory is full.', {}, 'Close other programs.');
      },
    });
    await reading.ask('grpo');
    expect(answerOf(reading.store.getState(), 'grpo')).toMatchObject({
      state: 'failed',
      error: { code: 'OUT_OF_MEMORY', remedy: 'Close other programs.' },
    });
  });

  it('shows what the file says again after a film that was changed by hand', async () => {
    const { library, display } = await started();
    display.invert();
    display.rotate(90);
    display.setScale(3);
    library.select('a1');
    await settled();
    expect(display.store.getState()).toMatchObject({ invert: false, rotation: 0, scale: null, presetId: 'file-0' });
  });

  it('keeps only a few films in memory', async () => {
    const opened: string[] = [];
    const fixture = fixtureEngine();
    const { library } = await started({
      'films.open': async (params): Promise<FilmView> => {
        opened.push(params.filmId);
        return fixture.call('films.open', params);
      },
    });
    for (const id of ['a1', 'a2', 'a3', 'a4', 'a0', 'a4']) {
      library.select(id);
      await settled();
    }
    expect(opened).toEqual(['a0', 'a1', 'a2', 'a3', 'a4', 'a0']);
  });
});

describe('A film that was opened with the program', () => {
  it('is shown, whatever was shown the last time', async () => {
    const place = {
      workspace: '/workspace',
      screen: 'evaluate',
      filmId: 'a3',
      checkpointId: null,
      layout: 1,
      shown: {},
    };
    const fixture = fixtureEngine();
    const engine = fixtureEngine({
      'settings.get': () => ({ place: JSON.stringify(place) }),
      'films.add': async (_, { progress }) => {
        const films = await fixture.call('films.list', {});
        progress({ stage: '', done: 1, total: null, found: films.filter(({ id }) => id === 'b1') });
        return {
          patients: 1,
          studies: 1,
          series: 1,
          instances: 1,
          rejected: [],
          rejectedByCode: {},
          unchanged: 0,
          seconds: 0,
        };
      },
    });
    const workbench = createWorkbench(bridgeTo(engine));
    workbench.start();
    void workbench.openPaths(['/films/b1.dcm']);
    await pause(200, never);
    expect(workbench.library.store.getState().currentId).toBe('b1');
    expect(workbench.frame.store.getState().screen).toBe('read');
  });

  it('stays at it where the list that comes meanwhile was read before the film was found', async () => {
    const found = { ...ENTRY, id: 'new' };
    const old = await fixtureEngine().call('films.list', {});
    let listed = () => {};
    const wasListed = new Promise<void>((resolve) => {
      listed = resolve;
    });
    const { library } = await started({
      'films.list': async () => {
        await wasListed;
        return old;
      },
      'films.add': async (_, { progress }) => {
        progress({ stage: '', done: 1, total: null, found: [found] });
        listed();
        return new Promise(() => {});
      },
    });
    void library.open(['/films/new.dcm']);
    await settled();
    const { films, currentId } = library.store.getState();
    expect(films.map(({ id }) => id)).toEqual([...old.map(({ id }) => id), 'new']);
    expect(currentId).toBe('new');
  });
});

describe('The size of the interface', () => {
  it('is kept, and taken up again', async () => {
    const settings: Record<string, string> = {};
    const changed: Handlers = {
      'settings.get': () => settings,
      'settings.set': ({ key, value }) => {
        settings[key] = value;
        return null;
      },
    };
    const before = await started(changed);
    before.interfaceSize.by(1);
    before.interfaceSize.by(1);
    await settled();
    expect((await started(changed)).interfaceSize.store.getState().zoom).toBe(1.25);
    before.interfaceSize.by(0);
    await settled();
    expect((await started(changed)).interfaceSize.store.getState().zoom).toBe(1);
  });
});

describe('What is dropped', () => {
  it('goes where it belongs', async () => {
    const { engine, openPaths, frame } = await started({
      'paths.recognise': () => [
        { path: '/x/base', kind: 'base', table: null },
        { path: '/x/film.dcm', kind: 'films', table: null },
      ],
      'checkpoints.add': ({ path }) => ({ ...CHECKPOINTS[0], path }),
    });
    await openPaths(['/x/base', '/x/film.dcm']);
    const asked = engine.calls.filter(({ method }) => method === 'checkpoints.add' || method === 'films.add');
    expect(asked.map(({ params }) => params)).toEqual([
      { path: '/x/base', role: undefined },
      { paths: ['/x/film.dcm'] },
    ]);
    expect(frame.store.getState().notices.filter(({ kind }) => kind === 'error')).toEqual([]);
  });

  it('and is nothing known, is named', async () => {
    const { openPaths, frame } = await started({
      'paths.recognise': ({ paths }) => paths.map((path) => ({ path, kind: 'unknown', table: null })),
    });
    await openPaths(['/x/notes.txt']);
    expect(frame.store.getState().notices[0]).toMatchObject({ kind: 'error', error: { message: '/x/notes.txt' } });
  });

  it('and could be opened only in part, says what was left out', async () => {
    const { library, frame } = await started({
      'films.add': () => ({
        patients: 1,
        studies: 1,
        series: 1,
        instances: 1,
        rejected: [{ file: '/x/bad.dcm', code: 'DICOM_TRUNCATED', message: 'The file ends too early.' }],
        rejectedByCode: { DICOM_TRUNCATED: 1 },
        unchanged: 0,
        seconds: 1,
      }),
    });
    await library.open(['/x']);
    expect(frame.store.getState().notices[0]).toMatchObject({
      title: '1 file could not be opened; the rest is listed',
      error: { code: 'DICOM_TRUNCATED', message: 'bad.dcm: The file ends too early.' },
    });
  });
});

describe('The data sets of an evaluation', () => {
  it('follow their parts while they come in, and stay where the user chose', async () => {
    let known = COLLECTIONS.slice(0, 1);
    const { engine, evaluating } = await started({ 'collections.list': () => known });
    expect(evaluating.store.getState()).toMatchObject({ sourceId: 'a', targetId: null });
    const training = { ...COLLECTIONS[0], id: 'm', role: 'training-source' as const };
    known = [training, COLLECTIONS[0]];
    engine.emit({ type: 'changed', what: 'collections' });
    await settled();
    expect(evaluating.store.getState()).toMatchObject({ sourceId: 'a', targetId: 'm' });
    known = [training, ...COLLECTIONS.slice(0, 2)];
    engine.emit({ type: 'changed', what: 'collections' });
    await settled();
    expect(evaluating.store.getState()).toMatchObject({ sourceId: 'a', targetId: 'b' });
    evaluating.change({ targetId: 'm' });
    engine.emit({ type: 'changed', what: 'collections' });
    await settled();
    expect(evaluating.store.getState()).toMatchObject({ sourceId: 'a', targetId: 'm' });
  });
});

describe('The place where the reader was', () => {
  const settings: Record<string, string> = {};
  const handlers: Handlers = {
    'settings.get': () => ({ ...settings }),
    'settings.set': ({ key, value }) => {
      settings[key] = value;
      return null;
    },
  };

  it('is found again by a window that is loaded again', async () => {
    const before = await started(handlers);
    before.library.step(1);
    await expect.poll(() => before.reading.store.getState().film.state).toBe('ready');
    before.panes.all[0].display.setWindow(1234, 567);
    before.panes.all[0].display.flip('hflip');
    before.reading.blink();
    before.frame.show('evaluate');
    const { filmId, activeId } = before.reading.store.getState();
    await expect.poll(() => settings['place']).toContain('evaluate');

    const after = await started(handlers);
    await expect.poll(() => after.panes.all[0].display.store.getState().hflip).toBe(true);
    expect(after.frame.store.getState().screen).toBe('evaluate');
    expect(after.reading.store.getState()).toMatchObject({ filmId, activeId });
    expect(after.panes.all[0].display.store.getState()).toMatchObject({
      hflip: true,
      voi: { center: 1234, width: 567 },
    });
  });

  it('means nothing in another workspace, nor when it cannot be read', async () => {
    for (const place of [JSON.stringify({ ...JSON.parse(settings['place']!), workspace: '/other' }), '{']) {
      settings['place'] = place;
      const after = await started(handlers);
      expect(after.frame.store.getState().screen).toBe('read');
      expect(after.panes.all[0].display.store.getState().hflip).toBe(false);
    }
  });
});

describe('A scan of many films', () => {
  it('is taken over in pieces, and read again in pages', async () => {
    const found = Array.from({ length: 12_000 }, (_, i) => ({ ...ENTRY, id: `many-${i}`, patientId: `p${i % 900}` }));
    const counts = { patients: 900, studies: 900, series: 900, instances: found.length };
    const summary = { ...counts, rejected: [], rejectedByCode: { NOT_A_FILM: 3 }, unchanged: 0, seconds: 1 };
    const pages: number[] = [];
    const { library, frame } = await started({
      'films.add': (_, { progress }) => {
        for (let from = 0; from < found.length; from += 500)
          progress({ stage: '', done: from, total: null, counts, found: found.slice(from, from + 500) });
        return summary;
      },
      'films.list': ({ from = 0, limit = Number.POSITIVE_INFINITY }) => {
        pages.push(from);
        return found.slice(from, from + limit);
      },
    });
    pages.length = 0;
    const opening = library.open(['/drive']);
    // The first film is chosen before the scan ends.
    expect(library.store.getState().currentId).toBe('many-0');
    await opening;
    expect(library.store.getState().films).toHaveLength(12_000);
    expect(pages).toEqual([0, 5_000, 10_000]);
    expect(frame.store.getState().notices.map(({ title }) => title)).toEqual([
      '3 files could not be opened; the rest is listed',
      '900 patients, 900 studies, 900 series, 12,000 films in 1.0 s',
    ]);
  });
});

describe('The export without patients', () => {
  it('takes the study on the screen or what is listed, and says what came of it', async () => {
    const result = { out: '/out', patients: 1, studies: 1, films: 1, files: [], rejected: [], seconds: 1 };
    const { engine, library, exporting } = await started({ 'films.deidentify': () => result });
    library.select('a0');
    exporting.show();
    exporting.change({ out: ' /out ', dates: 'shift' });
    await exporting.run();
    exporting.change({ scope: 'listed' });
    await exporting.run();
    const asked = engine.calls.filter(({ method }) => method === 'films.deidentify').map(({ params }) => params);
    expect(asked[0]).toEqual({ filmIds: ['a0'], out: '/out', dates: 'shift', keepPatientCharacteristics: false });
    expect((asked[1] as { filmIds: string[] }).filmIds.length).toBe(library.listed().length);
    expect(exporting.store.getState()).toMatchObject({ result, running: false, error: null });
  });

  it('writes nothing without a folder, and shows why it stopped', async () => {
    const { engine, exporting } = await started({
      'films.deidentify': () => {
        throw new WorkbenchError('DISK_FULL', 'The disk is full.');
      },
    });
    await exporting.run();
    expect(engine.calls.some(({ method }) => method === 'films.deidentify')).toBe(false);
    exporting.change({ scope: 'listed', out: '/out' });
    await exporting.run();
    expect(exporting.store.getState().error).toMatchObject({ code: 'DISK_FULL' });
  });
});

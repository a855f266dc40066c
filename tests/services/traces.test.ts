/** Traces of a teacher: what is sent, what a fault costs, what a clinician decides, and that only accepted ones train. */
import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { writePhantom } from '../../core/phantom/generate.ts';
import { nodePlatform } from '../../core/platform/node.ts';
import type { Engine } from '../../core/services/contract.ts';
import { createEngine } from '../../core/services/engine.ts';
import { root } from '../support/command.ts';
import { type ScriptedServer, scriptedServer } from '../support/scriptedServer.ts';
import { TINY_READER } from '../support/tinyReader.ts';

/** As a teacher that does what it is told: the labels stand in the question. */
const textOf = (body: { messages: { content: unknown }[] }) =>
  (body.messages[0]!.content as { type: string; text?: string }[]).find(({ type }) => type === 'text')!.text!;
const labelsIn = (asked: string) => /exactly these labels.*: ([^:]*)\.\s*$/.exec(asked)![1]!;
const answer = (labels: string, reasoning = 'The heart is of normal size.') =>
  `<think>${reasoning}</think><solution>${labels}</solution>`;

describe('traces of a teacher', () => {
  let folder = '';
  let engine: Engine;
  let server: ScriptedServer;
  let datasetId = '';
  let serverId = '';
  const open = () =>
    createEngine(nodePlatform({ resourcesDir: join(root, 'resources'), userDir: join(folder, 'home') }), {
      workspace: join(folder, 'workspace'),
    });

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'traces-'));
    await cp(TINY_READER, join(folder, 'base'), { recursive: true });
    const out = join(folder, 'm');
    const { csv } = await writePhantom({ institution: 'm', count: 12, seed: 5, out, size: 32, format: 'png' });
    await rm(join(out, 'traces.jsonl'), { force: true });
    server = await scriptedServer();
    engine = await open();
    await engine.call('checkpoints.add', { path: join(folder, 'base'), name: 'Reader' });
    datasetId = (await engine.call('datasets.add', { kind: 'mimic', csv, images: out, role: 'training-source' })).id;
    serverId = (await engine.call('servers.add', { address: server.address, concurrency: 2, timeoutSeconds: 2 })).id;
  });
  afterAll(async () => {
    await server.close();
    await rm(folder, { recursive: true, force: true });
  });

  const ask = (films: number) => engine.call('traces.ask', { datasetId, serverId, model: 'medgemma', films });
  const decide = (filmId: string, decision: 'accept' | 'reject', rest: object = {}) =>
    engine.call('traces.decide', { datasetId, filmId, decision, ...rest });

  it('gives the labels, asks for reasoning as if they were not known, and sends no name', async () => {
    server.otherwise = ({ body }) => ({ do: 'answer', text: answer(labelsIn(textOf(body))) });
    const { traces, counts } = await ask(4);
    expect(counts).toMatchObject({ unreviewed: 4, failed: 0 });
    for (const { given, said, faults } of traces)
      expect([said, faults]).toEqual([given.length ? given : ['No Finding'], []]);
    const films = await engine.call('films.list', { collectionId: datasetId });
    for (const { body } of server.asked) {
      expect(textOf(body)).toMatch(/for your eyes only/);
      expect(textOf(body)).toContain('Derive the labels strictly from what these steps found');
      for (const { patientId } of films) expect(JSON.stringify(body.messages)).not.toContain(patientId);
    }
  });

  it('asks only about films that have none; a film that fails costs itself only, and is asked again', async () => {
    server.asked.length = 0;
    server.script = [{ do: 'status', status: 400 }];
    const { counts } = await ask(8);
    expect(counts).toMatchObject({ unreviewed: 7, failed: 1 });
    const before = server.asked.length;
    engine = await open();
    expect((await ask(8)).counts).toMatchObject({ unreviewed: 8, failed: 0 });
    expect(server.asked.length - before).toBe(1);
  });

  it('goes on where it was stopped', async () => {
    const stopped = new AbortController();
    const params = { datasetId, serverId, model: 'medgemma', films: 12 };
    const asked = engine.call('traces.ask', params, {
      signal: stopped.signal,
      onProgress: ({ done }) => done > 8 && stopped.abort(),
    });
    await expect(asked).rejects.toMatchObject({ code: 'CANCELLED' });
    const { counts } = await engine.call('traces.list', { datasetId });
    expect(counts.unreviewed).toBeGreaterThan(8);
    expect(counts.failed).toBe(0);
    expect((await ask(12)).counts.unreviewed).toBe(12);
  });

  it('names what speaks against a trace, and accepts none with other labels or without form', async () => {
    const file = join(folder, 'mine.jsonl');
    const { traces } = await engine.call('traces.list', { datasetId });
    const [first] = traces;
    await writeFile(file, [JSON.stringify({ path: 'elsewhere.png', text: answer('Edema') }), 'no JSON'].join('\n'));
    expect(await engine.call('traces.import', { datasetId, path: file })).toMatchObject({
      imported: 0,
      rejected: [
        { line: 1, code: 'TRACE_WITHOUT_FILM' },
        { line: 2, code: 'TRACE_LINE' },
      ],
    });
    const put = async (text: string) => {
      await writeFile(file, JSON.stringify({ path: first!.filmId, text }));
      await engine.call('traces.import', { datasetId, path: file });
      return (await engine.call('traces.list', { datasetId })).traces[0]!;
    };
    expect((await put('The lungs are clear.')).faults).toEqual([{ fault: 'form', what: 'no-solution' }]);
    await expect(decide(first!.filmId, 'accept')).rejects.toMatchObject({ code: 'TRACE_FORM' });
    expect((await put(answer('Kerley lines'))).faults[0]).toEqual({ fault: 'labels-outside', what: 'Kerley lines' });
    await expect(decide(first!.filmId, 'accept')).rejects.toMatchObject({ code: 'TRACE_FORM' });
    const other = first!.given.includes('Fracture') ? 'Edema' : 'Fracture';
    expect((await put(answer(other))).faults[0]).toMatchObject({ fault: 'labels-differ' });
    await expect(decide(first!.filmId, 'accept')).rejects.toMatchObject({ code: 'TRACE_LABELS' });
    expect((await put(answer('Edema', 'As the given labels say, there is edema.'))).faults).toContainEqual({
      fault: 'tells',
      what: 'the given labels',
    });
  });

  it('keeps what a clinician decides over a restart, and takes it back', async () => {
    const { traces } = await engine.call('traces.list', { datasetId });
    const [, accepted, edited, rejected] = traces;
    await decide(accepted!.filmId, 'accept');
    const text = edited!.text.replace('normal size', 'usual size');
    expect(await decide(edited!.filmId, 'accept', { text })).toMatchObject({ status: 'edited', text });
    await decide(rejected!.filmId, 'reject');
    engine = await open();
    const states = async () =>
      (await engine.call('traces.list', { datasetId })).traces.slice(1, 4).map((t) => t.status);
    expect(await states()).toEqual(['accepted', 'edited', 'rejected']);
    expect(await engine.call('traces.undo', { datasetId })).toMatchObject({ filmId: rejected!.filmId });
    expect(await engine.call('traces.undo', { datasetId })).toMatchObject({ status: 'unreviewed', text: edited!.text });
    expect(await states()).toEqual(['accepted', 'unreviewed', 'unreviewed']);
    await decide(edited!.filmId, 'accept', { text });
    await decide(rejected!.filmId, 'reject');
    // What was decided is not overwritten by an import.
    const file = join(folder, 'again.jsonl');
    await writeFile(file, JSON.stringify({ path: accepted!.filmId, text: answer('Edema') }));
    expect(await engine.call('traces.import', { datasetId, path: file })).toMatchObject({ imported: 0, kept: 1 });
  });

  it('exports what is usable, and another workspace takes it as reviewed', async () => {
    const path = join(folder, 'out.jsonl');
    expect(await engine.call('traces.export', { datasetId, path })).toEqual({ path, lines: 2 });
    const rows = (await readFile(path, 'utf8'))
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect(rows.map(({ status }) => status)).toEqual(['accepted', 'edited']);
  });

  it('trains on accepted and edited traces only; on the others where it is set so', async () => {
    const config = {
      ...{ maxSteps: 1, batchSize: 2, learningRate: 0.01, rank: 2, alpha: 4, warmupRatio: 0, heldOut: 0 },
      ...{ promptId: 'only-label', probeEvery: 0, reserveForGrpo: 0 },
    };
    const train = (name: string, more: object) =>
      engine.call('training.run', { kind: 'sft', name, startFromId: 'reader', config: { ...config, ...more } });
    const run = await train('Accepted', {});
    const counts = (all: typeof run) => Object.fromEntries(all.leftOut.map(({ reason, count }) => [reason, count]));
    expect(run.draw!.films).toBe(2);
    expect(counts(run)).toMatchObject({ 'trace-rejected': 1, 'trace-unreviewed': 9 });
    const all = await train('Unreviewed too', { traces: 'unreviewed' });
    expect(counts(all)).toMatchObject({ 'trace-rejected': 1, 'trace-differs': 1 });
    expect(all.draw!.films).toBe(10);
    expect((await train('Labels', { traces: 'none' })).draw!.films).toBe(12);
    const { traces } = await engine.call('traces.list', { datasetId });
    for (const { filmId, status } of traces) if (status !== 'rejected') await decide(filmId, 'reject');
    await expect(train('Nothing left', {})).rejects.toMatchObject({ code: 'TRAINING_TRACES' });
  });
});

/** Training as the services do it: whose films a probe may look at, what a run tells, what its checkpoint is marked with. */
import { cp, mkdtemp, readFile, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { writePhantom } from '../../core/phantom/generate.ts';
import { nodePlatform } from '../../core/platform/node.ts';
import type { Engine, TrainingRun } from '../../core/services/contract.ts';
import { createEngine } from '../../core/services/engine.ts';
import { root } from '../support/command.ts';
import { TINY_READER } from '../support/tinyReader.ts';

const KINDS = { m: 'mimic', a: 'chexpert', b: 'nih' } as const;

describe('training in a workspace', () => {
  let folder = '';
  let engine: Engine;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'training-'));
    await cp(TINY_READER, join(folder, 'base'), { recursive: true });
    const platform = nodePlatform({ resourcesDir: join(root, 'resources'), userDir: join(folder, 'home') });
    engine = await createEngine(platform, { workspace: join(folder, 'workspace') });
    await engine.call('checkpoints.add', { path: join(folder, 'base'), name: 'Reader' });
    await add('m', 'training-source', 12, 0);
    await add('a', 'source', 8, 0);
    await add('b', 'target', 8, 0);
  });

  /** Films of an institution, of patients from `firstPatient` on. */
  async function add(
    institution: 'm' | 'a' | 'b',
    role: 'training-source' | 'source' | 'target' | 'probe-source' | 'probe-target' | 'none',
    count: number,
    firstPatient: number,
  ) {
    const out = join(folder, `${institution}-${role}-${firstPatient}`);
    const options = { institution, count, seed: 5, out, size: 32, format: 'png' as const, firstPatient };
    const { csv } = await writePhantom(options);
    return engine.call('datasets.add', {
      kind: KINDS[institution],
      csv,
      images: out,
      role,
      name: `${institution} ${role} ${firstPatient}`,
    });
  }

  const SHORT = {
    maxSteps: 4,
    batchSize: 4,
    microBatch: 4,
    learningRate: 0.01,
    rank: 2,
    alpha: 4,
    promptId: 'only-label',
  };

  function train(name: string, config: object = {}): Promise<TrainingRun> {
    return engine.call('training.run', { kind: 'sft', name, startFromId: 'reader', config: { ...SHORT, ...config } });
  }

  it('without data sets for it, has no probe', async () => {
    const run = await train('No probe');
    expect(run).toMatchObject({ state: 'complete', probe: [], chosen: { on: 'validation' } });
    expect(run.gates.map(({ passed }) => passed)).toEqual(new Array(8).fill(true));
    expect((await engine.call('checkpoints.list', {})).find(({ id }) => id === run.checkpointId)).toMatchObject({
      chosenOn: 'validation',
      warnings: [],
    });
  });

  it('looks at films of patients that no test set has, every so many steps', async () => {
    // The first patients are the test set's; the rest are free.
    await add('a', 'probe-source', 12, 3);
    await add('b', 'probe-target', 12, 3);
    const run = await train('Probed', { probeEvery: 2, probeFilms: 4, keep: 'probe-target' });
    expect(run.probe.map(({ role, films }) => [role, films])).toEqual([
      ['source', 4],
      ['target', 4],
    ]);
    for (const part of run.probe) expect(part.patientsLeftOut).toBeGreaterThan(0);
    const log = await engine.call('training.log', { runId: run.id });
    const probes = log.filter((line) => 'probe/seconds' in line);
    expect(probes.map(({ step }) => step)).toEqual([0, 2, 4]);
    expect(probes[0]).toMatchObject({ 'probe/source/films': 4, 'probe/target/macro_f1': expect.any(Number) });
    const file = JSON.parse(await readFile(join(run.path, 'run.json'), 'utf8'));
    const tests = new Set(
      (await engine.call('films.list', {}))
        .filter(({ collectionId }) => /-source-0|-target-0/.test(collectionId))
        .map(({ collectionId, patientId }) => `${collectionId[0]} ${patientId}`),
    );
    const probed = (await engine.call('films.list', {})).filter(({ id }) =>
      file.probe.some(({ filmIds }: { filmIds: string[] }) => filmIds.includes(id)),
    );
    expect(probed).toHaveLength(8);
    for (const { collectionId, patientId } of probed) expect(tests).not.toContain(`${collectionId[0]} ${patientId}`);
    // And whoever evaluates it is told.
    expect(run.chosen).toMatchObject({ on: 'probe-target' });
    expect((await engine.call('checkpoints.list', {})).find(({ id }) => id === run.checkpointId)).toMatchObject({
      chosenOn: 'probe-target',
      warnings: [expect.stringContaining('chosen on films of the other institution')],
    });
  });

  it('names and counts what it leaves out, or stops at it, as configured', async () => {
    const set = await add('m', 'none', 8, 50);
    const films = (await engine.call('films.list', { collectionId: set.id })).map(({ path }) => path);
    const solution = (labels: string) => `<think>x</think><solution>${labels}</solution>`;
    const traces = [
      ...films.slice(0, 6).map((path) => JSON.stringify({ path, text: solution('Edema') })),
      'no JSON',
      JSON.stringify({ path: films[6], text: 'The lungs are clear.' }),
      JSON.stringify({ path: films[7], text: solution('Kerley lines, Edema') }),
      JSON.stringify({ path: '/elsewhere.png', text: solution('Edema') }),
    ];
    await writeFile(join(dirname(set.path), 'traces.jsonl'), traces.join('\n'));
    await writeFile(films[0]!, 'no image');
    const asked = (name: string, badInput: string) =>
      engine.call('training.run', {
        ...{
          kind: 'sft',
          name,
          startFromId: 'reader',
          datasetId: set.id,
          config: { ...SHORT, probeEvery: 0, badInput },
        },
      });
    const run = await asked('Faulty', 'skip');
    expect(run.state).toBe('complete');
    expect(Object.fromEntries(run.leftOut.map(({ reason, count }) => [reason, count]))).toEqual({
      'trace-line': 1,
      'trace-form': 1,
      'trace-labels': 1,
      'trace-without-film': 1,
      'film-without-trace': 2,
      image: 1,
      // The table says other things of most of these films: learned, as it is set, and counted.
      'trace-differs-learned': expect.any(Number),
    });
    expect(run.leftOut.find(({ reason }) => reason === 'trace-labels')!.first[0]).toMatch(/line 9.*Kerley lines/);
    expect(run.leftOut.find(({ reason }) => reason === 'trace-differs-learned')!.first[0]).toMatch(
      /with Edema|without/,
    );
    await expect(asked('Strict', 'stop')).rejects.toMatchObject({ code: 'TRAINING_INPUT' });
  });

  it('names a reward that is not in the workspace’s folder, before anything begins', async () => {
    const start = (await engine.call('checkpoints.list', {})).find(({ baseId }) => baseId !== null)!;
    for (const rewardFile of ['', 'none.js', '../home/x.js']) {
      const config = { reward: 'file', rewardFile };
      const asked = engine.call('training.run', { kind: 'grpo', name: 'Own', startFromId: start.id, config });
      await expect(asked).rejects.toMatchObject({ code: 'REWARD_FILE' });
    }
    expect((await engine.call('training.list', {})).some(({ name }) => name === 'Own')).toBe(false);
  });

  it('refuses a probe that is a test set', async () => {
    const [source] = (await engine.call('collections.list', {})).filter(({ role }) => role === 'source');
    const overlap = await add('a', 'none', 8, 0);
    const params = { kind: 'sft', name: 'Bad', startFromId: 'reader', config: SHORT } as const;
    await expect(engine.call('training.run', { ...params, probe: { sourceId: overlap.id } })).rejects.toMatchObject({
      code: 'PROBE_IN_TEST_SET',
    });
    await expect(engine.call('training.run', { ...params, probe: { sourceId: source!.id } })).rejects.toMatchObject({
      code: 'PROBE_IN_TEST_SET',
    });
  });

  it('names the patients of a probe in a test set that is added later, and in what is evaluated on it', async () => {
    const run = (await engine.call('training.list', {})).find(({ name }) => name === 'Probed')!;
    // The same patients as the probe of institution a, drawn as other films.
    const later = await add('a', 'source', 14, 3);
    expect(later.notes.join(' ')).toMatch(/Patients whom the probe of the run Probed looks at: [1-4]\./);
    const target = (await engine.call('collections.list', {})).find(({ role }) => role === 'target')!;
    const { warnings } = await engine.call('evaluations.run', {
      ...{ sourceDatasetId: later.id, targetDatasetId: target.id, checkpointIds: [run.checkpointId!], limit: null },
    });
    expect(warnings!.join(' ')).toMatch(/whom Probed saw in the probe of its training: [1-4]\./);
    const [other] = (await engine.call('collections.list', {})).filter(({ name }) => name === 'a source 0');
    expect(other!.notes.join(' ')).not.toMatch(/probe/);
  });
});

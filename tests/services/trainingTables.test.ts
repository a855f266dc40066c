/** Training from tables of every form, and what of them is left out by name: never silently trained on. */
import { cp, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ColumnMappingInput } from '../../core/datasets/columnMapping.ts';
import { writePhantom } from '../../core/phantom/generate.ts';
import { nodePlatform } from '../../core/platform/node.ts';
import type { Engine } from '../../core/services/contract.ts';
import { createEngine } from '../../core/services/engine.ts';
import { root } from '../support/command.ts';
import { TINY_READER } from '../support/tinyReader.ts';

describe('training from a table', () => {
  let folder = '';
  let engine: Engine;
  let images: string[] = [];
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'tables-'));
    await cp(TINY_READER, join(folder, 'base'), { recursive: true });
    const platform = nodePlatform({ resourcesDir: join(root, 'resources'), userDir: join(folder, 'home') });
    engine = await createEngine(platform, { workspace: join(folder, 'workspace') });
    await engine.call('checkpoints.add', { path: join(folder, 'base'), name: 'Reader' });
    const out = join(folder, 'films');
    await writePhantom({ institution: 'm', count: 8, seed: 5, out, size: 32, format: 'png' });
    const all = await readdir(out, { recursive: true });
    images = all.filter((name) => name.endsWith('.png'));
  });
  afterAll(() => rm(folder, { recursive: true, force: true }));

  const CONFIG = {
    ...{ maxSteps: 1, batchSize: 2, learningRate: 0.01, rank: 2, alpha: 4, warmupRatio: 0, heldOut: 0.25 },
    ...{ promptId: 'only-label', probeEvery: 0, reserveForGrpo: 0 },
  };
  async function train(
    name: string,
    csv: string,
    kind: 'chexpert' | 'nih' | 'custom',
    images: string,
    mapping?: ColumnMappingInput,
  ) {
    const { id } = await engine.call('datasets.add', { kind, csv, images, name, ...(mapping ? { mapping } : {}) });
    const asked = { kind: 'sft', name, startFromId: 'reader', datasetId: id, config: CONFIG } as const;
    return {
      set: (await engine.call('collections.list', {})).find((each) => each.id === id)!,
      run: await engine.call('training.run', asked),
    };
  }

  for (const [institution, kind] of [
    ['a', 'chexpert'],
    ['b', 'nih'],
  ] as const) {
    it(`of ${kind}`, async () => {
      const out = join(folder, institution);
      const { csv } = await writePhantom({ institution, count: 8, seed: 6, out, size: 32, format: 'png' });
      const { run } = await train(kind, csv, kind, out);
      expect(run).toMatchObject({ state: 'complete', leftOut: [], draw: { films: 8 } });
    });
  }

  it('of JSON lines of one’s own: bad rows and images are named and counted; each film without a patient is its own', async () => {
    const rows = images.map((image, i) => JSON.stringify({ image, edema: i % 2, fracture: i > 5 ? 'maybe' : 0 }));
    await writeFile(join(folder, 'films', images[0]!), 'no image');
    const csv = join(folder, 'films', 'own.jsonl');
    await writeFile(csv, [...rows, 'no JSON'].join('\n'));
    const mapping = { film: 'image', labels: { Edema: 'edema', Fracture: 'fracture' } };
    const { set, run } = await train('own', csv, 'custom', join(folder, 'films'), mapping);
    expect(set.notes.join(' ')).toMatch(/Rows left out: 3 \(first: row \d/);
    expect(run.leftOut).toEqual([{ reason: 'image', count: 1, first: [expect.stringContaining(': ')] }]);
    expect(run.draw).toMatchObject({ films: 5, patients: 5 });
  });
});

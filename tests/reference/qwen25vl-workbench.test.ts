/** The workbench with a Qwen2.5-VL folder: added as a checkpoint, reads a film at its own size, is evaluated on two data sets. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { writePhantom } from '../../core/phantom/generate.ts';
import { nodePlatform } from '../../core/platform/node.ts';
import type { Engine } from '../../core/services/contract.ts';
import { createEngine } from '../../core/services/engine.ts';
import { describeReference, referenceDir } from '../support/reference.ts';

describeReference('Qwen2.5-VL in the workbench', referenceDir('qwen25vl/model/model.safetensors.index.json'), (index) => {
  let root: string;
  let engine: Engine;
  beforeAll(async () => {
    root = await mkdtemp(join(tmpdir(), 'qwen-workbench-'));
    for (const [institution, seed] of [['a', 3], ['b', 4]] as const)
      await writePhantom({ institution, count: 2, seed, out: join(root, institution), size: 96, format: 'png' });
    const resourcesDir = join(import.meta.dirname, '../../resources');
    const platform = nodePlatform({ resourcesDir, userDir: join(root, 'user') });
    engine = await createEngine(platform, { workspace: join(root, 'workspace'), threads: 1 });
  });
  afterAll(() => rm(root, { recursive: true, force: true }));

  it('reads, is sampled in int8, and is evaluated', async () => {
    const checkpoint = await engine.call('checkpoints.add', { path: dirname(index), name: 'Qwen' });
    expect(checkpoint).toMatchObject({ error: null, info: { architecture: 'qwen2_5_vl', imageSize: 0 } });
    const table = { kind: 'chexpert', csv: join(root, 'a/CheXpert-v1.0/valid.csv'), images: join(root, 'a') } as const;
    const source = await engine.call('datasets.add', { ...table, role: 'source' });
    const nih = { kind: 'nih', csv: join(root, 'b/Data_Entry_2017_v2020.csv'), images: join(root, 'b') } as const;
    const target = await engine.call('datasets.add', { ...nih, role: 'target' });
    const [film] = await engine.call('films.list', { collectionId: source.id });
    const asked = { filmId: film!.id, checkpointId: checkpoint.id, maxNewTokens: 5 };
    const view = await engine.call('films.modelView', { filmId: film!.id, checkpointId: checkpoint.id });
    expect([view.width % 28, view.height % 28]).toEqual([0, 0]);
    const answer = await engine.call('predictions.generate', asked);
    expect(answer.tokenIds.length).toBeGreaterThan(0);
    await engine.call('checkpoints.setPrecision', { checkpointId: checkpoint.id, precision: 'int8' });
    const { predictions } = await engine.call('predictions.sample', { ...asked, samples: 2 });
    expect(predictions.map(({ provenance }) => provenance.precision)).toEqual(['int8', 'int8']);
    await engine.call('checkpoints.setPrecision', { checkpointId: checkpoint.id, precision: 'f32' });
    const result = await engine.call('evaluations.run', {
      sourceDatasetId: source.id,
      targetDatasetId: target.id,
      checkpointIds: [checkpoint.id],
      limit: 2,
    });
    expect(result.cells).toHaveLength(2);
  });
});

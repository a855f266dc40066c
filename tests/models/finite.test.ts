/** A network whose numbers are none says so, on every executor, instead of choosing tokens by them. */
import { open, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { generate } from '../../core/generation/generate.ts';
import { GREEDY } from '../../core/generation/sampling.ts';
import { score } from '../../core/generation/score.ts';
import { finite } from '../../core/models/finite.ts';
import { openModelFolder } from '../../core/models/modelFolder.ts';
import { openRunner } from '../../core/models/openRunner.ts';
import { describeExecutors } from '../support/runners.ts';
import { writeTinyModel } from '../support/tinyModel.ts';

const folders: string[] = [];
afterAll(async () => {
  for (const folder of folders) await rm(folder, { recursive: true });
});

/** A model with one weight that is no number, in the first tensor whose name fits. */
async function damaged(name: RegExp): Promise<string> {
  const folder = await writeTinyModel();
  folders.push(folder);
  const { weights } = await openModelFolder(folder);
  const { file, offset } = weights.entry(weights.names.find((each) => name.test(each))!);
  const handle = await open(join(file), 'r+');
  await handle.write(Buffer.from(new Float32Array([Number.NaN]).buffer), 0, 4, offset);
  await handle.close();
  return folder;
}

describeExecutors('A damaged weight', (executor) => {
  const prompt = { promptIds: [5, 20, 30], images: null, adapter: null };

  it('is found in generating and in scoring', async () => {
    const runner = await openRunner({ model: await damaged(/layers\.0\..*(q_proj|up_proj)/), executor, threads: 1 });
    const code = { code: 'LOGITS_NOT_FINITE', details: { executor: runner.executor.name, precision: 'f32' } };
    const request = { ...prompt, sampling: GREEDY, maxNewTokens: 3, stopIds: [1] };
    await expect(generate(runner, [request])).rejects.toMatchObject(code);
    await expect(generate(runner, [{ ...request, drafts: [[40, 41]] }])).rejects.toMatchObject(code);
    await expect(score(runner, [{ ...prompt, completionIds: [9, 10] }])).rejects.toMatchObject(code);
    await runner.dispose();
  });

  it('is found in the image encoder, before its features are kept', async () => {
    const runner = await openRunner({
      model: await damaged(/vision.*(patch_embedding|fc1).*weight/),
      executor,
      threads: 1,
    });
    const image = { data: new Float32Array(3 * 16 * 16).fill(0.5), width: 16, height: 16 };
    await expect(runner.encodeImages([image])).rejects.toMatchObject({ code: 'FEATURES_NOT_FINITE' });
    await runner.dispose();
  });
});

it('in f16 the remedy is another precision', () => {
  const executor = { name: 'onnxruntime-webgpu', version: '1', threads: 1, reason: '' };
  const values = Float32Array.of(1, Number.POSITIVE_INFINITY);
  expect(() => finite(values, 'LOGITS_NOT_FINITE', { executor, precision: 'f16' })).toThrow(
    expect.objectContaining({
      code: 'LOGITS_NOT_FINITE',
      remedy: expect.stringContaining('f32'),
      details: { executor: 'onnxruntime-webgpu', precision: 'f16' },
    }),
  );
  expect(finite(Float32Array.of(1, -65_504), 'LOGITS_NOT_FINITE', { executor, precision: 'f16' })).toHaveLength(2);
});

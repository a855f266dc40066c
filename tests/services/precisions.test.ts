/** Another precision through the contract: converted, part of the answer's key, measured against f32, removed. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { writePhantom } from '../../core/phantom/generate.ts';
import { nodePlatform } from '../../core/platform/node.ts';
import type { Engine } from '../../core/services/contract.ts';
import { createEngine } from '../../core/services/engine.ts';
import { gpuMissing, halfMissing } from '../support/softwareGpu.ts';

const RESOURCES = join(import.meta.dirname, '../../resources');
let root: string;
let engine: Engine;
let filmId: string;
const checkpointId = 'base';

beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'precisions-test-'));
  await writePhantom({ institution: 'a', count: 1, seed: 3, out: join(root, 'a'), size: 64, format: 'png' });
  const platform = nodePlatform({ resourcesDir: RESOURCES, userDir: join(root, 'user') });
  engine = await createEngine(platform, { workspace: join(root, 'workspace'), threads: 1 });
  await engine.call('checkpoints.add', { path: join(RESOURCES, 'models/base'), name: 'Base' });
  await engine.call('films.add', { paths: [join(root, 'a')] });
  [{ id: filmId } = { id: '' }] = (await engine.call('films.list', {})) as { id: string }[];
});
afterAll(() => rm(root, { recursive: true, force: true }));

it('reads in the chosen precision, whose answers have a key of their own', async () => {
  const ask = () => engine.call('predictions.generate', { filmId, checkpointId, maxNewTokens: 3 });
  const f32 = await ask();
  const forms = await engine.call('checkpoints.setPrecision', { checkpointId, precision: 'int8' });
  expect(forms.find(({ used }) => used)).toMatchObject({ precision: 'int8', recommended: false });
  expect(forms.find(({ precision }) => precision === 'int8')!.diskBytes).toBeGreaterThan(1e6);
  const int8 = await ask();
  expect([f32.provenance.precision, int8.provenance.precision]).toEqual(['f32', 'int8']);
  expect(int8.key).not.toBe(f32.key);
  await engine.call('checkpoints.setPrecision', { checkpointId, precision: 'auto' });
  expect(await ask()).toEqual(f32);
});

it('measures the distance from f32 and remembers it; the converted weights can be removed', async () => {
  const measured = await engine.call('checkpoints.measurePrecision', { checkpointId, precision: 'int4', films: 1 });
  const { distance } = measured.find(({ precision }) => precision === 'int4')!;
  expect(distance!.positions).toBeGreaterThan(1);
  expect(distance!.relativeLogitError).toBeGreaterThan(0.01);
  expect(distance!.relativeLogitError).toBeLessThan(0.4);
  expect(distance!.klDivergence).toBeGreaterThan(0);
  expect(distance!.labelAgreement).toBeGreaterThan(0.5);
  const after = await engine.call('checkpoints.removeForms', { checkpointId });
  expect(after.map(({ diskBytes }) => diskBytes)).toEqual([0, 0, 0]);
  expect(after.find(({ precision }) => precision === 'int4')!.distance).toEqual(distance);
});

it('a device is tried before it is taken, and its answers have keys of their own', async () => {
  const ask = () => engine.call('predictions.generate', { filmId, checkpointId, maxNewTokens: 3 });
  const cpu = await ask();
  const change = engine.call('engine.setDevice', { device: 'webgpu' });
  if (gpuMissing !== null) {
    await expect(change).rejects.toMatchObject({ code: 'DEVICE_UNAVAILABLE' });
    expect(await ask()).toEqual(cpu);
    return;
  }
  expect((await change).engine.generation.name).toBe('onnxruntime-webgpu');
  const gpu = await ask();
  expect(gpu.provenance.executor).toBe('onnxruntime-webgpu');
  expect(gpu.key).not.toBe(cpu.key);
  expect(gpu.text).toBe(cpu.text);
  const forms = await engine.call('checkpoints.precisions', { checkpointId });
  expect(forms.some(({ precision }) => precision === 'f16')).toBe(halfMissing === null);
  // The distance that was measured on the processor is not this device's.
  expect(forms.every(({ distance }) => distance === null)).toBe(true);
  if (halfMissing === null) {
    const params = { checkpointId, precision: 'f16', films: 1 } as const;
    const { distance } = (await engine.call('checkpoints.measurePrecision', params)).find(
      ({ precision }) => precision === 'f16',
    )!;
    expect(distance!.relativeLogitError).toBeLessThan(0.02);
    await engine.call('checkpoints.setPrecision', { checkpointId, precision: 'f16' });
    expect((await ask()).provenance).toMatchObject({ precision: 'f16', executor: 'onnxruntime-webgpu' });
    await engine.call('checkpoints.setPrecision', { checkpointId, precision: 'auto' });
  }
  await engine.call('engine.setDevice', { device: 'cpu' });
  expect(await ask()).toEqual(cpu);
});

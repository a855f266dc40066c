/** Where a model is computed: what was asked for, or the processor, with the reason. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { convertedWeights, linearLayers } from '../../core/models/convertedWeights.ts';
import { openModelFolder } from '../../core/models/modelFolder.ts';
import { bestExecutor, openRunner } from '../../core/models/openRunner.ts';
import { findGpu } from '../../core/tensor/onnx/gpu.ts';
import { openSafetensors } from '../../core/tensor/safetensors.ts';

const BASE = join(import.meta.dirname, '../../resources/models/base');
let cacheDir: string;
beforeAll(async () => {
  cacheDir = await mkdtemp(join(tmpdir(), 'device-'));
});
afterAll(() => rm(cacheDir, { recursive: true }));

it('the GPU computes where there is one; else the processor does, and says why', async () => {
  const { missing } = await findGpu();
  const runner = await openRunner({ model: BASE, threads: 1, device: 'webgpu' });
  const { name, reason } = runner.executor;
  await runner.dispose();
  expect(name).toBe(missing === null ? 'onnxruntime-webgpu' : 'onnxruntime-cpu');
  if (missing !== null) expect(reason).toBe(`No GPU can be used (${missing}), so the processor computes.`);
  expect(await bestExecutor(1, 'webgpu')).toMatchObject({ name, reason });
  expect((await bestExecutor(1)).name).toBe('onnxruntime-cpu');
});

it('an executor that only the processor has is not asked for a GPU', async () => {
  for (const executor of ['tfjs-wasm', 'onnxruntime-cpu'] as const)
    await expect(openRunner({ model: BASE, executor, device: 'webgpu' })).rejects.toMatchObject({
      code: 'DEVICE_UNAVAILABLE',
    });
});

it('f16 on the processor is refused, also in the place of a GPU that is not there', async () => {
  const asked = { model: BASE, precision: 'f16', cacheDir } as const;
  await expect(openRunner(asked)).rejects.toMatchObject({ code: 'PRECISION_UNAVAILABLE' });
  if ((await findGpu()).missing === null) return;
  await expect(openRunner({ ...asked, device: 'webgpu' })).rejects.toMatchObject({ code: 'DEVICE_UNAVAILABLE' });
});

it('float16 weights on disk are the weights, transposed', async () => {
  const folder = await openModelFolder(BASE);
  const forms = await convertedWeights(folder, 'f16', cacheDir);
  const [module, { out, in: width }] = [...linearLayers(folder.network)].find(([name]) => name.endsWith('gate_proj'))!;
  const { region, rowsPerBlock } = forms.half(module)!;
  expect(rowsPerBlock).toBeGreaterThan(out);
  const entry = [...(await openSafetensors(region.file)).entries.values()].find(
    ({ offset }) => offset === region.offset,
  )!;
  const stored = await (await openSafetensors(region.file)).read(entry.name);
  const weights = await folder.weights.read(`${module}.weight`);
  let worst = 0;
  for (let o = 0; o < out; o++)
    for (let i = 0; i < width; i++) {
      const value = weights[o * width + i]!;
      worst = Math.max(worst, Math.abs(stored[i * out + o]! - value) / Math.max(Math.abs(value), 2 ** -14));
    }
  expect(worst).toBeGreaterThan(0);
  expect(worst).toBeLessThanOrEqual(2 ** -11);
});

/** What runs where ONNX Runtime cannot be loaded: this file's process has none. */
import { join } from 'node:path';
import { expect, it, vi } from 'vitest';
import { openRunner } from '../../core/models/openRunner.ts';
import { describeReference, referenceDir } from '../support/reference.ts';

vi.mock('onnxruntime-node', () => {
  throw new Error('libonnxruntime.so.1: cannot open shared object file\nrequire stack …');
});

describeReference('without ONNX Runtime', referenceDir('gemma3'), (folder) => {
  const model = join(folder, 'model');

  it('tfjs runs the model, and says why', async () => {
    const runner = await openRunner({ model });
    expect(runner.executor.name).toMatch(/^tfjs-/);
    expect(runner.executor.reason).toMatch(/^ONNX Runtime cannot be loaded here: .+/);
    await runner.dispose();
  });

  it('asking for ONNX Runtime is an error', async () => {
    await expect(openRunner({ model, executor: 'onnxruntime-cpu' })).rejects.toMatchObject({
      code: 'ONNXRUNTIME_UNAVAILABLE',
    });
  });
});

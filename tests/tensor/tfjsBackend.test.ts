/** Which engine runs and why, and what is too large for it. */
import { beforeAll, describe, expect, it } from 'vitest';
import { openTfjs, type Tfjs } from '../../core/tensor/tfjs/backend.ts';
import { checkSize } from '../../core/tensor/tfjs/weights.ts';
import { describeBackends } from '../support/tfjs.ts';

describeBackends('openTfjs', (backend) => {
  let tfjs: Tfjs;
  beforeAll(async () => {
    tfjs = await openTfjs({ prefer: backend });
  });

  it('says what runs and why, and is the current backend again after another was used', async () => {
    expect(tfjs.executor.name).toBe(`tfjs-${backend}`);
    expect(tfjs.executor.version).toMatch(backend === 'wasm' ? /WebAssembly with SIMD/ : /libtensorflow \d+\.\d+/);
    expect(tfjs.executor.reason).toMatch(/\.$/);
    await openTfjs({ prefer: 'wasm' });
    tfjs.use();
    expect(tfjs.tf.getBackend()).toBe(backend);
  });

  it('is one tfjs, with gradients, and with one engine for both backends', async () => {
    const wasm = await openTfjs({ prefer: 'wasm' });
    expect(wasm.tf.engine()).toBe(tfjs.tf.engine());
    tfjs.use();
    const [gradient] = tfjs.tf.tidy(() =>
      tfjs.tf
        .grads((x) => tfjs.tf.sum(tfjs.tf.matMul(x as never, x as never)))([
          tfjs.tf.tensor2d([
            [1, 2],
            [3, 4],
          ]),
        ])
        .map((tensor) => [...tensor.dataSync()] as never),
    );
    expect(gradient).toEqual([7, 11, 9, 13]);
  });

  it('leaves no handler that would end the process', () => {
    const own = process
      .listeners('unhandledRejection')
      .filter((listener) => listener.toString().includes('throw reason'));
    expect(own).toEqual([]);
  });
});

describe('a model that cannot fit', () => {
  const machine = { memory: 16 * 2 ** 30, electron: false };
  it.each([
    ['wasm', [2 ** 30], false, true],
    ['wasm', [2 ** 30, 2 ** 30], false, false],
    ['tensorflow', [3 * 2 ** 30], false, true],
    ['tensorflow', Array.from({ length: 34 }, () => 2 ** 29), false, false],
    ['tensorflow', [2 ** 30, 2 ** 30], true, true],
    ['tensorflow', [3 * 2 ** 30], true, false],
  ] as const)('on %s, tensors of %j bytes, in Electron: %s -> fits: %s', (backend, sizes, electron, fits) => {
    const check = () => checkSize(backend, sizes, { ...machine, electron });
    if (fits) expect(check).not.toThrow();
    else expect(check).toThrowError(expect.objectContaining({ code: 'MODEL_TOO_LARGE' }));
  });
});

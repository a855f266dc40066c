/** Steps that must not simply be trained on: named, counted, and stopped, skipped or trained on as the run says. */
import { describe, expect, it } from 'vitest';
import { alarmsOf } from '../../core/training/alarms.ts';
import { Divergence, type DivergenceSettings } from '../../core/training/divergence.ts';
import type { Parameter } from '../../core/training/optimizer.ts';
import { Stepper } from '../../core/training/step.ts';

const SFT = { limit: 10, relative: true };

/** Whether each loss is applied. */
function applied(settings: DivergenceSettings, losses: readonly number[], gradNorm = 1) {
  const divergence = new Divergence(settings);
  const results = losses.map((loss, i) => divergence.judge({ step: i + 1, loss, gradNorm, value: loss }));
  return { results, columns: divergence.columns() };
}

describe('a diverging step', () => {
  it('is one above ten times the mean of the first five', () => {
    const sound = [2, 2, 2, 2, 2, 19.9];
    expect(applied({ diverging: 'stop', ...SFT }, sound)).toEqual({ results: sound.map(() => true), columns: {} });
    expect(() => applied({ diverging: 'stop', ...SFT }, [2, 2, 2, 2, 2, 20.1])).toThrowError(
      expect.objectContaining({ code: 'TRAINING_DIVERGED', details: { step: 6, value: 20.1, limit: 20 } }),
    );
  });

  it('stops the run where it is not finite, also among the first', () => {
    for (const loss of [Number.NaN, Number.POSITIVE_INFINITY])
      expect(() => applied({ diverging: 'stop', ...SFT }, [2, loss])).toThrowError(
        expect.objectContaining({ code: 'GRADIENT_NOT_FINITE', details: expect.objectContaining({ step: 2 }) }),
      );
  });

  it('is skipped and counted, and ten in a row end the run', () => {
    const losses = [1, 1, 1, 1, 1, 11, 1, Number.NaN];
    const { results, columns } = applied({ diverging: 'skip', ...SFT }, losses);
    expect(results).toEqual([true, true, true, true, true, false, true, false]);
    expect(columns).toEqual({ diverging_steps: 2, skipped_steps: 2 });
    const nine = [...losses.slice(0, 5), ...new Array<number>(9).fill(11), 1, ...new Array<number>(9).fill(11)];
    expect(applied({ diverging: 'skip', ...SFT }, nine).columns).toMatchObject({ skipped_steps: 18 });
    expect(() => applied({ diverging: 'skip', ...SFT }, [...nine, 11])).toThrowError(
      expect.objectContaining({ code: 'TRAINING_DIVERGED' }),
    );
  });

  it('is trained on and counted where the run says so, unless it is not finite', () => {
    const { results, columns } = applied({ diverging: 'continue', ...SFT }, [1, 1, 1, 1, 1, 50, Number.NaN]);
    expect(results).toEqual([true, true, true, true, true, true, false]);
    expect(columns).toEqual({ diverging_steps: 2, skipped_steps: 1 });
  });

  it('of GRPO is one whose KL is above the limit, from the first on', () => {
    const { results } = applied({ diverging: 'skip', limit: 10, relative: false }, [0.1, 10.5, 0.2]);
    expect(results).toEqual([true, false, true]);
  });

  it('leaves parameters and moments as they were', async () => {
    const parameter: Parameter = { name: 'p', shape: [2], value: Float32Array.of(1, 2) };
    const settings = { learningRate: 0.1, weightDecay: 0, maxGradNorm: 1, warmupRatio: 0, totalSteps: 10 };
    const stepper = new Stepper([parameter], { ...settings, schedule: 'constant' });
    const part = (value: number) => async () => {
      return { loss: value, gradients: [Float32Array.of(value, 1)], tensorBytes: null };
    };
    await stepper.step([part(1)]);
    const before = [[...parameter.value], [...stepper.optimizer.moments[0]!.first], stepper.optimizer.step];
    await expect(stepper.step([part(Number.NaN)])).rejects.toMatchObject({ code: 'GRADIENT_NOT_FINITE' });
    await stepper.step([part(2)], () => false);
    expect([[...parameter.value], [...stepper.optimizer.moments[0]!.first], stepper.optimizer.step]).toEqual(before);
  });

  it('is an alarm at its step', () => {
    const counts = [undefined, undefined, 1, 1, 2, 2];
    const log = counts.map((count, i) => ({ step: i + 1, loss: 1, ...(count ? { diverging_steps: count } : {}) }));
    const found = alarmsOf(log, {}).map(({ kind, step, until }) => ({ kind, step, until }));
    expect(found).toEqual([
      { kind: 'diverging', step: 3, until: 3 },
      { kind: 'diverging', step: 5, until: 5 },
    ]);
  });
});

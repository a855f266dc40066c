import { beforeAll, describe, expect, it } from 'vitest';
import { positions } from '../../core/models/gemma3/inputs.ts';
import type { TokenGrid } from '../../core/models/runner.ts';
import { answerSequence, completionSequence, trainingBatch } from '../../core/training/batch.ts';
import { completionLogps } from '../../core/training/policy.ts';
import { asEngine } from '../../core/training/tfjsEngine.ts';
import { loadTrainable, writeTinyModel } from '../support/tinyModel.ts';

const MODEL = { info: { imageTokenId: 3, padTokenId: 0 }, network: { positions } };
/** Two image tokens for each of three images. */
const GRIDS: TokenGrid[] = [
  [1, 2],
  [1, 2],
  [2, 1],
];

describe('a training batch', () => {
  it('supervises the answer, from the last position of the prompt on, and pads on the right', () => {
    const { input, targets, lengths } = trainingBatch(
      [
        { ids: [9, 3, 3, 5, 6, 1, 7], promptLength: 4, targetLength: 2 },
        { ids: [9, 3, 3, 8], promptLength: 3, targetLength: 1 },
      ],
      [0, 1],
      GRIDS,
      MODEL,
    );
    expect([...targets]).toEqual([6, 1, 8]);
    expect([...input.logitsAt]).toEqual([3, 4, 9]);
    expect(lengths).toEqual([2, 1]);
    expect([...input.inputIds.slice(7)]).toEqual([9, 3, 3, 8, 0, 0, 0]);
    expect([...input.attentionMask.slice(7)]).toEqual([1, 1, 1, 1, 0, 0, 0]);
    expect([...input.imageIndex!]).toEqual([-1, 0, 1, -1, -1, -1, -1, -1, 2, 3, -1, -1, -1, -1]);
  });

  it('computes the prompt of a group once', () => {
    const prompt = [9, 3, 3, 5];
    const { input, targets } = trainingBatch(
      [completionSequence(prompt, [6, 1]), completionSequence(prompt, [7]), completionSequence([9, 3, 3], [7])],
      [0, 0, 0],
      GRIDS,
      MODEL,
    );
    expect(input.batch).toBe(2);
    expect([...input.inputIds]).toEqual([9, 3, 3, 5, 6, 1, 7, 9, 3, 3, 7, 0, 0, 0]);
    expect([...input.positionIds.slice(0, 7)]).toEqual([0, 1, 2, 3, 4, 5, 4]);
    expect([...input.segments!.slice(0, 7)]).toEqual([0, 0, 0, 0, 1, 1, 2]);
    expect([...targets]).toEqual([6, 1, 7, 7]);
    expect([...input.logitsAt]).toEqual([3, 4, 3, 9]);
  });

  it('refuses a prompt without its image’s tokens, but not a sampled image token', () => {
    const wrong = expect.objectContaining({ code: 'TRAINING_IMAGE_TOKENS' });
    expect(() => trainingBatch([completionSequence([9, 3], [1])], [0], GRIDS, MODEL)).toThrowError(wrong);
    expect(() => trainingBatch([completionSequence([9, 3, 3], [1])], [-1], GRIDS, MODEL)).toThrowError(wrong);
    expect([...trainingBatch([completionSequence([9], [3, 1])], [-1], GRIDS, MODEL).input.imageIndex!]).toEqual([
      -1, -1, -1,
    ]);
  });
});

describe('on a model', () => {
  const GRID: TokenGrid = [2, 2];
  let folder = '';
  beforeAll(async () => {
    folder = await writeTinyModel();
  });

  it('the completions of a group have the log-probabilities that each has alone', async () => {
    const { model, prompt } = await loadTrainable(folder, 'wasm');
    const { ids, promptLength } = answerSequence('Which side, and why?', 'x', GRID, prompt, model.info);
    const data = new Float32Array(model.info.imageTokens * model.info.width).map((_, i) => Math.sin(i));
    const features = { data, width: model.info.width, grids: [GRID] };
    // Longer than the sliding window, so that its edge is crossed.
    const completions = [40, 3, 25].map((length, c) => Array.from({ length }, (_, i) => 8 + ((i * 37 + c * 11) % 250)));
    const sequences = completions.map((completion) => completionSequence(ids.slice(0, promptLength), completion));
    const logps = async (some: typeof sequences) => {
      const batch = { sequences: some, features: some.map(() => features), advantages: some.map(() => 0) };
      return [...(await completionLogps(asEngine(model), null, batch, 0.8))];
    };
    const alone: number[] = [];
    for (const sequence of sequences) alone.push(...(await logps([sequence])));
    (await logps(sequences)).forEach((value, i) => {
      expect(value).toBeCloseTo(alone[i]!, 4);
    });
  });
});

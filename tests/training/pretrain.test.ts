import { existsSync, renameSync, rmSync, statfsSync, symlinkSync, writeFileSync } from 'node:fs';
import { mkdtemp, readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ErrorData } from '../../core/base/errors.ts';
import { unattended } from '../../core/base/progress.ts';
import { Patience } from '../../core/training/patience.ts';
import { binaryCrossEntropy, initialWeights, pretrainLanguage, pretrainVision } from '../../core/training/pretrain.ts';
import { StoredPretrainState } from '../../core/training/pretrainState.ts';
import type { TrainingLogLine } from '../../core/training/types.ts';
import { mountSmallDisk } from '../support/smallDisk.ts';
import { backendsHere, loadTrainable, sidedFilm, writeTinyModel } from '../support/tinyModel.ts';

const SETTINGS = {
  learningRate: 1e-2,
  weightDecay: 0,
  maxGradNorm: 1,
  schedule: 'cosine' as const,
  warmupRatio: 0.05,
  totalSteps: 60,
  batchSize: 8,
  microBatch: 8,
  seed: 3,
};

function logging() {
  const lines: TrainingLogLine[] = [];
  const work = {
    ...unattended<{ line: TrainingLogLine }>(),
    report: (p: { line: TrainingLogLine }) => lines.push(p.line),
  };
  return { lines, work };
}

const losses = (lines: readonly TrainingLogLine[]) => lines.map(({ loss }) => loss as number);

let folder = '';
beforeAll(async () => {
  folder = await writeTinyModel();
});

describe('pretraining', async () => {
  for (const backend of await backendsHere()) {
    it(`${backend}: the vision tower learns a finding, and leaves no tensor behind`, async () => {
      const loaded = await loadTrainable(folder, backend);
      const source = {
        size: 20,
        at: (index: number) => ({
          image: () => sidedFilm(index % 2 === 0),
          targets: [index % 2, Number.NaN],
        }),
      };
      const { tf } = loaded.model;
      const before = tf.memory().numTensors;
      const { lines, work } = logging();
      await pretrainVision({ ...loaded, source, findings: 2, settings: SETTINGS, work });
      expect(tf.memory().numTensors).toBe(before);
      expect(lines).toHaveLength(60);
      expect(losses(lines)[0]).toBeGreaterThan(0.5);
      expect(losses(lines)[59]).toBeLessThan(0.05);
    });

    it(`${backend}: all parameters learn an answer that the film decides; micro-batches change nothing`, async () => {
      const run = async (microBatch: number, totalSteps: number) => {
        const loaded = await loadTrainable(folder, backend);
        const source = {
          size: 16,
          at: (index: number) => ({
            id: index % 2 === 0 ? 'left' : 'right',
            image: () => sidedFilm(index % 2 === 0),
            promptText: 'Side?',
            targetText: index % 2 === 0 ? 'left' : 'right',
          }),
        };
        const { lines, work } = logging();
        await pretrainLanguage({ ...loaded, source, settings: { ...SETTINGS, microBatch, totalSteps }, work });
        return { lines, weights: loaded.weights };
      };
      const whole = await run(8, 60);
      expect(losses(whole.lines)[59]).toBeLessThan(losses(whole.lines)[0]! / 20);
      const [once, inPieces] = [await run(8, 3), await run(3, 3)];
      losses(once.lines).forEach((loss, i) => {
        expect(losses(inPieces.lines)[i]).toBeCloseTo(loss, 4);
      });
    });
  }

  it('with a frozen vision tower, the language model alone learns the answer', async () => {
    const loaded = await loadTrainable(folder, 'wasm');
    const before = new Map([...loaded.weights].map(([name, values]) => [name, values.slice()]));
    const at = (index: number) => ({
      id: index % 2 === 0 ? 'left' : 'right',
      image: () => sidedFilm(index % 2 === 0),
      promptText: 'Side?',
      targetText: index % 2 === 0 ? 'left' : 'right',
    });
    const { lines, work } = logging();
    await pretrainLanguage({ ...loaded, source: { size: 16, at }, settings: SETTINGS, frozenVision: true, work });
    expect(losses(lines)[59]).toBeLessThan(losses(lines)[0]! / 5);
    for (const [name, values] of loaded.weights) {
      expect(values.every((value, i) => value === before.get(name)![i])).toBe(!name.startsWith('language.'));
    }
  });

  it('stops where it is cancelled', async () => {
    const loaded = await loadTrainable(folder, 'wasm');
    const controller = new AbortController();
    controller.abort();
    const source = { size: 1, at: () => ({ image: () => sidedFilm(true), targets: [1] }) };
    const work = { signal: controller.signal, report: () => {} };
    await expect(pretrainVision({ ...loaded, source, findings: 1, settings: SETTINGS, work })).rejects.toMatchObject({
      code: 'CANCELLED',
    });
  });

  describe('a stage that keeps its state', () => {
    const source = {
      size: 20,
      at: (index: number) => ({ image: () => sidedFilm(index % 2 === 0), targets: [index % 2, Number.NaN] }),
    };
    const settings = { ...SETTINGS, totalSteps: 12, stopAt: 9 };
    const newFiles = () => mkdtemp(join(tmpdir(), 'pretrain-'));

    /** @param atStep hears of each step before its line is written */
    async function run(files: string, atStep: (step: number, stop: () => void) => void = () => {}, onFull = () => {}) {
      const loaded = await loadTrainable(folder, 'wasm');
      const log = join(files, 'log.jsonl');
      const controller = new AbortController();
      const pauses: (string | null)[] = [];
      const onPause = async (error: ErrorData | null) => {
        pauses.push(error?.code ?? null);
        if (error) onFull();
      };
      const disk = new Patience({ signal: controller.signal, onPause, waitMs: 20 });
      const state = new StoredPretrainState({ state: join(files, 'state.safetensors'), log, every: 3 }, disk);
      const report = ({ done, line }: { done: number; line: TrainingLogLine }) => {
        state.log(line);
        atStep(done, () => controller.abort());
      };
      const work = { signal: controller.signal, report };
      const ended = await pretrainVision({ ...loaded, source, findings: 2, settings, state, work }).then(
        () => 'done',
        ({ code }) => code,
      );
      return { ended, pauses, weights: loaded.weights, log: await readFile(log, 'utf8').catch(() => null) };
    }

    it('stopped and gone on with, comes to the same weights and the same log, bit for bit', async () => {
      const [whole, parts] = [await newFiles(), await newFiles()];
      const once = await run(whole);
      expect(once.log!.trim().split('\n')).toHaveLength(9);
      const stopped = await run(parts, (step, stop) => step === 5 && stop());
      expect([stopped.ended, stopped.log!.trim().split('\n').length]).toEqual(['CANCELLED', 5]);
      // The state is that of step 3: steps 4 and 5 are done again.
      const resumed = await run(parts);
      expect([once.ended, resumed.ended]).toEqual(['done', 'done']);
      expect(resumed.log).toBe(once.log);
      expect(resumed.weights).toEqual(once.weights);
      expect(resumed.weights).not.toEqual(stopped.weights);
    });

    it.skipIf(!existsSync('/dev/full'))('waits where its log finds no room, and loses nothing', async () => {
      const [once, files] = [await run(await newFiles()), await newFiles()];
      const [log, beside] = [join(files, 'log.jsonl'), join(files, 'kept')];
      const fill = () => {
        renameSync(log, beside);
        symlinkSync('/dev/full', log);
      };
      const waited = await run(
        files,
        (step) => step === 4 && fill(),
        () => renameSync(beside, log),
      );
      expect(waited.pauses).toEqual(['DISK_FULL', null]);
      expect(waited.log).toBe(once.log);
      expect(waited.weights).toEqual(once.weights);
    });

    const small = mountSmallDisk(2 ** 20);
    afterAll(() => small?.remove());

    it.skipIf(small === null)('waits where a real disk has no room for its state', async () => {
      const [once, files] = [await run(await newFiles()), await mkdtemp(join(small!.path, 'stage-'))];
      const filler = join(small!.path, 'filler');
      const fill = () => {
        const { bavail, bsize } = statfsSync(small!.path);
        writeFileSync(filler, new Uint8Array(bavail * bsize));
      };
      const waited = await run(
        files,
        (step) => step === 6 && fill(),
        () => rmSync(filler),
      );
      expect(waited.pauses).toEqual(['DISK_FULL', null]);
      expect(waited.log).toBe(once.log);
      expect(waited.weights).toEqual(once.weights);
      // What was written in the end is whole: from it, the last three steps come out the same.
      const again = await run(files);
      expect(again.log).toBe(once.log);
      expect(again.weights).toEqual(once.weights);
    });
  });

  it('draws the same weights from the same seed, and leaves norms neutral', async () => {
    const { shapes } = await loadTrainable(folder, 'wasm');
    const [a, b, c] = [initialWeights(shapes, 1), initialWeights(shapes, 1), initialWeights(shapes, 2)];
    expect(a).toEqual(b);
    expect(a.get('projector.weight')).not.toEqual(c.get('projector.weight'));
    expect(new Set(a.get('language.norm.weight'))).toEqual(new Set([0]));
    expect(new Set(a.get('vision.layers.0.layer_norm1.weight'))).toEqual(new Set([1]));
    expect(new Set(a.get('vision.post_layernorm.weight'))).toEqual(new Set([1]));
  });

  it('binary cross-entropy has the gradient of its value', () => {
    const [logits, targets, step] = [[0.3, -2, 5], [1, 0.25, Number.NaN], 1e-5];
    const { loss, gradient } = binaryCrossEntropy(logits, targets, 2);
    logits.forEach((_, i) => {
      const moved = logits.map((x, k) => (k === i ? x + step : x));
      const slope = (binaryCrossEntropy(moved, targets, 2).loss - loss) / step;
      expect(gradient[i]).toBeCloseTo(slope, 4);
    });
  });
});

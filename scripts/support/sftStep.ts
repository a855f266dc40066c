/** The films and answers of a benchmarked SFT step, as reference/peers/peer_speed.py has them: random tokens and pixels. */
import type { ImageFeatures } from '../../core/models/runner.ts';
import type { TrainingSequence } from '../../core/training/batch.ts';
import type { TrainingEngine } from '../../core/training/engine.ts';
import { randomPixels, randomPrompt } from './trainingBench.ts';

export const BATCH = 8;
export const TOKENS = 150;
export const SUPERVISED = 50;

export async function filmsOf(engine: TrainingEngine): Promise<{
  sequences: TrainingSequence[];
  features: ImageFeatures[];
  /** Computes the features again. */
  encode(): Promise<void>;
}> {
  const { info } = engine;
  const pixels = randomPixels(info, BATCH);
  const features: ImageFeatures[] = [];
  const encode = async () => {
    for (const [i, film] of pixels.entries()) features[i] = await engine.imageFeatures(film);
  };
  await encode();
  const sequences = pixels.map((_, i): TrainingSequence => {
    return {
      ids: randomPrompt(info, TOKENS, `sequence ${i}`),
      promptLength: TOKENS - SUPERVISED,
      targetLength: SUPERVISED,
    };
  });
  return { sequences, features, encode };
}

/** Which examples a run uses, and which of them are held out: by patient, so that no patient is on both sides. */

import { sha256 } from '../base/hash.ts';
import { Random } from '../base/random.ts';
import type { TrainingExample } from './types.ts';

/** At most `samples` of the examples, drawn by the seed, in the order drawn. */
export function drawExamples<T extends TrainingExample>(examples: readonly T[], samples: number, seed: number): T[] {
  return new Random(seed)
    .fork('samples')
    .shuffle([...examples])
    .slice(0, samples);
}

/** `share` of the patients (rounded, at least one where the share is above 0 and two are there) is held out. */
export function holdOut<T extends TrainingExample>(
  examples: readonly T[],
  share: number,
  seed: number,
): { training: T[]; heldOut: T[] } {
  const patients = [...new Set(examples.map(({ patientId }) => patientId))].sort();
  const least = share > 0 && patients.length > 1 ? 1 : 0;
  const count = Math.min(patients.length - 1, Math.max(least, Math.round(share * patients.length)));
  const chosen = new Set(new Random(seed).fork('held out').shuffle(patients).slice(0, Math.max(0, count)));
  return {
    training: examples.filter(({ patientId }) => !chosen.has(patientId)),
    heldOut: examples.filter(({ patientId }) => chosen.has(patientId)),
  };
}

/** What identifies the data of a run. */
export function dataOf(examples: readonly TrainingExample[]): { examples: number; hash: string } {
  const rows = examples.map(({ id, patientId, promptText, targetText, labels }) =>
    JSON.stringify([id, patientId, promptText, targetText, labels]),
  );
  return { examples: examples.length, hash: sha256(rows.join('\n')) };
}

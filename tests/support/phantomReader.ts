/**
 * A reader of phantom scenes without a network: what it perceives is each finding's severity (and the heart's width) with an
 * error that grows with the distance of the film's look from the looks that it learned; what it says follows the source's
 * labelling habits, as a checkpoint learned them. For trials of the decomposition: the cause of a change is known there.
 */
import { Random } from '../../core/base/random.ts';
import type { EvaluatedFilm } from '../../core/evaluation/figures.ts';
import { type Label, type LabelValues, NIH_NINE } from '../../core/labels/labels.ts';
import { chexpertLabels, nihNames, nineOf } from '../../core/phantom/conventions.ts';
import { FINDINGS, HABITS, type Look, patientScenes, type Scene, type Swapped } from '../../core/phantom/scene.ts';

export interface Reader {
  id: string;
  /** Standard deviation of the perceived severity at the source's look. */
  error: number;
  /** Share of what it perceives that it leaves unsaid. */
  omits: number;
}

export const READERS: readonly Reader[] = [
  { id: 'sft', error: 0.28, omits: 0.35 },
  { id: 'grpo', error: 0.22, omits: 0.12 },
];

/** Who labels the films of a phantom institution. */
export type Convention = 'chexpert' | 'nih';

export function labelledBy(convention: Convention, scene: Scene): Label[] {
  return convention === 'chexpert' ? chexpertLabels(scene) : nineOf(nihNames(scene));
}

export function scenesOf(count: number, seed: number, swapped: Swapped = {}): Scene[] {
  const found: Scene[] = [];
  for (let number = 0; found.length < count; number++) found.push(...patientScenes('a', seed, number, swapped));
  return found.slice(0, count);
}

/** Films with every reader's answers. `id` names the data set; scenes of two sets need other seeds. */
export function readFilms(
  id: string,
  scenes: readonly Scene[],
  convention: Convention,
  readers: readonly Reader[] = READERS,
): EvaluatedFilm[] {
  return scenes.flatMap((scene, i) => {
    const positive = new Set(labelledBy(convention, scene));
    const truth: LabelValues = {};
    for (const label of NIH_NINE) truth[label] = positive.has(label) ? 1 : 0;
    return readers.map((reader) => ({
      filmId: `${id}${i}`,
      patientId: `${scene.patient.seed}`,
      datasetId: id,
      checkpointId: reader.id,
      truth,
      findings: saidBy(reader, scene),
      failed: false,
    }));
  });
}

export function saidBy(reader: Reader, scene: Scene): Label[] {
  const random = new Random(scene.seed).fork(`reader ${reader.id}`);
  const error = reader.error * (1 + 0.75 * distance(scene.look));
  const findings: Scene['findings'] = {};
  for (const name of FINDINGS) {
    const there = scene.findings[name];
    const perceived = (there?.severity ?? -0.25) + error * random.normal();
    if (perceived > 0.25)
      findings[name] = { ...(there ?? { side: null, zone: 'middle', seed: 0 }), severity: Math.min(1, perceived) };
  }
  const ratio = scene.anatomy.cardiothoracicRatio + 0.05 * error * random.normal();
  const perceived = {
    ...scene,
    seed: random.uint32(),
    findings,
    anatomy: { ...scene.anatomy, cardiothoracicRatio: ratio },
  };
  const said = chexpertLabels(perceived).filter((label) => label === 'No Finding' || !random.chance(reader.omits));
  const nine = said.filter((label) => (NIH_NINE as readonly Label[]).includes(label));
  return nine.length === 0 && said.length === 0 ? ['No Finding'] : nine;
}

/** How far a look lies outside of the looks of a, in widths of their ranges; the mean over five properties. */
function distance(look: Look): number {
  const properties = ['blur', 'noise', 'scatter', 'contrast', 'gamma'] as const;
  const outside = properties.map((property) => {
    const [low, high] = HABITS.a[property];
    return Math.max(0, low - look[property], look[property] - high) / (high - low);
  });
  return outside.reduce((sum, value) => sum + value, 0) / outside.length;
}

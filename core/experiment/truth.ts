/** What a film's own institution says of it, and answers beside that as the evaluation takes them. */
import type { EvaluatedFilm } from '../evaluation/figures.ts';
import { CHEXPERT_LABELS, type Label, NIH_NINE } from '../labels/labels.ts';
import { type Conventions, chexpertLabels, nihNames, nineOf } from '../phantom/conventions.ts';
import type { Scene, SceneSource } from '../phantom/scene.ts';
import type { Answer } from './reading.ts';

/** Labels that the institution's table knows. */
export const labelsOf = (source: SceneSource): readonly Label[] => (source === 'b' ? NIH_NINE : CHEXPERT_LABELS);

/** @param answers of the scenes, in their order */
export function evaluatedFilms(
  scenes: readonly Scene[],
  answers: readonly Pick<Answer, 'findings' | 'failed'>[],
  conventions: Conventions,
  { datasetId, checkpointId }: Pick<EvaluatedFilm, 'datasetId' | 'checkpointId'>,
): EvaluatedFilm[] {
  return scenes.map((scene, i) => {
    const nih = scene.source === 'b';
    const present = nih ? nineOf(nihNames(scene, conventions)) : chexpertLabels(scene, conventions);
    const { findings, failed } = answers[i]!;
    return {
      filmId: String(i),
      patientId: String(scene.patient.number),
      ...{ datasetId, checkpointId, findings, failed },
      truth: Object.fromEntries(labelsOf(scene.source).map((label) => [label, present.includes(label) ? 1 : 0])),
    };
  });
}

/**
 * The probe of a GRPO run: films of institutions a and b that are in no other set, answered every so many steps and scored on the
 * nine labels that both have, by the world's conventions. Nothing is chosen on it: it is there to be drawn against the reward.
 */
import { figures } from '../evaluation/figures.ts';
import { NIH_NINE } from '../labels/labels.ts';
import type { Conventions } from '../phantom/conventions.ts';
import type { Probe, ProbeSet } from '../training/probe.ts';
import type { ProbeRole } from '../training/types.ts';
import type { FilmSet } from './films.ts';
import { MAX_NEW_TOKENS } from './reading.ts';
import { evaluatedFilms } from './truth.ts';

export function experimentProbe(a: FilmSet, b: FilmSet, conventions: Conventions, promptText: string): Probe {
  const films: Record<ProbeRole, FilmSet> = { source: a, target: b };
  return {
    sets: [probeSet('source', a, promptText), probeSet('target', b, promptText)],
    maxNewTokens: MAX_NEW_TOKENS,
    score: ({ role, name }, readings) => {
      const answers = readings.map(({ findings, parseFailure }) => ({ findings, failed: parseFailure !== null }));
      const of = { datasetId: name, checkpointId: '' };
      const { macro, micro } = figures(evaluatedFilms(films[role].scenes, answers, conventions, of), NIH_NINE, 'zeros');
      return { macro_f1: macro.f1, micro_f1: micro.f1 };
    },
  };
}

function probeSet(role: ProbeRole, films: FilmSet, promptText: string): ProbeSet {
  const examples = films.scenes.map((scene, index) => ({
    id: `probe-${films.source}-${index}`,
    patientId: `probe-${films.source}-${scene.patient.number}`,
    image: () => films.image(index),
    ...{ promptText, targetText: '', labels: [] },
  }));
  return { role, name: films.source, films: examples };
}

/**
 * The films of a run's probe: drawn by the run's seed from the data sets that are there for it, apart by patient from every
 * other labelled data set (any of them may be a test set) and so from the films of the training. What was drawn is written into the run,
 * so that a resumed run looks at the same films; a data set added since that shares a patient with them is refused.
 */
import { WorkbenchError } from '../base/errors.ts';
import { Random } from '../base/random.ts';
import { figures } from '../evaluation/figures.ts';
import { CHEXPERT_LABELS, type Label } from '../labels/labels.ts';
import { sharedLabels } from '../labels/mapping.ts';
import { positiveLabels } from '../labels/uncertainty.ts';
import type { Probe, ProbeSet } from '../training/probe.ts';
import type { ProbeRole, TrainingExample } from '../training/types.ts';
import type { Collections } from './collections.ts';
import type { Collection, FilmEntry, ProbePart } from './contract.ts';
import { patientKey as keyOf } from './lineage.ts';

/** `run.json` keeps this. */
export interface ChosenProbe extends ProbePart {
  datasetId: string;
  filmIds: string[];
  /** By key (lineage.ts); absent in runs of earlier versions. */
  patients?: string[];
}

const PART_OF: Record<ProbeRole, Collection['role']> = { source: 'probe-source', target: 'probe-target' };

export interface ProbeWish {
  sourceId?: string | undefined;
  targetId?: string | undefined;
}

/** At most `films` films of each institution; empty where the workspace has no data set for it. */
export async function chooseProbe(
  collections: Collections,
  wish: ProbeWish,
  { films, seed }: { films: number; seed: number },
): Promise<ChosenProbe[]> {
  const chosen: ChosenProbe[] = [];
  for (const role of ['source', 'target'] as const) {
    const asked = role === 'source' ? wish.sourceId : wish.targetId;
    const set = asked ? collections.collection(asked) : collections.list().find((each) => each.role === PART_OF[role]);
    if (set) chosen.push(await choose(collections, set, role, films, seed));
  }
  return chosen;
}

async function choose(
  collections: Collections,
  set: Collection,
  role: ProbeRole,
  most: number,
  seed: number,
): Promise<ChosenProbe> {
  const taken = await patientsElsewhere(collections, set);
  const labelled = (await collections.films(set.id)).filter((film) => film.truth && !film.cautions.includes('lateral'));
  const free = labelled.filter((film) => !taken.has(patientKey(film)));
  if (free.length === 0) throw overlaps(set, labelled.length);
  const drawn = new Random(seed)
    .fork(`probe ${role}`)
    .shuffle([...free])
    .slice(0, most);
  const leftOut = new Set(labelled.filter((film) => taken.has(patientKey(film))).map(patientKey));
  return {
    role,
    name: set.name,
    datasetId: set.id,
    films: drawn.length,
    patientsLeftOut: leftOut.size,
    filmIds: drawn.map((film) => film.id),
    patients: [...new Set(drawn.map((film) => keyOf(set, film)))],
  };
}

/** Patients of the other data sets of the same kind: identifiers mean something within one kind of table only. */
async function patientsElsewhere(collections: Collections, set: Collection): Promise<Set<string>> {
  const others = collections
    .list()
    .filter(({ id, kind, role }) => id !== set.id && kind === set.kind && role !== set.role);
  const films = await Promise.all(others.map(({ id }) => collections.films(id)));
  return new Set(films.flat().map(patientKey));
}

/** A film without a patient is its own. */
function patientKey({ id, patientId }: FilmEntry): string {
  return patientId === '' ? `film ${id}` : patientId;
}

function overlaps(set: Collection, films: number): WorkbenchError {
  return new WorkbenchError(
    'PROBE_IN_TEST_SET',
    'Every patient of this probe is in a test set or in the training films too, or none of its films is labelled.',
    { dataset: set.id, films },
    'Choose a data set of other patients for the probe, or set probeEvery to 0.',
  );
}

/** What training wants, of the films that were chosen. @throws PROBE_IN_TEST_SET where one is a test film by now */
export async function openProbe(
  collections: Collections,
  chosen: readonly ChosenProbe[],
  example: (film: FilmEntry, labels: Label[]) => TrainingExample,
  maxNewTokens: number,
): Promise<Probe | null> {
  if (chosen.length === 0) return null;
  const sets: (ProbeSet & { entries: FilmEntry[]; collection: Collection })[] = [];
  for (const { role, name, datasetId, filmIds } of chosen) {
    const collection = collections.collection(datasetId);
    const taken = await patientsElsewhere(collections, collection);
    const entries = await Promise.all(filmIds.map((id) => collections.entry(id)));
    if (entries.some((film) => taken.has(patientKey(film)))) throw overlaps(collection, entries.length);
    const films = entries.map((film) =>
      example(film, positiveLabels(film.truth ?? {}, CHEXPERT_LABELS, collection.policy)),
    );
    sets.push({ role, name, films, entries, collection });
  }
  const [first, second = first] = sets;
  const labels = sharedLabels(first!.collection.labels, second!.collection.labels);
  return {
    sets,
    maxNewTokens,
    score: ({ role }, readings) => {
      const { entries, collection } = sets.find((set) => set.role === role)!;
      const answered = readings.map(({ findings, parseFailure }, i) => ({
        ...{ filmId: entries[i]!.id, patientId: entries[i]!.patientId, datasetId: collection.id, checkpointId: '' },
        ...{ truth: entries[i]!.truth ?? {}, findings, failed: parseFailure !== null },
      }));
      const { macro, micro } = figures(answered, labels, collection.policy);
      return { macro_f1: macro.f1, micro_f1: micro.f1 };
    },
  };
}

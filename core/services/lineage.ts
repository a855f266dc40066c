/**
 * Which patients a checkpoint was trained on, in `trained-on.json` beside its adapter: so that GRPO draws from patients that
 * SFT did not use, and that an evaluation says who was seen in training. It travels with the adapter. Patients stand there
 * as keys, a hash of the table's kind and the identifier: they can be compared and not read.
 */
import { join } from 'node:path';
import { z } from 'zod';
import { WorkbenchError } from '../base/errors.ts';
import { sha256 } from '../base/hash.ts';
import { Random } from '../base/random.ts';
import { readJsonIfThere, writeJson } from '../platform/files.ts';
import { drawExamples } from '../training/split.ts';
import type { TrainingExample } from '../training/types.ts';
import type { Collection, FilmEntry, TrainingDraw } from './contract.ts';

const FILE = 'trained-on.json';

const keys = z.array(z.string().max(64)).max(10_000_000);
/** `probe`: who was looked at while it was trained. */
export const trainedOnSchema = z
  .object({ dataset: z.string().max(1000), sft: keys, grpo: keys, probe: keys.default([]) })
  .strip();

/** Keys of patients by the method that used them, also of the checkpoints that training went on from. */
export type TrainedOn = z.output<typeof trainedOnSchema>;

/** Identifiers mean something within one kind of table only; a film without a patient is its own. */
export function patientKey({ kind }: Pick<Collection, 'kind'>, { id, patientId }: Pick<FilmEntry, 'id' | 'patientId'>) {
  return sha256(patientId === '' ? `film ${id}` : `${kind} ${patientId}`).slice(0, 16);
}

/** null: not known (it was trained elsewhere, or is a base). A file that says something else counts as unknown. */
export async function readTrainedOn(adapterFolder: string): Promise<TrainedOn | null> {
  const parsed = trainedOnSchema.safeParse(await readJsonIfThere(join(adapterFolder, FILE)).catch(() => null));
  return parsed.success ? parsed.data : null;
}

export async function writeTrainedOn(adapterFolder: string, trainedOn: TrainedOn): Promise<void> {
  await writeJson(join(adapterFolder, FILE), trainedOn);
}

/** What a checkpoint has seen after a run on these patients. */
export function trainedFurther(
  before: TrainedOn | null,
  kind: 'sft' | 'grpo',
  dataset: string,
  patients: readonly string[],
  probed: readonly string[] = [],
): TrainedOn {
  const { sft = [], grpo = [], probe: earlier = [] } = before ?? {};
  const own = [...new Set([...(kind === 'sft' ? sft : grpo), ...patients])].sort();
  const probe = [...new Set([...earlier, ...probed])].sort();
  return kind === 'sft' ? { dataset, sft: own, grpo, probe } : { dataset, sft, grpo: own, probe };
}

/** Of a test set's films: how many patients a checkpoint was trained on, or looked at in a probe. */
export function seenPatients(
  { sft, grpo, probe }: TrainedOn,
  collection: Pick<Collection, 'kind'>,
  films: readonly FilmEntry[],
): { trained: number; probed: number } {
  const patients = new Set(films.map((film) => patientKey(collection, film)));
  const count = (seen: readonly string[]) => [...new Set(seen)].filter((patient) => patients.has(patient)).length;
  return { trained: count([...sft, ...grpo]), probed: count(probe) };
}

export interface DrawSettings {
  kind: 'sft' | 'grpo';
  samples: number;
  seed: number;
  /** SFT: share of the patients that are left for GRPO. */
  reserveForGrpo: number;
}

/**
 * The examples that a run may draw from. SFT leaves a share of the patients, chosen by the seed, to GRPO; GRPO leaves out
 * every patient that the SFT run before it used. `patientId` of an example is its patient's key.
 * @throws TRAINING_PATIENTS where none is left
 */
export function examplesFor(
  examples: readonly TrainingExample[],
  before: TrainedOn | null,
  { kind, samples, seed, reserveForGrpo }: DrawSettings,
): { examples: TrainingExample[]; draw: TrainingDraw } {
  const patients = [...new Set(examples.map(({ patientId }) => patientId))].sort();
  const seen = new Set(kind === 'grpo' ? before?.sft : []);
  const reserved = new Set(
    kind === 'sft' ? shuffled(patients, seed).slice(0, share(patients.length, reserveForGrpo)) : [],
  );
  const free = examples.filter(({ patientId }) => !seen.has(patientId) && !reserved.has(patientId));
  const excluded = patients.filter((patient) => seen.has(patient)).length;
  if (free.length === 0 && examples.length > 0) throw allUsed(examples.length, excluded);
  const drawn = drawExamples(free, samples, seed);
  const draw: TrainingDraw = {
    asked: samples,
    films: drawn.length,
    patients: new Set(drawn.map(({ patientId }) => patientId)).size,
    filmsThere: examples.length,
    patientsReserved: reserved.size,
    patientsOfSft: excluded,
    sftKnown: before !== null,
  };
  return { examples: free, draw };
}

/** At least one patient stays. */
function share(patients: number, reserve: number): number {
  return Math.max(0, Math.min(patients - 1, Math.floor(patients * reserve)));
}

function shuffled(patients: readonly string[], seed: number): string[] {
  return new Random(seed).fork('reserved for GRPO').shuffle([...patients]);
}

function allUsed(films: number, patients: number): WorkbenchError {
  return new WorkbenchError(
    'TRAINING_PATIENTS',
    `GRPO draws from patients that its SFT run did not use, and that run used all ${patients} of this data set.`,
    { films, patients },
    'Train SFT with fewer samples or with reserveForGrpo above 0, or choose another data set for GRPO.',
  );
}

/** Figures by sex, age, view and device, on the shared labels, with the number of films and patients in each. */
import type { Label } from '../labels/labels.ts';
import { countedAs, policyOf } from '../labels/uncertainty.ts';
import {
  type Comparison,
  change,
  type DatasetReadings,
  estimates,
  macro,
  one,
  pairSamples,
  placesOf,
  readingsOf,
} from './comparison.ts';
import { type EvaluatedFilm, patientOf } from './figures.ts';
import type { Subgroup } from './types.ts';

/** Groups are many and small: fewer replicates than the main figures. */
const SUBGROUP_REPLICATES = 2000;
/** Fewer positive films than this say little of a label. */
const ENOUGH_POSITIVES = 10;
export const UNKNOWN_GROUP = 'unknown';

type By = Subgroup['by'];

const GROUPS: Record<By, { names: readonly string[]; of(film: EvaluatedFilm): string }> = {
  sex: { names: ['F', 'M', UNKNOWN_GROUP], of: ({ sex }) => sex || UNKNOWN_GROUP },
  age: { names: ['under 18', '18 to 39', '40 to 59', '60 to 79', '80 and over', UNKNOWN_GROUP], of: ageGroup },
  view: { names: ['AP', 'PA', 'other', UNKNOWN_GROUP], of: viewGroup },
  device: { names: ['device', 'no device', UNKNOWN_GROUP], of: deviceGroup },
};

function ageGroup({ age }: EvaluatedFilm): string {
  if (age === null || age === undefined) return UNKNOWN_GROUP;
  return age < 18 ? 'under 18' : age < 40 ? '18 to 39' : age < 60 ? '40 to 59' : age < 80 ? '60 to 79' : '80 and over';
}

function viewGroup({ view = '' }: EvaluatedFilm): string {
  return view === '' ? UNKNOWN_GROUP : view === 'AP' || view === 'PA' ? view : 'other';
}

/** From the truth; a set without the label (NIH) does not say. */
function deviceGroup({ truth }: EvaluatedFilm): string {
  const device = truth['Support Devices'];
  return device === undefined ? UNKNOWN_GROUP : device === 1 ? 'device' : 'no device';
}

/** Of every data set; a division in which nothing is known is left out. `pair`: the two whose difference is asked for. */
export async function subgroupsOf(context: Comparison, pair: readonly [string, string] | null): Promise<Subgroup[]> {
  const found: Subgroup[] = [];
  const few = { ...context, replicates: Math.min(SUBGROUP_REPLICATES, context.replicates) };
  for (const dataset of context.datasets) {
    const films = [...dataset.readings.films.values()].flat();
    for (const by of Object.keys(GROUPS) as By[]) {
      const { names, of } = GROUPS[by];
      if (films.every((film) => of(film) === UNKNOWN_GROUP)) continue;
      for (const group of names) found.push(...(await subgroupOf(few, dataset, pair, by, group)));
    }
  }
  return found;
}

async function subgroupOf(
  context: Comparison,
  { input, readings: all }: DatasetReadings,
  pair: readonly [string, string] | null,
  by: By,
  group: string,
): Promise<Subgroup[]> {
  const belongs = (film: EvaluatedFilm) => GROUPS[by].of(film) === group;
  const films = new Map([...all.films].map(([id, each]) => [id, each.filter(belongs)]));
  const some = [...films.values()].reduce((a, b) => (b.length > a.length ? b : a), []);
  if (some.length === 0) return [];
  const labels = context.shared;
  const name = `${input.id}/${by}/${group}`;
  const readings = await readingsOf(name, films, labels, labels, input.policy, { ...context, both: [] });
  const of = macro(placesOf(labels, readings));
  const figures: Subgroup['figures'] = [];
  for (const checkpointId of films.keys()) {
    const [found] = await estimates(context, [{ readings, key: checkpointId }], [one('f1', of)]);
    figures.push({ checkpointId, macroF1: found!.value, interval: found!.interval });
  }
  return [
    {
      datasetId: input.id,
      by,
      group,
      films: some.length,
      patients: new Set(some.map(patientOf)).size,
      labelsWithTen: labels.filter((label) => positives(some, label, input.policy) >= ENOUGH_POSITIVES).length,
      figures,
      difference: pair && (await differenceIn(context, readings, of, pair)),
    },
  ];
}

async function differenceIn(
  context: Comparison,
  readings: DatasetReadings['readings'],
  of: ReturnType<typeof macro>,
  [from, to]: readonly [string, string],
): Promise<Subgroup['difference']> {
  const [found] = await estimates(context, pairSamples(readings, from, to), [change('f1', [of, of])]);
  return { fromCheckpointId: from, toCheckpointId: to, change: found!.value, interval: found!.interval };
}

function positives(
  films: readonly EvaluatedFilm[],
  label: Label,
  policies: DatasetReadings['input']['policy'],
): number {
  return films.filter((film) => countedAs(film.truth[label], policyOf(policies, label)) === 1).length;
}

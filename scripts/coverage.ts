/**
 * Do 95 % intervals cover 95 %? Simulated studies with a known truth: patients with one to three films, answers of a patient
 * that resemble each other, two checkpoints that resemble each other, two institutions. Of every figure the share of studies
 * whose interval covers the true value, with BCa and percentile; cells with fewer than 50 positives or 200 patients
 * are reported as they are and flagged.
 *
 *   npx tsx scripts/coverage.ts [--studies N] [--replicates N] [--patients N] [--json]
 */
import { parseArgs } from 'node:util';
import { unattended } from '../core/base/progress.ts';
import { Random } from '../core/base/random.ts';
import { change, estimates, macro, one, type Readings, readingsOf } from '../core/evaluation/comparison.ts';
import { PER_LABEL } from '../core/evaluation/counters.ts';
import type { EvaluatedFilm } from '../core/evaluation/figures.ts';
import type { Statistic } from '../core/evaluation/statistics.ts';
import type { Interval } from '../core/evaluation/types.ts';
import type { Label, LabelValues } from '../core/labels/labels.ts';

/** A common label, two in between, a rare one. */
const LABELS: readonly [Label, number][] = [
  ['Cardiomegaly', 0.4],
  ['Edema', 0.25],
  ['Pneumonia', 0.15],
  ['Pneumothorax', 0.02],
];
/** How well each checkpoint sees at the source and at the target. */
const SKILL: Record<string, [number, number]> = { sft: [1.2, 1.1], grpo: [1.6, 1.0] };
/** Part of a film's difficulty that is its patient's. */
const PATIENT = 0.5;
/** Films of the study from which the true values are taken. */
const TRUE_FILMS = 200_000;

const { values } = parseArgs({
  options: {
    studies: { type: 'string', default: '1000' },
    replicates: { type: 'string', default: '1000' },
    patients: { type: 'string', default: '250' },
    json: { type: 'boolean', default: false },
  },
});
const [studies, replicates, patients] = [values.studies, values.replicates, values.patients].map(Number) as [
  number,
  number,
  number,
];

function films(datasetId: 'a' | 'b', random: Random, count: number): EvaluatedFilm[] {
  const all: EvaluatedFilm[] = [];
  for (let patient = 0; all.length < count || patient < count; patient++) {
    if (patient >= count) break;
    const own = LABELS.map(() => random.normal());
    const visits = 1 + random.below(3);
    for (let visit = 0; visit < visits; visit++) all.push(...film(datasetId, random, patient, visit, own));
  }
  return all;
}

function film(datasetId: 'a' | 'b', random: Random, patient: number, visit: number, own: number[]): EvaluatedFilm[] {
  const truth: LabelValues = {};
  const seen = LABELS.map(([label, share], i) => {
    const there = random.chance(share);
    truth[label] = there ? 1 : 0;
    return PATIENT * own[i]! + Math.sqrt(1 - PATIENT ** 2) * 0.6 * random.normal() + (there ? 1 : -1);
  });
  return Object.entries(SKILL).map(([checkpointId, skill]) => ({
    filmId: `${patient}.${visit}`,
    patientId: String(patient),
    datasetId,
    checkpointId,
    truth,
    findings: LABELS.flatMap(([label], i) => {
      return seen[i]! * skill[datasetId === 'a' ? 0 : 1] + 0.9 * random.normal() > 0.6 ? [label] : [];
    }),
    failed: false,
  }));
}

interface Quantity {
  name: string;
  /** Positive films, where it is of one label. */
  label: number | null;
  sets: ('a' | 'b')[];
  statistic: Statistic;
}

/** Readings in the order SFT, GRPO (of a, then of b where both are asked for). */
const QUANTITIES: Quantity[] = quantities();

function quantities(): Quantity[] {
  const all = macro(LABELS.map((_, i) => i));
  const found: Quantity[] = [];
  for (const set of ['a', 'b'] as const) {
    Object.keys(SKILL).forEach((checkpoint, sample) => {
      const at = `${checkpoint} on ${set}`;
      LABELS.forEach(([name], label) => {
        for (const figure of ['f1', 'recall', 'kappa'] as const)
          found.push({
            name: `${figure} of ${name}, ${at}`,
            label,
            sets: [set],
            statistic: one(figure, { label }, sample),
          });
      });
      found.push({ name: `macro-F1, ${at}`, label: null, sets: [set], statistic: one('f1', all, sample) });
      const micro = { average: 'micro' as const, labels: LABELS.map((_, i) => i) };
      found.push({ name: `micro-F1, ${at}`, label: null, sets: [set], statistic: one('f1', micro, sample) });
    });
    found.push({ name: `GRPO - SFT on ${set}`, label: null, sets: [set], statistic: change('f1', [all, all]) });
  }
  const term = (sample: number, sign: 1 | -1) => ({ sample, sign, figure: 'f1' as const, of: all });
  found.push({ name: 'gap of sft', label: null, sets: ['a', 'b'], statistic: [term(2, 1), term(0, -1)] });
  found.push({ name: 'gap of grpo', label: null, sets: ['a', 'b'], statistic: [term(3, 1), term(1, -1)] });
  const survives = [term(3, 1), term(2, -1), term(1, -1), term(0, 1)];
  found.push({ name: '(GRPO - SFT) target - source', label: null, sets: ['a', 'b'], statistic: survives });
  return found;
}

type Found = { value: number; interval: Interval | null; positives: number };

async function study(random: Random, count: number, replicates: number): Promise<Found[]> {
  const labels = LABELS.map(([label]) => label);
  const context = {
    datasets: [],
    shared: labels,
    both: [],
    replicates,
    seed: random.uint32(),
    method: 'bca' as const,
    work: unattended(),
  };
  const readings = new Map<'a' | 'b', Readings>();
  for (const set of ['a', 'b'] as const) {
    const all = films(set, random, count);
    const byCheckpoint = new Map(Object.keys(SKILL).map((id) => [id, all.filter((film) => film.checkpointId === id)]));
    readings.set(set, await readingsOf(set, byCheckpoint, labels, labels, 'zeros', context));
  }
  const samples = (sets: readonly ('a' | 'b')[]) =>
    sets.flatMap((set) => Object.keys(SKILL).map((key) => ({ readings: readings.get(set)!, key })));
  const found: Found[] = [];
  for (const sets of [['a'], ['b'], ['a', 'b']] as ('a' | 'b')[][]) {
    const own = QUANTITIES.filter((each) => each.sets.join() === sets.join());
    const results = await estimates(
      context,
      samples(sets),
      own.map(({ statistic }) => statistic),
    );
    own.forEach(({ label }, i) => {
      const { total } = readings.get(sets[0]!)!.counted.get('sft')!;
      const of = (l: number) => total[PER_LABEL * l]! + total[PER_LABEL * l + 2]!;
      // An average is as rare as the rarest of its labels.
      const positives = label === null ? Math.min(...LABELS.map((_, l) => of(l))) : of(label);
      found.push({ ...results[i]!, positives });
    });
  }
  return found;
}

/** In the order of the results of a study. */
const NAMES = [['a'], ['b'], ['a', 'b']].flatMap((sets) =>
  QUANTITIES.filter((each) => each.sets.join() === sets.join()).map(({ name }) => name),
);

interface Tally {
  bca: number;
  percentile: number;
  studies: number;
  positives: number;
}
const truth = await study(new Random('the truth'), TRUE_FILMS / 2, 0);
const tallies = NAMES.map((): Tally => ({ bca: 0, percentile: 0, studies: 0, positives: 0 }));
for (let i = 0; i < studies; i++) {
  const found = await study(new Random(`study ${i}`), patients, replicates);
  found.forEach(({ interval, positives }, q) => {
    const tally = tallies[q]!;
    const { value } = truth[q]!;
    tally.positives += positives;
    if (!interval) return;
    tally.studies++;
    if (interval.low <= value && value <= interval.high) tally.bca++;
    if (interval.percentile![0] <= value && value <= interval.percentile![1]) tally.percentile++;
  });
  if (i % 50 === 49) process.stderr.write(`${i + 1} of ${studies}\n`);
}

const rows = tallies.map(({ bca, percentile, studies: n, positives }, q) => ({
  name: NAMES[q]!,
  bca: bca / n,
  percentile: percentile / n,
  studies: n,
  positives: Math.round(positives / studies),
  rare: positives / studies < 50,
}));
if (values.json) console.log(JSON.stringify({ studies, replicates, patients, rows }));
else
  for (const row of rows)
    console.log(
      `${(100 * row.bca).toFixed(1)}  ${(100 * row.percentile).toFixed(1)}  ${row.rare ? 'rare ' : '     '}${row.name} (${row.positives} positives)`,
    );

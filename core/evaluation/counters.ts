/**
 * One reading of a data set as counts by patient: what every figure, interval and test is computed from. Counters of a label
 * are true and false positives, false negatives, and films that are left out (uncertain under `ignore`); films of one kind (the
 * same four numbers over a set of labels) are counted too, from which the averages over films follow; then failed
 * completions, findings and films. Sparse both by counter (for sums over patients) and by patient (to leave one out), in
 * shared memory, so that threads read them without a copy.
 */
import type { Label } from '../labels/labels.ts';
import type { UncertaintyPolicies } from '../labels/uncertainty.ts';
import { countedFindings, type EvaluatedFilm, indicatorsOf, patientOf } from './figures.ts';
import { confusionOf, filmKinds, type Indicators, kindOf, LEFT_OUT, outcomeOf } from './metrics.ts';
import type { Confusion } from './types.ts';

/** Counters of label i begin at PER_LABEL * i. */
export const PER_LABEL = 4;
export const COUNTER = { tp: 0, fp: 1, fn: 2, leftOut: 3 } as const;

/** What the counters of all readings of one data set mean. */
export interface Layout {
  labels: number;
  /** Sets of labels (by place) whose averages over films are wanted; `kinds[j]` is counted at `at + j`. */
  sets: { labels: number[]; at: number; kinds: Confusion[] }[];
  failures: number;
  findings: number;
  films: number;
  counters: number;
}

/** Counts by patient. All arrays lie in shared memory. */
export interface ClusterCounts {
  clusters: number;
  counters: number;
  /** `[counters + 1]`: where a counter's entries begin. */
  starts: Int32Array;
  /** `[entries]`, by counter. */
  cluster: Int32Array;
  value: Int32Array;
  /** `[clusters + 1]`: where a cluster's entries begin. */
  rowStarts: Int32Array;
  /** `[entries]`, by cluster. */
  rowCounter: Int32Array;
  rowValue: Int32Array;
}

export function sharedInts(length: number): Int32Array {
  return new Int32Array(new SharedArrayBuffer(4 * length));
}

export function sharedFloats(length: number): Float64Array {
  return new Float64Array(new SharedArrayBuffer(8 * length));
}

/** Patients in the order of their first film. */
export function patientsOf(films: Iterable<EvaluatedFilm>): Map<string, number> {
  const patients = new Map<string, number>();
  for (const film of films) {
    const patient = patientOf(film);
    if (!patients.has(patient)) patients.set(patient, patients.size);
  }
  return patients;
}

/** The readings of one data set, counted in one layout. `labelSets`: places of labels whose averages over films are wanted. */
export async function countReadings(
  readings: readonly (readonly EvaluatedFilm[])[],
  labels: readonly Label[],
  labelSets: readonly number[][],
  policies: UncertaintyPolicies,
  patients: ReadonlyMap<string, number>,
  pause: () => Promise<void>,
): Promise<{ layout: Layout; counts: ClusterCounts[] }> {
  const read: Read[] = [];
  for (const films of readings) {
    const cells = indicatorsOf(films, labels, policies);
    read.push({ films, cells, kinds: labelSets.map((places) => filmKinds(cells, places)) });
    await pause();
  }
  const layout = layoutOf(read, labels.length, labelSets);
  const counts: ClusterCounts[] = [];
  for (const reading of read) {
    const entries = entriesOf(reading, layout, patients);
    await pause();
    counts.push(entries.counts());
    await pause();
  }
  return { layout, counts };
}

/** A reading's answers against the truth, and by set of labels each film's kind. */
interface Read {
  films: readonly EvaluatedFilm[];
  cells: Indicators;
  kinds: Int32Array[];
}

function layoutOf(readings: readonly Read[], labels: number, labelSets: readonly number[][]): Layout {
  let at = PER_LABEL * labels;
  const sets = labelSets.map((places, i) => {
    const kinds = new Set<number>();
    for (const reading of readings) for (const kind of reading.kinds[i]!) kinds.add(kind);
    const set = { labels: places, at, kinds: Array.from(kinds, confusionOf) };
    at += kinds.size;
    return set;
  });
  return { labels, sets, failures: at, findings: at + 1, films: at + 2, counters: at + 3 };
}

/** Counters of label columns, at 2 * truth + prediction; null: none (a true negative follows from the others). */
const CELL_COUNTER = [0, 1, 2, 3, 4, 5].map((cell) => {
  const truth = cell >> 1;
  const outcome = outcomeOf(truth, cell & 1);
  return truth === LEFT_OUT ? COUNTER.leftOut : outcome === null || outcome === 'tn' ? null : COUNTER[outcome];
});

function entriesOf({ films, cells, kinds }: Read, layout: Layout, patients: ReadonlyMap<string, number>): Entries {
  const places = layout.sets.map((set) => new Map(set.kinds.map((kind, j) => [kindOf(kind), set.at + j])));
  const entries = new Entries(patients.size, layout.counters);
  films.forEach((film, row) => {
    const patient = patients.get(patientOf(film))!;
    for (let label = 0, at = row * layout.labels; label < layout.labels; label++, at++) {
      const counter = CELL_COUNTER[2 * cells.truth[at]! + cells.prediction[at]!]!;
      if (counter !== null) entries.add(patient, PER_LABEL * label + counter);
    }
    for (let set = 0; set < places.length; set++) entries.add(patient, places[set]!.get(kinds[set]![row]!)!);
    if (film.failed) entries.add(patient, layout.failures);
    entries.add(patient, layout.findings, countedFindings(film).length);
    entries.add(patient, layout.films);
  });
  return entries;
}

/** From `[clusters * counters]`. */
export function clusterCounts(dense: ArrayLike<number>, clusters: number, counters: number): ClusterCounts {
  const entries = new Entries(clusters, counters);
  for (let c = 0; c < clusters; c++) for (let k = 0; k < counters; k++) entries.add(c, k, dense[c * counters + k]!);
  return entries.counts();
}

/** b - a, entry by entry. */
export function differenceOf(a: ClusterCounts, b: ClusterCounts, counters: number): ClusterCounts {
  const entries = new Entries(a.clusters, counters);
  for (const [counts, sign] of [[b, 1] as const, [a, -1] as const]) {
    for (let c = 0; c < counts.clusters; c++) {
      for (let i = counts.rowStarts[c]!; i < counts.rowStarts[c + 1]!; i++) {
        if (counts.rowCounter[i]! < counters) entries.add(c, counts.rowCounter[i]!, sign * counts.rowValue[i]!);
      }
    }
  }
  return entries.counts();
}

/** Entries as they come; the same patient and counter are added up. */
class Entries {
  private readonly cluster: number[] = [];
  private readonly counter: number[] = [];
  private readonly value: number[] = [];

  constructor(
    private readonly clusters: number,
    private readonly counters: number,
  ) {}

  add(cluster: number, counter: number, value = 1): void {
    if (value === 0) return;
    this.cluster.push(cluster);
    this.counter.push(counter);
    this.value.push(value);
  }

  counts(): ClusterCounts {
    const rows = this.rows();
    const entries = rows.rowCounter.length;
    const starts = startsOf(rows.rowCounter, this.counters);
    const cluster = sharedInts(entries);
    const value = sharedInts(entries);
    const next = starts.slice();
    for (let c = 0; c < this.clusters; c++) {
      for (let i = rows.rowStarts[c]!; i < rows.rowStarts[c + 1]!; i++) {
        const at = next[rows.rowCounter[i]!]!++;
        cluster[at] = c;
        value[at] = rows.rowValue[i]!;
      }
    }
    return { clusters: this.clusters, counters: this.counters, starts, cluster, value, ...rows };
  }

  /** By cluster, each counter once, zeros dropped. */
  private rows(): Pick<ClusterCounts, 'rowStarts' | 'rowCounter' | 'rowValue'> {
    const starts = startsOf(this.cluster, this.clusters);
    const order = new Int32Array(this.cluster.length);
    const next = starts.slice();
    for (let i = 0; i < order.length; i++) order[next[this.cluster[i]!]!++] = i;
    const sums = new Int32Array(this.counters);
    const rowStarts = sharedInts(this.clusters + 1);
    const counters: number[] = [];
    const values: number[] = [];
    for (let c = 0; c < this.clusters; c++) {
      const touched = new Set<number>();
      for (let i = starts[c]!; i < starts[c + 1]!; i++) {
        const entry = order[i]!;
        sums[this.counter[entry]!]! += this.value[entry]!;
        touched.add(this.counter[entry]!);
      }
      for (const counter of touched) {
        if (sums[counter] !== 0) {
          counters.push(counter);
          values.push(sums[counter]!);
        }
        sums[counter] = 0;
      }
      rowStarts[c + 1] = counters.length;
    }
    const [rowCounter, rowValue] = [sharedInts(counters.length), sharedInts(counters.length)];
    rowCounter.set(counters);
    rowValue.set(values);
    return { rowStarts, rowCounter, rowValue };
  }
}

/** Where the entries of each bucket begin, after they are sorted by bucket: `[buckets + 1]`. */
function startsOf(buckets: ArrayLike<number>, count: number): Int32Array {
  const starts = sharedInts(count + 1);
  for (let i = 0; i < buckets.length; i++) starts[buckets[i]! + 1]!++;
  for (let b = 0; b < count; b++) starts[b + 1]! += starts[b]!;
  return starts;
}

/** Every counter over all clusters. */
export function totalsOf(counts: ClusterCounts): Int32Array {
  const totals = sharedInts(counts.counters);
  for (let i = 0; i < counts.rowCounter.length; i++) totals[counts.rowCounter[i]!]! += counts.rowValue[i]!;
  return totals;
}

/**
 * The figures of an evaluation at the size of NIH ChestX-ray14's test set: 25,596 films of 2,797 patients, 14 labels, 3
 * checkpoints. All count-based figures with intervals (BCa, 10,000 replicates of whole patients), differences, permutation tests
 * (10,000) and the list of disagreements; then AUROC and average precision (2,000); and how long the calling thread was
 * kept from other work. Once more with a patient for each film, which is the most there can be to draw.
 *
 * With --python, two peers in the same run: numpy (sums over patients as one matrix product by its BLAS, the same figures,
 * percentile intervals) on all replicates, and scikit-learn's own functions on a subset that is named, scaled up.
 *
 *   npm run -s bench -- metrics [--films N] [--patients N] [--replicates N] [--rank-replicates N] [--runs N] [--python PATH] --json
 */
import { execFileSync } from 'node:child_process';
import { cpus } from 'node:os';
import { resolve } from 'node:path';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { parseArgs } from 'node:util';
import { unattended } from '../../core/base/progress.ts';
import { Random } from '../../core/base/random.ts';
import { type EvaluationInput, evaluate } from '../../core/evaluation/evaluate.ts';
import type { EvaluatedFilm } from '../../core/evaluation/figures.ts';
import { rankIntervals } from '../../core/evaluation/rankIntervals.ts';
import { rankColumn } from '../../core/evaluation/ranks.ts';
import { startStatisticsThreads, statisticsThreadCount, stopStatisticsThreads } from '../../core/evaluation/threads.ts';
import { CHEXPERT_LABELS } from '../../core/labels/labels.ts';
import { machine, median } from '../support/measure.ts';

const CHECKPOINTS = ['base', 'sft', 'grpo'] as const;
/** Share of films with a label, from rare to common, as in the public sets. */
const PREVALENCE = CHEXPERT_LABELS.map((_, i) => 0.01 * 1.35 ** i);

const PEER = `
import json, sys, time, numpy as np
from sklearn.metrics import precision_recall_fscore_support, jaccard_score, matthews_corrcoef, cohen_kappa_score, accuracy_score, roc_auc_score, average_precision_score
films, patients, replicates, rank_replicates, subset = map(int, sys.argv[1:6])
rng = np.random.default_rng(0)
labels, checkpoints = 14, 3
prevalence = np.array(json.loads(sys.argv[6]))
truth = rng.random((films, labels)) < prevalence
said = [np.where(rng.random((films, labels)) < .8, truth, rng.random((films, labels)) < prevalence) for _ in range(checkpoints)]
score = [truth + rng.normal(size=(films, labels)) for _ in range(checkpoints)]
patient = np.arange(films) % patients
def numpy_counts():
    onehot = []
    for p in said:
        cells = np.concatenate([truth & p, ~truth & p, truth & ~p, ~truth & ~p], 1)
        sums = np.zeros((patients, cells.shape[1]), np.float32)
        np.add.at(sums, patient, cells)
        onehot.append(sums)
    counts = np.concatenate(onehot, 1)
    out = np.empty((replicates, counts.shape[1]), np.float32)
    for start in range(0, replicates, 500):
        n = min(500, replicates - start)
        w = np.stack([np.bincount(rng.integers(0, patients, patients), minlength=patients) for _ in range(n)]).astype(np.float32)
        out[start:start + n] = w @ counts
    for k in range(checkpoints):
        tp, fp, fn, tn = np.split(out[:, k * 56:(k + 1) * 56].astype(np.float64), 4, 1)
        figures = []
        for a, b, c, d in ((tp, fp, fn, tn), tuple(x.sum(1, keepdims=True) for x in (tp, fp, fn, tn))):
            with np.errstate(all='ignore'):
                figures += [a/(a+b), a/(a+c), d/(b+d), 2*a/(2*a+b+c), a/(a+b+c), (a+d)/(a+b+c+d), 2*(a*d-b*c)/((a+b)*(b+d)+(a+c)*(c+d)), (a*d-b*c)/np.sqrt((a+b)*(a+c)*(d+b)*(d+c))]
        for f in figures:
            np.percentile(f, [2.5, 97.5], axis=0); np.percentile(np.nanmean(f, 1), [2.5, 97.5])
def sklearn_counts():
    for _ in range(subset):
        drawn = rng.integers(0, patients, patients)
        rows = np.concatenate([np.flatnonzero(patient == p) for p in drawn[:0]] + [np.repeat(np.arange(films), np.bincount(drawn, minlength=patients)[patient])])
        t = truth[rows]
        for p in said:
            q = p[rows]
            for average in (None, 'micro', 'macro', 'weighted', 'samples'):
                precision_recall_fscore_support(t, q, average=average, zero_division=0); jaccard_score(t, q, average=average, zero_division=0)
            for j in range(labels):
                matthews_corrcoef(t[:, j], q[:, j]); cohen_kappa_score(t[:, j], q[:, j]); accuracy_score(t[:, j], q[:, j])
def sklearn_ranks():
    for _ in range(subset):
        weight = np.bincount(rng.integers(0, patients, patients), minlength=patients)[patient]
        for s in score:
            for j in range(labels):
                roc_auc_score(truth[:, j], s[:, j], sample_weight=weight); average_precision_score(truth[:, j], s[:, j], sample_weight=weight)
result = {}
for name, work, scale in (('numpyCounts', numpy_counts, 1), ('scikitLearnCounts', sklearn_counts, replicates / subset), ('scikitLearnRanks', sklearn_ranks, rank_replicates / subset)):
    start = time.perf_counter(); work(); result[name] = (time.perf_counter() - start) * scale
print(json.dumps(result))
`;
/** Replicates that scikit-learn does; the rest is scaled up. */
const PEER_SUBSET = 3;

export async function run(args: string[]): Promise<object> {
  const { values } = parseArgs({
    args,
    options: {
      films: { type: 'string', default: '25596' },
      patients: { type: 'string', default: '2797' },
      replicates: { type: 'string', default: '10000' },
      'rank-replicates': { type: 'string', default: '2000' },
      runs: { type: 'string', default: '3' },
      python: { type: 'string' },
    },
  });
  const [films, patients, replicates] = [values.films, values.patients, values.replicates].map(Number) as [
    number,
    number,
    number,
  ];
  const rankReplicates = Number(values['rank-replicates']);
  startStatisticsThreads(resolve('core/evaluation/thread.ts'), cpus().length);
  const threads = statisticsThreadCount();
  const measured = { counts: [] as Spent[], ranks: [] as Spent[], alone: [] as Spent[], peer: [] as Peer[] };
  let longestPauseMs = 0;
  for (let i = 0; i < Number(values.runs); i++) {
    const study = simulated(films, patients, replicates);
    const loop = monitorEventLoopDelay({ resolution: 5 });
    loop.enable();
    measured.counts.push(await timed(() => evaluate(study)));
    loop.disable();
    longestPauseMs = Math.max(longestPauseMs, loop.max / 1e6);
    const columns = simulatedScores(films, patients);
    measured.ranks.push(
      await timed(() => rankIntervals(columns, patients, { ...PLAIN, replicates: rankReplicates }, 'bench')),
    );
    measured.alone.push(await timed(() => evaluate(simulated(films, films, replicates))));
    if (values.python) measured.peer.push(peer(values.python, films, patients, replicates, rankReplicates));
  }
  await stopStatisticsThreads();
  const { counts, ranks, alone } = measured;
  const spent = { counts: medians(counts), ranks: medians(ranks), countsOneFilmAPatient: medians(alone) };
  const seconds = {
    counts: spent.counts.clock,
    ranks: spent.ranks.clock,
    countsOneFilmAPatient: spent.countsOneFilmAPatient.clock,
  };
  const peers = peerMedians(measured.peer);
  return {
    benchmark: 'metrics',
    films,
    patients,
    labels: CHEXPERT_LABELS.length,
    checkpoints: CHECKPOINTS.length,
    replicates,
    rankReplicates,
    runs: counts.length,
    threads,
    machine: machine(),
    seconds,
    /** Of all processors together: what the machine had to do, whatever else it did. */
    processorSeconds: {
      counts: spent.counts.processors,
      ranks: spent.ranks.processors,
      countsOneFilmAPatient: spent.countsOneFilmAPatient.processors,
    },
    /** Longest time that the calling thread was kept from other work while the count-based figures were made. */
    longestPauseMs: Math.round(longestPauseMs),
    peerSeconds: peers,
    peerSubset: peers && { scikitLearnReplicates: PEER_SUBSET, scaledTo: [replicates, rankReplicates] },
    timesFaster: peers && {
      countsThanNumpy: peers.numpyCounts / seconds.counts,
      countsThanScikitLearn: peers.scikitLearnCounts / seconds.counts,
      ranksThanScikitLearn: peers.scikitLearnRanks / seconds.ranks,
    },
  };
}

const PLAIN = { seed: 0, method: 'bca' as const, work: unattended() };

/** Seconds on the clock, and of all processors together. */
interface Spent {
  clock: number;
  processors: number;
}

async function timed(work: () => Promise<unknown>): Promise<Spent> {
  const start = performance.now();
  const before = process.cpuUsage();
  await work();
  const { user, system } = process.cpuUsage(before);
  return { clock: (performance.now() - start) / 1000, processors: (user + system) / 1e6 };
}

function medians(spent: readonly Spent[]): Spent {
  return { clock: median(spent.map((each) => each.clock)), processors: median(spent.map((each) => each.processors)) };
}

interface Peer {
  numpyCounts: number;
  scikitLearnCounts: number;
  scikitLearnRanks: number;
}

function peer(python: string, ...sizes: number[]): Peer {
  const args = ['-c', PEER, ...[...sizes, PEER_SUBSET].map(String), JSON.stringify(PREVALENCE)];
  return JSON.parse(execFileSync(python, args).toString()) as Peer;
}

function peerMedians(peers: readonly Peer[]): Peer | null {
  if (peers.length === 0) return null;
  const of = (key: keyof Peer) => median(peers.map((each) => each[key]));
  return {
    numpyCounts: of('numpyCounts'),
    scikitLearnCounts: of('scikitLearnCounts'),
    scikitLearnRanks: of('scikitLearnRanks'),
  };
}

/** One data set; a checkpoint copies the truth in four cells of five and guesses the rest. */
function simulated(films: number, patients: number, replicates: number): EvaluationInput {
  const random = new Random('bench metrics');
  const all: EvaluatedFilm[] = [];
  for (let film = 0; film < films; film++) {
    const truth = Object.fromEntries(CHEXPERT_LABELS.map((label, i) => [label, random.chance(PREVALENCE[i]!) ? 1 : 0]));
    for (const checkpointId of CHECKPOINTS) {
      const findings = CHEXPERT_LABELS.filter((label, i) =>
        random.chance(0.8) ? truth[label] === 1 : random.chance(PREVALENCE[i]!),
      );
      const patientId = String(film % patients);
      all.push({ filmId: String(film), patientId, datasetId: 'nih', checkpointId, truth, findings, failed: false });
    }
  }
  const dataset = {
    id: 'nih',
    name: 'NIH test',
    kind: 'other' as const,
    labels: [...CHEXPERT_LABELS],
    policy: 'zeros' as const,
    unit: 'film' as const,
    total: films,
  };
  const checkpoints = CHECKPOINTS.map((id) => ({ id, name: id, role: id, trainingSource: '' }));
  return { id: 'bench', createdAt: '', source: dataset, target: dataset, checkpoints, films: all, replicates };
}

function simulatedScores(films: number, patients: number) {
  const random = new Random('bench ranks');
  const cluster = Array.from({ length: films }, (_, film) => film % patients);
  return CHECKPOINTS.flatMap(() =>
    CHEXPERT_LABELS.map((_, i) => {
      const truth = Array.from({ length: films }, () => random.chance(PREVALENCE[i]!));
      const score = truth.map((is) => Number(is) + random.normal());
      return rankColumn(score, truth, cluster);
    }),
  );
}

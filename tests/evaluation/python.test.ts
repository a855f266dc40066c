/**
 * Fresh random cases against scikit-learn, scipy and statsmodels in the same run. Needs a Python with them: CHEXREASON_PYTHON, or
 * `python3`; skipped where there is none. The stored values (tests/reference/metrics.test.ts) are checked everywhere.
 */
import { execFileSync, spawn } from 'node:child_process';
import { describe, expect, it } from 'vitest';
import { Random } from '../../core/base/random.ts';
import { cohenKappa, confusionMatrix } from '../../core/evaluation/agreement.ts';
import { normalCdf, normalQuantile } from '../../core/evaluation/distributions.ts';
import { type Indicators, multilabelFigures } from '../../core/evaluation/metrics.ts';
import { benjaminiHochberg, holm, mcNemar } from '../../core/evaluation/pairedTests.ts';
import { accelerationFrom, estimateOf, percentileInterval } from '../../core/evaluation/resample.ts';
import { auroc, averagePrecision, brierScore } from '../../core/evaluation/scores.ts';

/** Looked for, not loaded: that takes seconds. */
const HAS_MODULES =
  "import importlib.util as u; assert all(u.find_spec(m) for m in ('sklearn', 'scipy', 'statsmodels'))";

const python = [process.env['CHEXREASON_PYTHON'], 'python3'].find((path) => {
  try {
    if (path) execFileSync(path, ['-c', HAS_MODULES], { stdio: 'ignore' });
    return path !== undefined;
  } catch {
    return false;
  }
});

const PROGRAM = `
import json, sys, warnings, numpy as np
warnings.filterwarnings('ignore')
from scipy.stats import norm, bootstrap
from sklearn.metrics import *
from statsmodels.stats.contingency_tables import mcnemar
from statsmodels.stats.multitest import multipletests
none = lambda x: None if x is None or np.isnan(x) else float(x)
def bca(x):
    first = bootstrap((x,), np.mean, n_resamples=199, method='percentile', rng=len(x))
    found = bootstrap((x,), np.mean, n_resamples=0, method='BCa', bootstrap_result=first).confidence_interval
    return {'replicates': list(first.bootstrap_distribution), 'low': none(found.low), 'high': none(found.high)}
out = []
for case in json.load(sys.stdin):
    t, p, s, r = (np.array(case[k]) for k in ('truth', 'said', 'score', 'p'))
    y, q, prob = t[:, 0], p[:, 0], s[:, 0]
    averages = {}
    for average in ('micro', 'macro', 'weighted', 'samples'):
        a, b, c, _ = precision_recall_fscore_support(t, p, average=average, zero_division=0)
        averages[average] = [a, b, c, jaccard_score(t, p, average=average, zero_division=0)]
    table = [[int(((q == y) & (p[:, 1] == y)).sum()), int(((q == y) & (p[:, 1] != y)).sum())], [int(((q != y) & (p[:, 1] == y)).sum()), int(((q != y) & (p[:, 1] != y)).sum())]]
    discordant = table[0][1] + table[1][0]
    out.append({
        'averages': averages,
        'subset': accuracy_score(t, p), 'hamming': hamming_loss(t, p),
        'kappa': none(cohen_kappa_score(y, q)), 'mcc': matthews_corrcoef(y, q), 'accuracy': accuracy_score(y, q),
        'specificity': recall_score(y, q, pos_label=0, zero_division=0),
        'auroc': None if len(set(y)) < 2 else roc_auc_score(y, prob), 'ap': average_precision_score(y, prob) if y.any() else None,
        'brier': float(np.mean((prob - y) ** 2)),
        'mcnemar': [mcnemar(table, exact=True).pvalue] + ([mcnemar(table, exact=False, correction=c).pvalue for c in (False, True)] if discordant else [None, None]),
        'holm': list(multipletests(r, method='holm')[1]), 'bh': list(multipletests(r, method='fdr_bh')[1]),
        'norm': [norm.cdf(s[0, 0] * 4 - 2), norm.ppf(r[0])],
        'percentile': list(np.percentile(s[:, 0], [2.5, 97.5])),
        'bca': bca(np.floor(prob * 1024) / 1024),
    })
json.dump(out, sys.stdout)
`;

interface Case {
  truth: number[][];
  said: number[][];
  score: number[][];
  p: number[];
}

/** Every run draws anew; a failure prints its seed. */
const seed = Date.now() % 1_000_000;

function cases(): Case[] {
  const random = new Random(seed);
  return Array.from({ length: 25 }, () => {
    const [films, labels] = [2 + random.below(40), 2 + random.below(6)];
    const rates = Array.from({ length: labels }, () => random.pick([0, 0.02, 0.2, 0.5, 0.9, 1]));
    const draw = () => Array.from({ length: films }, () => rates.map((rate) => Number(random.chance(rate))));
    const grid = random.pick([4, 1000]);
    const score = Array.from({ length: films }, () => rates.map(() => random.below(grid) / grid));
    return { truth: draw(), said: draw(), score, p: rates.map(() => random.uniform() ** 2) };
  });
}

function indicators(truth: number[][], prediction: number[][]): Indicators {
  const flat = (rows: number[][]) => Uint8Array.from(rows.flat());
  return { films: truth.length, labels: truth[0]!.length, truth: flat(truth), prediction: flat(prediction) };
}

function close(value: unknown, expected: unknown, tolerance: number, what: string): void {
  if (expected === null || value === null) {
    expect(value, `${what}, seed ${seed}`).toBe(expected);
    return;
  }
  expect(Math.abs((value as number) - (expected as number)), `${what}, seed ${seed}`).toBeLessThan(tolerance);
}

interface Bca {
  replicates: number[];
  low: number | null;
  high: number | null;
}

/** Our interval of the mean from scipy's replicates, against scipy's own. Of binary fractions, whose sums are exact, so that ties are. */
function compareBca(probability: readonly number[], { replicates, low, high }: Bca): void {
  const values = probability.map((value) => Math.floor(value * 1024) / 1024);
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  // The mean without one value, subtracted from the mean of these, is proportional to the value's distance from the mean.
  const influence = values.map((value) => (value - mean) / (values.length - 1));
  const sumOf = (power: number) => influence.reduce((sum, each) => sum + each ** power, 0);
  const acceleration = accelerationFrom(sumOf(3), sumOf(2));
  if (!Number.isFinite(acceleration)) return;
  const { ends } = estimateOf(mean, Float64Array.from(replicates), replicates.length, acceleration, 0.95);
  if (ends!.method !== 'bca') return;
  close(ends!.low, low, 1e-10, 'BCa, low end');
  close(ends!.high, high, 1e-10, 'BCa, high end');
}

/** Not waited for in this thread: the runner must hear from it meanwhile. */
function answerOf(input: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = spawn(python!, ['-c', PROGRAM], { stdio: ['pipe', 'pipe', 'inherit'] });
    let text = '';
    child.stdout.on('data', (chunk) => {
      text += chunk;
    });
    child.on('error', reject);
    child.on('close', (code) => (code === 0 ? resolve(text) : reject(new Error(`Python ended with ${code}`))));
    child.stdin.end(input);
  });
}

describe.skipIf(!python)('fresh random cases against Python (CHEXREASON_PYTHON or python3 with scikit-learn)', () => {
  it('metrics to 1e-12, p values and kappa to 1e-10', async () => {
    const all = cases();
    const expected = JSON.parse(await answerOf(JSON.stringify(all))) as Record<string, never>[];
    all.forEach(({ truth, said, score, p }, i) => {
      const peer = expected[i] as unknown as Record<string, number | null | number[]> & {
        averages: Record<string, number[]>;
      };
      const all = multilabelFigures(indicators(truth, said));
      for (const average of ['micro', 'macro', 'weighted', 'samples'] as const) {
        const { precision, recall, f1, jaccard } = all[average];
        [precision, recall, f1, jaccard].forEach((value, k) => {
          close(value, peer.averages[average]![k]!, 1e-12, average);
        });
      }
      close(all.subsetAccuracy, peer['subset'], 1e-12, 'subset accuracy');
      close(all.hammingLoss, peer['hamming'], 1e-12, 'Hamming loss');
      const first = all.perLabel[0]!;
      const [y, q, probability] = [truth, said, score].map((rows) => rows.map((row) => row[0]!)) as [
        number[],
        number[],
        number[],
      ];
      close(first.kappa, peer['kappa'], 1e-10, 'kappa');
      close(cohenKappa(confusionMatrix(y, q).counts), peer['kappa'], 1e-10, 'kappa of any classes');
      close(first.mcc, peer['mcc'], 1e-12, 'Matthews correlation');
      close(first.accuracy, peer['accuracy'], 1e-12, 'accuracy');
      close(first.specificity, peer['specificity'], 1e-12, 'specificity');
      const positive = y.map((is) => is === 1);
      close(auroc(positive, probability), peer['auroc'], 1e-12, 'AUROC');
      if (peer['ap'] !== null) close(averagePrecision(positive, probability), peer['ap'], 1e-12, 'average precision');
      close(brierScore(positive, probability), peer['brier'], 1e-12, 'Brier score');
      const second = said.map((row) => row[1]!);
      const only = (a: number[], b: number[]) => y.filter((is, k) => a[k] === is && b[k] !== is).length;
      const test = mcNemar(only(q, second), only(second, q));
      const values = [test.exactP, test.asymptotic?.p ?? null, test.asymptoticCorrected?.p ?? null];
      values.forEach((value, k) => {
        close(value, (peer['mcnemar'] as number[])[k]!, 1e-10, 'McNemar');
      });
      holm(p).forEach((value, k) => {
        close(value, (peer['holm'] as number[])[k]!, 1e-12, 'Holm');
      });
      benjaminiHochberg(p).forEach((value, k) => {
        close(value, (peer['bh'] as number[])[k]!, 1e-12, 'Benjamini-Hochberg');
      });
      close(normalCdf(probability[0]! * 4 - 2), (peer['norm'] as number[])[0]!, 1e-12, 'normal');
      close(normalQuantile(p[0]!), (peer['norm'] as number[])[1]!, 1e-9, 'normal quantile');
      compareBca(probability, peer['bca'] as unknown as Bca);
      percentileInterval(probability, 0.95).forEach((end, k) => {
        close(end, (peer['percentile'] as number[])[k]!, 1e-12, 'percentile');
      });
    });
  });
});

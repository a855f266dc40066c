/** Subgroups, power, disagreements, thresholds, ranks, studies: against what can be worked out by hand or by brute force. */
import { describe, expect, it } from 'vitest';
import { Random } from '../../core/base/random.ts';
import { evaluate } from '../../core/evaluation/evaluate.ts';
import { type EvaluatedFilm, figures } from '../../core/evaluation/figures.ts';
import { detectableEffect } from '../../core/evaluation/power.ts';
import { rankColumn, weightedRanks } from '../../core/evaluation/ranks.ts';
import { auroc, averagePrecision } from '../../core/evaluation/scores.ts';
import { studiesOf } from '../../core/evaluation/studies.ts';
import { bestThreshold } from '../../core/evaluation/thresholds.ts';
import { type Label, type LabelValues, NIH_NINE } from '../../core/labels/labels.ts';

const LABELS = NIH_NINE.slice(1, 5);

function films(datasetId: string, count: number, skill: Record<string, number>): EvaluatedFilm[] {
  const random = new Random(datasetId);
  return Array.from({ length: count }, (_, i) => {
    const truth: LabelValues = {};
    for (const label of LABELS) truth[label] = random.chance(0.3) ? 1 : 0;
    return Object.entries(skill).map(
      ([checkpointId, right]): EvaluatedFilm => ({
        filmId: `${datasetId}${i}`,
        patientId: String(i >> 1),
        datasetId,
        checkpointId,
        truth,
        findings: LABELS.filter((label) => (truth[label] === 1) === random.chance(right)),
        failed: false,
        sex: i % 3 === 0 ? 'F' : 'M',
        age: i % 2 === 0 ? 30 : 70,
        view: i % 4 === 0 ? 'AP' : 'PA',
        probabilities: Object.fromEntries(
          LABELS.map((label) => [
            label,
            Math.min(1, Math.max(0, 0.3 + 0.3 * (truth[label] ?? 0) + 0.2 * random.normal())),
          ]),
        ),
      }),
    );
  }).flat();
}

function dataset(id: string) {
  return {
    id,
    name: id,
    kind: 'other' as const,
    labels: [...LABELS],
    policy: 'zeros' as const,
    unit: 'film' as const,
    total: 0,
  };
}

const all = [...films('a', 120, { sft: 0.7, grpo: 0.8 }), ...films('b', 120, { sft: 0.8, grpo: 0.7 })];
const study = evaluate({
  id: 'e',
  createdAt: '',
  source: dataset('a'),
  target: dataset('b'),
  checkpoints: [
    { id: 'sft', name: 'SFT', role: 'sft', trainingSource: '' },
    { id: 'grpo', name: 'GRPO', role: 'grpo', trainingSource: '' },
  ],
  films: all,
  replicates: 200,
});

function macro(of: readonly EvaluatedFilm[], checkpointId: string): number {
  return figures(
    of.filter((film) => film.checkpointId === checkpointId),
    LABELS,
    'zeros',
  ).macro.f1;
}

describe('subgroups', () => {
  it('have the figures of their films, and the number of them', async () => {
    const { subgroups } = await study;
    const women = subgroups!.find((each) => each.datasetId === 'b' && each.by === 'sex' && each.group === 'F')!;
    const own = all.filter((film) => film.datasetId === 'b' && film.sex === 'F');
    expect(women).toMatchObject({ films: 40, patients: new Set(own.map((film) => film.patientId)).size });
    for (const { checkpointId, macroF1, interval } of women.figures) {
      expect(macroF1).toBeCloseTo(macro(own, checkpointId), 12);
      expect(interval!.low).toBeLessThan(macroF1);
    }
    expect(women.difference!.change).toBeCloseTo(macro(own, 'grpo') - macro(own, 'sft'), 12);
    expect(
      subgroups!.filter((each) => each.datasetId === 'a').map(({ by, group, films: n }) => [by, group, n]),
    ).toEqual([
      ['sex', 'F', 40],
      ['sex', 'M', 80],
      ['age', '18 to 39', 60],
      ['age', '60 to 79', 60],
      ['view', 'AP', 30],
      ['view', 'PA', 90],
    ]);
  });
});

describe('disagreements', () => {
  it('are ordered by what leaving the film out does to the change', async () => {
    const { disagreements } = await study;
    const change = (films: readonly EvaluatedFilm[]) => {
      const at = (id: string) => films.filter((film) => film.datasetId === id);
      return macro(at('b'), 'grpo') - macro(at('b'), 'sft') - (macro(at('a'), 'grpo') - macro(at('a'), 'sft'));
    };
    const whole = change(all);
    for (const { filmId, contribution, labels } of disagreements!.slice(0, 20)) {
      expect(contribution).toBeCloseTo(whole - change(all.filter((film) => film.filmId !== filmId)), 12);
      expect(labels.every(({ from, to }) => from !== to)).toBe(true);
    }
    const sizes = disagreements!.map(({ contribution }) => Math.abs(contribution));
    expect(sizes).toEqual([...sizes].sort((a, b) => b - a));
  });
});

describe('power', () => {
  it('counts the films with which the effect as it appears would be settled in four of five studies', async () => {
    const { power } = await study;
    expect(power!.map(({ what }) => what)).toEqual(['difference', 'difference', 'gap', 'gap', 'gap-difference']);
    for (const { effect, standardError, films: now, filmsNeeded, detectable } of power!) {
      expect(detectable).toBeCloseTo(2.8015852 * standardError, 6);
      expect(filmsNeeded![0]).toBe(Math.ceil(now[0]! * (detectable / effect) ** 2));
    }
  });

  it('is right in simulation: a mean whose effect is the detectable one is settled in about 80 % of studies', () => {
    const random = new Random(4);
    let settled = 0;
    for (let i = 0; i < 2000; i++) if (Math.abs(detectableEffect(1) + random.normal()) > 1.959964) settled++;
    expect(settled / 2000).toBeGreaterThan(0.77);
    expect(settled / 2000).toBeLessThan(0.83);
  });
});

describe('thresholds', () => {
  it('are chosen on the source and the same on the target', async () => {
    const { thresholds } = await study;
    expect(thresholds).toHaveLength(2 * LABELS.length);
    for (const { checkpointId, label, threshold, source, target, chosenOn } of thresholds!) {
      const at = (id: string) => all.filter((film) => film.datasetId === id && film.checkpointId === checkpointId);
      const f1At = (id: string, cut: number) => {
        const decided = at(id).map((film) => ({
          ...film,
          findings: film.probabilities![label]! >= cut ? [label] : [],
        }));
        return figures(decided, [label], 'zeros').labels[0]!.f1;
      };
      expect(chosenOn).toBe('a');
      expect(source.f1).toBeCloseTo(f1At('a', threshold), 12);
      expect(target!.f1).toBeCloseTo(f1At('b', threshold), 12);
      for (const film of at('a')) expect(f1At('a', film.probabilities![label]!)).toBeLessThanOrEqual(source.f1 + 1e-12);
    }
  });

  it('do not exist without both classes', () => {
    expect(bestThreshold([true, true], [0.1, 0.2])).toBeNull();
    expect(bestThreshold([false, true, true], [0.5, 0.5, 0.4])).toBe(0.4);
  });
});

describe('ranks under weights', () => {
  it('are those of the films repeated, ties and single classes too', () => {
    const random = new Random(9);
    for (let trial = 0; trial < 200; trial++) {
      const n = 2 + random.below(30);
      const score = Array.from({ length: n }, () => random.below(8));
      const truth = score.map((value) => random.chance(value / 8));
      const weights = Uint8Array.from({ length: n }, () => random.below(4));
      const out = new Float64Array(2);
      weightedRanks(rankColumn(score, truth, [...score.keys()]), weights, out, 0);
      const rows = score.flatMap((_, i) => new Array<number>(weights[i]!).fill(i));
      const [y, s] = [rows.map((i) => truth[i]!), rows.map((i) => score[i]!)];
      expect(Number.isNaN(out[0]!) ? null : out[0]).toSatisfy((value: number | null) => {
        const expected = auroc(y, s);
        return value === null || expected === null ? value === expected : Math.abs(value - expected) < 1e-12;
      });
      if (y.includes(true)) expect(out[1]).toBeCloseTo(averagePrecision(y, s), 12);
    }
  });

  it('give intervals around AUROC and average precision', async () => {
    const { probability } = (await study).cells[0]!.own.labels[0]!;
    expect(probability!.aurocInterval!.low).toBeLessThan(probability!.auroc!);
    expect(probability!.aurocInterval!.high).toBeGreaterThan(probability!.auroc!);
    expect(probability!.averagePrecisionInterval!.clusters).toEqual([60]);
  });
});

describe('studies', () => {
  const film = (
    filmId: string,
    studyId: string,
    findings: Label[],
    extra: Partial<EvaluatedFilm> = {},
  ): EvaluatedFilm => ({
    filmId,
    studyId,
    patientId: 'p',
    datasetId: 'd',
    checkpointId: 'c',
    truth: { Edema: 1, Pneumonia: 0 },
    findings,
    failed: false,
    ...extra,
  });

  it('take what was said of any film, of half of them, or of the first', () => {
    const two = [film('1', 's', ['Edema']), film('2', 's', ['Edema', 'Pneumonia']), film('3', 't', ['No Finding'])];
    const said = (how: 'any' | 'majority' | 'first') => studiesOf(two, how).map(({ findings }) => findings);
    expect(said('any')).toEqual([['Edema', 'Pneumonia'], ['No Finding']]);
    expect(said('majority')).toEqual([['Edema', 'Pneumonia'], ['No Finding']]);
    expect(said('first')).toEqual([['Edema'], ['No Finding']]);
    const three = [...two.slice(0, 2), film('4', 's', ['Edema'])];
    expect(studiesOf(three, 'majority')[0]!.findings).toEqual(['Edema']);
  });

  it('are not free of findings because one film is, and fail only where every answer did', () => {
    const mixed = [film('1', 's', ['No Finding']), film('2', 's', ['Edema'])];
    expect(studiesOf(mixed, 'any')[0]!.findings).toEqual(['Edema']);
    const failed = [film('1', 's', ['Edema'], { failed: true }), film('2', 's', [], { failed: false })];
    expect(studiesOf(failed, 'any')[0]).toMatchObject({ failed: false, findings: [] });
    expect(studiesOf([failed[0]!], 'any')[0]).toMatchObject({ failed: true });
  });
});

/** The plan, the order of its cells, and the estimates over films and seeds. */
import { describe, expect, it } from 'vitest';
import { studentQuantile } from '../../core/evaluation/distributions.ts';
import type { EvaluatedFilm } from '../../core/evaluation/figures.ts';
import { cellsOf } from '../../core/experiment/cells.ts';
import { difference, type Estimate, macroOf, overSeeds } from '../../core/experiment/estimates.ts';
import { takeScenes } from '../../core/experiment/films.ts';
import { summaryText } from '../../core/experiment/page.ts';
import {
  grpoSettings,
  PROBE_SETS,
  SEEDS,
  SIZES,
  setPlan,
  sftSettings,
  WORLDS,
  worldsNamed,
} from '../../core/experiment/plan.ts';
import { planPage } from '../../core/experiment/planPage.ts';
import { PRETRAINING } from '../../core/experiment/pretraining/stages.ts';
import { type Arm, patternOf } from '../../core/experiment/results.ts';
import type { Label } from '../../core/labels/labels.ts';
import { chexpertLabels, nihNames, nineOf } from '../../core/phantom/conventions.ts';
import { taughtLabels } from '../../core/phantom/traces.ts';
import { parseTrainingConfig } from '../../core/training/config.ts';

describe('the plan', () => {
  it('gives both rewards in two worlds, every teacher, both conventions, two weights of KL', () => {
    expect(WORLDS.filter(({ rewards }) => rewards.includes('nuanced'))).toHaveLength(2);
    const kinds = (of: (world: (typeof WORLDS)[number]) => unknown) => new Set(WORLDS.map(of)).size;
    expect([kinds((w) => w.teacher), kinds((w) => w.conventions), kinds((w) => w.beta)]).toEqual([3, 2, 2]);
    for (const { why } of WORLDS) expect(why.length).toBeGreaterThan(40);
  });

  it('is settings that training takes', () => {
    expect(parseTrainingConfig('sft', sftSettings(1, SIZES, 'reasoning-a'))).toMatchObject({ promptId: 'reasoning-a' });
    const [world] = WORLDS;
    expect(parseTrainingConfig('grpo', grpoSettings(2, SIZES, world!, 'nuanced'))).toMatchObject({
      beta: 0.15,
      seed: 2,
    });
  });

  it('shares no film between its sets, nor with the built-in ones, the base’s and the tests of before', () => {
    const names = ['sft', 'grpo', 'testA', 'testB', 'validationA', ...PROBE_SETS] as const;
    const seeds = names.map((name) => setPlan(name, SIZES).seed);
    expect(new Set(seeds).size).toBe(seeds.length);
    expect(seeds).not.toContain(PRETRAINING.films.seed);
    for (const seed of [1, 101, 102, 201, 202, 301, 302, 9001, 9002, 9003, 9101, 9102, 9103])
      expect(seeds).not.toContain(seed);
  });

  it('names every world on the page, and refuses one that is not there', () => {
    const page = planPage(SIZES, SEEDS, null);
    for (const { id } of WORLDS) expect(page).toContain(`\`${id}\``);
    expect(() => worldsNamed(['main-far', 'x'])).toThrow('“x”');
  });
});

describe('cells', () => {
  const cells = cellsOf(WORLDS, 3);

  it('stand after what they need, once each; all worlds with one seed come first', () => {
    const places = new Map(cells.map(({ id }, i) => [id, i]));
    expect(places.size).toBe(cells.length);
    cells.forEach(({ needs }, i) => {
      for (const id of needs) expect(places.get(id)).toBeLessThan(i);
    });
    const seedsOf = cells.flatMap((cell) => (cell.kind === 'grpo' ? [cell.seed] : []));
    expect(seedsOf).toHaveLength(3 * 7);
    expect(new Set(seedsOf.slice(0, 7))).toEqual(new Set([1]));
  });

  it('begin with the base’s stages where it is made, and nothing reads or trains before the last', () => {
    const made = cellsOf(WORLDS, 3, PRETRAINING);
    expect(made.slice(0, 4).map(({ id }) => id)).toEqual([
      'pretrain-vision',
      'pretrain-language',
      'pretrain-vision-2',
      'pretrain-answers',
    ]);
    expect(made.slice(4).map(({ id }) => id)).toEqual(cells.map(({ id }) => id));
    for (const cell of made)
      if (cell.kind === 'read' || cell.kind === 'sft') expect(cell.needs).toContain('pretrain-answers');
  });

  it('train an SFT checkpoint once for worlds that differ in beta alone', () => {
    const sft = cellsOf(worldsNamed(['main-far', 'main-far-loose']), 1).filter(
      (cell) => cell.kind === 'sft' && cell.promptId === 'free-reasoning',
    );
    expect(sft).toHaveLength(1);
  });
});

describe('worlds of the phantom', () => {
  const [a, b] = [takeScenes('a', 31, 600), takeScenes('b', 31, 600)];
  const mean = (values: number[]) => values.reduce((x, y) => x + y, 0) / values.length;

  it('lie nearer together by the near conventions: fewer labels at a, more at b', () => {
    const ofA = (conventions: 'far' | 'near') => mean(a.map((scene) => chexpertLabels(scene, conventions).length));
    const ofB = (conventions: 'far' | 'near') => mean(b.map((scene) => nineOf(nihNames(scene, conventions)).length));
    expect(ofA('near')).toBeLessThan(ofA('far') - 0.15);
    expect(ofB('near')).toBeGreaterThan(ofB('far'));
  });

  it('have a teacher who leaves out about 45 % of the labels and adds few', () => {
    let [kept, labels, added] = [0, 0, 0];
    for (const scene of a) {
      const present = chexpertLabels(scene).filter((label) => label !== 'No Finding');
      const taught = taughtLabels(scene, present, 'omits').filter((label) => label !== 'No Finding');
      kept += taught.filter((label) => present.includes(label)).length;
      added += taught.filter((label) => !present.includes(label)).length;
      labels += present.length;
    }
    expect(kept / labels).toBeCloseTo(0.55, 1);
    expect(added / a.length).toBeGreaterThan(0.1);
    expect(added / a.length).toBeLessThan(0.5);
  });
});

describe('estimates', () => {
  it('know Student’s t as scipy does', () => {
    const values = [1, 2, 3, 4, 9, 30].map((degrees) => studentQuantile(0.975, degrees));
    const scipy = [12.706204736174694, 4.302652729749462, 3.1824463052837078, 2.7764451051977934, 2.262157162798205];
    for (const [i, value] of [...scipy, 2.0422724563012378].entries()) expect(values[i]).toBeCloseTo(value, 9);
  });

  const labels: Label[] = ['Edema', 'Pneumonia'];
  const film = (i: number, truth: number, said: Label[]): EvaluatedFilm => ({
    ...{
      filmId: String(i),
      patientId: String(i >> 1),
      datasetId: 'a',
      checkpointId: 'x',
      failed: false,
      findings: said,
    },
    truth: { Edema: truth as 0 | 1, Pneumonia: truth as 0 | 1 },
  });
  const films = (right: (i: number) => boolean) =>
    Array.from({ length: 80 }, (_, i) => film(i, i % 2, (i % 2 === 1) === right(i) ? ['Edema'] : []));

  it('are the mean over seeds; an interval over seeds too is wider where seeds differ', async () => {
    const [[good, fair, poor]] = (await macroOf(
      [films(() => true), films((i) => i % 5 > 0), films((i) => i % 3 > 0)],
      labels,
      [labels],
      'test',
    )) as [[never, never, never]];
    // Edema is always right, Pneumonia never said: macro-F1 one half.
    expect((good as { point: number }).point).toBe(0.5);
    const same = overSeeds([difference(good, poor), difference(good, poor), difference(good, poor)]);
    const mixed = overSeeds([difference(good, poor), difference(good, fair), difference(good, good)]);
    const width = ([low, high]: readonly [number, number]) => high - low;
    expect(same.both![0]).toBeCloseTo(same.films[0], 12);
    expect(width(same.t!)).toBeCloseTo(0, 12);
    expect(mixed.value).toBeCloseTo((mixed.bySeed[0]! + mixed.bySeed[1]!) / 3, 12);
    expect(width(mixed.both!)).toBeGreaterThan(1.5 * width(mixed.films));
    expect(width(mixed.t!)).toBeGreaterThan(width(mixed.both!));
    expect(overSeeds([good])).toMatchObject({ both: null, t: null });
  });

  it('are said in short by what their intervals leave out', () => {
    const at = (value: number): Estimate => ({
      ...{ value, bySeed: [value], t: null },
      ...{ films: [value - 0.01, value + 0.01], both: [value - 0.02, value + 0.02] },
    });
    const arm = (world: string, a: number, b: number) =>
      ({
        ...{ world, reward: 'hard', pattern: patternOf(at(a), at(b)), gapChange: at(b - a) },
        a: { sftMinusBase: at(-0.1), grpoMinusSft: at(a) },
        b: { sftMinusBase: at(-0.015), grpoMinusSft: at(b) },
      }) as unknown as Arm;
    const text = summaryText([arm('one', 0.05, -0.03), arm('two', 0.015, 0.05)]);
    expect(text).toContain('pattern is shown in 1 of 2 (`one`, hard)');
    expect(text).toContain('SFT is below its base on a in 2 of 2, on b in 0 of 2.');
    expect(text).toContain('above its SFT on a (14 labels) in 1 of 2 (`one`, hard)');
    expect(text).toContain('above its SFT on b in 1 of 2 (`two`, hard), below it in 1 of 2 (`one`, hard)');
    expect(text).toContain('less than a on the same nine labels in 1 of 2 (`one`, hard)');
  });

  it('show the pattern only where both intervals leave out zero', () => {
    const at = (value: number, low: number, high: number): Estimate => ({
      ...{ value, bySeed: [value], films: [low, high], t: null },
      both: [low, high],
    });
    expect(patternOf(at(0.05, 0.01, 0.09), at(-0.03, -0.05, -0.01))).toBe('shown');
    expect(patternOf(at(0.05, -0.01, 0.09), at(-0.03, -0.05, -0.01))).toBe('signs only');
    expect(patternOf(at(0.05, 0.01, 0.09), at(0.03, -0.05, 0.01))).toBe('not shown');
    expect(patternOf({ ...at(0.05, 0.01, 0.09), both: null }, at(-0.03, -0.05, -0.01))).toBe('signs only');
  });
});

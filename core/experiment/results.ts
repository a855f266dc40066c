/** The figures of every cell that is done, as data: what results.json holds and the page prints. */
import { type EvaluatedFilm, figures } from '../evaluation/figures.ts';
import { CHEXPERT_LABELS, type Label, NIH_NINE } from '../labels/labels.ts';
import type { Conventions } from '../phantom/conventions.ts';
import { readLog } from '../training/run.ts';
import type { TrainingLogLine } from '../training/types.ts';
import { baseRead, type Cell, cellsOf, grpoId, readOf, sftId } from './cells.ts';
import { difference, type Estimate, macroOf, mean, overSeeds, type Resampled } from './estimates.ts';
import { takeScenes } from './films.ts';
import {
  DEFAULT_WORLD,
  type ExperimentReward,
  FORMAT,
  PROMPTS,
  type SetName,
  SFT_FORMATS,
  type Sizes,
  setPlan,
  type World,
} from './plan.ts';
import type { PretrainPlan } from './pretraining/stages.ts';
import { type ExperimentOptions, pretraining, readAnswers, readDone, runFolder } from './run.ts';
import { evaluatedFilms, labelsOf } from './truth.ts';

/** One reading, without intervals; means over the seeds. */
export interface Reading {
  microF1: number;
  failRate: number;
  labelsPerFilm: number;
  f1: Partial<Record<Label, number>>;
}

/** Base, SFT and GRPO on one institution. */
export interface Side {
  readings: Record<'base' | 'sft' | 'grpo', Reading>;
  /** Macro-F1 on the institution's own labels, … */
  macroF1: Record<'base' | 'sft' | 'grpo', Estimate>;
  /** … and on the nine that both have. */
  nineF1: Record<'base' | 'sft' | 'grpo', Estimate>;
  sftMinusBase: Estimate;
  grpoMinusSft: Estimate;
  grpoMinusSftNine: Estimate;
}

export type Pattern = 'shown' | 'signs only' | 'not shown';

export interface Arm {
  world: string;
  reward: ExperimentReward;
  /** Those whose checkpoints are all read. */
  seeds: number[];
  a: Side;
  b: Side;
  /** (GRPO - SFT on b) - (GRPO - SFT on a), on the nine labels. */
  gapChange: Estimate;
  pattern: Pattern;
  /** Share of GRPO's first samples that hold the form, and the mean reward at the start and at the end of its run. */
  form: number | null;
  reward0: number;
  reward1: number;
}

export interface Compared extends Reading {
  id: string;
  seeds: number[];
  macroF1: Estimate;
}

export interface ExperimentResults {
  sizes: Sizes;
  seeds: number;
  /** How the base was made here; null: it was given. */
  base: PretrainPlan | null;
  cells: { done: number; total: number; missing: string[]; processorSeconds: number; executors: string[] };
  prompts: Compared[];
  formats: Compared[];
  arms: Arm[];
}

/** Curves of one arm's GRPO runs, by seed. */
export interface ArmLogs {
  world: string;
  reward: ExperimentReward;
  logs: { seed: number; lines: TrainingLogLine[] }[];
}

type Study = Pick<ExperimentOptions, 'folder' | 'worlds' | 'seeds' | 'sizes' | 'base'>;

export async function collectResults(study: Study): Promise<ExperimentResults> {
  const done = new Set<string>();
  const cells = cellsOf(study.worlds, study.seeds, pretraining(study));
  let processorSeconds = 0;
  const executors = new Set<string>();
  for (const { id } of cells) {
    const there = await readDone(study.folder, id);
    if (!there) continue;
    done.add(id);
    processorSeconds += there.processorSeconds;
    if (there.executor !== null) executors.add(there.executor);
  }
  const source = new Source(study, done);
  return {
    sizes: study.sizes,
    seeds: study.seeds,
    base: pretraining(study),
    cells: {
      done: done.size,
      total: cells.length,
      missing: cells.filter(({ id }: Cell) => !done.has(id)).map(({ id }) => id),
      processorSeconds: Math.round(processorSeconds),
      executors: [...executors].sort(),
    },
    prompts: await compared(source, [FORMAT, ...PROMPTS], (id) => [[0, baseRead(id)]]),
    formats: study.worlds.includes(DEFAULT_WORLD)
      ? await compared(source, SFT_FORMATS, (id) =>
          source.numbers.map((seed) => [seed, readOf(sftId(DEFAULT_WORLD, id, seed))]),
        )
      : [],
    arms: await arms(source, study.worlds),
  };
}

export async function armLogs(study: Study): Promise<ArmLogs[]> {
  const found: ArmLogs[] = [];
  for (const world of study.worlds) {
    for (const reward of world.rewards) {
      const logs: ArmLogs['logs'] = [];
      for (let seed = 1; seed <= study.seeds; seed++) {
        const id = grpoId(world, reward, seed);
        if (await readDone(study.folder, id)) logs.push({ seed, lines: await readLog(runFolder(study.folder, id)) });
      }
      if (logs.length > 0) found.push({ world: world.id, reward, logs });
    }
  }
  return found;
}

/** Readings as the evaluation takes them. */
class Source {
  readonly numbers: number[];

  constructor(
    readonly study: Study,
    readonly done: ReadonlySet<string>,
  ) {
    this.numbers = Array.from({ length: study.seeds }, (_, i) => i + 1);
  }

  async films(id: string, set: SetName, conventions: Conventions): Promise<EvaluatedFilm[]> {
    const { source, seed, count } = setPlan(set, this.study.sizes);
    const answers = await readAnswers(this.study.folder, id, set);
    const of = { datasetId: set, checkpointId: id };
    return evaluatedFilms(takeScenes(source, seed, count), answers, conventions, of);
  }
}

async function compared(
  source: Source,
  ids: readonly string[],
  cellsById: (id: string) => [seed: number, cell: string][],
): Promise<Compared[]> {
  const found: Compared[] = [];
  for (const id of ids) {
    const cells = cellsById(id).filter(([, cell]) => source.done.has(cell));
    if (cells.length === 0) continue;
    const readings = await Promise.all(
      cells.map(([, cell]) => source.films(cell, 'validationA', DEFAULT_WORLD.conventions)),
    );
    const [macro] = await macroOf(readings, CHEXPERT_LABELS, [CHEXPERT_LABELS], 'validation');
    found.push({ id, seeds: cells.map(([seed]) => seed), macroF1: overSeeds(macro!), ...meanReading(readings) });
  }
  return found;
}

function meanReading(
  readings: readonly (readonly EvaluatedFilm[])[],
  labels: readonly Label[] = CHEXPERT_LABELS,
): Reading {
  const all = readings.map((films) => figures(films, labels, 'zeros'));
  return {
    microF1: mean(all.map(({ micro }) => micro.f1)),
    failRate: mean(all.map(({ failRate }) => failRate)),
    labelsPerFilm: mean(all.map(({ findingsPerFilm }) => findingsPerFilm)),
    f1: Object.fromEntries(labels.map((label, i) => [label, mean(all.map((each) => each.labels[i]!.f1))])),
  };
}

async function arms(source: Source, worlds: readonly World[]): Promise<Arm[]> {
  const found: Arm[] = [];
  for (const world of worlds) {
    for (const reward of world.rewards) {
      const seeds = source.numbers.filter((seed) =>
        [baseRead(FORMAT), readOf(sftId(world, FORMAT, seed)), readOf(grpoId(world, reward, seed))].every((id) =>
          source.done.has(id),
        ),
      );
      if (seeds.length > 0) found.push(await arm(source, world, reward, seeds));
    }
  }
  return found;
}

async function arm(source: Source, world: World, reward: ExperimentReward, seeds: number[]): Promise<Arm> {
  const [a, b] = [await side(source, world, reward, seeds, 'testA'), await side(source, world, reward, seeds, 'testB')];
  const gap = seeds.map((_, s) => difference(b.nineChange[s]!, a.nineChange[s]!));
  const logs = await Promise.all(
    seeds.map((seed) => stepsOf(runFolder(source.study.folder, grpoId(world, reward, seed)))),
  );
  const form = logs.map((lines) => lines[0]?.[`rewards/${reward}/form/mean`]);
  return {
    ...{ world: world.id, reward, seeds, a: a.side, b: b.side, gapChange: overSeeds(gap) },
    pattern: patternOf(a.side.grpoMinusSft, b.side.grpoMinusSft),
    form: form.every((value) => typeof value === 'number') ? mean(form as number[]) : null,
    reward0: mean(logs.map((lines) => rewardOf(lines.slice(0, ENDS)))),
    reward1: mean(logs.map((lines) => rewardOf(lines.slice(-ENDS)))),
  };
}

/** Lines of the steps; those of the probe are left out. */
async function stepsOf(run: string): Promise<TrainingLogLine[]> {
  return (await readLog(run)).filter(({ reward }) => typeof reward === 'number');
}

/** Steps at each end of a run whose mean reward is told. */
const ENDS = 10;

function rewardOf(lines: readonly TrainingLogLine[]): number {
  return mean(lines.map(({ reward }) => reward as number));
}

/** As the plan says. */
export function patternOf(onA: Estimate, onB: Estimate): Pattern {
  if (!(onA.value > 0 && onB.value < 0)) return 'not shown';
  return onA.both !== null && onB.both !== null && onA.both[0] > 0 && onB.both[1] < 0 ? 'shown' : 'signs only';
}

async function side(
  source: Source,
  world: World,
  reward: ExperimentReward,
  seeds: readonly number[],
  set: 'testA' | 'testB',
): Promise<{ side: Side; nineChange: Resampled[] }> {
  const films = (id: string) => source.films(id, set, world.conventions);
  const base = await films(baseRead(FORMAT));
  const sft = await Promise.all(seeds.map((seed) => films(readOf(sftId(world, FORMAT, seed)))));
  const grpo = await Promise.all(seeds.map((seed) => films(readOf(grpoId(world, reward, seed)))));
  const labels = labelsOf(setPlan(set, source.study.sizes).source);
  const [own, nine] = (await macroOf([base, ...sft, ...grpo], labels, [labels, NIH_NINE], set)).map((all) => ({
    base: all.slice(0, 1),
    sft: all.slice(1, 1 + seeds.length),
    grpo: all.slice(1 + seeds.length),
  }));
  const change = (to: Resampled[], from: Resampled[]) => to.map((each, s) => difference(each, from[s] ?? from[0]!));
  const nineChange = change(nine!.grpo, nine!.sft);
  const estimates = (of: typeof own) => ({
    base: overSeeds(of!.base),
    sft: overSeeds(of!.sft),
    grpo: overSeeds(of!.grpo),
  });
  return {
    nineChange,
    side: {
      readings: { base: meanReading([base], labels), sft: meanReading(sft, labels), grpo: meanReading(grpo, labels) },
      macroF1: estimates(own),
      nineF1: estimates(nine),
      sftMinusBase: overSeeds(change(own!.sft, own!.base)),
      grpoMinusSft: overSeeds(change(own!.grpo, own!.sft)),
      grpoMinusSftNine: overSeeds(nineChange),
    },
  };
}

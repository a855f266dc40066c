/**
 * The experiment as a list of cells: films to draw, checkpoints to train, films to read. Each has a folder of its own and
 * needs others to be done before it. The order makes a complete table of what one seed gives first, then the intervals over
 * seeds of the first worlds, then the rest.
 */
import {
  DEFAULT_WORLD,
  type ExperimentReward,
  FORMAT,
  PROBE_SETS,
  PROMPTS,
  type SetName,
  SFT_FORMATS,
  type World,
} from './plan.ts';
import type { PretrainPlan, PretrainStage } from './pretraining/stages.ts';

interface AnyCell {
  /** Also its folder. */
  id: string;
  needs: string[];
}

export interface FilmsCell extends AnyCell {
  kind: 'films';
  set: SetName;
}

/** A stage of the base's pretraining. */
export interface PretrainCell extends AnyCell {
  kind: 'pretrain';
  stage: PretrainStage;
  /** The cell whose weights it begins with; null: random ones. */
  before: string | null;
}

export interface ReadCell extends AnyCell {
  kind: 'read';
  promptId: string;
  /** The cell whose adapter reads; null: the base alone. */
  checkpoint: string | null;
  sets: SetName[];
}

export interface SftCell extends AnyCell {
  kind: 'sft';
  /** Any of the worlds that share this checkpoint. */
  world: World;
  promptId: string;
  seed: number;
}

export interface GrpoCell extends AnyCell {
  kind: 'grpo';
  world: World;
  reward: ExperimentReward;
  seed: number;
  /** The SFT cell that it starts from. */
  from: string;
}

export type Cell = FilmsCell | PretrainCell | ReadCell | SftCell | GrpoCell;

export const readOf = (checkpoint: string) => `${checkpoint}-answers`;
export const baseRead = (promptId: string) => `base-${promptId}`;
const filmsId = (set: SetName) => `films-${set}`;
const pretrainId = ({ name }: PretrainStage) => `pretrain-${name}`;

/** The cell that ends with the base. */
export function baseCell({ stages }: PretrainPlan): string {
  return pretrainId(stages[stages.length - 1]!);
}

/** Worlds that differ in beta alone share their SFT checkpoints. */
export function sftId({ teacher, conventions }: World, promptId: string, seed: number): string {
  return `sft-${teacher}-${conventions}-${promptId}-seed${seed}`;
}

export function grpoId({ id }: World, reward: ExperimentReward, seed: number): string {
  return `grpo-${id}-${reward}-seed${seed}`;
}

/** @param base how the base is made; null: it is given */
export function cellsOf(worlds: readonly World[], seeds: number, base: PretrainPlan | null = null): Cell[] {
  if (base === null) return studyCells(worlds, seeds);
  const made = studyCells(worlds, seeds).map((cell) => {
    const reads = cell.kind === 'read' || cell.kind === 'sft';
    return reads ? { ...cell, needs: [baseCell(base), ...cell.needs] } : cell;
  });
  return [...pretrainCells(base), ...made];
}

export function pretrainCells({ stages }: PretrainPlan): PretrainCell[] {
  return stages.map((stage, i) => {
    const before = i === 0 ? null : pretrainId(stages[i - 1]!);
    return { kind: 'pretrain', id: pretrainId(stage), needs: before === null ? [] : [before], stage, before };
  });
}

function studyCells(worlds: readonly World[], seeds: number): Cell[] {
  const further = Array.from({ length: seeds - 1 }, (_, i) => i + 2);
  const formats = worlds.includes(DEFAULT_WORLD) ? SFT_FORMATS.filter((id) => id !== FORMAT) : [];
  const cells = [
    ...(['sft', 'grpo', 'validationA', 'testA', 'testB', ...PROBE_SETS] as const).map(filmsCell),
    readCell(null, FORMAT, ['testA', 'testB', 'validationA']),
    ...seedCells(worlds, 1),
    ...PROMPTS.map((id) => readCell(null, id, ['validationA'])),
    ...further.flatMap((seed) => seedCells(firstArms(worlds), seed)),
    ...formatCells(formats, 1),
    ...further.flatMap((seed) => [...seedCells(worlds, seed), ...formatCells(formats, seed)]),
  ];
  return [...new Map(cells.map((cell) => [cell.id, cell])).values()];
}

function seedCells(worlds: readonly World[], seed: number): Cell[] {
  return worlds.flatMap((world) => [
    ...sftCells(world, FORMAT, seed),
    ...world.rewards.flatMap((reward) => grpoCells(world, reward, seed)),
  ]);
}

/** Arms whose further seeds come before everything else's: three worlds, each with its first reward. */
function firstArms(worlds: readonly World[]): World[] {
  return worlds.slice(0, 3).map((world) => ({ ...world, rewards: world.rewards.slice(0, 1) }));
}

function formatCells(formats: readonly string[], seed: number): Cell[] {
  return formats.flatMap((id) => sftCells(DEFAULT_WORLD, id, seed));
}

function filmsCell(set: SetName): FilmsCell {
  return { kind: 'films', id: filmsId(set), needs: [], set };
}

function readCell(checkpoint: string | null, promptId: string, sets: SetName[]): ReadCell {
  const id = checkpoint === null ? baseRead(promptId) : readOf(checkpoint);
  const needs = [...sets.map(filmsId), ...(checkpoint === null ? [] : [checkpoint])];
  return { kind: 'read', id, needs, promptId, checkpoint, sets };
}

function sftCells(world: World, promptId: string, seed: number): Cell[] {
  const id = sftId(world, promptId, seed);
  const compared = world.teacher === DEFAULT_WORLD.teacher && world.conventions === DEFAULT_WORLD.conventions;
  const tests: SetName[] = promptId === FORMAT ? ['testA', 'testB'] : [];
  const sets: SetName[] = compared ? [...tests, 'validationA'] : tests;
  return [{ kind: 'sft', id, needs: [filmsId('sft')], world, promptId, seed }, readCell(id, promptId, sets)];
}

function grpoCells(world: World, reward: ExperimentReward, seed: number): Cell[] {
  const id = grpoId(world, reward, seed);
  const from = sftId(world, FORMAT, seed);
  const cell: GrpoCell = {
    kind: 'grpo',
    id,
    needs: [filmsId('grpo'), ...PROBE_SETS.map(filmsId), from],
    world,
    reward,
    seed,
    from,
  };
  return [cell, readCell(id, FORMAT, ['testA', 'testB'])];
}

/**
 * The experiment as a list of cells: films to draw, checkpoints to train, films to read. Each has a folder of its own and
 * needs others to be done before it. The order makes a complete table of what one seed gives first, then the intervals over
 * seeds of the first worlds, then the rest.
 */
import {
  DEFAULT_WORLD,
  type ExperimentReward,
  FORMAT,
  PROMPTS,
  type SetName,
  SFT_FORMATS,
  type World,
} from './plan.ts';

interface AnyCell {
  /** Also its folder. */
  id: string;
  needs: string[];
}

export interface FilmsCell extends AnyCell {
  kind: 'films';
  set: SetName;
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

export type Cell = FilmsCell | ReadCell | SftCell | GrpoCell;

export const readOf = (checkpoint: string) => `${checkpoint}-answers`;
export const baseRead = (promptId: string) => `base-${promptId}`;
const filmsId = (set: SetName) => `films-${set}`;

/** Worlds that differ in beta alone share their SFT checkpoints. */
export function sftId({ teacher, conventions }: World, promptId: string, seed: number): string {
  return `sft-${teacher}-${conventions}-${promptId}-seed${seed}`;
}

export function grpoId({ id }: World, reward: ExperimentReward, seed: number): string {
  return `grpo-${id}-${reward}-seed${seed}`;
}

export function cellsOf(worlds: readonly World[], seeds: number): Cell[] {
  const further = Array.from({ length: seeds - 1 }, (_, i) => i + 2);
  const formats = worlds.includes(DEFAULT_WORLD) ? SFT_FORMATS.filter((id) => id !== FORMAT) : [];
  const cells = [
    ...(['sft', 'grpo', 'validationA', 'testA', 'testB'] as const).map(filmsCell),
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
  const cell: GrpoCell = { kind: 'grpo', id, needs: [filmsId('grpo'), from], world, reward, seed, from };
  return [cell, readCell(id, FORMAT, ['testA', 'testB'])];
}

/**
 * The paper's tables of SFT and GRPO (tests/data/paper-training.md) row by row: each row is one or several fields of the run's
 * settings with that value as default. A row without a field fails, and a number of a row that no field of it has.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { Qwen2VlProcessor } from '../../core/preprocessing/qwen2VlProcessor.ts';
import {
  configFields,
  fieldDepartures,
  imageTokenFallbacks,
  parseTrainingConfig,
  type TrainingKind,
} from '../../core/training/config.ts';
import { referenceDir } from '../support/reference.ts';

type Defaults = Record<string, number | string | boolean>;

const COPY = readFileSync(join(import.meta.dirname, '../data/paper-training.md'), 'utf8');

const FIELDS: Record<TrainingKind, Record<string, Defaults>> = {
  sft: {
    adapter: { rank: 16, alpha: 32, dropout: 0.1, targets: 'q_proj,k_proj,v_proj,o_proj,gate_proj,up_proj,down_proj' },
    frozen: { vision: 'frozen' },
    epochs: { epochs: 6, patience: 2, heldOut: 0.1, keep: 'validation' },
    optimizer: { optimizer: 'adamw', learningRate: 5e-5, weightDecay: 0.01, maxGradNorm: 5 },
    schedule: { schedule: 'cosine', warmupRatio: 0.05 },
    batch: { batchSize: 8, microBatch: 1 },
    'precision, memory': { precision: 'bf16', gradientCheckpointing: true },
    loss: { loss: 'assistant' },
    'visual tokens': { minImageTokens: 256, maxImageTokens: 512 },
  },
  grpo: {
    group: { groupSize: 4, temperature: 0.8, topP: 0.95 },
    objective: { ratio: 'token', advantage: 'group-mean', klIn: 'objective' },
    'KL weight beta': { beta: 0.15 },
    clip: { epsilonLow: 0.15, epsilonHigh: 0.22 },
    normalization: { normalization: 'none' },
    // The paper gives no bound of its correction.
    'against collapse': { importanceCap: 3, epsilonLow: 0.15, epsilonHigh: 0.22, beta: 0.15 },
  },
};

/** Which of these fields the paper states no value of. */
const OURS = ['keep', 'importanceCap'];

/** Item and value of each row under a heading. */
function rowsOf(page: string, heading: string): [item: string, value: string][] {
  const section = page.split(/^## /m).find((part) => part.startsWith(`${heading}\n`))!;
  return section
    .split('\n')
    .filter((line) => line.startsWith('|') && !/^\| (item|---)/.test(line))
    .map(
      (line) =>
        line
          .split('|')
          .map((cell) => cell.trim())
          .slice(1, 3) as [string, string],
    );
}

/** “10 %” is 0.1; “bf16” is no number. */
function numbersOf(value: string): number[] {
  const found = value.matchAll(/(?<![\w.-])(\d+(?:\.\d+)?(?:e-?\d+)?)(?![\w.])( %)?/g);
  return [...found].map(([, number, percent]) => Number(number) / (percent ? 100 : 1));
}

describe.each([
  ['sft', 'SFT'],
  ['grpo', 'GRPO'],
] as const)('%s as published', (kind, heading) => {
  const fields = new Map(configFields(kind).map((field) => [field.name, field]));
  const rows = rowsOf(COPY, heading);

  it('has its rows', () => {
    expect(rows.map(([item]) => item)).toEqual(Object.keys(FIELDS[kind]));
  });

  it.each(rows)('%s', (item, value) => {
    const stated = FIELDS[kind][item] ?? {};
    expect(Object.keys(stated).length).toBeGreaterThan(0);
    for (const [name, usual] of Object.entries(stated)) {
      expect(fields.get(name), name).toMatchObject({ default: usual });
      if (!OURS.includes(name)) expect(fields.get(name)!.paper, name).not.toBe('');
    }
    const defaults = Object.values(stated);
    for (const number of numbersOf(value)) expect(defaults).toContain(number);
  });

  it('is what a run is without a word, and every other value of these fields is a departure', () => {
    const usual = parseTrainingConfig(kind as 'sft', {}) as Record<string, unknown>;
    const stated = Object.assign({}, ...Object.values(FIELDS[kind])) as Defaults;
    expect(usual).toMatchObject(stated);
    expect(fieldDepartures(kind, usual)).toEqual([]);
    for (const [name, value] of Object.entries(stated)) {
      if (typeof value !== 'number' || OURS.includes(name)) continue;
      const [departure] = fieldDepartures(kind, { ...usual, [name]: value + 1 });
      expect(departure, name).toMatchObject({ field: name, run: String(value + 1) });
    }
  });
});

describe('tokens of an image', () => {
  const asked = parseTrainingConfig('sft', {});
  const fixed = (tokens: number) => ({ least: tokens, most: tokens, pixelsPerToken: 0 });
  const qwen = (minPixels: number, maxPixels: number) =>
    new Qwen2VlProcessor({
      ...{ patchSize: 14, temporalPatchSize: 2, mergeSize: 2, minPixels, maxPixels, interpolation: 'bicubic' },
      ...{ rescaleFactor: 1 / 255, mean: [0, 0, 0], std: [1, 1, 1] },
    }).imageTokens;

  it('as the paper has them are no departure: MedGemma’s 256, Qwen2.5-VL’s with its bounds of pixels', () => {
    expect(imageTokenFallbacks(asked, fixed(256)).departures).toEqual([]);
    expect(qwen(200_704, 401_408)).toEqual({ least: 256, most: 512, pixelsPerToken: 784 });
    expect(imageTokenFallbacks(asked, qwen(200_704, 401_408)).departures).toEqual([]);
  });

  it('that the model’s folder gives otherwise are recorded as they are, with what would do it', () => {
    expect(imageTokenFallbacks(asked, fixed(16))).toMatchObject({
      asRun: { minImageTokens: 16, maxImageTokens: 16 },
      departures: [{ field: 'minImageTokens', run: '16' }],
    });
    const { departures } = imageTokenFallbacks(asked, qwen(56 * 56, 28 * 28 * 1280));
    expect(departures.map(({ field, run }) => [field, run])).toEqual([
      ['minImageTokens', '4'],
      ['maxImageTokens', '1280'],
    ]);
    for (const { reason } of departures) expect(reason).toContain('min_pixels 200704 and max_pixels 401408');
  });
});

const page = referenceDir('paper.md');
it.skipIf(page === null)('the copy is the reference’s (skipped without ../shared)', () => {
  const original = readFileSync(page!, 'utf8');
  for (const heading of ['SFT', 'GRPO']) expect(rowsOf(COPY, heading)).toEqual(rowsOf(original, heading));
});

/** The table of settings that an exported run has in TRL: each field reaches it, stands beside it, or is said to be missing. */
import { describe, expect, it } from 'vitest';
import { configFields, parseTrainingConfig, type TrainingKind } from '../../core/training/config.ts';
import { trlRows, trlSettings } from '../../core/training/trl.ts';
import type { ConfigField } from '../../core/training/types.ts';

const SIZES = { films: 4000, heldOut: 400, endTokenIds: [1], visionTokenIds: [3, 4] };
const NONE_HELD_OUT = { ...SIZES, heldOut: 0 };

/** What decides whether a field counts at all. */
const ACTIVE: Partial<Record<TrainingKind, Record<string, object>>> = {
  grpo: { nuanced: { reward: 'nuanced' }, hard: { reward: 'hard' } },
};

const settingsOf = (kind: TrainingKind, values: object, sizes = SIZES) =>
  trlSettings(kind as 'sft', parseTrainingConfig(kind as 'sft', values), sizes);

/** With and without held-out films. */
const allSettings = (kind: TrainingKind, values: object) =>
  JSON.stringify([SIZES, NONE_HELD_OUT].map((sizes) => settingsOf(kind, values, sizes)));

function usable(kind: TrainingKind, values: object): boolean {
  try {
    parseTrainingConfig(kind as 'sft', values);
    return true;
  } catch {
    return false;
  }
}

/** Another value that the field may have. */
function others({ type, choices, default: usual }: ConfigField): unknown[] {
  if (choices) return choices.filter((choice) => choice !== usual);
  if (type === 'boolean') return [!usual];
  if (type === 'text') return [`${usual}x`];
  const number = usual as number;
  return type === 'integer' ? [number + 2, number - 1] : [number / 2, number + 0.25];
}

describe.each(['sft', 'grpo'] as const)('a field of %s', (kind) => {
  const rows = new Map(trlRows(kind, parseTrainingConfig(kind as 'sft', {})).map((row) => [row.field, row]));

  it.each(configFields(kind).map((field) => [field.name, field] as const))('%s', (name, field) => {
    const { there, departure } = rows.get(name)!;
    // The table knows it: what it does not know has this sentence.
    expect(departure).not.toBe('It has no counterpart there.');
    if (field.choices?.length === 1) {
      expect(there).not.toBe('');
      return;
    }
    // It has a place, or its being missing is listed, unless with its value it does nothing here either.
    const active = ACTIVE[kind]?.[name.split('.')[0]!] ?? {};
    const changed = others(field)
      .map((value) => ({ ...active, [name]: value }))
      .filter((values) => usable(kind, values));
    expect(changed.length).toBeGreaterThan(0);
    for (const values of changed) {
      const all = trlRows(kind, parseTrainingConfig(kind as 'sft', values));
      const row = all.find((each) => each.field === name)!;
      expect(row.there !== '' || row.departure !== undefined).toBe(true);
    }
    if (name === 'reward') {
      expect(() => settingsOf(kind, { reward: 'file', rewardFile: 'mine.js' })).toThrowError(/mine\.js/);
      return;
    }
    // What stands in the data, the adapter, the model’s folder or nowhere is no argument; each other one makes other settings.
    if (there === '' || /^(data|adapter|model)\/|^with reward/.test(there)) return;
    const usual = allSettings(kind, active);
    expect(changed.some((values) => allSettings(kind, values) !== usual)).toBe(true);
  });
});

it('a run whose every step would have the rate 0 is refused there too', () => {
  expect(() => settingsOf('sft', { maxSteps: 1 })).toThrowError(expect.objectContaining({ code: 'TRAINING_RATE' }));
  expect(() => settingsOf('grpo', { maxSteps: 1 })).toThrowError(expect.objectContaining({ code: 'TRAINING_RATE' }));
});

it('a run that keeps its last adapter loads no other at its end, also where it stops early', () => {
  expect(settingsOf('sft', { keep: 'last' }).trl).toMatchObject({
    load_best_model_at_end: false,
    metric_for_best_model: 'eval_loss',
  });
  expect(settingsOf('sft', {}).trl).toMatchObject({ load_best_model_at_end: true, metric_for_best_model: 'eval_loss' });
});

/** Figures are kept on disk by all that they depend on: read again after a restart, worked out anew where anything changed. */
import { mkdtemp, readdir, readFile, rm, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Random } from '../../core/base/random.ts';
import { type EvaluationInput, evaluate } from '../../core/evaluation/evaluate.ts';
import type { EvaluatedFilm } from '../../core/evaluation/figures.ts';
import { KeptResults } from '../../core/services/evaluation/kept.ts';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'kept-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const LABELS = ['Edema', 'Pneumothorax', 'Pleural Effusion'] as const;

/** Two data sets by two checkpoints; some films with probabilities, a failed one. */
function input(): EvaluationInput {
  const random = new Random(3);
  const films: EvaluatedFilm[] = [];
  for (const datasetId of ['a', 'b'])
    for (const checkpointId of ['sft', 'grpo'])
      for (let i = 0; i < 24; i++) {
        const truth = Object.fromEntries(LABELS.map((label, at) => [label, (i + at) % 3 === 0 ? 1 : 0] as const));
        films.push({
          ...{ filmId: `${datasetId}${i}`, patientId: `${datasetId}p${i >> 1}`, datasetId, checkpointId, truth },
          findings: LABELS.filter(() => random.uniform() < 0.4),
          failed: i === 5,
          ...{ sex: i % 2 ? 'F' : 'M', age: 40 + i, view: i % 3 ? 'PA' : 'AP' },
          probabilities: Object.fromEntries(LABELS.map((label) => [label, random.uniform()])),
        });
      }
  const dataset = (id: string): EvaluationInput['source'] => {
    return { id, name: id, kind: 'other', labels: [...LABELS], policy: 'zeros', unit: 'film', total: 24 };
  };
  const checkpoints = (['sft', 'grpo'] as const).map((id) => ({ id, name: id, role: id, trainingSource: '' }));
  return {
    ...{ id: 'e1', createdAt: '2026-11-28T09:00:00.000Z', source: dataset('a'), target: dataset('b') },
    ...{ checkpoints, films, replicates: 60 },
  };
}

/** Whether a process that starts now works it out; the result must be the right one either way. */
async function isComputed(asked: EvaluationInput, kept = new KeptResults(folder, async () => 'v1')): Promise<boolean> {
  let reports = 0;
  const work = { signal: new AbortController().signal, report: () => void reports++ };
  const known = await kept.known(asked);
  const result = await kept.evaluate(asked, work);
  expect(known === null).toBe(reports > 0);
  if (known) expect(result).toEqual(JSON.parse(JSON.stringify(await evaluate(asked))));
  return reports > 0;
}

describe('figures', { timeout: 60_000 }, () => {
  it('are read from the disk after a restart, equal to what was worked out', async () => {
    expect(await isComputed(input())).toBe(true);
    expect(await isComputed(input())).toBe(false);
    // JSON has neither.
    const bare: unknown[] = [];
    JSON.stringify(await evaluate(input()), (_, value) => {
      if (typeof value === 'number' && !Number.isFinite(value)) bare.push(value);
      return value;
    });
    expect(bare).toEqual([]);
    // Whose they are changes no figure.
    expect(await isComputed({ ...input(), id: 'e2', createdAt: '2026-11-29T09:00:00.000Z' })).toBe(false);
  });

  it('are worked out anew where an answer, a truth, a patient, a label, a policy, the unit or the draws changed', async () => {
    await isComputed(input());
    const first = (change: Partial<EvaluatedFilm>) => {
      const { films, ...rest } = input();
      return { ...rest, films: [{ ...films[0]!, ...change }, ...films.slice(1)] };
    };
    const changed: Record<string, EvaluationInput> = {
      answer: first({ findings: [...LABELS, 'Fracture'] }),
      failure: first({ failed: true }),
      truth: first({ truth: { ...input().films[0]!.truth, Edema: -1 } }),
      patient: first({ patientId: 'other' }),
      probability: first({ probabilities: { Edema: 0.123 } }),
      missing: { ...input(), films: input().films.slice(1) },
      labels: { ...input(), target: { ...input().target, labels: ['Edema'] } },
      policy: { ...input(), source: { ...input().source, policy: 'ones' } },
      replicates: { ...input(), replicates: 61 },
      seed: { ...input(), seed: 1 },
      method: { ...input(), method: 'percentile' },
      warnings: { ...input(), warnings: ['Patients of both sides.'] },
    };
    for (const [what, asked] of Object.entries(changed)) expect([what, await isComputed(asked)]).toEqual([what, true]);
    expect(await isComputed(input(), new KeptResults(folder, async () => 'v2'))).toBe(true);
    expect(await isComputed(input())).toBe(false);
  });

  it('are worked out anew where their file is damaged, cut off, empty or another one', async () => {
    await isComputed(input());
    const [name] = await readdir(folder);
    const file = join(folder, name!);
    const whole = await readFile(file, 'utf8');
    const broken = [
      whole.slice(0, whole.length / 2),
      '',
      whole.replace('"failures":1', '"failures":2'),
      `${'0'.repeat(64)}${whole.slice(64)}`,
    ];
    for (const text of broken) {
      expect(text).not.toBe(whole);
      await writeFile(file, text);
      expect(await isComputed(input())).toBe(true);
      expect(await readFile(file, 'utf8')).toBe(whole);
    }
  });

  it('are forgotten, those first that were not wanted for longest, so that the folder stays bounded', async () => {
    await isComputed(input());
    const [first] = await readdir(folder);
    const { length: bytes } = await readFile(join(folder, first!));
    const kept = new KeptResults(folder, async () => 'v1', bytes * 2.5);
    const of = (seed: number) => ({ ...input(), seed });
    await kept.evaluate(of(1));
    const names = await readdir(folder);
    const second = names.find((name) => name !== first)!;
    const past = (name: string, days: number) =>
      utimes(join(folder, name), new Date(), new Date(Date.now() - days * 864e5));
    await past(first!, 2);
    await past(second, 3);
    // Wanted again.
    expect(await isComputed(of(1), new KeptResults(folder, async () => 'v1', bytes * 2.5))).toBe(false);
    await kept.evaluate(of(2));
    const left = await readdir(folder);
    expect(left).toHaveLength(2);
    expect(left).toContain(second);
    expect(left).not.toContain(first);
  });

  it('are there all the same where the folder cannot be written', async () => {
    const file = join(folder, 'no-folder');
    await writeFile(file, '');
    const kept = new KeptResults(file, async () => 'v1');
    expect(await isComputed(input(), kept)).toBe(true);
    expect(await isComputed(input(), kept)).toBe(false);
  });
});

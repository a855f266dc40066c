/**
 * Training through the command: input with faults of every kind, steps that diverge and rewards that misbehave, by SFT and by
 * GRPO on each executor; and a run out to TRL's folder and back.
 */
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { cp, mkdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { writePhantom } from '../../core/phantom/generate.ts';
import type { LeftOut, TrainingRun } from '../../core/services/contract.ts';
import { chexreason } from '../support/command.ts';
import { describeExecutors } from '../support/runners.ts';
import { TINY_READER } from '../support/tinyReader.ts';

const folder = mkdtempSync(join(tmpdir(), 'command-training-'));
const TABLE = 'mimic-cxr-2.0.0-chexpert.csv';

const SHORT = { rank: 2, alpha: 4, batchSize: 4, microBatch: 4, warmupRatio: 0, epochs: 9, heldOut: 0, probeEvery: 0 };
const SFT = { ...SHORT, learningRate: 0.01, reserveForGrpo: 0.5, promptId: 'only-label' };
const GRPO = {
  ...{ promptsPerStep: 2, groupSize: 2, microBatch: 4, maxCompletionLength: 24, warmupRatio: 0, epochs: 9 },
  ...{ temperature: 5, topP: 1, reward: 'file', rewardFile: 'mine.js', probeEvery: 0, promptId: 'only-label' },
};

/** A configuration file; its data set is `set`. */
function configFile(name: string, set: string, settings: object, adapter?: string): string {
  const dataset = { kind: 'mimic', csv: `${set}/${TABLE}`, images: set };
  const file = join(folder, `${name}.json`);
  const config = { name, model: 'base', ...(adapter ? { adapter } : {}), dataset, settings };
  writeFileSync(file, JSON.stringify(config));
  return file;
}

interface Answer {
  status: number | null;
  error: { code: string; message: string; details: Record<string, unknown>; remedy?: string };
  run: TrainingRun & { last: Record<string, number> | null };
}

async function train(...args: string[]): Promise<Answer> {
  const { status, lines, stderr } = await chexreason(['train', ...args, '--json'], { cwd: folder });
  const line = (lines[lines.length - 1] ?? { stderr }) as Record<string, unknown>;
  return { status, error: (line['error'] ?? {}) as Answer['error'], run: line as unknown as Answer['run'] };
}

const counts = (leftOut: readonly LeftOut[]) => Object.fromEntries(leftOut.map(({ reason, count }) => [reason, count]));

/** Films in a folder, with its table; `faulty`: a film that is no image, and one of which the table says nothing. */
async function writeFilms(name: string, faulty: boolean): Promise<void> {
  const out = join(folder, name);
  const { csv } = await writePhantom({ institution: 'm', count: 24, seed: 5, out, size: 32, format: 'png' });
  const facts = readFileSync(join(out, 'phantom.jsonl'), 'utf8').trim().split('\n');
  const films = facts.map((line) => JSON.parse(line) as { path: string; traces: { full: string; main: string } });
  const { gunzipSync } = await import('node:zlib');
  const plain = csv.endsWith('.gz') ? gunzipSync(readFileSync(csv)).toString() : readFileSync(csv, 'utf8');
  const rows = plain.trim().split('\n');
  if (!faulty) return writeFile(join(out, TABLE), rows.join('\n'));
  const last = rows.length - 1;
  const ids = rows[last]!.split(',').slice(0, 2);
  rows[last] = `${ids.join(',')}${',maybe'.repeat(rows[0]!.split(',').length - 2)}`;
  await writeFile(join(out, TABLE), rows.join('\n'));
  const solution = (labels: string) => `<think>x</think><solution>${labels}</solution>`;
  const lines = films.map(({ path, traces }, i) => {
    if (i === 1) return 'no JSON';
    if (i === 2) return JSON.stringify({ path, text: 'The lungs are clear.' });
    if (i === 3) return JSON.stringify({ path, text: solution('Kerley lines, Edema') });
    if (i === 4) return JSON.stringify({ path, text: solution('Fracture, Pleural Other, Lung Lesion, Pneumothorax') });
    return JSON.stringify({ path, text: traces.full });
  });
  await writeFile(join(out, 'traces.jsonl'), lines.join('\n'));
  // Every patient may be drawn, and so the film that is no image is looked at.
  await writeFile(join(out, films[0]!.path), 'no image');
}

let sft: Answer;

beforeAll(async () => {
  await cp(TINY_READER, join(folder, 'base'), { recursive: true });
  await writeFilms('good', false);
  await writeFilms('bad', true);
  await mkdir(join(folder, 'workspace/rewards'), { recursive: true });
  const reward = 'function reward(state, samples) { return { scores: samples.map((_, i) => i) }; }';
  await writeFile(join(folder, 'workspace/rewards/mine.js'), reward);
  sft = await train('sft', '--config', configFile('start', 'good', { ...SFT, maxSteps: 2 }));
  expect(sft.status, JSON.stringify(sft)).toBe(0);
  await cp(join(sft.run.path, 'adapter'), join(folder, 'adapter'), { recursive: true });
  // On whom it was trained is not known then, and GRPO may draw every film, the one that is no image too.
  await rm(join(folder, 'adapter/trained-on.json'));
});

describeExecutors('bad input and diverging steps', (executor) => {
  it('SFT leaves out and counts what it cannot learn from, and skips and counts what diverges', async () => {
    // Half of the loss of the first five steps is the limit: a sound run is above it, and so every later step diverges.
    const settings = { ...SFT, executor, reserveForGrpo: 0, learningRate: 1e-9, divergeLoss: 0.5, maxSteps: 7 };
    const file = configFile(`sft-${executor}`, 'bad', { ...settings, differingTraces: 'refuse', diverging: 'skip' });
    const { status, run } = await train('sft', '--config', file);
    expect(status, JSON.stringify(run)).toBe(0);
    expect(counts(run.leftOut)).toMatchObject({
      ...{ 'trace-line': 1, 'trace-form': 1, 'trace-labels': 1, 'trace-differs': expect.any(Number) },
    });
    expect(run.last).toMatchObject({ diverging_steps: 2, skipped_steps: 2 });
  });

  it('GRPO does', async () => {
    const settings = { ...GRPO, executor, learningRate: 0.01, divergeKl: 1e-9, maxSteps: 3, beta: 1 };
    const file = configFile(`grpo-${executor}`, 'bad', { ...settings, diverging: 'skip' }, 'adapter');
    const { status, run } = await train('grpo', '--config', file);
    expect(status, JSON.stringify(run)).toBe(0);
    expect(counts(run.leftOut)).toMatchObject({ image: 1 });
    expect(run.last).toMatchObject({ diverging_steps: 2, skipped_steps: 2 });
  });

  it('numbers that run away stop the run, whatever it says of diverging steps', async () => {
    const settings = { executor, learningRate: 1e30, maxSteps: 3, diverging: 'continue' };
    const { status, error } = await train(
      'sft',
      '--config',
      configFile(`inf-${executor}`, 'good', { ...SFT, ...settings }),
    );
    expect({ status, error }).toMatchObject({ status: 1, error: { code: 'TRAINING_DIVERGED' } });
  });
});

describe('a run that is to stop', () => {
  it('stops at the step that diverges, which is not applied', async () => {
    const bySft = configFile('diverges', 'good', { ...SFT, learningRate: 1e-9, divergeLoss: 0.5, maxSteps: 7 });
    expect(await train('sft', '--config', bySft)).toMatchObject({
      ...{ status: 1, error: { code: 'TRAINING_DIVERGED', details: { step: 6 } } },
    });
    const byGrpo = configFile(
      'diverges-grpo',
      'good',
      { ...GRPO, divergeKl: 1e-9, learningRate: 0.01, maxSteps: 3 },
      'adapter',
    );
    expect(await train('grpo', '--config', byGrpo)).toMatchObject({
      ...{ status: 1, error: { code: 'TRAINING_DIVERGED', details: { step: 2 } } },
    });
  });

  it.each([
    ['sft', undefined, SFT],
    ['grpo', 'adapter', GRPO],
  ] as const)(
    '%s: bad input stops it before it begins, and it is not exported either',
    async (kind, adapter, settings) => {
      const strict = { ...settings, reserveForGrpo: undefined, badInput: 'stop', maxSteps: 2 };
      const file = configFile(`strict-${kind}`, 'bad', strict, adapter);
      const refused = { status: 1, error: { code: 'TRAINING_INPUT', message: expect.stringContaining('first') } };
      expect(await train(kind, '--config', file)).toMatchObject(refused);
      const hard = configFile(
        `strict-export-${kind}`,
        'bad',
        { ...strict, ...(adapter ? { reward: 'hard' } : {}) },
        adapter,
      );
      expect(await train('export', '--config', hard, '--kind', kind, '--out', `strict-${kind}`)).toMatchObject(refused);
      expect(readdirSync(folder)).not.toContain(`strict-${kind}`);
    },
  );

  it('says so where no trace at all can be learned, instead of learning the labels alone', async () => {
    await cp(join(folder, 'good'), join(folder, 'none'), { recursive: true });
    await writeFile(join(folder, 'none/traces.jsonl'), 'no JSON\n');
    const { status, error } = await train('sft', '--config', configFile('none', 'none', SFT));
    expect(status).toBe(1);
    expect(error).toMatchObject({
      code: 'TRAINING_TRACES',
      message: expect.stringContaining('1 trace-line, first line 1'),
    });
  });
});

describe('a reward of one’s own that misbehaves', () => {
  const CASES: [what: string, source: string, code: string][] = [
    ['never ends', 'function reward() { for (;;) {} }', 'REWARD_TIMEOUT'],
    [
      'takes all memory',
      'function reward() { const a = []; for (;;) a.push(new Array(1e5).fill(a.length)); }',
      'REWARD_MEMORY',
    ],
    ['throws', 'function reward(state, samples) { throw new Error("no " + samples.length); }', 'REWARD_FAILED'],
    ['wants the network', 'function reward() { return fetch("http://127.0.0.1:9"); }', 'REWARD_FAILED'],
    [
      'gives no number',
      'function reward(state, samples) { return { scores: samples.map(() => NaN) }; }',
      'REWARD_FAILED',
    ],
    ['gives too few', 'function reward(state, samples) { return { scores: [1] }; }', 'REWARD_RESULT'],
  ];
  it.each(CASES)('%s: the run fails and names it', async (what, source, code) => {
    mkdirSync(join(folder, 'workspace/rewards'), { recursive: true });
    writeFileSync(join(folder, 'workspace/rewards/bad.js'), source);
    const settings = { ...GRPO, rewardFile: 'bad.js', rewardSeconds: 3, rewardMegabytes: 32, maxSteps: 1 };
    const { status, error } = await train('grpo', '--config', configFile(`own ${what}`, 'good', settings, 'adapter'));
    expect(status).toBe(1);
    expect(error).toMatchObject({ code, message: expect.stringContaining('bad.js') });
  });
});

describe('chexreason train export and import', () => {
  it('says what is missing', async () => {
    for (const args of [
      ['export', '--out', 'x'],
      ['export', '--run', 'x'],
      ['export', '--config', 'start.json', '--out', 'x'],
      ['export', '--config', 'start.json', '--kind', 'sft', '--run', 'x', '--out', 'x'],
      ['import'],
    ])
      expect((await chexreason(['train', ...args], { cwd: folder })).status, args.join(' ')).toBe(2);
  });

  it('writes a run that has begun, refuses a folder in use, and takes the trained adapter back', async () => {
    const place = ['--workspace', 'workspace'];
    const out = await train('export', '--run', sft.run.id, '--out', 'trl', ...place);
    expect(out).toMatchObject({ status: 0, run: { kind: 'sft', model: true } });
    expect(readFileSync(join(folder, 'trl/README.md'), 'utf8')).toContain('chexreason train import --from');
    const missing = await train('export', '--run', 'nobody', '--out', 'other', ...place);
    expect(missing).toMatchObject({ status: 1, error: { code: 'TRAINING_UNKNOWN' } });
    const occupied = await train('export', '--run', sft.run.id, '--out', 'good', ...place);
    expect(occupied).toMatchObject({ status: 1, error: { code: 'TRAINING_EXPORT_FOLDER' } });
    const untrained = await train('import', '--from', 'trl', ...place);
    expect(untrained).toMatchObject({ status: 1, error: { code: 'TRAINING_IMPORT_FOLDER' } });
    // What its script leaves; here the adapter is the one of the run itself.
    await cp(join(sft.run.path, 'adapter'), join(folder, 'trl/output/adapter'), { recursive: true });
    const state = { global_step: 2, max_steps: 2, log_history: [{ step: 1, loss: 2.5 }] };
    writeFileSync(join(folder, 'trl/output/trainer_state.json'), JSON.stringify(state));
    const back = await train('import', '--from', 'trl', '--name', 'Back', ...place);
    expect(back).toMatchObject({ status: 0, run: { name: 'Back', kind: 'sft', state: 'complete', steps: 2 } });
  });

  it('writes one from a configuration that has not begun, without the base where it is left', async () => {
    const settings = { ...GRPO, reward: 'nuanced', maxSteps: 2 };
    const file = configFile('later', 'good', settings, 'adapter');
    const out = await train('export', '--config', file, '--kind', 'grpo', '--out', 'later', '--model', 'leave');
    expect(out).toMatchObject({ status: 0, run: { kind: 'grpo', model: false, rollouts: 0 } });
    expect(readdirSync(join(folder, 'later'))).not.toContain('model');
    const own = configFile('own', 'good', GRPO, 'adapter');
    const refused = await train('export', '--config', own, '--kind', 'grpo', '--out', 'own');
    expect(refused).toMatchObject({
      status: 1,
      error: { code: 'TRAINING_EXPORT_REWARD', message: expect.stringContaining('mine.js') },
    });
  });
});

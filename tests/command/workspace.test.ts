/** The main job as a script does it: train, evaluate, metrics, report, infer and score, on a tiny random model and phantoms. */
import { cpSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { writePhantom } from '../../core/phantom/generate.ts';
import { type CommandOptions, chexreason } from '../support/command.ts';
import { writeTinyModel } from '../support/tinyModel.ts';

const folder = mkdtempSync(join(tmpdir(), 'command-workspace-'));
const home = { CHEXREASON_HOME: join(folder, 'home') };
const run = (args: string[], options: CommandOptions = {}) => chexreason(args, { cwd: folder, env: home, ...options });

const sources = ['--dataset', 'chexpert:a/CheXpert-v1.0/valid.csv', '--images', 'a'];
const targets = ['--dataset', 'nih:b/Data_Entry_2017_v2020.csv', '--images', 'b'];
let adapter: string;

beforeAll(async () => {
  const model = await writeTinyModel();
  cpSync(model, join(folder, 'model'), { recursive: true });
  rmSync(model, { recursive: true });
  for (const [institution, seed] of [
    ['a', 21],
    ['b', 22],
    ['m', 23],
  ] as const) {
    await writePhantom({ institution, count: 6, seed, out: join(folder, institution), size: 64, format: 'png' });
  }
  const table = readdirSync(join(folder, 'm')).find((name) => name.includes('chexpert'))!;
  const dataset = { kind: 'mimic', csv: `m/${table}`, images: 'm' };
  const short = { maxSteps: 2, batchSize: 2, samples: 6, heldOut: 0.2, promptId: 'only-label' };
  const settings = { ...short, rank: 2, learningRate: 0.01, warmupRatio: 0 };
  writeFileSync(join(folder, 'sft.json'), JSON.stringify({ name: 'Small SFT', model: 'model', dataset, settings }));
  const trained = await run(['train', 'sft', '--config', 'sft.json', '--workspace', 'trained', '--json']);
  expect(trained.status, trained.stderr).toBe(0);
  adapter = join(trained.lines[0]!['path'] as string, 'adapter');
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe('chexreason train', () => {
  it('leaves a run folder with its log and an adapter in PEFT’s format', () => {
    const log = readFileSync(join(adapter, '../log.jsonl'), 'utf8').trim().split('\n');
    expect(log.map((line) => JSON.parse(line))).toContainEqual(
      expect.objectContaining({ step: 1, loss: expect.any(Number) }),
    );
    expect(readdirSync(adapter)).toEqual(
      expect.arrayContaining(['adapter_config.json', 'adapter_model.safetensors', 'chexreason.json']),
    );
  });

  it('names what is wrong with a configuration', async () => {
    writeFileSync(join(folder, 'wrong.json'), JSON.stringify({ name: 'x', model: 'model', dataset: { kind: 'x' } }));
    const wrong = await run(['train', 'sft', '--config', 'wrong.json', '--json']);
    expect(wrong.status).toBe(1);
    expect(wrong.lines).toMatchObject([{ error: { code: 'TRAIN_CONFIG' } }]);
    expect(wrong.stdout).toContain('dataset.kind');
    expect((await run(['train', 'ppo', '--config', 'sft.json'])).status).toBe(2);
  });
});

describe('chexreason evaluate, metrics and report', () => {
  const checkpoints = () => ['--checkpoint', 'model', '--checkpoint', adapter];
  const evaluate = (...more: string[]) =>
    run([
      'evaluate',
      ...sources,
      ...targets,
      ...checkpoints(),
      '--workspace',
      'evaluated',
      '--limit',
      '3',
      '--prompt',
      'only-label',
      '--json',
      ...more,
    ]);
  let result: Record<string, unknown>;
  const cellsOf = (outcome: Record<string, unknown>) =>
    (outcome['cells'] as { datasetId: string; checkpointId: string; own: object; shared: object }[]).map(
      ({ datasetId, checkpointId, own, shared }) => ({ datasetId, checkpointId, own, shared }),
    );

  it('reads every film by every checkpoint and keeps the answers', async () => {
    const { status, lines, stderr } = await evaluate('--predictions', 'predictions.jsonl');
    expect(status, stderr).toBe(0);
    expect(lines).toHaveLength(1);
    result = lines[0]!;
    expect(result).toMatchObject({ headline: expect.any(String), sharedLabels: expect.any(Array) });
    expect(cellsOf(result)).toHaveLength(4);
    expect(readFileSync(join(folder, 'predictions.jsonl'), 'utf8').trim().split('\n')).toHaveLength(12);
  });

  it('refuses to compare checkpoints that would be asked in two ways', async () => {
    const own = ['evaluate', ...sources, ...targets, ...checkpoints(), '--workspace', 'evaluated', '--limit', '3'];
    const { status, lines } = await run([...own, '--json']);
    expect(status).toBe(1);
    expect(lines).toMatchObject([{ error: { code: 'CHECKPOINTS_NOT_COMPARABLE' } }]);
    expect(JSON.stringify(lines)).toContain('prompt (free-reasoning and only-label)');
  });

  it('computes nothing twice', async () => {
    const lines = () =>
      readFileSync(
        join(folder, 'evaluated/predictions', readdirSync(join(folder, 'evaluated/predictions'))[0]!),
        'utf8',
      );
    const before = lines();
    const again = await evaluate();
    expect(again.lines[0]!['id']).toBe(result['id']);
    expect(cellsOf(again.lines[0]!)).toEqual(cellsOf(result));
    expect(lines()).toBe(before);
  });

  it('gives the same figures from the predictions alone', async () => {
    const { status, lines } = await run(['metrics', '--predictions', 'predictions.jsonl', '--json']);
    expect(status).toBe(0);
    const macro = (outcome: Record<string, unknown>) =>
      (outcome['cells'] as { shared: { macro: object; failures: number } }[]).map(({ shared }) => [
        shared.macro,
        shared.failures,
      ]);
    expect(macro(lines[0]!)).toEqual(macro(result));
  });

  it('writes the report, the same file for the same date, and its figures', async () => {
    const report = ['report', '--workspace', 'evaluated', '--sections', 'summary,gap,limits', '--json'];
    const exports = ['--csv', 'out/csv', '--data', 'out/report.json', '--latex', 'out/tex', '--svg', 'out/svg'];
    const one = await run([...report, '--out', 'one.pdf', '--date', '2026-11-28T09:00:00Z', ...exports]);
    expect(one.status, one.stderr).toBe(0);
    expect(one.lines).toMatchObject([
      { file: 'one.pdf', evaluationId: result['id'], pages: expect.any(Number) },
      ...['csv', 'json', 'latex', 'svg'].map((format) => ({ format, files: expect.any(Number) })),
    ]);
    expect(existsSync(join(folder, 'out/csv/table-01-change.csv'))).toBe(true);
    expect(JSON.parse(readFileSync(join(folder, 'out/report.json'), 'utf8'))).toMatchObject({
      statement: result['headline'],
    });
    const epoch = { ...home, SOURCE_DATE_EPOCH: String(Date.parse('2026-11-28T09:00:00Z') / 1000) };
    const two = await run([...report, '--out', 'two.pdf'], { env: epoch });
    expect(two.status, two.stderr).toBe(0);
    const pdf = readFileSync(join(folder, 'one.pdf'));
    expect(pdf.subarray(0, 5).toString()).toBe('%PDF-');
    expect(pdf.equals(readFileSync(join(folder, 'two.pdf')))).toBe(true);
  });

  it('refuses a report of nothing that can be used', async () => {
    const report = (...options: string[]) => run(['report', '--workspace', 'evaluated', ...options]);
    expect((await report()).status).toBe(2);
    expect((await report('--out', 'x.pdf', '--labels', 'Flu')).status).toBe(2);
    expect((await report('--out', 'x.pdf', '--date', 'soon')).status).toBe(2);
    expect((await report('--sections', 'list')).stdout).toContain('tripod-ai');
    expect(existsSync(join(folder, 'x.pdf'))).toBe(false);
  });

  it('says what is wrong: a data set, a table without its columns, an adapter without its base, no evaluation', async () => {
    const unknown = await run(['evaluate', '--dataset', 'x', '--checkpoint', 'model', '--workspace', 'other']);
    expect(unknown.status).toBe(2);
    writeFileSync(join(folder, 'table.csv'), 'a,b\n1,2\n');
    const table = await run([
      'evaluate',
      '--dataset',
      'nih:table.csv',
      '--checkpoint',
      'model',
      '--workspace',
      'other',
      '--json',
    ]);
    expect(table.status).toBe(1);
    expect(table.lines).toMatchObject([{ error: { code: 'DATASET_COLUMNS_MISSING' } }]);
    const alone = await run(['evaluate', ...sources, '--checkpoint', adapter, '--workspace', 'alone', '--json']);
    expect(alone.lines).toMatchObject([{ error: { code: 'ADAPTER_WITHOUT_BASE' } }]);
    expect((await run(['report', '--workspace', 'alone', '--out', 'none.pdf'])).status).toBe(2);
    expect(existsSync(join(folder, 'none.pdf'))).toBe(false);
  });
});

describe('chexreason infer and score', () => {
  const film = () => {
    const name = readdirSync(join(folder, 'a'), { recursive: true, encoding: 'utf8' }).find((path) =>
      path.endsWith('.png'),
    )!;
    return `a/${name}`;
  };
  const ask = (...args: string[]) => run(['infer', '--model', 'model', '--max-new-tokens', '8', ...args, '--json']);

  it('answers for every film in order, and goes on after one that cannot be read', async () => {
    const { status, lines } = await ask('--image', film(), '--image', 'absent.png', '--image', film());
    expect(status).toBe(1);
    expect(lines.map(({ file }) => file)).toEqual([film(), 'absent.png', film()]);
    expect(lines[0]).toMatchObject({ stop: expect.stringMatching(/end|length/), executor: 'onnxruntime-cpu' });
    expect(lines[0]!['seconds']).toEqual({
      load: expect.any(Number),
      vision: expect.any(Number),
      prefill: expect.any(Number),
      decode: expect.any(Number),
    });
    expect(lines[1]).toMatchObject({ error: { code: 'FILE_NOT_FOUND' } });
    expect(lines[2]!['tokenIds']).toEqual(lines[0]!['tokenIds']);
  });

  it('draws samples by seed, and an adapter changes the answer', async () => {
    const samples = async (seed: string) => {
      const { lines } = await ask('--image', film(), '--temperature', '1', '--samples', '3', '--seed', seed);
      return (lines[0]!['samples'] as { tokenIds: number[] }[]).map(({ tokenIds }) => tokenIds);
    };
    const first = await samples('1');
    expect(await samples('1')).toEqual(first);
    expect((await samples('2'))[0]).toEqual(first[1]);
    const [base] = (await ask('--text', 'hello')).lines;
    const [adapted] = (await ask('--text', 'hello', '--adapter', adapter)).lines;
    expect(adapted!['logprobs']).not.toEqual(base!['logprobs']);
  });

  it('scores what the model said as the model said it', async () => {
    const [said] = (await ask('--image', film())).lines;
    const args = ['score', '--model', 'model', '--image', film(), '--completion', said!['text'] as string, '--json'];
    const { status, lines } = await run(args);
    expect(status).toBe(0);
    const { tokenIds, logprobs } = lines[0] as { tokenIds: number[]; logprobs: number[] };
    expect(logprobs).toHaveLength(tokenIds.length);
    expect(Math.max(...logprobs)).toBeLessThanOrEqual(0);
  });

  it('says what is wrong: no model, two questions at once, no such prompt', async () => {
    const none = await run(['infer', '--model', 'absent', '--text', 'x', '--json']);
    expect([none.status, none.lines]).toMatchObject([1, [{ error: { code: 'FILE_NOT_FOUND' } }]]);
    const both = await run(['infer', '--model', 'model', '--text', 'x', '--prompt', 'only-label', '--image', film()]);
    expect(both.status).toBe(2);
    const prompt = await run(['infer', '--model', 'model', '--prompt', 'absent', '--image', film(), '--json']);
    expect(prompt.lines).toMatchObject([{ error: { code: 'PROMPT_UNKNOWN' } }]);
  });
});

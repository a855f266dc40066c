/** The experiment as its user runs it, very small: stopped between two cells and within one, it comes to the same results. */
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import type { ExperimentResults } from '../../core/experiment/results.ts';
import { chexreason } from '../support/command.ts';

const folder = mkdtempSync(join(tmpdir(), 'command-experiment-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** One thread: libtensorflow's sums then do not depend on which thread was first. */
const env = { TF_NUM_INTRAOP_THREADS: '1', TF_NUM_INTEROP_THREADS: '1' };
const sizes = ['--films', '4', '--validation-films', '2', '--sft-films', '12', '--grpo-films', '16'];
const small = ['experiment', 'paper-in-miniature', '--worlds', 'main-far-loose', '--seeds', '1', ...sizes, '--json'];

function figuresOf(out: string): object {
  const { cells, ...results } = JSON.parse(readFileSync(join(out, 'results.json'), 'utf8')) as ExperimentResults;
  return { ...results, done: cells.done };
}

describe('chexreason experiment', () => {
  it('goes on with what is not done, to the same results, and writes its page', async () => {
    const [whole, parts] = [join(folder, 'whole'), join(folder, 'parts')];
    const one = await chexreason([...small, '--out', whole], { env });
    expect(one.status, one.stderr).toBe(0);
    expect(one.lines[0]).toMatchObject({ cells: { done: 21, total: 21, missing: [] }, waiting: 0 });

    const first = await chexreason([...small, '--out', parts, '--cells', '8'], { env });
    expect(first.lines[0]).toMatchObject({ cells: { done: 8 }, arms: [] });
    expect(readFileSync(join(parts, 'README.md'), 'utf8')).toContain('**8 of 21 cells are done**');
    const stopped = await chexreason([...small, '--out', parts], {
      env,
      onStderr: (text, interrupt) => {
        if (text.includes('Fine-tuning')) interrupt();
      },
    });
    expect(stopped.status).toBe(130);
    const rest = await chexreason([...small, '--out', parts, '--checkpoints', join(folder, 'models')], { env });
    // The default world was not asked for, so there is nothing of it to copy; everything else is done.
    expect(rest.lines[0]).toMatchObject({ error: { code: 'EXPERIMENT_UNFINISHED' } });
    expect(rest.status).toBe(1);
    expect(figuresOf(parts)).toEqual(figuresOf(whole));

    expect(readdirSync(whole)).toEqual(
      expect.arrayContaining(['README.md', 'changes.svg', 'reward.svg', 'kl.svg', 'probe.svg']),
    );
    // A probe's line is none of a step.
    const [arm] = (JSON.parse(readFileSync(join(whole, 'results.json'), 'utf8')) as ExperimentResults).arms;
    expect(arm!.form).not.toBeNull();
    const page = readFileSync(join(whole, 'README.md'), 'utf8');
    expect(page).toContain('| GRPO | `main-far-loose`, hard | 1 |');
    expect(page).toContain('All 21 cells');
  });

  it('makes the base from seeds as its first cells, in parts as at once, and hands it out', async () => {
    const made = ['--base', 'make', '--base-films', '100', '--base-steps', '2', '--cells'];
    const [whole, parts] = [join(folder, 'made'), join(folder, 'made-in-parts')];
    const one = await chexreason([...small, ...made, '4', '--out', whole], { env });
    expect(one.status, one.stderr).toBe(0);
    expect(one.lines[0]).toMatchObject({ cells: { done: 4, total: 25 }, base: { films: { count: 100 } } });
    await chexreason([...small, ...made, '1', '--out', parts], { env });
    const models = join(folder, 'made-models');
    const rest = await chexreason([...small, ...made, '3', '--out', parts, '--checkpoints', models], { env });
    // The base is there, the adapters are not.
    expect(rest.lines[0]).toMatchObject({
      error: { code: 'EXPERIMENT_UNFINISHED', details: { cell: expect.stringContaining('sft') } },
    });
    const weights = (place: string) => readFileSync(join(place, 'model.safetensors'));
    const base = join(models, 'base');
    expect(weights(base).equals(weights(join(whole, 'cells/cells/pretrain-answers/model')))).toBe(true);
    expect(readdirSync(join(models, 'logs')).sort()).toEqual(
      ['answers', 'language', 'vision', 'vision-2'].map((name) => `log-${name}.jsonl`).sort(),
    );
    // All but the weights is what is shipped.
    const shipped = join(import.meta.dirname, '../../resources/models/base');
    expect(readdirSync(base).sort()).toEqual(readdirSync(shipped).sort());
    for (const name of readdirSync(shipped).filter((file) => file !== 'model.safetensors'))
      expect(readFileSync(join(base, name), 'utf8'), name).toBe(readFileSync(join(shipped, name), 'utf8'));
    const other = await chexreason([...small, '--cells', '0', '--out', parts]);
    expect(other.lines[0]).toMatchObject({ error: { code: 'EXPERIMENT_DIFFERS' } });
  });

  it('refuses other sizes in the same folder, and worlds that are not there', async () => {
    const out = join(folder, 'refused');
    expect((await chexreason([...small, '--out', out, '--cells', '0'])).status).toBe(0);
    const other = await chexreason([...small, '--out', out, '--films', '7', '--cells', '0']);
    expect(other.lines[0]).toMatchObject({ error: { code: 'EXPERIMENT_DIFFERS' } });
    const unknown = await chexreason([...small, '--out', out, '--worlds', 'nowhere']);
    expect(unknown.lines[0]).toMatchObject({ error: { code: 'EXPERIMENT_WORLD' } });
    expect(existsSync(join(out, 'cells', 'cells'))).toBe(false);
  });
});

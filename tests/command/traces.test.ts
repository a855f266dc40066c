/** Reasoning traces through the command: imported, reviewed, undone and exported, in a workspace of their own. */
import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { chexreason } from '../support/command.ts';

const folder = mkdtempSync(join(tmpdir(), 'command-traces-'));
const FILMS = 3;
let paths: string[];

const dataset = ['--dataset', 'mimic:m/mimic-cxr-2.0.0-chexpert.csv.gz', '--images', 'm', '--workspace', 'workspace'];
const traces = (what: string, ...args: string[]) =>
  chexreason(['traces', what, ...dataset, ...args, '--json'], { cwd: folder });
const listed = async () => (await traces('list')).lines as { filmId: string; status: string; said: string[] }[];

beforeAll(async () => {
  const phantom = ['--institution', 'm', '--count', String(FILMS), '--seed', '5', '--size', '64', '--format', 'png'];
  const made = await chexreason(['phantom', ...phantom, '--out', 'm', '--json'], { cwd: folder });
  expect(made.status, made.stderr).toBe(0);
  const facts = readFileSync(join(folder, 'm/phantom.jsonl'), 'utf8').trim().split('\n');
  const films = facts.map((line) => JSON.parse(line) as { path: string; traces: { full: string } });
  paths = films.map(({ path }) => path);
  const lines = films.map(({ path, traces: { full } }) => JSON.stringify({ path, text: full }));
  writeFileSync(join(folder, 'traces.jsonl'), [...lines, JSON.stringify({ path: 'gone.png', text: 'x' })].join('\n'));
});

describe('chexreason traces', () => {
  it('imports, names what it cannot place, and lists', async () => {
    const imported = await traces('import', '--file', 'traces.jsonl');
    expect(imported.lines[0]).toMatchObject({ imported: FILMS, rejected: [expect.anything()] });
    expect((await listed()).map(({ status }) => status)).toEqual(new Array(FILMS).fill('unreviewed'));
  });

  it('accepts and rejects, takes the last decision back, and exports what was accepted', async () => {
    const [first, second] = await listed();
    await traces('accept', '--film', first!.filmId, '--other-labels');
    await traces('reject', '--film', second!.filmId);
    const statusOf = async (id: string) => (await listed()).find(({ filmId }) => filmId === id)!.status;
    expect(await statusOf(first!.filmId)).toBe('accepted');
    expect(await statusOf(second!.filmId)).toBe('rejected');
    await traces('undo');
    expect(await statusOf(second!.filmId)).toBe('unreviewed');
    const exported = await traces('export', '--file', 'accepted.jsonl');
    expect(exported.status, exported.stderr).toBe(0);
    const lines = readFileSync(join(folder, 'accepted.jsonl'), 'utf8').trim().split('\n');
    expect(lines).toHaveLength(1);
    const { path } = JSON.parse(lines[0]!) as { path: string };
    expect(paths.some((film) => path.endsWith(film))).toBe(true);
  });

  it('says what is wrong: no such film', async () => {
    const outcome = await traces('accept', '--film', 'nobody');
    expect(outcome.status).not.toBe(0);
    expect(outcome.stderr + outcome.stdout).toMatch(/nobody/);
  });
});

/** decode, scan and phantom through the command, with the exit statuses that a script relies on. */
import { mkdtempSync, readdirSync, readFileSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { chexreason } from '../support/command.ts';

const folder = mkdtempSync(join(tmpdir(), 'command-films-'));
const films = join(folder, 'films');
let film: string;

beforeAll(async () => {
  const made = await chexreason(
    ['phantom', '--institution', 'b', '--count', '3', '--seed', '5', '--size', '64', '--out', 'films', '--json'],
    { cwd: folder },
  );
  expect(made.status, made.stderr).toBe(0);
  expect(made.lines).toMatchObject([{ institution: 'b', films: 3, kind: 'nih' }]);
  expect(made.stderr).toMatch(/Drawing phantom films 3\/3/);
  film = readdirSync(films, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.dcm'))
    .sort()[0]!;
});

describe('chexreason phantom', () => {
  it('makes the same films from the same seed, and the label table of the institution', async () => {
    const again = join(folder, 'again');
    await chexreason(['phantom', '--institution', 'b', '--count', '1', '--seed', '5', '--size', '64', '--out', again]);
    const name = readdirSync(again, { recursive: true, encoding: 'utf8' }).find((entry) => entry.endsWith('.dcm'))!;
    expect(readFileSync(join(again, name))).toEqual(readFileSync(join(films, name)));
    const table = readdirSync(films, { recursive: true, encoding: 'utf8' }).find((entry) => entry.endsWith('.csv'))!;
    expect(readFileSync(join(films, table), 'utf8')).toMatch(/^Image Index,Finding Labels/);
  });

  it.each([
    [['--institution', 'z', '--count', '1', '--seed', '1', '--out', 'x']],
    [['--institution', 'a', '--count', '0', '--seed', '1', '--out', 'x']],
    [['--institution', 'a', '--count', '1', '--seed', '1']],
    [['--institution', 'a', '--count', '1.5', '--seed', '1', '--out', 'x']],
  ])('ends with 2 for arguments that cannot be used: %j', async (args) => {
    const outcome = await chexreason(['phantom', ...args], { cwd: folder });
    expect(outcome.status).toBe(2);
    expect(outcome.stdout).toBe('');
    expect(outcome.stderr).toMatch(/^error: /);
  });

  it('is stopped by Ctrl+C with 130, its files whole', async () => {
    const out = join(folder, 'stopped');
    const outcome = await chexreason(
      ['phantom', '--institution', 'a', '--count', '5000', '--seed', '1', '--size', '256', '--out', out, '--json'],
      { onStderr: (_text, interrupt) => interrupt() },
    );
    expect(outcome.status).toBe(130);
    expect(outcome.lines).toMatchObject([{ error: { code: 'CANCELLED' } }]);
    const left = readdirSync(out, { recursive: true, encoding: 'utf8' });
    expect(left.filter((name) => name.endsWith('.part'))).toEqual([]);
  });
});

describe('chexreason decode', () => {
  it('prints one object a line, in order, and goes on after a bad file', async () => {
    const bad = join(folder, 'bad.dcm');
    const cut = join(folder, 'cut.dcm');
    writeFileSync(bad, 'no film');
    writeFileSync(cut, readFileSync(join(films, film)));
    truncateSync(cut, 2000);
    const given = [`films/${film}`, 'bad.dcm', 'absent.dcm', 'cut.dcm', `films/${film}`];
    const { status, lines, stdout } = await chexreason(['decode', ...given, '--json'], { cwd: folder });
    expect(status).toBe(1);
    expect(stdout.endsWith('\n')).toBe(true);
    expect(lines.map(({ file }) => file)).toEqual(given);
    expect(lines[0]).toMatchObject({ rows: 64, columns: 64, frames: 1, samplesPerPixel: 1, dtype: 'uint16' });
    expect(lines[0]!['sha256']).toMatch(/^[0-9a-f]{64}$/);
    expect(lines[4]).toEqual(lines[0]);
    const errors = lines.slice(1, 4).map(({ error }) => error as { code: string; message: string; details: object });
    expect(errors.map(({ code }) => code)).toEqual(['NOT_A_FILM', 'FILE_NOT_FOUND', 'DICOM_TRUNCATED_PIXELS']);
    for (const error of errors) {
      expect(error.details).toHaveProperty('file');
      expect(error.message).not.toBe('');
    }
  });

  it('ends with 0 where all went well, and writes text for a person without --json', async () => {
    const { status, stdout, stderr } = await chexreason(['decode', `films/${film}`], { cwd: folder });
    expect(status).toBe(0);
    expect(stdout).toMatch(/^file +films\//);
    expect(stderr).toBe('');
  });

  it('ends with 2 without a file', async () => {
    expect((await chexreason(['decode', '--json'])).status).toBe(2);
  });
});

describe('chexreason scan', () => {
  it('counts what is there and names what is no film', async () => {
    const { status, lines } = await chexreason(['scan', 'films', '--json'], { cwd: folder });
    expect(status).toBe(0);
    expect(lines).toHaveLength(1);
    expect(lines[0]).toMatchObject({ instances: 3, studies: 3 });
    const rejected = lines[0]!['rejected'] as { file: string; code: string }[];
    expect(rejected.every(({ file }) => file.startsWith('films'))).toBe(true);
    expect(rejected.map(({ code }) => code)).toContain('NOT_A_FILM');
  });

  it('ends with 1 for a path that is not there, and still counts the others', async () => {
    const { status, lines } = await chexreason(['scan', 'absent', 'films', '--json'], { cwd: folder });
    expect(status).toBe(1);
    expect(lines[0]).toMatchObject({ instances: 3 });
    expect(lines[0]!['rejected']).toContainEqual({ file: 'absent', code: 'FILE_NOT_FOUND' });
  });
});

describe('the command', () => {
  it('explains itself with 0 and refuses what it does not know with 2', async () => {
    const help = await chexreason(['--help']);
    expect(help.status).toBe(0);
    expect(help.stdout).toMatch(/decode.*\n[\s\S]*serve/);
    expect((await chexreason(['--version'])).stdout).toMatch(/^\d+\.\d+\.\d+\n$/);
    expect((await chexreason(['nonsense'])).status).toBe(2);
    expect((await chexreason([])).status).toBe(2);
  });
});

describe('chexreason deidentify', () => {
  it('copies the films of a folder without their patients, and says where', async () => {
    const args = ['deidentify', 'films', '--out', 'copies', '--workspace', 'workspace', '--json'];
    const { status, lines, stderr } = await chexreason(args, { cwd: folder });
    expect(status, stderr).toBe(0);
    expect(lines).toMatchObject([{ out: 'copies', films: 3 }]);
    const { files } = lines[0] as { files: { file: string; to: string }[] };
    expect(files[0]!.file.startsWith('films')).toBe(true);
    const scanned = await chexreason(['scan', 'copies', '--json'], { cwd: folder });
    expect(scanned.lines).toMatchObject([{ instances: 3, rejected: [] }]);
  });

  it('ends with 1 where nothing could be exported, and with 2 without a folder to write to', async () => {
    const none = await chexreason(['deidentify', 'absent', '--out', 'none', '--workspace', 'workspace', '--json'], {
      cwd: folder,
    });
    expect(none.status).toBe(1);
    expect(none.lines).toMatchObject([{ films: 0, rejected: [{ file: 'absent', code: 'FILE_NOT_FOUND' }] }]);
    expect((await chexreason(['deidentify', 'films'], { cwd: folder })).status).toBe(2);
  });
});

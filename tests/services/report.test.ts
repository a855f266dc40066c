/** The report as the engine makes it from a workspace: no patient in it, choices, dates, what metadata says of checkpoints. */
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { writePhantom } from '../../core/phantom/generate.ts';
import { nodePlatform } from '../../core/platform/node.ts';
import type { Engine, FilmView, Parameters, Prediction } from '../../core/services/contract.ts';
import { createEngine } from '../../core/services/engine.ts';
import { withoutIdentifiers } from '../../core/services/reportIdentity.ts';
import { root } from '../support/command.ts';
import { readPdf, streams } from '../support/pdf.ts';
import { writeTinyModel } from '../support/tinyModel.ts';

const DATE = '2026-11-28T09:00:00.000Z';
const folder = mkdtempSync(join(tmpdir(), 'report-workspace-'));
const home = join(folder, 'Mustermann-Erika-19610307');
const workspace = join(folder, 'workspace');
let engine: Engine;
let evaluationId: string;
let datasets: { a: string; b: string };
let films: FilmView[];

const open = () =>
  createEngine(nodePlatform({ resourcesDir: join(root, 'resources'), userDir: join(folder, 'user') }), { workspace });
const render = async (choice: Partial<Parameters<'report.render'>> = {}) =>
  engine.call('report.render', { evaluationId, date: DATE, ...choice });

beforeAll(async () => {
  mkdirSync(home);
  const model = await writeTinyModel();
  cpSync(model, join(folder, 'model'), { recursive: true });
  rmSync(model, { recursive: true });
  cpSync(join(folder, 'model'), join(folder, 'model-2'), { recursive: true });
  engine = await open();
  const checkpointIds: string[] = [];
  for (const [name, path] of [
    ['Base', 'model'],
    ['Twin', 'model-2'],
  ] as const) {
    const { id } = await engine.call('checkpoints.add', { path: join(folder, path), name, role: 'base' });
    checkpointIds.push(id);
  }
  const add = async (institution: 'a' | 'b', kind: 'chexpert' | 'nih', csv: string) => {
    const out = join(home, institution);
    await writePhantom({ institution, count: 3, seed: 41, out, size: 64 });
    const role = institution === 'a' ? 'source' : 'target';
    const path = { csv: join(out, csv), images: out };
    return (await engine.call('datasets.add', { kind, ...path, role, name: `House ${institution}` })).id;
  };
  datasets = {
    a: await add('a', 'chexpert', 'CheXpert-v1.0/valid.csv'),
    b: await add('b', 'nih', 'Data_Entry_2017_v2020.csv'),
  };
  const run = { sourceDatasetId: datasets.a, targetDatasetId: datasets.b, checkpointIds, limit: null };
  evaluationId = (await engine.call('evaluations.run', run)).id;
  const entries = [...(await filmsOf(datasets.a)), ...(await filmsOf(datasets.b))];
  films = await Promise.all(entries.map(({ id }) => engine.call('films.open', { filmId: id })));
  plant();
  engine = await open();
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const filmsOf = (collectionId: string) => engine.call('films.list', { collectionId });

/** As if a checkpoint had read the header aloud: every answer names its film's patient, numbers, dates and file. */
function plant(): void {
  const byId = new Map(films.map((view) => [view.entry.id, view]));
  for (const name of readdirSync(join(workspace, 'predictions'))) {
    const file = join(workspace, 'predictions', name);
    const lines = readFileSync(file, 'utf8').trim().split('\n');
    const planted = lines.map((line) => {
      const prediction = JSON.parse(line) as Prediction;
      const said = identifiersOf(byId.get(prediction.filmId)!).join(', ');
      const text = `The patient is ${said}. The heart is wide.`;
      return JSON.stringify({ ...prediction, text, reading: { ...prediction.reading, reasoning: text } });
    });
    writeFileSync(file, `${planted.join('\n')}\n`);
  }
}

function identifiersOf({ entry, film: { tags } }: FilmView): string[] {
  const [y, m, d] = [tags.studyDate.slice(0, 4), tags.studyDate.slice(4, 6), tags.studyDate.slice(6, 8)];
  return [
    ...tags.patientName.split('^'),
    tags.patientName.replace(/\^/g, ' '),
    tags.patientId,
    entry.patientId,
    tags.studyDate,
    `${y}-${m}-${d}`,
    `${d}.${m}.${y}`,
    tags.patientBirthDate,
    tags.studyInstanceUid,
    tags.sopInstanceUid,
    tags.accessionNumber,
    tags.institution,
    entry.path,
    basename(entry.path),
    basename(home),
  ].filter((word) => word.length >= 4 && word !== 'Phantom');
}

describe('no patient enters a report', () => {
  const all = () => new Set(films.flatMap(identifiersOf));
  /** The identifiers that stand in a text as words of their own; digits within a number are none. */
  const named = (text: string) =>
    [...all()].filter((word) => {
      const plain = word.replace(/[.*+?^${}()|[\]\\/]/g, '\\$&');
      return new RegExp(`(?<![\\w.])${plain}(?![\\w])`, 'i').test(text);
    });

  it('is tested on answers that name them', () => {
    expect(films.every(({ film }) => film.tags.patientName !== '' && film.tags.studyDate !== '')).toBe(true);
    expect(all().size).toBeGreaterThan(30);
    const [first] = all();
    expect(named(`seen: ${first}, again`)).toEqual([first]);
  });

  it('not in the words, the metadata or the streams of the PDF', async () => {
    const { pdf } = await render({ filmsOfEach: 40 });
    const { text, info, xmp, outline, alts } = await readPdf(pdf);
    const words = [text.join('\n'), JSON.stringify(info), xmp, outline.join('\n'), alts.join('\n'), ...streams(pdf)];
    const flat = `${words.join('\n')}\n${Buffer.from(pdf).toString('latin1')}`;
    expect(named(flat)).toEqual([]);
    expect(text.join(' ')).toContain('[removed]');
    expect(text.join(' ')).toContain('Film 1 of House a');
  });

  it.each(['csv', 'json', 'latex', 'svg'] as const)('not in %s', async (format) => {
    const path = join(folder, `out-${format}`);
    await engine.call('report.export', { evaluationId, date: DATE, filmsOfEach: 40, format, path });
    const files = format === 'json' ? [path] : readdirSync(path).map((name) => join(path, name));
    for (const file of files) {
      const content = `${basename(file)}\n${readFileSync(file, 'utf8')}`;
      expect(named(content), file).toEqual([]);
    }
  });

  it('takes out whole words, in any case, and leaves others alone', () => {
    const { entry, film } = films[0]!;
    const named = {
      ...entry,
      patientName: 'Li^Wei',
      patientId: '4711',
      studyDate: '20210304',
      path: '/x/abc/4711.png',
    };
    const tags = { ...film.tags, patientName: '', patientId: '' };
    const text = 'LI, seen 04.03.2021 and 2021-03-04 (4711): liver and line, 14711 films.';
    expect(withoutIdentifiers(text, named, tags)).toBe(
      '[removed], seen [removed] and [removed] ([removed]): liver and line, 14711 films.',
    );
  });
});

describe('the choices', () => {
  it('are checkpoints, data sets, labels and sections; figures are worked out on the chosen labels', async () => {
    const chosen = { labels: ['Edema', 'Cardiomegaly'] as const, sections: ['labels', 'comparison'] };
    const { pdf } = await render({ ...chosen, labels: [...chosen.labels] });
    const { outline, text } = await readPdf(pdf);
    expect(outline).toEqual(['Results by label', 'What was compared on what', 'Left out of this report']);
    expect(text.join(' ')).not.toContain('Pneumothorax');
    const alone = await readPdf((await render({ datasetIds: [datasets.a], sections: ['gap', 'comparison'] })).pdf);
    expect(alone.text.join(' ')).toContain('only one data set was chosen');
    expect(alone.text.join(' ')).not.toContain('House b');
  });

  it('refuses what the evaluation does not have', async () => {
    await expect(render({ checkpointIds: ['nobody'] })).rejects.toMatchObject({ code: 'EVALUATION_CHOICE' });
    await expect(render({ sections: ['nothing'] })).rejects.toMatchObject({ code: 'REPORT_SECTION_UNKNOWN' });
  });

  it('are films by number or the most telling ones', async () => {
    const offered = await engine.call('report.films', { evaluationId });
    expect(new Set(offered.map(({ datasetId }) => datasetId))).toEqual(new Set(Object.values(datasets)));
    const one = offered[offered.length - 1]!;
    const { text } = await readPdf((await render({ films: [one.filmId], sections: ['samples'] })).pdf);
    expect(text.join(' ').match(/Film \d+ of House [ab]/g)).toEqual([`Film ${one.number} of House b`]);
    expect(
      (await readPdf((await render({ filmsOfEach: 0, sections: ['samples', 'limits'] })).pdf)).text.join(' '),
    ).toContain('no film was chosen');
  });
});

describe('answers that were made elsewhere', () => {
  it('are reported alike, and what is not known of them is left out', async () => {
    const file = join(folder, 'elsewhere.jsonl');
    await engine.call('evaluations.export', { evaluationId, path: file });
    const { id } = await engine.call('evaluations.import', { path: file });
    expect((await engine.call('report.films', { evaluationId: id })).length).toBeGreaterThan(0);
    const { pdf } = await engine.call('report.render', { evaluationId: id, date: DATE });
    const { outline, text } = await readPdf(pdf);
    expect(outline).toContain('From the source to the target');
    expect(outline).not.toContain('What it cost');
    expect(text.join(' ')).toContain('The answers were made elsewhere and imported');
    const one = { evaluationId: id, date: DATE, labels: ['Edema' as const], sections: ['labels', 'limits'] };
    expect((await readPdf((await engine.call('report.render', one)).pdf)).text.join(' ')).not.toContain('Pneumothorax');
  });
});

describe('two exports of a workspace', () => {
  it('are equal byte for byte, apart from the date', async () => {
    const again = await open();
    const one = Buffer.from((await render()).pdf);
    expect(one.equals(Buffer.from((await again.call('report.render', { evaluationId, date: DATE })).pdf))).toBe(true);
    const later = Buffer.from((await again.call('report.render', { evaluationId, date: '2027-01-02T03:04:05Z' })).pdf);
    const undated = (pdf: Buffer) =>
      pdf
        .toString('latin1')
        .replace(/\(D:\d{14}Z\)/g, '(D)')
        .replace(/<xmp:CreateDate>[^<]*/g, '<xmp:CreateDate>');
    expect(later.equals(one)).toBe(false);
    expect(undated(later) === undated(one)).toBe(true);
  });
});

describe('films that the models were not made for', () => {
  it('are counted in the report as the evaluation counted them', async () => {
    const file = join(workspace, 'evaluations', `${evaluationId}.json`);
    const evaluation = JSON.parse(readFileSync(file, 'utf8')) as object;
    writeFileSync(file, JSON.stringify({ ...evaluation, leftOut: { [datasets.a]: { lateral: 2 }, [datasets.b]: {} } }));
    const counted = (await readPdf((await (await open()).call('report.render', provenance())).pdf)).text
      .join(' ')
      .replace(/\s+/g, ' ');
    writeFileSync(file, JSON.stringify(evaluation));
    expect(counted.match(/not what the models were made for[^:]*: [a-z ]+/g)).toEqual([
      'not what the models were made for (2 lateral): left out',
    ]);
  });
});

function provenance() {
  return { evaluationId, date: DATE, sections: ['provenance'] };
}

/** Which films of a data set a model reads: by the table's view, and by what a DICOM header adds. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { encodeElement, encodeFile, encodeShort } from '../../core/dicom/write.ts';
import type { Collections } from '../../core/services/collections.ts';
import type { FilmEntry } from '../../core/services/contract.ts';
import { Selection } from '../../core/services/selection.ts';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'selection-'));
});
afterAll(() => rm(folder, { recursive: true }));

async function dicom(name: string, intent: string, view: string): Promise<string> {
  const path = join(folder, name);
  const ids = { transferSyntax: '1.2.840.10008.1.2.1', sopClassUid: '1.2', sopInstanceUid: '1.2.3' };
  const elements = [
    encodeElement(0x00080060, 'CS', 'DX'),
    encodeElement(0x00080068, 'CS', intent),
    encodeElement(0x00180015, 'CS', 'CHEST'),
    encodeElement(0x00185101, 'CS', view),
    ...[0x00280010, 0x00280011].map((tag) => encodeShort(tag, 2)),
    encodeShort(0x00280100, 8),
    encodeElement(0x7fe00010, 'OB', Uint8Array.of(1, 2, 3, 4)),
  ];
  await writeFile(path, encodeFile(ids, elements));
  return path;
}

function film(id: string, path: string, cautions: FilmEntry['cautions'] = []): FilmEntry {
  return { id, path, viewPosition: '', cautions, warnings: cautions.map(String), truth: {} } as unknown as FilmEntry;
}

function selectionOf(films: FilmEntry[], views: 'frontal' | 'all' = 'frontal'): Selection {
  const collection = () => ({ unit: 'image', views, aggregation: 'first' });
  return new Selection({ films: async () => films, collection } as unknown as Collections);
}

describe('the films of an evaluation', () => {
  it('are those that the models were made for; the others are counted by the first reason, and read on request', async () => {
    const selection = selectionOf([
      film('frontal', '/a.png'),
      film('lateral', '/b.png', ['lateral']),
      film('no view', '/c.png', ['view-unknown']),
      film('raw', await dicom('raw.dcm', 'FOR PROCESSING', 'PA')),
      // The table does not say the view, the header does.
      film('by header', await dicom('pa.dcm', 'FOR PRESENTATION', 'PA'), ['view-unknown']),
      film('lateral by header', await dicom('ll.dcm', 'FOR PRESENTATION', 'LL'), ['view-unknown']),
      // The table says frontal: it knows its films.
      film('by table', await dicom('table.dcm', 'FOR PRESENTATION', 'LL')),
      film('gone', join(folder, 'gone.dcm')),
    ]);
    const ids = (films: FilmEntry[]) => films.map(({ id }) => id);
    const chosen = ['frontal', 'by header', 'by table', 'gone'];
    expect(ids(await selection.select('d', null, 'exclude'))).toEqual(chosen);
    expect(await selection.unsuitable('d')).toEqual({ lateral: 2, 'view-unknown': 1, 'for-processing': 1 });
    expect(await selection.select('d', null, 'include')).toHaveLength(8);
  });

  it('are all of them where other views were chosen, or where the data set states no view at all', async () => {
    const films = [film('a', '/a.png', ['lateral']), film('b', '/b.png', ['view-unknown']), film('c', '/c.png')];
    expect(await selectionOf(films, 'all').select('d', null, 'exclude')).toHaveLength(3);
    expect(await selectionOf(films, 'all').unsuitable('d')).toEqual({});
    const unstated = [film('a', '/a.png', ['view-unknown']), film('b', '/b.png', ['view-unknown'])];
    expect(await selectionOf(unstated).select('d', null, 'exclude')).toHaveLength(2);
  });

  it('of a limit are always the same', async () => {
    const films = Array.from({ length: 50 }, (_, i) => film(String(i), `/${i}.png`));
    const first = await selectionOf(films).select('d', 10, 'exclude');
    expect(first).toHaveLength(10);
    expect(await selectionOf(films).select('d', 10, 'exclude')).toEqual(first);
  });
});

/**
 * De-identification, on data sets made here: one that carries every attribute of PS3.15's table with a secret in it, in each
 * encoding, at the top and in a sequence. Where the sample data is, on every file of its manifest.
 */
import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { unattended } from '../../core/base/progress.ts';
import { latin1 } from '../../core/dicom/characterSet.ts';
import { type DicomFile, readDicom } from '../../core/dicom/dataSet.ts';
import { type Encoding, element, type Pieces, sequence, text } from '../../core/dicom/deidentify/dataSetWriter.ts';
import { deidentify } from '../../core/dicom/deidentify/deidentify.ts';
import { exportFileHere } from '../../core/dicom/deidentify/exportFile.ts';
import {
  actionOf,
  BASIC_PROFILE,
  PROFILE_ROWS,
  type ProfileOptions,
  profileRow,
} from '../../core/dicom/deidentify/profile.ts';
import { Pseudonyms } from '../../core/dicom/deidentify/pseudonyms.ts';
import { shiftDates } from '../../core/dicom/deidentify/values.ts';
import { encodeFile } from '../../core/dicom/write.ts';
import { deidentifyPaths, secretSalt } from '../../core/services/deidentification.ts';
import { readManifest } from '../support/dicomManifest.ts';
import { dataDir, describeReference } from '../support/reference.ts';

const samples = resolve('tests/data/dicom');
const EXPLICIT: Encoding = { explicitVr: true, bigEndian: false };
const ENCODINGS: [string, string, Encoding][] = [
  ['explicit little endian', '1.2.840.10008.1.2.1', EXPLICIT],
  ['implicit little endian', '1.2.840.10008.1.2', { explicitVr: false, bigEndian: false }],
  ['explicit big endian', '1.2.840.10008.1.2.2', { explicitVr: true, bigEndian: true }],
];
const PIXELS = Uint8Array.from({ length: 16 }, (_, i) => i);
const SALT = '0123456789abcdef0123456789abcdef';
const pseudonyms = new Pseudonyms(SALT);

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'deidentify-'));
});
afterAll(() => rm(folder, { recursive: true }));

/** A value that the VR allows and that no profile makes: found again, it has survived. */
function secret(vr: string): string {
  if (vr === 'DA') return '19771123';
  if (vr === 'DT') return '19771123081523';
  if (vr === 'TM') return '081523.77';
  if (vr === 'UI') return '1.3.6.1.4.1.99999.77.1123';
  if (vr === 'AS') return '077Y';
  if (vr === 'DS' || vr === 'IS') return '771123';
  return 'SECRET77';
}
const SECRETS = /19771123|081523|99999\.77|077Y|771123|secret77/i;

const NUMBERS = Uint8Array.of(77, 11, 23, 77, 11, 23, 77, 11);

/** One attribute of the table. */
function attribute(tag: number, vr: string, encoding: Encoding): Pieces {
  if (vr === 'SQ') return sequence(tag, [text(0x00104000, 'LT', secret('LT'), encoding)], encoding);
  const isBinary = ['OB', 'OW', 'UN', 'US', 'UL', 'SL', 'FD', 'FL', 'OV', 'UV', 'SS', 'AT'].includes(vr);
  if (isBinary) return element(tag, vr, NUMBERS, encoding);
  return text(tag, vr, secret(vr), encoding);
}

const LISTED = PROFILE_ROWS.filter(({ tag }) => /^[0-9a-f]{8}$/.test(tag) && tag >= '0008')
  .map((row) => ({ ...row, number: Number.parseInt(row.tag, 16) }))
  .sort((a, b) => a.number - b.number);

function everyAttribute(encoding: Encoding): Pieces {
  return LISTED.flatMap(({ number, vr }) => attribute(number, vr, encoding));
}

/** A small film whose header carries `more` (by tag, before the pixels). */
function film(encoding: Encoding, transferSyntax: string, more: [tag: number, pieces: Pieces][]): Uint8Array {
  const short = (tag: number, value: number): [number, Pieces] => {
    const bytes = encoding.bigEndian
      ? Uint8Array.of(value >>> 8, value & 255)
      : Uint8Array.of(value & 255, value >>> 8);
    return [tag, element(tag, 'US', bytes, encoding)];
  };
  const own: [number, Pieces][] = [
    [0x00080016, text(0x00080016, 'UI', '1.2.840.10008.5.1.4.1.1.1.1', encoding)],
    [0x00080060, text(0x00080060, 'CS', 'DX', encoding)],
    [0x00280004, text(0x00280004, 'CS', 'MONOCHROME2', encoding)],
    short(0x00280002, 1),
    short(0x00280010, 4),
    short(0x00280011, 4),
    short(0x00280100, 8),
    short(0x00280101, 8),
    short(0x00280102, 7),
    short(0x00280103, 0),
  ];
  const all = new Map([...own, ...more]);
  const before = [...all].filter(([tag]) => tag < 0x7fe00010).sort(([a], [b]) => a - b);
  const after = [...all].filter(([tag]) => tag > 0x7fe00010).sort(([a], [b]) => a - b);
  const pixels = element(0x7fe00010, encoding.explicitVr ? 'OB' : 'OW', PIXELS, encoding);
  const body = [...before.flatMap(([, pieces]) => pieces), ...pixels, ...after.flatMap(([, pieces]) => pieces)];
  const ids = { transferSyntax, sopClassUid: '1.2.840.10008.5.1.4.1.1.1.1', sopInstanceUid: '1.2.3' };
  return encodeFile(ids, body);
}

function withTags(pieces: [number, Pieces][]): Uint8Array {
  return film(EXPLICIT, '1.2.840.10008.1.2.1', pieces);
}

function made(
  bytes: Uint8Array,
  options: ProfileOptions = BASIC_PROFILE,
): { file: DicomFile; bytes: Uint8Array } & Pick<ReturnType<typeof deidentify>, 'pseudonym' | 'warnings'> {
  const { pieces, ...rest } = deidentify(readDicom(bytes), pseudonyms, options);
  const copy = Buffer.concat(pieces);
  return { ...rest, bytes: copy, file: readDicom(copy) };
}

function pixelsOf({ bytes, pixelData }: DicomFile): Uint8Array {
  return bytes.subarray(pixelData!.offset, pixelData!.offset + pixelData!.length);
}

describe('the profile', () => {
  it('has the rows of Table E.1-1 and one action for each', () => {
    expect(PROFILE_ROWS.length).toBe(656);
    const codes = new Set(PROFILE_ROWS.map(({ basic }) => basic));
    expect([...codes].sort()).toEqual(['D', 'U', 'X', 'X/D', 'X/Z', 'X/Z/D', 'X/Z/U*', 'Z', 'Z/D']);
  });

  it.each([
    // As the table has them, and by PS3.3's types in the IODs of films.
    [0x00080020, 'Study Date', 'Z', 'empty', 'empty'],
    [0x00080018, 'SOP Instance UID', 'U', 'uid', 'uid'],
    [0x00080090, "Referring Physician's Name", 'Z', 'empty', 'empty'],
    [0x00081030, 'Study Description', 'X', 'remove', 'remove'],
    [0x00080022, 'Acquisition Date: type 3', 'X/Z', 'remove', 'remove'],
    [0x00080023, 'Content Date: type 2C, in enhanced objects 1', 'Z/D', 'empty', 'dummy'],
    [0x00181000, 'Device Serial Number: type 3, in enhanced objects 1', 'X/Z/D', 'remove', 'dummy'],
    [0x00400555, 'Acquisition Context Sequence: type 2 in DX', 'X/Z', 'empty', 'empty'],
    [0x00081140, 'Referenced Image Sequence', 'X/Z/U*', 'uid', 'uid'],
    [0x00120040, 'Clinical Trial Subject ID', 'D', 'dummy', 'dummy'],
  ])('%# %s', (tag, _name, code, conventional, enhanced) => {
    expect(profileRow(tag)!.basic).toBe(code);
    expect(actionOf(tag, undefined, false, BASIC_PROFILE)).toBe(conventional);
    expect(actionOf(tag, undefined, true, BASIC_PROFILE)).toBe(enhanced);
  });

  it('removes private attributes, curves, overlays and group lengths, keeps what describes the image', () => {
    for (const tag of [0x00091001, 0x50001234, 0x60003000, 0x60020010, 0x00080000]) {
      expect(actionOf(tag, 'LO', false, BASIC_PROFILE)).toBe('remove');
    }
    for (const tag of [0x00280010, 0x00281050, 0x00185101, 0x00180015, 0x00080060]) {
      expect(actionOf(tag, 'CS', false, BASIC_PROFILE)).toBe('keep');
    }
  });
});

describe('a de-identified film', () => {
  it.each(ENCODINGS)('carries none of the values that the table names: %s', (_name, syntax, encoding) => {
    const nested = sequence(0x00400275, [everyAttribute(encoding)], encoding);
    const kept = sequence(0x00082218, [everyAttribute(encoding)], encoding);
    const all = LISTED.map(({ number, vr }): [number, Pieces] => [number, attribute(number, vr, encoding)]);
    const bytes = film(encoding, syntax, [...all, [0x00400275, nested], [0x00082218, kept]]);
    expect(latin1(bytes)).toMatch(SECRETS);
    const { file, bytes: copy } = made(bytes);
    expect(latin1(copy)).not.toMatch(SECRETS);
    expect(Buffer.from(copy).includes(Buffer.from(NUMBERS))).toBe(false);
    expect(file.transferSyntax).toBe(syntax);
    expect(pixelsOf(file)).toEqual(Buffer.from(PIXELS));
    // The sequence that the profile leaves is still there, with what it may hold.
    const [item] = file.attributes.items('x00082218');
    expect(item!.string('x00080018')).toBe(pseudonyms.uid(secret('UI')));
  });

  it('says so, as E.1.1 wants it', () => {
    const { file } = made(withTags([]));
    expect(file.attributes.string('x00120062')).toBe('YES');
    expect(file.attributes.string('x00120063')).toContain('PS3.15 Basic Profile');
    expect(file.attributes.string('x00280303')).toBe('REMOVED');
    const [method] = file.attributes.items('x00120064');
    expect([method!.string('x00080100'), method!.string('x00080102')]).toEqual(['113100', 'DCM']);
  });

  it('loses private attributes, curves, overlays, signatures, and whatever has an unknown VR', () => {
    const { file } = made(
      withTags([
        [0x00090010, text(0x00090010, 'LO', 'ACME', EXPLICIT)],
        [0x00091001, text(0x00091001, 'LO', 'SECRET77', EXPLICIT)],
        [0x00180099, element(0x00180099, 'UN', Buffer.from('SECRET77'), EXPLICIT)],
        [0x50000005, element(0x50000005, 'US', Uint8Array.of(1, 0), EXPLICIT)],
        [0x60000022, text(0x60000022, 'LO', 'SECRET77', EXPLICIT)],
        [0x60003000, element(0x60003000, 'OW', NUMBERS, EXPLICIT)],
        [0xfffafffa, sequence(0xfffafffa, [], EXPLICIT)],
      ]),
    );
    const known = new Set(['x00080016', 'x00080060', 'x00120062', 'x00120063', 'x00120064', 'x00280303']);
    const left = file.attributes.tags().filter((tag) => !known.has(tag) && !tag.startsWith('x0028'));
    expect(left).toEqual([]);
  });

  it('has the same new UIDs and pseudonym wherever the old ones stood, and others with another salt', () => {
    const of = (id: string, study: string) =>
      withTags([
        [0x00080018, text(0x00080018, 'UI', `${study}.7`, EXPLICIT)],
        [0x00100020, text(0x00100020, 'LO', id, EXPLICIT)],
        [0x0020000d, text(0x0020000d, 'UI', study, EXPLICIT)],
        [
          0x00081140,
          sequence(
            0x00081140,
            [
              [
                ...text(0x00081150, 'UI', '1.2.840.10008.5.1.4.1.1.1.1', EXPLICIT),
                ...text(0x00081155, 'UI', study, EXPLICIT),
              ],
            ],
            EXPLICIT,
          ),
        ],
      ]);
    const [a, b, c] = [made(of('P1', '1.9.1')), made(of('P1', '1.9.2')), made(of('P2', '1.9.1'))];
    const study = (each: typeof a) => each.file.attributes.string('x0020000d');
    expect(study(a)).toMatch(/^2\.25\.\d{30,39}$/);
    expect(study(a)).toBe(study(c));
    expect(study(a)).not.toBe(study(b));
    const [reference] = a.file.attributes.items('x00081140');
    expect(reference!.string('x00081155')).toBe(study(a));
    expect(reference!.string('x00081150')).toBe('1.2.840.10008.5.1.4.1.1.1.1');
    expect(a.pseudonym).toMatch(/^CR-[0-9A-Z]{10}$/);
    expect(a.file.attributes.string('x00100020')).toBe(a.pseudonym);
    expect(a.pseudonym).toBe(b.pseudonym);
    expect(a.pseudonym).not.toBe(c.pseudonym);
    expect(new Pseudonyms('ff').uid('1.9.1')).not.toBe(pseudonyms.uid('1.9.1'));
  });

  it('empties free text that repeats an identifier of the header, and says which', () => {
    const { file, warnings } = made(
      withTags([
        [0x00080080, text(0x00080080, 'LO', 'St. Vincent', EXPLICIT)],
        [0x00081090, text(0x00081090, 'LO', 'ACME 3 of ST. VINCENT', EXPLICIT)],
        [0x00080070, text(0x00080070, 'LO', 'ACME', EXPLICIT)],
      ]),
    );
    expect(file.attributes.string('x00080070')).toBe('ACME');
    expect(file.attributes.has('x00081090')).toBe(false);
    expect(warnings.join()).toContain('(0008,1090)');
  });

  it('keeps patient characteristics and moves dates where that was asked for', () => {
    const options = { dates: 'shift', keepPatientCharacteristics: true } as const;
    const bytes = withTags([
      [0x00080020, text(0x00080020, 'DA', '20240229', EXPLICIT)],
      [0x00080022, text(0x00080022, 'DA', '20240301', EXPLICIT)],
      [0x00080030, text(0x00080030, 'TM', '1200', EXPLICIT)],
      [0x00100020, text(0x00100020, 'LO', 'P1', EXPLICIT)],
      [0x00100030, text(0x00100030, 'DA', '19300101', EXPLICIT)],
      [0x00100040, text(0x00100040, 'CS', 'F', EXPLICIT)],
      [0x00101010, text(0x00101010, 'AS', '094Y', EXPLICIT)],
    ]);
    const { attributes } = made(bytes, options).file;
    expect(attributes.string('x00100040')).toBe('F');
    expect(attributes.string('x00101010')).toBe('090Y');
    expect(attributes.string('x00100030')).toBe('');
    expect(attributes.string('x00080030')).toBe('1200');
    expect(attributes.string('x00280303')).toBe('MODIFIED');
    const [study, acquisition] = ['x00080020', 'x00080022'].map((tag) => attributes.string(tag));
    expect(shiftDates(study!, 1)).toBe(acquisition);
    expect(Number(study)).toBeLessThan(20240229);
    const codes = attributes.items('x00120064').map((item) => item.string('x00080100'));
    expect(codes).toEqual(['113100', '113107', '113108']);
  });

  it.each([
    [[0x00280301, 'CS', 'YES'], 'text is burned'],
    [[0x00080064, 'CS', 'DF'], 'a digitised film'],
    [[0x00080060, 'CS', 'US'], 'modality US'],
    [[0x00080008, 'CS', 'DERIVED\\SECONDARY\\SCREEN SAVE'], 'image type SECONDARY'],
    [[0x00280302, 'CS', 'YES'], 'recognised'],
  ] as const)('warns of burned-in text: %j', ([tag, vr, value], words) => {
    expect(made(withTags([[tag, text(tag, vr, value, EXPLICIT)]])).warnings.join()).toContain(words);
  });

  it('does not warn where the file says that there is none, or where nothing points to it', () => {
    expect(made(withTags([])).warnings).toEqual([]);
    const stated = [
      [0x00080064, text(0x00080064, 'CS', 'DF', EXPLICIT)],
      [0x00280301, text(0x00280301, 'CS', 'NO', EXPLICIT)],
    ] as [number, Pieces][];
    expect(made(withTags(stated)).warnings).toEqual([]);
  });
});

describe('dates', () => {
  it.each([
    ['20240301', -1, '20240229'],
    ['2024.03.01', -1, '20240229'],
    ['20240301081500.123+0100', 31, '20240401081500.123+0100'],
    ['20240101\\20240102', 1, '20240102\\20240103'],
    ['', 5, ''],
    ['20241301', 1, null],
    ['20240230', 1, null],
    ['March', 1, null],
  ])('%s moved by %d days', (old, days, expected) => {
    expect(shiftDates(old, days)).toBe(expected);
  });
});

describe('an export', () => {
  const request = (out: string) => ({ ...BASIC_PROFILE, out, workspace: join(folder, 'workspace') });

  it('writes every film of a folder and of its DICOMDIR once, named by new identifiers, and touches no source', async () => {
    const source = join(samples, 'dicomdir_derived');
    const before = await fingerprints(source);
    const out = join(folder, 'out');
    const summary = await deidentifyPaths([source], request(out), unattended());
    expect(summary).toMatchObject({ patients: 2, studies: 3, films: 5, rejected: [] });
    const again = await deidentifyPaths([source], request(join(folder, 'again')), unattended());
    expect(again.files.map(({ to }) => to)).toEqual(summary.files.map(({ to }) => to));
    expect(await fingerprints(source)).toEqual(before);
    for (const { to } of summary.files) {
      const { attributes } = readDicom(await readFile(join(out, to)));
      expect(to.startsWith(attributes.string('x00100020'))).toBe(true);
    }
  });

  it('says of what is no DICOM film why it was not exported, and goes on', async () => {
    const { PNG } = await import('pngjs');
    const png = join(folder, 'film.png');
    await writeFile(png, PNG.sync.write(new PNG({ width: 3, height: 2, fill: true })));
    const film = join(samples, 'pydicom/MR_small.dcm');
    const summary = await deidentifyPaths(
      [png, film, join(folder, 'gone')],
      request(join(folder, 'out2')),
      unattended(),
    );
    expect(summary.films).toBe(1);
    expect(summary.rejected.map(({ code }) => code).sort()).toEqual(['DEIDENTIFY_NOT_DICOM', 'FILE_NOT_FOUND']);
  });

  it('refuses a file as its folder, and a secret that it cannot read', async () => {
    const file = join(folder, 'file');
    await writeFile(file, '');
    await expect(deidentifyPaths([samples], request(file), unattended())).rejects.toMatchObject({
      code: 'FILE_NOT_A_FOLDER',
    });
    await writeFile(join(folder, 'deidentification.json'), '{"salt": 1}');
    await expect(secretSalt(folder)).rejects.toMatchObject({ code: 'SALT_UNREADABLE' });
  });
});

async function fingerprints(folder: string): Promise<string[]> {
  const names = await readdir(folder, { recursive: true });
  return Promise.all(
    names.sort().map(async (name) => {
      const { size, mtimeMs } = await stat(join(folder, name));
      return `${name} ${size} ${mtimeMs}`;
    }),
  );
}

describeReference('de-identification: the sample data', dataDir('manifest.json'), (manifest) => {
  const settings = { ...BASIC_PROFILE, salt: SALT };
  for (const entry of readManifest(manifest)) {
    if (entry.expect !== 'decode') continue;
    it(entry.path.split('/').slice(-2).join('/'), async () => {
      const out = join(folder, 'reference');
      const { to } = await exportFileHere(entry.path, { ...settings, out });
      const before = readDicom(await readFile(entry.path));
      const bytes = await readFile(join(out, to));
      const after = readDicom(bytes);
      const pixels = pixelsOf(after).subarray(0, before.pixelData!.length);
      // What follows fragments in the source is not pixel data.
      const end = Math.min(pixels.length, before.pixelData!.length);
      expect(Buffer.compare(pixels.subarray(0, end), pixelsOf(before).subarray(0, end))).toBe(0);
      expect(end).toBeGreaterThan(0);
      const header = latin1(after.bytes.subarray(0, after.pixelData!.offset)).toLowerCase();
      for (const tag of ['x00080018', 'x0020000d', 'x0020000e', 'x00100020', 'x00080050', 'x00100030']) {
        const old = before.attributes.string(tag).toLowerCase();
        if (old.length > 7 && !old.startsWith('1.2.840.10008.')) expect(header.includes(old)).toBe(false);
      }
      await rm(join(out, to));
    });
  }
});

/** A drive of small films to index: real, distinct files with headers of some 40 elements, four films a study. */
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { encodeElement, encodeFile, encodeShort } from '../../core/dicom/write.ts';

const FILES_A_FOLDER = 500;
const FILMS_A_STUDY = 4;
const STUDIES_A_PATIENT = 2;
const SIDE = 32;
const DIGITAL_XRAY = '1.2.840.10008.5.1.4.1.1.1.1';
const AT_ONCE = 64;

/** Writes `count` films into folders of 500. */
export async function writeManyFilms(folder: string, count: number): Promise<void> {
  const pixels = Buffer.alloc(SIDE * SIDE * 2, 7);
  for (let start = 0; start < count; start += AT_ONCE) {
    const inside = join(folder, String(Math.floor(start / FILES_A_FOLDER)));
    await mkdir(inside, { recursive: true });
    const numbers = Array.from({ length: Math.min(AT_ONCE, count - start) }, (_, i) => start + i);
    await Promise.all(numbers.map((i) => writeFile(join(inside, `${i}.dcm`), film(i, pixels))));
  }
}

function film(i: number, pixels: Buffer): Buffer {
  const study = Math.floor(i / FILMS_A_STUDY);
  const patient = Math.floor(study / STUDIES_A_PATIENT);
  const uid = (...parts: number[]) => `1.2.826.0.1.3680043.10.543.${parts.join('.')}`;
  const instance = uid(study, 1, i);
  const e = (tag: number, vr: string, value: string) => encodeElement(tag, vr, value);
  return encodeFile({ transferSyntax: '1.2.840.10008.1.2.1', sopClassUid: DIGITAL_XRAY, sopInstanceUid: instance }, [
    e(0x00080005, 'CS', 'ISO_IR 100'),
    e(0x00080008, 'CS', 'ORIGINAL\\PRIMARY'),
    e(0x00080016, 'UI', DIGITAL_XRAY),
    e(0x00080018, 'UI', instance),
    e(0x00080020, 'DA', `2019${String((study % 12) + 1).padStart(2, '0')}15`),
    e(0x00080022, 'DA', '20190115'),
    e(0x00080030, 'TM', '101500'),
    e(0x00080050, 'SH', `A${study}`),
    e(0x00080060, 'CS', 'DX'),
    e(0x00080068, 'CS', 'FOR PRESENTATION'),
    e(0x00080070, 'LO', 'Maker'),
    e(0x00080080, 'LO', 'Hospital of the Benchmark'),
    e(0x00080090, 'PN', 'Referring^Physician'),
    e(0x00081010, 'SH', 'ROOM3'),
    e(0x00081030, 'LO', 'Chest in two planes'),
    e(0x0008103e, 'LO', 'Chest PA'),
    e(0x00081090, 'LO', 'Model 5'),
    e(0x00100010, 'PN', `Patient^${patient}`),
    e(0x00100020, 'LO', `P${patient}`),
    e(0x00100030, 'DA', '19500101'),
    e(0x00100040, 'CS', patient % 2 ? 'F' : 'M'),
    e(0x00101010, 'AS', '069Y'),
    e(0x00180015, 'CS', 'CHEST'),
    e(0x00180060, 'DS', '120'),
    e(0x00181020, 'LO', '2.1'),
    e(0x00181152, 'IS', '5'),
    e(0x00181164, 'DS', '0.143\\0.143'),
    e(0x00185101, 'CS', i % FILMS_A_STUDY === 3 ? 'LL' : 'PA'),
    e(0x0020000d, 'UI', uid(study)),
    e(0x0020000e, 'UI', uid(study, 1)),
    e(0x00200010, 'SH', String(study)),
    e(0x00200011, 'IS', '1'),
    e(0x00200013, 'IS', String((i % FILMS_A_STUDY) + 1)),
    e(0x00200020, 'CS', 'L\\F'),
    encodeShort(0x00280002, 1),
    e(0x00280004, 'CS', 'MONOCHROME2'),
    encodeShort(0x00280010, SIDE),
    encodeShort(0x00280011, SIDE),
    encodeShort(0x00280100, 16),
    encodeShort(0x00280101, 12),
    encodeShort(0x00280102, 11),
    encodeShort(0x00280103, 0),
    e(0x00281050, 'DS', '2048'),
    e(0x00281051, 'DS', '4096'),
    encodeElement(0x7fe00010, 'OW', pixels),
  ]);
}

/**
 * A film as a DICOM file: Digital X-Ray Image Storage - For Presentation (PS3.3 A.26), Part 10, explicit VR little endian,
 * 12 bits in 16, MONOCHROME2, one window over the whole range. Names and identifiers are invented and say so; UIDs are made
 * from UUIDs under 2.25 (PS3.5 B.2), the same for the same scene.
 */
import { createHash } from 'node:crypto';
import { EXPLICIT_LITTLE_ENDIAN } from '../dicom/conformance.ts';
import { encodeElement, encodeFile } from '../dicom/write.ts';
import type { Scene } from './scene.ts';

const DIGITAL_XRAY_FOR_PRESENTATION = '1.2.840.10008.5.1.4.1.1.1.1';

/** The film's side in millimetres: a 17 inch detector. */
export const FILM_MM = 430;
const STORED_BITS = 12;
const LARGEST = 2 ** STORED_BITS - 1;

/** How a film is filed at its institution. */
export interface FilmIdentity {
  patientId: string;
  studyId: string;
  /** Unique in the world of phantoms: source, seed, patient and visit. */
  key: string;
}

const INSTITUTION_NAMES = {
  m: 'Phantom Institution M',
  a: 'Phantom Institution A',
  b: 'Phantom Institution B',
  blend: 'Phantom',
};
const TREES = [
  'Alder',
  'Aspen',
  'Beech',
  'Birch',
  'Cedar',
  'Elm',
  'Hazel',
  'Holly',
  'Juniper',
  'Larch',
  'Linden',
  'Maple',
  'Oak',
  'Poplar',
  'Rowan',
  'Willow',
  'Yew',
];

/** Stored values, 0 to 4,095, of gray values 0 to 1. */
export function storedValues(film: Float32Array): Uint16Array {
  return Uint16Array.from(film, (gray) => Math.round(gray * LARGEST));
}

/** `stored` is `size * size`, row by row. */
export function dicomFile(scene: Scene, identity: FilmIdentity, stored: Uint16Array, size: number): Uint8Array {
  const instance = uidOf(`${identity.key}/instance`);
  const ids = {
    transferSyntax: EXPLICIT_LITTLE_ENDIAN,
    sopClassUid: DIGITAL_XRAY_FOR_PRESENTATION,
    sopInstanceUid: instance,
  };
  return encodeFile(ids, [
    ...dataSet(scene, identity, instance, size),
    element(0x7fe0, 0x0010, 'OW', Buffer.from(stored.buffer, stored.byteOffset, stored.byteLength)),
  ]);
}

function dataSet(scene: Scene, { patientId, studyId, key }: FilmIdentity, instance: string, size: number): Buffer[] {
  const { patient, view } = scene;
  const date = studyDate(scene);
  const time = `${pad(6 + (scene.seed % 15), 2)}${pad((scene.seed >>> 4) % 60, 2)}${pad((scene.seed >>> 10) % 60, 2)}`;
  const spacing = millimetres(FILM_MM / size);
  return [
    element(0x0008, 0x0005, 'CS', 'ISO_IR 100'),
    element(0x0008, 0x0008, 'CS', 'ORIGINAL\\PRIMARY\\'),
    element(0x0008, 0x0016, 'UI', DIGITAL_XRAY_FOR_PRESENTATION),
    element(0x0008, 0x0018, 'UI', instance),
    element(0x0008, 0x0020, 'DA', date),
    element(0x0008, 0x0022, 'DA', date),
    element(0x0008, 0x0023, 'DA', date),
    element(0x0008, 0x0030, 'TM', time),
    element(0x0008, 0x0032, 'TM', time),
    element(0x0008, 0x0033, 'TM', time),
    element(0x0008, 0x0050, 'SH', studyId),
    element(0x0008, 0x0060, 'CS', 'DX'),
    element(0x0008, 0x0068, 'CS', 'FOR PRESENTATION'),
    element(0x0008, 0x0070, 'LO', 'ChexReason phantom'),
    element(0x0008, 0x0080, 'LO', INSTITUTION_NAMES[scene.source]),
    element(0x0008, 0x0090, 'PN', ''),
    element(0x0008, 0x1030, 'LO', view === 'AP' ? 'Chest, bedside (phantom)' : 'Chest PA (phantom)'),
    element(0x0008, 0x103e, 'LO', `Chest ${view}, computed phantom`),
    element(0x0008, 0x1090, 'LO', 'Procedural film'),
    element(0x0010, 0x0010, 'PN', `Phantom^${TREES[patient.seed % TREES.length]} ${patient.number}`),
    element(0x0010, 0x0020, 'LO', patientId),
    element(0x0010, 0x0030, 'DA', `${Number(date.slice(0, 4)) - patient.age}0101`),
    element(0x0010, 0x0040, 'CS', patient.sex),
    element(0x0010, 0x1010, 'AS', `${pad(patient.age, 3)}Y`),
    element(0x0018, 0x0015, 'CS', 'CHEST'),
    element(0x0018, 0x1164, 'DS', `${spacing}\\${spacing}`),
    element(0x0018, 0x1508, 'CS', 'NONE'),
    element(0x0018, 0x5101, 'CS', view),
    element(0x0020, 0x000d, 'UI', uidOf(`${key}/study`)),
    element(0x0020, 0x000e, 'UI', uidOf(`${key}/series`)),
    element(0x0020, 0x0010, 'SH', studyId),
    element(0x0020, 0x0011, 'IS', '1'),
    element(0x0020, 0x0013, 'IS', '1'),
    element(0x0020, 0x0020, 'CS', 'L\\F'),
    element(0x0020, 0x0062, 'CS', 'U'),
    element(0x0028, 0x0002, 'US', uint16(1)),
    element(0x0028, 0x0004, 'CS', 'MONOCHROME2'),
    element(0x0028, 0x0010, 'US', uint16(size)),
    element(0x0028, 0x0011, 'US', uint16(size)),
    element(0x0028, 0x0030, 'DS', `${spacing}\\${spacing}`),
    element(0x0028, 0x0100, 'US', uint16(16)),
    element(0x0028, 0x0101, 'US', uint16(STORED_BITS)),
    element(0x0028, 0x0102, 'US', uint16(STORED_BITS - 1)),
    element(0x0028, 0x0103, 'US', uint16(0)),
    element(0x0028, 0x0301, 'CS', scene.look.marker === 'none' ? 'NO' : 'YES'),
    element(0x0028, 0x1040, 'CS', 'LOG'),
    element(0x0028, 0x1041, 'SS', uint16(1)),
    element(0x0028, 0x1050, 'DS', String(2 ** (STORED_BITS - 1))),
    element(0x0028, 0x1051, 'DS', String(2 ** STORED_BITS)),
    element(0x0028, 0x1052, 'DS', '0'),
    element(0x0028, 0x1053, 'DS', '1'),
    element(0x0028, 0x1054, 'LO', 'US'),
    element(0x0028, 0x1055, 'LO', 'Whole range'),
    element(0x0028, 0x2110, 'CS', '00'),
    element(0x2050, 0x0020, 'CS', 'IDENTITY'),
  ];
}

/** Visits of a patient lie months apart; all dates are in the years after 2100, as MIMIC's are. */
export function studyDate(scene: Scene): string {
  const months = (scene.patient.seed % 400) + scene.visit * (2 + ((scene.patient.seed >>> 9) % 9));
  return `${2100 + Math.floor(months / 12)}${pad(1 + (months % 12), 2)}${pad(1 + (scene.seed % 28), 2)}`;
}

/** A UID from a name: 2.25 and the decimal value of a UUID made of its hash. */
export function uidOf(name: string): string {
  const hash = createHash('sha256').update(name).digest();
  hash[6] = (hash[6]! & 0x0f) | 0x80;
  hash[8] = (hash[8]! & 0x3f) | 0x80;
  return `2.25.${BigInt(`0x${hash.toString('hex', 0, 16)}`)}`;
}

/** At most 16 characters, as a decimal string may have (PS3.5 6.2). */
function millimetres(value: number): string {
  return String(Number(value.toPrecision(10)));
}

function element(group: number, number: number, vr: string, value: string | Uint8Array): Buffer {
  return encodeElement(group * 65536 + number, vr, value);
}

function uint16(value: number): Buffer {
  const bytes = Buffer.alloc(2);
  bytes.writeUInt16LE(value, 0);
  return bytes;
}

function pad(value: number, width: number): string {
  return String(value).padStart(width, '0');
}

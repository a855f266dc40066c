/**
 * A DICOM image without its patient: PS3.15 Annex E, Basic Application Level Confidentiality Profile, applied to every
 * attribute at every depth. Meta header and data set are written anew in the transfer syntax of the source; Pixel Data is
 * taken over byte for byte and never looked at, so that text burned into it stays (burnedIn.ts warns).
 *
 * Beyond the profile: Patient ID and name become a pseudonym, so that a patient's films stay together; the whole of an
 * overlay's group goes with its data; identifying VRs that the table does not list are treated as listed ones; elements of
 * unknown VR go; free text that repeats an identifier of the header is emptied; ages above 89 become 90.
 * Left out: cleaning of pixels and graphics, the options of E.3 but two (profile.ts), objects without pixels.
 */
import { deflateRawSync } from 'node:zlib';
import { WorkbenchError } from '../../base/errors.ts';
import { VERSION } from '../../base/version.ts';
import type { Attributes, RawElement } from '../attributes.ts';
import { latin1 } from '../characterSet.ts';
import {
  EXPLICIT_BIG_ENDIAN,
  EXPLICIT_LITTLE_ENDIAN,
  IMPLICIT_LITTLE_ENDIAN,
  transferSyntaxOf,
} from '../conformance.ts';
import { type DicomFile, endOfPixelData } from '../dataSet.ts';
import { encodeFile } from '../write.ts';
import { burnedInWarnings } from './burnedIn.ts';
import {
  type Encoding,
  element,
  type Pieces,
  sequence,
  sequenceDelimiter,
  text,
  undefinedLengthElement,
} from './dataSetWriter.ts';
import { Identifiers } from './identifiers.ts';
import { type Action, actionOf, methodCodes, type ProfileOptions, profileRow } from './profile.ts';
import type { Pseudonyms } from './pseudonyms.ts';
import { coarseAge, dummyValue, shiftDates } from './values.ts';

const PATIENT_NAME = 0x00100010;
const PATIENT_ID = 0x00100020;
const PATIENT_AGE = 0x00101010;
const SOP_CLASS_UID = 0x00080016;
/** Of a file that does not say what it is. */
const SECONDARY_CAPTURE = '1.2.840.10008.5.1.4.1.1.7';
const UNDEFINED_LENGTH = 0xffffffff;

export interface Deidentified {
  /** The new file, in pieces. */
  pieces: Pieces;
  pseudonym: string;
  studyInstanceUid: string;
  seriesInstanceUid: string;
  sopInstanceUid: string;
  /** Text may be burned into the pixels, or a person recognised in them: somebody has to look. */
  pixelsMayIdentify: boolean;
  warnings: string[];
}

/**
 * @param file read whole, with pixel data
 * @throws WorkbenchError DICOM_NO_PIXELS
 */
export function deidentify(file: DicomFile, pseudonyms: Pseudonyms, options: ProfileOptions): Deidentified {
  if (!file.pixelData) throw new WorkbenchError('DICOM_NO_PIXELS', 'This DICOM object holds no image.');
  const { attributes } = file;
  const { encoding, transferSyntax } = encodingOf(file);
  const writer = new Writer(attributes, pseudonyms, options, encoding);
  const dataSet = [...writer.top(), ...pixelPieces(file, encoding)];
  const trailing = writer.afterPixels();
  const body = [...dataSet, ...trailing];
  const sopInstanceUid = pseudonyms.uid(attributes.string('x00080018')) || pseudonyms.uid(writer.patientKey);
  const meta = encodeFile(
    { transferSyntax, sopClassUid: attributes.string('x00080016') || SECONDARY_CAPTURE, sopInstanceUid },
    [],
  );
  const inPixels = burnedInWarnings(attributes);
  const deflated = transferSyntaxOf(transferSyntax)?.deflated === true;
  return {
    pieces: [meta, ...(deflated ? [deflateRawSync(Buffer.concat(body))] : body)],
    pseudonym: writer.pseudonym,
    studyInstanceUid: pseudonyms.uid(attributes.string('x0020000d')),
    seriesInstanceUid: pseudonyms.uid(attributes.string('x0020000e')),
    sopInstanceUid,
    pixelsMayIdentify: inPixels.length > 0,
    warnings: [...file.warnings, ...inPixels, ...writer.warnings()],
  };
}

/** How the data set is written: as it is in fact, with a syntax UID that says so. */
function encodingOf(file: DicomFile): { encoding: Encoding; transferSyntax: string } {
  const explicitVr = file.attributes.elements().some(({ vr }) => vr !== undefined);
  const { bigEndian, transferSyntax } = file;
  const encoding = { explicitVr, bigEndian };
  const stated = transferSyntaxOf(transferSyntax);
  if (!stated || (stated.explicitVr === explicitVr && stated.bigEndian === bigEndian))
    return { encoding, transferSyntax };
  // Compressed pixels under a data set that is encoded otherwise than their syntax says: readers that took the source take the copy.
  if (stated.encapsulated) return { encoding, transferSyntax };
  const inFact = bigEndian ? EXPLICIT_BIG_ENDIAN : explicitVr ? EXPLICIT_LITTLE_ENDIAN : IMPLICIT_LITTLE_ENDIAN;
  return { encoding, transferSyntax: inFact };
}

/** Pixel Data as it stands in the file; a missing end mark is added. */
function pixelPieces(file: DicomFile, encoding: Encoding): Pieces {
  const { tag, vr, offset, length, declaredLength } = file.pixelData!;
  const number = Number.parseInt(tag.slice(1), 16);
  if (declaredLength !== null)
    return element(number, vr ?? 'OW', file.bytes.subarray(offset, offset + length), encoding);
  const end = endOfPixelData(file.bytes, { dataOffset: offset, length: UNDEFINED_LENGTH }, file.bigEndian);
  const value = file.bytes.subarray(offset, end);
  const delimiter = sequenceDelimiter(encoding);
  const closed = value.length >= 8 && Buffer.compare(value.subarray(-8), delimiter) === 0;
  const pieces = undefinedLengthElement(number, vr ?? 'OB', value, encoding);
  return closed ? pieces : [...pieces, delimiter];
}

const PIXEL_GROUP = 0x7fe0;

class Writer {
  readonly pseudonym: string;
  /** What the patient is known by in the source: the same for all of his films. */
  readonly patientKey: string;
  private readonly shiftDays: number;
  private readonly enhanced: boolean;
  private readonly identifiers: Identifiers;
  private readonly emptied = new Set<string>();

  constructor(
    private readonly attributes: Attributes,
    private readonly pseudonyms: Pseudonyms,
    private readonly options: ProfileOptions,
    private readonly encoding: Encoding,
  ) {
    this.patientKey = patientKeyOf(attributes);
    this.pseudonym = pseudonyms.patient(this.patientKey);
    this.shiftDays = pseudonyms.dateShift(this.patientKey);
    this.enhanced = attributes.items('x52009229').length > 0;
    this.identifiers = new Identifiers(attributes, options);
  }

  /** The data set before Pixel Data, with what the profile adds, by tag. */
  top(): Pieces {
    const added = new Map(this.added());
    const written = new Map<number, Pieces>();
    for (const raw of this.attributes.elements()) {
      if (raw.tag >>> 16 >= PIXEL_GROUP || added.has(raw.tag)) continue;
      written.set(raw.tag, this.write(raw));
    }
    for (const [tag, pieces] of added) written.set(tag, pieces);
    return [...written].sort(([a], [b]) => a - b).flatMap(([, pieces]) => pieces);
  }

  afterPixels(): Pieces {
    return this.attributes
      .elements()
      .filter(({ tag }) => tag >>> 16 > PIXEL_GROUP)
      .flatMap((raw) => this.write(raw));
  }

  warnings(): string[] {
    if (this.emptied.size === 0) return [];
    const names = [...this.emptied].join(', ');
    return [`Text that repeated an identifier of the header was emptied: ${names}.`];
  }

  /** PS3.15 E.1.1 and PS3.3 C.7.1.1, C.7.6.3: that, how, and what became of the dates. */
  private added(): [number, Pieces][] {
    const { encoding, options } = this;
    const codes = methodCodes(options).map(([code, meaning]) => [
      ...text(0x00080100, 'SH', code, encoding),
      ...text(0x00080102, 'SH', 'DCM', encoding),
      ...text(0x00080104, 'LO', meaning, encoding),
    ]);
    const dates = options.dates === 'shift' ? 'MODIFIED' : 'REMOVED';
    return [
      [0x00120062, text(0x00120062, 'CS', 'YES', encoding)],
      [0x00120063, text(0x00120063, 'LO', `PS3.15 Basic Profile, ChexReason ${VERSION}`, encoding)],
      [0x00120064, sequence(0x00120064, codes, encoding)],
      [0x00280303, text(0x00280303, 'CS', dates, encoding)],
    ];
  }

  private dataSet(attributes: Attributes): Pieces {
    return attributes.elements().flatMap((raw) => this.write(raw));
  }

  private write(raw: RawElement): Pieces {
    const { tag } = raw;
    const vr = raw.vr ?? profileRow(tag)?.vr ?? (raw.items ? 'SQ' : '');
    if (tag === PATIENT_NAME || tag === PATIENT_ID) return text(tag, vr || 'LO', this.pseudonym, this.encoding);
    const action = actionOf(tag, raw.vr, this.enhanced, this.options);
    if (action === 'remove') return [];
    if (raw.items) return this.writeSequence(raw, action);
    return this.writeValue(raw, vr, action);
  }

  /** New UIDs and dummies of a sequence are those of its items. */
  private writeSequence(raw: RawElement, action: Action): Pieces {
    // Items of an unknown VR are implicit (PS3.5 6.2.2) and cannot be written into an explicit data set without a dictionary.
    if (this.encoding.explicitVr && raw.vr !== 'SQ') return [];
    const items = action === 'empty' ? [] : raw.items!.map((item) => this.dataSet(item));
    return sequence(raw.tag, items, this.encoding);
  }

  private writeValue(raw: RawElement, vr: string, action: Action): Pieces {
    const { tag, value } = raw;
    const { encoding } = this;
    if (action === 'empty') return element(tag, vr, new Uint8Array(0), encoding);
    if (action === 'dummy' && vr !== 'UI') return element(tag, vr, dummyValue(vr, value.length), encoding);
    if (action === 'uid' || action === 'dummy') return text(tag, vr, this.newUids(tag, value), encoding);
    if (action === 'shift') return this.writeDate(raw, vr);
    if (raw.undefinedLength) return undefinedLengthElement(tag, vr, value, encoding);
    if (tag === PATIENT_AGE) return text(tag, vr, coarseAge(textOf(value)), encoding);
    if (this.identifiers.areIn(tag, value, vr)) {
      this.emptied.add(profileRow(tag)?.name ?? tagText(tag));
      return element(tag, vr, new Uint8Array(0), encoding);
    }
    return element(tag, vr, value, encoding);
  }

  private newUids(tag: number, value: Uint8Array): string {
    const old = textOf(value);
    if (tag === SOP_CLASS_UID) return old;
    return old
      .split('\\')
      .map((uid) => this.pseudonyms.uid(trimmed(uid)))
      .join('\\');
  }

  /** A date that cannot be read is treated as the basic profile says. */
  private writeDate(raw: RawElement, vr: string): Pieces {
    const moved = shiftDates(textOf(raw.value), this.shiftDays);
    if (moved !== null) return text(raw.tag, vr, moved, this.encoding);
    const action = actionOf(raw.tag, raw.vr, this.enhanced, { ...this.options, dates: 'remove' });
    return action === 'remove' ? [] : this.writeValue(raw, vr, action);
  }
}

/** Patient ID with its issuer; else name and birth date; else the study. */
function patientKeyOf(attributes: Attributes): string {
  const bytes = (tag: string) => trimmed(latin1(attributes.bytes(tag) ?? new Uint8Array(0)));
  const id = bytes('x00100020');
  if (id !== '') return `id ${id}\0${bytes('x00100021')}`;
  const person = bytes('x00100010');
  if (person !== '') return `name ${person}\0${bytes('x00100030')}`;
  return `study ${bytes('x0020000d') || bytes('x00080018')}`;
}

function textOf(value: Uint8Array): string {
  return trimmed(latin1(value));
}

function trimmed(value: string): string {
  return value.replace(/[\0 ]+$/, '').trim();
}

function tagText(tag: number): string {
  const digits = tag.toString(16).padStart(8, '0').toUpperCase();
  return `(${digits.slice(0, 4)},${digits.slice(4)})`;
}

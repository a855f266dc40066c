/**
 * Encapsulated pixel data (PS3.5 A.4): fragments, and which of them make up a frame.
 */
import { type JsonValue, WorkbenchError } from '../base/errors.ts';
import { u16, u32 } from './bytes.ts';
import type { DicomFile, PixelDataElement } from './dataSet.ts';
import { MAX_ELEMENTS } from './elementStream.ts';

interface Fragment {
  /** From the first byte after the basic offset table, item header included: what offset tables count from. */
  offset: number;
  start: number;
  end: number;
}

/** The bytes of each frame, as parts of the file. */
export type EncapsulatedFrames = Uint8Array[][];

/**
 * @returns for each of `frames` frames its fragments.
 * @throws WorkbenchError DICOM_NOT_ENCAPSULATED, DICOM_TRUNCATED_PIXELS, DICOM_BAD_FRAGMENTS
 */
export function readEncapsulatedFrames(
  file: DicomFile,
  pixelData: PixelDataElement,
  frames: number,
): EncapsulatedFrames {
  const { bytes, bigEndian } = file;
  const start = pixelData.offset;
  const end = start + pixelData.length;
  if (itemTag(bytes, start, bigEndian) !== ITEM) {
    if (frames === 1 && startsCodestream(bytes, { start, end })) {
      file.warnings.push(
        'The compressed image stands in the pixel data without the fragments that the standard asks for.',
      );
      return [[bytes.subarray(start, end)]];
    }
    throw new WorkbenchError(
      'DICOM_NOT_ENCAPSULATED',
      'The transfer syntax says that the pixel data are compressed, but they hold no fragments.',
    );
  }
  const tableLength = u32(bytes, start + 4, bigEndian);
  if (start + 8 + tableLength > end) throw truncated('the basic offset table', { length: tableLength });
  // Some writers leave the offset table out, so that its item is the first fragment.
  const isTable = !startsCodestream(bytes, { start: start + 8, end: start + 8 + tableLength });
  if (!isTable) file.warnings.push('The pixel data have no basic offset table.');
  const fragments = readFragments(bytes, isTable ? start + 8 + tableLength : start, end, bigEndian);
  if (fragments.length === 0) throw new WorkbenchError('DICOM_BAD_FRAGMENTS', 'The pixel data hold no fragment.');
  const entries = isTable ? Math.min(tableLength >>> 2, MAX_ELEMENTS) : 0;
  const basic = Array.from({ length: entries }, (_, i) => u32(bytes, start + 8 + 4 * i, bigEndian));
  const groups = groupFragments(file, fragments, basic, frames);
  return groups.map((group) => group.map(({ start, end }) => bytes.subarray(start, end)));
}

const ITEM = 0xfffee000;
const DELIMITER = 0xfffee0dd;

function itemTag(bytes: Uint8Array, at: number, bigEndian: boolean): number {
  return at + 8 > bytes.length ? 0 : u16(bytes, at, bigEndian) * 65536 + u16(bytes, at + 2, bigEndian);
}

function readFragments(bytes: Uint8Array, start: number, end: number, bigEndian: boolean): Fragment[] {
  const fragments: Fragment[] = [];
  for (let at = start; at + 8 <= end; ) {
    const tag = itemTag(bytes, at, bigEndian);
    if (tag === DELIMITER) break;
    if (tag !== ITEM) {
      throw new WorkbenchError('DICOM_BAD_FRAGMENTS', 'Something other than a fragment stands in the pixel data.', {
        byte: at,
      });
    }
    const length = u32(bytes, at + 4, bigEndian);
    if (at + 8 + length > end) throw truncated('a fragment', { length, available: end - at - 8 });
    if (fragments.length === MAX_ELEMENTS) {
      throw new WorkbenchError('DICOM_BAD_FRAGMENTS', 'The pixel data hold too many fragments.', {
        limit: MAX_ELEMENTS,
      });
    }
    fragments.push({ offset: at - start, start: at + 8, end: at + 8 + length });
    at += 8 + length;
  }
  return fragments;
}

function truncated(what: string, details: Record<string, JsonValue>): WorkbenchError {
  return new WorkbenchError('DICOM_TRUNCATED_PIXELS', `The pixel data end inside ${what}.`, details);
}

/** By extended or basic offset table where they fit, else one by one, else by the beginnings of codestreams. */
function groupFragments(file: DicomFile, fragments: Fragment[], basic: number[], frames: number): Fragment[][] {
  const { attributes, warnings } = file;
  if (frames === 1) return [fragments];
  for (const offsets of [attributes.offsets('x7fe00001', 8), basic]) {
    const groups = offsets.length === frames ? groupByOffsets(fragments, offsets) : undefined;
    if (groups) return groups;
    if (offsets.length > 0) warnings.push('An offset table of the pixel data is wrong and was ignored.');
  }
  if (fragments.length === frames) return fragments.map((fragment) => [fragment]);
  const groups = groupByCodestreams(file.bytes, fragments);
  if (groups.length === frames) return groups;
  throw new WorkbenchError(
    'DICOM_BAD_FRAGMENTS',
    `The file states ${frames} frames, and ${fragments.length} fragments do not tell which belongs to which.`,
    { frames, fragments: fragments.length },
  );
}

function groupByOffsets(fragments: Fragment[], offsets: number[]): Fragment[][] | undefined {
  const indexOf = new Map(fragments.map((fragment, index) => [fragment.offset, index]));
  const starts = offsets.map((offset) => indexOf.get(offset));
  const increasing = starts.every(
    (start, i) => start !== undefined && (i === 0 ? start === 0 : start > starts[i - 1]!),
  );
  if (!increasing) return undefined;
  return starts.map((start, i) => fragments.slice(start, starts[i + 1]));
}

function groupByCodestreams(bytes: Uint8Array, fragments: Fragment[]): Fragment[][] {
  const groups: Fragment[][] = [];
  for (const fragment of fragments) {
    if (groups.length === 0 || startsCodestream(bytes, fragment)) groups.push([fragment]);
    else groups.at(-1)!.push(fragment);
  }
  return groups;
}

/** SOI of JPEG and JPEG-LS, SOC of JPEG 2000, the signature box of JP2. */
function startsCodestream(bytes: Uint8Array, { start, end }: Pick<Fragment, 'start' | 'end'>): boolean {
  if (end - start < 4) return false;
  const first = u32(bytes, start, true);
  return first >>> 8 === 0xffd8ff || first === 0xff4fff51 || first === 0x0000000c;
}

/** One piece; copied only where the frame has several fragments. */
export function joinFragments(parts: Uint8Array[]): Uint8Array {
  return parts.length === 1 ? parts[0]! : Buffer.concat(parts);
}

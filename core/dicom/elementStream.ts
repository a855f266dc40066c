/**
 * Where elements are read from: dicom-parser's stream, with a bound on how many elements it may yield.
 */
import dicomParser from 'dicom-parser';
import { WorkbenchError } from '../base/errors.ts';

/**
 * Elements and items, nested ones too, that one data set may hold. A real object has thousands, a DICOMDIR of 100,000 images
 * about a million; a few kilobytes of deflated zeros would inflate to tens of millions.
 */
export const MAX_ELEMENTS = 1_500_000;

/** A stream that counts the elements read from it, dicom-parser's too: it reads one VR, or one length, of each. */
export class ElementStream extends dicomParser.ByteStream {
  private elements = 0;

  constructor(bytes: Uint8Array, position: number, bigEndian: boolean) {
    super(parserFor(bigEndian), bytes, position);
  }

  count(): void {
    if (++this.elements > MAX_ELEMENTS) {
      throw new WorkbenchError(TOO_MANY_ELEMENTS, 'The data set has too many elements to be a film.', {
        limit: MAX_ELEMENTS,
        byte: this.position,
      });
    }
  }
}

const { readFixedString, readUint32 } = dicomParser.ByteStream.prototype;
// Their types are properties, which a subclass cannot override with methods.
Object.assign(ElementStream.prototype, {
  readFixedString(this: ElementStream, length: number) {
    this.count();
    return readFixedString.call(this, length);
  },
  readUint32(this: ElementStream) {
    this.count();
    return readUint32.call(this);
  },
});

const TOO_MANY_ELEMENTS = 'DICOM_TOO_MANY_ELEMENTS';

export function isTooMany(error: unknown): boolean {
  return error instanceof WorkbenchError && error.code === TOO_MANY_ELEMENTS;
}

export function parserFor(bigEndian: boolean) {
  return bigEndian ? dicomParser.bigEndianByteArrayParser : dicomParser.littleEndianByteArrayParser;
}

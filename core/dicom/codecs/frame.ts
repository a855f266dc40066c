/** What every codec gives, and the errors that all of them share. */
import { type JsonValue, WorkbenchError } from '../../base/errors.ts';

/** A decoded frame: samples interleaved, row by row. */
export interface CodecFrame {
  width: number;
  height: number;
  components: number;
  /** Bits of a sample in the codestream. */
  precision: number;
  signed: boolean;
  data: Uint8Array | Int8Array | Uint16Array | Int16Array | Uint32Array | Int32Array;
  /** What the decoder complained of, and went on. */
  warnings?: string[];
}

/** The size that the DICOM header claims; a codestream of another size is refused before memory is asked for. */
export interface ExpectedSize {
  width: number;
  height: number;
  components: number;
}

export function requireSize(expected: ExpectedSize, found: ExpectedSize): void {
  const same =
    expected.width === found.width && expected.height === found.height && expected.components === found.components;
  if (same) return;
  const text = (s: ExpectedSize) => `${s.width} x ${s.height} with ${s.components} component(s)`;
  throw new WorkbenchError(
    'CODEC_SIZE_MISMATCH',
    `The compressed image is ${text(found)}, but the DICOM header says ${text(expected)}.`,
  );
}

export function damaged(codec: string, cause: string, details: Record<string, JsonValue> = {}): WorkbenchError {
  return new WorkbenchError('CODEC_DAMAGED', `The ${codec} image is damaged: ${cause}.`, { codec, ...details });
}

export function unsupported(codec: string, what: string): WorkbenchError {
  return new WorkbenchError('CODEC_UNSUPPORTED', `This kind of ${codec} image is not supported: ${what}.`, { codec });
}

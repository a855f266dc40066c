/**
 * A frame of a DICOM file to its stored values: the one decode path of viewer, model and command.
 * Which codec a transfer syntax has stands in conformance.ts; sizes that a codestream claims are compared with the
 * header before a codec sees it.
 */
import { inflateRawSync } from 'node:zlib';
import { locate, WorkbenchError } from '../base/errors.ts';
import type { CodecFrame, ExpectedSize } from './codecs/frame.ts';
import { requireSize } from './codecs/frame.ts';
import { decodeJpegComponents } from './codecs/jpeg.ts';
import { findCodestream, jpeg2000Levels, readJpeg2000Header, requireWholeTiles } from './codecs/jpeg2000Header.ts';
import { decodeJpegLossless } from './codecs/jpegLossless.ts';
import { readJpegFrameHeader } from './codecs/jpegStream.ts';
import { decodeJpeg2000 } from './codecs/openJpeg.ts';
import { decodeRle } from './codecs/rle.ts';
import { decodeHtj2k, decodeJpegLs } from './codecs/wasm.ts';
import { type Codec, type TransferSyntax, transferSyntaxOf } from './conformance.ts';
import type { DicomFile, PixelDataElement } from './dataSet.ts';
import type { PixelArray } from './film.ts';
import { type EncapsulatedFrames, joinFragments, readEncapsulatedFrames } from './fragments.ts';
import { type PixelDescription, readPixelDescription } from './header.ts';
import { allocatePixels, nativeFrameBytes, readNativeFrame } from './nativePixels.ts';
import type { Reduced } from './preview.ts';

export interface DecodedFrame {
  /** Stored values, samples interleaved, before any colour conversion. */
  pixels: PixelArray;
  /** What the samples mean: a codec may have converted them (JPEG 2000's colour transforms end in RGB). */
  photometricInterpretation: string;
}

/** A file whose pixels are ready to be decoded, frame by frame. */
export interface FrameSource {
  file: DicomFile;
  description: PixelDescription;
  codec: Codec;
  pixelData: PixelDataElement;
  /** Of encapsulated pixel data. */
  encapsulated: EncapsulatedFrames | null;
}

/**
 * Checks everything that can be checked before pixels are decoded.
 * @throws WorkbenchError DICOM_UNSUPPORTED_TRANSFER_SYNTAX, DICOM_TRUNCATED_PIXELS, and the codes of readPixelDescription
 */
export function openFrames(file: DicomFile): FrameSource {
  try {
    return checkedFrames(file);
  } catch (error) {
    throw locate(error, { transferSyntax: file.transferSyntax });
  }
}

function checkedFrames(file: DicomFile): FrameSource {
  const description = readPixelDescription(file);
  const syntax = supportedSyntax(file.transferSyntax);
  const pixelData = file.pixelData!;
  const isNative = !syntax.encapsulated && pixelData.declaredLength !== null;
  if (isNative) requireNativeBytes(pixelData, description, file.warnings);
  return {
    file,
    description,
    codec: syntax.codec!,
    pixelData,
    encapsulated: isNative ? null : readEncapsulatedFrames(file, pixelData, description.frames),
  };
}

function supportedSyntax(uid: string): TransferSyntax {
  const syntax = transferSyntaxOf(uid);
  if (syntax?.codec) return syntax;
  throw new WorkbenchError(
    'DICOM_UNSUPPORTED_TRANSFER_SYNTAX',
    `The transfer syntax ${syntax?.name ?? 'of this file'} (${uid}) is not supported.`,
    { transferSyntax: uid },
    'Convert the file to an uncompressed or another supported transfer syntax.',
  );
}

function requireNativeBytes(pixelData: PixelDataElement, description: PixelDescription, warnings: string[]): void {
  const needed = Math.ceil(nativeFrameBytes(description) * description.frames);
  if (pixelData.length >= needed) {
    const spare = pixelData.length - needed - (needed % 2);
    if (spare > 0) warnings.push(`The pixel data hold ${spare} bytes more than the header calls for.`);
    return;
  }
  throw new WorkbenchError(
    'DICOM_TRUNCATED_PIXELS',
    `The pixel data hold ${pixelData.length} of the ${needed} bytes that the header calls for.`,
    { expected: needed, found: pixelData.length, frames: description.frames },
  );
}

/**
 * Decodes one frame.
 * @param frame zero-based.
 * @throws WorkbenchError DICOM_FRAME_RANGE, CODEC_*, DICOM_TRUNCATED_PIXELS; each names frame and transfer syntax.
 */
export async function decodeFrame(source: FrameSource, frame: number): Promise<DecodedFrame> {
  const { description, file } = source;
  if (frame < 0 || frame >= description.frames) {
    throw new WorkbenchError('DICOM_FRAME_RANGE', `There is no frame ${frame}; the file has ${description.frames}.`, {
      frame,
    });
  }
  try {
    return source.encapsulated
      ? await decodeEncapsulated(source, joinFragments(source.encapsulated[frame]!))
      : decodeNative(source, frame);
  } catch (error) {
    throw locate(error, { frame, transferSyntax: file.transferSyntax });
  }
}

/**
 * The frame in small, where its codec gives that for less work than the whole; else null.
 * @param factor the smallest pixel that will do, in pixels of the frame: what comes is as fine or finer.
 * @throws as decodeFrame does
 */
export async function decodeReduced(source: FrameSource, frame: number, factor: number): Promise<Reduced | null> {
  const { description, codec, encapsulated } = source;
  const { rows, columns, samplesPerPixel } = description;
  if (codec !== 'jpeg-2000' || samplesPerPixel !== 1 || !encapsulated?.[frame]) return null;
  const stream = joinFragments(encapsulated[frame]);
  const expected = { width: columns, height: rows, components: 1 };
  const header = readJpeg2000Header(stream);
  requireSize(expected, header);
  if (header.highThroughput) return null;
  const reduce = Math.min(Math.floor(Math.log2(factor)), jpeg2000Levels(stream));
  if (reduce < 1) return null;
  const small = await decodeJpeg2000(stream, expected, reduce);
  const pixels = fitCodecFrame(small, description);
  return { pixels, rows: small.height, columns: small.width, factor: 2 ** reduce };
}

function decodeNative(source: FrameSource, frame: number): DecodedFrame {
  const { description, file, pixelData } = source;
  const size = nativeFrameBytes(description);
  const stored = file.bytes.subarray(pixelData.offset, pixelData.offset + pixelData.length);
  const all = file.bigEndian && pixelData.vr === 'OW' && description.bitsAllocated <= 8 ? swapPairs(stored) : stored;
  const pixels =
    description.bitsAllocated === 1
      ? readNativeFrame(all, description, file.bigEndian, frame * size * 8)
      : readNativeFrame(all.subarray(frame * size, (frame + 1) * size), description, file.bigEndian);
  return { pixels, photometricInterpretation: description.photometricInterpretation };
}

/** Big endian words that hold two pixels of 8 bits each (PS3.5 D). */
function swapPairs(bytes: Uint8Array): Uint8Array {
  return Buffer.from(bytes.subarray(0, bytes.length & ~1)).swap16();
}

async function decodeEncapsulated(source: FrameSource, stream: Uint8Array): Promise<DecodedFrame> {
  const { description } = source;
  if (stream.length === 0) throw new WorkbenchError('DICOM_TRUNCATED_PIXELS', 'The frame is empty.');
  const codec = settleCodec(source, stream);
  const { photometricInterpretation } = description;
  if (codec === 'native' || codec === 'deflated-frame' || codec === 'rle') {
    const { bytes, layout } = cellsOf(codec, stream, description);
    return { pixels: readNativeFrame(bytes, layout, false), photometricInterpretation };
  }
  const expected = { width: description.columns, height: description.rows, components: description.samplesPerPixel };
  const frame = await DECODERS[codec](stream, expected);
  source.file.warnings.push(...(frame.warnings ?? []));
  const transformed = codec === 'jpeg-2000' || codec === 'htj2k';
  return {
    pixels: fitCodecFrame(frame, description),
    photometricInterpretation:
      transformed && photometricInterpretation.startsWith('YBR_') && photometricInterpretation !== 'YBR_FULL'
        ? 'RGB'
        : photometricInterpretation,
  };
}

/** The frame's cells, and how they are laid out. */
function cellsOf(codec: 'native' | 'deflated-frame' | 'rle', stream: Uint8Array, d: PixelDescription) {
  if (codec === 'rle') {
    const pixels = d.rows * d.columns;
    // Masks of one bit stay packed, eight pixels a byte.
    const cells = d.bitsAllocated === 1 ? Math.ceil(pixels / 8) : pixels;
    const bytes = decodeRle(stream, cells, d.samplesPerPixel, Math.ceil(d.bitsAllocated / 8));
    // RLE has one segment a sample: planes never remain, and sub-sampling does not occur.
    const photometricInterpretation = d.photometricInterpretation.replace('_422', '');
    const layout: PixelDescription = { ...d, planarConfiguration: 0, photometricInterpretation };
    return { bytes, layout };
  }
  const needed = Math.ceil(nativeFrameBytes(d));
  const bytes = codec === 'native' ? stream : inflateFrame(stream, needed);
  if (bytes.length < needed) {
    throw new WorkbenchError('DICOM_TRUNCATED_PIXELS', `The frame holds ${bytes.length} of ${needed} bytes.`);
  }
  return { bytes: bytes.subarray(0, needed), layout: d };
}

/** PS3.5 A.4.12 (Deflated Image Frame Compression): a deflate stream a frame. */
function inflateFrame(stream: Uint8Array, needed: number): Uint8Array {
  try {
    return inflateRawSync(stream, { maxOutputLength: needed + 16 });
  } catch (error) {
    const code = (error as { code?: string }).code ?? 'unknown';
    throw new WorkbenchError('DICOM_INFLATE_FAILED', 'The deflated frame is damaged, or larger than the header says.', {
      cause: code,
    });
  }
}

const DECODERS: Record<
  Exclude<Codec, 'native' | 'deflated-frame' | 'rle'>,
  (stream: Uint8Array, expected: ExpectedSize) => CodecFrame | Promise<CodecFrame>
> = {
  jpeg: decodeJpegComponents,
  'jpeg-lossless': decodeJpegLossless,
  'jpeg-ls': (stream, expected) => {
    requireJpegSize(stream, expected);
    return decodeJpegLs(stream, expected);
  },
  'jpeg-2000': (stream, expected) => {
    requireSize(expected, readJpeg2000Header(stream));
    return decodeJpeg2000(stream, expected);
  },
  htj2k: (stream, expected) => {
    requireSize(expected, readJpeg2000Header(stream));
    requireWholeTiles(stream);
    return decodeHtj2k(stream.subarray(findCodestream(stream)), expected);
  },
};

function requireJpegSize(stream: Uint8Array, expected: ExpectedSize): void {
  const { width, height, components } = readJpegFrameHeader(stream);
  requireSize(expected, { width, height, components: components.length });
}

// ------------------------------------------------------------------------------------------- the codestream's own word

/** What the codestream itself is. Where it contradicts the transfer syntax, it is believed, with a warning. */
function settleCodec(source: FrameSource, stream: Uint8Array): Codec {
  const { codec, file } = source;
  const found = sniffCodec(stream);
  if (found === undefined || found === codec || codec === 'rle' || codec === 'deflated-frame') return codec;
  const name = transferSyntaxOf(file.transferSyntax)?.name ?? file.transferSyntax;
  file.warnings.push(`The transfer syntax says ${name}, but the image itself is ${found}.`);
  return found;
}

function sniffCodec(stream: Uint8Array): Codec | undefined {
  if (stream[0] === 0xff && stream[1] === 0xd8 && stream[2] === 0xff) {
    const { sof } = readJpegFrameHeader(stream);
    return sof === 0xf7 ? 'jpeg-ls' : sof === 0xc3 ? 'jpeg-lossless' : 'jpeg';
  }
  const isJp2 = stream[0] === 0 && stream[3] === 12 && stream[4] === 0x6a && stream[5] === 0x50;
  if (findCodestream(stream.subarray(0, 4)) === 0 || isJp2) {
    return readJpeg2000Header(stream).highThroughput ? 'htj2k' : 'jpeg-2000';
  }
  return undefined;
}

/**
 * A codec's samples in the type that the header asks for. Codestreams often say "unsigned" of signed values (PS3.5
 * 8.2.4): Pixel Representation decides, and the sign is the codestream's highest bit.
 */
function fitCodecFrame(frame: CodecFrame, description: PixelDescription): PixelArray {
  const { data, precision } = frame;
  if (precision > description.bitsAllocated) {
    throw new WorkbenchError(
      'CODEC_SIZE_MISMATCH',
      `The compressed image has ${precision} bits a sample; the header allocates ${description.bitsAllocated}.`,
    );
  }
  const pixels = allocatePixels(description, data.length);
  pixels.set(data);
  if (frame.signed === description.signed) return pixels;
  const spare = 32 - precision;
  if (description.signed) for (let i = 0; i < pixels.length; i++) pixels[i] = (data[i]! << spare) >> spare;
  else for (let i = 0; i < pixels.length; i++) pixels[i] = (data[i]! << spare) >>> spare;
  return pixels;
}

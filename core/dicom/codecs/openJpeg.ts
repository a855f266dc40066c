/// <reference path="./packages.d.ts" />
/**
 * JPEG 2000 by OpenJPEG, in the WebAssembly build of openjpeg/build.sh. A large image is cut into stripes of rows, which
 * threads with nothing to do decode beside this one: each decodes only the code-blocks that its rows need, so that two take
 * little more than half the time. The samples are the same to the bit.
 */
import { inflateSync } from 'node:zlib';
import { latin1 } from '../characterSet.ts';
import { askThread, idleThreads } from '../partners.ts';
import { type CodecFrame, damaged, type ExpectedSize, requireSize, unsupported } from './frame.ts';
import { findCodestream } from './jpeg2000Header.ts';
import { OPENJPEG_WASM } from './openjpeg/binary.ts';
import { WARM_IMAGE } from './openjpeg/warmImage.ts';
import { WebAssembly } from './webAssembly.ts';

/** What openjpeg/jpeg2000.c exports; pointers are numbers. */
interface OpenJpeg {
  memory: { buffer: ArrayBuffer };
  _initialize(): void;
  allocate(bytes: number): number;
  release(place: number): void;
  error(): number;
  warning(): number;
  forget(): void;
  decode(data: number, length: number, top: number, bottom: number, reduce: number): number;
  components(): number;
  component_data(index: number): number;
  component_width(index: number): number;
  component_height(index: number): number;
  component_precision(index: number): number;
  component_signed(index: number): number;
}

/** Rows from `top` to before `bottom` of the whole image; halved `reduce` times. */
export interface Stripe {
  top: number;
  bottom: number;
  reduce: number;
}

const PAGE = 65536;
/** An image of 128 MiB needs about three times as much. */
const MAX_MEMORY_PAGES = (448 * 2 ** 20) / PAGE;
/** An instance that grew beyond this is not kept. */
const KEPT_BYTES = 160 * 2 ** 20;
/** Stripes are at least this high: code-blocks at their edges are decoded twice. */
const STRIPE_ROWS = 256;
/** Smaller images are decoded here: handing over a stripe costs some milliseconds. */
const SHARED_PIXELS = 2 ** 20;

const WARM_TIMES = 8;

let compiled: Promise<object> | undefined;
let kept: OpenJpeg | undefined;

/** Compiles the codec before it is needed. */
export async function loadOpenJpeg(): Promise<void> {
  kept ??= await instantiate();
}

/** V8 compiles what runs often once more, better; without this the first film pays for it (300 ms of processor time). */
export async function warmOpenJpeg(): Promise<void> {
  const image = Buffer.from(WARM_IMAGE, 'base64');
  const whole = { top: 0, bottom: 128, reduce: 0 };
  for (let i = 0; i < WARM_TIMES; i++) await decodeStripe(image, { width: 128, height: 128, components: 1 }, whole);
}

async function instantiate(): Promise<OpenJpeg> {
  compiled ??= WebAssembly.compile(inflateSync(Buffer.from(OPENJPEG_WASM, 'base64')));
  const memory = new WebAssembly.Memory({ initial: 32, maximum: MAX_MEMORY_PAGES });
  const instance = new WebAssembly.Instance(await compiled, { env: { memory }, wasi_snapshot_preview1: wasi(memory) });
  const exports = { ...instance.exports, memory } as unknown as OpenJpeg;
  exports._initialize();
  return exports;
}

/** What the C runtime asks for at its start: there is no environment and there are no files. */
function wasi(memory: { buffer: ArrayBuffer }) {
  const badFile = () => 8;
  return {
    environ_get: () => 0,
    environ_sizes_get: (count: number, size: number) => {
      const view = new DataView(memory.buffer);
      view.setUint32(count, 0, true);
      view.setUint32(size, 0, true);
      return 0;
    },
    fd_prestat_get: badFile,
    fd_prestat_dir_name: badFile,
    random_get: badFile,
    proc_exit: (): never => {
      throw damaged('JPEG 2000', 'the decoder gave up');
    },
  };
}

/**
 * @param reduce the image is halved so many times; not more than jpeg2000Levels
 * @throws WorkbenchError CODEC_DAMAGED, CODEC_SIZE_MISMATCH, CODEC_UNSUPPORTED
 */
export async function decodeJpeg2000(bytes: Uint8Array, expected: ExpectedSize, reduce = 0): Promise<CodecFrame> {
  const codestream = bytes.subarray(Math.max(0, findCodestream(bytes)));
  const stripes = stripesOf(expected, 1 + idleThreads(), reduce);
  if (stripes.length === 1) return decodeStripe(codestream, expected, stripes[0]!);
  const shared = new Uint8Array(new SharedArrayBuffer(codestream.length));
  shared.set(codestream);
  const [first, ...others] = stripes;
  const asked = others.map((stripe) => askThread('decodeStripe', [shared, expected, stripe]));
  // All are waited for, so that one that fails leaves none behind.
  const parts = await Promise.allSettled([decodeStripe(codestream, expected, first!), ...asked]);
  const frames: CodecFrame[] = [];
  for (const [i, part] of parts.entries()) {
    if (part.status === 'rejected') throw part.reason;
    frames.push(part.value ?? (await decodeStripe(codestream, expected, stripes[i]!)));
  }
  return joined(frames);
}

/** Cut where rows of code-blocks (64, halved by each resolution) often begin. */
function stripesOf({ width, height }: ExpectedSize, threads: number, reduce: number): Stripe[] {
  const count = width * height < SHARED_PIXELS ? 1 : Math.max(1, Math.min(threads, Math.floor(height / STRIPE_ROWS)));
  const edge = (i: number) => (i === count ? height : Math.round((height * i) / count / 64) * 64);
  return Array.from({ length: count }, (_, i) => ({ top: edge(i), bottom: edge(i + 1), reduce }));
}

function joined(parts: CodecFrame[]): CodecFrame {
  const [first] = parts;
  const { width, components } = first!;
  const height = parts.reduce((sum, part) => sum + part.height, 0);
  const data = new (first!.data.constructor as new (length: number) => CodecFrame['data'])(width * height * components);
  let at = 0;
  for (const part of parts) {
    data.set(part.data, at);
    at += part.data.length;
  }
  const warnings = parts.flatMap((part) => part.warnings ?? []);
  return { ...first!, height, data, ...(warnings.length > 0 ? { warnings } : {}) };
}

/**
 * Some rows of an image.
 * @param codestream from SOC; @param expected the whole image.
 */
export async function decodeStripe(
  codestream: Uint8Array,
  expected: ExpectedSize,
  stripe: Stripe,
): Promise<CodecFrame> {
  const codec = kept ?? (await instantiate());
  // Kept again only where all went well: after a failure its heap may be in any state.
  kept = undefined;
  const frame = attempt(codec, codestream, expected, stripe);
  codec.forget();
  if (codec.memory.buffer.byteLength <= KEPT_BYTES) kept = codec;
  return frame;
}

function attempt(codec: OpenJpeg, codestream: Uint8Array, expected: ExpectedSize, stripe: Stripe): CodecFrame {
  try {
    const input = codec.allocate(codestream.length);
    if (input === 0) throw damaged('JPEG 2000', 'there is no memory for it');
    new Uint8Array(codec.memory.buffer, input, codestream.length).set(codestream);
    const { top, bottom, reduce } = stripe;
    const isWhole = bottom - top === expected.height;
    const done = codec.decode(input, codestream.length, isWhole ? 0 : top, isWhole ? 0 : bottom, reduce);
    codec.release(input);
    if (!done) throw damaged('JPEG 2000', textAt(codec, codec.error()) || 'the decoder gave up');
    // B.5: a resolution's edges are those of the image, divided and rounded up.
    const halved = (edge: number) => Math.ceil(edge / 2 ** reduce);
    return takeFrame(codec, { ...expected, width: halved(expected.width), height: halved(bottom) - halved(top) });
  } catch (error) {
    if (error instanceof Error && 'code' in error) throw error;
    // A trap of WebAssembly: an access outside of its memory, or "unreachable".
    throw damaged('JPEG 2000', error instanceof Error ? error.message : 'the decoder gave up');
  }
}

function textAt({ memory }: OpenJpeg, place: number): string {
  const bytes = new Uint8Array(memory.buffer, place, 256);
  return latin1(bytes.subarray(0, bytes.indexOf(0))).replace(/[.\s]+$/, '');
}

/** Samples interleaved, out of the codec's memory. */
function takeFrame(codec: OpenJpeg, expected: ExpectedSize): CodecFrame {
  const components = codec.components();
  for (let i = 0; i < components; i++) {
    const [width, height] = [codec.component_width(i), codec.component_height(i)];
    if (i > 0 && (width !== codec.component_width(0) || height !== codec.component_height(0))) {
      throw unsupported('JPEG 2000', 'components of different sizes');
    }
    requireSize(expected, { width, height, components });
  }
  const precision = codec.component_precision(0);
  const signed = codec.component_signed(0) === 1;
  const data = new (sampleType(precision, signed))(expected.width * expected.height * components);
  for (let i = 0; i < components; i++) {
    const samples = new Int32Array(codec.memory.buffer, codec.component_data(i), data.length / components);
    if (components === 1) data.set(samples);
    else for (let from = 0, to = i; from < samples.length; from++, to += components) data[to] = samples[from]!;
  }
  const warning = textAt(codec, codec.warning());
  return {
    ...expected,
    components,
    precision,
    signed,
    data,
    ...(warning ? { warnings: [`The JPEG 2000 image may be damaged: ${warning}.`] } : {}),
  };
}

function sampleType(precision: number, signed: boolean) {
  if (precision <= 8) return signed ? Int8Array : Uint8Array;
  if (precision <= 16) return signed ? Int16Array : Uint16Array;
  return signed ? Int32Array : Uint32Array;
}

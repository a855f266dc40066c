/// <reference path="./packages.d.ts" />
/**
 * The packages' WebAssembly codecs: CharLS (JPEG-LS), OpenJPH (HTJ2K), libjpeg-turbo (JPEG, 8 bits). OpenJPEG: openJpeg.ts.
 *
 * Each is loaded on first use. The packages' own scripts look for their .wasm file beside themselves, in a bundle beside
 * the bundled script: scripts/build.ts copies it there.
 * A codec's memory is bounded, and a codec that failed is thrown away: its heap may be in any state.
 */
import { readFile } from 'node:fs/promises';
import loadCharls from '@cornerstonejs/codec-charls/decodewasmjs';
import loadTurbo from '@cornerstonejs/codec-libjpeg-turbo-8bit/decodewasmjs';
import loadOpenJph from '@cornerstonejs/codec-openjph/wasmjs';
import { type CodecFrame, damaged, type ExpectedSize, requireSize } from './frame.ts';
import { requireFewScans } from './jpegStream.ts';
import { WebAssembly } from './webAssembly.ts';

/** Highest memory of one codec; a frame may take 128 MiB, and stands there twice. */
const MAX_CODEC_BYTES = 448 * 2 ** 20;
/** A codec that grew beyond this is not kept. */
const KEPT_CODEC_BYTES = 160 * 2 ** 20;

interface Loaded<M> {
  module: M;
  /** What the codec printed since the last look. */
  messages: string[];
}

/** Holds one instance of a codec, and forgets it when it failed or grew large. */
class WasmCodec<M extends WasmModule> {
  private compiled: Promise<object> | undefined;
  private loaded: Promise<Loaded<M>> | undefined;
  private readonly name: string;
  private readonly factory: (options: WasmOptions) => Promise<M>;
  private readonly create: (module: M) => WasmDecoder;

  constructor(name: string, factory: (options: WasmOptions) => Promise<M>, create: (module: M) => WasmDecoder) {
    this.name = name;
    this.factory = factory;
    this.create = create;
  }

  /** `read` gets the decoder after `decode()`; what it returns must not point into the codec's memory. */
  async decode<T>(bytes: Uint8Array, read: (decoder: WasmDecoder) => T): Promise<T> {
    this.loaded ??= this.load();
    const { module, messages } = await this.loaded;
    messages.length = 0;
    try {
      const decoder = this.create(module);
      decoder.getEncodedBuffer(bytes.length).set(bytes);
      decoder.decode();
      const error = messages.find((message) => /^\[ERROR\]|^ojph error/.test(message));
      if (error) throw damaged(this.name, tidy(error));
      const result = read(decoder);
      decoder.delete();
      if (module.HEAPU8.length > KEPT_CODEC_BYTES) this.loaded = undefined;
      return result;
    } catch (error) {
      this.loaded = undefined;
      throw this.explain(error, module, messages);
    }
  }

  private async load(): Promise<Loaded<M>> {
    this.compiled ??= compile(this.factory);
    const compiled = await this.compiled;
    const messages: string[] = [];
    const note = (text: string) => {
      if (messages.length < 100) messages.push(text);
    };
    const module = await this.factory({
      print: note,
      printErr: note,
      instantiateWasm: (imports, done) => {
        const instance = new WebAssembly.Instance(compiled, imports);
        boundMemory(instance);
        done(instance, compiled);
        return instance.exports;
      },
    });
    return { module, messages };
  }

  private explain(error: unknown, module: M, messages: string[]): unknown {
    if (error instanceof Error && 'code' in error) return error;
    const printed = messages.find((message) => /ERROR|error/.test(message));
    if (printed) return damaged(this.name, tidy(printed));
    if (typeof error === 'number' && module.getExceptionMessage) {
      return damaged(this.name, tidy(String(module.getExceptionMessage(error))));
    }
    return damaged(this.name, error instanceof Error ? tidy(error.message) : 'the decoder gave up');
  }
}

/** The package's script alone knows where its .wasm file is: it is loaded once to hear that. */
async function compile(factory: (options: WasmOptions) => Promise<WasmModule>): Promise<object> {
  let path = '';
  await factory({ locateFile: (name, directory) => (path = directory + name) });
  return WebAssembly.compile(await readFile(path));
}

/** Emscripten grows its memory through this method, and takes an exception for "no memory left". */
function boundMemory(instance: WasmInstance): void {
  for (const memory of Object.values(instance.exports)) {
    if (!(memory instanceof WebAssembly.Memory)) continue;
    const grow = memory.grow.bind(memory);
    memory.grow = (pages) => {
      if (memory.buffer.byteLength + pages * 65536 > MAX_CODEC_BYTES) throw new RangeError('codec memory');
      return grow(pages);
    };
  }
}

function tidy(message: string): string {
  return message
    .replace(/^\[ERROR\] |^ojph error \S+ at \S+: /, '')
    .replace(/[.\s]+$/, '')
    .slice(0, 200);
}

const charls = new WasmCodec('JPEG-LS', loadCharls, (module) => new module.JpegLSDecoder());
const openJph = new WasmCodec('HTJ2K', loadOpenJph, (module) => new module.HTJ2KDecoder());
const turbo = new WasmCodec('JPEG', loadTurbo, (module) => new module.JPEGDecoder());

export function decodeJpegLs(bytes: Uint8Array, expected: ExpectedSize): Promise<CodecFrame> {
  return charls.decode(bytes, (decoder) => {
    const frame = takeFrame(decoder, expected);
    const planar = (decoder as WasmDecoder & { getInterleaveMode(): number }).getInterleaveMode() === 0;
    return planar && frame.components > 1 ? { ...frame, data: interleave(frame) } : frame;
  });
}

export function decodeHtj2k(bytes: Uint8Array, expected: ExpectedSize): Promise<CodecFrame> {
  return openJph.decode(bytes, (decoder) => takeFrame(decoder, expected));
}

export async function decodeJpegTurbo(bytes: Uint8Array, expected: ExpectedSize): Promise<CodecFrame> {
  requireFewScans(bytes, expected);
  return turbo.decode(bytes, (decoder) => takeFrame(decoder, expected));
}

/** Copies the decoded samples out of the codec's memory. */
function takeFrame(decoder: WasmDecoder, expected: ExpectedSize): CodecFrame {
  const info = decoder.getFrameInfo();
  requireSize(expected, { width: info.width, height: info.height, components: info.componentCount });
  const samples = info.width * info.height * info.componentCount;
  const wide = info.bitsPerSample > 8;
  const source = decoder.getDecodedBuffer();
  const size = samples * (wide ? 2 : 1);
  if (source.length < size) throw damaged('compressed', `it holds ${source.length} of ${size} bytes`);
  const { buffer } = new Uint8Array(source.subarray(0, size));
  const signed = info.isSigned === true;
  const data = wide ? new (signed ? Int16Array : Uint16Array)(buffer) : new (signed ? Int8Array : Uint8Array)(buffer);
  return {
    width: info.width,
    height: info.height,
    components: info.componentCount,
    precision: info.bitsPerSample,
    signed,
    data,
  };
}

/** Planes one after the other to samples side by side. */
function interleave({ components, data }: CodecFrame): CodecFrame['data'] {
  const pixels = data.length / components;
  const output = data.slice();
  for (let c = 0; c < components; c++) {
    for (let i = 0, at = c; i < pixels; i++, at += components) output[at] = data[c * pixels + i]!;
  }
  return output;
}

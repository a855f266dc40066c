/** The WebAssembly codecs come without types; these are the parts of their interface that are used. */
interface WasmModule {
  HEAPU8: Uint8Array;
  getExceptionMessage?(pointer: unknown): string;
}

interface WasmInstance {
  exports: Record<string, unknown>;
}

interface WasmOptions {
  locateFile?(name: string, directory: string): string;
  instantiateWasm?(imports: object, done: (instance: WasmInstance, module: object) => void): object;
  print?(text: string): void;
  printErr?(text: string): void;
}

interface WasmFrameInfo {
  width: number;
  height: number;
  bitsPerSample: number;
  componentCount: number;
  isSigned: boolean;
}

interface WasmDecoder {
  getEncodedBuffer(length: number): Uint8Array;
  getDecodedBuffer(): Uint8Array;
  decode(): void;
  getFrameInfo(): WasmFrameInfo;
  delete(): void;
}

declare module '@cornerstonejs/codec-charls/decodewasmjs' {
  interface Charls extends WasmModule {
    JpegLSDecoder: new () => WasmDecoder & { getInterleaveMode(): number };
  }
  const factory: (options: WasmOptions) => Promise<Charls>;
  export default factory;
}

declare module '@cornerstonejs/codec-openjph/wasmjs' {
  interface OpenJph extends WasmModule {
    HTJ2KDecoder: new () => WasmDecoder;
  }
  const factory: (options: WasmOptions) => Promise<OpenJph>;
  export default factory;
}

declare module '@cornerstonejs/codec-libjpeg-turbo-8bit/decodewasmjs' {
  interface LibJpegTurbo extends WasmModule {
    JPEGDecoder: new () => WasmDecoder;
  }
  const factory: (options: WasmOptions) => Promise<LibJpegTurbo>;
  export default factory;
}

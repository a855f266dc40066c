/**
 * The files that the WebAssembly codecs load at run time, relative to node_modules. A bundle of core must have copies of
 * them beside the bundled script (the codecs look there); scripts/build.ts copies this list.
 */
export const CODEC_WASM_FILES = [
  '@cornerstonejs/codec-charls/dist/charlswasm_decode.wasm',
  '@cornerstonejs/codec-libjpeg-turbo-8bit/dist/libjpegturbowasm_decode.wasm',
  '@cornerstonejs/codec-openjpeg/dist/openjpegwasm_decode.wasm',
  '@cornerstonejs/codec-openjph/dist/openjphjs.wasm',
] as const;

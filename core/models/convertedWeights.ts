/**
 * A checkpoint's linear layers in another form (tensor/precision.ts), made once and kept on disk: one file
 * `weights/<hash of the weights>-<precision>-<version>.safetensors` in the cache folder. Of each layer it has, quantized,
 * `<module>.packed` (U8) and `<module>.scales` (F32), or as float16 `<module>.half` (F16, in transposed blocks: `HalfWeight`),
 * and every other weight as it is but for the table of embeddings, which is read from the checkpoint. Weights are read,
 * converted and written some rows at a time, so that a model of any size needs some 250 MiB for it.
 */
import { readdir, realpath, stat, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { WorkbenchError } from '../base/errors.ts';
import { bytesOf } from '../base/hash.ts';
import { inMillions, throwIfCancelled, type Work } from '../base/progress.ts';
import { elements, narrowToHalf } from '../tensor/dtypes.ts';
import { type FileRegion, OnnxGraph } from '../tensor/onnx/graph.ts';
import { type HalfWeight, type LocateWeight, OnnxOps, type QuantizedWeight } from '../tensor/onnx/ops.ts';
import { formatOf, type Precision } from '../tensor/precision.ts';
import { blocksOf, type QuantizedFormat, quantizeRows } from '../tensor/quantize.ts';
import { RowReader } from '../tensor/rowReader.ts';
import { openSafetensors, readRange, type Safetensors } from '../tensor/safetensors.ts';
import { type TensorSpec, writeTensorFile } from '../tensor/safetensorsWriter.ts';
import { recordLanguage, recordVision } from './graphs.ts';
import { type ModelFolder, storedWeight } from './modelFolder.ts';
import type { Network } from './network.ts';

export interface ConvertedWeights {
  /** By module; null where the layer has no such form. */
  quantized(module: string): QuantizedWeight | null;
  half(module: string): HalfWeight | null;
  /** The other weights. */
  locate: LocateWeight;
}

export const EMBEDDING_TABLE = 'language.embed_tokens.weight';
const FOLDER = 'weights';
/** Of the layout and of the way that values are rounded. */
const VERSION = 1;
/** Parameters. Fewer are converted before anybody could read of it. */
const WORTH_REPORTING = 5e7;
const PIECE_ELEMENTS = 1 << 23;
/** Of float16: 2^27 bytes, which every GPU can bind. */
const BLOCK_ELEMENTS = 1 << 26;

/** Opens the converted weights, and makes them where they are not there. @throws DISK_FULL, CANCELLED, PRECISION_UNAVAILABLE */
export async function convertedWeights(
  folder: ModelFolder,
  precision: Exclude<Precision, 'f32'>,
  cacheDir: string,
  work?: Work,
): Promise<ConvertedWeights> {
  const format = formatOf(precision);
  const file = formFile(cacheDir, folder.info.weightsHash, precision);
  const layers = linearLayers(folder.network);
  const specs = [...plainSpecs(folder, layers), ...layerSpecs(layers, format)];
  const opened = (await openIfWhole(file, specs)) ?? (await make(folder, layers, format, specs, file, work));
  const real = await realpath(file);
  const region = (name: string): FileRegion => {
    const { offset, byteLength } = opened.entry(name);
    return { file: real, offset, length: byteLength };
  };
  return {
    quantized: (module) => {
      const layer = layers.get(module);
      if (!layer || !format) return null;
      return { format, ...layer, packed: region(`${module}.packed`), scales: region(`${module}.scales`) };
    },
    half: (module) => {
      const layer = layers.get(module);
      if (!layer || format) return null;
      return { ...layer, rowsPerBlock: rowsPerBlock(layer), region: region(`${module}.half`) };
    },
    locate: (name) => storedWeight(folder.weights.entry(name), region(name)),
  };
}

/** Where this form of these weights lies, or would. */
export function formFile(cacheDir: string, weightsHash: string, precision: Precision): string {
  return join(cacheDir, FOLDER, `${weightsHash}-${precision}-${VERSION}.safetensors`);
}

/** Converted forms on disk of a checkpoint, or of all. */
export async function storedForms(cacheDir: string, weightsHash?: string): Promise<{ file: string; bytes: number }[]> {
  const names = await readdir(join(cacheDir, FOLDER)).catch(() => []);
  const found: { file: string; bytes: number }[] = [];
  for (const name of names) {
    if (weightsHash !== undefined && !name.startsWith(weightsHash)) continue;
    const file = join(cacheDir, FOLDER, name);
    found.push({ file, bytes: (await stat(file)).size });
  }
  return found;
}

/** They are made again when they are asked for. Gives the bytes that became free. */
export async function removeForms(cacheDir: string, weightsHash?: string): Promise<number> {
  const forms = await storedForms(cacheDir, weightsHash);
  for (const { file } of forms) await unlink(file);
  return forms.reduce((sum, { bytes }) => sum + bytes, 0);
}

interface Layer {
  /** The tensor that it is made of, by canonical name. */
  weight: string;
  out: number;
  in: number;
}

/** Every module that the network uses as a linear layer: the network is recorded, and asked. */
export function linearLayers(network: Network): Map<string, Layer> {
  const layers = new Map<string, Layer>();
  const locate = (name: string) => {
    const shape = network.shapes.get(name)!;
    return { file: '', offset: 0, length: 4 * elements(shape), dtype: 'F32' as const, shape };
  };
  const quantized = (module: string) => {
    const weight = `${module}.weight`;
    const [out = 0, ...rest] = network.shapes.get(weight)!;
    layers.set(module, { weight, out, in: elements(rest) });
    return null;
  };
  for (const record of [recordVision, recordLanguage]) {
    const graph = new OnnxGraph('layers');
    record(network, graph, new OnnxOps(graph, locate, { quantized, maxTensorBytes: Number.POSITIVE_INFINITY }));
  }
  return layers;
}

/** A file that is cut off or of another layout counts as absent. */
async function openIfWhole(file: string, specs: readonly TensorSpec[]) {
  try {
    const opened = await openSafetensors(file);
    const whole = specs.every(({ name, shape, dtype }) => {
      const entry = opened.has(name) ? opened.entry(name) : null;
      return entry?.dtype === dtype && entry.shape.join() === shape.join();
    });
    return whole ? opened : null;
  } catch {
    return null;
  }
}

/** The weights that stay what they are. */
function plainSpecs({ network, weights }: ModelFolder, layers: ReadonlyMap<string, Layer>): TensorSpec[] {
  const converted = new Set([...layers.values()].map(({ weight }) => weight));
  const plain = [...network.shapes.keys()].filter((name) => !converted.has(name) && name !== EMBEDDING_TABLE);
  return plain.map((name) => ({ ...weights.entry(name), name }));
}

function rowsPerBlock({ in: width }: Layer): number {
  return Math.max(1, Math.floor(BLOCK_ELEMENTS / width));
}

/** @param format null: float16 */
function layerSpecs(layers: ReadonlyMap<string, Layer>, format: QuantizedFormat | null): TensorSpec[] {
  return [...layers].flatMap(([module, { out, in: width }]): TensorSpec[] => {
    if (!format) return [{ name: `${module}.half`, dtype: 'F16', shape: [out * width] }];
    const blocks = blocksOf(width, format);
    return [
      { name: `${module}.packed`, dtype: 'U8', shape: [out, blocks, (format.block * format.bits) / 8] },
      { name: `${module}.scales`, dtype: 'F32', shape: [out, blocks] },
    ];
  });
}

async function make(
  folder: ModelFolder,
  layers: ReadonlyMap<string, Layer>,
  format: QuantizedFormat | null,
  specs: readonly TensorSpec[],
  file: string,
  work?: Work,
): Promise<Safetensors> {
  const total = [...layers.values()].reduce((sum, layer) => sum + layer.out * layer.in, 0);
  let done = 0;
  let scales: Float32Array[] = [];
  async function* rowsOf(module: string): AsyncGenerator<Float32Array> {
    const { weight, out, in: width } = layers.get(module)!;
    const reader = await RowReader.open(folder.weights.entry(weight));
    try {
      const step = Math.max(1, Math.floor(PIECE_ELEMENTS / width));
      for (let start = 0; start < out; start += step) {
        throwIfCancelled(work?.signal);
        const values = await reader.read(start, Math.min(step, out - start));
        checkFinite(values, weight, folder);
        yield values;
        done += values.length;
        if (total > WORTH_REPORTING)
          work?.report({ stage: `Converting the weights (million)`, ...inMillions(done, total) });
      }
    } finally {
      await reader.close();
    }
  }
  async function* packed(module: string, format: QuantizedFormat): AsyncGenerator<Uint8Array> {
    const { in: width } = layers.get(module)!;
    scales = [];
    for await (const values of rowsOf(module)) {
      const part = quantizeRows(values, width, format);
      scales.push(part.scales);
      yield part.packed;
    }
  }
  // The scales of a layer follow its values in the file, and are known when these are written.
  await writeTensorFile(file, specs, { weights: folder.info.weightsHash }, ({ name }) => {
    const [module, part] = splitName(name);
    const layer = layers.get(module);
    if (layer && format && part === 'packed') return packed(module, format);
    if (layer && format && part === 'scales') return scales.map(bytesOf);
    if (layer && part === 'half') return halfBlocks(rowsOf(module), layer, folder);
    return readRange(folder.weights.entry(name));
  });
  return openSafetensors(file);
}

function splitName(name: string): [module: string, part: string] {
  const dot = name.lastIndexOf('.');
  return [name.slice(0, dot), name.slice(dot + 1)];
}

/** Rows as they come -> blocks `[in, rows]` of float16. */
async function* halfBlocks(
  pieces: AsyncIterable<Float32Array>,
  layer: Layer,
  folder: ModelFolder,
): AsyncGenerator<Uint8Array> {
  const { out, in: width, weight } = layer;
  let start = 0;
  let filled = 0;
  let block = new Uint16Array(0);
  let rows = 0;
  for await (const values of pieces) {
    const halves = new Uint16Array(values.length);
    narrowToHalf(values, halves);
    checkHalves(halves, weight, folder);
    for (let row = 0; row < values.length / width; row++) {
      if (filled === rows) {
        rows = Math.min(rowsPerBlock(layer), out - start);
        block = new Uint16Array(rows * width);
        filled = 0;
      }
      for (let i = 0; i < width; i++) block[i * rows + filled] = halves[row * width + i]!;
      if (++filled < rows) continue;
      yield bytesOf(block);
      start += rows;
    }
  }
}

/** One value that is no number would make all of its block so. */
function checkFinite(values: Float32Array, tensor: string, folder: ModelFolder): void {
  let sum = 0;
  for (let i = 0; i < values.length; i++) sum += values[i]! * 0;
  if (sum === 0) return;
  throw new WorkbenchError('WEIGHTS_NOT_FINITE', `The tensor ${tensor} holds values that are no finite numbers.`, {
    file: folder.weights.entry(tensor).file,
    tensor,
  });
}

function checkHalves(halves: Uint16Array, tensor: string, folder: ModelFolder): void {
  if (!halves.some((half) => (half & 0x7c00) === 0x7c00)) return;
  throw new WorkbenchError(
    'PRECISION_UNAVAILABLE',
    `The tensor ${tensor} holds values that are too large for float16 (65,504).`,
    { precision: 'f16', file: folder.weights.entry(tensor).file, tensor },
    'Choose f32, int8 or int4.',
  );
}

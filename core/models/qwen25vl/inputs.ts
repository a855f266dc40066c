/**
 * What Qwen2.5-VL needs besides weights, made on the host, as transformers makes it: positions in time, height and width
 * (get_rope_index), attention windows and rotary angles of the vision tower (get_window_index, rot_pos_emb).
 */
import { WorkbenchError } from '../../base/errors.ts';
import type { PixelValues } from '../../preprocessing/imageProcessor.ts';
import {
  type Angles,
  type HostInputs,
  hostInputs,
  MASKED,
  type PositionedInput,
  rotaryAngles,
  rotaryFrequencies,
} from '../hostInputs.ts';
import type { HostTensor, TokenPositions } from '../network.ts';
import type { TokenGrid } from '../runner.ts';
import type { Qwen25VlConfig } from './config.ts';

const AXES = 3;

export function languageInputs(
  config: Qwen25VlConfig,
  input: PositionedInput,
  cachedLength: number,
  featureRows: number,
): HostInputs {
  const places = input.batch * input.length;
  const rules = {
    axes: AXES,
    angles: { full_attention: (positions: Int32Array) => mropeAngles(config, places, positions) },
    slidingWindow: Number.POSITIVE_INFINITY,
    imageBlocks: false,
  };
  return hostInputs(config, rules, input, cachedLength, featureRows);
}

/** Each section of the frequencies turns by its own axis; positions given once are those of all axes (text). */
function mropeAngles({ text }: Qwen25VlConfig, places: number, positions: Int32Array): Angles {
  const axisOf = text.ropeSections.flatMap((size, axis) => new Array<number>(size).fill(axis));
  const stride = positions.length === AXES * places ? places : 0;
  const frequencies = rotaryFrequencies(text.ropeTheta, text.headWidth);
  return rotaryAngles(places, frequencies, (place, i) => positions[axisOf[i]! * stride + place]!);
}

/** Text counts on; an image's tokens stand at one time, in rows and columns; what follows it begins after its longer side. */
export function positions(config: Qwen25VlConfig, ids: readonly number[], grids: readonly TokenGrid[]): TokenPositions {
  const axes = Array.from({ length: AXES }, () => new Int32Array(ids.length));
  let next = 0;
  let image = 0;
  for (let at = 0; at < ids.length; ) {
    const [rows, columns] = ids[at] === config.imageTokenId ? grids[image++]! : [1, 1];
    for (let token = 0; token < rows * columns; token++, at++) {
      axes[0]![at] = next;
      axes[1]![at] = next + Math.floor(token / columns);
      axes[2]![at] = next + (token % columns);
    }
    next += Math.max(rows, columns);
  }
  return { axes, next };
}

export function tokenGrid({ vision }: Qwen25VlConfig, { data, width, height }: PixelValues): TokenGrid {
  const { patchSize, mergeSize, channels, temporalPatchSize } = vision;
  const side = patchSize * mergeSize;
  const [rows, columns] = [height / side, width / side];
  const isWhole = Number.isInteger(rows) && Number.isInteger(columns) && rows > 0 && columns > 0;
  if (!isWhole || data.length !== width * height * channels * temporalPatchSize)
    throw new WorkbenchError('PIXEL_VALUES', 'The pixel values do not have the shape that the model needs.', {
      multipleOf: side,
      height,
      width,
      values: data.length,
    });
  return [rows, columns];
}

/**
 * One image. Patches come in the order of windows, so that only the tokens have to be put back in rows:
 * `patches` `[P,channels*time*patch*patch]`, `cos` and `sin` `[1,P,C/2]`; for window attention a slot for each patch of
 * each window, `slots` `[W*L]` the patch in it (0 where it is empty), `places` `[P]` the slot of a patch, `windowCos` and
 * `windowSin` `[W,L,C/2]`, `windowBias` `[W,1,L,L]`; `order` `[P/merge^2]` where each token of the image stands.
 */
export function imageInputs(config: Qwen25VlConfig, [image]: readonly PixelValues[]): Record<string, HostTensor> {
  const { vision } = config;
  const [rows, columns] = tokenGrid(config, image!);
  const unit = vision.mergeSize ** 2;
  const windows = windowsOf(config, rows, columns);
  const tokens = windows.flat();
  const patches = tokens.length * unit;
  const patchValues = image!.data.length / patches;
  const data = new Float32Array(image!.data.length);
  const order = new Int32Array(tokens.length);
  tokens.forEach((token, at) => {
    const size = unit * patchValues;
    data.set(image!.data.subarray(token * size, (token + 1) * size), at * size);
    order[token] = at;
  });
  const { cos, sin } = patchAngles(config, tokens, columns);
  const half = cos.length / patches;
  const length = Math.max(...windows.map((window) => window.length)) * unit;
  const { slots, places, bias } = windowSlots(windows, unit, length);
  const gathered = (values: Float32Array): Float32Array => {
    const result = new Float32Array(slots.length * half);
    slots.forEach((patch, slot) => {
      result.set(values.subarray(patch * half, (patch + 1) * half), slot * half);
    });
    return result;
  };
  const inWindows = [windows.length, length, half];
  return {
    patches: { kind: 'values', data, shape: [patches, patchValues] },
    cos: { kind: 'cos', data: cos, shape: [1, patches, half] },
    sin: { kind: 'sin', data: sin, shape: [1, patches, half] },
    slots: { kind: 'rows', data: slots, shape: [slots.length] },
    places: { kind: 'rows', data: places, shape: [patches] },
    windowCos: { kind: 'cos', data: gathered(cos), shape: inWindows },
    windowSin: { kind: 'sin', data: gathered(sin), shape: inWindows },
    windowBias: { kind: 'bias', data: bias, shape: [windows.length, 1, length, length] },
    order: { kind: 'rows', data: order, shape: [order.length] },
  };
}

/** The tokens of each window, by their number in rows; windows at the right and lower edge may be smaller. */
function windowsOf({ vision }: Qwen25VlConfig, rows: number, columns: number): number[][] {
  const side = Math.floor(vision.windowSize / vision.mergeSize / vision.patchSize);
  const windows: number[][] = [];
  for (let top = 0; top < rows; top += side)
    for (let left = 0; left < columns; left += side) {
      const window: number[] = [];
      for (let row = top; row < Math.min(rows, top + side); row++)
        for (let column = left; column < Math.min(columns, left + side); column++) window.push(row * columns + column);
      windows.push(window);
    }
  return windows;
}

/** Half of the frequencies turn by a patch's row, half by its column. */
function patchAngles({ vision }: Qwen25VlConfig, tokens: readonly number[], columns: number): Angles {
  const { mergeSize, heads, width, ropeTheta } = vision;
  const unit = mergeSize ** 2;
  const single = rotaryFrequencies(ropeTheta, width / heads / 2);
  return rotaryAngles(tokens.length * unit, Float32Array.of(...single, ...single), (patch, i) => {
    const token = tokens[Math.floor(patch / unit)]!;
    const inToken = patch % unit;
    return i < single.length
      ? Math.floor(token / columns) * mergeSize + Math.floor(inToken / mergeSize)
      : (token % columns) * mergeSize + (inToken % mergeSize);
  });
}

/** Windows padded to one length. */
function windowSlots(windows: readonly number[][], unit: number, length: number) {
  const slots = new Int32Array(windows.length * length);
  const places = new Int32Array(windows.reduce((sum, window) => sum + window.length * unit, 0));
  const bias = new Float32Array(windows.length * length * length);
  let patch = 0;
  windows.forEach((window, w) => {
    const filled = window.length * unit;
    for (let i = 0; i < filled; i++) {
      places[patch] = w * length + i;
      slots[w * length + i] = patch++;
    }
    for (let row = 0; row < length; row++)
      bias.fill(MASKED, (w * length + row) * length + filled, (w * length + row + 1) * length);
  });
  return { slots, places, bias };
}

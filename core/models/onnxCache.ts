/**
 * Keys and values of every layer for the language graph, `[P,B,K*C]`: positions outermost, so that a cache grows at its
 * end, in place. A cache is a value all the same: the shorter one before stays what it was, because only the first that
 * grows takes the room behind it, and a second one (a fork of the same prompt) moves to memory of its own.
 */
import { WorkbenchError } from '../base/errors.ts';
import type { PlainTensor } from '../tensor/onnx/session.ts';
import type { ModelConfig } from './config.ts';
import type { KvCache } from './runner.ts';

/** Memory of one layer's keys or values: room for more positions than are used. */
interface Growing {
  data: Float32Array;
  used: number;
}

export class OnnxCache implements KvCache {
  private disposed = false;

  private constructor(
    private readonly heads: number,
    private readonly width: number,
    readonly batch: number,
    /** Cached positions. */
    readonly length: number,
    /** By the names of the graph's outputs. */
    private layers: ReadonlyMap<string, Growing>,
  ) {}

  static empty({ text }: ModelConfig, batch: number): OnnxCache {
    const layers = new Map<string, Growing>();
    for (const kind of ['key', 'value'])
      for (let i = 0; i < text.layerTypes.length; i++)
        layers.set(`${kind}.${i}`, { data: new Float32Array(0), used: 0 });
    return new OnnxCache(text.keyValueHeads, text.headWidth, batch, 0, layers);
  }

  /** Of the graph's outputs that hold what a call adds. */
  get names(): string[] {
    return [...this.layers.keys()];
  }

  /** The graph's inputs `past.<name>`. */
  inputs(): Record<string, PlainTensor> {
    if (this.disposed) throw new WorkbenchError('FORWARD_CACHE', 'This cache was disposed.');
    const shape = [this.length, this.batch, this.heads * this.width];
    const inputs: Record<string, PlainTensor> = {};
    for (const [name, { data }] of this.layers)
      inputs[`past.${name}`] = { data: data.subarray(0, this.length * this.positionSize), shape };
    return inputs;
  }

  /** A cache with `positions` more, `[positions,B,K,C]` by name. */
  append(added: Readonly<Record<string, PlainTensor>>, positions: number): OnnxCache {
    const { positionSize: size, length } = this;
    const layers = new Map<string, Growing>();
    for (const [name, layer] of this.layers) {
      const grown = roomFor(layer, length, length + positions, size);
      grown.data.set(added[name]!.data, length * size);
      layers.set(name, grown);
    }
    return new OnnxCache(this.heads, this.width, this.batch, length + positions, layers);
  }

  /** The rows in a new order, with repetition. Throws FORWARD_INPUT for rows that are not there. */
  select(rows: Int32Array): OnnxCache {
    if (rows.length === 0 || rows.some((row) => row < 0 || row >= this.batch))
      throw new WorkbenchError('FORWARD_INPUT', 'The rows to keep of a cache are not among its rows.', {
        actual: [...rows],
        expected: this.batch,
      });
    const row = this.heads * this.width;
    const layers = new Map<string, Growing>();
    for (const [name, { data }] of this.layers) {
      const selected = new Float32Array(this.length * rows.length * row);
      for (let position = 0; position < this.length; position++)
        for (let i = 0; i < rows.length; i++) {
          const from = (position * this.batch + rows[i]!) * row;
          selected.set(data.subarray(from, from + row), (position * rows.length + i) * row);
        }
      layers.set(name, { data: selected, used: this.length });
    }
    return new OnnxCache(this.heads, this.width, rows.length, this.length, layers);
  }

  /**
   * The first positions, in the same memory: what follows is written over. This cache is disposed; one that it grew from and
   * that is longer than `length` must not be used any more either.
   */
  shorten(length: number): OnnxCache {
    if (length < 0 || length > this.length)
      throw new WorkbenchError('FORWARD_INPUT', 'A cache cannot be cut to this length.', {
        actual: length,
        expected: this.length,
      });
    const { layers } = this;
    for (const layer of layers.values()) if (layer.used === this.length) layer.used = length;
    this.dispose();
    return new OnnxCache(this.heads, this.width, this.batch, length, layers);
  }

  dispose(): void {
    this.disposed = true;
    this.layers = new Map();
  }

  private get positionSize(): number {
    return this.batch * this.heads * this.width;
  }
}

/** The same memory where nothing has grown behind `length` yet and there is room for `needed` positions, else a copy. */
function roomFor(layer: Growing, length: number, needed: number, size: number): Growing {
  if (layer.used === length && needed * size <= layer.data.length) {
    layer.used = needed;
    return layer;
  }
  const capacity = needed + Math.max(64, Math.ceil(needed / 4));
  const data = new Float32Array(capacity * size);
  data.set(layer.data.subarray(0, length * size));
  return { data, used: needed };
}

/** A network's operations as loops over plain arrays, in f64: slow, and simple enough to be believed. */
import type { LayerContext, Ops } from '../../core/tensor/ops.ts';

export interface Plain {
  shape: number[];
  data: number[];
}

export interface PlainLora {
  /** For each row of the batch: down `[in,r]`, up `[r,out]` with the scale folded in; null: no adapter. */
  rows: ({ down: Plain; up: Plain } | null)[];
}

const size = (shape: readonly number[]) => shape.reduce((a, b) => a * b, 1);
const last = (x: Plain) => x.shape[x.shape.length - 1]!;

export class PlainOps implements Ops<Plain> {
  constructor(
    private readonly weights: Record<string, Plain>,
    private readonly lora: Record<string, PlainLora> = {},
  ) {}

  weight(name: string): Plain {
    return this.weights[name]!;
  }

  embedding(table: string, ids: Plain): Plain {
    const weight = this.weight(table);
    const width = last(weight);
    const data = ids.data.flatMap((id) => weight.data.slice(id * width, (id + 1) * width));
    return { shape: [...ids.shape, width], data };
  }

  linear(x: Plain, module: string, bias: boolean): Plain {
    const { shape, data } = this.weight(`${module}.weight`);
    const y = this.project(x, transpose2({ shape: [shape[0]!, data.length / shape[0]!], data }));
    const rows = this.lora[module]?.rows;
    const perRow = y.data.length / (rows?.length ?? 1);
    rows?.forEach((pair, row) => {
      if (!pair) return;
      const per = x.data.length / rows.length;
      const part = { shape: [per / last(x), last(x)], data: x.data.slice(row * per, (row + 1) * per) };
      const added = this.project(this.project(part, pair.down), pair.up);
      for (let i = 0; i < perRow; i++) y.data[row * perRow + i]! += added.data[i]!;
    });
    return bias ? this.add(y, this.weight(`${module}.bias`)) : y;
  }

  add(a: Plain, b: Plain): Plain {
    return { shape: a.shape, data: a.data.map((value, i) => value + b.data[i % b.data.length]!) };
  }

  mul(a: Plain, b: Plain): Plain {
    return { shape: a.shape, data: a.data.map((value, i) => value * b.data[i % b.data.length]!) };
  }

  scale(x: Plain, factor: number): Plain {
    return { shape: x.shape, data: x.data.map((value) => value * factor) };
  }

  rmsNorm(x: Plain, weight: string, eps: number, unitOffset: boolean): Plain {
    const w = this.weight(weight).data;
    return rows(x, (row) => {
      const rms = Math.sqrt(mean(row.map((value) => value * value)) + eps);
      return row.map((value, i) => (value / rms) * (w[i]! + (unitOffset ? 1 : 0)));
    });
  }

  layerNorm(x: Plain, weight: string, bias: string, eps: number): Plain {
    const [w, b] = [this.weight(weight).data, this.weight(bias).data];
    return rows(x, (row) => {
      const center = mean(row);
      const deviation = Math.sqrt(mean(row.map((value) => (value - center) ** 2)) + eps);
      return row.map((value, i) => ((value - center) / deviation) * w[i]! + b[i]!);
    });
  }

  geluTanh(x: Plain): Plain {
    const gelu = (v: number) => 0.5 * v * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (v + 0.044715 * v ** 3)));
    return { shape: x.shape, data: x.data.map(gelu) };
  }

  /** erf by Simpson's rule over its integrand. */
  gelu(x: Plain): Plain {
    const erf = (end: number) => {
      const steps = 400;
      const at = (i: number) => Math.exp(-(((end * i) / steps) ** 2)) * (i === 0 || i === steps ? 1 : i % 2 ? 4 : 2);
      return ((2 / Math.sqrt(Math.PI)) * end * sum(Array.from({ length: steps + 1 }, (_, i) => at(i)))) / (3 * steps);
    };
    return { shape: x.shape, data: x.data.map((v) => 0.5 * v * (1 + erf(v / Math.SQRT2))) };
  }

  silu(x: Plain): Plain {
    return { shape: x.shape, data: x.data.map((value) => value / (1 + Math.exp(-value))) };
  }

  splitHeads(x: Plain, heads: number): Plain {
    const [batch, length, width] = x.shape as [number, number, number];
    const channels = width / heads;
    return build([batch, heads, length, channels], ([b, h, t, c]) => at(x, [b!, t!, h! * channels + c!]));
  }

  splitRows(x: Plain, heads: number, cos: Plain): Plain {
    return this.splitHeads({ shape: [cos.shape[0]!, cos.shape[1]!, last(x)], data: x.data }, heads);
  }

  mergeHeads(x: Plain, heads: number): Plain {
    const [batch, , length, channels] = x.shape as [number, number, number, number];
    const width = heads * channels;
    return build([batch, length, width], ([b, t, d]) => at(x, [b!, Math.floor(d! / channels), t!, d! % channels]));
  }

  rope(x: Plain, cos: Plain, sin: Plain): Plain {
    const half = last(x) / 2;
    return build(x.shape, ([b, h, t, c]) => {
      const angle = [b!, t!, c! % half];
      const other = at(x, [b!, h!, t!, (c! + half) % (2 * half)]);
      return at(x, [b!, h!, t!, c!]) * at(cos, angle) + (c! < half ? -other : other) * at(sin, angle);
    });
  }

  appendCache(past: Plain | null, now: Plain): Plain {
    if (past === null) return now;
    const [batch, heads, cached, channels] = past.shape as [number, number, number, number];
    const shape = [batch, heads, cached + now.shape[2]!, channels];
    return build(shape, ([b, h, s, c]) =>
      s! < cached ? at(past, [b!, h!, s!, c!]) : at(now, [b!, h!, s! - cached, c!]),
    );
  }

  attention(q: Plain, k: Plain, v: Plain, bias: Plain | null, scale: number): Plain {
    const group = q.shape[1]! / k.shape[1]!;
    const positions = Array.from({ length: k.shape[2]! }, (_, s) => s);
    const channels = Array.from({ length: last(q) }, (_, c) => c);
    return build(q.shape, ([b, h, t, c]) => {
      const kv = Math.floor(h! / group);
      const scores = positions.map((s) => {
        const product = sum(channels.map((i) => at(q, [b!, h!, t!, i]) * at(k, [b!, kv, s, i])));
        return product * scale + (bias ? at(bias, [b!, 0, t!, s]) : 0);
      });
      const top = Math.max(...scores);
      const weights = scores.map((score) => Math.exp(score - top));
      return sum(positions.map((s) => weights[s]! * at(v, [b!, kv, s, c!]))) / sum(weights);
    });
  }

  patchEmbed(pixels: Plain, weight: string, bias: string, patch: number): Plain {
    const [images, channels, , width] = pixels.shape as [number, number, number, number];
    const w = this.weight(weight);
    const across = width / patch;
    const patches = (pixels.shape[2]! / patch) * across;
    return build([images, patches, w.shape[0]!], ([i, p, o]) => {
      let total = this.weight(bias).data[o!]!;
      for (let c = 0; c < channels; c++)
        for (let y = 0; y < patch; y++)
          for (let x = 0; x < patch; x++) {
            const place = [i!, c, Math.floor(p! / across) * patch + y, (p! % across) * patch + x];
            total += at(pixels, place) * at(w, [o!, c, y, x]);
          }
      return total;
    });
  }

  poolTokens(x: Plain, side: number, target: number): Plain {
    const square = side / target;
    return build([x.shape[0]!, target * target, last(x)], ([i, p, d]) => {
      const [top, left] = [Math.floor(p! / target) * square, (p! % target) * square];
      const inside: number[] = [];
      for (let y = 0; y < square; y++)
        for (let z = 0; z < square; z++) inside.push(at(x, [i!, (top + y) * side + left + z, d!]));
      return mean(inside);
    });
  }

  addPositions(x: Plain, weight: string): Plain {
    return this.add(x, this.weight(weight));
  }

  project(x: Plain, weight: string | Plain): Plain {
    const w = typeof weight === 'string' ? this.weight(weight) : weight;
    const [inside, outside] = w.shape as [number, number];
    const y: Plain = { shape: [...x.shape.slice(0, -1), outside], data: [] };
    for (let row = 0; row < x.data.length / inside; row++)
      for (let o = 0; o < outside; o++) {
        let total = 0;
        for (let i = 0; i < inside; i++) total += x.data[row * inside + i]! * w.data[i * outside + o]!;
        y.data.push(total);
      }
    return y;
  }

  placeRows(x: Plain, features: Plain, index: Plain): Plain {
    return build(x.shape, ([b, t, d]) => {
      const row = at(index, [b!, t!]);
      return row >= 0 ? at(features, [row, d!]) : at(x, [b!, t!, d!]);
    });
  }

  takeRows(x: Plain, rows: Plain): Plain {
    return build([rows.data.length, last(x)], ([n, d]) => at(this.flattenRows(x), [rows.data[n!]!, d!]));
  }

  asRows(x: Plain, width: number): Plain {
    return { shape: [x.data.length / width, width], data: x.data };
  }

  columns(x: Plain, start: number, end: number): Plain {
    return build([x.shape[0]!, end - start], ([n, d]) => at(x, [n!, start + d!]));
  }

  flattenRows(x: Plain): Plain {
    return { shape: [x.data.length / last(x), last(x)], data: x.data };
  }

  layer<C extends LayerContext<Plain>>(
    _name: string,
    x: Plain,
    context: C,
    compute: (x: Plain, context: C) => Plain,
  ): Plain {
    return compute(x, context);
  }
}

function transpose2(x: Plain): Plain {
  return build([x.shape[1]!, x.shape[0]!], ([i, j]) => at(x, [j!, i!]));
}

function at(x: Plain, place: number[]): number {
  let flat = 0;
  for (let axis = 0; axis < place.length; axis++) flat = flat * x.shape[axis]! + place[axis]!;
  return x.data[flat]!;
}

function build(shape: number[], value: (place: number[]) => number): Plain {
  const data = Array.from({ length: size(shape) }, (_, flat) => {
    const place: number[] = [];
    let rest = flat;
    for (let axis = shape.length - 1; axis >= 0; axis--) {
      place.unshift(rest % shape[axis]!);
      rest = Math.floor(rest / shape[axis]!);
    }
    return value(place);
  });
  return { shape, data };
}

function rows(x: Plain, change: (row: number[]) => number[]): Plain {
  const width = last(x);
  const data: number[] = [];
  for (let start = 0; start < x.data.length; start += width) data.push(...change(x.data.slice(start, start + width)));
  return { shape: x.shape, data };
}

const sum = (values: number[]) => values.reduce((a, b) => a + b, 0);
const mean = (values: number[]) => sum(values) / values.length;

/**
 * Drawing in unit coordinates on a square raster of any size. Every primitive has a width in units, and one thinner than
 * a pixel is drawn a pixel wide with its integral kept, so that a film rendered small equals the large one reduced.
 * Shapes are densities that add up, as attenuations do on a film.
 */
import { Random } from '../base/random.ts';

/** Film = patient * scale, rotated by `angle` (radians), moved to `x`, `y`: units of the film's side, y downwards. */
export interface Placement {
  x: number;
  y: number;
  scale: number;
  angle: number;
}

/** A point of a stroke: position and half width in units; `weight` multiplies the density (1 where left out). */
export interface StrokePoint {
  x: number;
  y: number;
  r: number;
  weight?: number;
}

/** Density across a stroke: `d` is the distance from the axis in half widths, 0 to 1. */
export type Profile = (d: number) => number;

/** A filled rod: a vessel, a tube full of fluid, a wire. */
export const rod: Profile = (d) => Math.sqrt(1 - d * d);
/** A flat band with soft rims. */
export const band: Profile = (d) => 1 - d * d * d * d;
/** Highest in the middle, without rims. */
export const ridge: Profile = (d) => 1 - d * d;
/** A bone: spongy inside, dense cortex at the rims. */
export const bone: Profile = (d) => 0.55 * Math.sqrt(1 - d * d) + 0.62 * Math.max(0, 1 - Math.abs(d - 0.86) * 7);
/** A hollow tube: two walls. */
export const tube: Profile = (d) => 0.18 * Math.sqrt(1 - d * d) + Math.max(0, 1 - Math.abs(d - 0.8) * 5);

/** Of a stroke under way: 1 on its axis, 0 at its rim and beyond, and the weight of the segment that is nearest. */
interface Scratch {
  nearness: Float32Array;
  weight: Float32Array;
}

/** One plane of densities with the way from the patient's units to its pixels. */
export class Plane {
  readonly data: Float32Array;
  private readonly scratch: Scratch;
  private readonly cos: number;
  private readonly sin: number;
  private readonly pixelsPerUnit: number;
  private x0 = 0;
  private x1 = 0;
  private y0 = 0;
  private y1 = 0;

  constructor(
    readonly size: number,
    readonly placement: Placement,
    scratch?: Scratch,
  ) {
    this.data = new Float32Array(size * size);
    this.scratch = scratch ?? { nearness: new Float32Array(size * size), weight: new Float32Array(size * size) };
    this.pixelsPerUnit = size * placement.scale;
    this.cos = Math.cos(placement.angle) * this.pixelsPerUnit;
    this.sin = Math.sin(placement.angle) * this.pixelsPerUnit;
  }

  /** A plane that shares this one's geometry and scratch memory. */
  sibling(): Plane {
    return new Plane(this.size, this.placement, this.scratch);
  }

  private px(x: number, y: number): number {
    return this.placement.x * this.size + this.cos * x - this.sin * y - 0.5;
  }

  private py(x: number, y: number): number {
    return this.placement.y * this.size + this.sin * x + this.cos * y - 0.5;
  }

  /** Adds a polyline of round segments; where its segments overlap, the nearest axis counts. */
  stroke(points: readonly StrokePoint[], density: number, profile: Profile = rod): void {
    this.strokes([points], density, profile);
  }

  /** The same of several polylines that are one thing, such as the branches of a vessel. */
  strokes(lines: readonly (readonly StrokePoint[])[], density: number, profile: Profile = rod): void {
    this.clearBox();
    for (const points of lines) {
      for (let i = 1; i < points.length; i++) this.segment(points[i - 1]!, points[i]!);
    }
    this.flush(density, profile);
  }

  private segment(a: StrokePoint, b: StrokePoint): void {
    const ax = this.px(a.x, a.y);
    const ay = this.py(a.x, a.y);
    const dx = this.px(b.x, b.y) - ax;
    const dy = this.py(b.x, b.y) - ay;
    const wide = this.pixelsPerUnit;
    const ra = Math.max(a.r * wide, 0.8);
    const rb = Math.max(b.r * wide, 0.8);
    const wa = (a.weight ?? 1) * ((a.r * wide) / ra);
    const wb = (b.weight ?? 1) * ((b.r * wide) / rb);
    const r = Math.max(ra, rb);
    const left = Math.max(0, Math.ceil(Math.min(ax, ax + dx) - r));
    const right = Math.min(this.size - 1, Math.floor(Math.max(ax, ax + dx) + r));
    const top = Math.max(0, Math.ceil(Math.min(ay, ay + dy) - r));
    const bottom = Math.min(this.size - 1, Math.floor(Math.max(ay, ay + dy) + r));
    if (left > right || top > bottom) return;
    this.grow(left, right, top, bottom);
    const inverse = 1 / Math.max(dx * dx + dy * dy, 1e-9);
    const { size } = this;
    const { nearness, weight } = this.scratch;
    for (let y = top; y <= bottom; y++) {
      for (let x = left; x <= right; x++) {
        const t = Math.min(1, Math.max(0, ((x - ax) * dx + (y - ay) * dy) * inverse));
        const ex = x - ax - t * dx;
        const ey = y - ay - t * dy;
        const rt = ra + (rb - ra) * t;
        const squared = ex * ex + ey * ey;
        if (squared >= rt * rt) continue;
        const near = 1 - Math.sqrt(squared) / rt;
        const at = y * size + x;
        if (near > nearness[at]!) {
          nearness[at] = near;
          weight[at] = wa + (wb - wa) * t;
        }
      }
    }
  }

  /** Adds `density(x, y)` over a box given in the patient's units (the turned box is covered whole). */
  area(box: { x0: number; x1: number; y0: number; y1: number }, density: (x: number, y: number) => number): void {
    const xs = [this.px(box.x0, box.y0), this.px(box.x1, box.y0), this.px(box.x0, box.y1), this.px(box.x1, box.y1)];
    const ys = [this.py(box.x0, box.y0), this.py(box.x1, box.y0), this.py(box.x0, box.y1), this.py(box.x1, box.y1)];
    const left = Math.max(0, Math.ceil(Math.min(...xs)));
    const right = Math.min(this.size - 1, Math.floor(Math.max(...xs)));
    const top = Math.max(0, Math.ceil(Math.min(...ys)));
    const bottom = Math.min(this.size - 1, Math.floor(Math.max(...ys)));
    const { data, size } = this;
    const inverse = 1 / (this.pixelsPerUnit * this.pixelsPerUnit);
    for (let y = top; y <= bottom; y++) {
      for (let x = left; x <= right; x++) {
        const ex = x + 0.5 - this.placement.x * size;
        const ey = y + 0.5 - this.placement.y * size;
        const value = density((ex * this.cos + ey * this.sin) * inverse, (ey * this.cos - ex * this.sin) * inverse);
        if (value !== 0) data[y * size + x]! += value;
      }
    }
  }

  /** A pixel's width in the patient's units. */
  get pixel(): number {
    return 1 / this.pixelsPerUnit;
  }

  private clearBox(): void {
    this.x0 = this.size;
    this.x1 = -1;
    this.y0 = this.size;
    this.y1 = -1;
  }

  private grow(left: number, right: number, top: number, bottom: number): void {
    if (left < this.x0) this.x0 = left;
    if (right > this.x1) this.x1 = right;
    if (top < this.y0) this.y0 = top;
    if (bottom > this.y1) this.y1 = bottom;
  }

  private flush(density: number, profile: Profile): void {
    const { data, size } = this;
    const { nearness, weight } = this.scratch;
    for (let y = this.y0; y <= this.y1; y++) {
      for (let at = y * size + this.x0, end = y * size + this.x1; at <= end; at++) {
        const near = nearness[at]!;
        if (near === 0) continue;
        data[at]! += density * weight[at]! * profile(1 - near);
        nearness[at] = 0;
      }
    }
  }
}

/** A smooth function of one variable through given points (Catmull-Rom), tabulated for the inner loops. */
export class Curve {
  private readonly table: Float32Array;
  private readonly from: number;
  private readonly perStep: number;

  constructor(points: readonly (readonly [at: number, value: number])[], steps = 320) {
    this.from = points[0]![0];
    const to = points[points.length - 1]![0];
    this.perStep = steps / (to - this.from);
    this.table = Float32Array.from({ length: steps + 2 }, (_, i) =>
      through(points, Math.min(to, this.from + i / this.perStep)),
    );
  }

  at(x: number): number {
    const u = (x - this.from) * this.perStep;
    if (u <= 0) return this.table[0]!;
    if (u >= this.table.length - 2) return this.table[this.table.length - 2]!;
    const i = u | 0;
    const low = this.table[i]!;
    return low + (this.table[i + 1]! - low) * (u - i);
  }
}

function through(points: readonly (readonly [number, number])[], x: number): number {
  let i = 0;
  while (i < points.length - 2 && x > points[i + 1]![0]) i++;
  const [x1, y1] = points[i]!;
  const [x2, y2] = points[i + 1]!;
  const slope = (k: number): number => {
    const a = points[Math.max(0, k - 1)]!;
    const b = points[Math.min(points.length - 1, k + 1)]!;
    return (b[1] - a[1]) / (b[0] - a[0]);
  };
  const h = x2 - x1;
  const t = (x - x1) / h;
  const t2 = t * t;
  const t3 = t2 * t;
  const m1 = slope(i) * h;
  const m2 = slope(i + 1) * h;
  return (2 * t3 - 3 * t2 + 1) * y1 + (t3 - 2 * t2 + t) * m1 + (3 * t2 - 2 * t3) * y2 + (t3 - t2) * m2;
}

/** 0 below `a`, 1 above `b`, smooth between. */
export function smoothstep(a: number, b: number, x: number): number {
  const t = Math.min(1, Math.max(0, (x - a) / (b - a)));
  return t * t * (3 - 2 * t);
}

const TILE = 256;
let clouds: Float32Array | undefined;

/**
 * Cloudy texture in unit coordinates, mean 0, about -1 to 1; `cell` is the size of its coarsest cloud. The same everywhere
 * and at every size; a scene shifts into it by its own offset.
 */
export function cloud(x: number, y: number, cell: number): number {
  clouds ??= makeClouds();
  const u = (x / cell) * 16 + 4096 * 16;
  const v = (y / cell) * 16 + 4096 * 16;
  const iu = Math.floor(u);
  const iv = Math.floor(v);
  const fu = u - iu;
  const fv = v - iv;
  const a = (iv & 255) * TILE;
  const b = ((iv + 1) & 255) * TILE;
  const l = iu & 255;
  const r = (iu + 1) & 255;
  const top = clouds[a + l]! + (clouds[a + r]! - clouds[a + l]!) * fu;
  const low = clouds[b + l]! + (clouds[b + r]! - clouds[b + l]!) * fu;
  return top + (low - top) * fv;
}

/** Five octaves of periodic value noise on a tile of 16 coarsest cells a side. */
function makeClouds(): Float32Array {
  const random = new Random('phantom clouds');
  const out = new Float32Array(TILE * TILE);
  for (let octave = 0; octave < 5; octave++) {
    const cells = 16 << octave;
    const values = Float32Array.from({ length: cells * cells }, () => random.between(-1, 1));
    const step = TILE / cells;
    for (let y = 0; y < TILE; y++) {
      const v = Math.floor(y / step);
      const fv = smoothstep(0, 1, y / step - v);
      for (let x = 0; x < TILE; x++) {
        const u = Math.floor(x / step);
        const fu = smoothstep(0, 1, x / step - u);
        const at = (i: number, j: number) => values[((v + j) % cells) * cells + ((u + i) % cells)]!;
        const top = at(0, 0) + (at(1, 0) - at(0, 0)) * fu;
        const low = at(0, 1) + (at(1, 1) - at(0, 1)) * fu;
        out[y * TILE + x]! += (top + (low - top) * fv) * 0.58 ** octave;
      }
    }
  }
  return out;
}

/**
 * Grain of the detector: white noise as a Haar pyramid, so that the mean over a block of the fine grain is the coarse one.
 * Deviation 1 at 1,024 pixels, halving with every halving of the size; sizes between two powers take the nearest above.
 */
export function grain(size: number, seed: number): { at: (x: number, y: number) => number } {
  let side = 16;
  const random = new Random(seed);
  let level = Float32Array.from({ length: side * side }, () => (random.normal() * 16) / 1024);
  const noise = whiteBits(random.uint32());
  while (side < size) {
    const amplitude = (side * 2) / 1024;
    const next = new Float32Array(4 * side * side);
    for (let y = 0; y < side; y++) {
      for (let x = 0; x < side; x++) {
        const mean = level[y * side + x]!;
        // Three independent directions of a 2 x 2 block around its mean; with the mean's own variance the result is white.
        const p = noise() * amplitude * 0.5;
        const q = noise() * amplitude * 0.5;
        const r = noise() * amplitude * 0.5;
        const at = 4 * y * side + 2 * x;
        next[at] = mean + p + q + r;
        next[at + 1] = mean + p - q - r;
        next[at + 2 * side] = mean - p + q - r;
        next[at + 2 * side + 1] = mean - p - q + r;
      }
    }
    level = next;
    side *= 2;
  }
  if (side === size) return { at: (x, y) => level[y * side + x]! };
  const factor = side / size;
  return { at: (x, y) => level[Math.floor((y + 0.5) * factor) * side + Math.floor((x + 0.5) * factor)]! };
}

/** Nearly normal numbers (sum of four bytes), deviation 1; fast, for grain only. */
function whiteBits(seed: number): () => number {
  let state = seed | 1;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    const bytes = (state & 255) + ((state >>> 8) & 255) + ((state >>> 16) & 255) + ((state >>> 24) & 255);
    return (bytes - 510) / 147.8;
  };
}

/** Gaussian blur in place, sigma in pixels; nothing below a quarter of a pixel. */
export function blur(data: Float32Array, size: number, sigma: number): void {
  if (sigma < 0.25) return;
  const reach = Math.max(1, Math.ceil(sigma * 2.5));
  const kernel = Float32Array.from({ length: 2 * reach + 1 }, (_, i) =>
    Math.exp(-((i - reach) ** 2) / (2 * sigma ** 2)),
  );
  const total = kernel.reduce((sum, k) => sum + k, 0);
  for (let i = 0; i < kernel.length; i++) kernel[i]! /= total;
  const line = new Float32Array(size + 2 * reach);
  for (const [along, across] of [
    [1, size],
    [size, 1],
  ] as const) {
    for (let row = 0; row < size; row++) {
      const start = row * across;
      for (let i = -reach; i < size + reach; i++) {
        line[i + reach] = data[start + Math.min(size - 1, Math.max(0, i)) * along]!;
      }
      for (let i = 0; i < size; i++) {
        let sum = 0;
        for (let k = 0; k < kernel.length; k++) sum += kernel[k]! * line[i + k]!;
        data[start + i * along] = sum;
      }
    }
  }
}

/** The mean over `factor` x `factor` blocks. */
export function reduce(data: Float32Array, size: number, factor: number): Float32Array {
  if (factor === 1) return data;
  const small = size / factor;
  const out = new Float32Array(small * small);
  const share = 1 / (factor * factor);
  for (let y = 0; y < size; y++) {
    const row = ((y / factor) | 0) * small;
    for (let x = 0; x < size; x++) out[row + ((x / factor) | 0)]! += data[y * size + x]! * share;
  }
  return out;
}

/** Two passes of a running mean: a wide blur at a fixed cost. */
export function boxBlur(data: Float32Array, size: number, radius: number): Float32Array {
  const out = Float32Array.from(data);
  const line = new Float32Array(size);
  const share = 1 / (2 * radius + 1);
  for (const [along, across] of [
    [1, size],
    [size, 1],
    [1, size],
    [size, 1],
  ] as const) {
    for (let row = 0; row < size; row++) {
      const start = row * across;
      for (let i = 0; i < size; i++) line[i] = out[start + i * along]!;
      let sum = line[0]! * radius;
      for (let i = 0; i <= radius; i++) sum += line[Math.min(size - 1, i)]!;
      for (let i = 0; i < size; i++) {
        out[start + i * along] = sum * share;
        sum += line[Math.min(size - 1, i + radius + 1)]! - line[Math.max(0, i - radius)]!;
      }
    }
  }
  return out;
}

/** What a radiographer leaves on a film: side markers, printed or of lead, and the shutters' black border. */
import { band, Plane, smoothstep } from './raster.ts';
import type { Scene } from './scene.ts';

type Polyline = readonly (readonly [x: number, y: number])[];

/** Letters as strokes on a 1 x 1 field, y downwards. */
const LETTERS: Record<string, readonly Polyline[]> = {
  L: [
    [
      [0.1, 0],
      [0.1, 1],
      [0.75, 1],
    ],
  ],
  R: [
    [
      [0.1, 1],
      [0.1, 0],
      [0.6, 0],
      [0.75, 0.25],
      [0.6, 0.5],
      [0.1, 0.5],
    ],
    [
      [0.4, 0.5],
      [0.8, 1],
    ],
  ],
  A: [
    [
      [0, 1],
      [0.4, 0],
      [0.8, 1],
    ],
    [
      [0.15, 0.65],
      [0.65, 0.65],
    ],
  ],
  P: [
    [
      [0.1, 1],
      [0.1, 0],
      [0.6, 0],
      [0.75, 0.27],
      [0.6, 0.55],
      [0.1, 0.55],
    ],
  ],
  O: [
    [
      [0.4, 0],
      [0.1, 0.25],
      [0.1, 0.75],
      [0.4, 1],
      [0.7, 0.75],
      [0.7, 0.25],
      [0.4, 0],
    ],
  ],
  T: [
    [
      [0, 0],
      [0.8, 0],
    ],
    [
      [0.4, 0],
      [0.4, 1],
    ],
  ],
  E: [
    [
      [0.75, 0],
      [0.1, 0],
      [0.1, 1],
      [0.75, 1],
    ],
    [
      [0.1, 0.5],
      [0.6, 0.5],
    ],
  ],
  B: [
    [
      [0.1, 0],
      [0.1, 1],
      [0.6, 1],
      [0.75, 0.75],
      [0.6, 0.5],
      [0.1, 0.5],
    ],
    [
      [0.1, 0],
      [0.6, 0],
      [0.72, 0.25],
      [0.6, 0.5],
    ],
  ],
};

export function drawMarkers(film: Float32Array, size: number, scene: Scene): void {
  const plane = new Plane(size, { x: 0, y: 0, scale: 1, angle: 0 });
  const { look } = scene;
  const jitter = (scene.seed % 97) / 97;
  if (look.marker === 'lead') {
    const x = 0.9 + 0.03 * jitter;
    write(plane, 'L', x, 0.05 + 0.04 * jitter, 0.04, 0.0042, 0.12 * (jitter - 0.5));
    plane.stroke(
      [
        { x: x + 0.014, y: 0.115 + 0.04 * jitter, r: 0.009 },
        { x: x + 0.0145, y: 0.115 + 0.04 * jitter, r: 0.009 },
      ],
      0.8,
      band,
    );
  } else if (look.marker === 'printed') {
    write(plane, 'R', 0.045 + 0.02 * jitter, 0.045, 0.03, 0.0022, 0);
  } else if (look.marker === 'portable') {
    write(plane, scene.view === 'AP' ? 'PORTABLE' : 'PA', 0.05, 0.04 + 0.02 * jitter, 0.018, 0.0017, 0);
    write(plane, 'L', 0.925, 0.05 + 0.02 * jitter, 0.03, 0.0028, 0.2 * (jitter - 0.5));
  }
  for (let i = 0; i < film.length; i++) film[i] = film[i]! + (0.97 - film[i]!) * Math.min(1, plane.data[i]!);
  closeShutter(film, size, look.shutter);
}

function write(plane: Plane, text: string, x: number, y: number, height: number, r: number, slant: number): void {
  [...text].forEach((letter, i) => {
    for (const polyline of LETTERS[letter] ?? []) {
      plane.stroke(
        polyline.map(([u, v]) => ({
          x: x + (i * 0.95 + u * 0.8 - slant * v) * height,
          y: y + (v + slant * u) * height,
          r,
        })),
        0.95,
        band,
      );
    }
  });
}

function closeShutter(film: Float32Array, size: number, [left, right, top, bottom]: Scene['look']['shutter']): void {
  if (left + right + top + bottom === 0) return;
  const open = (position: number, low: number, high: number) =>
    (low > 0 ? smoothstep(low - 0.003, low + 0.003, position) : 1) *
    (high > 0 ? smoothstep(high - 0.003, high + 0.003, 1 - position) : 1);
  const columns = Float32Array.from({ length: size }, (_, i) => open((i + 0.5) / size, left, right));
  for (let y = 0; y < size; y++) {
    const row = open((y + 0.5) / size, top, bottom);
    for (let x = 0; x < size; x++) film[y * size + x]! *= row * columns[x]!;
  }
}

/** Tubes, lines and implants: what is added to the attenuation, in the patient's units. */
import { Random } from '../base/random.ts';
import { APEX, CARINA, type Geometry, isInvolved, SIDES, signOf } from './geometry.ts';
import { isInPleuralAir } from './lungs.ts';
import { band, cloud, type Plane, rod, type StrokePoint, tube } from './raster.ts';
import type { Device, Scene } from './scene.ts';

type Point = readonly [x: number, y: number];
type Drawer = (plane: Plane, device: Device, scene: Scene, geometry: Geometry, random: Random) => void;

const DRAWERS: Record<Device['name'], Drawer> = {
  endotracheal(plane, _device, _scene, geometry, random) {
    const x = geometry.shift;
    const tip = CARINA - random.between(0.055, 0.12);
    const course: Point[] = [
      [x + 0.012, -0.3],
      [x + 0.008, -0.05],
      [x + 0.003, 0.1],
      [x - 0.002, tip],
    ];
    line(plane, course, 0.0098, 0.16, tube);
    line(
      plane,
      course.map(([px, y]): Point => [px + 0.0062, y]),
      0.0013,
      0.4,
      rod,
    );
  },
  feeding(plane, _device, scene, geometry, random) {
    const x = geometry.shift;
    const end = scene.anatomy.dome + random.between(0.1, 0.2);
    const stomach = random.between(0.1, 0.19);
    const course: Point[] = [
      [x - 0.006, -0.3],
      [x + 0.004, 0.1],
      [x + 0.012, 0.3],
      [x + 0.02, 0.5],
      [x + 0.03, scene.anatomy.dome + 0.02],
      [x + 0.06, scene.anatomy.dome + 0.07],
      [stomach, end],
    ];
    line(plane, course, 0.0042, 0.13, tube);
    line(plane, course, 0.0011, 0.3, rod);
  },
  jugular(plane, device, scene, geometry, random) {
    const s = signOf(device.side);
    const x = geometry.shift;
    const tip = random.between(0.33, 0.44);
    line(
      plane,
      [
        [s * 0.1, -0.3],
        [s * 0.082, -0.02],
        [s * 0.07, 0.08],
        [x - 0.052, 0.2],
        [x - 0.05, 0.28],
        [x - 0.046, tip],
      ],
      0.0024,
      0.36,
      rod,
    );
    drawHub(plane, s * 0.11 + scene.anatomy.rotation, -0.03);
  },
  subclavian(plane, device, scene, geometry, random) {
    const s = signOf(device.side);
    const x = geometry.shift;
    const port = random.chance(0.45);
    const px = s * random.between(0.2, 0.26);
    const py = random.between(0.25, 0.3);
    const lift = scene.anatomy.clavicle;
    const start: Point[] = port
      ? [
          [px, py],
          [s * 0.25, 0.21 + lift],
        ]
      : [
          [s * 0.6, 0.33],
          [s * 0.42, 0.24],
          [s * 0.3, 0.19 + lift],
        ];
    line(
      plane,
      [
        ...start,
        [s * 0.2, 0.172 + lift],
        [s * 0.1, 0.178 + lift],
        [x - 0.035, 0.225],
        [x - 0.05, 0.29],
        [x - 0.046, random.between(0.35, 0.42)],
      ],
      0.0022,
      0.36,
      rod,
    );
    if (port) drawPort(plane, px, py);
  },
  pacemaker(plane, device, scene, geometry, random) {
    const s = signOf(device.side);
    const x = geometry.shift;
    const gx = s * random.between(0.255, 0.3);
    const gy = random.between(0.215, 0.26);
    drawGenerator(plane, gx, gy, s);
    const lift = scene.anatomy.clavicle;
    const vein: Point[] = [
      [gx - s * 0.02, gy - 0.035],
      [s * 0.25, 0.19 + lift],
      [s * 0.17, 0.168 + lift],
      [s * 0.08, 0.18 + lift],
      [x - 0.03, 0.235],
      [x - 0.05, 0.32],
      [x - 0.052, 0.43],
    ];
    const apex = geometry.heartLeft.at(scene.anatomy.dome - 0.01);
    const floor = scene.anatomy.dome + 0.005;
    line(
      plane,
      [...vein, [x - 0.045, 0.52], [x - 0.01, floor - 0.05], [x + 0.06, floor - 0.015], [apex - 0.055, floor - 0.02]],
      0.0023,
      0.5,
      rod,
    );
    line(
      plane,
      [
        [apex - 0.085, floor - 0.018],
        [apex - 0.055, floor - 0.02],
      ],
      0.0034,
      0.5,
      rod,
    );
    if (random.chance(0.75))
      line(plane, [...vein, [x - 0.06, 0.5], [x - 0.045, 0.545], [x - 0.02, 0.52]], 0.0021, 0.5, rod);
  },
  chestTube(plane, device, _scene, geometry, random) {
    const s = signOf(device.side);
    const y = random.between(0.5, 0.6);
    const wall = geometry.cage.at(y);
    const course: Point[] = [
      [s * (wall + 0.16), y + 0.1],
      [s * (wall + 0.02), y + 0.015],
      [s * (wall - 0.03), y - 0.04],
      [s * (wall - 0.06), y - 0.15],
      [s * 0.21, APEX + 0.1],
    ];
    line(plane, course, 0.0075, 0.14, tube);
    line(plane, course, 0.0016, 0.36, rod);
  },
  leads(plane, _device, _scene, _geometry, random) {
    for (const [ex, ey, tx] of [
      [-0.24, 0.2, -0.5],
      [0.25, 0.21, 0.5],
      [0.27, 0.6, 0.5],
      [-0.02, 0.86, 0.1],
    ] as const) {
      const x = ex + random.between(-0.03, 0.03);
      const y = ey + random.between(-0.03, 0.03);
      disc(plane, x, y, 0.0115, 0.13);
      disc(plane, x, y, 0.0048, 0.6);
      const sag = random.between(0.02, 0.08);
      line(
        plane,
        [
          [x, y],
          [x + (tx - x) * 0.3, y + sag],
          [x + (tx - x) * 0.7, y + sag * 0.6],
          [tx * 1.15, y - random.between(0, 0.14)],
        ],
        0.0014,
        0.3,
        rod,
      );
    }
  },
  wires(plane, _device, scene, _geometry, random) {
    const x = scene.anatomy.rotation * 2;
    for (let i = 0; i < 6; i++) {
      const y = 0.25 + 0.062 * i + random.between(-0.005, 0.005);
      const w = random.between(0.009, 0.014);
      line(
        plane,
        [
          [x - w, y + 0.004],
          [x - w * 0.6, y - 0.006],
          [x + w * 0.7, y - 0.005],
          [x + w, y + 0.003],
          [x + 0.001, y + 0.006],
          [x - 0.002, y + 0.013],
        ],
        0.0014,
        0.55,
        rod,
      );
    }
  },
};

export function drawDevices(plane: Plane, scene: Scene, geometry: Geometry): void {
  for (const device of scene.devices) DRAWERS[device.name](plane, device, scene, geometry, new Random(device.seed));
  drawPleuralLines(plane, geometry);
  if (scene.findings.pleuralOther) drawPlaques(plane, scene, geometry);
}

/** The thin white line of the visceral pleura, air on both sides of it. */
function drawPleuralLines(plane: Plane, geometry: Geometry): void {
  for (const side of SIDES) {
    const { pleuralLine, sign, domeTop } = geometry[side];
    if (!pleuralLine) continue;
    const points: StrokePoint[] = [];
    for (let y = APEX; y < domeTop + 0.02; y += 0.008) {
      const across = pleuralLine.at(y);
      if (!isInPleuralAir(pleuralLine, across - 0.01, y)) points.push({ x: sign * across, y, r: 0.0016 });
    }
    plane.stroke(points, 0.085, rod);
  }
}

/** Calcified pleural plaques: sharp, ragged and denser than soft tissue. */
function drawPlaques(plane: Plane, scene: Scene, geometry: Geometry): void {
  const finding = scene.findings.pleuralOther!;
  const random = new Random(finding.seed);
  if (!random.chance(0.5)) return;
  for (const side of SIDES) {
    if (!isInvolved(finding, side)) continue;
    for (let i = 0; i < 2 + Math.round(3 * finding.severity); i++) {
      const y0 = random.between(0.4, 0.62);
      const x0 = signOf(side) * (geometry.cage.at(y0) - random.between(0.03, 0.13));
      const r = random.between(0.016, 0.03);
      const offset = random.uniform() * 7;
      plane.area({ x0: x0 - 1.6 * r, x1: x0 + 1.6 * r, y0: y0 - r, y1: y0 + r }, (x, y) => {
        const d = Math.hypot((x - x0) / (1.4 * r), (y - y0) / (0.7 * r)) + 0.5 * cloud(x + offset, y, 0.02);
        return d < 0.8 ? 0.12 * Math.min(1, (0.8 - d) * 6) * (1 + 0.7 * cloud(x, y + offset, 0.008)) : 0;
      });
    }
  }
}

/** A smooth course through the points, drawn with one width. */
function line(
  plane: Plane,
  points: readonly Point[],
  r: number,
  density: number,
  profile: (d: number) => number,
): void {
  const course: StrokePoint[] = [];
  for (let i = 0; i < points.length - 1; i++) {
    for (let k = 0; k < 6; k++) course.push({ ...between(points, i, k / 6), r });
  }
  const [x, y] = points[points.length - 1]!;
  course.push({ x, y, r });
  plane.stroke(course, density, profile);
}

function between(points: readonly Point[], i: number, t: number): { x: number; y: number } {
  const [p0, p1, p2, p3] = [
    points[Math.max(0, i - 1)]!,
    points[i]!,
    points[i + 1]!,
    points[Math.min(points.length - 1, i + 2)]!,
  ];
  const along = (k: 0 | 1) =>
    0.5 *
    (2 * p1[k] +
      (p2[k] - p0[k]) * t +
      (2 * p0[k] - 5 * p1[k] + 4 * p2[k] - p3[k]) * t * t +
      (3 * p1[k] - p0[k] - 3 * p2[k] + p3[k]) * t ** 3);
  return { x: along(0), y: along(1) };
}

function disc(plane: Plane, x: number, y: number, r: number, density: number): void {
  plane.stroke(
    [
      { x, y, r },
      { x: x + 0.0002, y, r },
    ],
    density,
    band,
  );
}

function drawHub(plane: Plane, x: number, y: number): void {
  line(
    plane,
    [
      [x, y],
      [x + 0.004, y - 0.03],
    ],
    0.006,
    0.18,
    band,
  );
}

function drawPort(plane: Plane, x: number, y: number): void {
  disc(plane, x, y, 0.017, 0.2);
  plane.stroke(
    [
      { x, y, r: 0.011 },
      { x: x + 0.0002, y, r: 0.011 },
    ],
    0.5,
    tube,
  );
}

/** A can with rounded corners, battery and circuit inside, and the block where the leads plug in. */
function drawGenerator(plane: Plane, x0: number, y0: number, side: number): void {
  const [w, h] = [0.043, 0.034];
  plane.area({ x0: x0 - 0.06, x1: x0 + 0.06, y0: y0 - 0.06, y1: y0 + 0.05 }, (x, y) => {
    const u = Math.abs(x - x0) / w;
    const v = Math.abs(y - y0) / h;
    const d = (u ** 3.2 + v ** 3.2) ** (1 / 3.2);
    const header = Math.abs(x - x0 + side * 0.012) < 0.024 && y < y0 - h * 0.8 && y > y0 - h - 0.012 ? 0.3 : 0;
    if (d >= 1) return header;
    const battery = side * (x - x0) > 0.004 ? 0.35 : 0;
    const circuit = battery === 0 ? 0.22 * (cloud(x * 3, y * 3, 0.05) > 0 ? 1 : 0) : 0;
    return Math.max(header, 0.75 + battery + circuit + (d > 0.93 ? 0.25 : 0));
  });
}

/** The skeleton of a phantom film: what is added to the soft tissue's attenuation. */
import { Random } from '../base/random.ts';
import { type Geometry, SIDES, signOf } from './geometry.ts';
import { bone, type Plane, ridge, rod, type StrokePoint, smoothstep } from './raster.ts';
import type { Scene, Side } from './scene.ts';

const VERTEBRA = 0.0555;
const FIRST_RIB = 0.088;
/** How far the front end of each rib hangs below its head. */
const DROP = [0.1, 0.145, 0.18, 0.21, 0.235, 0.258, 0.272, 0.28, 0.278, 0.262, 0.23];

export function drawBones(plane: Plane, scene: Scene, geometry: Geometry): void {
  drawSpine(plane, scene);
  for (const side of SIDES) {
    for (let rib = 0; rib < DROP.length; rib++) drawRib(plane, scene, geometry, side, rib);
    drawClavicle(plane, scene, side);
    drawScapula(plane, scene, side);
  }
}

interface Break {
  /** Angle along the rib, 0 at the spine, pi at the sternum. */
  at: number;
  severity: number;
}

/** Two to four neighbouring ribs break together. */
function breakOf(scene: Scene, side: Side, rib: number): Break | null {
  const fracture = scene.findings.fracture;
  if (!fracture || (fracture.side ?? 'right') !== side) return null;
  const random = new Random(fracture.seed);
  const count = 2 + Math.round(2 * fracture.severity);
  const first = { upper: 1, middle: 3, lower: 5 }[fracture.zone] + random.below(2);
  const at = random.between(1.05, 1.4);
  return rib >= first && rib < first + count ? { at: at + 0.06 * (rib - first), severity: fracture.severity } : null;
}

/** A rib lies on a tilted ellipse; the part behind is drawn stronger than the part in front, which ends in cartilage. */
function drawRib(plane: Plane, scene: Scene, geometry: Geometry, side: Side, rib: number): void {
  const drop = DROP[rib]!;
  const head = FIRST_RIB + VERTEBRA * rib;
  const reach = rib === 0 ? 0.142 * scene.anatomy.cageWidth : geometry.cage.at(head + drop / 2) + 0.003;
  const end = rib < 7 ? 2.62 : rib < 9 ? 2.3 : rib === 9 ? 1.95 : 1.65;
  const broken = breakOf(scene, side, rib);
  const point = (angle: number, weight: number): StrokePoint => {
    const moved = broken && angle > broken.at ? broken.severity : 0;
    const across = Math.sin(angle) ** 0.85;
    return {
      x: signOf(side) * (0.03 + (reach - 0.03) * across - 0.011 * moved),
      y: head + (drop * (1 - Math.cos(angle))) / 2 - 0.012 * Math.sin(angle) ** 2 + 0.013 * moved,
      r: (rib === 0 ? 0.0135 : 0.0108) + 0.004 * smoothstep(1.4, 2.4, angle),
      weight,
    };
  };
  const course = (from: number, to: number, weight: (angle: number) => number): StrokePoint[] =>
    Array.from({ length: 19 }, (_, i) => from + ((to - from) * i) / 18).map((angle) => point(angle, weight(angle)));
  const behind = (angle: number) => (0.2 + 0.8 * smoothstep(0.1, 0.5, angle)) * (1 - smoothstep(1.5, 1.75, angle));
  const inFront = (angle: number) => 0.7 * smoothstep(1.45, 1.75, angle) * (1 - smoothstep(end - 0.35, end, angle));
  const density = 0.15 * (rib > 8 ? 0.7 : 1);
  if (broken) {
    plane.stroke(course(0.12, broken.at - 0.035, behind), density, bone);
    plane.stroke(course(broken.at + 0.005, 1.75, behind), density, bone);
    drawCallus(plane, point(broken.at + 0.01, 1), broken.severity);
  } else plane.stroke(course(0.12, 1.75, behind), density, bone);
  if (end > 1.75) plane.stroke(course(1.4, end, inFront), density, bone);
}

/** New bone and blood around the ends of a break. */
function drawCallus(plane: Plane, at: StrokePoint, severity: number): void {
  const r = 0.016 + 0.008 * severity;
  plane.area({ x0: at.x - r, x1: at.x + r, y0: at.y - r, y1: at.y + r }, (x, y) => {
    const d = Math.hypot(x - at.x, y - at.y) / r;
    return d < 1 ? (0.12 + 0.14 * severity) * (1 - d * d) : 0;
  });
}

/** A smooth bump of height 1 between -1 and 1. */
function bump(x: number): number {
  const rest = 1 - x * x;
  return rest > 0 ? rest * rest * rest : 0;
}

/** Vertebral bodies with end plates, pedicles and spinous processes, discs between them. */
function drawSpine(plane: Plane, scene: Scene): void {
  const behind = -scene.anatomy.rotation;
  plane.area({ x0: -0.07, x1: 0.07, y0: -0.2, y1: 1.2 }, (x0, y) => {
    const x = x0 - behind;
    const level = (y - FIRST_RIB) / VERTEBRA + 0.45;
    const v = level - Math.floor(level);
    const half = 0.033 + 0.009 * smoothstep(0, 0.8, y) + 0.0022 * Math.cos(2 * Math.PI * (v - 0.06));
    const across = Math.abs(x);
    if (across > half + 0.03) return 0;
    const body = 1 - smoothstep(half - 0.006, half + 0.004, across);
    const disc = smoothstep(0.84, 0.9, v) - smoothstep(0.97, 1, v);
    const plates = bump((v - 0.83) / 0.07) + bump((v - 0.02) / 0.06);
    const edge = bump((across - half + 0.0025) / 0.0044) * (1 - disc);
    const px = (across - half * 0.62) / 0.0075;
    const py = (v - 0.36) / 0.17;
    const ring = Math.sqrt(px * px + py * py);
    const pedicle = bump((ring - 0.95) / 0.5);
    const spine = bump(x / 0.0084) * smoothstep(0.42, 0.6, v) * (1 - smoothstep(0.9, 1, v));
    const transverse = bump((v - 0.42) / 0.2) * (1 - smoothstep(half + 0.008, half + 0.026, across)) * (1 - body);
    return (
      body * (0.1 - 0.035 * disc + 0.022 * plates) + 0.02 * edge + 0.03 * pedicle + 0.05 * spine + 0.035 * transverse
    );
  });
}

function drawClavicle(plane: Plane, scene: Scene, side: Side): void {
  const { anatomy } = scene;
  const sign = signOf(side);
  const lift = anatomy.clavicle;
  const points = Array.from({ length: 17 }, (_, i): StrokePoint => {
    const t = i / 16;
    return {
      x: sign * (0.032 + 0.345 * t) * anatomy.cageWidth + anatomy.rotation * 2.2 * (1 - t),
      y: 0.176 + lift * (1 - t) - (0.07 - lift * 0.3) * t ** 1.15 + 0.011 * Math.sin(2 * Math.PI * t),
      r: 0.0105 + 0.006 * (1 - smoothstep(0, 0.16, t)) + 0.003 * smoothstep(0.75, 1, t),
    };
  });
  plane.stroke(points, 0.15, bone);
}

/** Blade, spine, acromion, coracoid and the head of the humerus; turned out of the lungs on an upright film. */
function drawScapula(plane: Plane, scene: Scene, side: Side): void {
  const sign = signOf(side);
  const w = scene.anatomy.cageWidth;
  const out = (1 - scene.anatomy.scapula) * 0.082 + (w - 1) * 0.3;
  const place = (x: number, y: number, r: number, weight = 1): StrokePoint => ({
    x: sign * (x + out * (0.55 + 0.9 * smoothstep(0.15, 0.45, y))),
    y,
    r,
    weight,
  });
  const line = (points: [number, number][], r: number, density: number) =>
    plane.stroke(
      points.map(([x, y]) => place(x, y, r)),
      density,
      ridge,
    );
  fillTriangle(plane, [place(0.28, 0.16, 0), place(0.323, 0.45, 0), place(0.43, 0.225, 0)], 0.035);
  line(
    [
      [0.285, 0.16],
      [0.279, 0.22],
      [0.285, 0.3],
      [0.3, 0.38],
      [0.318, 0.44],
      [0.325, 0.452],
    ],
    0.0034,
    0.065,
  );
  line(
    [
      [0.325, 0.452],
      [0.345, 0.425],
      [0.375, 0.35],
      [0.402, 0.285],
      [0.425, 0.24],
    ],
    0.006,
    0.085,
  );
  line(
    [
      [0.285, 0.16],
      [0.32, 0.145],
      [0.365, 0.155],
      [0.405, 0.17],
    ],
    0.003,
    0.06,
  );
  plane.stroke(
    [
      [0.283, 0.205],
      [0.34, 0.17],
      [0.4, 0.13],
      [0.455, 0.112],
    ].map(([x, y], i) => place(x!, y!, 0.0065 + 0.0018 * i)),
    0.085,
    bone,
  );
  plane.stroke(
    [
      [0.4, 0.18],
      [0.385, 0.19],
      [0.392, 0.205],
      [0.41, 0.2],
    ].map(([x, y]) => place(x!, y!, 0.0075)),
    0.07,
    bone,
  );
  drawHumerus(plane, scene, sign, out);
}

function fillTriangle(plane: Plane, corners: [StrokePoint, StrokePoint, StrokePoint], density: number): void {
  const xs = corners.map((c) => c.x);
  const ys = corners.map((c) => c.y);
  const [a, b, c] = corners;
  const turn = Math.sign((b.x - a.x) * (c.y - a.y) - (b.y - a.y) * (c.x - a.x));
  const inside = (p: StrokePoint, q: StrokePoint, x: number, y: number) =>
    (turn * ((q.x - p.x) * (y - p.y) - (q.y - p.y) * (x - p.x))) / Math.hypot(q.x - p.x, q.y - p.y);
  plane.area({ x0: Math.min(...xs), x1: Math.max(...xs), y0: Math.min(...ys), y1: Math.max(...ys) }, (x, y) => {
    const depth = Math.min(inside(a, b, x, y), inside(b, c, x, y), inside(c, a, x, y));
    return density * smoothstep(0, 0.006, depth);
  });
}

function drawHumerus(plane: Plane, scene: Scene, sign: number, out: number): void {
  const ap = scene.view === 'AP';
  const x = sign * (0.478 + out * 0.55);
  const y = ap ? 0.2 : 0.185;
  const r = 0.05;
  plane.area({ x0: x - r, x1: x + r, y0: y - r, y1: y + r }, (px, py) => {
    const d = Math.hypot(px - x, py - y) / r;
    if (d >= 1) return 0;
    return 0.11 * Math.sqrt(1 - d * d) + 0.06 * bump((d - 0.95) / 0.07);
  });
  const lean = ap ? 0.035 : 0.12;
  const shaft = [0, 0.3, 0.6, 1].map(
    (t): StrokePoint => ({
      x: x + sign * (0.012 + lean * t),
      y: y + 0.03 + 0.36 * t,
      r: 0.034 - 0.012 * Math.min(1, t * 2),
    }),
  );
  plane.stroke(shaft, 0.13, (d) => 0.5 * rod(d) + 0.9 * Math.max(0, 1 - Math.abs(d - 0.82) * 6));
}

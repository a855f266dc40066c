/**
 * What lies in the air of the lungs: vessels, hila, and the findings of lung and pleura. Written into a plane of optical
 * density S; the air that remains is exp(-S), so that a dense lung hides the border of the heart that it touches
 * (the silhouette sign), and an air bronchogram is a negative stroke in a dense lung.
 */
import { Random } from '../base/random.ts';
import { APEX, type Geometry, type HalfThorax, isInvolved, SIDES } from './geometry.ts';
import { cloud, type Plane, rod, type StrokePoint, smoothstep, tube } from './raster.ts';
import type { Finding, Scene, Side, Zone } from './scene.ts';

export function drawLungs(plane: Plane, scene: Scene, geometry: Geometry): void {
  for (const side of SIDES) {
    const half = geometry[side];
    drawVessels(plane, scene, geometry, half);
    drawSide(plane, scene, geometry, half);
  }
}

/** The findings of one side, each by its own function. */
function drawSide(plane: Plane, scene: Scene, geometry: Geometry, half: HalfThorax): void {
  const drawers = {
    edema: drawEdema,
    consolidation: drawConsolidation,
    pneumonia: drawPneumonia,
    atelectasis: drawAtelectasis,
    lesion: drawLesion,
    pleuralOther: drawPleuralThickening,
  } as const;
  for (const [name, draw] of Object.entries(drawers)) {
    const finding = scene.findings[name as keyof typeof drawers];
    if (isInvolved(finding, half.side)) draw(plane, finding, geometry, half);
  }
}

export function hilumOf(side: Side, geometry: Geometry): { x: number; y: number } {
  return side === 'right' ? { x: -0.07 + geometry.shift, y: 0.425 } : { x: 0.078 + geometry.shift, y: 0.408 };
}

/** Main vessels of a lung: where they leave the hilum, their direction (degrees above the horizontal) and half width. */
const TRUNKS: readonly { dx: number; dy: number; degrees: number; r: number }[] = [
  { dx: -0.01, dy: -0.02, degrees: 74, r: 0.0056 },
  { dx: 0.0, dy: -0.015, degrees: 46, r: 0.0058 },
  { dx: 0.005, dy: -0.005, degrees: 18, r: 0.0052 },
  { dx: 0.002, dy: 0.01, degrees: -16, r: 0.0052 },
  { dx: -0.005, dy: 0.01, degrees: -56, r: 0.0088 },
  { dx: -0.015, dy: 0.03, degrees: -34, r: 0.0062 },
  { dx: -0.02, dy: 0.05, degrees: -72, r: 0.006 },
];

function drawVessels(plane: Plane, scene: Scene, geometry: Geometry, half: HalfThorax): void {
  const random = new Random(scene.anatomy.seed).fork(half.side);
  const hilum = hilumOf(half.side, geometry);
  const edema = isInvolved(scene.findings.edema, half.side) ? scene.findings.edema.severity : 0;
  const width = scene.anatomy.vesselWidth * (1 + 0.3 * edema);
  for (const trunk of TRUNKS) {
    const upright = scene.view === 'PA' && trunk.degrees > 40 ? 0.82 : 1;
    const relief = trunk.degrees > 40 ? 1 + 0.45 * edema : 1;
    const twigs: StrokePoint[][] = [];
    branch(twigs, geometry, half, random, {
      x: hilum.x + half.sign * trunk.dx,
      y: hilum.y + trunk.dy,
      angle: (trunk.degrees + random.between(-9, 9)) * (Math.PI / 180),
      r: trunk.r * width * upright * relief,
      level: 0,
    });
    plane.strokes(twigs, 1, rod);
  }
  drawHilum(plane, half, hilum, random, width);
}

interface Twig {
  x: number;
  y: number;
  angle: number;
  r: number;
  level: number;
}

const FINEST = 0.00095;

/** Adds a twig and all that grow from it; a point's weight is the vessel's density there. */
function branch(twigs: StrokePoint[][], geometry: Geometry, half: HalfThorax, random: Random, twig: Twig): void {
  const length = random.between(0.024, 0.05) * Math.min(1.3, Math.sqrt(twig.r / 0.0045)) + 0.008;
  const bend = random.between(-0.55, 0.55) - 0.08 * Math.sin(2 * twig.angle);
  const points: StrokePoint[] = [];
  for (let i = 0; i <= 3; i++) {
    const angle = twig.angle + (bend * i) / 3;
    const before = points[i - 1];
    points.push({
      x: before ? before.x + (half.sign * Math.cos(angle) * length) / 3 : twig.x,
      y: before ? before.y - (Math.sin(angle) * length) / 3 : twig.y,
      r: twig.r * (1 - 0.05 * i),
      weight: 0.015 + 52 * twig.r * (1 - 0.05 * i),
    });
  }
  twigs.push(points);
  const end = points[3]!;
  const angle = twig.angle + bend;
  const children = [
    { spread: random.between(0.12, 0.42), ratio: random.between(0.78, 0.9) },
    { spread: -random.between(0.3, 0.75), ratio: random.between(0.52, 0.72) },
  ];
  const hand = random.chance(0.5) ? 1 : -1;
  for (const { spread, ratio } of children) {
    const r = twig.r * 0.95 * ratio;
    if (r < FINEST || twig.level > 8 || isOutside(end, geometry, half)) continue;
    branch(twigs, geometry, half, random, {
      x: end.x,
      y: end.y,
      angle: angle + hand * spread,
      r,
      level: twig.level + 1,
    });
  }
}

function isOutside(point: StrokePoint, geometry: Geometry, half: HalfThorax): boolean {
  const across = half.sign * point.x;
  if (across > geometry.cage.at(point.y) - 0.012 || point.y < APEX + 0.03) return true;
  if (point.y > half.dome.at(across) + 0.05) return true;
  return half.pleuralLine !== null && isInPleuralAir(half.pleuralLine, across, point.y);
}

/** Beyond the visceral pleura of a collapsed lung. */
export function isInPleuralAir(line: NonNullable<HalfThorax['pleuralLine']>, across: number, y: number): boolean {
  return across > line.at(y) - 0.002 || line.at(y) < 0.062;
}

/** The knot of vessels at the root of the lung, vessels seen end on, and the bronchi beside them. */
function drawHilum(
  plane: Plane,
  half: HalfThorax,
  hilum: { x: number; y: number },
  random: Random,
  width: number,
): void {
  const ry = 0.05 * width;
  const rx = 0.026 * width;
  plane.area(
    { x0: hilum.x - rx * 1.6, x1: hilum.x + rx * 1.6, y0: hilum.y - ry * 1.6, y1: hilum.y + ry * 1.6 },
    (x, y) => {
      const d = Math.hypot((x - hilum.x) / rx, (y - hilum.y) / ry);
      return d < 1.6 ? 0.5 * Math.exp(-d * d * 1.4) * (1 + 0.5 * cloud(x, y, 0.03)) : 0;
    },
  );
  for (let i = 0; i < 5; i++) {
    const x = hilum.x + half.sign * random.between(0.005, 0.06);
    const y = hilum.y + random.between(-0.07, 0.08);
    const r = random.between(0.003, 0.0052) * width;
    plane.stroke(
      [
        { x, y, r },
        { x: x + 0.0004, y, r },
      ],
      0.34,
      rod,
    );
    if (i < 2) ringAt(plane, x + half.sign * r * 2.2, y, r * 1.15, 0.18);
  }
}

function ringAt(plane: Plane, x: number, y: number, r: number, density: number): void {
  plane.stroke(
    [
      { x, y, r },
      { x: x + 0.0003, y, r },
    ],
    density,
    tube,
  );
}

const ZONES: Record<Zone, number> = { upper: 0.27, middle: 0.45, lower: 0.6 };

/** A place in the lung for a finding of this zone, away from the heart on the left. */
function placeOf(finding: Finding, random: Random, geometry: Geometry, half: HalfThorax): { x: number; y: number } {
  const y = Math.min(ZONES[finding.zone] + random.between(-0.045, 0.045), half.domeTop - 0.06);
  const heart = half.side === 'left' ? geometry.heartLeft.at(y) : geometry.heartRight.at(y);
  const inner = Math.max(heart + 0.03, 0.1);
  const outer = geometry.cage.at(y) - 0.05;
  const across = Math.min(outer, inner + Math.max(0, outer - inner) * random.between(0.15, 0.85));
  return { x: half.sign * across, y };
}

/** Perihilar haze, thick septa at the bases (Kerley B), cuffed bronchi. */
function drawEdema(plane: Plane, edema: Finding, geometry: Geometry, half: HalfThorax): void {
  const { severity } = edema;
  const hilum = hilumOf(half.side, geometry);
  const random = new Random(edema.seed).fork(half.side);
  const shiftX = random.uniform();
  const alveolar = smoothstep(0.5, 1, severity);
  const cx = hilum.x + half.sign * 0.05;
  plane.area({ x0: half.sign * 0.2 - 0.22, x1: half.sign * 0.2 + 0.22, y0: APEX, y1: 0.85 }, (x, y) => {
    const wing = Math.exp(-(((x - cx) / 0.105) ** 2) - ((y - hilum.y - 0.035) / 0.15) ** 2);
    const texture = 1 + 0.55 * cloud(x + shiftX, y, 0.035);
    const basal = 0.16 * smoothstep(0.3, 0.75, y);
    return (
      severity * ((0.5 + 0.85 * alveolar) * wing * texture + (basal + 0.08) * (1 + 0.4 * cloud(x, y + shiftX, 0.014)))
    );
  });
  for (let i = 0; i < 9; i++) {
    const y = half.domeTop + 0.06 - 0.018 * i + random.between(-0.004, 0.004);
    const x = half.sign * (geometry.cage.at(y) - 0.006);
    const length = random.between(0.02, 0.034);
    plane.stroke(
      [
        { x, y, r: 0.0011 },
        { x: x - half.sign * length, y: y + random.between(-0.004, 0.002), r: 0.0009 },
      ],
      0.42 * severity,
      rod,
    );
  }
  for (let i = 0; i < 3; i++) {
    ringAt(
      plane,
      hilum.x + half.sign * random.between(0.02, 0.07),
      hilum.y + random.between(-0.06, 0.07),
      0.0065,
      0.4 * severity,
    );
  }
}

/** A dense lobe or part of it, bounded by a fissure where it meets one, with the bronchi that stay open. */
function drawConsolidation(plane: Plane, finding: Finding, geometry: Geometry, half: HalfThorax): void {
  const random = new Random(finding.seed);
  const at = placeOf(finding, random, geometry, half);
  const rx = random.between(0.085, 0.115) * (0.65 + 0.45 * finding.severity);
  const ry = random.between(0.07, 0.105) * (0.65 + 0.45 * finding.severity);
  const offset = random.uniform();
  const fissure = half.side === 'right' && finding.zone !== 'lower' ? 0.432 : null;
  const density = 0.55 + 0.95 * finding.severity;
  plane.area({ x0: at.x - 2 * rx, x1: at.x + 2 * rx, y0: at.y - 2 * ry, y1: at.y + 2 * ry }, (x, y) => {
    const d = Math.hypot((x - at.x) / rx, (y - at.y) / ry);
    if (d > 1.9) return 0;
    const inside = smoothstep(0, 1.1, 1.3 - d + 0.4 * cloud(x + offset, y, 0.06));
    const bounded =
      fissure === null
        ? 1
        : finding.zone === 'upper'
          ? 1 - smoothstep(fissure - 0.003, fissure + 0.003, y)
          : smoothstep(fissure - 0.003, fissure + 0.003, y);
    return density * inside * bounded * (1 + 0.16 * cloud(x, y + offset, 0.02));
  });
  const hilum = hilumOf(half.side, geometry);
  const away = Math.atan2(at.y - hilum.y, at.x - hilum.x);
  for (let i = 0; i < 4; i++) {
    const angle = away + random.between(-0.6, 0.6);
    const start = {
      x: at.x - 0.6 * rx * Math.cos(away),
      y: at.y - 0.6 * ry * Math.sin(away) + random.between(-0.02, 0.02),
    };
    const points = [0, 1, 2, 3].map(
      (k): StrokePoint => ({
        x: start.x + Math.cos(angle + 0.12 * k) * 0.4 * rx * k,
        y: start.y + Math.sin(angle + 0.12 * k) * 0.4 * ry * k,
        r: 0.0042 - 0.0006 * k,
        weight: 1 - 0.25 * k,
      }),
    );
    plane.stroke(points, -0.22 * density, rod);
  }
}

/** Several patches of fluffy density, denser towards their middle, without a border. */
function drawPneumonia(plane: Plane, finding: Finding, geometry: Geometry, half: HalfThorax): void {
  const random = new Random(finding.seed);
  const centre = placeOf(finding, random, geometry, half);
  const patches = 2 + random.below(2);
  for (let i = 0; i < patches; i++) {
    const x0 = centre.x + (i === 0 ? 0 : random.between(-0.05, 0.05));
    const y0 = centre.y + (i === 0 ? 0 : random.between(-0.06, 0.06));
    const r = random.between(0.038, 0.06) * (0.7 + 0.5 * finding.severity);
    const offset = random.uniform() * 3;
    plane.area({ x0: x0 - 2 * r, x1: x0 + 2 * r, y0: y0 - 2 * r, y1: y0 + 2 * r }, (x, y) => {
      const d = Math.hypot(x - x0, y - y0) / r;
      if (d > 2) return 0;
      const fluffy = Math.max(0, 1 + 0.9 * cloud(x + offset, y, 0.03));
      return (0.35 + 0.65 * finding.severity) * Math.exp(-d * d * 1.1) * smoothstep(2, 1.5, d) * fluffy;
    });
  }
}

/** Plate-like bands above a raised dome; with more collapse, the lower lobe as a wedge behind the heart. */
function drawAtelectasis(plane: Plane, finding: Finding, geometry: Geometry, half: HalfThorax): void {
  const random = new Random(finding.seed).fork(half.side);
  const { severity } = finding;
  for (let i = 0; i < 2 + Math.round(2 * severity); i++) {
    const y = half.domeTop - 0.02 - 0.04 * i + random.between(-0.008, 0.008);
    const heart = half.side === 'left' ? geometry.heartLeft.at(y) : geometry.heartRight.at(y);
    const from = Math.max(0.08, heart + random.between(0, 0.03));
    const to = Math.min(geometry.cage.at(y) - 0.02, from + random.between(0.1, 0.17));
    const tilt = random.between(-0.03, 0.012);
    const points = Array.from({ length: 7 }, (_, k): StrokePoint => {
      const t = k / 6;
      return {
        x: half.sign * (from + (to - from) * t),
        y: y + tilt * t - 0.006 * Math.sin(Math.PI * t),
        r: 0.0058 * (0.5 + Math.sin(Math.PI * t)) * (0.6 + 0.6 * severity),
      };
    });
    plane.stroke(points, 0.5 + 0.45 * severity, (d) => (1 - d * d) ** 1.6);
  }
  const collapse = smoothstep(0.3, 1, severity);
  plane.area(
    { x0: half.sign * 0.16 - 0.16, x1: half.sign * 0.16 + 0.16, y0: half.domeTop - 0.24, y1: half.domeTop + 0.14 },
    (x, y) => {
      const down = (y - half.domeTop + 0.24) / 0.26;
      const edge = 0.055 + 0.125 * down;
      const across = half.sign * x;
      if (down < 0 || across < 0) return 0;
      return (0.25 + 1.5 * collapse) * smoothstep(0, 0.3, down) * (1 - smoothstep(edge - 0.006, edge + 0.004, across));
    },
  );
}

/** A mass, or several nodules; the larger ones with spicules. */
function drawLesion(plane: Plane, finding: Finding, geometry: Geometry, half: HalfThorax): void {
  const random = new Random(finding.seed);
  const several = random.chance(0.3);
  const count = several ? 4 + random.below(4) : 1;
  for (let i = 0; i < count; i++) {
    const zone = several ? random.pick(['upper', 'middle', 'lower'] as const) : finding.zone;
    const at = placeOf({ ...finding, zone }, random, geometry, half);
    const r = several ? random.between(0.011, 0.02) * (0.7 + 0.5 * finding.severity) : 0.017 + 0.032 * finding.severity;
    const offset = random.uniform() * 5;
    plane.area({ x0: at.x - 1.3 * r, x1: at.x + 1.3 * r, y0: at.y - 1.3 * r, y1: at.y + 1.3 * r }, (x, y) => {
      const d = Math.hypot(x - at.x, y - at.y) / (r * (1 + 0.13 * cloud(x + offset, y, r * 1.6)));
      return d < 1 ? 0.95 * (1 - d * d) ** 0.7 : 0;
    });
    for (let k = 0; k < (several || finding.severity < 0.5 ? 0 : 13); k++) {
      const angle = (k / 13) * 2 * Math.PI + random.between(-0.15, 0.15);
      const [c, s] = [Math.cos(angle), Math.sin(angle)];
      const tip = r * random.between(1.08, 1.32);
      plane.stroke(
        [
          { x: at.x + 0.8 * r * c, y: at.y + 0.8 * r * s, r: 0.0016 },
          { x: at.x + tip * c, y: at.y + tip * s, r: 0.0006, weight: 0.2 },
        ],
        0.4,
        rod,
      );
    }
  }
}

/** A rind along the lateral wall or a cap at the apex. */
function drawPleuralThickening(plane: Plane, finding: Finding, geometry: Geometry, half: HalfThorax): void {
  const random = new Random(finding.seed).fork(half.side);
  const centre = finding.zone === 'upper' ? APEX + 0.05 : ZONES[finding.zone];
  const reach = 0.08 + 0.07 * finding.severity;
  const width = 0.014 + 0.022 * finding.severity;
  const offset = random.uniform() * 4;
  plane.area(
    {
      x0: half.sign * 0.22 - 0.2,
      x1: half.sign * 0.22 + 0.2,
      y0: APEX - 0.01,
      y1: Math.min(0.85, centre + reach * 1.5),
    },
    (x, y) => {
      const across = half.sign * x;
      const wall = geometry.cage.at(y) - across;
      const along = (y - centre) / reach;
      const apical =
        finding.zone === 'upper' ? 1 - smoothstep(0.02, 0.045, y - APEX - 0.02 - 0.3 * (0.16 - across) ** 2) : 0;
      const rind = 1 - smoothstep(width * 0.7, width * 1.25, wall + width * 0.45 * cloud(x + offset, y, 0.03));
      return 1.25 * Math.max(0.8 * apical * (across > 0.04 ? 1 : 0), rind * Math.max(0, 1 - along * along));
    },
  );
}

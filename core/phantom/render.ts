/**
 * A scene as a film of any size: attenuation of soft tissue, air, bone and devices, added up along the ray as a film adds
 * them, then the scanner's tone curve, unsharpness, edge enhancement and grain. Everything is laid down in units of the
 * film's side, so a film of 1,024 pixels reduced by areas is the film rendered small (tests/phantom).
 */
import { drawBones } from './bones.ts';
import { drawDevices } from './devices.ts';
import { APEX, CARINA, type Geometry, geometryOf, type HalfThorax } from './geometry.ts';
import { drawLungs, isInPleuralAir } from './lungs.ts';
import { drawMarkers } from './markers.ts';
import { blur, boxBlur, Curve, cloud, grain, Plane, reduce, smoothstep } from './raster.ts';
import type { Look, Scene } from './scene.ts';

/** A film is drawn at this many pixels at least, then reduced, so that fine structures keep their mean. */
const SMALLEST_DRAWING = 192;

/** Attenuation to gray before the scanner's contrast: bright where little passes, flat at both ends like a film. */
const TONE = new Curve([
  [0, 0.02],
  [0.1, 0.07],
  [0.2, 0.145],
  [0.32, 0.245],
  [0.5, 0.4],
  [0.7, 0.545],
  [0.9, 0.665],
  [1.1, 0.765],
  [1.35, 0.85],
  [1.7, 0.92],
  [2.2, 0.97],
  [3.2, 1],
]);

/** Gray values 0 to 1, row by row, `size * size`. About 0.1 s at 1,024 pixels, 10 ms at 64. */
export function renderScene(scene: Scene, size: number): Float32Array {
  const factor = size >= SMALLEST_DRAWING ? 1 : Math.ceil(SMALLEST_DRAWING / size);
  const drawn = draw(scene, size * factor);
  return reduce(drawn, size * factor, factor);
}

function draw(scene: Scene, size: number): Float32Array {
  const geometry = geometryOf(scene);
  const { look } = scene;
  const hard = new Plane(size, { x: look.x, y: look.y, scale: look.scale, angle: look.angle });
  const soft = hard.sibling();
  drawBones(hard, scene, geometry);
  drawDevices(hard, scene, geometry);
  drawLungs(soft, scene, geometry);
  const film = expose(scene, geometry, hard, soft);
  develop(film, size, look);
  addGrain(film, size, scene);
  drawMarkers(film, size, scene);
  return film;
}

/** Attenuation of every ray: body less air, with what lies in the lungs, plus bone and devices. */
function expose(scene: Scene, geometry: Geometry, hard: Plane, soft: Plane): Float32Array {
  const { size, placement } = hard;
  const film = new Float32Array(size * size);
  const unit = 1 / (size * placement.scale);
  const cos = Math.cos(placement.angle) * unit;
  const sin = Math.sin(placement.angle) * unit;
  const ray = rayThrough(scene, geometry);
  const veil = scene.look.scatter;
  for (let row = 0; row < size; row++) {
    const fy = row + 0.5 - placement.y * size;
    for (let column = 0; column < size; column++) {
      const fx = column + 0.5 - placement.x * size;
      const at = row * size + column;
      const tissue = ray(fx * cos + fy * sin, fy * cos - fx * sin, soft.data[at]!);
      const total = tissue + hard.data[at]!;
      film[at] = TONE.at(total * (1 - 0.3 * veil) + (tissue > 0.08 ? 0.2 * veil : 0.05 * veil));
    }
  }
  return film;
}

/** Soft tissue's attenuation at a point of the patient, given the optical density of what lies in the lungs there. */
function rayThrough(scene: Scene, geometry: Geometry): (x: number, y: number, density: number) => number {
  const { anatomy, findings } = scene;
  const offset = (anatomy.seed % 1000) / 77;
  const supineVeil = scene.view === 'AP' && findings.effusion ? 0.22 * findings.effusion.severity : 0;
  const breast = anatomy.breast;
  return (x, y, density) => {
    const across = Math.abs(x);
    const u = across / geometry.body.at(y);
    if (u >= 1) return 0;
    const half = x < 0 ? geometry.right : geometry.left;
    const u4 = u * u * u * u;
    let tissue = geometry.depth.at(y) * Math.sqrt(1 - u4 * u * u);
    tissue += 0.03 * cloud(x, y + offset, 0.12);
    if (breast > 0) tissue += breastShadow(breast, across, y);
    tissue += muscle(across, y);
    const heart = mediastinum(geometry, x, y);
    tissue += 0.1 * heart * (1 - smoothstep(0, 0.07, y - half.domeTop - 0.02)) + trachea(geometry, x, y);
    const air = airAt(geometry, half, across, y, heart);
    if (air > 0) {
      const side = half.side === 'left' ? findings.effusion?.side !== 'right' : findings.effusion?.side !== 'left';
      const texture = 0.07 * cloud(x + offset, y, 0.024) + (side && supineVeil > 0 ? supineVeil * (0.5 + y) : 0);
      tissue -= 0.82 * air * pleuralAir(half, across, y, density + texture);
    }
    return Math.max(0.02, tissue + abdomen(scene, half, x, y));
  };
}

/** What part of the air's effect stays: all of it and more beyond the pleural line, exp(-density) in the lung. */
function pleuralAir(half: HalfThorax, across: number, y: number, density: number): number {
  if (!half.pleuralLine) return Math.exp(-density);
  return isInPleuralAir(half.pleuralLine, across, y) ? 1.1 : Math.exp(-density - 0.22);
}

/** Depth of air, 0 to 1: the chord through an elliptic thorax, cut by mediastinum, dome and fluid. */
function airAt(geometry: Geometry, half: HalfThorax, across: number, y: number, heart: number): number {
  const v = across / geometry.cage.at(y);
  if (v >= 1 || y < APEX) return 0;
  const medial = across - geometry.medial.at(y);
  if (medial <= 0) return 0;
  const v2 = v * v;
  const chord =
    Math.sqrt(1 - v2 * v2 * v) *
    Math.sqrt(Math.min(1, medial / 0.025)) *
    (0.5 + 0.5 * smoothstep(APEX - 0.04, 0.42, y));
  const below = y - half.dome.at(across);
  const recess = below > -0.002 ? 1 - 0.8 * smoothstep(-0.002, 0.0015, below) - 0.2 * smoothstep(0, 0.085, below) : 1;
  const covered = 1 - heart * (0.985 - 0.11 * smoothstep(0.36, 0.5, y));
  const fluid = half.fluid ? 1 - 0.96 * smoothstep(-0.012, 0.012, y - half.fluid.at(across)) : 1;
  return chord * Math.max(0, recess) * covered * fluid;
}

/** Depth of heart and great vessels, 0 to 1, steep at their borders. */
function mediastinum(geometry: Geometry, x: number, y: number): number {
  const left = geometry.heartLeft.at(y);
  const right = geometry.heartRight.at(y);
  const centre = (left - right) / 2;
  const u = Math.abs(x - centre) / ((left + right) / 2);
  return u < 1 ? Math.sqrt(Math.sqrt(1 - u * u)) : 0;
}

/** The air column of trachea and main bronchi. */
function trachea(geometry: Geometry, x: number, y: number): number {
  const middle = geometry.shift * smoothstep(0.1, 0.3, y);
  const r = 0.021;
  if (y < CARINA) {
    const d = (x - middle) / r;
    return d * d < 1 ? -0.3 * Math.sqrt(1 - d * d) * smoothstep(-0.25, 0.05, y) : 0;
  }
  const down = y - CARINA;
  if (down > 0.1) return 0;
  const fade = -0.2 * (1 - smoothstep(0.03, 0.1, down));
  const right = (x - middle + 0.008 + down * 0.75) / 0.0155;
  const left = (x - middle - 0.008 - down * 1.15) / 0.0145;
  const d2 = Math.min(right * right, left * left);
  return d2 < 1 ? fade * Math.sqrt(1 - d2) : 0;
}

/** Liver, spleen and stomach below the domes; gas in the stomach and the colon. */
function abdomen(scene: Scene, half: HalfThorax, x: number, y: number): number {
  const across = Math.abs(x);
  const below = y - half.dome.at(across);
  if (below < -0.01 && across < 0.3) return 0;
  const wall = smoothstep(0.3, 0.37, across);
  let density = 0.2 * (smoothstep(-0.002, 0.06, below) * (1 - wall) + wall * smoothstep(-0.06, 0.3, y - half.domeTop));
  if (half.side === 'left') density -= gas(scene, x, y, half.domeTop);
  return density;
}

function gas(scene: Scene, x: number, y: number, domeTop: number): number {
  const seed = scene.anatomy.seed;
  const size = 0.5 + ((seed >>> 4) % 100) / 120;
  const cx = 0.15 + ((seed >>> 11) % 100) / 2200;
  const cy = domeTop + 0.05 + 0.03 * size;
  const rx = 0.062 * size;
  const ry = 0.036 * size;
  const d = Math.hypot((x - cx) / rx, (y - cy) / ry);
  // On an upright film the gas ends at a fluid level below.
  const level = scene.view === 'PA' ? 1 - smoothstep(cy + ry * 0.35, cy + ry * 0.35 + 0.004, y) : 1;
  const by = y - domeTop - 0.13;
  if (d > 1.02 && Math.abs(by) > 0.08) return 0;
  const bubble = 0.34 * (1 - smoothstep(0.75, 1.02, d)) * level;
  const bx = x - 0.27;
  const reach = 1 - (bx * bx) / 0.01 - (by * by) / 0.006;
  return bubble + (reach > 0 ? 0.14 * reach * smoothstep(-0.2, 1.1, cloud(x + (seed % 13), y, 0.1)) : 0);
}

function breastShadow(breast: number, across: number, y: number): number {
  const rx = 0.135 + 0.03 * breast;
  const ry = 0.12 + 0.05 * breast;
  const d = Math.hypot((across - 0.23) / rx, (y - 0.56 - 0.04 * breast) / ry);
  if (d >= 1.04) return 0;
  const lower = smoothstep(0.46, 0.66, y);
  return 0.1 * breast * lower * (1 - smoothstep(0.86, 1.02, d)) * (0.7 + 0.3 * Math.sqrt(Math.max(0, 1 - d * d)));
}

/** Pectoral muscle and the fold of the armpit; the sternocleidomastoid in the neck. */
function muscle(across: number, y: number): number {
  const pectoral =
    0.08 *
    smoothstep(0.16, 0.3, y) *
    (1 - smoothstep(0.4, 0.47, y + (across - 0.3) * 0.25)) *
    smoothstep(0.1, 0.34, across);
  const neck = y < 0.16 ? 0.07 * Math.exp(-(((across - 0.06 - 0.25 * Math.max(0, 0.08 - y)) / 0.018) ** 2)) : 0;
  return pectoral + neck;
}

/** Unsharpness, then the scanner's edge enhancement, contrast and gamma. */
function develop(film: Float32Array, size: number, look: Look): void {
  blur(film, size, look.blur * size);
  if (look.sharpening > 0) {
    const wide = boxBlur(film, size, Math.round(0.008 * size));
    for (let i = 0; i < film.length; i++) film[i]! += look.sharpening * (film[i]! - wide[i]!);
  }
  const tone = new Curve(
    Array.from({ length: 33 }, (_, i): [number, number] => {
      const gray = (i / 32 - 0.5) * look.contrast + 0.5;
      return [i / 32, Math.min(1, Math.max(0, gray)) ** look.gamma];
    }),
    512,
  );
  for (let i = 0; i < film.length; i++) film[i] = tone.at(film[i]!);
}

function addGrain(film: Float32Array, size: number, scene: Scene): void {
  const noise = grain(size, scene.seed);
  for (let y = 0; y < size; y++) {
    for (let x = 0; x < size; x++) {
      const at = y * size + x;
      const gray = film[at]! + scene.look.noise * (0.35 + 0.75 * film[at]!) * noise.at(x, y);
      film[at] = Math.min(1, Math.max(0, gray));
    }
  }
}

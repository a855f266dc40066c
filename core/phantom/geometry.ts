/**
 * Where things lie, in the patient's units: x from the midline (the patient's right is negative, as on the film), y from
 * the top of a standard film; one unit is the film's side, about 430 mm. Findings that move borders are taken in here:
 * a raised dome, a shifted mediastinum, the level of an effusion, the edge of a collapsed lung.
 */
import { Random } from '../base/random.ts';
import { Curve } from './raster.ts';
import type { Finding, Scene, Side } from './scene.ts';

export const SIDES: readonly Side[] = ['right', 'left'];
export const signOf = (side: Side): -1 | 1 => (side === 'right' ? -1 : 1);

export const APEX = 0.125;
/** Where the trachea divides. */
export const CARINA = 0.335;

export interface HalfThorax {
  side: Side;
  sign: -1 | 1;
  /** Distance of the dome from the top, by |x|. */
  dome: Curve;
  /** Top of the dome. */
  domeTop: number;
  /** Upper border of an effusion, by |x|. */
  fluid: Curve | null;
  /** Edge of the lung beside a pneumothorax: air beyond it, by y. */
  pleuralLine: Curve | null;
}

export interface Geometry {
  /** Inner border of the ribs, |x| by y. */
  cage: Curve;
  /** Medial border of the upper lung, |x| by y. */
  medial: Curve;
  body: Curve;
  depth: Curve;
  right: HalfThorax;
  left: HalfThorax;
  /** Borders of heart and mediastinum, x by y, both positive outwards. */
  heartRight: Curve;
  heartLeft: Curve;
  /** Shift of the mediastinum, positive to the patient's left. */
  shift: number;
  /** Largest half width of the cage. */
  cageHalf: number;
}

export function isInvolved(finding: Finding | undefined, side: Side): finding is Finding {
  return finding !== undefined && (finding.side === null || finding.side === side);
}

export function geometryOf(scene: Scene): Geometry {
  const { anatomy } = scene;
  const w = anatomy.cageWidth;
  const cage = new Curve([
    [0.1, 0.1],
    [APEX, 0.122 * w],
    [0.13, 0.15 * w],
    [0.14, 0.178 * w],
    [0.158, 0.209 * w],
    [0.18, 0.233 * w],
    [0.22, 0.262 * w],
    [0.29, 0.299 * w],
    [0.37, 0.325 * w],
    [0.46, 0.346 * w],
    [0.56, 0.361 * w],
    [0.66, 0.371 * w],
    [0.76, 0.376 * w],
    [0.86, 0.372 * w],
    [1.1, 0.35 * w],
  ]);
  const medial = new Curve([
    [0.1, 0.12],
    [APEX, 0.115],
    [0.13, 0.097],
    [0.14, 0.082],
    [0.16, 0.066],
    [0.22, 0.05],
    [0.3, 0.03],
    [0.4, 0],
    [1.1, 0],
  ]);
  const shift = mediastinalShift(scene);
  const cageHalf = 0.376 * w;
  return {
    cage,
    medial,
    ...bodyOf(scene, cage),
    right: halfThorax(scene, 'right', cage),
    left: halfThorax(scene, 'left', cage),
    ...heartOf(scene, cageHalf, shift),
    shift,
    cageHalf,
  };
}

/** Towards a collapse, away from a large pneumothorax or effusion. */
function mediastinalShift({ findings }: Scene): number {
  let shift = 0;
  for (const side of SIDES) {
    const towards = signOf(side);
    if (isInvolved(findings.atelectasis, side)) shift += towards * 0.018 * findings.atelectasis.severity;
    if (isInvolved(findings.pneumothorax, side))
      shift -= towards * 0.03 * Math.max(0, findings.pneumothorax.severity - 0.6);
    if (isInvolved(findings.effusion, side)) shift -= towards * 0.04 * Math.max(0, findings.effusion.severity - 0.7);
  }
  return shift;
}

function bodyOf({ anatomy, view }: Scene, cage: Curve): Pick<Geometry, 'body' | 'depth'> {
  const wall = anatomy.chestWall;
  const arms = view === 'AP' ? 0.05 : 0;
  const at = (y: number, extra: number): [number, number] => [y, cage.at(y) + wall + extra];
  return {
    body: new Curve([
      [-0.3, 0.12],
      [-0.05, 0.115 + wall / 3],
      [0.02, 0.125 + wall / 2],
      [0.055, 0.17 + wall / 2],
      [0.085, 0.28 + wall],
      [0.115, 0.43 + wall],
      [0.16, 0.6],
      [0.34, 0.64],
      [0.43, 0.56 + arms],
      [0.49, 0.475 + wall / 2 + arms * 2],
      at(0.56, 0.03 + arms),
      at(0.65, 0.018),
      at(0.75, 0.015),
      at(0.88, 0.02),
      [1.3, cage.at(1) + wall + 0.05],
    ]),
    depth: new Curve([
      [-0.3, 0.5],
      [0, 0.52],
      [0.08, 0.6],
      [0.15, 0.74],
      [0.3, 0.9],
      [0.45, 1],
      [0.7, 1.05],
      [1.3, 1.08],
    ]),
  };
}

function halfThorax(scene: Scene, side: Side, cage: Curve): HalfThorax {
  const { anatomy, findings } = scene;
  const w = anatomy.cageWidth;
  let top = anatomy.dome + (side === 'left' ? anatomy.domeDifference : 0);
  if (isInvolved(findings.atelectasis, side)) top -= 0.05 * findings.atelectasis.severity;
  if (isInvolved(findings.pneumothorax, side)) top += 0.02 * findings.pneumothorax.severity;
  const p = side === 'right' ? 0.175 : 0.2;
  const dome = new Curve([
    [0, top + 0.05],
    [0.05 * w, top + 0.034],
    [0.11 * w, top + 0.01],
    [p * w, top],
    [0.25 * w, top + 0.012],
    [0.3 * w, top + 0.036],
    [0.335 * w, top + 0.064],
    [0.362 * w, top + 0.1],
    [0.4 * w, top + 0.16],
  ]);
  const fluid = isInvolved(findings.effusion, side) ? meniscus(findings.effusion, side, top, w) : null;
  const pleuralLine = isInvolved(findings.pneumothorax, side) ? lungEdge(findings.pneumothorax, cage, top) : null;
  return { side, sign: signOf(side), dome, domeTop: top, fluid, pleuralLine };
}

/** The upper border of free fluid: low in the middle, rising along the lateral wall; less on the second side. */
function meniscus(effusion: Finding, side: Side, domeTop: number, w: number): Curve {
  const share = effusion.side === null && new Random(effusion.seed).chance(0.5) === (side === 'left') ? 0.65 : 1;
  const height = 0.055 + 0.34 * (effusion.severity * share) ** 1.3;
  const base = domeTop + 0.1;
  return new Curve(
    [0, 0.1, 0.2, 0.28, 0.32, 0.345, 0.362, 0.375, 0.4].map((x): [number, number] => [
      x * w,
      base - height * (0.45 + 0.55 * (x / 0.38) ** 4) - 0.02 * (1 - x / 0.38) * height * 8,
    ]),
  );
}

/** The visceral pleura of a partly collapsed lung. */
function lungEdge(pneumothorax: Finding, cage: Curve, domeTop: number): Curve {
  const gap = 0.025 + 0.13 * pneumothorax.severity ** 1.4;
  const top = APEX + 0.02 + gap * 0.8;
  const steps = 40;
  return new Curve(
    Array.from({ length: steps + 1 }, (_, i): [number, number] => {
      const y = top + ((domeTop + 0.15 - top) * i) / steps;
      const here = gap * (1 - 0.55 * ((y - top) / (domeTop - top)));
      const rounded = Math.min(1, Math.sqrt((y - top) / 0.09));
      return [y, Math.max(0.01, 0.06 + (cage.at(y) - here - 0.06) * rounded)];
    }),
  );
}

function heartOf(scene: Scene, cageHalf: number, shift: number): Pick<Geometry, 'heartRight' | 'heartLeft'> {
  const { anatomy, findings } = scene;
  const width = anatomy.cardiothoracicRatio * 2 * cageHalf;
  const right = 0.3 * width;
  const left = 0.7 * width;
  const turn = anatomy.rotation * 1.2;
  const h = anatomy.dome + 0.045 - 0.38;
  const wide = findings.wideMediastinum ? 0.012 + 0.034 * findings.wideMediastinum.severity : 0;
  const knob = 0.012 + 0.026 * anatomy.aorta + wide * 0.5;
  const at = (share: number) => 0.38 + share * h;
  const move = (curve: [number, number][], sign: 1 | -1) =>
    new Curve(curve.map(([y, x]): [number, number] => [y, x + sign * (shift + (y > 0.2 ? turn : turn / 2))]));
  return {
    heartRight: move(
      [
        [-0.3, 0.035],
        [0.05, 0.04],
        [0.14, 0.046 + wide * 0.5],
        [0.2, 0.052 + wide],
        [0.28, 0.056 + wide],
        [0.33, 0.058 + wide * 0.8],
        [0.38, 0.055 + wide * 0.3],
        [at(0.2), right * 0.66],
        [at(0.45), right * 0.95],
        [at(0.65), right],
        [at(0.85), right * 0.9],
        [at(1), right * 0.72],
        [at(1.25), 0.055],
        [1.3, 0.05],
      ],
      -1,
    ),
    heartLeft: move(
      [
        [-0.3, 0.035],
        [0.05, 0.04],
        [0.14, 0.045 + wide * 0.4],
        [0.2, 0.05 + wide * 0.8],
        [0.255, 0.056 + knob * 0.55 + wide * 0.4],
        [0.295, 0.06 + knob],
        [0.33, 0.058 + knob * 0.7],
        [0.362, 0.058 + wide * 0.3],
        [0.4, 0.068 + wide * 0.2],
        [at(0.14), 0.078],
        [at(0.32), left * 0.63],
        [at(0.52), left * 0.86],
        [at(0.7), left * 0.98],
        [at(0.8), left],
        [at(0.9), left * 0.96],
        [at(1.03), left * 0.76],
        [at(1.3), 0.06],
        [1.3, 0.05],
      ],
      1,
    ),
  };
}

/**
 * A scene: everything that is on one phantom film, drawn by lot from a seed. Invented from end to end: no film, table or
 * measurement of a patient went into it, and no film of it is fit for anything but trying out software.
 *
 * Three institutions after shared settings (docs/LOG.md has the trials): `a` is like CheXpert (bedside AP films of ill
 * patients), `b` like NIH ChestX-ray14 (upright PA films, often healthy), `m` the training source: a's patients and
 * labelling habits on another scanner, as MIMIC-CXR is to CheXpert. `blend` mixes their looks, for pretraining.
 */
import { Random } from '../base/random.ts';

export const INSTITUTIONS = ['m', 'a', 'b'] as const;
export type Institution = (typeof INSTITUTIONS)[number];
export type SceneSource = Institution | 'blend';

export const FINDINGS = [
  'wideMediastinum',
  'cardiomegaly',
  'lesion',
  'edema',
  'consolidation',
  'pneumonia',
  'atelectasis',
  'pneumothorax',
  'effusion',
  'pleuralOther',
  'fracture',
] as const;
export type FindingName = (typeof FINDINGS)[number];

/** The patient's side: `right` is on the left of the film. */
export type Side = 'left' | 'right';
export type Zone = 'upper' | 'middle' | 'lower';

export interface Finding {
  /** .25 (slight) to 1 (severe). */
  severity: number;
  /** null where both sides or the middle are affected. */
  side: Side | null;
  zone: Zone;
  /** For what is drawn by lot of it. */
  seed: number;
}

export const DEVICES = [
  'endotracheal',
  'feeding',
  'jugular',
  'subclavian',
  'pacemaker',
  'chestTube',
  'leads',
  'wires',
] as const;
export type DeviceName = (typeof DEVICES)[number];

export interface Device {
  name: DeviceName;
  side: Side;
  seed: number;
}

export interface Patient {
  /** Number within the source and seed; unique there. */
  number: number;
  seed: number;
  sex: 'F' | 'M';
  age: number;
}

/** Lengths in sides of the film (430 mm). */
export interface Anatomy {
  cageWidth: number;
  /** Soft tissue between ribs and skin. */
  chestWall: number;
  breast: number;
  /** Top of the right dome of the diaphragm. */
  dome: number;
  domeDifference: number;
  /** Width of the heart over the inner width of the thorax, physical. */
  cardiothoracicRatio: number;
  aorta: number;
  /** 0: rotated out of the lungs; 1: over them. */
  scapula: number;
  clavicle: number;
  /** Turn of the patient about the long axis: shifts what lies in front. */
  rotation: number;
  vesselWidth: number;
  seed: number;
}

/** What the scanner and the room make of it. */
export interface Look {
  scale: number;
  x: number;
  y: number;
  angle: number;
  /** Deviation of the unsharpness, sides of the film. */
  blur: number;
  /** Deviation of the grain at 1,024 pixels, of the full gray range. */
  noise: number;
  /** Scattered radiation, 0 to 1: a veil over everything. */
  scatter: number;
  contrast: number;
  gamma: number;
  /** Edge enhancement by the scanner's processing. */
  sharpening: number;
  marker: 'none' | 'lead' | 'printed' | 'portable';
  /** Width of the shuttered border on each side, in sides of the film: left, right, top, bottom. */
  shutter: [number, number, number, number];
}

export interface Scene {
  source: SceneSource;
  seed: number;
  patient: Patient;
  /** 0 for the patient's first film. */
  visit: number;
  /** Films of this patient in all. */
  visits: number;
  view: 'AP' | 'PA';
  anatomy: Anatomy;
  findings: Partial<Record<FindingName, Finding>>;
  devices: Device[];
  look: Look;
}

type Range = readonly [low: number, high: number];

interface Habits {
  apShare: number;
  healthy: number;
  prior: Record<FindingName, number> & { devices: number };
  blur: Range;
  noise: Range;
  scatter: Range;
  contrast: Range;
  gamma: Range;
  sharpening: Range;
  marker: Look['marker'];
  markerShare: number;
  shutterShare: number;
}

/** Priors of disease and ranges of looks. */
export const HABITS: Record<Institution, Habits> = {
  m: {
    apShare: 0.72,
    healthy: 0.16,
    prior: {
      wideMediastinum: 0.11,
      cardiomegaly: 0.28,
      lesion: 0.09,
      edema: 0.22,
      consolidation: 0.12,
      pneumonia: 0.14,
      atelectasis: 0.22,
      pneumothorax: 0.08,
      effusion: 0.3,
      pleuralOther: 0.06,
      fracture: 0.06,
      devices: 0.55,
    },
    blur: [0.0009, 0.0016],
    noise: [0.012, 0.022],
    scatter: [0.05, 0.18],
    contrast: [0.9, 1.04],
    gamma: [0.92, 1.1],
    sharpening: [0.35, 0.8],
    marker: 'printed',
    markerShare: 0.8,
    shutterShare: 0.35,
  },
  a: {
    apShare: 0.85,
    healthy: 0.14,
    prior: {
      wideMediastinum: 0.12,
      cardiomegaly: 0.3,
      lesion: 0.08,
      edema: 0.24,
      consolidation: 0.12,
      pneumonia: 0.13,
      atelectasis: 0.22,
      pneumothorax: 0.09,
      effusion: 0.32,
      pleuralOther: 0.06,
      fracture: 0.06,
      devices: 0.58,
    },
    blur: [0.0013, 0.0024],
    noise: [0.02, 0.036],
    scatter: [0.12, 0.3],
    contrast: [0.8, 0.94],
    gamma: [0.85, 1],
    sharpening: [0, 0.3],
    marker: 'portable',
    markerShare: 0.55,
    shutterShare: 0.2,
  },
  b: {
    apShare: 0.08,
    healthy: 0.38,
    prior: {
      wideMediastinum: 0.04,
      cardiomegaly: 0.09,
      lesion: 0.13,
      edema: 0.05,
      consolidation: 0.07,
      pneumonia: 0.14,
      atelectasis: 0.13,
      pneumothorax: 0.1,
      effusion: 0.13,
      pleuralOther: 0.08,
      fracture: 0.02,
      devices: 0.14,
    },
    blur: [0.0006, 0.0011],
    noise: [0.008, 0.016],
    scatter: [0, 0.08],
    contrast: [1, 1.15],
    gamma: [1.05, 1.25],
    sharpening: [0.1, 0.4],
    marker: 'lead',
    markerShare: 0.85,
    shutterShare: 0.06,
  },
};

/** Priors of the pretraining films: every finding is met often enough to be learned. */
const BLEND_PRIOR: Habits['prior'] = {
  wideMediastinum: 0.12,
  cardiomegaly: 0.22,
  lesion: 0.14,
  edema: 0.16,
  consolidation: 0.13,
  pneumonia: 0.14,
  atelectasis: 0.18,
  pneumothorax: 0.14,
  effusion: 0.22,
  pleuralOther: 0.12,
  fracture: 0.1,
  devices: 0.35,
};
const BLEND_HEALTHY = 0.15;

/** More likely in the acutely ill, together. */
const ACUTE = new Set<FindingName>(['cardiomegaly', 'edema', 'effusion', 'atelectasis']);
/** Stay from film to film of one patient. */
const CHRONIC = new Set<FindingName>(['cardiomegaly', 'wideMediastinum', 'lesion', 'pleuralOther', 'fracture']);

/** Share of a finding's cases that are on both sides, or in the middle; absent: none is. */
const BOTH_SIDES: Partial<Record<FindingName, number>> = {
  edema: 0.9,
  effusion: 0.3,
  pleuralOther: 0.15,
  cardiomegaly: 1,
  wideMediastinum: 1,
};

/** Findings that are mostly on one side. */
export const SIDED_FINDINGS = FINDINGS.filter((name) => (BOTH_SIDES[name] ?? 0) < 0.5);

/** Films of a source, patient after patient from number `first` on, without end. Film n is the same however many are asked for. */
export function* scenes(source: SceneSource, seed: number, first = 0): Generator<Scene> {
  for (let number = first; ; number++) yield* patientScenes(source, seed, number);
}

/** Parts of an institution that another one's may stand in for, so that one thing alone differs. */
export interface Swapped {
  /** How often each finding, device and healthy film is met. */
  disease?: SceneSource;
  /** What the scanner and the room make of a film; not the projection. */
  look?: SceneSource;
}

/** The one to three films of a patient. */
export function patientScenes(source: SceneSource, seed: number, number: number, swapped: Swapped = {}): Scene[] {
  const { disease = source, look = source } = swapped;
  const random = new Random(seed).fork(`${source}/${number}`);
  const patient: Patient = {
    number,
    seed: random.uint32(),
    sex: random.chance(0.47) ? 'F' : 'M',
    age: Math.round(Math.min(94, Math.max(19, 58 + 17 * random.normal()))),
  };
  const visits = random.chance(0.68) ? 1 : random.chance(0.7) ? 2 : 3;
  const chronic = drawFindings(disease, random.fork('chronic'), CHRONIC);
  const body = new Random(patient.seed);
  return Array.from({ length: visits }, (_, visit) =>
    filmScene({ source, disease, look }, patient, visit, visits, chronic, body.snapshot()),
  );
}

function filmScene(
  { source, disease, look }: Required<Swapped> & { source: SceneSource },
  patient: Patient,
  visit: number,
  visits: number,
  chronic: Scene['findings'],
  bodyState: ReturnType<Random['snapshot']>,
): Scene {
  const random = new Random(patient.seed).fork(`film ${visit}`);
  const apShare = source === 'blend' ? 0.5 : HABITS[source].apShare;
  const view = random.chance(apShare) ? 'AP' : 'PA';
  const acuity = -0.5 * Math.log((1 - random.uniform()) * (1 - random.uniform()));
  const healthy = random.chance(disease === 'blend' ? BLEND_HEALTHY : HABITS[disease].healthy);
  const acute = new Set(FINDINGS.filter((name) => !CHRONIC.has(name)));
  const findings = healthy ? {} : { ...chronic, ...drawFindings(disease, random.fork('acute'), acute, acuity) };
  const devices = drawDevices(random.fork('devices'), priorOf(disease).devices, healthy ? 0.4 : acuity, findings, view);
  const anatomy = drawAnatomy(patient, new Random(bodyState), random.fork('position'), view, findings);
  const seen = drawLook(look, random.fork('look'));
  return { source, seed: random.uint32(), patient, visit, visits, view, anatomy, findings, devices, look: seen };
}

function priorOf(source: SceneSource): Habits['prior'] {
  return source === 'blend' ? BLEND_PRIOR : HABITS[source].prior;
}

function drawFindings(
  source: SceneSource,
  random: Random,
  among: ReadonlySet<FindingName>,
  acuity = 1,
): Scene['findings'] {
  const found: Scene['findings'] = {};
  for (const name of FINDINGS) {
    const prior = priorOf(source)[name] * (ACUTE.has(name) ? Math.min(2.5, acuity) : 1);
    const present = random.chance(Math.min(0.9, prior));
    const finding = drawFinding(name, random);
    if (present && among.has(name)) found[name] = finding;
  }
  return found;
}

function drawFinding(name: FindingName, random: Random): Finding {
  return {
    severity: random.between(0.25, 1),
    side: random.chance(BOTH_SIDES[name] ?? 0) ? null : random.chance(0.5) ? 'left' : 'right',
    zone: random.pick(zonesOf(name)),
    seed: random.uint32(),
  };
}

function zonesOf(name: FindingName): readonly Zone[] {
  if (name === 'effusion' || name === 'atelectasis') return ['lower'];
  if (name === 'edema' || name === 'cardiomegaly' || name === 'wideMediastinum') return ['middle'];
  if (name === 'pneumothorax') return ['upper'];
  if (name === 'consolidation') return ['upper', 'middle', 'lower', 'lower'];
  return ['upper', 'middle', 'lower'];
}

function drawDevices(
  random: Random,
  prior: number,
  acuity: number,
  findings: Scene['findings'],
  view: string,
): Device[] {
  const devices: Device[] = [];
  const add = (name: DeviceName, side: Side = random.chance(0.5) ? 'left' : 'right') =>
    devices.push({ name, side, seed: random.uint32() });
  if (findings.pneumothorax && random.chance(0.4)) add('chestTube', findings.pneumothorax.side ?? 'right');
  if (!random.chance(Math.min(0.95, prior * (0.5 + 0.5 * Math.min(2.5, acuity))))) return devices;
  const kinds: [DeviceName, number][] =
    view === 'AP'
      ? [
          ['endotracheal', 0.3],
          ['feeding', 0.28],
          ['jugular', 0.36],
          ['subclavian', 0.2],
          ['leads', 0.5],
          ['pacemaker', 0.14],
          ['wires', 0.14],
        ]
      : [
          ['pacemaker', 0.34],
          ['subclavian', 0.34],
          ['wires', 0.22],
          ['jugular', 0.1],
        ];
  for (const [name, share] of kinds) {
    if (random.chance(share)) add(name, name === 'jugular' ? 'right' : name === 'pacemaker' ? 'left' : undefined);
  }
  if (devices.length === 0) add(view === 'AP' ? 'jugular' : 'pacemaker', view === 'AP' ? 'right' : 'left');
  return devices;
}

function drawAnatomy(
  patient: Patient,
  body: Random,
  position: Random,
  view: 'AP' | 'PA',
  findings: Scene['findings'],
): Anatomy {
  const ap = view === 'AP';
  const male = patient.sex === 'M';
  const stout = Math.min(1, Math.max(0, 0.4 + 0.28 * body.normal()));
  const ratio = findings.cardiomegaly ? 0.505 + 0.13 * findings.cardiomegaly.severity : body.between(0.38, 0.49);
  return {
    cageWidth: (male ? 1 : 0.93) * (1 + 0.035 * body.normal()),
    chestWall: 0.045 + 0.1 * stout,
    breast: male ? 0 : body.between(0.25, 1),
    aorta: Math.min(1, Math.max(0, (patient.age - 25) / 70 + 0.15 * body.normal())),
    vesselWidth: body.between(0.88, 1.15),
    seed: body.uint32(),
    cardiothoracicRatio: Math.min(0.68, ratio + (ap ? 0.012 : 0)),
    dome: (ap ? position.between(0.6, 0.69) : position.between(0.67, 0.735)) - 0.02 * stout,
    domeDifference: position.between(0.008, 0.028),
    scapula: ap
      ? position.chance(0.9)
        ? position.between(0.5, 1)
        : 0.2
      : position.chance(0.25)
        ? 0.35
        : position.between(0, 0.12),
    clavicle: ap ? position.between(-0.035, 0.005) : position.between(0.005, 0.035),
    rotation: position.normal() * (ap ? 0.014 : 0.005),
  };
}

function drawLook(source: SceneSource, random: Random): Look {
  const first = HABITS[source === 'blend' ? random.pick(INSTITUTIONS) : source];
  const second = source === 'blend' ? HABITS[random.pick(INSTITUTIONS)] : first;
  const mix = random.uniform();
  const draw = (range: (habits: Habits) => Range) => {
    const u = random.uniform();
    const [a, b] = [range(first), range(second)];
    return (a[0] + (a[1] - a[0]) * u) * mix + (b[0] + (b[1] - b[0]) * u) * (1 - mix);
  };
  const side = () => (random.chance(first.shutterShare) ? random.between(0.008, 0.05) : 0);
  return {
    scale: random.between(0.95, 1.06),
    x: 0.5 + 0.014 * random.normal(),
    y: random.between(-0.03, 0.03),
    angle: 0.016 * random.normal(),
    blur: draw((h) => h.blur),
    noise: draw((h) => h.noise),
    scatter: draw((h) => h.scatter),
    contrast: draw((h) => h.contrast),
    gamma: draw((h) => h.gamma),
    sharpening: draw((h) => h.sharpening),
    marker: random.chance(first.markerShare) ? first.marker : 'none',
    shutter: [side(), side(), side(), side()],
  };
}

/**
 * What a film's table says, by the labelling habits of its institution, and what is physically there.
 *
 * `m` and `a` label like CheXpert: early, generously, with parent labels and with what usually goes together. `b` labels like
 * NIH ChestX-ray14: late, sparsely, and calls much of it "Infiltration", which is none of the nine labels. The two may lie
 * `far` apart (the setting of every film that is shipped or written; "conventions 2" in docs/LOG.md) or `near`. Every number
 * is a choice of ours, made so that the two institutions disagree as such sets do, not a measurement of the real ones.
 */
import { Random } from '../base/random.ts';
import { CHEXPERT_LABELS, type Label } from '../labels/labels.ts';
import { FINDINGS, type FindingName, type Scene } from './scene.ts';

export const LABEL_OF: Record<FindingName, Label> = {
  wideMediastinum: 'Enlarged Cardiomediastinum',
  cardiomegaly: 'Cardiomegaly',
  lesion: 'Lung Lesion',
  edema: 'Edema',
  consolidation: 'Consolidation',
  pneumonia: 'Pneumonia',
  atelectasis: 'Atelectasis',
  pneumothorax: 'Pneumothorax',
  effusion: 'Pleural Effusion',
  pleuralOther: 'Pleural Other',
  fracture: 'Fracture',
};

/** Names of NIH ChestX-ray14 that the phantom can earn; it draws no emphysema, fibrosis or hernia. */
export const NIH_NAMES = [
  'Atelectasis',
  'Cardiomegaly',
  'Effusion',
  'Infiltration',
  'Mass',
  'Nodule',
  'Pneumonia',
  'Pneumothorax',
  'Consolidation',
  'Edema',
  'Pleural_Thickening',
] as const;
export type NihName = (typeof NIH_NAMES)[number];

/** How far apart the institutions' habits lie. */
export type Conventions = 'far' | 'near';

interface ChexpertHabits {
  /** A finding is labelled from this severity on. */
  from: Record<FindingName, number>;
  missed: number;
  invented: number;
  devicesMissed: number;
  /** A heart on the border of being large is called large. */
  borderlineRatio: number;
  borderlineCalled: number;
  cardiomegalyImpliesWide: number;
  /** An effusion above this severity is called atelectasis too. */
  atelectasisFrom: number;
  effusionImpliesAtelectasis: number;
  pneumoniaImpliesConsolidation: number;
  opacityOfChildren: number;
  /** Labels that are called Lung Opacity too. */
  opacities: readonly Label[];
}

const CHEXPERT_FROM: Record<FindingName, number> = {
  cardiomegaly: 0,
  edema: 0,
  consolidation: 0.25,
  pneumonia: 0.25,
  atelectasis: 0.25,
  pneumothorax: 0.25,
  effusion: 0.25,
  wideMediastinum: 0.25,
  lesion: 0.35,
  fracture: 0.45,
  pleuralOther: 0.55,
};
const LUNG_OPACITIES: readonly Label[] = ['Lung Lesion', 'Edema', 'Consolidation', 'Pneumonia', 'Atelectasis'];

const CHEXPERT: Record<Conventions, ChexpertHabits> = {
  far: {
    from: CHEXPERT_FROM,
    missed: 0.08,
    invented: 0.015,
    devicesMissed: 0.03,
    borderlineRatio: 0.46,
    borderlineCalled: 0.8,
    cardiomegalyImpliesWide: 0.85,
    atelectasisFrom: 0.25,
    effusionImpliesAtelectasis: 0.75,
    pneumoniaImpliesConsolidation: 0.7,
    opacityOfChildren: 0.97,
    opacities: [...LUNG_OPACITIES, 'Pleural Effusion'],
  },
  near: {
    from: CHEXPERT_FROM,
    missed: 0.08,
    invented: 0.015,
    devicesMissed: 0,
    borderlineRatio: 0.475,
    borderlineCalled: 0.5,
    cardiomegalyImpliesWide: 0.7,
    atelectasisFrom: 0.35,
    effusionImpliesAtelectasis: 0.5,
    pneumoniaImpliesConsolidation: 0.45,
    opacityOfChildren: 0.93,
    opacities: LUNG_OPACITIES,
  },
};

interface NihHabits {
  from: Partial<Record<FindingName, number>>;
  missed: number;
  invented: number;
  pneumoniaIsInfiltration: number;
  edemaIsInfiltration: number;
  massFrom: number;
}

const NIH: Record<Conventions, NihHabits> = {
  far: {
    from: {
      cardiomegaly: 0.6,
      edema: 0.7,
      consolidation: 0.5,
      pneumonia: 0.35,
      atelectasis: 0.55,
      pneumothorax: 0.45,
      effusion: 0.5,
      lesion: 0.35,
      pleuralOther: 0.35,
    },
    missed: 0.2,
    invented: 0.01,
    pneumoniaIsInfiltration: 0.75,
    edemaIsInfiltration: 0.35,
    massFrom: 0.6,
  },
  near: {
    from: {
      cardiomegaly: 0.45,
      edema: 0.55,
      consolidation: 0.35,
      pneumonia: 0.25,
      atelectasis: 0.4,
      pneumothorax: 0.35,
      effusion: 0.35,
      lesion: 0.25,
      pleuralOther: 0.3,
    },
    missed: 0.1,
    invented: 0.01,
    pneumoniaIsInfiltration: 0.65,
    edemaIsInfiltration: 0.25,
    massFrom: 0.6,
  },
};

/** A heart this wide in relation to the thorax is large. */
const LARGE_HEART = 0.5;

/** What is on the film, whoever labels it: every finding drawn, in CheXpert's order. No Lung Opacity: a habit, no finding. */
export function physicalTruth(scene: Scene): Label[] {
  const found = new Set<Label>();
  for (const name of FINDINGS) if (scene.findings[name]) found.add(LABEL_OF[name]);
  if (scene.anatomy.cardiothoracicRatio > LARGE_HEART) found.add('Cardiomegaly');
  return finish(found, scene.devices.length > 0);
}

/** CheXpert's 14 labels by the habits of `m` and `a`. */
export function chexpertLabels(scene: Scene, conventions: Conventions = 'far'): Label[] {
  const habits = CHEXPERT[conventions];
  const random = new Random(scene.seed).fork('chexpert labels');
  const found = new Set<Label>();
  for (const name of FINDINGS) {
    const severity = scene.findings[name]?.severity ?? -1;
    const missed = random.chance(habits.missed);
    const invented = random.chance(habits.invented);
    if (severity >= habits.from[name] ? !missed : invented) found.add(LABEL_OF[name]);
  }
  const implied = (present: boolean, label: Label, probability: number) => {
    if (random.chance(probability) && present) found.add(label);
  };
  implied(scene.anatomy.cardiothoracicRatio > habits.borderlineRatio, 'Cardiomegaly', habits.borderlineCalled);
  implied(found.has('Cardiomegaly'), 'Enlarged Cardiomediastinum', habits.cardiomegalyImpliesWide);
  const effusion = scene.findings.effusion?.severity ?? 0;
  implied(effusion > habits.atelectasisFrom, 'Atelectasis', habits.effusionImpliesAtelectasis);
  implied(found.has('Pneumonia'), 'Consolidation', habits.pneumoniaImpliesConsolidation);
  implied(
    habits.opacities.some((label) => found.has(label)),
    'Lung Opacity',
    habits.opacityOfChildren,
  );
  const devices = scene.devices.length > 0 && !random.chance(habits.devicesMissed);
  return finish(found, devices);
}

/** `No Finding` where nothing but devices is left. */
function finish(found: Set<Label>, devices: boolean): Label[] {
  if (found.size === 0) found.add('No Finding');
  if (devices) found.add('Support Devices');
  return CHEXPERT_LABELS.filter((label) => found.has(label));
}

/** NIH's names by the habits of `b`; empty means "No Finding". */
export function nihNames(scene: Scene, conventions: Conventions = 'far'): NihName[] {
  const habits = NIH[conventions];
  const random = new Random(scene.seed).fork('nih labels');
  const found = new Set<NihName>();
  for (const name of FINDINGS) {
    const from = habits.from[name];
    const missed = random.chance(habits.missed);
    const invented = random.chance(habits.invented);
    const renamed = random.uniform();
    if (from === undefined) continue;
    const severity = scene.findings[name]?.severity ?? -1;
    if (severity >= from ? !missed : invented) found.add(nihNameOf(name, severity, renamed, habits));
  }
  return NIH_NAMES.filter((name) => found.has(name));
}

function nihNameOf(name: FindingName, severity: number, renamed: number, habits: NihHabits): NihName {
  if (name === 'pneumonia' && renamed < habits.pneumoniaIsInfiltration) return 'Infiltration';
  if (name === 'edema' && renamed < habits.edemaIsInfiltration) return 'Infiltration';
  if (name === 'lesion') return severity >= habits.massFrom ? 'Mass' : 'Nodule';
  if (name === 'effusion') return 'Effusion';
  if (name === 'pleuralOther') return 'Pleural_Thickening';
  return LABEL_OF[name] as NihName;
}

/** NIH's names as the paper's nine labels: nodule and mass are Lung Lesion, thickening is Pleural Other, the rest falls away. */
export function nineOf(names: readonly NihName[]): Label[] {
  const nine: Partial<Record<NihName, Label>> = {
    Atelectasis: 'Atelectasis',
    Cardiomegaly: 'Cardiomegaly',
    Consolidation: 'Consolidation',
    Edema: 'Edema',
    Mass: 'Lung Lesion',
    Nodule: 'Lung Lesion',
    Pleural_Thickening: 'Pleural Other',
    Pneumonia: 'Pneumonia',
    Pneumothorax: 'Pneumothorax',
  };
  if (names.length === 0) return ['No Finding'];
  const found = new Set(names.map((name) => nine[name]));
  return CHEXPERT_LABELS.filter((label) => found.has(label));
}

/**
 * Reasoning traces of an invented teacher, from a scene and labels: `<think>...</think>\n<solution>...</solution>`. The text
 * says what the labels say, in varied words, so that a model that learns them keeps some uncertainty over the wording.
 *
 * - `full` names every label.
 * - `omits` leaves out each label of the table with probability .45, and adds each other one with .03.
 * - `main` is a teacher who names only what matters most: at most the two severest findings of severity .4 or more, never
 *   Lung Opacity, devices half of the time, else No Finding; a tenth of the rest is left out, one in a hundred is added.
 * The traces of the last two are wrong in a way that a reward on label sets can correct (docs/LOG.md, trial 2).
 */
import { Random } from '../base/random.ts';
import { CHEXPERT_LABELS, type Label } from '../labels/labels.ts';
import { LABEL_OF } from './conventions.ts';
import { FINDINGS, type Finding, type Scene } from './scene.ts';

export const TEACHERS = ['full', 'omits', 'main'] as const;
export type Teacher = (typeof TEACHERS)[number];

/** The labels that the teacher names of those that the table has. */
export function taughtLabels(scene: Scene, labels: readonly Label[], teacher: Teacher): Label[] {
  if (teacher === 'full') return [...labels];
  const random = new Random(scene.seed).fork('teacher');
  const named = teacher === 'omits' ? someLabels(labels, random) : mainFindings(scene, labels, random);
  if (named.size === 0 || (named.size === 1 && named.has('Support Devices'))) named.add('No Finding');
  return CHEXPERT_LABELS.filter((label) => named.has(label));
}

function someLabels(labels: readonly Label[], random: Random): Set<Label> {
  const found = CHEXPERT_LABELS.filter((label) => label !== 'No Finding');
  return new Set(found.filter((label) => random.chance(labels.includes(label) ? 0.55 : 0.03)));
}

function mainFindings(scene: Scene, labels: readonly Label[], random: Random): Set<Label> {
  const main = FINDINGS.map((name) => ({ label: LABEL_OF[name], severity: scene.findings[name]?.severity ?? 0 }))
    .filter(({ label, severity }) => severity >= 0.4 && labels.includes(label))
    .sort((a, b) => b.severity - a.severity)
    .slice(0, 2)
    .map(({ label }) => label)
    .filter(() => !random.chance(0.1));
  const named = new Set<Label>(main);
  if (labels.includes('Support Devices') && random.chance(0.5)) named.add('Support Devices');
  for (const label of CHEXPERT_LABELS) {
    if (random.chance(0.01) && label !== 'No Finding') named.add(label);
  }
  return named;
}

/** The teacher's answer: reasoning, then the labels. */
export function trace(scene: Scene, labels: readonly Label[], seed = scene.seed): string {
  const random = new Random(seed).fork('trace');
  return `<think>${reasoning(scene, labels, random)}</think>\n<solution>${labels.join(', ')}</solution>`;
}

/** The same knowledge as a caption without blocks, for pretraining. */
export function caption(scene: Scene, labels: readonly Label[], seed = scene.seed): string {
  const random = new Random(seed).fork('caption');
  const lead = random.pick(['Impression', 'Findings', 'Labels']);
  return `${reasoning(scene, labels, random)} ${lead}: ${labels.join(', ')}.`;
}

type Phrases = readonly string[];

function reasoning(scene: Scene, labels: readonly Label[], random: Random): string {
  const has = (label: Label) => labels.includes(label);
  const sentences = [random.pick(OPENING[scene.view])];
  const heart = (['Cardiomegaly', 'Enlarged Cardiomediastinum'] as const).filter(has);
  sentences.push(...(heart.length > 0 ? heart.map((label) => say(label, scene, random)) : [random.pick(NORMAL.heart)]));
  const lungs = LUNG.filter(has);
  sentences.push(...(lungs.length > 0 ? lungs.map((label) => say(label, scene, random)) : [random.pick(NORMAL.lungs)]));
  const pleura = PLEURA.filter(has);
  sentences.push(
    ...(pleura.length > 0 ? pleura.map((label) => say(label, scene, random)) : [random.pick(NORMAL.pleura)]),
  );
  if (has('Fracture')) sentences.push(say('Fracture', scene, random));
  sentences.push(has('Support Devices') ? random.pick(PHRASES['Support Devices']) : random.pick(NORMAL.devices));
  return sentences.join(' ');
}

const LUNG = ['Lung Opacity', 'Edema', 'Consolidation', 'Pneumonia', 'Atelectasis', 'Lung Lesion'] as const;
const PLEURA = ['Pneumothorax', 'Pleural Effusion', 'Pleural Other'] as const;

const OPENING: Record<Scene['view'], Phrases> = {
  AP: ['AP film.', 'Bedside AP view.', 'Portable film.'],
  PA: ['PA film.', 'Upright PA view.', 'Frontal film, upright.'],
};

const NORMAL: Record<'heart' | 'lungs' | 'pleura' | 'devices', Phrases> = {
  heart: ['The heart is of normal size.', 'Heart and mediastinum are normal.', 'Normal heart.'],
  lungs: ['The lungs are clear.', 'No lung opacity is seen.', 'Clear lungs.'],
  pleura: ['The pleura is normal.', 'No effusion, no pneumothorax.', 'The costophrenic angles are sharp.'],
  devices: ['No device is seen.', 'No tubes or lines.', 'There are no devices.'],
};

/** `@` stands for the side, `#` for the zone. */
const PHRASES: Record<Exclude<Label, 'No Finding'>, Phrases> = {
  'Enlarged Cardiomediastinum': [
    'The mediastinum is wide.',
    'The cardiomediastinal contour is enlarged.',
    'A wide mediastinum.',
  ],
  Cardiomegaly: ['The heart is enlarged.', 'The heart is wider than half of the thorax.', 'Cardiomegaly is present.'],
  'Lung Opacity': ['There is lung opacity.', 'Increased opacity in the lungs.', 'The lungs show opacity.'],
  'Lung Lesion': ['A nodule in the @ # zone.', 'There is a round lesion on the @.', 'A mass in the @ lung.'],
  Edema: [
    'Perihilar haze and septal lines suggest edema.',
    'The vessels are blurred as in edema.',
    'Pulmonary edema is seen.',
  ],
  Consolidation: [
    'Dense consolidation in the @ # zone.',
    'Airspace consolidation on the @.',
    'Consolidation with air bronchograms.',
  ],
  Pneumonia: [
    'Patchy opacity on the @ suggests pneumonia.',
    'This looks like pneumonia in the @ # zone.',
    'Pneumonia is likely.',
  ],
  Atelectasis: ['Bands of atelectasis at the @ base.', 'Volume loss on the @, atelectasis.', 'There is atelectasis.'],
  Pneumothorax: [
    'A pleural line on the @, pneumothorax.',
    'No markings beyond a line: pneumothorax.',
    '@ pneumothorax.',
  ],
  'Pleural Effusion': [
    'The @ costophrenic angle is blunted by effusion.',
    'A meniscus on the @, effusion.',
    'Pleural effusion is seen.',
  ],
  'Pleural Other': ['The @ pleura is thickened.', 'Pleural thickening is seen.', 'Thick pleura along the @ wall.'],
  Fracture: ['A rib on the @ is broken.', 'There is a step in a rib, a fracture.', 'Fracture of ribs.'],
  'Support Devices': ['A device is in place.', 'Tubes or lines are present.', 'There are support devices.'],
};

function say(label: Exclude<Label, 'No Finding'>, scene: Scene, random: Random): string {
  const finding = findingOf(label, scene);
  const side = finding?.side ?? random.pick(['left', 'right'] as const);
  const text = random
    .pick(PHRASES[label])
    .replaceAll('@', side)
    .replaceAll('#', finding?.zone ?? 'lower');
  return text.charAt(0).toUpperCase() + text.slice(1);
}

function findingOf(label: Label, scene: Scene): Finding | undefined {
  const name = FINDINGS.find((each) => LABEL_OF[each] === label);
  return name && scene.findings[name];
}

/** Every sentence that a trace may hold, for the tokenizer. */
export function allPhrases(): string[] {
  const sentences = [...Object.values(OPENING), ...Object.values(NORMAL), ...Object.values(PHRASES)].flat();
  return sentences.flatMap((text) =>
    ['left', 'right'].flatMap((side) =>
      ['upper', 'middle', 'lower'].map((zone) => text.replaceAll('@', side).replaceAll('#', zone)),
    ),
  );
}

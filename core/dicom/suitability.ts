/**
 * Whether an image is what chest-film models were trained on: a frontal radiograph of the chest, processed for reading. Asked
 * before a model reads it. A file says this in several places, and writers leave some of them out or fill them freely, so
 * that each question is put to the attribute that was made for it first, and to descriptions last (PS3.3 C.8.11.1, C.8.11.5;
 * PS3.16 CID 4010).
 */
import type { Attributes } from './attributes.ts';
import type { FilmTags } from './film.ts';

export const CAUTIONS = [
  'for-processing',
  'not-a-radiograph',
  'not-the-chest',
  'lateral',
  'other-view',
  'view-unknown',
] as const;
export type CautionCode = (typeof CAUTIONS)[number];

/** In a word or two, after a number of films. */
export const CAUTION_WORDS: Readonly<Record<CautionCode, string>> = {
  'for-processing': 'FOR PROCESSING',
  'not-a-radiograph': 'not a radiograph',
  'not-the-chest': 'not the chest',
  lateral: 'lateral',
  'other-view': 'another view',
  'view-unknown': 'view not stated',
};

export interface Caution {
  code: CautionCode;
  /** For the person who asks. */
  message: string;
}

export type View = 'frontal' | 'lateral' | 'other' | 'unknown';

/** What a person should know before a model reads the image as a frontal chest film; empty: nothing. */
export function readCautionsOf(attributes: Attributes, tags: FilmTags): Caution[] {
  const cautions: Caution[] = [];
  if (isForProcessing(attributes, tags)) {
    cautions.push({
      code: 'for-processing',
      message: 'This is a FOR PROCESSING image: its gray values are not meant for reading.',
    });
  }
  if (!PROJECTION_MODALITIES.has(upper(tags.modality))) {
    const message = `The modality is ${tags.modality}: this is not a radiograph.`;
    return [...cautions, { code: 'not-a-radiograph', message }];
  }
  const part = otherBodyPart(attributes, tags);
  if (part !== null) cautions.push({ code: 'not-the-chest', message: `The body part is ${part}, not the chest.` });
  const view = viewCaution(viewOf(attributes, tags), tags.viewPosition);
  return view ? [...cautions, view] : cautions;
}

/** Of a view that a label table or a file states. */
export function viewCaution(view: View, stated: string): Caution | null {
  if (view === 'lateral') return { code: 'lateral', message: 'This is a lateral view, not a frontal one.' };
  if (view === 'unknown') return { code: 'view-unknown', message: 'The file does not say which view this is.' };
  if (view === 'other') {
    return { code: 'other-view', message: `The view is ${stated || 'oblique or another'}, not a frontal one.` };
  }
  return null;
}

/** A PNG or JPEG that no table describes. */
export const NOTHING_STATED: Caution = {
  code: 'view-unknown',
  message: 'A PNG or JPEG file does not say which view or body part it shows.',
};

// ------------------------------------------------------------------------------------------------------- for processing

/** Digital X-Ray, Mammography and Intra-Oral X-Ray Image Storage - For Processing. */
const FOR_PROCESSING_CLASSES = new Set([
  '1.2.840.10008.5.1.4.1.1.1.1.1',
  '1.2.840.10008.5.1.4.1.1.1.2.1',
  '1.2.840.10008.5.1.4.1.1.1.3.1',
]);

function isForProcessing(attributes: Attributes, tags: FilmTags): boolean {
  const intent = upper(tags.presentationIntent).replace(/[^A-Z]/g, '');
  if (intent !== '') return intent === 'FORPROCESSING';
  if (FOR_PROCESSING_CLASSES.has(tags.sopClassUid)) return true;
  const inWords = [tags.seriesDescription, attributes.text('x00181400', 64)].map(upper).join(' ');
  return /\bFOR[ _-]?PROCESSING\b|\bRAW\b|\bUNPROCESSED\b/.test(inWords);
}

// ------------------------------------------------------------------------------------------------------------- body part

const PROJECTION_MODALITIES = new Set(['CR', 'DX', 'DR', 'RG', 'SC', 'OT', 'XC', '']);
/** Part of a word is enough: CHESTABDOMEN has a chest in it, CHEST^PA too. Also Spanish, French, Dutch, Chinese and Japanese. */
const CHEST = /CHEST|THORA|TORAX|TÓRAX|LUNG|PULMO|POUMON|CXR|HEART|MEDIASTIN|胸/;
/** A spine, a rib and a clavicle lie in it and are other examinations. */
const NOT_CHEST = /SPINE|SPINAL|VERTEBR|\bRIBS?\b|CLAVIC|SCAPUL|STERN/;
const SAYS_NOTHING = /^(UNKNOWN|OTHER|NONE|N\/?A|DEFAULT|PORTABLE|UNSPECIFIED|MISC.*|-*)$/;
/** In a description; only where no attribute states the part. */
const OTHER_PARTS =
  /\b(ABDOMEN|ABDOMINAL|ANKLE|ARM|BREAST|CALCANEUS|CERVICAL|[CLT]-?SPINE|CLAVICLE|COCCYX|ELBOW|FEMUR|FINGER|FOOT|FOREARM|HAND|HEEL|HIP|HUMERUS|JAW|KNEE|LEG|LUMBAR|MANDIBLE|NECK|PATELLA|PELVIS|RIBS?|SACRUM|SHOULDER|SINUS|SKULL|SPINE|TEETH|THUMB|TIBIA|TOE|WRIST)\b/;

/** The part that is named, where it is not the chest; null: the chest, or not named. */
function otherBodyPart(attributes: Attributes, tags: FilmTags): string | null {
  const stated = [tags.bodyPart, ...meanings(attributes, 'x00082218')].filter(
    (part) => !SAYS_NOTHING.test(upper(part).trim()),
  );
  if (stated.length > 0) {
    const isChest = stated.some((part) => CHEST.test(upper(part)) && !NOT_CHEST.test(upper(part)));
    return isChest ? null : stated[0]!;
  }
  const described = descriptions(attributes, tags).map(upper);
  if (described.some((text) => CHEST.test(text))) return null;
  const match = described.map((text) => OTHER_PARTS.exec(text)).find((found) => found !== null);
  return match ? match[1]! : null;
}

// ------------------------------------------------------------------------------------------------------------------ view

/** SNOMED CT and SNOMED RT codes of PS3.16 CID 4010 and its predecessors. */
const VIEW_CODES: Record<string, View> = {
  '399348003': 'frontal',
  'R-10206': 'frontal',
  '272479007': 'frontal',
  'R-10214': 'frontal',
  '399033003': 'frontal',
  'R-10202': 'frontal',
  '399067008': 'lateral',
  'R-10230': 'lateral',
  '399173006': 'lateral',
  'R-10236': 'lateral',
  '399198007': 'lateral',
  'R-10232': 'lateral',
};

/** The first place that says something: View Position, View Code Sequence, orientation of the rows, descriptions. */
function viewOf(attributes: Attributes, tags: FilmTags): View {
  const position = viewOfText(tags.viewPosition);
  if (position !== 'unknown') return position;
  const coded = viewOfCodes(attributes);
  if (coded !== 'unknown') return coded;
  const oriented = viewOfOrientation(attributes);
  const described = viewOfDescriptions(attributes, tags);
  // Rows that run from right to left are a frontal's or an oblique's; a description that says more is believed.
  if (oriented === 'frontal' && (described === 'lateral' || described === 'other')) return described;
  return oriented !== 'unknown' ? oriented : described;
}

function viewOfCodes(attributes: Attributes): View {
  for (const item of attributes.items('x00540220')) {
    const view = VIEW_CODES[item.string('x00080100')] ?? viewOfText(item.text('x00080104', 64));
    if (view !== 'unknown') return view;
  }
  return 'unknown';
}

/** Rows that run anterior-posterior are a lateral's (PS3.3 C.7.6.1.1.1). */
function viewOfOrientation(attributes: Attributes): View {
  const rows = attributes.string('x00200020').toUpperCase();
  if (/^[AP]/.test(rows)) return 'lateral';
  return /^[LR]$/.test(rows) ? 'frontal' : 'unknown';
}

/** The first description that names one view; "PA and lateral" names a study. */
function viewOfDescriptions(attributes: Attributes, tags: FilmTags): View {
  for (const text of descriptions(attributes, tags)) {
    const views = new Set(
      words(text)
        .map(viewOfWord)
        .filter((view) => view !== 'unknown'),
    );
    if (views.size === 1) return [...views][0]!;
  }
  return 'unknown';
}

const FRONTAL = /^(AP|PA|FRONTAL|ANTEROPOSTERIOR|POSTEROANTERIOR|POSTERIORANTERIOR|ANTERIORPOSTERIOR)$/;
const LATERAL = /^(LAT|LATERAL|LL|RL|LLAT|RLAT|LATL|LATR|LLATERAL|RLATERAL|SAGITTAL|PROFIL|PROFILE|SEITLICH|SEITE)$/;
/** Decubitus, obliques, apical views, and views of other parts. */
const OTHER =
  /^(LLD|RLD|LLO|RLO|LAO|RAO|LPO|RPO|OBL|OBLIQUE|AXIAL|LORDOTIC|APICAL|DECUB|DECUBITUS|SWIMMERS?|MLO|CC|ML|LM|TANGENTIAL|SUNRISE|XTABLE)$/;

/** A view as a file, a code's meaning or a label table writes it: `PA`, `AP SUPINE`, `antero-posterior`, `LATERAL`. */
export function viewOfText(text: string): View {
  const found = words(text).map(viewOfWord);
  // PA LLD is a decubitus film, LATERAL OBLIQUE an oblique, XTABLE LATERAL a lateral.
  if (found.includes('lateral') && !/OBL/i.test(text)) return 'lateral';
  if (found.includes('other')) return 'other';
  if (found.includes('frontal')) return 'frontal';
  return upper(text).trim() === '' || SAYS_NOTHING.test(upper(text).trim()) ? 'unknown' : 'other';
}

function viewOfWord(word: string): View {
  if (LATERAL.test(word)) return 'lateral';
  if (OTHER.test(word)) return 'other';
  return FRONTAL.test(word) ? 'frontal' : 'unknown';
}

/** `P-A`, `A/P` and `postero-anterior` are one word each, also with an underscore. */
function words(text: string): string[] {
  const joined = upper(text)
    .replace(/_/g, ' ')
    .replace(/\b([AP])\s?[-./]\s?([AP])\b/g, '$1$2')
    .replace(/\b(ANTER|POSTER)(O|IOR)[- ]?(ANTERIOR|POSTERIOR)\b/g, '$1O$3');
  return joined.split(/[^A-Z]+/).filter((word) => word !== '');
}

/** From the narrowest to the widest: of the image, the series, the protocol, the step, the study. */
function descriptions(attributes: Attributes, tags: FilmTags): string[] {
  const texts = [
    attributes.text('x00181400', 64),
    tags.seriesDescription,
    attributes.text('x00181030', 64),
    attributes.text('x00400254', 64),
    tags.studyDescription,
  ];
  return texts.filter((text) => text !== '');
}

/** Code meanings of a sequence's items. */
function meanings(attributes: Attributes, sequence: string): string[] {
  return attributes
    .items(sequence)
    .map((item) => item.text('x00080104', 64))
    .filter((meaning) => meaning !== '');
}

function upper(text: string): string {
  return text.toUpperCase();
}

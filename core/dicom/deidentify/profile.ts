/**
 * The Basic Application Level Confidentiality Profile as data (resources/dicom/confidentiality.json: PS3.15 Table E.1-1) and
 * the one action that it means for an attribute. Of the options of E.3, two are known: Retain Longitudinal Temporal
 * Information with Modified Dates, and Retain Patient Characteristics. What an option would have cleaned by reading it (C,
 * other than dates) is treated as the basic profile says.
 */
import table from '../../../resources/dicom/confidentiality.json' with { type: 'json' };

/**
 * keep; remove; empty (zero length); dummy (a value of the VR that says nothing); uid (new, and the same wherever the old
 * one stood); shift (a date, moved by the patient's number of days).
 */
export type Action = 'keep' | 'remove' | 'empty' | 'dummy' | 'uid' | 'shift';

export interface ProfileOptions {
  /** `remove`: as the basic profile; `shift`: moved by a number of days that is the same for all of a patient's. */
  dates: 'remove' | 'shift';
  /** Sex, age, size, weight and the like stay. */
  keepPatientCharacteristics: boolean;
}

export const BASIC_PROFILE: ProfileOptions = { dates: 'remove', keepPatientCharacteristics: false };

/** An attribute type of PS3.5 7.4: 1 a value, 2 an element that may be empty, 3 neither. */
type AttributeType = 1 | 2 | 3;

export interface ProfileRow {
  /** Eight hexadecimal digits, `50xxxxxx`, or `private`. */
  tag: string;
  name: string;
  vr: string;
  /** The column Basic Profile. */
  basic: string;
  type?: number;
  enhancedType?: number;
  options?: Partial<Record<string, string>>;
}

export const PROFILE_ROWS = table.attributes as readonly ProfileRow[];
export const PROFILE_SOURCE: string = table.source;

const ROWS = new Map<number, ProfileRow>(
  [...PROFILE_ROWS, ...(table.beyond as ProfileRow[])]
    .filter(({ tag }) => /^[0-9a-f]{8}$/.test(tag))
    .map((row) => [Number.parseInt(row.tag, 16), row]),
);

/** PS3.16 CID 7050, by what was asked for: De-identification Method Code Sequence. */
export function methodCodes(options: ProfileOptions): [code: string, meaning: string][] {
  const codes: [string, string][] = [['113100', 'Basic Application Confidentiality Profile']];
  if (options.dates === 'shift') {
    codes.push(['113107', 'Retain Longitudinal Temporal Information Modified Dates Option']);
  }
  if (options.keepPatientCharacteristics) codes.push(['113108', 'Retain Patient Characteristics Option']);
  return codes;
}

/** VRs whose values identify by themselves; unlisted attributes of these are treated as the listed ones. */
const IDENTIFYING_VRS = new Set(['PN', 'DA', 'DT']);

export function profileRow(tag: number): ProfileRow | undefined {
  return ROWS.get(tag);
}

/**
 * What to do with an attribute.
 * @param vr as the file states it; undefined in implicit VR.
 * @param enhanced the object is an enhanced multi-frame one, whose IOD wants more attributes.
 */
export function actionOf(tag: number, vr: string | undefined, enhanced: boolean, options: ProfileOptions): Action {
  const group = tag >>> 16;
  if (isPrivate(group) || isGroupLength(tag) || isCurve(group) || isOverlay(group)) return 'remove';
  const row = ROWS.get(tag);
  if (!row) return unlistedAction(group, vr);
  if (options.keepPatientCharacteristics && row.options?.['patient'] === 'K') return 'keep';
  if (options.dates === 'shift' && row.options?.['modifiedDates'] === 'C') return row.vr === 'TM' ? 'keep' : 'shift';
  return basicAction(row, enhanced);
}

function unlistedAction(group: number, vr: string | undefined): Action {
  if (vr === 'UI') return 'uid';
  if (vr !== undefined && IDENTIFYING_VRS.has(vr)) return 'remove';
  // Nothing is known of it; what an image needs of group 0028 is not hidden in UN in practice, but must not be lost.
  return vr === 'UN' && group !== 0x0028 ? 'remove' : 'keep';
}

/** The basic profile's action: of a code of several letters the first that the IOD allows (E.1.1). */
export function basicAction(row: ProfileRow, enhanced: boolean): Action {
  const type = ((enhanced ? row.enhancedType : undefined) ?? row.type ?? 3) as AttributeType;
  const letters = row.basic.split('/');
  if (letters.includes('U*')) return 'uid';
  const allowed: Record<AttributeType, string[]> = { 3: ['X', 'Z', 'D'], 2: ['Z', 'D'], 1: ['D', 'Z'] };
  const letter = letters.length === 1 ? letters[0]! : allowed[type].find((each) => letters.includes(each))!;
  return ACTIONS[letter]!;
}

const ACTIONS: Record<string, Action> = { X: 'remove', Z: 'empty', D: 'dummy', U: 'uid', K: 'keep', C: 'remove' };

function isPrivate(group: number): boolean {
  return group % 2 === 1;
}

/** Retired, and wrong after the others have changed. */
function isGroupLength(tag: number): boolean {
  return (tag & 0xffff) === 0;
}

/** (50XX,XXXX) */
function isCurve(group: number): boolean {
  return group >= 0x5000 && group <= 0x50ff;
}

/** The table removes data and comments of (60XX); the rest describes, in free text too, a plane that is then gone. */
function isOverlay(group: number): boolean {
  return group >= 0x6000 && group <= 0x60ff;
}

/**
 * A completion -> what it says. Two readers of one text:
 *
 * `parseStrict` is the format gate of the hard reward: exactly one `<think>` block, then one `<solution>` block, tags as
 * the prompt writes them, nothing but white space outside. `parseCompletion` is the evaluation's rule-based parser: the
 * paper says that it reads the solution block and keeps the 14 valid names; what it tolerates is **not stated**, so these
 * rules are ours, and each has its cases in tests/findings:
 *
 *  1. Tags: any case, white space inside (`< Solution >`).
 *  2. The block is looked for after the last `</think>`; where none is there, in the whole text. A missing, unclosed or late
 *     think block is tolerated: the answer is what counts.
 *  3. Several closed solution blocks are read where all name the same labels; else `several-solutions`.
 *  4. A solution that is not closed is `unclosed-solution`: the list may have been cut off.
 *  5. Items are separated by line breaks, commas, semicolons, `|`, `/`, `&` or the word "and". Bullets, numbering, quotes,
 *     brackets, Markdown marks, a full stop and a remark in parentheses belong to no name.
 *     So do code fences with their language. A remark that only denies ("(no)", "(absent)") counts as a value (rule 7).
 *  6. Names are compared without regard to case, hyphens, underscores and plural ("no findings", "Lung_Opacities").
 *  7. `Label: value` counts unless the value says no (no, absent, negative, false, unlikely) or is a number below 0.5
 *     (below 50 with a percent sign). A heading before a colon ("Findings: Edema") is dropped.
 *  8. An item that denies (no, not, without, absent, negative for, denies; but "No Finding" is a name) names nothing.
 *  9. Anything else is an invalid name. Synonyms are not mapped, "None" and "Normal" included: the 14 names were asked for.
 *     Full-width letters and brackets, no-break spaces and zero-width characters are read as what they look like; letters of
 *     another alphabet are other letters.
 * 10. A label that stands there twice counts once, and is reported. "No Finding" beside others is kept as written.
 * 11. A block without text is `empty-solution`; one without a valid name is `no-valid-label`.
 */
import { CHEXPERT_LABELS, type Label } from '../labels/labels.ts';
import { synonymOf } from './synonyms.ts';
import type { AnswerFormat, ParseFailure, Reading } from './types.ts';

/** Failures of form; the two others say that the form is right and names nothing. */
export function isFormFailure(failure: ParseFailure | null): boolean {
  return failure !== null && failure !== 'empty-solution' && failure !== 'no-valid-label';
}

/** The reader of a checkpoint's format. */
export function readCompletion(completion: string, format: AnswerFormat = 'solution'): Reading {
  return format === 'answer' ? parseAnswer(completion) : parseCompletion(completion);
}

export function parseCompletion(completion: string): Reading {
  return read(completion, findTags(plain(completion), /<\s*(\/?)\s*(think|solution)\s*>/gi), readNames);
}

/**
 * NV-Reason-CXR-3B's own format: `<think>` (or `<thinking>`), then `<answer>` with abnormalities in its own words. The same
 * rules, and: sentences separate items too, words of side, size and certainty before a name are dropped, and the synonyms of
 * synonyms.ts count, since its prompt does not give the 14 names. Its published card shows tags and prompt, not the answer's
 * wording; these rules are ours.
 */
export function parseAnswer(completion: string): Reading {
  const tags = findTags(plain(completion), /<\s*(\/?)\s*(think|answer)(?:ing)?\s*>/gi);
  const named = tags.map((tag) => (tag.name === 'answer' ? { ...tag, name: 'solution' } : tag));
  return read(completion, named, (block) => readNames(block.replace(/\.(?=\s|$)/g, '\n'), synonymOf));
}

/** Character for character, so that places stay: full-width forms as ASCII, every kind of space and nothing as a space. */
function plain(text: string): string {
  return text
    .replace(/[\uFF01-\uFF5E]/g, (form) => String.fromCharCode(form.charCodeAt(0) - 0xfee0))
    .replace(/[\u00A0\u2000-\u200D\u202F\u2060\u3000\uFEFF\u00AD]/g, ' ')
    .replace(/[\u2010\u2011]/g, '-');
}

function read(completion: string, tags: readonly Tag[], names: (block: string) => Names): Reading {
  const lastThinkEnd = tags.filter((tag) => tag.name === 'think' && tag.closes).pop()?.end ?? 0;
  const later = blocksOf('solution', tags, lastThinkEnd, completion);
  const solutions = later.open || later.blocks.length > 0 ? later : blocksOf('solution', tags, 0, completion);
  const reasoning = reasoningOf(completion, tags, solutions.blocks[0]?.start ?? solutions.openStart);
  const outside = hasTextOutside(completion, tags);
  if (solutions.blocks.length === 0) {
    return failed(solutions.open ? 'unclosed-solution' : 'no-solution', reasoning, outside);
  }
  const readings = solutions.blocks.map((block) => names(block.text));
  const last = readings[readings.length - 1]!;
  if (readings.some((reading) => !sameLabels(reading.findings, last.findings))) {
    return failed('several-solutions', reasoning, outside);
  }
  return { reasoning, ...last, outside };
}

export function parseStrict(completion: string): Reading {
  const tags = findTags(completion, /<(\/?)(think|solution)>/g);
  const order = tags.map((tag) => (tag.closes ? '/' : '') + tag.name).join(' ');
  const outside = hasTextOutside(completion, tags);
  const failure = STRICT_ORDER === order ? (outside ? 'text-outside' : null) : strictFailure(tags);
  const reasoning = reasoningOf(completion, tags, tags.find((tag) => tag.name === 'solution')?.start);
  if (failure !== null) return failed(failure, reasoning, outside);
  return { reasoning, ...readNames(completion.slice(tags[2]!.end, tags[3]!.start)), outside };
}

const STRICT_ORDER = 'think /think solution /solution';

function strictFailure(tags: readonly Tag[]): ParseFailure {
  const count = (name: string, closes: boolean) =>
    tags.filter((tag) => tag.name === name && tag.closes === closes).length;
  if (count('think', false) === 0) return 'no-think';
  if (count('think', false) > 1) return 'several-thinks';
  if (count('think', true) === 0) return 'unclosed-think';
  if (count('solution', false) === 0) return 'no-solution';
  if (count('solution', false) > 1) return 'several-solutions';
  if (count('solution', true) === 0) return 'unclosed-solution';
  return 'wrong-order';
}

interface Tag {
  name: string;
  closes: boolean;
  start: number;
  end: number;
}

function findTags(text: string, pattern: RegExp): Tag[] {
  return [...text.matchAll(pattern)].map((match) => ({
    name: match[2]!.toLowerCase(),
    closes: match[1] === '/',
    start: match.index,
    end: match.index + match[0].length,
  }));
}

interface Blocks {
  blocks: { start: number; end: number; text: string }[];
  /** The last block has no end. */
  open: boolean;
  openStart: number | undefined;
}

function blocksOf(name: string, tags: readonly Tag[], from: number, text: string): Blocks {
  const blocks: Blocks['blocks'] = [];
  let opened: Tag | undefined;
  for (const tag of tags) {
    if (tag.name !== name || tag.start < from) continue;
    if (!tag.closes) opened = tag;
    else if (opened) {
      blocks.push({ start: opened.start, end: tag.end, text: text.slice(opened.end, tag.start) });
      opened = undefined;
    }
  }
  return { blocks, open: opened !== undefined, openStart: opened?.start };
}

/** The think block; without its closing tag, what stands before the solution; without any tag, nothing. */
function reasoningOf(text: string, tags: readonly Tag[], solutionStart: number | undefined): string {
  const open = tags.find((tag) => tag.name === 'think' && !tag.closes);
  const close = tags.find((tag) => tag.name === 'think' && tag.closes && tag.start >= (open?.end ?? 0));
  if (open === undefined && close === undefined) return '';
  const from = open?.end ?? 0;
  const stop = solutionStart !== undefined && solutionStart >= from ? solutionStart : text.length;
  return text.slice(from, close?.start ?? stop).trim();
}

function hasTextOutside(text: string, tags: readonly Tag[]): boolean {
  const blocks = [...blocksOf('think', tags, 0, text).blocks, ...blocksOf('solution', tags, 0, text).blocks];
  blocks.sort((a, b) => a.start - b.start);
  let position = 0;
  for (const block of blocks) {
    if (text.slice(position, block.start).trim() !== '') return true;
    position = Math.max(position, block.end);
  }
  return text.slice(position).trim() !== '';
}

function failed(parseFailure: ParseFailure, reasoning: string, outside: boolean): Reading {
  return { reasoning, findings: [], parseFailure, invalid: [], duplicates: [], outside };
}

type Names = Pick<Reading, 'findings' | 'invalid' | 'duplicates' | 'parseFailure'>;

/** `also`: names beyond the 14. */
function readNames(block: string, also: (item: string) => Label | null = () => null): Names {
  const names: Names = { findings: [], invalid: [], duplicates: [], parseFailure: null };
  const items = plain(block.replace(/[\u200B-\u200D\u2060\uFEFF\u00AD]/g, ''))
    .replace(/```[a-z]*/gi, '\n')
    .replace(/\(([^()]*)\)/g, (_, remark: string) => (DENYING_REMARK.test(remark.trim()) ? ': no' : ' '))
    .split(/[\n\r,;|/&]|\band\b/i)
    .map(bare);
  for (const item of items) {
    if (item === '') continue;
    const label = labelOf(item, also);
    if (label === null) names.invalid.push(item);
    else if (label === 'denied') continue;
    else if (!names.findings.includes(label)) names.findings.push(label);
    else if (!names.duplicates.includes(label)) names.duplicates.push(label);
  }
  if (names.findings.length === 0) names.parseFailure = block.trim() === '' ? 'empty-solution' : 'no-valid-label';
  return names;
}

/** Rule 5: without bullet, numbering, quotes, brackets, Markdown marks and full stop. */
function bare(item: string): string {
  return item
    .replace(/^[\s\-–—•·+*#]*(\d+\s*[.):])?/, '')
    .replace(/["'`*[\]{}“”‘’()<>]/g, ' ')
    .replace(/^[\s\-–—•·+#]+/, '')
    .replace(/[\s.!]+$/, '')
    .replace(/\s+/g, ' ');
}

const DENIAL = /^(no|not|without|absent|absence of|negative for|denies|no evidence of)\b/i;
const DENYING_REMARK = /^(no|not present|not seen|none|absent|negative|false|unlikely)$/i;
const DENYING_VALUE = /^(no|not|none|absent|negative|false|unlikely|n)\b/i;

function labelOf(item: string, also: (item: string) => Label | null): Label | 'denied' | null {
  const whole = labelNamed(item) ?? also(item);
  if (whole !== null) return whole;
  if (DENIAL.test(item)) return 'denied';
  const colon = /[:=]/.exec(item)?.index;
  if (colon === undefined) return null;
  const name = item.slice(0, colon);
  const before = labelNamed(name) ?? also(name);
  const after = item.slice(colon + 1).trim();
  if (before === null) return after === '' ? 'denied' : labelOf(after, also);
  return saysNo(after) ? 'denied' : before;
}

function saysNo(value: string): boolean {
  const number = /^(\d+(?:\.\d+)?)\s*(%?)/.exec(value);
  if (number === null) return DENYING_VALUE.test(value);
  return Number(number[1]) < (number[2] === '%' ? 50 : 0.5);
}

const BY_KEY = new Map<string, Label>(CHEXPERT_LABELS.map((label) => [key(label), label]));

function labelNamed(name: string): Label | null {
  return /^[a-z\s_-]+$/i.test(name) ? (BY_KEY.get(key(name)) ?? null) : null;
}

/** Letters only, lower case, every word in the singular ("atelectasis" and "pneumothorax" stay themselves on both sides). */
function key(name: string): string {
  return name
    .toLowerCase()
    .split(/[^a-z]+/)
    .map((word) => word.replace(/ies$/, 'y').replace(/s$/, ''))
    .join('');
}

function sameLabels(a: readonly Label[], b: readonly Label[]): boolean {
  return a.length === b.length && a.every((label) => b.includes(label));
}

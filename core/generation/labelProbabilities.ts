/**
 * The probability of each label at the answer position, after the checkpoint's own reasoning. Method `answer-tree-1`.
 *
 * The checkpoint's reasoning is kept as it wrote it, and the model is asked with what probability it would then write which
 * list of labels. An answer is a path: at each step the model writes one more of the 14 names, or ends the list; a step's
 * probabilities are the model's own, restricted to these continuations (as constrained decoding restricts them: at every
 * token where continuations part, renormalized over them). The probability of a label is the sum over all lists that name
 * it. The lists are enumerated from the most probable on, the checkpoint's own first, until all but 2 % of the probability
 * is accounted for or 48 lists' beginnings were opened; what is left (`unexplored`) is shared out as in the lists that are
 * known, so no value is further off than that.
 *
 *   P(label | film, reasoning) = sum of P(list | film, reasoning) over the lists that name it
 *
 * Why so. Scoring only the first token at the answer position sees only the label that the list begins with, since a model
 * that writes lists puts nearly all probability on one name at a time. Asking yes or no for each label is another question
 * than the one that the checkpoint was trained on. Comparing the own list with and without a label has no answer for the
 * only label of a list. Enumerating lists answers the question itself, with a bound. The restriction to valid continuations
 * is that of vLLM's structured choice; lm-evaluation-harness compares sequence log-likelihoods of whole choices in the same
 * spirit.
 *
 * What it is not: it stands on one chain of reasoning. How much the reasoning itself would vary is what the other method
 * shows, the frequency of a label over sampled completions.
 *
 * The form of a list (what is before, between and after the names, lower case or not) is taken from the checkpoint's own
 * answer where that can be told, else it is `<solution>A, B</solution>`. A completion without an answer block is given one.
 */
import { throwIfCancelled } from '../base/progress.ts';
import { CHEXPERT_LABELS, type Label } from '../labels/labels.ts';
import type { Runner } from '../models/runner.ts';
import type { Tokenizer } from '../text/tokenizer.ts';
import { type Prompt, readPrompts } from './prompt.ts';

export const ANSWER_TREE = 'answer-tree-1';

const COVERAGE = 0.98;
const MOST_OPENED = 48;
const OPENED_TOGETHER = 8;

/** A list that has been begun, in the order written. */
export type Path = readonly Label[];

/** What may follow a begun list: the probability of each further label, and of the end. They sum to 1. */
export interface Step {
  labels: ReadonlyMap<Label, number>;
  end: number;
}

export interface TreeResult {
  values: Record<Label, number>;
  /** Probability of the lists that were begun and not followed to their end. */
  unexplored: number;
  opened: number;
}

/** @param open gives the step after each path  @param own the list that the checkpoint wrote; its path is opened first */
export async function answerTree(open: (paths: Path[]) => Promise<Step[]>, own: Path): Promise<TreeResult> {
  const finished: Node[] = [];
  let frontier: Node[] = [{ path: [], mass: 1 }];
  let opened = 0;
  const take = (nodes: Node[], steps: readonly Step[]) => {
    nodes.forEach(({ path, mass }, i) => {
      const { labels, end } = steps[i]!;
      if (end > 0) finished.push({ path, mass: mass * end });
      for (const [label, p] of labels) if (p > 0) frontier.push({ path: [...path, label], mass: mass * p });
    });
    opened += nodes.length;
  };
  const ownPaths = Array.from({ length: own.length + 1 }, (_, i) => own.slice(0, i));
  const ownSteps = await open(ownPaths);
  for (const [i, path] of ownPaths.entries()) {
    const node = frontier.find((other) => samePath(other.path, path));
    if (!node) break;
    frontier = frontier.filter((other) => other !== node);
    take([node], [ownSteps[i]!]);
  }
  while (massOf(frontier) > 1 - COVERAGE && opened < MOST_OPENED) {
    frontier.sort((a, b) => b.mass - a.mass);
    const next = frontier.splice(0, Math.min(OPENED_TOGETHER, MOST_OPENED - opened));
    take(next, await open(next.map(({ path }) => path)));
  }
  return { values: sumUp(finished, frontier), unexplored: massOf(frontier), opened };
}

interface Node {
  path: Path;
  mass: number;
}

function sumUp(finished: readonly Node[], frontier: readonly Node[]): Record<Label, number> {
  const total = massOf(finished);
  const values = CHEXPERT_LABELS.map((label): [Label, number] => {
    const naming = (nodes: readonly Node[]) => massOf(nodes.filter(({ path }) => path.includes(label)));
    const known = naming(finished) + naming(frontier);
    const share = total === 0 ? 0 : naming(finished) / total;
    const open = massOf(frontier.filter(({ path }) => !path.includes(label)));
    return [label, Math.min(1, known + open * share)];
  });
  return Object.fromEntries(values) as Record<Label, number>;
}

function massOf(nodes: readonly Node[]): number {
  return nodes.reduce((sum, { mass }) => sum + mass, 0);
}

function samePath(a: Path, b: Path): boolean {
  return a.length === b.length && a.every((label, i) => label === b[i]);
}

// ------------------------------------------------------------------------------------------------ the form of an answer

export interface AnswerForm {
  /** The completion up to where the first name stands or would stand. */
  before: string;
  separator: string;
  /** After the last name, the closing tag included. */
  end: string;
  /** How the names are written. */
  name(label: Label): string;
  /** What the checkpoint named, in its order. */
  own: Label[];
}

/** @param block name of the tag that holds the list */
export function answerForm(completion: string, block: 'solution' | 'answer', findings: readonly Label[]): AnswerForm {
  const open = lastMatch(completion, new RegExp(`<\\s*${block}\\s*>`, 'gi'));
  const plain = { separator: ', ', end: `</${block}>`, name: (label: Label) => label as string };
  if (!open) return { ...plain, before: withAnswerTag(completion, block), own: [] };
  const start = open.index + open[0].length;
  const close = new RegExp(`<\\s*/\\s*${block}\\s*>`, 'i').exec(completion.slice(start));
  const text = completion.slice(start, close ? start + close.index : undefined);
  const places = placesOf(text, findings);
  const before = completion.slice(0, start);
  if (!places) return { ...plain, before, own: [] };
  const [first] = places;
  const last = places[places.length - 1]!;
  const gaps = new Set(places.slice(1).map(({ at }, i) => text.slice(places[i]!.end, at)));
  // A list whose names are not parted in one way has no form to go on with.
  if (gaps.size > 1) return { ...plain, before, own: [] };
  const lower = places.every(({ written }) => written === written.toLowerCase());
  return {
    before: before + text.slice(0, first!.at),
    separator: [...gaps][0] ?? plain.separator,
    end: text.slice(last.end) + (close ? close[0] : plain.end),
    name: (label) => (lower ? label.toLowerCase() : label),
    own: places.map(({ label }) => label),
  };
}

interface Place {
  label: Label;
  written: string;
  at: number;
  end: number;
}

/** Where each finding's name stands; null where one does not stand there literally, exactly once. */
function placesOf(text: string, findings: readonly Label[]): Place[] | null {
  const places = findings.map((label): Place | null => {
    const at = text.toLowerCase().indexOf(label.toLowerCase());
    if (at < 0) return null;
    return { label, written: text.slice(at, at + label.length), at, end: at + label.length };
  });
  if (places.length === 0 || places.includes(null)) return null;
  return (places as Place[]).sort((a, b) => a.at - b.at);
}

/** A completion that never came to its answer is brought there. */
function withAnswerTag(completion: string, block: string): string {
  const opened = (completion.match(/<\s*think\s*>/gi) ?? []).length;
  const closed = (completion.match(/<\s*\/\s*think\s*>/gi) ?? []).length;
  return `${completion}${opened > closed ? '</think>' : ''}<${block}>`;
}

function lastMatch(text: string, pattern: RegExp): (RegExpMatchArray & { index: number }) | undefined {
  return [...text.matchAll(pattern)].pop() as (RegExpMatchArray & { index: number }) | undefined;
}

/** The text of a begun list, and of each continuation: every further label, and the end. */
export function continuations(
  { separator, end, name }: AnswerForm,
  path: Path,
): { label: Label | null; text: string }[] {
  const begun = path.map(name).join(separator);
  const next = path.length === 0 ? '' : begun + separator;
  const labels = CHEXPERT_LABELS.filter((label) => !path.includes(label));
  return [...labels.map((label) => ({ label, text: next + name(label) })), { label: null, text: begun + end }];
}

// ---------------------------------------------------------------------------------------------------------- on a runner

export interface AnsweredPrompt extends Prompt {
  /** The completion, its end token left out. */
  completionIds: readonly number[];
  /** Its text. */
  text: string;
  block: 'solution' | 'answer';
  /** What it names. */
  findings: readonly Label[];
}

/** Label probabilities of one completion by the model that wrote it. */
export async function labelProbabilities(
  runner: Runner,
  tokenizer: Tokenizer,
  answered: AnsweredPrompt,
  signal?: AbortSignal,
): Promise<TreeResult> {
  const form = answerForm(answered.text, answered.block, answered.findings);
  const { ids, rest } = tokensBefore(tokenizer, answered, form.before);
  const prompt = { ...answered, promptIds: [...answered.promptIds, ...ids] };
  const open = async (paths: Path[]): Promise<Step[]> => {
    const tries = paths.map((path) =>
      tokenTree(continuations(form, path).map(({ label, text }) => ({ label, ids: tokenizer.encode(rest + text) }))),
    );
    const prefixes = tries.flatMap(({ branches }) => branches.map(({ prefix }) => prefix));
    const logits = await nextLogits(runner, prompt, prefixes, signal);
    let at = 0;
    return tries.map(({ branches }) => {
      const own = logits.slice(at, at + branches.length);
      at += branches.length;
      return stepOf(branches, (branch, id) => own[branch]![id]!);
    });
  };
  return answerTree(open, form.own);
}

/** The completion's own tokens that lie wholly before a place in its text, and the text between them and the place. */
function tokensBefore(tokenizer: Tokenizer, { completionIds, text }: AnsweredPrompt, before: string) {
  const upTo = Math.min(before.length, text.length);
  let low = 0;
  let high = completionIds.length;
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if (tokenizer.decode(completionIds.slice(0, middle)).length <= upTo) low = middle;
    else high = middle - 1;
  }
  // A token that holds half a character decodes to another text; go back to a whole one.
  while (low > 0 && !before.startsWith(tokenizer.decode(completionIds.slice(0, low)))) low--;
  const ids = completionIds.slice(0, low);
  return { ids, rest: before.slice(tokenizer.decode(ids).length) };
}

/** A place where continuations part: the tokens before it, and which of them each next token leads to. */
export interface Branch {
  prefix: number[];
  next: Map<number, (Label | null)[]>;
}

/** @param options continuations with their tokens */
export function tokenTree(options: readonly { label: Label | null; ids: number[] }[]): { branches: Branch[] } {
  const branches: Branch[] = [];
  const part = (among: typeof options, depth: number) => {
    const next = new Map<number, (typeof options)[number][]>();
    for (const option of among) {
      // One that ends where others go on has been reached; names are no beginnings of others.
      const id = option.ids[depth] ?? -1;
      next.set(id, [...(next.get(id) ?? []), option]);
    }
    if (next.size > 1) {
      const labels = [...next].map(([id, group]) => [id, group.map(({ label }) => label)] as const);
      branches.push({ prefix: among[0]!.ids.slice(0, depth), next: new Map(labels) });
    }
    for (const [id, group] of next) if (group.length > 1 && id !== -1) part(group, depth + 1);
  };
  part(options, 0);
  return { branches };
}

/**
 * Products of the renormalized probabilities along the branches.
 * @param logit of a token at a branch, up to a constant of the branch
 */
export function stepOf(branches: readonly Branch[], logit: (branch: number, id: number) => number): Step {
  const probability = new Map<Label | null, number>();
  branches.forEach(({ next }, branch) => {
    const ids = [...next.keys()].filter((id) => id >= 0);
    const largest = Math.max(...ids.map((id) => logit(branch, id)));
    const weights = new Map(ids.map((id) => [id, Math.exp(logit(branch, id) - largest)]));
    const total = [...weights.values()].reduce((sum, weight) => sum + weight, 0);
    for (const [id, labels] of next) {
      for (const label of labels) {
        probability.set(label, (probability.get(label) ?? 1) * ((weights.get(id) ?? 0) / total));
      }
    }
  });
  const labels = new Map<Label, number>();
  for (const [label, p] of probability) if (label !== null) labels.set(label, p);
  return { labels, end: probability.get(null) ?? 0 };
}

/** What one row's cache may take together with the others'. */
const CACHE_BYTES = 2 ** 29;
const MOST_ROWS = 32;

/** The prompt is read once; then the logits `[V]` of what follows each of the continuations. */
async function nextLogits(
  runner: Runner,
  prompt: Prompt,
  after: readonly number[][],
  signal?: AbortSignal,
): Promise<Float32Array[]> {
  throwIfCancelled(signal);
  const { layers, width } = runner.info;
  const longest = prompt.promptIds.length + Math.max(...after.map(({ length }) => length));
  const rows = Math.max(1, Math.min(MOST_ROWS, Math.floor(CACHE_BYTES / (8 * layers * width * longest))));
  const read = await readPrompts(runner, [prompt]);
  const result: Float32Array[] = [];
  try {
    for (let start = 0; start < after.length; start += rows) {
      throwIfCancelled(signal);
      const part = after.slice(start, start + rows);
      result.push(...(await logitsAfter(runner, prompt, read, part)));
    }
  } finally {
    read.cache.dispose();
  }
  return result;
}

async function logitsAfter(
  runner: Runner,
  { promptIds, adapter }: Prompt,
  read: Awaited<ReturnType<typeof readPrompts>>,
  after: readonly number[][],
): Promise<Float32Array[]> {
  const length = Math.max(...after.map((ids) => ids.length));
  if (length === 0) return after.map(() => read.logits[0]!);
  const cache = await runner.selectRows(read.cache, new Int32Array(after.length));
  try {
    const total = promptIds.length + length;
    const inputIds = new Int32Array(after.length * length);
    const positionIds = new Int32Array(after.length * length);
    const attentionMask = new Uint8Array(after.length * total);
    after.forEach((ids, row) => {
      attentionMask.fill(1, row * total, row * total + promptIds.length + ids.length);
      inputIds.set(ids, row * length);
      for (let i = 0; i < length; i++) positionIds[row * length + i] = read.next[0]! + i;
    });
    const asked = after.flatMap((ids, row) => (ids.length === 0 ? [] : [row * length + ids.length - 1]));
    const { logits } = await runner.forward({
      batch: after.length,
      length,
      inputIds,
      attentionMask,
      positionIds,
      cache,
      adapter,
      logitsAt: Int32Array.from(asked),
      keepCache: false,
    });
    const { vocabulary } = runner.info;
    let at = 0;
    return after.map((ids) => {
      if (ids.length === 0) return read.logits[0]!;
      const own = logits.subarray(at * vocabulary, (at + 1) * vocabulary);
      at++;
      return own;
    });
  } finally {
    cache.dispose();
  }
}

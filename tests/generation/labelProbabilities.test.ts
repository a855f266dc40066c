/** The answer tree: exact on a model whose lists are known, the same as scoring every token on a real one, and bounded. */
import { rm } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  answerForm,
  answerTree,
  continuations,
  labelProbabilities,
  type Path,
  type Step,
} from '../../core/generation/labelProbabilities.ts';
import { score } from '../../core/generation/score.ts';
import { CHEXPERT_LABELS, type Label } from '../../core/labels/labels.ts';
import { loadPromptModel } from '../../core/models/architectures.ts';
import { openRunner } from '../../core/models/openRunner.ts';
import type { Runner } from '../../core/models/runner.ts';
import type { Tokenizer } from '../../core/text/tokenizer.ts';
import { countCaches } from '../support/runners.ts';
import { writeTinyModel } from '../support/tinyModel.ts';

/** Lists in the order of the 14, each label with a probability of its own: what comes out is known. */
const TRUTH: Partial<Record<Label, number>> = { Cardiomegaly: 0.9, Edema: 0.5, Pneumonia: 0.2, Fracture: 0.03 };

function independent(path: Path): Step {
  const after = path.length === 0 ? -1 : CHEXPERT_LABELS.indexOf(path[path.length - 1]!);
  const labels = new Map<Label, number>();
  let none = 1;
  for (const label of CHEXPERT_LABELS.slice(after + 1)) {
    const p = TRUTH[label] ?? 0;
    labels.set(label, none * p);
    none *= 1 - p;
  }
  return { labels, end: none };
}

describe('the tree of answers', () => {
  it('gives every label its own probability, whatever the list that was written', async () => {
    for (const own of [[], ['Cardiomegaly', 'Edema'], ['Fracture']] as Label[][]) {
      const { values, unexplored } = await answerTree(async (paths) => paths.map(independent), own);
      expect(unexplored).toBeLessThan(0.021);
      for (const label of CHEXPERT_LABELS) {
        expect(Math.abs(values[label] - (TRUTH[label] ?? 0))).toBeLessThanOrEqual(unexplored + 1e-12);
      }
    }
  });

  it('counts a label that may come first or second once, and certainly', async () => {
    const either = (path: Path): Step => {
      const rest = (['Edema', 'Cardiomegaly'] as Label[]).filter((label) => !path.includes(label));
      return { labels: new Map(rest.map((label) => [label, 1 / rest.length])), end: rest.length === 0 ? 1 : 0 };
    };
    const { values, unexplored } = await answerTree(async (paths) => paths.map(either), ['Edema', 'Cardiomegaly']);
    expect(values).toMatchObject({ Edema: 1, Cardiomegaly: 1, Fracture: 0 });
    expect(unexplored).toBe(0);
  });

  it('stops, however the model hesitates', async () => {
    const any = (path: Path): Step => {
      const rest = CHEXPERT_LABELS.filter((label) => !path.includes(label));
      return { labels: new Map(rest.map((label) => [label, 1 / (rest.length + 1)])), end: 1 / (rest.length + 1) };
    };
    let asked = 0;
    const { values, unexplored } = await answerTree(async (paths) => {
      asked += paths.length;
      return paths.map(any);
    }, []);
    expect(asked).toBeLessThanOrEqual(48);
    expect(unexplored).toBeGreaterThan(0.5);
    expect(Math.max(...Object.values(values))).toBeLessThanOrEqual(1);
  });
});

describe('the form of an answer', () => {
  const form = (text: string, findings: Label[], block: 'solution' | 'answer' = 'solution') => {
    const { name, ...rest } = answerForm(text, block, findings);
    return { ...rest, named: name('Edema') };
  };

  it.each<[string, string, Label[], object]>([
    [
      'as the prompt asks',
      '<think>x</think><solution>Edema, Fracture</solution>',
      ['Edema', 'Fracture'],
      { before: '<think>x</think><solution>', separator: ', ', end: '</solution>', own: ['Edema', 'Fracture'] },
    ],
    [
      'a list of lines in lower case',
      '<think>x</think>\n<solution>\n- edema\n- fracture\n</solution>',
      ['Edema', 'Fracture'],
      { separator: '\n- ', end: '\n</solution>', named: 'edema', before: '<think>x</think>\n<solution>\n- ' },
    ],
    [
      'cut off while thinking: it is brought to its answer',
      '<think>The heart',
      [],
      { before: '<think>The heart</think><solution>', own: [] },
    ],
    [
      'names that are parted in two ways have no form',
      '<solution>Edema, Fracture; Pneumonia</solution>',
      ['Edema', 'Fracture', 'Pneumonia'],
      { before: '<solution>', own: [] },
    ],
  ])('%s', (_, text, findings, expected) => {
    expect(form(text, findings)).toMatchObject(expected);
  });

  it('of NV-Reason', () => {
    expect(form('<think>x</think><answer>Edema</answer>', ['Edema'], 'answer')).toMatchObject({
      before: '<think>x</think><answer>',
      end: '</answer>',
    });
  });
});

describe('on a model', () => {
  let folder: string;
  let runner: Runner;
  let tokenizer: Tokenizer;
  beforeAll(async () => {
    folder = await writeTinyModel();
    runner = await openRunner({ model: folder, threads: 1 });
    ({ tokenizer } = await loadPromptModel(folder));
  });
  afterAll(async () => {
    await runner.dispose();
    await rm(folder, { recursive: true });
  });

  it('is what scoring every continuation token by token gives, and frees what it made', async () => {
    const text = '<think>x</think><solution>Edema</solution>';
    const prompt = { promptIds: tokenizer.encode('Read.'), images: null, adapter: null };
    const answered = {
      ...prompt,
      completionIds: tokenizer.encode(text),
      text,
      block: 'solution' as const,
      findings: ['Edema'] as Label[],
    };
    const count = { made: 0, disposed: 0 };
    const { values, unexplored } = await labelProbabilities(countCaches(runner, count), tokenizer, answered);
    expect(count.made).toBe(count.disposed);

    const form = answerForm(text, 'solution', ['Edema']);
    const byHand = async (path: Path): Promise<Step> => {
      const options = continuations(form, path).map(({ label, text }) => ({ label, ids: tokenizer.encode(text) }));
      const found = new Map<Label | null, number>();
      const walk = async (among: typeof options, depth: number, mass: number): Promise<void> => {
        const ids = [...new Set(among.map((option) => option.ids[depth]!))];
        const prefix = [...tokenizer.encode(form.before), ...among[0]!.ids.slice(0, depth)];
        const scores = await score(
          runner,
          ids.map((id) => ({ ...prompt, completionIds: [...prefix, id] })),
        );
        const weights = scores.map((logprobs) => Math.exp(logprobs[logprobs.length - 1]!));
        const total = weights.reduce((sum, weight) => sum + weight, 0);
        for (const [i, id] of ids.entries()) {
          const group = among.filter((option) => option.ids[depth] === id);
          const share = (mass * weights[i]!) / total;
          if (group.length === 1) found.set(group[0]!.label, share);
          else await walk(group, depth + 1, share);
        }
      };
      await walk(options, 0, 1);
      const end = found.get(null)!;
      found.delete(null);
      return { labels: found as Map<Label, number>, end };
    };
    const expected = await answerTree((paths) => Promise.all(paths.map(byHand)), ['Edema']);
    expect(unexplored).toBeCloseTo(expected.unexplored, 5);
    for (const label of CHEXPERT_LABELS) expect(values[label]).toBeCloseTo(expected.values[label], 5);
  });

  it('ends when it is cancelled', async () => {
    const controller = new AbortController();
    controller.abort();
    const answered = {
      promptIds: [9],
      images: null,
      adapter: null,
      completionIds: [],
      text: '',
      block: 'solution' as const,
      findings: [],
    };
    await expect(labelProbabilities(runner, tokenizer, answered, controller.signal)).rejects.toMatchObject({
      code: 'CANCELLED',
    });
  });
});

/** Reads films with a checkpoint and scores the answers: per-label F1, macro, micro, and paired bootstrap intervals by patient. */
import { Random } from '../../core/base/random.ts';
import { parseCompletion } from '../../core/findings/parse.ts';
import { type Completion, generate } from '../../core/generation/generate.ts';
import { GREEDY, type Sampling } from '../../core/generation/sampling.ts';
import { CHEXPERT_LABELS, type Label, NIH_NINE } from '../../core/labels/labels.ts';
import type { ImageFeatures, Runner } from '../../core/models/runner.ts';
import type { Adapter } from '../../core/peft/adapter.ts';
import { chexpertLabels, nihNames, nineOf, physicalTruth } from '../../core/phantom/conventions.ts';
import type { ImageProcessor } from '../../core/preprocessing/imageProcessor.ts';
import { imageQuestion, promptInput } from '../../core/text/promptInput.ts';
import type { PromptModel } from '../../core/training/batch.ts';
import type { FilmSet } from './films.ts';

export interface Reader {
  runner: Runner;
  prompt: PromptModel;
  processor: ImageProcessor;
}

export interface Answer {
  text: string;
  findings: Label[];
  failed: boolean;
}

const BATCH = 64;
export const MAX_NEW_TOKENS = 128;

export async function readFilms(
  reader: Reader,
  films: FilmSet,
  adapter: Adapter | null,
  promptText: string,
  sampling: Sampling = GREEDY,
): Promise<Answer[]> {
  const { runner, prompt } = reader;
  const { info } = runner;
  const promptIds = promptInput(imageQuestion(promptText), [info.imageTokens], prompt).inputIds;
  const answers: Answer[] = [];
  for (let start = 0; start < films.scenes.length; start += BATCH) {
    const indices = films.scenes.slice(start, start + BATCH).map((_, i) => start + i);
    const images = await encode(reader, films, indices);
    const requests = indices.map((index, i) => ({
      promptIds,
      images: images[i]!,
      adapter,
      sampling: { ...sampling, seed: sampling.seed + index },
      maxNewTokens: MAX_NEW_TOKENS,
      stopIds: info.endTokenIds,
    }));
    const completions = await generate(runner, requests, { batchSize: BATCH });
    answers.push(...completions.map((completion) => answerOf(completion, prompt)));
  }
  return answers;
}

async function encode(
  { runner, processor }: Reader,
  films: FilmSet,
  indices: readonly number[],
): Promise<ImageFeatures[]> {
  const pixels = indices.map((index) => processor.pixelValues(films.image(index)));
  const { data, width, grids } = await runner.encodeImages(pixels);
  const size = data.length / indices.length;
  return grids.map((grid, i) => ({ data: data.slice(i * size, (i + 1) * size), width, grids: [grid] }));
}

function answerOf({ tokenIds, stop }: Completion, { tokenizer }: PromptModel): Answer {
  const text = tokenizer.decode(stop === 'end' ? tokenIds.slice(0, -1) : tokenIds, { skipSpecial: false });
  const reading = parseCompletion(text);
  const failed = reading.parseFailure !== null;
  return { text, findings: failed ? [] : reading.findings, failed };
}

export interface Scored {
  labels: readonly Label[];
  /** By film, by label. */
  truth: boolean[][];
  predicted: boolean[][];
  patients: number[];
  failures: number;
}

/** `own`: by the institution's table; `truth`: by what is physically there, on the same labels. */
export function scored(films: FilmSet, answers: readonly Answer[], against: 'own' | 'truth'): Scored {
  const labels: readonly Label[] = films.source === 'b' ? NIH_NINE : CHEXPERT_LABELS;
  const truthOf =
    films.source === 'b'
      ? (i: number) => nineOf(nihNames(films.scenes[i]!))
      : (i: number) => chexpertLabels(films.scenes[i]!);
  const truth = films.scenes.map((scene, i) => {
    const present = against === 'own' ? truthOf(i) : physicalTruth(scene);
    return labels.map((label) => present.includes(label));
  });
  const predicted = answers.map(({ findings }) => labels.map((label) => findings.includes(label)));
  return {
    labels,
    truth,
    predicted,
    patients: films.scenes.map(({ patient }) => patient.number),
    failures: answers.filter(({ failed }) => failed).length,
  };
}

export interface Summary {
  films: number;
  macroF1: number;
  microF1: number;
  /** On the nine labels that both institutions have. */
  nineMacroF1: number;
  failRate: number;
  labelsPerFilm: number;
  f1: Partial<Record<Label, number>>;
  /** Share of films with the label: in the table, in the answers. */
  share: Partial<Record<Label, [table: number, answers: number]>>;
}

export function summary(result: Scored): Summary {
  const { labels, truth, predicted, failures } = result;
  const counts = countsOf(result, films(result));
  const f1 = labels.map((_, k) => f1Of(counts, k));
  const total = labels
    .map((_, k) => k)
    .reduce(
      (sum, k) => [sum[0]! + counts[3 * k]!, sum[1]! + counts[3 * k + 1]!, sum[2]! + counts[3 * k + 2]!],
      [0, 0, 0],
    );
  const mean = (values: number[]) => values.reduce((a, b) => a + b, 0) / values.length;
  const share = (table: boolean[][], k: number) => mean(table.map((row) => (row[k] ? 1 : 0)));
  return {
    films: truth.length,
    macroF1: mean(f1),
    microF1: (2 * total[0]!) / Math.max(1, 2 * total[0]! + total[1]! + total[2]!),
    nineMacroF1: mean(f1.filter((_, k) => (NIH_NINE as readonly Label[]).includes(labels[k]!))),
    failRate: failures / truth.length,
    labelsPerFilm: mean(predicted.map((row) => row.filter(Boolean).length)),
    f1: Object.fromEntries(labels.map((label, k) => [label, round(f1[k]!)])),
    share: Object.fromEntries(labels.map((label, k) => [label, [round(share(truth, k)), round(share(predicted, k))]])),
  };
}

/** Change of macro-F1 from one reading to another of the same films, with a 95 % percentile interval over patients. */
export function pairedChange(
  from: Scored,
  to: Scored,
  seed = 0,
  replicates = 2000,
  only: readonly Label[] = from.labels,
) {
  const byPatient = new Map<number, number[]>();
  for (const [film, patient] of from.patients.entries())
    byPatient.set(patient, [...(byPatient.get(patient) ?? []), film]);
  const groups = [...byPatient.values()];
  const random = new Random(seed).fork('bootstrap');
  const change = (sample: readonly number[]) => macro(to, sample, only) - macro(from, sample, only);
  const draws = Array.from({ length: replicates }, () => change(groups.flatMap(() => random.pick(groups)))).sort(
    (a, b) => a - b,
  );
  return {
    change: round(change(films(from))),
    low: round(draws[Math.floor(0.025 * replicates)]!),
    high: round(draws[Math.ceil(0.975 * replicates) - 1]!),
    replicates,
  };
}

function films({ truth }: Scored): number[] {
  return truth.map((_, i) => i);
}

function macro(result: Scored, sample: readonly number[], only: readonly Label[]): number {
  const counts = countsOf(result, sample);
  const used = result.labels.flatMap((label, k) => (only.includes(label) ? [f1Of(counts, k)] : []));
  return used.reduce((a, b) => a + b, 0) / used.length;
}

/** True positives, false positives, false negatives, label after label. */
function countsOf({ labels, truth, predicted }: Scored, sample: readonly number[]): number[] {
  const counts = new Array<number>(3 * labels.length).fill(0);
  for (const film of sample) {
    for (let k = 0; k < labels.length; k++) {
      const [is, said] = [truth[film]![k], predicted[film]![k]];
      if (is && said) counts[3 * k]!++;
      else if (said) counts[3 * k + 1]!++;
      else if (is) counts[3 * k + 2]!++;
    }
  }
  return counts;
}

function f1Of(counts: readonly number[], k: number): number {
  const [tp, fp, fn] = [counts[3 * k]!, counts[3 * k + 1]!, counts[3 * k + 2]!];
  return tp === 0 ? 0 : (2 * tp) / (2 * tp + fp + fn);
}

function round(value: number): number {
  return Math.round(value * 1e4) / 1e4;
}

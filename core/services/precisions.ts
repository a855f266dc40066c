/**
 * How far a precision is from f32, on the checkpoint's own question about phantom films: the logits at every token of the
 * f32 answer, and the findings of the two answers. One form is in memory at a time.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { WorkbenchError } from '../base/errors.ts';
import { throwIfCancelled, unattended, type Work } from '../base/progress.ts';
import { openFilm } from '../dicom/openFilm.ts';
import { readCompletion } from '../findings/parse.ts';
import type { AnswerFormat } from '../findings/types.ts';
import { generate } from '../generation/generate.ts';
import type { Prompt } from '../generation/prompt.ts';
import { GREEDY } from '../generation/sampling.ts';
import { completionLogits } from '../generation/score.ts';
import { CHEXPERT_LABELS, type Label } from '../labels/labels.ts';
import { storedForms } from '../models/convertedWeights.ts';
import { usefulPrecision } from '../models/openRunner.ts';
import { type ModelInfo, tokensOf } from '../models/runner.ts';
import { writePhantom } from '../phantom/generate.ts';
import { readJsonIfThere, readJsonLines, writeJson } from '../platform/files.ts';
import type { Device } from '../tensor/executor.ts';
import { findGpu } from '../tensor/onnx/gpu.ts';
import { bytesPerParameter, PRECISIONS, type Precision } from '../tensor/precision.ts';
import { imageQuestion, promptInput } from '../text/promptInput.ts';
import type { PrecisionDistance, PrecisionForm } from './contract.ts';
import { type LoadedModel, Models } from './models.ts';

export interface PrecisionQuestion {
  /** Folder of a base model. */
  model: string;
  prompt: string;
  preprocessing: string;
  answerFormat?: AnswerFormat;
  maxNewTokens: number;
  films: number;
  cacheDir: string;
  threads?: number;
  /** On which the other form computes; the f32 reference is always the processor's. */
  device?: Device;
}

const SEED = 451;
const SIZE = 512;

/** The forms of a model on a device: what each takes in memory and on disk. f16 needs a GPU (tensor/precision.ts). */
export async function precisionForms(
  { parameters, weightsHash }: ModelInfo,
  used: Precision,
  cacheDir: string,
  device: Device = 'cpu',
): Promise<PrecisionForm[]> {
  const stored = await storedForms(cacheDir, weightsHash);
  const distances = await readDistances(cacheDir, weightsHash);
  return (await precisionsOn(device)).map((precision) => ({
    precision,
    used: precision === used,
    recommended: precision === usefulPrecision(parameters),
    memoryBytes: Math.round(parameters * bytesPerParameter(precision)),
    diskBytes: stored.find(({ file }) => file.includes(`-${precision}-`))?.bytes ?? 0,
    distance: distances[distanceKey(precision, device)] ?? null,
  }));
}

async function precisionsOn(device: Device): Promise<Precision[]> {
  const halves = device === 'webgpu' && (await findGpu()).halfMissing === null;
  return PRECISIONS.filter((precision) => precision !== 'f16' || halves);
}

type Distances = Record<string, PrecisionDistance>;

/** A GPU rounds otherwise than the processor. */
function distanceKey(precision: Precision, device: Device = 'cpu'): string {
  return device === 'cpu' ? precision : `${device} ${precision}`;
}

async function readDistances(cacheDir: string, weightsHash: string): Promise<Distances> {
  return (await readJsonIfThere<Distances>(distancesFile(cacheDir, weightsHash))) ?? {};
}

export async function rememberDistance(
  cacheDir: string,
  weightsHash: string,
  precision: Precision,
  distance: PrecisionDistance,
  device?: Device,
): Promise<void> {
  const known = await readDistances(cacheDir, weightsHash);
  await writeJson(distancesFile(cacheDir, weightsHash), { ...known, [distanceKey(precision, device)]: distance });
}

function distancesFile(cacheDir: string, weightsHash: string): string {
  return join(cacheDir, 'distances', `${weightsHash}.json`);
}

/** @throws MEMORY_TOO_SMALL where f32 does not fit this machine */
export async function measurePrecision(
  question: PrecisionQuestion,
  precision: Precision,
  work: Work = unattended(),
): Promise<PrecisionDistance> {
  const folder = await mkdtemp(join(tmpdir(), 'chexreason-precision-'));
  try {
    await writePhantom({ institution: 'a', count: question.films, seed: SEED, out: folder, size: SIZE, format: 'png' });
    const films = (await readJsonLines<{ path: string }>(join(folder, 'phantom.jsonl'))).map(({ path }) =>
      join(folder, path),
    );
    const reference = await answersOf(question, 'f32', films, null, work);
    const other = await answersOf(question, precision, films, reference, work);
    return distanceOf(reference, other);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

interface Answered {
  tokenIds: number[];
  findings: Label[];
  /** Logits `[V]` at every token of the reference's answer. */
  logits: Float32Array[];
}

async function answersOf(
  question: PrecisionQuestion,
  precision: Precision,
  films: readonly string[],
  reference: readonly Answered[] | null,
  work: Work,
): Promise<Answered[]> {
  const { cacheDir, threads } = question;
  // Of two readings in f32 the first is the reference.
  const device = reference === null ? 'cpu' : question.device;
  const models = new Models({ precision, cacheDir, threads, device });
  try {
    const model = await models.base(question.model, work);
    if (precision === 'f32') checkMemory(model.runner.info);
    const answers: Answered[] = [];
    for (const [i, film] of films.entries()) {
      throwIfCancelled(work.signal);
      work.report({ stage: `Reading phantom films in ${precision}`, done: i, total: films.length });
      answers.push(await answerOf(question, model, film, reference?.[i] ?? null, work.signal));
    }
    return answers;
  } finally {
    await models.dispose();
  }
}

async function answerOf(
  question: PrecisionQuestion,
  model: LoadedModel,
  file: string,
  reference: Answered | null,
  signal: AbortSignal,
): Promise<Answered> {
  const { runner, tokenizer } = model;
  const images = await model.featuresOf(await openFilm(file), question.preprocessing);
  const { inputIds } = promptInput(imageQuestion(question.prompt), [tokensOf(...images.grids)], model);
  const prompt: Prompt = { promptIds: inputIds, images, adapter: null };
  const { maxNewTokens, answerFormat } = question;
  const request = { ...prompt, sampling: GREEDY, maxNewTokens, stopIds: runner.info.endTokenIds };
  const [{ tokenIds } = { tokenIds: [] }] = await generate(runner, [request], { signal });
  const { findings } = readCompletion(tokenizer.decode(tokenIds), answerFormat);
  return { tokenIds, findings, logits: await completionLogits(runner, prompt, reference?.tokenIds ?? tokenIds) };
}

function checkMemory({ parameters }: ModelInfo): void {
  if (usefulPrecision(parameters) === 'f32') return;
  throw new WorkbenchError(
    'MEMORY_TOO_SMALL',
    'The f32 reference of this model does not fit half of the memory of this machine, so that no distance can be measured.',
    { bytes: parameters * bytesPerParameter('f32') },
    'Measure it on a machine with more memory.',
  );
}

function distanceOf(reference: readonly Answered[], other: readonly Answered[]): PrecisionDistance {
  let difference = 0;
  let power = 0;
  let divergence = 0;
  let sameToken = 0;
  let positions = 0;
  let equalLabels = 0;
  let equalFilms = 0;
  for (const [film, { logits, findings }] of reference.entries()) {
    for (const [at, row] of logits.entries()) {
      const compared = compareLogits(row, other[film]!.logits[at]!);
      difference += compared.difference;
      power += compared.power;
      divergence += compared.divergence;
      sameToken += compared.sameToken ? 1 : 0;
      positions++;
    }
    const agreed = CHEXPERT_LABELS.filter((l) => findings.includes(l) === other[film]!.findings.includes(l)).length;
    equalLabels += agreed;
    equalFilms += agreed === CHEXPERT_LABELS.length ? 1 : 0;
  }
  const films = reference.length;
  return {
    films,
    positions,
    relativeLogitError: Math.sqrt(difference / power),
    klDivergence: divergence / positions,
    sameToken: sameToken / positions,
    labelAgreement: equalLabels / (films * CHEXPERT_LABELS.length),
    sameFindings: equalFilms,
  };
}

/** Sums over the vocabulary of squares of centred logits, and KL(f32, other) in nats. */
function compareLogits(a: Float32Array, b: Float32Array) {
  const [p, q] = [logSoftmax(a), logSoftmax(b)];
  const [meanP, meanQ] = [mean(p.values), mean(q.values)];
  let difference = 0;
  let power = 0;
  let divergence = 0;
  for (let i = 0; i < a.length; i++) {
    const x = p.values[i]! - meanP;
    difference += (x - (q.values[i]! - meanQ)) ** 2;
    power += x ** 2;
    divergence += Math.exp(p.values[i]!) * (p.values[i]! - q.values[i]!);
  }
  return { difference, power, divergence, sameToken: p.top === q.top };
}

function logSoftmax(logits: Float32Array): { values: Float64Array; top: number } {
  let top = 0;
  for (let i = 1; i < logits.length; i++) if (logits[i]! > logits[top]!) top = i;
  let total = 0;
  for (const value of logits) total += Math.exp(value - logits[top]!);
  const log = logits[top]! + Math.log(total);
  return { values: Float64Array.from(logits, (value) => value - log), top };
}

function mean(values: Float64Array): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

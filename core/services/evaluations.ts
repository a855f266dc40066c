/**
 * Evaluations: every film of two data sets read by every checkpoint, stored as it comes. An evaluation that was
 * interrupted goes on where it was: its items are lines of a file, its answers are found by their keys. The parts are in
 * `evaluation/`: the files (store), the reading, and the figures (results).
 */
import { WorkbenchError } from '../base/errors.ts';
import type { Work } from '../base/progress.ts';
import type { CautionCode } from '../dicom/suitability.ts';
import type { WrittenPrediction } from '../evaluation/predictionSources.ts';
import type { EvaluationResult } from '../evaluation/types.ts';
import type { LabelValues } from '../labels/labels.ts';
import type { Workspace } from '../workspace/workspace.ts';
import { type Answers, methodName } from './answers.ts';
import type { Checkpoints } from './checkpoints.ts';
import type { Collections } from './collections.ts';
import type {
  CheckedParameters,
  EvaluationCost,
  EvaluationProgress,
  EvaluationSummary,
  FilmEntry,
  Prediction,
  Results,
} from './contract.ts';
import type { EvaluationChoice } from './evaluation/choice.ts';
import { Comparable, forgetOutdated } from './evaluation/comparable.ts';
import type { KeptResults } from './evaluation/kept.ts';
import { EvaluationReading } from './evaluation/reading.ts';
import { EvaluationResults } from './evaluation/results.ts';
import { type Behind, filmsBehind } from './evaluation/scored.ts';
import { EvaluationStore } from './evaluation/store.ts';
import type { PredictionStore } from './predictions.ts';
import type { LeftOut, Selection } from './selection.ts';

/** A film of an evaluation with the answers that are there, by checkpoint. */
export interface AnsweredFilm {
  datasetId: string;
  film: FilmEntry;
  answers: Map<string, Prediction>;
}

export class Evaluations {
  private readonly running = new Set<string>();
  private readonly store: EvaluationStore;
  private readonly comparable: Comparable;
  private readonly reading: EvaluationReading;
  private readonly results: EvaluationResults;

  constructor(
    workspace: Workspace,
    private readonly collections: Collections,
    private readonly checkpoints: Checkpoints,
    answers: Answers,
    private readonly predictions: PredictionStore,
    now: () => Date,
    private readonly selection: Selection,
    kept: KeptResults,
  ) {
    this.store = new EvaluationStore(workspace, collections, checkpoints, predictions, selection, now);
    this.comparable = new Comparable(collections, checkpoints, answers, selection);
    this.reading = new EvaluationReading(this.store, collections, answers);
    this.results = new EvaluationResults(this.store, collections, checkpoints, kept);
  }

  async list(): Promise<EvaluationSummary[]> {
    const files = await this.store.all();
    const summaries = await Promise.all(files.map((file) => this.store.summary(file, this.running.has(file.id))));
    return summaries.sort((a, b) => (a.createdAt < b.createdAt ? 1 : -1));
  }

  async cost(params: CheckedParameters<'evaluations.cost'>): Promise<EvaluationCost> {
    let films = 0;
    let alreadyDone = 0;
    let seconds: number | null = 0;
    const method = params.probabilities && methodName(params.probabilities);
    for (const id of params.checkpointIds) {
      const promptId = params.promptId ?? this.checkpoints.usable(id).promptId;
      // What label probabilities take is not measured.
      const each = method === undefined ? this.predictions.secondsPerFilm(id) : null;
      for (const datasetId of params.datasetIds) {
        const selected = await this.selection.select(datasetId, params.limit, params.unsuitable);
        const done = selected.filter((film) => this.predictions.hasAnswer(film.id, id, promptId, method)).length;
        films += selected.length;
        alreadyDone += done;
        const left = selected.length - done;
        if (left > 0) seconds = seconds === null || each === null ? null : seconds + each * left;
      }
    }
    const leftOut = await Promise.all(params.datasetIds.map((id) => this.selection.unsuitable(id)));
    return { films, alreadyDone, estimatedSeconds: seconds, leftOut: summed(leftOut) };
  }

  /** Starts an evaluation, or goes on with the one of the same data sets, checkpoints (by hash) and limit. */
  async run(params: CheckedParameters<'evaluations.run'>, work: Work<EvaluationProgress>): Promise<EvaluationResult> {
    const { settings, provenances } = await this.comparable.settle(params);
    const file = await this.store.begin(params, settings);
    if (this.running.has(file.id)) {
      throw new WorkbenchError('EVALUATION_RUNNING', 'This evaluation is running already.', { evaluation: file.id });
    }
    this.running.add(file.id);
    try {
      const cells = await this.store.cells(file);
      for (const cell of cells) forgetOutdated(cell, this.store, provenances.get(cell.checkpoint.id));
      await this.reading.fill(file, cells, work);
      await this.store.noteSession(file);
      const read = this.reading.progress(file, cells);
      return await this.results.result(file.id, {
        signal: work.signal,
        report: (progress) => work.report({ ...read, ...progress }),
      });
    } finally {
      this.running.delete(file.id);
    }
  }

  /** The figures where they have been worked out already; null: `result` will take its time. */
  known(id: string): Promise<EvaluationResult | null> {
    return this.results.known(id);
  }

  /** The figures from what has been answered so far; of some checkpoints, data sets, labels only where they are chosen. */
  result(id: string, work?: Work, choice?: EvaluationChoice): Promise<EvaluationResult> {
    return this.results.result(id, work, choice);
  }

  /** The films behind a number: of a cell, and where asked of one label's outcome, or the failed ones. */
  async films(
    id: string,
    datasetId: string,
    checkpointId: string,
    wanted: Behind = {},
  ): Promise<Results['evaluations.films']> {
    const cell = await this.store.cell(id, datasetId, checkpointId);
    return filmsBehind(cell, this.collections.collection(datasetId), this.store, wanted);
  }

  /** Every answer in the form that `readPredictions` reads. */
  async written(id: string): Promise<WrittenPrediction[]> {
    const cells = await this.store.cells(await this.store.file(id));
    return cells.flatMap(({ datasetId, checkpoint, films, items }) =>
      films.flatMap((film) => {
        const prediction = this.store.predictionOf(items.get(film.id));
        if (!prediction) return [];
        const { text, key, reading, probabilities } = prediction;
        const written: WrittenPrediction = {
          film: film.id,
          patient: film.patientId,
          dataset: datasetId,
          checkpoint: checkpoint.id,
          role: checkpoint.role,
          path: film.path,
          truth: this.scoredTruth(datasetId, film),
          text,
          findings: reading.parseFailure === null ? reading.findings : null,
          key,
          ...(probabilities ? { probabilities: probabilities.values } : {}),
        };
        return [written];
      }),
    );
  }

  /** Of the labels that the data set is scored on: whoever reads the file scores no other. */
  private scoredTruth(datasetId: string, { truth }: FilmEntry): LabelValues {
    const { labels } = this.collections.collection(datasetId);
    return Object.fromEntries(labels.flatMap((label) => (truth?.[label] === undefined ? [] : [[label, truth[label]]])));
  }

  /** Every film of the evaluation with its answers, in the order of the data sets. */
  async answered(id: string): Promise<AnsweredFilm[]> {
    const films = new Map<string, AnsweredFilm>();
    for (const { datasetId, checkpoint, films: all, items } of await this.store.cells(await this.store.file(id))) {
      for (const film of all) {
        const answered = films.get(film.id) ?? { datasetId, film, answers: new Map() };
        films.set(film.id, answered);
        const prediction = this.store.predictionOf(items.get(film.id));
        if (prediction) answered.answers.set(checkpoint.id, prediction);
      }
    }
    return [...films.values()];
  }

  /** What was asked, as the options of `chexreason evaluate` say it. */
  async options(id: string): Promise<string[]> {
    const { limit, unsuitable, settings } = await this.store.file(id);
    return [
      ...(limit === null ? [] : [`--limit ${limit}`]),
      ...(unsuitable === 'include' ? ['--unsuitable include'] : []),
      ...(settings.promptId === undefined ? [] : [`--prompt ${settings.promptId}`]),
      ...(settings.probabilities?.method === 'frequency' ? [`--samples ${settings.probabilities.samples}`] : []),
      ...(settings.probabilities && settings.probabilities.method !== 'frequency' ? ['--label-probabilities'] : []),
    ];
  }

  /** The most memory that a process had while it read the films, as far as its sessions recorded it. */
  peakMemoryBytes(id: string): Promise<number | null> {
    return this.store.peakMemoryBytes(id);
  }

  /** Films of a data set that the models were not made for, by the first reason, and whether they are read all the same. */
  async unsuitable(id: string, datasetId: string): Promise<{ read: boolean; films: LeftOut }> {
    const { unsuitable, leftOut } = await this.store.file(id);
    return { read: unsuitable === 'include', films: leftOut?.[datasetId] ?? {} };
  }
}

function summed(counts: LeftOut[]): LeftOut {
  const sum: LeftOut = {};
  for (const [code, films] of counts.flatMap((each) => Object.entries(each)) as [CautionCode, number][]) {
    sum[code] = (sum[code] ?? 0) + films;
  }
  return sum;
}

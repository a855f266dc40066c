/**
 * Evaluations: every film of two data sets read by every checkpoint, stored as it comes. An evaluation that was
 * interrupted goes on where it was: its items are lines of a file, its answers are found by their keys.
 */

import { type ErrorData, toErrorData, WorkbenchError } from '../base/errors.ts';
import { sha256 } from '../base/hash.ts';
import { throwIfCancelled, unattended, type Work } from '../base/progress.ts';
import { SharedWork } from '../base/sharedWork.ts';
import { ageInYears, sexOf, viewOf } from '../datasets/values.ts';
import type { CautionCode } from '../dicom/suitability.ts';
import { COMPUTING, type DatasetInput, evaluate } from '../evaluation/evaluate.ts';
import { countedFindings, type EvaluatedFilm, indicatorsOf } from '../evaluation/figures.ts';
import { multilabelFigures, outcomeOf } from '../evaluation/metrics.ts';
import type { WrittenPrediction } from '../evaluation/predictionSources.ts';
import { patientsOfBoth, seenWarning, trainedOnWarning } from '../evaluation/sharedPatients.ts';
import { groupsOf, studiesOf } from '../evaluation/studies.ts';
import type { Confusion, EvaluationCell, EvaluationResult } from '../evaluation/types.ts';
import { isLabel, type Label, type LabelValues } from '../labels/labels.ts';
import { countedAs, policyOf, type UncertaintyPolicies } from '../labels/uncertainty.ts';
import type { Workspace } from '../workspace/workspace.ts';
import { type AnswerSettings, type Answers, GREEDY, methodName } from './answers.ts';
import type { Checkpoints } from './checkpoints.ts';
import type { Collections } from './collections.ts';
import { refusal } from './comparability.ts';
import type {
  CheckedParameters,
  Checkpoint,
  EvaluationCost,
  EvaluationProgress,
  EvaluationSummary,
  FilmEntry,
  Prediction,
  Provenance,
  Results,
} from './contract.ts';
import { distributionOf, trainingSetOf } from './distribution.ts';
import { Rate } from './jobs.ts';
import { readTrainedOn, seenPatients } from './lineage.ts';
import type { PredictionStore } from './predictions.ts';
import { firstOfStudies, type LeftOut, type Selection, type Unsuitable } from './selection.ts';

const FOLDER = 'evaluations';
/** Films that are read together by all checkpoints. */
const FILMS_AT_ONCE = 8;
/** The figures so far are computed anew at most this often, in milliseconds. */
const REPORT_INTERVAL = 500;

interface EvaluationFile {
  id: string;
  name: string;
  createdAt: string;
  sourceDatasetId: string;
  targetDatasetId: string;
  checkpointIds: string[];
  limit: number | null;
  /** `include`: films that the models were not made for were read too. */
  unsuitable?: Unsuitable;
  /** By data set: such films, by the first reason. */
  leftOut?: Record<string, LeftOut>;
  settings: AnswerSettings;
  /** By data set: the films that a limit took; null: all that the data set has. */
  films: Record<string, string[] | null>;
  total: number;
}

/** A line of `<id>.jsonl`: the answer's key, or why the film could not be read. Of several of one cell and film the last counts. */
interface Item {
  datasetId: string;
  checkpointId: string;
  filmId: string;
  key?: string;
  error?: ErrorData;
}

interface Cell {
  datasetId: string;
  checkpoint: Checkpoint;
  films: FilmEntry[];
  items: Map<string, Item>;
}

/** Part of an evaluation; what is absent is all of it. */
export interface EvaluationChoice {
  checkpointIds?: readonly string[];
  datasetIds?: readonly string[];
  labels?: readonly Label[];
}

/** A film of an evaluation with the answers that are there, by checkpoint. */
export interface AnsweredFilm {
  datasetId: string;
  film: FilmEntry;
  answers: Map<string, Prediction>;
}

/** Changes with every answer. */
function keyOf(file: EvaluationFile, cells: readonly Cell[], { labels }: EvaluationChoice): string {
  const done = cells.reduce((sum, cell) => sum + cell.items.size, 0);
  return JSON.stringify([file.id, done, file.checkpointIds, file.sourceDatasetId, file.targetDatasetId, labels]);
}

export class Evaluations {
  /** Results of complete evaluations; computing one resamples thousands of times. */
  private readonly results = new Map<string, EvaluationResult>();
  /** Those that are being computed: a screen and a report often want the same one. */
  private readonly computing = new SharedWork<EvaluationResult>();
  private readonly running = new Set<string>();

  constructor(
    private readonly workspace: Workspace,
    private readonly collections: Collections,
    private readonly checkpoints: Checkpoints,
    private readonly answers: Answers,
    private readonly store: PredictionStore,
    private readonly now: () => Date,
    private readonly selection: Selection,
  ) {}

  async list(): Promise<EvaluationSummary[]> {
    const files = await this.workspace.readAll<EvaluationFile>(FOLDER);
    const summaries = await Promise.all(files.map((file) => this.summary(file)));
    return summaries.sort((a, b) => (a.createdAt < b.createdAt ? 1 : -1));
  }

  async cost(params: CheckedParameters<'evaluations.cost'>): Promise<EvaluationCost> {
    let films = 0;
    let alreadyDone = 0;
    let seconds: number | null = 0;
    for (const id of params.checkpointIds) {
      const each = this.store.secondsPerFilm(id);
      for (const datasetId of params.datasetIds) {
        const selected = await this.selection.select(datasetId, params.limit, params.unsuitable);
        const done = selected.filter((film) => this.store.hasAnswer(film.id, id)).length;
        films += selected.length;
        alreadyDone += done;
        seconds = seconds === null || each === null ? null : seconds + each * (selected.length - done);
      }
    }
    const leftOut = await Promise.all(params.datasetIds.map((id) => this.selection.unsuitable(id)));
    return { films, alreadyDone, estimatedSeconds: seconds, leftOut: summed(leftOut) };
  }

  /** Starts an evaluation, or goes on with the one of the same data sets, checkpoints (by hash) and limit. */
  async run(params: CheckedParameters<'evaluations.run'>, work: Work<EvaluationProgress>): Promise<EvaluationResult> {
    const { settings, provenances } = await this.comparable(params);
    const file = await this.begin(params, settings);
    if (this.running.has(file.id)) {
      throw new WorkbenchError('EVALUATION_RUNNING', 'This evaluation is running already.', { evaluation: file.id });
    }
    this.running.add(file.id);
    try {
      const cells = await this.cells(file);
      for (const cell of cells) this.forgetOutdated(cell, provenances.get(cell.checkpoint.id));
      await this.fill(file, cells, work);
      await this.workspace.append({ peakMemoryBytes: peakMemoryBytes() }, FOLDER, `${file.id}.sessions.jsonl`);
      const read = this.progress(file, cells);
      return await this.result(file.id, {
        signal: work.signal,
        report: (progress) => work.report({ ...read, ...progress }),
      });
    } finally {
      this.running.delete(file.id);
    }
  }

  /** The figures where they have been worked out already; null: `result` will take its time. */
  async known(id: string): Promise<EvaluationResult | null> {
    const file = await this.file(id);
    return this.results.get(keyOf(file, await this.cells(file), {})) ?? null;
  }

  /** The figures from what has been answered so far; of some checkpoints, data sets, labels only where they are chosen. */
  async result(id: string, work: Work = unattended(), choice: EvaluationChoice = {}): Promise<EvaluationResult> {
    const file = narrowed(await this.file(id), choice);
    const cells = await this.cells(file);
    const key = keyOf(file, cells, choice);
    const there = this.results.get(key);
    return there ?? this.computing.run(key, work, (shared) => this.compute(key, file, cells, choice, shared));
  }

  private async compute(
    key: string,
    file: EvaluationFile,
    cells: Cell[],
    choice: EvaluationChoice,
    work: Work,
  ): Promise<EvaluationResult> {
    const { id } = file;
    checkComparable(cells.flatMap(({ items }) => [...items.values()].flatMap((item) => this.predictionOf(item) ?? [])));
    const checkpoints = file.checkpointIds.map((checkpointId) => {
      const { id, name, role, trainingSource } = this.checkpoints.usable(checkpointId);
      return { id, name, role, trainingSource };
    });
    const result = await evaluate(
      {
        id,
        createdAt: file.createdAt,
        source: onLabels(await this.datasetInput(file, file.sourceDatasetId), choice.labels),
        target: onLabels(await this.datasetInput(file, file.targetDatasetId), choice.labels),
        checkpoints,
        films: cells.flatMap((cell) => this.evaluatedFilms(cell)),
        warnings: await this.trainedOnPatients(file, cells),
      },
      work,
    );
    const whole = { ...result, cells: result.cells.map((cell) => this.withDistribution(cell)) };
    this.results.set(key, whole);
    return whole;
  }

  private withDistribution(cell: EvaluationCell): EvaluationCell {
    const checkpoint = this.checkpoints.usable(cell.checkpointId);
    const dataset = this.collections.collection(cell.datasetId);
    const phantom = this.collections.isPhantomSet(dataset.id);
    return { ...cell, distribution: distributionOf(checkpoint, dataset, this.collections.list(), phantom) };
  }

  /** Evaluated patients who are in the films that a checkpoint learned from, where the workspace has those. */
  private async trainedOnPatients({ checkpointIds }: EvaluationFile, cells: readonly Cell[]): Promise<string[]> {
    const sources = checkpointIds.map((id) => this.checkpoints.usable(id).trainingSource);
    const warnings: string[] = [];
    for (const set of new Set(sources.flatMap((source) => trainingSetOf(source, this.collections.list()) ?? []))) {
      const trained = (await this.collections.films(set.id)).map(({ patientId }) => patientId);
      for (const datasetId of new Set(cells.map((cell) => cell.datasetId))) {
        const { id, kind, name } = this.collections.collection(datasetId);
        const films = cells.find((cell) => cell.datasetId === datasetId)!.films;
        const both = patientsOfBoth(
          { patients: trained, kind: set.kind },
          { patients: films.map(({ patientId }) => patientId), kind },
        );
        if (id !== set.id && both.length > 0) warnings.push(trainedOnWarning(set.name, name, both));
      }
    }
    return [...warnings, ...(await this.seenInTraining(checkpointIds, cells))];
  }

  /** By what the adapters themselves say: also where they were trained elsewhere, and of probes. */
  private async seenInTraining(checkpointIds: readonly string[], cells: readonly Cell[]): Promise<string[]> {
    const warnings: string[] = [];
    for (const checkpoint of checkpointIds.map((id) => this.checkpoints.usable(id))) {
      if (checkpoint.baseId === null || checkpoint.server) continue;
      const trainedOn = await readTrainedOn(this.checkpoints.folder(checkpoint));
      if (!trainedOn) continue;
      const here = trainingSetOf(checkpoint.trainingSource, this.collections.list());
      for (const { datasetId, films } of cells.filter((cell) => cell.checkpoint.id === checkpoint.id)) {
        const collection = this.collections.collection(datasetId);
        const { trained, probed } = seenPatients(trainedOn, collection, films);
        if (trained > 0 && !here)
          warnings.push(seenWarning(checkpoint.name, collection.name, trained, 'was trained on'));
        if (probed > 0)
          warnings.push(seenWarning(checkpoint.name, collection.name, probed, 'saw in the probe of its training'));
      }
    }
    return warnings;
  }

  /** The films behind a number: of a cell, and where asked of one label's outcome, or the failed ones. */
  async films(
    id: string,
    datasetId: string,
    checkpointId: string,
    wanted: { label?: string; outcome?: keyof Confusion | 'failed' } = {},
  ): Promise<Results['evaluations.films']> {
    const cells = await this.cells(await this.file(id));
    const cell = cells.find((c) => c.datasetId === datasetId && c.checkpoint.id === checkpointId);
    if (!cell) {
      const place = { evaluation: id, dataset: datasetId, checkpoint: checkpointId };
      throw new WorkbenchError('EVALUATION_CELL_UNKNOWN', 'This evaluation has no such cell.', place);
    }
    const { policy, unit, aggregation } = this.collections.collection(datasetId);
    const answered = this.answeredFilms(cell);
    const groups = unit === 'study' ? groupsOf(answered) : answered.map((film) => [film]);
    const shown = new Set(
      groups.flatMap((group) => {
        const [scored] = studiesOf(group, unit === 'study' ? aggregation : 'first');
        return matches(scored!, policy, wanted) ? group.map((film) => film.filmId) : [];
      }),
    );
    return cell.films.flatMap((entry) => {
      const item = cell.items.get(entry.id);
      const prediction = (item && this.predictionOf(item)) ?? null;
      // A film that could not be opened has no answer: it stands with the failed ones.
      const unanswered = item !== undefined && prediction === null && (wanted.outcome ?? 'failed') === 'failed';
      return shown.has(entry.id) || unanswered ? [{ entry, truth: entry.truth ?? {}, prediction }] : [];
    });
  }

  /** Every answer in the form that `readPredictions` reads. */
  async written(id: string): Promise<WrittenPrediction[]> {
    const cells = await this.cells(await this.file(id));
    return cells.flatMap(({ datasetId, checkpoint, films, items }) =>
      films.flatMap((film) => {
        const item = items.get(film.id);
        const prediction = item && this.predictionOf(item);
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
    for (const { datasetId, checkpoint, films: all, items } of await this.cells(await this.file(id))) {
      for (const film of all) {
        const answered = films.get(film.id) ?? { datasetId, film, answers: new Map() };
        films.set(film.id, answered);
        const item = items.get(film.id);
        const prediction = item && this.predictionOf(item);
        if (prediction) answered.answers.set(checkpoint.id, prediction);
      }
    }
    return [...films.values()];
  }

  /** What was asked, as the options of `chexreason evaluate` say it. */
  async options(id: string): Promise<string[]> {
    const { limit, unsuitable, settings } = await this.file(id);
    return [
      ...(limit === null ? [] : [`--limit ${limit}`]),
      ...(unsuitable === 'include' ? ['--unsuitable include'] : []),
      ...(settings.promptId === undefined ? [] : [`--prompt ${settings.promptId}`]),
      ...(settings.probabilities?.method === 'frequency' ? [`--samples ${settings.probabilities.samples}`] : []),
      ...(settings.probabilities && settings.probabilities.method !== 'frequency' ? ['--label-probabilities'] : []),
    ];
  }

  /** The most memory that a process had while it read the films, as far as its sessions recorded it. */
  async peakMemoryBytes(id: string): Promise<number | null> {
    const file = await this.file(id);
    const sessions = await this.workspace.lines<{ peakMemoryBytes?: number }>(FOLDER, `${file.id}.sessions.jsonl`);
    const peaks = sessions.flatMap((session) => session.peakMemoryBytes ?? []);
    return peaks.length === 0 ? null : Math.max(...peaks);
  }

  /**
   * The settings, where nothing but the checkpoint differs between the checkpoints with them, and how each would answer now.
   * @throws CHECKPOINTS_NOT_COMPARABLE with what differs
   */
  private async comparable(
    params: CheckedParameters<'evaluations.run'>,
  ): Promise<{ settings: AnswerSettings; provenances: Map<string, Provenance> }> {
    const { promptId, probabilities } = params;
    const settings: AnswerSettings = {
      ...GREEDY,
      ...(promptId === undefined ? {} : { promptId }),
      ...(probabilities === undefined ? {} : { probabilities }),
    };
    const checkpoints = params.checkpointIds.map((id) => this.checkpoints.usable(id));
    const film = await this.firstReadable(params);
    const provenances = new Map<string, Provenance>();
    for (const checkpoint of film ? checkpoints : []) {
      provenances.set(checkpoint.id, await this.answers.provenance({ film: film!, checkpoint }, settings));
    }
    for (const { id, name } of checkpoints) {
      const [first, own] = [provenances.get(checkpoints[0]!.id), provenances.get(id)];
      const why = first && own ? refusal(first, own) : null;
      if (why !== null) throw notComparable(checkpoints[0]!.name, name, why);
    }
    return { settings, provenances };
  }

  /** Answers that were made in another way than they would be now (another version, another precision) are made anew. */
  private forgetOutdated({ items }: Cell, now: Provenance | undefined): void {
    for (const [filmId, item] of items) {
      const prediction = this.predictionOf(item);
      if (prediction && now && refusal(prediction.provenance, now) !== null) items.delete(filmId);
    }
  }

  private async firstReadable(params: CheckedParameters<'evaluations.run'>): Promise<FilmEntry | null> {
    for (const film of (await this.selection.select(params.sourceDatasetId, params.limit, params.unsuitable)).slice(
      0,
      20,
    )) {
      const readable = await this.collections.open(film.id).then(
        () => true,
        () => false,
      );
      if (readable) return film;
    }
    return null;
  }

  private async begin(params: CheckedParameters<'evaluations.run'>, settings: AnswerSettings): Promise<EvaluationFile> {
    const checkpoints = params.checkpointIds.map((id) => this.checkpoints.usable(id));
    const { sourceDatasetId, targetDatasetId, checkpointIds, limit, unsuitable } = params;
    const { promptId = null, probabilities } = settings;
    const asked =
      promptId === null && !probabilities ? [] : [promptId, probabilities ? methodName(probabilities) : null];
    const included = unsuitable === 'include' ? ['unsuitable films too'] : [];
    const hashes = checkpoints.map(({ hash }) => hash);
    const identity = [sourceDatasetId, targetDatasetId, limit, ...hashes, ...asked, ...included];
    const id = sha256(JSON.stringify(identity)).slice(0, 12);
    const there = await this.workspace.read<EvaluationFile>(FOLDER, `${id}.json`);
    if (there) return there;
    const source = this.collections.collection(sourceDatasetId).name;
    const target = this.collections.collection(targetDatasetId).name;
    const films: EvaluationFile['films'] = {};
    const leftOut: EvaluationFile['leftOut'] = {};
    let total = 0;
    for (const datasetId of new Set([sourceDatasetId, targetDatasetId])) {
      const selected = await this.selection.select(datasetId, limit, unsuitable);
      leftOut[datasetId] = await this.selection.unsuitable(datasetId);
      films[datasetId] = limit === null ? null : selected.map((film) => film.id);
      total += selected.length * checkpointIds.length;
    }
    const file: EvaluationFile = {
      id,
      name: `${source} → ${target}`,
      createdAt: this.now().toISOString(),
      sourceDatasetId,
      targetDatasetId,
      checkpointIds,
      limit,
      ...(unsuitable === 'include' ? { unsuitable } : {}),
      leftOut,
      settings,
      films,
      total,
    };
    await this.workspace.write(file, FOLDER, `${id}.json`);
    return file;
  }

  private async fill(file: EvaluationFile, cells: Cell[], work: Work<EvaluationProgress>): Promise<void> {
    const rate = new Rate();
    let reported = 0;
    const report = () => {
      if (Date.now() - reported < REPORT_INTERVAL) return;
      reported = Date.now();
      work.report(this.progress(file, cells, rate));
    };
    report();
    for (const datasetId of datasetsOf(file)) {
      const rows = cells.filter((cell) => cell.datasetId === datasetId);
      const films = rows[0]?.films ?? [];
      for (let start = 0; start < films.length; start += FILMS_AT_ONCE) {
        throwIfCancelled(work.signal);
        await this.readTogether(file, rows, films.slice(start, start + FILMS_AT_ONCE), work.signal, report);
      }
    }
    work.report({ ...this.progress(file, cells), stage: COMPUTING });
  }

  private progress(file: EvaluationFile, cells: Cell[], rate?: Rate): EvaluationProgress {
    const shown = cells.map((cell) => {
      const films = this.evaluatedFilms(cell);
      const { labels, policy } = this.collections.collection(cell.datasetId);
      return {
        datasetId: cell.datasetId,
        checkpointId: cell.checkpoint.id,
        done: cell.items.size,
        total: cell.films.length,
        failures: films.filter((film) => film.failed).length,
        macroF1: films.length === 0 ? null : multilabelFigures(indicatorsOf(films, labels, policy)).macro.f1,
      };
    });
    const done = shown.reduce((sum, cell) => sum + cell.done, 0);
    const total = shown.reduce((sum, cell) => sum + cell.total, 0);
    const failures = shown.reduce((sum, cell) => sum + cell.failures, 0);
    return {
      stage: 'Reading films',
      done,
      total,
      failures,
      ...rate?.at(done, total),
      evaluationId: file.id,
      cells: shown,
    };
  }

  private async readTogether(
    file: EvaluationFile,
    cells: Cell[],
    films: FilmEntry[],
    signal: AbortSignal,
    report: () => void,
  ): Promise<void> {
    const readable: FilmEntry[] = [];
    for (const film of films) {
      if (cells.every((cell) => cell.items.has(film.id))) continue;
      try {
        await this.collections.open(film.id);
        readable.push(film);
      } catch (error) {
        for (const cell of cells) await this.keep(file, cell, film, { error: toErrorData(error) });
      }
    }
    const questions = readable.flatMap((film) =>
      cells.filter((cell) => !cell.items.has(film.id)).map((cell) => ({ film, checkpoint: cell.checkpoint })),
    );
    await this.answers.answer(questions, file.settings, {
      signal,
      onAnswer: async ({ film, checkpoint }, prediction) => {
        const cell = cells.find((c) => c.checkpoint.id === checkpoint.id)!;
        await this.keep(file, cell, film, { key: prediction.key });
        report();
      },
      // Kept as a failure that is tried again when the evaluation is resumed.
      onFailure: async ({ film, checkpoint }, error) => {
        const cell = cells.find((c) => c.checkpoint.id === checkpoint.id)!;
        await this.keep(file, cell, film, { error: toErrorData(error) });
        report();
      },
    });
  }

  private async keep(
    file: EvaluationFile,
    cell: Cell,
    film: FilmEntry,
    outcome: Pick<Item, 'key' | 'error'>,
  ): Promise<void> {
    const item: Item = { datasetId: cell.datasetId, checkpointId: cell.checkpoint.id, filmId: film.id, ...outcome };
    await this.workspace.append(item, FOLDER, `${file.id}.jsonl`);
    cell.items.set(film.id, item);
  }

  private async file(id: string): Promise<EvaluationFile> {
    const file = await this.workspace.read<EvaluationFile>(FOLDER, `${slugOnly(id)}.json`);
    if (!file) throw new WorkbenchError('EVALUATION_UNKNOWN', 'This evaluation is not in the workspace.', { id });
    return file;
  }

  private async cells(file: EvaluationFile): Promise<Cell[]> {
    const items = await this.workspace.lines<Item>(FOLDER, `${file.id}.jsonl`);
    const cells: Cell[] = [];
    for (const datasetId of datasetsOf(file)) {
      const films = await this.filmsOf(file, datasetId);
      const wanted = new Set(films.map((film) => film.id));
      for (const checkpointId of file.checkpointIds) {
        const own = items.filter(
          (item) => item.datasetId === datasetId && item.checkpointId === checkpointId && wanted.has(item.filmId),
        );
        const last = [...new Map(own.map((item) => [item.filmId, item])).values()];
        const usable = last.filter((item) => (item.error ? !ofServer(item.error) : this.store.get(item.key!)));
        const checkpoint = this.checkpoints.usable(checkpointId);
        cells.push({ datasetId, checkpoint, films, items: new Map(usable.map((item) => [item.filmId, item])) });
      }
    }
    return cells;
  }

  /** The films that this evaluation took when it began, as far as the data set still has them. */
  private async filmsOf({ films, limit, unsuitable }: EvaluationFile, datasetId: string): Promise<FilmEntry[]> {
    const ids = films[datasetId];
    if (!ids) return this.selection.select(datasetId, limit, unsuitable ?? 'exclude');
    const wanted = new Set(ids);
    return (await this.collections.films(datasetId)).filter((film) => wanted.has(film.id));
  }

  private async datasetInput(file: EvaluationFile, id: string): Promise<DatasetInput> {
    const { name, kind, labels, policy, unit, views, aggregation } = this.collections.collection(id);
    const films = await this.filmsOf(file, id);
    const total = unit === 'study' ? firstOfStudies(films).length : films.length;
    const own = kind === 'opened' || kind === 'custom' ? 'other' : kind;
    const scored = unit === 'study' ? ({ unit, aggregation } as const) : ({ unit: 'film' } as const);
    return { id, name, kind: own, labels, policy, ...scored, views, total };
  }

  private predictionOf(item: Item): Prediction | undefined {
    return item.key === undefined ? undefined : this.store.get(item.key);
  }

  /** What is scored: films, or studies where those are the unit. */
  private evaluatedFilms(cell: Cell): EvaluatedFilm[] {
    const { unit, aggregation } = this.collections.collection(cell.datasetId);
    const films = this.answeredFilms(cell);
    return unit === 'study' ? studiesOf(films, aggregation) : films;
  }

  /** A film that could not be opened has no completion and is left out; a completion that could not be read is not. */
  private answeredFilms(cell: Cell): EvaluatedFilm[] {
    return cell.films.flatMap((film) => {
      const item = cell.items.get(film.id);
      const prediction = item && this.predictionOf(item);
      if (!prediction) return [];
      return [
        {
          filmId: film.id,
          studyId: film.studyInstanceUid,
          patientId: film.patientId,
          datasetId: cell.datasetId,
          checkpointId: cell.checkpoint.id,
          truth: film.truth ?? {},
          findings: prediction.reading.findings,
          failed: prediction.reading.parseFailure !== null,
          ...(prediction.probabilities ? { probabilities: prediction.probabilities.values } : {}),
          words: wordsIn(prediction.text),
          ...personOf(film),
        },
      ];
    });
  }

  /** Films of a data set that the models were not made for, by the first reason, and whether they are read all the same. */
  async unsuitable(id: string, datasetId: string): Promise<{ read: boolean; films: LeftOut }> {
    const { unsuitable, leftOut } = await this.file(id);
    return { read: unsuitable === 'include', films: leftOut?.[datasetId] ?? {} };
  }

  private async summary(file: EvaluationFile): Promise<EvaluationSummary> {
    const { id, name, createdAt, checkpointIds, limit, total } = file;
    const items = await this.workspace.lines<Item>(FOLDER, `${id}.jsonl`);
    const answered = items.filter(({ error }) => !error || !ofServer(error));
    const done = new Set(answered.map((item) => `${item.datasetId}\n${item.checkpointId}\n${item.filmId}`)).size;
    const state = this.running.has(id) ? 'running' : done >= total ? 'complete' : 'stopped';
    const datasetIds = datasetsOf(file);
    const leftOut = file.unsuitable === 'include' ? {} : (file.leftOut ?? {});
    const asked = askedOf(file);
    return { id, name, createdAt, state, datasetIds, checkpointIds, limit, leftOut, done, total, asked };
  }
}

/** The parameters that it was begun with. */
function askedOf(file: EvaluationFile): CheckedParameters<'evaluations.run'> {
  const { sourceDatasetId, targetDatasetId, checkpointIds, limit, unsuitable = 'exclude', settings } = file;
  const { promptId, probabilities } = settings;
  return { sourceDatasetId, targetDatasetId, checkpointIds, limit, unsuitable, promptId, probabilities };
}

function summed(counts: LeftOut[]): LeftOut {
  const sum: LeftOut = {};
  for (const [code, films] of counts.flatMap((each) => Object.entries(each)) as [CautionCode, number][]) {
    sum[code] = (sum[code] ?? 0) + films;
  }
  return sum;
}

/** The evaluation of some of its checkpoints and data sets, in its own order. Errors: EVALUATION_CHOICE. */
function narrowed(file: EvaluationFile, { checkpointIds, datasetIds }: EvaluationChoice): EvaluationFile {
  const kept = <T extends string>(all: readonly T[], wanted: readonly string[] | undefined, what: string): T[] => {
    const unknown = wanted?.find((id) => !all.some((each) => each === id));
    if (unknown === undefined) return all.filter((id) => !wanted || wanted.includes(id));
    throw new WorkbenchError('EVALUATION_CHOICE', `This evaluation has no ${what} "${unknown}".`, {
      evaluation: file.id,
      known: [...all],
    });
  };
  const datasets = kept(datasetsOf(file), datasetIds, 'data set');
  return {
    ...file,
    checkpointIds: kept(file.checkpointIds, checkpointIds, 'checkpoint'),
    sourceDatasetId: datasets[0]!,
    targetDatasetId: datasets[datasets.length - 1]!,
  };
}

/** A data set on some of its labels. Errors: EVALUATION_CHOICE where it has none of them. */
function onLabels(dataset: DatasetInput, labels: readonly Label[] | undefined): DatasetInput {
  if (!labels) return dataset;
  const kept = dataset.labels.filter((label) => labels.includes(label));
  if (kept.length > 0) return { ...dataset, labels: kept };
  throw new WorkbenchError('EVALUATION_CHOICE', `${dataset.name} has none of the chosen labels.`, {
    dataset: dataset.id,
    known: dataset.labels,
  });
}

/** What a server did wrong may be right the next time. */
function ofServer({ code }: ErrorData): boolean {
  return code.startsWith('SERVER_');
}

function notComparable(first: string, second: string, why: string): WorkbenchError {
  return new WorkbenchError(
    'CHECKPOINTS_NOT_COMPARABLE',
    `${first} and ${second} cannot be compared: more than the checkpoint differs: ${why}.`,
    { first, second, differences: why },
    'Ask all with one prompt, give them the same settings, or evaluate each by itself.',
  );
}

/** Answers of an evaluation that went on with another version, precision or server. @throws EVALUATION_NOT_COMPARABLE */
function checkComparable([first, ...others]: readonly Prediction[]): void {
  const seen = new Set<string>();
  for (const { provenance } of others) {
    const { imageHash: _, ...rest } = provenance;
    const kind = JSON.stringify(rest);
    if (seen.has(kind)) continue;
    seen.add(kind);
    const why = refusal(first!.provenance, provenance);
    if (why === null) continue;
    throw new WorkbenchError(
      'EVALUATION_NOT_COMPARABLE',
      `The answers of this evaluation cannot be compared: more than the checkpoint differs between them: ${why}.`,
      { differences: why },
      'Start it again: only the answers that were made in another way are made anew.',
    );
  }
}

/** What subgroups are made by; a data set's ages are years, a DICOM header's may be other units. */
function personOf({ patientSex, patientAge, viewPosition }: FilmEntry): Pick<EvaluatedFilm, 'sex' | 'age' | 'view'> {
  return { sex: sexOf(patientSex), age: ageInYears(patientAge), view: viewOf(viewPosition) };
}

function wordsIn(text: string): number {
  return text.split(/\s+/).filter(Boolean).length;
}

/** Source and target; once where they are the same. */
function datasetsOf({ sourceDatasetId, targetDatasetId }: EvaluationFile): string[] {
  return [...new Set([sourceDatasetId, targetDatasetId])];
}

/** Of this process, since it began. */
function peakMemoryBytes(): number {
  return process.resourceUsage().maxRSS * 1024;
}

/** Ids come from the screens; a path has no place in them. */
function slugOnly(id: string): string {
  return id.replace(/[^a-z0-9-]/gi, '');
}

/** Whether a film stands behind a number. */
export function matches(
  film: EvaluatedFilm,
  policies: UncertaintyPolicies,
  { label, outcome }: { label?: string; outcome?: keyof Confusion | 'failed' },
): boolean {
  if (outcome === 'failed') return film.failed;
  if (label === undefined || !isLabel(label)) return true;
  const truth = countedAs(film.truth[label], policyOf(policies, label));
  if (truth === null) return false;
  const said = countedFindings(film).includes(label);
  return outcome === undefined ? truth === 1 || said : outcomeOf(truth, said ? 1 : 0) === outcome;
}

/**
 * Evaluations on disk: what was asked (`evaluations/<id>.json`), a line for each film and checkpoint (`<id>.jsonl`: the key of
 * the answer, or why there is none), and what each session needed (`<id>.sessions.jsonl`). The answers themselves are the
 * prediction store's.
 */
import { type ErrorData, WorkbenchError } from '../../base/errors.ts';
import { sha256 } from '../../base/hash.ts';
import type { Workspace } from '../../workspace/workspace.ts';
import { type AnswerSettings, methodName } from '../answers.ts';
import type { Checkpoints } from '../checkpoints.ts';
import type { Collections } from '../collections.ts';
import type { CheckedParameters, Checkpoint, EvaluationSummary, FilmEntry, Prediction } from '../contract.ts';
import type { PredictionStore } from '../predictions.ts';
import type { LeftOut, Selection, Unsuitable } from '../selection.ts';

const FOLDER = 'evaluations';

export interface EvaluationFile {
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
export interface Item {
  datasetId: string;
  checkpointId: string;
  filmId: string;
  key?: string;
  error?: ErrorData;
}

/** A data set read by a checkpoint: its films, and what is there of each. */
export interface Cell {
  datasetId: string;
  checkpoint: Checkpoint;
  films: FilmEntry[];
  items: Map<string, Item>;
}

export class EvaluationStore {
  constructor(
    private readonly workspace: Workspace,
    private readonly collections: Collections,
    private readonly checkpoints: Checkpoints,
    private readonly predictions: PredictionStore,
    private readonly selection: Selection,
    private readonly now: () => Date,
  ) {}

  all(): Promise<EvaluationFile[]> {
    return this.workspace.readAll<EvaluationFile>(FOLDER);
  }

  /** @throws EVALUATION_UNKNOWN */
  async file(id: string): Promise<EvaluationFile> {
    const file = await this.workspace.read<EvaluationFile>(FOLDER, `${slugOnly(id)}.json`);
    if (!file) throw new WorkbenchError('EVALUATION_UNKNOWN', 'This evaluation is not in the workspace.', { id });
    return file;
  }

  /** The one of the same data sets, checkpoints (by hash), limit and question; a new one where there is none. */
  async begin(params: CheckedParameters<'evaluations.run'>, settings: AnswerSettings): Promise<EvaluationFile> {
    const { sourceDatasetId, targetDatasetId, checkpointIds, limit, unsuitable } = params;
    const id = this.identity(params, settings);
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

  private identity(params: CheckedParameters<'evaluations.run'>, settings: AnswerSettings): string {
    const { sourceDatasetId, targetDatasetId, checkpointIds, limit, unsuitable } = params;
    const { promptId = null, probabilities } = settings;
    const asked =
      promptId === null && !probabilities ? [] : [promptId, probabilities ? methodName(probabilities) : null];
    const included = unsuitable === 'include' ? ['unsuitable films too'] : [];
    const hashes = checkpointIds.map((id) => this.checkpoints.usable(id).hash);
    const identity = [sourceDatasetId, targetDatasetId, limit, ...hashes, ...asked, ...included];
    return sha256(JSON.stringify(identity)).slice(0, 12);
  }

  async cells(file: EvaluationFile): Promise<Cell[]> {
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
        const usable = last.filter((item) => (item.error ? !ofServer(item.error) : this.predictions.get(item.key!)));
        const checkpoint = this.checkpoints.usable(checkpointId);
        cells.push({ datasetId, checkpoint, films, items: new Map(usable.map((item) => [item.filmId, item])) });
      }
    }
    return cells;
  }

  /** @throws EVALUATION_CELL_UNKNOWN */
  async cell(id: string, datasetId: string, checkpointId: string): Promise<Cell> {
    const cells = await this.cells(await this.file(id));
    const cell = cells.find((each) => each.datasetId === datasetId && each.checkpoint.id === checkpointId);
    if (cell) return cell;
    const place = { evaluation: id, dataset: datasetId, checkpoint: checkpointId };
    throw new WorkbenchError('EVALUATION_CELL_UNKNOWN', 'This evaluation has no such cell.', place);
  }

  /** The films that this evaluation took when it began, as far as the data set still has them. */
  async filmsOf({ films, limit, unsuitable }: EvaluationFile, datasetId: string): Promise<FilmEntry[]> {
    const ids = films[datasetId];
    if (!ids) return this.selection.select(datasetId, limit, unsuitable ?? 'exclude');
    const wanted = new Set(ids);
    return (await this.collections.films(datasetId)).filter((film) => wanted.has(film.id));
  }

  predictionOf(item: Item | undefined): Prediction | undefined {
    return item?.key === undefined ? undefined : this.predictions.get(item.key);
  }

  async keep(file: EvaluationFile, cell: Cell, film: FilmEntry, outcome: Pick<Item, 'key' | 'error'>): Promise<void> {
    const item: Item = { datasetId: cell.datasetId, checkpointId: cell.checkpoint.id, filmId: film.id, ...outcome };
    await this.workspace.append(item, FOLDER, `${file.id}.jsonl`);
    cell.items.set(film.id, item);
  }

  async noteSession({ id }: EvaluationFile): Promise<void> {
    await this.workspace.append({ peakMemoryBytes: peakMemoryBytes() }, FOLDER, `${id}.sessions.jsonl`);
  }

  /** The most memory that a process had while it read the films, as far as its sessions recorded it. */
  async peakMemoryBytes(id: string): Promise<number | null> {
    const file = await this.file(id);
    const sessions = await this.workspace.lines<{ peakMemoryBytes?: number }>(FOLDER, `${file.id}.sessions.jsonl`);
    const peaks = sessions.flatMap((session) => session.peakMemoryBytes ?? []);
    return peaks.length === 0 ? null : Math.max(...peaks);
  }

  async summary(file: EvaluationFile, running: boolean): Promise<EvaluationSummary> {
    const { id, name, createdAt, checkpointIds, limit, total } = file;
    const items = await this.workspace.lines<Item>(FOLDER, `${id}.jsonl`);
    const answered = items.filter(({ error }) => !error || !ofServer(error));
    const done = new Set(answered.map((item) => `${item.datasetId}\n${item.checkpointId}\n${item.filmId}`)).size;
    const state = running ? 'running' : done >= total ? 'complete' : 'stopped';
    const datasetIds = datasetsOf(file);
    const leftOut = file.unsuitable === 'include' ? {} : (file.leftOut ?? {});
    const asked = askedOf(file);
    return { id, name, createdAt, state, datasetIds, checkpointIds, limit, leftOut, done, total, asked };
  }
}

/** Source and target; once where they are the same. */
export function datasetsOf({ sourceDatasetId, targetDatasetId }: EvaluationFile): string[] {
  return [...new Set([sourceDatasetId, targetDatasetId])];
}

/** The parameters that it was begun with. */
function askedOf(file: EvaluationFile): CheckedParameters<'evaluations.run'> {
  const { sourceDatasetId, targetDatasetId, checkpointIds, limit, unsuitable = 'exclude', settings } = file;
  const { promptId, probabilities } = settings;
  return { sourceDatasetId, targetDatasetId, checkpointIds, limit, unsuitable, promptId, probabilities };
}

/** What a server did wrong may be right the next time. */
function ofServer({ code }: ErrorData): boolean {
  return code.startsWith('SERVER_');
}

/** Of this process, since it began. */
function peakMemoryBytes(): number {
  return process.resourceUsage().maxRSS * 1024;
}

/** Ids come from the screens; a path has no place in them. */
function slugOnly(id: string): string {
  return id.replace(/[^a-z0-9-]/gi, '');
}

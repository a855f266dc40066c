/**
 * Evaluations of predictions that were made elsewhere: the answers are kept in the workspace (`imports-films/<id>.json`; the user's
 * file stays where it is and unchanged), and evaluated like our own. Truth comes with the file, or from the data sets of the
 * workspace by the film's name.
 */
import { basename } from 'node:path';
import { WorkbenchError } from '../base/errors.ts';
import { sha256 } from '../base/hash.ts';
import { unattended, type Work } from '../base/progress.ts';
import type { DatasetInput, EvaluationInput } from '../evaluation/evaluate.ts';
import type { EvaluatedFilm } from '../evaluation/figures.ts';
import { type KnownFilm, KnownFilms, type WrittenPrediction } from '../evaluation/predictionSources.ts';
import { evaluatePredictions, type PredictionsFile, readPredictions } from '../evaluation/predictionsFile.ts';
import type { Confusion, EvaluationResult } from '../evaluation/types.ts';
import type { Label } from '../labels/labels.ts';
import { slug, type Workspace } from '../workspace/workspace.ts';
import type { Collections } from './collections.ts';
import type { CheckedParameters, Collection, EvaluationSummary, FilmEntry, Results } from './contract.ts';
import type { EvaluationChoice } from './evaluation/choice.ts';
import type { KeptResults } from './evaluation/kept.ts';
import { idsBehind, personOf, type Scoring, scoredAs } from './evaluation/scored.ts';

const FOLDER = 'imports';
/** Their answers, apart, so that the list is read without them. */
const FILMS = 'imports-films';

interface ImportFile
  extends Pick<PredictionsFile, 'datasets' | 'checkpoints' | 'lines' | 'rejected' | 'rejectedCount'> {
  id: string;
  name: string;
  createdAt: string;
  films: number;
}

export class ImportedEvaluations {
  constructor(
    private readonly workspace: Workspace,
    private readonly collections: Collections,
    private readonly now: () => Date,
    private readonly kept: KeptResults,
  ) {}

  async list(): Promise<EvaluationSummary[]> {
    return (await this.workspace.readAll<ImportFile>(FOLDER)).map(summaryOf);
  }

  /** Reading the same file again replaces its evaluation. Errors: those of `readPredictions`. */
  async import(
    { path, checkpoint, datasetIds }: CheckedParameters<'evaluations.import'>,
    work: Work = unattended(),
  ): Promise<Results['evaluations.import']> {
    const known = new KnownFilms(await this.knownFilms(datasetIds));
    const options = { known, ...(checkpoint === undefined ? {} : { checkpoint }) };
    const { films, ...read } = await readPredictions(path, work, options);
    const paths = typeof path === 'string' ? [path] : path;
    const name = [basename(paths[0]!), ...(paths.length > 1 ? [`and ${paths.length - 1} more`] : [])].join(' ');
    const id = `${slug(name)}-${sha256(paths.join('\n')).slice(0, 6)}`;
    const file: ImportFile = { ...read, id, name, createdAt: this.now().toISOString(), films: films.length };
    await this.workspace.write(films, FILMS, `${id}.json`);
    await this.workspace.write(file, FOLDER, `${id}.json`);
    const { rejected, rejectedCount } = read;
    return { ...summaryOf(file), rejected: rejected.slice(0, 20), rejectedCount };
  }

  async has(id: string): Promise<boolean> {
    return (await this.file(id)) !== undefined;
  }

  /** The figures where they have been worked out already; null: `result` will take its time. */
  async known(id: string): Promise<EvaluationResult | null> {
    const missing = Symbol('not worked out yet');
    const known = async (input: EvaluationInput) => {
      const result = await this.kept.known(input);
      if (!result) throw missing;
      return result;
    };
    return this.whole(id, {}, known).catch((error) => {
      if (error === missing) return null;
      throw error;
    });
  }

  /** Of some checkpoints, data sets, labels only where they are chosen. Errors: EVALUATION_CHOICE. */
  result(id: string, work: Work = unattended(), choice: EvaluationChoice = {}): Promise<EvaluationResult> {
    return this.whole(id, choice, (input, own) => this.kept.evaluate(input, own), work);
  }

  private async whole(
    id: string,
    choice: EvaluationChoice,
    evaluate: (input: EvaluationInput, work?: Work) => Promise<EvaluationResult>,
    work: Work = unattended(),
  ): Promise<EvaluationResult> {
    const { file, films } = narrowed((await this.file(id))!, await this.films(id), choice);
    const scoring = (datasetId: string) => this.scoring(datasetId);
    const scored = file.checkpoints.flatMap((checkpoint) =>
      file.datasets.flatMap((datasetId) => {
        const isOne = (each: EvaluatedFilm) => each.datasetId === datasetId && each.checkpointId === checkpoint.id;
        return scoredAs(films.filter(isOne), scoringOf(this.collectionOf(datasetId)));
      }),
    );
    const options = { evaluate, scoring };
    const result = await evaluatePredictions(file.name, { ...file, films: scored }, options, work);
    const notes = file.rejectedCount === 0 ? [] : [rejectionOf(file)];
    return {
      id,
      createdAt: file.createdAt,
      ...result,
      cells: result.cells.map((cell) => ({ ...cell, distribution: 'unknown' as const })),
      warnings: [...(result.warnings ?? []), ...notes],
    };
  }

  /** As the data set of the workspace says, where the films are of one. */
  private scoring(datasetId: string): Partial<DatasetInput> {
    const collection = this.collectionOf(datasetId);
    if (!collection) return {};
    const { name, policy, unit, views, aggregation } = collection;
    return { name, policy, views, ...(unit === 'study' ? { unit, aggregation } : {}) };
  }

  private collectionOf(datasetId: string): Collection | undefined {
    return this.collections.list().find(({ id }) => id === datasetId);
  }

  /** The films behind a number, as far as the workspace has them. */
  async filmsBehind(
    id: string,
    datasetId: string,
    checkpointId: string,
    wanted: { label?: string; outcome?: keyof Confusion | 'failed' },
  ): Promise<Results['evaluations.films']> {
    const entries = new Map((await this.collections.films()).map((entry) => [entry.id, entry]));
    const isOne = (film: EvaluatedFilm) => film.datasetId === datasetId && film.checkpointId === checkpointId;
    const films = (await this.films(id)).filter(isOne);
    const shown = idsBehind(films, scoringOf(this.collectionOf(datasetId)), wanted);
    return films.flatMap(({ filmId, truth }) => {
      const entry = entries.get(filmId);
      return entry && shown.has(filmId) ? [{ entry, truth, prediction: null }] : [];
    });
  }

  /** In the form in which ours are exported. */
  async written(id: string): Promise<WrittenPrediction[]> {
    const { checkpoints } = (await this.file(id))!;
    return (await this.films(id)).map((film) => ({
      film: film.filmId,
      patient: film.patientId,
      dataset: film.datasetId,
      checkpoint: film.checkpointId,
      role: checkpoints.find((each) => each.id === film.checkpointId)?.role ?? 'other',
      truth: film.truth,
      findings: film.failed ? null : film.findings,
      ...(film.probabilities ? { probabilities: film.probabilities } : {}),
    }));
  }

  /** Every film with its answers, by checkpoint; `entry` where the workspace has the film. */
  async answered(id: string): Promise<{ datasetId: string; entry: FilmEntry | null; films: EvaluatedFilm[] }[]> {
    const entries = new Map((await this.collections.films()).map((entry) => [entry.id, entry]));
    const byFilm = new Map<string, { datasetId: string; entry: FilmEntry | null; films: EvaluatedFilm[] }>();
    for (const film of await this.films(id)) {
      const key = JSON.stringify([film.datasetId, film.filmId]);
      const there = byFilm.get(key) ?? {
        datasetId: film.datasetId,
        entry: entries.get(film.filmId) ?? null,
        films: [],
      };
      there.films.push(film);
      byFilm.set(key, there);
    }
    return [...byFilm.values()];
  }

  private async file(id: string): Promise<ImportFile | undefined> {
    if (!/^[a-z0-9._-]+$/i.test(id)) return undefined;
    return (await this.workspace.read<ImportFile>(FOLDER, `${id}.json`)) ?? undefined;
  }

  private async films(id: string): Promise<EvaluatedFilm[]> {
    const films = await this.workspace.read<EvaluatedFilm[]>(FILMS, `${id}.json`);
    if (films) return films;
    throw new WorkbenchError('EVALUATION_UNKNOWN', 'The imported answers are no longer in the workspace.', { id });
  }

  private async knownFilms(datasetIds: readonly string[] | undefined): Promise<KnownFilm[]> {
    const chosen = this.collections
      .list()
      .filter(({ id, labels }) => labels.length > 0 && (!datasetIds || datasetIds.includes(id)));
    const known: KnownFilm[] = [];
    for (const { id, labels } of chosen) {
      known.push(...(await this.collections.films(id)).map((entry) => knownFilm(entry, labels)));
    }
    return known;
  }
}

/** Films of no data set of the workspace are scored one by one, uncertain labels as negative. */
function scoringOf(collection: Collection | undefined): Scoring {
  return collection ?? { policy: 'zeros', unit: 'image', aggregation: 'first' };
}

function knownFilm(entry: FilmEntry, labels: readonly Label[]): KnownFilm {
  const { id, collectionId, path, description, patientId, studyInstanceUid, truth } = entry;
  return {
    datasetId: collectionId,
    names: [id, path, description],
    patientId,
    studyId: studyInstanceUid,
    truth: Object.fromEntries(labels.map((label) => [label, truth?.[label] ?? null])),
    ...personOf(entry),
  };
}

function narrowed(file: ImportFile, films: EvaluatedFilm[], { checkpointIds, datasetIds, labels }: EvaluationChoice) {
  const known = [...file.datasets, ...file.checkpoints.map(({ id }) => id)];
  const unknown = [...(datasetIds ?? []), ...(checkpointIds ?? [])].find((id) => !known.includes(id));
  if (unknown !== undefined)
    throw new WorkbenchError('EVALUATION_CHOICE', `This evaluation has no "${unknown}".`, {
      evaluation: file.id,
      known,
    });
  const onLabels = (film: EvaluatedFilm): EvaluatedFilm => {
    if (!labels) return film;
    const truth = Object.fromEntries(Object.entries(film.truth).filter(([label]) => labels.includes(label as Label)));
    return { ...film, truth };
  };
  return {
    file: {
      ...file,
      datasets: file.datasets.filter((id) => !datasetIds || datasetIds.includes(id)),
      checkpoints: file.checkpoints.filter(({ id }) => !checkpointIds || checkpointIds.includes(id)),
    },
    films: films
      .filter((film) => !datasetIds || datasetIds.includes(film.datasetId))
      .filter((film) => !checkpointIds || checkpointIds.includes(film.checkpointId))
      .map(onLabels),
  };
}

function summaryOf({ id, name, createdAt, datasets, checkpoints, films }: ImportFile): EvaluationSummary {
  const checkpointIds = checkpoints.map((each) => each.id);
  return {
    id,
    name,
    createdAt,
    state: 'complete',
    datasetIds: datasets,
    checkpointIds,
    limit: null,
    leftOut: {},
    done: films,
    total: films,
  };
}

function rejectionOf({ rejected: [first], rejectedCount }: ImportFile): string {
  return `Lines left out: ${rejectedCount} (first: row ${first!.row}: ${first!.message})`;
}

/** Reading the films of an evaluation: every film that is missing by every checkpoint, a few together, kept as they come. */
import { toErrorData } from '../../base/errors.ts';
import { pausePoint, type Work } from '../../base/progress.ts';
import { COMPUTING } from '../../evaluation/evaluate.ts';
import { indicatorsOf } from '../../evaluation/figures.ts';
import { multilabelFigures } from '../../evaluation/metrics.ts';
import type { Answers } from '../answers.ts';
import type { Collections } from '../collections.ts';
import type { EvaluationProgress, FilmEntry } from '../contract.ts';
import { Rate } from '../jobs.ts';
import { scoredFilms } from './scored.ts';
import { type Cell, datasetsOf, type EvaluationFile, type EvaluationStore } from './store.ts';

/** Films that are read together by all checkpoints. */
const FILMS_AT_ONCE = 8;
/** The figures so far are computed anew at most this often, in milliseconds. */
const REPORT_INTERVAL = 500;

export class EvaluationReading {
  constructor(
    private readonly store: EvaluationStore,
    private readonly collections: Collections,
    private readonly answers: Answers,
  ) {}

  /** Reads what is missing; between two batches it may be paused. Errors: CANCELLED. */
  async fill(file: EvaluationFile, cells: Cell[], work: Work<EvaluationProgress>): Promise<void> {
    let rate = new Rate();
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
        // What was waited is no part of the rate.
        if (await pausePoint(work)) rate = new Rate();
        await this.readTogether(file, rows, films.slice(start, start + FILMS_AT_ONCE), work.signal, report);
      }
    }
    await pausePoint(work);
    work.report({ ...this.progress(file, cells), stage: COMPUTING });
  }

  progress(file: EvaluationFile, cells: Cell[], rate?: Rate): EvaluationProgress {
    const shown = cells.map((cell) => {
      const collection = this.collections.collection(cell.datasetId);
      const { labels, policy } = collection;
      const films = scoredFilms(cell, collection, this.store);
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
        for (const cell of cells) await this.store.keep(file, cell, film, { error: toErrorData(error) });
      }
    }
    const questions = readable.flatMap((film) =>
      cells.filter((cell) => !cell.items.has(film.id)).map((cell) => ({ film, checkpoint: cell.checkpoint })),
    );
    const cellOf = (id: string) => cells.find(({ checkpoint }) => checkpoint.id === id)!;
    await this.answers.answer(questions, file.settings, {
      signal,
      onAnswer: async ({ film, checkpoint }, prediction) => {
        await this.store.keep(file, cellOf(checkpoint.id), film, { key: prediction.key });
        report();
      },
      // Kept as a failure that is tried again when the evaluation is resumed.
      onFailure: async ({ film, checkpoint }, error) => {
        await this.store.keep(file, cellOf(checkpoint.id), film, { error: toErrorData(error) });
        report();
      },
    });
  }
}

/** The figures of an evaluation, worked out from what has been answered so far; the same ones are worked out once. */
import { unattended, type Work } from '../../base/progress.ts';
import { SharedWork } from '../../base/sharedWork.ts';
import { type DatasetInput, type EvaluationInput, evaluate } from '../../evaluation/evaluate.ts';
import type { EvaluationCell, EvaluationResult } from '../../evaluation/types.ts';
import type { Checkpoints } from '../checkpoints.ts';
import type { Collections } from '../collections.ts';
import { distributionOf } from '../distribution.ts';
import { firstOfStudies } from '../selection.ts';
import { type EvaluationChoice, narrowed, onLabels } from './choice.ts';
import { checkComparable } from './comparable.ts';
import { scoredFilms } from './scored.ts';
import { SeenPatients } from './seen.ts';
import type { Cell, EvaluationFile, EvaluationStore } from './store.ts';

/** Changes with every answer. */
function keyOf(file: EvaluationFile, cells: readonly Cell[], { labels }: EvaluationChoice): string {
  const done = cells.reduce((sum, cell) => sum + cell.items.size, 0);
  return JSON.stringify([file.id, done, file.checkpointIds, file.sourceDatasetId, file.targetDatasetId, labels]);
}

export class EvaluationResults {
  /** Computing one resamples thousands of times. */
  private readonly results = new Map<string, EvaluationResult>();
  /** Those that are being computed: a screen and a report often want the same one. */
  private readonly computing = new SharedWork<EvaluationResult>();
  private readonly seen: SeenPatients;

  constructor(
    private readonly store: EvaluationStore,
    private readonly collections: Collections,
    private readonly checkpoints: Checkpoints,
  ) {
    this.seen = new SeenPatients(collections, checkpoints);
  }

  /** The figures where they have been worked out already; null: `result` will take its time. */
  async known(id: string): Promise<EvaluationResult | null> {
    const file = await this.store.file(id);
    return this.results.get(keyOf(file, await this.store.cells(file), {})) ?? null;
  }

  /** Of some checkpoints, data sets, labels only where they are chosen. Errors: EVALUATION_NOT_COMPARABLE, EVALUATION_CHOICE. */
  async result(id: string, work: Work = unattended(), choice: EvaluationChoice = {}): Promise<EvaluationResult> {
    const file = narrowed(await this.store.file(id), choice);
    const cells = await this.store.cells(file);
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
    const items = cells.flatMap((cell) => [...cell.items.values()]);
    checkComparable(items.flatMap((item) => this.store.predictionOf(item) ?? []));
    const result = await evaluate(await this.input(file, cells, choice), work);
    const whole = { ...result, cells: result.cells.map((cell) => this.withDistribution(cell)) };
    this.results.set(key, whole);
    return whole;
  }

  private async input(file: EvaluationFile, cells: Cell[], { labels }: EvaluationChoice): Promise<EvaluationInput> {
    const scored = (cell: Cell) => scoredFilms(cell, this.collections.collection(cell.datasetId), this.store);
    return {
      id: file.id,
      createdAt: file.createdAt,
      source: onLabels(await this.datasetInput(file, file.sourceDatasetId), labels),
      target: onLabels(await this.datasetInput(file, file.targetDatasetId), labels),
      checkpoints: file.checkpointIds.map((checkpointId) => {
        const { id, name, role, trainingSource } = this.checkpoints.usable(checkpointId);
        return { id, name, role, trainingSource };
      }),
      films: cells.flatMap(scored),
      warnings: await this.seen.warnings(file.checkpointIds, cells),
    };
  }

  private async datasetInput(file: EvaluationFile, id: string): Promise<DatasetInput> {
    const { name, kind, labels, policy, unit, views, aggregation } = this.collections.collection(id);
    const films = await this.store.filmsOf(file, id);
    const total = unit === 'study' ? firstOfStudies(films).length : films.length;
    const own = kind === 'opened' || kind === 'custom' ? 'other' : kind;
    const scored = unit === 'study' ? ({ unit, aggregation } as const) : ({ unit: 'film' } as const);
    return { id, name, kind: own, labels, policy, ...scored, views, total };
  }

  private withDistribution(cell: EvaluationCell): EvaluationCell {
    const checkpoint = this.checkpoints.usable(cell.checkpointId);
    const dataset = this.collections.collection(cell.datasetId);
    const phantom = this.collections.isPhantomSet(dataset.id);
    return { ...cell, distribution: distributionOf(checkpoint, dataset, this.collections.list(), phantom) };
  }
}

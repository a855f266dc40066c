/** The figures of an evaluation, worked out from what has been answered so far; the same ones are worked out once, and kept. */
import { unattended, type Work } from '../../base/progress.ts';
import type { DatasetInput, EvaluationInput } from '../../evaluation/evaluate.ts';
import type { EvaluationResult } from '../../evaluation/types.ts';
import type { Checkpoints } from '../checkpoints.ts';
import type { Collections } from '../collections.ts';
import { distributionOf } from '../distribution.ts';
import { firstOfStudies } from '../selection.ts';
import { type EvaluationChoice, narrowed, onLabels } from './choice.ts';
import { checkComparable } from './comparable.ts';
import type { KeptResults } from './kept.ts';
import { scoredFilms } from './scored.ts';
import { SeenPatients } from './seen.ts';
import type { Cell, EvaluationFile, EvaluationStore } from './store.ts';

export class EvaluationResults {
  private readonly seen: SeenPatients;

  constructor(
    private readonly store: EvaluationStore,
    private readonly collections: Collections,
    private readonly checkpoints: Checkpoints,
    private readonly kept: KeptResults,
  ) {
    this.seen = new SeenPatients(collections, checkpoints);
  }

  /** The figures where they have been worked out already; null: `result` will take its time. */
  async known(id: string): Promise<EvaluationResult | null> {
    const result = await this.kept.known(await this.input(id, {}));
    return result && this.withDistributions(result);
  }

  /** Of some checkpoints, data sets, labels only where they are chosen. Errors: EVALUATION_NOT_COMPARABLE, EVALUATION_CHOICE. */
  async result(id: string, work: Work = unattended(), choice: EvaluationChoice = {}): Promise<EvaluationResult> {
    return this.withDistributions(await this.kept.evaluate(await this.input(id, choice), work));
  }

  private async input(id: string, choice: EvaluationChoice): Promise<EvaluationInput> {
    const file = narrowed(await this.store.file(id), choice);
    const cells = await this.store.cells(file);
    const items = cells.flatMap((cell) => [...cell.items.values()]);
    checkComparable(items.flatMap((item) => this.store.predictionOf(item) ?? []));
    const { labels } = choice;
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

  /** What each data set is to each checkpoint: told, and no figure depends on it. */
  private withDistributions(result: EvaluationResult): EvaluationResult {
    const cells = result.cells.map((cell) => {
      const checkpoint = this.checkpoints.usable(cell.checkpointId);
      const dataset = this.collections.collection(cell.datasetId);
      const phantom = this.collections.isPhantomSet(dataset.id);
      return { ...cell, distribution: distributionOf(checkpoint, dataset, this.collections.list(), phantom) };
    });
    return { ...result, cells };
  }
}

/** Warnings of patients who are not new to a checkpoint: it learned from their films, or saw them in the probe of its training. */
import { patientsOfBoth, seenWarning, trainedOnWarning } from '../../evaluation/sharedPatients.ts';
import type { Checkpoints } from '../checkpoints.ts';
import type { Collections } from '../collections.ts';
import { trainingSetOf } from '../distribution.ts';
import { readTrainedOn, seenPatients } from '../lineage.ts';
import type { Cell } from './store.ts';

export class SeenPatients {
  constructor(
    private readonly collections: Collections,
    private readonly checkpoints: Checkpoints,
  ) {}

  async warnings(checkpointIds: readonly string[], cells: readonly Cell[]): Promise<string[]> {
    return [...(await this.inTrainingSets(checkpointIds, cells)), ...(await this.inAdapters(checkpointIds, cells))];
  }

  /** Evaluated patients who are in the films that a checkpoint learned from, where the workspace has those. */
  private async inTrainingSets(checkpointIds: readonly string[], cells: readonly Cell[]): Promise<string[]> {
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
    return warnings;
  }

  /** By what the adapters themselves say: also where they were trained elsewhere, and of probes. */
  private async inAdapters(checkpointIds: readonly string[], cells: readonly Cell[]): Promise<string[]> {
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
}

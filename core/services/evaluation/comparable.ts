/** Nothing is compared that differs in more than the checkpoint: asked before an evaluation reads, and again of its answers. */
import { WorkbenchError } from '../../base/errors.ts';
import { type AnswerSettings, type Answers, GREEDY } from '../answers.ts';
import type { Checkpoints } from '../checkpoints.ts';
import type { Collections } from '../collections.ts';
import { refusal } from '../comparability.ts';
import type { CheckedParameters, FilmEntry, Prediction, Provenance } from '../contract.ts';
import type { Selection } from '../selection.ts';
import type { Cell, EvaluationStore } from './store.ts';

/** Films that are tried for one that can be opened. */
const TRIED = 20;

export class Comparable {
  constructor(
    private readonly collections: Collections,
    private readonly checkpoints: Checkpoints,
    private readonly answers: Answers,
    private readonly selection: Selection,
  ) {}

  /**
   * The settings, where nothing but the checkpoint differs between the checkpoints with them, and how each would answer now.
   * @throws CHECKPOINTS_NOT_COMPARABLE with what differs
   */
  async settle(
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

  private async firstReadable(params: CheckedParameters<'evaluations.run'>): Promise<FilmEntry | null> {
    const films = await this.selection.select(params.sourceDatasetId, params.limit, params.unsuitable);
    for (const film of films.slice(0, TRIED)) {
      const readable = await this.collections.open(film.id).then(
        () => true,
        () => false,
      );
      if (readable) return film;
    }
    return null;
  }
}

/** Answers that were made in another way than they would be now (another version, another precision) are made anew. */
export function forgetOutdated({ items }: Cell, store: EvaluationStore, now: Provenance | undefined): void {
  for (const [filmId, item] of items) {
    const prediction = store.predictionOf(item);
    if (prediction && now && refusal(prediction.provenance, now) !== null) items.delete(filmId);
  }
}

/** Answers of an evaluation that went on with another version, precision or server. @throws EVALUATION_NOT_COMPARABLE */
export function checkComparable([first, ...others]: readonly Prediction[]): void {
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

function notComparable(first: string, second: string, why: string): WorkbenchError {
  return new WorkbenchError(
    'CHECKPOINTS_NOT_COMPARABLE',
    `${first} and ${second} cannot be compared: more than the checkpoint differs: ${why}.`,
    { first, second, differences: why },
    'Ask all with one prompt, give them the same settings, or evaluate each by itself.',
  );
}

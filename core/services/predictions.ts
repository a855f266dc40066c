/**
 * Answers that were made once: found again by a key over everything that may change them, and compared only where
 * nothing but the checkpoint differs. Appended to `predictions/<checkpoint>.jsonl` of the workspace as they come.
 */
import { sha256 } from '../base/hash.ts';
import type { Workspace } from '../workspace/workspace.ts';
import type { AnswerIndex, Prediction, Provenance } from './contract.ts';

const FOLDER = 'predictions';

/** The fields in a fixed order, so that equal provenance gives equal text. */
function canonical(provenance: Provenance): string {
  const fields = Object.entries(provenance).sort(([a], [b]) => (a < b ? -1 : 1));
  return JSON.stringify(fields);
}

export function predictionKey(provenance: Provenance): string {
  return sha256(canonical(provenance)).slice(0, 32);
}

export class PredictionStore {
  private readonly byKey = new Map<string, Prediction>();
  /** Film, checkpoint, prompt, and the method of the label probabilities. */
  private readonly asked = new Set<string>();
  private readonly byFilm = new Map<string, Prediction[]>();
  /** By the key of the answer without label probabilities. */
  private readonly scored = new Map<string, Prediction>();

  constructor(private readonly workspace: Workspace) {}

  async load(): Promise<void> {
    for (const name of await this.workspace.names(FOLDER)) {
      for (const prediction of await this.workspace.lines<Prediction>(FOLDER, name)) {
        this.remember(prediction);
      }
    }
  }

  get(key: string): Prediction | undefined {
    return this.byKey.get(key);
  }

  /** What was said of a film, by whom and however it was asked, the latest first. */
  ofFilm(filmId: string): readonly Prediction[] {
    return [...(this.byFilm.get(filmId) ?? [])].reverse();
  }

  /** The same answer with label probabilities, the latest method's. */
  withProbabilities(provenance: Provenance): Prediction | undefined {
    return this.scored.get(predictionKey(provenance));
  }

  async add(prediction: Prediction): Promise<void> {
    if (this.byKey.has(prediction.key)) return;
    await this.workspace.append(prediction, FOLDER, `${prediction.checkpointId}.jsonl`);
    this.remember(prediction);
  }

  private remember(prediction: Prediction): void {
    this.byKey.set(prediction.key, prediction);
    const ofFilm = this.byFilm.get(prediction.filmId);
    if (ofFilm) ofFilm.push(prediction);
    else this.byFilm.set(prediction.filmId, [prediction]);
    const { probabilityMethod, ...plain } = prediction.provenance;
    if (probabilityMethod !== undefined) this.scored.set(predictionKey(plain), prediction);
    const { filmId, checkpointId } = prediction;
    // A drawn sample is not the answer that an evaluation asks for.
    if (plain.temperature > 0) return;
    for (const method of [undefined, probabilityMethod]) {
      this.asked.add(askedKey(filmId, checkpointId, plain.promptId, method));
    }
  }

  /**
   * What was said without sampling and to the checkpoint's own prompt; the last answer of a film counts.
   * @param promptIds by checkpoint id
   */
  index(promptIds: ReadonlyMap<string, string>): AnswerIndex {
    const index: AnswerIndex = {};
    for (const { filmId, checkpointId, reading, provenance } of this.byKey.values()) {
      if (provenance.temperature > 0 || provenance.promptId !== promptIds.get(checkpointId)) continue;
      const said = reading.parseFailure ? null : reading.findings;
      index[filmId] = { ...index[filmId], [checkpointId]: said };
    }
    return index;
  }

  /** Whether this checkpoint has read this film greedily with this prompt, and with label probabilities where a method is named. */
  hasAnswer(filmId: string, checkpointId: string, promptId: string, probabilityMethod?: string): boolean {
    return this.asked.has(askedKey(filmId, checkpointId, promptId, probabilityMethod));
  }

  /** Median seconds of a checkpoint's last hundred answers; null before the first. */
  secondsPerFilm(checkpointId: string): number | null {
    const seconds = [...this.byKey.values()]
      .filter((prediction) => prediction.checkpointId === checkpointId)
      .slice(-100)
      .map(({ seconds: s }) => s.vision + s.prefill + s.decode)
      .sort((a, b) => a - b);
    return seconds.length === 0 ? null : seconds[seconds.length >> 1]!;
  }
}

function askedKey(
  ...parts: [filmId: string, checkpointId: string, promptId: string, method: string | undefined]
): string {
  return parts.join('/');
}

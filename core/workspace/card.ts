/**
 * `chexreason.json` beside a checkpoint: what its weights do not say. Training writes it; a folder without one is read
 * with defaults, and says so.
 */
import { join } from 'node:path';
import type { AnswerFormat } from '../findings/types.ts';
import { readJsonIfThere, writeJson } from '../platform/files.ts';
import type { ChosenOn } from '../training/types.ts';

export interface CheckpointCard {
  name: string;
  role: 'base' | 'sft' | 'grpo' | 'other';
  /** Where its training data came from: "phantom m", "MIMIC-CXR-JPG". Empty: unknown. */
  trainingSource: string;
  /** The preset that made its training images (core/preprocessing/presets.ts); its films are shown to it in the same way. */
  preprocessing: string;
  /** The instruction format that it was trained on (resources/prompts). */
  promptId: string;
  maxNewTokens: number;
  /** Knows phantom films only; what it says about a real film means nothing. */
  phantomOnly: boolean;
  /** How its answers are written; absent: `solution`. */
  answerFormat?: AnswerFormat;
  /** What decided which step's adapter was kept; absent: not known. `probe-target`: data of the other institution took part. */
  chosenOn?: ChosenOn;
}

const FILE = 'chexreason.json';

export async function readCard(folder: string): Promise<CheckpointCard | undefined> {
  return readJsonIfThere<CheckpointCard>(join(folder, FILE));
}

export async function writeCard(folder: string, card: CheckpointCard): Promise<void> {
  await writeJson(join(folder, FILE), card);
}

/** Why a score changed, as an evaluation carries it, and what may be said of it. */
import type { Label } from '../labels/labels.ts';
import { type Interval, isSettled } from './types.ts';

export type ShiftCause = 'prevalence' | 'convention' | 'image';

/**
 * The change of macro-F1 on the shared labels from source to target, by cause (core/evaluation/decomposition.ts). Either of
 * one checkpoint, or of the difference between two (GRPO - SFT): then every value is the second's minus the first's.
 */
export interface Decomposition {
  checkpointId: string;
  /** The checkpoint that is subtracted; null: the change of `checkpointId` itself. */
  fromCheckpointId: string | null;
  change: number;
  /** Of `change`. Where it includes zero the change is within noise, and nothing is to be said of shares. */
  interval?: Interval | null;
  /**
   * Prevalence, convention, image, in this order; they sum to `change`. `share`: of the parts' magnitudes together, 0 to 1;
   * `shareRange`: what the intervals of the parts allow it to be. Both null where the change is not settled.
   */
  parts: {
    cause: ShiftCause;
    value: number;
    interval: Interval | null;
    share?: number | null;
    shareRange?: [low: number, high: number] | null;
  }[];
  /** Each label's part of the change, by cause; a column sums to the part above. */
  labels: { label: Label; change: number; prevalence: number; convention: number; image: number }[];
}

/** What the decomposition saw, by label: the same for every checkpoint. */
export interface ShiftEvidence {
  label: Label;
  /** Share of films with the label in the truth. */
  sourcePrevalence: number;
  targetPrevalence: number;
  /** The prevalence at the target that the answers confirm: the source's films reweighted. */
  confirmedPrevalence: number;
  /** How far truth and answers moved beyond prevalence, in nats (noise subtracted). */
  truthMoved: number;
  answersMoved: number;
}

/** How labels go together: given one, the share of films that have the other too. What a checkpoint learned at the source shows. */
export interface LabelHabit {
  given: Label;
  also: Label;
  source: number;
  target: number;
  /** In the answers of each checkpoint at the target; null where it never says `given`. */
  answers: { checkpointId: string; share: number | null }[];
}

/** The assumption that each part of a decomposition rests on, as a sentence. */
export const SHIFT_ASSUMPTIONS: Record<ShiftCause, string> = {
  prevalence:
    'Prevalence: films with the same labels look alike and are answered alike at both institutions. A change counts as prevalence as far as labels and answers show it together. Where it moved more than convention and image, what reweighting does not reproduce is partly its own (labels that are mistaken weigh more where a finding is rare).',
  convention:
    'Label convention: the films, and so the answers, stay as they are, and the labels given to them change. Beyond prevalence, a change counts as convention as far as the labels moved (how often each is given, and which together).',
  image:
    'Image: what remains. The labels stay as they are, and the films, and so the answers or how they go with the labels, change. Where several moved, what reweighting does not reproduce is divided in the proportion of how far each moved beyond chance; where none did, it is here.',
};

/** Whether a change was resampled and its interval includes zero: then it is not to be divided among causes. */
export function isWithinNoise({ interval }: Decomposition): boolean {
  return interval ? !isSettled(interval) : false;
}

/**
 * Whether a part's mark was above chance neither in the films nor in any replicate. It is 0 with an interval of no width then: too
 * few films to see it, not a measured 0.
 */
export function isUnseen({ value, interval }: Decomposition['parts'][number]): boolean {
  return value === 0 && interval !== null && interval.low === 0 && interval.high === 0;
}

/** Whether something is to be said of a part: its change is settled, or it is itself (two causes may cancel). */
export function isSaid(of: Decomposition, part: Decomposition['parts'][number]): boolean {
  return !isWithinNoise(of) || isSettled(part.interval);
}

import type { Label } from '../labels/labels.ts';

/**
 * How a checkpoint writes its answers: `solution` as the paper asks (`<think>`, `<solution>`), `answer` as NV-Reason-CXR-3B
 * does by itself (`<think>`, `<answer>`).
 */
export type AnswerFormat = 'solution' | 'answer';

/** What a completion says. A completion that cannot be read is a failure, never dropped. */
export interface Reading {
  reasoning: string;
  /** In the order written, without repetitions. */
  findings: Label[];
  /** null where the completion could be read. */
  parseFailure: ParseFailure | null;
  /** Names in the solution block that are not among the 14. */
  invalid: string[];
  /** Labels that stand there more than once. */
  duplicates: Label[];
  /** There is text outside the two blocks. */
  outside: boolean;
}

export type ParseFailure =
  | 'no-solution'
  | 'several-solutions'
  | 'unclosed-solution'
  | 'no-think'
  | 'several-thinks'
  | 'unclosed-think'
  | 'wrong-order'
  | 'text-outside'
  | 'empty-solution'
  | 'no-valid-label';

/**
 * Where the time goes between asking for a film and seeing it, and between asking a checkpoint and its answer: user timing
 * marks, the last of each kind. The benchmarks read them.
 */
export type Stage =
  | 'asked'
  | 'preview'
  | 'arrived'
  | 'received'
  | 'presets'
  | 'painted'
  | 'drawn'
  | 'question'
  | 'text'
  | 'answer';

export const stageMark = (stage: Stage) => `film-${stage}`;

export function markStage(stage: Stage, detail?: unknown): void {
  performance.clearMarks(stageMark(stage));
  performance.mark(stageMark(stage), { detail });
}

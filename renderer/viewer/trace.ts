/** Where the time goes between asking for a film and seeing it: user timing marks, the last of each kind. */
export type Stage = 'asked' | 'preview' | 'arrived' | 'received' | 'presets' | 'painted' | 'drawn';

export const stageMark = (stage: Stage) => `film-${stage}`;

export function markStage(stage: Stage): void {
  performance.clearMarks(stageMark(stage));
  performance.mark(stageMark(stage));
}

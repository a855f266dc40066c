/**
 * How many films would settle a quantity: normal approximation with the bootstrap's standard error, which shrinks with the
 * root of the number of films, patients having as many films each as now. A plan for the next study, not a verdict on this
 * one: the effect that was seen is itself uncertain.
 */
import { normalQuantile } from './distributions.ts';
import type { Estimate } from './resample.ts';
import { type Interval, isSettled, type PowerFigures } from './types.ts';

const TWO_SIDED = 0.05;
const POWER = 0.8;

type Ends = Pick<PowerFigures, 'what' | 'datasetId' | 'fromCheckpointId' | 'checkpointId'>;

/** @param films now, of each data set involved; all grow by the same factor. */
export function powerOf(ends: Ends, found: Estimate & { interval: Interval | null }, films: number[]): PowerFigures {
  const { value: effect, standardError, interval } = found;
  const detectable = detectableEffect(standardError);
  const factor = effect === 0 || !(standardError > 0) ? null : (detectable / Math.abs(effect)) ** 2;
  return {
    ...ends,
    effect,
    standardError,
    settled: isSettled(interval),
    films,
    filmsNeeded: factor === null ? null : films.map((n) => Math.ceil(n * factor)),
    detectable,
  };
}

/** The smallest effect that a standard error like this settles in 80 % of studies: (1.960 + 0.842) standard errors. */
export function detectableEffect(standardError: number): number {
  return (normalQuantile(1 - TWO_SIDED / 2) + normalQuantile(POWER)) * standardError;
}

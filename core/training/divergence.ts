/**
 * A step that must not simply be trained on: its loss or gradient is no finite number, or far from where the run began. SFT:
 * the loss is above `divergeLoss` times the mean of the first five. GRPO, whose loss is around 0 from the start: the KL
 * term is above `divergeKl` nats a token. What then happens is the run's setting `diverging`:
 *
 *   stop      the run ends before the step is applied, with its name and what was seen
 *   skip      the step is not applied, and counted (`skipped_steps` of the log); ten in a row end the run all the same
 *   continue  it is applied and counted (`diverging_steps`), unless it is not finite: then as with skip
 */
import { WorkbenchError } from '../base/errors.ts';

export const DIVERGING = ['stop', 'skip', 'continue'] as const;

export interface DivergenceSettings {
  diverging: (typeof DIVERGING)[number];
  /** The largest value of a sound step; from what the first five were where `relative`. 0: no limit. */
  limit: number;
  relative: boolean;
}

export interface DivergenceState {
  /** Values of the first steps. */
  first: number[];
  diverging: number;
  skipped: number;
  inRow: number;
}

/** `value` is what the limit is for: SFT's loss, GRPO's KL. */
export interface JudgedStep {
  step: number;
  loss: number;
  gradNorm: number;
  value: number;
}

const FIRST_STEPS = 5;
const MOST_IN_ROW = 10;

export class Divergence {
  state: DivergenceState = { first: [], diverging: 0, skipped: 0, inRow: 0 };

  constructor(private readonly settings: DivergenceSettings) {}

  /** @returns whether the step is to be applied @throws TRAINING_DIVERGED, GRADIENT_NOT_FINITE */
  judge(step: JudgedStep): boolean {
    const finite = Number.isFinite(step.loss) && Number.isFinite(step.gradNorm);
    const limit = this.limit();
    const { state } = this;
    if (finite && !(step.value > limit)) {
      if (state.first.length < FIRST_STEPS) state.first.push(step.value);
      state.inRow = 0;
      return true;
    }
    if (this.settings.diverging === 'stop') throw finite ? diverged(step, limit) : notFinite(step);
    state.diverging++;
    if (finite && this.settings.diverging === 'continue') return true;
    state.skipped++;
    state.inRow++;
    if (state.inRow >= MOST_IN_ROW) throw finite ? diverged(step, limit) : notFinite(step);
    return false;
  }

  /** For the log; nothing while no step diverged. */
  columns(): Record<string, number> {
    const { diverging, skipped } = this.state;
    return diverging === 0 ? {} : { diverging_steps: diverging, skipped_steps: skipped };
  }

  private limit(): number {
    const { limit, relative } = this.settings;
    if (limit === 0) return Number.POSITIVE_INFINITY;
    if (!relative) return limit;
    const { first } = this.state;
    if (first.length < FIRST_STEPS) return Number.POSITIVE_INFINITY;
    return (limit * first.reduce((a, b) => a + b, 0)) / FIRST_STEPS;
  }
}

const REMEDY = 'Lower the learning rate or maxGradNorm and begin a new run, or set diverging to skip.';

function diverged({ step, value }: JudgedStep, limit: number): WorkbenchError {
  return new WorkbenchError(
    'TRAINING_DIVERGED',
    `Training diverges: step ${step} is at ${value.toPrecision(3)}, and ${limit.toPrecision(3)} is the limit. The step was not applied.`,
    { step, value, limit },
    REMEDY,
  );
}

function notFinite({ step, loss, gradNorm }: JudgedStep): WorkbenchError {
  return new WorkbenchError(
    'GRADIENT_NOT_FINITE',
    `The loss or gradient of step ${step} is not a finite number; the step was not applied.`,
    { step, loss: String(loss), gradNorm: String(gradNorm) },
    REMEDY,
  );
}

/**
 * Alarms of a run, read off its log: a pure function, so that screen, command and report see the same ones. Each compares
 * the mean of the last five steps with a limit, or with what the first five steps were; every limit is a field of the run.
 *
 *   entropy            the policy answers nearly the same every time; rewards can no longer tell completions apart
 *   length             completions grow or shrink away from where they began: a reward may be gamed by length
 *   dominance          one set of labels makes up most of the last 100 answers
 *   spread             in most groups all completions get the same reward: these films teach nothing
 *   mismatch           the engine that draws and the one that trains give the same tokens other probabilities
 *   loss               the loss is far above where it began
 *   diverging          a step that diverged was skipped or trained on (divergence.ts)
 *   other-institution  the source's probe (without one: the reward) holds or rises while the other institution's probe falls
 */
import type { ProbeRole, TrainingLogLine } from './types.ts';

export type AlarmKind =
  | 'entropy'
  | 'length'
  | 'dominance'
  | 'spread'
  | 'mismatch'
  | 'loss'
  | 'diverging'
  | 'other-institution';

/** From the step at which it began to the last one at which it stood (null: it still stands). */
export interface Alarm {
  kind: AlarmKind;
  step: number;
  until: number | null;
  /** What was seen when it began, and the limit that it passed. */
  value: number;
  limit: number;
}

/** What is seen, and what can be done. */
export const ALARM_MEANING: Record<AlarmKind, { message: string; remedy: string }> = {
  entropy: {
    message: 'Entropy has collapsed: the policy answers nearly the same every time.',
    remedy: 'Raise beta or the temperature, or lower the learning rate; go on from a checkpoint before this step.',
  },
  length: {
    message: 'Completions have become much longer or shorter than at the start.',
    remedy:
      'Read some in the table below; look at the reward’s length terms (hard.minTokens, hard.lambdaLen) and at maxCompletionLength.',
  },
  dominance: {
    message: 'One set of labels dominates the answers.',
    remedy:
      'Raise beta; with the nuanced reward raise its collapse terms; look whether the training films are as one-sided.',
  },
  spread: {
    message: 'In most groups every completion gets the same reward, so nothing is learned from them.',
    remedy: 'Raise groupSize or temperature, or choose films that the policy does not already answer alike.',
  },
  mismatch: {
    message: 'The engine that draws completions and the one that trains disagree on their probabilities.',
    remedy: 'Draw with the same precision as is trained; keep importanceCap above 0.',
  },
  loss: {
    message: 'The loss has risen far above where it began.',
    remedy: 'Lower the learning rate or maxGradNorm, and go on from a checkpoint before this step.',
  },
  diverging: {
    message: 'A step diverged: its loss was not finite or far from where it began.',
    remedy: 'Lower the learning rate or maxGradNorm and begin a new run; the log counts such steps and those skipped.',
  },
  'other-institution': {
    message: 'The benchmark still holds or rises while the other institution falls.',
    remedy:
      'This is what the probe is for: stop, keep the adapter from before this step (keep: probe-…, or a checkpoint), or raise beta.',
  },
};

const WINDOW = 5;

/** Limits by the fields of the configuration; 0 turns an alarm off. */
type Limits = Readonly<Record<string, unknown>>;

/** In the order in which they began. */
export function alarmsOf(log: readonly TrainingLogLine[], config: Limits): Alarm[] {
  const steps = log.filter((line) => typeof line['loss'] === 'number');
  const probes = log.filter((line) => typeof line['probe/seconds'] === 'number');
  const limit = (field: string) => (typeof config[field] === 'number' ? (config[field] as number) : 0);
  const found = [
    ...fallen('entropy', steps, 'entropy', limit('alarmEntropy')),
    ...lengthAlarms(steps, limit('alarmLength')),
    ...above('dominance', steps, 'completions/dominant_share', limit('alarmDominance')),
    ...above('spread', steps, 'frac_reward_zero_std', limit('alarmSpread')),
    ...above('mismatch', steps, 'sampling/sampling_logp_difference/mean', limit('alarmMismatch')),
    ...lossAlarms(steps, limit('alarmLoss')),
    ...divergingSteps(steps),
    ...otherInstitution(probes, steps, limit('alarmProbeDrop')),
  ];
  return found.sort((a, b) => a.step - b.step);
}

interface Point {
  step: number;
  value: number;
}

/** Means over the last steps; nothing before there are enough. */
function smooth(lines: readonly TrainingLogLine[], column: string): Point[] {
  const points = lines.flatMap((line) => {
    const value = line[column];
    return typeof value === 'number' && Number.isFinite(value) ? [{ step: line.step, value }] : [];
  });
  return points.slice(WINDOW - 1).map(({ step }, i) => {
    const sum = points.slice(i, i + WINDOW).reduce((total, { value }) => total + value, 0);
    return { step, value: sum / WINDOW };
  });
}

/** Where `stands` begins and ends to be true. */
function episodes(kind: AlarmKind, points: readonly Point[], stands: (value: number) => number | null): Alarm[] {
  const alarms: Alarm[] = [];
  let current: Alarm | null = null;
  for (const { step, value } of points) {
    const limit = stands(value);
    if (limit === null) current = null;
    else if (current) current.until = step;
    else {
      current = { kind, step, until: step, value, limit };
      alarms.push(current);
    }
  }
  // The last one stands where the log ends with it.
  if (current) current.until = null;
  return alarms;
}

function above(kind: AlarmKind, steps: readonly TrainingLogLine[], column: string, limit: number): Alarm[] {
  if (limit === 0) return [];
  return episodes(kind, smooth(steps, column), (value) => (value > limit ? limit : null));
}

/** Below `share` of what it was at the start. */
function fallen(kind: AlarmKind, steps: readonly TrainingLogLine[], column: string, share: number): Alarm[] {
  const points = smooth(steps, column);
  if (share === 0 || points.length === 0) return [];
  const limit = share * points[0]!.value;
  return episodes(kind, points, (value) => (value < limit ? limit : null));
}

function lengthAlarms(steps: readonly TrainingLogLine[], factor: number): Alarm[] {
  const points = smooth(steps, 'completions/mean_length');
  if (factor === 0 || points.length === 0) return [];
  const [high, low] = [points[0]!.value * factor, points[0]!.value / factor];
  return episodes('length', points, (value) => (value > high ? high : value < low ? low : null));
}

/** SFT's loss is above 0; GRPO's is around 0 from the start and says nothing of this kind. */
function lossAlarms(steps: readonly TrainingLogLine[], factor: number): Alarm[] {
  const points = smooth(steps, 'loss');
  if (factor === 0 || points.length === 0 || points[0]!.value <= 0) return [];
  const limit = factor * points[0]!.value;
  return episodes('loss', points, (value) => (value > limit ? limit : null));
}

/** Each stretch of steps in which the count of them rose. */
function divergingSteps(steps: readonly TrainingLogLine[]): Alarm[] {
  let before = 0;
  const points = steps.map((line) => {
    const count = typeof line['diverging_steps'] === 'number' ? line['diverging_steps'] : before;
    const value = count - before;
    before = count;
    return { step: line.step, value };
  });
  return episodes('diverging', points, (value) => (value > 0 ? 0 : null));
}

function otherInstitution(
  probes: readonly TrainingLogLine[],
  steps: readonly TrainingLogLine[],
  drop: number,
): Alarm[] {
  const [first] = probes;
  const at = (line: TrainingLogLine | undefined, role: ProbeRole) => line?.[`probe/${role}/macro_f1`];
  const before = at(first, 'target');
  if (drop === 0 || typeof before !== 'number') return [];
  const rewards = smooth(steps, 'reward');
  const held = (line: TrainingLogLine) => {
    const [then, now] = [at(first, 'source'), at(line, 'source')];
    if (typeof then === 'number' && typeof now === 'number') return now >= then;
    const reward = rewards.filter(({ step }) => step <= line.step).pop();
    return reward !== undefined && reward.value >= rewards[0]!.value;
  };
  const points = probes.flatMap((line) => {
    const now = at(line, 'target');
    return typeof now === 'number' ? [{ step: line.step, value: held(line) ? now - before : 0 }] : [];
  });
  return episodes('other-institution', points, (value) => (value <= -drop ? -drop : null));
}

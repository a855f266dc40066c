/**
 * The first sentence of the screen and of the report, made from the numbers. What an interval does not settle is said to
 * be unsettled; nothing is called better or worse on the point estimate alone.
 */
import type { EvaluationResult, Gap, GapDifference, Interval } from './types.ts';
import { isSettled } from './types.ts';

type Result = Omit<EvaluationResult, 'headline'>;

export function headline(result: Result): string {
  if (result.datasets.length > 1 && result.sharedLabels.length === 0) return nothingShared(result);
  const question = result.gapDifferences[0];
  if (question) return survival(result, question);
  const gap = result.gaps.find((each) => each.labelSet === 'shared');
  if (gap) return change(result, gap);
  return oneDataset(result);
}

/** "On the 9 labels that both sets share, GRPO scores 0.010 more macro-F1 than SFT on A (...) and 0.056 less on B (...)." */
function survival(result: Result, question: GapDifference): string {
  const { fromCheckpointId, toCheckpointId, atSource, atTarget } = question;
  const intervalOn = (datasetId: string) =>
    result.differences.find(
      (each) =>
        each.datasetId === datasetId &&
        each.labelSet === 'shared' &&
        each.fromCheckpointId === fromCheckpointId &&
        each.toCheckpointId === toCheckpointId,
    )?.interval ?? null;
  const [from, to] = [nameOf(result, fromCheckpointId), nameOf(result, toCheckpointId)];
  const [source, target] = [datasetName(result, result.sourceDatasetId), datasetName(result, result.targetDatasetId)];
  const home = `${moreOrLess(atSource)} macro-F1 than ${from} on ${source}${range(intervalOn(result.sourceDatasetId))}`;
  const away = `${moreOrLess(atTarget)} on ${target}${range(intervalOn(result.targetDatasetId))}`;
  return `On the ${result.sharedLabels.length} labels that both sets share, ${to} scores ${home} and ${away}. ${verdict(question, intervalOn(result.sourceDatasetId))}`;
}

function verdict({ change, interval, atSource, atTarget }: GapDifference, atHome: Interval | null): string {
  if (interval === null) return `From the first to the second the difference changes by ${signed(change)}.`;
  const within = `95 % interval ${signed(interval.low)} to ${signed(interval.high)}`;
  if (!isSettled(interval)) {
    return `Whether that difference changes from the first to the second is not settled by these films: ${signed(change)}, ${within}.`;
  }
  const lost = atSource > 0 && atTarget <= 0 && isSettled(atHome);
  const side = change > 0 ? 'higher' : 'lower';
  return `${lost ? 'The gain does not travel: on' : 'On'} the second the difference is ${side} by ${magnitude(change)} (${within}).`;
}

function change(result: Result, { checkpointId, change: value, interval }: Gap): string {
  const [source, target] = [datasetName(result, result.sourceDatasetId), datasetName(result, result.targetDatasetId)];
  const what = `On the ${result.sharedLabels.length} labels that both sets share, ${nameOf(result, checkpointId)}`;
  return `${what} scores ${moreOrLess(value)} macro-F1 on ${target} than on ${source}${range(interval)}.`;
}

/** Macro-F1 of no label is 0, which would read as no change. */
function nothingShared({ datasets }: Result): string {
  const names = datasets.map(({ name }) => name).join(' and ');
  return `${names} share no label: what changes from one to the other cannot be said.`;
}

function oneDataset(result: Result): string {
  const name = datasetName(result, result.sourceDatasetId);
  const scores = result.cells.map((cell) => {
    const interval = cell.own.macroF1Interval;
    const within = interval ? ` (95 % interval ${fixed(interval.low)} to ${fixed(interval.high)})` : '';
    return `${nameOf(result, cell.checkpointId)} ${fixed(cell.own.macro.f1)}${within}`;
  });
  return `Macro-F1 on ${name}: ${scores.join(', ')}.`;
}

/** ", 95 % interval -0.020 to 0.040, not settled": empty where there is no interval. */
function range(interval: Interval | null): string {
  if (interval === null) return '';
  return ` (95 % interval ${signed(interval.low)} to ${signed(interval.high)}${isSettled(interval) ? '' : ', not settled'})`;
}

function moreOrLess(value: number): string {
  if (fixed(Math.abs(value)) === fixed(0)) return 'no more and no less';
  return `${magnitude(value)} ${value > 0 ? 'more' : 'less'}`;
}

/** The role says more than a folder's name; checkpoints of one role are told apart by name. */
function nameOf({ checkpoints }: Result, checkpointId: string): string {
  const checkpoint = checkpoints.find((each) => each.id === checkpointId);
  if (!checkpoint) return checkpointId;
  const alone = checkpoints.filter((each) => each.role === checkpoint.role).length === 1;
  if (!alone || checkpoint.role === 'other') return checkpoint.name;
  return { sft: 'SFT', grpo: 'GRPO', base: 'the base' }[checkpoint.role];
}

function datasetName(result: Result, id: string): string {
  return result.datasets.find((dataset) => dataset.id === id)?.name ?? id;
}

function fixed(value: number): string {
  return value.toFixed(3);
}

function magnitude(value: number): string {
  return fixed(Math.abs(value));
}

/** With a true minus sign. */
function signed(value: number | undefined): string {
  if (value === undefined) return '';
  return `${value < 0 ? '\u2212' : '+'}${magnitude(value)}`;
}

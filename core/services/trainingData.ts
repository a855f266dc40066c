/**
 * What a run learns from, and what it leaves out: traces that are no JSON, name no film of the table, cannot be read by the
 * evaluation's own parser, name labels outside the set or, as the run says, others than the table's; films without an answer or labels; images that do not decode. Each is
 * named and counted, and left out, or the run is stopped before it begins (`badInput`). None is trained on silently.
 */
import { readFile } from 'node:fs/promises';
import { toErrorData, WorkbenchError } from '../base/errors.ts';
import { throwIfCancelled, type Work } from '../base/progress.ts';
import { parseCompletion } from '../findings/parse.ts';
import { drawExamples } from '../training/split.ts';
import type { TrainingExample } from '../training/types.ts';
import type { LeftOut } from './contract.ts';

/** How many of a kind are named. */
const NAMED = 5;

/** Not learned from, and no fault. */
const ABSENT: readonly LeftOut['reason'][] = [
  'film-without-trace',
  'film-without-labels',
  'trace-unreviewed',
  'trace-rejected',
  'trace-differs-learned',
];

export class LeftOuts {
  private readonly byReason = new Map<LeftOut['reason'], LeftOut>();

  add(reason: LeftOut['reason'], what: string): void {
    const entry = this.byReason.get(reason) ?? { reason, count: 0, first: [] };
    entry.count++;
    if (entry.first.length < NAMED) entry.first.push(what);
    this.byReason.set(reason, entry);
  }

  get all(): LeftOut[] {
    return [...this.byReason.values()];
  }

  /** @throws TRAINING_INPUT where something is wrong, and not merely absent */
  demandNone(): void {
    const bad = this.all.filter(({ reason }) => !ABSENT.includes(reason));
    if (bad.length === 0) return;
    const { reason, count, first } = bad[0]!;
    throw new WorkbenchError(
      'TRAINING_INPUT',
      `The input of this run has faults, and the run is set to stop at them: ${count} of the kind ${reason}, first ${first[0]}.`,
      { faults: bad.map((each) => ({ ...each })) },
      'Mend them, or set badInput to skip: they are then left out and counted.',
    );
  }
}

/** Texts by the path that stands in the file, with a problem for each line that cannot be used. ENOENT: no traces. */
export async function readTraces(file: string, leftOut: LeftOuts): Promise<Map<string, string>> {
  const traces = new Map<string, string>();
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch (error) {
    if ((error as { code?: string }).code === 'ENOENT') return traces;
    throw error;
  }
  for (const [i, line] of text.split('\n').entries()) {
    if (line.trim() === '') continue;
    const trace = traceOf(line);
    if (trace === null) leftOut.add('trace-line', `line ${i + 1}: no JSON object with path and text`);
    else {
      const fault = faultOf(trace.text);
      if (fault) leftOut.add(fault.reason, `line ${i + 1}, ${trace.path}: ${fault.why}`);
      else traces.set(trace.path, trace.text);
    }
  }
  return traces;
}

function traceOf(line: string): { path: string; text: string } | null {
  try {
    const { path, text } = JSON.parse(line) as { path?: unknown; text?: unknown };
    return typeof path === 'string' && typeof text === 'string' ? { path, text } : null;
  } catch {
    return null;
  }
}

export function faultOf(text: string): { reason: LeftOut['reason']; why: string } | null {
  const { parseFailure, invalid } = parseCompletion(text);
  if (invalid.length > 0) return { reason: 'trace-labels', why: `no label of the set: ${invalid.join(', ')}` };
  return parseFailure === null ? null : { reason: 'trace-form', why: parseFailure };
}

/**
 * The examples whose images decode, of those that the run's seed draws: one that does not is taken out and the next drawn in
 * its place. Reads every film once.
 */
export async function decodable(
  examples: readonly TrainingExample[],
  { samples, seed }: { samples: number; seed: number },
  leftOut: LeftOuts,
  work: Work,
): Promise<TrainingExample[]> {
  const broken = new Set<TrainingExample>();
  const order = drawExamples(examples, examples.length, seed);
  const total = Math.min(samples, order.length);
  let good = 0;
  for (const example of order) {
    if (good === samples) break;
    throwIfCancelled(work.signal);
    try {
      await example.image();
      good++;
    } catch (error) {
      const { code, message } = toErrorData(error);
      broken.add(example);
      leftOut.add('image', `${example.id}: ${code}, ${message}`);
    }
    if (good % 20 === 0) work.report({ stage: 'Checking the films', done: good, total });
  }
  return examples.filter((example) => !broken.has(example));
}

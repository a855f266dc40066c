/**
 * The probe: two fixed sets of films, one of the institution that the training labels resemble and one of another, answered
 * greedily every so many steps and scored as an evaluation scores them. Drawn against the reward (or the loss) it shows the
 * moment at which the benchmark still rises and the other hospital falls.
 *
 * What a probe sees is no test set any more: the service that makes it keeps it apart, by patient, from every test set and
 * from the films of the training (services/probes.ts).
 */
import { throwIfCancelled } from '../base/progress.ts';
import { parseCompletion } from '../findings/parse.ts';
import type { Reading } from '../findings/types.ts';
import { generate } from '../generation/generate.ts';
import { type Runner, tokensOf } from '../models/runner.ts';
import type { Adapter } from '../peft/adapter.ts';
import { imageQuestion, promptInput } from '../text/promptInput.ts';
import type { PromptModel } from './batch.ts';
import type { FeatureCache } from './features.ts';
import { type ProbeFigures, type ProbeRole, probeField, type TrainingExample, type TrainingLogLine } from './types.ts';

export interface ProbeSet {
  role: ProbeRole;
  name: string;
  films: readonly TrainingExample[];
}

export interface Probe {
  sets: readonly ProbeSet[];
  maxNewTokens: number;
  /** Scores answers as the evaluation does; `readings[i]` belongs to `set.films[i]`. */
  score(set: ProbeSet, readings: readonly Reading[]): Pick<ProbeFigures, 'macro_f1' | 'micro_f1'>;
}

/** What answers the probe's films. */
export interface ProbeEngine {
  runner: Runner;
  prompt: PromptModel;
  features: FeatureCache;
  signal: AbortSignal;
}

/** Films answered at once. */
const BATCH = 16;

/** The probe's line of the log after `step`. Throws CANCELLED between two batches. */
export async function runProbe(
  probe: Probe,
  engine: ProbeEngine,
  adapter: Adapter | null,
  step: number,
): Promise<TrainingLogLine> {
  const started = performance.now();
  const line: TrainingLogLine = { step };
  for (const set of probe.sets) {
    const found = await answer(set, probe, engine, adapter);
    for (const [figure, value] of Object.entries(found)) {
      line[probeField(set.role, figure as keyof ProbeFigures)] = value;
    }
  }
  line['probe/seconds'] = (performance.now() - started) / 1000;
  return line;
}

async function answer(
  set: ProbeSet,
  probe: Probe,
  engine: ProbeEngine,
  adapter: Adapter | null,
): Promise<ProbeFigures> {
  const { tokenizer } = engine.prompt;
  const readings: Reading[] = [];
  let tokens = 0;
  for (let start = 0; start < set.films.length; start += BATCH) {
    throwIfCancelled(engine.signal);
    const completions = await answerBatch(set.films.slice(start, start + BATCH), probe, engine, adapter);
    for (const { tokenIds } of completions) {
      readings.push(parseCompletion(tokenizer.decode(tokenIds)));
      tokens += tokenIds.length;
    }
  }
  const films = readings.length;
  const failed = readings.filter(({ parseFailure }) => parseFailure !== null).length;
  const labels = readings.reduce((sum, { findings }) => sum + findings.length, 0);
  return {
    films,
    ...probe.score(set, readings),
    fail_rate: failed / films,
    mean_labels: labels / films,
    mean_length: tokens / films,
  };
}

async function answerBatch(
  films: readonly TrainingExample[],
  { maxNewTokens }: Probe,
  { runner, prompt, features, signal }: ProbeEngine,
  adapter: Adapter | null,
) {
  const images = await features.get(films);
  const requests = films.map(({ promptText }, i) => ({
    promptIds: promptInput(imageQuestion(promptText), [tokensOf(...images[i]!.grids)], prompt).inputIds,
    images: images[i]!,
    adapter,
    sampling: { temperature: 0, topK: 0, topP: 1, seed: 0 },
    maxNewTokens,
    stopIds: runner.info.endTokenIds,
  }));
  return generate(runner, requests, { batchSize: BATCH, signal });
}

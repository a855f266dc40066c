/**
 * An objective as nodes of a gradient graph: d loss / d log-probability in closed form, as loss.ts has it on the host (which
 * gives the loss itself, and the metrics, from the graph's log-probabilities). tests/training/onnxEngine.test.ts compares the two.
 */
import type { RecordSeed } from '../models/gradientGraph.ts';
import type { PlainTensor } from '../tensor/onnx/session.ts';
import type { Objective } from './engine.ts';
import type { GrpoSettings } from './loss.ts';

/** Of what a graph depends on; numbers that change from step to step are inputs. */
export function objectiveKey(objective: Objective): string {
  if (objective.kind === 'sft') return 'sft';
  const { epsilonLow, epsilonHigh, beta, importanceCap = 0 } = objective.settings;
  return ['grpo', epsilonLow, epsilonHigh, beta, hasSampler(objective) ? importanceCap : 0].join('/');
}

function hasSampler(objective: Objective & { kind: 'grpo' }): boolean {
  return Boolean(objective.batch.samplerLogps) && (objective.settings.importanceCap ?? 0) > 0;
}

export function seedOf(objective: Objective): RecordSeed {
  return objective.kind === 'sft' ? sftSeed : grpoSeed(objective.settings, hasSampler(objective));
}

/** -1 / supervised tokens. */
const sftSeed: RecordSeed = (_ops, graph, logps) =>
  graph.node('Expand', [graph.input('perToken', 'float', []), graph.node('Shape', [logps])]);

/**
 * (-w rho A where min takes the free term, else 0, - beta (exp(ref - logp) - 1)) / divisor, with rho = exp(logp - old) and w the
 * importance weight. Where `old` is not known it is the present one: `hasOld` is 0 then.
 */
function grpoSeed({ epsilonLow, epsilonHigh, beta, importanceCap = 0 }: GrpoSettings, sampler: boolean): RecordSeed {
  return ({ pulls }, graph, logps) => {
    const tokens = (name: string) => graph.input(name, 'float', ['N']);
    const [advantage, old, ref] = [tokens('advantage'), tokens('old'), tokens('ref')];
    const hasOld = graph.input('hasOld', 'float', []);
    const node = (op: string, ...inputs: ReturnType<typeof tokens>[]) => graph.node(op, inputs);
    const moved = node('Mul', node('Sub', logps, old), hasOld);
    const ratio = node('Exp', moved);
    const bounded = node('Clip', ratio, graph.float(1 - epsilonLow), graph.float(1 + epsilonHigh));
    const free = node('Mul', ratio, advantage);
    // What `old` is, or the present log-probability.
    const weight = () => {
      const before = node('Sub', logps, moved);
      return node('Min', node('Exp', node('Sub', before, tokens('sampler'))), graph.float(importanceCap));
    };
    const weighed = sampler ? node('Mul', free, weight()) : free;
    const isFree = node('LessOrEqual', free, node('Mul', bounded, advantage));
    const policy = node('Where', isFree, node('Neg', weighed), graph.float(0));
    const distance = pulls.plus(node('Exp', node('Sub', ref, logps)), -1);
    return node('Div', node('Sub', policy, pulls.times(distance, beta)), graph.input('divisor', 'float', []));
  };
}

/** The inputs that `seedOf` adds. */
export function seedFeeds(objective: Objective): Record<string, PlainTensor> {
  const scalar = (value: number): PlainTensor => ({ data: Float32Array.of(value), shape: [] });
  if (objective.kind === 'sft') return { perToken: scalar(-1 / objective.supervised) };
  const { batch, settings, completions } = objective;
  const ref = Float32Array.from(batch.refLogps);
  const tokens = (data: Float32Array): PlainTensor => ({ data, shape: [data.length] });
  const advantages = batch.lengths.flatMap((length, c) => new Array<number>(length).fill(batch.advantages[c] ?? 0));
  return {
    advantage: tokens(Float32Array.from(advantages)),
    old: tokens(batch.oldLogps ? Float32Array.from(batch.oldLogps) : ref),
    hasOld: scalar(batch.oldLogps ? 1 : 0),
    ref: tokens(ref),
    divisor: scalar(completions * settings.maxCompletionLength),
    ...(hasSampler(objective) ? { sampler: tokens(Float32Array.from(batch.samplerLogps!)) } : {}),
  };
}

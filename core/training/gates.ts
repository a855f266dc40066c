/**
 * Integrity gates: what must be true of a run after its first and its last step, whatever was trained on. A run that fails
 * one stops and says which: its curves would look like training, and its result would be worth nothing.
 *
 *   adapter-changed            the trained numbers are not those that the run began with
 *   base-unchanged             sha256 over every weight of the base in the engine, and the base's own log-probabilities of
 *                              the canary, are those from before the run
 *   base-differs-from-adapter  base and adapter give the canary's answer different log-probabilities (an adapter whose
 *                              numbers changed may still be applied to nothing)
 *   reload-reproduces          the adapter, read back from what was written, gives the log-probabilities of the one in memory
 *
 * The canary is the run's first film with a fixed answer. "First step" is the first that was applied with a learning rate and a
 * gradient above 0: a warm-up begins with rate 0, and a group without spread has no gradient. Where a run has no such step,
 * the gate after its last one says so.
 */
import { WorkbenchError } from '../base/errors.ts';
import { adapterTarget } from '../models/network.ts';
import type { ImageFeatures } from '../models/runner.ts';
import { openAdapter } from '../peft/adapterFolder.ts';
import { completionSequence, type PromptModel } from './batch.ts';
import type { TrainingEngine } from './engine.ts';
import { snapshot, type TrainedAdapter, trainedAdapter } from './lora.ts';
import { completionLogps, type PolicyBatch } from './policy.ts';
import type { GateName, GateResult } from './types.ts';

/** Any text does: only differences between log-probabilities of the same tokens are looked at. */
const CANARY_ANSWER = '<think>The heart is large.</think><solution>Cardiomegaly</solution>';

/** Two passes of one engine over the same numbers differ by less, in nats: threads of libtensorflow add in any order. */
const NOISE = 1e-4;

export interface Canary {
  promptIds: readonly number[];
  features: ImageFeatures;
}

/** What the gates compare with; taken before a run's first step, and stored in its checkpoints. */
export interface GateBaseline {
  adapterHash: string;
  baseHash: string;
  /** Log-probabilities of the canary's answer under the base alone. */
  baseLogps: number[];
}

export class Gates {
  private readonly batch: PolicyBatch;

  constructor(
    private readonly engine: TrainingEngine,
    private readonly adapter: TrainedAdapter,
    prompt: PromptModel,
    { promptIds, features }: Canary,
  ) {
    const answer = prompt.tokenizer.encode(CANARY_ANSWER);
    this.batch = { sequences: [completionSequence(promptIds, answer)], features: [features], advantages: [null] };
  }

  async baseline(): Promise<GateBaseline> {
    return {
      adapterHash: snapshot(this.adapter).hash,
      baseHash: await this.engine.weightsHash(),
      baseLogps: [...(await this.logps(null))],
    };
  }

  /** @param folder where the adapter was written @throws TRAINING_DIVERGED where the adapter’s numbers have run away */
  async check(step: number, after: GateResult['after'], before: GateBaseline, folder: string): Promise<GateResult[]> {
    const results: GateResult[] = [];
    const judge = (gate: GateName, passed: boolean, found: string) =>
      results.push({ step, after, gate, passed, found });
    const hash = snapshot(this.adapter).hash;
    judge('adapter-changed', hash !== before.adapterHash, `${before.adapterHash.slice(0, 12)} → ${hash.slice(0, 12)}`);

    const base = await this.logps(null);
    const weights = await this.engine.weightsHash();
    const moved = distance(base, before.baseLogps);
    const same = weights === before.baseHash && moved <= NOISE;
    judge('base-unchanged', same, `${weights.slice(0, 12)}, log-probabilities moved by ${moved.toPrecision(2)}`);

    const own = await this.logps(this.adapter);
    if (!own.every(Number.isFinite)) throw divergedAdapter(step);
    const apart = distance(own, base);
    // What the engine's own noise could be is no difference.
    const noise = distance(await this.logps(null), base);
    judge('base-differs-from-adapter', apart > noise, `by at most ${apart.toPrecision(2)} nats a token`);

    const { adapter: read } = await openAdapter(folder, adapterTarget(this.engine));
    const error = distance(await this.logps(trainedAdapter(read)), own);
    judge('reload-reproduces', error <= noise + (noise > 0 ? NOISE : 0), `within ${error.toPrecision(2)} nats a token`);
    return results;
  }

  private logps(adapter: TrainedAdapter | null): Promise<Float32Array> {
    return completionLogps(this.engine, adapter, this.batch, 1);
  }
}

/** Steps that could not change the adapter, by reason, before the first that could. */
export interface IdleSteps {
  /** The warm-up begins with rate 0. */
  rate: number;
  /** GRPO: the completions of each group had one reward, and the policy was the reference. */
  gradient: number;
  /** They diverged and were skipped. */
  skipped: number;
}

const IDLE: Record<keyof IdleSteps, [what: string, remedy: string]> = {
  gradient: [
    'had the gradient 0',
    'In GRPO no group’s rewards differed (frac_reward_zero_std is 1): raise temperature or groupSize, take another reward, or start from a checkpoint that keeps to the answer’s form.',
  ],
  skipped: ['diverged and were skipped', 'Lower learningRate or maxGradNorm.'],
  rate: ['had the learning rate 0', 'Set warmupRatio to 0, or let the run have more steps.'],
};

const MEANING: Record<GateName, [failed: string, remedy: string]> = {
  'adapter-changed': [
    'the adapter is what it was before the run',
    'Look at learning rate and gradient norm in the log: one of them is 0.',
  ],
  'base-unchanged': ['the weights of the base changed', 'The base must stay frozen; do not use what this run made.'],
  'base-differs-from-adapter': [
    'base and adapter answer the canary film alike',
    'The adapter is applied to nothing, or its pairs are zero; look at its target modules.',
  ],
  'reload-reproduces': [
    'the adapter that was written is not the one in memory',
    'What is on the disk is damaged or another run’s; do not use it.',
  ],
};

/**
 * @param idle the run's steps, where none of them could change the adapter; null: one did
 * @throws TRAINING_GATE with the first gate that failed
 */
export function demandGates(results: readonly GateResult[], idle: IdleSteps | null = null): void {
  const failed = results.find(({ passed }) => !passed);
  if (!failed) return;
  const { step, after, gate, found } = failed;
  const [what, remedy] = gate === 'adapter-changed' && idle ? unmoved(idle, step) : MEANING[gate];
  throw new WorkbenchError(
    'TRAINING_GATE',
    `The integrity gate “${gate}” failed after the ${after} step: ${what}.`,
    { gate, step, after, found },
    remedy,
  );
}

/** No fault of training: nothing was there to be learned from. */
function unmoved(idle: IdleSteps, steps: number): [what: string, remedy: string] {
  const reasons = (Object.keys(IDLE) as (keyof IdleSteps)[]).filter((reason) => idle[reason] > 0);
  if (reasons.length === 0) return MEANING['adapter-changed'];
  const counts = reasons.map((reason) => `${idle[reason]} ${IDLE[reason][0]}`).join(', ');
  return [`no step could change the adapter: of ${steps}, ${counts}`, IDLE[reasons[0]!][1]];
}

function divergedAdapter(step: number): WorkbenchError {
  return new WorkbenchError(
    'TRAINING_DIVERGED',
    `Training diverges: after step ${step} the adapter gives log-probabilities that are no finite numbers.`,
    { step },
    'Lower the learning rate or maxGradNorm and begin a new run.',
  );
}

/** Largest difference; NaN counts as infinite. */
function distance(a: ArrayLike<number>, b: ArrayLike<number>): number {
  let largest = 0;
  for (let i = 0; i < a.length; i++) {
    const difference = Math.abs(a[i]! - b[i]!);
    largest = Math.max(largest, Number.isNaN(difference) ? Number.POSITIVE_INFINITY : difference);
  }
  return largest;
}

/**
 * What SFT and GRPO do besides training: integrity gates after the first and the last step, the probe every so many steps,
 * and the best adapter so far, where a run keeps that instead of the last one.
 */
import type { ImageFeatures } from '../models/runner.ts';
import type { Adapter } from '../peft/adapter.ts';
import type { PromptModel } from './batch.ts';
import type { TrainingEngine } from './engine.ts';
import { demandGates, type GateBaseline, Gates, type IdleSteps } from './gates.ts';
import { restore, snapshot, type TrainedAdapter } from './lora.ts';
import { type Probe, type ProbeEngine, runProbe } from './probe.ts';
import type { RunFolder } from './run.ts';
import type { StepReport } from './step.ts';
import type { Chosen, ChosenOn, ProbeRole, TrainingLogLine } from './types.ts';

/** A kept adapter, and what it was kept for: a loss (lower is better) or a probe's macro-F1 (higher is). */
export interface Kept {
  step: number;
  value: number;
  adapter: Adapter;
}

/** What a checkpoint stores of this. */
export interface SupervisionState {
  baseline: GateBaseline;
  gatesPassed: boolean;
  idle: IdleSteps;
  kept: Omit<Kept, 'adapter'> | null;
}

export interface SupervisionSettings {
  /** What trains. */
  trainer: TrainingEngine;
  prompt: PromptModel;
  adapter: TrainedAdapter;
  folder: RunFolder;
  keep: ChosenOn;
  /** Steps between probes; 0: none. */
  probeEvery: number;
  probe: Probe | null;
  /** What answers the probe. */
  engine: ProbeEngine | null;
  report(line: TrainingLogLine): Promise<void>;
}

const ROLE_OF: Partial<Record<ChosenOn, ProbeRole>> = { 'probe-source': 'source', 'probe-target': 'target' };

export class Supervision {
  private gates: Gates | null = null;
  private baseline: GateBaseline | null = null;
  /** A step has changed the adapter, and the gates were passed after it. */
  private gatesPassed = false;
  private idle: IdleSteps = { rate: 0, gradient: 0, skipped: 0 };
  private kept: Kept | null = null;

  constructor(private readonly settings: SupervisionSettings) {}

  /** Before the first step, also of a resumed run. */
  async begin(
    canary: { promptIds: readonly number[]; features: ImageFeatures },
    stored: SupervisionState | null,
    best: Adapter | null,
  ): Promise<void> {
    const { trainer, adapter, prompt } = this.settings;
    this.gates = new Gates(trainer, adapter, prompt, canary);
    this.baseline = stored?.baseline ?? (await this.gates.baseline());
    this.gatesPassed = stored?.gatesPassed ?? false;
    if (stored) this.idle = stored.idle;
    this.kept = stored?.kept && best ? { ...stored.kept, adapter: best } : null;
    if (stored === null) await this.runProbe(0);
  }

  get state(): SupervisionState {
    const { kept, idle } = this;
    return {
      idle,
      baseline: this.baseline!,
      gatesPassed: this.gatesPassed,
      kept: kept && { step: kept.step, value: kept.value },
    };
  }

  get best(): Adapter | null {
    return this.kept?.adapter ?? null;
  }

  /** What the result was chosen on, and at which step. */
  chosen(lastStep: number): Chosen {
    const { kept } = this;
    if (kept === null) return { on: 'last', step: lastStep, value: null };
    return { on: this.settings.keep, step: kept.step, value: kept.value };
  }

  /** After each step, before its checkpoint: a run whose gate fails has no checkpoint after it. @throws TRAINING_GATE */
  async afterStep(step: number, report: StepReport): Promise<void> {
    if (this.gatesPassed) return;
    const reason = idleReason(report);
    if (reason !== null) {
      this.idle = { ...this.idle, [reason]: this.idle[reason] + 1 };
      return;
    }
    const { folder, adapter } = this.settings;
    await folder.withTrial(snapshot(adapter), (path) => this.checkGates(step, 'first', path));
    this.gatesPassed = true;
  }

  /** Where a probe is due in the steps after `before`, up to `step`, or at the end. */
  async probeIfDue(before: number, step: number, atEnd: boolean): Promise<void> {
    const { probeEvery } = this.settings;
    if (probeEvery === 0) return;
    if (atEnd || Math.floor(step / probeEvery) > Math.floor(before / probeEvery)) await this.runProbe(step);
  }

  /** The validation loss after `step`. */
  considerLoss(step: number, loss: number): void {
    if (this.settings.keep === 'validation') this.consider(step, loss, (value, best) => value < best);
  }

  /** Writes the result, the best adapter or the last, and checks it. */
  async finish(step: number): Promise<Adapter> {
    const { adapter, folder } = this.settings;
    if (this.kept) restore(adapter, this.kept.adapter);
    const result = snapshot(adapter);
    await folder.finish(result);
    await this.checkGates(step, 'last', folder.resultFolder);
    return result;
  }

  private async checkGates(step: number, after: 'first' | 'last', folder: string): Promise<void> {
    const results = await this.gates!.check(step, after, this.baseline!, folder);
    await this.settings.folder.logGates(results);
    demandGates(results, this.gatesPassed ? null : this.idle);
  }

  private async runProbe(step: number): Promise<void> {
    const { probe, engine, probeEvery, adapter, keep, report } = this.settings;
    if (probe === null || engine === null || probeEvery === 0) return;
    const line = await runProbe(probe, engine, snapshot(adapter), step);
    await report(line);
    const role = ROLE_OF[keep];
    const value = role && line[`probe/${role}/macro_f1`];
    if (typeof value === 'number') this.consider(step, value, (now, best) => now > best);
  }

  private consider(step: number, value: number, better: (value: number, best: number) => boolean): void {
    // Until a step has changed it, the adapter is the one that training starts from: no result of it.
    if (!this.gatesPassed || (this.kept && !better(value, this.kept.value))) return;
    this.kept = { step, value, adapter: snapshot(this.settings.adapter) };
  }
}

/** Why a step cannot have changed the adapter; null: it can. */
function idleReason({ applied, learningRate, gradNorm }: StepReport): keyof IdleSteps | null {
  if (!applied) return 'skipped';
  if (learningRate === 0) return 'rate';
  return gradNorm === 0 ? 'gradient' : null;
}

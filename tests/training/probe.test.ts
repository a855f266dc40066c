/** The probe shows what no benchmark does, its alarms say so, and a run can keep the best adapter on either side. */
import { mkdtemp, readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { unattended } from '../../core/base/progress.ts';
import { Random } from '../../core/base/random.ts';
import { adapterTarget } from '../../core/models/network.ts';
import type { Adapter } from '../../core/peft/adapter.ts';
import { createAdapter } from '../../core/peft/adapterFolder.ts';
import { alarmsOf } from '../../core/training/alarms.ts';
import { parseTrainingConfig } from '../../core/training/config.ts';
import { type GrpoResult, trainGrpo } from '../../core/training/grpo.ts';
import type { Probe } from '../../core/training/probe.ts';
import { type RunProgress, readLog, readRun } from '../../core/training/run.ts';
import { trainSft } from '../../core/training/sft.ts';
import type { TrainingLogLine } from '../../core/training/types.ts';
import { comparableFiles, comparableLog } from '../support/killing.ts';
import { loadTrainable } from '../support/tinyModel.ts';
import { readerExamples, readerProbe, TINY_READER } from '../support/tinyReader.ts';

type Loaded = Awaited<ReturnType<typeof loadTrainable>>;

const newFolder = () => mkdtemp(join(tmpdir(), 'probe-'));

/**
 * The planted world: the teacher leaves the devices out; the reward is made of labels that have them on every film, as the
 * source's films have; the other institution never names them.
 */
describe('a world in which reward rises while the other institution falls', () => {
  let loaded: Loaded;
  let sft: Adapter;
  beforeAll(async () => {
    loaded = await loadTrainable(TINY_READER, 'wasm');
    const start = createAdapter(adapterTarget(loaded.model), { r: 4, lora_alpha: 8 }, new Random(1));
    const config = parseTrainingConfig('sft', {
      ...{ epochs: 1, batchSize: 8, microBatch: 8, learningRate: 2e-3, dropout: 0, heldOut: 0, rank: 4, alpha: 8 },
    });
    const run = { ...loaded, examples: readerExamples(64, false), start, config, folder: await newFolder() };
    const result = await trainSft({ ...run, baseName: 'tiny', now: new Date(0), work: unattended<RunProgress>() });
    sft = result.adapter;
  });

  async function grpo(
    changes: object,
    probe: Probe | null = readerProbe(8),
    devices = true,
  ): Promise<{ result: GrpoResult; log: TrainingLogLine[]; folder: string }> {
    const folder = await newFolder();
    const config = parseTrainingConfig('grpo', {
      ...{ promptsPerStep: 4, groupSize: 4, maxCompletionLength: 12, microBatch: 16, epochs: 6, samples: 16 },
      ...{ learningRate: 1e-2, beta: 0.01, temperature: 1, topP: 1, 'hard.minTokens': 0, probeEvery: 4 },
      ...changes,
    });
    const run = { ...loaded, runner: loaded.model, examples: readerExamples(16, devices), start: sft, config, folder };
    const result = await trainGrpo({
      ...run,
      ...{ baseName: 'tiny', now: new Date(0), work: unattended<RunProgress>(), ...(probe ? { probe } : {}) },
    });
    return { result, log: await readLog(folder), folder };
  }

  const column = (log: TrainingLogLine[], name: string) =>
    log.flatMap((line) => (typeof line[name] === 'number' ? [line[name] as number] : []));

  it('the log shows both, and the alarm is raised where it happens', async () => {
    const { log, result, folder } = await grpo({});
    const rewards = column(log, 'reward');
    const late = rewards.slice(-4).reduce((a, b) => a + b, 0) / 4;
    const early = rewards.slice(0, 4).reduce((a, b) => a + b, 0) / 4;
    expect(late).toBeGreaterThan(early + 0.08);
    const [source, target] = [column(log, 'probe/source/macro_f1'), column(log, 'probe/target/macro_f1')];
    // Without devices half of the source's labels are missing; with them half as many as b's are invented.
    expect(target[0]).toBe(1);
    expect(source[0]).toBeCloseTo(2 / 3, 9);
    expect(target[target.length - 1]).toBeCloseTo(2 / 3, 9);
    expect(source[source.length - 1]).toBe(1);
    const probes = log.filter((line) => 'probe/seconds' in line);
    expect(probes.map(({ step }) => step)).toEqual([0, 4, 8, 12, 16, 20, 24]);
    expect(probes[0]).toMatchObject({
      'probe/source/films': 8,
      'probe/source/fail_rate': 0,
      'probe/target/mean_labels': 1,
    });

    const alarms = alarmsOf(log, parseTrainingConfig('grpo', {}));
    const alarm = alarms.find(({ kind }) => kind === 'other-institution')!;
    const fell = probes.find((line) => (line['probe/target/macro_f1'] as number) < 1)!.step;
    expect(alarm).toMatchObject({ step: fell, until: null });
    expect(result.chosen).toEqual({ on: 'last', step: 24, value: null });
    expect(await readRun(folder)).toMatchObject({ chosen: { on: 'last' } });
  });

  it('where both institutions agree, the same training makes neither fall, and raises no alarm', async () => {
    const { log } = await grpo({}, readerProbe(8), false);
    const probed = log.filter((line) => 'probe/seconds' in line);
    expect(new Set(column(probed, 'probe/target/macro_f1'))).toEqual(new Set([1]));
    expect(alarmsOf(log, parseTrainingConfig('grpo', {})).map(({ kind }) => kind)).not.toContain('other-institution');
  });

  it('the probe changes nothing of the run: adapter, completions and log are those without it, bit for bit', async () => {
    const settings = { maxSteps: 5, probeEvery: 2, iterations: 2 };
    const [probed, plain] = [await grpo(settings), await grpo(settings, null)];
    expect(probed.log.filter((line) => 'probe/seconds' in line)).toHaveLength(6);
    const files = async ({ folder }: { folder: string }) => [
      await comparableFiles(folder),
      (await comparableLog(folder)).filter((line) => 'loss' in line),
    ];
    expect(await files(probed)).toEqual(await files(plain));
    expect(probed.result.adapter.hash).toBe(plain.result.adapter.hash);
  });

  it('a run can keep what is best on the other institution’s probe, and says that it did', async () => {
    const { log, result, folder } = await grpo({ keep: 'probe-target', maxSteps: 16 });
    const target = log.filter((line) => 'probe/seconds' in line && line.step > 0);
    const best = target.reduce((a, b) =>
      (b['probe/target/macro_f1'] as number) > (a['probe/target/macro_f1'] as number) ? b : a,
    );
    expect(result.chosen).toEqual({ on: 'probe-target', step: best.step, value: best['probe/target/macro_f1'] });
    expect(best.step).toBeLessThan(16);
    expect(await readRun(folder)).toMatchObject({ chosen: result.chosen });
    const gates = (await readFile(join(folder, 'gates.jsonl'), 'utf8'))
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect(gates.filter(({ after }) => after === 'last').every(({ passed }) => passed)).toBe(true);
  });
});

describe('alarms', () => {
  const limits = parseTrainingConfig('grpo', {}) as unknown as Record<string, unknown>;
  const lines = (column: string, values: number[]): TrainingLogLine[] =>
    values.map((value, i) => ({ step: i + 1, loss: 0, [column]: value }));
  const CASES: [reason: string, column: string, values: number[], alarms: object[]][] = [
    ['entropy as it was', 'entropy', [1, 1, 1, 1, 1, 1, 1, 1], []],
    [
      'entropy below 0.3 of the start',
      'entropy',
      [1, 1, 1, 1, 1, 0.1, 0.1, 0.1, 0.1, 0.1],
      [{ kind: 'entropy', step: 9, until: null, limit: 0.3 }],
    ],
    ['one low step is no collapse', 'entropy', [1, 1, 1, 1, 1, 0, 1, 1, 1], []],
    [
      'entropy that comes back',
      'entropy',
      [1, 1, 1, 1, 1, 0, 0, 0, 0, 1, 1, 1, 1],
      [{ kind: 'entropy', step: 9, until: 10 }],
    ],
    [
      'completions twice as long',
      'completions/mean_length',
      [10, 10, 10, 10, 10, 30, 30, 30, 30],
      [{ kind: 'length', step: 8, until: null, limit: 20 }],
    ],
    [
      'completions half as long',
      'completions/mean_length',
      [10, 10, 10, 10, 10, 1, 1, 1],
      [{ kind: 'length', step: 8, limit: 5 }],
    ],
    [
      'one label set in 8 of 10 answers',
      'completions/dominant_share',
      [0.2, 0.8, 0.8, 0.8, 0.8, 0.8],
      [{ kind: 'dominance', step: 6, limit: 0.7 }],
    ],
    ['no spread in any group', 'frac_reward_zero_std', [1, 1, 1, 1, 1], [{ kind: 'spread', step: 5, limit: 0.9 }]],
    [
      'sampler and trainer apart',
      'sampling/sampling_logp_difference/mean',
      [0.1, 0.1, 0.1, 0.1, 0.1],
      [{ kind: 'mismatch', step: 5, limit: 0.05 }],
    ],
  ];
  for (const [reason, column, values, alarms] of CASES) {
    it(reason, () => {
      const found = alarmsOf(lines(column, values), limits);
      expect(found).toHaveLength(alarms.length);
      found.forEach((alarm, i) => {
        expect(alarm).toMatchObject(alarms[i]!);
      });
    });
  }

  it('a loss of SFT that goes up, and GRPO’s, which is around 0, that does not count', () => {
    const rising = [1, 1, 1, 1, 1, 9, 9, 9].map((loss, i) => ({ step: i + 1, loss }));
    const sft = parseTrainingConfig('sft', {}) as unknown as Record<string, unknown>;
    expect(alarmsOf(rising, sft)).toMatchObject([{ kind: 'loss', step: 7, limit: 3 }]);
    expect(alarmsOf(rising, limits)).toEqual([]);
  });

  it('are off where their limit is 0', () => {
    const off = { ...limits, alarmSpread: 0 };
    expect(alarmsOf(lines('frac_reward_zero_std', [1, 1, 1, 1, 1]), off)).toEqual([]);
  });
});

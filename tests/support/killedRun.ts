/**
 * A small SFT or GRPO run in a process of its own, to be killed and begun again: `tsx killedRun.ts KIND FOLDER ENGINE`.
 * Says `training` on stdout when it begins, and `done` when it is complete. Used by killing.ts.
 */
import { unattended } from '../../core/base/progress.ts';
import { Random } from '../../core/base/random.ts';
import { adapterTarget } from '../../core/models/network.ts';
import { openRunner } from '../../core/models/openRunner.ts';
import type { Runner } from '../../core/models/runner.ts';
import { createAdapter } from '../../core/peft/adapterFolder.ts';
import { parseTrainingConfig } from '../../core/training/config.ts';
import { trainGrpo } from '../../core/training/grpo.ts';
import type { RunProgress } from '../../core/training/run.ts';
import { trainSft } from '../../core/training/sft.ts';
import { type EngineName, openEngine } from './engines.ts';
import { loadTrainable } from './tinyModel.ts';
import { readerExamples, readerProbe, TINY_READER } from './tinyReader.ts';

const [kind, folder, backend] = process.argv.slice(2) as ['sft' | 'grpo', string, EngineName];
const loaded = await loadTrainable(TINY_READER, backend === 'onnxruntime' ? 'wasm' : backend);
const onnx = backend === 'onnxruntime';
const runner: Runner = onnx ? await openRunner({ model: TINY_READER, threads: 1 }) : loaded.model;
const run = {
  ...loaded,
  model: onnx ? await openEngine(TINY_READER, backend) : loaded.model,
  examples: readerExamples(24, true),
  folder,
  baseName: 'tiny-reader',
  now: new Date(0),
  work: unattended<RunProgress>(),
};
process.stdout.write('training\n');
if (kind === 'sft') {
  const config = parseTrainingConfig('sft', {
    ...{ epochs: 8, batchSize: 4, microBatch: 4, learningRate: 5e-3, rank: 4, alpha: 8, heldOut: 0.25 },
    ...{ checkpointEvery: 2, probeEvery: 5, keep: 'probe-source' },
  });
  await trainSft({ ...run, start: null, config, probe: { films: readerProbe(4), runner } });
} else {
  const config = parseTrainingConfig('grpo', {
    ...{ epochs: 4, promptsPerStep: 4, groupSize: 4, maxCompletionLength: 12, microBatch: 8, samplingBatch: 6 },
    ...{ learningRate: 5e-3, iterations: 2, reward: 'nuanced', 'nuanced.windowMinimum': 20, checkpointEvery: 2 },
    ...{ probeEvery: 8 },
  });
  const start = createAdapter(adapterTarget(loaded.model), { r: 4, lora_alpha: 8 }, new Random(1));
  await trainGrpo({ ...run, runner, start, config, probe: readerProbe(4) });
}
process.stdout.write('done\n');

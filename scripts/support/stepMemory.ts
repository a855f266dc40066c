/**
 * Peak memory of one training step, in a process of its own, since a peak cannot be taken back:
 *
 *   node --import tsx scripts/support/stepMemory.ts MODEL EXECUTOR kept|checkpointed
 *
 * prints the bytes by which the resident set grew over what it was with the model loaded and the films encoded.
 */
import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { Random } from '../../core/base/random.ts';
import { openModelFolder } from '../../core/models/modelFolder.ts';
import { adapterTarget } from '../../core/models/network.ts';
import { createAdapter } from '../../core/peft/adapterFolder.ts';
import type { TrainingExecutor } from '../../core/training/executors.ts';
import { trainedAdapter } from '../../core/training/lora.ts';
import { openTrainingEngine } from '../../core/training/openEngine.ts';
import { answerLoss } from '../../core/training/sft.ts';
import { filmsOf, SUPERVISED } from './sftStep.ts';

const SCRIPT = fileURLToPath(import.meta.url);

/** Bytes; null where the process ended early. */
export async function stepMemory(model: string, executor: string, checkpointing: boolean): Promise<number | null> {
  const args = ['--import', 'tsx', SCRIPT, model, executor, checkpointing ? 'checkpointed' : 'kept'];
  return promisify(execFile)(process.execPath, args).then(
    ({ stdout }) => Number(stdout.trim().split('\n').pop()),
    () => null,
  );
}

async function measure(model: string, executor: TrainingExecutor, checkpointing: boolean): Promise<number> {
  const folder = await openModelFolder(model);
  const engine = await openTrainingEngine(folder, executor);
  const adapter = trainedAdapter(
    createAdapter(adapterTarget(folder), { r: 16, lora_alpha: 32 }, new Random('adapter')),
  );
  const { sequences, features } = await filmsOf(engine);
  const peak = () => process.resourceUsage().maxRSS * 1024;
  const before = peak();
  const part = answerLoss(engine, adapter, sequences, features, sequences.length * SUPERVISED, { checkpointing });
  for (let step = 0; step < 2; step++) await part();
  return peak() - before;
}

if (process.argv[1] === SCRIPT) {
  const [, , model, executor, kind] = process.argv;
  console.log(await measure(model!, executor as TrainingExecutor, kind === 'checkpointed'));
  process.exit(0);
}

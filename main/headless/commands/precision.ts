/** The command `precision`: the forms of a model's weights, and how far each is from f32. */

import { join } from 'node:path';
import { removeForms } from '../../../core/models/convertedWeights.ts';
import { openModelFolder } from '../../../core/models/modelFolder.ts';
import { type PrecisionChoice, requireDevice, usefulPrecision } from '../../../core/models/openRunner.ts';
import { cacheDirectory } from '../../../core/platform/node.ts';
import { measurePrecision, precisionForms, rememberDistance } from '../../../core/services/precisions.ts';
import { DEFAULT_PROMPT } from '../../../core/services/prompts.ts';
import type { Device } from '../../../core/tensor/executor.ts';
import type { Precision } from '../../../core/tensor/precision.ts';
import { loadPrompts } from '../../../core/text/prompts.ts';
import { readCard } from '../../../core/workspace/card.ts';
import { resourcesDir } from '../../places.ts';
import type { Call } from '../call.ts';
import { userPath } from '../places.ts';

export interface PrecisionOptions {
  model: string;
  precision?: PrecisionChoice[];
  films: number;
  threads?: number;
  device?: Device;
  maxNewTokens?: number;
  remove?: boolean;
}

/** Without `--precision` nothing is measured: what is known is said. */
export async function precision({ output, signal }: Call, options: PrecisionOptions): Promise<void> {
  const model = userPath(options.model);
  const cacheDir = cacheDirectory();
  if (options.device) await requireDevice(options.device);
  const { info } = await openModelFolder(model, cacheDir, output.work(signal));
  if (options.remove) {
    output.result({ file: options.model, removedBytes: await removeForms(cacheDir, info.weightsHash) });
    return;
  }
  const card = await readCard(model);
  const prompts = await loadPrompts(join(resourcesDir, 'prompts'));
  const prompt = prompts.find(({ id }) => id === (card?.promptId ?? DEFAULT_PROMPT)) ?? prompts[0]!;
  for (const name of options.precision ?? []) {
    await output.attempt(options.model, signal, async () => {
      const question = {
        model,
        prompt: prompt.text,
        preprocessing: card?.preprocessing ?? 'as-stored',
        answerFormat: card?.answerFormat,
        maxNewTokens: options.maxNewTokens ?? card?.maxNewTokens ?? 128,
        films: options.films,
        cacheDir,
        threads: options.threads,
        device: options.device,
      };
      const distance = await measurePrecision(question, name as Precision, output.work(signal));
      await rememberDistance(cacheDir, info.weightsHash, name as Precision, distance, options.device);
      return { file: options.model, device: options.device ?? 'cpu', precision: name, ...distance };
    });
  }
  const forms = await precisionForms(info, usefulPrecision(info.parameters), cacheDir, options.device);
  if (!options.precision) output.result({ file: options.model, parameters: info.parameters, forms });
}

/** The command `precision`: the forms of a model's weights, and how far each is from f32. */

import { join } from 'node:path';
import { openModelFolder } from '../../../core/models/modelFolder.ts';
import { type PrecisionChoice, usefulPrecision } from '../../../core/models/openRunner.ts';
import { removeForms } from '../../../core/models/quantizedWeights.ts';
import { cacheDirectory } from '../../../core/platform/node.ts';
import { measurePrecision, precisionForms, rememberDistance } from '../../../core/services/precisions.ts';
import { DEFAULT_PROMPT } from '../../../core/services/prompts.ts';
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
  maxNewTokens?: number;
  remove?: boolean;
}

/** Without `--precision` nothing is measured: what is known is said. */
export async function precision({ output, signal }: Call, options: PrecisionOptions): Promise<void> {
  const model = userPath(options.model);
  const cacheDir = cacheDirectory();
  const { info } = await openModelFolder(model, cacheDir);
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
      };
      const work = { signal, report: () => {} };
      const distance = await measurePrecision(question, name as Precision, work);
      await rememberDistance(cacheDir, info.weightsHash, name as Precision, distance);
      return { file: options.model, precision: name, ...distance };
    });
  }
  const forms = await precisionForms(info, usefulPrecision(info.parameters), cacheDir);
  if (!options.precision) output.result({ file: options.model, parameters: info.parameters, forms });
}

/** The commands about figures: metrics. */
import { metricsOfPredictions } from '../../../core/evaluation/predictionsFile.ts';
import type { UncertaintyPolicy } from '../../../core/labels/labels.ts';
import type { Call } from '../call.ts';
import { userPath } from '../places.ts';

export interface MetricsCommandOptions {
  predictions: string;
  source?: string;
  target?: string;
  policy?: UncertaintyPolicy;
  replicates?: number;
  seed?: number;
}

export async function metrics({ output, signal }: Call, options: MetricsCommandOptions): Promise<void> {
  const { predictions, ...settings } = options;
  await output.attempt(predictions, signal, async () => ({
    ...(await metricsOfPredictions(userPath(predictions), settings, output.work(signal))),
    file: predictions,
  }));
}

/** `chexreason dataset`: what is in a label table. */
import { datasetSummary, readLabelTable } from '../../../core/datasets/summary.ts';
import type { UncertaintyPolicy } from '../../../core/labels/labels.ts';
import type { DatasetKind } from '../../../core/labels/mapping.ts';
import type { Call } from '../call.ts';
import { userPath } from '../places.ts';

export interface DatasetOptions {
  csv: string;
  images?: string;
  policy?: UncertaintyPolicy;
}

export async function dataset({ output, signal }: Call, options: DatasetOptions, args: string[]): Promise<void> {
  const images = options.images === undefined ? undefined : userPath(options.images);
  await output.attempt(options.csv, signal, async () => {
    const kind = args[0] as DatasetKind;
    const table = await readLabelTable(kind, userPath(options.csv), { images }, output.work(signal));
    return datasetSummary(table, options.policy ?? null, images !== undefined);
  });
}

/** `chexreason dataset`: what is in a label table. */
import { lookAtTable } from '../../../core/datasets/custom.ts';
import { datasetSummary, readLabelTable } from '../../../core/datasets/summary.ts';
import type { DatasetKind } from '../../../core/labels/mapping.ts';
import type { Call } from '../call.ts';
import { userPath } from '../places.ts';
import { type MappingOptions, mappingOf, policiesOf } from '../tableOptions.ts';

export interface DatasetOptions extends MappingOptions {
  csv: string;
  images?: string;
  policy?: string;
}

/** Of `custom` without a mapping: the columns and a first mapping, to be checked and given back with --mapping. */
export async function dataset({ output, signal }: Call, options: DatasetOptions, args: string[]): Promise<void> {
  const images = options.images === undefined ? undefined : userPath(options.images);
  const policy = policiesOf(options.policy) ?? null;
  await output.attempt(options.csv, signal, async () => {
    const kind = args[0] as DatasetKind | 'custom';
    const csv = userPath(options.csv);
    const mapping = await mappingOf(options);
    if (kind === 'custom' && mapping === undefined) return { ...(await lookAtTable(csv, output.work(signal))) };
    const table = await readLabelTable(kind, csv, { images, mapping }, output.work(signal));
    return datasetSummary(table, policy, images !== undefined);
  });
}

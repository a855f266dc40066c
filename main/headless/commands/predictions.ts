/** `chexreason predictions`: answers made elsewhere into a workspace, evaluated like its own; and answers out of it, in the same form. */
import { startStatisticsThreads } from '../../../core/evaluation/threads.ts';
import { statisticsThreadPath } from '../../places.ts';
import { type Call, UsageError } from '../call.ts';
import { userPath } from '../places.ts';
import { type MappingOptions, mappingOf, policiesOf } from '../tableOptions.ts';
import { datasetId, openWorkspace } from '../workspace.ts';
import { summaryOf } from './evaluation.ts';

export interface PredictionsOptions extends MappingOptions {
  workspace?: string;
  /** Import: several are read as one. */
  file: string[];
  dataset?: string[];
  images?: string[];
  policy?: string;
  unit?: 'image' | 'study';
  aggregation?: 'any' | 'majority' | 'first';
  checkpoint?: string;
  evaluation?: string;
}

export async function predictions(
  { output, signal }: Call,
  options: PredictionsOptions,
  args: string[],
): Promise<void> {
  const { file, dataset = [], images = [], checkpoint, unit, aggregation } = options;
  const [action] = args as ['import' | 'export'];
  startStatisticsThreads(statisticsThreadPath());
  const engine = await openWorkspace(options.workspace);
  if (action === 'export') {
    if (file.length > 1) throw new UsageError('predictions export: one --file.');
    const kept = await engine.call('evaluations.list', {});
    const evaluationId = options.evaluation ?? kept.find(({ done }) => done > 0)?.id;
    if (evaluationId === undefined) throw new UsageError('this workspace has no evaluation.');
    const written = await engine.call('evaluations.export', { evaluationId, path: userPath(file[0]!) });
    return output.result({ evaluation: evaluationId, ...written });
  }
  const mapping = await mappingOf(options);
  const policy = policiesOf(options.policy);
  const datasetIds: string[] = [];
  for (const [i, text] of dataset.entries()) {
    const settings = {
      ...(images[i] === undefined ? {} : { images: userPath(images[i]) }),
      ...(mapping && text.startsWith('custom:') ? { mapping } : {}),
      ...(policy ? { policy } : {}),
      ...(unit ? { unit } : {}),
      ...(aggregation ? { aggregation } : {}),
    };
    datasetIds.push(await datasetId(engine, text, settings));
  }
  const watched = { signal, onProgress: output.work(signal).report };
  const imported = await engine.call(
    'evaluations.import',
    {
      path: file.length === 1 ? userPath(file[0]!) : file.map(userPath),
      ...(checkpoint === undefined ? {} : { checkpoint }),
      ...(datasetIds.length === 0 ? {} : { datasetIds }),
    },
    watched,
  );
  // A line that could not be used is an input that failed; the rest is done.
  if (imported.rejectedCount > 0) output.markFailed();
  const { rejected, rejectedCount, done } = imported;
  const result = await engine.call('evaluations.result', { evaluationId: imported.id }, watched);
  output.result({ evaluation: imported.id, lines: done, rejected, rejectedCount, ...result }, () =>
    [
      ...rejected.map(({ row, message }) => `row ${row} left out: ${message}`),
      ...(rejectedCount > rejected.length ? [`${rejectedCount} lines left out in all`] : []),
      summaryOf(result),
    ].join('\n'),
  );
}

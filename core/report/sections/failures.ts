/** Completions that cannot be read, and labels that are said of nearly every film. */
import type { Block } from '../blocks.ts';
import { checkpointOf, datasetName, reader } from '../lookup.ts';
import type { ReportInput } from '../types.ts';
import { number, percentText, text } from '../words.ts';

export function failures(input: ReportInput): Block[] {
  const { evaluation } = input;
  const kinds = input.failures.map(
    ({ datasetId, checkpointId, kind, count }) =>
      `${checkpointOf(input, checkpointId).name} on ${datasetName(input, datasetId)}: ${count} \u00d7 ${kind}`,
  );
  return [
    {
      kind: 'table',
      id: 'failures',
      caption:
        'A completion that cannot be read counts as no label and stays in every figure; the column beside shows the figure without those films.',
      columns: [
        { title: 'Data set', width: 0.2 },
        { title: 'Checkpoint', width: 0.17 },
        { title: 'Failed', width: 0.11, align: 'right' },
        { title: 'Macro-F1', width: 0.09, align: 'right' },
        { title: 'without failures', width: 0.11, align: 'right' },
        { title: 'Findings a film', width: 0.1, align: 'right' },
        { title: 'Most frequent label', width: 0.22 },
      ],
      rows: evaluation.cells.map(({ datasetId, checkpointId, own }) => [
        text(datasetName(input, datasetId)),
        reader(input, checkpointId),
        text(`${own.failures} (${percentText(own.failRate)})`, { value: own.failures }),
        number(own.macro.f1),
        number(own.withoutFailures.macroF1),
        number(own.findingsPerFilm, 2),
        text(own.dominant ? `${own.dominant.label}, ${percentText(own.dominant.share)}` : 'none'),
      ]),
    },
    ...(kinds.length > 0 ? [{ kind: 'list' as const, items: kinds }] : []),
  ];
}

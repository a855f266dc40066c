/** The films on which two checkpoints disagree, those first that weigh most in the change. */
import type { Block } from '../blocks.ts';
import { checkpointOf } from '../lookup.ts';
import type { ReportInput } from '../types.ts';
import { listed, signed, text } from '../words.ts';
import type { Missing } from './section.ts';

/** Films of each data set that are listed. */
const LISTED = 12;

export function disagreements(input: ReportInput): Block[] | Missing {
  const { disagreements: all = [], datasets } = input.evaluation;
  const first = all[0];
  if (!first) return { missing: 'no film was found on which two checkpoints disagree' };
  const [from, to] = [checkpointOf(input, first.fromCheckpointId), checkpointOf(input, first.toCheckpointId)];
  return [
    {
      kind: 'paragraph',
      words: `Films on which ${listed([from.name, to.name])} say different things, those first that weigh most: the film\u2019s part of what the change from the source to the target does to the difference between the two.`,
    },
    ...datasets.flatMap(({ id, name }): Block[] => {
      const films = all.filter(({ datasetId }) => datasetId === id).slice(0, LISTED);
      if (films.length === 0) return [];
      return [
        {
          kind: 'table',
          id: `disagreements-${id}`,
          caption: `${name}: the ${films.length} films that weigh most of ${all.filter(({ datasetId }) => datasetId === id).length} listed in the evaluation.`,
          size: 7.5,
          columns: [
            { title: 'Film', width: 0.1 },
            { title: 'Weight', width: 0.1, align: 'right' },
            { title: 'True', width: 0.24 },
            { title: `Only ${from.name}`, width: 0.28 },
            { title: `Only ${to.name}`, width: 0.28 },
          ],
          rows: films.map(({ filmId, contribution, labels }) => [
            text(`Film ${filmId}`),
            signed(contribution, 5),
            text(labels.flatMap(({ label, truth }) => (truth === 1 ? [label] : [])).join(', ') || 'none'),
            text(labels.flatMap((each) => (each.from && !each.to ? [each.label] : [])).join(', ') || '\u2013'),
            text(labels.flatMap((each) => (each.to && !each.from ? [each.label] : [])).join(', ') || '\u2013'),
          ]),
        },
      ];
    }),
  ];
}

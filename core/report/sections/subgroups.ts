/** In whom it changed: macro-F1 by sex, age, view and device. */
import type { Subgroup } from '../../evaluation/types.ts';
import type { Block, Cell } from '../blocks.ts';
import { decimals } from '../charts/figure.ts';
import { forestChart } from '../charts/forest.ts';
import { datasetName, intervalNote, lookOf } from '../lookup.ts';
import { CONTENT_WIDTH } from '../page.ts';
import type { ReportInput } from '../types.ts';
import { change, count, number, pairOf, text } from '../words.ts';
import type { Missing } from './section.ts';

export function subgroups(input: ReportInput): Block[] | Missing {
  const { subgroups: all = [], datasets, checkpoints } = input.evaluation;
  if (all.length === 0)
    return { missing: 'neither sex, age, view nor device of the films is known in this evaluation' };
  const rows = [...new Set(all.map(rowName))];
  return [
    {
      kind: 'figure',
      id: 'subgroups',
      figure: forestChart(
        rows,
        datasets.map(({ id, name }) => ({
          title: name,
          rows: rows.map((row) => {
            const group = all.find((each) => each.datasetId === id && rowName(each) === row);
            if (!group) return null;
            const marks = checkpoints.flatMap((checkpoint) => {
              const figures = group.figures.find(({ checkpointId }) => checkpointId === checkpoint.id);
              if (!figures) return [];
              return [{ role: lookOf(input, checkpoint.id), f1: figures.macroF1, interval: pairOf(figures.interval) }];
            });
            return { marks, support: group.films };
          }),
        })),
        checkpoints.map(({ id, name }) => ({ role: lookOf(input, id), name })),
        CONTENT_WIDTH,
        { what: 'Macro-F1 by subgroup', count: 'films', missing: 'none' },
      ),
      caption: `Macro-F1 on the shared labels by subgroup, with the number of films. A group\u2019s macro-F1 counts labels that are rare in it, so compare checkpoints within a group rather than groups. ${intervalNote(input)}`,
    },
    {
      kind: 'table',
      id: 'subgroups',
      caption:
        'The same in numbers. Labels: those with ten positive films or more in the group; where they are few, the figures say little. Difference: between the two checkpoints of the question.',
      size: 7.5,
      columns: [
        { title: 'Data set', width: 0.18 },
        { title: 'Group', width: 0.15 },
        { title: 'Films', width: 0.07, align: 'right' },
        { title: 'Patients', width: 0.08, align: 'right' },
        { title: 'Labels', width: 0.07, align: 'right' },
        ...checkpoints.map(({ name }) => ({
          title: name,
          width: 0.24 / checkpoints.length,
          align: 'right' as const,
          interval: true,
        })),
        { title: 'Difference, 95 % interval', width: 0.23, align: 'right', interval: true },
      ],
      rows: all.map((group): Cell[] => [
        text(datasetName(input, group.datasetId)),
        text(rowName(group)),
        count(group.films),
        count(group.patients),
        count(group.labelsWithTen),
        ...checkpoints.map(({ id }): Cell => {
          const figures = group.figures.find(({ checkpointId }) => checkpointId === id);
          if (!figures) return number(null);
          return { text: decimals(figures.macroF1), value: figures.macroF1, interval: pairOf(figures.interval) };
        }),
        group.difference ? change(group.difference.change, group.difference.interval) : number(null),
      ]),
    },
  ];
}

function rowName({ by, group }: Subgroup): string {
  return group === by ? group : `${by}: ${group}`;
}

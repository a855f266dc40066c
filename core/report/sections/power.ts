/** What these films settle, and how many would settle the rest. */
import type { PowerFigures } from '../../evaluation/types.ts';
import type { Block } from '../blocks.ts';
import { checkpointOf, datasetName } from '../lookup.ts';
import type { ReportInput } from '../types.ts';
import { number, signed, text } from '../words.ts';
import type { Missing } from './section.ts';

export function power(input: ReportInput): Block[] | Missing {
  const all = input.evaluation.power ?? [];
  if (all.length === 0) return { missing: 'no standard error was computed in this evaluation' };
  const open = all.filter(({ settled }) => !settled).length;
  return [
    {
      kind: 'paragraph',
      words: `${open === 0 ? 'Every' : `${all.length - open} of ${all.length}`} ${open === 0 ? 'difference is' : 'differences are'} settled by these films (the 95 % interval leaves out zero). Films needed: for 80 % power at two-sided 5 %, were the effect as large as it appears; a normal approximation that takes patients with as many films each as now. It is a plan for the next study, no result of this one.`,
    },
    {
      kind: 'table',
      id: 'power',
      caption:
        'What these films settle, and how many would settle the rest. Detectable: the smallest effect that they would settle with 80 % power.',
      size: 7.5,
      columns: [
        { title: 'What', width: 0.42 },
        { title: 'Effect', width: 0.09, align: 'right' },
        { title: 'Std. error', width: 0.09, align: 'right' },
        { title: 'Settled', width: 0.09 },
        { title: 'Films now', width: 0.11, align: 'right' },
        { title: 'Films needed', width: 0.12, align: 'right' },
        { title: 'Detectable', width: 0.09, align: 'right' },
      ],
      rows: all.map((each) => [
        text(powerName(input, each)),
        signed(each.effect),
        number(each.standardError),
        text(each.settled ? 'yes' : 'no', { weight: each.settled ? 'regular' : 'semibold' }),
        text(each.films.map((films) => films.toLocaleString('en')).join(' + ')),
        text(
          each.settled
            ? '\u2013'
            : (each.filmsNeeded?.map((films) => films.toLocaleString('en')).join(' + ') ?? 'no effect seen'),
          { value: each.filmsNeeded?.join(' + ') ?? null },
        ),
        number(each.detectable),
      ]),
    },
  ];
}

function powerName(input: ReportInput, each: PowerFigures): string {
  const to = checkpointOf(input, each.checkpointId).name;
  const from = each.fromCheckpointId === null ? null : checkpointOf(input, each.fromCheckpointId).name;
  if (each.what === 'gap') return `${to}: target \u2212 source`;
  const difference = `${to} \u2212 ${from}`;
  if (each.what === 'gap-difference') return `(${difference}): target \u2212 source`;
  return `${difference} on ${each.datasetId === null ? 'both' : datasetName(input, each.datasetId)}`;
}

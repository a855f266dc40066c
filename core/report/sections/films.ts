/** Films with both readings: the labels side by side, and the reasoning with the sentences that differ underlined. */
import type { Label } from '../../labels/labels.ts';
import { CHEXPERT_LABELS } from '../../labels/labels.ts';
import { positiveLabels } from '../../labels/uncertainty.ts';
import type { Block, FilmBlock, SymbolMark } from '../blocks.ts';
import { symbol } from '../charts/figure.ts';
import { filmMatrix } from '../charts/filmMatrix.ts';
import { markedSentences } from '../difference.ts';
import { checkpointOf, datasetOf, lookOf, markOf } from '../lookup.ts';
import { ON_WHITE } from '../palette.ts';
import type { ReportInput, ReportSample } from '../types.ts';
import type { Missing } from './section.ts';

const PICTURE_WIDTH = 168;
/** Letters of reasoning that all readings of a film have together. */
const ROOM = 2600;

export function films(input: ReportInput): Block[] | Missing {
  if (input.samples.length === 0) return { missing: 'no film was chosen' };
  return [
    {
      kind: 'paragraph',
      words:
        'They illustrate and prove nothing. Films are named by their place in the data set, never by a patient. Shaded labels: the checkpoints differ. Underlined sentences: no other checkpoint wrote them. The reasoning is the checkpoint\u2019s own text, shortened where it is long.',
    },
    ...input.samples.flatMap((sample): Block[] => [
      { kind: 'subheading', text: sample.title },
      filmBlock(input, sample),
    ]),
  ];
}

function filmBlock(input: ReportInput, sample: ReportSample): FilmBlock {
  const dataset = datasetOf(input, sample.datasetId);
  const scored = dataset?.labels ?? [];
  const truth = dataset ? positiveLabels(sample.truth, scored, dataset.policy) : [];
  const shown = CHEXPERT_LABELS.filter(
    (label) => truth.includes(label) || sample.readings.some(({ findings }) => findings.includes(label)),
  );
  const truthMark = symbol('truth', 0, 0, ON_WHITE.truth) as SymbolMark;
  const room = Math.floor(ROOM / Math.max(1, sample.readings.length));
  return {
    kind: 'film',
    title: sample.title,
    image: sample.image,
    alt: sample.image
      ? `Chest film: ${sample.title}.`
      : `Picture of ${sample.title} withheld: writing may be burned in.`,
    matrix: filmMatrix(
      shown,
      [
        { name: 'Truth', role: 'truth', labels: new Set<string>(truth) },
        ...sample.readings.map(({ checkpointId, findings, failure }) => ({
          name: checkpointOf(input, checkpointId).name,
          role: lookOf(input, checkpointId),
          labels: new Set<string>(failure ? [] : findings),
        })),
      ],
      PICTURE_WIDTH,
    ),
    readings: [
      {
        heading: { text: 'Truth', color: ON_WHITE.truth },
        mark: truthMark,
        words: truth.join(', ') || 'none of the scored labels',
      },
      ...sample.readings.map(({ checkpointId, findings, reasoning, failure }, i) => {
        const checkpoint = checkpointOf(input, checkpointId);
        const said = failure
          ? `could not be read (${failure}); counts as no label`
          : saidAgainst(findings, truth, scored);
        const others = sample.readings.filter((_, j) => j !== i).map((each) => each.reasoning);
        const marked = markedSentences(reasoning, others, room);
        return {
          heading: { text: `${checkpoint.name}: ${said}`, color: ON_WHITE[lookOf(input, checkpointId)] },
          mark: markOf(input, checkpointId),
          words: marked.length > 0 ? marked : 'No reasoning was written.',
        };
      }),
    ],
  };
}

/** Labels in words, with what is wrong or missing said after them. */
function saidAgainst(findings: readonly Label[], truth: readonly Label[], scored: readonly Label[]): string {
  const names = findings.map((label) =>
    truth.includes(label) ? label : scored.includes(label) ? `${label} (wrong)` : `${label} (not scored)`,
  );
  const missed = truth.filter((label) => !findings.includes(label));
  return `${names.join(', ') || 'no label'}${missed.length > 0 ? `; missed: ${missed.join(', ')}` : ''}`;
}

/** Why it changed: the change by cause, what the division saw, and which labels go together. */
import {
  type Decomposition,
  isSaid,
  isUnseen,
  isWithinNoise,
  SHIFT_ASSUMPTIONS,
  type ShiftCause,
} from '../../evaluation/causes.ts';
import { isSettled } from '../../evaluation/types.ts';
import type { Block, Cell } from '../blocks.ts';
import { type Estimate, estimatesChart } from '../charts/changes.ts';
import {
  checkpointOf,
  hasTwoDatasets,
  intervalNote,
  lookOf,
  NO_SECOND_DATASET,
  questionPair,
  reader,
} from '../lookup.ts';
import { CONTENT_WIDTH } from '../page.ts';
import type { ReportInput } from '../types.ts';
import { change, changeText, listed, number, pairOf, percent, signed, text } from '../words.ts';
import type { Missing } from './section.ts';

const CAUSES: readonly ShiftCause[] = ['prevalence', 'convention', 'image'];
const CAUSE_NAMES: Record<ShiftCause, string> = {
  prevalence: 'Prevalence',
  convention: 'Label convention',
  image: 'Image (what remains)',
};
const CAUSE_WORDS: Record<ShiftCause, string> = {
  prevalence: 'prevalence',
  convention: 'label convention',
  image: 'image',
};
/** Pairs of labels that are shown. */
const HABITS = 10;

export function causes(input: ReportInput): Block[] | Missing {
  if (!hasTwoDatasets(input)) return { missing: NO_SECOND_DATASET };
  const { decompositions = [] } = input.evaluation;
  const shown = decompositions.filter((each) => isShown(input, each));
  if (shown.length === 0) return { missing: 'the change was not divided by cause in this evaluation' };
  return [
    {
      kind: 'paragraph',
      words:
        'The change of macro-F1 on the shared labels, divided into three parts that sum to it. Each rests on an assumption, and another assumption would divide otherwise:',
    },
    { kind: 'list', items: CAUSES.map((cause) => SHIFT_ASSUMPTIONS[cause]) },
    ...verdict(input, shown),
    {
      kind: 'figure',
      id: 'causes',
      figure: estimatesChart(
        shown.flatMap((each) => estimatesOf(input, each)),
        CONTENT_WIDTH,
        'Part of the change of macro-F1',
      ),
      caption: `The change from the source to the target by cause. Hollow marks: the interval includes zero. ${intervalNote(input)}${partNote(shown)}`,
    },
    causeTable(input, shown),
    ...labelCauses(input, shown),
    ...evidenceTable(input),
    ...habitTable(input),
  ];
}

function partNote(shown: readonly Decomposition[]): string {
  const interval = shown.flatMap(({ parts }) => parts).find((part) => part.interval)?.interval;
  if (!interval) return '';
  return ` Parts: symmetric intervals of ${interval.replicates.toLocaleString('en')} replicates, which held the truth in 93 % of simulated studies or more where one thing alone differs; where several differ, the division itself rests on the assumptions above.`;
}

/** Every checkpoint, and the difference that is the question. */
function isShown(input: ReportInput, { fromCheckpointId, checkpointId }: Decomposition): boolean {
  const pair = questionPair(input);
  return fromCheckpointId === null || (pair !== null && fromCheckpointId === pair[0].id && checkpointId === pair[1].id);
}

function nameOf(input: ReportInput, { checkpointId, fromCheckpointId }: Decomposition): string {
  const { name } = checkpointOf(input, checkpointId);
  return fromCheckpointId === null ? name : `${name} \u2212 ${checkpointOf(input, fromCheckpointId).name}`;
}

/** What is settled, in words. */
function verdict(input: ReportInput, shown: readonly Decomposition[]): Block[] {
  const sentences = shown.flatMap((each) => {
    if (!each.interval) return [];
    const name = nameOf(input, each);
    const whole = `${name}, ${changeText(each.change, each.interval)}`;
    const said = each.parts.filter((part) => isSettled(part.interval));
    const names = listed(said.map(({ cause }) => CAUSE_WORDS[cause]));
    if (isWithinNoise(each)) {
      const but = said.length === 0 ? '' : ` Of its parts alone ${names} ${said.length === 1 ? 'is' : 'are'} settled.`;
      return [
        `${whole}: not settled. The change is within the noise of these films and is not divided by cause.${but}`,
      ];
    }
    if (said.length === 0) return [`${whole}: settled, but to which cause it goes is not.`];
    const shares = said.map(({ cause, share, shareRange }) => {
      const ends = shareRange
        ? ` (the intervals allow ${whole100(shareRange[0])} to ${whole100(shareRange[1])} %)`
        : '';
      return `${CAUSE_WORDS[cause]}${share === null || share === undefined ? '' : `, ${whole100(share)} % of the parts together${ends}`}`;
    });
    return [`${whole}: settled, by ${shares.join('; ')}.`];
  });
  return sentences.length === 0 ? [] : [{ kind: 'list', items: sentences }];
}

function whole100(share: number): string {
  return `${Math.round(100 * share)}`;
}

function estimatesOf(input: ReportInput, each: Decomposition): Estimate[] {
  const role = each.fromCheckpointId === null ? lookOf(input, each.checkpointId) : ('other' as const);
  const name = nameOf(input, each);
  return [
    { name: `${name}: whole change`, role, value: each.change, interval: pairOf(each.interval ?? null), strong: true },
    ...each.parts
      .filter((part) => isSaid(each, part) && !isUnseen(part))
      .map(({ cause, value, interval }) => ({
        name: `   ${CAUSE_NAMES[cause]}`,
        role,
        value,
        interval: pairOf(interval),
        strong: false,
      })),
  ];
}

function causeTable(input: ReportInput, shown: readonly Decomposition[]): Block {
  return {
    kind: 'table',
    id: 'causes',
    caption:
      'The same in numbers, with 95 % intervals. Bold: the interval leaves out zero. A change that is not settled is not divided; only a part that is settled by itself is shown. Not above chance: these films are too few to see such a part, which does not say that there is none.',
    columns: [
      { title: 'Change of', width: 0.2 },
      { title: 'Whole', width: 0.2, align: 'right', interval: true },
      ...CAUSES.map((cause) => ({
        title: CAUSE_NAMES[cause],
        width: 0.2,
        align: 'right' as const,
        interval: true,
      })),
    ],
    rows: shown.map((each): Cell[] => [
      each.fromCheckpointId === null
        ? reader(input, each.checkpointId)
        : text(nameOf(input, each), { weight: 'semibold' }),
      change(each.change, each.interval ?? null),
      ...CAUSES.map((cause) => {
        const part = each.parts.find((one) => one.cause === cause);
        if (!part) return number(null);
        if (isUnseen(part)) return text('not above chance');
        return isSaid(each, part) ? change(part.value, part.interval) : text('not settled');
      }),
    ]),
  };
}

/** Of the question where there is one, else of the first checkpoint; of neither where it is not settled. */
function labelCauses(input: ReportInput, shown: readonly Decomposition[]): Block[] {
  const each = shown.find(({ fromCheckpointId }) => fromCheckpointId !== null) ?? shown[0]!;
  if (each.labels.length === 0 || isWithinNoise(each)) return [];
  return [
    {
      kind: 'table',
      id: 'causes-by-label',
      caption: `${nameOf(input, each)}: each label\u2019s part, by cause. Columns sum to the change and its parts.`,
      size: 7.5,
      columns: [
        { title: 'Label', width: 0.3 },
        { title: 'Whole', width: 0.17, align: 'right' },
        ...CAUSES.map((cause) => ({ title: CAUSE_NAMES[cause], width: 0.175, align: 'right' as const })),
      ],
      rows: each.labels.map((label) => [
        text(label.label),
        signed(label.change, 4),
        ...CAUSES.map((cause) => signed(label[cause], 4)),
      ]),
    },
  ];
}

function evidenceTable({ evaluation: { evidence = [] } }: ReportInput): Block[] {
  if (evidence.length === 0) return [];
  return [
    {
      kind: 'table',
      id: 'shift-evidence',
      caption:
        'What the division saw. Confirmed: the prevalence at the target that the answers confirm, from the source\u2019s films reweighted. Moved: how far truth and answers moved beyond prevalence, in nats.',
      size: 7.5,
      columns: [
        { title: 'Label', width: 0.26 },
        { title: 'Prevalence, source', width: 0.15, align: 'right' },
        { title: 'Prevalence, target', width: 0.15, align: 'right' },
        { title: 'Confirmed', width: 0.14, align: 'right' },
        { title: 'Truth moved', width: 0.15, align: 'right' },
        { title: 'Answers moved', width: 0.15, align: 'right' },
      ],
      rows: evidence.map((each) => [
        text(each.label),
        percent(each.sourcePrevalence),
        percent(each.targetPrevalence),
        percent(each.confirmedPrevalence),
        number(each.truthMoved, 4),
        number(each.answersMoved, 4),
      ]),
    },
  ];
}

function habitTable(input: ReportInput): Block[] {
  const { habits = [], checkpoints } = input.evaluation;
  const most = [...habits]
    .sort((a, b) => Math.abs(b.target - b.source) - Math.abs(a.target - a.source))
    .slice(0, HABITS);
  if (most.length === 0) return [];
  return [
    {
      kind: 'table',
      id: 'label-habits',
      caption: `Labels that go together: of the films with the first, the share with the second. The ${most.length} pairs that differ most between source and target; then what each checkpoint says at the target.`,
      size: 7.5,
      columns: [
        { title: 'Given', width: 0.2 },
        { title: 'also', width: 0.2 },
        { title: 'Source', width: 0.1, align: 'right' },
        { title: 'Target', width: 0.1, align: 'right' },
        ...checkpoints.map(({ name }) => ({ title: name, width: 0.4 / checkpoints.length, align: 'right' as const })),
      ],
      rows: most.map(({ given, also, source, target, answers }) => [
        text(given),
        text(also),
        percent(source),
        percent(target),
        ...checkpoints.map(({ id }) => {
          const share = answers.find(({ checkpointId }) => checkpointId === id)?.share ?? null;
          return share === null ? number(null) : percent(share);
        }),
      ]),
    },
  ];
}

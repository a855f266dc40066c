/** Which films a filter on agreement keeps: by what two checkpoints and the table say of a label, or of any. Pure. */
import { CHEXPERT_LABELS, type Label, type LabelValues } from '../../core/labels/labels.ts';
import type { AnswerIndex, Checkpoint, FilmEntry, ReaderFindings } from '../../core/services/contract.ts';

export const AGREEMENTS = [
  'all',
  'allWrong',
  'allRight',
  'lost',
  'won',
  'disagree',
  'unreadable',
  'unanswered',
  'readerDiffers',
] as const;
export type AgreementKind = (typeof AGREEMENTS)[number];

export interface Agreement {
  kind: AgreementKind;
  /** null: any of the 14. */
  label: Label | null;
}

export const EVERY_FILM: Agreement = { kind: 'all', label: null };

export interface Known {
  answers: AnswerIndex;
  readers: Readonly<Record<string, ReaderFindings>>;
  /** The checkpoints that are looked at: before and after. */
  from: string | null;
  to: string | null;
}

/** The two checkpoints that are looked at in the order of the list (base, SFT, GRPO), whichever is on the screen. */
export function pairOf(list: Checkpoint[], activeId: string | null, previousId: string | null): (Checkpoint | null)[] {
  const pair = list.filter(({ id }) => id === activeId || id === previousId);
  return [pair[0] ?? null, pair[1] ?? pair[0] ?? null];
}

/** Whether the film is kept. Where truth is needed, labels that the table does not know decide nothing. */
export function agrees(film: FilmEntry, { kind, label }: Agreement, known: Known): boolean {
  if (kind === 'all') return true;
  const answers = known.answers[film.id] ?? {};
  const [from, to] = [known.from && answers[known.from], known.to && answers[known.to]];
  if (kind === 'unanswered') return from === undefined || to === undefined;
  if (kind === 'unreadable') return Object.values(answers).includes(null);
  const labels = label ? [label] : CHEXPERT_LABELS;
  if (kind === 'readerDiffers') return labels.some((each) => readerDiffers(film, each, to, known));
  if (kind === 'disagree') return !!from && !!to && labels.some((each) => from.includes(each) !== to.includes(each));
  const all = Object.values(answers);
  if (all.length === 0) return false;
  const right = (answer: Label[] | null | undefined | '', each: Label) => isRight(answer || null, each, film.truth);
  if (kind === 'allWrong') return labels.some((each) => all.every((answer) => right(answer, each) === false));
  if (kind === 'allRight') {
    const decided = labels.filter((each) => right(all[0], each) !== null);
    return decided.length > 0 && decided.every((each) => all.every((answer) => right(answer, each)));
  }
  const [before, after] = kind === 'lost' ? [true, false] : [false, true];
  if (from === undefined || to === undefined) return false;
  return labels.some((each) => right(from, each) === before && right(to, each) === after);
}

/** null where the table does not say. An answer that cannot be read says nothing of any label. */
function isRight(answer: Label[] | null, label: Label, truth: LabelValues | null): boolean | null {
  const value = truth?.[label];
  if (value !== 1 && value !== 0) return null;
  return (answer?.includes(label) ?? false) === (value === 1);
}

function readerDiffers(film: FilmEntry, label: Label, answer: Label[] | null | undefined | '', known: Known): boolean {
  const judged = known.readers[film.id]?.findings[label];
  if (judged === undefined || judged === -1 || !answer) return false;
  return answer.includes(label) !== (judged === 1);
}

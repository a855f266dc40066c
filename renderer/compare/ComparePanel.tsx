/** The right of Read: labels by checkpoint and truth, and the reasoning of the checkpoint that is looked at. */
import { refusal } from '../../core/services/comparability.ts';
import type { Checkpoint, FilmEntry } from '../../core/services/contract.ts';
import { useFrom, useWorkbench } from '../frame/context.ts';
import { Empty } from '../frame/parts.tsx';
import { readyValue } from '../state/loading.ts';
import { answerOf, type ReadingState } from '../state/reading.ts';
import { text } from '../text.ts';
import { MarkList } from '../viewer/MarkList.tsx';
import { AnswerView } from './AnswerView.tsx';
import { Matrix } from './Matrix.tsx';
import { ReaderForm } from './ReaderForm.tsx';

export function ComparePanel() {
  const { reading, checkpoints, library, panes, reader } = useWorkbench();
  const activeIndex = useFrom(panes, (all) => all.activeIndex);
  const state = useFrom(reading, (all) => all);
  const list = useFrom(checkpoints, (all) => all.list);
  const films = useFrom(library, (all) => all.films);
  const entering = useFrom(reader, (all) => all.entering);
  const usable = list.filter((each) => !each.error);
  const entry = readyValue(state.film)?.entry ?? films.find((film) => film.id === state.filmId) ?? null;
  return (
    <section className="compare" aria-label={text.compare.title} data-area="compare">
      {entering ? (
        <ReaderForm />
      ) : usable.length === 0 ? (
        <Empty title={text.compare.noCheckpoints} hint={text.compare.noCheckpointsHint} />
      ) : (
        <Filled entry={entry} usable={usable} />
      )}
      <MarkList marks={panes.all[activeIndex].marks} />
    </section>
  );
}

function Filled({ entry, usable }: { entry: FilmEntry | null; usable: Checkpoint[] }) {
  const { reading } = useWorkbench();
  const state = useFrom(reading, (all) => all);
  const active = usable.find((each) => each.id === state.activeId) ?? usable[0];
  const chosen = usable.find((each) => each.id === state.previousId) ?? null;
  const why = chosen && refusalOf(state, active.id, chosen.id);
  // Nothing is marked as changed between answers that were made in two ways.
  const previous = why ? null : chosen;
  return (
    <>
      {why && (
        <p className="reservation" role="status">
          {text.compare.notComparable(active.name, chosen.name, why)}
        </p>
      )}
      <Matrix entry={entry} usable={usable} active={active} previous={previous} />
      <AnswerView active={active} previous={previous} />
    </>
  );
}

/** Why two answers may not be compared; null where they may, or one is missing. */
function refusalOf(state: ReadingState, one: string, other: string): string | null {
  const [a, b] = [answerOf(state, one), answerOf(state, other)];
  if (a.state !== 'answered' || b.state !== 'answered') return null;
  return refusal(a.prediction.provenance, b.prediction.provenance);
}

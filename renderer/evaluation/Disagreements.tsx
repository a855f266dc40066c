/** The films on which the two checkpoints disagree, by what they do to the change; each is one click from both readings. */
import { useMemo, useState } from 'react';
import type { Disagreement, EvaluationResult } from '../../core/evaluation/types.ts';
import { useWorkbench } from '../frame/context.ts';
import { type Column, DataTable } from '../frame/DataTable.tsx';
import { signed, text } from '../text.ts';
import { CheckpointName } from './Gaps.tsx';

const FIRST = 12;

export function Disagreements({ result }: { result: EvaluationResult }) {
  const { disagreements = [] } = result;
  const [all, showAll] = useState(false);
  const shown = useMemo(() => (all ? disagreements : disagreements.slice(0, FIRST)), [all, disagreements]);
  const columns = useColumns(result, shown);
  if (disagreements.length === 0) return null;
  return (
    <section className="block" data-area="disagreements">
      <h2>{text.analysis.disagreements}</h2>
      <p className="muted">{text.analysis.disagreementsHint}</p>
      <DataTable
        className="figures disagreements"
        name={text.analysis.disagreements}
        rows={shown}
        rowKey={(each) => `${each.datasetId} ${each.filmId}`}
        columns={columns}
      />
      {!all && disagreements.length > FIRST && (
        <button type="button" onClick={() => showAll(true)}>
          {text.analysis.showAll(disagreements.length)}
        </button>
      )}
    </section>
  );
}

/** The films in their order by what they do, whatever the table is sorted by: following them goes that way. */
function useColumns(result: EvaluationResult, shown: readonly Disagreement[]): Column<Disagreement>[] {
  const { evaluating } = useWorkbench();
  return useMemo(() => {
    const dataset = ({ datasetId }: Disagreement) =>
      result.datasets.find(({ id }) => id === datasetId)?.name ?? datasetId;
    const said = (side: 'from' | 'to', checkpointId: string): Column<Disagreement> => ({
      id: side,
      head: (
        <>
          {text.analysis.only} <CheckpointName result={result} id={checkpointId} />
        </>
      ),
      name: `${text.analysis.only} ${result.checkpoints.find(({ id }) => id === checkpointId)?.name ?? checkpointId}`,
      sort: ({ labels }) => labels.filter((label) => label[side]).length,
      cell: ({ labels }) =>
        labels
          .filter((label) => label[side])
          .map(({ label, truth }) => (
            <span key={label} className={truth === 1 ? 'right' : 'wrong'}>
              {text.analysis.saidLabel(label, truth)}
            </span>
          )),
    });
    const ids = shown.map(({ filmId }) => filmId);
    const place = new Map(shown.map((each, at) => [each, at + 1]));
    return [
      {
        id: 'film',
        head: text.analysis.film,
        isRowHead: true,
        sort: (each) => place.get(each),
        cell: (each) => (
          <button
            type="button"
            className="number"
            title={text.analysis.openFilm}
            onClick={() => void evaluating.follow(text.analysis.disagreements, ids, each.filmId)}
          >
            {text.analysis.filmNumber(place.get(each) ?? 0)}
          </button>
        ),
      },
      { id: 'dataset', head: text.evaluate.dataset, sort: dataset, cell: dataset },
      {
        id: 'contribution',
        head: text.evaluate.contribution,
        sort: ({ contribution }) => contribution,
        cell: ({ contribution }) => signed(contribution, 4),
      },
      said('from', shown[0]?.fromCheckpointId ?? ''),
      said('to', shown[0]?.toCheckpointId ?? ''),
    ];
  }, [result, shown, evaluating]);
}

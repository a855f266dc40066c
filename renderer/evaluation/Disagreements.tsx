/** The films on which the two checkpoints disagree, by what they do to the change; each is one click from both readings. */
import { useState } from 'react';
import type { Disagreement, EvaluationResult } from '../../core/evaluation/types.ts';
import { useWorkbench } from '../frame/context.ts';
import { DataTable } from '../frame/DataTable.tsx';
import { signed, text } from '../text.ts';
import { CheckpointName } from './Gaps.tsx';

const FIRST = 12;

export function Disagreements({ result }: { result: EvaluationResult }) {
  const { disagreements = [] } = result;
  const [all, showAll] = useState(false);
  const [first] = disagreements;
  if (!first) return null;
  const shown = all ? disagreements : disagreements.slice(0, FIRST);
  return (
    <section className="block" data-area="disagreements">
      <h2>{text.analysis.disagreements}</h2>
      <p className="muted">{text.analysis.disagreementsHint}</p>
      <DataTable className="figures disagreements" name={text.analysis.disagreements}>
        <thead>
          <tr>
            <th scope="col">{text.analysis.film}</th>
            <th scope="col">{text.evaluate.dataset}</th>
            <th scope="col">{text.evaluate.contribution}</th>
            {[first.fromCheckpointId, first.toCheckpointId].map((id) => (
              <th key={id} scope="col">
                {text.analysis.only} <CheckpointName result={result} id={id} />
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {shown.map((each, index) => (
            <Row key={`${each.datasetId} ${each.filmId}`} result={result} each={each} index={index} shown={shown} />
          ))}
        </tbody>
      </DataTable>
      {!all && disagreements.length > FIRST && (
        <button type="button" onClick={() => showAll(true)}>
          {text.analysis.showAll(disagreements.length)}
        </button>
      )}
    </section>
  );
}

function Row(props: { result: EvaluationResult; each: Disagreement; index: number; shown: readonly Disagreement[] }) {
  const { result, each, index, shown } = props;
  const { evaluating } = useWorkbench();
  const dataset = result.datasets.find(({ id }) => id === each.datasetId)?.name ?? each.datasetId;
  const said = (side: 'from' | 'to') => each.labels.filter((label) => label[side]);
  return (
    <tr>
      <th scope="row">
        <button
          type="button"
          className="number"
          title={text.analysis.openFilm}
          onClick={() =>
            void evaluating.follow(
              text.analysis.disagreements,
              shown.map(({ filmId }) => filmId),
              each.filmId,
            )
          }
        >
          {text.analysis.filmNumber(index + 1)}
        </button>
      </th>
      <td>{dataset}</td>
      <td>{signed(each.contribution, 4)}</td>
      {(['from', 'to'] as const).map((side) => (
        <td key={side}>
          {said(side).map(({ label, truth }) => (
            <span key={label} className={truth === 1 ? 'right' : 'wrong'}>
              {text.analysis.saidLabel(label, truth)}
            </span>
          ))}
        </td>
      ))}
    </tr>
  );
}

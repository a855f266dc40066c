/** The completions of one step of a GRPO run, group after group: film, reward with its parts, advantage, text. */
import { useEffect, useState } from 'react';
import type { CompletionRow, ModelView } from '../../core/services/contract.ts';
import { useFrom, useWorkbench } from '../frame/context.ts';
import { DataTable } from '../frame/DataTable.tsx';
import { text } from '../text.ts';
import { ModelPicture } from '../viewer/ModelPicture.tsx';
import { shortNumber } from './numbers.ts';

export function CompletionTable() {
  const { training } = useWorkbench();
  const completions = useFrom(training, (state) => state.completions);
  if (!completions || completions.rows.length === 0) return null;
  const { step, steps, rows } = completions;
  return (
    <section className="block">
      <div className="row">
        <h2>{text.train.completions}</h2>
        <label className="row">
          <span className="muted">{text.train.completionsOf}</span>
          <select value={step ?? ''} onChange={(event) => void training.showCompletions(Number(event.target.value))}>
            {[...steps].reverse().map((each) => (
              <option key={each}>{each}</option>
            ))}
          </select>
        </label>
      </div>
      <DataTable className="figures departures completions" name={text.train.completions}>
        <thead>
          <tr>
            <th scope="col">{text.train.film}</th>
            <th scope="col">{text.train.reward}</th>
            <th scope="col">{text.train.rewardParts}</th>
            <th scope="col">{text.train.advantage}</th>
            <th scope="col">{text.train.completionText}</th>
          </tr>
        </thead>
        <tbody>
          {rows.map((row, i) => (
            // biome-ignore lint/suspicious/noArrayIndexKey: completions of one step never change their order.
            <Line key={i} row={row} first={rows[i - 1]?.id !== row.id} group={groupSize(rows, i)} />
          ))}
        </tbody>
      </DataTable>
    </section>
  );
}

function groupSize(rows: CompletionRow[], start: number): number {
  let end = start;
  while (rows[end]?.id === rows[start]!.id) end++;
  return end - start;
}

function Line({ row, first, group }: { row: CompletionRow; first: boolean; group: number }) {
  const { reward, advantage, terms, completion, tokens, stop, id } = row;
  const parts = Object.entries(terms).filter(([, value]) => value !== 0);
  return (
    <tr className={first ? 'group' : ''}>
      {first && (
        <td rowSpan={group} data-value={id}>
          <Thumbnail filmId={id} />
        </td>
      )}
      <td>{reward === null ? text.train.noReward : shortNumber(reward)}</td>
      <td className="muted">{parts.map(([name, value]) => `${name} ${shortNumber(value)}`).join(', ')}</td>
      <td>{advantage === null ? '–' : shortNumber(advantage)}</td>
      <td>
        <div className="completion">{completion}</div>
        <span className="muted small">{text.train.tokens(tokens, stop === 'length')}</span>
      </td>
    </tr>
  );
}

/** The film as a model gets it; a film that the workspace has no longer has none. */
function Thumbnail({ filmId }: { filmId: string }) {
  const { training, checkpoints } = useWorkbench();
  const checkpointId = useFrom(checkpoints, (state) => state.list.find((each) => !each.error)?.id ?? null);
  const [view, setView] = useState<ModelView | null>(null);
  useEffect(() => {
    let gone = false;
    if (checkpointId)
      void training.thumbnail(filmId, checkpointId).then((found) => {
        if (!gone) setView(found);
      });
    return () => {
      gone = true;
    };
  }, [training, filmId, checkpointId]);
  return <div className="thumbnail">{view && <ModelPicture view={view} />}</div>;
}

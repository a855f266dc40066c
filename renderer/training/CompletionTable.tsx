/** The completions of one step of a GRPO run, group after group: film, reward with its parts, advantage, text. */
import { useEffect, useState } from 'react';
import type { CompletionRow, ModelView } from '../../core/services/contract.ts';
import { useFrom, useWorkbench } from '../frame/context.ts';
import { type Column, DataTable } from '../frame/DataTable.tsx';
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
      <DataTable
        className="figures departures completions"
        name={text.train.completions}
        rows={rows}
        rowKey={(row) => String(rows.indexOf(row))}
        columns={COLUMNS}
      />
    </section>
  );
}

const COLUMNS: Column<CompletionRow>[] = [
  {
    id: 'film',
    head: text.train.film,
    merge: ({ id }) => id,
    said: ({ id }) => id,
    cell: ({ id }) => <Thumbnail filmId={id} />,
  },
  {
    id: 'reward',
    head: text.train.reward,
    sort: ({ reward }) => reward,
    cell: ({ reward }) => (reward === null ? text.train.noReward : shortNumber(reward)),
  },
  { id: 'parts', head: text.train.rewardParts, className: 'muted', cell: partsOf },
  {
    id: 'advantage',
    head: text.train.advantage,
    sort: ({ advantage }) => advantage,
    cell: ({ advantage }) => (advantage === null ? '–' : shortNumber(advantage)),
  },
  {
    id: 'text',
    head: text.train.completionText,
    sort: ({ tokens }) => tokens,
    cell: ({ completion, tokens, stop }) => (
      <>
        <div className="completion">{completion}</div>
        <span className="muted small">{text.train.tokens(tokens, stop === 'length')}</span>
      </>
    ),
  },
];

function partsOf({ terms }: CompletionRow): string {
  return Object.entries(terms)
    .filter(([, value]) => value !== 0)
    .map(([name, value]) => `${name} ${shortNumber(value)}`)
    .join(', ');
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

/** In whom: macro-F1 by sex, age, view and device, with the number of films in each, drawn with intervals. */
import { useMemo, useState } from 'react';
import { type EvaluationResult, isSettled, type Subgroup } from '../../core/evaluation/types.ts';
import { Chart } from '../frame/Chart.tsx';
import { COLOURS, grounds } from '../frame/chartLook.ts';
import { type Column, DataTable } from '../frame/DataTable.tsx';
import { count, score, text } from '../text.ts';
import { type GroupRow, groupSpec } from './charts.ts';
import { CheckpointName } from './Gaps.tsx';
import { intervalText } from './Grid.tsx';

/** Below this the figures of a group say little. */
const FEW_FILMS = 50;

export function Subgroups({ result }: { result: EvaluationResult }) {
  const { subgroups = [] } = result;
  const [datasetId, choose] = useState(result.targetDatasetId);
  const shown = subgroups.filter((each) => each.datasetId === datasetId);
  if (subgroups.length === 0) return null;
  return (
    <section className="block" data-area="subgroups">
      <div className="row">
        <h2>{text.analysis.subgroups}</h2>
        <fieldset className="switch" aria-label={text.evaluate.dataset}>
          {result.datasets.map(({ id, name }) => (
            <button key={id} type="button" aria-pressed={id === datasetId} onClick={() => choose(id)}>
              {name}
            </button>
          ))}
        </fieldset>
      </div>
      <p className="muted">{text.analysis.subgroupsHint(result.sharedLabels.length)}</p>
      {shown.length === 0 && <p className="muted">{text.analysis.noGroups}</p>}
      {shown.length > 0 && (
        <div className="groups">
          <GroupTable result={result} groups={shown} />
          <Differences result={result} groups={shown} />
        </div>
      )}
    </section>
  );
}

function GroupTable({ result, groups }: { result: EvaluationResult; groups: readonly Subgroup[] }) {
  return (
    <DataTable
      className="figures"
      name={text.analysis.subgroups}
      rows={groups}
      rowKey={({ by, group }) => `${by} ${group}`}
      rowProps={({ films }) => ({ className: films < FEW_FILMS ? 'few' : '' })}
      columns={[
        { id: 'group', head: text.analysis.group, isRowHead: true, sort: nameOf, cell: nameOf },
        { id: 'films', head: text.analysis.filmsShort, sort: ({ films }) => films, cell: ({ films }) => count(films) },
        {
          id: 'patients',
          head: text.analysis.patientsShort,
          sort: ({ patients }) => patients,
          cell: ({ patients }) => count(patients),
        },
        {
          id: 'ten',
          head: text.analysis.withTen,
          hint: text.analysis.withTenHint,
          sort: ({ labelsWithTen }) => labelsWithTen,
          cell: ({ labelsWithTen }) => text.analysis.ofLabels(labelsWithTen, result.sharedLabels.length),
        },
        ...result.checkpoints.map(({ id, name }): Column<Subgroup> => {
          const of = ({ figures }: Subgroup) => figures.find(({ checkpointId }) => checkpointId === id);
          return {
            id,
            name,
            head: <CheckpointName result={result} id={id} />,
            sort: (each) => of(each)?.macroF1,
            cell: (each) => {
              const found = of(each);
              return (
                found && (
                  <>
                    {score(found.macroF1)}
                    <div className="muted small">{intervalText(found.interval, score)}</div>
                  </>
                )
              );
            },
          };
        }),
      ]}
    />
  );
}

function nameOf({ by, group }: Subgroup): string {
  return text.analysis.groupOf(text.analysis.by[by], group);
}

/** The step between the two checkpoints of the question in each group. */
function Differences({ result, groups }: { result: EvaluationResult; groups: readonly Subgroup[] }) {
  const rows = useMemo(() => groupRowsOf(groups), [groups]);
  const pair = groups.find(({ difference }) => difference)?.difference;
  const role = result.checkpoints.find((each) => each.id === pair?.toCheckpointId)?.role ?? 'other';
  const specs = useMemo(() => {
    const names = rows.map(({ group }) => group);
    return grounds((ground) => groupSpec(names, COLOURS[ground][role], text.analysis.macroF1Change, ground));
  }, [rows, role]);
  if (!pair || rows.length === 0) return null;
  const name = (id: string) => result.checkpoints.find((each) => each.id === id)?.name ?? id;
  const step = text.evaluate.stepOf(name(pair.fromCheckpointId), name(pair.toCheckpointId));
  return <Chart {...specs} rows={rows} label={text.analysis.stepInGroups(step)} />;
}

function groupRowsOf(groups: readonly Subgroup[]): GroupRow[] {
  return groups.flatMap((each) => {
    if (!each.difference) return [];
    const { change, interval } = each.difference;
    const ends = { low: interval?.low ?? null, high: interval?.high ?? null };
    return [{ group: `${nameOf(each)} (${count(each.films)})`, value: change, ...ends, settled: isSettled(interval) }];
  });
}

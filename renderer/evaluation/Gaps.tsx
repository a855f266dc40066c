/** From source to target: first on the labels that both share, then each on its own; and whether the gain survives. */

import { useMemo } from 'react';
import {
  type Difference,
  type EvaluationResult,
  type Gap,
  type GapDifference,
  type Interval,
  isSettled,
} from '../../core/evaluation/types.ts';
import { Chart } from '../frame/Chart.tsx';
import { grounds, readersOf } from '../frame/chartLook.ts';
import { type Column, DataTable } from '../frame/DataTable.tsx';
import { RoleDot } from '../frame/parts.tsx';
import { pValue, score, signed, text } from '../text.ts';
import { type SlopeRow, slopeSpec } from './charts.ts';
import { intervalText } from './Grid.tsx';

export function Gaps({ result }: { result: EvaluationResult }) {
  return (
    <div className="gaps">
      <GapTable
        result={result}
        gaps={result.gaps.filter((gap) => gap.labelSet === 'shared')}
        title={text.evaluate.gaps(result.sharedLabels.length)}
        hint={text.evaluate.gapsHint}
      />
      <Survival result={result} />
      <GapTable
        result={result}
        gaps={result.gaps.filter((gap) => gap.labelSet === 'own' && !gap.comparable)}
        title={text.evaluate.ownGaps}
        hint={text.evaluate.ownGapsHint}
      />
      <Differences result={result} />
    </div>
  );
}

function GapTable(props: { result: EvaluationResult; gaps: Gap[]; title: string; hint: string }) {
  const { result, gaps, title, hint } = props;
  const nameOf = (id: string) => result.datasets.find((each) => each.id === id)?.name ?? id;
  if (gaps.length === 0) return null;
  return (
    <section className="block">
      <h2>{title}</h2>
      <p className="muted">{hint}</p>
      <DataTable
        className="figures"
        name={title}
        rows={gaps}
        rowKey={({ checkpointId }) => checkpointId}
        rowProps={({ comparable }) => ({ className: comparable ? '' : 'not-comparable' })}
        columns={[
          {
            id: 'checkpoint',
            head: text.evaluate.checkpoint,
            isRowHead: true,
            sort: ({ checkpointId }) => result.checkpoints.find(({ id }) => id === checkpointId)?.name,
            cell: ({ checkpointId }) => <CheckpointName result={result} id={checkpointId} />,
          },
          {
            id: 'source',
            head: text.evaluate.at(nameOf(result.sourceDatasetId)),
            sort: ({ source }) => source,
            cell: ({ source }) => score(source),
          },
          {
            id: 'target',
            head: text.evaluate.at(nameOf(result.targetDatasetId)),
            sort: ({ target }) => target,
            cell: ({ target }) => score(target),
          },
          ...changeColumns<Gap>(text.evaluate.change),
        ]}
      />
    </section>
  );
}

/** Macro-F1 on the shared labels at both ends. */
export function Slope({ result }: { result: EvaluationResult }) {
  const rows = useMemo(() => slopeRowsOf(result), [result]);
  const specs = useMemo(() => {
    const name = (id: string) => result.datasets.find((each) => each.id === id)?.name ?? id;
    const sides = [name(result.sourceDatasetId), name(result.targetDatasetId)] as const;
    return grounds((ground) => slopeSpec(rows, sides, readersOf(result.checkpoints), ground));
  }, [result, rows]);
  if (rows.length === 0) return null;
  const title = text.evaluate.slopeTitle(result.sharedLabels.length);
  return (
    <section className="slope" aria-label={title}>
      <Chart {...specs} rows={rows} label={title} />
    </section>
  );
}

export function slopeRowsOf(result: EvaluationResult): SlopeRow[] {
  const shared = result.gaps.filter((gap) => gap.labelSet === 'shared');
  return readersOf(result.checkpoints).flatMap(({ id, name }) => {
    const gap = shared.find(({ checkpointId }) => checkpointId === id);
    if (!gap) return [];
    const end = (side: 0 | 1, datasetId: string, value: number): SlopeRow => {
      const cell = result.cells.find((each) => each.datasetId === datasetId && each.checkpointId === id);
      const { low = null, high = null } = cell?.shared.macroF1Interval ?? {};
      return { checkpoint: name, side, value, low, high };
    };
    return [end(0, result.sourceDatasetId, gap.source), end(1, result.targetDatasetId, gap.target)];
  });
}

function Survival({ result }: { result: EvaluationResult }) {
  if (result.gapDifferences.length === 0) return null;
  const nameOf = (id: string) => result.checkpoints.find((each) => each.id === id)?.name ?? id;
  return (
    <section className="block">
      <h2>{text.evaluate.survives}</h2>
      <p className="muted">{text.evaluate.survivesHint}</p>
      <DataTable
        className="figures"
        name={text.evaluate.survives}
        rows={result.gapDifferences}
        rowKey={({ fromCheckpointId, toCheckpointId }) => `${fromCheckpointId} ${toCheckpointId}`}
        columns={[
          stepColumn<GapDifference>(nameOf),
          {
            id: 'source',
            head: text.evaluate.atSource,
            sort: ({ atSource }) => atSource,
            cell: ({ atSource }) => signed(atSource),
          },
          {
            id: 'target',
            head: text.evaluate.atTarget,
            sort: ({ atTarget }) => atTarget,
            cell: ({ atTarget }) => signed(atTarget),
          },
          ...changeColumns<GapDifference>(text.evaluate.difference),
        ]}
      />
    </section>
  );
}

/** Two checkpoints on the same films. */
function Differences({ result }: { result: EvaluationResult }) {
  if (result.differences.length === 0) return null;
  const datasetName = (id: string) => result.datasets.find((each) => each.id === id)?.name ?? id;
  const nameOf = (id: string) => result.checkpoints.find((each) => each.id === id)?.name ?? id;
  return (
    <section className="block">
      <h2>{text.evaluate.differences}</h2>
      <p className="muted">{text.evaluate.differencesHint}</p>
      <DataTable
        className="figures"
        name={text.evaluate.differences}
        rows={result.differences}
        rowKey={(each) => [each.fromCheckpointId, each.toCheckpointId, each.datasetId, each.labelSet].join(' ')}
        columns={[
          stepColumn<Difference>(nameOf),
          {
            id: 'dataset',
            head: text.evaluate.dataset,
            sort: ({ datasetId }) => datasetName(datasetId),
            cell: ({ datasetId }) => datasetName(datasetId),
          },
          {
            id: 'labels',
            head: text.evaluate.labelChoice,
            sort: ({ labelSet }) => text.evaluate.labelSets[labelSet],
            cell: ({ labelSet }) => text.evaluate.labelSets[labelSet],
          },
          ...changeColumns<Difference>(text.evaluate.difference),
          {
            id: 'p',
            head: 'p',
            className: 'muted',
            sort: ({ p }) => p,
            cell: ({ p }) => (p === null ? '' : pValue(p)),
          },
        ]}
      />
    </section>
  );
}

/** A change whose interval leaves out zero is written strong. */
function changeColumns<Row extends { change: number; interval: Interval | null }>(head: string): Column<Row>[] {
  return [
    {
      id: 'change',
      head,
      sort: ({ change }) => change,
      cell: ({ change }) => signed(change),
      cellClassName: ({ interval }) => (isSettled(interval) ? 'settled' : ''),
    },
    {
      id: 'interval',
      head: text.evaluate.ci,
      className: 'muted',
      sort: ({ interval }) => interval && interval.high - interval.low,
      cell: ({ interval }) => intervalText(interval, signed),
    },
  ];
}

function stepColumn<Row extends { fromCheckpointId: string; toCheckpointId: string }>(
  nameOf: (id: string) => string,
): Column<Row> {
  const step = ({ fromCheckpointId: from, toCheckpointId: to }: Row) => text.evaluate.stepOf(nameOf(from), nameOf(to));
  return { id: 'step', head: text.evaluate.step, isRowHead: true, sort: step, cell: step };
}

export function CheckpointName({ result, id }: { result: EvaluationResult; id: string }) {
  const checkpoint = result.checkpoints.find((each) => each.id === id);
  return (
    <span className={`role-${checkpoint?.role ?? 'other'} named`}>
      <RoleDot role={checkpoint?.role ?? 'other'} />
      {checkpoint?.name ?? id}
    </span>
  );
}

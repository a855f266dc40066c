/** From source to target: first on the labels that both share, then each on its own; and whether the gain survives. */

import { useMemo } from 'react';
import { type EvaluationResult, type Gap, type Interval, isSettled } from '../../core/evaluation/types.ts';
import { Chart } from '../frame/Chart.tsx';
import { grounds, readersOf } from '../frame/chartLook.ts';
import { DataTable } from '../frame/DataTable.tsx';
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
      <DataTable className="figures" name={title}>
        <thead>
          <tr>
            <th scope="col">{text.evaluate.checkpoint}</th>
            <th scope="col">{text.evaluate.at(nameOf(result.sourceDatasetId))}</th>
            <th scope="col">{text.evaluate.at(nameOf(result.targetDatasetId))}</th>
            <th scope="col">{text.evaluate.change}</th>
            <th scope="col">{text.evaluate.ci}</th>
          </tr>
        </thead>
        <tbody>
          {gaps.map((gap) => (
            <tr key={gap.checkpointId} className={gap.comparable ? '' : 'not-comparable'}>
              <th scope="row">
                <CheckpointName result={result} id={gap.checkpointId} />
              </th>
              <td>{score(gap.source)}</td>
              <td>{score(gap.target)}</td>
              <Change value={gap.change} interval={gap.interval} />
            </tr>
          ))}
        </tbody>
      </DataTable>
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
      <DataTable className="figures" name={text.evaluate.survives}>
        <thead>
          <tr>
            <th scope="col">{text.evaluate.step}</th>
            <th scope="col">{text.evaluate.atSource}</th>
            <th scope="col">{text.evaluate.atTarget}</th>
            <th scope="col">{text.evaluate.difference}</th>
            <th scope="col">{text.evaluate.ci}</th>
          </tr>
        </thead>
        <tbody>
          {result.gapDifferences.map((step) => (
            <tr key={`${step.fromCheckpointId} ${step.toCheckpointId}`}>
              <th scope="row">{text.evaluate.stepOf(nameOf(step.fromCheckpointId), nameOf(step.toCheckpointId))}</th>
              <td>{signed(step.atSource)}</td>
              <td>{signed(step.atTarget)}</td>
              <Change value={step.change} interval={step.interval} />
            </tr>
          ))}
        </tbody>
      </DataTable>
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
      <DataTable className="figures" name={text.evaluate.differences}>
        <thead>
          <tr>
            <th scope="col">{text.evaluate.step}</th>
            <th scope="col">{text.evaluate.dataset}</th>
            <th scope="col">{text.evaluate.labelChoice}</th>
            <th scope="col">{text.evaluate.difference}</th>
            <th scope="col">{text.evaluate.ci}</th>
            <th scope="col">p</th>
          </tr>
        </thead>
        <tbody>
          {result.differences.map((each) => (
            <tr key={[each.fromCheckpointId, each.toCheckpointId, each.datasetId, each.labelSet].join(' ')}>
              <th scope="row">{text.evaluate.stepOf(nameOf(each.fromCheckpointId), nameOf(each.toCheckpointId))}</th>
              <td>{datasetName(each.datasetId)}</td>
              <td>{text.evaluate.labelSets[each.labelSet]}</td>
              <Change value={each.change} interval={each.interval} />
              <td className="muted">{each.p === null ? '' : pValue(each.p)}</td>
            </tr>
          ))}
        </tbody>
      </DataTable>
    </section>
  );
}

/** A change whose interval leaves out zero is written strong. */
function Change({ value, interval }: { value: number; interval: Interval | null }) {
  return (
    <>
      <td className={isSettled(interval) ? 'settled' : ''}>{signed(value)}</td>
      <td className="muted">{intervalText(interval, signed)}</td>
    </>
  );
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

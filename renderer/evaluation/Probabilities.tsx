/** Where label probabilities are there: how well they rank, how far they can be believed, and thresholds frozen on the source. */
import { useMemo, useState } from 'react';
import type { EvaluationCell, EvaluationResult, FrozenThreshold, Interval } from '../../core/evaluation/types.ts';
import { Chart } from '../frame/Chart.tsx';
import { grounds } from '../frame/chartLook.ts';
import { DataTable } from '../frame/DataTable.tsx';
import { score, text } from '../text.ts';
import { type BinRow, reliabilitySpec } from './charts.ts';
import { labelColumn } from './columns.ts';
import { CheckpointName } from './Gaps.tsx';
import { intervalText } from './Grid.tsx';

export function Probabilities({ result }: { result: EvaluationResult }) {
  const cells = result.cells.filter((cell) => cell.own.labels.some(({ probability }) => probability !== null));
  const [at, choose] = useState(0);
  const cell = cells[Math.min(at, cells.length - 1)];
  if (!cell) return null;
  const name = (id: string) => [...result.datasets, ...result.checkpoints].find((each) => each.id === id)?.name ?? id;
  return (
    <section className="block whole-width" data-area="probabilities">
      <div className="row">
        <h2>{text.analysis.probabilities}</h2>
        <select
          aria-label={text.evaluate.checkpoint}
          value={at}
          onChange={(event) => choose(Number(event.target.value))}
        >
          {cells.map((each, i) => (
            <option key={`${each.datasetId} ${each.checkpointId}`} value={i}>
              {text.analysis.cellOf(name(each.checkpointId), name(each.datasetId))}
            </option>
          ))}
        </select>
      </div>
      <p className="muted">{text.analysis.probabilitiesHint}</p>
      <div className="groups">
        <ScoreTable cell={cell} />
        <Reliability cell={cell} />
      </div>
      <Thresholds result={result} />
    </section>
  );
}

function ScoreTable({ cell }: { cell: EvaluationCell }) {
  const rows = cell.own.labels.flatMap(({ label, probability }) => (probability ? [{ label, ...probability }] : []));
  type Row = (typeof rows)[number];
  const ranked = (id: string, head: string, of: (row: Row) => number | null, ends: (row: Row) => Interval | null) => ({
    ...{ id, head, sort: of },
    cell: (row: Row) => {
      const value = of(row);
      return (
        <>
          {value === null ? '–' : score(value)}
          <div className="muted small">{intervalText(ends(row), score)}</div>
        </>
      );
    },
  });
  return (
    <DataTable
      className="figures"
      name={text.analysis.probabilities}
      rows={rows}
      rowKey={({ label }) => label}
      columns={[
        labelColumn(),
        {
          id: 'support',
          head: text.evaluate.support,
          sort: ({ positives }) => positives,
          cell: ({ positives }) => positives ?? '',
        },
        ranked(
          'auroc',
          'AUROC',
          ({ auroc }) => auroc,
          ({ aurocInterval = null }) => aurocInterval,
        ),
        ranked(
          'precision',
          text.analysis.averagePrecision,
          ({ averagePrecision }) => averagePrecision,
          ({ averagePrecisionInterval = null }) => averagePrecisionInterval,
        ),
        { id: 'brier', head: 'Brier', sort: ({ brier }) => brier, cell: ({ brier }) => score(brier) },
        {
          id: 'ece',
          head: 'ECE',
          sort: ({ expectedCalibrationError }) => expectedCalibrationError,
          cell: ({ expectedCalibrationError }) => score(expectedCalibrationError),
        },
      ]}
    />
  );
}

/** Ten bins of every label. */
function Reliability({ cell }: { cell: EvaluationCell }) {
  const rows = useMemo(() => binRowsOf(cell), [cell]);
  const specs = useMemo(() => {
    const labels = [...new Set(rows.map(({ label }) => label))];
    return grounds((ground) => reliabilitySpec(labels, ground));
  }, [rows]);
  return (
    <div className="reliability">
      <Chart {...specs} rows={rows} label={text.analysis.reliability} />
      <p className="muted small">{text.analysis.reliabilityHint}</p>
    </div>
  );
}

export function binRowsOf(cell: EvaluationCell): BinRow[] {
  return cell.own.labels.flatMap(({ label, probability }) =>
    (probability?.reliability ?? []).map(({ meanProbability, observed, films }) => ({
      ...{ label, probability: meanProbability, observed, films },
    })),
  );
}

function Thresholds({ result }: { result: EvaluationResult }) {
  const { thresholds = [] } = result;
  if (thresholds.length === 0) return null;
  const name = (id: string) => result.datasets.find((each) => each.id === id)?.name ?? id;
  return (
    <>
      <h3>{text.analysis.thresholds}</h3>
      <p className="muted">{text.analysis.thresholdsHint(name(thresholds[0]!.chosenOn))}</p>
      <DataTable
        className="figures"
        name={text.analysis.thresholds}
        rows={byLabel(thresholds)}
        rowKey={({ label, checkpointId }) => `${label} ${checkpointId}`}
        columns={[
          labelColumn(),
          {
            id: 'checkpoint',
            head: text.evaluate.checkpoint,
            sort: ({ checkpointId }) => result.checkpoints.find(({ id }) => id === checkpointId)?.name,
            cell: ({ checkpointId }) => <CheckpointName result={result} id={checkpointId} />,
          },
          {
            id: 'threshold',
            head: text.analysis.threshold,
            sort: ({ threshold }) => threshold,
            cell: ({ threshold }) => score(threshold),
          },
          {
            id: 'source',
            head: text.analysis.f1At(name(result.sourceDatasetId)),
            sort: ({ source }) => source.f1,
            cell: ({ source }) => score(source.f1),
          },
          {
            id: 'target',
            head: text.analysis.f1At(name(result.targetDatasetId)),
            sort: ({ target }) => target?.f1,
            cell: ({ target }) => (target ? score(target.f1) : text.evaluate.notScored),
          },
        ]}
      />
    </>
  );
}

function byLabel(thresholds: readonly FrozenThreshold[]): FrozenThreshold[] {
  const labels = [...new Set(thresholds.map(({ label }) => label))];
  return labels.flatMap((label) => thresholds.filter((each) => each.label === label));
}

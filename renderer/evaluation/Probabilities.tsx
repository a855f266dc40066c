/** Where label probabilities are there: how well they rank, how far they can be believed, and thresholds frozen on the source. */
import { useMemo, useState } from 'react';
import type { EvaluationCell, EvaluationResult, FrozenThreshold } from '../../core/evaluation/types.ts';
import { Chart } from '../frame/Chart.tsx';
import { grounds } from '../frame/chartLook.ts';
import { DataTable } from '../frame/DataTable.tsx';
import { score, text } from '../text.ts';
import { type BinRow, reliabilitySpec } from './charts.ts';
import { CheckpointName } from './Gaps.tsx';
import { intervalText } from './Grid.tsx';

export function Probabilities({ result }: { result: EvaluationResult }) {
  const cells = result.cells.filter((cell) => cell.own.labels.some(({ probability }) => probability !== null));
  const [at, choose] = useState(0);
  const cell = cells[Math.min(at, cells.length - 1)];
  if (!cell) return null;
  const name = (id: string) => [...result.datasets, ...result.checkpoints].find((each) => each.id === id)?.name ?? id;
  return (
    <section className="block" data-area="probabilities">
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
      <ScoreTable cell={cell} />
      <Reliability cell={cell} />
      <Thresholds result={result} />
    </section>
  );
}

function ScoreTable({ cell }: { cell: EvaluationCell }) {
  const rows = cell.own.labels.flatMap(({ label, probability }) => (probability ? [{ label, probability }] : []));
  const number = (value: number | null) => (value === null ? '–' : score(value));
  return (
    <DataTable className="figures" name={text.analysis.probabilities}>
      <thead>
        <tr>
          <th scope="col">{text.compare.label}</th>
          <th scope="col">{text.evaluate.support}</th>
          <th scope="col">AUROC</th>
          <th scope="col">{text.analysis.averagePrecision}</th>
          <th scope="col">Brier</th>
          <th scope="col">ECE</th>
        </tr>
      </thead>
      <tbody>
        {rows.map(({ label, probability }) => (
          <tr key={label}>
            <th scope="row">{label}</th>
            <td>{probability.positives ?? ''}</td>
            <td>
              {number(probability.auroc)}
              <div className="muted small">{intervalText(probability.aurocInterval ?? null, score)}</div>
            </td>
            <td>
              {number(probability.averagePrecision)}
              <div className="muted small">{intervalText(probability.averagePrecisionInterval ?? null, score)}</div>
            </td>
            <td>{score(probability.brier)}</td>
            <td>{score(probability.expectedCalibrationError)}</td>
          </tr>
        ))}
      </tbody>
    </DataTable>
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
      <DataTable className="figures" name={text.analysis.thresholds}>
        <thead>
          <tr>
            <th scope="col">{text.compare.label}</th>
            <th scope="col">{text.evaluate.checkpoint}</th>
            <th scope="col">{text.analysis.threshold}</th>
            <th scope="col">{text.analysis.f1At(name(result.sourceDatasetId))}</th>
            <th scope="col">{text.analysis.f1At(name(result.targetDatasetId))}</th>
          </tr>
        </thead>
        <tbody>
          {byLabel(thresholds).map((each) => (
            <tr key={`${each.label} ${each.checkpointId}`}>
              <th scope="row">{each.label}</th>
              <td>
                <CheckpointName result={result} id={each.checkpointId} />
              </td>
              <td>{score(each.threshold)}</td>
              <td>{score(each.source.f1)}</td>
              <td>{each.target ? score(each.target.f1) : text.evaluate.notScored}</td>
            </tr>
          ))}
        </tbody>
      </DataTable>
    </>
  );
}

function byLabel(thresholds: readonly FrozenThreshold[]): FrozenThreshold[] {
  const labels = [...new Set(thresholds.map(({ label }) => label))];
  return labels.flatMap((label) => thresholds.filter((each) => each.label === label));
}

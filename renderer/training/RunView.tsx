/** One run: how far it is, its curves, its last numbers, and what differs from the paper. */
import { useMemo } from 'react';
import type { TrainingLogLine, TrainingRun } from '../../core/services/contract.ts';
import { Chart } from '../frame/Chart.tsx';
import { useFrom, useWorkbench } from '../frame/context.ts';
import { CopyButton, Empty, ErrorBox, ProgressBar } from '../frame/parts.tsx';
import { trainingJob } from '../state/training.ts';
import { text } from '../text.ts';
import { chartsOf, type RunChart, rowsOf, specOf } from './charts.ts';

export function RunView() {
  const { training } = useWorkbench();
  const { runs, shownId, log, progress, kind } = useFrom(training, (state) => state);
  const run = runs.find((each) => each.id === shownId) ?? null;
  return (
    <>
      <RunHead run={run} />
      {progress && (
        <div className="row overall" role="status">
          <ProgressBar progress={progress} label={progress.stage} />
          <span>
            {[
              progress.stage,
              text.frame.progress(progress.done, progress.total),
              typeof progress.secondsLeft === 'number' ? text.frame.left(progress.secondsLeft) : '',
            ]
              .filter(Boolean)
              .join(' · ')}
          </span>
        </div>
      )}
      {run?.error && <ErrorBox title={text.train.failed} error={run.error} />}
      {log.length === 0 ? <Empty title={text.train.noLog} /> : <Curves log={log} kind={run?.kind ?? kind} />}
      {log.length > 0 && <LastValues log={log} />}
      {run && run.departures.length > 0 && <Departures run={run} />}
    </>
  );
}

function RunHead({ run }: { run: TrainingRun | null }) {
  const { training, frame } = useWorkbench();
  const runs = useFrom(training, (state) => state.runs);
  const busy = useFrom(frame, (state) => trainingJob(state.jobs) !== undefined);
  const running = useFrom(training, (state) => state.running);
  const resumable = run && (run.state === 'stopped' || run.state === 'failed') && !busy && !running;
  return (
    <div className="row">
      <label className="row">
        <span className="muted">{text.train.runs}</span>
        <select value={run?.id ?? ''} onChange={(event) => void training.show(event.target.value)}>
          {!run && <option value="" />}
          {runs.map((each) => (
            <option key={each.id} value={each.id}>
              {each.name}
            </option>
          ))}
        </select>
      </label>
      {run && (
        <span>
          {text.train.kinds[run.kind]} · {text.train.states[run.state]} · {text.train.steps(run.steps, run.totalSteps)}
        </span>
      )}
      {resumable && (
        <button type="button" onClick={() => void training.resume(run.id)}>
          {text.train.resume}
        </button>
      )}
      {run && <span className="muted path">{run.path}</span>}
    </div>
  );
}

function Curves({ log, kind }: { log: TrainingLogLine[]; kind: TrainingRun['kind'] }) {
  // The charts stay the same while a run goes on; only their rows grow.
  const signature = JSON.stringify(chartsOf(log));
  const charts = useMemo(() => JSON.parse(signature) as RunChart[], [signature]);
  return (
    <div className="curves">
      {charts.map((chart) => (
        <Curve key={chart.id} chart={chart} kind={kind} log={log} />
      ))}
    </div>
  );
}

function Curve({ chart, kind, log }: { chart: RunChart; kind: TrainingRun['kind']; log: TrainingLogLine[] }) {
  const spec = useMemo(() => specOf(chart, kind), [chart, kind]);
  const rows = useMemo(() => rowsOf(log, chart.columns), [log, chart]);
  return <Chart spec={spec} rows={rows} label={text.train.charts[chart.id]} />;
}

/** Training and validation write lines of their own, so the last value of each column is shown. */
function LastValues({ log }: { log: TrainingLogLine[] }) {
  const cells = Object.entries<TrainingLogLine[string]>(Object.assign({}, ...log));
  return (
    <section className="block">
      <div className="row">
        <h2>{text.train.last}</h2>
        <CopyButton value={() => log.map((each) => JSON.stringify(each)).join('\n')} />
      </div>
      <dl className="last-line">
        {cells.map(([name, value]) => (
          <div key={name}>
            <dt>{name}</dt>
            <dd>{typeof value === 'number' ? shortNumber(value) : String(value ?? '–')}</dd>
          </div>
        ))}
      </dl>
    </section>
  );
}

function shortNumber(value: number): string {
  if (Number.isInteger(value)) return String(value);
  return Math.abs(value) < 1e-3 ? value.toExponential(2) : String(Number(value.toPrecision(4)));
}

function Departures({ run }: { run: TrainingRun }) {
  return (
    <section className="block">
      <h2>{text.train.away}</h2>
      <table className="figures departures">
        <thead>
          <tr>
            <th scope="col">{text.train.field}</th>
            <th scope="col">{text.train.paperColumn}</th>
            <th scope="col">{text.train.runColumn}</th>
            <th scope="col">{text.train.reason}</th>
          </tr>
        </thead>
        <tbody>
          {run.departures.map((departure) => (
            <tr key={departure.field}>
              <th scope="row">{departure.field}</th>
              <td>{departure.paper}</td>
              <td>{departure.run}</td>
              <td>{departure.reason}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  );
}

/** One run: how far it is, its curves, its last numbers, and what differs from the paper. */
import { useMemo } from 'react';
import type { TrainingDraw, TrainingLogLine, TrainingRun } from '../../core/services/contract.ts';
import { type Alarm, alarmsOf } from '../../core/training/alarms.ts';
import { Chart } from '../frame/Chart.tsx';
import { useFrom, useWorkbench } from '../frame/context.ts';
import { CopyButton, Empty, ErrorBox, ProgressBar } from '../frame/parts.tsx';
import { trainingJob } from '../state/training.ts';
import { text } from '../text.ts';
import { AlarmList, Gates } from './Alarms.tsx';
import { CompletionTable } from './CompletionTable.tsx';
import { alarmRows, chartsOf, probeColumns, probeSpec, type RunChart, rowsOf, specOf } from './charts.ts';
import { shortNumber } from './numbers.ts';

export function RunView() {
  const { training } = useWorkbench();
  const { runs, shownId, log, progress, kind } = useFrom(training, (state) => state);
  const run = runs.find((each) => each.id === shownId) ?? null;
  const alarms = useMemo(() => alarmsOf(log, run?.config ?? {}), [log, run]);
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
      {run?.chosen && <p>{text.train.chosen[run.chosen.on](run.chosen.step)}</p>}
      {run?.draw && <Draw draw={run.draw} kind={run.kind} />}
      {run && run.leftOut.length > 0 && (
        <p className="muted" title={run.leftOut.flatMap(({ first }) => first).join('\n')}>
          {text.train.leftOut(run.leftOut.map(({ reason, count }) => text.train.leftOutReason[reason](count)))}
        </p>
      )}
      <AlarmList alarms={alarms} />
      {log.length > 0 && <ProbeCurve log={log} kind={run?.kind ?? kind} run={run} alarms={alarms} />}
      {log.length === 0 ? (
        <Empty title={text.train.noLog} />
      ) : (
        <Curves log={log} kind={run?.kind ?? kind} alarms={alarms} />
      )}
      {run?.kind === 'grpo' && <CompletionTable />}
      {run && run.gates.length > 0 && <Gates gates={run.gates} />}
      {log.length > 0 && <LastValues log={log} />}
      {run && run.departures.length > 0 && <Departures run={run} />}
    </>
  );
}

/** Whom the run learns from. */
function Draw({ draw, kind }: { draw: TrainingDraw; kind: TrainingRun['kind'] }) {
  const sentences = [
    text.trl.draw(draw.films, draw.patients, draw.filmsThere),
    draw.films < draw.asked ? text.trl.fewer(draw.asked) : '',
    draw.patientsReserved > 0 ? text.trl.reserved(draw.patientsReserved) : '',
    draw.patientsOfSft > 0 ? text.trl.ofSft(draw.patientsOfSft) : '',
    kind === 'grpo' && !draw.sftKnown ? text.trl.sftUnknown : '',
  ];
  return <p className="muted">{sentences.filter(Boolean).join(' ')}</p>;
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
      <Beside run={run} />
      {run && (
        <span>
          {text.train.kinds[run.kind]} · {text.train.states[run.state]} · {text.train.steps(run.steps, run.totalSteps)}
          {run.trainedBy && ` · ${text.trl.trainedBy(run.trainedBy)}`}
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

function Beside({ run }: { run: TrainingRun | null }) {
  const { training } = useWorkbench();
  const { runs, besideId } = useFrom(training, (state) => state);
  const others = runs.filter(({ id }) => id !== run?.id);
  if (others.length === 0) return null;
  return (
    <label className="row">
      <span className="muted">{text.train.beside}</span>
      <select value={besideId ?? ''} onChange={(event) => void training.showBeside(event.target.value || null)}>
        <option value="">{text.train.besideNone}</option>
        {others.map((each) => (
          <option key={each.id} value={each.id}>
            {each.name}
          </option>
        ))}
      </select>
    </label>
  );
}

interface CurvesProps {
  log: TrainingLogLine[];
  kind: TrainingRun['kind'];
  alarms: Alarm[];
}

function ProbeCurve({ log, kind, run, alarms }: CurvesProps & { run: TrainingRun | null }) {
  const signature = JSON.stringify(probeColumns(log));
  const columns = useMemo(() => JSON.parse(signature) as ReturnType<typeof probeColumns>, [signature]);
  const spec = useMemo(() => columns && probeSpec(columns.training, columns.probes, kind), [columns, kind]);
  const rows = useMemo(
    () => (columns ? [...rowsOf(log, [columns.training, ...columns.probes]), ...alarmRows(alarms)] : []),
    [log, columns, alarms],
  );
  if (!columns || !spec) return <p className="muted small">{text.train.noProbe}</p>;
  const title = text.train.charts[columns.training === 'reward' ? 'reward' : 'loss'];
  return (
    <section className="block probe">
      <Chart spec={spec} rows={rows} label={text.train.probe(title)} />
      {run?.probe.map(({ role, name, films, patientsLeftOut }) => (
        <p key={role} className="muted small">
          {text.train.probeSets(role, name, films, patientsLeftOut)}
        </p>
      ))}
    </section>
  );
}

function Curves({ log, kind, alarms }: CurvesProps) {
  // The charts stay the same while a run goes on; only their rows grow.
  const signature = JSON.stringify(chartsOf(log));
  const charts = useMemo(() => JSON.parse(signature) as RunChart[], [signature]);
  return (
    <div className="curves">
      {charts.map((chart) => (
        <Curve key={chart.id} chart={chart} kind={kind} log={log} alarms={alarms} />
      ))}
    </div>
  );
}

function Curve({ chart, kind, log, alarms }: CurvesProps & { chart: RunChart }) {
  const { training } = useWorkbench();
  const beside = useFrom(training, (state) => state.besideLog);
  const spec = useMemo(() => specOf(chart, kind), [chart, kind]);
  const rows = useMemo(() => {
    return [...rowsOf(log, chart.columns), ...rowsOf(beside, chart.columns, 'beside'), ...alarmRows(alarms)];
  }, [log, beside, chart, alarms]);
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

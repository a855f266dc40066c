/** One run: how far it is, its curves, its last numbers, and what differs from the paper. */
import { useMemo } from 'react';
import type { JobInfo, LeftOut, TrainingDraw, TrainingLogLine, TrainingRun } from '../../core/services/contract.ts';
import { type Alarm, alarmsOf } from '../../core/training/alarms.ts';
import { Chart } from '../frame/Chart.tsx';
import { grounds } from '../frame/chartLook.ts';
import { useFrom, useWorkbench } from '../frame/context.ts';
import { DataTable } from '../frame/DataTable.tsx';
import { CopyButton, Empty, ErrorBox, ProgressBar, pauseText, QuietButton } from '../frame/parts.tsx';
import { fileNameOf, saveFile } from '../frame/saveFile.ts';
import { trainingJob } from '../state/training.ts';
import { text } from '../text.ts';
import { AlarmList, Gates } from './Alarms.tsx';
import { CompletionTable } from './CompletionTable.tsx';
import {
  alarmRows,
  type ChartRow,
  chartsOf,
  type DrawnRun,
  drawnRuns,
  probeColumns,
  probeSpec,
  type RunChart,
  rowsOf,
  specOf,
} from './charts.ts';
import { shortNumber } from './numbers.ts';

export function RunView() {
  const { training, frame } = useWorkbench();
  const { runs, shownId, log, progress: own } = useFrom(training, (state) => state);
  const job = useFrom(frame, (state) => trainingJob(state.jobs));
  // A run that was begun by another window, or before a restart, is followed by its job.
  const progress = own ?? (runOf(job) === shownId ? job?.progress : null);
  const pausing = pauseText(job);
  const run = runs.find((each) => each.id === shownId) ?? null;
  const alarms = useMemo(() => alarmsOf(log, run?.config ?? {}), [log, run]);
  return (
    <>
      <RunHead run={run} />
      <Beside run={run} />
      {progress && (
        <div className="row overall" role="status">
          <ProgressBar progress={progress} label={progress.stage} />
          <span>
            {[
              pausing || progress.stage,
              text.frame.progress(progress.done, progress.total),
              !pausing && typeof progress.secondsLeft === 'number' ? text.frame.left(progress.secondsLeft) : '',
            ]
              .filter(Boolean)
              .join(' · ')}
          </span>
        </div>
      )}
      {run?.error && <ErrorBox title={text.train.failed} error={run.error} />}
      {run?.chosen && <p>{text.train.chosen[run.chosen.on](run.chosen.step)}</p>}
      {run?.draw && <Draw draw={run.draw} kind={run.kind} />}
      {run && <Faults faults={run.leftOut.filter(({ reason }) => reason !== LEARNED)} says={text.train.leftOut} />}
      {run && <Faults faults={run.leftOut.filter(({ reason }) => reason === LEARNED)} says={text.train.counted} />}
      <AlarmList alarms={alarms} />
      {log.length > 0 && <ProbeCurve log={log} run={run} alarms={alarms} />}
      {log.length === 0 ? <Empty title={text.train.noLog} /> : <Curves log={log} run={run} alarms={alarms} />}
      {run?.kind === 'grpo' && <CompletionTable />}
      {run && run.gates.length > 0 && <Gates gates={run.gates} />}
      {log.length > 0 && <LastValues log={log} name={run?.name ?? text.train.last} />}
      {run && run.departures.length > 0 && <Departures run={run} />}
    </>
  );
}

/** Counted, and not left out. */
const LEARNED = 'trace-differs-learned';

function Faults({ faults, says }: { faults: readonly LeftOut[]; says: (parts: string[]) => string }) {
  if (faults.length === 0) return null;
  return (
    <p className="muted" title={faults.flatMap(({ first }) => first).join('\n')}>
      {says(faults.map(({ reason, count }) => text.train.leftOutReason[reason](count)))}
    </p>
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

/** Of the job of a run: which one it is. Before its first progress nobody knows. */
function runOf(job: JobInfo | undefined): string | undefined {
  return job?.progress && 'runId' in job.progress ? job.progress.runId : undefined;
}

function RunHead({ run }: { run: TrainingRun | null }) {
  const { training, frame } = useWorkbench();
  const runs = useFrom(training, (state) => state.runs);
  const job = useFrom(frame, (state) => trainingJob(state.jobs));
  const busy = job !== undefined;
  const underWay = run !== null && runOf(job) === run.id;
  const state = underWay && job?.state === 'paused' ? 'paused' : run?.state;
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
          {text.train.kinds[run.kind]} · {text.train.states[state ?? run.state]}
          {!underWay && ` · ${text.train.steps(run.steps, run.totalSteps)}`}
          {run.trainedBy && ` · ${text.trl.trainedBy(run.trainedBy)}`}
        </span>
      )}
      {resumable && (
        <button type="button" onClick={() => void training.resume(run.id)}>
          {text.frame.resume}
        </button>
      )}
      {run && <span className="muted path">{run.path}</span>}
    </div>
  );
}

/** Which runs are laid over the one that is looked at, each in its colour. */
function Beside({ run }: { run: TrainingRun | null }) {
  const { training } = useWorkbench();
  const { runs, beside } = useFrom(training, (state) => state);
  const drawn = useDrawnRuns(run);
  const others = runs.filter(({ id }) => id !== run?.id);
  if (others.length === 0) return null;
  return (
    <details className="beside">
      <summary>
        {text.train.beside(beside.length)}
        {beside.length > 0 &&
          drawn.map(({ name, screen }) => (
            <span key={name} className="run-key">
              <svg width={14} height={8} aria-hidden="true">
                <line x1={0} x2={14} y1={4} y2={4} stroke={screen} strokeWidth={2} />
              </svg>
              {name}
            </span>
          ))}
      </summary>
      <fieldset aria-label={text.train.besideHint}>
        {others.map((each) => (
          <label key={each.id} className="tick">
            <input
              type="checkbox"
              checked={beside.some(({ runId }) => runId === each.id)}
              onChange={() => void training.toggleBeside(each.id)}
            />
            {each.name} <span className="muted">{text.train.steps(each.steps, each.totalSteps)}</span>
          </label>
        ))}
      </fieldset>
    </details>
  );
}

/** The shown run and those laid over it, in the order of their logs. */
function useDrawnRuns(run: TrainingRun | null): DrawnRun[] {
  const { training } = useWorkbench();
  const { runs, beside, kind } = useFrom(training, (state) => state);
  const signature = JSON.stringify([
    run?.kind ?? kind,
    run?.name ?? '',
    ...beside.map(({ runId }) => runs.find(({ id }) => id === runId)?.name ?? runId),
  ]);
  return useMemo(() => {
    const [shownKind, name, ...others] = JSON.parse(signature) as [TrainingRun['kind'], string, ...string[]];
    return drawnRuns(shownKind, name, others);
  }, [signature]);
}

interface CurvesProps {
  log: TrainingLogLine[];
  run: TrainingRun | null;
  alarms: Alarm[];
}

function ProbeCurve({ log, run, alarms }: CurvesProps) {
  const { training } = useWorkbench();
  const beside = useFrom(training, (state) => state.beside);
  const logs = useMemo(() => [log, ...beside.map((each) => each.log)], [log, beside]);
  const signature = JSON.stringify(probeColumns(logs));
  const columns = useMemo(() => JSON.parse(signature) as ReturnType<typeof probeColumns>, [signature]);
  const drawn = useDrawnRuns(run);
  const specs = useMemo(
    () => columns && grounds((ground) => probeSpec(columns.training, columns.probes, drawn, ground)),
    [columns, drawn],
  );
  const rows = useMemo(
    () => (columns ? curvesOf(logs, [columns.training, ...columns.probes], drawn, alarms) : []),
    [logs, columns, drawn, alarms],
  );
  if (!columns || !specs) return <p className="muted small">{text.train.noProbe}</p>;
  const title = text.train.charts[columns.training === 'reward' ? 'reward' : 'loss'];
  return (
    <section className="block probe">
      <Chart {...specs} rows={rows} label={text.train.probe(title)} />
      {run?.probe.map(({ role, name, films, patientsLeftOut }) => (
        <p key={role} className="muted small">
          {text.train.probeSets(role, name, films, patientsLeftOut)}
        </p>
      ))}
    </section>
  );
}

function Curves({ log, run, alarms }: CurvesProps) {
  // The charts stay the same while a run goes on; only their rows grow.
  const signature = JSON.stringify(chartsOf(log));
  const charts = useMemo(() => JSON.parse(signature) as RunChart[], [signature]);
  return (
    <div className="curves">
      {charts.map((chart) => (
        <Curve key={chart.id} chart={chart} run={run} log={log} alarms={alarms} />
      ))}
    </div>
  );
}

function Curve({ chart, run, log, alarms }: CurvesProps & { chart: RunChart }) {
  const { training } = useWorkbench();
  const beside = useFrom(training, (state) => state.beside);
  const drawn = useDrawnRuns(run);
  const specs = useMemo(() => grounds((ground) => specOf(chart, drawn, ground)), [chart, drawn]);
  const rows = useMemo(() => {
    const logs = [log, ...beside.map((each) => each.log)];
    return curvesOf(logs, chart.columns, drawn, alarms);
  }, [log, beside, chart, alarms, drawn]);
  return <Chart {...specs} rows={rows} label={text.train.charts[chart.id]} />;
}

/** Of the shown run and those laid over it; the alarms are the shown one's. */
function curvesOf(logs: TrainingLogLine[][], columns: string[], drawn: DrawnRun[], alarms: Alarm[]): ChartRow[] {
  return [...logs.flatMap((each, at) => rowsOf(each, columns, drawn[at]?.name)), ...alarmRows(alarms)];
}

/** Training and validation write lines of their own, so the last value of each column is shown. */
function LastValues({ log, name }: { log: TrainingLogLine[]; name: string }) {
  const cells = Object.entries<TrainingLogLine[string]>(Object.assign({}, ...log));
  const lines = () => log.map((each) => JSON.stringify(each)).join('\n');
  return (
    <section className="block">
      <div className="row">
        <h2>{text.train.last}</h2>
        <CopyButton value={lines} />
        <QuietButton
          title={text.train.saveLog}
          onClick={() => saveFile(fileNameOf(name, 'jsonl'), `${lines()}\n`, 'application/jsonl')}
        />
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
      <DataTable
        className="figures departures"
        name={text.train.away}
        rows={run.departures}
        rowKey={({ field }) => field}
        columns={[
          {
            id: 'field',
            head: text.train.field,
            isRowHead: true,
            sort: ({ field }) => text.train.setting(field),
            cell: ({ field }) => <span title={field}>{text.train.setting(field)}</span>,
          },
          { id: 'paper', head: text.train.paperColumn, cell: ({ paper }) => paper },
          { id: 'run', head: text.train.runColumn, cell: (each) => each.run },
          { id: 'reason', head: text.train.reason, cell: ({ reason }) => reason },
        ]}
      />
    </section>
  );
}

/** Why it changed: prevalence, label convention, image, each with its assumption, its interval and what it was judged by. */
import { useMemo } from 'react';
import {
  type Decomposition,
  isSaid,
  isUnseen,
  isWithinNoise,
  SHIFT_ASSUMPTIONS,
  type ShiftCause,
} from '../../core/evaluation/causes.ts';
import { type EvaluationResult, isSettled } from '../../core/evaluation/types.ts';
import { Chart } from '../frame/Chart.tsx';
import { grounds, readersOf } from '../frame/chartLook.ts';
import { DataTable } from '../frame/DataTable.tsx';
import { percent, signed, text } from '../text.ts';
import { type CauseRow, causeSpec } from './charts.ts';
import { CheckpointName } from './Gaps.tsx';
import { intervalText } from './Grid.tsx';

const CAUSES: readonly ShiftCause[] = ['prevalence', 'convention', 'image'];

export function Causes({ result }: { result: EvaluationResult }) {
  const { decompositions = [] } = result;
  if (decompositions.length === 0) return null;
  return (
    <section className="block" data-area="causes">
      <h2>{text.analysis.causes}</h2>
      <p className="muted">{text.analysis.causesHint(result.sharedLabels.length)}</p>
      <DataTable className="figures causes" name={text.analysis.causes}>
        <thead>
          <tr>
            <th scope="col">{text.evaluate.checkpoint}</th>
            <th scope="col">{text.evaluate.change}</th>
            {CAUSES.map((cause) => (
              <th key={cause} scope="col" title={SHIFT_ASSUMPTIONS[cause]}>
                {text.analysis.cause[cause]}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {decompositions.map((each) => (
            <Row key={`${each.fromCheckpointId} ${each.checkpointId}`} result={result} each={each} />
          ))}
        </tbody>
      </DataTable>
      <CauseChart result={result} />
      <ul className="assumptions muted">
        {CAUSES.map((cause) => (
          <li key={cause}>{SHIFT_ASSUMPTIONS[cause]}</li>
        ))}
      </ul>
      <details>
        <summary>{text.analysis.evidence}</summary>
        <Evidence result={result} />
        <Habits result={result} />
      </details>
    </section>
  );
}

function Row({ result, each }: { result: EvaluationResult; each: Decomposition }) {
  const { checkpointId, fromCheckpointId, change, interval = null, parts } = each;
  return (
    <tr>
      <th scope="row">
        {fromCheckpointId === null ? null : (
          <>
            <CheckpointName result={result} id={fromCheckpointId} /> →{' '}
          </>
        )}
        <CheckpointName result={result} id={checkpointId} />
      </th>
      <td className={isSettled(interval) ? 'settled' : ''}>
        {signed(change)}
        <div className="muted small">{intervalText(interval, signed)}</div>
        {isWithinNoise(each) ? <div className="small">{text.analysis.withinNoise}</div> : null}
      </td>
      {parts.map((part) => (
        <Part key={part.cause} part={part} said={isSaid(each, part)} />
      ))}
    </tr>
  );
}

function Part({ part, said }: { part: Decomposition['parts'][number]; said: boolean }) {
  const { value, interval, share = null, shareRange = null } = part;
  if (isUnseen(part)) {
    return (
      <td>
        <span className="muted">{text.analysis.partUnseen}</span>
      </td>
    );
  }
  if (!said) {
    return (
      <td>
        <span className="muted">{text.analysis.partNotSettled}</span>
        <div className="muted small">{intervalText(interval, signed)}</div>
      </td>
    );
  }
  return (
    <td className={isSettled(interval) ? 'settled' : ''}>
      {signed(value)}
      <div className="muted small">{intervalText(interval, signed)}</div>
      {share === null ? null : <div className="small">{text.analysis.ofTheChange(share, shareRange)}</div>}
    </td>
  );
}

/** Only what is said in the table is drawn. */
function CauseChart({ result }: { result: EvaluationResult }) {
  const { decompositions = [] } = result;
  const rows = useMemo(() => causeRowsOf(result), [result]);
  const specs = useMemo(() => {
    const changes = [...new Set(rows.map(({ change }) => change))];
    const causes = CAUSES.map((cause) => text.analysis.cause[cause]);
    return grounds((ground) => causeSpec(changes, causes, ground));
  }, [rows]);
  if (rows.length === 0 || decompositions.length === 0) return null;
  return <Chart {...specs} rows={rows} label={text.analysis.causesChart} />;
}

export function causeRowsOf({ decompositions = [], checkpoints }: EvaluationResult): CauseRow[] {
  const readers = readersOf(checkpoints);
  const name = (id: string) => readers.find((each) => each.id === id)?.name ?? id;
  return decompositions.flatMap((each) => {
    const { fromCheckpointId: from, checkpointId: to } = each;
    const change = from === null ? name(to) : text.evaluate.stepOf(name(from), name(to));
    return each.parts
      .filter((part) => isSaid(each, part) && !isUnseen(part))
      .map(({ cause, value, interval }) => ({
        ...{ change, cause: text.analysis.cause[cause], value },
        ...{ low: interval?.low ?? null, high: interval?.high ?? null, settled: isSettled(interval) },
      }));
  });
}

function Evidence({ result }: { result: EvaluationResult }) {
  const { evidence = [] } = result;
  const name = (id: string) => result.datasets.find((each) => each.id === id)?.name ?? id;
  return (
    <>
      <p className="muted">{text.analysis.evidenceHint}</p>
      <DataTable className="figures" name={`${text.analysis.causes} 2`}>
        <thead>
          <tr>
            <th scope="col">{text.compare.label}</th>
            <th scope="col">{text.analysis.share(name(result.sourceDatasetId))}</th>
            <th scope="col">{text.analysis.share(name(result.targetDatasetId))}</th>
            <th scope="col">{text.analysis.confirmed}</th>
            <th scope="col">{text.analysis.truthMoved}</th>
            <th scope="col">{text.analysis.answersMoved}</th>
          </tr>
        </thead>
        <tbody>
          {evidence.map((each) => (
            <tr key={each.label}>
              <th scope="row">{each.label}</th>
              <td>{percent(each.sourcePrevalence)}</td>
              <td>{percent(each.targetPrevalence)}</td>
              <td>{percent(each.confirmedPrevalence)}</td>
              <td>{each.truthMoved.toFixed(4)}</td>
              <td>{each.answersMoved.toFixed(4)}</td>
            </tr>
          ))}
        </tbody>
      </DataTable>
    </>
  );
}

function Habits({ result }: { result: EvaluationResult }) {
  const { habits = [] } = result;
  if (habits.length === 0) return null;
  const name = (id: string) => result.datasets.find((each) => each.id === id)?.name ?? id;
  const target = name(result.targetDatasetId);
  return (
    <>
      <h3>{text.analysis.habits}</h3>
      <p className="muted">{text.analysis.habitsHint}</p>
      <DataTable className="figures" name={text.analysis.habits}>
        <thead>
          <tr>
            <th scope="col">{text.analysis.pair}</th>
            <th scope="col">{text.analysis.truthAt(name(result.sourceDatasetId))}</th>
            <th scope="col">{text.analysis.truthAt(target)}</th>
            {result.checkpoints.map(({ id }) => (
              <th key={id} scope="col">
                <CheckpointName result={result} id={id} /> {text.evaluate.at(target)}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {habits.map(({ given, also, source, target: there, answers }) => (
            <tr key={`${given} ${also}`}>
              <th scope="row">{text.analysis.pairOf(given, also)}</th>
              <td>{percent(source)}</td>
              <td>{percent(there)}</td>
              {answers.map(({ checkpointId, share }) => (
                <td key={checkpointId}>{share === null ? '–' : percent(share)}</td>
              ))}
            </tr>
          ))}
        </tbody>
      </DataTable>
    </>
  );
}

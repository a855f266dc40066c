/** Why it changed: prevalence, label convention, image, each with its assumption, its interval and what it was judged by. */
import {
  type Decomposition,
  type EvaluationResult,
  isSaid,
  isSettled,
  isUnseen,
  isWithinNoise,
  SHIFT_ASSUMPTIONS,
  type ShiftCause,
} from '../../core/evaluation/types.ts';
import { DataTable } from '../frame/DataTable.tsx';
import { percent, signed, text } from '../text.ts';
import { CheckpointName } from './Gaps.tsx';
import { intervalText } from './Grid.tsx';

const CAUSES: readonly ShiftCause[] = ['prevalence', 'convention', 'image'];

export function Causes({ result }: { result: EvaluationResult }) {
  const { decompositions = [] } = result;
  if (decompositions.length === 0) return null;
  const widest = Math.max(...decompositions.flatMap(({ parts }) => parts.map(({ value }) => Math.abs(value))), 0.01);
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
            <Row key={`${each.fromCheckpointId} ${each.checkpointId}`} result={result} each={each} widest={widest} />
          ))}
        </tbody>
      </DataTable>
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

function Row({ result, each, widest }: { result: EvaluationResult; each: Decomposition; widest: number }) {
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
        <Part key={part.cause} part={part} said={isSaid(each, part)} widest={widest} />
      ))}
    </tr>
  );
}

function Part({ part, said, widest }: { part: Decomposition['parts'][number]; said: boolean; widest: number }) {
  const { value, interval, share = null, shareInterval = null } = part;
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
      <span className="part-number">{signed(value)}</span>
      <Bar value={value} widest={widest} />
      <div className="muted small">{intervalText(interval, signed)}</div>
      {share === null ? null : <div className="small">{text.analysis.ofTheChange(share, shareInterval)}</div>}
    </td>
  );
}

const BAR = 96;

/** From the middle: losses to the left, gains to the right. */
function Bar({ value, widest }: { value: number; widest: number }) {
  const length = (Math.abs(value) / widest) * (BAR / 2);
  return (
    <svg className="part-bar" width={BAR} height={8} aria-hidden="true">
      <line x1={BAR / 2} x2={BAR / 2} y1={0} y2={8} className="tick" />
      <rect x={value < 0 ? BAR / 2 - length : BAR / 2} y={1} width={length} height={6} />
    </svg>
  );
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

/** Why it changed: prevalence, label convention, image, each with its assumption, its interval and what it was judged by. */
import { type ReactNode, useMemo } from 'react';
import {
  type Decomposition,
  isSaid,
  isUnseen,
  isWithinNoise,
  type LabelHabit,
  SHIFT_ASSUMPTIONS,
  type ShiftCause,
  type ShiftEvidence,
} from '../../core/evaluation/causes.ts';
import { type EvaluationResult, isSettled } from '../../core/evaluation/types.ts';
import { Chart } from '../frame/Chart.tsx';
import { grounds, readersOf } from '../frame/chartLook.ts';
import { type Column, DataTable } from '../frame/DataTable.tsx';
import { percent, signed, text } from '../text.ts';
import { type CauseRow, causeSpec } from './charts.ts';
import { labelColumn } from './columns.ts';
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
      <DataTable
        className="figures causes"
        name={text.analysis.causes}
        rows={decompositions}
        rowKey={({ fromCheckpointId, checkpointId }) => `${fromCheckpointId} ${checkpointId}`}
        columns={[
          {
            id: 'checkpoint',
            head: text.evaluate.checkpoint,
            isRowHead: true,
            cell: ({ fromCheckpointId, checkpointId }) => (
              <>
                {fromCheckpointId === null ? null : (
                  <>
                    <CheckpointName result={result} id={fromCheckpointId} /> →{' '}
                  </>
                )}
                <CheckpointName result={result} id={checkpointId} />
              </>
            ),
          },
          {
            id: 'change',
            head: text.evaluate.change,
            sort: ({ change }) => change,
            cell: (each) => <Whole each={each} />,
            cellClassName: ({ interval = null }) => (isSettled(interval) ? 'settled' : ''),
          },
          ...CAUSES.map((cause): Column<Decomposition> => {
            const of = (each: Decomposition) => each.parts.find((part) => part.cause === cause);
            return {
              id: cause,
              head: text.analysis.cause[cause],
              hint: SHIFT_ASSUMPTIONS[cause],
              sort: (each) => of(each)?.value,
              cell: (each) => <PartOf each={each} part={of(each)} />,
              cellClassName: (each) => (isStrong(each, of(each)) ? 'settled' : ''),
            };
          }),
        ]}
      />
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

function Whole({ each }: { each: Decomposition }) {
  const { change, interval = null } = each;
  return (
    <>
      {signed(change)}
      <div className="muted small">{intervalText(interval, signed)}</div>
      {isWithinNoise(each) ? <div className="small">{text.analysis.withinNoise}</div> : null}
    </>
  );
}

type Part = Decomposition['parts'][number];

function isStrong(each: Decomposition, part: Part | undefined): boolean {
  return part !== undefined && !isUnseen(part) && isSaid(each, part) && isSettled(part.interval);
}

function PartOf({ each, part }: { each: Decomposition; part: Part | undefined }) {
  if (!part) return null;
  const { value, interval, share = null, shareRange = null } = part;
  if (isUnseen(part)) return <span className="muted">{text.analysis.partUnseen}</span>;
  const range = <div className="muted small">{intervalText(interval, signed)}</div>;
  if (!isSaid(each, part)) {
    return (
      <>
        <span className="muted">{text.analysis.partNotSettled}</span>
        {range}
      </>
    );
  }
  return (
    <>
      {signed(value)}
      {range}
      {share === null ? null : <div className="small">{text.analysis.ofTheChange(share, shareRange)}</div>}
    </>
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

function shareColumn<Row>(id: string, head: ReactNode, of: (row: Row) => number | null, name?: string): Column<Row> {
  const cell = (row: Row) => {
    const share = of(row);
    return share === null ? '–' : percent(share);
  };
  return { id, head, name, sort: of, cell };
}

function nats(id: string, head: string, of: (evidence: ShiftEvidence) => number): Column<ShiftEvidence> {
  return { id, head, sort: of, cell: (each) => of(each).toFixed(4) };
}

function Evidence({ result }: { result: EvaluationResult }) {
  const { evidence = [] } = result;
  const name = (id: string) => result.datasets.find((each) => each.id === id)?.name ?? id;
  return (
    <>
      <p className="muted">{text.analysis.evidenceHint}</p>
      <DataTable
        className="figures"
        name={`${text.analysis.causes} 2`}
        rows={evidence}
        rowKey={({ label }) => label}
        columns={[
          labelColumn(),
          shareColumn<ShiftEvidence>(
            'source',
            text.analysis.share(name(result.sourceDatasetId)),
            (each) => each.sourcePrevalence,
          ),
          shareColumn<ShiftEvidence>(
            'target',
            text.analysis.share(name(result.targetDatasetId)),
            (each) => each.targetPrevalence,
          ),
          shareColumn<ShiftEvidence>('confirmed', text.analysis.confirmed, (each) => each.confirmedPrevalence),
          nats('truth', text.analysis.truthMoved, (each) => each.truthMoved),
          nats('answers', text.analysis.answersMoved, (each) => each.answersMoved),
        ]}
      />
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
      <DataTable
        className="figures"
        name={text.analysis.habits}
        rows={habits}
        rowKey={({ given, also }) => `${given} ${also}`}
        columns={[
          {
            id: 'pair',
            head: text.analysis.pair,
            isRowHead: true,
            sort: ({ given, also }) => text.analysis.pairOf(given, also),
            cell: ({ given, also }) => text.analysis.pairOf(given, also),
          },
          shareColumn<LabelHabit>('source', text.analysis.truthAt(name(result.sourceDatasetId)), (each) => each.source),
          shareColumn<LabelHabit>('target', text.analysis.truthAt(target), (each) => each.target),
          ...result.checkpoints.map(({ id, name: words }) =>
            shareColumn<LabelHabit>(
              id,
              <>
                <CheckpointName result={result} id={id} /> {text.evaluate.at(target)}
              </>,
              ({ answers }) => answers.find(({ checkpointId }) => checkpointId === id)?.share ?? null,
              words,
            ),
          ),
        ]}
      />
    </>
  );
}

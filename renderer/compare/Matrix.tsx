/** Labels by checkpoint, beside the ground truth; rows on which the two looked at differ are marked. */

import type { Reading } from '../../core/findings/types.ts';
import { CHEXPERT_LABELS, type Label, type LabelValues } from '../../core/labels/labels.ts';
import type { Checkpoint, FilmEntry, ReaderFindings } from '../../core/services/contract.ts';
import { useFrom, useWorkbench } from '../frame/context.ts';
import { type Column, DataTable } from '../frame/DataTable.tsx';
import { Eye, EyeOff } from '../frame/icons.ts';
import { IconButton, RoleDot } from '../frame/parts.tsx';
import { readingOfReader } from '../state/reader.ts';
import { answerOf, type ReadingState, samplesOf } from '../state/reading.ts';
import { text } from '../text.ts';
import { type CellMark, MarkShape } from './Mark.tsx';
import { changeOf, markOf } from './matrix.ts';
import { countOf, probabilityOf } from './Samples.tsx';

/** With more checkpoints than these the columns are narrow, so that all of them stay in view. */
const ROOMY_COLUMNS = 4;
const LEGEND: CellMark[] = ['hit', 'false-alarm', 'miss', 'rest', 'said'];
const LEGEND_WITHOUT_TRUTH: CellMark[] = ['said'];

export function Matrix(props: {
  entry: FilmEntry | null;
  usable: Checkpoint[];
  active: Checkpoint;
  previous: Checkpoint | null;
}) {
  const { entry, usable, active, previous } = props;
  const { reading, reader } = useWorkbench();
  const state = useFrom(reading, (all) => all);
  const findings = useFrom(reader, (all) => (entry ? (all.stored[entry.id] ?? null) : null));
  const truth = state.showTruth ? (entry?.truth ?? null) : null;
  const [from, to] = [previous ?? active, active].sort((a, b) => usable.indexOf(a) - usable.indexOf(b));
  const readings = new Map(usable.map(({ id }) => [id, readingOf(state, id)]));
  const change = (label: Label) => changeOf(label, readings.get(from.id) ?? null, readings.get(to.id) ?? null);
  const columns: Column<Label>[] = [
    {
      id: 'label',
      head: text.compare.label,
      headClassName: 'label-head',
      isRowHead: true,
      cell: (label) => <span title={label}>{label}</span>,
    },
    ...usable.map(
      (checkpoint, index): Column<Label> => ({
        id: checkpoint.id,
        name: checkpoint.name,
        className: `role-${checkpoint.role}${checkpoint.id === active.id ? ' active' : ''}`,
        head: (
          <ColumnHead
            checkpoint={checkpoint}
            name={shortName(checkpoint, usable)}
            position={index + 1}
            current={checkpoint.id === active.id}
          />
        ),
        cell: (label) => (
          <>
            <MarkShape mark={cellMark(label, checkpoint.id, truth, state)} />
            <Certainty label={label} checkpointId={checkpoint.id} state={state} />
          </>
        ),
      }),
    ),
  ];
  if (findings) columns.push(readerColumn(findings, truth, reader.edit));
  columns.push(
    {
      id: 'truth',
      name: text.truth,
      className: 'role-truth',
      head: (
        <>
          {text.truth}
          <IconButton
            title={state.showTruth ? text.compare.hideTruth : text.compare.showTruth}
            keys="T"
            onClick={reading.toggleTruth}
          >
            {state.showTruth ? <Eye size={13} /> : <EyeOff size={13} />}
          </IconButton>
        </>
      ),
      cell: (label) => <MarkShape mark={state.showTruth ? truthMark(truth, label) : 'hidden'} />,
    },
    {
      id: 'change',
      name: text.compare.change,
      hint: text.compare.changeOf(from.name, to.name),
      headClassName: 'change-head',
      head: (
        <>
          <span aria-hidden="true">±</span>
          <span className="only-spoken">{text.compare.change}</span>
        </>
      ),
      cellClassName: () => `change role-${to.role}`,
      cell: (label) => (change(label) === 'same' ? '' : <Change gained={change(label) === 'gained'} to={to} />),
    },
  );
  return (
    <div className="matrix-box">
      <DataTable
        className={usable.length > ROOMY_COLUMNS ? 'matrix many' : 'matrix'}
        name={text.compare.matrix}
        label={text.compare.matrix}
        rows={CHEXPERT_LABELS}
        rowKey={(label) => label}
        rowProps={(label) => ({
          className: `${state.hovered.includes(label) ? 'hovered' : ''}${change(label) === 'same' ? '' : ' differs'}`,
          'data-label': label,
          onMouseEnter: () => reading.hover([label]),
          onMouseLeave: () => reading.hover(),
        })}
        columns={columns}
      />
      <Legend marks={truth ? LEGEND : LEGEND_WITHOUT_TRUTH} />
    </div>
  );
}

function readerColumn(findings: ReaderFindings, truth: LabelValues | null, edit: () => void): Column<Label> {
  return {
    id: 'reader',
    name: text.reader.column,
    className: 'role-reader',
    headClassName: 'reader-head',
    head: (
      <button
        type="button"
        className="column-head"
        title={text.reader.when(findings.blinded, findings.seconds)}
        onClick={edit}
      >
        {text.reader.column}
      </button>
    ),
    cell: (label) => <MarkShape mark={readerMark(label, findings, truth)} />,
  };
}

function ColumnHead(props: { checkpoint: Checkpoint; name: string; position: number; current: boolean }) {
  const { checkpoint, name, position, current } = props;
  const { reading } = useWorkbench();
  return (
    <button
      type="button"
      className="column-head"
      aria-pressed={current}
      title={`${text.compare.active(checkpoint.name)}  (${position})`}
      onClick={() => reading.activate(checkpoint.id)}
    >
      <RoleDot role={checkpoint.role} />
      <span className="column-name" data-name={name}>
        {name}
      </span>
    </button>
  );
}

/** The role, where it is enough to tell the checkpoint from the others. */
function shortName(checkpoint: Checkpoint, usable: Checkpoint[]): string {
  const alone = usable.filter((each) => each.role === checkpoint.role).length === 1;
  return alone && checkpoint.role !== 'other' ? text.roles[checkpoint.role] : checkpoint.name;
}

function Change({ gained, to }: { gained: boolean; to: Checkpoint }) {
  const title = gained ? text.compare.gained(to.name) : text.compare.lost(to.name);
  return (
    <span title={title}>
      <span aria-hidden="true">{gained ? '+' : '−'}</span>
      <span className="only-spoken">{title}</span>
    </span>
  );
}

/** Beside the mark: how often the label stands in the samples; where none were drawn, its probability. */
function Certainty({ label, checkpointId, state }: { label: Label; checkpointId: string; state: ReadingState }) {
  const sampled = samplesOf(state, checkpointId);
  const answer = answerOf(state, checkpointId);
  const probability = probabilityOf(answer.state === 'answered' ? answer.prediction : null, label);
  const count = countOf(sampled, label);
  if (sampled && count > 0)
    return <span className="certainty">{text.compare.frequency(count, sampled.predictions.length)}</span>;
  if (sampled || probability === null) return null;
  return (
    <span className="certainty" title={text.compare.probability(probability)}>
      {probability.toFixed(2).replace(/^0/, '')}
    </span>
  );
}

function readerMark(label: Label, findings: ReaderFindings, truth: LabelValues | null): CellMark {
  return findings.findings[label] === -1 ? 'uncertain' : markOf(label, readingOfReader(findings), truth);
}

function readingOf(state: ReadingState, checkpointId: string): Reading | null {
  const answer = answerOf(state, checkpointId);
  return answer.state === 'answered' ? answer.prediction.reading : null;
}

function cellMark(label: Label, checkpointId: string, truth: LabelValues | null, state: ReadingState): CellMark {
  const answer = answerOf(state, checkpointId);
  if (answer.state === 'asking') return 'asking';
  return answer.state === 'answered' ? markOf(label, answer.prediction.reading, truth) : 'none';
}

function truthMark(truth: LabelValues | null, label: Label): CellMark {
  const value = truth?.[label] ?? null;
  if (value === 1) return 'yes';
  if (value === 0) return 'no';
  return value === -1 ? 'uncertain' : 'silent';
}

function Legend({ marks }: { marks: CellMark[] }) {
  return (
    <ul className="legend" aria-label={text.compare.legend}>
      {marks.map((mark) => (
        <li key={mark}>
          <MarkShape mark={mark} />
          <span aria-hidden="true">{text.compare.marks[mark as keyof typeof text.compare.marks]}</span>
        </li>
      ))}
    </ul>
  );
}

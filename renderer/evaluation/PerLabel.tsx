/** Label by label: F1 at source and target for every checkpoint, drawn and in numbers, and the films behind them. */
import { useMemo } from 'react';
import type { EvaluationCell, EvaluationResult, LabelFigures } from '../../core/evaluation/types.ts';
import { CHEXPERT_LABELS, type Label } from '../../core/labels/labels.ts';
import { useFrom, useWorkbench } from '../frame/context.ts';
import { type Column, DataTable } from '../frame/DataTable.tsx';
import type { Outcome } from '../state/evaluating.ts';
import { count, score, signed, text } from '../text.ts';
import { Forest, labelAt } from './Forest.tsx';
import { CheckpointName } from './Gaps.tsx';

export function PerLabel({ result }: { result: EvaluationResult }) {
  const { evaluating } = useWorkbench();
  const labels = useFrom(evaluating, (state) => state.labels);
  const chosen = useFrom(evaluating, (state) => state.label);
  const shown = useMemo(() => (labels === 'shared' ? result.sharedLabels : allLabels(result)), [labels, result]);
  return (
    <section className="block whole-width">
      <div className="row">
        <h2>{text.evaluate.perLabel}</h2>
        <fieldset className="switch" aria-label={text.evaluate.labelChoice}>
          {(['shared', 'own'] as const).map((choice) => (
            <button
              key={choice}
              type="button"
              aria-pressed={labels === choice}
              onClick={() => evaluating.chooseLabels(choice)}
            >
              {choice === 'shared' ? text.evaluate.sharedChoice : text.evaluate.ownChoice}
            </button>
          ))}
        </fieldset>
      </div>
      <p className="muted small">{text.evaluate.perLabelHint}</p>
      <div className="per-label">
        <Forest result={result} labels={shown} />
        <LabelTable result={result} shown={shown} chosen={chosen} />
        {chosen && <Behind result={result} label={chosen} />}
      </div>
    </section>
  );
}

function allLabels(result: EvaluationResult): Label[] {
  return CHEXPERT_LABELS.filter((label) => result.datasets.some((dataset) => dataset.labels.includes(label)));
}

/** F1 of every checkpoint at both ends, and each label's part of its change. */
function LabelTable(props: { result: EvaluationResult; shown: readonly Label[]; chosen: Label | null }) {
  const { result, shown, chosen } = props;
  const { evaluating } = useWorkbench();
  const columns = useMemo((): Column<Label>[] => {
    const name: Column<Label> = {
      id: 'label',
      head: text.compare.label,
      isRowHead: true,
      sort: (label) => label,
      cell: (label) => <LabelButton label={label} />,
    };
    return [name, ...result.checkpoints.flatMap((checkpoint) => checkpointColumns(result, checkpoint.id))];
  }, [result]);
  return (
    <DataTable
      className="figures labels"
      name={text.evaluate.perLabel}
      rows={shown}
      rowKey={(label) => label}
      rowProps={(label) => ({
        className: label === chosen ? 'chosen' : '',
        onDoubleClick: () => evaluating.chooseLabel(label),
      })}
      columns={columns}
    />
  );
}

function LabelButton({ label }: { label: Label }) {
  const { evaluating } = useWorkbench();
  const chosen = useFrom(evaluating, (state) => state.label === label);
  return (
    <button
      type="button"
      className="number"
      aria-pressed={chosen}
      onClick={() => evaluating.chooseLabel(chosen ? null : label)}
    >
      {label}
    </button>
  );
}

function checkpointColumns(result: EvaluationResult, checkpointId: string): Column<Label>[] {
  const group = { id: `of ${checkpointId}`, head: <CheckpointName result={result} id={checkpointId} /> };
  const f1 = (side: 'source' | 'target'): Column<Label> => {
    const datasetId = side === 'source' ? result.sourceDatasetId : result.targetDatasetId;
    const of = (label: Label) => labelAt(result, datasetId, checkpointId, label)?.f1;
    const cell = (label: Label) => {
      const value = of(label);
      return value === undefined ? <span className="muted">–</span> : score(value);
    };
    const dataset = result.datasets.find(({ id }) => id === datasetId)?.name ?? datasetId;
    const hint = text.evaluate.f1At(dataset);
    return { id: `${side} ${checkpointId}`, head: text.evaluate.ends[side], hint, group, sort: of, cell };
  };
  const gap = result.gaps.find((each) => each.labelSet === 'shared' && each.checkpointId === checkpointId);
  const both = result.datasets.length > 1 ? [f1('source'), f1('target')] : [f1('source')];
  if (!gap || gap.contributions.length === 0) return both;
  const part = (label: Label) => gap.contributions.find((each) => each.label === label)?.contribution;
  return [
    ...both,
    {
      id: `part ${checkpointId}`,
      head: text.evaluate.contribution,
      hint: text.evaluate.contributionHint,
      group,
      sort: part,
      cell: (label) => {
        const value = part(label);
        return value === undefined ? '' : signed(value);
      },
    },
  ];
}

/** Right, wrong and missed films of one label, by data set and checkpoint; each count opens its films in Read. */
function Behind({ result, label }: { result: EvaluationResult; label: Label }) {
  return (
    <section className="behind" aria-label={text.evaluate.behind(label)}>
      <h3>{text.evaluate.behind(label)}</h3>
      {result.datasets.map((dataset) => (
        <div key={dataset.id}>
          <h3>{dataset.name}</h3>
          <DataTable
            className="figures"
            name={`${text.evaluate.behind(label)} ${dataset.name}`}
            rows={result.cells.filter((cell) => cell.datasetId === dataset.id)}
            rowKey={({ checkpointId }) => checkpointId}
            columns={[
              {
                id: 'checkpoint',
                head: text.evaluate.checkpoint,
                isRowHead: true,
                cell: ({ checkpointId }) => <CheckpointName result={result} id={checkpointId} />,
              },
              {
                id: 'f1',
                head: 'F1',
                sort: (cell) => figuresOf(cell, label)?.f1,
                cell: (cell) => {
                  const figures = figuresOf(cell, label);
                  return figures ? score(figures.f1) : <span className="muted">{text.evaluate.notScored}</span>;
                },
              },
              ...OUTCOMES.map(
                (outcome): Column<EvaluationCell> => ({
                  id: outcome,
                  head: text.evaluate.outcomes[outcome],
                  sort: (cell) => figuresOf(cell, label)?.[outcome],
                  cell: (cell) => (
                    <OutcomeButton result={result} cell={cell} label={label} dataset={dataset.name} outcome={outcome} />
                  ),
                }),
              ),
            ]}
          />
        </div>
      ))}
    </section>
  );
}

const OUTCOMES = ['tp', 'fp', 'fn', 'tn'] as const satisfies Outcome[];

function OutcomeButton(props: {
  result: EvaluationResult;
  cell: EvaluationCell;
  label: Label;
  dataset: string;
  outcome: (typeof OUTCOMES)[number];
}) {
  const { result, cell, label, dataset, outcome } = props;
  const { evaluating } = useWorkbench();
  const { datasetId, checkpointId } = cell;
  const figures = figuresOf(cell, label);
  if (!figures) return null;
  const name = result.checkpoints.find((each) => each.id === checkpointId)?.name ?? '';
  const title = text.evaluate.outcomeFilms(label, name, dataset, text.evaluate.outcomes[outcome]);
  return (
    <button
      type="button"
      className="number"
      title={title}
      disabled={figures[outcome] === 0}
      onClick={() => void evaluating.films(title, { datasetId, checkpointId, label, outcome })}
    >
      {count(figures[outcome])}
    </button>
  );
}

/** A label's figures on a data set, from its own labels or, where it is not among them, from the shared ones. */
export function figuresOf(cell: EvaluationCell, label: Label): LabelFigures | undefined {
  const named = (figures: LabelFigures) => figures.label === label;
  return cell.own.labels.find(named) ?? cell.shared.labels.find(named);
}

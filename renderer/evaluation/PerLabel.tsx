/** Label by label: F1 at source and target for every checkpoint, drawn and in numbers, and the films behind them. */
import { useMemo } from 'react';
import type { EvaluationCell, EvaluationResult, LabelFigures } from '../../core/evaluation/types.ts';
import { CHEXPERT_LABELS, type Label } from '../../core/labels/labels.ts';
import { useFrom, useWorkbench } from '../frame/context.ts';
import { DataTable } from '../frame/DataTable.tsx';
import type { Outcome } from '../state/evaluating.ts';
import { count, score, signed, text } from '../text.ts';
import { Forest } from './Forest.tsx';
import { CheckpointName } from './Gaps.tsx';

export function PerLabel({ result }: { result: EvaluationResult }) {
  const { evaluating } = useWorkbench();
  const labels = useFrom(evaluating, (state) => state.labels);
  const chosen = useFrom(evaluating, (state) => state.label);
  const shown = useMemo(() => (labels === 'shared' ? result.sharedLabels : allLabels(result)), [labels, result]);
  return (
    <section className="block">
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
      <Forest result={result} labels={shown} />
      <p className="muted small">{text.evaluate.perLabelHint}</p>
      <div className="per-label">
        <LabelTable result={result} shown={shown} chosen={chosen} />
        {chosen && <Behind result={result} label={chosen} />}
      </div>
    </section>
  );
}

function allLabels(result: EvaluationResult): Label[] {
  return CHEXPERT_LABELS.filter((label) => result.datasets.some((dataset) => dataset.labels.includes(label)));
}

function LabelTable(props: { result: EvaluationResult; shown: readonly Label[]; chosen: Label | null }) {
  const { result, shown, chosen } = props;
  const { evaluating } = useWorkbench();
  const withParts = result.gaps.filter((gap) => gap.labelSet === 'shared' && gap.contributions.length > 0);
  return (
    <DataTable className="figures labels" name={text.evaluate.perLabel}>
      <thead>
        {withParts.length > 0 && (
          <tr>
            <td />
            <th colSpan={withParts.length} scope="colgroup" title={text.evaluate.contributionHint}>
              {text.evaluate.contribution}
            </th>
          </tr>
        )}
        <tr>
          <th scope="col">{text.compare.label}</th>
          {withParts.map((gap) => (
            <th key={gap.checkpointId} scope="col">
              <CheckpointName result={result} id={gap.checkpointId} />
            </th>
          ))}
        </tr>
      </thead>
      <tbody>
        {shown.map((label) => (
          <tr key={label} className={label === chosen ? 'chosen' : ''}>
            <th scope="row">
              <button
                type="button"
                className="number"
                aria-pressed={label === chosen}
                onClick={() => evaluating.chooseLabel(label === chosen ? null : label)}
              >
                {label}
              </button>
            </th>
            {withParts.map((gap) => {
              const part = gap.contributions.find((each) => each.label === label);
              return <td key={gap.checkpointId}>{part ? signed(part.contribution) : ''}</td>;
            })}
          </tr>
        ))}
      </tbody>
    </DataTable>
  );
}

/** Right, wrong and missed films of one label, by data set and checkpoint; each count opens its films in Read. */
function Behind({ result, label }: { result: EvaluationResult; label: Label }) {
  return (
    <section className="behind" aria-label={text.evaluate.behind(label)}>
      <h3>{text.evaluate.behind(label)}</h3>
      {result.datasets.map((dataset) => (
        <div key={dataset.id}>
          <h3>{dataset.name}</h3>
          <DataTable className="figures" name={`${text.evaluate.behind(label)} ${dataset.name}`}>
            <thead>
              <tr>
                <th scope="col">{text.evaluate.checkpoint}</th>
                <th scope="col">F1</th>
                {OUTCOMES.map((outcome) => (
                  <th key={outcome} scope="col">
                    {text.evaluate.outcomes[outcome]}
                  </th>
                ))}
              </tr>
            </thead>
            <tbody>
              {result.cells
                .filter((cell) => cell.datasetId === dataset.id)
                .map((cell) => (
                  <BehindRow key={cell.checkpointId} result={result} cell={cell} label={label} dataset={dataset.name} />
                ))}
            </tbody>
          </DataTable>
        </div>
      ))}
    </section>
  );
}

const OUTCOMES = ['tp', 'fp', 'fn', 'tn'] as const satisfies Outcome[];

function BehindRow(props: { result: EvaluationResult; cell: EvaluationCell; label: Label; dataset: string }) {
  const { result, cell, label, dataset } = props;
  const { evaluating } = useWorkbench();
  const figures = figuresOf(cell, label);
  const name = result.checkpoints.find((each) => each.id === cell.checkpointId)?.name ?? '';
  const { datasetId, checkpointId } = cell;
  return (
    <tr>
      <th scope="row">
        <CheckpointName result={result} id={cell.checkpointId} />
      </th>
      {figures ? (
        <>
          <td>{score(figures.f1)}</td>
          {OUTCOMES.map((outcome) => {
            const title = text.evaluate.outcomeFilms(label, name, dataset, text.evaluate.outcomes[outcome]);
            return (
              <td key={outcome}>
                <button
                  type="button"
                  className="number"
                  title={title}
                  disabled={figures[outcome] === 0}
                  onClick={() => void evaluating.films(title, { datasetId, checkpointId, label, outcome })}
                >
                  {count(figures[outcome])}
                </button>
              </td>
            );
          })}
        </>
      ) : (
        <td colSpan={5} className="muted">
          {text.evaluate.notScored}
        </td>
      )}
    </tr>
  );
}

/** A label's figures on a data set, from its own labels or, where it is not among them, from the shared ones. */
export function figuresOf(cell: EvaluationCell, label: Label): LabelFigures | undefined {
  const named = (figures: LabelFigures) => figures.label === label;
  return cell.own.labels.find(named) ?? cell.shared.labels.find(named);
}

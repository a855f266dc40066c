/** Data sets by checkpoints: macro-F1 with its interval, unreadable answers, and how far the reading is. */
import type { EvaluationCell, EvaluationResult, Interval } from '../../core/evaluation/types.ts';
import type { EvaluationProgress } from '../../core/services/contract.ts';
import { useFrom, useWorkbench } from '../frame/context.ts';
import { type Column, DataTable } from '../frame/DataTable.tsx';
import { ProgressBar, pauseText, RoleDot } from '../frame/parts.tsx';
import { evaluationJob } from '../state/evaluating.ts';
import { score, text } from '../text.ts';

type ProgressCell = EvaluationProgress['cells'][number];

export function Grid({ result, progress }: { result: EvaluationResult | null; progress: EvaluationProgress | null }) {
  const { library, checkpoints, frame } = useWorkbench();
  const pausing = pauseText(useFrom(frame, ({ jobs }) => evaluationJob(jobs)));
  const collections = useFrom(library, (state) => state.collections);
  const list = useFrom(checkpoints, (state) => state.list);
  const cells: { datasetId: string; checkpointId: string }[] = progress ? progress.cells : (result?.cells ?? []);
  const datasetIds = [...new Set(cells.map((cell) => cell.datasetId))];
  const checkpointIds = [...new Set(cells.map((cell) => cell.checkpointId))];
  const nameOf = (id: string) => list.find((each) => each.id === id)?.name ?? id;
  const datasetName = (id: string) => collections.find((each) => each.id === id)?.name ?? id;
  const roleOf = (id: string) => list.find((each) => each.id === id)?.role ?? 'other';
  return (
    <section className="grid-section" aria-label={text.evaluate.grid}>
      <DataTable
        className="grid"
        name={text.evaluate.grid}
        caption={text.evaluate.grid}
        rows={datasetIds}
        rowKey={(id) => id}
        columns={[
          {
            id: 'dataset',
            head: text.evaluate.dataset,
            isRowHead: true,
            cell: (id) => <DatasetHead name={datasetName(id)} datasetId={id} result={result} />,
          },
          ...checkpointIds.map((checkpointId): Column<string> => {
            const of = (datasetId: string) => (cell: { datasetId: string; checkpointId: string }) =>
              cell.datasetId === datasetId && cell.checkpointId === checkpointId;
            const name = nameOf(checkpointId);
            return {
              id: checkpointId,
              name,
              className: `role-${roleOf(checkpointId)}`,
              head: (
                <>
                  <RoleDot role={roleOf(checkpointId)} /> {name}
                </>
              ),
              cell: (datasetId) =>
                progress ? (
                  <RunningCell cell={progress.cells.find(of(datasetId))} name={name} pausing={pausing} />
                ) : (
                  <DoneCell
                    cell={result?.cells.find(of(datasetId))}
                    names={{ name, dataset: datasetName(datasetId) }}
                  />
                ),
            };
          }),
        ]}
      />
      {progress && <Overall progress={progress} pausing={pausing} />}
    </section>
  );
}

function DatasetHead(props: { name: string; datasetId: string; result: EvaluationResult | null }) {
  const dataset = props.result?.datasets.find((each) => each.id === props.datasetId);
  return (
    <>
      <div>{props.name}</div>
      {dataset && (
        <div className="muted small">
          {text.evaluate.parts[dataset.part]} · {text.evaluate.labelSets[dataset.labelSet]} ·{' '}
          {text.evaluate.films(dataset.films, dataset.patients)}
        </div>
      )}
    </>
  );
}

function DoneCell({ cell, names }: { cell?: EvaluationCell; names: { name: string; dataset: string } }) {
  const { evaluating } = useWorkbench();
  if (!cell) return null;
  const { datasetId, checkpointId, own } = cell;
  const cellFilms = text.evaluate.cellFilms(names.name, names.dataset);
  const unreadable = text.evaluate.unreadable(names.name, names.dataset);
  return (
    <div className="grid-cell">
      <button
        type="button"
        className="number big"
        title={cellFilms}
        onClick={() => void evaluating.films(cellFilms, { datasetId, checkpointId })}
      >
        {score(own.macro.f1)}
      </button>
      <div className="muted small">{intervalText(own.macroF1Interval, score)}</div>
      <button
        type="button"
        className="number small"
        title={unreadable}
        disabled={own.failures === 0}
        onClick={() => void evaluating.films(unreadable, { datasetId, checkpointId, outcome: 'failed' })}
      >
        {text.evaluate.failRate(own.failRate)}
      </button>
      <div className="muted small">{text.frame.progress(cell.done, cell.total)}</div>
      {cell.distribution && (
        <div className="muted small" title={text.analysis.distributionHint}>
          {text.analysis.distributions[cell.distribution]}
        </div>
      )}
    </div>
  );
}

function RunningCell({ cell, name, pausing }: { cell?: ProgressCell; name: string; pausing: string }) {
  if (!cell) return null;
  return (
    <div className="grid-cell">
      <span className="big">{cell.macroF1 === null ? '–' : score(cell.macroF1)}</span>
      <ProgressBar progress={{ stage: '', done: cell.done, total: cell.total }} label={name} />
      <div className="muted small">{text.frame.progress(cell.done, cell.total)}</div>
      {pausing && cell.done < cell.total && <div className="small">{pausing}</div>}
      {cell.failures > 0 && <div className="small">{text.evaluate.failRate(cell.failures / cell.done)}</div>}
    </div>
  );
}

function Overall({ progress, pausing }: { progress: EvaluationProgress; pausing: string }) {
  const { rate, secondsLeft } = progress;
  const parts = [
    pausing || progress.stage,
    text.frame.progress(progress.done, progress.total),
    !pausing && rate ? text.evaluate.rate(rate) : '',
    !pausing && typeof secondsLeft === 'number' ? text.frame.left(secondsLeft) : '',
  ];
  return (
    <div className="row overall" role="status">
      <ProgressBar progress={progress} label={text.evaluate.running} />
      <span>{parts.filter(Boolean).join(' · ')}</span>
    </div>
  );
}

export function intervalText(interval: Interval | null, show: (value: number) => string): string {
  return interval ? text.evaluate.interval(interval.low, interval.high, show) : '';
}

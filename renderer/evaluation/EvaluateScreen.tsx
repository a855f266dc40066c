/** Evaluate: what is compared, how far it is, and whether the gain survives; every number leads to its films. */
import type { Progress } from '../../core/base/progress.ts';
import { useFrom, useWorkbench } from '../frame/context.ts';
import { Empty, ErrorBox, ProgressBar } from '../frame/parts.tsx';
import { labelled, runningProgress } from '../state/evaluating.ts';
import { readyValue } from '../state/loading.ts';
import { text } from '../text.ts';
import { AddTable } from './AddTable.tsx';
import { Causes } from './Causes.tsx';
import { Disagreements } from './Disagreements.tsx';
import { Exchange } from './Exchange.tsx';
import { Gaps, Slope } from './Gaps.tsx';
import { Grid } from './Grid.tsx';
import { PerLabel } from './PerLabel.tsx';
import { Power } from './Power.tsx';
import { Probabilities } from './Probabilities.tsx';
import { Setup } from './Setup.tsx';
import { Subgroups } from './Subgroups.tsx';

export function EvaluateScreen() {
  const { evaluating, frame, library } = useWorkbench();
  const state = useFrom(evaluating, (all) => all);
  const jobs = useFrom(frame, (all) => all.jobs);
  const collections = useFrom(library, (all) => all.collections);
  const progress = runningProgress(state, jobs);
  const result = readyValue(state.result);
  const enough = labelled(collections).length >= 2;
  return (
    <div className="evaluate page">
      <Setup />
      {state.table && <AddTable table={state.table} />}
      <Exchange />
      {!enough && <Empty title={text.evaluate.needTwo} hint={text.evaluate.needTwoHint} />}
      {!progress && <Incomplete />}
      {result && !progress && <p className="headline">{result.headline}</p>}
      {result &&
        !progress &&
        result.warnings?.map((warning) => (
          <p key={warning} className="data-warning">
            {warning}
          </p>
        ))}
      {(result || progress) && (
        <div className="grid-and-slope">
          <Grid result={result} progress={progress} />
          {result && !progress && <Slope result={result} />}
        </div>
      )}
      {result && !progress && (
        <div className="results">
          <Gaps result={result} />
          <PerLabel result={result} />
          <Causes result={result} />
          <Subgroups result={result} />
          <Power result={result} />
          <Disagreements result={result} />
          <Probabilities result={result} />
        </div>
      )}
      {state.result.state === 'loading' && !progress && <Computing progress={state.result.progress ?? null} />}
      {state.result.state === 'failed' && (
        <>
          <ErrorBox title={text.evaluate.resultFailed} error={state.result.error} />
          {state.shownId && (
            <button type="button" onClick={() => state.shownId && void evaluating.show(state.shownId)}>
              {text.evaluate.again}
            </button>
          )}
        </>
      )}
      {enough && state.result.state === 'none' && !progress && (
        <Empty title={text.evaluate.empty} hint={text.evaluate.emptyHint} />
      )}
    </div>
  );
}

/** An evaluation that was stopped says what is there, and goes on from here. */
function Incomplete() {
  const { evaluating } = useWorkbench();
  const shown = useFrom(evaluating, ({ list, shownId }) => list.find((each) => each.id === shownId));
  if (shown?.state !== 'stopped') return null;
  return (
    <div className="incomplete" role="note">
      <span>{text.evaluate.incomplete(shown.done, shown.total)}</span>
      {shown.asked && (
        <button type="button" onClick={() => void evaluating.resume()}>
          {text.evaluate.resumeThis}
        </button>
      )}
    </div>
  );
}

/** The figures are worked out anew where an answer, a label or the code changed since they were kept. */
function Computing({ progress }: { progress: Progress | null }) {
  return (
    <Empty title={text.evaluate.loading} hint={text.evaluate.loadingHint}>
      <div className="row" role="status">
        <ProgressBar progress={progress} label={text.evaluate.loading} />
        {progress && (
          <span>
            {progress.stage} · {text.frame.progress(progress.done, progress.total)}
          </span>
        )}
      </div>
    </Empty>
  );
}

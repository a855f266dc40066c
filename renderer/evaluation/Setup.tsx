/** What is compared on what, what that costs, and the button that starts or resumes it. */
import type { Collection } from '../../core/services/contract.ts';
import { useFrom, useWorkbench } from '../frame/context.ts';
import { ErrorBox, PauseButton, RoleDot } from '../frame/parts.tsx';
import { type EvaluatingState, evaluationJob, labelled, NEW_TABLE } from '../state/evaluating.ts';
import { text } from '../text.ts';

export function Setup() {
  const { evaluating, library, checkpoints, frame } = useWorkbench();
  const state = useFrom(evaluating, (all) => all);
  const collections = labelled(useFrom(library, (all) => all.collections));
  const usable = useFrom(checkpoints, (all) => all.list).filter((each) => !each.error);
  const job = useFrom(frame, (all) => evaluationJob(all.jobs));
  const busy = job !== undefined || state.running;
  return (
    <section className="setup" aria-label={text.evaluate.setup} data-area="setup">
      <div className="fields">
        <DatasetChoice
          label={text.evaluate.source}
          value={state.sourceId}
          collections={collections}
          onChange={(sourceId) => evaluating.change({ sourceId })}
        />
        <DatasetChoice
          label={text.evaluate.target}
          value={state.targetId}
          collections={collections}
          onChange={(targetId) => evaluating.change({ targetId })}
        />
        <fieldset>
          <legend>{text.evaluate.checkpoints}</legend>
          <div className="row">
            {usable.map((checkpoint) => (
              <label key={checkpoint.id} className={`tick role-${checkpoint.role}`}>
                <input
                  type="checkbox"
                  checked={state.checkpointIds.includes(checkpoint.id)}
                  onChange={() => evaluating.toggleCheckpoint(checkpoint.id)}
                />
                <RoleDot role={checkpoint.role} />
                {checkpoint.name}
              </label>
            ))}
          </div>
        </fieldset>
        <label className="field">
          <span>{text.evaluate.limit}</span>
          <input
            type="number"
            min={1}
            placeholder={text.evaluate.all}
            title={text.evaluate.limitHint}
            value={state.limit ?? ''}
            onChange={(event) => evaluating.change({ limit: limitOf(event.target.value) })}
          />
        </label>
        <PromptChoice />
        <label className="field">
          <span>{text.evaluate.probabilities}</span>
          <select
            value={state.probabilities}
            title={text.evaluate.probabilitiesHint}
            onChange={(event) =>
              evaluating.change({ probabilities: event.target.value as EvaluatingState['probabilities'] })
            }
          >
            {Object.entries(text.evaluate.probabilityMethods).map(([method, name]) => (
              <option key={method} value={method}>
                {name}
              </option>
            ))}
          </select>
        </label>
      </div>
      <LeftOut />
      {state.cost.state === 'failed' && <ErrorBox title={text.evaluate.costFailed} error={state.cost.error} />}
      <div className="setup-run">
        {busy ? (
          <>
            <PauseButton job={job} />
            <button type="button" onClick={evaluating.cancel}>
              {text.frame.cancel}
            </button>
          </>
        ) : (
          <button
            type="button"
            className="primary"
            disabled={state.cost.state !== 'ready'}
            onClick={() => void evaluating.run()}
          >
            {runText(state)}
          </button>
        )}
        <span className="muted">{costText(state)}</span>
        <span className="spring" />
        <Earlier />
        <button
          type="button"
          aria-expanded={state.table !== null}
          onClick={() => evaluating.editTable(state.table ? null : NEW_TABLE)}
        >
          {text.evaluate.addTable}
        </button>
      </div>
    </section>
  );
}

/** One prompt for all checkpoints; the list is read anew when it is opened, for files dropped into the workspace. */
function PromptChoice() {
  const { evaluating, checkpoints } = useWorkbench();
  const promptId = useFrom(evaluating, (all) => all.promptId);
  const prompts = useFrom(checkpoints, (all) => all.prompts);
  return (
    <label className="field">
      <span>{text.evaluate.prompt}</span>
      <select
        value={promptId ?? ''}
        onFocus={() => void checkpoints.refreshPrompts()}
        onChange={(event) => evaluating.change({ promptId: event.target.value || null })}
      >
        <option value="">{text.evaluate.ownPrompt}</option>
        {prompts.map(({ id, name }) => (
          <option key={id} value={id}>
            {name}
          </option>
        ))}
      </select>
    </label>
  );
}

/** Films that the checkpoints were not made for, and the choice to read them all the same. */
function LeftOut() {
  const { evaluating } = useWorkbench();
  const cost = useFrom(evaluating, (all) => all.cost);
  const unsuitable = useFrom(evaluating, (all) => all.unsuitable);
  const counts = cost.state === 'ready' ? Object.entries(cost.value.leftOut) : [];
  if (counts.length === 0) return null;
  return (
    <div className="left-out">
      <span className="muted">
        {text.evaluate.leftOut(counts as [keyof typeof text.doubt.short, number][], unsuitable)}
      </span>
      <label className="tick">
        <input
          type="checkbox"
          checked={unsuitable}
          onChange={(event) => evaluating.change({ unsuitable: event.target.checked })}
        />
        {text.evaluate.readThemToo}
      </label>
    </div>
  );
}

function limitOf(typed: string): number | null {
  const limit = Math.floor(Number(typed));
  return limit >= 1 ? limit : null;
}

function runText({ cost }: EvaluatingState): string {
  if (cost.state !== 'ready' || cost.value.alreadyDone === 0) return text.evaluate.run;
  return cost.value.alreadyDone < cost.value.films ? text.frame.resume : text.evaluate.update;
}

function costText({ cost }: EvaluatingState): string {
  if (cost.state === 'failed') return text.evaluate.costFailed;
  if (cost.state !== 'ready') return text.evaluate.choose;
  const { films, alreadyDone, estimatedSeconds } = cost.value;
  return text.evaluate.cost(films, alreadyDone, estimatedSeconds);
}

function DatasetChoice(props: {
  label: string;
  value: string | null;
  collections: Collection[];
  onChange(id: string): void;
}) {
  return (
    <label className="field">
      <span>{props.label}</span>
      <select value={props.value ?? ''} onChange={(event) => props.onChange(event.target.value)}>
        {props.value === null && <option value="" />}
        {props.collections.map((collection) => (
          <option key={collection.id} value={collection.id}>
            {collection.name}
          </option>
        ))}
      </select>
    </label>
  );
}

function Earlier() {
  const { evaluating } = useWorkbench();
  const list = useFrom(evaluating, (all) => all.list);
  const shownId = useFrom(evaluating, (all) => all.shownId);
  if (list.length === 0) return null;
  return (
    <label className="row">
      <span className="muted">{text.evaluate.earlier}</span>
      <select value={shownId ?? ''} onChange={(event) => void evaluating.show(event.target.value)}>
        {shownId === null && <option value="" />}
        {list.map((each) => (
          <option key={each.id} value={each.id}>
            {text.evaluate.evaluationName(each.name, each.done, each.total)}
          </option>
        ))}
      </select>
    </label>
  );
}

/** What a checkpoint said to the canary film, beside what its base said. */
import type { Canary, Checkpoint } from '../../core/services/contract.ts';
import { useFrom, useWorkbench } from '../frame/context.ts';
import { text } from '../text.ts';

export function CanaryView({ checkpoint }: { checkpoint: Checkpoint }) {
  const { checkpoints, frame } = useWorkbench();
  const busy = useFrom(frame, (state) =>
    state.jobs.some(({ kind, state }) => kind === 'canary' && state === 'running'),
  );
  const { canary } = checkpoint;
  return (
    <section className="canary" aria-label={text.canary.title}>
      <header className="row">
        <h3 title={text.canary.hint}>{text.canary.title}</h3>
        <span className="spring" />
        <button
          type="button"
          className="quiet"
          disabled={busy}
          title={text.canary.askHint}
          onClick={() => void checkpoints.askCanary(checkpoint.id)}
        >
          {canary ? text.canary.again : text.canary.ask}
        </button>
      </header>
      {canary ? <Answers canary={canary} /> : <p className="muted">{text.canary.none}</p>}
    </section>
  );
}

function Answers({ canary }: { canary: Canary }) {
  const { base } = canary;
  return (
    <div className={base ? 'canary-answers two' : 'canary-answers'}>
      <Answer title={text.canary.own} findings={findings(canary)} words={canary.text} />
      {base && <Answer title={text.canary.base} findings={base.findings.join(', ')} words={base.text} />}
      {base && <p className={base.same ? 'canary-same' : 'muted'}>{text.canary.difference(base)}</p>}
    </div>
  );
}

function findings({ findings, parseFailure }: Canary): string {
  return parseFailure ? text.canary.unreadable : findings.join(', ');
}

function Answer({ title, findings, words }: { title: string; findings: string; words: string }) {
  return (
    <div>
      <p>
        <span className="muted">{title}</span> {findings || text.canary.nothing}
      </p>
      <p className="canary-words" title={words}>
        {words.replace(/<\/?[a-z]+>/gi, ' ').trim()}
      </p>
    </div>
  );
}

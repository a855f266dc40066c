/** One checkpoint's answer in words: asked for, streaming, read, or failed. It always fills the same place. */
import type { Checkpoint, Prediction } from '../../core/services/contract.ts';
import { useCommand, useFrom, useWorkbench } from '../frame/context.ts';
import { ErrorBox, RoleDot } from '../frame/parts.tsx';
import { keyText } from '../state/keys.ts';
import { type Answer, answerOf } from '../state/reading.ts';
import type { Repeat } from '../state/repeat.ts';
import { duration, text } from '../text.ts';
import { AskBox } from './AskBox.tsx';
import { Details } from './Details.tsx';
import { Reasoning } from './Reasoning.tsx';
import { Samples } from './Samples.tsx';

export function AnswerView({ active, previous }: { active: Checkpoint; previous: Checkpoint | null }) {
  const { reading } = useWorkbench();
  const state = useFrom(reading, (all) => all);
  const answer = answerOf(state, active.id);
  const other = previous ? answerOf(state, previous.id) : null;
  const difference = useCommand('read:difference');
  return (
    <div className={`answer role-${active.role}`}>
      <header className="answer-head">
        <RoleDot role={active.role} />
        <h2>{text.compare.reasoning(active.name)}</h2>
        <AnswerMeta answer={answer} />
        {predictionOf(other) && answer.state === 'answered' && (
          <button
            type="button"
            className="quiet"
            aria-pressed={state.showDifference}
            title={`${difference.title}${difference.keys[0] ? `  (${keyText(difference.keys[0])})` : ''}`}
            onClick={() => void difference.run()}
          >
            {text.compare.difference}
          </button>
        )}
      </header>
      <section className="answer-body" aria-label={text.compare.reasoning(active.name)} aria-live="off">
        {answer.state === 'none' && <NotAsked checkpoint={active} />}
        {answer.state === 'asking' && <Streaming text={answer.text} stage={answer.stage} />}
        {answer.state === 'failed' && <Failed answer={answer} checkpoint={active} />}
        {answer.state === 'answered' && (
          <Answered
            prediction={answer.prediction}
            repeat={state.repeats[active.id]}
            other={predictionOf(other)}
            otherName={previous?.name ?? ''}
          />
        )}
        {state.filmId !== null && (
          <div className="details">
            <Samples active={active} previous={previous} />
            <AskBox checkpoint={active} filmId={state.filmId} />
          </div>
        )}
      </section>
    </div>
  );
}

function predictionOf(answer: Answer | null): Prediction | null {
  return answer?.state === 'answered' ? answer.prediction : null;
}

function AnswerMeta({ answer }: { answer: Answer }) {
  if (answer.state !== 'answered') return null;
  const { seconds, tokenIds } = answer.prediction;
  const total = seconds.vision + seconds.prefill + seconds.decode;
  return (
    <span className="muted">
      {duration(total)}
      {seconds.decode > 0 && ` · ${text.compare.tokensPerSecond(tokenIds.length / seconds.decode)}`}
    </span>
  );
}

function NotAsked({ checkpoint }: { checkpoint: Checkpoint }) {
  const { reading } = useWorkbench();
  return (
    <div className="not-asked">
      <p>{text.compare.notAsked(checkpoint.name)}</p>
      <div className="row">
        <button type="button" className="primary" onClick={() => void reading.ask(checkpoint.id)}>
          {text.compare.ask} · {text.compare.cost(checkpoint.secondsPerFilm)}
        </button>
        <button type="button" onClick={() => void reading.askAll()}>
          {text.compare.askAll}
        </button>
      </div>
      <p className="muted">{text.compare.askHint}</p>
    </div>
  );
}

function Streaming({ text: written, stage }: { text: string; stage: string }) {
  const { reading } = useWorkbench();
  return (
    <div className="streaming">
      <p className="prose">
        {withoutTags(written)}
        <span className="caret" aria-hidden="true" />
      </p>
      <div className="row">
        <span className="muted">{stage || text.compare.asking}</span>
        <button type="button" title={text.compare.stopHint} onClick={reading.stop}>
          {text.compare.stop}
        </button>
      </div>
    </div>
  );
}

/** The blocks of a completion that is still being written, without their marks. */
function withoutTags(written: string): string {
  return written.replace(/<\/?[a-z]*>?/gi, ' ').trimStart();
}

function Failed({ answer, checkpoint }: { answer: Extract<Answer, { state: 'failed' }>; checkpoint: Checkpoint }) {
  const { reading } = useWorkbench();
  return (
    <>
      <ErrorBox title={text.compare.failed} error={answer.error} />
      <button type="button" onClick={() => void reading.ask(checkpoint.id)}>
        {text.compare.retry}
      </button>
    </>
  );
}

function Answered(props: {
  prediction: Prediction;
  repeat: Repeat | undefined;
  other: Prediction | null;
  otherName: string;
}) {
  const { prediction, repeat, other, otherName } = props;
  return (
    <>
      <Reservations prediction={prediction} />
      {repeat && (
        <p className={repeat.differsAt === null ? 'muted repeat' : 'reservation repeat'} role="status">
          {text.compare.repeated(repeat.differsAt, duration(repeat.seconds), repeat.findings)}
        </p>
      )}
      <Reasoning prediction={prediction} other={other} otherName={otherName} />
      <Details prediction={prediction} />
    </>
  );
}

function Reservations({ prediction }: { prediction: Prediction }) {
  const { parseFailure, invalid } = prediction.reading;
  return (
    <>
      {parseFailure && (
        <p className="reservation">{text.compare.unreadable(text.compare.parseFailures[parseFailure])}</p>
      )}
      {invalid.length > 0 && <p className="reservation">{text.compare.invalid(invalid)}</p>}
      {prediction.stop === 'length' && <p className="reservation">{text.compare.cut}</p>}
    </>
  );
}

/** One checkpoint's answer in words: asked for, streaming, read, or failed. It always fills the same place. */
import { useMemo, useState } from 'react';
import type { Checkpoint, Prediction } from '../../core/services/contract.ts';
import { useFrom, useWorkbench } from '../frame/context.ts';
import { CopyButton, ErrorBox, RoleDot } from '../frame/parts.tsx';
import { type Answer, answerOf } from '../state/reading.ts';
import { duration, text } from '../text.ts';
import { changedSentences, type Sentence, sentences } from './sentences.ts';

export function AnswerView({ active, previous }: { active: Checkpoint; previous: Checkpoint | null }) {
  const { reading } = useWorkbench();
  const state = useFrom(reading, (all) => all);
  const answer = answerOf(state, active.id);
  const other = previous ? answerOf(state, previous.id) : null;
  return (
    <div className={`answer role-${active.role}`}>
      <header className="answer-head">
        <RoleDot role={active.role} />
        <h2>{text.compare.reasoning(active.name)}</h2>
        <AnswerMeta answer={answer} />
      </header>
      <section className="answer-body" aria-label={text.compare.reasoning(active.name)} aria-live="off">
        {answer.state === 'none' && <NotAsked checkpoint={active} />}
        {answer.state === 'asking' && <Streaming text={answer.text} stage={answer.stage} />}
        {answer.state === 'failed' && <Failed answer={answer} checkpoint={active} />}
        {answer.state === 'answered' && (
          <Answered prediction={answer.prediction} other={predictionOf(other)} otherName={previous?.name ?? ''} />
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

function Answered(props: { prediction: Prediction; other: Prediction | null; otherName: string }) {
  const { prediction, other, otherName } = props;
  const { reading } = prediction;
  const ours = useMemo(() => sentences(reading.reasoning), [reading.reasoning]);
  const theirs = useMemo(() => sentences(other?.reading.reasoning ?? ''), [other]);
  const changed = other ? changedSentences(ours, theirs) : ours.map(() => false);
  return (
    <>
      <Reservations prediction={prediction} />
      {ours.length === 0 && <p className="muted">{text.compare.noReasoning}</p>}
      <div className="prose">
        {ours.map((sentence, index) => (
          // biome-ignore lint/suspicious/noArrayIndexKey: sentences have no other identity than their place.
          <SentenceView key={index} sentence={sentence} changed={changed[index]} otherName={otherName} />
        ))}
      </div>
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

function SentenceView(props: { sentence: Sentence; changed: boolean; otherName: string }) {
  const { sentence, changed, otherName } = props;
  const { reading } = useWorkbench();
  const hovered = useFrom(reading, (state) => state.hovered);
  const marked = sentence.labels.some((label) => hovered.includes(label));
  return (
    // biome-ignore lint/a11y/noStaticElementInteractions: pointing at a sentence only marks its labels in the matrix.
    <span
      className={`sentence${marked ? ' marked' : ''}${changed ? ' changed' : ''}`}
      title={changed ? text.compare.changedSentence(otherName) : undefined}
      onMouseEnter={() => reading.hover(sentence.labels)}
      onMouseLeave={() => reading.hover()}
    >
      {sentence.text}{' '}
    </span>
  );
}

function Details({ prediction }: { prediction: Prediction }) {
  const [raw, setRaw] = useState(false);
  const rows = Object.entries({ createdAt: prediction.createdAt, ...prediction.provenance, key: prediction.key });
  return (
    <div className="details">
      <details onToggle={(event) => setRaw(event.currentTarget.open)}>
        <summary>{text.compare.raw}</summary>
        {raw && <pre>{prediction.text}</pre>}
      </details>
      <details>
        <summary>{text.compare.provenance}</summary>
        <dl className="provenance">
          {rows.map(([name, value]) => (
            <div key={name}>
              <dt>{text.compare.fields[name] ?? name}</dt>
              <dd>{String(value ?? '–')}</dd>
            </div>
          ))}
        </dl>
        <CopyButton title={text.compare.copyProvenance} value={() => JSON.stringify(prediction, null, 2)} />
      </details>
    </div>
  );
}

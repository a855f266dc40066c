/** What is behind an answer: raw prompt and text, tokens with their probabilities, provenance; each can be copied. */
import { useEffect, useState } from 'react';
import { toErrorData } from '../../core/base/errors.ts';
import type { InspectedAnswer, Prediction } from '../../core/services/contract.ts';
import { useWorkbench } from '../frame/context.ts';
import { CopyButton, ErrorBox } from '../frame/parts.tsx';
import type { Loading } from '../state/loading.ts';
import { text } from '../text.ts';

export function Details({ prediction }: { prediction: Prediction }) {
  const [open, setOpen] = useState(false);
  const rows = Object.entries({ createdAt: prediction.createdAt, ...prediction.provenance, key: prediction.key });
  return (
    <div className="details answer-details">
      <details onToggle={(event) => setOpen(event.currentTarget.open)}>
        <summary>{text.compare.raw}</summary>
        {open && <Inside prediction={prediction} />}
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

/** Asked of the engine when it is opened: the prompt is rendered and the tokens are looked up by the model's own tokenizer. */
function Inside({ prediction }: { prediction: Prediction }) {
  const { bridge } = useWorkbench();
  const { filmId, checkpointId, key } = prediction;
  const [inside, setInside] = useState<Loading<InspectedAnswer>>({ state: 'loading' });
  useEffect(() => {
    let gone = false;
    setInside({ state: 'loading' });
    bridge.engine.call('predictions.inspect', { filmId, checkpointId, key }).then(
      (value) => !gone && setInside({ state: 'ready', value }),
      (error) => !gone && setInside({ state: 'failed', error: toErrorData(error) }),
    );
    return () => {
      gone = true;
    };
  }, [bridge, filmId, checkpointId, key]);
  if (inside.state === 'failed') return <ErrorBox error={inside.error} />;
  if (inside.state !== 'ready') return <pre>{prediction.text}</pre>;
  const { prompt, promptTokens, tokens } = inside.value;
  const table = () =>
    ['token\tid\tprobability', ...tokens.map((token, i) => tokenLine(prediction, token, i))].join('\n');
  return (
    <>
      <h3>{text.compare.prompt(promptTokens)}</h3>
      <pre>{prompt}</pre>
      <CopyButton title={text.compare.copyPrompt} value={() => prompt} />
      {tokens.length === 0 && <pre>{prediction.text}</pre>}
      <h3>{text.compare.tokens(tokens.length)}</h3>
      <p className="muted">{text.compare.tokensHint}</p>
      <pre className="tokens">
        {tokens.map((token, index) => (
          // biome-ignore lint/suspicious/noArrayIndexKey: a token is its place.
          <Token key={index} token={token} logprob={prediction.logprobs[index]} />
        ))}
      </pre>
      <CopyButton title={text.compare.copyTokens} value={table} />
      <CopyButton title={text.compare.copyText} value={() => prediction.text} />
    </>
  );
}

function tokenLine({ tokenIds, logprobs }: Prediction, token: string, index: number): string {
  return [JSON.stringify(token), tokenIds[index], Math.exp(logprobs[index] ?? Number.NaN).toPrecision(4)].join('\t');
}

/** In five steps: class names, because the content security policy allows no inline styles. */
function Token({ token, logprob }: { token: string; logprob: number | undefined }) {
  const p = logprob === undefined ? null : Math.exp(logprob);
  const doubt = p === null ? 0 : [0.95, 0.8, 0.5, 0.2].filter((limit) => p < limit).length;
  return (
    <span className={`token doubt-${doubt}`} title={p === null ? undefined : text.compare.probability(p)}>
      {token}
    </span>
  );
}

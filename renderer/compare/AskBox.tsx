/** A box to ask the checkpoint something else about the film: another instruction format, or a question of one's own. */
import { useEffect, useState } from 'react';
import { type ErrorData, toErrorData } from '../../core/base/errors.ts';
import type { Checkpoint, Parameters, Prediction } from '../../core/services/contract.ts';
import { useFrom, useWorkbench } from '../frame/context.ts';
import { ErrorBox } from '../frame/parts.tsx';
import { text } from '../text.ts';
import { Details } from './Details.tsx';

const OWN = '';

export function AskBox({ checkpoint, filmId }: { checkpoint: Checkpoint; filmId: string }) {
  const { bridge, checkpoints } = useWorkbench();
  const prompts = useFrom(checkpoints, (state) => state.prompts);
  const [promptId, setPromptId] = useState(OWN);
  const [question, setQuestion] = useState('');
  const [asking, setAsking] = useState<AbortController | null>(null);
  const [written, setWritten] = useState('');
  const [answer, setAnswer] = useState<Prediction | null>(null);
  const [error, setError] = useState<ErrorData | null>(null);

  // biome-ignore lint/correctness/useExhaustiveDependencies: another film or checkpoint begins anew.
  useEffect(() => {
    setAnswer(null);
    setError(null);
    setWritten('');
  }, [checkpoint.id, filmId]);
  useEffect(() => () => asking?.abort(), [asking]);

  async function ask() {
    const controller = new AbortController();
    const asked: Parameters<'predictions.generate'> = { filmId, checkpointId: checkpoint.id };
    const prompt = promptId === OWN ? { promptText: question.trim() } : { promptId };
    setAsking(controller);
    setAnswer(null);
    setError(null);
    try {
      const options = {
        signal: controller.signal,
        onProgress: (progress: { text: string }) => setWritten(progress.text),
      };
      setAnswer(await bridge.engine.call('predictions.generate', { ...asked, ...prompt }, options));
    } catch (thrown) {
      const data = toErrorData(thrown);
      if (data.code !== 'CANCELLED') setError(data);
    } finally {
      setAsking(null);
      setWritten('');
    }
  }

  return (
    <details className="ask-box">
      <summary>{text.compare.askElse}</summary>
      <select
        value={promptId}
        aria-label={text.compare.promptChoice}
        onChange={(event) => setPromptId(event.target.value)}
      >
        <option value={OWN}>{text.compare.ownQuestion}</option>
        {prompts.map((prompt) => (
          <option key={prompt.id} value={prompt.id}>
            {prompt.name}
          </option>
        ))}
      </select>
      {promptId === OWN ? (
        <textarea
          rows={3}
          value={question}
          placeholder={text.compare.questionHint}
          aria-label={text.compare.ownQuestion}
          onChange={(event) => setQuestion(event.target.value)}
        />
      ) : (
        <pre>{prompts.find((prompt) => prompt.id === promptId)?.text}</pre>
      )}
      <div className="row">
        <button
          type="button"
          disabled={asking !== null || (promptId === OWN && question.trim() === '')}
          onClick={() => void ask()}
        >
          {text.compare.askThis(checkpoint.name)}
        </button>
        {asking && (
          <button type="button" onClick={() => asking.abort()}>
            {text.compare.stop}
          </button>
        )}
      </div>
      {error && <ErrorBox error={error} />}
      {(asking || answer) && <pre aria-live="polite">{answer?.text ?? written}</pre>}
      {answer && <Details prediction={answer} />}
    </details>
  );
}

/** How sure is it? Each label's probability where it was scored, its frequency over samples, and whether a difference is noise. */
import { CHEXPERT_LABELS, type Label } from '../../core/labels/labels.ts';
import type { Checkpoint, Prediction, SampledAnswers } from '../../core/services/contract.ts';
import { useFrom, useWorkbench } from '../frame/context.ts';
import { answerOf, samplesOf } from '../state/reading.ts';
import { text } from '../text.ts';
import { fisherExact } from './noise.ts';

/** GRPO's default for a group is four; eight tell apart what is usually said from what rarely is. */
const SAMPLES = 8;
/** Below this p a difference is called more than noise. */
const LIMIT = 0.05;

/** Probability of a label where they were asked for (an evaluation with probabilities does). */
export function probabilityOf(prediction: Prediction | null, label: Label): number | null {
  return prediction?.probabilities?.values[label] ?? null;
}

export function countOf(sampled: SampledAnswers | null, label: Label): number {
  return sampled?.frequency.find((each) => each.label === label)?.count ?? 0;
}

export function Samples({ active, previous }: { active: Checkpoint; previous: Checkpoint | null }) {
  const { reading } = useWorkbench();
  const state = useFrom(reading, (all) => all);
  const ours = samplesOf(state, active.id);
  const theirs = previous ? samplesOf(state, previous.id) : null;
  const answer = answerOf(state, active.id);
  const prediction = answer.state === 'answered' ? answer.prediction : null;
  const labels = CHEXPERT_LABELS.filter(
    (label) => countOf(ours, label) > 0 || countOf(theirs, label) > 0 || probabilityOf(prediction, label) !== null,
  );
  const both = [active, ...(previous ? [previous] : [])];
  return (
    <details className="samples">
      <summary>{text.compare.certainty}</summary>
      <div className="row">
        <button
          type="button"
          disabled={state.sampling !== null}
          onClick={() =>
            void reading.sampleAll(
              both.map(({ id }) => id),
              SAMPLES,
            )
          }
        >
          {state.sampling
            ? text.compare.sampling
            : text.compare.sample(
                SAMPLES,
                both.map(({ name }) => name),
              )}
        </button>
        {state.sampling !== null && (
          <button type="button" onClick={reading.stop}>
            {text.compare.stop}
          </button>
        )}
      </div>
      {labels.length > 0 && (
        <table className="sample-table">
          <thead>
            <tr>
              <th scope="col">{text.compare.label}</th>
              <th scope="col">{text.compare.probabilityHead}</th>
              <th scope="col">{active.name}</th>
              {previous && <th scope="col">{previous.name}</th>}
              {ours && theirs && <th scope="col">{text.compare.noiseHead}</th>}
            </tr>
          </thead>
          <tbody>
            {labels.map((label) => (
              <tr key={label}>
                <th scope="row">{label}</th>
                <td>{probabilityOf(prediction, label)?.toFixed(2) ?? '–'}</td>
                <td>{frequencyText(ours, label)}</td>
                {previous && <td>{frequencyText(theirs, label)}</td>}
                {ours && theirs && <td>{noiseText(ours, theirs, label)}</td>}
              </tr>
            ))}
          </tbody>
        </table>
      )}
      {ours && ours.failures > 0 && <p className="muted">{text.compare.sampleFailures(ours.failures)}</p>}
    </details>
  );
}

function frequencyText(sampled: SampledAnswers | null, label: Label): string {
  return sampled ? text.compare.frequency(countOf(sampled, label), sampled.predictions.length) : '–';
}

function noiseText(ours: SampledAnswers, theirs: SampledAnswers, label: Label): string {
  const [a, b] = [countOf(ours, label), countOf(theirs, label)];
  if (a === b && ours.predictions.length === theirs.predictions.length) return '';
  const p = fisherExact(a, ours.predictions.length, b, theirs.predictions.length);
  return p < LIMIT ? text.compare.moreThanNoise(p) : text.compare.noise(p);
}

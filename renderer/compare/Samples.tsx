/** How sure is it? Each label's probability where it was scored, its frequency over samples, and whether a difference is noise. */
import { CHEXPERT_LABELS, type Label } from '../../core/labels/labels.ts';
import type { Checkpoint, Prediction, SampledAnswers } from '../../core/services/contract.ts';
import { useFrom, useWorkbench } from '../frame/context.ts';
import { type Column, DataTable } from '../frame/DataTable.tsx';
import { answerOf, type ReadingState, samplesOf } from '../state/reading.ts';
import { text } from '../text.ts';
import { fisherExact } from './noise.ts';

/** GRPO's default for a group is four; eight tell apart what is usually said from what rarely is. */
const COUNTS = [4, 8, 16, 32];
/** Labels that are less probable than this in every answer are not listed. */
const LEAST = 0.01;
/** Below this p a difference is called more than noise. */
const LIMIT = 0.05;

/** Probability of a label where they were asked for, here or by an evaluation. */
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
  const both = [active, ...(previous ? [previous] : [])];
  const names = both.map(({ name }) => name);
  const labels = CHEXPERT_LABELS.filter(
    (label) =>
      countOf(ours, label) > 0 ||
      countOf(theirs, label) > 0 ||
      both.some(({ id }) => (probabilityOf(predictionOf(state, id), label) ?? 0) >= LEAST),
  );
  const columns: Column<Label>[] = [
    { id: 'label', head: text.compare.label, isRowHead: true, sort: (label) => label, cell: (label) => label },
    ...both.flatMap((checkpoint) => certaintyColumns(state, checkpoint)),
  ];
  if (ours && theirs)
    columns.push({ id: 'noise', head: text.compare.noiseHead, cell: (label) => noiseText(ours, theirs, label) });
  return (
    <details className="samples">
      <summary>{text.compare.certainty}</summary>
      <div className="row certainty-asks">
        <button
          type="button"
          disabled={answerOf(state, active.id).state !== 'answered'}
          title={text.compare.againHint}
          onClick={() => void reading.askAgain()}
        >
          {text.compare.again}
        </button>
        <button
          type="button"
          disabled={state.sampling !== null}
          title={text.compare.scoreHint}
          onClick={() => void reading.scorePair()}
        >
          {text.compare.score}
        </button>
        <button
          type="button"
          disabled={state.sampling !== null}
          title={text.compare.sampleHint(names)}
          onClick={() => void reading.samplePair()}
        >
          {text.compare.sample(state.sampleCount)}
        </button>
        <select
          aria-label={text.compare.sampleCount}
          value={state.sampleCount}
          onChange={(event) => reading.setSampleCount(Number(event.target.value))}
        >
          {COUNTS.map((count) => (
            <option key={count} value={count}>
              {count}
            </option>
          ))}
        </select>
      </div>
      {state.sampling !== null && (
        <div className="row" role="status">
          <span className="muted">{text.compare.sampling}</span>
          <button type="button" onClick={reading.stop}>
            {text.compare.stop}
          </button>
        </div>
      )}
      {labels.length > 0 && (
        <DataTable
          className="sample-table"
          name={text.compare.certainty}
          label={text.compare.certainty}
          rows={labels}
          rowKey={(label) => label}
          columns={columns}
        />
      )}
      {ours && ours.failures > 0 && <p className="muted">{text.compare.sampleFailures(ours.failures)}</p>}
    </details>
  );
}

/** Probability and frequency of a label by one checkpoint. */
function certaintyColumns(state: ReadingState, { id, name, role }: Checkpoint): Column<Label>[] {
  const group = { id: `of ${id}`, head: name, className: `role-${role} role-text` };
  const probability = (label: Label) => probabilityOf(predictionOf(state, id), label);
  const sampled = samplesOf(state, id);
  return [
    {
      id: `p ${id}`,
      head: text.compare.probabilityHead,
      group,
      sort: probability,
      cell: (label) => probability(label)?.toFixed(2) ?? '–',
    },
    {
      id: `said ${id}`,
      head: text.compare.samplesHead,
      group,
      sort: (label) => (sampled ? countOf(sampled, label) : null),
      cell: (label) => frequencyText(sampled, label),
    },
  ];
}

function predictionOf(state: ReadingState, checkpointId: string): Prediction | null {
  const answer = answerOf(state, checkpointId);
  return answer.state === 'answered' ? answer.prediction : null;
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

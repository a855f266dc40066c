/** What these films settle, and how many would settle the rest. */
import type { EvaluationResult, PowerFigures } from '../../core/evaluation/types.ts';
import { DataTable } from '../frame/DataTable.tsx';
import { count, signed, text } from '../text.ts';

export function Power({ result }: { result: EvaluationResult }) {
  const { power = [] } = result;
  if (power.length === 0 || power.every(({ standardError }) => !(standardError > 0))) return null;
  return (
    <section className="block" data-area="power">
      <h2>{text.analysis.power}</h2>
      <p className="muted">{text.analysis.powerHint}</p>
      <DataTable
        className="figures"
        name={text.analysis.power}
        rows={power}
        rowKey={(each) => [each.what, each.datasetId, each.fromCheckpointId, each.checkpointId].join(' ')}
        columns={[
          {
            id: 'what',
            head: text.analysis.quantity,
            isRowHead: true,
            sort: (each) => whatOf(result, each),
            cell: (each) => whatOf(result, each),
          },
          {
            id: 'effect',
            head: text.analysis.effect,
            sort: ({ effect }) => effect,
            cell: ({ effect }) => signed(effect),
          },
          {
            id: 'settled',
            head: text.analysis.settled,
            sort: ({ settled }) => (settled ? 1 : 0),
            cell: ({ settled }) => (settled ? text.analysis.yes : text.analysis.notSettled),
            cellClassName: ({ settled }) => (settled ? 'settled' : 'muted'),
          },
          {
            id: 'now',
            head: text.analysis.filmsNow,
            sort: ({ films }) => Math.max(...films),
            cell: ({ films }) => films.map(count).join(' + '),
          },
          {
            id: 'needed',
            head: text.analysis.filmsNeeded,
            sort: ({ settled, filmsNeeded }) => (settled ? 0 : filmsNeeded ? Math.max(...filmsNeeded) : null),
            cell: neededOf,
          },
          {
            id: 'detectable',
            head: text.analysis.detectable,
            hint: text.analysis.detectableHint,
            sort: ({ detectable }) => detectable,
            cell: ({ detectable }) => detectable.toFixed(3),
          },
        ]}
      />
    </section>
  );
}

/** A number so large that it says only "not by more of the same". */
const MANY = 10_000_000;

function neededOf({ settled, filmsNeeded }: PowerFigures): string {
  if (settled) return '';
  if (filmsNeeded === null || Math.max(...filmsNeeded) > MANY) return text.analysis.moreThan(count(MANY));
  return filmsNeeded.map(count).join(' + ');
}

function whatOf(result: EvaluationResult, { what, datasetId, fromCheckpointId, checkpointId }: PowerFigures): string {
  const name = (id: string) => [...result.checkpoints, ...result.datasets].find((each) => each.id === id)?.name ?? id;
  const to = name(checkpointId);
  if (what === 'gap') return text.analysis.gapOf(to);
  const step = text.evaluate.stepOf(name(fromCheckpointId!), to);
  return what === 'difference' ? text.analysis.differenceOn(step, name(datasetId!)) : text.analysis.survivalOf(step);
}

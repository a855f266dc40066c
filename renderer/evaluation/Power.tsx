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
      <DataTable className="figures" name={text.analysis.power}>
        <thead>
          <tr>
            <th scope="col">{text.analysis.quantity}</th>
            <th scope="col">{text.analysis.effect}</th>
            <th scope="col">{text.analysis.settled}</th>
            <th scope="col">{text.analysis.filmsNow}</th>
            <th scope="col">{text.analysis.filmsNeeded}</th>
            <th scope="col" title={text.analysis.detectableHint}>
              {text.analysis.detectable}
            </th>
          </tr>
        </thead>
        <tbody>
          {power.map((each) => (
            <tr key={[each.what, each.datasetId, each.fromCheckpointId, each.checkpointId].join(' ')}>
              <th scope="row">{whatOf(result, each)}</th>
              <td>{signed(each.effect)}</td>
              <td className={each.settled ? 'settled' : 'muted'}>
                {each.settled ? text.analysis.yes : text.analysis.notSettled}
              </td>
              <td>{each.films.map(count).join(' + ')}</td>
              <td>{neededOf(each)}</td>
              <td>{each.detectable.toFixed(3)}</td>
            </tr>
          ))}
        </tbody>
      </DataTable>
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

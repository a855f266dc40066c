/** F1 of one label at source (open mark) and target (filled mark), one line for each checkpoint. */
import type { EvaluationResult } from '../../core/evaluation/types.ts';
import type { Label } from '../../core/labels/labels.ts';
import { score, text } from '../text.ts';
import { figuresOf } from './PerLabel.tsx';

const WIDTH = 300;
const LINE = 9;
const EDGE = 6;

export function Dumbbells({ result, label }: { result: EvaluationResult; label: Label }) {
  const lines = result.checkpoints.map((checkpoint) => {
    const at = (datasetId: string) => {
      const cell = result.cells.find((each) => each.datasetId === datasetId && each.checkpointId === checkpoint.id);
      return cell ? figuresOf(cell, label)?.f1 : undefined;
    };
    return { checkpoint, source: at(result.sourceDatasetId), target: at(result.targetDatasetId) };
  });
  const said = lines.map(({ checkpoint, source, target }) => `${checkpoint.name} ${show(source)} → ${show(target)}`);
  const height = lines.length * LINE + 4;
  return (
    <svg className="dumbbells" width={WIDTH} height={height} role="img" aria-label={said.join(', ')}>
      <title>{said.join('\n')}</title>
      {[0, 0.25, 0.5, 0.75, 1].map((tick) => (
        <line key={tick} x1={x(tick)} x2={x(tick)} y1={0} y2={height} className="tick" />
      ))}
      {lines.map(({ checkpoint, source, target }, index) => {
        const y = 2 + LINE / 2 + index * LINE;
        return (
          <g key={checkpoint.id} className={`role-${checkpoint.role}`}>
            {source !== undefined && target !== undefined && <line x1={x(source)} x2={x(target)} y1={y} y2={y} />}
            {source !== undefined && <circle cx={x(source)} cy={y} r={3} className="from" />}
            {target !== undefined && <circle cx={x(target)} cy={y} r={3} className="to" />}
          </g>
        );
      })}
    </svg>
  );
}

function x(f1: number): number {
  return EDGE + f1 * (WIDTH - 2 * EDGE);
}

function show(f1: number | undefined): string {
  return f1 === undefined ? text.evaluate.notScored : score(f1);
}

/** The forms of a base model's weights: chosen, measured against f32, and converted ones removed. */
import { useEffect } from 'react';
import type { Checkpoint, PrecisionForm } from '../../core/services/contract.ts';
import { useFrom, useWorkbench } from '../frame/context.ts';
import { DataTable } from '../frame/DataTable.tsx';
import { ProgressBar } from '../frame/parts.tsx';
import { bytes, percent, text } from '../text.ts';

export function Precisions({ checkpoint }: { checkpoint: Checkpoint }) {
  const { precisions, frame } = useWorkbench();
  const { id, hash, precision } = checkpoint;
  const executor = useFrom(frame, (state) => state.app?.engine.generation.name);
  const forms = useFrom(precisions, (state) => state.forms[id]);
  const working = useFrom(precisions, (state) => state.working);
  // biome-ignore lint/correctness/useExhaustiveDependencies: another model, or another choice elsewhere, has other forms, and so has another device.
  useEffect(() => void precisions.read(id), [precisions, id, hash, precision, executor]);
  if (!forms || forms.length === 0) return null;
  const onDisk = forms.reduce((sum, { diskBytes }) => sum + diskBytes, 0);
  const here = working?.checkpointId === id ? working : null;
  return (
    <section className="precisions" aria-label={text.precisions.title}>
      <header className="row">
        <h3 title={text.precisions.hint}>{text.precisions.title}</h3>
        <span className="spring" />
        {onDisk > 0 && (
          <button
            type="button"
            className="quiet"
            disabled={working !== null}
            title={text.precisions.removeHint}
            onClick={() => void precisions.removeForms(id)}
          >
            {text.precisions.remove(bytes(onDisk))}
          </button>
        )}
      </header>
      <DataTable
        className="precision-table"
        name={text.precisions.fileName(checkpoint.name)}
        cells={() => cellsOf(forms)}
        rows={forms}
        rowKey={({ precision }) => precision}
        columns={[
          {
            id: 'weights',
            head: text.precisions.columns[0],
            isRowHead: true,
            cell: (form) => <Choice form={form} checkpointId={id} busy={working !== null} />,
          },
          { id: 'memory', head: text.precisions.columns[1], cell: ({ memoryBytes }) => bytes(memoryBytes) },
          {
            id: 'disk',
            head: text.precisions.columns[2],
            cell: ({ diskBytes }) => (diskBytes > 0 ? bytes(diskBytes) : text.precisions.none),
          },
          {
            id: 'measure',
            head: <span className="only-spoken">{text.precisions.measure}</span>,
            name: text.precisions.measure,
            cell: (form) => <Measure form={form} checkpointId={id} busy={working !== null} />,
          },
        ]}
        below={(form) =>
          form.precision === 'f32' ? (
            <span className="muted">{text.precisions.reference}</span>
          ) : (
            <Distance form={form} />
          )
        }
      />
      {here && <p className="muted small">{here.progress?.stage ?? text.precisions.working}</p>}
      {here && <ProgressBar progress={here.progress} label={text.precisions.working} />}
    </section>
  );
}

/** A row for each form; the sentence about its distance as its numbers. */
function cellsOf(forms: PrecisionForm[]): string[][] {
  const rows = forms.map(({ precision, used, memoryBytes, diskBytes, distance }) => {
    const measured = distance
      ? [
          distance.films,
          distance.positions,
          distance.sameFindings,
          distance.labelAgreement,
          distance.relativeLogitError,
          distance.klDivergence,
          distance.sameToken,
        ]
      : Array<string>(7).fill('');
    return [precision, used ? text.precisions.used : '', memoryBytes, diskBytes, ...measured].map(String);
  });
  return [text.precisions.fileColumns, ...rows];
}

interface FormProps {
  form: PrecisionForm;
  checkpointId: string;
  busy: boolean;
}

function Choice({ form, checkpointId, busy }: FormProps) {
  const { precisions } = useWorkbench();
  return (
    <label>
      <input
        type="radio"
        name={`precision of ${checkpointId}`}
        checked={form.used}
        disabled={busy}
        onChange={() => void precisions.choose(checkpointId, form)}
      />
      {form.precision}
      {form.recommended && (
        <span className="muted" title={text.precisions.suggestedHint}>
          {text.precisions.suggested}
        </span>
      )}
    </label>
  );
}

function Measure({ form, checkpointId, busy }: FormProps) {
  const { precisions } = useWorkbench();
  const { precision, distance } = form;
  if (precision === 'f32') return null;
  return (
    <button
      type="button"
      className="quiet"
      disabled={busy}
      aria-label={text.precisions.measureOf(distance !== null, precision)}
      title={text.precisions.measureHint}
      onClick={() => void precisions.measure(checkpointId, precision)}
    >
      {distance ? text.precisions.again : text.precisions.measure}
    </button>
  );
}

function Distance({ form: { distance } }: { form: PrecisionForm }) {
  if (!distance) return <span className="muted">{text.precisions.notMeasured}</span>;
  const { films, positions, relativeLogitError, klDivergence, sameToken, labelAgreement, sameFindings } = distance;
  return (
    <span title={text.precisions.basis(films, positions)}>
      {text.precisions.findings(sameFindings, films, percent(labelAgreement))}
      <br />
      <span className="muted small">
        {text.precisions.logits(percent(relativeLogitError), klDivergence.toPrecision(2), percent(sameToken))}
      </span>
    </span>
  );
}

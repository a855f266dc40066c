/** The form that adds a data set: a label table and the folder of its images. */
import type { FormEvent } from 'react';
import { CHEXPERT_LABELS, type Label, type UncertaintyPolicy } from '../../core/labels/labels.ts';
import { useFrom, useWorkbench } from '../frame/context.ts';
import { PathField } from '../frame/PathField.tsx';
import { ErrorBox } from '../frame/parts.tsx';
import type { TableToAdd } from '../state/evaluating.ts';
import { text } from '../text.ts';
import { MapColumns } from './MapColumns.tsx';

export function AddTable({ table }: { table: TableToAdd }) {
  const { evaluating } = useWorkbench();
  const adding = useFrom(evaluating, (state) => state.adding);
  const edit = (change: Partial<TableToAdd>) => evaluating.editTable({ ...table, ...change });
  function submit(event: FormEvent) {
    event.preventDefault();
    void evaluating.addTable();
  }
  return (
    <form className="add-table fields" onSubmit={submit}>
      <Choice
        label={text.evaluate.tableKind}
        value={table.kind}
        choices={text.evaluate.tableKinds}
        onChange={(kind) => {
          edit({ kind });
          if (kind === 'custom') void evaluating.lookAtTable();
        }}
      />
      <PathField
        label={text.evaluate.csv}
        kind="file"
        value={table.csv}
        onChange={(csv) => edit({ csv, look: { state: 'none' }, mapping: null })}
      />
      {table.kind === 'custom' && (
        <button type="button" disabled={table.csv.trim() === ''} onClick={() => void evaluating.lookAtTable()}>
          {text.analysis.mapTitle}
        </button>
      )}
      <PathField
        label={text.evaluate.images}
        kind="folder"
        value={table.images}
        hint={text.evaluate.imagesHint}
        onChange={(images) => edit({ images })}
      />
      <Choice
        label={text.evaluate.policy}
        value={table.policy}
        choices={text.evaluate.policies}
        onChange={(policy) => edit({ policy })}
      />
      <Exceptions table={table} edit={edit} />
      <Choice
        label={text.analysis.unit}
        value={table.unit}
        choices={text.analysis.units}
        onChange={(unit) => edit({ unit })}
      />
      <Choice
        label={text.analysis.views}
        value={table.views}
        choices={text.analysis.viewChoices}
        onChange={(views) => edit({ views })}
      />
      <Choice
        label={text.analysis.aggregation}
        value={table.aggregation}
        choices={text.analysis.aggregations}
        onChange={(aggregation) => edit({ aggregation })}
      />
      <Choice
        label={text.evaluate.role}
        value={table.role}
        choices={text.evaluate.roles}
        onChange={(role) => edit({ role })}
      />
      {table.kind === 'custom' && <Mapping table={table} edit={edit} />}
      <button
        type="submit"
        className="primary"
        disabled={adding || table.csv.trim() === '' || (table.kind === 'custom' && !table.mapping)}
      >
        {text.evaluate.add}
      </button>
    </form>
  );
}

type Edit = (change: Partial<TableToAdd>) => void;

function Mapping({ table, edit }: { table: TableToAdd; edit: Edit }) {
  const { look, mapping } = table;
  if (look.state === 'loading') return <p className="muted">{text.analysis.mapLooking}</p>;
  if (look.state === 'failed') return <ErrorBox title={text.analysis.mapFailed} error={look.error} />;
  if (look.state !== 'ready' || !mapping) return null;
  return <MapColumns look={look.value} mapping={mapping} onChange={(to) => edit({ mapping: to })} />;
}

/** One label after another whose uncertain values count otherwise. */
function Exceptions({ table, edit }: { table: TableToAdd; edit: Edit }) {
  const { exceptions } = table;
  const set = (label: Label, policy: UncertaintyPolicy | undefined) => {
    const { [label]: _, ...others } = exceptions;
    edit({ exceptions: policy === undefined ? others : { ...others, [label]: policy } });
  };
  const named = CHEXPERT_LABELS.filter((label) => exceptions[label] !== undefined);
  return (
    <>
      {named.map((label) => (
        <label key={label} className="field">
          <span>{label}</span>
          <select
            value={exceptions[label]}
            onChange={(event) => set(label, (event.target.value || undefined) as UncertaintyPolicy | undefined)}
          >
            <option value="">{text.analysis.policySame}</option>
            {Object.entries(text.evaluate.policies).map(([value, name]) => (
              <option key={value} value={value}>
                {name}
              </option>
            ))}
          </select>
        </label>
      ))}
      <label className="field">
        <span>{text.analysis.policyExceptions}</span>
        <select value="" onChange={(event) => set(event.target.value as Label, 'ignore')}>
          <option value="" />
          {CHEXPERT_LABELS.filter((label) => exceptions[label] === undefined).map((label) => (
            <option key={label} value={label}>
              {label}
            </option>
          ))}
        </select>
      </label>
    </>
  );
}

function Choice<T extends string>(props: {
  label: string;
  value: T;
  choices: Record<T, string>;
  onChange(value: T): void;
}) {
  return (
    <label className="field">
      <span>{props.label}</span>
      <select value={props.value} onChange={(event) => props.onChange(event.target.value as T)}>
        {(Object.entries(props.choices) as [T, string][]).map(([value, name]) => (
          <option key={value} value={value}>
            {name}
          </option>
        ))}
      </select>
    </label>
  );
}

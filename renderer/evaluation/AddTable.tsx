/** The form that adds a data set: a label table and the folder of its images. */
import type { FormEvent } from 'react';
import { useFrom, useWorkbench } from '../frame/context.ts';
import { PathField } from '../frame/PathField.tsx';
import type { TableToAdd } from '../state/evaluating.ts';
import { text } from '../text.ts';

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
        onChange={(kind) => edit({ kind })}
      />
      <PathField label={text.evaluate.csv} kind="file" value={table.csv} onChange={(csv) => edit({ csv })} />
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
      <Choice
        label={text.evaluate.role}
        value={table.role}
        choices={text.evaluate.roles}
        onChange={(role) => edit({ role })}
      />
      <button type="submit" className="primary" disabled={adding || table.csv.trim() === ''}>
        {text.evaluate.add}
      </button>
    </form>
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

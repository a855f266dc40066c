/** Which column of a table is what, and what its cells mean: guessed, shown with what stands in the columns, and changed here. */
import type { ColumnMapping, TableLook } from '../../core/datasets/columnMapping.ts';
import { CHEXPERT_LABELS, type Label } from '../../core/labels/labels.ts';
import { text } from '../text.ts';

const PARTS = ['film', 'patient', 'study', 'view', 'sex', 'age', 'split'] as const;
const MEANINGS = ['positive', 'negative', 'uncertain', 'blank'] as const;

export function MapColumns(props: { look: TableLook; mapping: ColumnMapping; onChange(mapping: ColumnMapping): void }) {
  const { look, mapping, onChange } = props;
  const edit = (change: Partial<ColumnMapping>) => onChange({ ...mapping, ...change });
  return (
    <fieldset className="map-columns">
      <legend>{text.analysis.mapTitle}</legend>
      <p className="muted">{text.analysis.mapHint}</p>
      <div className="fields">
        {PARTS.map((part) => (
          <ColumnChoice
            key={part}
            label={text.analysis.mapParts[part]}
            look={look}
            value={mapping[part]}
            needed={part === 'film'}
            onChange={(column) => edit({ [part]: column } as Partial<ColumnMapping>)}
          />
        ))}
        <label className="field">
          <span>{text.analysis.mapKey}</span>
          <select value={mapping.key} onChange={(event) => edit({ key: event.target.value as ColumnMapping['key'] })}>
            {(Object.keys(text.analysis.mapKeys) as ColumnMapping['key'][]).map((key) => (
              <option key={key} value={key}>
                {text.analysis.mapKeys[key]}
              </option>
            ))}
          </select>
        </label>
      </div>
      <div className="fields">
        {MEANINGS.map((meaning) => (
          <label key={meaning} className="field">
            <span>{text.analysis.mapValues[meaning]}</span>
            <input
              title={text.analysis.mapValuesHint}
              value={mapping.values[meaning].join(', ')}
              onChange={(event) =>
                edit({
                  values: { ...mapping.values, [meaning]: event.target.value.split(',').map((cell) => cell.trim()) },
                })
              }
            />
          </label>
        ))}
      </div>
      <h3>{text.analysis.mapLabels}</h3>
      <div className="fields">
        {CHEXPERT_LABELS.map((label) => (
          <ColumnChoice
            key={label}
            label={label}
            look={look}
            value={mapping.labels[label]}
            onChange={(column) => edit({ labels: withLabel(mapping.labels, label, column) })}
          />
        ))}
      </div>
      {mapping.findings && <Findings findings={mapping.findings} onChange={(findings) => edit({ findings })} />}
    </fieldset>
  );
}

function withLabel(labels: ColumnMapping['labels'], label: Label, column: string | undefined): ColumnMapping['labels'] {
  const { [label]: _, ...others } = labels;
  return (column === undefined ? others : { ...others, [label]: column }) as ColumnMapping['labels'];
}

function ColumnChoice(props: {
  label: string;
  look: TableLook;
  value: string | undefined;
  needed?: boolean;
  onChange(column: string | undefined): void;
}) {
  const column = props.look.columns.find(({ name }) => name === props.value);
  const values = column ? `${column.values.slice(0, 4).join(', ')}${column.more ? ', …' : ''}` : '';
  return (
    <label className="field">
      <span>{props.label}</span>
      <select value={props.value ?? ''} onChange={(event) => props.onChange(event.target.value || undefined)}>
        {!props.needed && <option value="">{text.analysis.mapNothing}</option>}
        {props.look.columns.map(({ name }) => (
          <option key={name} value={name}>
            {name}
          </option>
        ))}
      </select>
      <span className="small" title={values}>
        {values}
      </span>
    </label>
  );
}

type ListedFindings = NonNullable<ColumnMapping['findings']>;

function Findings({ findings, onChange }: { findings: ListedFindings; onChange(findings: ListedFindings): void }) {
  return (
    <>
      <h3>{text.analysis.mapFindings(findings.column)}</h3>
      <div className="fields">
        {Object.entries(findings.names).map(([name, label]) => (
          <label key={name} className="field">
            <span>{name}</span>
            <select
              value={label ?? ''}
              onChange={(event) =>
                onChange({
                  ...findings,
                  names: { ...findings.names, [name]: (event.target.value || null) as Label | null },
                })
              }
            >
              <option value="">{text.analysis.mapNotScored}</option>
              {CHEXPERT_LABELS.map((each) => (
                <option key={each} value={each}>
                  {each}
                </option>
              ))}
            </select>
          </label>
        ))}
      </div>
    </>
  );
}

/** Arguments that say how a label table is read: mappings of columns, uncertainty policies. */
import { readFile } from 'node:fs/promises';
import type { ColumnMapping } from '../../core/datasets/columnMapping.ts';
import { checkedMapping } from '../../core/datasets/custom.ts';
import { isLabel, type Label, type UncertaintyPolicy } from '../../core/labels/labels.ts';
import type { UncertaintyPolicies } from '../../core/labels/uncertainty.ts';
import { UsageError } from './call.ts';
import { userPath } from './places.ts';

const POLICIES: readonly string[] = ['zeros', 'ones', 'ignore'];

/** `zeros`, or `zeros,Edema=ones,Atelectasis=ignore`: the first is for all labels that are not named. */
export function policiesOf(text: string | undefined): UncertaintyPolicies | undefined {
  if (text === undefined) return undefined;
  const [otherwise, ...exceptions] = text.split(',').map((part) => part.trim());
  if (exceptions.length === 0) return policyOf(otherwise!);
  const labels: Partial<Record<Label, UncertaintyPolicy>> = {};
  for (const exception of exceptions) {
    const [label = '', policy = ''] = exception.split('=').map((part) => part.trim());
    if (!isLabel(label)) throw new UsageError(`"${label}" is not one of the 14 labels.`);
    labels[label] = policyOf(policy);
  }
  return { otherwise: policyOf(otherwise!), labels };
}

function policyOf(text: string): UncertaintyPolicy {
  if (POLICIES.includes(text)) return text as UncertaintyPolicy;
  throw new UsageError(`"${text}" is no policy for uncertain labels: ${POLICIES.join(', ')} are.`);
}

export interface MappingOptions {
  /** JSON file. */
  mapping?: string;
  /** `film=Image`, `patient=PID`: added to the file's. */
  column?: string[];
  /** `Edema=Oedema`. */
  label?: string[];
  /** `positive=ja,1`. */
  value?: string[];
}

/** undefined where nothing was given. Errors: FILE_NOT_FOUND, DATASET_MAPPING. */
export async function mappingOf({ mapping, column, label, value }: MappingOptions): Promise<ColumnMapping | undefined> {
  if (mapping === undefined && !column && !label && !value) return undefined;
  const file = mapping === undefined ? {} : parsed(await readFile(userPath(mapping), 'utf8'), mapping);
  const values = Object.entries(pairs(value)).map(([meaning, cells]) => [meaning, cells.split(',')]);
  return checkedMapping({
    ...file,
    ...pairs(column),
    labels: { ...(file['labels'] as object | undefined), ...pairs(label) },
    values: { ...(file['values'] as object | undefined), ...Object.fromEntries(values) },
  });
}

function parsed(text: string, file: string): Record<string, unknown> {
  try {
    return JSON.parse(text) as Record<string, unknown>;
  } catch {
    throw new UsageError(`${file} is no JSON.`);
  }
}

function pairs(texts: readonly string[] | undefined): Record<string, string> {
  return Object.fromEntries(
    (texts ?? []).map((text) => {
      const at = text.indexOf('=');
      if (at <= 0) throw new UsageError(`"${text}": NAME=VALUE was expected.`);
      return [text.slice(0, at).trim(), text.slice(at + 1).trim()];
    }),
  );
}

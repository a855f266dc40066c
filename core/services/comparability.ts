/**
 * Whether two answers may be compared: only where nothing but the checkpoint differs. One pure function for Read, Evaluate
 * and the report; the words are here, so that all of them give the same reason.
 */
import type { Provenance } from './contract.ts';

export interface Difference {
  field: string;
  a: string;
  b: string;
}

/** What may differ: the film, and what a checkpoint is (weights, its name on a server, the form of its answers). */
const OF_THE_CHECKPOINT = new Set<string>(['imageHash', 'baseHash', 'adapterHash', 'serverModel', 'answerFormat']);

/** In a sentence; a field without words is named as it is. */
const WORDS: Partial<Record<keyof Provenance, string>> = {
  preprocessing: 'preprocessing',
  promptId: 'prompt',
  promptHash: 'wording of the prompt',
  templateHash: 'chat template',
  temperature: 'temperature',
  topP: 'top-p',
  topK: 'top-k',
  seed: 'seed',
  maxNewTokens: 'maximum of tokens',
  precision: 'precision',
  executor: 'executor',
  executorVersion: 'version of the executor',
  server: 'server',
  probabilityMethod: 'method of the label probabilities',
};

/** Everything that differs beyond the checkpoint; empty: they may be compared. */
export function differences(a: Provenance, b: Provenance): Difference[] {
  const fields = [...new Set([...Object.keys(a), ...Object.keys(b)])] as (keyof Provenance)[];
  return fields.flatMap((field) => {
    if (OF_THE_CHECKPOINT.has(field) || a[field] === b[field] || belongsToCheckpoint(field, a, b)) return [];
    return [{ field: WORDS[field] ?? field, a: shown(a[field]), b: shown(b[field]) }];
  });
}

function belongsToCheckpoint(field: keyof Provenance, a: Provenance, b: Provenance): boolean {
  // Another base model brings another chat template.
  if (field === 'templateHash') return a.baseHash !== b.baseHash;
  // The wording of another prompt differs of course.
  if (field === 'promptHash') return a.promptId !== b.promptId;
  // An answer without label probabilities is the same answer.
  return field === 'probabilityMethod' && (a[field] === undefined || b[field] === undefined);
}

/** Why they may not be compared, as the rest of a sentence; null: they may. */
export function refusal(a: Provenance, b: Provenance): string | null {
  const found = differences(a, b);
  if (found.length === 0) return null;
  return found.map(({ field, a, b }) => `${field} (${a} and ${b})`).join(', ');
}

function shown(value: unknown): string {
  if (value === undefined || value === null) return 'none';
  const text = String(value);
  return /^[0-9a-f]{32,}$/.test(text) ? text.slice(0, 8) : text;
}

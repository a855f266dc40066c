/**
 * Reasoning traces in the workspace: `traces/<data set>.jsonl`, a line for each thing that happened, so that nothing that a
 * teacher wrote or a clinician decided is lost and the last decision can be taken back. The lines in order make the state.
 */
import type { ErrorData } from '../base/errors.ts';
import { parseCompletion } from '../findings/parse.ts';
import type { Label } from '../labels/labels.ts';
import type { Workspace } from '../workspace/workspace.ts';
import type { Trace, TraceStatus } from './contract.ts';

const FOLDER = 'traces';

export type TraceEvent = { filmId: string; at: string } & (
  | { event: 'asked'; text: string; source: { model: string; server: string }; promptHash: string; seed: number }
  | { event: 'failed'; error: ErrorData; source: { model: string; server: string } }
  | { event: 'imported'; text: string; source: { file: string }; accepted: boolean }
  | { event: 'accepted'; otherLabels: boolean }
  | { event: 'edited'; text: string; otherLabels: boolean }
  | { event: 'rejected' }
  | { event: 'undone' }
);

/** Of one film. */
export interface StoredTrace {
  filmId: string;
  status: TraceStatus;
  text: string;
  source: Trace['source'];
  error: ErrorData | null;
  at: string;
}

const DECISIONS = ['accepted', 'edited', 'rejected'];

export class TraceStore {
  /** By data set. */
  private readonly known = new Map<string, Promise<Folded>>();

  constructor(private readonly workspace: Workspace) {}

  /** By film. */
  async all(datasetId: string): Promise<ReadonlyMap<string, StoredTrace>> {
    return (await this.folded(datasetId)).traces;
  }

  /** The film of the last decision that stands; null: there is none. */
  async lastDecided(datasetId: string): Promise<string | null> {
    const { decided } = await this.folded(datasetId);
    return decided[decided.length - 1]?.filmId ?? null;
  }

  /** Written before it counts. */
  async append(datasetId: string, events: readonly TraceEvent[]): Promise<void> {
    const folded = await this.folded(datasetId);
    await this.workspace.appendAll(events, FOLDER, `${datasetId}.jsonl`);
    for (const event of events) apply(folded, event);
  }

  private folded(datasetId: string): Promise<Folded> {
    const there = this.known.get(datasetId) ?? this.read(datasetId);
    this.known.set(datasetId, there);
    there.catch(() => this.known.delete(datasetId));
    return there;
  }

  private async read(datasetId: string): Promise<Folded> {
    const folded: Folded = { traces: new Map(), decided: [] };
    for (const event of await this.workspace.lines<TraceEvent>(FOLDER, `${datasetId}.jsonl`)) apply(folded, event);
    return folded;
  }
}

interface Folded {
  traces: Map<string, StoredTrace>;
  /** Decisions that stand, in order, with what they changed. */
  decided: StoredTrace[];
}

function apply({ traces, decided }: Folded, event: TraceEvent): void {
  const { filmId, at } = event;
  const before = traces.get(filmId) ?? { filmId, status: 'failed', text: '', source: null, error: null, at };
  if (event.event === 'undone') {
    const last = decided.pop();
    if (last) traces.set(last.filmId, last);
    return;
  }
  if (DECISIONS.includes(event.event)) decided.push(before);
  traces.set(filmId, { ...after(before, event), at });
}

function after(before: StoredTrace, event: Exclude<TraceEvent, { event: 'undone' }>): StoredTrace {
  switch (event.event) {
    case 'asked':
      return { ...before, status: 'unreviewed', text: event.text, source: event.source, error: null };
    case 'imported': {
      const status = event.accepted ? 'accepted' : 'unreviewed';
      return { ...before, status, text: event.text, source: event.source, error: null };
    }
    case 'failed':
      return { ...before, status: 'failed', source: event.source, error: event.error };
    case 'accepted':
      return { ...before, status: 'accepted' };
    case 'edited':
      return { ...before, status: 'edited', text: event.text };
    case 'rejected':
      return { ...before, status: 'rejected' };
  }
}

/** Words by which a trace tells that it knew the answer. */
const TELLS =
  /\b(the|these|those|as) (given|provided|stated|supplied|settled|known|expected) (label|finding|answer|diagnos)\w*|ground[- ]truth|\b(as|was|were|been) (given|told|instructed|informed)\b|expert readers/i;

/** What speaks against learning a trace of a film with these labels, and what it says. */
export function judge(text: string, given: readonly Label[]): Pick<Trace, 'said' | 'faults'> {
  const { findings: said, invalid, parseFailure, reasoning } = parseCompletion(text);
  const faults: Trace['faults'] = [];
  if (parseFailure !== null && invalid.length === 0) faults.push({ fault: 'form', what: parseFailure });
  else if (reasoning === '') faults.push({ fault: 'form', what: 'no-think' });
  if (invalid.length > 0) faults.push({ fault: 'labels-outside', what: invalid.join(', ') });
  const missing = given.filter((label) => !said.includes(label));
  const added = said.filter((label) => !given.includes(label));
  if (parseFailure === null && missing.length + added.length > 0) {
    const what = [...missing.map((label) => `without ${label}`), ...added.map((label) => `with ${label}`)];
    faults.push({ fault: 'labels-differ', what: what.join(', ') });
  }
  const tells = TELLS.exec(reasoning)?.[0];
  if (tells) faults.push({ fault: 'tells', what: tells });
  return { said, faults };
}

/** Reasoning traces of a data set: asked from a teacher, imported, reviewed. Part of the contract (../contract.ts). */
import { z } from 'zod';
import type { ErrorData } from '../../base/errors.ts';
import type { Label } from '../../labels/labels.ts';

export type TraceStatus = 'unreviewed' | 'accepted' | 'edited' | 'rejected' | 'failed';

/** What speaks against learning a trace; each is named on the screen. */
export type TraceFault = 'form' | 'labels-outside' | 'labels-differ' | 'tells';

export interface Trace {
  filmId: string;
  status: TraceStatus;
  /** Empty where asking failed. */
  text: string;
  /** Who wrote it: a model and its server; a file; null: edited by hand. */
  source: { model: string; server: string } | { file: string } | null;
  /** Labels that the table gives the film, and those of the trace's solution. */
  given: Label[];
  said: Label[];
  faults: { fault: TraceFault; what: string }[];
  error: ErrorData | null;
  at: string;
}

/** What is there, by film, in the order of the table; films without a trace have none. */
export interface TraceList {
  traces: Trace[];
  /** Frontal films with labels. */
  films: number;
  counts: Record<TraceStatus, number>;
}

const id = z.string().min(1).max(200);
const path = z.string().min(1).max(4096);

export const traceParameters = {
  'traces.list': z.object({ datasetId: id }).strict(),
  /** Asks a model of a configured server about the films that have no trace yet; failed ones again. Progress: films done. */
  'traces.ask': z
    .object({
      datasetId: id,
      serverId: id,
      model: z.string().min(1).max(500),
      /** The instruction format that is taught. */
      promptId: id.default('reasoning-a'),
      /** Most films with a trace, drawn by the seed. */
      films: z.number().int().min(1).max(1_000_000).default(2000),
      seed: z.number().int().min(0).default(0),
      temperature: z.number().min(0).max(10).default(0.7),
      topP: z.number().gt(0).max(1).default(0.95),
      maxNewTokens: z.number().int().min(1).max(32_768).default(2048),
      /** Rejected ones are asked for again too. */
      rejectedAgain: z.boolean().default(false),
    })
    .strict(),
  /** A clinician's decision; with `text` it is an edit. Labels other than the table's need `otherLabels`. */
  'traces.decide': z
    .object({
      datasetId: id,
      filmId: id,
      decision: z.enum(['accept', 'reject']),
      text: z.string().min(1).max(100_000).optional(),
      otherLabels: z.boolean().default(false),
    })
    .strict(),
  /** Takes the last decision of the data set back; null where there is none. */
  'traces.undo': z.object({ datasetId: id }).strict(),
  /** JSON lines {path, text}, `path` as in the table or a film's id; `accepted`: they have been reviewed elsewhere. */
  'traces.import': z.object({ datasetId: id, path, accepted: z.boolean().default(false) }).strict(),
  /** The same form, with status and labels; `usable`: accepted and edited ones. */
  'traces.export': z.object({ datasetId: id, path, which: z.enum(['usable', 'all']).default('usable') }).strict(),
} as const;

export interface TraceResults {
  'traces.list': TraceList;
  'traces.ask': TraceList;
  'traces.decide': Trace;
  'traces.undo': Trace | null;
  'traces.import': { imported: number; kept: number; rejected: { line: number; code: string; message: string }[] };
  'traces.export': { path: string; lines: number };
}

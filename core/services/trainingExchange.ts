/** `run.json` of an exported run: written by the export, read again with the adapter that comes back. Files are checked. */
import { z } from 'zod';
import { trainedOnSchema } from './lineage.ts';

export const EXPORT_FORMAT = 'chexreason-trl-1';

const text = z.string().max(1000);
const count = z.number().int().min(0);

export const exportedRunSchema = z.object({
  format: z.literal(EXPORT_FORMAT),
  version: text,
  exportedAt: text,
  kind: z.enum(['sft', 'grpo']),
  name: z.string().min(1).max(120),
  config: z.record(z.string(), z.union([z.string(), z.number(), z.boolean()])),
  base: z.object({ name: text, weightsHash: text, files: z.array(z.object({ file: text, sha256: text })).max(1000) }),
  /** The adapter that training starts from; a hash of null: a new one. */
  start: z.object({ name: text, role: text, hash: text.nullable() }),
  dataset: z.object({ name: text, kind: text, examples: count, hash: text }),
  draw: z.object({
    asked: count,
    films: count,
    patients: count,
    filmsThere: count,
    patientsReserved: count,
    patientsOfSft: count,
    sftKnown: z.boolean(),
  }),
  card: z.object({
    trainingSource: text,
    preprocessing: text,
    promptId: text,
    maxNewTokens: z.number().int().min(1),
    phantomOnly: z.boolean(),
  }),
  trainedOn: trainedOnSchema,
  /** Of the same run here; null: it has not begun. */
  firstStep: z.object({ loss: z.number(), grad_norm: z.number() }).nullable(),
});

export type ExportedRun = z.output<typeof exportedRunSchema>;

/** Of what the scripts leave in `output`: the log in transformers' form. Its numbers may be NaN, which JSON has not. */
export const trainerStateSchema = z.object({
  global_step: count,
  max_steps: count.default(0),
  best_global_step: count.nullish(),
  log_history: z.array(z.record(z.string(), z.union([z.number(), z.string(), z.null()]))).max(10_000_000),
});

export type TrainerStateFile = z.output<typeof trainerStateSchema>;

/** What a request may carry; checked at the engine's door. Part of the contract (../contract.ts). */
import { z } from 'zod';
import { columnMappingSchema } from '../../datasets/columnMapping.ts';
import { CHEXPERT_LABELS, isLabel, type Label } from '../../labels/labels.ts';
import { DEVICES } from '../../tensor/executor.ts';
import { annotation, imageHash } from '../annotations.ts';
import { readerFindings } from '../readers.ts';
import { traceParameters } from './traces.ts';

const id = z.string().min(1).max(200);
const room = z.object({ width: z.number().min(1).max(65536), height: z.number().min(1).max(65536) }).strict();
const path = z.string().min(1).max(4096);
const none = z.object({}).strict();

/** Label probabilities: from the answers that the model might give after its reasoning, or counted over samples. */
const probabilities = z
  .discriminatedUnion('method', [
    z.object({ method: z.literal('answer-tree') }).strict(),
    z
      .object({
        method: z.literal('frequency'),
        samples: z.number().int().min(1).max(1024),
        temperature: z.number().gt(0).max(10).default(0.8),
        topP: z.number().gt(0).max(1).default(0.95),
      })
      .strict(),
  ])
  .optional();

export type ProbabilitySettings = NonNullable<z.output<typeof probabilities>>;

/** What a report is of; what is absent is all that the evaluation has. */
const reportChoice = {
  evaluationId: id,
  /** In the order in which they are printed. */
  sections: z.array(z.string()).min(1).optional(),
  checkpointIds: z.array(id).min(1).optional(),
  datasetIds: z.array(id).min(1).max(2).optional(),
  /** Figures are worked out on these alone. */
  labels: z.array(z.enum(CHEXPERT_LABELS)).min(1).optional(),
  /** Films that are shown; absent: of each data set those on which the readings differ most. */
  films: z.array(id).max(100).optional(),
  filmsOfEach: z.number().int().min(0).max(40).optional(),
  /** ISO 8601; absent: now. Stands in the file's metadata only. */
  date: z.iso.datetime().optional(),
};

/** Opened films: these, all of a folder (or of a file), or all of a study. */
const openedFilms = z.union([
  z.object({ filmIds: z.array(id).min(1).max(1_000_000) }).strict(),
  z.object({ folder: path }).strict(),
  z.object({ study: id }).strict(),
]);

const policy = z.enum(['zeros', 'ones', 'ignore']);

/** One policy for all labels, or others for some of them. */
const policies = z.union([
  policy,
  z
    .object({
      otherwise: policy,
      labels: z.partialRecord(
        z
          .string()
          .refine(isLabel, 'not one of the 14 labels')
          .transform((name) => name as Label),
        policy,
      ),
    })
    .strict(),
]);

/** Films that the models were not made for (lateral, for processing, no chest, view not known): left out, or read too. */
const unsuitable = z.enum(['exclude', 'include']).default('exclude');

const trainingRequest = z
  .object({
    kind: z.enum(['sft', 'grpo']),
    name: z.string().min(1).max(120),
    startFromId: id,
    /** The films that are learned from; absent: the collection whose part is the training source. */
    datasetId: id.optional(),
    config: z.record(z.string(), z.union([z.string(), z.number(), z.boolean()])),
  })
  .strict();

/** What a request may carry; checked at the engine's door. */
export const parameters = {
  'app.state': none,
  'workspace.open': z.object({ path }).strict(),
  /** What was dropped or pasted; the screen then calls films.add, datasets.add, checkpoints.add or workspace.open. */
  'paths.recognise': z.object({ paths: z.array(path).min(1).max(10_000) }).strict(),
  'recent.list': none,
  'recent.clear': none,
  'collections.list': none,
  /** Takes a data set, or all that was opened, out of the list; nothing on the disk is touched, what was made with it stays. */
  'collections.remove': z.object({ collectionId: id }).strict(),
  'collections.restore': z.object({ collectionId: id }).strict(),
  /** What was taken out of the lists and can be put back. */
  'removed.list': none,
  /** Opens files, folders and DICOMDIRs; headers only. Progress: ScanProgress. */
  'films.add': z.object({ paths: z.array(path).min(1).max(10_000) }).strict(),
  /** Takes opened films out of the list; their files stay. */
  'films.remove': openedFilms,
  'films.restore': openedFilms,
  /** With `from` and `limit` a part of the list; a part that is shorter than its limit is the last. */
  'films.list': z
    .object({
      collectionId: id.optional(),
      from: z.number().int().min(0).optional(),
      limit: z.number().int().min(1).optional(),
    })
    .strict(),
  /** With `room`, the device pixels that it will be shown in, the film comes in small first, as progress. */
  'films.open': z.object({ filmId: id, frame: z.number().int().min(0).optional(), room: room.optional() }).strict(),
  'films.modelView': z.object({ filmId: id, checkpointId: id }).strict(),
  /** For the study list; cancelled where it has left the screen. */
  'films.thumbnail': z.object({ filmId: id }).strict(),
  /** Copies under PS3.15's Basic Application Level Confidentiality Profile; the sources are only read. */
  'films.deidentify': z
    .object({
      filmIds: z.array(id).min(1).max(1_000_000),
      out: path,
      dates: z.enum(['remove', 'shift']).default('remove'),
      keepPatientCharacteristics: z.boolean().default(false),
    })
    .strict(),
  /** What was drawn on a frame, and the boxes that its data set has for it. */
  'annotations.ofFilm': z.object({ filmId: id, imageHash }).strict(),
  /** Replaces what is drawn on a frame. */
  'annotations.set': z.object({ imageHash, annotations: z.array(annotation).max(1000) }).strict(),
  'datasets.add': z
    .object({
      kind: z.enum(['chexpert', 'nih', 'mimic', 'custom']),
      csv: path,
      images: path.optional(),
      /** Of `custom`: what its columns are. */
      mapping: columnMappingSchema.optional(),
      policy: policies.default('zeros'),
      /** Absent: study where the table has one row a study, else image. */
      unit: z.enum(['image', 'study']).optional(),
      views: z.enum(['frontal', 'all', 'AP', 'PA']).default('frontal'),
      aggregation: z.enum(['any', 'majority', 'first']).default('first'),
      role: z.enum(['training-source', 'source', 'target', 'probe-source', 'probe-target', 'none']).default('none'),
      name: z.string().max(200).optional(),
    })
    .strict(),
  /** A table of any form: its columns, what stands in them, and a first mapping. */
  'datasets.look': z.object({ csv: path }).strict(),
  'checkpoints.list': none,
  /** A folder: a base model or an adapter, recognised by what lies in it. */
  'checkpoints.add': z
    .object({ path, name: z.string().max(200).optional(), role: z.enum(['base', 'sft', 'grpo', 'other']).optional() })
    .strict(),
  'checkpoints.remove': z.object({ checkpointId: id }).strict(),
  /** Takes a removal back. */
  'checkpoints.restore': z.object({ checkpointId: id }).strict(),
  /** A model or an adapter of a configured server. */
  'checkpoints.addRemote': z
    .object({
      serverId: id,
      model: z.string().min(1).max(500),
      name: z.string().max(200).optional(),
      role: z.enum(['base', 'sft', 'grpo', 'other']).optional(),
      preprocessing: z.string().max(100).optional(),
      promptId: id.optional(),
      maxNewTokens: z.number().int().min(1).max(32_768).optional(),
      trainingSource: z.string().max(200).optional(),
      answerFormat: z.enum(['solution', 'answer']).optional(),
    })
    .strict(),
  /** The forms of a base model's weights. */
  'checkpoints.precisions': z.object({ checkpointId: id }).strict(),
  /** Reads the base model, and so its adapters, in this precision from now on; converts the weights where needed. */
  'checkpoints.setPrecision': z
    .object({ checkpointId: id, precision: z.enum(['auto', 'f32', 'f16', 'int8', 'int4']) })
    .strict(),
  /** Its distance from f32 on phantom films. */
  'checkpoints.measurePrecision': z
    .object({
      checkpointId: id,
      precision: z.enum(['f32', 'f16', 'int8', 'int4']),
      films: z.number().int().min(1).max(1000).default(8),
    })
    .strict(),
  /** Removes the converted weights from the cache. */
  'checkpoints.removeForms': z.object({ checkpointId: id }).strict(),
  /** Asks it about the canary film again. */
  'checkpoints.canary': z.object({ checkpointId: id }).strict(),
  'servers.list': none,
  /** What is at an address, before it is added. */
  'servers.probe': z.object({ address: z.string().min(1).max(500), key: z.string().max(4096).optional() }).strict(),
  'servers.add': z
    .object({
      address: z.string().min(1).max(500),
      name: z.string().min(1).max(100).optional(),
      key: z.string().max(4096).optional(),
      concurrency: z.number().int().min(1).max(256).optional(),
      timeoutSeconds: z.number().min(1).max(86_400).optional(),
    })
    .strict(),
  'servers.refresh': z.object({ serverId: id }).strict(),
  'servers.restore': z.object({ serverId: id }).strict(),
  'servers.remove': z.object({ serverId: id }).strict(),
  /** For this session, in memory; an empty key forgets it. */
  'servers.setKey': z.object({ address: z.string().min(1).max(500), key: z.string().max(4096) }).strict(),
  /** vLLM: an adapter that lies on the server's disk. */
  'servers.loadAdapter': z.object({ serverId: id, name: z.string().min(1).max(200), path }).strict(),
  'prompts.list': none,
  /** Files of the workspace's prompts folder that cannot be used, and why. */
  'prompts.problems': none,
  /** The answers that are there already, by checkpoint id; with a prompt, those to it. */
  'predictions.ofFilm': z.object({ filmId: id, promptId: id.optional() }).strict(),
  /** Progress: GenerationProgress, the text as it grows. */
  'predictions.generate': z
    .object({
      filmId: id,
      checkpointId: id,
      temperature: z.number().min(0).max(10).default(0),
      topP: z.number().gt(0).max(1).default(1),
      topK: z.number().int().min(0).default(0),
      seed: z.number().int().min(0).default(0),
      maxNewTokens: z.number().int().min(1).max(4096).optional(),
      /** Another of the instruction formats, or a question of the user's own; absent: the checkpoint's prompt. */
      promptId: id.optional(),
      promptText: z.string().min(1).max(20_000).optional(),
      probabilities,
      /** Generated once more although it is stored: the stored one stays, and the new one can be set beside it. */
      again: z.boolean().optional(),
    })
    .strict(),
  /** What the network was given and what it wrote, token by token, of an answer that is stored. */
  'predictions.inspect': z.object({ filmId: id, checkpointId: id, key: id }).strict(),
  /** What every checkpoint said of every film that it has read (greedy, with its own prompt): for filters. */
  'predictions.index': none,
  /** What readers found; the last of each film. */
  'readers.list': none,
  'readers.save': readerFindings,
  /** Draws the film's answer several times (GRPO's temperature and top-p by default). Progress: answers of all. */
  'predictions.sample': z
    .object({
      filmId: id,
      checkpointId: id,
      samples: z.number().int().min(1).max(64),
      temperature: z.number().gt(0).max(10).default(0.8),
      topP: z.number().gt(0).max(1).default(0.95),
      topK: z.number().int().min(0).default(0),
      seed: z.number().int().min(0).default(0),
      maxNewTokens: z.number().int().min(1).max(4096).optional(),
      promptId: id.optional(),
    })
    .strict(),
  'evaluations.list': none,
  'evaluations.cost': z
    .object({
      datasetIds: z.array(id).min(1),
      checkpointIds: z.array(id).min(1),
      limit: z.number().int().min(1).nullable(),
      unsuitable,
      promptId: id.optional(),
      probabilities,
    })
    .strict(),
  /** Starts, or resumes the one with the same parameters. Progress: EvaluationProgress. */
  'evaluations.run': z
    .object({
      sourceDatasetId: id,
      targetDatasetId: id,
      checkpointIds: z.array(id).min(1),
      limit: z.number().int().min(1).nullable(),
      unsuitable,
      /** One prompt for all; absent: each checkpoint's own. */
      promptId: id.optional(),
      probabilities,
    })
    .strict(),
  'evaluations.result': z.object({ evaluationId: id }).strict(),
  /** Predictions made elsewhere: JSON lines, CSV, vLLM's batch output; truth from the file or from these data sets (absent: all). */
  'evaluations.import': z
    .object({
      /** Several are read as one. */
      path: z.union([path, z.array(path).min(1).max(1000)]),
      checkpoint: z.string().min(1).max(200).optional(),
      /** Where films and, if the answers carry none, their truth are looked up; absent: every labelled data set. */
      datasetIds: z.array(id).min(1).optional(),
    })
    .strict(),
  /** Every answer as JSON lines, or as CSV where the path ends so: what `evaluations.import` reads. */
  'evaluations.export': z.object({ evaluationId: id, path }).strict(),
  /** The films behind a number: by cell and label, with truth and answer. */
  'evaluations.films': z
    .object({
      evaluationId: id,
      datasetId: id,
      checkpointId: id,
      label: z.string().optional(),
      outcome: z.enum(['tp', 'fp', 'fn', 'tn', 'failed']).optional(),
    })
    .strict(),
  ...traceParameters,
  'training.fields': z.object({ kind: z.enum(['sft', 'grpo']) }).strict(),
  'training.list': none,
  /** Progress: TrainingProgress. */
  'training.run': trainingRequest.extend({
    /** Films that are looked at while training; absent: the data sets whose part that is. */
    probe: z.object({ sourceId: id.optional(), targetId: id.optional() }).strict().optional(),
  }),
  /** What such a run would need of memory, before it starts. */
  'training.plan': trainingRequest.omit({ name: true }),
  /**
   * Writes a run, or one that is only described, as a folder that TRL, PEFT and accelerate train as it stands. `model`: whether
   * the base is copied into it (`auto`: up to 2 GiB).
   */
  'training.export': z
    .object({
      run: z.union([z.object({ runId: id }).strict(), trainingRequest]),
      path,
      model: z.enum(['auto', 'copy', 'leave']).default('auto'),
    })
    .strict(),
  /** Takes back what such a folder was trained to: a complete run, and its adapter as a checkpoint. */
  'training.import': z.object({ path, name: z.string().min(1).max(120).optional() }).strict(),
  'training.resume': z.object({ runId: id }).strict(),
  'training.log': z.object({ runId: id }).strict(),
  /** The completions of a GRPO run's step; absent: of the last one that drew some. */
  'training.completions': z.object({ runId: id, step: z.number().int().min(1).optional() }).strict(),
  'report.sections': none,
  /** Films that a report can show, by how the readings differ. */
  'report.films': z.object({ evaluationId: id }).strict(),
  /** The PDF itself, for the preview; `report.save` writes the same bytes. */
  'report.render': z.object(reportChoice).strict(),
  'report.save': z.object({ ...reportChoice, path }).strict(),
  /** The same tables and figures in another form: a folder of files; JSON is one file. */
  'report.export': z.object({ ...reportChoice, format: z.enum(['csv', 'json', 'latex', 'svg']), path }).strict(),
  'jobs.list': none,
  'jobs.cancel': z.object({ jobId: id }).strict(),
  'jobs.pause': z.object({ jobId: id }).strict(),
  'jobs.resume': z.object({ jobId: id }).strict(),
  /** Where answers are computed from now on; tried first. */
  'engine.setDevice': z.object({ device: z.enum(DEVICES) }).strict(),
  'settings.get': none,
  'settings.set': z.object({ key: z.string().max(100), value: z.string().max(10_000) }).strict(),
} as const;

export type Method = keyof typeof parameters;

/** As the caller writes it: defaults may be left out. */
export type Parameters<M extends Method> = z.input<(typeof parameters)[M]>;

/** As the engine receives it, checked and with defaults. */
export type CheckedParameters<M extends Method> = z.output<(typeof parameters)[M]>;

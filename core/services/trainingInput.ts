/**
 * What a run learns from: films of a data set of any form with its prompt, the answers to learn (SFT: a teacher's trace, else
 * the labels alone) and the labels. Shared by training, its memory plan and its export.
 */
import { dirname, join, resolve } from 'node:path';
import { WorkbenchError } from '../base/errors.ts';
import { unattended, type Work } from '../base/progress.ts';
import { CHEXPERT_LABELS, type Label } from '../labels/labels.ts';
import { positiveLabels } from '../labels/uncertainty.ts';
import type { Adapter } from '../peft/adapter.ts';
import { toModelImage } from '../preprocessing/presets.ts';
import type { Prompt } from '../text/types.ts';
import { parseTrainingConfig, type SftConfig } from '../training/config.ts';
import type { TrainingExample } from '../training/types.ts';
import type { Checkpoints } from './checkpoints.ts';
import type { Collections } from './collections.ts';
import type { CheckedParameters, Checkpoint, FilmEntry, LeftOut, TrainingDraw } from './contract.ts';
import { examplesFor, patientKey, readTrainedOn } from './lineage.ts';
import { readAdapter } from './models.ts';
import type { Prompts } from './prompts.ts';
import { judge, type StoredTrace, type TraceStore } from './traceStore.ts';
import { decodable, faultOf, LeftOuts, readTraces } from './trainingData.ts';

/** Where the answers to learn from are looked for, beside the label table: `{"path": image as in the table, "text": ...}`. */
export const TRACES_FILE = 'traces.jsonl';

export interface TrainingRequest extends Pick<CheckedParameters<'training.run'>, 'kind' | 'startFromId' | 'config'> {
  datasetId: string;
}

export interface TrainingData {
  examples: TrainingExample[];
  draw: TrainingDraw;
  leftOut: LeftOuts;
}

export class TrainingInput {
  constructor(
    private readonly collections: Collections,
    private readonly checkpoints: Checkpoints,
    private readonly prompts: Prompts,
    private readonly traceStore: TraceStore,
  ) {}

  /** @throws TRAINING_WITHOUT_FILMS */
  trainingSource(): string {
    const source = this.collections.list().find((collection) => collection.role === 'training-source');
    if (source) return source.id;
    throw new WorkbenchError(
      'TRAINING_WITHOUT_FILMS',
      'No data set of this workspace is the training source.',
      {},
      'Add a data set with that role, or name one for this run.',
    );
  }

  /** The adapter that a run starts from; null: a base, and so a new one. */
  async adapterOf(start: Checkpoint): Promise<Adapter | null> {
    if (start.baseId === null) return null;
    return (await readAdapter(this.checkpoints.folder(start), this.checkpoints.baseFolder(start))).adapter;
  }

  prompt({ kind, config }: TrainingRequest): Promise<Prompt> {
    return this.prompts.named(parseTrainingConfig(kind as 'sft', config).promptId);
  }

  example(film: FilmEntry, start: Checkpoint, prompt: Prompt) {
    const image = async () => toModelImage(await this.collections.open(film.id), start.preprocessing);
    const patientId = patientKey(this.collections.collection(film.collectionId), film);
    return { id: film.id, patientId, image, promptText: prompt.text };
  }

  /** Examples that the run may draw from, images not looked at. @throws TRAINING_PATIENTS */
  async examples(request: TrainingRequest, leftOut = new LeftOuts()): Promise<Omit<TrainingData, 'leftOut'>> {
    const start = this.checkpoints.usable(request.startFromId);
    const before = start.baseId === null ? null : await readTrainedOn(this.checkpoints.folder(start));
    const { samples, seed, ...config } = parseTrainingConfig(request.kind as 'sft', request.config);
    const { reserveForGrpo = 0 } = config as Partial<SftConfig>;
    const all = await this.all(request, start, leftOut);
    return examplesFor(all, before, { kind: request.kind, samples, seed, reserveForGrpo });
  }

  /** As `examples`, with images that decode. */
  async checked(request: TrainingRequest, work: Work = unattended()): Promise<TrainingData> {
    const leftOut = new LeftOuts();
    const config = parseTrainingConfig(request.kind as 'sft', request.config);
    const { examples, draw } = await this.examples(request, leftOut);
    const good = await decodable(examples, config, leftOut, work);
    return { examples: good, draw, leftOut };
  }

  /** Frontal films with what SFT is to answer and the labels. */
  private async all(request: TrainingRequest, start: Checkpoint, leftOut: LeftOuts): Promise<TrainingExample[]> {
    const prompt = await this.prompt(request);
    const collection = this.collections.collection(request.datasetId);
    const films = (await this.collections.films(request.datasetId)).filter(
      (film) => !film.cautions.includes('lateral'),
    );
    const traces = await this.traces(request, films, leftOut);
    const there = new Set(films.map(({ path }) => path));
    for (const path of traces.keys()) if (!there.has(path)) leftOut.add('trace-without-film', path);
    return films.flatMap((film) => {
      const labels = film.truth ? positiveLabels(film.truth, CHEXPERT_LABELS, collection.policy) : null;
      const targetText = traces.size > 0 ? traces.get(film.path) : labels && solutionOf(labels);
      if (targetText) return [{ ...this.example(film, start, prompt), targetText, labels }];
      leftOut.add(traces.size > 0 ? 'film-without-trace' : 'film-without-labels', film.id);
      return [];
    });
  }

  /** By the film's path: those beside the table, then those of the workspace. GRPO learns from labels, and reads none. */
  private async traces(request: TrainingRequest, films: readonly FilmEntry[], leftOut: LeftOuts) {
    const { kind, datasetId } = request;
    if (kind === 'grpo') return new Map<string, string>();
    const { traces: which, differingTraces } = parseTrainingConfig('sft', request.config);
    if (which === 'none') return new Map<string, string>();
    const { path, policy } = this.collections.collection(datasetId);
    const read = await readTraces(join(dirname(path), TRACES_FILE), leftOut);
    const traces = new Map([...read].map(([image, text]) => [resolve(dirname(path), image), text]));
    const stored = await this.traceStore.all(datasetId);
    for (const film of films) {
      const labels = film.truth && positiveLabels(film.truth, CHEXPERT_LABELS, policy);
      const trace = stored.get(film.id);
      const besideTable = traces.get(film.path);
      const text = trace
        ? usableText(trace, labels ?? [], which, leftOut)
        : besideTable && labels && differs(besideTable, labels, film.path, differingTraces, leftOut)
          ? null
          : besideTable;
      if (text) traces.set(film.path, text);
      else traces.delete(film.path);
    }
    // Else the labels alone would be learned instead, which nobody asked for.
    const faults = leftOut.all.filter(({ reason }) => reason.startsWith('trace-'));
    if (traces.size === 0 && faults.length > 0) throw noneUsable(faults);
    return traces;
  }
}

/** Whether a trace of the file beside the table is left out because it has other labels; it is counted in any case. */
function differs(
  text: string,
  labels: readonly Label[],
  path: string,
  then: SftConfig['differingTraces'],
  leftOut: LeftOuts,
): boolean {
  const differ = labelsDiffer(text, labels);
  if (differ) leftOut.add(then === 'learn' ? 'trace-differs-learned' : 'trace-differs', `${path}: ${differ}`);
  return differ !== undefined && then === 'refuse';
}

function labelsDiffer(text: string, labels: readonly Label[]): string | undefined {
  return judge(text, labels).faults.find(({ fault }) => fault === 'labels-differ')?.what;
}

/** What of a trace is learned; null: it is left out, and counted. */
function usableText(
  { filmId, status, text }: StoredTrace,
  given: readonly Label[],
  which: 'accepted' | 'unreviewed',
  leftOut: LeftOuts,
): string | null {
  if (status === 'failed') return null;
  if (status === 'rejected') leftOut.add('trace-rejected', filmId);
  else if (status === 'unreviewed' && which === 'accepted') leftOut.add('trace-unreviewed', filmId);
  else {
    // A file may have been changed by hand; a clinician may have accepted other labels than the table's.
    const fault = faultOf(text);
    const differ = status === 'unreviewed' ? labelsDiffer(text, given) : undefined;
    if (fault) leftOut.add(fault.reason, `${filmId}: ${fault.why}`);
    else if (differ) leftOut.add('trace-differs', `${filmId}: ${differ}`);
    else return text;
  }
  return null;
}

function noneUsable(faults: readonly LeftOut[]): WorkbenchError {
  const traces = faults.reduce((sum, { count }) => sum + count, 0);
  const kinds = faults.map(({ reason, count, first }) => `${count} ${reason}, first ${first[0]}`);
  return new WorkbenchError(
    'TRAINING_TRACES',
    `This data set has ${traces} reasoning traces, and none that this run may learn from: ${kinds.join('; ')}.`,
    { traces, faults: faults.map((each) => ({ ...each })) },
    'Mend or review them (Train, Traces), or set traces to unreviewed or to none.',
  );
}

/** The answer of the Only Label format. */
export function solutionOf(labels: readonly Label[]): string {
  return `<solution>${labels.join(', ')}</solution>`;
}

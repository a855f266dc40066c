/**
 * Reasoning traces for SFT: asked from a teacher model on a server that the user configured, which is given the labels and
 * told to reason as if it were not (resources/prompts/teacher), or imported; then accepted, edited or rejected by a
 * clinician. What is sent: pixels without a header, the instruction, the labels. An interrupted job goes on with the films
 * that are missing; a film that fails costs itself only.
 */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { toErrorData, WorkbenchError } from '../base/errors.ts';
import { sha256 } from '../base/hash.ts';
import { pausePoint, throwIfCancelled, type Work } from '../base/progress.ts';
import { Random } from '../base/random.ts';
import type { RemoteServer } from '../generation/remote/server.ts';
import { CHEXPERT_LABELS, type Label } from '../labels/labels.ts';
import { positiveLabels } from '../labels/uncertainty.ts';
import { writeFileAtomic } from '../platform/files.ts';
import type { Platform } from '../platform/platform.ts';
import { presetOfSource, toModelImage } from '../preprocessing/presets.ts';
import type { Collections } from './collections.ts';
import type { CheckedParameters, FilmEntry, Results, Trace, TraceList, TraceStatus } from './contract.ts';
import type { Prompts } from './prompts.ts';
import { modelGone, pngOf, requireVision } from './remoteAnswers.ts';
import type { Servers } from './servers.ts';
import { judge, type StoredTrace, type TraceEvent, TraceStore } from './traceStore.ts';

const NAMED = 1000;

export class Traces {
  readonly store: TraceStore;

  constructor(
    private readonly platform: Platform,
    workspace: ConstructorParameters<typeof TraceStore>[0],
    private readonly collections: Collections,
    private readonly servers: Servers,
    private readonly prompts: Prompts,
  ) {
    this.store = new TraceStore(workspace);
  }

  async list(datasetId: string): Promise<TraceList> {
    const stored = await this.store.all(datasetId);
    const films = await this.films(datasetId);
    const traces = films.flatMap((film) => {
      const trace = stored.get(film.id);
      return trace ? [this.shown(trace, film)] : [];
    });
    const counts: Record<TraceStatus, number> = { unreviewed: 0, accepted: 0, edited: 0, rejected: 0, failed: 0 };
    for (const { status } of traces) counts[status]++;
    return { traces, films: films.length, counts };
  }

  /** Errors: SERVER_MODEL_GONE, SERVER_WITHOUT_VISION, SERVER_GIVEN_UP; what a single film met stands in its trace. */
  async ask(params: CheckedParameters<'traces.ask'>, work: Work): Promise<TraceList> {
    const { datasetId, serverId, model } = params;
    const facts = await this.servers.facts(serverId);
    const { address } = this.servers.list().find(({ id }) => id === serverId)!;
    const found = facts.models.find(({ id }) => id === model);
    if (!found)
      throw modelGone({ address, kind: facts.kind, version: facts.version, model, parent: null, precision: '' });
    requireVision(address, found);
    const remote = this.servers.remote(serverId);
    remote.reset();
    const drawn = new Random(params.seed).fork('traces').shuffle([...(await this.films(datasetId))]);
    const wanted = drawn.slice(0, params.films);
    const stored = await this.store.all(datasetId);
    const missing = wanted.filter(({ id }) => isMissing(stored.get(id), params.rejectedAgain));
    const teacher = await this.teacher(params, address);
    const { concurrency } = this.servers.list().find(({ id }) => id === serverId)!;
    let done = wanted.length - missing.length;
    let failures = 0;
    const report = () => work.report({ stage: 'Asking the teacher', done, total: wanted.length, failures });
    report();
    const queue = [...missing];
    const worker = async () => {
      for (let film = queue.shift(); film !== undefined; film = queue.shift()) {
        await pausePoint(work);
        const event = await this.askOne(remote, film, teacher, work.signal);
        await this.store.append(datasetId, [event]);
        done++;
        if (event.event === 'failed') {
          failures++;
          if (event.error.code === 'SERVER_GIVEN_UP')
            throw new WorkbenchError('SERVER_GIVEN_UP', event.error.message, event.error.details, event.error.remedy);
        }
        report();
      }
    };
    const results = await Promise.allSettled(Array.from({ length: Math.min(concurrency, missing.length) }, worker));
    for (const result of results) if (result.status === 'rejected') throw result.reason;
    return this.list(datasetId);
  }

  /** @throws TRACE_UNKNOWN, TRACE_LABELS, TRACE_FORM */
  async decide({ datasetId, filmId, decision, text, otherLabels }: CheckedParameters<'traces.decide'>): Promise<Trace> {
    const film = await this.film(datasetId, filmId);
    const before = (await this.store.all(datasetId)).get(filmId);
    if (!before && text === undefined) throw unknown(filmId);
    const at = this.platform.now().toISOString();
    const edited = text !== undefined && text !== before?.text;
    if (decision === 'accept') {
      demandUsable(text ?? before!.text, this.given(film), otherLabels, filmId);
      const event: TraceEvent = edited
        ? { event: 'edited', filmId, at, text, otherLabels }
        : { event: 'accepted', filmId, at, otherLabels };
      await this.store.append(datasetId, [event]);
    } else await this.store.append(datasetId, [{ event: 'rejected', filmId, at }]);
    return this.shown((await this.store.all(datasetId)).get(filmId)!, film);
  }

  async undo(datasetId: string): Promise<Trace | null> {
    const filmId = await this.store.lastDecided(datasetId);
    if (filmId === null) return null;
    await this.store.append(datasetId, [{ event: 'undone', filmId, at: this.platform.now().toISOString() }]);
    return this.shown((await this.store.all(datasetId)).get(filmId)!, await this.film(datasetId, filmId));
  }

  /** A trace that a clinician has decided on is kept as it is. */
  async import({ datasetId, path, accepted }: CheckedParameters<'traces.import'>): Promise<Results['traces.import']> {
    const byName = new Map<string, FilmEntry>();
    const films = await this.films(datasetId);
    for (const film of films) for (const name of namesOf(film)) byName.set(name, film);
    const stored = await this.store.all(datasetId);
    const rejected: Results['traces.import']['rejected'] = [];
    const events: TraceEvent[] = [];
    let kept = 0;
    const at = this.platform.now().toISOString();
    for (const [i, line] of (await readFile(path, 'utf8')).split('\n').entries()) {
      if (line.trim() === '') continue;
      const reject = (code: string, message: string) => rejected.push({ line: i + 1, code, message });
      const trace = traceOf(line);
      const film = trace && filmNamed(byName, trace.path);
      if (trace === null) reject('TRACE_LINE', 'This line is no JSON object with path and text.');
      else if (!film)
        reject('TRACE_WITHOUT_FILM', `The table has no frontal film of the path ${trace.path.slice(0, 200)}.`);
      else if (isDecided(stored.get(film.id))) kept++;
      else {
        // What is said to be reviewed must hold what a review demands.
        const fault = accepted ? faultOf(trace.text, this.given(film)) : null;
        if (fault) reject('TRACE_FAULT', fault);
        else
          events.push({ event: 'imported', filmId: film.id, at, text: trace.text, source: { file: path }, accepted });
      }
    }
    await this.store.append(datasetId, events);
    return { imported: events.length, kept, rejected: rejected.slice(0, NAMED) };
  }

  async export({ datasetId, path, which }: CheckedParameters<'traces.export'>): Promise<Results['traces.export']> {
    const { traces } = await this.list(datasetId);
    const chosen = traces.filter(({ status }) => which === 'all' || status === 'accepted' || status === 'edited');
    const entries = new Map((await this.films(datasetId)).map((film) => [film.id, film]));
    const lines = chosen.map(({ filmId, text, status, given, said, source }) => {
      return `${JSON.stringify({ path: entries.get(filmId)!.path, text, status, given, said, source })}\n`;
    });
    await writeFileAtomic(path, lines.join(''));
    return { path, lines: lines.length };
  }

  /** Frontal films with labels, in the order of the table. */
  private async films(datasetId: string): Promise<FilmEntry[]> {
    const films = await this.collections.films(datasetId);
    return films.filter(({ truth, cautions }) => truth && !cautions.includes('lateral'));
  }

  private async film(datasetId: string, filmId: string): Promise<FilmEntry> {
    const film = (await this.films(datasetId)).find(({ id }) => id === filmId);
    if (!film) throw unknown(filmId);
    return film;
  }

  private given({ truth, collectionId }: FilmEntry): Label[] {
    return positiveLabels(truth ?? {}, CHEXPERT_LABELS, this.collections.collection(collectionId).policy);
  }

  private shown({ filmId, status, text, source, error, at }: StoredTrace, film: FilmEntry): Trace {
    const given = this.given(film);
    const judged = text === '' ? { said: [], faults: [] } : judge(text, given);
    return { filmId, status, text, source, given, error, at, ...judged };
  }

  private async teacher(params: CheckedParameters<'traces.ask'>, server: string) {
    const template = await readFile(join(this.platform.resourcesDir, 'prompts', 'teacher', 'teacher.md'), 'utf8');
    const { text: instruction } = await this.prompts.named(params.promptId);
    const { kind } = await this.servers.facts(params.serverId);
    return { ...params, kind, server, template: template.trim().replaceAll('{{instruction}}', () => instruction) };
  }

  private async askOne(
    remote: RemoteServer,
    film: FilmEntry,
    teacher: Awaited<ReturnType<Traces['teacher']>>,
    signal: AbortSignal,
  ): Promise<TraceEvent> {
    const { model, server, seed, temperature, topP, maxNewTokens, kind, template } = teacher;
    const source = { model, server };
    const at = () => this.platform.now().toISOString();
    try {
      const opened = await this.collections.open(film.id);
      const preset = presetOfSource(this.collections.collection(film.collectionId).name);
      const png = pngOf(toModelImage(opened, preset));
      const labels = this.given(film).join(', ') || 'No Finding';
      const text = template.replaceAll('{{labels}}', () => labels);
      const own = new Random(seed).fork(film.id).uint32() % 2 ** 31;
      const sampling = { temperature, topK: 0, topP, seed: own };
      const image = { uuid: sha256(`${opened.sha256}/${preset}`).slice(0, 32), png: () => png };
      const answer = await remote.ask({ kind, model, image, text, sampling, maxNewTokens }, { signal });
      if (answer.stop === 'length') throw cutOff(maxNewTokens);
      return {
        event: 'asked',
        filmId: film.id,
        at: at(),
        text: answer.text.trim(),
        source,
        promptHash: sha256(text),
        seed: own,
      };
    } catch (error) {
      throwIfCancelled(signal);
      return { event: 'failed', filmId: film.id, at: at(), error: toErrorData(error), source };
    }
  }
}

function isMissing(trace: StoredTrace | undefined, rejectedAgain: boolean): boolean {
  return !trace || trace.status === 'failed' || (rejectedAgain && trace.status === 'rejected');
}

function isDecided(trace: StoredTrace | undefined): boolean {
  return trace !== undefined && ['accepted', 'edited', 'rejected'].includes(trace.status);
}

/** Its id, its path, and every end of the path that a table may name. */
function namesOf({ id, path }: FilmEntry): string[] {
  const parts = path.replaceAll('\\', '/').split('/');
  return [id, path, ...parts.map((_, i) => parts.slice(i).join('/'))];
}

function filmNamed(byName: ReadonlyMap<string, FilmEntry>, name: string): FilmEntry | undefined {
  return byName.get(name) ?? byName.get(name.replaceAll('\\', '/').replace(/^\.?\//, ''));
}

function traceOf(line: string): { path: string; text: string } | null {
  try {
    const { path, text } = JSON.parse(line) as { path?: unknown; text?: unknown };
    return typeof path === 'string' && typeof text === 'string' ? { path, text } : null;
  } catch {
    return null;
  }
}

function faultOf(text: string, given: readonly Label[]): string | null {
  const { faults } = judge(text, given);
  const worst = faults.find(({ fault }) => fault !== 'tells');
  return worst ? `${worst.fault}: ${worst.what}` : null;
}

/** @throws TRACE_FORM, TRACE_LABELS */
function demandUsable(text: string, given: readonly Label[], otherLabels: boolean, film: string): void {
  const { faults } = judge(text, given);
  const form = faults.find(({ fault }) => fault === 'form' || fault === 'labels-outside');
  if (form) {
    const message = `This trace cannot be learned: ${form.what}.`;
    const remedy = 'Edit it: a think block, then a solution block with labels of the set.';
    throw new WorkbenchError('TRACE_FORM', message, { film, fault: form.fault }, remedy);
  }
  const differ = faults.find(({ fault }) => fault === 'labels-differ');
  if (!differ || otherLabels) return;
  throw new WorkbenchError(
    'TRACE_LABELS',
    `The trace has other labels than the table: ${differ.what}.`,
    { film, differ: differ.what },
    'Edit its solution, or accept it with other labels where the table is wrong.',
  );
}

function unknown(film: string): WorkbenchError {
  return new WorkbenchError('TRACE_UNKNOWN', 'This film has no trace.', { film });
}

function cutOff(maxNewTokens: number): WorkbenchError {
  return new WorkbenchError(
    'TRACE_CUT_OFF',
    'The teacher’s answer reached the longest that was allowed and is not whole.',
    { maxNewTokens },
    'Allow more tokens and ask again.',
  );
}

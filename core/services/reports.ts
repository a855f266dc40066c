/** The generalization report of an evaluation: gathers what it is made from, and writes the PDF and the exports. */
import { readFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { WorkbenchError } from '../base/errors.ts';
import { sha256 } from '../base/hash.ts';
import { throwIfCancelled, unattended, type Work } from '../base/progress.ts';
import { VERSION } from '../base/version.ts';
import { CAUTION_WORDS, CAUTIONS } from '../dicom/suitability.ts';
import type { EvaluatedDataset, EvaluationResult } from '../evaluation/types.ts';
import type { ParseFailure } from '../findings/types.ts';
import { writeFileAtomic } from '../platform/files.ts';
import type { Platform } from '../platform/platform.ts';
import { exportFiles } from '../report/export/files.ts';
import { type RenderedReport, renderReport, reportSections } from '../report/report.ts';
import type { ReportCheckpoint, ReportCost, ReportDataset, ReportInput } from '../report/types.ts';
import type { Checkpoints } from './checkpoints.ts';
import type { Collections } from './collections.ts';
import type { CheckedParameters, Prediction, ReportFilm, Results } from './contract.ts';
import { relationOf } from './distribution.ts';
import type { AnsweredFilm, Evaluations } from './evaluations.ts';
import type { ImportedEvaluations } from './importedEvaluations.ts';
import type { Models } from './models.ts';
import { type ReadFilm, ReportFilms } from './reportFilms.ts';
import { concernsOf, type FoundRun, runOf } from './reportRuns.ts';

/** Films of each data set that are shown with both readings, unless chosen otherwise. */
const FILMS_OF_EACH = 3;
/** Films of each data set that are offered for choosing. */
const OFFERED = 40;

export type ReportChoice = CheckedParameters<'report.render'>;

export class Reports {
  constructor(
    private readonly platform: Platform,
    private readonly collections: Collections,
    private readonly checkpoints: Checkpoints,
    private readonly evaluations: Evaluations,
    private readonly imported: ImportedEvaluations,
    private readonly models: Models,
  ) {}

  sections(): Results['report.sections'] {
    return reportSections.map(({ id, title }) => ({ id, title }));
  }

  /** Films that can be chosen, by how the readings differ. */
  async films({ evaluationId }: CheckedParameters<'report.films'>): Promise<ReportFilm[]> {
    if (await this.imported.has(evaluationId)) {
      const evaluation = await this.imported.result(evaluationId);
      return new ReportFilms(evaluation, this.collections, await this.importedFilms(evaluationId)).list(OFFERED);
    }
    const evaluation = await this.evaluations.result(evaluationId);
    return new ReportFilms(evaluation, this.collections, await this.evaluations.answered(evaluationId)).list(OFFERED);
  }

  async render(choice: ReportChoice, work: Work = unattended()): Promise<RenderedReport> {
    return renderReport(await this.input(choice, work), this.platform.resourcesDir, choice.sections, work);
  }

  /** Writes what `render` gives to a file; the same bytes for the same answers, its date aside. */
  async save(
    { path, ...choice }: CheckedParameters<'report.save'>,
    work: Work = unattended(),
  ): Promise<Results['report.save']> {
    const { pdf, pages } = await this.render(choice, work);
    await writeFileAtomic(path, pdf);
    return { path, pages, bytes: pdf.length };
  }

  /** The same tables and figures in another form. CSV, LaTeX and SVG: `path` is a folder. */
  async export(
    { path, format, ...choice }: CheckedParameters<'report.export'>,
    work: Work,
  ): Promise<Results['report.export']> {
    const files = exportFiles(await this.input(choice, work), format, choice.sections);
    const oneFile = format === 'json';
    for (const [done, { name, content }] of files.entries()) {
      work.report({ stage: 'Writing files', done, total: files.length });
      throwIfCancelled(work.signal);
      await writeFileAtomic(oneFile ? path : join(path, name), content);
    }
    return { path, files: files.length };
  }

  /** Everything that the report is made from. Errors: REPORT_EMPTY, EVALUATION_CHOICE, CANCELLED. */
  async input(choice: ReportChoice, work: Work): Promise<ReportInput> {
    if (await this.imported.has(choice.evaluationId)) return this.importedInput(choice, work);
    const { evaluationId, films, filmsOfEach: ofEach = FILMS_OF_EACH } = choice;
    work.report({ stage: 'Figures', done: 0, total: null });
    const evaluation = await this.evaluations.result(evaluationId, work, choice);
    const answered = (await this.evaluations.answered(evaluationId)).filter(({ datasetId }) =>
      evaluation.datasets.some(({ id }) => id === datasetId),
    );
    const answers = answersOf(evaluation, answered);
    const [first] = answers;
    if (!first) {
      throw new WorkbenchError(
        'REPORT_EMPTY',
        'No film of this evaluation has been read yet.',
        { evaluation: evaluationId },
        'Run the evaluation first.',
      );
    }
    const { temperature, topP, seed, maxNewTokens, executor, executorVersion, precision } = first.provenance;
    const threads = await this.threads(evaluation);
    const reportFilms = new ReportFilms(evaluation, this.collections, answered);
    const dates = answers.map(({ createdAt }) => createdAt).sort();
    const runs = await this.runs(evaluation);
    work.report({ stage: 'Films', done: 0, total: null });
    return {
      evaluation: pseudonymous(evaluation, reportFilms.numbers),
      createdAt: choice.date ?? this.platform.now().toISOString(),
      answered: { from: dates[0]!, to: dates[dates.length - 1]! },
      application: { name: 'ChexReason Workbench', version: VERSION },
      datasets: await Promise.all(evaluation.datasets.map((dataset) => this.dataset(evaluation, dataset, answered))),
      checkpoints: evaluation.checkpoints.map(({ id }) => this.checkpoint(id, evaluation, answers, runs)),
      reading: {
        sampling: { temperature, topP, seed, maxNewTokens, samplesPerFilm: 1 },
        engine: { executor, version: executorVersion, precision, threads },
      },
      samples: await reportFilms.samples({ films, ofEach }),
      failures: failuresOf(evaluation, answered),
      runs: runs.map(({ datasetId: _dataset, chosen: _chosen, ...run }) => run),
      cost: {
        readings: readingsOf(evaluation, answered),
        peakMemoryBytes: await this.evaluations.peakMemoryBytes(evaluationId),
      },
      reproduce: this.reproduce(evaluation, choice, await this.evaluations.options(evaluationId)),
      limits: this.limits(evaluation),
    };
  }

  /** Of what runs the model here: a small one gets fewer than the machine has. null on a server. */
  private async threads(evaluation: EvaluationResult): Promise<number | null> {
    const checkpoint = this.checkpoints.usable(evaluation.checkpoints[0]!.id);
    if (checkpoint.server) return null;
    return (await this.models.base(this.checkpoints.baseFolder(checkpoint))).runner.executor.threads;
  }

  /** Of answers that were made elsewhere: the figures and films are here, how they were read is not. */
  private async importedInput(choice: ReportChoice, work: Work): Promise<ReportInput> {
    const { evaluationId, films, filmsOfEach: ofEach = FILMS_OF_EACH } = choice;
    work.report({ stage: 'Figures', done: 0, total: null });
    const evaluation = await this.imported.result(evaluationId, work, choice);
    const reportFilms = new ReportFilms(evaluation, this.collections, await this.importedFilms(evaluationId));
    const known = new Set(this.collections.list().map(({ id }) => id));
    work.report({ stage: 'Films', done: 0, total: null });
    return {
      evaluation: pseudonymous(evaluation, await this.importedNumbers(evaluationId)),
      createdAt: choice.date ?? this.platform.now().toISOString(),
      answered: { from: evaluation.createdAt, to: evaluation.createdAt },
      application: { name: 'ChexReason Workbench', version: VERSION },
      datasets: await Promise.all(
        evaluation.datasets.map((dataset) =>
          known.has(dataset.id) ? this.dataset(evaluation, dataset, []) : unknownDataset(dataset.id, dataset.name),
        ),
      ),
      checkpoints: evaluation.checkpoints.map(({ id, trainingSource }) => ({
        id,
        baseHash: '',
        adapterHash: null,
        promptId: '',
        promptHash: '',
        preprocessing: '',
        training: '',
        concerns: concernsOf(null, trainingSource, evaluation.datasets),
      })),
      reading: null,
      samples: await reportFilms.samples({ films, ofEach }),
      failures: [],
      runs: [],
      cost: { readings: [], peakMemoryBytes: null },
      reproduce: [`npm run -s chexreason -- report --evaluation ${evaluation.id} --out report.pdf`],
      limits: [
        'The answers were made elsewhere and imported; nothing here says how the films were shown or read.',
        ...sharedPatientsLimit(evaluation),
      ],
    };
  }

  /** Places of the films in their data sets, those too that the workspace does not have. */
  private async importedNumbers(evaluationId: string): Promise<Map<string, number>> {
    const counts = new Map<string, number>();
    const numbers = new Map<string, number>();
    for (const { datasetId, films } of await this.imported.answered(evaluationId)) {
      const number = (counts.get(datasetId) ?? 0) + 1;
      counts.set(datasetId, number);
      numbers.set(films[0]!.filmId, number);
    }
    return numbers;
  }

  /** Those that the workspace has. */
  private async importedFilms(evaluationId: string): Promise<ReadFilm[]> {
    return (await this.imported.answered(evaluationId)).flatMap(({ datasetId, entry, films }) => {
      if (!entry) return [];
      const readings = films.map(({ checkpointId, findings, failed }): [string, ReadingOnly] => [
        checkpointId,
        { reading: { findings: [...findings], reasoning: '', parseFailure: failed ? 'no-solution' : null } },
      ]);
      return [{ datasetId, film: entry, answers: new Map(readings) }];
    });
  }

  private async runs(evaluation: EvaluationResult): Promise<FoundRun[]> {
    const found = await Promise.all(
      evaluation.checkpoints
        .map(({ id }) => this.checkpoints.usable(id))
        .filter(({ role, server }) => role !== 'base' && !server)
        .map((checkpoint) => runOf(checkpoint.id, this.checkpoints.folder(checkpoint))),
    );
    return found.filter((run) => run !== null);
  }

  private async dataset(
    evaluation: EvaluationResult,
    { id, films: read }: EvaluatedDataset,
    answered: readonly AnsweredFilm[],
  ): Promise<ReportDataset> {
    const { name, kind, path, films, patients } = this.collections.collection(id);
    const hashes = answered
      .filter(({ datasetId }) => datasetId === id)
      .flatMap(({ answers }) => [...answers.values()].slice(0, 1).map(({ provenance }) => provenance.imageHash));
    return {
      id,
      mapping: kind === 'opened' || kind === 'custom' ? null : kind,
      description: `${name}: ${films} films of ${patients} patients in the table, ${read} read.`,
      table: basename(path),
      tableHash: sha256(await readFile(path)),
      filmsHash: hashes.length === 0 ? '' : sha256(hashes.sort().join('\n')),
      filmsLeftOut: Math.max(0, films - read),
      unsuitable: await this.unsuitable(evaluation.id, id),
      relation: relationOf(evaluation, id),
    };
  }

  private async unsuitable(evaluationId: string, datasetId: string): Promise<ReportDataset['unsuitable']> {
    // Answers made elsewhere were chosen elsewhere.
    if (await this.imported.has(evaluationId)) return { read: false, reasons: [] };
    const { read, films } = await this.evaluations.unsuitable(evaluationId, datasetId);
    const reasons = CAUTIONS.flatMap((code) =>
      films[code] ? [{ words: CAUTION_WORDS[code], films: films[code] }] : [],
    );
    return { read, reasons };
  }

  private checkpoint(
    id: string,
    evaluation: EvaluationResult,
    answers: readonly Prediction[],
    runs: readonly FoundRun[],
  ): ReportCheckpoint {
    const { trainingSource, role, chosenOn, server } = this.checkpoints.usable(id);
    const provenance = answers.find(({ checkpointId }) => checkpointId === id)?.provenance;
    const source = trainingSource === '' ? 'unknown data' : trainingSource;
    const run = runs.find(({ checkpointId }) => checkpointId === id) ?? null;
    return {
      id,
      // Of a server's model these are hashes of its name, to tell answers apart; they say nothing of weights.
      baseHash: server ? '' : (provenance?.baseHash ?? ''),
      adapterHash: server ? null : (provenance?.adapterHash ?? null),
      ...(server ? { servedAs: server.model } : {}),
      promptId: provenance?.promptId ?? '',
      promptHash: provenance?.promptHash ?? '',
      preprocessing: provenance?.preprocessing ?? '',
      training: role === 'base' ? `base model; pretrained on ${source}.` : `${role.toUpperCase()} on ${source}.`,
      concerns: concernsOf(run, trainingSource, evaluation.datasets, chosenOn),
    };
  }

  private reproduce(
    evaluation: EvaluationResult,
    { sections, labels, checkpointIds, datasetIds }: ReportChoice,
    asked: readonly string[],
  ): string[] {
    const datasets = evaluation.datasets.map(({ id }) => {
      const { kind, path } = this.collections.collection(id);
      return `--dataset ${kind}:${basename(path)}`;
    });
    const checkpoints = evaluation.checkpoints.map(({ id }) => `--checkpoint ${id}`);
    const [dataset] = evaluation.datasets;
    const builtIn = dataset && this.collections.isPhantomSet(dataset.id);
    const list = (option: string, values: readonly string[] | undefined) =>
      values ? [`--${option} ${quoted(values.join(','))}`] : [];
    const choice = [
      ...list('checkpoints', checkpointIds),
      ...list('datasets', datasetIds),
      ...list('labels', labels),
      ...list('sections', sections),
    ];
    return [
      ...(builtIn ? ['npm run -s chexreason -- demo'] : []),
      ['npm run -s chexreason -- evaluate', ...datasets, ...checkpoints, ...asked, '--json'].join(' '),
      ['npm run -s chexreason -- report', `--evaluation ${evaluation.id}`, ...choice, '--out report.pdf'].join(' '),
    ];
  }

  private limits(evaluation: EvaluationResult): string[] {
    const limits: string[] = sharedPatientsLimit(evaluation);
    if (evaluation.datasets.some(({ id }) => this.collections.isPhantomSet(id))) {
      limits.push(
        'The films are procedural phantoms and the model is tiny: the figures show the method, not any model for patients.',
      );
    }
    for (const { id, name, films } of evaluation.datasets) {
      const { films: all } = this.collections.collection(id);
      if (films < all) limits.push(`${films} of the ${all} films of ${name} were read.`);
    }
    if (evaluation.checkpoints.some(({ id }) => this.checkpoints.usable(id).server)) {
      limits.push(
        'A server read the films: it was asked by the names of its models, and which weights answered was not seen.',
      );
    }
    return limits;
  }
}

type ReadingOnly = ReadFilm['answers'] extends ReadonlyMap<string, infer Answer> ? Answer : never;

function sharedPatientsLimit({ sharedPatients = 0 }: EvaluationResult): string[] {
  if (sharedPatients === 0) return [];
  return [
    `Patients with films in both data sets: ${sharedPatients}; intervals of a change draw them alike on both sides.`,
  ];
}

/** Named by a file of predictions alone. */
function unknownDataset(id: string, name: string): ReportDataset {
  const description = `${name}: known by the imported file alone.`;
  return {
    id,
    mapping: null,
    description,
    table: '',
    tableHash: '',
    filmsHash: '',
    filmsLeftOut: 0,
    unsuitable: { read: false, reasons: [] },
    relation: 'unknown',
  };
}

/** Of the checkpoints that the report is about. */
function answersOf(evaluation: EvaluationResult, answered: readonly AnsweredFilm[]): Prediction[] {
  return evaluation.checkpoints.flatMap(({ id }) => answered.flatMap(({ answers }) => answers.get(id) ?? []));
}

/** Films are named by their place in the data set; warnings may name patients and stay out. */
function pseudonymous(evaluation: EvaluationResult, numbers: ReadonlyMap<string, number>): EvaluationResult {
  const { warnings: _warnings, disagreements, ...rest } = evaluation;
  if (!disagreements) return rest;
  return {
    ...rest,
    disagreements: disagreements.map((each) => ({ ...each, filmId: String(numbers.get(each.filmId) ?? 'unknown') })),
  };
}

function readingsOf(evaluation: EvaluationResult, answered: readonly AnsweredFilm[]): ReportCost['readings'] {
  return evaluation.cells.map(({ datasetId, checkpointId }) => {
    const sum = { completions: 0, tokens: 0, seconds: { vision: 0, prefill: 0, decode: 0 } };
    for (const { datasetId: of, answers } of answered) {
      const answer = of === datasetId ? answers.get(checkpointId) : undefined;
      if (!answer) continue;
      sum.completions++;
      sum.tokens += answer.tokenIds.length;
      for (const part of ['vision', 'prefill', 'decode'] as const) sum.seconds[part] += answer.seconds[part];
    }
    return { datasetId, checkpointId, ...sum };
  });
}

function failuresOf(evaluation: EvaluationResult, answered: readonly AnsweredFilm[]): ReportInput['failures'] {
  const counts = new Map<string, ReportInput['failures'][number]>();
  for (const { datasetId, answers } of answered) {
    for (const [checkpointId, { reading }] of answers) {
      const kind: ParseFailure | null = reading.parseFailure;
      if (kind === null || !evaluation.checkpoints.some(({ id }) => id === checkpointId)) continue;
      const key = `${datasetId}/${checkpointId}/${kind}`;
      const there = counts.get(key) ?? { datasetId, checkpointId, kind, count: 0 };
      counts.set(key, { ...there, count: there.count + 1 });
    }
  }
  return [...counts.values()];
}

function quoted(text: string): string {
  return /^[\w,./:-]+$/.test(text) ? text : `'${text.replace(/'/g, "'\\''")}'`;
}

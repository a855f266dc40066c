/** The generalization report of an evaluation: gathers what it is made from, and writes the PDF. */
import { readFile } from 'node:fs/promises';
import { basename } from 'node:path';
import { WorkbenchError } from '../base/errors.ts';
import { sha256 } from '../base/hash.ts';
import { VERSION } from '../base/version.ts';
import { renderGray } from '../dicom/voi.ts';
import type { EvaluationResult } from '../evaluation/types.ts';
import type { ParseFailure } from '../findings/types.ts';
import { positiveLabels } from '../labels/uncertainty.ts';
import type { ExecutorInfo } from '../models/runner.ts';
import { writeFileAtomic } from '../platform/files.ts';
import type { Platform } from '../platform/platform.ts';
import { luminance, resize } from '../preprocessing/resize.ts';
import { type RenderedReport, renderReport, reportSections } from '../report/report.ts';
import type { ReportCheckpoint, ReportDataset, ReportInput, ReportSample } from '../report/types.ts';
import type { Checkpoints } from './checkpoints.ts';
import type { Collections } from './collections.ts';
import type { CheckedParameters, Collection, FilmEntry, Results } from './contract.ts';
import type { AnsweredFilm, Evaluations } from './evaluations.ts';
import type { Models } from './models.ts';

/** Films of each data set that are shown with both readings. */
const SAMPLES = 3;
/** Pixels of a sample's longer side. */
const SAMPLE_SIZE = 512;

const RELATION: Record<Collection['role'], ReportDataset['relation']> = {
  'training-source': 'training source',
  source: 'in-distribution',
  target: 'other institution',
  none: 'unknown',
};

export class Reports {
  constructor(
    private readonly platform: Platform,
    private readonly collections: Collections,
    private readonly checkpoints: Checkpoints,
    private readonly evaluations: Evaluations,
    private readonly models: Models,
  ) {}

  sections(): Results['report.sections'] {
    return reportSections.map(({ id, title }) => ({ id, title }));
  }

  async render({ evaluationId, sections }: CheckedParameters<'report.render'>): Promise<RenderedReport> {
    return renderReport(await this.input(evaluationId), this.platform.resourcesDir, sections);
  }

  /** Writes what `render` gives to a file; the same bytes for the same answers. */
  async save({ path, ...what }: CheckedParameters<'report.save'>): Promise<Results['report.save']> {
    const { pdf, pages } = await this.render(what);
    await writeFileAtomic(path, pdf);
    return { path, pages, bytes: pdf.length };
  }

  private async input(evaluationId: string): Promise<ReportInput> {
    const evaluation = await this.evaluations.result(evaluationId);
    const answered = await this.evaluations.answered(evaluationId);
    const first = answered.flatMap(({ answers }) => [...answers.values()])[0];
    if (!first) {
      throw new WorkbenchError(
        'REPORT_EMPTY',
        'No film of this evaluation has been read yet.',
        { evaluation: evaluationId },
        'Run the evaluation first.',
      );
    }
    const { temperature, topP, seed, maxNewTokens, executor, executorVersion, precision } = first.provenance;
    const { threads } = await this.executor(evaluation);
    return {
      evaluation,
      createdAt: lastAnswer(answered),
      application: { name: 'ChexReason Workbench', version: VERSION },
      datasets: await Promise.all(evaluation.datasets.map(({ id }) => this.dataset(this.collections.collection(id)))),
      checkpoints: evaluation.checkpoints.map(({ id }) => this.checkpoint(id, answered)),
      sampling: { temperature, topP, seed, maxNewTokens, samplesPerFilm: 1 },
      engine: { executor, version: executorVersion, precision, threads },
      samples: await this.samples(evaluation, answered),
      failures: failuresOf(answered),
      reproduce: this.reproduce(evaluation),
      limits: this.limits(evaluation),
    };
  }

  /** What runs the model here: a small one gets fewer threads than the machine has. */
  private async executor(evaluation: EvaluationResult): Promise<ExecutorInfo> {
    const checkpoint = this.checkpoints.usable(evaluation.checkpoints[0]!.id);
    return (await this.models.base(this.checkpoints.baseFolder(checkpoint))).runner.executor;
  }

  private async dataset(collection: Collection): Promise<ReportDataset> {
    const { id, name, kind, path, role, films, patients } = collection;
    return {
      id,
      mapping: kind === 'opened' ? null : kind,
      description: `${name}: ${films} films of ${patients} patients.`,
      table: basename(path),
      tableHash: sha256(await readFile(path)),
      relation: RELATION[role],
    };
  }

  private checkpoint(id: string, answered: readonly AnsweredFilm[]): ReportCheckpoint {
    const { trainingSource, role } = this.checkpoints.usable(id);
    const provenance = answered.flatMap(({ answers }) => answers.get(id) ?? [])[0]?.provenance;
    const source = trainingSource === '' ? 'unknown data' : trainingSource;
    return {
      id,
      baseHash: provenance?.baseHash ?? '',
      adapterHash: provenance?.adapterHash ?? null,
      promptId: provenance?.promptId ?? '',
      promptHash: provenance?.promptHash ?? '',
      preprocessing: provenance?.preprocessing ?? '',
      training: role === 'base' ? `Base model; pretrained on ${source}.` : `${role.toUpperCase()} on ${source}.`,
    };
  }

  /** Of each data set the films on which the readings differ most, and which of them had it right, in turn. */
  private async samples(evaluation: EvaluationResult, answered: readonly AnsweredFilm[]): Promise<ReportSample[]> {
    const shown = evaluation.checkpoints.filter(({ role }) => role !== 'base').map(({ id }) => id);
    const compared = (shown.length >= 2 ? shown : evaluation.checkpoints.map(({ id }) => id)).slice(0, 2);
    const samples: ReportSample[] = [];
    for (const dataset of evaluation.datasets) {
      const films = answered.filter(({ datasetId }) => datasetId === dataset.id);
      const { policy, labels } = this.collections.collection(dataset.id);
      const gains = films.map(({ film, answers }) => {
        const truth = positiveLabels(film.truth ?? {}, labels, policy);
        const [from, to] = compared.map((id) => jaccard(answers.get(id)?.reading.findings ?? [], truth, labels));
        return { film, answers, gain: (to ?? 0) - (from ?? 0) };
      });
      for (const { film, answers } of chooseBothWays(gains, SAMPLES)) {
        samples.push(await this.sample(dataset.id, dataset.name, films, film, answers));
      }
    }
    return samples;
  }

  private async sample(
    datasetId: string,
    datasetName: string,
    films: readonly AnsweredFilm[],
    film: FilmEntry,
    answers: AnsweredFilm['answers'],
  ): Promise<ReportSample> {
    const decoded = await this.collections.open(film.id);
    const { columns: width, rows: height } = decoded;
    const data = decoded.samplesPerPixel === 1 ? renderGray(decoded, decoded.voi[0]!) : luminance(decoded.pixels);
    const scale = Math.min(1, SAMPLE_SIZE / Math.max(width, height));
    const [w, h] = [Math.round(width * scale), Math.round(height * scale)];
    const image = resize({ width, height, channels: 1, data }, w, h, 'bilinear');
    const number = films.findIndex((each) => each.film.id === film.id) + 1;
    return {
      title: `Film ${number} of ${datasetName}`,
      datasetId,
      image: { width: w, height: h, gray: image.data },
      truth: film.truth ?? {},
      readings: [...answers].map(([checkpointId, { reading }]) => ({
        checkpointId,
        findings: reading.findings,
        reasoning: reading.reasoning,
        failure: reading.parseFailure,
      })),
    };
  }

  private reproduce(evaluation: EvaluationResult): string[] {
    const datasets = evaluation.datasets.map(({ id }) => {
      const { kind, path } = this.collections.collection(id);
      return `--dataset ${kind}:${basename(path)}`;
    });
    const checkpoints = evaluation.checkpoints.map(({ id }) => `--checkpoint ${id}`);
    const [dataset] = evaluation.datasets;
    const builtIn = dataset && this.collections.isPhantomSet(dataset.id);
    return [
      ...(builtIn ? ['npm run -s chexreason -- demo'] : []),
      ['npm run -s chexreason -- evaluate', ...datasets, ...checkpoints, '--json'].join(' '),
      `npm run -s chexreason -- report --evaluation ${evaluation.id} --out report.pdf`,
    ];
  }

  private limits(evaluation: EvaluationResult): string[] {
    const limits: string[] = [];
    if (evaluation.datasets.some(({ id }) => this.collections.isPhantomSet(id))) {
      limits.push(
        'The films are procedural phantoms and the model is tiny: the figures show the method, not any model for patients.',
      );
    }
    for (const { id, name, films } of evaluation.datasets) {
      const { films: all } = this.collections.collection(id);
      if (films < all) limits.push(`${films} of the ${all} films of ${name} were read.`);
    }
    return limits;
  }
}

/** The date of the last answer, so that the report of the same answers is the same file. */
function lastAnswer(answered: readonly AnsweredFilm[]): string {
  const dates = answered.flatMap(({ answers }) => [...answers.values()].map(({ createdAt }) => createdAt));
  return dates.sort()[dates.length - 1]!;
}

function failuresOf(answered: readonly AnsweredFilm[]): ReportInput['failures'] {
  const counts = new Map<string, ReportInput['failures'][number]>();
  for (const { datasetId, answers } of answered) {
    for (const [checkpointId, { reading }] of answers) {
      const kind: ParseFailure | null = reading.parseFailure;
      if (kind === null) continue;
      const key = `${datasetId}/${checkpointId}/${kind}`;
      const there = counts.get(key) ?? { datasetId, checkpointId, kind, count: 0 };
      counts.set(key, { ...there, count: there.count + 1 });
    }
  }
  return [...counts.values()];
}

/** Of the labels that the data set knows; two empty sets agree. */
function jaccard(said: readonly string[], truth: readonly string[], labels: readonly string[]): number {
  const known = said.filter((label) => labels.includes(label));
  const union = new Set([...known, ...truth]).size;
  return union === 0 ? 1 : known.filter((label) => truth.includes(label)).length / union;
}

/** The largest losses and gains in turn, then those without any; ties in the order of the data set. */
function chooseBothWays<T extends { gain: number }>(films: readonly T[], count: number): T[] {
  const worst = [...films].sort((a, b) => a.gain - b.gain);
  const best = [...films].sort((a, b) => b.gain - a.gain);
  const chosen: T[] = [];
  for (let i = 0; chosen.length < Math.min(count, films.length); i++) {
    const next = (i % 2 === 0 ? worst : best).find((film) => !chosen.includes(film))!;
    chosen.push(next);
  }
  return chosen;
}

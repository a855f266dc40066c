/** The films of a report: which show how the readings differ, and a film with its readings as the report draws it. */

import { renderGray } from '../dicom/voi.ts';
import type { EvaluatedCheckpoint, EvaluationResult } from '../evaluation/types.ts';
import type { Reading } from '../findings/types.ts';
import { positiveLabels } from '../labels/uncertainty.ts';
import { luminance, resize } from '../preprocessing/resize.ts';
import type { ReportSample } from '../report/types.ts';
import type { Collections } from './collections.ts';
import type { FilmEntry, ReportFilm } from './contract.ts';
import { mayCarryWriting, withoutIdentifiers } from './reportIdentity.ts';

/** Pixels of a picture's longer side. */
const PICTURE_SIZE = 512;

/** A film with what was read on it, by checkpoint. */
export interface ReadFilm {
  datasetId: string;
  film: FilmEntry;
  answers: ReadonlyMap<string, { reading: Pick<Reading, 'findings' | 'reasoning' | 'parseFailure'> }>;
}

/** A film that may be shown, with how much better (above 0) or worse the second checkpoint reads it than the first. */
interface Candidate {
  answered: ReadFilm;
  /** Its place among the films of its data set: its name in the report. */
  number: number;
  gain: number;
}

export class ReportFilms {
  /** By film id: its place in its data set, from 1. */
  readonly numbers = new Map<string, number>();
  private readonly candidates: Candidate[] = [];

  constructor(
    private readonly evaluation: EvaluationResult,
    private readonly collections: Collections,
    answered: readonly ReadFilm[],
  ) {
    const compared = comparedOf(evaluation.checkpoints);
    for (const { id, labels, policy } of evaluation.datasets) {
      answered
        .filter(({ datasetId }) => datasetId === id)
        .forEach((each, i) => {
          const number = i + 1;
          this.numbers.set(each.film.id, number);
          const truth = positiveLabels(each.film.truth ?? {}, labels, policy);
          const [from, to] = compared.map((one) =>
            jaccard(each.answers.get(one)?.reading.findings ?? [], truth, labels),
          );
          if (each.answers.size > 0) this.candidates.push({ answered: each, number, gain: (to ?? 0) - (from ?? 0) });
        });
    }
  }

  /** Of each data set those films on which the readings differ most, and which of them had it right, in turn. */
  list(ofEach: number): ReportFilm[] {
    return this.chosen(ofEach).map(({ answered: { film, datasetId }, number, gain }) => ({
      filmId: film.id,
      datasetId,
      number,
      gain,
    }));
  }

  async samples(wanted: { films?: readonly string[]; ofEach: number }): Promise<ReportSample[]> {
    const { films, ofEach } = wanted;
    const chosen = films
      ? films.flatMap((id) => this.candidates.filter(({ answered }) => answered.film.id === id))
      : this.chosen(ofEach);
    const samples: ReportSample[] = [];
    for (const candidate of chosen) samples.push(await this.sample(candidate));
    return samples;
  }

  private chosen(ofEach: number): Candidate[] {
    return this.evaluation.datasets.flatMap(({ id }) =>
      chooseBothWays(
        this.candidates.filter(({ answered }) => answered.datasetId === id),
        ofEach,
      ),
    );
  }

  private async sample({ answered: { datasetId, film, answers }, number }: Candidate): Promise<ReportSample> {
    const { tags } = await this.collections.open(film.id);
    const { name } = this.evaluation.datasets.find(({ id }) => id === datasetId)!;
    return {
      title: `Film ${number} of ${name}`,
      datasetId,
      image: (await mayCarryWriting(film.path)) ? null : await this.picture(film.id),
      truth: film.truth ?? {},
      readings: this.evaluation.checkpoints.flatMap(({ id }) => {
        const reading = answers.get(id)?.reading;
        if (!reading) return [];
        const reasoning = withoutIdentifiers(reading.reasoning, film, tags);
        return [{ checkpointId: id, findings: reading.findings, reasoning, failure: reading.parseFailure }];
      }),
    };
  }

  private async picture(filmId: string): Promise<ReportSample['image']> {
    const decoded = await this.collections.open(filmId);
    const { columns: width, rows: height } = decoded;
    const data =
      decoded.samplesPerPixel === 1
        ? renderGray(decoded, decoded.voi[0]!, { blackPadding: true })
        : luminance(decoded.pixels);
    const scale = Math.min(1, PICTURE_SIZE / Math.max(width, height));
    const [w, h] = [Math.max(1, Math.round(width * scale)), Math.max(1, Math.round(height * scale))];
    return { width: w, height: h, gray: resize({ width, height, channels: 1, data }, w, h, 'bilinear').data };
  }
}

/** The two whose readings are compared: SFT and GRPO where they are there, no base where two others are. */
function comparedOf(checkpoints: readonly EvaluatedCheckpoint[]): string[] {
  const trained = checkpoints.filter(({ role }) => role !== 'base');
  return (trained.length >= 2 ? trained : checkpoints).slice(0, 2).map(({ id }) => id);
}

/** Of the labels that the data set knows; two empty sets agree. */
function jaccard(said: readonly string[], truth: readonly string[], labels: readonly string[]): number {
  const known = said.filter((label) => labels.includes(label));
  const union = new Set([...known, ...truth]).size;
  return union === 0 ? 1 : known.filter((label) => truth.includes(label)).length / union;
}

/** The largest losses and gains in turn, then those without any; ties in the order of the data set. */
function chooseBothWays(films: readonly Candidate[], count: number): Candidate[] {
  const worst = [...films].sort((a, b) => a.gain - b.gain || a.number - b.number);
  const best = [...films].sort((a, b) => b.gain - a.gain || a.number - b.number);
  const chosen = new Set<Candidate>();
  const next = [0, 0];
  for (let i = 0; chosen.size < Math.min(count, films.length); i++) {
    const side = i % 2;
    const order = side === 0 ? worst : best;
    while (chosen.has(order[next[side]!]!)) next[side]!++;
    chosen.add(order[next[side]!]!);
  }
  return [...chosen];
}

/**
 * A film's header as one short line of JSON: how headers come from the threads that read them and how the cache keeps them.
 * A structured clone of the same object costs several times as much.
 */
import type { ErrorData } from '../base/errors.ts';
import type { FilmTags } from './film.ts';
import { NO_TAGS } from './header.ts';
import type { FilmHeader } from './headerFile.ts';
import type { Caution } from './suitability.ts';

const KINDS = ['dicom', 'png', 'jpeg'] as const;
const TAG_NAMES = Object.keys(NO_TAGS) as (keyof FilmTags)[];
/** Changes with what a record holds or with how headers are read; the cache of another version is not used. */
export const RECORD_VERSION = 3;

/** A file's header, or why there is none; without its path. */
export type HeaderOutcome = { header: Omit<FilmHeader, 'path'> } | { error: ErrorData };

type Film = [
  kind: number,
  rows: number,
  columns: number,
  frames: number,
  transferSyntax: string,
  photometric: string,
  tags: string[],
  cautions: Caution[],
];
type Failure = [code: string, message: string, details: ErrorData['details']];

export function encodeRecord(outcome: HeaderOutcome): string {
  if ('error' in outcome) {
    const { code, message, details } = outcome.error;
    return JSON.stringify([code, message, details] satisfies Failure);
  }
  const { kind, rows, columns, frames, transferSyntax, photometricInterpretation, tags, cautions } = outcome.header;
  const values = kind === 'dicom' ? TAG_NAMES.map((name) => tags[name]) : [];
  const film: Film = [
    KINDS.indexOf(kind),
    rows,
    columns,
    frames,
    transferSyntax,
    photometricInterpretation,
    values,
    cautions,
  ];
  return JSON.stringify(film);
}

/** @throws SyntaxError for a damaged line */
export function decodeRecord(record: string): HeaderOutcome {
  const parsed = JSON.parse(record) as Film | Failure;
  if (typeof parsed[0] === 'string') {
    const [code, message, details] = parsed as Failure;
    return { error: { code, message, details } };
  }
  const [kind, rows, columns, frames, transferSyntax, photometricInterpretation, values, cautions] = parsed as Film;
  const header = {
    kind: KINDS[kind]!,
    rows,
    columns,
    frames,
    transferSyntax,
    photometricInterpretation,
    tags: values.length === 0 ? NO_TAGS : tagsOf(values),
    cautions: shared(cautions),
  };
  return { header };
}

function tagsOf(values: string[]): FilmTags {
  const tags = { ...NO_TAGS };
  for (let i = 0; i < TAG_NAMES.length; i++) tags[TAG_NAMES[i]!] = values[i] ?? '';
  return tags;
}

/** A hundred thousand films have the same few cautions. */
const seen = new Map<string, Caution[]>();
const MAX_SEEN = 1000;

function shared(cautions: Caution[]): Caution[] {
  const key = cautions.map(({ message }) => message).join('\n');
  const known = seen.get(key);
  if (known) return known;
  if (seen.size < MAX_SEEN) seen.set(key, cautions);
  return cautions;
}

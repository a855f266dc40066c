/**
 * What a reader found on a film, entered before or after the checkpoints' answers were seen: `readers.jsonl` of the
 * workspace, one line each time it is saved, so that nothing that was once entered is lost; the last line of a film counts.
 */
import { z } from 'zod';
import { CHEXPERT_LABELS, type Label } from '../labels/labels.ts';
import type { Workspace } from '../workspace/workspace.ts';

const label = z.enum(CHEXPERT_LABELS as unknown as [Label, ...Label[]]);

export const readerFindings = z
  .object({
    filmId: z.string().min(1).max(200),
    /** Of the frame's stored values: the same film is found under another name. */
    imageHash: z.string().regex(/^[0-9a-f]{64}$/),
    /** Present, absent or uncertain; a label that is left out was not judged. */
    findings: z.partialRecord(label, z.union([z.literal(1), z.literal(0), z.literal(-1)])),
    comment: z.string().max(4000),
    /** No answer and no truth of this film was on the screen before. */
    blinded: z.boolean(),
    /** From the film's appearance to saving. */
    seconds: z.number().min(0).max(1e7),
  })
  .strict();

export type NewReaderFindings = z.output<typeof readerFindings>;
export interface ReaderFindings extends NewReaderFindings {
  createdAt: string;
}

const FILE = 'readers.jsonl';

export class ReaderStore {
  constructor(
    private readonly workspace: Workspace,
    private readonly now: () => Date,
  ) {}

  /** The last of every film. */
  async list(): Promise<ReaderFindings[]> {
    const byFilm = new Map<string, ReaderFindings>();
    for (const line of await this.workspace.lines<ReaderFindings>(FILE)) byFilm.set(line.filmId, line);
    return [...byFilm.values()];
  }

  async save(findings: NewReaderFindings): Promise<ReaderFindings> {
    const line: ReaderFindings = { ...findings, createdAt: this.now().toISOString() };
    await this.workspace.append(line, FILE);
    return line;
  }
}

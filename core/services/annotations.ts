/**
 * What a reader draws on a film: measurements and arrows, in pixels of the film (x to the right, y down; the centre of the
 * upper left pixel is 0.5, 0.5). Kept in the workspace as `annotations/<sha256 of the frame's stored values>.json`, never in
 * the film: the same frame has the same annotations wherever it lies. Values (lengths, statistics) are not kept: they
 * follow from the points and the film. The schema is pure; only the store at the end touches the disk.
 */
import { z } from 'zod';
import type { Workspace } from '../workspace/workspace.ts';
import { ANNOTATION_KINDS, ANNOTATION_POINTS, type AnnotationKind } from './annotationKinds.ts';

/** Far outside of any film; keeps what a page sends from growing without bound. */
const coordinate = z.number().min(-1e6).max(1e6);

export const annotation = z
  .object({
    id: z.string().min(1).max(60),
    kind: z.enum(ANNOTATION_KINDS as [AnnotationKind, ...AnnotationKind[]]),
    points: z
      .array(z.object({ x: coordinate, y: coordinate }).strict())
      .min(1)
      .max(4),
    text: z.string().max(500),
    createdAt: z.string().max(40),
  })
  .strict()
  .refine(({ kind, points }) => points.length === ANNOTATION_POINTS[kind], 'Wrong number of points for its kind.');

export type Annotation = z.output<typeof annotation>;

/** A box that the data set's authors drew around a finding (NIH's BBox_List_2017.csv), in pixels of the film. */
export interface FindingBox {
  finding: string;
  x: number;
  y: number;
  width: number;
  height: number;
}

export const imageHash = z.string().regex(/^[0-9a-f]{64}$/);

const FOLDER = 'annotations';

interface StoredAnnotations {
  imageHash: string;
  annotations: Annotation[];
}

export class AnnotationStore {
  constructor(private readonly workspace: Workspace) {}

  async get(hash: string): Promise<Annotation[]> {
    return (await this.workspace.read<StoredAnnotations>(FOLDER, `${hash}.json`))?.annotations ?? [];
  }

  /** Replaces the frame's annotations; none removes the file. */
  async set(hash: string, annotations: Annotation[]): Promise<void> {
    if (annotations.length === 0) return this.workspace.remove(FOLDER, `${hash}.json`);
    await this.workspace.write({ imageHash: hash, annotations } satisfies StoredAnnotations, FOLDER, `${hash}.json`);
  }
}

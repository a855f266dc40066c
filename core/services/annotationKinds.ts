/** The kinds of annotations. Pure, and apart from their schema, so that the page carries this and not the schemas. */

/** Points of each kind, in the order in which they are placed. */
export const ANNOTATION_POINTS = {
  /** Two ends. */
  length: 2,
  /** End, vertex, end. */
  angle: 3,
  /** Two ends of the heart's width, two of the chest's. */
  ctr: 4,
  /** Two opposite corners. */
  rectangle: 2,
  /** Two opposite corners of the box around it. */
  ellipse: 2,
  /** One pixel. */
  probe: 1,
  /** Tail, head. */
  arrow: 2,
} as const;

export type AnnotationKind = keyof typeof ANNOTATION_POINTS;
export const ANNOTATION_KINDS = Object.keys(ANNOTATION_POINTS) as AnnotationKind[];

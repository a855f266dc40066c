/**
 * What is drawn on one viewport's film: the annotations, the one being placed, which is chosen, undo and redo. Every change
 * is saved with the workspace; a failed save is told and what is drawn stays.
 */
import { createStore } from 'zustand/vanilla';
import type { Film } from '../../core/dicom/film.ts';
import { ANNOTATION_POINTS, type AnnotationKind } from '../../core/services/annotationKinds.ts';
import type { Annotation, FindingBox, HostBridge } from '../../core/services/contract.ts';
import { acrossBody, type Point } from '../viewer/measure.ts';

export interface Draft {
  kind: AnnotationKind;
  /** Placed so far. */
  points: Point[];
  /** Where the next one would be. */
  next: Point;
}

export interface MarksState {
  film: Film | null;
  annotations: readonly Annotation[];
  boxes: readonly FindingBox[];
  draft: Draft | null;
  selectedId: string | null;
  undo: readonly (readonly Annotation[])[];
  redo: readonly (readonly Annotation[])[];
}

export type Marks = ReturnType<typeof createMarks>;

/** What the workspace has for the film that is shown; null until it is read, and where it cannot be read. */
interface Shown {
  found: readonly Annotation[] | null;
  loading: Promise<unknown>;
}

const EMPTY = { annotations: [], boxes: [], draft: null, selectedId: null, undo: [], redo: [] };
const UNDO_STEPS = 100;

/** `onError` hears of what could not be read or saved. */
export function createMarks(bridge: HostBridge, onError: (thrown: unknown) => void) {
  const store = createStore<MarksState>(() => ({ film: null, ...EMPTY }));
  let saving: Promise<unknown> = Promise.resolve();
  let shown: Shown | null = null;

  /** What the reader draws before the file is read is put after what the file has, on the screen and on the disk. */
  async function load(filmId: string, film: Film, now: Shown): Promise<void> {
    const found = await bridge.engine.call('annotations.ofFilm', { filmId, imageHash: film.sha256 });
    now.found = found.annotations;
    if (shown !== now) return;
    const { annotations, undo, redo } = store.getState();
    const after = (drawn: readonly Annotation[]) => [...found.annotations, ...drawn];
    store.setState({
      annotations: after(annotations),
      undo: undo.map(after),
      redo: redo.map(after),
      boxes: found.boxes,
    });
  }

  /** One after the other: the last change must be the one that stays. Nothing is written over what could not be read. */
  function save(annotations: readonly Annotation[]): void {
    const { film } = store.getState();
    const now = shown;
    if (!film || !now) return;
    const whole = now.found !== null;
    saving = saving
      .then(async () => {
        await now.loading;
        if (now.found === null) return;
        const all = whole ? annotations : [...now.found, ...annotations];
        await bridge.engine.call('annotations.set', { imageHash: film.sha256, annotations: [...all] });
      })
      .catch(onError);
  }

  function change(annotations: readonly Annotation[], selectedId: string | null): void {
    const now = store.getState();
    const undo = [...now.undo, now.annotations].slice(-UNDO_STEPS);
    store.setState({ annotations, selectedId, undo, redo: [], draft: null });
    save(annotations);
  }

  function finish(kind: AnnotationKind, points: Point[]): void {
    const annotation = { id: newId(), kind, points, text: '', createdAt: new Date().toISOString() };
    change([...store.getState().annotations, annotation], annotation.id);
  }

  /** The chest's and the heart's widths are held across the body. */
  function held(draft: { kind: AnnotationKind; points: Point[] }, point: Point): Point {
    const isEnd = draft.kind === 'ctr' && draft.points.length % 2 === 1;
    const orientation = store.getState().film?.tags.patientOrientation ?? '';
    return isEnd ? acrossBody(draft.points[draft.points.length - 1], point, orientation) : point;
  }

  return {
    store,
    show(filmId: string | null, film: Film | null): void {
      if (store.getState().film === film) return;
      store.setState({ film, ...EMPTY });
      shown = null;
      if (filmId === null || !film) return;
      const now: Shown = { found: null, loading: Promise.resolve() };
      shown = now;
      now.loading = load(filmId, film, now).catch(onError);
    },
    /** Places the next point of an annotation; the last one finishes it. */
    place(kind: AnnotationKind, point: Point): void {
      const now = store.getState().draft;
      const begun = now?.kind === kind ? now : { kind, points: [] };
      const points = [...begun.points, held(begun, point)];
      if (points.length === ANNOTATION_POINTS[kind]) finish(kind, points);
      else store.setState({ draft: { kind, points, next: point }, selectedId: null });
    },
    aim(point: Point): void {
      const { draft } = store.getState();
      if (draft) store.setState({ draft: { ...draft, next: held(draft, point) } });
    },
    drop: () => store.setState({ draft: null }),
    select: (selectedId: string | null) => store.setState({ selectedId }),
    /** Shows an annotation at other points while it is dragged; `settle` makes that one step. */
    drag(id: string, points: Point[]): void {
      const { annotations } = store.getState();
      store.setState({ annotations: annotations.map((each) => (each.id === id ? { ...each, points } : each)) });
    },
    settle(before: readonly Annotation[]): void {
      const { annotations, selectedId } = store.getState();
      store.setState({ annotations: before });
      change(annotations, selectedId);
    },
    write(id: string, text: string): void {
      const { annotations } = store.getState();
      if (annotations.find((each) => each.id === id)?.text === text) return;
      change(
        annotations.map((each) => (each.id === id ? { ...each, text } : each)),
        id,
      );
    },
    remove(id: string | null): void {
      const { annotations } = store.getState();
      const rest = annotations.filter((each) => each.id !== id);
      if (rest.length < annotations.length) change(rest, null);
    },
    clear: () => store.getState().annotations.length > 0 && change([], null),
    undo(): boolean {
      const { undo, redo, annotations } = store.getState();
      const before = undo[undo.length - 1];
      if (!before) return false;
      store.setState({ annotations: before, undo: undo.slice(0, -1), redo: [...redo, annotations], selectedId: null });
      save(before);
      return true;
    },
    redo(): boolean {
      const { undo, redo, annotations } = store.getState();
      const next = redo[redo.length - 1];
      if (!next) return false;
      store.setState({ annotations: next, redo: redo.slice(0, -1), undo: [...undo, annotations], selectedId: null });
      save(next);
      return true;
    },
    /** When everything that was changed is on the disk. */
    saved: () => saving,
  };
}

function newId(): string {
  return `${Date.now().toString(36)}-${Math.random().toString(36).slice(2, 10)}`;
}

/**
 * One film being read: the film itself, the answers of the checkpoints, which of them is looked at, and the answer that is
 * being written right now.
 */
import { createStore } from 'zustand/vanilla';
import { type ErrorData, toErrorData } from '../../core/base/errors.ts';
import type { FilmPreview } from '../../core/dicom/film.ts';
import type { Room } from '../../core/dicom/preview.ts';
import type { CautionCode } from '../../core/dicom/suitability.ts';
import type { Label } from '../../core/labels/labels.ts';
import type {
  Checkpoint,
  FilmOpening,
  FilmView,
  HostBridge,
  Prediction,
  SampledAnswers,
} from '../../core/services/contract.ts';
import { markStage } from '../viewer/trace.ts';
import type { Checkpoints } from './checkpoints.ts';
import type { Library } from './library.ts';
import type { Loading } from './loading.ts';
import { type Repeat, repeatOf } from './repeat.ts';

/** A checkpoint's answer to the film on the screen. */
export type Answer =
  | { state: 'none' }
  | { state: 'asking'; text: string; stage: string }
  | { state: 'answered'; prediction: Prediction }
  | { state: 'failed'; error: ErrorData };

export interface ReadingState {
  filmId: string | null;
  film: Loading<FilmView>;
  /** The film in small while it is being read. */
  preview: FilmPreview | null;
  predictions: Record<string, Prediction>;
  /** By film and checkpoint: an answer goes on being written when the reader looks at another film. */
  asking: Record<string, { text: string; stage: string }>;
  failures: Record<string, ErrorData>;
  /** By checkpoint: what came of asking it again about the film on the screen. */
  repeats: Record<string, Repeat>;
  /** Film and checkpoint whose answer is being drawn several times, or whose labels' probabilities are being worked out. */
  sampling: string | null;
  /** How many answers are drawn. */
  sampleCount: number;
  /** Answers drawn several times, by film and checkpoint, of this session. */
  samples: Record<string, SampledAnswers>;
  /** The difference to the other reading is written into the reasoning. */
  showDifference: boolean;
  activeId: string | null;
  previousId: string | null;
  showTruth: boolean;
  showModel: boolean;
  /** The film on the screen is not what the checkpoints were made for: whether to ask them all the same. */
  doubt: { filmId: string; checkpointIds: string[]; cautions: CautionCode[] } | null;
  /** Labels that are pointed at, in the matrix or through a sentence. */
  hovered: readonly Label[];
}

export type Reading = ReturnType<typeof createReading>;

const NO_ANSWER: Answer = { state: 'none' };
const NO_LABELS: readonly Label[] = [];
/** Between two drawings of an answer that is being written, in milliseconds. */
const STREAM_INTERVAL_MS = 50;
const FILMS_KEPT = 4;

export function createReading(
  bridge: HostBridge,
  library: Library,
  checkpoints: Checkpoints,
  onError: (thrown: unknown) => void,
) {
  const store = createStore<ReadingState>(() => ({
    filmId: null,
    film: { state: 'none' },
    preview: null,
    predictions: {},
    asking: {},
    failures: {},
    repeats: {},
    sampling: null,
    sampleCount: 8,
    samples: {},
    showDifference: false,
    activeId: null,
    previousId: null,
    showTruth: true,
    showModel: false,
    doubt: null,
    hovered: NO_LABELS,
  }));
  const kept = new Map<string, FilmView>();
  const asks = new Map<string, AbortController>();
  let opening: AbortController | null = null;
  let room: () => Room | undefined = () => undefined;

  library.store.subscribe(({ currentId }) => {
    if (currentId !== store.getState().filmId) void open(currentId);
  });
  checkpoints.store.subscribe(({ list }) => choosePair(list));

  /** The first time: GRPO is looked at, SFT is the one to compare with. */
  function choosePair(list: Checkpoint[]): void {
    const { activeId, previousId } = store.getState();
    const usable = list.filter((each) => !each.error);
    const known = (id: string | null) => usable.some((each) => each.id === id);
    if (known(activeId) && (known(previousId) || usable.length < 2)) return;
    const order = ['grpo', 'sft', 'base', 'other'];
    const ranked = [...usable].sort((a, b) => order.indexOf(a.role) - order.indexOf(b.role));
    store.setState({ activeId: ranked[0]?.id ?? null, previousId: ranked[1]?.id ?? null });
  }

  async function open(filmId: string | null, frame?: number): Promise<void> {
    opening?.abort();
    const controller = new AbortController();
    opening = controller;
    const { signal } = controller;
    store.setState({
      filmId,
      preview: null,
      predictions: {},
      failures: {},
      repeats: {},
      doubt: null,
      hovered: NO_LABELS,
    });
    if (filmId === null) return store.setState({ film: { state: 'none' } });
    const ready = frame === undefined ? kept.get(filmId) : undefined;
    store.setState({ film: ready ? { state: 'ready', value: ready } : { state: 'loading' } });
    void loadPredictions(filmId);
    if (ready) return;
    try {
      markStage('asked');
      const onProgress = ({ preview }: FilmOpening) => !signal.aborted && store.setState({ preview });
      const view = await bridge.engine.call('films.open', { filmId, frame, room: room() }, { signal, onProgress });
      if (signal.aborted) return;
      markStage('received');
      keep(filmId, view);
      store.setState({ film: { state: 'ready', value: view }, preview: null });
    } catch (error) {
      if (!signal.aborted) store.setState({ film: { state: 'failed', error: toErrorData(error) }, preview: null });
    }
  }

  function keep(filmId: string, view: FilmView): void {
    kept.set(filmId, view);
    for (const id of kept.keys()) if (kept.size > FILMS_KEPT) kept.delete(id);
  }

  async function loadPredictions(filmId = store.getState().filmId): Promise<void> {
    if (filmId === null) return;
    const predictions = await bridge.engine.call('predictions.ofFilm', { filmId }).catch(() => null);
    if (predictions && store.getState().filmId === filmId) store.setState({ predictions });
  }

  /** Films that a person wants read although they are not what the checkpoints were made for. */
  const wanted = new Set<string>();

  /** Asks checkpoints about the film on the screen; where that makes little sense, asks the person first. */
  async function ask(...checkpointIds: string[]): Promise<void> {
    const { filmId, film } = store.getState();
    if (filmId === null || checkpointIds.length === 0) return;
    const listed = library.store.getState().films.find((each) => each.id === filmId);
    const cautions = (film.state === 'ready' ? film.value.entry : listed)?.cautions ?? [];
    if (cautions.length > 0 && !wanted.has(filmId)) {
      store.setState({ doubt: { filmId, checkpointIds, cautions } });
      return;
    }
    await Promise.all(checkpointIds.map((id) => generate(id)));
  }

  /**
   * Asks a checkpoint about the film on the screen. The text grows in `asking` until the answer is there; `before` is the
   * stored answer that it is asked to give again.
   */
  async function generate(checkpointId: string, before?: Prediction): Promise<void> {
    const { filmId } = store.getState();
    if (filmId === null) return;
    const key = keyOf(filmId, checkpointId);
    if (asks.has(key)) return;
    const controller = new AbortController();
    asks.set(key, controller);
    const show = (text: string, stage: string) =>
      store.setState({ asking: { ...store.getState().asking, [key]: { text, stage } } });
    // Drawing every token would take longer than making it, and the answer would wait behind them.
    let latest = { text: '', stage: '' };
    let timer: ReturnType<typeof setTimeout> | undefined;
    const showSoon = (progress: typeof latest) => {
      if (latest.text === '') markStage('text');
      latest = progress;
      timer ??= setTimeout(() => {
        timer = undefined;
        show(latest.text, latest.stage);
      }, STREAM_INTERVAL_MS);
    };
    markStage('question');
    // Asked before anything is drawn: the engine works meanwhile.
    const answering = bridge.engine.call(
      'predictions.generate',
      { filmId, checkpointId, ...(before ? { again: true } : {}) },
      { signal: controller.signal, onProgress: showSoon },
    );
    store.setState({
      failures: without(store.getState().failures, checkpointId),
      asking: { ...store.getState().asking, [key]: latest },
    });
    let outcome: Partial<ReadingState> = {};
    try {
      const prediction = await answering;
      markStage('answer', prediction.seconds);
      const { predictions, repeats } = store.getState();
      outcome = before
        ? { repeats: { ...repeats, [checkpointId]: repeatOf(before, prediction) } }
        : { predictions: { ...predictions, [checkpointId]: prediction } };
    } catch (thrown) {
      const error = toErrorData(thrown);
      if (error.code !== 'CANCELLED') outcome = { failures: { ...store.getState().failures, [checkpointId]: error } };
    }
    clearTimeout(timer);
    asks.delete(key);
    const isShown = store.getState().filmId === filmId;
    // One change, one drawing.
    store.setState({ ...(isShown ? outcome : {}), asking: without(store.getState().asking, key) });
  }

  /** Asks something longer about the film on the screen; one at a time for each checkpoint. False where it did not work. */
  async function measure(checkpointId: string, run: (filmId: string, signal: AbortSignal) => Promise<void>) {
    const { filmId } = store.getState();
    if (filmId === null) return false;
    const key = keyOf(filmId, checkpointId);
    if (asks.has(key)) return false;
    const controller = new AbortController();
    asks.set(key, controller);
    store.setState({ sampling: key });
    try {
      await run(filmId, controller.signal);
      return store.getState().filmId === filmId;
    } catch (thrown) {
      onError(thrown);
      return false;
    } finally {
      asks.delete(key);
      store.setState({ sampling: null });
    }
  }

  /** Draws the answer several times: is a difference more than noise? */
  const sample = (checkpointId: string) =>
    measure(checkpointId, async (filmId, signal) => {
      const { sampleCount: samples } = store.getState();
      const sampled = await bridge.engine.call('predictions.sample', { filmId, checkpointId, samples }, { signal });
      const key = keyOf(filmId, checkpointId);
      store.setState({ samples: { ...store.getState().samples, [key]: sampled } });
    });

  /** The same answer, with how probable each label is (from the answers that it might have given after its reasoning). */
  const score = (checkpointId: string) =>
    measure(checkpointId, async (filmId, signal) => {
      const asked = { filmId, checkpointId, probabilities: { method: 'answer-tree' as const } };
      const prediction = await bridge.engine.call('predictions.generate', asked, { signal });
      if (store.getState().filmId === filmId)
        store.setState({ predictions: { ...store.getState().predictions, [checkpointId]: prediction } });
    });

  /** One checkpoint after the other; a stop or a failure ends all. */
  async function each(checkpointIds: string[], one: (checkpointId: string) => Promise<boolean>): Promise<void> {
    for (const id of checkpointIds) if (!(await one(id))) return;
  }

  /** The one that is looked at, and the one to compare with. */
  function pair(): string[] {
    const { activeId, previousId } = store.getState();
    return [activeId, previousId].filter((id) => id !== null);
  }

  function activate(activeId: string): void {
    const now = store.getState();
    if (now.activeId === activeId) return;
    store.setState({ activeId, previousId: now.activeId });
  }

  return {
    store,
    open,
    ask,
    samplePair: () => each(pair(), sample),
    scorePair: () => each(pair(), score),
    setSampleCount: (sampleCount: number) => store.setState({ sampleCount }),
    activate,
    toggleDifference: () => store.setState({ showDifference: !store.getState().showDifference }),
    refresh: loadPredictions,
    showFrame: (frame: number) => open(store.getState().filmId, frame),
    /** The nth checkpoint of the list, from 1. */
    activateNth(position: number): void {
      const checkpoint = checkpoints.usable()[position - 1];
      if (checkpoint) activate(checkpoint.id);
    },
    /** The two checkpoints that were looked at last change places. */
    blink(): void {
      const { previousId } = store.getState();
      if (previousId) activate(previousId);
    },
    /** Asks the checkpoint that is looked at, if it has not answered. */
    askActive(): void {
      const state = store.getState();
      if (state.activeId && answerOf(state, state.activeId).state !== 'answered') void ask(state.activeId);
    },
    /** Asks the checkpoint that is looked at once more, from nothing, and sets what it says beside what it had said. */
    async askAgain(): Promise<void> {
      const { activeId, predictions } = store.getState();
      const before = activeId === null ? undefined : predictions[activeId];
      if (before) await generate(before.checkpointId, before);
    },
    askAll: () => ask(...checkpoints.usable().flatMap(({ id }) => (unanswered(store.getState(), id) ? [id] : []))),
    /** The answer to `doubt`; yes holds for the film as long as the window is open. */
    async decide(yes: boolean): Promise<void> {
      const { doubt } = store.getState();
      store.setState({ doubt: null });
      if (!yes || !doubt) return;
      wanted.add(doubt.filmId);
      await ask(...doubt.checkpointIds);
    },
    /** Stops what is being written about this film. */
    stop(): boolean {
      const { filmId } = store.getState();
      const running = [...asks].filter(([key]) => key.startsWith(`${filmId}\n`));
      for (const [, controller] of running) controller.abort();
      return running.length > 0;
    },
    toggleTruth: () => store.setState({ showTruth: !store.getState().showTruth }),
    toggleModel(): void {
      store.setState({ showModel: !store.getState().showModel });
    },
    hover: (hovered: readonly Label[] = NO_LABELS) => store.setState({ hovered }),
    forget: () => kept.clear(),
    /** Who shows the film tells in how many device pixels. */
    setRoom(measure: () => Room | undefined): void {
      room = measure;
    },
  };
}

/** The answer of one checkpoint to the film on the screen. */
export function answerOf(state: ReadingState, checkpointId: string): Answer {
  const asking = state.filmId === null ? undefined : state.asking[keyOf(state.filmId, checkpointId)];
  if (asking) return { state: 'asking', ...asking };
  const prediction = state.predictions[checkpointId];
  if (prediction) return { state: 'answered', prediction };
  const error = state.failures[checkpointId];
  return error ? { state: 'failed', error } : NO_ANSWER;
}

/** What was drawn several times of the film on the screen; null: nothing yet. */
export function samplesOf(state: ReadingState, checkpointId: string): SampledAnswers | null {
  return state.filmId === null ? null : (state.samples[keyOf(state.filmId, checkpointId)] ?? null);
}

function unanswered(state: ReadingState, checkpointId: string): boolean {
  return answerOf(state, checkpointId).state !== 'answered';
}

function keyOf(filmId: string, checkpointId: string): string {
  return `${filmId}\n${checkpointId}`;
}

function without<T>(record: Record<string, T>, key: string): Record<string, T> {
  const { [key]: _, ...rest } = record;
  return rest;
}

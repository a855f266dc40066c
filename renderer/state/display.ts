/** How one viewport shows its film: window, turn, scale and place. */
import { createStore } from 'zustand/vanilla';
import type { Film, FilmPreview, Voi } from '../../core/dicom/film.ts';
import { PERCENTILE_WINDOWS, percentileVoi, sampledValues } from '../viewer/percentiles.ts';
import { markStage } from '../viewer/trace.ts';
import type { Room } from '../viewer/transform.ts';

/** A window that can be chosen: from the file, the whole range, or from the film's percentiles. */
export interface Preset {
  id: string;
  kind: 'file' | 'full' | 'percentile';
  voi: Voi;
}

export interface DisplayState {
  film: Film | null;
  /** In its place, while it is being read; nothing is measured or windowed on it. */
  preview: FilmPreview | null;
  presets: Preset[];
  /** Id of the preset that is shown; null after a change by hand. */
  presetId: string | null;
  voi: Voi | null;
  invert: boolean;
  rotation: number;
  hflip: boolean;
  vflip: boolean;
  /** Screen pixels (CSS) per film pixel; null: as large as fits. */
  scale: number | null;
  /** Of the film's centre from the viewport's, in film pixels as cornerstone has it. */
  translation: { x: number; y: number };
  /** What `scale: null` comes to right now, and the viewport's size in CSS pixels; the viewport tells. */
  shownScale: number;
  room: Room;
}

/** What the user changes about it. */
export type Shown = Pick<
  DisplayState,
  'presetId' | 'voi' | 'invert' | 'rotation' | 'hflip' | 'vflip' | 'scale' | 'translation'
>;

export type Display = ReturnType<typeof createDisplay>;

const CENTRE = { x: 0, y: 0 };
const UPRIGHT = { rotation: 0, hflip: false, vflip: false, scale: null, translation: CENTRE };
export const SMALLEST_SCALE = 0.02;
export const LARGEST_SCALE = 32;

export function createDisplay() {
  const store = createStore<DisplayState>(() => ({
    film: null,
    preview: null,
    presets: [],
    presetId: null,
    voi: null,
    invert: false,
    ...UPRIGHT,
    shownScale: 1,
    room: { width: 0, height: 0 },
  }));

  function firstWindow(presets: Preset[]) {
    return { presetId: presets[0]?.id ?? null, voi: presets[0]?.voi ?? null, invert: false };
  }

  return {
    store,
    /** Shown as the film will be first. */
    showPreview(preview: FilmPreview): void {
      const presets = presetsOfFile(preview);
      store.setState({ film: null, preview, presets, ...firstWindow(presets), ...UPRIGHT });
    },
    /** A new film is shown as its file says, upright and whole. */
    show(film: Film | null): void {
      const now = store.getState();
      if (now.film === film && now.preview === null) return;
      const presets = film ? presetsOf(film) : [];
      markStage('presets');
      store.setState({ film, preview: null, presets, ...firstWindow(presets), ...UPRIGHT });
    },
    choose(presetId: string): void {
      const preset = store.getState().presets.find((each) => each.id === presetId);
      if (preset) store.setState({ presetId, voi: preset.voi });
    },
    /** The file's own windows, one after the other. */
    chooseNextOfFile(): void {
      const { presets, presetId } = store.getState();
      const own = presets.filter(({ kind }) => kind === 'file');
      const next = own[(own.findIndex(({ id }) => id === presetId) + 1) % own.length];
      if (next) store.setState({ presetId: next.id, voi: next.voi });
    },
    /** The window after a drag: to the right is wider, down is darker (its centre higher), in shares of the film's range. */
    dragWindow(start: Voi, wider: number, higher: number): void {
      const { film } = store.getState();
      if (!film) return;
      const range = Math.max(1, film.maximum - film.minimum);
      const from = windowOf(start);
      const width = Math.max(from.function === 'LINEAR' ? 1 : range / 4096, from.width + wider * range);
      const voi: Voi = { ...from, width, center: from.center + higher * range };
      store.setState({ voi, presetId: null });
    },
    setWindow(center: number, width: number): void {
      const { voi } = store.getState();
      if (voi && width > 0) store.setState({ voi: { ...windowOf(voi), center, width }, presetId: null });
    },
    zoomBy(factor: number): void {
      const { scale, shownScale } = store.getState();
      store.setState({ scale: clampScale((scale ?? shownScale) * factor) });
    },
    setScale: (scale: number | null) => store.setState({ scale, translation: CENTRE }),
    place: (scale: number | null, translation: { x: number; y: number }) => store.setState({ scale, translation }),
    setShown(shownScale: number, room: Room): void {
      const now = store.getState();
      if (now.shownScale === shownScale && now.room.width === room.width && now.room.height === room.height) return;
      store.setState({ shownScale, room });
    },
    invert: () => store.setState({ invert: !store.getState().invert }),
    rotate: (by: 90 | -90) => store.setState({ rotation: (store.getState().rotation + by + 360) % 360 }),
    flip: (axis: 'hflip' | 'vflip') => store.setState({ [axis]: !store.getState()[axis] }),
    reset: () => store.setState({ ...firstWindow(store.getState().presets), ...UPRIGHT }),
    /** Takes over what another viewport shows; see state/linking.ts. */
    follow: (shown: Partial<Shown>) => store.setState(shown),
  };
}

export function clampScale(scale: number): number {
  return Math.min(LARGEST_SCALE, Math.max(SMALLEST_SCALE, scale));
}

function presetsOfFile({ voi: own }: Pick<Film, 'voi'>): Preset[] {
  return own.map((voi, index) => ({ id: `file-${index}`, kind: 'file', voi }));
}

function presetsOf(film: Film): Preset[] {
  const presets = presetsOfFile(film);
  if (film.samplesPerPixel === 3) return presets;
  const full: Voi = { kind: 'minmax', minimum: film.minimum, maximum: film.maximum };
  if (film.voi[0]?.kind !== 'minmax') presets.push({ id: 'full', kind: 'full', voi: full });
  const sorted = sampledValues(film);
  for (const window of PERCENTILE_WINDOWS)
    presets.push({ id: window.id, kind: 'percentile', voi: percentileVoi(film, sorted, window) });
  return presets;
}

/** The window that shows nearly the same: where a drag on a table or on the whole range starts. */
export function windowOf(voi: Voi): Extract<Voi, { kind: 'window' }> {
  if (voi.kind === 'window') return { ...voi, explanation: '' };
  const [low, high] = voi.kind === 'minmax' ? [voi.minimum, voi.maximum] : [voi.first, voi.first + voi.data.length - 1];
  const width = Math.max(high - low, 1e-6);
  return { kind: 'window', center: low + width / 2, width, function: 'LINEAR_EXACT', explanation: '' };
}

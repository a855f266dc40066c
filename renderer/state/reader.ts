/**
 * The reader's own findings. While "blinded" is on, a film that the reader has not read shows no answer and no truth until
 * the findings are saved. What was on the screen before is remembered, so that findings entered with knowledge say so.
 */
import { createStore } from 'zustand/vanilla';
import type { Reading as Said } from '../../core/findings/types.ts';
import { CHEXPERT_LABELS, type Label } from '../../core/labels/labels.ts';
import type { HostBridge, ReaderFindings } from '../../core/services/contract.ts';
import { text } from '../text.ts';
import type { Frame } from './frame.ts';
import { readyValue } from './loading.ts';
import type { Reading } from './reading.ts';

export type Judgement = 1 | 0 | -1;
export type Judgements = Partial<Record<Label, Judgement>>;

export interface ReaderState {
  /** Films are read blinded first. */
  blinded: boolean;
  /** The findings of the film on the screen are being entered. */
  entering: boolean;
  draft: Judgements;
  comment: string;
  saving: boolean;
  /** By film id. */
  stored: Readonly<Record<string, ReaderFindings>>;
}

export type Reader = ReturnType<typeof createReader>;

export function createReader(bridge: HostBridge, frame: Frame, reading: Reading) {
  const store = createStore<ReaderState>(() => ({
    blinded: false,
    entering: false,
    draft: {},
    comment: '',
    saving: false,
    stored: {},
  }));
  /** Films whose answers or truth were on the screen. */
  const seen = new Set<string>();
  let shownAt = Date.now();

  const filmId = () => reading.store.getState().filmId;

  function begin(entering: boolean): void {
    const id = filmId();
    const before = id === null ? undefined : store.getState().stored[id];
    store.setState({ entering, draft: { ...before?.findings }, comment: before?.comment ?? '' });
    if (id !== null && !entering) seen.add(id);
  }

  /** The film changed, or the mode: an unread film is hidden in blinded mode. */
  function settle(): void {
    const id = filmId();
    const { blinded, stored } = store.getState();
    begin(blinded && id !== null && !stored[id]);
  }

  reading.store.subscribe((state, before) => {
    if (state.film !== before.film && state.film.state === 'ready') shownAt = Date.now();
    if (state.filmId !== before.filmId) settle();
  });

  return {
    store,
    async refresh(): Promise<void> {
      const all = await bridge.engine.call('readers.list', {});
      store.setState({ stored: Object.fromEntries(all.map((each) => [each.filmId, each])) });
    },
    toggle(): void {
      store.setState({ blinded: !store.getState().blinded });
      settle();
    },
    /** Enters or changes findings with the answers known. */
    edit: () => begin(true),
    giveUp(): void {
      store.setState({ blinded: false });
      begin(false);
    },
    /** The same judgement again takes it back. */
    judge(label: Label, judgement: Judgement): void {
      const { [label]: before, ...rest } = store.getState().draft;
      store.setState({ draft: before === judgement ? rest : { ...rest, [label]: judgement } });
    },
    /** What was not judged is absent. */
    restAbsent(): void {
      const rest = Object.fromEntries(CHEXPERT_LABELS.map((label) => [label, 0 as const]));
      store.setState({ draft: { ...rest, ...store.getState().draft } });
    },
    write: (comment: string) => store.setState({ comment }),
    async save(): Promise<void> {
      const { film } = reading.store.getState();
      const view = readyValue(film);
      const { draft, comment, entering, saving } = store.getState();
      if (!view || !entering || saving) return;
      const { id } = view.entry;
      store.setState({ saving: true });
      try {
        const saved = await bridge.engine.call('readers.save', {
          filmId: id,
          imageHash: view.film.sha256,
          findings: draft,
          comment,
          blinded: !seen.has(id),
          seconds: (Date.now() - shownAt) / 1000,
        });
        store.setState({ stored: { ...store.getState().stored, [id]: saved } });
        if (filmId() === id) begin(false);
      } catch (error) {
        frame.fail(text.reader.failed, error);
      } finally {
        store.setState({ saving: false });
      }
    },
  };
}

/** The reader's findings as a checkpoint's are: what is present. */
export function readingOfReader(findings: ReaderFindings): Said {
  const present = CHEXPERT_LABELS.filter((label) => findings.findings[label] === 1);
  return { reasoning: '', findings: present, parseFailure: null, invalid: [], duplicates: [], outside: false };
}

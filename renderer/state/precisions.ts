/** The forms of the base models' weights: which is used, what each takes, how far it is from f32. One is worked on at a time. */
import { createStore } from 'zustand/vanilla';
import { toErrorData } from '../../core/base/errors.ts';
import type { Progress } from '../../core/base/progress.ts';
import type { HostBridge, PrecisionForm } from '../../core/services/contract.ts';
import { text } from '../text.ts';
import type { Frame } from './frame.ts';

export interface PrecisionsState {
  /** By checkpoint. */
  forms: Record<string, PrecisionForm[]>;
  working: { checkpointId: string; precision: PrecisionForm['precision'] | null; progress: Progress | null } | null;
}

export function createPrecisions(bridge: HostBridge, frame: Frame) {
  const store = createStore<PrecisionsState>(() => ({ forms: {}, working: null }));

  const keep = (checkpointId: string, forms: PrecisionForm[]) =>
    store.setState((state) => ({ forms: { ...state.forms, [checkpointId]: forms } }));

  async function work(
    checkpointId: string,
    precision: PrecisionForm['precision'] | null,
    run: (onProgress: (progress: Progress) => void) => Promise<PrecisionForm[]>,
  ): Promise<void> {
    if (store.getState().working) return;
    store.setState({ working: { checkpointId, precision, progress: null } });
    try {
      keep(checkpointId, await run((progress) => store.setState({ working: { checkpointId, precision, progress } })));
    } catch (error) {
      if (toErrorData(error).code !== 'CANCELLED') frame.fail(text.precisions.failed, error);
      await read(checkpointId);
    } finally {
      store.setState({ working: null });
    }
  }

  async function read(checkpointId: string): Promise<void> {
    await bridge.engine
      .call('checkpoints.precisions', { checkpointId })
      .then((forms) => keep(checkpointId, forms))
      .catch((error) => frame.fail(text.precisions.failed, error));
  }

  return {
    store,
    read,
    /** What this machine suggests is left to it from then on (`auto`). */
    choose: (checkpointId: string, { precision, recommended }: PrecisionForm) =>
      work(checkpointId, precision, (onProgress) => {
        const chosen = recommended ? 'auto' : precision;
        return bridge.engine.call('checkpoints.setPrecision', { checkpointId, precision: chosen }, { onProgress });
      }),
    measure: (checkpointId: string, precision: PrecisionForm['precision']) =>
      work(checkpointId, precision, (onProgress) =>
        bridge.engine.call('checkpoints.measurePrecision', { checkpointId, precision }, { onProgress }),
      ),
    removeForms: (checkpointId: string) =>
      work(checkpointId, null, () => bridge.engine.call('checkpoints.removeForms', { checkpointId })),
  };
}

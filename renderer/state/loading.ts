/** Something that is asked of the engine, in the four states that a screen shows. */
import type { ErrorData } from '../../core/base/errors.ts';
import type { Progress } from '../../core/base/progress.ts';

export type Loading<T> =
  | { state: 'none' }
  | { state: 'loading'; progress?: Progress }
  | { state: 'ready'; value: T }
  | { state: 'failed'; error: ErrorData };

export function readyValue<T>(loading: Loading<T>): T | null {
  return loading.state === 'ready' ? loading.value : null;
}

/**
 * Numbers that are none. A damaged weight, or a form of the weights that does not hold what the network computes (f16 ends at
 * 65,504), makes every answer after it garbage: it is said where it first shows, before features are kept or a token is chosen.
 */
import { WorkbenchError } from '../base/errors.ts';
import type { Runner } from './runner.ts';

const WHAT = { LOGITS_NOT_FINITE: 'logits', FEATURES_NOT_FINITE: 'image features' } as const;

/** Throws `code` where a value is NaN or infinite; `values` otherwise. */
export function finite(
  values: Float32Array,
  code: keyof typeof WHAT,
  { executor, precision }: Pick<Runner, 'executor' | 'precision'>,
): Float32Array {
  for (let i = 0; i < values.length; i++)
    if (!Number.isFinite(values[i])) throw notFinite(code, executor.name, precision);
  return values;
}

function notFinite(code: keyof typeof WHAT, executor: string, precision: string): WorkbenchError {
  const isHalf = precision === 'f16';
  return new WorkbenchError(
    code,
    isHalf
      ? `The model’s ${WHAT[code]} are not all finite: f16 does not hold the numbers of this model, or its files are damaged.`
      : `The model’s ${WHAT[code]} are not all finite: its weights or its adapter are damaged.`,
    { executor, precision },
    isHalf ? 'Choose f32, int8 or int4 for this model.' : undefined,
  );
}

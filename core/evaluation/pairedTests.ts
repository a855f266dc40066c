/**
 * Tests between two readings of the same films. McNemar needs one film a patient; with several, whole patients are
 * flipped: under the null hypothesis the two readings of a patient may be exchanged. Holm's and Benjamini and Hochberg's
 * adjustments over labels. Equal to reference/metrics/{mcnemar,permutation}.json to 1e-10.
 */
import { Random } from '../base/random.ts';
import { chiSquareTail, halfBinomialCdf } from './distributions.ts';

export interface McNemar {
  exactP: number;
  /** null where no film is judged differently. */
  asymptotic: { statistic: number; p: number } | null;
  /** (|b - c| - 1)^2 / (b + c), also where b = c, as statsmodels has it. */
  asymptoticCorrected: { statistic: number; p: number } | null;
}

/** `onlyFirst`, `onlySecond`: films that only the first or only the second reading gets right. */
export function mcNemar(onlyFirst: number, onlySecond: number): McNemar {
  const n = onlyFirst + onlySecond;
  const difference = Math.abs(onlyFirst - onlySecond);
  const asymptotic = (statistic: number) => (n === 0 ? null : { statistic, p: chiSquareTail(statistic) });
  return {
    exactP: Math.min(1, 2 * halfBinomialCdf(Math.min(onlyFirst, onlySecond), n)),
    asymptotic: asymptotic(difference ** 2 / n),
    asymptoticCorrected: asymptotic((difference - 1) ** 2 / n),
  };
}

export interface PermutationOptions {
  /** Called between a few permutations, so that long work can be cancelled and other work goes on. */
  pause?: () => Promise<void>;
  /** All 2^units assignments are tried where they are no more than this, else this many random ones. */
  permutations: number;
  seed: number;
}

/**
 * Two-sided p values of several statistics at once. `statistics(flipped, out)` writes each statistic for an assignment in
 * which the readings of the units marked 1 are exchanged. p counts |statistic| >= |observed| - 1e-12, the identity included.
 */
export async function pairedPermutation(
  units: number,
  statistics: (flipped: Uint8Array, out: Float64Array) => void,
  count: number,
  { permutations, seed, pause }: PermutationOptions,
): Promise<number[]> {
  const flipped = new Uint8Array(units);
  const out = new Float64Array(count);
  statistics(flipped, out);
  const atLeast = Float64Array.from(out, (value) => Math.abs(value) - 1e-12);
  const extreme = new Float64Array(count);
  const tally = () => {
    statistics(flipped, out);
    for (let k = 0; k < count; k++) if (Math.abs(out[k]!) >= atLeast[k]!) extreme[k]!++;
  };
  const all = units < 31 && 2 ** units <= permutations;
  const tried = all ? 2 ** units : permutations;
  const random = new Random(seed);
  // The first assignment is the identity either way.
  for (let i = 0; i < tried; i++) {
    if (pause && i % 64 === 0) await pause();
    if (all) assign(flipped, i);
    else if (i > 0) assignAtRandom(flipped, random);
    tally();
  }
  return Array.from(extreme, (n) => n / tried);
}

function assign(flipped: Uint8Array, bits: number): void {
  for (let i = 0; i < flipped.length; i++) flipped[i] = (bits >>> i) & 1;
}

function assignAtRandom(flipped: Uint8Array, random: Random): void {
  let bits = 0;
  for (let i = 0; i < flipped.length; i++) {
    if (i % 32 === 0) bits = random.uint32();
    flipped[i] = (bits >>> (i % 32)) & 1;
  }
}

/** The mean of paired differences, each unit's sign flipped or not. */
export async function signFlipTest(differences: readonly number[], options: PermutationOptions): Promise<number> {
  const mean = (flipped: Uint8Array, out: Float64Array) => {
    let sum = 0;
    for (let i = 0; i < differences.length; i++) sum += flipped[i] ? -differences[i]! : differences[i]!;
    out[0] = sum / differences.length;
  };
  return (await pairedPermutation(differences.length, mean, 1, options))[0]!;
}

/** Holm 1979: controls the chance of any false rejection. Order is kept. */
export function holm(p: readonly number[]): number[] {
  const order = Array.from(p.keys()).sort((a, b) => p[a]! - p[b]!);
  const adjusted = new Array<number>(p.length).fill(0);
  let highest = 0;
  order.forEach((index, rank) => {
    highest = Math.max(highest, Math.min(1, p[index]! * (p.length - rank)));
    adjusted[index] = highest;
  });
  return adjusted;
}

/** Benjamini and Hochberg 1995: controls the share of false ones among the rejections. Order is kept. */
export function benjaminiHochberg(p: readonly number[]): number[] {
  const order = Array.from(p.keys()).sort((a, b) => p[b]! - p[a]!);
  const adjusted = new Array<number>(p.length).fill(0);
  let lowest = 1;
  order.forEach((index, fromTop) => {
    lowest = Math.min(lowest, (p[index]! * p.length) / (p.length - fromTop));
    adjusted[index] = lowest;
  });
  return adjusted;
}

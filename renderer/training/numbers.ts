/** Four digits are enough to compare by eye; small numbers keep their exponent. */
export function shortNumber(value: number): string {
  if (Number.isInteger(value)) return String(value);
  return Math.abs(value) < 1e-3 ? value.toExponential(2) : String(Number(value.toPrecision(4)));
}

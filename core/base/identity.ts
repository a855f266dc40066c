/** A number for each object, the same as long as it lives: a key for values that are compared by identity. */
const numbers = new WeakMap<object, number>();
let count = 0;

export function identityOf(value: object): number {
  let number = numbers.get(value);
  if (number === undefined) {
    number = count++;
    numbers.set(value, number);
  }
  return number;
}

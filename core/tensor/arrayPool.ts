/**
 * Float arrays that are used again: a growing KV cache needs new arrays for every token, and leaving the old ones to the
 * garbage collector cost 15 % of the time of generating.
 */
const MAX_FREE_BYTES = 2 ** 28;

export class ArrayPool {
  private readonly free = new Map<number, ArrayBuffer[]>();
  private freeBytes = 0;

  /** An array of `length` floats with arbitrary contents. */
  take(length: number): Float32Array {
    const bytes = capacity(length * Float32Array.BYTES_PER_ELEMENT);
    const buffer = this.free.get(bytes)?.pop();
    if (buffer) this.freeBytes -= bytes;
    return new Float32Array(buffer ?? new ArrayBuffer(bytes), 0, length);
  }

  /** Gives back what `take` gave; it must not be used afterwards. */
  give(array: Float32Array): void {
    const buffer = array.buffer as ArrayBuffer;
    if (this.freeBytes + buffer.byteLength > MAX_FREE_BYTES) this.clear();
    this.freeBytes += buffer.byteLength;
    const sameSize = this.free.get(buffer.byteLength);
    if (sameSize) sameSize.push(buffer);
    else this.free.set(buffer.byteLength, [buffer]);
  }

  private clear(): void {
    this.free.clear();
    this.freeBytes = 0;
  }
}

/** Rounds up to a quarter of a power of two, so that an array that grows a little finds one of its size. */
function capacity(bytes: number): number {
  const step = Math.max(1024, 2 ** (Math.floor(Math.log2(Math.max(1, bytes))) - 2));
  return Math.ceil(Math.max(1, bytes) / step) * step;
}

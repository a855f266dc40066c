/* What 16-bit samples hold, eight at a time: the bits used by any of them, the smallest and the largest. Built by build.sh. */
#include <wasm_simd128.h>

/* One block of samples, filled from outside; then bits, smallest, largest: eight lanes each. */
static v128_t block[8192 / 8];
static v128_t found[3];

__attribute__((export_name("block"))) void *block_at(void) { return block; }
__attribute__((export_name("found"))) void *found_at(void) { return found; }

__attribute__((export_name("unsigned16"))) void scan_unsigned(int vectors) {
  v128_t bits = found[0], low = found[1], high = found[2];
  for (int i = 0; i < vectors; i++) {
    v128_t samples = block[i];
    bits = wasm_v128_or(bits, samples);
    low = wasm_u16x8_min(low, samples);
    high = wasm_u16x8_max(high, samples);
  }
  found[0] = bits, found[1] = low, found[2] = high;
}

__attribute__((export_name("signed16"))) void scan_signed(int vectors) {
  v128_t bits = found[0], low = found[1], high = found[2];
  for (int i = 0; i < vectors; i++) {
    v128_t samples = block[i];
    bits = wasm_v128_or(bits, samples);
    low = wasm_i16x8_min(low, samples);
    high = wasm_i16x8_max(high, samples);
  }
  found[0] = bits, found[1] = low, found[2] = high;
}

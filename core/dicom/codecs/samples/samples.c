/* What 16-bit samples hold, eight at a time: the bits used by any of them, the smallest and the largest; and their means. Built by
 * build.sh. */
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

/* Means over squares of `factor` samples: each row of the square is filled into the block and added, then they are divided. */
static unsigned sums[8192];

__attribute__((export_name("sums"))) void *sums_at(void) { return sums; }

__attribute__((export_name("addUnsigned"))) void add_unsigned(int columns, int factor) {
  const unsigned short *row = (const unsigned short *)block;
  int column = 0;
  if (factor == 2) {
    for (; column + 4 <= columns; column += 4) {
      v128_t pairs = wasm_u32x4_extadd_pairwise_u16x8(block[column >> 2]);
      wasm_v128_store(sums + column, wasm_i32x4_add(wasm_v128_load(sums + column), pairs));
    }
  }
  for (; column < columns; column++) {
    unsigned sum = 0;
    for (int x = 0; x < factor; x++) sum += row[column * factor + x];
    sums[column] += sum;
  }
}

__attribute__((export_name("addSigned"))) void add_signed(int columns, int factor) {
  const short *row = (const short *)block;
  for (int column = 0; column < columns; column++) {
    int sum = 0;
    for (int x = 0; x < factor; x++) sum += row[column * factor + x];
    sums[column] += (unsigned)sum;
  }
}

/* Into the block, cut off to whole numbers; the sums begin anew. */
__attribute__((export_name("meansUnsigned"))) void means_unsigned(int columns, int area) {
  unsigned short *row = (unsigned short *)block;
  int shift = __builtin_ctz((unsigned)area);
  int is_power = area == 1 << shift;
  for (int column = 0; column < columns; column++) {
    row[column] = (unsigned short)(is_power ? sums[column] >> shift : sums[column] / (unsigned)area);
    sums[column] = 0;
  }
}

__attribute__((export_name("meansSigned"))) void means_signed(int columns, int area) {
  short *row = (short *)block;
  for (int column = 0; column < columns; column++) {
    row[column] = (short)((int)sums[column] / area);
    sums[column] = 0;
  }
}

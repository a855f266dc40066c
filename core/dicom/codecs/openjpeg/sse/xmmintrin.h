/*
 * The part of SSE and SSE2 that OpenJPEG's wavelet and colour transforms use, in WebAssembly's SIMD, so that these run four
 * columns at a time. Sums and products are those of the same lanes: the samples are the same to the bit.
 */
#ifndef OPENJPEG_SSE_H
#define OPENJPEG_SSE_H
#include <wasm_simd128.h>

typedef v128_t __m128;
typedef v128_t __m128i;

#define SSE_INLINE static inline __attribute__((always_inline))

SSE_INLINE __m128 _mm_load_ps(const float *at) { return wasm_v128_load(at); }
SSE_INLINE void _mm_store_ps(float *at, __m128 a) { wasm_v128_store(at, a); }
SSE_INLINE __m128 _mm_set1_ps(float a) { return wasm_f32x4_splat(a); }
SSE_INLINE __m128 _mm_set_ps(float d, float c, float b, float a) { return wasm_f32x4_make(a, b, c, d); }
SSE_INLINE __m128 _mm_add_ps(__m128 a, __m128 b) { return wasm_f32x4_add(a, b); }
SSE_INLINE __m128 _mm_sub_ps(__m128 a, __m128 b) { return wasm_f32x4_sub(a, b); }
SSE_INLINE __m128 _mm_mul_ps(__m128 a, __m128 b) { return wasm_f32x4_mul(a, b); }

SSE_INLINE __m128i _mm_load_si128(const __m128i *at) { return wasm_v128_load(at); }
SSE_INLINE __m128i _mm_loadu_si128(const __m128i *at) { return wasm_v128_load(at); }
SSE_INLINE void _mm_store_si128(__m128i *at, __m128i a) { wasm_v128_store(at, a); }
SSE_INLINE void _mm_storeu_si128(__m128i *at, __m128i a) { wasm_v128_store(at, a); }
SSE_INLINE __m128i _mm_set1_epi32(int a) { return wasm_i32x4_splat(a); }
SSE_INLINE __m128i _mm_add_epi32(__m128i a, __m128i b) { return wasm_i32x4_add(a, b); }
SSE_INLINE __m128i _mm_sub_epi32(__m128i a, __m128i b) { return wasm_i32x4_sub(a, b); }
SSE_INLINE __m128i _mm_srai_epi32(__m128i a, int bits) { return wasm_i32x4_shr(a, (unsigned)bits); }
SSE_INLINE __m128 _mm_cvtepi32_ps(__m128i a) { return wasm_f32x4_convert_i32x4(a); }
SSE_INLINE __m128i _mm_unpacklo_epi32(__m128i a, __m128i b) { return wasm_i32x4_shuffle(a, b, 0, 4, 1, 5); }
SSE_INLINE __m128i _mm_unpackhi_epi32(__m128i a, __m128i b) { return wasm_i32x4_shuffle(a, b, 2, 6, 3, 7); }
#endif

/* Products of bfloat16 matrices whose right side is packed once and used often. One thread, no allocation.

   Where the processor has AMX, a block of 32 x 32 sums is computed in its tiles; elsewhere in vectors of 16, by the
   instruction that multiplies pairs of bfloat16, or by floats where that is missing too. All three read the same layout:
   of weights [outer, inner], 16 rows at a time, pairs of neighbours in a row: [outer / 16, inner / 2, 16, 2]. */

#ifndef TILES_H
#define TILES_H

#include "vectors.h"

#ifdef __x86_64__
#include <immintrin.h>
#endif
#if defined(__AMX_BF16__) && defined(__linux__)
#define TILES
#include <sys/syscall.h>
#include <unistd.h>
#endif

enum { TALL = 32, WIDE = 32 }; /* of a block: rows of the left matrix, rows of the weights */

typedef struct {
    const bf16 *weights; /* packed; outer is a multiple of WIDE, inner of 32 */
    const float *bias;   /* [outer], or none */
    int64_t inner, outer;
} linear;

/* sum += the two products in each of sixteen pairs; `pair` is the same for all. */
static inline floats add_products(floats sum, uint32_t pair, const bf16 *pairs) {
#ifdef __AVX512BF16__
    return (floats)_mm512_dpbf16_ps((__m512)sum, (__m512bh)_mm512_set1_epi32((int32_t)pair),
                                    (__m512bh)_mm512_loadu_si512(pairs));
#else
    words both;
    memcpy(&both, pairs, sizeof both);
    sum += wide_one((bf16)pair) * (floats)(both << 16);
    return sum + wide_one((bf16)(pair >> 16)) * (floats)(both & 0xffff0000u);
#endif
}

static inline uint32_t pair_at(const bf16 *from) {
    uint32_t pair;
    memcpy(&pair, from, sizeof pair);
    return pair;
}

static inline void multiply_in_vectors(const bf16 *x, int64_t stride, int64_t rows, int64_t inner, const bf16 *weights,
                                       float *sums) {
    enum { AT_ONCE = 8 };
    for (int64_t r = 0; r < rows; r += AT_ONCE) {
        floats left[AT_ONCE], right[AT_ONCE];
        for (int i = 0; i < AT_ONCE; i++) left[i] = right[i] = all(0);
        for (int64_t k = 0; k < inner; k += 2)
#pragma GCC unroll 8
            for (int i = 0; i < AT_ONCE; i++) {
                uint32_t pair = pair_at(x + (r + i) * stride + k);
                left[i] = add_products(left[i], pair, weights + k * LANES);
                right[i] = add_products(right[i], pair, weights + (inner + k) * LANES);
            }
        for (int i = 0; i < AT_ONCE; i++) {
            memcpy(sums + (r + i) * WIDE, &left[i], sizeof left[i]);
            memcpy(sums + (r + i) * WIDE + LANES, &right[i], sizeof right[i]);
        }
    }
}

#ifdef TILES
static const struct {
    uint8_t palette, start, reserved[14];
    uint16_t bytes[16];
    uint8_t rows[16];
} SHAPES = {1, 0, {0}, {64, 64, 64, 64, 64, 64, 64, 64}, {16, 16, 16, 16, 16, 16, 16, 16}};

/* Linux lets a process use the tiles only after it has asked. */
static int tiles_allowed(void) {
    static int asked, allowed;
    if (!asked) {
        enum { REQUEST_PERMISSION = 0x1023, TILE_DATA = 18 };
        allowed = syscall(SYS_arch_prctl, REQUEST_PERMISSION, TILE_DATA) == 0;
        asked = 1;
    }
    return allowed;
}

/* Tiles 0 to 3 are the quarters of the block, 4 and 5 rows of x, 6 and 7 weights. */
static inline void multiply_in_tiles(const bf16 *x, int64_t stride, int64_t inner, const bf16 *weights, float *sums) {
    const bf16 *below = x + 16 * stride, *beside = weights + 16 * inner;
    __asm__ volatile("" ::: "memory"); /* GCC does not see that tiles are loaded from memory, and writes x later */
    _tile_zero(0);
    _tile_zero(1);
    _tile_zero(2);
    _tile_zero(3);
    for (int64_t k = 0; k < inner; k += 32) {
        _tile_loadd(4, x + k, stride * 2);
        _tile_loadd(6, weights + k * 16, 64);
        _tile_loadd(7, beside + k * 16, 64);
        _tile_loadd(5, below + k, stride * 2);
        _tile_dpbf16ps(0, 4, 6);
        _tile_dpbf16ps(1, 4, 7);
        _tile_dpbf16ps(2, 5, 6);
        _tile_dpbf16ps(3, 5, 7);
    }
    _tile_stored(0, sums, WIDE * 4);
    _tile_stored(1, sums + 16, WIDE * 4);
    _tile_stored(2, sums + 16 * WIDE, WIDE * 4);
    _tile_stored(3, sums + 16 * WIDE + 16, WIDE * 4);
}
#endif

/* Before and after all products of a call: the tiles belong to the thread, and others may use them too. */
static inline int open_tiles(void) {
#ifdef TILES
    if (tiles_allowed()) {
        _tile_loadconfig(&SHAPES);
        return 1;
    }
#endif
    return 0;
}

static inline void close_tiles(int opened) {
#ifdef TILES
    if (opened) _tile_release();
#endif
    (void)opened;
}

enum finish { FLOATS, HALVES, RECTIFIED, SWISHED, ADDED };

/* out = x weights^T + bias for x [rows, inner]: as floats, as halves, as halves where positive, as halves times their sigmoid, or added
   to floats.
   Of x, whole blocks of TALL rows are read. */
static inline __attribute__((always_inline)) void multiply(int tiles, int64_t rows, const bf16 *x, int64_t stride,
                                                           const linear *by, const enum finish finish, void *out,
                                                           int64_t out_stride) {
    float sums[TALL * WIDE] __attribute__((aligned(64)));
    for (int64_t n = 0; n < by->outer; n += WIDE) {
        const bf16 *weights = by->weights + n * by->inner;
        floats bias[2] = {all(0), all(0)};
        if (by->bias) memcpy(bias, by->bias + n, sizeof bias);
        for (int64_t m = 0; m < rows; m += TALL) {
            int64_t tall = rows - m < TALL ? rows - m : TALL;
#ifdef TILES
            if (tiles)
                multiply_in_tiles(x + m * stride, stride, by->inner, weights, sums);
            else
#endif
                multiply_in_vectors(x + m * stride, stride, tall, by->inner, weights, sums);
            for (int64_t r = 0; r < tall; r++)
                for (int half = 0; half < 2; half++) {
                    int64_t at = (m + r) * out_stride + n + half * LANES;
                    floats sum;
                    memcpy(&sum, sums + r * WIDE + half * LANES, sizeof sum);
                    sum += bias[half];
                    if (finish == FLOATS) memcpy((float *)out + at, &sum, sizeof sum);
                    if (finish == HALVES) store((bf16 *)out + at, sum);
                    if (finish == RECTIFIED) store((bf16 *)out + at, choose(sum <= 0, all(0), sum));
                    if (finish == SWISHED) store((bf16 *)out + at, swish(sum));
                    if (finish == ADDED) add_to((float *)out + at, sum);
                }
        }
    }
    (void)tiles;
}

#endif

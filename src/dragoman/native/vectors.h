/* Numbers that are bfloat16 in memory and float in the registers, sixteen at a time, and the softmax of a row of them.
   The vector types are those of GCC and Clang, for any processor. */

#ifndef VECTORS_H
#define VECTORS_H

#include <stdint.h>
#include <string.h>

#ifdef __AVX512BF16__
#include <immintrin.h>
#endif

enum { LANES = 16 };

typedef uint16_t bf16;
typedef bf16 halves __attribute__((vector_size(2 * LANES)));
typedef uint8_t bytes __attribute__((vector_size(LANES)));
typedef float floats __attribute__((vector_size(4 * LANES)));
typedef float eight __attribute__((vector_size(32)));
typedef float four __attribute__((vector_size(16)));
typedef int32_t more_of_eight __attribute__((vector_size(32)));
typedef int32_t more_of_four __attribute__((vector_size(16)));
typedef int32_t ints __attribute__((vector_size(4 * LANES)));
typedef uint32_t words __attribute__((vector_size(4 * LANES)));

static inline int64_t filled(int64_t count, int64_t block) { return (count + block - 1) / block * block; }

static inline floats wide(halves x) { return (floats)(__builtin_convertvector(x, words) << 16); }

static inline floats load(const bf16 *from) {
    halves x;
    memcpy(&x, from, sizeof x);
    return wide(x);
}

static inline float wide_one(bf16 x) {
    uint32_t bits = (uint32_t)x << 16;
    float y;
    memcpy(&y, &bits, sizeof y);
    return y;
}

static inline void store(bf16 *to, floats x) { /* to the nearest bfloat16, ties to even */
#ifdef __AVX512BF16__
    __m256bh y = _mm512_cvtneps_pbh((__m512)x); /* numbers below 2^-126 become 0 */
    memcpy(to, &y, sizeof y);
#else
    words bits = (words)x;
    halves y = __builtin_convertvector((bits + 0x7fff + ((bits >> 16) & 1)) >> 16, halves);
    memcpy(to, &y, sizeof y);
#endif
}

static inline floats floats_at(const float *from) {
    floats x;
    memcpy(&x, from, sizeof x);
    return x;
}

static inline floats choose(ints condition, floats yes, floats no) {
    return (floats)((condition & (ints)yes) | (~condition & (ints)no));
}

/* Which lanes of a vector that begins at `at` belong to a row of `count` numbers. */
static inline ints inside(int64_t at, int64_t count) {
    return (ints){0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15} < (int32_t)(count - at);
}

static inline floats all(float x) { return x - (floats){0}; }

static inline float sum_of(floats x) {
    eight a[2];
    four b[2];
    memcpy(a, &x, sizeof a);
    a[0] += a[1];
    memcpy(b, a, sizeof b);
    b[0] += b[1];
    return (b[0][0] + b[0][2]) + (b[0][1] + b[0][3]);
}

static inline float highest_of(floats x) {
    eight a[2];
    four b[2];
    memcpy(a, &x, sizeof a);
    more_of_eight first = a[0] > a[1];
    a[0] = (eight)((first & (more_of_eight)a[0]) | (~first & (more_of_eight)a[1]));
    memcpy(b, a, sizeof b);
    more_of_four second = b[0] > b[1];
    b[0] = (four)((second & (more_of_four)b[0]) | (~second & (more_of_four)b[1]));
    float even = b[0][0] > b[0][2] ? b[0][0] : b[0][2], odd = b[0][1] > b[0][3] ? b[0][1] : b[0][3];
    return even > odd ? even : odd;
}

static inline void add_to(float *total, floats x) {
    floats sum;
    memcpy(&sum, total, sizeof sum);
    sum += x;
    memcpy(total, &sum, sizeof sum);
}

static inline floats exponential(floats x) { /* of x <= 0, to 1e-6 of it; below -80 it is 0, for subnormal numbers are slow */
    ints tiny = x < -80.0f;
    const float round = 12582912.0f; /* 1.5 * 2^23: no fraction fits beside it */
    x = choose(tiny, all(-80.0f), x);
    floats whole = (x * 1.44269504f + round) - round;
    floats rest = x - whole * 0.693359375f + whole * 2.12194440e-4f; /* ln 2, in two parts */
    floats y = all(1.0f / 720);
    y = y * rest + 1.0f / 120;
    y = y * rest + 1.0f / 24;
    y = y * rest + 1.0f / 6;
    y = y * rest + 0.5f;
    y = y * rest + 1.0f;
    y = y * rest + 1.0f;
    return choose(tiny, all(0), y * (floats)((__builtin_convertvector(whole, ints) + 127) << 23));
}

static inline floats swish(floats x) { /* x times its sigmoid: no exponential of what is positive, which could overflow */
    ints negative = x < 0;
    floats e = exponential(choose(negative, x, -x));
    return x * choose(negative, e, all(1)) / (e + 1);
}

typedef floats reader(const void *from, int64_t i); /* numbers i to i + 15 of a row */

static inline floats read_floats(const void *row, int64_t i) { return floats_at((const float *)row + i); }

static inline floats read_halves(const void *row, int64_t i) { return load((const bf16 *)row + i); }

/* log(softmax(x)) is x - highest - log(sum). */
typedef struct {
    float highest, sum;
} normaliser;

/* The softmax of the first `count` numbers that `read` finds, and 0 after them up to a whole vector: in `row` or, where
   there is `out`, as halves there, with `row` left as scratch. Whatever the numbers are made from, they are read once. */
static inline __attribute__((always_inline)) normaliser softmax(reader *const read, const void *from, int64_t count,
                                                                float *row, bf16 *out) {
    const floats nothing = all(-__builtin_inff());
    floats most = nothing, sums = {0}, x;
    int64_t last = (count - 1) / LANES * LANES; /* the only vector that may reach beyond the end */
    for (int64_t i = 0; i < last; i += LANES) {
        x = read(from, i);
        most = choose(x > most, x, most);
        memcpy(row + i, &x, sizeof x);
    }
    x = choose(inside(last, count), read(from, last), nothing);
    most = choose(x > most, x, most);
    memcpy(row + last, &x, sizeof x);
    float highest = highest_of(most);
    for (int64_t i = 0; i < count; i += LANES) {
        sums += x = exponential(floats_at(row + i) - highest);
        memcpy(row + i, &x, sizeof x);
    }
    float sum = sum_of(sums), share = 1.0f / sum;
    for (int64_t i = 0; i < count; i += LANES) {
        x = floats_at(row + i) * share;
        if (out)
            store(out + i, x);
        else
            memcpy(row + i, &x, sizeof x);
    }
    return (normaliser){highest, sum};
}

#endif

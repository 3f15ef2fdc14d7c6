/* What stands between the matrix products of a training step, each in one pass over its data. One thread, no allocation.

   Numbers are bfloat16 in memory and float in the registers, sixteen at a time; rows are contiguous and, where nothing
   else is said, a multiple of sixteen long. kernels.py says what each function computes, compiles this file and calls
   it. The vector types are those of GCC and Clang, for any processor. */

#include <stdint.h>
#include <string.h>

enum { LANES = 16, LONGEST = 4096 };

typedef uint16_t bf16;
typedef bf16 halves __attribute__((vector_size(2 * LANES)));
typedef uint8_t bytes __attribute__((vector_size(LANES)));
typedef float floats __attribute__((vector_size(4 * LANES)));
typedef int32_t ints __attribute__((vector_size(4 * LANES)));
typedef uint32_t words __attribute__((vector_size(4 * LANES)));

static const float HIDDEN = -3.3e38f; /* not -inf: a row with nothing to attend to becomes uniform, never NaN */

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
    words bits = (words)x;
    halves y = __builtin_convertvector((bits + 0x7fff + ((bits >> 16) & 1)) >> 16, halves);
    memcpy(to, &y, sizeof y);
}

static inline floats choose(ints condition, floats yes, floats no) {
    return (floats)((condition & (ints)yes) | (~condition & (ints)no));
}

static inline floats all(float x) { return x - (floats){0}; }

static inline float sum_of(floats x) {
    float sum[LANES];
    memcpy(sum, &x, sizeof sum);
    for (int half = LANES / 2; half; half /= 2)
        for (int i = 0; i < half; i++) sum[i] += sum[i + half];
    return sum[0];
}

static inline float highest_of(floats x) {
    float most[LANES];
    memcpy(most, &x, sizeof most);
    for (int half = LANES / 2; half; half /= 2)
        for (int i = 0; i < half; i++) most[i] = most[i] > most[i + half] ? most[i] : most[i + half];
    return most[0];
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

/* 32 bits of chance a lane, from counters: a hash of two multiplications, whose constants TheIronBorn searched for. */
static inline words drawn(uint32_t counter, uint64_t seed) {
    words z = (words){0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15} + (counter + (uint32_t)seed);
    z = (z ^ (z >> 16)) * 0x21f0aaadu + (uint32_t)(seed >> 32);
    z = (z ^ (z >> 15)) * 0xd35a2d97u;
    return z ^ (z >> 15);
}

/* out = (x, if there is one) + scale * y where a byte of chance is at least threshold. A seed always gives the same
   bytes. The count is a multiple of 64: a draw serves four times sixteen numbers. */
void add_dropout(int64_t count, const bf16 *x, const bf16 *y, bf16 *out, uint64_t seed, uint32_t threshold,
                 float scale) {
    for (int64_t at = 0; at < count; at += 4 * LANES) {
        words draws = drawn((uint32_t)(at / 4), seed);
        for (int64_t i = at; i < at + 4 * LANES; i += LANES, draws >>= 8) {
            floats kept = choose((draws & 255) >= threshold, load(y + i) * scale, all(0));
            store(out + i, x ? load(x + i) + kept : kept);
        }
    }
}

void layer_norm(int64_t rows, int64_t width, const bf16 *x, const bf16 *weight, const bf16 *bias, float epsilon,
                bf16 *out, float *means, float *scales) {
    for (int64_t r = 0; r < rows; r++, x += width, out += width) {
        floats sum = {0}, squares = {0};
        for (int64_t i = 0; i < width; i += LANES) sum += load(x + i);
        float mean = sum_of(sum) / width;
        for (int64_t i = 0; i < width; i += LANES) {
            floats far = load(x + i) - mean;
            squares += far * far;
        }
        float scale = 1.0f / __builtin_sqrtf(sum_of(squares) / width + epsilon);
        for (int64_t i = 0; i < width; i += LANES)
            store(out + i, (load(x + i) - mean) * scale * load(weight + i) + load(bias + i));
        means[r] = mean, scales[r] = scale;
    }
}

/* weight_grad and bias_grad [width] are added to. `beside`, if there is one, is what x_grad begins with: x then went
   past the norm too. */
void layer_norm_backward(int64_t rows, int64_t width, const bf16 *grad, const bf16 *beside, const bf16 *x,
                         const bf16 *weight, const float *means, const float *scales, bf16 *x_grad, float *weight_grad,
                         float *bias_grad) {
    for (int64_t r = 0; r < rows; r++, x += width, grad += width, x_grad += width) {
        float mean = means[r], scale = scales[r];
        floats sums = {0}, alongs = {0};
        for (int64_t i = 0; i < width; i += LANES) {
            floats slope = load(grad + i), normed = (load(x + i) - mean) * scale, inner = slope * load(weight + i);
            add_to(weight_grad + i, slope * normed);
            add_to(bias_grad + i, slope);
            sums += inner;
            alongs += inner * normed;
        }
        float sum = sum_of(sums) / width, along = sum_of(alongs) / width;
        for (int64_t i = 0; i < width; i += LANES) {
            floats normed = (load(x + i) - mean) * scale;
            floats slope = (load(grad + i) * load(weight + i) - sum - normed * along) * scale;
            store(x_grad + i, beside ? load(beside + r * width + i) + slope : slope);
        }
    }
}

/* y += bias, in place. */
void add_bias(int64_t rows, int64_t width, bf16 *y, const bf16 *bias) {
    for (int64_t r = 0; r < rows; r++, y += width)
        for (int64_t i = 0; i < width; i += LANES) store(y + i, load(y + i) + load(bias + i));
}

/* y = max(0, y + bias), in place. */
void add_bias_relu(int64_t rows, int64_t width, bf16 *y, const bf16 *bias) {
    for (int64_t r = 0; r < rows; r++, y += width)
        for (int64_t i = 0; i < width; i += LANES) {
            floats sum = load(y + i) + load(bias + i);
            store(y + i, choose(sum <= 0, all(0), sum)); /* what is no number stays none */
        }
}

/* out = grad where y, which is never negative, is not 0; its sums over the rows are added to bias_grad [width]. */
void relu_backward(int64_t rows, int64_t width, const bf16 *grad, const bf16 *y, bf16 *out, float *bias_grad) {
    for (int64_t r = 0; r < rows; r++, grad += width, y += width, out += width)
        for (int64_t i = 0; i < width; i += LANES) {
            floats kept = choose(load(y + i) == 0, all(0), load(grad + i));
            store(out + i, kept);
            add_to(bias_grad + i, kept);
        }
}

/* The sums over the rows of x are added to total [width]. */
void add_rows(int64_t rows, int64_t width, const bf16 *x, float *total) {
    for (int64_t r = 0; r < rows; r++, x += width)
        for (int64_t i = 0; i < width; i += LANES) add_to(total + i, load(x + i));
}

/* total += gradient, of any length. */
void add(int64_t count, const bf16 *gradient, float *total) {
    int64_t whole = count / LANES * LANES;
    for (int64_t i = 0; i < whole; i += LANES) add_to(total + i, load(gradient + i));
    for (int64_t i = whole; i < count; i++) total[i] += wide_one(gradient[i]);
}

/* total += the number at `scale` times x, of any length. */
void add_scaled(int64_t count, const float *x, const float *scale, bf16 *total) {
    for (int64_t i = 0; i < count; i += LANES) {
        bf16 some[LANES] = {0};
        floats addend = {0};
        size_t left = count - i < LANES ? (size_t)(count - i) : LANES;
        memcpy(some, total + i, left * sizeof(bf16)), memcpy(&addend, x + i, left * sizeof(float));
        store(some, load(some) + *scale * addend);
        memcpy(total + i, some, left * sizeof(bf16));
    }
}

/* total[places[r]] += x[r], rows of `width` numbers. */
void add_at(int64_t rows, int64_t width, const int64_t *places, const bf16 *x, bf16 *total) {
    for (int64_t r = 0; r < rows; r++, x += width) {
        bf16 *to = total + places[r] * width;
        for (int64_t i = 0; i < width; i += LANES) store(to + i, load(to + i) + load(x + i));
    }
}

/* out [width, rows] = x [rows, width] transposed, in squares that stay in registers or close by. */
void transpose(int64_t rows, int64_t width, const bf16 *x, bf16 *out) {
    for (int64_t i = 0; i < width; i += LANES)
        for (int64_t r = 0; r < rows; r += LANES) {
            bf16 square[LANES][LANES] = {0}, column[LANES];
            int64_t tall = rows - r < LANES ? rows - r : LANES;
            for (int64_t k = 0; k < tall; k++) memcpy(square[k], x + (r + k) * width + i, sizeof column);
            for (int k = 0; k < LANES; k++) {
                for (int j = 0; j < LANES; j++) column[j] = square[j][k];
                if (tall == LANES)
                    memcpy(out + (i + k) * rows + r, column, sizeof column);
                else
                    memcpy(out + (i + k) * rows + r, column, (size_t)tall * sizeof(bf16));
            }
        }
}

/* total [width, rows] += x [rows, width] transposed; both are multiples of sixteen. */
void add_transposed(int64_t rows, int64_t width, const bf16 *x, bf16 *total) {
    for (int64_t i = 0; i < width; i += LANES)
        for (int64_t r = 0; r < rows; r += LANES) {
            bf16 square[LANES][LANES], column[LANES];
            for (int64_t k = 0; k < LANES; k++) memcpy(square[k], x + (r + k) * width + i, sizeof column);
            for (int k = 0; k < LANES; k++) {
                bf16 *to = total + (i + k) * rows + r;
                for (int j = 0; j < LANES; j++) column[j] = square[j][k];
                store(to, load(to) + load(column));
            }
        }
}

/* Reading sixteen at a time goes beyond the end of a row: into the next ones or, where too few are left, out of the
   tensor. There it is read from a copy. */
static inline const bf16 *readable(const bf16 *row, int64_t length, int64_t rows_left, bf16 *copy) {
    int64_t reach = (length + LANES - 1) / LANES * LANES;
    return rows_left * length < reach ? memcpy(copy, row, (size_t)length * sizeof(bf16)) : row;
}

/* out = softmax(scale * scores), rows of [batch, heads, queries, keys]. A mask of bytes hides keys; its strides, 0 where
   it is broadcast, are in bytes. Rows are of any length up to LONGEST; `out` has room for LANES numbers more, since
   the end of each row is written beyond it, where the next one follows. */
void masked_softmax(int64_t batch, int64_t heads, int64_t queries, int64_t keys, const bf16 *scores, float scale,
                    const uint8_t *mask, const int64_t *strides, bf16 *out) {
    bf16 copy[LONGEST] = {0};
    uint8_t seen[LONGEST] = {0};
    const uint8_t *copied = 0;
    floats shares[LONGEST / LANES];
    int64_t last = (keys - 1) / LANES; /* the only block that may reach beyond the row */
    ints inside = (ints){0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15} < (int32_t)(keys - last * LANES);
    int64_t rows = batch * heads * queries;
    memset(seen, 1, (size_t)keys);
    for (int64_t r = 0; r < rows; r++, scores += keys, out += keys) {
        const bf16 *row = readable(scores, keys, rows - r, copy);
        if (mask) {
            int64_t b = r / queries / heads, h = r / queries % heads, q = r % queries;
            const uint8_t *from = mask + b * strides[0] + h * strides[1] + q * strides[2];
            if (from != copied) memcpy(seen, copied = from, (size_t)keys);
        }
        floats most = all(HIDDEN), sums = {0};
        for (int64_t i = 0; i <= last; i++) {
            bytes open;
            memcpy(&open, seen + i * LANES, sizeof open);
            ints visible = __builtin_convertvector(open, ints) != 0;
            shares[i] = choose(visible, load(row + i * LANES) * scale, all(HIDDEN));
            most = choose(shares[i] > most, shares[i], most);
        }
        float highest = highest_of(most);
        shares[last] = choose(inside, shares[last], all(-__builtin_inff()));
        for (int64_t i = 0; i <= last; i++) sums += shares[i] = exponential(shares[i] - highest);
        float share = 1.0f / sum_of(sums);
        for (int64_t i = 0; i <= last; i++) store(out + i * LANES, shares[i] * share);
    }
}

/* out = scale * p (grad - sum(p grad)). Rows and `out` as in masked_softmax. */
void softmax_backward(int64_t rows, int64_t keys, const bf16 *grad, const bf16 *p, float scale, bf16 *out) {
    bf16 copies[2][LONGEST] = {0};
    int64_t last = (keys - 1) / LANES;
    ints inside = (ints){0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15} < (int32_t)(keys - last * LANES);
    for (int64_t r = 0; r < rows; r++, grad += keys, p += keys, out += keys) {
        const bf16 *shares = readable(p, keys, rows - r, copies[0]);
        const bf16 *slopes = readable(grad, keys, rows - r, copies[1]);
        floats sums = {0};
        for (int64_t i = 0; i < last; i++) sums += load(shares + i * LANES) * load(slopes + i * LANES);
        sums += choose(inside, load(shares + last * LANES) * load(slopes + last * LANES), all(0));
        float sum = sum_of(sums);
        for (int64_t i = 0; i <= last; i++)
            store(out + i * LANES, scale * load(shares + i * LANES) * (load(slopes + i * LANES) - sum));
    }
}

/* Rows of logits become probabilities, in place; log_p [rows] is that of each row's label, and raw [rows] its logit.
   `scratch` holds a row of floats. */
void label_softmax(int64_t rows, int64_t width, bf16 *logits, const int64_t *labels, float *log_p, float *raw,
                   float *scratch) {
    for (int64_t r = 0; r < rows; r++, logits += width) {
        raw[r] = wide_one(logits[labels[r]]);
        floats most = load(logits), sums = {0};
        for (int64_t i = LANES; i < width; i += LANES) {
            floats x = load(logits + i);
            most = choose(x > most, x, most);
        }
        float highest = highest_of(most);
        for (int64_t i = 0; i < width; i += LANES) {
            floats share = exponential(load(logits + i) - highest);
            memcpy(scratch + i, &share, sizeof share);
            sums += share;
        }
        float sum = sum_of(sums), share = 1.0f / sum;
        for (int64_t i = 0; i < width; i += LANES) {
            floats x;
            memcpy(&x, scratch + i, sizeof x);
            store(logits + i, x * share);
        }
        log_p[r] = raw[r] - highest - __builtin_logf(sum);
    }
}

/* Which rows of packed sentences are those of one sentence, and where the rows of its keys are. */
typedef struct {
    int64_t query, queries, key, keys; /* first row and number of rows */
    int64_t tall, wide;                /* queries filled up to whole blocks of rows, keys to whole vectors */
} sentence;

enum { BLOCK = 4 };

static inline int64_t filled(int64_t count, int64_t block) { return (count + block - 1) / block * block; }

static inline sentence at(const int64_t *queries, const int64_t *keys, int64_t b) {
    sentence s = {queries[b], queries[b + 1] - queries[b], keys[b], keys[b + 1] - keys[b], 0, 0};
    s.tall = filled(s.queries, BLOCK), s.wide = filled(s.keys, LANES);
    return s;
}

/* scale * (from + bias, if there is one): one head of some rows, as floats; rows of zeros make `tall` of them. */
static inline void load_rows(const bf16 *from, int64_t stride, int64_t rows, int64_t tall, int64_t width,
                             const bf16 *bias, float scale, float *to) {
    for (int64_t r = 0; r < rows; r++, from += stride)
        for (int64_t i = 0; i < width; i += LANES) {
            floats x = (bias ? load(from + i) + load(bias + i) : load(from + i)) * scale;
            memcpy(to + r * width + i, &x, sizeof x);
        }
    memset(to + rows * width, 0, (size_t)((tall - rows) * width) * sizeof(float));
}

/* The way back; their sums are added to `sums`, if it is there. */
static inline void store_rows(const float *from, int64_t rows, int64_t width, float scale, bf16 *to, int64_t stride,
                              float *sums) {
    for (int64_t r = 0; r < rows; r++, to += stride)
        for (int64_t i = 0; i < width; i += LANES) {
            floats x;
            memcpy(&x, from + r * width + i, sizeof x);
            store(to + i, x *= scale);
            if (sums) add_to(sums + i, x);
        }
}

/* to [width, rows] = from [rows, width] transposed; rows and width are multiples of LANES. */
static inline void turn(const float *from, int64_t rows, int64_t width, float *to) {
    for (int64_t r = 0; r < rows; r += LANES)
        for (int64_t i = 0; i < width; i++) {
            float column[LANES];
            for (int k = 0; k < LANES; k++) column[k] = from[(r + k) * width + i];
            memcpy(to + i * rows + r, column, sizeof column);
        }
}

/* A block of a product: so many rows of a, whose elements lie `down` and `along` apart, times so many vectors of b. */
static inline __attribute__((always_inline)) void block(const int rows, const int vectors, int64_t inner,
                                                        const float *a, int64_t down, int64_t along, const float *b,
                                                        float *c, int64_t width) {
    floats sums[2 * BLOCK][4];
#pragma GCC unroll 8
    for (int r = 0; r < rows; r++)
#pragma GCC unroll 4
        for (int v = 0; v < vectors; v++) sums[r][v] = all(0);
    for (int64_t k = 0; k < inner; k++, b += width, a += along) {
        floats right[4];
#pragma GCC unroll 4
        for (int v = 0; v < vectors; v++) memcpy(&right[v], b + v * LANES, sizeof right[v]);
#pragma GCC unroll 8
        for (int r = 0; r < rows; r++)
#pragma GCC unroll 4
            for (int v = 0; v < vectors; v++) sums[r][v] += a[r * down] * right[v];
    }
#pragma GCC unroll 8
    for (int r = 0; r < rows; r++)
#pragma GCC unroll 4
        for (int v = 0; v < vectors; v++) memcpy(c + r * width + v * LANES, &sums[r][v], sizeof sums[r][v]);
}

/* c [rows, width] = a b, with b [inner, width]; rows are a multiple of BLOCK, width one of LANES. */
static void product(int64_t rows, int64_t inner, int64_t width, const float *a, int64_t down, int64_t along,
                    const float *b, float *c) {
    for (int64_t i = 0; i < width;) {
        int64_t left = width - i;
        int vectors = left >= 4 * LANES ? 4 : left >= 2 * LANES ? 2 : 1;
        for (int64_t r = 0; r < rows;) {
            const float *from = a + r * down;
            float *to = c + r * width + i;
            int tall = vectors < 4 && r + 2 * BLOCK <= rows ? 2 * BLOCK : BLOCK; /* as many sums as there are registers for */
            if (vectors == 4)
                block(BLOCK, 4, inner, from, down, along, b + i, to, width);
            else if (vectors == 2 && tall > BLOCK)
                block(2 * BLOCK, 2, inner, from, down, along, b + i, to, width);
            else if (vectors == 2)
                block(BLOCK, 2, inner, from, down, along, b + i, to, width);
            else if (tall > BLOCK)
                block(2 * BLOCK, 1, inner, from, down, along, b + i, to, width);
            else
                block(BLOCK, 1, inner, from, down, along, b + i, to, width);
            r += tall;
        }
        i += vectors * LANES;
    }
}

/* Scores [tall, wide] become weights: rows of real queries are softmaxes over the keys they see, all else is 0. */
static inline void weigh(sentence s, int64_t causal, float *scores) {
    const ints lane = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
    for (int64_t t = 0; t < s.queries; t++, scores += s.wide) {
        int64_t seen = causal ? t + 1 + s.keys - s.queries : s.keys;
        floats most = all(-__builtin_inff()), sums = {0}, x;
        for (int64_t i = 0; i < s.wide; i += LANES) {
            memcpy(&x, scores + i, sizeof x);
            x = choose(lane < (int32_t)(seen - i), x, all(-__builtin_inff()));
            most = choose(x > most, x, most);
            memcpy(scores + i, &x, sizeof x);
        }
        float highest = highest_of(most);
        for (int64_t i = 0; i < s.wide; i += LANES) {
            memcpy(&x, scores + i, sizeof x);
            sums += x = exponential(x - highest);
            memcpy(scores + i, &x, sizeof x);
        }
        float share = 1.0f / sum_of(sums);
        for (int64_t i = 0; i < s.wide; i += LANES) {
            memcpy(&x, scores + i, sizeof x);
            x *= share;
            memcpy(scores + i, &x, sizeof x);
        }
    }
    memset(scores, 0, (size_t)((s.tall - s.queries) * s.wide) * sizeof(float));
}

/* softmax(scale q kT) v for each of `heads` heads, `width` features each: the rows of sentence b are queries[b] up to
   queries[b + 1] of q and out, keys[b] up to keys[b + 1] of k and v, which stand side by side in one matrix. Under
   `causal` a query sees no key after its own place, counted from the end. Rows of `out` after the last sentence become
   zeros, up to `rows`.
   `scratch` holds, of the longest sentence with both sides filled up, 2 tall width + 3 wide width + tall wide floats. */
void attention(int64_t sentences, int64_t heads, int64_t width, const int64_t *queries, const int64_t *keys,
               int64_t causal, float scale, const bf16 *q, int64_t q_stride, const bf16 *q_bias, const bf16 *k,
               const bf16 *v, int64_t k_stride, const bf16 *k_bias, const bf16 *v_bias, int64_t rows, bf16 *out,
               float *scratch) {
    int64_t stride = heads * width;
    for (int64_t b = 0; b < sentences; b++) {
        sentence s = at(queries, keys, b);
        float *q_rows = scratch, *mixed = q_rows + s.tall * width, *k_rows = mixed + s.tall * width;
        float *k_turned = k_rows + s.wide * width, *v_rows = k_turned + s.wide * width;
        float *weights = v_rows + s.wide * width;
        for (int64_t h = 0; h < stride; h += width) {
            load_rows(q + s.query * q_stride + h, q_stride, s.queries, s.tall, width, q_bias + h, scale, q_rows);
            load_rows(k + s.key * k_stride + h, k_stride, s.keys, s.wide, width, k_bias + h, 1, k_rows);
            load_rows(v + s.key * k_stride + h, k_stride, s.keys, s.wide, width, v_bias + h, 1, v_rows);
            turn(k_rows, s.wide, width, k_turned);
            product(s.tall, width, s.wide, q_rows, width, 1, k_turned, weights);
            weigh(s, causal, weights);
            product(s.tall, s.keys, width, weights, s.wide, 1, v_rows, mixed);
            store_rows(mixed, s.queries, width, 1, out + s.query * stride + h, stride, 0);
        }
    }
    memset(out + queries[sentences] * stride, 0, (size_t)((rows - queries[sentences]) * stride) * sizeof(bf16));
}

/* In `slopes` [tall, wide], which is the gradient of the weights, that of the scores: p (slope - sum(p slope)). */
static inline void weigh_backward(sentence s, const float *weights, float *slopes) {
    for (int64_t t = 0; t < s.tall; t++, weights += s.wide, slopes += s.wide) {
        floats sums = {0}, x, p;
        for (int64_t i = 0; i < s.wide; i += LANES) {
            memcpy(&x, slopes + i, sizeof x), memcpy(&p, weights + i, sizeof p);
            sums += x * p;
        }
        float sum = sum_of(sums);
        for (int64_t i = 0; i < s.wide; i += LANES) {
            memcpy(&x, slopes + i, sizeof x), memcpy(&p, weights + i, sizeof p);
            x = p * (x - sum);
            memcpy(slopes + i, &x, sizeof x);
        }
    }
}

/* The gradients of q, k and v, side by side as these are, from that of `attention`'s result; its weights are computed
   again. Those of the biases are added to `bias_grads`: heads * width floats each for q, k and v. `rows` and `others`
   are the numbers of rows of q and of k.
   `scratch` holds 2 tall width + max(tall, wide) width + 2 wide width + 2 tall wide floats. */
void attention_backward(int64_t sentences, int64_t heads, int64_t width, const int64_t *queries, const int64_t *keys,
                        int64_t causal, float scale, const bf16 *grad, const bf16 *q, int64_t q_stride,
                        const bf16 *q_bias, const bf16 *k, const bf16 *v, int64_t k_stride, const bf16 *k_bias,
                        const bf16 *v_bias, int64_t rows, int64_t others, bf16 *q_grad, bf16 *k_grad, bf16 *v_grad,
                        float *bias_grads, float *scratch) {
    int64_t stride = heads * width, asked_rows = queries[sentences], key_rows = keys[sentences];
    for (int64_t b = 0; b < sentences; b++) {
        sentence s = at(queries, keys, b);
        float *q_rows = scratch, *slopes = q_rows + s.tall * width, *found = slopes + s.tall * width;
        float *k_rows = found + (s.tall > s.wide ? s.tall : s.wide) * width, *turned = k_rows + s.wide * width;
        float *weights = turned + s.wide * width, *inner = weights + s.tall * s.wide;
        for (int64_t h = 0; h < stride; h += width) {
            int64_t asked = s.query * q_stride + h, answered = s.key * k_stride + h;
            load_rows(q + asked, q_stride, s.queries, s.tall, width, q_bias + h, scale, q_rows);
            load_rows(grad + s.query * stride + h, stride, s.queries, s.tall, width, 0, 1, slopes);
            load_rows(k + answered, k_stride, s.keys, s.wide, width, k_bias + h, 1, k_rows);
            turn(k_rows, s.wide, width, turned);
            product(s.tall, width, s.wide, q_rows, width, 1, turned, weights);
            weigh(s, causal, weights);
            product(filled(s.keys, BLOCK), s.queries, width, weights, 1, s.wide, slopes, found);
            store_rows(found, s.keys, width, 1, v_grad + answered, k_stride, bias_grads + 2 * stride + h);
            load_rows(v + answered, k_stride, s.keys, s.wide, width, v_bias + h, 1, found);
            turn(found, s.wide, width, turned);
            product(s.tall, width, s.wide, slopes, width, 1, turned, inner);
            weigh_backward(s, weights, inner);
            product(s.tall, s.keys, width, inner, s.wide, 1, k_rows, found);
            store_rows(found, s.queries, width, scale, q_grad + asked, q_stride, bias_grads + h);
            product(filled(s.keys, BLOCK), s.queries, width, inner, 1, s.wide, q_rows, found);
            store_rows(found, s.keys, width, 1, k_grad + answered, k_stride, bias_grads + stride + h);
        }
    }
    for (int64_t r = asked_rows; r < rows; r++) memset(q_grad + r * q_stride, 0, (size_t)stride * sizeof(bf16));
    for (int64_t r = key_rows; r < others; r++) {
        memset(k_grad + r * k_stride, 0, (size_t)stride * sizeof(bf16));
        memset(v_grad + r * k_stride, 0, (size_t)stride * sizeof(bf16));
    }
}

/* What stands between the matrix products of a training step, each in one pass over its data. One thread, no allocation.

   Rows are contiguous and, where nothing else is said, a multiple of sixteen numbers long. kernels.py compiles this file;
   it and products.py call it and say what each function computes. */

#include "vectors.h"

enum { LONGEST = 4096 };

static const float HIDDEN = -3.3e38f; /* not -inf: a row with nothing to attend to becomes uniform, never NaN */

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

/* total[places[r]] += x[order[r]], rows of `width` numbers; equal places follow each other. What goes to one place is
   summed in floats, for bfloat16 would forget small addends. */
void add_at(int64_t rows, int64_t width, const int64_t *places, const int64_t *order, const bf16 *x, bf16 *total) {
    for (int64_t first = 0, end; first < rows; first = end) {
        for (end = first + 1; end < rows && places[end] == places[first]; end++) continue;
        bf16 *to = total + places[first] * width;
        for (int64_t i = 0; i < width; i += LANES) {
            floats sum = load(to + i);
            for (int64_t r = first; r < end; r++) sum += load(x + order[r] * width + i);
            store(to + i, sum);
        }
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

/* A row of scores, and a byte for each: 0 hides it. */
typedef struct {
    const bf16 *scores;
    const uint8_t *seen;
    float scale;
} visible;

static inline floats read_visible(const void *row, int64_t i) {
    const visible *v = row;
    bytes seen;
    memcpy(&seen, v->seen + i, sizeof seen);
    return choose(__builtin_convertvector(seen, ints) != 0, load(v->scores + i) * v->scale, all(HIDDEN));
}

/* out = softmax(scale * scores), rows of [batch, heads, queries, keys]. A mask of bytes hides keys; its strides, 0 where
   it is broadcast, are in bytes. Rows are of any length up to LONGEST; `out` has room for LANES numbers more, since
   the end of each row is written beyond it, where the next one follows. */
void masked_softmax(int64_t batch, int64_t heads, int64_t queries, int64_t keys, const bf16 *scores, float scale,
                    const uint8_t *mask, const int64_t *strides, bf16 *out) {
    bf16 copy[LONGEST] = {0};
    uint8_t seen[LONGEST] = {0};
    const uint8_t *copied = 0;
    float shares[LONGEST] __attribute__((aligned(4 * LANES)));
    int64_t rows = batch * heads * queries;
    memset(seen, 1, (size_t)keys);
    for (int64_t r = 0; r < rows; r++, scores += keys, out += keys) {
        const bf16 *row = readable(scores, keys, rows - r, copy);
        if (mask) {
            int64_t b = r / queries / heads, h = r / queries % heads, q = r % queries;
            const uint8_t *from = mask + b * strides[0] + h * strides[1] + q * strides[2];
            if (from != copied) memcpy(seen, copied = from, (size_t)keys);
        }
        softmax(read_visible, &(visible){row, seen, scale}, keys, shares, out);
    }
}

/* out = scale * p (grad - sum(p grad)). Rows and `out` as in masked_softmax. */
void softmax_backward(int64_t rows, int64_t keys, const bf16 *grad, const bf16 *p, float scale, bf16 *out) {
    bf16 copies[2][LONGEST] = {0};
    int64_t last = (keys - 1) / LANES;
    for (int64_t r = 0; r < rows; r++, grad += keys, p += keys, out += keys) {
        const bf16 *shares = readable(p, keys, rows - r, copies[0]);
        const bf16 *slopes = readable(grad, keys, rows - r, copies[1]);
        floats sums = {0};
        for (int64_t i = 0; i < last; i++) sums += load(shares + i * LANES) * load(slopes + i * LANES);
        sums += choose(inside(last * LANES, keys), load(shares + last * LANES) * load(slopes + last * LANES), all(0));
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
        normaliser by = softmax(read_halves, logits, width, scratch, logits);
        log_p[r] = raw[r] - by.highest - __builtin_logf(by.sum);
    }
}

/* Attention among packed sentences, whose products are too small for a library. One thread, no allocation.

   kernels.py compiles this file; packed.py calls it. All is computed in floats, a head of a sentence at a time, which
   the caches hold from beginning to end. */

#include "vectors.h"

/* Which rows of packed sentences are those of one sentence, and where the rows of its keys are. */
typedef struct {
    int64_t query, queries, key, keys; /* first row and number of rows */
    int64_t tall, wide;                /* queries filled up to whole blocks of rows, keys to whole vectors */
} sentence;

enum { BLOCK = 4 };

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
    for (int64_t t = 0; t < s.queries; t++, scores += s.wide) {
        int64_t seen = causal ? t + 1 + s.keys - s.queries : s.keys, end = filled(seen, LANES);
        softmax(read_floats, scores, seen, scores, 0);
        if (end < s.wide) memset(scores + end, 0, (size_t)(s.wide - end) * sizeof(float));
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

/* A Transformer at work: the encoder over packed sentences, and a step of the decoder over its cache. One thread, no
   allocation; knows no search.

   compiled.py compiles this file, calls it and says what each function is for. The residual stream is in floats, what is
   multiplied in bfloat16.
   R rows, D model (width), F feed-forward, K head. */

#include "compiled.h"

enum { ROWS = 256 }; /* that go through a layer together, so that they stay in the cache with its weights */

/* Sixteen keys and their values. Keys [D / 2, 16, 2]: the sixteen of one pair of features side by side. Values
   [8, D, 2]: those of two neighbouring keys side by side. */
static inline int64_t block_of(const model *m) { return 2 * LANES * m->width; }

static inline void remember(const model *m, int64_t at, const bf16 *key, const bf16 *value, bf16 *blocks) {
    bf16 *keys = blocks + at / LANES * block_of(m), *values = keys + LANES * m->width;
    int64_t lane = at % LANES;
    for (int64_t d = 0; d < m->width; d += 2) memcpy(keys + d * LANES + 2 * lane, key + d, 4);
    values += lane / 2 * 2 * m->width;
    for (int64_t d = 0; d < m->width; d += LANES) {
        halves some;
        words pairs;
        memcpy(&some, value + d, sizeof some);
        words one = __builtin_convertvector(some, words);
        if (lane % 2) {
            memcpy(&pairs, values + 2 * d, sizeof pairs);
            pairs = (pairs & 0xffff) | (one << 16);
        } else
            pairs = one; /* nothing is left of what stood there before */
        memcpy(values + 2 * d, &pairs, sizeof pairs);
    }
}

enum { AT_ONCE = 4 }; /* rows that ask the same keys together: each vector of these is read once for all of them */

/* Scores of one head's queries for sixteen keys. Two sums of each run side by side, whatever the number of rows: so a
   score does not depend on what is asked with it. */
static inline __attribute__((always_inline)) void score(const int rows, const bf16 *q, int64_t stride, const bf16 *keys,
                                                        int64_t head, float *out, int64_t out_stride) {
    floats sums[AT_ONCE][2];
#pragma GCC unroll 4
    for (int r = 0; r < rows; r++) sums[r][0] = sums[r][1] = all(0);
    for (int64_t d = 0; d < head; d += 4)
#pragma GCC unroll 4
        for (int r = 0; r < rows; r++) {
            sums[r][0] = add_products(sums[r][0], pair_at(q + r * stride + d), keys + d * LANES);
            sums[r][1] = add_products(sums[r][1], pair_at(q + r * stride + d + 2), keys + (d + 2) * LANES);
        }
#pragma GCC unroll 4
    for (int r = 0; r < rows; r++) {
        floats sum = sums[r][0] + sums[r][1];
        memcpy(out + r * out_stride, &sum, sizeof sum);
    }
}

/* Scores become weights, in bfloat16, row by row: a softmax over the first `count` of `whole`, and 0 after them. */
static void weigh(int64_t rows, int64_t whole, int64_t count, float *scores, bf16 *shares) {
    for (int64_t r = 0; r < rows; r++, scores += whole, shares += whole)
        softmax(read_floats, scores, count, scores, shares);
}

/* One vector, or four, of one head's features, mixed from the values of `count` keys. */
static inline __attribute__((always_inline)) void mix(const int rows, const int vectors, const bf16 *shares,
                                                      int64_t shares_stride, const bf16 *values, int64_t size,
                                                      int64_t width, int64_t count, bf16 *out) {
    floats sums[AT_ONCE][4];
#pragma GCC unroll 4
    for (int r = 0; r < rows; r++)
#pragma GCC unroll 4
        for (int v = 0; v < vectors; v++) sums[r][v] = all(0);
    for (int64_t i = 0; i < count; i += LANES, values += size) {
        int64_t left = count - i < LANES ? count - i : LANES;
        for (int64_t k = 0; k < left; k += 2)
#pragma GCC unroll 4
            for (int r = 0; r < rows; r++) {
                uint32_t pair = pair_at(shares + r * shares_stride + i + k);
#pragma GCC unroll 4
                for (int v = 0; v < vectors; v++)
                    sums[r][v] = add_products(sums[r][v], pair, values + k * width + 2 * v * LANES);
            }
    }
#pragma GCC unroll 4
    for (int r = 0; r < rows; r++)
#pragma GCC unroll 4
        for (int v = 0; v < vectors; v++) store(out + r * width + v * LANES, sums[r][v]);
}

/* softmax(q kT) v of AT_ONCE rows, or of one, over the first `count` keys in blocks. */
static inline __attribute__((always_inline)) void attend_rows(const model *m, const int rows, const bf16 *q,
                                                              int64_t stride, const bf16 *blocks, int64_t count,
                                                              bf16 *out, float *scores) {
    int64_t size = block_of(m), head = m->width / m->heads, whole = filled(count, LANES), all_heads = m->heads * whole;
    bf16 *shares = (bf16 *)(scores + rows * all_heads);
    for (int64_t h = 0; h < m->heads; h++)
        for (int64_t i = 0; i < whole; i += LANES)
            score(rows, q + h * head, stride, blocks + i / LANES * size + h * head * LANES, head,
                  scores + h * whole + i, all_heads);
    weigh(rows * m->heads, whole, count, scores, shares);
    for (int64_t h = 0; h < m->heads; h++) {
        const bf16 *values = blocks + LANES * m->width;
        int64_t d = h * head, end = d + head;
        for (; d + 4 * LANES <= end; d += 4 * LANES)
            mix(rows, 4, shares + h * whole, all_heads, values + 2 * d, size, m->width, count, out + d);
        for (; d < end; d += LANES)
            mix(rows, 1, shares + h * whole, all_heads, values + 2 * d, size, m->width, count, out + d);
    }
}

/* The same for any number of rows of q, `stride` apart, that ask the same keys. */
static void attend(const model *m, int64_t rows, const bf16 *q, int64_t stride, const bf16 *blocks, int64_t count,
                   bf16 *out, float *scores) {
    for (; rows >= AT_ONCE; rows -= AT_ONCE, q += AT_ONCE * stride, out += AT_ONCE * m->width)
        attend_rows(m, AT_ONCE, q, stride, blocks, count, out, scores);
    for (; rows > 0; rows--, q += stride, out += m->width)
        attend_rows(m, 1, q, stride, blocks, count, out, scores);
}

/* Into halves or, where there are none, into floats: norm(x), or x as it is where there is no norm. D is a multiple of
   two vectors: two sums at once, so that none waits for the one before. */
static void normalise(const model *m, norm by, int64_t rows, const float *x, bf16 *halves_out, float *floats_out) {
    for (int64_t r = 0; r < rows; r++, x += m->width) {
        floats sums[2] = {{0}, {0}}, squares[2] = {{0}, {0}}, mean = {0}, scale = all(1);
        if (by.weight) {
            for (int64_t i = 0; i < m->width; i += 2 * LANES)
                sums[0] += floats_at(x + i), sums[1] += floats_at(x + i + LANES);
            mean = all(sum_of(sums[0] + sums[1]) / m->width);
            for (int64_t i = 0; i < m->width; i += 2 * LANES) {
                floats one = floats_at(x + i) - mean, other = floats_at(x + i + LANES) - mean;
                squares[0] += one * one, squares[1] += other * other;
            }
            scale = all(1.0f / __builtin_sqrtf(sum_of(squares[0] + squares[1]) / m->width + m->epsilon));
        }
        for (int64_t i = 0; i < m->width; i += LANES) {
            floats y = floats_at(x + i);
            if (by.weight) y = (y - mean) * scale * floats_at(by.weight + i) + floats_at(by.bias + i);
            if (halves_out)
                store(halves_out + r * m->width + i, y);
            else
                memcpy(floats_out + r * m->width + i, &y, sizeof y);
        }
    }
}

/* Add & Norm: what the sublayer reads, and what becomes of x after its answer was added. */
static inline void before(const model *m, norm by, int64_t rows, const float *x, bf16 *y) {
    normalise(m, m->pre_norm ? by : (norm){0, 0}, rows, x, y, 0);
}

static inline void after(const model *m, norm by, int64_t rows, float *x) {
    if (!m->pre_norm) normalise(m, by, rows, x, 0, x);
}

/* Room for the rows that go through a layer together: y [rows, D], wide [rows, 3 D or F], and for one attention. */
typedef struct {
    bf16 *y, *wide, *blocks;
    float *scores;
} scratch;

/* How far apart rows of F numbers lie: if it were a power of two, many rows would share one set of the cache. */
static inline int64_t inner_stride(const model *m) { return m->inner + 32; }

static inline int64_t wide_of(const model *m) { return inner_stride(m) > 3 * m->width ? inner_stride(m) : 3 * m->width; }

/* Bytes of scratch for sentences and pasts of up to `longest` tokens. */
void room(const model *m, int64_t longest, int64_t *bytes) {
    int64_t rows = filled(ROWS + longest, TALL), keys = filled(longest, LANES);
    *bytes = 2 * (rows * (m->width + wide_of(m)) + keys / LANES * block_of(m)) + filled(6 * AT_ONCE * m->heads * keys, 64);
}

static inline scratch cut(const model *m, int64_t longest, char *memory) {
    int64_t rows = filled(ROWS + longest, TALL), keys = filled(longest, LANES);
    scratch s;
    s.scores = (float *)memory;
    s.y = (bf16 *)(memory + filled(6 * AT_ONCE * m->heads * keys, 64));
    s.wide = s.y + rows * m->width;
    s.blocks = s.wide + rows * wide_of(m);
    return s;
}

static inline void feed_forward(const model *m, int tiles, const layer *l, norm by, int64_t rows, float *x, scratch s) {
    before(m, by, rows, x, s.y);
    if (m->swish)
        multiply(tiles, rows, s.y, m->width, &l->inner, SWISHED, s.wide, inner_stride(m));
    else
        multiply(tiles, rows, s.y, m->width, &l->inner, RECTIFIED, s.wide, inner_stride(m));
    multiply(tiles, rows, s.wide, inner_stride(m), &l->outer, ADDED, x, m->width);
    after(m, by, rows, x);
}

/* x [R, D], the embedded tokens of packed sentences, is overwritten; sentence b is rows starts[b] up to starts[b + 1].
   Its keys and values for decoder layer l go to the blocks from memory[l] + first[b] blocks on. */
void encode(const model *m, int64_t sentences, const int64_t *starts, const int64_t *first, int64_t longest, float *x,
            bf16 *const *memory, char *scratch_memory) {
    scratch s = cut(m, longest, scratch_memory);
    int tiles = open_tiles();
    int64_t width = m->width;
    for (int64_t begin = 0, end; begin < sentences; begin = end) {
        for (end = begin + 1; end < sentences && starts[end] - starts[begin] < ROWS; end++) continue;
        int64_t rows = starts[end] - starts[begin];
        float *some = x + starts[begin] * width;
        for (const layer *l = m->encoder; l < m->encoder + m->encoder_layers; l++) {
            before(m, l->norms[0], rows, some, s.y);
            multiply(tiles, rows, s.y, width, &l->qkv, HALVES, s.wide, 3 * width);
            for (int64_t b = begin; b < end; b++) {
                int64_t row = starts[b] - starts[begin], count = starts[b + 1] - starts[b];
                const bf16 *q = s.wide + row * 3 * width;
                for (int64_t t = 0; t < count; t++) {
                    const bf16 *key = q + t * 3 * width + width;
                    remember(m, t, key, key + width, s.blocks);
                }
                attend(m, count, q, 3 * width, s.blocks, count, s.y + row * width, s.scores);
            }
            multiply(tiles, rows, s.y, width, &l->mixed, ADDED, some, width);
            after(m, l->norms[0], rows, some);
            feed_forward(m, tiles, l, l->norms[1], rows, some, s);
        }
        normalise(m, m->encoder_norm, rows, some, s.y, 0);
        for (int64_t l = 0; l < m->decoder_layers; l++) {
            multiply(tiles, rows, s.y, width, &m->decoder[l].kept, HALVES, s.wide, 2 * width);
            for (int64_t b = begin; b < end; b++)
                for (int64_t t = starts[b]; t < starts[b + 1]; t++) {
                    const bf16 *key = s.wide + (t - starts[begin]) * 2 * width;
                    remember(m, t - starts[b], key, key + width, memory[l] + first[b] * block_of(m));
                }
        }
    }
    close_tiles(tiles);
}

/* x [R, D], an embedded token of each row, is overwritten, and becomes hidden [R, D]. `length` tokens of each row are
   known: row r's keys and values in layer l stand in the blocks from past[l] + slots[r] * capacity blocks on, and the
   new ones are put there. It asks sentence owners[r], of counts[] tokens. */
void step(const model *m, int64_t rows, int64_t length, float *x, const int64_t *slots, bf16 *const *past,
          int64_t capacity, const int64_t *owners, const int64_t *first, const int64_t *counts, int64_t longest,
          bf16 *const *memory, bf16 *hidden, char *scratch_memory) {
    scratch s = cut(m, longest, scratch_memory);
    int tiles = open_tiles();
    int64_t width = m->width, block = block_of(m);
    for (int64_t n = 0; n < m->decoder_layers; n++) {
        const layer *l = m->decoder + n;
        for (int64_t begin = 0; begin < rows; begin += ROWS) {
            int64_t some = rows - begin < ROWS ? rows - begin : ROWS;
            float *now = x + begin * width;
            before(m, l->norms[0], some, now, s.y);
            multiply(tiles, some, s.y, width, &l->qkv, HALVES, s.wide, 3 * width);
            for (int64_t r = 0; r < some; r++) {
                const bf16 *q = s.wide + r * 3 * width;
                bf16 *mine = past[n] + slots[begin + r] * capacity * block;
                remember(m, length, q + width, q + 2 * width, mine);
                attend(m, 1, q, 0, mine, length + 1, s.y + r * width, s.scores);
            }
            multiply(tiles, some, s.y, width, &l->mixed, ADDED, now, width);
            after(m, l->norms[0], some, now);
            before(m, l->norms[1], some, now, s.y);
            multiply(tiles, some, s.y, width, &l->asked, HALVES, s.wide, width);
            for (int64_t r = 0, next; r < some; r = next) { /* the beams of a sentence stand side by side */
                int64_t b = owners[begin + r];
                for (next = r + 1; next < some && owners[begin + next] == b; next++) continue;
                attend(m, next - r, s.wide + r * width, width, memory[n] + first[b] * block, counts[b],
                       s.y + r * width, s.scores);
            }
            multiply(tiles, some, s.y, width, &l->answered, ADDED, now, width);
            after(m, l->norms[1], some, now);
            feed_forward(m, tiles, l, l->norms[2], some, now, s);
        }
    }
    normalise(m, m->decoder_norm, rows, x, hidden, 0);
    close_tiles(tiles);
}

/* The first `blocks` blocks of some slots become those of others, in one layer's past. */
void copy_slots(const model *m, int64_t count, const int64_t *from, const int64_t *to, int64_t blocks, int64_t capacity,
                bf16 *past) {
    int64_t slot = capacity * block_of(m);
    for (int64_t i = 0; i < count; i++)
        memcpy(past + to[i] * slot, past + from[i] * slot, (size_t)(blocks * block_of(m)) * sizeof(bf16));
}

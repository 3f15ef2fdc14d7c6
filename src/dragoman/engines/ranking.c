/* From hidden vectors to the next tokens: their logits, or only the likeliest of them. One thread, no allocation.

   compiled.py compiles this file beside compiled.c.
   R rows, D model (width). */

#include "compiled.h"

/* logits [R, outer] of hidden [R, D], of which whole blocks of TALL rows are read. */
void logits(const model *m, int64_t rows, const bf16 *hidden, float *out) {
    int tiles = open_tiles();
    multiply(tiles, rows, hidden, m->width, &m->output, FLOATS, out, m->output.outer);
    close_tiles(tiles);
}

static inline int any(ints found) {
    int64_t some[LANES / 2], together = 0;
    memcpy(some, &found, sizeof some);
    for (int i = 0; i < LANES / 2; i++) together |= some[i];
    return together != 0;
}

/* x among the highest so far, which stand in order; of equals the first found comes first. */
static inline void insert(int64_t count, float *top, int64_t *tokens, float x, int64_t token) {
    int64_t at = count - 1;
    for (; at > 0 && top[at - 1] < x; at--) top[at] = top[at - 1], tokens[at] = tokens[at - 1];
    top[at] = x, tokens[at] = token;
}

enum { COLUMNS = 256, RANKED = 256 }; /* logits that are made and looked at before the next: they stay in the cache */

/* The `count` highest logits of each row and their tokens, and log(sum(exp(logits))); tokens from `vocabulary` on do
   not exist, and those in `never` are not said: both as if they had no logit. `scratch_memory` holds RANKED x COLUMNS
   floats. */
void rank(const model *m, int64_t rows, const bf16 *hidden, int64_t vocabulary, int64_t forbidden,
          const int64_t *never, int64_t count, float *top, int64_t *tokens, float *log_sums, float *scratch_memory) {
    int tiles = open_tiles();
    const float nothing = -__builtin_inff();
    for (int64_t i = 0; i < rows * count; i++) top[i] = nothing, tokens[i] = 0;
    for (int64_t begin = 0; begin < rows; begin += RANKED) {
        int64_t some = rows - begin < RANKED ? rows - begin : RANKED;
        for (int64_t r = begin; r < begin + some; r++) log_sums[r] = 0; /* sums of exp(logit - highest) until the end */
        for (int64_t n = 0; n < m->output.outer; n += COLUMNS) {
            linear part = m->output;
            part.weights += n * part.inner;
            if (part.bias) part.bias += n;
            part.outer = part.outer - n < COLUMNS ? part.outer - n : COLUMNS;
            multiply(tiles, some, hidden + begin * m->width, m->width, &part, FLOATS, scratch_memory, COLUMNS);
            for (int64_t r = 0; r < some; r++) {
                float *row = scratch_memory + r * COLUMNS, *best = top + (begin + r) * count;
                int64_t *which = tokens + (begin + r) * count;
                for (int64_t i = 0; i < forbidden; i++)
                    if (never[i] >= n && never[i] < n + part.outer) row[never[i] - n] = nothing;
                for (int64_t i = vocabulary - n; i < part.outer; i++) row[i] = nothing; /* in the last part only */
                floats most = all(nothing), sums = {0}, x;
                for (int64_t i = 0; i < part.outer; i += LANES) {
                    x = floats_at(row + i);
                    most = choose(x > most, x, most);
                }
                float highest = highest_of(most), known = best[0];
                if (highest > best[count - 1])
                    for (int64_t i = 0; i < part.outer; i += LANES) {
                        if (any(floats_at(row + i) > best[count - 1]))
                            for (int64_t k = i; k < i + LANES; k++)
                                if (row[k] > best[count - 1]) insert(count, best, which, row[k], n + k);
                    }
                for (int64_t i = 0; i < part.outer; i += LANES) sums += exponential(floats_at(row + i) - best[0]);
                log_sums[begin + r] = log_sums[begin + r] * __builtin_expf(known - best[0]) + sum_of(sums);
            }
        }
        for (int64_t r = begin; r < begin + some; r++) log_sums[r] = top[r * count] + __builtin_logf(log_sums[r]);
    }
    close_tiles(tiles);
}

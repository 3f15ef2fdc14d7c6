/* A Transformer's weights, as compiled.py hands them over. */

#ifndef COMPILED_H
#define COMPILED_H

#include "tiles.h"

typedef struct {
    const float *weight, *bias;
} norm;

typedef struct {
    norm norms[3];
    linear qkv, mixed;            /* of self-attention; queries come scaled by 1 / sqrt(K) */
    linear asked, kept, answered; /* of cross-attention: queries, keys and values, output; not in an encoder */
    linear inner, outer;
} layer;

typedef struct {
    int64_t width, inner, heads, pre_norm, swish;
    float epsilon;
    int64_t encoder_layers, decoder_layers;
    const layer *encoder, *decoder;
    norm encoder_norm, decoder_norm; /* none with post-norm */
    linear output;
} model;

#endif

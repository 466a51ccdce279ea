/*
 * decoder_open.c: a model out of a GGUF file. The file is a stranger's: every tensor that a step
 * reads is there, of the shape that the settings say, before the first step.
 */
#include <inttypes.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kernels/decoder/decoder_inside.h"
#include "kernels/element/element.h"

/* What kernels are written for: heads of paged_attention, inputs in blocks, outputs in fours. */
enum { HEAD = 64, LAYERS_MOST = 512, WIDTH_MOST = 16384, CONTEXT_MOST = 1 << 17, OUTPUTS = 4 };

__attribute__((format(printf, 2, 3))) static int refuse(char *why, const char *format, ...) {
    int n = snprintf(why, GGUF_WHY, "the model in this file: ");
    va_list list;
    va_start(list, format);
    vsnprintf(why + n, (size_t)(GGUF_WHY - n), format, list);
    va_end(list);
    return -1;
}

/* --- settings ----------------------------------------------------------------------------------
 */

static int setting(const struct gguf *file, const char *key, unsigned least, unsigned most,
                   unsigned *out, char *why) {
    char whole[64];
    uint64_t value;
    snprintf(whole, sizeof whole, "llama.%s", key);
    if (!gguf_integer(file, whole, &value))
        return refuse(why, "%s is missing", whole);
    if (value < least || value > most)
        return refuse(why, "%s is %" PRIu64 "; %u to %u are read", whole, value, least, most);
    *out = (unsigned)value;
    return 0;
}

static int read_settings(struct decoder *d, const struct gguf *file, double *base, char *why) {
    struct gguf_text architecture;
    unsigned turned = HEAD;
    double epsilon;
    if (!gguf_string(file, "general.architecture", &architecture) ||
        !gguf_text_is(architecture, "llama"))
        return refuse(why, "its general.architecture is not \"llama\", the one that is read");
    if (setting(file, "block_count", 1, LAYERS_MOST, &d->layers, why) != 0 ||
        setting(file, "embedding_length", HEAD, WIDTH_MOST, &d->width, why) != 0 ||
        setting(file, "feed_forward_length", HEAD, 4 * WIDTH_MOST, &d->feed, why) != 0 ||
        setting(file, "attention.head_count", 1, WIDTH_MOST / HEAD, &d->heads, why) != 0 ||
        setting(file, "attention.head_count_kv", 1, 64, &d->kv_heads, why) != 0 ||
        setting(file, "context_length", 1, CONTEXT_MOST, &d->context, why) != 0)
        return -1;
    d->head = d->width / d->heads;
    if (d->head != HEAD || d->width % d->heads || d->heads % d->kv_heads ||
        d->heads / d->kv_heads > 8)
        return refuse(why,
                      "width %u, %u heads and %u of keys; heads are %d wide here, and up to 8 "
                      "share one of keys",
                      d->width, d->heads, d->kv_heads, HEAD);
    if (gguf_integer(file, "llama.rope.dimension_count", &(uint64_t){0}) &&
        setting(file, "rope.dimension_count", HEAD, HEAD, &turned, why) != 0)
        return -1;
    *base = 10000;
    gguf_number(file, "llama.rope.freq_base", base);
    if (!gguf_number(file, "llama.attention.layer_norm_rms_epsilon", &epsilon) ||
        !(epsilon >= 0 && epsilon < 1) || !(*base > 1 && *base < 1e12))
        return refuse(why, "its epsilon or its base of rotation is missing or out of range");
    d->epsilon = (float)epsilon;
    return 0;
}

/* --- tensors -----------------------------------------------------------------------------------
 */

static const struct gguf_tensor *tensor(const struct gguf *file, const char *name, unsigned columns,
                                        unsigned rows, char *why) {
    const struct gguf_tensor *t = gguf_tensor(file, name);
    if (!t)
        refuse(why, "tensor %s is missing", name);
    else if (t->dim[0] != columns || t->dim[1] != rows || t->dims > 2)
        refuse(why, "tensor %s is %" PRIu64 " by %" PRIu64 " and not %u by %u", name, t->dim[0],
               t->dim[1], columns, rows);
    else
        return t;
    return NULL;
}

static int weight(const struct gguf *file, const char *name, unsigned columns, unsigned rows,
                  struct decoder_weight *out, char *why) {
    const struct gguf_tensor *t = tensor(file, name, columns, rows, why);
    if (!t)
        return -1;
    if (t->type == GGUF_F16)
        return refuse(why, "tensor %s is f16; weights of f32, q4_1 and q8_0 are read", name);
    if (columns % GGUF_BLOCK || rows % OUTPUTS)
        return refuse(why, "tensor %s: %u inputs and %u outputs are no multiples of %d and %d",
                      name, columns, rows, GGUF_BLOCK, OUTPUTS);
    *out =
        (struct decoder_weight){t->type, rows, columns, gguf_type_bytes(t->type, columns), t->data};
    return 0;
}

static int gains(const struct gguf *file, const char *name, unsigned width, const float **out,
                 char *why) {
    const struct gguf_tensor *t = tensor(file, name, width, 1, why);
    if (!t)
        return -1;
    if (t->type != GGUF_F32)
        return refuse(why, "tensor %s is not of f32", name);
    *out = t->data;
    return 0;
}

static int read_layer(struct decoder *d, const struct gguf *file, unsigned l, char *why) {
    const unsigned keys = d->kv_heads * d->head;
    const struct {
        const char *name;
        unsigned columns, rows;
    } of[DECODER_PRODUCTS] = {
        [DECODER_Q] = {"attn_q", d->width, d->width},
        [DECODER_K] = {"attn_k", d->width, keys},
        [DECODER_V] = {"attn_v", d->width, keys},
        [DECODER_O] = {"attn_output", d->width, d->width},
        [DECODER_GATE] = {"ffn_gate", d->width, d->feed},
        [DECODER_UP] = {"ffn_up", d->width, d->feed},
        [DECODER_DOWN] = {"ffn_down", d->feed, d->width},
    };
    struct decoder_layer *layer = &d->layer[l];
    char name[64];
    for (int p = 0; p < DECODER_PRODUCTS; p++) {
        snprintf(name, sizeof name, "blk.%u.%s.weight", l, of[p].name);
        if (weight(file, name, of[p].columns, of[p].rows, &layer->product[p], why) != 0)
            return -1;
    }
    snprintf(name, sizeof name, "blk.%u.attn_norm.weight", l);
    if (gains(file, name, d->width, &layer->attention_norm, why) != 0)
        return -1;
    snprintf(name, sizeof name, "blk.%u.ffn_norm.weight", l);
    return gains(file, name, d->width, &layer->feed_norm, why);
}

/* --- the whole ---------------------------------------------------------------------------------
 */

/* cos and sin of position / base^(2i/head), in double and rounded once. */
static void turns(struct decoder *d, double base) {
    const unsigned half = d->head / 2;
    for (unsigned i = 0; i < half; i++) {
        double speed = pow(base, -2.0 * i / d->head);
        for (unsigned p = 0; p < d->context; p++) {
            float *at = d->turn + 2 * ((size_t)p * half + i);
            at[0] = (float)cos(p * speed);
            at[1] = (float)sin(p * speed);
        }
    }
}

static int read_all(struct decoder *d, const struct gguf *file, char *why) {
    double base;
    const struct gguf_tensor *words = gguf_tensor(file, "token_embd.weight");
    if (read_settings(d, file, &base, why) != 0)
        return -1;
    if (!words || words->dim[1] < 1 || words->dim[1] > 1 << 20)
        return refuse(why, "tensor token_embd.weight is missing, or no vocabulary");
    if (gguf_tensor(file, "output.weight"))
        return refuse(why, "it has an output.weight; logits are of the embedding's weights here");
    d->vocabulary = (unsigned)words->dim[1];
    d->layer = calloc(d->layers, sizeof(*d->layer));
    d->turn = calloc((size_t)d->context * d->head, sizeof(*d->turn));
    if (!d->layer || !d->turn)
        return refuse(why, "no memory for its tables");
    if (weight(file, "token_embd.weight", d->width, d->vocabulary, &d->embedding, why) != 0 ||
        gains(file, "output_norm.weight", d->width, &d->norm, why) != 0)
        return -1;
    for (unsigned l = 0; l < d->layers; l++)
        if (read_layer(d, file, l, why) != 0)
            return -1;
    turns(d, base);
    return decoder_pack(d) == 0 ? 0 : refuse(why, "no memory to pack its weights");
}

int decoder_open(struct decoder **out, const struct gguf *file, char *why) {
    struct decoder *d = calloc(1, sizeof(*d));
    *out = NULL;
    if (!d)
        return refuse(why, "no memory");
    if (read_all(d, file, why) != 0) {
        decoder_close(d);
        return -1;
    }
    *out = d;
    return 0;
}

void decoder_close(struct decoder *decoder) {
    if (!decoder)
        return;
    free(decoder->layer);
    free(decoder->turn);
    decoder_unpack(decoder);
    free(decoder);
}

double decoder_weight_bytes(const struct decoder *d) {
    double bytes = (double)d->embedding.row_bytes * d->embedding.rows;
    for (unsigned l = 0; l < d->layers; l++)
        for (int p = 0; p < DECODER_PRODUCTS; p++)
            bytes += (double)d->layer[l].product[p].row_bytes * d->layer[l].product[p].rows;
    return bytes + 4.0 * d->width * (2 * d->layers + 1);
}

static float half_at(const unsigned char *at) {
    uint16_t half;
    memcpy(&half, at, sizeof half);
    return element_from_f16(half);
}

/* Blocks of 32. d·q has at most 19 bits, so it is exact, and the sum rounds once. */
DECODER_WIDE static void widen_q4(const unsigned char *restrict at, unsigned n,
                                  float *restrict out) {
    for (; n; n -= GGUF_BLOCK, at += GGUF_Q4_1_BYTES, out += GGUF_BLOCK) {
        const float d = half_at(at), m = half_at(at + 2);
#pragma GCC unroll 1
        for (int i = 0; i < GGUF_BLOCK / 2; i++) {
            out[i] = d * (float)(at[4 + i] & 15) + m;
            out[GGUF_BLOCK / 2 + i] = d * (float)(at[4 + i] >> 4) + m;
        }
    }
}
DECODER_WIDE static void widen_q8(const unsigned char *restrict at, unsigned n,
                                  float *restrict out) {
    for (; n; n -= GGUF_BLOCK, at += GGUF_Q8_0_BYTES, out += GGUF_BLOCK) {
        const float d = half_at(at);
#pragma GCC unroll 1
        for (int i = 0; i < GGUF_BLOCK; i++)
            out[i] = d * (float)(signed char)at[2 + i];
    }
}

void decoder_weights_of(const struct decoder_weight *w, size_t row, float *out) {
    const unsigned char *at = w->data + row * w->row_bytes;
    if (w->type == GGUF_F32)
        memcpy(out, at, (size_t)w->columns * sizeof *out);
    else if (w->type == GGUF_Q4_1)
        widen_q4(at, w->columns, out);
    else
        widen_q8(at, w->columns, out);
}

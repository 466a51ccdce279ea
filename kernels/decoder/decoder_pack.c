/*
 * decoder_pack.c: weights as native kernels read them. These take four outputs at a time, which a
 * file has far apart; here a block of four outputs lies together, in order:
 *
 *     q4_1, quads: 16 words of 4 bytes. Word j has weight j of output n in its bits 4n and up, and
 *         weight 16 + j in its bits 16 + 4n and up: one register which, shifted by 4n and by
 *         16 + 4n, has the weights of output n in its lanes. Scales: d of each of the four, then m
 *         of each, in halves.
 *     q8_0, quads: 32 bytes of each of the four. Scales: d of each.
 *
 * Both are read from end to end, as memory likes it. They are the file's bytes, and as many; the
 * model of the bits reads the file itself.
 */
#include <stdlib.h>
#include <string.h>

#include "kernels/decoder/decoder_inside.h"
#include "kernels/pages/pages.h"

enum { FOUR = 4, HALF = 2, WORDS = 16, LINE = 64 };

/* Of a block of four outputs. */
static size_t quad_bytes(const struct decoder_weight *w) {
    return w->type == GGUF_Q4_1 ? DECODER_Q4_QUAD : w->type == GGUF_Q8_0 ? DECODER_Q8_QUAD : 0;
}
/* Of one output's block. */
static size_t head_bytes(const struct decoder_weight *w) {
    return w->type == GGUF_Q4_1 ? 4 : 2;
}
static size_t quads_of(const struct decoder_weight *w) {
    return (size_t)w->rows / FOUR * (w->columns / GGUF_BLOCK);
}
static size_t lines(size_t bytes) {
    return (bytes + LINE - 1) / LINE * LINE;
}
static size_t packed_bytes(const struct decoder_weight *w) {
    return quad_bytes(w) == 0
               ? 0
               : lines(quads_of(w) * quad_bytes(w)) + lines(quads_of(w) * FOUR * head_bytes(w));
}

static void pack(struct decoder_weight *w, unsigned char *quads) {
    const unsigned blocks = w->columns / GGUF_BLOCK;
    const size_t head = head_bytes(w), block_bytes = w->row_bytes / blocks;
    unsigned char *scales = quads + lines(quads_of(w) * quad_bytes(w));
    w->quads = quads;
    w->scales = scales;
    for (size_t quad = 0; quad < quads_of(w); quad++, quads += quad_bytes(w))
        for (unsigned n = 0; n < FOUR; n++) {
            const unsigned char *from =
                w->data + (quad / blocks * FOUR + n) * w->row_bytes + quad % blocks * block_bytes;
            for (size_t i = 0; i < head; i += HALF)
                memcpy(scales + quad * FOUR * head + FOUR * i + HALF * n, from + i, HALF);
            if (w->type == GGUF_Q8_0)
                memcpy(quads + (size_t)n * GGUF_BLOCK, from + head, GGUF_BLOCK);
            else
                for (unsigned j = 0; j < WORDS; j++) {
                    unsigned char *word = quads + (size_t)j * sizeof(uint32_t) + n / 2;
                    word[0] |= (unsigned char)((from[head + j] & 15) << n % 2 * 4);
                    word[2] |= (unsigned char)(from[head + j] >> 4 << n % 2 * 4);
                }
        }
}

static struct decoder_weight *weight_at(struct decoder *d, size_t i) {
    return i == 0 ? &d->embedding
                  : &d->layer[(i - 1) / DECODER_PRODUCTS].product[(i - 1) % DECODER_PRODUCTS];
}

int decoder_pack(struct decoder *d) {
    const size_t weights = 1 + (size_t)d->layers * DECODER_PRODUCTS;
    size_t bytes = 0;
    for (size_t i = 0; i < weights; i++)
        bytes += packed_bytes(weight_at(d, i));
    if (bytes == 0)
        return 0;
    d->packed = calloc(1, sizeof(*d->packed));
    if (!d->packed)
        return -1;
    /* Huge pages where there are some: a step walks through all of it. */
    if (pages_alloc(d->packed, bytes, bytes < PAGES_HUGE ? PAGES_ANY : PAGES_2M) != 0 &&
        pages_alloc(d->packed, bytes, PAGES_ANY) != 0)
        return -1;
    unsigned char *at = d->packed->memory;
    for (size_t i = 0; i < weights; i++)
        if (packed_bytes(weight_at(d, i))) {
            pack(weight_at(d, i), at);
            at += packed_bytes(weight_at(d, i));
        }
    return 0;
}

void decoder_unpack(struct decoder *d) {
    if (d->packed)
        pages_free(d->packed);
    free(d->packed);
}

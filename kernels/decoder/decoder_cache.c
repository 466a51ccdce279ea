/* decoder_cache.c: blocks of keys and values, and who has which. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kernels/decoder/decoder_inside.h"
#include "kernels/element/element.h"

#define CACHE_MOST ((size_t)16 << 30)

int decoder_cache_open(struct decoder_cache *out, const struct decoder *decoder,
                       enum decoder_rounding rounding, unsigned sequences, unsigned tokens,
                       char *why) {
    const size_t element = element_bytes(rounding == DECODER_BF16 ? ELEMENT_BF16 : ELEMENT_F32);
    *out = (struct decoder_cache){.decoder = decoder, .rounding = rounding, .sequences = sequences};
    if (sequences == 0 || tokens == 0 || tokens > decoder->context) {
        snprintf(why, GGUF_WHY, "a cache of %u sequences of %u tokens; the model takes up to %u",
                 sequences, tokens, decoder->context);
        return -1;
    }
    out->row_blocks = (tokens + DECODER_BLOCK - 1) / DECODER_BLOCK;
    size_t blocks = (size_t)sequences * out->row_blocks;
    out->layer_bytes = blocks * DECODER_BLOCK * decoder->kv_heads * decoder->head * element;
    if (out->layer_bytes > CACHE_MOST / 2 / decoder->layers || blocks > INT32_MAX) {
        snprintf(why, GGUF_WHY, "a cache of more than %zu GiB; use fewer sequences or tokens",
                 CACHE_MOST >> 30);
        return -1;
    }
    size_t bytes = 2 * decoder->layers * out->layer_bytes;
    out->keys = aligned_alloc(64, bytes);
    out->ids = calloc(blocks, sizeof(*out->ids));
    if (!out->keys || !out->ids) {
        snprintf(why, GGUF_WHY, "no memory for a cache of %zu MiB", bytes >> 20);
        decoder_cache_close(out);
        return -1;
    }
    decoder_cache_changed(out);
    memset(out->keys, 0xff, bytes); /* NaN: what is read before it is written shows */
    for (unsigned s = 0; s < sequences; s++)
        decoder_cache_own(out, s);
    return 0;
}

/* No two states of any caches have one number. */
void decoder_cache_changed(struct decoder_cache *cache) {
    static _Atomic uint64_t states;
    cache->state = ++states;
}

void decoder_cache_close(struct decoder_cache *cache) {
    free(cache->keys);
    free(cache->ids);
    free(cache->room);
    *cache = (struct decoder_cache){0};
}

void decoder_cache_own(struct decoder_cache *cache, unsigned s) {
    for (unsigned b = 0; b < cache->row_blocks; b++)
        cache->ids[(size_t)s * cache->row_blocks + b] = (int32_t)(s * cache->row_blocks + b);
}

unsigned decoder_cache_share(struct decoder_cache *cache, unsigned to, unsigned from,
                             unsigned tokens) {
    unsigned blocks = tokens / DECODER_BLOCK;
    memcpy(cache->ids + (size_t)to * cache->row_blocks,
           cache->ids + (size_t)from * cache->row_blocks, blocks * sizeof(*cache->ids));
    return blocks * DECODER_BLOCK;
}

void decoder_cache_copy(struct decoder_cache *cache, unsigned to, unsigned from, unsigned tokens) {
    const struct decoder *d = cache->decoder;
    const size_t token =
        element_bytes(cache->rounding == DECODER_BF16 ? ELEMENT_BF16 : ELEMENT_F32) * d->kv_heads *
        d->head;
    decoder_cache_changed(cache);
    for (unsigned l = 0; l < 2 * d->layers; l++)
        for (unsigned t = 0; t < tokens; t += DECODER_BLOCK) {
            const unsigned block = t / DECODER_BLOCK,
                           n = tokens - t < DECODER_BLOCK ? tokens - t : DECODER_BLOCK;
            const int32_t *ids = cache->ids + block;
            memcpy(cache->keys + l * cache->layer_bytes +
                       (size_t)ids[(size_t)to * cache->row_blocks] * DECODER_BLOCK * token,
                   cache->keys + l * cache->layer_bytes +
                       (size_t)ids[(size_t)from * cache->row_blocks] * DECODER_BLOCK * token,
                   n * token);
        }
}

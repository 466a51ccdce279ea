/* decoder_fixture.h: the small model, and the real one where it is, for tests. */
#ifndef NANOLAB_KERNELS_DECODER_DECODER_FIXTURE_H
#define NANOLAB_KERNELS_DECODER_DECODER_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "kernels/decoder/bpe.h"
#include "kernels/decoder/decoder.h"
#include "kernels/decoder/decoder_small.h"

struct fixture {
    struct gguf *file;
    struct bpe *bpe;
    struct decoder *decoder;
};

static inline void fixture_open(struct fixture *f, struct gguf *file) {
    char why[GGUF_WHY] = "";
    f->file = file;
    if (bpe_open(&f->bpe, file, why) != 0 || decoder_open(&f->decoder, file, why) != 0)
        fail_msg("%s", why);
}

static inline struct gguf *small_file(void) {
    char why[GGUF_WHY] = "";
    struct gguf *file;
    size_t bytes;
    unsigned char *content = decoder_small_file(1, &bytes);
    assert_non_null(content);
    if (gguf_parse(&file, content, bytes, why) != 0)
        fail_msg("%s", why);
    free(content);
    return file;
}

/* Where scripts/fetch-model puts it. NULL: it is not there. */
static inline const char *real_path(void) {
    static char path[4096];
    FILE *in = popen("scripts/fetch-model --path 2>/dev/null", "r");
    size_t n = in ? fread(path, 1, sizeof path - 1, in) : 0;
    int status = in ? pclose(in) : -1;
    path[n] = 0;
    path[strcspn(path, "\n")] = 0;
    return status == 0 && path[0] ? path : NULL;
}

static inline uint32_t token_at(unsigned sequence, unsigned position) {
    return (sequence * 7919u + position * 104729u + 13u) % 500;
}

/* Logits of the last `wanted` of `tokens` tokens of `sequences` sequences, `chunk` positions a
 * step, up to 256 rows; [position][sequence][vocabulary]. Steps are like `like`. */
static inline float *fixture_steps(const struct decoder_step *like, unsigned sequences,
                                   unsigned tokens, unsigned chunk, unsigned wanted) {
    const struct decoder *d = like->decoder;
    char why[GGUF_WHY] = "";
    struct decoder_cache cache;
    float *logits = malloc((size_t)wanted * sequences * d->vocabulary * sizeof(float)),
          *at = logits;
    struct decoder_row row[256];
    assert_non_null(logits);
    if (decoder_cache_open(&cache, d, (enum decoder_rounding)like->plan.rounding, sequences, tokens,
                           why) != 0)
        fail_msg("%s", why);
    for (unsigned p = 0; p < tokens; p += chunk) {
        struct decoder_step step = *like;
        unsigned logged = 0;
        step.cache = &cache;
        step.row = row;
        for (unsigned i = p; i < p + chunk && i < tokens; i++)
            for (unsigned s = 0; s < sequences; s++) {
                row[step.rows++] = (struct decoder_row){token_at(s, i), s, i, i >= tokens - wanted};
                logged += i >= tokens - wanted;
            }
        if (decoder_run(&step, at, why) != 0)
            fail_msg("%s", why);
        at += (size_t)logged * d->vocabulary;
    }
    decoder_cache_close(&cache);
    return logits;
}

static inline size_t unequal(const float *a, const float *b, size_t n) {
    size_t count = 0;
    for (size_t i = 0; i < n; i++)
        count += memcmp(&a[i], &b[i], sizeof *a) != 0;
    return count;
}

static inline void fixture_close(struct fixture *f) {
    decoder_close(f->decoder);
    bpe_close(f->bpe);
    gguf_close(f->file);
}

#endif

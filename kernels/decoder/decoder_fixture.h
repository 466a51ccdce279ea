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

static inline void fixture_close(struct fixture *f) {
    decoder_close(f->decoder);
    bpe_close(f->bpe);
    gguf_close(f->file);
}

#endif

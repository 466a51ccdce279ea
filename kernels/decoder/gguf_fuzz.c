/*
 * gguf_fuzz.c: a libFuzzer target over everything that reads a model's file: the container, the
 * tokenizer, the model. What is accepted is used: every tensor's first and last byte, a text's
 * tokens, whose bytes have to be the text's again, and a step.
 *
 * A step takes longer than all else, so few inputs take one. An input's first bit says whether the
 * rest is a file, or changes to the small model's: a place in its head (two bytes) and the byte
 * that comes there. From nothing at all a fuzzer would not come to a file that holds a model.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kernels/decoder/bpe.h"
#include "kernels/decoder/decoder.h"
#include "kernels/decoder/decoder_small.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void demand(int holds, const char *what) {
    if (!holds) {
        fprintf(stderr, "not so: %s\n", what);
        abort();
    }
}

static void refused(const char *why) {
    demand(*why != 0, "a refusal has its reason");
    demand(!strchr(why, '\n'), "a reason is one line");
}

static void use_words(const struct gguf *file) {
    static const char text[] = " the bad cab's 12 \xc3\xa9t\xc3\xa9  fed\n\nokapi";
    char why[GGUF_WHY] = "", back[sizeof text];
    struct bpe *bpe;
    struct bpe_tokens tokens = {0};
    size_t n = 0;
    if (bpe_open(&bpe, file, why) != 0) {
        refused(why);
        return;
    }
    demand(bpe_encode(bpe, text, sizeof text - 1, &tokens, why) == 0, "any text has its tokens");
    for (size_t i = 0; i < tokens.count; i++) {
        struct gguf_text bytes = bpe_bytes(bpe, tokens.id[i]);
        demand(n + bytes.bytes < sizeof text, "tokens are no longer than their text");
        memcpy(back + n, bytes.at, bytes.bytes);
        n += bytes.bytes;
    }
    demand(n == sizeof text - 1 && memcmp(back, text, n) == 0, "tokens are their text again");
    bpe_tokens_free(&tokens);
    bpe_close(bpe);
}

static void use_model(const struct gguf *file, bool step_too) {
    char why[GGUF_WHY] = "";
    struct decoder *decoder;
    struct decoder_cache cache;
    struct decoder_row row = {.token = 1, .wanted = true};
    if (decoder_open(&decoder, file, why) != 0) {
        refused(why);
        return;
    }
    float *logits = malloc(decoder->vocabulary * sizeof(float));
    if (logits && step_too && decoder->layers <= 4 && decoder->vocabulary <= 4096 &&
        decoder_cache_open(&cache, decoder, DECODER_BF16, 1, 1, why) == 0) {
        struct decoder_step step = {.decoder = decoder,
                                    .cache = &cache,
                                    .plan = decoder_plan_default(),
                                    .engine = DECODER_PORTABLE,
                                    .threads = 1,
                                    .row = &row,
                                    .rows = 1};
        if (decoder_run(&step, logits, why) != 0)
            refused(why);
        decoder_cache_close(&cache);
    }
    free(logits);
    decoder_close(decoder);
}

static void use(const unsigned char *data, size_t size, bool step_too) {
    char why[GGUF_WHY] = "";
    struct gguf *file;
    volatile unsigned char read = 0;
    if (gguf_parse(&file, data, size, why) != 0) {
        refused(why);
        return;
    }
    for (size_t i = 0; i < gguf_tensors(file); i++) {
        const struct gguf_tensor *t = gguf_tensor_at(file, i);
        read +=
            ((const unsigned char *)t->data)[0] + ((const unsigned char *)t->data)[t->bytes - 1];
    }
    (void)read;
    use_words(file);
    use_model(file, step_too);
    gguf_close(file);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    enum { HEAD = 16384 }; /* bytes before the weights, and some of these */
    static unsigned char *small, before[HEAD];
    static size_t bytes;
    if (size == 0)
        return 0;
    if (data[0] & 1) {
        use(data + 1, size - 1, true);
        return 0;
    }
    if (!small) {
        small = decoder_small_file(1, &bytes);
        demand(small && bytes > HEAD, "there is memory for a small model");
        memcpy(before, small, HEAD);
    }
    for (size_t i = 1; i + 3 <= size; i += 3)
        small[(data[i] | data[i + 1] << 8) % HEAD] = data[i + 2];
    use(small, bytes, (data[0] & 0x3e) == 0);
    memcpy(small, before, HEAD);
    return 0;
}

/* decoder_small.c: see decoder_small.h. The same seed gives the same bytes on every machine. */
#include "kernels/decoder/decoder_small.h"

#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kernels/decoder/gguf.h"
#include "kernels/element/element.h"
#include "kernels/rng/philox.h"

enum {
    LAYERS = 2,
    WIDTH = 192,
    HEADS = 3,
    KV_HEADS = 1,
    FEED = 512,
    VOCABULARY = 512,
    CONTEXT = 512,
    BYTES = 256,
    CONTROLS = 2,
    JOINED = VOCABULARY - BYTES - CONTROLS,
    ALIGNMENT = 32,
    LETTERS = 16
};
/* The format's kinds of values. */
enum { U32 = 4, I32 = 5, F32 = 6, STRING = 8, ARRAY = 9 };

struct tensor {
    char name[48];
    enum gguf_type type;
    unsigned columns, rows; /* rows 1: a vector */
};

/* --- settings ----------------------------------------------------------------------------------
 */

static void put(FILE *out, uint64_t value, size_t bytes) {
    fwrite(&value, 1, bytes, out);
}
static void put_text(FILE *out, const char *text) {
    put(out, strlen(text), 8);
    fputs(text, out);
}
static void put_integer(FILE *out, const char *key, uint32_t value) {
    put_text(out, key);
    put(out, U32, 4);
    put(out, value, 4);
}
static void put_number(FILE *out, const char *key, float value) {
    put_text(out, key);
    put(out, F32, 4);
    fwrite(&value, 1, sizeof value, out);
}
static void put_string(FILE *out, const char *key, const char *value) {
    put_text(out, key);
    put(out, STRING, 4);
    put_text(out, value);
}
static void put_array(FILE *out, const char *key, uint32_t kind, uint64_t count) {
    put_text(out, key);
    put(out, ARRAY, 4);
    put(out, kind, 4);
    put(out, count, 8);
}

/* --- words -------------------------------------------------------------------------------------
 */

/* A byte as the file has it: a character of Latin-1, or of U+0100 on. */
static char *put_byte(char *at, unsigned byte) {
    unsigned c = 256;
    for (unsigned b = 0; b < byte; b++)
        c += !((b >= 33 && b <= 126) || (b >= 161 && b <= 172) || b >= 174);
    if ((byte >= 33 && byte <= 126) || (byte >= 161 && byte <= 172) || byte >= 174)
        c = byte;
    if (c >= 128)
        *at++ = (char)(0xc0 | c >> 6);
    *at++ = (char)(c < 128 ? c : 0x80 | (c & 0x3f));
    return at;
}

/* Joined words: each of one that is there, a byte or an earlier one, and a letter. */
struct words {
    char text[VOCABULARY][64];
    unsigned left[JOINED], right[JOINED], count;
};

static bool is_there(const struct words *w, const char *text) {
    for (unsigned i = 0; i < w->count; i++)
        if (strcmp(w->text[i], text) == 0)
            return true;
    return false;
}

static void make_words(struct words *w, uint64_t seed) {
    uint64_t draw = 0;
    for (w->count = 0; w->count < BYTES; w->count++)
        *put_byte(w->text[w->count], w->count) = 0;
    while (w->count < BYTES + JOINED) {
        const uint64_t bits = philox_u64(seed, 1, draw++);
        const unsigned letter = 'a' + bits % LETTERS, from = w->count - BYTES;
        const unsigned left = bits >> 32 & 1 && from ? BYTES + (unsigned)(bits >> 8) % from
                              : bits >> 33 & 1       ? ' '
                                                     : 'a' + (unsigned)(bits >> 8) % LETTERS;
        char text[64];
        if (strlen(w->text[left]) > 6)
            continue;
        snprintf(text, sizeof text, "%.40s%.4s", w->text[left], w->text[letter]);
        if (is_there(w, text))
            continue;
        w->left[from] = left;
        w->right[from] = letter;
        memcpy(w->text[w->count++], text, sizeof text);
    }
    strcpy(w->text[w->count++], "<|im_start|>");
    strcpy(w->text[w->count++], "<|im_end|>");
}

static void put_words(FILE *out, const struct words *w) {
    put_string(out, "tokenizer.ggml.model", "gpt2");
    put_string(out, "tokenizer.ggml.pre", "smollm");
    put_array(out, "tokenizer.ggml.tokens", STRING, VOCABULARY);
    for (int i = 0; i < VOCABULARY; i++)
        put_text(out, w->text[i]);
    put_array(out, "tokenizer.ggml.token_type", I32, VOCABULARY);
    for (int i = 0; i < VOCABULARY; i++)
        put(out, i < BYTES + JOINED ? 1 : 3, 4);
    put_array(out, "tokenizer.ggml.merges", STRING, JOINED);
    for (int i = 0; i < JOINED; i++) {
        char text[160];
        snprintf(text, sizeof text, "%s %s", w->text[w->left[i]], w->text[w->right[i]]);
        put_text(out, text);
    }
    put_string(out, "tokenizer.chat_template",
               "{{ '<|im_start|>system\nsay something<|im_end|>\n' }}");
}

/* --- weights -----------------------------------------------------------------------------------
 */

/* Blocks whose weights are about `size`: an f16 step, an f16 offset where there is one, and bytes
 * of random bits. */
static void put_block(FILE *out, enum gguf_type type, float size, uint64_t seed, uint64_t stream,
                      uint64_t block) {
    unsigned char bytes[GGUF_BLOCK];
    const struct philox_block first = philox_at(seed, stream, 2 * block),
                              second = philox_at(seed, stream, 2 * block + 1);
    memcpy(bytes, first.v, 16);
    memcpy(bytes + 16, second.v, 16);
    const float more = 1 + (float)(bytes[0] & 15) / 16;
    if (type == GGUF_Q4_1) {
        put(out, element_to_f16(size / 4 * more), 2);
        put(out, element_to_f16(-7.5f * size / 4 * more), 2);
        fwrite(bytes, 1, 16, out);
    } else {
        put(out, element_to_f16(size / 64 * more), 2);
        fwrite(bytes, 1, GGUF_BLOCK, out);
    }
}

static void put_tensor(FILE *out, const struct tensor *t, uint64_t seed, uint64_t stream) {
    const float size = 1.5f / sqrtf((float)t->columns);
    if (t->type == GGUF_F32)
        for (uint64_t i = 0; i < t->columns; i++) {
            float gain = 0.5f + (float)philox_unit(philox_u64(seed, stream, i));
            fwrite(&gain, 1, sizeof gain, out);
        }
    else
        for (uint64_t b = 0; b < (uint64_t)t->columns / GGUF_BLOCK * t->rows; b++)
            put_block(out, t->type, t->rows == VOCABULARY ? 1 : size, seed, stream, b);
}

static unsigned list_tensors(struct tensor *t) {
    static const struct {
        const char *name;
        enum gguf_type type;
        unsigned columns, rows;
    } of[] = {{"attn_norm", GGUF_F32, WIDTH, 1},
              {"attn_q", GGUF_Q4_1, WIDTH, WIDTH},
              {"attn_k", GGUF_Q4_1, WIDTH, WIDTH / HEADS * KV_HEADS},
              {"attn_v", GGUF_Q4_1, WIDTH, WIDTH / HEADS * KV_HEADS},
              {"attn_output", GGUF_Q4_1, WIDTH, WIDTH},
              {"ffn_norm", GGUF_F32, WIDTH, 1},
              {"ffn_gate", GGUF_Q4_1, WIDTH, FEED},
              {"ffn_up", GGUF_Q4_1, WIDTH, FEED},
              {"ffn_down", GGUF_Q4_1, FEED, WIDTH}};
    unsigned count = 0;
    t[count++] = (struct tensor){"token_embd.weight", GGUF_Q8_0, WIDTH, VOCABULARY};
    t[count++] = (struct tensor){"output_norm.weight", GGUF_F32, WIDTH, 1};
    for (int l = 0; l < LAYERS; l++)
        for (size_t i = 0; i < sizeof of / sizeof *of; i++) {
            t[count] = (struct tensor){"", of[i].type, of[i].columns, of[i].rows};
            snprintf(t[count++].name, sizeof t->name, "blk.%d.%s.weight", l, of[i].name);
        }
    return count;
}

static void put_file(FILE *out, uint64_t seed, const struct words *words) {
    struct tensor tensor[2 + 9 * LAYERS];
    const unsigned tensors = list_tensors(tensor);
    uint64_t offset = 0;
    fputs("GGUF", out);
    put(out, 3, 4);
    put(out, tensors, 8);
    put(out, 16, 8); /* keys */
    put_string(out, "general.architecture", "llama");
    put_string(out, "general.name", "small random");
    put_integer(out, "llama.block_count", LAYERS);
    put_integer(out, "llama.context_length", CONTEXT);
    put_integer(out, "llama.embedding_length", WIDTH);
    put_integer(out, "llama.feed_forward_length", FEED);
    put_integer(out, "llama.attention.head_count", HEADS);
    put_integer(out, "llama.attention.head_count_kv", KV_HEADS);
    put_number(out, "llama.rope.freq_base", 10000);
    put_number(out, "llama.attention.layer_norm_rms_epsilon", 1e-5f);
    put_words(out, words);
    for (unsigned i = 0; i < tensors; i++) {
        const struct tensor *t = &tensor[i];
        put_text(out, t->name);
        put(out, t->rows == 1 ? 1 : 2, 4);
        put(out, t->columns, 8);
        if (t->rows > 1)
            put(out, t->rows, 8);
        put(out, t->type, 4);
        put(out, offset, 8);
        offset += gguf_type_bytes(t->type, (size_t)t->columns * t->rows);
        offset = (offset + ALIGNMENT - 1) & ~(uint64_t)(ALIGNMENT - 1);
    }
    for (unsigned i = 0; i < tensors; i++) {
        while (ftell(out) % ALIGNMENT)
            fputc(0, out);
        put_tensor(out, &tensor[i], seed, 16 + i);
    }
}

unsigned char *decoder_small_file(uint64_t seed, size_t *bytes) {
    struct words *words = calloc(1, sizeof(*words));
    char *content = NULL;
    FILE *out = words ? open_memstream(&content, bytes) : NULL;
    if (out) {
        make_words(words, seed);
        put_file(out, seed, words);
        if (fclose(out) != 0) {
            free(content);
            content = NULL;
        }
    }
    free(words);
    return (unsigned char *)content;
}

/*
 * bpe.c: reads the tokenizer that a GGUF file holds. Tokens by their bytes and merges by their two
 * tokens lie in hash tables. Nothing of the file is believed: a merge joins two tokens to a third,
 * which is longer than both, so that joining ends.
 */
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kernels/decoder/bpe_inside.h"

enum { VOCABULARY_MOST = 1 << 20, CONTROL = 3 };
#define NONE (-1)

static int refuse(char *why, const char *what) {
    snprintf(why, GGUF_WHY, "the tokenizer in this file: %s", what);
    return -1;
}

/* --- hash tables -------------------------------------------------------------------------------
 */

/* FNV-1a (Fowler, Noll and Vo), its upper bits folded into the lower. */
static uint64_t hash_bytes(const void *bytes, size_t n) {
    uint64_t h = 0xcbf29ce484222325u;
    for (size_t i = 0; i < n; i++)
        h = (h ^ ((const unsigned char *)bytes)[i]) * 0x100000001b3u;
    return h ^ h >> 32;
}

static size_t slots_for(size_t n) {
    size_t slots = 16;
    while (slots < 2 * n)
        slots *= 2;
    return slots;
}

/* The slot that holds the token of these bytes, or the free one where it would be. */
static uint32_t *token_slot(const struct bpe *bpe, const char *at, size_t bytes) {
    for (size_t s = hash_bytes(at, bytes);; s++) {
        uint32_t *slot = &bpe->token_slot[s & (bpe->token_slots - 1)];
        if (*slot == 0)
            return slot;
        const struct gguf_text *t = &bpe->token[*slot - 1];
        if (t->bytes == bytes && memcmp(t->at, at, bytes) == 0)
            return slot;
    }
}

uint32_t *bpe_merge_slot(const struct bpe *bpe, uint32_t left, uint32_t right) {
    const uint32_t key[2] = {left, right};
    for (size_t s = hash_bytes(key, sizeof key);; s++) {
        uint32_t *slot = &bpe->merge_slot[s & (bpe->merge_slots - 1)];
        if (*slot == 0 ||
            (bpe->merge[*slot - 1].left == left && bpe->merge[*slot - 1].right == right))
            return slot;
    }
}

/* --- bytes as characters -----------------------------------------------------------------------
 */

/* The code point that a byte stands as. */
static unsigned character_of(unsigned byte) {
    unsigned next = 256;
    for (unsigned b = 0; b < 256; b++) {
        bool itself = (b >= 33 && b <= 126) || (b >= 161 && b <= 172) || b >= 174;
        if (b == byte)
            return itself ? b : next;
        next += !itself;
    }
    return next;
}

/* What the characters of `text` stand for, at most as many bytes, to `out`; NONE if one of them
 * stands for nothing. */
static ptrdiff_t bytes_of(const short *byte_of, struct gguf_text text, char *out) {
    size_t n = 0;
    for (size_t i = 0; i < text.bytes; i++) {
        unsigned c = (unsigned char)text.at[i];
        if (c >= 0xc0 && c < 0xe0 && i + 1 < text.bytes)
            c = (c & 0x1f) << 6 | ((unsigned char)text.at[++i] & 0x3f);
        if (c >= 512 || byte_of[c] < 0)
            return NONE;
        out[n++] = (char)byte_of[c];
    }
    return (ptrdiff_t)n;
}

/* --- reading -----------------------------------------------------------------------------------
 */

struct reading {
    struct bpe *bpe;
    const struct gguf *file;
    short byte_of[512];
};

static int read_token(void *context, size_t i, struct gguf_text text) {
    struct reading *r = context;
    struct bpe *bpe = r->bpe;
    bool is_control = gguf_integers_at(r->file, "tokenizer.ggml.token_type", i) == CONTROL;
    ptrdiff_t n = is_control ? (ptrdiff_t)text.bytes : bytes_of(r->byte_of, text, bpe->fill);
    if (n <= 0)
        return refuse(bpe->why, "a token is empty, or of characters that stand for no byte");
    if (is_control)
        memcpy(bpe->fill, text.at, text.bytes);
    bpe->token[i] = (struct gguf_text){bpe->fill, (size_t)n};
    bpe->fill += n;
    bpe->vocabulary = i + 1;
    /* A control token is never text, so it is not looked for by its bytes. */
    if (is_control)
        return 0;
    uint32_t *slot = token_slot(bpe, bpe->token[i].at, bpe->token[i].bytes);
    if (*slot)
        return refuse(bpe->why, "two tokens have the same bytes");
    *slot = (uint32_t)i + 1;
    return 0;
}

/* "left right", in order of rank. That what they join to is longer than either, and a token, keeps
 * merges from going round. */
static int read_merge(void *context, size_t i, struct gguf_text text) {
    struct reading *r = context;
    struct bpe *bpe = r->bpe;
    const char *gap = memchr(text.at, ' ', text.bytes);
    size_t left = gap ? (size_t)(gap - text.at) : 0;
    char *at = bpe->fill;
    ptrdiff_t l = bytes_of(r->byte_of, (struct gguf_text){text.at, left}, at);
    ptrdiff_t n =
        gap && l > 0
            ? bytes_of(r->byte_of, (struct gguf_text){gap + 1, text.bytes - left - 1}, at + l)
            : NONE;
    if (n <= 0)
        return refuse(bpe->why, "a merge is not two tokens with a space between");
    const uint32_t a = *token_slot(bpe, at, (size_t)l), b = *token_slot(bpe, at + l, (size_t)n),
                   joined = *token_slot(bpe, at, (size_t)(l + n));
    if (!a || !b || !joined)
        return refuse(bpe->why, "a merge is of tokens that the vocabulary does not have");
    uint32_t *slot = bpe_merge_slot(bpe, a - 1, b - 1);
    if (*slot)
        return refuse(bpe->why, "a merge comes twice");
    bpe->merge[i] = (struct merge){a - 1, b - 1, joined - 1, (uint32_t)i};
    *slot = (uint32_t)i + 1;
    return 0;
}

static int find_control(const struct bpe *bpe, const struct gguf *file, const char *name,
                        uint32_t *out) {
    for (size_t i = 0; i < bpe->vocabulary; i++)
        if (gguf_text_is(bpe->token[i], name) &&
            gguf_integers_at(file, "tokenizer.ggml.token_type", i) == CONTROL) {
            *out = (uint32_t)i;
            return 0;
        }
    return -1;
}

/* The template is a program; what it makes of one question is always the same but for the words of
 * the system, which stand in it: '<|im_start|>system\n…<|im_end|>'. */
static int read_template(struct bpe *bpe, const struct gguf *file) {
    static const char before[] = "'<|im_start|>system\n", after[] = "<|im_end|>";
    struct gguf_text template;
    if (find_control(bpe, file, "<|im_start|>", &bpe->start) != 0 ||
        find_control(bpe, file, after, &bpe->end) != 0 ||
        !gguf_string(file, "tokenizer.chat_template", &template))
        return refuse(bpe->why, "its chat template is not of <|im_start|> and <|im_end|>");
    const char *from = memmem(template.at, template.bytes, before, sizeof before - 1);
    from = from ? from + sizeof before - 1 : NULL;
    const char *to =
        from ? memmem(from, template.bytes - (size_t)(from - template.at), after, sizeof after - 1)
             : NULL;
    bpe->system = to ? strndup(from, (size_t)(to - from)) : NULL;
    return bpe->system ? 0 : refuse(bpe->why, "its chat template has no words for the system");
}

static pcre2_code *expression(const char *pattern) {
    int error;
    size_t at;
    return pcre2_compile((PCRE2_SPTR)pattern, PCRE2_ZERO_TERMINATED, PCRE2_UTF | PCRE2_UCP, &error,
                         &at, NULL);
}

#define SPACE "[\\s\\x{85}]" /* Unicode's White_Space: PCRE's \s leaves out one */
#define NO_SPACE "[^\\s\\x{85}]"

static int read_all(struct bpe *bpe, const struct gguf *file) {
    struct reading r = {bpe, file, {0}};
    struct gguf_text model, cut;
    size_t tokens = gguf_strings(file, "tokenizer.ggml.tokens"),
           merges = gguf_strings(file, "tokenizer.ggml.merges");
    if (!gguf_string(file, "tokenizer.ggml.model", &model) || !gguf_text_is(model, "gpt2") ||
        !gguf_string(file, "tokenizer.ggml.pre", &cut) || !gguf_text_is(cut, "smollm"))
        return refuse(bpe->why, "not of model \"gpt2\" and pre \"smollm\", the one that is read");
    if (tokens < 256 || tokens > VOCABULARY_MOST || merges > VOCABULARY_MOST ||
        gguf_integers(file, "tokenizer.ggml.token_type") != tokens)
        return refuse(bpe->why, "fewer than 256 or more than 1048576 tokens, or types of another "
                                "number");
    bpe->token_slots = slots_for(tokens);
    bpe->merge_slots = slots_for(merges);
    bpe->token = calloc(tokens, sizeof(*bpe->token));
    bpe->merge = calloc(merges + 1, sizeof(*bpe->merge));
    bpe->token_slot = calloc(bpe->token_slots, sizeof(*bpe->token_slot));
    bpe->merge_slot = calloc(bpe->merge_slots, sizeof(*bpe->merge_slot));
    bpe->bytes = bpe->fill = malloc(gguf_bytes(file)); /* at least as many as all names */
    bpe->digit = expression("\\p{N}");
    bpe->word = expression("'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+"
                           "| ?[^\\s\\x{85}\\p{L}\\p{N}]+|" SPACE "+(?!" NO_SPACE ")|" SPACE "+");
    if (!bpe->token || !bpe->merge || !bpe->token_slot || !bpe->merge_slot || !bpe->bytes ||
        !bpe->digit || !bpe->word)
        return refuse(bpe->why, "no memory");
    memset(r.byte_of, 0xff, sizeof r.byte_of);
    for (unsigned b = 0; b < 256; b++)
        r.byte_of[character_of(b)] = (short)b;
    if (gguf_strings_each(file, "tokenizer.ggml.tokens", read_token, &r) != 0)
        return -1;
    for (unsigned b = 0; b < 256; b++) {
        const char byte = (char)b;
        bpe->byte[b] = *token_slot(bpe, &byte, 1) - 1; /* BPE_NO_TOKEN: there is none */
    }
    bpe->merges = merges;
    return gguf_strings_each(file, "tokenizer.ggml.merges", read_merge, &r) != 0
               ? -1
               : read_template(bpe, file);
}

int bpe_open(struct bpe **out, const struct gguf *file, char *why) {
    struct bpe *bpe = calloc(1, sizeof(*bpe));
    *out = NULL;
    if (!bpe)
        return refuse(why, "no memory");
    bpe->why = why;
    if (read_all(bpe, file) != 0) {
        bpe_close(bpe);
        return -1;
    }
    *out = bpe;
    return 0;
}

void bpe_close(struct bpe *bpe) {
    if (!bpe)
        return;
    pcre2_code_free(bpe->digit);
    pcre2_code_free(bpe->word);
    free(bpe->token);
    free(bpe->merge);
    free(bpe->token_slot);
    free(bpe->merge_slot);
    free(bpe->bytes);
    free(bpe->system);
    free(bpe);
}

size_t bpe_vocabulary(const struct bpe *bpe) {
    return bpe->vocabulary;
}

uint32_t bpe_end(const struct bpe *bpe) {
    return bpe->end;
}

struct gguf_text bpe_bytes(const struct bpe *bpe, uint32_t id) {
    return bpe->token[id];
}

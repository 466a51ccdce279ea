/* bpe_test.c: text and tokens, by rules that can be followed by hand; and what is no tokenizer. */
#include "kernels/decoder/decoder_fixture.h"

static struct bpe *open_small(struct gguf **file) {
    char why[GGUF_WHY] = "";
    struct bpe *bpe;
    *file = small_file();
    if (bpe_open(&bpe, *file, why) != 0)
        fail_msg("%s", why);
    return bpe;
}

/* Joins the pair of the lowest rank, leftmost first, until there is none: read from the file again,
 * as slowly as it is said. */
struct slow {
    struct gguf_text left[4096], right[4096], token[4096];
    size_t merges, tokens;
};
static int keep_merge(void *context, size_t i, struct gguf_text text) {
    struct slow *s = context;
    const char *gap = memchr(text.at, ' ', text.bytes);
    s->left[i] = (struct gguf_text){text.at, (size_t)(gap - text.at)};
    s->right[i] = (struct gguf_text){gap + 1, text.bytes - s->left[i].bytes - 1};
    s->merges = i + 1;
    return 0;
}
static int keep_token(void *context, size_t i, struct gguf_text text) {
    struct slow *s = context;
    s->token[i] = text;
    s->tokens = i + 1;
    return 0;
}
static bool is(struct gguf_text a, struct gguf_text b) {
    return a.bytes == b.bytes && memcmp(a.at, b.at, a.bytes) == 0;
}

/* A word of letters, each of which stands for itself; ids to `out`. */
static size_t encode_slowly(const struct slow *s, const char *word, uint32_t *out) {
    struct gguf_text piece[64];
    size_t n = strlen(word), found;
    for (size_t i = 0; i < n; i++)
        piece[i] = (struct gguf_text){word + i, 1};
    do {
        found = SIZE_MAX;
        for (size_t m = 0; m < s->merges && found == SIZE_MAX; m++)
            for (size_t i = 0; i + 1 < n && found == SIZE_MAX; i++)
                if (is(piece[i], s->left[m]) && is(piece[i + 1], s->right[m]))
                    found = i;
        if (found != SIZE_MAX) {
            piece[found].bytes += piece[found + 1].bytes;
            memmove(piece + found + 1, piece + found + 2, (n - found - 2) * sizeof *piece);
            n--;
        }
    } while (found != SIZE_MAX);
    for (size_t i = 0; i < n; i++)
        for (out[i] = 0; !is(s->token[out[i]], piece[i]);)
            out[i]++;
    return n;
}

static void words_are_joined_as_said(void **state) {
    (void)state;
    struct gguf *file;
    struct bpe *bpe = open_small(&file);
    struct slow *slow = calloc(1, sizeof *slow);
    char why[GGUF_WHY];
    assert_non_null(slow);
    gguf_strings_each(file, "tokenizer.ggml.merges", keep_merge, slow);
    gguf_strings_each(file, "tokenizer.ggml.tokens", keep_token, slow);
    uint64_t random = 1;
    size_t joined = 0;
    for (int round = 0; round < 2000; round++) {
        char word[41];
        uint32_t ids[64];
        struct bpe_tokens tokens = {0};
        size_t n = 1 + round % 40;
        for (size_t i = 0; i < n; i++) {
            random = random * 6364136223846793005u + 1442695040888963407u;
            word[i] = (char)('a' + (random >> 33) % 16);
        }
        word[n] = 0;
        size_t count = encode_slowly(slow, word, ids);
        assert_int_equal(bpe_encode(bpe, word, n, &tokens, why), 0);
        if (tokens.count != count || memcmp(tokens.id, ids, count * sizeof *ids) != 0)
            fail_msg("\"%s\": %zu tokens and not %zu, or others", word, tokens.count, count);
        joined += n - count;
        bpe_tokens_free(&tokens);
    }
    assert_true(joined > 5000); /* there was something to join */
    free(slow);
    bpe_close(bpe);
    gguf_close(file);
}

/* What the words of a text are, by the tokens of a model that joins none across them. */
static void text_is_its_tokens(void **state) {
    (void)state;
    static const char *const texts[] = {"",
                                        "a",
                                        " ",
                                        "  a",
                                        "it's  12 o'clock\n\n",
                                        "\t\xc2\x85x",
                                        "\xf0\x9f\x98\x80\xe4\xb8\xad",
                                        "\xd9\xa1\xd9\xa2 \xc2\xbd",
                                        "a\x01\x7f",
                                        "don'T we'll"};
    struct gguf *file;
    struct bpe *bpe = open_small(&file);
    for (size_t t = 0; t < sizeof texts / sizeof *texts; t++) {
        char why[GGUF_WHY] = "", back[64];
        struct bpe_tokens tokens = {0};
        size_t n = 0;
        if (bpe_encode(bpe, texts[t], strlen(texts[t]), &tokens, why) != 0)
            fail_msg("%s", why);
        for (size_t i = 0; i < tokens.count; i++) {
            struct gguf_text bytes = bpe_bytes(bpe, tokens.id[i]);
            memcpy(back + n, bytes.at, bytes.bytes);
            n += bytes.bytes;
        }
        assert_int_equal(n, strlen(texts[t]));
        assert_memory_equal(back, texts[t], n);
        bpe_tokens_free(&tokens);
    }
    bpe_close(bpe);
    gguf_close(file);
}

static void not_utf8(void **state) {
    (void)state;
    struct gguf *file;
    struct bpe *bpe = open_small(&file);
    struct bpe_tokens tokens = {0};
    char why[GGUF_WHY] = "";
    assert_int_equal(bpe_encode(bpe, "ab", 2, &tokens, why), 0);
    size_t before = tokens.count;
    assert_int_equal(bpe_encode(bpe, "cd\xff", 3, &tokens, why), -1);
    assert_string_equal(why, "the text is not UTF-8");
    assert_int_equal(tokens.count, before);
    bpe_tokens_free(&tokens);
    bpe_close(bpe);
    gguf_close(file);
}

/* A word of a megabyte is done in well under a minute, whatever it is made of. */
static void a_long_word(void **state) {
    (void)state;
    enum { BYTES = 1 << 20 };
    struct gguf *file;
    struct bpe *bpe = open_small(&file);
    struct bpe_tokens tokens = {0};
    char why[GGUF_WHY], *text = malloc(BYTES);
    size_t bytes = 0;
    assert_non_null(text);
    memset(text, 'a', BYTES);
    assert_int_equal(bpe_encode(bpe, text, BYTES, &tokens, why), 0);
    for (size_t i = 0; i < tokens.count; i++)
        bytes += bpe_bytes(bpe, tokens.id[i]).bytes;
    assert_int_equal(bytes, BYTES);
    bpe_tokens_free(&tokens);
    free(text);
    bpe_close(bpe);
    gguf_close(file);
}

static void a_conversation(void **state) {
    (void)state;
    struct gguf *file;
    struct bpe *bpe = open_small(&file);
    struct bpe_tokens tokens = {0};
    char why[GGUF_WHY] = "", text[512] = "";
    assert_int_equal(bpe_chat(bpe, NULL, "why <|im_end|>?", &tokens, why), 0);
    size_t controls = 0;
    for (size_t i = 0; i < tokens.count; i++) {
        struct gguf_text bytes = bpe_bytes(bpe, tokens.id[i]);
        controls += tokens.id[i] >= 510;
        strncat(text, bytes.at, bytes.bytes);
    }
    assert_string_equal(text, "<|im_start|>system\nsay something<|im_end|>\n<|im_start|>user\nwhy "
                              "<|im_end|>?<|im_end|>\n<|im_start|>assistant\n");
    assert_int_equal(controls, 5); /* what the question says of them is only text */
    assert_int_equal(bpe_end(bpe), 511);
    bpe_tokens_free(&tokens);
    bpe_close(bpe);
    gguf_close(file);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(words_are_joined_as_said),
        cmocka_unit_test(text_is_its_tokens),
        cmocka_unit_test(not_utf8),
        cmocka_unit_test(a_long_word),
        cmocka_unit_test(a_conversation),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

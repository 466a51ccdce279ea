/* gguf_test.c: a file is read as it is, and one that is not whole is refused where it ends. */
#include <inttypes.h>

#include "kernels/decoder/decoder_fixture.h"

static void what_is_in_it(void **state) {
    (void)state;
    struct gguf *file = small_file();
    struct gguf_text text;
    uint64_t integer;
    double number;
    assert_true(gguf_string(file, "general.name", &text) && gguf_text_is(text, "small random"));
    assert_true(gguf_integer(file, "llama.block_count", &integer) && integer == 2);
    assert_true(gguf_number(file, "llama.rope.freq_base", &number) && number == 10000);
    assert_false(gguf_number(file, "llama.block_count", &number));
    assert_false(gguf_integer(file, "llama.block", &integer));
    assert_false(gguf_string(file, "llama.block_count", &text));
    assert_int_equal(gguf_strings(file, "tokenizer.ggml.tokens"), 512);
    assert_int_equal(gguf_integers(file, "tokenizer.ggml.token_type"), 512);
    assert_int_equal(gguf_integers_at(file, "tokenizer.ggml.token_type", 511), 3);
    assert_int_equal(gguf_integers_at(file, "tokenizer.ggml.token_type", 0), 1);
    const struct gguf_tensor *t = gguf_tensor(file, "blk.1.ffn_down.weight");
    assert_non_null(t);
    assert_int_equal(t->type, GGUF_Q4_1);
    assert_int_equal(t->dim[0], 512);
    assert_int_equal(t->dim[1], 192);
    assert_int_equal(t->bytes, 512 * 192 / 32 * 20);
    assert_int_equal((uintptr_t)t->data % 32, 0);
    assert_null(gguf_tensor(file, "blk.2.ffn_down.weight"));
    gguf_close(file);
}

/* Blocks as ggml's documents have them. */
static void weights_of_a_block(void **state) {
    (void)state;
    static const unsigned char q4[20] = {0x00, 0x38 /* 0.5 */, 0x00, 0xc0 /* -2 */, 0xf0, 0x21};
    unsigned char q8[34] = {0x00, 0x34 /* 0.25 */, 0x80, 0x7f, 0xff};
    const struct decoder_weight a = {GGUF_Q4_1, 1, 32, 20, q4}, b = {GGUF_Q8_0, 1, 32, 34, q8};
    float w[32];
    decoder_weights_of(&a, 0, w);
    assert_true(w[0] == -2.0f && w[16] == 5.5f && w[1] == -1.5f && w[17] == -1.0f &&
                w[31] == -2.0f);
    decoder_weights_of(&b, 0, w);
    assert_true(w[0] == -32.0f && w[1] == 31.75f && w[2] == -0.25f && w[31] == 0);
}

/* Cut anywhere, it is refused, in one line that says where. */
static void cut_short(void **state) {
    (void)state;
    size_t bytes;
    unsigned char *content = decoder_small_file(1, &bytes);
    assert_non_null(content);
    for (size_t end = 0; end < bytes; end += end < 20000 ? 97 : 10007) {
        char why[GGUF_WHY] = "";
        struct gguf *file;
        assert_int_equal(gguf_parse(&file, content, end, why), -1);
        assert_null(file);
        if (strncmp(why, "at byte ", 8) != 0 || strchr(why, '\n'))
            fail_msg("cut at %zu: %s", end, why);
    }
    free(content);
}

/* One change to a whole file, and what is said of it. */
static void says(size_t at, uint64_t value, size_t size, const char *what) {
    char why[GGUF_WHY] = "";
    struct gguf *file;
    size_t bytes;
    unsigned char *content = decoder_small_file(1, &bytes);
    assert_non_null(content);
    memcpy(content + at, &value, size);
    int status = gguf_parse(&file, content, bytes, why);
    free(content);
    if (status == 0)
        gguf_close(file);
    if (status != -1 || !strstr(why, what))
        fail_msg("byte %zu: %d, \"%s\" and not \"%s\"", at, status, why, what);
}

/* The first place of a name in the file, and where what follows it begins. */
static size_t after(const char *name) {
    size_t bytes;
    unsigned char *content = decoder_small_file(1, &bytes);
    const unsigned char *at = content;
    for (size_t n = strlen(name); content && memcmp(at, name, n) != 0;)
        at++;
    size_t place = (size_t)(at - content) + strlen(name);
    free(content);
    return place;
}

static void hostile_heads(void **state) {
    (void)state;
    const size_t tensor = after("token_embd.weight"), next = after("output_norm.weight");
    says(0, 'X', 1, "no GGUF file");
    says(4, 2, 4, "version 2");
    says(8, UINT64_MAX, 8, "at most 65536");
    says(16, 5000, 8, "at most");
    says(24, UINT64_MAX, 8, "too early");
    says(after("general.architecture"), 77, 4, "kind 77");
    says(after("tokenizer.ggml.tokens") + 4, 9, 4, "array of kind 9");
    says(after("tokenizer.ggml.tokens") + 8, UINT64_MAX / 8, 8, "too early");
    says(after("tokenizer.ggml.token_type") + 8, UINT64_MAX / 2, 8, "too early");
    says(tensor, 5, 4, "5 dimensions");
    says(tensor, 0, 4, "0 dimensions");
    says(tensor + 4, 0, 8, "which no file of this size can hold");
    says(tensor + 4, UINT64_MAX, 8, "which no file of this size can hold");
    says(tensor + 4, 191, 8, "no whole blocks of q8_0");
    says(tensor + 12, 1 << 20, 8, "does not lie in the file");
    says(tensor + 20, 2, 4, "of type 2");
    says(tensor + 24, 1, 8, "does not lie in the file");
    says(tensor + 24, UINT64_MAX - 31, 8, "does not lie in the file");
    says(next + 16, 64, 8, "share bytes");
}

static void twice_is_refused(void **state) {
    (void)state;
    size_t bytes;
    char why[GGUF_WHY] = "";
    struct gguf *file;
    unsigned char *content = decoder_small_file(1, &bytes);
    memcpy(content + after("blk.1.attn_k.weight") - 19, "blk.0.attn_k.weight", 19);
    assert_int_equal(gguf_parse(&file, content, bytes, why), -1);
    assert_non_null(strstr(why, "blk.0.attn_k.weight comes twice"));
    free(content);
    content = decoder_small_file(1, &bytes);
    memcpy(content + after("llama.rope.freq_base") - 20, "general.architecture", 20);
    assert_int_equal(gguf_parse(&file, content, bytes, why), -1);
    assert_non_null(strstr(why, "key \"general.architecture\" comes twice"));
    free(content);
}

static void no_file(void **state) {
    (void)state;
    char why[GGUF_WHY] = "";
    struct gguf *file;
    assert_int_equal(gguf_open(&file, "/nonexistent/model.gguf", why), -1);
    assert_string_equal(why,
                        "/nonexistent/model.gguf: cannot be opened: No such file or directory");
    assert_int_equal(gguf_open(&file, "/dev/zero", why), -1);
    assert_string_equal(why, "/dev/zero: not a file");
    assert_int_equal(gguf_open(&file, "Makefile", why), -1);
    assert_non_null(strstr(why, "no GGUF file"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_in_it),    cmocka_unit_test(weights_of_a_block),
        cmocka_unit_test(cut_short),        cmocka_unit_test(hostile_heads),
        cmocka_unit_test(twice_is_refused), cmocka_unit_test(no_file),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

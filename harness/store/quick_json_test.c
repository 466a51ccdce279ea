/*
 * quick_json_test.c: what is read quickly is what jansson reads, to the bit; and nothing is that
 * jansson refuses.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness/store/quick_json.h"
#include "kernels/rng/philox.h"

/* json_equal() calls 0 and -0 equal. */
static bool same(const json_t *a, const json_t *b) {
    char *x = json_dumps(a, JSON_COMPACT), *y = json_dumps(b, JSON_COMPACT);
    bool equal = x && y && strcmp(x, y) == 0 && json_equal(a, b);
    free(x);
    free(y);
    return equal;
}

/* Whether it is read quickly; if so, as jansson reads it. */
static bool quickly(const char *text, size_t size) {
    /* Of its own size, so that a sanitiser sees a byte read behind it. */
    char *own = malloc(size ? size : 1);
    assert_non_null(own);
    memcpy(own, text, size);
    json_t *quick = quick_json_parse(own, size);
    json_t *slow = json_loadb(own, size, JSON_REJECT_DUPLICATES, NULL);
    if (quick && (!slow || !same(quick, slow)))
        fail_msg("read otherwise than by jansson: %.*s", (int)size, own);
    bool was = quick != NULL;
    json_decref(quick);
    json_decref(slow);
    free(own);
    return was;
}

static void what_is_written_is_read(void **state) {
    (void)state;
    static const char *const texts[] = {
        "{}",
        "[]",
        " { \"a\" : [ 1 , 2.5,-3e-7 ,\t\"\" ]\r\n} \n",
        "[0,-0,0.0,-0.0,1e300,1E+5,4.9406564584124654e-324,999999999999999999]",
        "[1.7976931348623157e308,0.1,2.2250738585072011e-308,123456789012345678.5]",
        "[true,false,null,[[[]]],{\"\":{}}]",
        "{\"plan\":\"block=\xe2\x88\x9e\",\"\xc2\xb5\":1}",
        "{\"record\":\"case\",\"bench\":{\"median\":1.7545178222777569e-7}}",
        "[\"\\n\\u0041\\ud83d\\ude00\"]",
        "[9223372036854775807,-9223372036854775808,1e-999]",
    };
    for (size_t k = 0; k < sizeof texts / sizeof *texts; k++)
        if (!quickly(texts[k], strlen(texts[k])))
            fail_msg("left to jansson: %s", texts[k]);
}

static void what_is_rare_or_wrong_is_left(void **state) {
    (void)state;
    static const char *const texts[] = {
        "", " ", "1", "\"a\"", "null", "{", "[", "{]", "[}", "[1,]", "[,1]", "[1 2]", "[1]]",
        "[1]x", "{\"a\"}", "{\"a\":}", "{\"a\":1,}", "{a:1}", "{1:1}", "{\"a\":1 \"b\":2}",
        /* duplicates */
        "{\"a\":1,\"a\":1}", "{\"a\":1,\"b\":2,\"a\":null}",
        /* numbers */
        "[01]", "[-]", "[+1]", "[.5]", "[1.]", "[1e]", "[1e+]", "[0x10]", "[1e999]", "[-1e999]",
        "[NaN]", "[Infinity]", "[-inf]", "[1_000]", "[9223372036854775808]", "[1", "[1.5", "[-",
        /* words */
        "[tru", "[truex]", "[nul]", "[TRUE]",
        /* texts */
        "[\"a]", "[\"\\u0000\"]", "{\"a\\u0000b\":1}", "[\"\\ud800\"]", "[\"a\nb\"]", "[\"\x80\"]",
        "[\"\xc0\xaf\"]", "[\"\xed\xa0\x80\"]", "[\"\xf4\x90\x80\x80\"]", "{\"\xff\":1}",
        /* a mark in front, a comment */
        "\xef\xbb\xbf[1]", "[1/**/]", "//\n[1]"};
    for (size_t k = 0; k < sizeof texts / sizeof *texts; k++)
        if (quickly(texts[k], strlen(texts[k])))
            fail_msg("not left to jansson: %s", texts[k]);
    assert_false(quickly("[1]\0", 4));
    assert_false(quickly("[\"a\0b\"]", 7));
}

/* As many brackets as any stranger likes. */
static void deep_nesting_is_left(void **state) {
    (void)state;
    static char text[200002];
    for (size_t n = 1; n < 100000; n = n * 3 / 2 + 1) {
        memset(text, '[', n);
        memset(text + n, ']', n);
        bool quick = quickly(text, 2 * n);
        assert_true(quick ? n <= 1024 : n > 32);
        assert_false(quickly(text, n));
    }
}

/* Every double that a journal can hold comes back to the bit. */
static void reals_are_those_of_jansson(void **state) {
    (void)state;
    struct philox_block block;
    char text[80];
    for (uint64_t k = 0; k < 20000; k++) {
        block = philox_at(5, 0, k);
        uint64_t bits = (uint64_t)block.v[0] << 32 | block.v[1];
        double value;
        memcpy(&value, &bits, sizeof value);
        if (!isfinite(value))
            continue;
        int size = snprintf(text, sizeof text, "[%.*g,%.17g]", (int)(block.v[2] % 20), value,
                            ldexp(value, -(int)(block.v[3] % 1000)));
        quickly(text, (size_t)size);
    }
}

/* Bytes of a line changed, doubled and dropped. */
static void changed_lines_are_read_alike(void **state) {
    (void)state;
    static const char line[] =
        "{\"record\":\"case\",\"id\":\"01/\xe2\x88\x9e/n=8\",\"params\":{\"n\":8192.0,\"m\":-12,"
        "\"t\":true},\"plan\":null,\"bench\":{\"median\":1.7545178222777569e-7,\"low\":1E+2},"
        "\"series\":[{\"values\":[0,1.5,null,false]},[],{}],\"n\":8}";
    static const char bytes[] = "{}[]\",:0123456789.eE+-\\ntrufalse \n\x80\xe2\xff\x01";
    size_t read = 0;
    char text[2 * sizeof line];
    for (uint64_t k = 0; k < 100000; k++) {
        const struct philox_block block = philox_at(6, 0, k);
        size_t size = sizeof line - 1, at = block.v[0] % size, n = 1 + block.v[1] % 4;
        memcpy(text, line, size);
        switch (block.v[2] % 3) {
        case 0:
            text[at] = bytes[block.v[3] % (sizeof bytes - 1)];
            break;
        case 1:
            memmove(text + at + 1, text + at, size - at);
            text[at] = bytes[block.v[3] % (sizeof bytes - 1)];
            size++;
            break;
        default:
            n = n < size - at ? n : size - at;
            memmove(text + at, text + at + n, size - at - n);
            size -= n;
        }
        read += quickly(text, size);
    }
    assert_in_range(read, 10000, 90000); /* both kinds were tried */
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_written_is_read),
        cmocka_unit_test(what_is_rare_or_wrong_is_left),
        cmocka_unit_test(deep_nesting_is_left),
        cmocka_unit_test(reals_are_those_of_jansson),
        cmocka_unit_test(changed_lines_are_read_alike),
    };
    return cmocka_run_group_tests_name("quick_json", tests, NULL, NULL);
}

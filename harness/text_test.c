/*
 * text_test.c: text from outside is one harmless line.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "harness/error.h"
#include "harness/text.h"

static const struct {
    const char *given, *plain, *flat;
} texts[] = {
    {"plain words, 100 %", "plain words, 100 %", "plain words, 100 %"},
    {"Zo\xc3\xab \xe2\x82\xac \xf0\x9f\x99\x82", "Zo\xc3\xab \xe2\x82\xac \xf0\x9f\x99\x82",
     "Zo\xc3\xab \xe2\x82\xac \xf0\x9f\x99\x82"},
    {"\x1b[2Jred", TEXT_REPLACEMENT "[2Jred", "?[2Jred"},
    /* U+009B begins an escape sequence in one character. */
    {"\xc2\x9b"
     "31m",
     TEXT_REPLACEMENT "31m", "??31m"},
    {"a\nb\rc\td", "a b c d", "a b c d"},
    {"a\xe2\x80\xae"
     "b\xe2\x80\xa8"
     "c",
     "a" TEXT_REPLACEMENT "b" TEXT_REPLACEMENT "c", "a???b???c"},
    {"caf\xe9", "caf" TEXT_REPLACEMENT, "caf?"},
    {"\xc0\x9b\xed\xa0\x80\xf8",
     TEXT_REPLACEMENT TEXT_REPLACEMENT TEXT_REPLACEMENT TEXT_REPLACEMENT TEXT_REPLACEMENT
         TEXT_REPLACEMENT,
     "??????"},
    {"cut \xe2\x82", "cut " TEXT_REPLACEMENT TEXT_REPLACEMENT, "cut ??"},
    {"", "", ""},
};

static void text_of_outside_is_one_harmless_line(void **state) {
    (void)state;
    for (size_t k = 0; k < sizeof texts / sizeof *texts; k++) {
        char out[200], flat[200], *printed = NULL;
        size_t size;
        assert_string_equal(text_plain(out, sizeof out, texts[k].given), texts[k].plain);
        strcpy(flat, texts[k].given);
        text_flatten(flat);
        assert_string_equal(flat, texts[k].flat);
        FILE *to = open_memstream(&printed, &size);
        text_print(to, texts[k].given);
        fclose(to);
        assert_string_equal(printed, texts[k].plain);
        free(printed);
        error_set("%s", texts[k].given);
        assert_string_equal(error_text(), texts[k].flat);
    }
}

/* A cut falls between two characters. */
static void a_cut_leaves_whole_characters(void **state) {
    (void)state;
    for (size_t size = 1; size < 12; size++) {
        char out[12];
        uint32_t code;
        text_plain(out, size, "\xe2\x82\xac\xe2\x82\xac\xe9\xe2\x82\xac");
        assert_true(strlen(out) < size && strlen(out) % 3 == 0);
        for (const char *at = out; *at; at += 3)
            assert_int_equal(text_decode(at, &code), 3);
    }
}

static void json_takes_any_bytes(void **state) {
    (void)state;
    json_t *path = text_json("/caf\xe9/\x1b");
    assert_string_equal(json_string_value(path), "/caf" TEXT_REPLACEMENT "/\x1b");
    char *text = json_dumps(path, JSON_ENCODE_ANY);
    assert_non_null(text);
    assert_null(strchr(text, '\x1b'));
    free(text);
    json_decref(path);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(text_of_outside_is_one_harmless_line),
        cmocka_unit_test(a_cut_leaves_whole_characters),
        cmocka_unit_test(json_takes_any_bytes),
    };
    return cmocka_run_group_tests_name("text", tests, NULL, NULL);
}

/*
 * sentence_test.c: sentences of values that a journal may hold.
 */
#include <float.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "harness/lab/sentence.h"

static char text[400];

/* `text` within `size` bytes, with this added. */
__attribute__((format(printf, 2, 3))) static const char *added(size_t size, const char *format,
                                                               ...) {
    va_list args;
    va_start(args, format);
    sentence_append(text, size, SENTENCE_WORD, format, args);
    va_end(args);
    return text;
}

#define said_in(...) (text[0] = '\0', added(__VA_ARGS__))
#define said(...) said_in(400, __VA_ARGS__)

static void as_printf(void **state) {
    (void)state;
    assert_string_equal(said("%zu of %d runs, %llu %%", (size_t)3, -4, 18446744073709551615ULL),
                        "3 of -4 runs, 18446744073709551615 %");
    assert_string_equal(said("%u %lu %ld %lld", 1u, 2ul, -3l, (long long)INT64_MIN),
                        "1 2 -3 -9223372036854775808");
    assert_string_equal(said("%.0f %.2f %f %g %.4g", 12.0, 1.005e3, 0.5, 0.25, 1234.5),
                        "12 1005.00 0.500000 0.25 1234");
    assert_string_equal(said("%s with %.3s", "plan", "abcdef"), "plan with …");
    assert_string_equal(said("2·B·L bytes"), "2·B·L bytes");
}

static void numbers_are_short(void **state) {
    (void)state;
    static const double numbers[] = {DBL_MAX, -DBL_MAX, 1e9, -1e18, NAN, INFINITY, -INFINITY};
    for (size_t k = 0; k < sizeof numbers / sizeof *numbers; k++) {
        assert_true(strlen(said("%.0f", numbers[k])) <= 10);
        assert_true(strlen(said("%f", numbers[k])) <= 10);
        assert_null(strstr(said("%.2f", numbers[k]), "nan"));
    }
    assert_string_equal(said("%.0f", 999999999.0), "999999999");
    assert_string_equal(said("%.0f of %.2f", 1e9, (double)NAN), "1e+09 of ?");
    assert_true(strlen(said("%.99g", 0.1)) < 128);
}

static void texts_are_words(void **state) {
    (void)state;
    char longest[1000];
    memset(longest, 'x', sizeof longest - 1);
    longest[sizeof longest - 1] = '\0';
    assert_int_equal(strlen(said("%s", longest)), SENTENCE_WORD);
    assert_string_equal(said("%s", longest) + SENTENCE_WORD - strlen("…"), "…");
    longest[SENTENCE_WORD] = '\0';
    assert_string_equal(said("%s", longest), longest);
    assert_string_equal(said("%s", "One. Two!\nThree\x1b[2J"), "One, Two, Three [2J");
    assert_string_equal(said("%s", "v1.2.3?"), "v1.2.3?");
    /* No character is cut in two, neither by the bound of a word nor by the room. */
    assert_string_equal(said("%.8s", "ääääää"), "ää…");
    assert_string_equal(said_in(6, "%s", "ääää"), "ää");
    assert_string_equal(said_in(6, "a%s", "ääää"), "aää");
    assert_string_equal(said_in(4, "éèê"), "é");
}

static void it_adds(void **state) {
    (void)state;
    assert_string_equal(said("so far"), "so far");
    assert_string_equal(added(12, ", and %s", "more"), "so far, and");
    assert_string_equal(added(12, "x"), "so far, and");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(as_printf),
        cmocka_unit_test(numbers_are_short),
        cmocka_unit_test(texts_are_words),
        cmocka_unit_test(it_adds),
    };
    return cmocka_run_group_tests_name("sentence", tests, NULL, NULL);
}

/* units_test.c: numbers as a person reads them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "harness/page/units.h"

static void numbers_have_three_digits_and_a_unit(void **state) {
    (void)state;
    static const struct {
        double value;
        const char *unit, *text;
    } cases[] = {
        {1.4725e11, "flop/s", "147 Gflop/s"},
        {23.44e9, "bytes/s", "23.4 GB/s"},
        {999.6e6, "bytes/s", "1.00 GB/s"},
        {2.5e16, "bytes/s", "25.0 PB/s"},
        {512, "bytes/s", "512 B/s"},
        {23.44, "GB/s", "23.4 GB/s"},
        {1.83, "x", "1.83×"},
        {2, "x", "2×"},
        {12.34e-6, "s", "12.3 µs"},
        {9.996e-6, "s", "10.0 µs"},
        {0.99999e-3, "s", "1.00 ms"},
        {150.5, "ns", "150 ns"},
        {1.5, "us", "1.50 µs"},
        {2.26, "ms", "2.26 ms"},
        {3e-12, "s", "0.00300 ns"},
        {1234.5, "s", "1,234 s"},
        {0, "s", "0 s"},
        {262144, "bytes", "256 KiB"},
        {4096, "bytes", "4 KiB"},
        {1536, "bytes", "1.50 KiB"},
        {1023, "bytes", "1,023 B"},
        {1023.9, "bytes", "1.00 KiB"},
        {256, "KiB", "256 KiB"},
        {1024, "MiB", "1 GiB"},
        {3.0 * (1ull << 40), "bytes", "3 TiB"},
        {0.619, "fraction", "61.9 %"},
        {1, "fraction", "100 %"},
        {0.00012, "fraction", "0.0120 %"},
        {61.9, "%", "61.9 %"},
        {61.9, "percent", "61.9 %"},
        {1024, "1", "1,024"},
        {1234567, "1", "1,234,567"},
        {0.0123, "1", "0.0123"},
        {-4.5678, "1", "-4.57"},
        {-1234567, "", "-1,234,567"},
        {1.2e-9, "1", "1.20e-09"},
        {7e20, "1", "7.00e+20"},
        {12, NULL, "12"},
        {4.5, "ulp", "4.50 ulp"},
        {3, "bits", "3 bits"},
        {2.5e9, "Hz", "2.50 GHz"},
        {0.00125, "J", "1.25 mJ"},
        {700, "W", "700 W"},
        {3.2e6, "updates/s", "3.20 Mupdates/s"},
        {NAN, "s", "–"},
        {INFINITY, "bytes", "–"},
    };
    for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
        char text[UNITS_TEXT];
        assert_string_equal(units_number(text, sizeof text, cases[k].value, cases[k].unit),
                            cases[k].text);
    }
}

static void intervals_are_in_the_unit_of_their_number(void **state) {
    (void)state;
    static const struct {
        double value, low, high;
        const char *unit, *text;
    } cases[] = {
        {1.83, 1.80, 1.86, "1", "1.83 (1.80 to 1.86)"},
        {1.83, 1.80, 1.86, "x", "1.83× (1.80 to 1.86)"},
        {2, 1.9, 2.1, "x", "2.00× (1.90 to 2.10)"},
        {12.34e-6, 12.1e-6, 1.26e-5, "s", "12.3 µs (12.1 to 12.6)"},
        {0.9e-3, 0.8e-3, 1.1e-3, "s", "900 µs (800 to 1,100)"},
        {37.6e9, 37.1e9, 38e9, "bytes/s", "37.6 GB/s (37.1 to 38.0)"},
        {0, -0.5, 0.25, "ulp", "0.000 ulp (-0.500 to 0.250)"},
        {0.79, 0.61, 0.98, "fraction", "79.0 % (61.0 to 98.0)"},
        /* Narrower than three digits show. */
        {1.83121, 1.83084, 1.83164, "1", "1.831 (1.831 to 1.832)"},
        {1.83121, 1.831211, 1.831212, "1", "1.83121 (1.83121 to 1.83121)"},
        {1.83, 1.83, 1.83, "1", "1.83"},
        {1.83, NAN, 1.9, "1", "1.83"},
        {1.83, 1.8, INFINITY, "1", "1.83"},
        {NAN, 1, 2, "1", "–"},
    };
    for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
        char text[UNITS_TEXT];
        assert_string_equal(units_interval(text, sizeof text, cases[k].value, cases[k].low,
                                           cases[k].high, cases[k].unit),
                            cases[k].text);
    }
}

static void counts_have_commas(void **state) {
    (void)state;
    char text[UNITS_TEXT];
    assert_string_equal(units_count(text, sizeof text, 0), "0");
    assert_string_equal(units_count(text, sizeof text, 999), "999");
    assert_string_equal(units_count(text, sizeof text, -1000), "-1,000");
    assert_string_equal(units_count(text, sizeof text, 1234567), "1,234,567");
}

/* Whatever a stranger's folder holds fits, and a short buffer is not overrun. */
static void nothing_overruns(void **state) {
    (void)state;
    static const double values[] = {0, 1, -1, 5e-324, 1.7e308, -1.7e308, 999.9999999, 1e-6, 1e15};
    char unit[400], text[UNITS_TEXT];
    memset(unit, 'u', sizeof unit - 1);
    unit[sizeof unit - 1] = '\0';
    const char *const units[] = {unit, "s", "bytes", "bytes/s", "fraction", "x", "1"};
    for (size_t u = 0; u < sizeof units / sizeof *units; u++)
        for (size_t a = 0; a < sizeof values / sizeof *values; a++)
            for (size_t b = 0; b < sizeof values / sizeof *values; b++) {
                units_interval(text, sizeof text, values[a], values[b], values[(a + b) % 9],
                               units[u]);
                assert_true(strlen(text) < sizeof text - 1);
                char tiny[8] = "";
                units_interval(tiny, sizeof tiny, values[a], values[b], values[(a + b) % 9],
                               units[u]);
                assert_true(strlen(tiny) < sizeof tiny);
            }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_have_three_digits_and_a_unit),
        cmocka_unit_test(intervals_are_in_the_unit_of_their_number),
        cmocka_unit_test(counts_have_commas),
        cmocka_unit_test(nothing_overruns),
    };
    return cmocka_run_group_tests_name("units", tests, NULL, NULL);
}

/*
 * units.h: numbers as a person reads them: 147 Gflop/s, 23.4 GB/s, 1.83×, 12.3 µs, 256 KiB, 61.9 %.
 *
 * Units are those of the journal:
 *
 *     "s"                  1 ns to 999 s by powers of a thousand; "ns", "us", "µs", "ms" are taken
 *     "bytes"              B, KiB, MiB … by powers of two; "KiB", "MiB", "GiB" are taken
 *     "bytes/s"            B/s, kB/s, MB/s, GB/s by powers of a thousand
 *     "flop/s", "Hz"       by powers of a thousand, as any other unit that ends in "/s"
 *     "fraction"           1 is 100 %; "%" and "percent": 100 is
 *     "x"                  how many times: 1.83×
 *     "1", ""              a bare number: whole ones whole (1,024), others to three digits
 *     any other            the bare number and the unit: 4.5 ulp
 *
 * Three digits are shown, and up to three more where an interval is narrower than that. What is
 * not finite is "–".
 */
#ifndef NANOLAB_HARNESS_UNITS_H
#define NANOLAB_HARNESS_UNITS_H

#include <stddef.h>

/* Enough for any text that these functions write, but for a unit of over 40 bytes: it is cut. */
#define UNITS_TEXT 160

/* "12.3 µs". `unit` may be NULL: a bare number. Returns `out`. */
const char *units_number(char *out, size_t size, double value, const char *unit);
/* "12.3 µs (12.1 to 12.6)", all three in the unit of the first; without an interval (an end is not
 * finite, or both are the value) as units_number(). */
const char *units_interval(char *out, size_t size, double value, double low, double high,
                           const char *unit);
/* A count: "1,234,567". */
const char *units_count(char *out, size_t size, long long value);

#endif

/* units.c: see units.h. */
#include "harness/page/units.h"

#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#define UNIT_CHARS 40

/* How the values of one unit are shown. */
struct scale {
    double factor;     /* what a value is multiplied by first */
    double step;       /* 1000, 1024; 0: no prefixes */
    int low, high;     /* the smallest and largest power of the step */
    const char *unit;  /* behind the prefix */
    const char *joint; /* between number and unit */
};

/* Prefixes of powers -3 to 5. */
static const char *const decimal[] = {"n", "µ", "m", "", "k", "M", "G", "T", "P"};
static const char *const binary[] = {"", "", "", "", "Ki", "Mi", "Gi", "Ti", "Pi"};

static int ends_in(const char *text, const char *end) {
    size_t length = strlen(text), tail = strlen(end);
    return length > tail && !strcmp(text + length - tail, end);
}

static struct scale scale_of(const char *unit) {
    static const struct {
        const char *name;
        struct scale scale;
    } known[] = {
        {"s", {1, 1000, -3, 0, "s", " "}},
        {"ms", {1e-3, 1000, -3, 0, "s", " "}},
        {"us", {1e-6, 1000, -3, 0, "s", " "}},
        {"µs", {1e-6, 1000, -3, 0, "s", " "}},
        {"ns", {1e-9, 1000, -3, 0, "s", " "}},
        {"bytes", {1, 1024, 0, 5, "B", " "}},
        {"KiB", {1024, 1024, 0, 5, "B", " "}},
        {"MiB", {1048576, 1024, 0, 5, "B", " "}},
        {"GiB", {1073741824, 1024, 0, 5, "B", " "}},
        {"bytes/s", {1, 1000, 0, 5, "B/s", " "}},
        {"GB/s", {1e9, 1000, 0, 5, "B/s", " "}},
        {"Hz", {1, 1000, 0, 5, "Hz", " "}},
        {"J", {1, 1000, -3, 5, "J", " "}},
        {"W", {1, 1000, -3, 5, "W", " "}},
        {"fraction", {100, 0, 0, 0, "%", " "}},
        {"percent", {1, 0, 0, 0, "%", " "}},
        {"%", {1, 0, 0, 0, "%", " "}},
        {"x", {1, 0, 0, 0, "×", ""}},
        {"1", {1, 0, 0, 0, "", ""}},
        {"", {1, 0, 0, 0, "", ""}},
    };
    for (size_t k = 0; unit && k < sizeof known / sizeof *known; k++)
        if (!strcmp(unit, known[k].name))
            return known[k].scale;
    if (unit && ends_in(unit, "/s"))
        return (struct scale){1, 1000, 0, 5, unit, " "};
    return (struct scale){1, 0, 0, 0, unit ? unit : "", unit ? " " : ""};
}

/* Digits behind the point that show `digits` of them in all. */
static int places(double value, int digits) {
    double size = fabs(value);
    if (size == 0 || !isfinite(size))
        return 0;
    int before = (int)floor(log10(size)) + 1;
    /* 9.996 to three digits is 10.0. */
    if (size + 0.5 * pow(10, before - digits) >= pow(10, before))
        before++;
    int behind = digits - before;
    return behind < 0 ? 0 : behind > 9 ? 9 : behind;
}

/* The power of the step that leaves the value between 1 and the step, as it will be rounded. */
static int power_of(double value, const struct scale *scale) {
    double size = fabs(value);
    int power = 0;
    if (!(scale->step > 0) || size == 0)
        return 0;
    while (power < scale->high && size >= scale->step - 0.5) {
        size /= scale->step;
        power++;
    }
    while (power > scale->low && size < 0.9995) {
        size *= scale->step;
        power--;
    }
    return power;
}

/* A number with `behind` digits behind the point and a comma after every three before it. */
static void put_number(char *out, size_t size, double value, int behind) {
    char digits[64];
    if (value != 0 && (fabs(value) >= 1e15 || fabs(value) < 1e-6)) {
        snprintf(out, size, "%.2e", value);
        return;
    }
    snprintf(digits, sizeof digits, "%.*f", behind, value);
    size_t whole = strcspn(digits, "."), used = 0;
    for (size_t k = 0; digits[k] && used + 2 < size; k++) {
        if (k && k < whole && (whole - k) % 3 == 0 && isdigit((unsigned char)digits[k - 1]))
            out[used++] = ',';
        out[used++] = digits[k];
    }
    out[used] = '\0';
}

/* Bytes, counts and the like that are whole are not "4.00 KiB". */
static int is_whole(double value) {
    return fabs(value) < 1e15 && value == floor(value);
}

/* A number that has only as many digits as it needs: "16 MiB", "1×"; but 2.00 of a measurement. */
static int shows_whole(const struct scale *scale, double value) {
    return is_whole(value) && (scale->step == 1024 || scale->step == 0);
}

static void put_unit(char *out, size_t size, const struct scale *scale, int power) {
    const char *prefix = scale->step == 1024 ? binary[power + 3]
                         : scale->step > 0   ? decimal[power + 3]
                                             : "";
    snprintf(out, size, "%s%s%.*s", scale->joint, prefix, UNIT_CHARS, scale->unit);
}

const char *units_number(char *out, size_t size, double value, const char *unit) {
    return units_interval(out, size, value, NAN, NAN, unit);
}

const char *units_interval(char *out, size_t size, double value, double low, double high,
                           const char *unit) {
    char number[64], from[64], to[64], behind_it[96];
    if (!isfinite(value)) {
        snprintf(out, size, "–");
        return out;
    }
    struct scale scale = scale_of(unit);
    int has_interval = isfinite(low) && isfinite(high) && !(low == value && high == value);
    double leader = value == 0 && has_interval ? fmax(fabs(low), fabs(high)) : value;
    int power = power_of(leader * scale.factor, &scale);
    double by = scale.factor / (scale.step > 0 ? pow(scale.step, power) : 1);
    value *= by, low *= by, high *= by;
    int behind = !has_interval && shows_whole(&scale, value) ? 0 : places(leader * by, 3);
    put_unit(behind_it, sizeof behind_it, &scale, power);
    put_number(number, sizeof number, value, behind);
    if (!has_interval) {
        snprintf(out, size, "%s%s", number, behind_it);
        return out;
    }
    /* Ends that look alike say nothing. */
    for (int more = 0; more <= 3; more++) {
        put_number(number, sizeof number, value, behind + more);
        put_number(from, sizeof from, low, behind + more);
        put_number(to, sizeof to, high, behind + more);
        if (strcmp(from, to))
            break;
    }
    snprintf(out, size, "%s%s (%s to %s)", number, behind_it, from, to);
    return out;
}

const char *units_count(char *out, size_t size, long long value) {
    char digits[32];
    int length = snprintf(digits, sizeof digits, "%lld", value);
    size_t used = 0;
    for (int k = 0; k < length && used + 2 < size; k++) {
        if (k && (length - k) % 3 == 0 && digits[k - 1] != '-')
            out[used++] = ',';
        out[used++] = digits[k];
    }
    out[used] = '\0';
    return out;
}

/*
 * guess.c: see guess.h.
 */
#include "harness/predict/guess.h"

#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness/page/units.h"

#define TYPED 100

/* --- numbers -----------------------------------------------------------------------------------
 */

struct suffix {
    const char *unit, *word; /* unit NULL: of any */
    double times;
};

static const struct suffix suffixes[] = {
    {"s", "ns", 1e-9},
    {"s", "us", 1e-6},
    {"s", "µs", 1e-6},
    {"s", "ms", 1e-3},
    {"s", "s", 1},
    {"%", "%", 1},
    {"%", "percent", 1},
    {"x", "x", 1},
    {"x", "×", 1},
    {"x", "times", 1},
    {"bytes", "KiB", 1024},
    {"bytes", "MiB", 1024 * 1024},
    {"bytes", "bytes", 1},
    {"bytes", "GiB", 1024.0 * 1024 * 1024},
    {"bytes/s", "GB/s", 1e9},
    {"bytes/s", "MB/s", 1e6},
    {NULL, "k", 1e3},
    {NULL, "K", 1e3},
    {NULL, "M", 1e6},
    {NULL, "G", 1e9},
};

/* The length of a number's digits at `at`, with a point, groups of three and an exponent; 0: none,
 * or a comma that is no mark between groups. */
static size_t digits(const char *at, char plain[TYPED]) {
    size_t k = 0, used = 0;
    bool any = false;
    for (; isdigit((unsigned char)at[k]) || at[k] == '.' || at[k] == ','; k++) {
        if (at[k] == '.' && at[k + 1] == '.')
            break;
        if (at[k] == ',' &&
            !(any && strspn(at + k + 1, "0123456789") == 3 && !memchr(plain, '.', used)))
            return 0;
        any = any || isdigit((unsigned char)at[k]);
        if (at[k] != ',' && used + 8 < TYPED)
            plain[used++] = at[k];
    }
    size_t sign = at[k] == 'e' || at[k] == 'E' ? strspn(at + k + 1, "+-") : 0;
    if (any && (at[k] == 'e' || at[k] == 'E') && sign < 2 &&
        isdigit((unsigned char)at[k + 1 + sign])) {
        size_t end = k + 1 + sign;
        end += strspn(at + end, "0123456789");
        for (; k < end && used + 2 < TYPED; k++)
            plain[used++] = at[k];
    }
    plain[used] = '\0';
    return any ? k : 0;
}

/* Reads one number and its suffix, moving *at behind it. *times is 0 without a suffix. 0, or -1. */
static int number_at(const struct question *q, const char **at, double *value, double *times) {
    char plain[TYPED], *end = NULL;
    *at += strspn(*at, " ~");
    size_t length = digits(*at, plain);
    if (length == 0)
        return -1;
    *value = strtod(plain, &end);
    if (*end || !isfinite(*value))
        return -1;
    *at += length;
    *at += strspn(*at, " ");
    *times = 0;
    size_t longest = 0;
    for (size_t k = 0; k < sizeof suffixes / sizeof *suffixes; k++) {
        const struct suffix *s = &suffixes[k];
        size_t n = strlen(s->word);
        if ((s->unit && strcmp(s->unit, q->unit) != 0) || strncmp(*at, s->word, n) != 0 ||
            isalpha((unsigned char)(*at)[n]) || n <= longest)
            continue;
        longest = n;
        *times = s->times;
    }
    *at += longest;
    *at += strspn(*at, " ");
    return 0;
}

static const char *example(const struct question *q) {
    if (strcmp(q->unit, "s") == 0)
        return "12 us, or a range such as 10 us..50 us";
    if (strcmp(q->unit, "%") == 0)
        return "40, or a range such as 30..60 (percent)";
    if (strcmp(q->unit, "x") == 0)
        return "1.5, or a range such as 1.2..3";
    return "300, or a range such as 200..400";
}

static int parse_number(const struct question *q, const char *text, struct guess *out, char *why) {
    double low_times, high_times;
    const char *at = text;
    out->kind = GUESS_NUMBER;
    if (number_at(q, &at, &out->low, &low_times) != 0)
        goto refused;
    out->high = out->low;
    high_times = low_times;
    if (*at) {
        size_t skip = strncmp(at, "..", 2) == 0    ? 2
                      : strncmp(at, "to ", 3) == 0 ? 3
                      : strncmp(at, "–", 3) == 0   ? 3
                                                   : *at == '-';
        at += skip;
        if (skip == 0 || number_at(q, &at, &out->high, &high_times) != 0 || *at)
            goto refused;
    }
    /* "10..20 us": the unit is that of both. */
    out->low *= low_times > 0 ? low_times : high_times > 0 ? high_times : 1;
    out->high *= high_times > 0 ? high_times : low_times > 0 ? low_times : 1;
    if (out->low > out->high) {
        double swap = out->low;
        out->low = out->high;
        out->high = swap;
    }
    if (out->high <= q->most)
        return 0;
    char most[UNITS_TEXT];
    snprintf(why, GUESS_WHY, "it can be %s at most",
             units_number(most, sizeof most, q->most, q->unit));
    return -1;
refused:
    snprintf(why, GUESS_WHY, "\"%.40s\" is no number here; type one such as %s%s", text, example(q),
             strchr(text, ',') ? " (with a point, as in 0.5)" : "");
    return -1;
}

/* --- all kinds ---------------------------------------------------------------------------------
 */

static int parse_choice(const struct question *q, const char *text, struct guess *out, char *why) {
    out->kind = GUESS_CHOICE;
    for (size_t k = 0; k < q->choice_count; k++)
        if ((tolower((unsigned char)text[0]) == (int)('a' + k) && !text[1]) ||
            strcmp(text, q->choices[k].key) == 0) {
            out->choice = k;
            return 0;
        }
    snprintf(why, GUESS_WHY, "\"%.40s\" is none of the choices; type a letter from a to %c", text,
             (char)('a' + q->choice_count - 1));
    return -1;
}

int guess_parse(const struct question *q, const char *text, struct guess *out,
                char why[GUESS_WHY]) {
    char trimmed[TYPED];
    memset(out, 0, sizeof *out);
    text += strspn(text, " \t\r\n");
    size_t length = strlen(text);
    while (length > 0 && strchr(" \t\r\n", text[length - 1]))
        length--;
    if (length >= sizeof trimmed) {
        snprintf(why, GUESS_WHY, "that is too long; a number or a letter will do");
        return -1;
    }
    snprintf(trimmed, sizeof trimmed, "%.*s", (int)length, text);
    if (length == 0 || strcmp(trimmed, "-") == 0)
        return 0;
    return q->unit ? parse_number(q, trimmed, out, why) : parse_choice(q, trimmed, out, why);
}

const char *guess_text(const struct question *q, const struct guess *guess, char out[GUESS_TEXT]) {
    char low[UNITS_TEXT], high[UNITS_TEXT];
    if (guess->kind == GUESS_NONE)
        snprintf(out, GUESS_TEXT, "no answer");
    else if (guess->kind == GUESS_CHOICE)
        snprintf(out, GUESS_TEXT, "%s", q->choices[guess->choice].text);
    else if (guess->low == guess->high)
        snprintf(out, GUESS_TEXT, "%s", units_number(low, sizeof low, guess->low, q->unit));
    else
        snprintf(out, GUESS_TEXT, "%s to %s", units_number(low, sizeof low, guess->low, q->unit),
                 units_number(high, sizeof high, guess->high, q->unit));
    return out;
}

json_t *guess_json(const struct question *q, const struct guess *guess) {
    json_t *answer = json_pack("{s:s, s:s}", "id", q->id, "question", q->text);
    int status = answer ? 0 : -1;
    if (status == 0 && guess->kind == GUESS_NUMBER)
        status = json_object_set_new(answer, "unit", json_string(q->unit)) |
                 json_object_set_new(answer, "low", json_real(guess->low)) |
                 json_object_set_new(answer, "high", json_real(guess->high));
    else if (status == 0 && guess->kind == GUESS_CHOICE)
        status = json_object_set_new(answer, "choice", json_string(q->choices[guess->choice].key));
    else if (status == 0)
        status = json_object_set_new(answer, "answer", json_null());
    if (status == 0)
        return answer;
    json_decref(answer);
    return NULL;
}

struct guess guess_of_json(const struct question *q, const json_t *answer) {
    struct guess guess = {.kind = GUESS_NONE};
    const char *key = json_string_value(json_object_get(answer, "choice"));
    const char *unit = json_string_value(json_object_get(answer, "unit"));
    const json_t *low = json_object_get(answer, "low"), *high = json_object_get(answer, "high");
    for (size_t k = 0; key && k < q->choice_count; k++)
        if (strcmp(key, q->choices[k].key) == 0)
            guess = (struct guess){.kind = GUESS_CHOICE, .choice = k};
    if (q->unit && unit && strcmp(unit, q->unit) == 0 && json_is_number(low) &&
        json_is_number(high))
        guess = (struct guess){
            .kind = GUESS_NUMBER, .low = json_number_value(low), .high = json_number_value(high)};
    return guess;
}

/*
 * claims_hostile.h: the checks of a lab on rows that were tampered with. claims_fixture.h adds it
 * to the tests of every lab.
 *
 * A result folder may come from a stranger, whose hashes fit. So in the rows of the lab's own tests
 * one to four places, drawn by a seed, get a hostile value: nothing, another type, no number, a
 * number or text beyond any bound; or there are more cases than the lab records. Every check of the
 * lab must end on them, with a verdict whose sentences are short and whose numbers are finite, and
 * which the reader of claims.json takes. What the verdict is does not matter. The journal's reader
 * refuses some of these records; a check is asked for them all the same, since rows.h promises it
 * that nothing there crashes.
 */
#ifndef NANOLAB_HARNESS_CLAIMS_HOSTILE_H
#define NANOLAB_HARNESS_CLAIMS_HOSTILE_H

#include <ctype.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <unistd.h>

#include <cmocka.h>

#include "harness/error.h"
#include "harness/lab/claims.h"
#include "harness/lab/lab.h"
#include "harness/store/record.h"

#define HOSTILE_TRIALS 3000
/* Of a processor's time, for one check of one trial: over a thousand times what the slowest takes.
 */
#define HOSTILE_SECONDS 60

struct hostile_random {
    unsigned short state[3];
};

static inline size_t hostile_below(struct hostile_random *random, size_t n) {
    return (size_t)nrand48(random->state) % n;
}

static inline json_t *hostile_text(size_t size, const char *of) {
    char *text = malloc(size + 1);
    json_t *made = NULL;
    for (size_t k = 0; text && k < size; k++)
        text[k] = of[k % strlen(of)];
    if (text)
        made = json_stringn(text, size / strlen(of) * strlen(of));
    free(text);
    return made;
}

/* A value that no lab records in this place. */
static inline json_t *hostile_value(struct hostile_random *random) {
    static const double reals[] = {0.0,   -0.0, -1,    0.5, -1e-300, 5e-324, 1e308,    -1e308, 1e18,
                                   1.5e9, 3,    1e-18, 255, 65536,   -7.5,   16777217, 1e100,  0.1};
    static const json_int_t integers[] = {0,
                                          1,
                                          -1,
                                          2,
                                          64,
                                          4294967295,
                                          4294967296,
                                          9223372036854775807,
                                          -9223372036854775807 - 1,
                                          1000000000000};
    static const char *const texts[] = {"",
                                        "nan",
                                        "NaN",
                                        "-inf",
                                        "1e999",
                                        "0x1p4000",
                                        "null",
                                        "%s%n%f",
                                        "a\nb\tc",
                                        "ü",
                                        "One. Another!",
                                        "\x1b[2J",
                                        "cpu",
                                        "18446744073709551616",
                                        "binned",
                                        "plain",
                                        "-",
                                        "ffffffffffffffffffff"};
    static const char *const json[] = {"[]",
                                       "{}",
                                       "[1, 2, 3]",
                                       "[[[]]]",
                                       "true",
                                       "false",
                                       "null",
                                       "{\"value\": null, \"low\": 1, \"high\": 2}",
                                       "{\"value\": 1e308, \"low\": -1e308, \"high\": 1e308}",
                                       "{\"value\": 0, \"low\": 0, \"high\": 0}",
                                       "{\"value\": 1, \"low\": 2, \"high\": 0}",
                                       "{\"value\": -3, \"low\": -4, \"high\": -2}"};
    switch (hostile_below(random, 5)) {
    case 0:
        return json_real(reals[hostile_below(random, sizeof reals / sizeof *reals)]);
    case 1:
        return json_integer(integers[hostile_below(random, sizeof integers / sizeof *integers)]);
    case 2:
        return json_string(texts[hostile_below(random, sizeof texts / sizeof *texts)]);
    case 3:
        return json_loads(json[hostile_below(random, sizeof json / sizeof *json)], JSON_DECODE_ANY,
                          NULL);
    default:
        return hostile_text(1 + hostile_below(random, 4000),
                            hostile_below(random, 2) ? "words " : "häß");
    }
}

/* The places of a value: itself, then those inside. Key and index are of its place in `parent`. */
struct hostile_place {
    json_t *parent;
    const char *key;
    size_t index, left; /* counts down to the wanted place */
    bool found;
};

static inline void hostile_find(json_t *value, struct hostile_place *place) {
    const char *key;
    json_t *inner;
    size_t k;
    if (json_is_object(value)) {
        json_object_foreach(value, key, inner) {
            if (!place->found && place->left-- == 0)
                *place = (struct hostile_place){.parent = value, .key = key, .found = true};
            if (!place->found)
                hostile_find(inner, place);
            if (place->found)
                return;
        }
    }
    if (json_is_array(value)) {
        json_array_foreach(value, k, inner) {
            if (!place->found && place->left-- == 0)
                *place = (struct hostile_place){.parent = value, .index = k, .found = true};
            if (!place->found)
                hostile_find(inner, place);
            if (place->found)
                return;
        }
    }
}

static inline size_t hostile_places(const json_t *value) {
    size_t count = 0, k;
    const char *key;
    json_t *inner;
    if (json_is_object(value)) {
        json_object_foreach((json_t *)value, key, inner) {
            count += 1 + hostile_places(inner);
        }
    } else if (json_is_array(value)) {
        json_array_foreach(value, k, inner) {
            count += 1 + hostile_places(inner);
        }
    }
    return count;
}

/* One change of a record. Its id and device stay: the reader looks at these two closely, and by
 * them the rows are found. */
static inline void hostile_change(json_t *record, struct hostile_random *random) {
    struct hostile_place place = {.left = hostile_below(random, hostile_places(record))};
    hostile_find(record, &place);
    if (!place.found)
        return;
    bool kept = place.key && place.parent == record &&
                (strcmp(place.key, "id") == 0 || strcmp(place.key, "device") == 0);
    bool remove = hostile_below(random, 6) == 0;
    if (kept)
        return;
    if (place.key && remove)
        json_object_del(place.parent, place.key);
    else if (place.key)
        json_object_set_new(place.parent, place.key, hostile_value(random));
    else if (remove)
        json_array_remove(place.parent, place.index);
    else
        json_array_set_new(place.parent, place.index, hostile_value(random));
}

/* "nan" or "inf" as a word of its own, as printf() writes it. */
static inline bool hostile_prints_nan(const char *text) {
    static const char *const words[] = {"nan", "inf"};
    for (size_t w = 0; w < 2; w++)
        for (const char *at = text; (at = strstr(at, words[w])); at++)
            if (!isalpha((unsigned char)at[3]) && (at == text || !isalpha((unsigned char)at[-1])))
                return true;
    return false;
}

/* A stranger's text may say "nan"; then it is a word and no number. */
static inline bool hostile_says(const json_t *cases, const char *word) {
    char *text = json_dumps(cases, 0);
    bool found = text && (strstr(text, word) || strstr(text, "NaN"));
    free(text);
    return found;
}

/* What is wrong with a finding, or NULL. */
static inline const char *hostile_fault(const struct lab *lab, const struct claim *claim,
                                        const struct finding *f, const json_t *cases) {
    static char why[300];
    const char *const texts[] = {f->statement, f->range, f->reason, f->control};
    const char *what, *name;
    json_t *number, *part;
    size_t k;
    json_t *entry = claims_entry(claim, "cpu", f);
    if (!entry)
        return error_text();
    json_t *document =
        json_pack("{s:i, s:s, s:[o]}", "format", RECORD_FORMAT, "lab", lab->name, "claims", entry);
    bool readable = record_check_claims(document, lab->name, why, sizeof why) == 0;
    json_decref(document);
    if (!readable)
        return why;
    bool said = hostile_says(cases, "nan") || hostile_says(cases, "inf");
    for (k = 0; k < sizeof texts / sizeof *texts; k++)
        if (!said && hostile_prints_nan(texts[k]))
            return texts[k];
    if (strpbrk(f->statement, "\n\t\r\x1b") || strstr(f->statement, ". "))
        return "a statement of more than one line or sentence";
    json_array_foreach(f->numbers, k, number) {
        what = json_string_value(json_object_get(number, "what"));
        if (!said && hostile_prints_nan(what))
            return what;
        json_object_foreach(number, name, part) {
            if (json_is_real(part) && !isfinite(json_real_value(part)))
                return "a number that is not finite";
        }
    }
    return NULL;
}

/* What is being checked, for the message of a check that does not end. */
static char hostile_now[120];

static inline void hostile_late(int signal) {
    (void)signal;
    _exit(write(STDERR_FILENO, hostile_now, strlen(hostile_now)) < 0 ? 2 : 1);
}

static inline void hostile_watch(bool on) {
    const struct itimerval limit = {.it_value = {.tv_sec = on ? HOSTILE_SECONDS : 0}};
    setitimer(ITIMER_PROF, &limit, NULL);
}

/* The cases that the harness would hand a claim (rows_load). */
static inline json_t *hostile_cases_of(const struct claim *claim, const json_t *cases) {
    json_t *own = json_array(), *record;
    size_t k;
    for (const char *at = claim->cases; *at;) {
        size_t length = strcspn(at, " ");
        json_array_foreach(cases, k, record) {
            const char *id = json_string_value(json_object_get(record, "id"));
            if (length > 0 && id && strncmp(id, at, length) == 0)
                json_array_append(own, record);
        }
        at += length + (at[length] == ' ');
    }
    return own;
}

/* Every check of the lab that these cases concern. */
static inline void hostile_ask(const struct lab *lab, size_t trial, const json_t *all) {
    for (size_t k = 0; k < lab->claim_count; k++) {
        struct finding finding = {0};
        struct rows rows;
        json_t *cases = hostile_cases_of(&lab->claims[k], all);
        if (json_array_size(cases) == 0) {
            json_decref(cases);
            continue;
        }
        snprintf(hostile_now, sizeof hostile_now,
                 "hostile rows: claim %s does not end in trial %zu\n", lab->claims[k].id, trial);
        hostile_watch(true);
        assert_int_equal(rows_from(cases, &rows), 0);
        lab->claims[k].check(&rows, &finding);
        hostile_watch(false);
        rows_free(&rows);
        const char *fault = hostile_fault(lab, &lab->claims[k], &finding, cases);
        if (fault) {
            char *text = json_dumps(cases, 0);
            fail_msg("claim %s, trial %zu: %s: \"%s\" \"%s\"; rows %.3000s", lab->claims[k].id,
                     trial, fault, finding.statement, finding.range, text);
        }
        json_decref(finding.numbers);
        json_decref(finding.evidence);
        json_decref(cases);
    }
}

/* Cases that the lab never records: copies under another id. */
static inline void hostile_more(json_t *cases, json_t *record, struct hostile_random *random) {
    for (size_t n = 1 + hostile_below(random, 20); n > 0; n--) {
        char id[RECORD_ID_MAX];
        json_t *copy = json_deep_copy(record);
        snprintf(id, sizeof id, "%.300s/%zu", json_string_value(json_object_get(record, "id")), n);
        json_object_set_new(copy, "id", json_string(id));
        json_array_append_new(cases, copy);
    }
}

/* One trial: the rows of one test (a list of records), changed. */
static inline void hostile_trial(const struct lab *lab, size_t trial, const json_t *records) {
    struct hostile_random random = {{(unsigned short)trial, (unsigned short)(trial >> 16), 0x4e4c}};
    json_t *cases = json_deep_copy(records);
    assert_non_null(cases);
    for (size_t n = 1 + hostile_below(&random, 4); n > 0 && json_array_size(cases) > 0; n--) {
        json_t *record = json_array_get(cases, hostile_below(&random, json_array_size(cases)));
        hostile_change(record, &random);
        if (hostile_below(&random, 10) == 0)
            hostile_more(cases, record, &random);
    }
    hostile_ask(lab, trial, cases);
    json_decref(cases);
}

#endif

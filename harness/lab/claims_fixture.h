/*
 * claims_fixture.h: every claim of a lab tested on made-up rows. A lab's claims_test.c is
 *
 *     #include "harness/lab/claims_fixture.h"
 *
 *     int main(void) {
 *         return claims_test(&lab, "labs/01-float-staging/claims_test.jsonl", NULL);
 *     }
 *
 * Each line of the file is one test (a line that starts with # is a comment):
 *
 *     {"claim":"S2", "want":"confirmed", "name":"what this shows", "rows":[CASE, …],
 *      "held":3, "against":0, "open":0, "broken":false,
 *      "range":"part of it", "statement":"part of it", "reason":…, "control":…,
 *      "numbers":{"part of what a row under the statement is of":1.5, …}}
 *
 * Only claim, want, name and rows are needed. A CASE is a record in short form: {"id":…,
 * "device":"cpu", "params":{…}, "counters":{"over plain":[1.2, 1.1, 1.3]}, "plan":{…},
 * "bench":{"median":[1, 0.9, 1.1]}, "cells":[{…}, …], "series":{"time":[…], "measured":["3f80"]},
 * "copies":5}; three numbers are value, low and high.
 *
 * Fails as well if a claim lacks a test for one of confirmed, refuted and bounded, if a statement
 * is too long, or if a check does not stand rows that were tampered with (claims_hostile.h).
 */
#ifndef NANOLAB_HARNESS_CLAIMS_FIXTURE_H
#define NANOLAB_HARNESS_CLAIMS_FIXTURE_H

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "harness/error.h"
#include "harness/lab/claims.h"
#include "harness/lab/claims_hostile.h"
#include "harness/lab/lab.h"
#include "harness/page/home.h"
#include "harness/store/build_info.h"

struct claims_case {
    const struct lab *lab;
    json_t *test;
};

static inline json_t *claims_ratio(const json_t *three) {
    return json_pack("{s:O, s:O, s:O}", "value", json_array_get(three, 0), "low",
                     json_array_get(three, 1), "high", json_array_get(three, 2));
}

/* A group of the short form, three numbers made one ratio. */
static inline json_t *claims_group(const json_t *group) {
    json_t *out = json_object(), *value;
    const char *name;
    json_object_foreach((json_t *)group, name, value) {
        if (json_is_array(value))
            json_object_set_new(out, name, claims_ratio(value));
        else
            json_object_set(out, name, value);
    }
    return out;
}

static inline json_t *claims_bench(const json_t *bench) {
    json_t *out = json_copy((json_t *)bench);
    const json_t *median = json_object_get(bench, "median");
    if (json_is_array(median)) {
        json_object_set(out, "low", json_array_get(median, 1));
        json_object_set(out, "high", json_array_get(median, 2));
        json_object_set(out, "median", json_array_get(median, 0));
    }
    return out;
}

static inline json_t *claims_series(const json_t *series) {
    json_t *out = json_array(), *values;
    const char *name;
    json_object_foreach((json_t *)series, name, values) {
        const char *kind = json_is_string(json_array_get(values, 0)) ? "bits" : "real";
        json_array_append_new(out, json_pack("{s:s, s:s, s:s, s:I, s:O}", "name", name, "unit", "1",
                                             "kind", kind, "n", (json_int_t)json_array_size(values),
                                             "values", values));
    }
    return out;
}

static inline json_t *claims_record(const json_t *short_form) {
    const json_t *device = json_object_get(short_form, "device");
    json_t *record =
        json_pack("{s:O, s:o, s:o, s:o, s:o}", "id", json_object_get(short_form, "id"), "params",
                  claims_group(json_object_get(short_form, "params")), "counters",
                  claims_group(json_object_get(short_form, "counters")), "series",
                  claims_series(json_object_get(short_form, "series")), "device",
                  device ? json_incref((json_t *)device) : json_string("cpu"));
    assert_non_null(record);
    if (json_object_get(short_form, "plan"))
        json_object_set(record, "plan", json_object_get(short_form, "plan"));
    if (json_object_get(short_form, "bench"))
        json_object_set_new(record, "bench", claims_bench(json_object_get(short_form, "bench")));
    const json_t *cells = json_object_get(short_form, "cells");
    if (cells) {
        json_t *rows = json_array();
        for (size_t k = 0; k < json_array_size(cells); k++)
            json_array_append_new(rows, claims_group(json_array_get(cells, k)));
        json_object_set_new(record, "rows", rows);
    }
    return record;
}

/* Numbers under the statement: exactly one has this part in its name, and has this value. */
static inline void claims_numbers(const json_t *test, const struct finding *f) {
    const char *part;
    json_t *want, *is;
    size_t k;
    json_object_foreach(json_object_get(test, "numbers"), part, want) {
        size_t found = 0;
        double value = NAN;
        json_array_foreach(f->numbers, k, is) {
            if (!strstr(json_string_value(json_object_get(is, "what")), part))
                continue;
            found++;
            value = json_number_value(json_object_get(is, "value"));
        }
        if (found != 1 || value != json_number_value(want))
            fail_msg("%zu numbers of \"%s\", the last %g, and not one of %g", found, part, value,
                     json_number_value(want));
    }
}

/* The records of one test's rows. */
static inline json_t *claims_records(const json_t *test) {
    json_t *cases = json_array();
    const json_t *given = json_object_get(test, "rows");
    for (size_t k = 0; k < json_array_size(given); k++) {
        const json_t *it = json_array_get(given, k), *copies = json_object_get(it, "copies");
        for (json_int_t c = 0; c < (copies ? json_integer_value(copies) : 1); c++)
            json_array_append_new(cases, claims_record(it));
    }
    return cases;
}

static inline void claims_text(const json_t *test, const char *name, const char *is) {
    const char *part = json_string_value(json_object_get(test, name));
    if (part && !strstr(is, part))
        fail_msg("%s is \"%s\", without \"%s\"", name, is, part);
}

static inline void claims_count(const json_t *test, const char *name, uint64_t is) {
    const json_t *want = json_object_get(test, name);
    if (want && (uint64_t)json_integer_value(want) != is)
        fail_msg("%s is %llu, not %lld", name, (unsigned long long)is,
                 (long long)json_integer_value(want));
}

static inline void claims_run_one(void **state) {
    const struct claims_case *one = *state;
    const char *id = json_string_value(json_object_get(one->test, "claim"));
    const char *want = json_string_value(json_object_get(one->test, "want"));
    const struct claim *claim = NULL;
    for (size_t k = 0; k < one->lab->claim_count; k++)
        if (strcmp(one->lab->claims[k].id, id) == 0)
            claim = &one->lab->claims[k];
    if (!claim)
        fail_msg("the lab has no claim %s", id);
    json_t *cases = claims_records(one->test);
    struct rows rows;
    struct finding finding = {0};
    assert_int_equal(rows_from(cases, &rows), 0);
    claim->check(&rows, &finding);
    rows_free(&rows);
    json_t *entry = claims_entry(claim, "cpu", &finding);
    if (!entry)
        fail_msg("%s", error_text());
    json_decref(entry);
    if (strcmp(claims_verdict_name(finding.verdict), want) != 0)
        fail_msg("%s: held %llu, against %llu, open %llu; \"%s\" range \"%s\" reason \"%s\"",
                 claims_verdict_name(finding.verdict), (unsigned long long)finding.held,
                 (unsigned long long)finding.against, (unsigned long long)finding.open,
                 finding.statement, finding.range, finding.reason);
    claims_count(one->test, "held", finding.held);
    claims_count(one->test, "against", finding.against);
    claims_count(one->test, "open", finding.open);
    assert_int_equal(finding.broken, json_is_true(json_object_get(one->test, "broken")));
    claims_text(one->test, "range", finding.range);
    claims_text(one->test, "statement", finding.statement);
    claims_text(one->test, "reason", finding.reason);
    claims_text(one->test, "control", finding.control);
    claims_numbers(one->test, &finding);
    json_decref(finding.evidence);
    json_decref(finding.numbers);
    json_decref(cases);
}

/* Every claim has a test for each verdict that a measurement can come to. */
static inline void claims_are_covered(void **state) {
    static const char *const verdicts[] = {"confirmed", "refuted", "bounded"};
    const struct claims_case *all = *state;
    for (size_t k = 0; k < all->lab->claim_count; k++)
        for (size_t v = 0; v < 3; v++) {
            bool found = false;
            for (size_t i = 0; i < json_array_size(all->test); i++) {
                json_t *test = json_array_get(all->test, i);
                found = found || (strcmp(json_string_value(json_object_get(test, "claim")),
                                         all->lab->claims[k].id) == 0 &&
                                  strcmp(json_string_value(json_object_get(test, "want")),
                                         verdicts[v]) == 0);
            }
            if (!found)
                fail_msg("claim %s has no test that ends %s", all->lab->claims[k].id, verdicts[v]);
        }
}

/* Where a lab says which code its cases run, it does so for each claim, and the code is there. */
static inline void claims_name_their_kernels(void **state) {
    const struct lab *lab = ((const struct claims_case *)*state)->lab;
    for (size_t k = 0; lab->kernel_count > 0 && k < lab->claim_count; k++)
        for (const char *cases = lab->claims[k].cases; *cases;) {
            size_t length = strcspn(cases, " "), i = 0;
            while (i < lab->kernel_count &&
                   strncmp(cases, lab->kernels[i].cases, strlen(lab->kernels[i].cases)) != 0)
                i++;
            if (i == lab->kernel_count)
                fail_msg("%.*s: no line of the lab's kernels", (int)length, cases);
            cases += length + (cases[length] == ' ');
        }
    for (size_t i = 0; i < lab->kernel_count; i++)
        for (const char *code = lab->kernels[i].code; *code;) {
            size_t length = strcspn(code, " "), k = 0;
            while (build_kernels[k].name && strncmp(build_kernels[k].name, code, length) != 0)
                k++;
            if (!build_kernels[k].name)
                fail_msg("%.*s: no kernel begins so", (int)length, code);
            code += length + (code[length] == ' ');
        }
}

/* The rows of each test in turn. */
static inline void claims_stand_hostile_rows(void **state) {
    const struct claims_case *all = *state;
    signal(SIGPROF, hostile_late);
    for (size_t trial = 0; trial < HOSTILE_TRIALS; trial++) {
        json_t *test = json_array_get(all->test, trial % json_array_size(all->test));
        json_t *records = claims_records(test);
        hostile_trial(all->lab, trial, records);
        json_decref(records);
    }
}

static inline int claims_read(const char *file, json_t *tests) {
    char home[4096], path[4400], *line = NULL;
    size_t room = 0, number = 0;
    int bad = home_find(home, sizeof home);
    snprintf(path, sizeof path, "%s/%s", bad ? "." : home, file);
    FILE *in = fopen(path, "r");
    while (in && getline(&line, &room, in) > 0) {
        json_error_t error;
        number++;
        if (*line == '#' || *line == '\n')
            continue;
        json_t *test = json_loads(line, 0, &error);
        if (!test || !json_is_string(json_object_get(test, "claim")) ||
            !json_is_string(json_object_get(test, "want")) ||
            !json_is_string(json_object_get(test, "name"))) {
            fprintf(stderr, "%s:%zu: %s\n", file, number,
                    test ? "no claim, want or name" : error.text);
            return -1;
        }
        json_array_append_new(tests, test);
    }
    free(line);
    if (!in)
        fprintf(stderr, "%s: cannot be read\n", path);
    return in ? fclose(in) : -1;
}

/* Runs the tests of all files (NULL ends the list); the exit status. */
__attribute__((sentinel)) static inline int claims_test(const struct lab *lab, ...) {
    json_t *tests = json_array();
    va_list files;
    va_start(files, lab);
    int unread = 0;
    for (const char *file; unread == 0 && (file = va_arg(files, const char *));)
        unread = claims_read(file, tests);
    va_end(files);
    if (unread != 0)
        return 1;
    size_t n = json_array_size(tests);
    struct CMUnitTest *units = calloc(n + 3, sizeof *units);
    struct claims_case *cases = calloc(n + 1, sizeof *cases);
    char(*names)[200] = calloc(n + 1, sizeof *names);
    for (size_t k = 0; k < n; k++) {
        json_t *test = json_array_get(tests, k);
        cases[k] = (struct claims_case){lab, test};
        snprintf(names[k], sizeof *names, "%s %s: %s",
                 json_string_value(json_object_get(test, "claim")),
                 json_string_value(json_object_get(test, "want")),
                 json_string_value(json_object_get(test, "name")));
        units[k] = (struct CMUnitTest){names[k], claims_run_one, NULL, NULL, &cases[k]};
    }
    cases[n] = (struct claims_case){lab, tests};
    units[n] = (struct CMUnitTest){"every claim is tested for each verdict", claims_are_covered,
                                   NULL, NULL, &cases[n]};
    units[n + 1] = (struct CMUnitTest){"every check stands rows that were tampered with",
                                       claims_stand_hostile_rows, NULL, NULL, &cases[n]};
    units[n + 2] = (struct CMUnitTest){"the kernels of all claims are named",
                                       claims_name_their_kernels, NULL, NULL, &cases[n]};
    /* The count is not known to the compiler, so the macro of cmocka does not do. */
    int status = _cmocka_run_group_tests("claims", units, n + 3, NULL, NULL);
    free(units);
    free(cases);
    free(names);
    json_decref(tests);
    return status;
}

#endif

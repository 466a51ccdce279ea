/*
 * result_fixture.h: for the tests of result folders: a private folder, a lab of two claims, and a
 * sweep whose cases are a function of their number alone.
 */
#ifndef NANOLAB_HARNESS_RESULT_FIXTURE_H
#define NANOLAB_HARNESS_RESULT_FIXTURE_H

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "harness/lab/run.h"
#include "harness/store/folder.h"
#include "harness/store/result.h"

#define FIXTURE_LAB "42-fixture"
#define FIXTURE_CASES 12

struct fixture {
    char root[64]; /* private, removed at the end */
    char dir[128]; /* the result folder in it */
    char lab[160]; /* its lab's folder */
    char journal[192];
    struct device *cpu;
    struct lab_run run;
};

static const struct claim fixture_claims[] = {{.id = "X1", .statement = "one is one"},
                                              {.id = "X2", .statement = "two is two"}};
static const struct quantity fixture_quantities[] = {{"n", "1", "which case"},
                                                     {"plan", "", "words"},
                                                     {"threads", "1", "that measure"},
                                                     {"bytes_per_second", "bytes/s", "a rate"},
                                                     {"roof fraction", "1", "of a roof"}};
static const struct lab fixture_lab = {.number = 42,
                                       .name = "fixture",
                                       .claims = fixture_claims,
                                       .claim_count = 2,
                                       .quantities = fixture_quantities,
                                       .quantity_count = 5};

static inline int fixture_begin(struct fixture *f) {
    memset(f, 0, sizeof *f);
    snprintf(f->root, sizeof f->root, "/tmp/nanolab-test-XXXXXX");
    if (!mkdtemp(f->root) || device_open(&f->cpu, DEVICE_CPU, 0) != 0)
        return -1;
    snprintf(f->dir, sizeof f->dir, "%.63s/run", f->root);
    snprintf(f->lab, sizeof f->lab, "%.127s/" FIXTURE_LAB, f->dir);
    snprintf(f->journal, sizeof f->journal, "%s/cases.jsonl", f->lab);
    f->run.lab = &fixture_lab;
    f->run.mode = LAB_QUICK;
    f->run.seed = UINT64_MAX;
    f->run.bits[0] = f->run.time[0] = f->cpu;
    f->run.bits_count = f->run.time_count = 1;
    return 0;
}

static inline void fixture_end(struct fixture *f) {
    char command[256];
    result_close(f->run.result);
    device_close(f->cpu);
    snprintf(command, sizeof command, "chmod -R u+rwx %.63s; rm -rf %.63s", f->root, f->root);
    if (system(command) != 0)
        fprintf(stderr, "%s: cannot be removed\n", f->root);
}

static inline struct result_setup fixture_setup(const struct fixture *f) {
    static char *const argv[] = {"/home/somebody/labs/42-fixture", "--out=/home/somebody/r",
                                 "--label", "a/b", "--quick"};
    return (struct result_setup){.dir = f->dir,
                                 .lab = &fixture_lab,
                                 .mode = f->run.mode,
                                 .seed = f->run.seed,
                                 .bits = f->run.bits,
                                 .bits_count = f->run.bits_count,
                                 .time = f->run.time,
                                 .time_count = f->run.time_count,
                                 .label = "a/b",
                                 .argc = 5,
                                 .argv = argv};
}

static inline int fixture_open(struct fixture *f, enum result_entry how) {
    struct result_setup setup = fixture_setup(f);
    f->run.error[0] = '\0';
    return result_open(&f->run.result, how, &setup);
}

static inline void fixture_close(struct fixture *f) {
    result_close(f->run.result);
    f->run.result = NULL;
}

/* Records case k, unless it is there already. Every third case has a side file. */
static inline int fixture_case(struct fixture *f, int k) {
    struct lab_case *c = lab_case_begin(&f->run, "cpu", "42/case/n=%d", k);
    if (!c)
        return f->run.error[0] ? -1 : 0;
    size_t n = k % 3 == 2 ? 10001 : 5;
    uint64_t *bits = malloc(n * sizeof *bits);
    double seconds[3] = {1e-3 * (k + 1), 2e-3, 3e-3};
    for (size_t i = 0; i < n; i++)
        bits[i] = (uint32_t)(i * 2654435761u + (unsigned)k);
    case_param_int(c, "n", k);
    case_param_text(c, "plan", "block=\xe2\x88\x9e");
    case_counter(c, "bytes_per_second", k == 1 ? 1.0 / 0.0 : 1e9 + k);
    case_series_time(c, "time", seconds, 3);
    case_series_bits(c, "measured", 32, bits, n);
    free(bits);
    return lab_case_end(c);
}

static inline int fixture_sweep(struct fixture *f, int cases) {
    for (int k = 0; k < cases; k++)
        if (fixture_case(f, k) != 0)
            return -1;
    return 0;
}

static inline int fixture_finish(struct fixture *f) {
    for (size_t i = 0; i < fixture_lab.claim_count; i++) {
        struct finding finding = {.verdict = VERDICT_CONFIRMED, .held = 3, .settled = true};
        snprintf(finding.statement, sizeof finding.statement, "it holds in %d of %d", 3, 3);
        finding.evidence = json_pack("[s]", "42/case/n=0");
        if (result_claim(f->run.result, &fixture_claims[i], "cpu", &finding) != 0)
            return -1;
    }
    return result_finish(f->run.result);
}

/* A whole run. */
static inline int fixture_run(struct fixture *f) {
    int status = fixture_open(f, RESULT_NEW);
    if (status == 0)
        status = fixture_sweep(f, FIXTURE_CASES);
    if (status == 0)
        status = fixture_finish(f);
    fixture_close(f);
    return status;
}

/* --- files --- */

static inline char *fixture_read(const char *path, size_t *size) {
    FILE *file = fopen(path, "rb");
    char *text = NULL;
    *size = 0;
    if (!file)
        return NULL;
    fseek(file, 0, SEEK_END);
    *size = (size_t)ftell(file);
    rewind(file);
    text = malloc(*size + 1);
    if (text && fread(text, 1, *size, file) == *size)
        text[*size] = '\0';
    fclose(file);
    return text;
}

static inline int fixture_write(const char *path, const char *text, size_t size) {
    FILE *file = fopen(path, "wb");
    int bad = !file || fwrite(text, 1, size, file) != size;
    if (file)
        bad = fclose(file) != 0 || bad;
    return bad ? -1 : 0;
}

/* Replaces the first `from` of a file by `to`; -1 if it is not there. */
static inline int fixture_replace(const char *path, const char *from, const char *to) {
    size_t size;
    char *text = fixture_read(path, &size), *at = text ? strstr(text, from) : NULL;
    int status = -1;
    if (at) {
        size_t after = size - (size_t)(at - text) - strlen(from);
        char *changed = malloc(size + strlen(to) + 1);
        memcpy(changed, text, (size_t)(at - text));
        memcpy(changed + (at - text), to, strlen(to));
        memcpy(changed + (at - text) + strlen(to), at + strlen(from), after);
        status = fixture_write(path, changed, (size_t)(at - text) + strlen(to) + after);
        free(changed);
    }
    free(text);
    return status;
}

#endif

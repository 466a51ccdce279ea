/*
 * compare_foreign_fixture.h: for the tests of sides from files: writing them, and what is expected
 * of them.
 */
#ifndef NANOLAB_HARNESS_COMPARE_FOREIGN_FIXTURE_H
#define NANOLAB_HARNESS_COMPARE_FOREIGN_FIXTURE_H

#include "harness/compare/compare_fixture.h"
#include "harness/compare/compare_foreign_inside.h"
#include "harness/text.h"

#define PATH 128

static inline void file_of(const struct two *t, const char *name, char path[PATH]) {
    snprintf(path, PATH, "%.60s/%.60s", t->f.root, name);
}

static inline void write_text(const struct two *t, const char *name, const char *text) {
    char path[PATH];
    file_of(t, name, path);
    assert_int_equal(fixture_write(path, text, strlen(text)), 0);
}

/* ' stands for ". */
static inline void write_json(const struct two *t, const char *name, const char *text) {
    char *copy = strdup(text);
    for (char *at = copy; (at = strchr(at, '\''));)
        *at = '"';
    write_text(t, name, copy);
    free(copy);
}

static inline void open_side(struct two *t, int which, const char *name) {
    char path[PATH];
    file_of(t, name, path);
    if (compare_side_open(&t->side[which], path) != 0)
        fail_msg("%s", error_text());
}

static inline void expect_refused(struct two *t, const char *name, const char *words) {
    char path[PATH];
    file_of(t, name, path);
    if (compare_side_open(&t->side[0], path) == 0)
        fail_msg("nobody noticed: %s", words);
    if (!strstr(error_text(), words))
        fail_msg("expected \"%s\" in: %s", words, error_text());
    compare_side_close(&t->side[0]);
}

static inline double time_of(const struct two *t, const char *id, const char *device) {
    for (size_t k = 0; k < t->side[0].count; k++) {
        const struct compare_case *c = &t->side[0].cases[k];
        if (strcmp(c->id, id) == 0 && strcmp(c->device, device) == 0) {
            assert_int_equal(c->timed, 1);
            return c->times[0].median;
        }
    }
    fail_msg("no %s on %s", id, device);
    return NAN;
}

static inline void expect_note(const struct two *t, const char *words) {
    json_t *note;
    size_t k;
    json_array_foreach(t->side[0].notes, k, note) {
        if (strstr(json_string_value(note), words))
            return;
    }
    fail_msg("no note \"%s\"", words);
}

/* Of Google Benchmark's JSON, with ' for ". */
#define GOOGLE "{'context':{'date':'today','host_name':'h','executable':'./bin/bm'},'benchmarks':["
#define RUN(name, time) "{'name':'" name "','run_type':'iteration','real_time':" time ","
#define NS "'time_unit':'ns'}"

#endif

/*
 * compare_forged_fixture.h: for tests of comparisons: two sides of one session each, whose journals
 * are written line by line.
 */
#ifndef NANOLAB_HARNESS_COMPARE_FORGED_FIXTURE_H
#define NANOLAB_HARNESS_COMPARE_FORGED_FIXTURE_H

#include "harness/compare/compare.h"
#include "harness/store/forge_fixture.h"

struct two {
    struct fixture f[2];
    struct compare_side side[2];
    struct compare c;
};

static inline int two_setup(void **state) {
    struct two *t = calloc(1, sizeof *t);
    *state = t;
    for (int k = 0; t && k < 2; k++) {
        if (fixture_begin(&t->f[k]) != 0 || fixture_open(&t->f[k], RESULT_NEW) != 0)
            return -1;
        fixture_close(&t->f[k]);
        forge_complete(&t->f[k], false);
    }
    return t ? 0 : -1;
}

static inline int two_teardown(void **state) {
    struct two *t = *state;
    fixture_end(&t->f[0]);
    fixture_end(&t->f[1]);
    free(t);
    return 0;
}

/* A copy in which each \' is a ". */
static inline char *quoted(const char *text) {
    char *own = strdup(text);
    for (char *at = own; (at = strchr(at, '\''));)
        *at = '"';
    return own;
}

#endif

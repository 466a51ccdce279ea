/*
 * class_machines.c: the students' machines beside each other (class.h). A machine is a side of a
 * comparison, and its students are that side's sessions: what is comparable, and what differs, is
 * for compare.h to say.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness/class/class.h"
#include "harness/compare/compare_question.h"
#include "harness/error.h"

static int open_machine(const struct class *c, size_t machine, struct compare_side *side) {
    const char *paths[COMPARE_SESSIONS_MOST];
    char name[40];
    size_t count = 0;
    for (size_t k = 0; k < c->count && count < COMPARE_SESSIONS_MOST; k++)
        if (c->students[k].machine == machine)
            paths[count++] = c->students[k].path;
    snprintf(name, sizeof name, "machine %c", (char)('A' + machine));
    return compare_side_open_list(side, name, paths, count);
}

/* Whether all students of the two machines had the same data. */
static bool same_seed(const struct class *c, size_t a, size_t b) {
    const char *seed = NULL;
    for (size_t k = 0; k < c->count; k++) {
        const struct class_student *s = &c->students[k];
        if (s->machine != a && s->machine != b)
            continue;
        if (seed && strcmp(seed, s->seed) != 0)
            return false;
        seed = s->seed;
    }
    return true;
}

/* Of other data, other bits are no wonder. */
static void forget_bits(struct compare *c) {
    c->bits_equal = c->bits_differ = c->bits_vary = c->bits_arrival = 0;
    c->questions->wrong = 0;
}

int class_compare(const struct class *c, struct class_compared *out) {
    const struct compare_rule rule = compare_rule_default();
    size_t machines = c->machine_count < COMPARE_SIDES_MOST ? c->machine_count : COMPARE_SIDES_MOST;
    memset(out, 0, sizeof *out);
    if (machines < 2) {
        snprintf(out->why_not, sizeof out->why_not,
                 "All results are of one machine: there is nothing to compare");
        return 0;
    }
    out->sides = calloc(machines, sizeof *out->sides);
    out->list = calloc(machines, sizeof *out->list);
    int status = out->sides && out->list ? 0 : error_set("out of memory; close other programs");
    for (size_t k = 0; status == 0 && k < machines; k++)
        status = open_machine(c, k, &out->sides[k]);
    for (size_t k = 1; status == 0 && k < machines; k++) {
        out->count = k;
        status = compare_open(&out->list[k - 1], &out->sides[0], &out->sides[k], &rule, NULL);
        if (status == 0 && !same_seed(c, 0, k)) {
            forget_bits(&out->list[k - 1]);
            out->seeds = true;
        }
    }
    return status;
}

void class_compared_close(struct class_compared *out) {
    for (size_t k = 0; k < out->count; k++)
        compare_close(&out->list[k]);
    for (size_t k = 0; out->sides && k < out->count + 1; k++)
        compare_side_close(&out->sides[k]);
    free(out->sides);
    free(out->list);
    memset(out, 0, sizeof *out);
}

/*
 * compare_pick.c: what is listed of a comparison (compare_pick.h).
 */
#include "harness/compare/compare_pick.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

bool compare_is_timed(const struct compare_pair *p) {
    return p->times.reason != COMPARE_NO_TIME;
}

double compare_time(const struct compare_case *c) {
    double sum = 0;
    for (size_t k = 0; k < c->timed; k++)
        sum += log(c->times[k].median);
    return exp(sum / (double)c->timed);
}

/* --- fields ------------------------------------------------------------------------------------
 */

static void add_field(struct compare_fields *fields, const struct compare_pair *p) {
    for (size_t k = 0; k < fields->count; k++)
        if (strcmp(fields->list[k].name, p->field) == 0) {
            fields->list[k].count++;
            return;
        }
    if (fields->count == COMPARE_FIELDS)
        fields->left_out++;
    else
        fields->list[fields->count++] = (struct compare_field){p->field, 1, p->first};
}

static int by_count(const void *a, const void *b) {
    const struct compare_field *x = a, *y = b;
    return x->count != y->count ? (x->count < y->count) - (x->count > y->count)
                                : strcmp(x->name, y->name);
}

struct compare_fields compare_fields(const struct compare *c) {
    struct compare_fields fields = {.count = 0};
    for (size_t k = 0; k < c->count; k++) {
        const struct compare_pair *p = &c->pairs[k];
        if (p->times.reason == COMPARE_FIELD)
            add_field(&fields, p);
    }
    qsort(fields.list, fields.count, sizeof *fields.list, by_count);
    return fields;
}

/* --- cases -------------------------------------------------------------------------------------
 */

static int by_size(const void *a, const void *b) {
    const struct compare_pair *x = *(const struct compare_pair *const *)a;
    const struct compare_pair *y = *(const struct compare_pair *const *)b;
    double p = fabs(log(x->times.ratio.value)), q = fabs(log(y->times.ratio.value));
    return p != q ? (p < q) - (p > q) : strcmp(x->first->id, y->first->id);
}

const struct compare_pair **compare_pick(const struct compare *c, enum compare_verdict verdict,
                                         size_t *count) {
    const struct compare_pair **list = malloc((c->count + 1) * sizeof *list);
    *count = 0;
    if (!list)
        return NULL;
    for (size_t k = 0; k < c->count; k++)
        if (c->pairs[k].times.verdict == verdict && c->pairs[k].times.reason == COMPARE_APART)
            list[(*count)++] = &c->pairs[k];
    qsort(list, *count, sizeof *list, by_size);
    return list;
}

/* As compare_times.c bounds it. */
#define MORE_MOST 1024

void compare_ambiguous(const struct compare *c, struct compare_open_cases *of) {
    size_t needed[COMPARE_REASON_COUNT][MORE_MOST] = {{0}}; /* cases, by how many more */
    memset(of, 0, COMPARE_REASON_COUNT * sizeof *of);
    for (size_t k = 0; k < c->count; k++) {
        const struct compare_times *t = &c->pairs[k].times;
        if (t->verdict != COMPARE_AMBIGUOUS || !compare_is_timed(&c->pairs[k]))
            continue;
        of[t->reason].count++;
        needed[t->reason][t->more < MORE_MOST ? t->more : MORE_MOST - 1]++;
    }
    for (size_t r = 0; r < COMPARE_REASON_COUNT; r++) {
        size_t known = of[r].count - needed[r][0], seen = 0;
        for (size_t more = 1; more < MORE_MOST; more++) {
            seen += needed[r][more];
            if (of[r].half == 0 && known > 0 && 2 * seen >= known)
                of[r].half = more;
            if (needed[r][more] > 0)
                of[r].most = more;
        }
    }
}

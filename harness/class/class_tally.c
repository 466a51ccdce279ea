/*
 * class_tally.c: one question over all students (class.h).
 */
#include <math.h>
#include <stdlib.h>

#include "harness/class/class.h"

static int by_value(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

double class_median(double *list, size_t n) {
    if (n == 0)
        return NAN;
    qsort(list, n, sizeof *list, by_value);
    double low = list[(n - 1) / 2], high = list[n / 2];
    return low == high ? low : (low + high) / 2; /* also of two infinities */
}

struct class_tally class_tally_of(const struct class *c, size_t lab, size_t question) {
    const struct question *q = &c->labs[lab].questions.list[question];
    struct class_tally t = {.factor = NAN, .low = NAN, .median = NAN, .high = NAN};
    double factors[CLASS_STUDENTS_MOST], values[CLASS_STUDENTS_MOST];
    size_t count = 0;
    for (size_t k = 0; k < c->count; k++) {
        const struct class_student *s = &c->students[k];
        const struct scores_row *row = class_row(s, lab, q->id);
        const struct measured *m = s->labs[lab] ? &s->labs[lab]->measured[question] : NULL;
        if (m && m->state == MEASURED) {
            values[t.measured++] = m->value;
        }
        if (!row)
            continue;
        t.asked++;
        t.counts[row->scored.score]++;
        t.scored += row->scored.score != SCORE_NO_ANSWER && row->scored.score != SCORE_NOT_MEASURED;
        if (!isnan(row->scored.factor))
            factors[count++] = row->scored.factor;
    }
    t.factor = class_median(factors, count);
    if (q->unit && t.measured) {
        t.median = class_median(values, t.measured);
        t.low = values[0];
        t.high = values[t.measured - 1];
    }
    return t;
}

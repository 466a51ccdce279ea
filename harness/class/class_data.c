/*
 * class_data.c: the table behind a question's plot (class_page.h). It holds numbers and our own
 * words; of a student nothing but the number.
 */
#define _GNU_SOURCE
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "harness/class/class_page.h"
#include "harness/error.h"

bool class_has_dots(const struct class *c, size_t lab, size_t question) {
    const struct question *q = &c->labs[lab].questions.list[question];
    if (!q->unit)
        return false;
    for (size_t k = 0; k < c->count; k++) {
        const struct scores_row *row = class_row(&c->students[k], lab, q->id);
        if (row && row->guess.kind == GUESS_NUMBER)
            return true;
    }
    return false;
}

/* A student's place in the plot: from the least that was said to the most. */
struct dot {
    const struct class_student *student;
    const struct scores_row *row;    /* NULL: said nothing */
    const struct measured *measured; /* NULL: not measured */
    double middle;
};

static int by_middle(const void *a, const void *b) {
    const struct dot *x = a, *y = b;
    if (x->middle != y->middle)
        return x->middle > y->middle ? 1 : -1;
    return x->student->number > y->student->number ? 1 : -1;
}

static size_t gather(const struct class *c, size_t lab, size_t question, struct dot *dots) {
    const struct question *q = &c->labs[lab].questions.list[question];
    size_t count = 0;
    for (size_t k = 0; k < c->count; k++) {
        const struct class_student *s = &c->students[k];
        const struct scores_row *row = class_row(s, lab, q->id);
        const struct measured *m = s->labs[lab] ? &s->labs[lab]->measured[question] : NULL;
        if (row && row->guess.kind != GUESS_NUMBER)
            row = NULL;
        if (m && m->state != MEASURED)
            m = NULL;
        if (row)
            dots[count++] = (struct dot){s, row, m, sqrt(row->guess.low * row->guess.high)};
    }
    qsort(dots, count, sizeof *dots, by_middle);
    return count;
}

/* Where a number of 0 stands on the logarithmic axis: left of all others. */
static double floor_of(const struct dot *dots, size_t count) {
    double least = INFINITY;
    for (size_t k = 0; k < count; k++) {
        const double numbers[] = {dots[k].row->guess.low, dots[k].row->guess.high,
                                  dots[k].measured ? dots[k].measured->low : 0,
                                  dots[k].measured ? dots[k].measured->value : 0};
        for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
            least = numbers[i] > 0 && numbers[i] < least ? numbers[i] : least;
    }
    return isfinite(least) ? least / 3 : 1;
}

static const char *mark_of(enum score score) {
    switch (score) {
    case SCORE_RIGHT:
        return "right";
    case SCORE_NEAR:
        return "close";
    case SCORE_WIDE:
    case SCORE_OPEN:
        return "wide";
    case SCORE_OFF:
        return "surprised";
    default:
        return "unmeasured";
    }
}

static void row_of(const struct dot *dot, size_t place, double floor, FILE *out) {
    const struct guess *g = &dot->row->guess;
    const struct measured *m = dot->measured;
    double low = fmax(g->low, floor), high = fmax(g->high, floor);
    fprintf(out, "%zu\t%zu\t%.6g\t%.6g\t%.6g\t%s", place, dot->student->number, low, high,
            sqrt(low * high), mark_of(dot->row->scored.score));
    if (m)
        fprintf(out, "\t%.6g\t%.6g\t%.6g\n", fmax(m->value, floor), fmax(m->low, floor),
                fmax(m->high, floor));
    else
        fputs("\t\t\t\n", out);
}

int class_data(const struct class *c, size_t lab, size_t question, const struct folder *folder) {
    struct dot *dots = calloc(c->count + 1, sizeof *dots);
    char *text = NULL;
    size_t size = 0;
    FILE *out = dots ? open_memstream(&text, &size) : NULL;
    if (!out) {
        free(dots);
        return error_set("out of memory; close other programs");
    }
    size_t count = gather(c, lab, question, dots);
    double floor = floor_of(dots, count);
    fputs("place\tstudent\tlow\thigh\tmiddle\tscore\tmeasured\tleast\tmost\n", out);
    for (size_t k = 0; k < count; k++)
        row_of(&dots[k], k + 1, floor, out);
    int status = fclose(out) == 0 ? folder_write(folder, "dots.tsv", text, size)
                                  : error_set("out of memory; close other programs");
    free(text);
    free(dots);
    return status;
}

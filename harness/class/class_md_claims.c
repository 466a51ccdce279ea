/*
 * class_md_claims.c: the machines of a class beside each other, and the claims' verdicts by number
 * of students, on its page (class_page.h).
 */
#define _GNU_SOURCE
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "harness/class/class_page.h"
#include "harness/compare/compare_page.h"
#include "harness/error.h"
#include "harness/page/claim_table.h"
#include "harness/page/escape.h"
#include "harness/page/report.h"
#include "harness/page/units.h"

/* --- machines ----------------------------------------------------------------------------------
 */

static const char *letter_of(size_t machine, char out[24]) {
    if (machine < COMPARE_SIDES_MOST)
        snprintf(out, 24, "%c", (char)('A' + machine));
    else
        snprintf(out, 24, "%zu", machine + 1);
    return out;
}

static void list(const struct class *c, FILE *out) {
    fputs("| machine | its devices | students | modes |\n|---|---|--:|---|\n", out);
    for (size_t m = 0; m < c->machine_count; m++) {
        char letter[24], modes[64] = "";
        for (size_t k = 0; k < c->count; k++) {
            size_t used = strlen(modes);
            if (c->students[k].machine == m && !strstr(modes, c->students[k].mode))
                snprintf(modes + used, sizeof modes - used, "%s%s", used ? ", " : "",
                         c->students[k].mode);
        }
        fprintf(out, "| %s | ", letter_of(m, letter));
        escape_inline(out, c->machines[m].devices);
        fprintf(out, " | %zu | ", c->machines[m].students);
        escape_inline(out, modes);
        fputs(" |\n", out);
    }
    fputc('\n', out);
}

/* What the students of a machine measured of a question: the median, and the least and most. */
static void cell(const struct class *c, size_t lab, size_t question, size_t machine, FILE *out) {
    const struct question *q = &c->labs[lab].questions.list[question];
    double values[CLASS_STUDENTS_MOST];
    char text[UNITS_TEXT];
    size_t count = 0;
    for (size_t k = 0; k < c->count; k++) {
        const struct class_student *s = &c->students[k];
        const struct measured *m = s->labs[lab] ? &s->labs[lab]->measured[question] : NULL;
        if (s->machine == machine && m && m->state == MEASURED && isfinite(m->value))
            values[count++] = m->value;
    }
    double median = class_median(values, count);
    fprintf(out, " %s |",
            count == 0
                ? "–"
                : units_interval(text, sizeof text, median, values[0], values[count - 1], q->unit));
}

static void numbers(const struct class *c, FILE *out) {
    size_t machines = c->machine_count < COMPARE_SIDES_MOST ? c->machine_count : COMPARE_SIDES_MOST;
    char letter[24];
    fputs("| measured |", out);
    for (size_t m = 0; m < machines; m++)
        fprintf(out, " %s |", letter_of(m, letter));
    fputs("\n|---|", out);
    for (size_t m = 0; m < machines; m++)
        fputs("---|", out);
    fputc('\n', out);
    for (size_t l = 0; l < c->lab_count; l++)
        for (size_t q = 0; q < c->labs[l].questions.count; q++) {
            if (!c->labs[l].questions.list[q].unit || !class_tally_of(c, l, q).measured)
                continue;
            fputs("| ", out);
            escape_inline(out, c->labs[l].questions.list[q].brief);
            fputs(" |", out);
            for (size_t m = 0; m < machines; m++)
                cell(c, l, q, m, out);
            fputc('\n', out);
        }
    fputs("\nThe median over a machine's students, and from the least to the most. What a question "
          "leaves open (how long the run was, which seed) may differ between students: the "
          "comparison below is of cases that are the same.\n\n",
          out);
}

static int compared(const struct class_compared *x, FILE *out) {
    if (!x || x->count == 0) {
        fprintf(out, "%s.\n\n", x && *x->why_not ? x->why_not : "They are not compared");
        return 0;
    }
    struct compare_page *page = calloc(1, sizeof *page); /* too large for a stack */
    if (!page)
        return -1;
    for (page->count = 0; page->count < x->count; page->count++) {
        page->sections[page->count].c = &x->list[page->count];
        page->sections[page->count].letter[0] = (char)('B' + page->count);
    }
    fputs("A machine's students are its sessions, and A is the machine that most have. Cases are "
          "compared by the rules of `nanolab compare`: those that did not measure the same are not "
          "compared, nor are times that were taken beside unlike load.\n\n",
          out);
    compare_markdown_headline(page, out);
    if (x->seeds)
        fputs("Where students' seeds differ, so do their data: there no bits are compared.\n\n",
              out);
    free(page);
    return 0;
}

int class_markdown_machines(const struct class_page *page, FILE *out) {
    fputs("## Machines\n\n", out);
    list(page->c, out);
    numbers(page->c, out);
    return compared(page->compared, out);
}

/* --- claims ------------------------------------------------------------------------------------
 */

/* A claim on a kind of device, over all students. */
struct said {
    const char *id, *claim;
    char kind[24];
    size_t marks[MARKS];
};
#define SAID_MOST 512

static struct said *said_of(struct said *list, size_t *count, const json_t *entry) {
    const char *id = claim_text(entry, "id"), *device = claim_text(entry, "device");
    size_t length = strcspn(device, ":");
    for (size_t k = 0; k < *count; k++)
        if (strcmp(list[k].id, id) == 0 && strlen(list[k].kind) == length &&
            strncmp(list[k].kind, device, length) == 0)
            return &list[k];
    if (*count == SAID_MOST || length >= sizeof list->kind)
        return NULL;
    struct said *s = &list[(*count)++];
    *s = (struct said){.id = id, .claim = claim_text(entry, "claim")};
    snprintf(s->kind, sizeof s->kind, "%.*s", (int)length, device);
    return s;
}

static size_t gather(const struct class *c, size_t lab, struct said *list) {
    size_t count = 0, i;
    for (size_t k = 0; k < c->count; k++) {
        const struct class_answers *a = c->students[k].labs[lab];
        const json_t *entry;
        json_array_foreach(a ? a->claims : NULL, i, entry) {
            struct said *s = said_of(list, &count, entry);
            if (s)
                s->marks[claim_mark(entry)]++;
        }
    }
    return count;
}

/* Rows of a claim stand together, in the order in which claims were met. */
static int by_place(const void *a, const void *b) {
    const struct said *x = a, *y = b;
    return strcmp(x->id, y->id) != 0 ? strverscmp(x->id, y->id) : strcmp(x->kind, y->kind);
}

static void claims_of(const struct class *c, size_t lab, struct said *list, FILE *out) {
    size_t count = gather(c, lab, list);
    if (count == 0)
        return;
    qsort(list, count, sizeof *list, by_place);
    fputs("### Lab ", out);
    escape_inline(out, c->labs[lab].name);
    fputs("\n\n| | claim | on |", out);
    for (int m = 0; m < MARKS; m++)
        fprintf(out, " %s |", report_sign((enum claim_mark)m));
    fputs("\n|---|---|---|--:|--:|--:|--:|--:|\n", out);
    for (size_t k = 0; k < count; k++) {
        fputs("| ", out);
        escape_inline(out, list[k].id);
        fputs(" | ", out);
        escape_inline(out, list[k].claim);
        fputs(" | ", out);
        escape_inline(out, list[k].kind);
        for (int m = 0; m < MARKS; m++)
            if (list[k].marks[m])
                fprintf(out, " | %zu", list[k].marks[m]);
            else
                fputs(" | ", out);
        fputs(" |\n", out);
    }
    fputc('\n', out);
}

void class_markdown_claims(const struct class_page *page, FILE *out) {
    struct said *list = calloc(SAID_MOST, sizeof *list);
    fputs("## The claims, by number of students\n\n", out);
    for (int m = 0; m < MARKS; m++)
        fprintf(out, "%s%s %s", m ? ", " : "", report_sign((enum claim_mark)m),
                claim_mark_words((enum claim_mark)m));
    fputs(".\n\n", out);
    for (size_t k = 0; list && k < page->c->lab_count; k++)
        claims_of(page->c, k, list, out);
    free(list);
}

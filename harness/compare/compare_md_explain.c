/*
 * compare_md_explain.c: a comparison's page: the cases that are explained, with their sessions and
 * a histogram of both sides' samples (compare_page.h). What comes from a side goes through
 * escape_inline().
 */
#define _GNU_SOURCE
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "harness/compare/compare_explain.h"
#include "harness/compare/compare_page.h"
#include "harness/compare/compare_pick.h"
#include "harness/error.h"
#include "harness/page/escape.h"
#include "harness/page/units.h"

#define SESSIONS_SHOWN 10
#define FIELDS_SHOWN 12

/* --- one case ----------------------------------------------------------------------------------
 */

static void verdict(const struct compare_section *s, const struct compare_explained *e, FILE *out) {
    const struct compare_times *t = &e->pair->times;
    const struct compare_rule *rule = &e->c->rule;
    char text[UNITS_TEXT];
    if (!compare_is_timed(e->pair) && e->pair->first->timed == e->pair->second->timed) {
        fputs("- No case of time: only its bits are compared.\n", out);
        return;
    }
    fprintf(out, "- **%s**", compare_verdict_name(t->verdict));
    if (isfinite(t->ratio.value))
        fprintf(
            out, ": %s takes %s the time of A", s->letter,
            units_interval(text, sizeof text, t->ratio.value, t->ratio.low, t->ratio.high, "x"));
    if (isfinite(e->pair->normalised.value))
        fprintf(out, "; each over its own roof, %s",
                units_number(text, sizeof text, e->pair->normalised.value, "x"));
    if (isfinite(t->medians))
        fprintf(out, "; by medians, %s", units_number(text, sizeof text, t->medians, "x"));
    fprintf(out, ".\n- Reason: *%s*, %s", compare_reason_name(t->reason),
            compare_reason_what(t->reason));
    if (t->reason == COMPARE_FIELD) {
        fputs(": ", out);
        escape_inline(out, e->pair->field);
    }
    if (t->reason == COMPARE_BUSY) {
        char says[COMPARE_LOADS_BYTES];
        fprintf(out, ": %s (`%s`)", compare_loads_say(&e->c->loads, s->letter, says),
                e->c->loads.field);
    }
    fprintf(out, ".\n- What to do: %s.\n", compare_reason_advice(t->reason));
    if (isfinite(t->chance)) {
        fprintf(out, "- The chance of so much between two equal sides is %.2g", t->chance);
        if (e->threshold >= 0)
            fprintf(out, "; among all cases here, at most %.2g stands out", e->threshold);
        fprintf(out, " (false discoveries: %.2g %%).\n", 100 * rule->rate);
    }
    if (t->more > 0)
        fprintf(out, "- %s%zu more sessions a side would make its interval as short as ±%.2g %%.\n",
                t->more > COMPARE_MORE_TOLD ? "Over " : "",
                t->more > COMPARE_MORE_TOLD ? (size_t)COMPARE_MORE_TOLD : t->more,
                100 * rule->same);
}

static void fields(const struct compare_section *s, const struct compare_explained *e, FILE *out) {
    struct compare_difference all[COMPARE_DIFFERENCES];
    size_t count = compare_differences(e->c, e->pair, all, COMPARE_DIFFERENCES);
    if (count == 0) {
        fputs("- Nothing recorded of it differs.\n", out);
        return;
    }
    fprintf(out, "- Recorded and not the same (A / %s): ", s->letter);
    for (size_t k = 0; k < count && k < FIELDS_SHOWN && k < COMPARE_DIFFERENCES; k++) {
        fputs(k ? "; " : "", out);
        escape_inline(out, all[k].field);
        fputs(" ", out);
        escape_inline(out, *all[k].values[0] ? all[k].values[0] : "not kept");
        fputs(" / ", out);
        escape_inline(out, *all[k].values[1] ? all[k].values[1] : "not kept");
    }
    if (count > FIELDS_SHOWN)
        fprintf(out, "; and %zu more", count - FIELDS_SHOWN);
    fputs(".\n", out);
}

static void cells(const struct compare_section *s, const struct compare_explained *e, FILE *out) {
    const struct compare_cells *c = &e->cells;
    if (c->differ == 0)
        return;
    fprintf(out, "- Of %zu, %zu differ (A / %s): ", c->all, c->differ, s->letter);
    for (size_t k = 0; k < c->differ && k < COMPARE_CELLS; k++) {
        fputs(k ? "; " : "", out);
        escape_inline(out, c->list[k].place);
        fputs(" ", out);
        escape_inline(out, c->list[k].values[0]);
        fputs(" / ", out);
        escape_inline(out, c->list[k].values[1]);
    }
    if (c->differ > COMPARE_CELLS)
        fprintf(out, "; and %zu more", c->differ - COMPARE_CELLS);
    fputs(".\n", out);
}

static void trees(const struct compare_section *s, const struct compare_explained *e, FILE *out) {
    const char *letters[] = {"A", s->letter};
    if (!e->has_trees)
        return;
    fprintf(out, "- The summation trees part at: %s (children counted from 1).\n", e->trees.place);
    for (size_t k = 0; k < 2; k++) {
        const struct compare_tree *tree = &e->trees.tree[k];
        fprintf(out, "- Tree of %s: %zu leaves, depth %zu; there ", letters[k], tree->leaves,
                tree->depth);
        escape_inline(out, tree->part);
        fprintf(out, " of %zu leaves.\n", tree->under);
    }
}

/* "13.0 ms (12.9 to 13.2) of 8 samples" */
static void session_cell(const struct compare_samples *samples, size_t k, FILE *out) {
    char text[UNITS_TEXT];
    const struct compare_drawn *one = k < samples->sessions ? &samples->session[k] : NULL;
    if (one && one->there)
        fprintf(out, " %s, %zu |",
                units_interval(text, sizeof text, one->median, one->low, one->high, "s"), one->of);
    else
        fputs(" – |", out);
}

static void sessions(const struct compare_section *s, const struct compare_explained *e,
                     FILE *out) {
    const struct compare_samples *a = &e->samples[0], *b = &e->samples[1];
    size_t most = a->sessions > b->sessions ? a->sessions : b->sessions;
    if (e->histogram.bins == 0)
        return;
    fprintf(out,
            "\n| session | A: median (%.0f %% to 75 %% quantile), samples | %s: the same |\n"
            "|--:|--:|--:|\n",
            100 * COMPARE_LOW, s->letter);
    for (size_t k = 0; k < most && k < SESSIONS_SHOWN; k++) {
        fprintf(out, "| %zu |", k + 1);
        session_cell(a, k, out);
        session_cell(b, k, out);
        fputc('\n', out);
    }
    if (most > SESSIONS_SHOWN)
        fprintf(out, "\nAnd %zu more sessions.\n", most - SESSIONS_SHOWN);
}

static void plot(const struct compare_section *s, size_t k, FILE *out) {
    const struct compare_histogram *h = &s->c->explained[k].histogram;
    for (size_t i = 0; i < s->case_set.legend.shown_count; i++) {
        char name[40];
        snprintf(name, sizeof name, "case-%zu", k + 1);
        if (strcmp(s->case_set.legend.shown[i].name, name) != 0 || !s->case_set.images[i].have)
            continue;
        fprintf(out, "\n![Samples of this case](%s-cases/plots/%s.svg)\n", s->letter, name);
        if (h->beyond[0] + h->beyond[1] > 0)
            fprintf(out, "\nFurther to the right: %zu samples of A, %zu of %s.\n", h->beyond[0],
                    h->beyond[1], s->letter);
    }
}

void compare_markdown_explained(const struct compare_section *s, FILE *out) {
    if (s->c->explained_count > 0)
        fputs("### Explained\n\n", out);
    for (size_t k = 0; k < s->c->explained_count; k++) {
        const struct compare_explained *e = &s->c->explained[k];
        fputs("#### ", out);
        escape_inline(out, e->pair->first->id);
        fputs("\n\n", out);
        verdict(s, e, out);
        fields(s, e, out);
        if (e->pair->bits == COMPARE_BITS_DIFFER)
            fputs("- Its bits are **not the same** on both sides.\n", out);
        if (e->pair->bits == COMPARE_BITS_ARRIVAL)
            fputs("- The order in which updates arrive decides its bits, by design.\n", out);
        cells(s, e, out);
        trees(s, e, out);
        sessions(s, e, out);
        plot(s, k, out);
        fputc('\n', out);
    }
}

/* --- the table behind the plots ----------------------------------------------------------------
 */

static void histogram_rows(const struct compare_histogram *h, size_t number, FILE *out) {
    double times;
    const char *unit = compare_unit(h->edges[0], &times);
    int exponent = strcmp(unit, "s") == 0    ? 0
                   : strcmp(unit, "ms") == 0 ? 3
                   : strcmp(unit, "us") == 0 ? 6
                                             : 9;
    for (size_t k = 0; k < h->bins; k++) {
        fprintf(out, "%zu\t%d\t%.9g\t%.9g", number, exponent, h->edges[k] * times,
                h->edges[k + 1] * times);
        for (size_t s = 0; s < 2; s++)
            fprintf(out, "\t%.6g",
                    h->all[s] > 0 ? 100.0 * (double)h->counts[s][k] / (double)h->all[s] : 0);
        fprintf(out, "\t%zu\t%zu\n", h->all[0], h->all[1]);
    }
}

int compare_explained_data(const struct compare_section *section, const struct folder *folder) {
    char *text = NULL;
    size_t length = 0;
    FILE *out = open_memstream(&text, &length);
    if (!out)
        return error_set("out of memory; close other programs");
    fputs("case\texponent\tlow\thigh\ta\tb\tna\tnb\n", out);
    for (size_t k = 0; k < section->c->explained_count; k++)
        histogram_rows(&section->c->explained[k].histogram, k + 1, out);
    int status = fclose(out) ? error_set("out of memory; close other programs")
                             : folder_write(folder, "samples.tsv", text, length);
    free(text);
    return status;
}

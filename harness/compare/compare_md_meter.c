/*
 * compare_md_meter.c: what a comparison's page says of clocks and energy (compare_page.h).
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "harness/compare/compare_page.h"
#include "harness/compare/compare_pick.h"
#include "harness/page/escape.h"
#include "harness/page/units.h"

#define CASES_SHOWN 15

static void number(double value, const char *unit, FILE *out) {
    char text[UNITS_TEXT];
    fputs(isfinite(value) ? units_number(text, sizeof text, value, unit) : "–", out);
}

/* As ratios of time are shown. */
static void ratio(double value, FILE *out) {
    if (isfinite(value) && value >= 0.1 && value < 10)
        fprintf(out, "%.3f×", value);
    else
        number(value, "x", out);
}

static void on_average(const struct compare_section *s, const struct compare_meters *m, FILE *out) {
    const struct {
        const char *what;
        const struct compare_metered *of;
    } rows[] = {{"cycles a call", &m->cycles}, {"joules a call", &m->energy}};
    fprintf(out, "| | cases that both measured | %s over A, on average |\n|---|--:|--:|\n",
            s->letter);
    for (size_t k = 0; k < 2; k++) {
        const struct compare_metered *of = rows[k].of;
        if (!of->first && !of->second)
            continue;
        fprintf(out, "| %s | ", rows[k].what);
        if (of->first && of->second)
            fprintf(out, "%zu", of->cases);
        else
            fprintf(out, "none: %s alone has them", of->first ? "A" : s->letter);
        fputs(" | ", out);
        ratio(of->mean, out);
        fputs(" |\n", out);
    }
    fputc('\n', out);
}

/* --- clocks ------------------------------------------------------------------------------------
 */

static void clock_row(const struct compare_pair *p, FILE *out) {
    fputs("| ", out);
    escape_inline(out, p->first->id);
    fprintf(out, " | %s | ", compare_verdict_name(p->times.verdict));
    ratio(p->times.ratio.value, out);
    fputs(" | ", out);
    ratio(compare_cycles_ratio(p), out);
    fputs(" | ", out);
    number(p->first->meter.clock, "Hz", out);
    fputs(" | ", out);
    number(p->second->meter.clock, "Hz", out);
    fputs(" |\n", out);
}

static void by_clock(const struct compare_section *s, size_t cases, FILE *out) {
    size_t shown = 0;
    if (cases == 0)
        return;
    fprintf(out,
            "**%zu case%s faster or slower in seconds only since the clock was higher or lower**; "
            "in cycles %s not:\n\n"
            "| case | in seconds | time | cycles | clock, A | clock, %s |\n"
            "|---|---|--:|--:|--:|--:|\n",
            cases, cases == 1 ? " is" : "s are", cases == 1 ? "it is" : "they are", s->letter);
    for (size_t k = 0; k < s->c->count && shown < CASES_SHOWN; k++)
        if (compare_by_clock(&s->c->pairs[k], &s->c->rule)) {
            clock_row(&s->c->pairs[k], out);
            shown++;
        }
    fputc('\n', out);
    if (cases > shown)
        fprintf(out, "And %zu more.\n\n", cases - shown);
}

/* --- energy ------------------------------------------------------------------------------------
 */

static int by_energy(const void *a, const void *b) {
    const struct compare_pair *x = *(const struct compare_pair *const *)a;
    const struct compare_pair *y = *(const struct compare_pair *const *)b;
    double p = fabs(log(compare_joules_ratio(x))), q = fabs(log(compare_joules_ratio(y)));
    return p != q ? (p < q) - (p > q) : strcmp(x->first->id, y->first->id);
}

static void energy_row(const struct compare_pair *p, FILE *out) {
    const struct compare_case *of[] = {p->first, p->second};
    fputs("| ", out);
    escape_inline(out, p->first->id);
    fputs(" | ", out);
    ratio(compare_joules_ratio(p), out);
    fputs(" | ", out);
    ratio(p->times.ratio.value, out);
    for (size_t k = 0; k < 2; k++) {
        fputs(" | ", out);
        number(compare_joules(of[k]), "J", out);
    }
    for (size_t k = 0; k < 2; k++) {
        fputs(" | ", out);
        number(compare_watts(of[k]), "W", out);
    }
    fputs(" |\n", out);
}

static int energies(const struct compare_section *s, FILE *out) {
    const struct compare *c = s->c;
    const struct compare_pair **list = malloc((c->count + 1) * sizeof *list);
    size_t n = 0;
    if (!list)
        return -1;
    for (size_t k = 0; k < c->count; k++)
        if (c->pairs[k].times.verdict != COMPARE_NOT_COMPARABLE &&
            isfinite(compare_joules_ratio(&c->pairs[k])))
            list[n++] = &c->pairs[k];
    qsort(list, n, sizeof *list, by_energy);
    if (n > 0)
        fprintf(out,
                "All that the board or the processor packages drew, idle power too; largest "
                "differences first:\n\n"
                "| case | energy | time | energy a call, A | %s | power, A | %s |\n"
                "|---|--:|--:|--:|--:|--:|--:|\n",
                s->letter, s->letter);
    for (size_t k = 0; k < n && k < CASES_SHOWN; k++)
        energy_row(list[k], out);
    fputs(n > 0 ? "\n" : "", out);
    if (n > CASES_SHOWN)
        fprintf(out, "And %zu more, of smaller differences.\n\n", n - CASES_SHOWN);
    free(list);
    return 0;
}

int compare_markdown_meter(const struct compare_section *section, FILE *out) {
    struct compare_meters m;
    if (compare_meters(section->c, &m) != 0)
        return -1;
    if (!m.cycles.first && !m.cycles.second && !m.energy.first && !m.energy.second)
        return 0;
    fputs("### Clocks and energy\n\n", out);
    on_average(section, &m, out);
    by_clock(section, m.by_clock, out);
    return energies(section, out);
}

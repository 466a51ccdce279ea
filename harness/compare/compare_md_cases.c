/*
 * compare_md_cases.c: what a comparison's page says of one side beside the first: means, plots,
 * bits, cases that differ, cases of which nothing is said, machine and software (compare_page.h).
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "harness/compare/compare_bits.h"
#include "harness/compare/compare_page.h"
#include "harness/compare/compare_pick.h"
#include "harness/page/claim_table.h"
#include "harness/page/escape.h"
#include "harness/page/report.h"
#include "harness/page/units.h"
#include "harness/store/limits.h"
#include "harness/text.h"

#define CASES_SHOWN 15
#define BITS_SHOWN 15
#define DIFFERENCES_SHOWN 60
#define VALUE_SHOWN 160
#define LABS_SHOWN 40

static void count(FILE *out, size_t n) {
    char text[UNITS_TEXT];
    fputs(units_count(text, sizeof text, (long long)n), out);
}

void compare_markdown_ratio(double ratio, FILE *out) {
    char text[UNITS_TEXT];
    if (ratio >= 0.1 && ratio < 10)
        fprintf(out, "%.3f×", ratio);
    else
        fputs(units_number(text, sizeof text, ratio, "x"), out);
}

/* --- by lab ------------------------------------------------------------------------------------
 */

struct by_lab {
    const char *name; /* NULL: of all labs */
    size_t verdicts[COMPARE_VERDICTS], bits[COMPARE_BITS_KINDS];
    double mean, normalised;
};

static bool is_of(const struct compare_pair *p, const char *lab) {
    return !lab || strcmp(p->first->lab, lab) == 0;
}

/* `room` holds twice as many numbers as there are pairs. */
static struct by_lab sum_up(const struct compare *c, const char *lab, double *room) {
    struct by_lab sum = {.name = lab};
    double *normalised = room + c->count;
    size_t n = 0, m = 0;
    for (size_t k = 0; k < c->count; k++) {
        const struct compare_pair *p = &c->pairs[k];
        if (!is_of(p, lab))
            continue;
        sum.bits[p->bits]++;
        if (!compare_is_timed(p))
            continue;
        sum.verdicts[p->times.verdict]++;
        if (p->times.verdict == COMPARE_NOT_COMPARABLE)
            continue;
        room[n++] = p->times.ratio.value;
        if (isfinite(p->normalised.value))
            normalised[m++] = p->normalised.value;
    }
    sum.mean = compare_mean(room, n);
    sum.normalised = compare_mean(normalised, m);
    return sum;
}

/* The labs of A's cases, each once; how many. */
static size_t labs_of(const struct compare *c, const char *labs[LIMIT_LABS]) {
    size_t n = 0;
    for (size_t k = 0; k < c->count; k++) {
        size_t l = n;
        while (l > 0 && strcmp(labs[l - 1], c->pairs[k].first->lab) != 0)
            l--;
        if (l == 0 && n < LIMIT_LABS)
            labs[n++] = c->pairs[k].first->lab;
    }
    return n;
}

static void lab_name(const struct by_lab *sum, FILE *out) {
    fputs("| ", out);
    if (sum->name)
        escape_inline(out, sum->name);
    else
        fputs("**all**", out);
}

static void time_row(const struct by_lab *sum, FILE *out) {
    static const enum compare_verdict order[] = {COMPARE_SLOWER, COMPARE_FASTER, COMPARE_SAME,
                                                 COMPARE_AMBIGUOUS, COMPARE_NOT_COMPARABLE};
    lab_name(sum, out);
    fputs(" | ", out);
    compare_markdown_ratio(sum->mean, out);
    fputs(" | ", out);
    compare_markdown_ratio(sum->normalised, out);
    for (size_t k = 0; k < sizeof order / sizeof *order; k++) {
        fputs(" | ", out);
        count(out, sum->verdicts[order[k]]);
    }
    fputs(" |\n", out);
}

static void bits_row(const struct by_lab *sum, FILE *out) {
    lab_name(sum, out);
    for (int b = COMPARE_BITS_EQUAL; b < COMPARE_BITS_KINDS; b++) {
        fputs(" | ", out);
        count(out, sum->bits[b]);
    }
    fputs(" |\n", out);
}

/* A row for each lab, then one for all of them. */
static void rows_by_lab(const struct compare *c, double *room,
                        void (*row)(const struct by_lab *, FILE *), FILE *out) {
    const char *labs[LIMIT_LABS];
    size_t n = labs_of(c, labs);
    for (size_t k = 0; n > 1 && k < n && k < LABS_SHOWN; k++) {
        struct by_lab sum = sum_up(c, labs[k], room);
        row(&sum, out);
    }
    struct by_lab all = sum_up(c, n == 1 ? labs[0] : NULL, room);
    row(&all, out);
    fputc('\n', out);
}

static void on_average(const struct compare_section *s, double *room, FILE *out) {
    const struct compare *c = s->c;
    if (c->timed == 0) {
        fputs("No case has a time on both sides.\n\n", out);
        return;
    }
    if (isfinite(c->mean)) {
        fprintf(out, "**On average %s takes ", s->letter);
        compare_markdown_ratio(c->mean, out);
        fputs(" the time of A", out);
        if (isfinite(c->normalised_mean)) {
            fputs("; each over its own roof, ", out);
            compare_markdown_ratio(c->normalised_mean, out);
        }
        fputs(".** ", out);
    }
    fputs("Cases that could not be compared are in neither mean.\n\n", out);
    fputs("| lab | mean ratio | over roofs | slower | faster | same | ambiguous | not comparable "
          "|\n|---|--:|--:|--:|--:|--:|--:|--:|\n",
          out);
    rows_by_lab(c, room, time_row, out);
}

/* --- plots -------------------------------------------------------------------------------------
 */

static void plots(const struct compare_section *s, FILE *out) {
    const struct legend *legend = &s->set.legend;
    /* The reason may name a folder, and with it a user: that is for the terminal only. */
    if (*s->no_plots)
        fputs("> **No plots:** they could not be drawn where this page was made; there, `nanolab "
              "compare` says why.\n\n",
              out);
    for (size_t k = 0; k < legend->shown_count; k++) {
        const struct legend_shown *shown = &legend->shown[k];
        if (!s->set.images[k].have)
            continue;
        fprintf(out, "### %s\n\n![%s](%s/plots/%s.svg)\n\n%s\n\n", shown->title, shown->title,
                s->letter, shown->name, shown->text);
    }
    if (legend->shown_count > 0 && s->marks < s->cases)
        fprintf(out, "Of %zu cases the plots show %zu, evenly spaced by rank.\n\n", s->cases,
                s->marks);
}

/* --- bits --------------------------------------------------------------------------------------
 */

static void device_cell(const struct compare_pair *p, FILE *out) {
    escape_inline(out, p->first->device);
    if (strcmp(p->first->device, p->second->device) != 0) {
        fputs(", ", out);
        escape_inline(out, p->second->device);
    }
}

static void groups_table(const struct compare_groups *groups, FILE *out) {
    fputs("| what explains it (A / the other) | cases | such as |\n|---|--:|---|\n", out);
    for (size_t k = 0; k < groups->count; k++) {
        fputs("| ", out);
        if (*groups->list[k].why)
            escape_inline(out, groups->list[k].why);
        else
            fputs("**no recorded field differs**", out);
        fputs(" | ", out);
        count(out, groups->list[k].count);
        fputs(" | ", out);
        escape_inline(out, groups->list[k].example->first->id);
        fputs(" |\n", out);
    }
    fputc('\n', out);
    if (groups->left_out > 0)
        fprintf(out, "And %zu cases that differ by other fields.\n\n", groups->left_out);
}

static void g1(const struct compare *c, FILE *out) {
    const struct compare_g1 g1 = compare_g1(c);
    char says[COMPARE_G1_BYTES];
    json_t *entry = json_pack("{s:s}", "verdict", compare_g1_verdict(&g1));
    enum claim_mark mark = claim_mark(entry);
    json_decref(entry);
    fprintf(out, "**G1** (our sums have equal bits on every device): %s %s. %s.\n\n",
            report_sign(mark), claim_mark_words(mark), compare_g1_says(&g1, says));
}

static void bits_case(const struct compare *c, const struct compare_pair *p, FILE *out) {
    char why[COMPARE_WHY_BYTES];
    fputs("| ", out);
    escape_inline(out, p->first->id);
    fputs(" | ", out);
    device_cell(p, out);
    if (p->bits == COMPARE_BITS_DIFFER) {
        fputs(" | ", out);
        escape_inline(out, *compare_why(c, p, why) ? why : NULL);
    }
    fputs(" |\n", out);
}

static void bits_list(const struct compare *c, enum compare_bits which, size_t all, FILE *out) {
    static const char *const titles[COMPARE_BITS_KINDS] = {
        [COMPARE_BITS_DIFFER] = "Different",
        [COMPARE_BITS_VARY] = "Varying between the sessions of one side",
        [COMPARE_BITS_ARRIVAL] = "Decided by the order in which updates arrive, by design",
    };
    bool differ = which == COMPARE_BITS_DIFFER;
    size_t shown = 0;
    if (all == 0)
        return;
    fprintf(out, "%s:\n\n| case | on |%s\n|---|---|%s\n", titles[which],
            differ ? " what explains it |" : "", differ ? "---|" : "");
    for (int first = differ; first >= 0; first--)
        for (size_t k = 0; k < c->count && shown < BITS_SHOWN; k++) {
            const struct compare_pair *p = &c->pairs[k];
            if (p->bits != which || compare_is_unexplained(c, p) != first)
                continue;
            shown++;
            bits_case(c, p, out);
        }
    fputc('\n', out);
    if (all > shown)
        fprintf(out, "And %zu more.\n\n", all - shown);
}

static void bits(const struct compare *c, double *room, FILE *out) {
    fputs("### Bits\n\n", out);
    if (c->bits_equal + c->bits_differ + c->bits_vary + c->bits_arrival == 0) {
        fputs("No case has bits on both sides.\n\n", out);
        return;
    }
    g1(c, out);
    if (c->bits_differ + c->bits_vary + c->bits_arrival == 0)
        fputs("All that both recorded are equal.\n\n", out);
    fputs("| lab | equal | different | varying between sessions | decided by the order of arrival "
          "|\n|---|--:|--:|--:|--:|\n",
          out);
    rows_by_lab(c, room, bits_row, out);
    if (c->bits_differ > 0) {
        struct compare_groups groups;
        compare_bits_groups(c, &groups);
        groups_table(&groups, out);
    }
    bits_list(c, COMPARE_BITS_DIFFER, c->bits_differ, out);
    bits_list(c, COMPARE_BITS_VARY, c->bits_vary, out);
    bits_list(c, COMPARE_BITS_ARRIVAL, c->bits_arrival, out);
}

/* --- times -------------------------------------------------------------------------------------
 */

static void time_cell(const struct compare_case *c, FILE *out) {
    char text[UNITS_TEXT];
    fputs(units_number(text, sizeof text, compare_time(c), "s"), out);
}

/* A column for cycles, where one of those listed has a clock. */
static bool have_cycles(const struct compare_pair *const *list, size_t n) {
    for (size_t k = 0; k < n && k < CASES_SHOWN; k++)
        if (isfinite(compare_cycles(list[k]->first)) || isfinite(compare_cycles(list[k]->second)))
            return true;
    return false;
}

static void time_case(const struct compare_pair *p, bool cycles, FILE *out) {
    const struct ratio *ratio = &p->times.ratio;
    char text[UNITS_TEXT];
    fputs("| ", out);
    escape_inline(out, p->first->id);
    fprintf(out, " | %s | ",
            units_interval(text, sizeof text, ratio->value, ratio->low, ratio->high, "x"));
    compare_markdown_ratio(p->normalised.value, out);
    fputs(" | ", out);
    if (cycles) {
        compare_markdown_ratio(compare_cycles_ratio(p), out);
        fputs(" | ", out);
    }
    time_cell(p->first, out);
    fputs(" | ", out);
    time_cell(p->second, out);
    fputs(" | ", out);
    device_cell(p, out);
    fputs(" |\n", out);
}

static int different(const struct compare_section *s, enum compare_verdict verdict,
                     const char *title, FILE *out) {
    size_t n;
    const struct compare_pair **list = compare_pick(s->c, verdict, &n);
    if (!list)
        return -1;
    bool cycles = have_cycles(list, n);
    if (n > 0)
        fprintf(out,
                "### %s: %zu case%s\n\n"
                "| case | ratio (%.0f %% interval) | over roofs |%s time, A | time, %s | on |\n"
                "|---|--:|--:|%s--:|--:|---|\n",
                title, n, n == 1 ? "" : "s", 100 * s->c->rule.confidence,
                cycles ? " in cycles |" : "", s->letter, cycles ? "--:|" : "");
    for (size_t k = 0; k < n && k < CASES_SHOWN; k++)
        time_case(list[k], cycles, out);
    fputs(n > 0 ? "\n" : "", out);
    if (n > CASES_SHOWN)
        fprintf(out, "And %zu more, of smaller differences.\n\n", n - CASES_SHOWN);
    free(list);
    return 0;
}

static void fields_table(const struct compare_fields *fields, FILE *out) {
    fputs("| field that differs | cases | such as |\n|---|--:|---|\n", out);
    for (size_t k = 0; k < fields->count; k++) {
        const struct compare_field *field = &fields->list[k];
        fputs("| ", out);
        escape_inline(out, field->name);
        fputs(" | ", out);
        count(out, field->count);
        fputs(" | ", out);
        escape_inline(out, field->example->id);
        fputs(" |\n", out);
    }
    fputc('\n', out);
    if (fields->left_out > 0)
        fprintf(out, "And %zu cases that differ in other fields.\n\n", fields->left_out);
}

static void not_comparable(const struct compare *c, const char *letter, FILE *out) {
    const struct compare_fields fields = compare_fields(c);
    if (fields.count > 0 || c->busy > 0)
        fputs("### Times that are not comparable\n\n", out);
    if (fields.count > 0)
        fields_table(&fields, out);
    if (c->busy > 0) {
        char says[COMPARE_LOADS_BYTES];
        fprintf(out, "For unlike load, %zu case%s: %s (`%s`).\n\n", c->busy,
                c->busy == 1 ? "" : "s", compare_loads_say(&c->loads, letter, says),
                c->loads.field);
    }
    size_t half = 0;
    for (size_t k = 0; k < c->count; k++)
        half += !compare_is_timed(&c->pairs[k]) &&
                c->pairs[k].first->timed != c->pairs[k].second->timed;
    if (half > 0)
        fprintf(out, "With a time on one side alone: %zu case%s.\n\n", half, half == 1 ? "" : "s");
    if (c->only[0] + c->only[1] > 0)
        fprintf(out, "Not on both sides: %zu case%s of A alone, %zu of the other.\n\n", c->only[0],
                c->only[0] == 1 ? "" : "s", c->only[1]);
}

/* The number of sessions is bounded where it is computed. */
static void more_sessions(size_t more, FILE *out) {
    if (more == 0)
        fputs("–", out);
    else if (more > COMPARE_MORE_TOLD)
        fprintf(out, "over %d", COMPARE_MORE_TOLD);
    else
        count(out, more);
}

static void ambiguous(const struct compare *c, FILE *out) {
    struct compare_open_cases open[COMPARE_REASON_COUNT];
    bool any = false;
    compare_ambiguous(c, open);
    for (int r = 0; r < COMPARE_REASON_COUNT; r++) {
        if (open[r].count == 0)
            continue;
        if (!any)
            fputs("### Ambiguous\n\n"
                  "| reason | cases | more sessions a side, for half of them | for all |\n"
                  "|---|--:|--:|--:|\n",
                  out);
        any = true;
        fprintf(out, "| %s | ", compare_reason_what((enum compare_reason)r));
        count(out, open[r].count);
        fputs(" | ", out);
        more_sessions(open[r].half, out);
        fputs(" | ", out);
        more_sessions(open[r].most, out);
        fputs(" |\n", out);
    }
    fputs(any ? "\n" : "", out);
}

/* --- machine and software ----------------------------------------------------------------------
 */

static int value_cell(const json_t *value, FILE *out) {
    char shown[VALUE_SHOWN + 8];
    char *text = json_is_string(value) ? NULL : json_dumps(value, JSON_ENCODE_ANY | JSON_COMPACT);
    const char *from = json_is_string(value) ? json_string_value(value) : text;
    if (!from && value && !json_is_null(value))
        return -1;
    if (!from || json_is_null(value))
        from = "–";
    text_plain(shown, VALUE_SHOWN, from);
    if (strlen(from) >= VALUE_SHOWN)
        strcat(shown, "…");
    escape_inline(out, shown);
    free(text);
    return 0;
}

static int differences(const struct compare_section *s, FILE *out) {
    size_t n = json_array_size(s->c->differences), k;
    json_t *one;
    int status = 0;
    fputs("### Machine and software\n\n", out);
    if (n == 0) {
        fputs("Nothing recorded of them differs.\n\n", out);
        return 0;
    }
    fprintf(out,
            "What differs, in the first session of each:\n\n| field | A | %s |\n|---|---|---|\n",
            s->letter);
    json_array_foreach(s->c->differences, k, one) {
        const json_t *values = json_object_get(one, "values");
        if (k == DIFFERENCES_SHOWN)
            break;
        fputs("| ", out);
        escape_inline(out, json_string_value(json_object_get(one, "field")));
        fputs(" | ", out);
        status |= value_cell(json_array_get(values, 0), out);
        fputs(" | ", out);
        status |= value_cell(json_array_get(values, 1), out);
        fputs(" |\n", out);
    }
    fputc('\n', out);
    if (n > DIFFERENCES_SHOWN)
        fprintf(out, "And %zu more fields.\n\n", n - DIFFERENCES_SHOWN);
    return status;
}

int compare_markdown_cases(const struct compare_section *section, FILE *out) {
    const struct compare *c = section->c;
    double *room = malloc((2 * c->count + 1) * sizeof *room);
    if (!room)
        return -1;
    fprintf(out, "## %s against A\n\n", section->letter);
    on_average(section, room, out);
    plots(section, out);
    bits(c, room, out);
    compare_markdown_questions(section, out);
    free(room);
    if (different(section, COMPARE_SLOWER, "Slower", out) != 0 ||
        different(section, COMPARE_FASTER, "Faster", out) != 0)
        return -1;
    if (compare_markdown_meter(section, out) != 0)
        return -1;
    compare_markdown_explained(section, out);
    not_comparable(c, section->letter, out);
    ambiguous(c, out);
    return differences(section, out);
}

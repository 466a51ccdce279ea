/*
 * compare_explain_text.c: one case explained on a terminal, in ASCII but for names (see
 * compare_explain.h).
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "harness/compare/compare_explain.h"
#include "harness/compare/compare_pick.h"
#include "harness/text.h"

/* --- why ---------------------------------------------------------------------------------------
 */

static void print_head(const struct compare_explained *e, FILE *to) {
    const struct compare_pair *p = e->pair;
    text_print(to, p->first->id);
    fprintf(to, " (A %s, B %s) of ", p->first->device, p->second->device);
    text_print(to, p->first->lab);
    fputs("\n\n", to);
}

static void print_percent(const char *before, double log_spread, FILE *to) {
    if (isfinite(log_spread))
        fprintf(to, "%s%.2f %%", before, 100 * expm1(log_spread));
    else
        fprintf(to, "%sunknown", before);
}

/* "A 5 sessions, spread 0.41 %" */
static void print_spreads(const struct compare_explained *e, FILE *to) {
    const struct compare_times *t = &e->pair->times;
    for (size_t s = 0; s < 2; s++) {
        fprintf(to, "%s%c %zu session%s", s ? "; " : "  sessions  ", (char)('A' + s),
                t->sessions[s], t->sessions[s] == 1 ? "" : "s");
        print_percent(", spread between them ", t->spread[s], to);
    }
    fputc('\n', to);
}

static void print_rule(const struct compare_explained *e, FILE *to) {
    const struct compare_rule *rule = &e->c->rule;
    const struct compare_times *t = &e->pair->times;
    fprintf(to,
            "  rule      different: the interval excludes 1, the ratio is %.2g %% or more from "
            "1, and the\n            chance of so much between two equal sides stands out "
            "among all cases; the same:\n            the interval lies inside of 1 +- %.2g %%\n",
            100 * rule->least, 100 * rule->same);
    if (isfinite(t->chance)) {
        fprintf(to, "  chance    %.2g", t->chance);
        if (e->threshold >= 0)
            fprintf(to, "; at most %.2g stands out here", e->threshold);
        else
            fputs("; of no case here does it stand out", to);
        fprintf(to, " (false discoveries: %.2g %%)\n", 100 * rule->rate);
    }
}

static void print_more(const struct compare_times *t, FILE *to) {
    if (t->more > COMPARE_MORE_TOLD)
        fprintf(to, "  more      over %d sessions a side until its interval is as short as that\n",
                COMPARE_MORE_TOLD);
    else if (t->more > 0)
        fprintf(to,
                "  more      %zu more session%s a side until its interval is as short as that\n",
                t->more, t->more == 1 ? "" : "s");
}

/* Words in lines of `width`, the later ones behind `indent` blanks. */
static void print_words(const char *text, int indent, int width, FILE *to) {
    int at = indent;
    while (*text) {
        int word = (int)strcspn(text, " ");
        if (at + word + 1 > width && at > indent) {
            fprintf(to, "\n%*s", indent, "");
            at = indent;
        }
        fprintf(to, "%s%.*s", at > indent ? " " : "", word, text);
        at += word + (at > indent);
        text += word;
        text += *text == ' ';
    }
    fputc('\n', to);
}

static void print_why(const struct compare_explained *e, int width, FILE *to) {
    const struct compare_pair *p = e->pair;
    const struct compare_times *t = &p->times;
    if (t->reason == COMPARE_NO_TIME && p->first->timed == p->second->timed) {
        fputs("  verdict   no case of time: only its bits are compared\n", to);
        return;
    }
    fprintf(to, "  verdict   %s", compare_verdict_name(t->verdict));
    if (isfinite(t->ratio.value))
        fprintf(to, ": B takes %.4f times as long as A", t->ratio.value);
    if (isfinite(t->ratio.low))
        fprintf(to, ", %.0f %% interval %.4f to %.4f", 100 * e->c->rule.confidence, t->ratio.low,
                t->ratio.high);
    fputc('\n', to);
    if (isfinite(t->medians))
        fprintf(to,
                "  medians   B takes %.4f times as long by medians; the ratio is of the %.0f %% "
                "quantiles\n",
                t->medians, 100 * COMPARE_LOW);
    if (isfinite(p->normalised.value))
        fprintf(to, "  roofs     each over its own roof, %.4f times as long\n",
                p->normalised.value);
    fprintf(to, "  reason    %s: %s", compare_reason_name(t->reason),
            compare_reason_what(t->reason));
    if (t->reason == COMPARE_FIELD)
        fprintf(to, " (%s)", p->field);
    if (t->reason == COMPARE_BUSY) {
        char says[COMPARE_LOADS_BYTES];
        fprintf(to, " (%s)\n            ", e->c->loads.field);
        print_words(compare_loads_say(&e->c->loads, "B", says), 12, width, to);
        fputs("  advice    ", to);
    } else {
        fputs("\n  advice    ", to);
    }
    print_words(compare_reason_advice(t->reason), 12, width, to);
    if (t->reason == COMPARE_NO_TIME)
        return;
    print_spreads(e, to);
    print_more(t, to);
    print_rule(e, to);
}

/* --- what differs ------------------------------------------------------------------------------
 */

static void print_fields(const struct compare_explained *e, FILE *to) {
    struct compare_difference all[COMPARE_DIFFERENCES];
    size_t count = compare_differences(e->c, e->pair, all, COMPARE_DIFFERENCES);
    fprintf(to, "\n  Recorded and not the same (A / B)%s\n", count ? ":" : ": nothing");
    for (size_t k = 0; k < count && k < COMPARE_DIFFERENCES; k++)
        fprintf(to, "    %s: %s / %s\n", all[k].field,
                *all[k].values[0] ? all[k].values[0] : "(not kept)",
                *all[k].values[1] ? all[k].values[1] : "(not kept)");
    if (count > COMPARE_DIFFERENCES)
        fprintf(to, "    and %zu more\n", count - COMPARE_DIFFERENCES);
    if (e->pair->first->throttled != e->pair->second->throttled)
        fprintf(to, "    clocks were held back (throttled) on %c\n",
                e->pair->first->throttled ? 'A' : 'B');
}

static void print_trees(const struct compare_trees *trees, FILE *to) {
    for (size_t s = 0; s < 2; s++)
        fprintf(to, "    tree of %c: %zu leaves, depth %zu\n", (char)('A' + s),
                trees->tree[s].leaves, trees->tree[s].depth);
    fprintf(to, "    they part at: %s (children counted from 1), where there is\n", trees->place);
    for (size_t s = 0; s < 2; s++)
        fprintf(to, "      %c  %s  of %zu leaves\n", (char)('A' + s), trees->tree[s].part,
                trees->tree[s].under);
}

static void print_cells(const struct compare_cells *c, FILE *to) {
    if (c->differ == 0)
        return;
    fprintf(to, "    %zu of %zu differ (A / B):\n", c->differ, c->all);
    for (size_t k = 0; k < c->differ && k < COMPARE_CELLS; k++)
        fprintf(to, "      %s: %s / %s\n", c->list[k].place, c->list[k].values[0],
                c->list[k].values[1]);
    if (c->differ > COMPARE_CELLS)
        fprintf(to, "      and %zu more\n", c->differ - COMPARE_CELLS);
}

static void print_bits(const struct compare_explained *e, FILE *to) {
    static const char *const says[COMPARE_BITS_KINDS] = {
        "", "equal on both", "not the same on both", "not the same in all sessions of one side",
        "decided by the order in which updates arrive, by design"};
    if (e->pair->bits == COMPARE_NO_BITS)
        return;
    fprintf(to, "\n  Bits: %s\n", says[e->pair->bits]);
    print_cells(&e->cells, to);
    if (e->has_trees)
        print_trees(&e->trees, to);
}

/* --- sessions ----------------------------------------------------------------------------------
 */

/* All times in one unit, with digits enough to tell the edges of bins apart. */
struct scale {
    const char *unit;
    double times;
    int digits, width;
};

static struct scale scale_of(const struct compare_histogram *h) {
    struct scale s = {.digits = 3};
    double low = h->edges[0], high = h->edges[h->bins];
    s.unit = compare_unit(low, &s.times);
    double step = (high - low) / (double)h->bins * s.times;
    /* And a median to four digits. */
    double digits = fmax(1 - floor(log10(step)), 3 - floor(log10(low * s.times)));
    s.digits = (int)fmin(fmax(digits, 0), 6);
    s.width = snprintf(NULL, 0, "%.*f", s.digits, high * s.times);
    return s;
}

static void print_session(const struct compare_drawn *one, const struct scale *s, FILE *to) {
    if (one && one->there)
        fprintf(to, "   %*.*f  %*.*f to %*.*f  %7zu", s->width, s->digits, one->median * s->times,
                s->width, s->digits, one->low * s->times, s->width, s->digits, one->high * s->times,
                one->of);
    else
        fprintf(to, "   %*s  %*s    %*s  %7s", s->width, "-", s->width, "", s->width, "", "");
}

static void print_sessions(const struct compare_explained *e, const struct scale *s, FILE *to) {
    const struct compare_samples *a = &e->samples[0], *b = &e->samples[1];
    size_t most = a->sessions > b->sessions ? a->sessions : b->sessions;
    int column = 3 * s->width + 6 + 9; /* of a side */
    fprintf(to, "\n  Sessions, time of a call in %s: median, %.0f %% to 75 %% quantile, samples\n",
            s->unit, 100 * COMPARE_LOW);
    fprintf(to, "       %-*s   B\n", column + 3, "   A");
    for (size_t k = 0; k < most; k++) {
        fprintf(to, "  %3zu  ", k + 1);
        print_session(k < a->sessions ? &a->session[k] : NULL, s, to);
        print_session(k < b->sessions ? &b->session[k] : NULL, s, to);
        fputc('\n', to);
    }
}

/* --- histograms --------------------------------------------------------------------------------
 */

/* A bar of a share of its side's samples; the largest share of both sides fills the room. A bin
 * that is not empty shows. */
static void print_bar(size_t count, size_t all, double most, int room, char mark, FILE *to) {
    double share = all > 0 ? (double)count / (double)all : 0;
    int marks = (int)lround(share / most * room);
    marks = count > 0 && marks == 0 ? 1 : marks;
    for (int k = 0; k < room; k++)
        fputc(k < marks ? mark : ' ', to);
    if (count > 0)
        fprintf(to, " %6zu", count);
    else
        fprintf(to, " %6s", "");
}

static double most_of(const struct compare_histogram *h) {
    double most = 0;
    for (size_t s = 0; s < 2; s++)
        for (size_t k = 0; k <= h->bins && h->all[s] > 0; k++) {
            size_t count = k < h->bins ? h->counts[s][k] : h->beyond[s];
            most = fmax(most, (double)count / (double)h->all[s]);
        }
    return most;
}

static void print_bins(const struct compare_explained *e, const struct scale *s, int width,
                       FILE *to) {
    const struct compare_histogram *h = &e->histogram;
    int before = 2 + 2 * s->width + 4, room = (width - 1 - before - 2 * (2 + 7)) / 2;
    double most = most_of(h);
    room = room < 8 ? 8 : room;
    fprintf(to, "\n  All samples, time of a call in %s (a bar is a share of its side's samples)\n",
            s->unit);
    char heads[2][40];
    for (size_t i = 0; i < 2; i++)
        snprintf(heads[i], sizeof heads[i], "%c, %zu samples", (char)('A' + i), h->all[i]);
    fprintf(to, "%*s  %-*s  %s\n", before, "", room + 7, heads[0], heads[1]);
    for (size_t k = 0; k < h->bins; k++) {
        fprintf(to, "  %*.*f to %*.*f  ", s->width, s->digits, h->edges[k] * s->times, s->width,
                s->digits, h->edges[k + 1] * s->times);
        print_bar(h->counts[0][k], h->all[0], most, room, '#', to);
        fputs("  ", to);
        print_bar(h->counts[1][k], h->all[1], most, room, '=', to);
        fputc('\n', to);
    }
    if (h->beyond[0] + h->beyond[1] > 0) {
        fprintf(to, "  %-*s  ", before - 2, "longer");
        print_bar(h->beyond[0], h->all[0], most, room, '#', to);
        fputs("  ", to);
        print_bar(h->beyond[1], h->all[1], most, room, '=', to);
        fputc('\n', to);
    }
}

void compare_explained_print(const struct compare_explained *e, int width, FILE *to) {
    print_head(e, to);
    print_why(e, width, to);
    print_fields(e, to);
    print_bits(e, to);
    if (e->histogram.bins == 0) {
        fputs("\n  Samples: none were recorded\n", to);
        return;
    }
    const struct scale scale = scale_of(&e->histogram);
    print_sessions(e, &scale, to);
    print_bins(e, &scale, width, to);
}

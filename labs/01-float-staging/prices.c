/*
 * prices.c: S6. Do the cures remove what they claim to remove, and at what price?
 *
 * Binned and exact sums must give one result for all plans; a fixed tree one result for all
 * repetitions; a compensated sum fewer results than the plain one. The price is a ratio of times
 * that sweep_times recorded, with its interval.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness/measure/ulp.h"
#include "labs/01-float-staging/staging.h"

struct repeats {
    struct finding *finding;
    size_t cases, single;
};

static int count_repeats(void *context, const json_t *record) {
    struct repeats *r = context;
    const json_t *measured = case_series(record, "measured");
    size_t n = case_series_length(measured);
    uint64_t *bits = malloc((n + 1) * sizeof *bits);
    if (!bits)
        return -1;
    for (size_t k = 0; k < n; k++)
        bits[k] = case_series_bits_at(measured, k);
    r->cases++;
    if (n > 1 && ulp_distinct(bits, n) == 1)
        r->single++;
    else
        finding_evidence(r->finding, json_string_value(json_object_get(record, "id")));
    free(bits);
    return 0;
}

struct prices {
    struct finding *finding;
    size_t count;
    char text[300];
};

static int list_prices(void *context, const json_t *record) {
    struct prices *p = context;
    const char *what = case_text(record, "params", "what");
    double bytes = case_number(record, "params", "bytes");
    double threads = case_number(record, "params", "threads");
    size_t used = strlen(p->text);
    finding_evidence(p->finding, json_string_value(json_object_get(record, "id")));
    p->count++;
    /* One thread, or the one GPU, says enough in a sentence; the table has them all. */
    if (threads <= 1 && what)
        snprintf(p->text + used, sizeof p->text - used, "%s%s x%.2f at %.0f KiB", used ? ", " : "",
                 what, case_number(record, "counters", "ratio"), bytes / 1024);
    return 0;
}

/* The compensated groups, each against the plain group of the same size and data. */
static void compare_compensated(const struct observations *o, size_t *fewer, size_t *groups) {
    size_t position = 0;
    struct group g, plain;
    while (group_next(o, &position, &g)) {
        const struct observation *f = g.first;
        if (f->class.method != SUM_COMPENSATED || g.count < 2 || f->n <= 32)
            continue;
        size_t at = 0;
        while (group_next(o, &at, &plain)) {
            const struct observation *p = plain.first;
            if (p->class.method == SUM_PLAIN && p->class.type == f->class.type &&
                p->class.acc == f->class.acc && p->class.dot == f->class.dot &&
                p->input == f->input && p->n == f->n) {
                /* Spreads, not counts of results: there are more plain plans than compensated. */
                ++*groups;
                *fewer += g.spread < plain.spread || (g.spread == 0 && plain.spread == 0);
            }
        }
    }
}

int check_cures(struct lab_run *run, const char *device_id, struct finding *finding) {
    struct observations o;
    struct group g;
    size_t position = 0, free_groups = 0, single = 0, fewer = 0, compensated = 0;
    if (observations_load(run, device_id, &o) != 0)
        return -1;
    while (group_next(&o, &position, &g)) {
        if ((g.first->class.method != SUM_BINNED && g.first->class.method != SUM_EXACT) ||
            g.count < 2)
            continue;
        free_groups++;
        single += g.distinct == 1;
        if (g.distinct != 1)
            finding_evidence(finding, g.first->case_id);
    }
    compare_compensated(&o, &fewer, &compensated);
    observations_free(&o);

    struct repeats repeats = {.finding = finding};
    lab_cases(run, "01/repeat/", device_id, count_repeats, &repeats);
    struct prices prices = {.finding = finding};
    lab_cases(run, "01/ratio/cure/", device_id, list_prices, &prices);

    finding->checked = free_groups + repeats.cases + compensated;
    finding->held = single + repeats.single + fewer;
    if (finding->checked == 0) {
        /* A device that only measures time has prices, and no bits to speak of. */
        finding->verdict = VERDICT_NOT_TESTABLE;
        snprintf(finding->reason, sizeof finding->reason, "no sums were recorded on %s", device_id);
        return 0;
    }
    if (single != free_groups)
        finding->broken = true; /* "order-free" is ours to keep */
    bool all = finding->held == finding->checked;
    finding->verdict = !all                ? VERDICT_BOUNDED
                       : prices.count == 0 ? VERDICT_BOUNDED
                                           : VERDICT_CONFIRMED;
    if (repeats.single != repeats.cases)
        finding->verdict = VERDICT_REFUTED;
    if (finding->verdict == VERDICT_BOUNDED)
        snprintf(finding->range, sizeof finding->range, "%s",
                 all ? "bits only: no price was measured on this device"
                     : "the compensated spread is not below the plain one everywhere");
    snprintf(
        finding->statement, sizeof finding->statement,
        "binned and exact sums: one result over all plans in %zu of %zu groups; a fixed plan: "
        "one result in %zu of %zu series of repetitions; compensated: smaller spread in %zu of "
        "%zu groups; prices over the best plain plan: %s",
        single, free_groups, repeats.single, repeats.cases, fewer, compensated,
        prices.count ? prices.text : "not measured on this device");
    return 0;
}

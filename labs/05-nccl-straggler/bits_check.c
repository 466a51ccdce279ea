/*
 * bits_check.c, C5a-c: verdicts on the bits of sums, whoever recorded them; the columns are in
 * stragglers.h.
 */
#include <string.h>

#include "labs/05-nccl-straggler/stragglers.h"

/* The rows of sums of all algorithms, without those of one split sum by several numbers of ranks.
 */
static struct rows sums_of(const struct rows *rows, const char *sort) {
    struct rows sums = rows_select(rows, "05/bits/", NULL);
    rows_sort(&sums, sort);
    return sums;
}

/* The control of all three: sums of the same numbers by another algorithm do have other bits
 * somewhere, so that bits can differ at all, and the hash shows it. */
static void control_others(const struct rows *rows, struct finding *f) {
    struct rows sums = sums_of(rows, "engine;ranks;n");
    bool differ = false;
    for (size_t first = 0, n = 0; rows_group(&sums, "engine;ranks;n", &first, &n);)
        differ = differ || rows_distinct(&sums, first, n, "measured") > 1;
    rows_free(&sums);
    finding_control(f, answer_if(differ), "another algorithm gives other bits");
}

/* --- C5a: all ranks agree ----------------------------------------------------------------------
 *
 * Against the claim: one sum after which two ranks have different bits.
 */

static double sums_in(const struct rows *rows, size_t k) {
    return row_number(rows, k, "sums") + row_number(rows, k, "stalled");
}

void check_agree(const struct rows *rows, struct finding *f) {
    double sums = 0, agreeing = 0;
    if (none_ran(rows, f))
        return;
    for (size_t k = 0; k < rows->count; k++) {
        if (is_engine(rows, k) || !(row_number(rows, k, "ranks") > 1))
            continue;
        double all = sums_in(rows, k), same = row_number(rows, k, "agreeing");
        finding_count(f, answer_if(all > 0 && same == all), rows, k);
        sums += all;
        agreeing += same;
    }
    finding_say(f, "all ranks have the same bits after %.0f of %.0f sums", agreeing, sums);
    control_others(rows, f);
    finding_settle(f, SETTLE_ALL, "some of the algorithms and sizes");
}

/* --- C5b: a stall changes no bits --------------------------------------------------------------
 *
 * Against it: a sum with a late rank whose bits are none of those with nobody late, although its
 * algorithm's order is a matter of the plan. An order by arrival is no such algorithm: where one
 * was run, it must show that lateness can change bits.
 */

void check_stalls(const struct rows *rows, struct finding *f) {
    double stalled = 0, changed = 0, arrivals = 0, by_arrival = 0;
    bool arrives = false;
    if (none_ran(rows, f))
        return;
    for (size_t k = 0; k < rows->count; k++) {
        double late = row_number(rows, k, "stalled"), others = row_number(rows, k, "changed");
        if (is_engine(rows, k) || !(late > 0))
            continue;
        if (row_number(rows, k, "repeats") == 0) {
            arrives = arrives || row_number(rows, k, "ranks") > 2;
            arrivals += late;
            by_arrival += others;
            continue;
        }
        finding_count(f, answer_if(others == 0), rows, k);
        stalled += late;
        changed += others;
    }
    finding_say(f, "of %.0f sums with a late rank %.0f have other bits than with nobody late",
                stalled, changed);
    if (arrives) {
        finding_say(f, "; added as the ranks come, %.0f of %.0f do", by_arrival, arrivals);
        finding_control(f, answer_if(by_arrival > 0), "an order by arrival changes with lateness");
    }
    control_others(rows, f);
    finding_settle(f, SETTLE_ALL, "some of the algorithms and sizes");
}

/* --- C5c: algorithm, ranks and size fix the bits -----------------------------------------------
 *
 * Predicted bits that do not come out are our mistake. Against the claim: a second result of one
 * plan where the order does not depend on arrival, or two engines that add by recursive doubling
 * and differ.
 */

#define GROUP "engine;algorithm;setting;ranks"

struct counts {
    unsigned results, predicted;
    unsigned configurations, repeats, invariant;
};

/* One message: against the claim if it has several results where the order is a matter of the plan;
 * otherwise what came out is what was predicted, or we are wrong. */
static void judge_size(const struct rows *sums, size_t k, struct finding *f, struct counts *c) {
    bool as_predicted = row_bits(sums, k, "predicted") == row_bits(sums, k, "measured");
    if (row_number(sums, k, "repeats") == 1 && row_number(sums, k, "results") != 1)
        finding_count(f, ANSWER_AGAINST, sums, k);
    else
        finding_predicted(f, as_predicted && !row_is(sums, k, "found", "none known"), sums, k);
    c->results++;
    c->predicted += as_predicted;
}

/* One algorithm with so many ranks, over its sizes: rows first … first + n - 1. */
static void judge_sizes(const struct rows *sums, size_t first, size_t n, struct finding *f,
                        struct counts *c) {
    bool repeats = true, invariant = row_number(sums, first, "invariant") == 1;
    for (size_t k = first; k < first + n; k++) {
        judge_size(sums, k, f, c);
        repeats = repeats && row_number(sums, k, "results") == 1;
    }
    bool same = rows_distinct(sums, first, n, "first") == 1;
    /* One of several results of a size shows nothing of other sizes. */
    if (repeats && n > 1)
        finding_predicted(f, same == invariant, sums, first);
    c->repeats += repeats;
    c->invariant += repeats && same;
    c->configurations++;
}

/* Recursive doubling has one order, whoever it is that doubles. */
static void judge_engines(const struct rows *sums, struct finding *f) {
    struct rows doubling = rows_select(sums, "05/bits/", "algorithm=doubling");
    rows_sort(&doubling, "ranks;n");
    for (size_t first = 0, n = 0; rows_group(&doubling, "ranks;n", &first, &n);)
        if (n > 1 && !rows_equal(&doubling, first, first + n - 1, "engine"))
            finding_count(f, answer_if(rows_distinct(&doubling, first, n, "measured") == 1),
                          &doubling, first);
    rows_free(&doubling);
}

/* How many different results the algorithms of an engine have, for the smallest message. */
static void tell_classes(const struct rows *rows, struct finding *f) {
    struct rows sums = sums_of(rows, "engine;ranks;n");
    unsigned told = 0;
    for (size_t first = 0, n = 0, last = sums.count;
         rows_group(&sums, "engine;ranks;n", &first, &n); last = first) {
        bool same = last < sums.count && rows_equal(&sums, last, first, "engine;ranks");
        if (same || n < 3 || told++ >= 20)
            continue;
        finding_number(f, "1", number((double)rows_distinct(&sums, first, n, "measured")),
                       "different results of %zu algorithms: %.12s, %.0f ranks", n,
                       row_text(&sums, first, "engine"), row_number(&sums, first, "ranks"));
    }
    rows_free(&sums);
}

void check_orders(const struct rows *rows, struct finding *f) {
    struct counts c = {0};
    if (none_ran(rows, f))
        return;
    struct rows sums = sums_of(rows, GROUP ";n");
    for (size_t first = 0, n = 0; rows_group(&sums, GROUP, &first, &n);)
        judge_sizes(&sums, first, n, f, &c);
    judge_engines(&sums, f);
    rows_free(&sums);
    tell_classes(rows, f);
    finding_say(
        f,
        "%u of %u results as predicted; of %u algorithms by ranks %u repeat from run to run, "
        "%u of them at every size",
        c.predicted, c.results, c.configurations, c.repeats, c.invariant);
    control_others(rows, f);
    finding_settle(f, SETTLE_ALL, "some of the algorithms and sizes");
}

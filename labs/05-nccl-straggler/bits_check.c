/*
 * bits_check.c, C5a-c: verdicts on the bits of sums, whoever recorded them; the columns are in
 * stragglers.h.
 */
#include <stdlib.h>
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

/* --- two properties, side by side --------------------------------------------------------------
 *
 * Measured, of each order: whether one size has one result whenever it is summed; and, over all
 * sizes, whether the elements that all messages have in common have one.
 */

int write_properties(struct lab_run *run, const struct rows *rows, struct lab_table *table) {
    struct rows sums = sums_of(rows, GROUP ";n");
    (void)run;
    for (size_t first = 0, n = 0; rows_group(&sums, GROUP, &first, &n);) {
        unsigned repeats = 0, predicted = 0;
        for (size_t k = first; k < first + n; k++) {
            repeats += row_number(&sums, k, "results") == 1;
            predicted += row_bits(&sums, k, "predicted") == row_bits(&sums, k, "measured");
        }
        bool same = rows_distinct(&sums, first, n, "first") == 1;
        lab_table_row(table, "%s\t%s\t%s\t%s\t%.0f\t%zu\t%s\t%s\t%u",
                      row_text(&sums, first, "device"), row_text(&sums, first, "engine"),
                      row_text(&sums, first, "algorithm"), row_text(&sums, first, "setting"),
                      row_number(&sums, first, "ranks"), n, repeats == n ? "yes" : "no",
                      n < 2 || repeats < n ? ""
                      : same               ? "yes"
                                           : "no",
                      predicted);
    }
    rows_free(&sums);
    return 0;
}

/* --- the table behind the plot -----------------------------------------------------------------
 *
 * A line of the plot is an algorithm, a column so many ranks and elements. Equal colours in a
 * column are equal bits, whoever summed, and a colour is that of the algorithm whose bits they are:
 * of doubling if it has them, else of the first line that has, but a default's only if no other
 * has.
 */

#define WHO "engine;algorithm;setting"

/* Lines from 1 on, in the order of `names`, which is sorted by WHO. */
static size_t line_of(const struct rows *names, const struct rows *sums, size_t k) {
    size_t line = 1;
    for (size_t first = 0, n = 0; rows_group(names, WHO, &first, &n); line++)
        if (strcmp(row_text(names, first, "engine"), row_text(sums, k, "engine")) == 0 &&
            strcmp(row_text(names, first, "algorithm"), row_text(sums, k, "algorithm")) == 0 &&
            strcmp(row_text(names, first, "setting"), row_text(sums, k, "setting")) == 0)
            break;
    return line;
}

/* What a row is told by beside others of its bits: the less, the better. */
static size_t fame(const struct rows *sums, size_t k, size_t line, size_t lines) {
    if (row_is(sums, k, "algorithm", "doubling"))
        return 0;
    return row_is(sums, k, "algorithm", "default") ? lines + line : line;
}

/* leader[k]: fame of whose bits row k has, of the rows first … first + n - 1 of a column. */
static void lead(const struct rows *sums, const size_t *line, size_t first, size_t n,
                 size_t *leader) {
    for (size_t k = first; k < first + n; k++) {
        leader[k] = fame(sums, k, line[k], sums->count);
        for (size_t j = first; j < first + n; j++) {
            size_t its = fame(sums, j, line[j], sums->count);
            if (its < leader[k] && row_bits(sums, j, "measured") == row_bits(sums, k, "measured"))
                leader[k] = its;
        }
    }
}

/* Colours from 1 on, without gaps, in the order of leaders: colour[k] of leader[k]. */
static void colours(const size_t *leader, size_t count, size_t *colour) {
    for (size_t k = 0; k < count; k++)
        colour[k] = 0;
    for (size_t next = 1, lowest = 0;; next++) {
        size_t least = SIZE_MAX;
        for (size_t k = 0; k < count; k++)
            if (colour[k] == 0 && leader[k] >= lowest && leader[k] < least)
                least = leader[k];
        if (least == SIZE_MAX)
            return;
        for (size_t k = 0; k < count; k++)
            colour[k] = leader[k] == least ? next : colour[k];
        lowest = least + 1;
    }
}

int write_classes(struct lab_run *run, const struct rows *rows, struct lab_table *table) {
    struct rows names = sums_of(rows, WHO), sums = sums_of(rows, "ranks;n;" WHO);
    size_t *line = calloc(3 * (sums.count + 1), sizeof *line), column = 0;
    size_t *leader = line + sums.count + 1, *colour = leader + sums.count + 1;
    for (size_t k = 0; line && k < sums.count; k++)
        line[k] = line_of(&names, &sums, k);
    for (size_t first = 0, n = 0; line && rows_group(&sums, "ranks;n", &first, &n);)
        lead(&sums, line, first, n, leader);
    if (line)
        colours(leader, sums.count, colour);
    for (size_t first = 0, n = 0; line && rows_group(&sums, "ranks;n", &first, &n); column++)
        for (size_t k = first; k < first + n; k++)
            lab_table_row(table, "%zu\t%zu\t%zu\t%s %s %s\t%.0f\t%.0f\t%s\t%s", column, line[k],
                          colour[k], row_text(&sums, k, "engine"), row_text(&sums, k, "algorithm"),
                          row_text(&sums, k, "setting"), row_number(&sums, k, "ranks"),
                          row_number(&sums, k, "n"),
                          row_number(&sums, k, "invariant") == 1 ? "yes" : "no",
                          row_text(&sums, k, "found"));
    rows_free(&names);
    rows_free(&sums);
    int status = line ? 0 : lab_error(run, "no memory for a table of sums");
    free(line);
    return status;
}

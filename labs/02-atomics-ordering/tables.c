/*
 * tables.c: the tables behind the plots, made from the recorded cases only.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "labs/02-atomics-ordering/ordering.h"

static const char *text_of(const json_t *record, const char *name) {
    const char *text = case_text(record, "params", name);
    return text ? text : "";
}

static const char *device_of(const json_t *record) {
    const char *device = json_string_value(json_object_get(record, "device"));
    return device ? device : "";
}

static double param(const json_t *record, const char *name) {
    return case_number(record, "params", name);
}

/* Plans that differ in their number of threads or blocks only, on uniform data. */
static const char *ladder_of(const json_t *record) {
    static const char *const merged[] = {"elements one by one", "sums of threads", "sums of warps",
                                         "sums of blocks"};
    int merge = (int)param(record, "merge");
    if (param(record, "addresses") != 1 || strncmp(text_of(record, "plan"), "f32.", 4) != 0 ||
        strcmp(text_of(record, "input"), "uniform") != 0 || param(record, "cure") != ATOMICS_PLAIN)
        return NULL;
    if (strcmp(device_of(record), "cpu") == 0)
        return merge == ATOMICS_NONE ? merged[0] : NULL;
    return merge == ATOMICS_NONE || merge == ATOMICS_BLOCK ? merged[merge] : NULL;
}

static int repeat_row(void *context, const json_t *record) {
    bool has_ulps = case_series(record, "ulps from exact") != NULL;
    const char *ladder = ladder_of(record);
    char low[32] = "", high[32] = "", deviation[32] = "";
    if (has_ulps) {
        snprintf(low, sizeof low, "%.0f", case_number(record, "counters", "lowest ulps"));
        snprintf(high, sizeof high, "%.0f", case_number(record, "counters", "highest ulps"));
        snprintf(deviation, sizeof deviation, "%.3g",
                 case_number(record, "counters", "deviation ulps"));
    }
    lab_table_row(context, "%s\t%s\t%s\t%s\t%s\t%.0f\t%zu\t%zu\t%s\t%s\t%s\t%.3g",
                  device_of(record), ladder ? "yes" : "no", text_of(record, "plan"),
                  text_of(record, "input"), text_of(record, "load"), param(record, "parties"),
                  case_series_length(case_series(record, "measured")),
                  series_distinct(record, "measured"), low, high, deviation,
                  param(record, "condition"));
    return 0;
}

static int ladder_row(void *context, const json_t *record) {
    const char *ladder = ladder_of(record);
    if (ladder)
        lab_table_row(context, "%s\t%s\t%s\t%.0f\t%zu", device_of(record), ladder,
                      text_of(record, "load"), param(record, "parties"),
                      series_distinct(record, "measured"));
    return 0;
}

static int compare_real(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* How often each distance occurs. Element by element into one address: where the spread is. */
static int distribution_rows(void *context, const json_t *record) {
    const json_t *series = case_series(record, "ulps from exact");
    size_t n = case_series_length(series), k = 0;
    bool uniform = strcmp(text_of(record, "input"), "uniform") == 0;
    if (n == 0 || !uniform || param(record, "merge") != ATOMICS_NONE ||
        param(record, "addresses") != 1 || param(record, "parties") < 2 ||
        strncmp(text_of(record, "plan"), "f32.", 4) != 0)
        return 0;
    double *ulps = malloc(n * sizeof *ulps);
    if (!ulps)
        return -1;
    for (size_t i = 0; i < n; i++)
        ulps[i] = case_series_real_at(series, i);
    qsort(ulps, n, sizeof *ulps, compare_real);
    while (k < n) {
        size_t first = k;
        while (k < n && ulps[k] == ulps[first])
            k++;
        lab_table_row(context, "%s\t%s\t%s\t%.0f\t%zu", device_of(record), text_of(record, "plan"),
                      text_of(record, "load"), ulps[first], k - first);
    }
    free(ulps);
    return 0;
}

static int cure_row(void *context, const json_t *record) {
    const json_t *measured = case_series(record, "measured");
    uint64_t predicted = case_series_bits_at(case_series(record, "predicted"), 0);
    size_t n = case_series_length(measured), right = 0;
    for (size_t k = 0; k < n; k++)
        right += case_series_bits_at(measured, k) == predicted;
    lab_table_row(context, "%s\t%s\t%s\t%s\t%zu\t%zu\t%zu", device_of(record),
                  text_of(record, "plan"), text_of(record, "input"), text_of(record, "load"), n,
                  series_distinct(record, "measured"), right);
    return 0;
}

static int replay_row(void *context, const json_t *record) {
    const json_t *chains = case_series(record, "chains");
    const json_t *held = case_series(record, "chains replayed to the bit");
    const json_t *differ = case_series(record, "chains that a shuffled order changed");
    double all = 0, right = 0, changed = 0;
    for (size_t k = 0; k < case_series_length(chains); k++) {
        all += case_series_real_at(chains, k);
        right += case_series_real_at(held, k);
        changed += case_series_real_at(differ, k);
    }
    lab_table_row(context, "%s\t%s\t%s\t%s\t%zu\t%.0f\t%.0f\t%zu\t%.1f", device_of(record),
                  text_of(record, "plan"), text_of(record, "input"), text_of(record, "load"),
                  case_series_length(chains), all, right, series_distinct(record, "order"),
                  all > 0 ? 100 * changed / all : 0);
    return 0;
}

static int reach_row(void *context, const json_t *record) {
    lab_table_row(context, "%s\t%s\t%s\t%.0f\t%.0f\t%.0f\t%zu\t%.0f", device_of(record),
                  text_of(record, "plan"), text_of(record, "input"), param(record, "updates"),
                  case_number(record, "counters", "orders"),
                  case_number(record, "counters", "reachable"), series_distinct(record, "measured"),
                  case_number(record, "counters", "outside"));
    return 0;
}

static int reachable_rows(void *context, const json_t *record) {
    const json_t *updates = case_series(record, "updates");
    const json_t *results = case_series(record, "results");
    for (size_t k = 0; k < case_series_length(updates); k++)
        lab_table_row(context, "%s\t%s\t%.0f\t%.0f", device_of(record), text_of(record, "input"),
                      case_series_real_at(updates, k), case_series_real_at(results, k));
    return 0;
}

static int turns_row(void *context, const json_t *record) {
    struct comparison c;
    if (compare_turns(record, &c) != 0)
        return -1;
    lab_table_row(context, "%s\t%s\t%s\t%zu\t%.3g\t%.3g\t%.3g\t%.3g\t%.3g\t%.3g\t%.3g",
                  device_of(record), text_of(record, "name"), direction_name(c.direction), c.pairs,
                  c.a, c.b, c.change, c.low, c.high, c.distinct_a, c.distinct_b);
    return 0;
}

/* Batch after batch, for the plot: both sides of the neighbour's turns. */
static int turn_rows(void *context, const json_t *record) {
    static const char *const sides[] = {"a", "b"};
    for (size_t s = 0; s < 2; s++) {
        char series_name[20], load_name[20];
        snprintf(series_name, sizeof series_name, "spread of %s", sides[s]);
        snprintf(load_name, sizeof load_name, "load of %s", sides[s]);
        const json_t *series = case_series(record, series_name);
        for (size_t k = 0; k < case_series_length(series); k++)
            lab_table_row(context, "%s\t%s\t%s %s\t%zu\t%.4g", device_of(record),
                          text_of(record, "name"), text_of(record, sides[s]),
                          text_of(record, load_name), k, case_series_real_at(series, k));
    }
    return 0;
}

static int price_row(void *context, const json_t *record) {
    lab_table_row(context, "%s\t%s\t%s\t%.0f\t%.4g\t%.4g\t%.4g\t%s", device_of(record),
                  text_of(record, "name"), text_of(record, "place"), param(record, "n"),
                  case_number(record, "counters", "ratio"), case_number(record, "counters", "low"),
                  case_number(record, "counters", "high"), text_of(record, "denominator"));
    return 0;
}

static int time_row(void *context, const json_t *record) {
    lab_table_row(context, "%s\t%s\t%s\t%s\t%.0f\t%.4g\t%.4g\t%.4g", device_of(record),
                  text_of(record, "name"), text_of(record, "plan"), text_of(record, "place"),
                  param(record, "n"),
                  case_number(record, "bench", "median") / param(record, "n") * 1e9,
                  case_number(record, "bench", "low") / param(record, "n") * 1e9,
                  case_number(record, "bench", "high") / param(record, "n") * 1e9);
    return 0;
}

struct table {
    const char *name, *header, *prefix;
    int (*row)(void *, const json_t *);
    bool timed;
};

static const struct table tables[] = {
    {"repeat",
     "device\tladder\tplan\tdata\tload\tparties\truns\tdistinct\tlowest ulps\thighest ulps\t"
     "deviation\tcondition",
     "02/repeat/", repeat_row, false},
    {"ladder", "device\tupdates are\tload\tparties\tdistinct", "02/repeat/", ladder_row, false},
    {"distribution", "device\tplan\tload\tulps\truns", "02/repeat/", distribution_rows, false},
    {"cures", "device\tplan\tdata\tload\truns\tdistinct\tas predicted", "02/cure/", cure_row,
     false},
    {"replay", "device\tplan\tdata\tload\truns\tchains\treplayed\torders\tchanged by a shuffle",
     "02/replay/", replay_row, false},
    {"reach", "device\tplan\tdata\tupdates\torders\treachable\tobserved\toutside", "02/reach/",
     reach_row, false},
    {"reachable", "device\tdata\tupdates\tresults", "02/reachable/", reachable_rows, false},
    {"turns",
     "device\tquestion\tanswer\tpairs\tspread a\tspread b\tchange\tlow\thigh\tdistinct a\t"
     "distinct b",
     "02/turns/", turns_row, true},
    {"batches", "device\tquestion\tside\tpair\tspread", "02/turns/", turn_rows, true},
    {"price", "device\tname\tplace\tn\tratio\tlow\thigh\tover", "02/price/", price_row, true},
    {"time", "device\tname\tplan\tplace\tn\tns\tlow\thigh", "02/time/", time_row, true},
};

int write_tables(struct lab_run *run) {
    for (size_t k = 0; k < sizeof tables / sizeof *tables; k++) {
        const struct table *t = &tables[k];
        if (t->timed && lab_time_devices(run) == 0)
            continue;
        struct lab_table *table = lab_table_open(run, t->name);
        if (!table)
            return -1;
        lab_table_row(table, "%s", t->header);
        if (lab_cases(run, t->prefix, NULL, t->row, table) != 0)
            return lab_error(run, "the table %s could not be made from the cases", t->name);
        if (lab_table_close(table) != 0)
            return -1;
    }
    return 0;
}

/*
 * tables_map.c: the tables behind the map's plots, made from the recorded cases only.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness/measure/stats.h"
#include "labs/04-paged-kv-residency/map_side.h"

/* --- exact ---------------------------------------------------------------------------------------
 */

/* Results are numbered in the order in which they turn up, one numbering per device. */
struct results {
    struct lab_table *table;
    char device[64];
    size_t count;
    uint64_t hash[64];
};

static int batch_row(void *context, const json_t *record) {
    struct results *r = context;
    uint64_t hash = case_series_bits_at(case_series(record, "measured"), 0);
    size_t k = 0;
    if (strcmp(r->device, record_device(record)) != 0) {
        snprintf(r->device, sizeof r->device, "%s", record_device(record));
        r->count = 0;
    }
    while (k < r->count && r->hash[k] != hash)
        k++;
    if (k == r->count && r->count < 64)
        r->hash[r->count++] = hash;
    lab_table_row(r->table, "%s\t%s\t%.0f\t%.0f\t%zu\t%016llx", r->device,
                  record_text(record, "rule"), record_param(record, "batch"),
                  record_counter(record, "splits"), k + 1, (unsigned long long)hash);
    return 0;
}

static int batch_rows(struct lab_run *run, struct lab_table *table) {
    struct results r = {.table = table};
    return lab_cases(run, "04/batch/", NULL, batch_row, &r);
}

static int same_row(void *table, const json_t *record) {
    lab_table_row(table, "%s\t%s\t%s\t%s\t%.0f\t%016llx", record_device(record),
                  record_text(record, "values"), record_text(record, "map"),
                  record_text(record, "layout"), record_param(record, "block"),
                  (unsigned long long)case_series_bits_at(case_series(record, "measured"), 0));
    return 0;
}
static int same_rows(struct lab_run *run, struct lab_table *table) {
    return lab_cases(run, "04/same/", NULL, same_row, table);
}

static int bytes_row(void *table, const json_t *record) {
    lab_table_row(
        table, "%s\t%.0f\t%.0f\t%.0f\t%.0f\t%.0f\t%.0f\t%.0f\t%.0f", record_text(record, "plan"),
        record_param(record, "batch"), record_param(record, "tokens"),
        record_param(record, "heads"), record_param(record, "shared blocks"),
        record_counter(record, "loaded of other things"), record_counter(record, "kv loaded"),
        record_counter(record, "kv formula"), record_counter(record, "kv distinct"));
    return 0;
}
static int bytes_rows(struct lab_run *run, struct lab_table *table) {
    return lab_cases(run, "04/bytes/", NULL, bytes_row, table);
}

/* --- churn ---------------------------------------------------------------------------------------
 */

/* The median over seeds. */
static double middle(const json_t *record, const char *name) {
    double x[64];
    const json_t *series = case_series(record, name);
    size_t n = case_series_length(series) < 64 ? case_series_length(series) : 64;
    for (size_t k = 0; k < n; k++)
        x[k] = case_series_real_at(series, k);
    return stats_median(x, n);
}

static int churn_row(void *table, const json_t *record) {
    double share = record_param(record, "share"), ideal = middle(record, "pages");
    ideal /= middle(record, "pages_over_ideal");
    lab_table_row(table, "%s\t%s\t%.0f\t%.0f\t%.2f\t%.0f\t%.0f\t%.0f\t%.2f\t%.3g\t%.3f",
                  record_text(record, "policy"), share > 0 ? "half of the prompts shared" : "none",
                  record_param(record, "turnovers"), middle(record, "runs"),
                  middle(record, "run_mean"), middle(record, "run_median"),
                  middle(record, "run_longest"), middle(record, "pages"),
                  middle(record, "pages_over_ideal"), middle(record, "jump_mean"),
                  middle(record, "page_switches"));
    return 0;
}
static int churn_rows(struct lab_run *run, struct lab_table *table) {
    return lab_cases(run, "04/churn/", NULL, churn_row, table);
}

static int waste_row(void *table, const json_t *record) {
    static const struct {
        const char *name, *series;
    } kinds[] = {{"tokens", "tokens_mean"}, {"inside", ""}, {"outside", "outer_mean"}};
    const char *allocator = record_text(record, "allocator");
    int position = strcmp(allocator, "paged") == 0       ? 0
                   : strcmp(allocator, "first-fit") == 0 ? 1
                                                         : 2;
    double tokens = middle(record, "tokens_mean"), inner = middle(record, "inner_mean");
    double from = 0;
    for (size_t k = 0; k < 3; k++) {
        /* Inner waste is a share of the slots taken; here all are shares of all slots. */
        double share = k == 1 ? tokens * inner / (1 - inner) : middle(record, kinds[k].series);
        lab_table_row(table, "%s\t%d\t%s\t%.2f\t%.2f\t%.2f\t%.1f\t%.1f\t%.0f\t%.0f", allocator,
                      position, kinds[k].name, 100 * share, 100 * from, 100 * (from + share),
                      middle(record, "inner_per_sequence"), middle(record, "running_mean"),
                      middle(record, "finished"), middle(record, "refused_by_holes"));
        from += share;
    }
    return 0;
}
static int waste_rows(struct lab_run *run, struct lab_table *table) {
    return lab_cases(run, "04/waste/", NULL, waste_row, table);
}

/* --- ladder --------------------------------------------------------------------------------------
 */

/* Which curves are drawn together. */
static const char *ladder_mode(const json_t *record) {
    return record_param(record, "stride") == 64 ? "every line"
           : record_param(record, "lanes") > 1  ? "a line per page, several chains"
                                                : "a line per page";
}

static int ladder_row(void *table, const json_t *record) {
    lab_table_row(table, "%s\t%s\t%s\t%.0f\t%.0f\t%.4g\t%.4g\t%.4g\t%.0f", record_device(record),
                  ladder_mode(record), record_text(record, "curve"), record_param(record, "range"),
                  record_param(record, "places"), record_counter(record, "ns per hop"),
                  record_counter(record, "ns low"), record_counter(record, "ns high"),
                  record_param(record, "huge bytes"));
    return 0;
}
static int ladder_rows(struct lab_run *run, struct lab_table *table) {
    return lab_cases(run, "04/ladder/", NULL, ladder_row, table);
}

static int lanes_row(void *table, const json_t *record) {
    lab_table_row(table, "%s\t%s\t%.0f\t%.0f\t%.4g\t%.4g\t%.4g", record_device(record),
                  record_text(record, "curve"), record_param(record, "lanes"),
                  record_param(record, "cold"), record_counter(record, "ns per hop"),
                  record_counter(record, "ns low"), record_counter(record, "ns high"));
    return 0;
}
static int lanes_rows(struct lab_run *run, struct lab_table *table) {
    return lab_cases(run, "04/lanes/", NULL, lanes_row, table);
}

static int ratio_rows(struct lab_run *run, struct lab_table *table) {
    static const char *const pairs[][2] = {
        {"4k", "2m"}, {"4k-x8", "2m-x8"}, {"lines-4k", "lines-2m"}, {"4k", "packed"}};
    for (size_t d = 0; d < lab_time_devices(run); d++) {
        const char *device = device_id(lab_time_device(run, d));
        for (size_t p = 0; p < sizeof pairs / sizeof *pairs; p++) {
            struct ladder_ratio ratios[LADDER_MOST];
            size_t n = ladder_ratios(run, device, pairs[p][0], pairs[p][1], ratios);
            for (size_t k = 0; k < n; k++)
                lab_table_row(table, "%s\t%s over %s\t%.0f\t%.4g\t%.4g\t%.4g", device, pairs[p][0],
                              pairs[p][1], ratios[k].bytes, ratios[k].ratio, ratios[k].low,
                              ratios[k].high);
        }
    }
    return 0;
}

/* Every knee of the small-page ladder, beside what its controls do over the same footprints. */
static int control_rows(struct lab_run *run, struct lab_table *table) {
    for (size_t d = 0; d < lab_time_devices(run); d++) {
        const char *device = device_id(lab_time_device(run, d));
        struct ladder small = {0}, large = {0}, packed = {0};
        struct knee knees[KNEES_MOST];
        if (ladder_read(run, device, "4k", &small) != 0 ||
            ladder_read(run, device, "2m", &large) != 0 ||
            ladder_read(run, device, "packed", &packed) != 0)
            continue;
        size_t n = ladder_knees(&small, knees);
        for (size_t k = 0; k < n; k++)
            lab_table_row(table, "%s\t%.0f\t%.0f\t%.2f\t%.2f\t%.2f\t%s", device,
                          knees[k].from / 1024, knees[k].to / 1024, knees[k].growth,
                          ladder_growth(&large, knees[k].from, knees[k].to),
                          ladder_growth(&packed, knees[k].from, knees[k].to),
                          knee_moves(&knees[k], &large, &packed)
                              ? "translation: page size alone takes it away"
                          : pages_splintered(&large, &packed)
                              ? "not shown: 2 MiB pages act as 4 KiB ones on this machine"
                              : "not translation alone: a control shows it too");
    }
    return 0;
}

/* --- replicas ------------------------------------------------------------------------------------
 */

static int by_time(const void *a, const void *b) {
    const struct replica *x = a, *y = b;
    return (x->median > y->median) - (x->median < y->median);
}

/* The churned replicas from the fastest on, then, each a little apart, twins and made maps. */
static int replica_rows(struct lab_run *run, struct lab_table *table) {
    static const char *const pages[] = {"4k", "2m", "any"};
    static const char *const kinds[] = {"churned", "twin", "made"};
    for (size_t d = 0; d < lab_time_devices(run); d++) {
        const char *device = device_id(lab_time_device(run, d));
        size_t position = 0;
        for (size_t k = 0; k < 9; k++, position += 2) {
            struct replica_set set = {0};
            if (k % 3 == 0)
                position = 0;
            if (replica_read(run, device, pages[k / 3], kinds[k % 3], &set) == 0)
                qsort(set.of, set.count, sizeof *set.of, by_time);
            for (size_t m = 0; m < set.count; m++) {
                const struct replica *r = &set.of[m];
                lab_table_row(table, "%s\t%s\t%s\t%s\t%s\t%zu\t%.5g\t%.5g\t%.5g\t%.0f\t%.0f\t%.3f",
                              device, pages[k / 3], kinds[k % 3], r->policy, r->name, ++position,
                              r->median * 1e3, r->low * 1e3, r->high * 1e3, r->pages, r->runs,
                              r->switches);
            }
            replica_set_close(&set);
        }
    }
    return 0;
}

/* --- all of them ---------------------------------------------------------------------------------
 */

static const struct table {
    const char *name, *header;
    int (*rows)(struct lab_run *run, struct lab_table *table);
    bool timed;
} tables[] = {
    {"batch", "device\trule\tbatch\tsplits\tresult\thash", batch_rows, false},
    {"same", "device\tvalues\tmap\tlayout\tblock\thash", same_rows, false},
    {"bytes", "plan\tbatch\ttokens\theads\tshared\tother\tkv\tformula\tdistinct", bytes_rows,
     false},
    {"churn",
     "policy\tshared\tturnovers\truns\trun mean\trun median\trun longest\tpages\tpages over ideal\t"
     "jump bytes\tpage switches",
     churn_rows, false},
    {"waste",
     "allocator\tposition\tslots\tpercent\tfrom\tto\tinside per sequence\trunning\tfinished\t"
     "refused by holes",
     waste_rows, false},
    {"ladder", "device\tmode\tcurve\trange\tplaces\tns\tlow\thigh\thuge bytes", ladder_rows, true},
    {"page-size", "device\tcurves\trange\tratio\tlow\thigh", ratio_rows, true},
    {"controls", "device\tfrom KiB\tto KiB\t4 KiB pages\t2 MiB pages\tpacked\tverdict",
     control_rows, true},
    {"lanes", "device\tchains\tlanes\tcold\tns\tlow\thigh", lanes_rows, true},
    {"replicas",
     "device\tpages\tkind\tpolicy\tname\tposition\tms\tlow\thigh\tmap pages\tmap runs\tmap "
     "switches",
     replica_rows, true},
};

int write_map_tables(struct lab_run *run) {
    for (size_t k = 0; k < sizeof tables / sizeof *tables; k++) {
        const struct table *t = &tables[k];
        if (t->timed && lab_time_devices(run) == 0)
            continue;
        struct lab_table *table = lab_table_open(run, t->name);
        if (!table)
            return -1;
        lab_table_row(table, "%s", t->header);
        if (t->rows(run, table) != 0)
            return lab_error(run, "the table %s could not be made from the cases", t->name);
        if (lab_table_close(table) != 0)
            return -1;
    }
    return 0;
}

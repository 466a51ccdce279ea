/*
 * tables.c: the tables behind the plots, made from the recorded cases only.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "labs/01-float-staging/staging.h"

static const char *method_name(enum sum_method method) {
    static const char *const names[] = {[SUM_PLAIN] = "plain",
                                        [SUM_COMPENSATED] = "compensated",
                                        [SUM_BINNED] = "binned",
                                        [SUM_EXACT] = "exact"};
    return names[method];
}

/* Float sums with float results only: the other types have bits, but no place in these plots. */
static bool plotted(const struct group *g) {
    return g->first->class.type == SUM_F32 && !g->first->class.dot;
}

static void distinct_rows(struct lab_table *table, const struct observations *o,
                          const char *device) {
    size_t position = 0;
    struct group g;
    while (group_next(o, &position, &g))
        if (plotted(&g) && g.first->class.acc == SUM_ACC32)
            lab_table_row(table, "%s\t%s\t%s\t%zu\t%zu\t%zu", device,
                          method_name(g.first->class.method), input_name(g.first->input),
                          g.first->n, g.distinct, g.count);
}

static int compare_double(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Errors and bounds relative to the exact sum; the plot's axis is logarithmic, so that a zero
 * would vanish: it is shown at 1e-18, below everything a double can tell apart. */
static double shown(double relative) {
    return relative > 1e-18 ? relative : 1e-18;
}

static int error_rows(struct lab_table *table, const struct observations *o, const char *device,
                      const char *kind) {
    size_t position = 0;
    struct group g;
    while (group_next(o, &position, &g)) {
        double scale = fabs(g.first->reference);
        if (!plotted(&g) || scale == 0)
            continue;
        double *errors = malloc(g.count * sizeof *errors), bound = 0;
        if (!errors)
            return -1;
        for (size_t k = 0; k < g.count; k++) {
            errors[k] = g.first[k].error / scale;
            bound = fmax(bound, g.first[k].bound / scale);
        }
        qsort(errors, g.count, sizeof *errors, compare_double);
        const char *wide = g.first->class.acc == SUM_ACC64 ? " FP64" : "";
        const char *method = method_name(g.first->class.method);
        lab_table_row(table, "%s%s %s\t%s\t%s%s\t%s\t%zu\t%.3e\t%.3e\t%.3e\t%.3e", method, wide,
                      kind, device, method, wide, input_name(g.first->input), g.first->n,
                      shown(errors[g.count / 2]), shown(errors[0]), shown(errors[g.count - 1]),
                      shown(bound));
        free(errors);
    }
    return 0;
}

struct writing {
    struct lab_table *table;
};

/* "1 thread", "2 threads"; a GPU's cases say 0. */
static const char *threads_text(const json_t *record, char text[32]) {
    double threads = case_number(record, "params", "threads");
    if (threads < 1)
        return "GPU";
    snprintf(text, 32, "%.0f thread%s", threads, threads == 1 ? "" : "s");
    return text;
}

static int bandwidth_row(void *context, const json_t *record) {
    struct writing *w = context;
    char threads[32];
    double bytes = case_number(record, "params", "bytes");
    const char *name = case_text(record, "params", "name");
    const char *role = case_text(record, "params", "role");
    lab_table_row(w->table, "%s\t%s\t%.0f\t%s\t%s\t%.4g\t%.4g\t%.4g\t%.4g",
                  json_string_value(json_object_get(record, "device")),
                  threads_text(record, threads), bytes, role ? role : "", name ? name : "",
                  bytes / case_number(record, "bench", "median") * 1e-9,
                  bytes / case_number(record, "bench", "high") * 1e-9,
                  bytes / case_number(record, "bench", "low") * 1e-9,
                  case_number(record, "counters", "roof_fraction"));
    return 0;
}

static int ratio_row(void *context, const json_t *record) {
    struct writing *w = context;
    char threads[32];
    const char *what = case_text(record, "params", "what");
    const char *over = case_text(record, "params", "denominator");
    const char *of = case_text(record, "params", "numerator");
    const char *id = json_string_value(json_object_get(record, "id"));
    bool cure = id && strncmp(id, "01/ratio/cure/", 14) == 0;
    lab_table_row(w->table, "%s\t%s\t%s\t%.0f\t%s\t%.4g\t%.4g\t%.4g\t%s\t%s",
                  json_string_value(json_object_get(record, "device")), cure ? "cure" : "library",
                  threads_text(record, threads), case_number(record, "params", "bytes"),
                  what ? what : "", case_number(record, "counters", "ratio"),
                  case_number(record, "counters", "low"), case_number(record, "counters", "high"),
                  of ? of : "", over ? over : "");
    return 0;
}

static int tree_row(void *context, const json_t *record) {
    struct writing *w = context;
    const char *library = case_text(record, "params", "library");
    const char *outcome = case_text(record, "params", "outcome");
    const char *rule = case_text(record, "params", "rule");
    if (library)
        lab_table_row(w->table, "%s\t%.0f\t%s\t%.0f\t%.0f\t%s", library,
                      case_number(record, "params", "n"), outcome ? outcome : "",
                      case_number(record, "counters", "depth"),
                      case_number(record, "counters", "probes"), rule ? rule : "");
    return 0;
}

/* One table over records with a prefix. */
static int table_of(struct lab_run *run, const char *name, const char *header, const char *prefix,
                    int (*row)(void *, const json_t *)) {
    struct writing w = {.table = lab_table_open(run, name)};
    if (!w.table)
        return -1;
    lab_table_row(w.table, "%s", header);
    lab_cases(run, prefix, NULL, row, &w);
    return lab_table_close(w.table);
}

int write_tables(struct lab_run *run) {
    struct lab_table *distinct = lab_table_open(run, "distinct");
    struct lab_table *error = lab_table_open(run, "error");
    if (!distinct || !error)
        return -1;
    lab_table_row(distinct, "device\tmethod\tdata\tn\tdistinct\tplans");
    lab_table_row(error, "view\tdevice\tmethod\tdata\tn\tmedian\tsmallest\tlargest\tbound");
    for (size_t k = 0; k < lab_bits_devices(run); k++) {
        const char *device = device_id(lab_bits_device(run, k));
        struct observations o;
        if (observations_load(run, device, &o) != 0)
            return -1;
        distinct_rows(distinct, &o, device);
        int status =
            error_rows(error, &o, device, device_kind_name(device_kind(lab_bits_device(run, k))));
        observations_free(&o);
        if (status != 0)
            return lab_error(run, "out of memory while writing tables");
    }
    if (lab_table_close(distinct) != 0 || lab_table_close(error) != 0 ||
        table_of(run, "libraries", "library\tn\toutcome\tdepth\tprobes\tarithmetic", "01/tree/",
                 tree_row) != 0)
        return -1;
    if (lab_time_devices(run) == 0)
        return 0;
    if (table_of(run, "bandwidth",
                 "device\tthreads\tbytes\trole\tname\tgbps\tlow\thigh\troof fraction", "01/time/",
                 bandwidth_row) != 0)
        return -1;
    return table_of(run, "price", "device\tkind\tthreads\tbytes\twhat\tratio\tlow\thigh\tof\tover",
                    "01/ratio/", ratio_row);
}

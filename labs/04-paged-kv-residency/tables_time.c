/*
 * tables_time.c: the tables behind the plots of gather, decode, stream and resources, from the
 * recorded cases only.
 */
#include <stdio.h>
#include <string.h>

#include "labs/04-paged-kv-residency/contest.h"

static const char *text_of(const json_t *record, const char *name) {
    const char *text = case_text(record, "params", name);
    return text ? text : "";
}

static double param(const json_t *record, const char *name) {
    return case_number(record, "params", name);
}

static const char *device_of(const json_t *record) {
    const char *device = json_string_value(json_object_get(record, "device"));
    return device ? device : "";
}

static bool is_step(const json_t *record) {
    return strcmp(text_of(record, "what"), "step") == 0;
}

/* "value\tlow\thigh", or three empty cells. */
static const char *ratio_cells(const json_t *record, const char *name, char text[64]) {
    struct ratio r;
    if (ratio_read(record, name, &r) == 0)
        snprintf(text, 64, "%.4g\t%.4g\t%.4g", r.value, r.low, r.high);
    else
        snprintf(text, 64, "\t\t");
    return text;
}

/* The same as times: how much longer. */
static const char *cost_cells(const json_t *record, const char *name, char text[64]) {
    struct ratio r;
    if (ratio_read(record, name, &r) == 0)
        snprintf(text, 64, "%.4g\t%.4g\t%.4g", 1 / r.value, 1 / r.high, 1 / r.low);
    else
        snprintf(text, 64, "\t\t");
    return text;
}

/* --- decode ------------------------------------------------------------------------------------
 */

static int roof_row(void *context, const json_t *record) {
    char roof[64], slab[64], gather[64];
    if (is_step(record))
        lab_table_row(context, "%s\t%s\t%s\t%s\t%.0f\t%.4g\t%s\t%s\t%s", device_of(record),
                      text_of(record, "element"), text_of(record, "op"), text_of(record, "map"),
                      param(record, "bytes") / 1048576,
                      case_number(record, "counters", "bytes per second") / 1e9,
                      ratio_cells(record, "roof fraction", roof),
                      ratio_cells(record, "over slab", slab),
                      ratio_cells(record, "over gather", gather));
    return 0;
}

static int prefetch_row(void *context, const json_t *record) {
    char roof[64];
    if (is_step(record))
        lab_table_row(context, "%s\t%s\t%s\t%s", device_of(record), text_of(record, "map"),
                      text_of(record, "prefetch"), ratio_cells(record, "roof fraction", roof));
    return 0;
}

static int shape_row(void *context, const json_t *record) {
    char roof[64];
    if (is_step(record))
        lab_table_row(context, "%s\t%s\t%.0f\t%.0f\t%s", device_of(record), text_of(record, "map"),
                      param(record, "batch"), param(record, "tokens"),
                      ratio_cells(record, "roof fraction", roof));
    return 0;
}

static int group_row(void *context, const json_t *record) {
    bool attention = strcmp(text_of(record, "op"), "attention") == 0;
    char cost[64];
    if (is_step(record) && attention)
        lab_table_row(context, "%s\t%s\t%s\t%.0f\t%.4g\t%.4g\t%s", device_of(record),
                      text_of(record, "element"),
                      strcmp(text_of(record, "arm"), "in-memory") == 0 ? "in memory" : "in cache",
                      param(record, "group"), param(record, "flops") / param(record, "bytes"),
                      case_number(record, "counters", "bytes per second") / 1e9,
                      cost_cells(record, "over gather", cost));
    return 0;
}

static int splits_row(void *context, const json_t *record) {
    char cost[64];
    if (is_step(record))
        lab_table_row(context, "%s\t%.0f\t%s\t%.0f\t%.4g\t%s", device_of(record),
                      param(record, "batch"), text_of(record, "rule"),
                      param(record, "splits taken"), case_number(record, "bench", "median") * 1e3,
                      cost_cells(record, "over one split", cost));
    return 0;
}

/* --- gather ------------------------------------------------------------------------------------
 */

static const char *width_of(const json_t *record) {
    return param(record, "kv heads") > 1 ? "wide" : "narrow";
}

/* The place of a map on the plot's axis: slab 0, then as kv_table.h lists them, churned last. */
static int map_place(const char *name) {
    if (strcmp(name, "slab") == 0)
        return 0;
    for (int map = 0; map < KV_MAP_COUNT; map++)
        if (strcmp(name, kv_map_name((enum kv_map)map)) == 0)
            return 1 + map;
    return 1 + KV_MAP_COUNT;
}

static int map_row(void *context, const json_t *record) {
    char slab[64], identity[64];
    if (is_step(record) && strcmp(text_of(record, "op"), "walk") != 0)
        lab_table_row(context, "%s\t%s\t%s\t%s\t%s\t%d\t%.4g\t%s\t%s", device_of(record),
                      width_of(record), text_of(record, "op"), text_of(record, "pages"),
                      text_of(record, "map"), map_place(text_of(record, "map")),
                      case_number(record, "counters", "unique bytes per second") / 1e9,
                      ratio_cells(record, "over slab", slab),
                      cost_cells(record, "over identity", identity));
    return 0;
}

static int block_row(void *context, const json_t *record) {
    char cost[64], slab[64];
    struct ratio r;
    if (is_step(record) && ratio_read(record, "over identity", &r) == 0)
        lab_table_row(context, "%s\t%s\t%s\t%.0f\t%.0f\t%s\t%s", device_of(record),
                      width_of(record), text_of(record, "pages"), param(record, "block"),
                      param(record, "block bytes"), cost_cells(record, "over identity", cost),
                      cost_cells(record, "over slab", slab));
    return 0;
}

static int layout_row(void *context, const json_t *record) {
    char slab[64];
    struct ratio r;
    if (is_step(record) && ratio_read(record, "over slab", &r) == 0)
        lab_table_row(context, "%s\t%s\t%s\t%s\t%s", device_of(record), text_of(record, "op"),
                      text_of(record, "layout"), text_of(record, "map"),
                      ratio_cells(record, "over slab", slab));
    return 0;
}

static int pool_row(void *context, const json_t *record) {
    char identity[64];
    if (is_step(record) && strcmp(text_of(record, "op"), "walk") != 0)
        lab_table_row(context, "%s\t%.0f\t%s\t%s\t%.4g\t%s", device_of(record),
                      param(record, "pool bytes") / 1048576, text_of(record, "state"),
                      text_of(record, "map"),
                      case_number(record, "counters", "unique bytes per second") / 1e9,
                      cost_cells(record, "over identity", identity));
    return 0;
}

/* What following the table takes by itself, in percent of the gather's time. */
static int walk_row(void *context, const json_t *record) {
    struct ratio r;
    if (is_step(record) && strcmp(text_of(record, "op"), "walk") == 0 &&
        ratio_read(record, "over gather", &r) == 0)
        lab_table_row(context, "%s\t%s\t%.0f\t%s\t%.3g\t%.3g\t%.3g\t%.3g", device_of(record),
                      width_of(record), param(record, "pool bytes") / 1048576,
                      text_of(record, "state"), case_number(record, "bench", "median") * 1e6,
                      100 / r.value, 100 / r.high, 100 / r.low);
    return 0;
}

/* The cycles that warps of a gather spent, bin by bin (GPU). */
static int cycles_rows(void *context, const json_t *record) {
    const json_t *series = case_series(record, "cycles of a warp");
    const json_t *edges = json_object_get(series, "edges"), *bins = json_object_get(series, "bins");
    for (size_t k = 0; k < json_array_size(bins); k++) {
        json_int_t count = json_integer_value(json_array_get(bins, k));
        if (count > 0)
            lab_table_row(context, "%s\t%s\t%.0f\t%lld", device_of(record), text_of(record, "map"),
                          json_number_value(json_array_get(edges, k)), (long long)count);
    }
    return 0;
}

/* --- stream and resources ----------------------------------------------------------------------
 */

static int stream_row(void *context, const json_t *record) {
    char cost[64];
    if (!is_step(record))
        return 0;
    if (ratio_cells(record, "over nothing streamed", cost) && cost[0] == '\t')
        snprintf(cost, sizeof cost, "1\t1\t1");
    else
        cost_cells(record, "over nothing streamed", cost);
    lab_table_row(context, "%s\t%.0f MiB\t%.0f\t%.4g\t%s", device_of(record),
                  param(record, "bytes") / 1048576, param(record, "read before") / 1048576,
                  case_number(record, "bench", "median") * 1e6, cost);
    return 0;
}

static int resource_row(void *context, const json_t *record) {
    if (strcmp(text_of(record, "what"), "resources") == 0)
        lab_table_row(context, "%s\t%s\t%s\t%.0f\t%.0f", device_of(record), text_of(record, "plan"),
                      text_of(record, "state"),
                      case_number(record, "counters", "registers per thread"),
                      case_number(record, "counters", "local bytes per thread"));
    return 0;
}

/* --- all of them -------------------------------------------------------------------------------
 */

struct table {
    const char *name, *header, *prefix;
    int (*row)(void *, const json_t *);
};

static const struct table tables[] = {
    {"decode",
     "device\telement\top\tmap\tmib\tgbps\troof\tlow\thigh\tover slab\tslab low\tslab high\t"
     "over gather\tgather low\tgather high",
     "04/decode/roof/", roof_row},
    {"prefetch", "device\tmap\tprefetch\troof\tlow\thigh", "04/decode/prefetch/", prefetch_row},
    {"shape", "device\tmap\tbatch\ttokens\troof\tlow\thigh", "04/decode/shape/", shape_row},
    {"group", "device\telement\tplace\tgroup\tflop per byte\tgbps\tover gather\tlow\thigh",
     "04/decode/group/", group_row},
    {"splits", "device\tbatch\trule\tsplits\tms\tover one split\tlow\thigh", "04/decode/splits/",
     splits_row},
    {"maps",
     "device\twidth\top\tpages\tmap\tplace\tgbps\tover slab\tlow\thigh\tcost\tcost low\tcost high",
     "04/gather/map/", map_row},
    {"blocks",
     "device\twidth\tpages\tblock\tbytes\tcost\tlow\thigh\tover slab\tslab low\tslab high",
     "04/gather/block/", block_row},
    {"layouts", "device\top\tlayout\tmap\tover slab\tlow\thigh", "04/gather/layout/", layout_row},
    {"pools", "device\tpool MiB\tstate\tmap\tgbps\tcost\tlow\thigh", "04/gather/pool/", pool_row},
    {"walk", "device\twidth\tpool MiB\tstate\tus\tpercent\tlow\thigh", "04/gather/", walk_row},
    {"cycles", "device\tmap\tcycles\twarps", "04/gather/map/", cycles_rows},
    {"stream", "device\tkv\tstreamed\tus\tcost\tlow\thigh", "04/stream/", stream_row},
    {"resources", "device\tplan\tstate\tregisters\tlocal bytes", "04/resources/", resource_row},
};

static int any(void *context, const json_t *record) {
    (void)context;
    (void)record;
    return 1;
}

int write_time_tables(struct lab_run *run) {
    for (size_t k = 0; k < sizeof tables / sizeof *tables && lab_time_devices(run); k++) {
        const struct table *t = &tables[k];
        if (lab_cases(run, t->prefix, NULL, any, NULL) == 0)
            continue; /* such as a GPU's registers: the report would show a table without rows */
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

/*
 * map_side.h: what the files about the map share: exact.c, ladder.c, churn.c, replicas.c, their
 * checks and their tables.
 */
#ifndef NANOLAB_LABS_04_MAP_SIDE_H
#define NANOLAB_LABS_04_MAP_SIDE_H

#include "labs/04-paged-kv-residency/residency.h"

/* --- trial.c: one attention step with all its data, to the bit -----------------------------------
 */

struct trial {
    struct device *device;
    struct paged_plan plan;
    struct paged_shape shape; /* its table is borrowed */
    void *k, *v, *q;          /* host memory, laid out by the plan */
    float *out;               /* of the last run */
    float *expected;          /* of the last prediction */
    size_t outputs, cache_bytes, query_bytes;
};
/* Checks plan and shape and fills the cache: NaN wherever the table names nothing. 0, or -1 with
 * device_error(); trial_close either way. */
int trial_open(struct trial *trial, struct device *device, const struct paged_plan *plan,
               const struct paged_shape *shape, uint64_t seed);
void trial_close(struct trial *trial);
/* Closes both and ends the trial's case; drops it where status is not 0, with device_error() and
 * the plan's text as the reason. */
int trial_end(struct lab_run *run, struct device *device, struct lab_case *c, struct trial *trial,
              struct kv_table *table, const char *plan, int status);
/* One step into poisoned memory. `checked`: the SIMT machine's checked build, so that
 * simt_last_counts() knows what was loaded. */
int trial_run(struct trial *trial, bool checked);
/* The bits that must come out on this device. */
int trial_predict(struct trial *trial);
/* How many of the outputs lie within the float64 reference's bound; NaN never does. */
int trial_inside(const struct trial *trial, size_t *inside);
/* Every NaN of the cache becomes the largest finite number of its type. Counts them. */
size_t trial_other_poison(struct trial *trial);
/* FNV-1a over the bits of n numbers. */
uint64_t hash_floats(const float *x, size_t n);

/* A table of these lengths in a pool three times as large as they need; `map` in pages of four
 * blocks, so that small tables have many. 0, or -1 with device_error(). */
int small_table(struct kv_table *table, unsigned sequences, const int32_t *tokens,
                unsigned block_tokens, enum kv_map map, uint64_t seed);

/* exact_bytes.c */
int sweep_bytes(struct lab_run *run, struct device *device);
/* exact_batch.c */
int sweep_batch(struct lab_run *run, struct device *device);
/* --predict: what the model says, told before anything has run. */
int predict_batch(struct lab_run *run, struct device *device);
int sweep_refusals(struct lab_run *run, struct device *device);

/* --- knee.c: where a ladder of footprints goes up ------------------------------------------------
 */

#define LADDER_MOST 32
#define KNEES_MOST 8
/* Time per hop over a growing footprint. */
struct ladder {
    size_t count;
    double bytes[LADDER_MOST], ns[LADDER_MOST];
};
struct knee {
    double from, to; /* the largest footprint still at the old level, the smallest at the new one */
    double growth;   /* new level over old */
};
/* The knees of a ladder, from left to right: at most KNEES_MOST. Returns how many. */
size_t ladder_knees(const struct ladder *ladder, struct knee knees[KNEES_MOST]);
/* How much the ladder grows between two footprints, by its fitted levels; NaN outside of it. */
double ladder_growth(const struct ladder *ladder, double from, double to);
/* Whether changing the page size alone takes the knee away: over its footprints neither large pages
 * nor the same lines on few pages grow by half as much (in logarithms) as small pages do. */
bool knee_moves(const struct knee *knee, const struct ladder *large, const struct ladder *packed);
/* Whether 2 MiB pages act as small ones, as where a host puts a virtual machine's large pages
 * together from 4 KiB pieces: inside one large page, at a range of 1 MiB, a line in every 4 KiB
 * takes half as long again as the same lines packed, or longer. The page size is then not the only
 * thing that is changed with it. */
bool pages_splintered(const struct ladder *large, const struct ladder *packed);
/* A recorded ladder ("4k", "2m", "packed", …), from the smallest range on. 0, or -1: it has fewer
 * than three points. */
int ladder_read(struct lab_run *run, const char *device_id, const char *curve, struct ladder *out);

/* Time of curve a over that of curve b at one range, paired by round; 95 % bootstrap interval. */
struct ladder_ratio {
    double bytes, ratio, low, high;
};
/* At every range that both have. Returns how many. */
size_t ladder_ratios(struct lab_run *run, const char *device_id, const char *a, const char *b,
                     struct ladder_ratio out[LADDER_MOST]);

/* --- replicas_stats.c: are the differences between maps more than noise? -------------------------
 */

#define REPLICAS_MOST 64
/* Samples of several maps, taken in rounds. */
struct replica {
    char name[80], policy[24];
    size_t samples;
    double *seconds; /* owned */
    double *round;   /* owned; the round of each sample */
    double median, low, high;
    double pages, runs, switches; /* of its map */
};
struct replica_set {
    size_t count;
    struct replica of[REPLICAS_MOST];
};
void replica_set_close(struct replica_set *set);

struct replica_finding {
    size_t maps, samples;
    double p50, p95, p99;            /* over the maps' median times, seconds */
    double spread, spread_by_chance; /* p99/p50, and what noise alone makes of it (95 % quantile) */
    double apart, apart_by_chance;   /* the same of slowest over fastest */
    double f, p; /* variance between maps over within, and by permutation its chance */
    double r2, r2_low, r2_high; /* of log time on the logs of pages and runs; 95 % by resampling */
    double rank_pages, rank_runs; /* Spearman */
};
/* The samples' rounds are taken out first (each sample over its round's median). 0, or -1: too few
 * maps or samples. */
int replica_judge(const struct replica_set *set, uint64_t seed, struct replica_finding *out);
/* The recorded replicas of one page size. `kind`: "churned", "twin", … */
int replica_read(struct lab_run *run, const char *device_id, const char *pages, const char *kind,
                 struct replica_set *set);

/* --- reading records back ------------------------------------------------------------------------
 */

static inline const char *record_id(const json_t *record) {
    const char *id = json_string_value(json_object_get(record, "id"));
    return id ? id : "";
}
static inline const char *record_device(const json_t *record) {
    const char *device = json_string_value(json_object_get(record, "device"));
    return device ? device : "";
}
static inline const char *record_text(const json_t *record, const char *name) {
    const char *text = case_text(record, "params", name);
    return text ? text : "";
}
static inline double record_param(const json_t *record, const char *name) {
    return case_number(record, "params", name);
}
static inline double record_counter(const json_t *record, const char *name) {
    return case_number(record, "counters", name);
}

#endif

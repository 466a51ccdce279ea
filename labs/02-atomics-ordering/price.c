/*
 * price.c: what the cures cost. All ways of one size go into one group, interleaved in rounds, so
 * that the ratios of their times are paired. In cache, and out of it: on a CPU every sample of the
 * second kind starts with caches that hold something else; on a GPU the data are larger than the
 * caches.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "harness/measure/bench.h"
#include "kernels/threads/threads.h"
#include "labs/02-atomics-ordering/ordering.h"

struct entry {
    const char *name;
    const char *plan;
    int over; /* whose time is the denominator; -1: this is a base itself */
};

/* On a CPU everything is compared with elements added one by one: that is what a reader would
 * write. */
static const struct entry cpu_entries[] = {
    {"plain", "f32.none.plain.a1.t2", -1},
    {"logged", "f32.none.logged.a1.t2", 0},
    {"fixed point", "f32.none.fixed.a1.t2", 0},
    {"binned", "f32.none.binned.a1.t2", 0},
    {"plain, merged by thread", "f32.thread.plain.a1.t2", 0},
    {"fixed point, merged by thread", "f32.thread.fixed.a1.t2", 0},
    {"ordered partials", "f32.thread.ordered.a1.t2", 0},
    {"ticket", "f32.thread.ticket.a1.t2", 0},
    {"binned, merged by thread", "f32.thread.binned.a1.t2", 0},
};
/* On a GPU a cure is compared with the plain sum that merges as it does. */
static const struct entry cuda_entries[] = {
    {"plain", "f32.none.plain.a1.i4.b256.tiles", -1},
    {"plain, merged by block", "f32.block.plain.a1.i16.b256.g528", -1},
    {"logged", "f32.none.logged.a1.i4.b256.tiles", 0},
    {"fixed point", "f32.none.fixed.a1.i4.b256.tiles", 0},
    {"fixed point, merged by block", "f32.block.fixed.a1.i16.b256.g528", 1},
    {"ordered partials", "f32.block.ordered.a1.i16.b256.g528", 1},
    {"ticket", "f32.block.ticket.a1.i16.b256.g528", 1},
    {"binned, merged by block", "f32.block.binned.a1.i16.b256.g528", 1},
};
#define ENTRIES_MAX 9

struct place {
    const char *name;
    size_t n;
    bool flushed;
};
static const struct place cpu_places[] = {{"in cache", (size_t)32 << 10, false},
                                          {"out of cache", (size_t)512 << 10, true}};
static const struct place cuda_places[] = {{"in cache", (size_t)1 << 18, false},
                                           {"out of cache", (size_t)1 << 26, false}};

/* What a group shares. */
struct market {
    struct device *device;
    const struct entry *entries;
    size_t count;
    const struct place *place;
    float *x;
    char *other; /* what the caches are filled with instead; NULL: they stay as they are */
    size_t other_bytes;
    unsigned sink[2];
};

struct stall {
    struct seat seat;
    struct market *market;
    uint64_t predicted;
    bool cure;
};

/* --- flushing ----------------------------------------------------------------------------------
 */

static size_t flush_bytes(void) {
    long cache = sysconf(_SC_LEVEL3_CACHE_SIZE);
    size_t least = (size_t)64 << 20;
    return cache > 0 && 2 * (size_t)cache > least ? 2 * (size_t)cache : least;
}

/* Each core has caches of its own, so each worker reads all of it. */
static void read_other(void *context, unsigned index, unsigned count) {
    struct market *m = context;
    unsigned sum = 0;
    (void)count;
    for (size_t k = 0; k < m->other_bytes; k += 64)
        sum += (unsigned char)m->other[k];
    m->sink[index & 1] = sum;
}

static int flush(void *context) {
    struct stall *s = context;
    struct pool *pool = pool_shared(2);
    if (!pool)
        return device_fail("no threads to fill the caches with");
    pool_run_on(pool, 2, read_other, s->market);
    return 0;
}

/* --- one call, and its check -------------------------------------------------------------------
 */

static int call(void *context) {
    return seat_call(&((struct stall *)context)->seat);
}

/* A cure must have its one result; a plain sum one that no rounding can explain away is wrong. */
static int validate(void *context) {
    struct stall *s = context;
    float value;
    if (seat_run(&s->seat, false, 0) != 0)
        return -1;
    if (s->cure && seat_fingerprint(&s->seat, NULL) != s->predicted)
        return device_fail("%s: its bits are not the predicted ones", s->seat.text);
    memcpy(&value, s->seat.result, sizeof value);
    /* n - 1 additions of positive numbers, in any order. */
    double nu = (double)s->seat.n * 0x1p-24;
    double bound = nu < 0.5 ? nu / (1 - nu) * s->seat.exact : s->seat.exact;
    if (!(fabs((double)value - s->seat.exact) <= bound))
        return device_fail("%s: its result %.9g is further from the exact sum %.9g than any order "
                           "of additions can be",
                           s->seat.text, (double)value, s->seat.exact);
    return 0;
}

/* --- recording ---------------------------------------------------------------------------------
 */

static int record_time(struct lab_run *run, const struct market *m, const struct stall *s,
                       const struct entry *e, const struct bench_result *r) {
    struct lab_case *c = lab_case_begin(run, device_id(m->device), "02/time/n=%zu/plan=%s",
                                        m->place->n, s->seat.text);
    if (!c)
        return 0;
    case_plan(c, seat_json(&s->seat));
    case_param_text(c, "name", e->name);
    case_param_text(c, "plan", s->seat.text);
    case_param_text(c, "place", m->place->name);
    case_param_int(c, "n", (int64_t)m->place->n);
    case_bench(c, r);
    case_counter(c, "ns per element", r->median / (double)m->place->n * 1e9);
    return lab_case_end(c);
}

static int record_ratio(struct lab_run *run, const struct market *m, const struct entry *e,
                        const struct stall *of, const struct stall *over,
                        const struct bench_result *a, const struct bench_result *b) {
    double ratio, low, high;
    struct lab_case *c = lab_case_begin(run, device_id(m->device), "02/price/n=%zu/plan=%s",
                                        m->place->n, of->seat.text);
    if (!c)
        return 0;
    if (bench_ratio(a, b, lab_seed(run), &ratio, &low, &high) != 0) {
        lab_case_drop(c);
        return lab_error(run, "%s and %s share no round to be compared in", of->seat.text,
                         over->seat.text);
    }
    case_param_text(c, "name", e->name);
    case_param_text(c, "numerator", of->seat.text);
    case_param_text(c, "denominator", over->seat.text);
    case_param_text(c, "place", m->place->name);
    case_param_int(c, "cure", of->seat.cure);
    case_param_int(c, "n", (int64_t)m->place->n);
    case_counter(c, "ratio", ratio);
    case_counter(c, "low", low);
    case_counter(c, "high", high);
    return lab_case_end(c);
}

static int record_group(struct lab_run *run, const struct market *m, const struct stall *stalls,
                        const struct bench_result *results) {
    for (size_t k = 0; k < m->count; k++) {
        if (results[k].stop == BENCH_FAILED)
            return lab_error(run, "%s: %s", stalls[k].seat.text, results[k].error);
        if (record_time(run, m, &stalls[k], &m->entries[k], &results[k]) != 0)
            return -1;
    }
    for (size_t k = 0; k < m->count; k++) {
        int over = m->entries[k].over;
        if (over >= 0 && record_ratio(run, m, &m->entries[k], &stalls[k], &stalls[over],
                                      &results[k], &results[over]) != 0)
            return -1;
    }
    return 0;
}

/* --- one group ---------------------------------------------------------------------------------
 */

static int progress(void *context, size_t settled, size_t cases) {
    (void)settled;
    (void)cases;
    return lab_stopping(context);
}

static int measure(struct lab_run *run, struct market *m, struct stall *stalls) {
    struct bench_case cases[ENTRIES_MAX];
    struct bench_result results[ENTRIES_MAX];
    char ids[ENTRIES_MAX][PLAN_TEXT + 40];
    for (size_t k = 0; k < m->count; k++) {
        snprintf(ids[k], sizeof ids[k], "02/time/n=%zu/plan=%s", m->place->n, stalls[k].seat.text);
        cases[k] = (struct bench_case){.id = ids[k],
                                       .call = call,
                                       .setup = m->other ? flush : NULL,
                                       .max_calls = m->other ? 1 : 0,
                                       .validate = validate,
                                       .context = &stalls[k],
                                       .device = m->device,
                                       .bytes_per_call = (double)m->place->n * sizeof(float)};
    }
    enum lab_mode mode = lab_mode(run);
    struct bench_options options = {.limits = mode == LAB_QUICK  ? bench_limits_quick()
                                              : mode == LAB_FULL ? bench_limits_full()
                                                                 : bench_limits_default(),
                                    .seed = lab_seed(run),
                                    .progress = progress,
                                    .progress_context = run};
    if (bench_run(cases, m->count, &options, results) != 0)
        return lab_error(run, "%s", bench_error());
    int status = lab_stopping(run) ? 0 : record_group(run, m, stalls, results);
    for (size_t k = 0; k < m->count; k++)
        bench_result_free(&results[k]);
    return status;
}

static int open_group(struct lab_run *run, struct market *m, struct stall *stalls) {
    int unit = atomics_fixed_unit(m->place->n, 1);
    m->x = input_new(INPUT_UNIFORM, ATOMICS_F32, m->place->n, lab_seed(run));
    if (!m->x)
        return device_fail("out of memory for the data");
    if (m->place->flushed) {
        m->other_bytes = flush_bytes();
        m->other = malloc(m->other_bytes);
        if (!m->other)
            return device_fail("out of memory for what the caches are filled with");
        memset(m->other, 1, m->other_bytes); /* pages of its own */
    }
    for (size_t k = 0; k < m->count; k++) {
        struct stall *s = &stalls[k];
        s->market = m;
        if (seat_open(&s->seat, m->device, m->entries[k].plan, m->x, m->place->n, unit) != 0)
            return -1;
        s->cure = s->seat.cure != ATOMICS_PLAIN && s->seat.cure != ATOMICS_LOGGED;
        if (s->cure && seat_predict(&s->seat, &s->predicted, NULL) != 0)
            return -1;
    }
    return 0;
}

static int count_case(void *context, const json_t *record) {
    (void)record;
    ++*(size_t *)context;
    return 0;
}

int sweep_price(struct lab_run *run, struct device *device) {
    bool native = device_kind(device) == DEVICE_CPU;
    const struct place *places = native ? cpu_places : cuda_places;
    struct market base = {
        .device = device,
        .entries = native ? cpu_entries : cuda_entries,
        .count = native ? sizeof cpu_entries / sizeof *cpu_entries
                        : sizeof cuda_entries / sizeof *cuda_entries,
    };
    lab_expect(run, 2);
    for (size_t p = 0; p < 2 && !lab_stopping(run); p++) {
        /* A group half recorded is run again; a ratio is its last record. */
        char prefix[60];
        size_t seen = 0, ratios = 0;
        for (size_t k = 0; k < base.count; k++)
            ratios += base.entries[k].over >= 0;
        snprintf(prefix, sizeof prefix, "02/price/n=%zu/", places[p].n);
        lab_cases(run, prefix, device_id(device), count_case, &seen);
        if (seen == ratios)
            continue;
        struct market m = base;
        struct stall *stalls = calloc(ENTRIES_MAX, sizeof *stalls);
        m.place = &places[p];
        int status = stalls ? open_group(run, &m, stalls) : device_fail("out of memory");
        if (status != 0)
            lab_error(run, "prices %s on %s: %s", m.place->name, device_id(device), device_error());
        else
            status = measure(run, &m, stalls);
        for (size_t k = 0; stalls && k < m.count; k++)
            seat_close(&stalls[k].seat);
        free(stalls);
        free(m.other);
        free(m.x);
        if (status != 0)
            return -1;
    }
    return 0;
}

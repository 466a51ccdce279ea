/*
 * times.c: how long each way takes, as a fraction of what this machine can read, and what the
 * cures cost over the best plain plan.
 *
 * One group per size and thread count: plans, libraries and cures, interleaved in one run, so that
 * their ratios are paired. Every contender's result is checked after its last sample: a plan's by
 * its predicted bits, a library's by the error bound of any order.
 */
#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness/measure/bench.h"
#include "harness/measure/roof.h"
#include "kernels/threads/threads.h"
#include "labs/01-float-staging/libraries.h"
#include "labs/01-float-staging/staging.h"

#define CONTENDERS_MAX 48

enum role { ROLE_PLAIN, ROLE_COMPENSATED, ROLE_BINNED, ROLE_EXACT, ROLE_LIBRARY };
static const char *const role_names[] = {"plain", "compensated", "binned", "exact", "library"};

/* One size on one device, and the memory its contenders share. */
struct arena {
    struct device *device;
    size_t n;
    unsigned threads; /* 0 on a GPU */
    struct input in;
    void *x, *result, *workspace; /* device memory; x is in.x on cpu */
    size_t workspace_bytes;
    const struct sum_ops *ops; /* NULL on cpu */
};

struct contender {
    char name[VARIANT_TEXT];
    enum role role;
    struct arena *arena;
    struct variant variant;            /* plans and cures */
    const struct tree_target *library; /* libraries … */
    struct recover_target target;      /* … opened */
    uint64_t predicted, bits;
    double value;
};

/* --- one call, and its check -------------------------------------------------------------------
 */

static int call(void *context) {
    struct contender *c = context;
    struct arena *a = c->arena;
    if (c->library && c->library->start)
        return c->library->start(&c->target, a->x, a->n);
    if (c->library)
        return c->target.sum(c->target.context, a->x, a->n, &c->value);
    if (c->variant.native)
        return sum_cpu_run(&c->variant.cpu, a->x, a->n, &c->bits);
    return a->ops->launch(&c->variant.plan, a->x, NULL, a->n, a->result, a->workspace,
                          a->workspace_bytes, device_stream(a->device));
}

static int validate(void *context) {
    struct contender *c = context;
    struct arena *a = c->arena;
    if (!c->library) {
        enum sum_acc acc = variant_class(&c->variant).acc;
        /* Poison, run once more, and compare: what the timed calls left may be another's. */
        c->bits = 0;
        if (a->ops && device_fill(a->device, a->result, 0xff, 8) != 0)
            return -1;
        if (call(c) != 0 || device_sync(a->device) != 0)
            return -1;
        if (a->ops &&
            device_read(a->device, &c->bits, a->result, sum_result_bytes(&c->variant.plan)) != 0)
            return -1;
        if (!sum_same_bits(acc, c->bits, c->predicted))
            return device_fail("%s: its bits %llx are not the predicted %llx", c->name,
                               (unsigned long long)c->bits, (unsigned long long)c->predicted);
        return 0;
    }
    if (c->target.sum(c->target.context, a->in.x, a->n, &c->value) != 0)
        return -1;
    double u = FLT_EPSILON / 2, n = (double)a->n;
    double bound = n * u < 0.5 ? n * u / (1 - n * u) * a->in.magnitude : a->in.magnitude;
    if (!(fabs(c->value - a->in.exact) <= bound))
        return device_fail("%s: its result %.9g is further from the exact sum %.9g than any order "
                           "of additions can be",
                           c->name, c->value, a->in.exact);
    return 0;
}

/* --- contenders --------------------------------------------------------------------------------
 */

struct field_of {
    struct contender *list;
    size_t count;
    struct arena *arena;
    int failed;
};

static void enter_variant(struct field_of *field, const struct variant *v, enum role role) {
    struct contender *c = &field->list[field->count];
    if (field->count == CONTENDERS_MAX || field->failed)
        return;
    *c = (struct contender){.role = role, .arena = field->arena, .variant = *v};
    variant_text(v, c->name);
    for (size_t k = 0; k < field->count; k++)
        if (strcmp(field->list[k].name, c->name) == 0)
            return;
    if (variant_model(v, field->arena->in.x, NULL, field->arena->n, &c->predicted) != 0)
        field->failed = 1;
    field->count++;
}

static void enter_native(struct field_of *field, enum lab_mode mode) {
    struct arena *a = field->arena;
    struct variant v = {.native = true};
    struct sum_cpu_plan base = sum_cpu_plan_default(SUM_F32, SUM_PLAIN, a->n, (int)a->threads);
    /* `threads` is how many there are to use: a short sum's default plan stays on one. */
    v.cpu = base;
    enter_variant(field, &v, ROLE_PLAIN);
    base.threads = (int)a->threads;
    v.cpu = base;
    enter_variant(field, &v, ROLE_PLAIN);
    /* The fields that decide the time, one changed at a time. */
    static const enum sum_cpu_field_id timed[] = {SUM_CPU_FIELD_lanes, SUM_CPU_FIELD_unroll,
                                                  SUM_CPU_FIELD_streams, SUM_CPU_FIELD_span,
                                                  SUM_CPU_FIELD_prefetch};
    for (size_t f = 0; f < sizeof timed / sizeof *timed; f++) {
        const struct sum_field *info = &sum_cpu_fields[timed[f]];
        for (size_t k = 0; k < info->count; k++) {
            /* Quick: the two ends of each field are enough to see what it does. */
            if (mode == LAB_QUICK && k != 0 && k + 1 != info->count)
                continue;
            v.cpu = base;
            sum_cpu_plan_set(&v.cpu, timed[f], info->values[k].value);
            if (sum_cpu_plan_check(&v.cpu, NULL) == 0)
                enter_variant(field, &v, ROLE_PLAIN);
        }
    }
    static const enum sum_method cures[] = {SUM_COMPENSATED, SUM_BINNED};
    static const enum role roles[] = {ROLE_COMPENSATED, ROLE_BINNED};
    for (size_t k = 0; k < 2; k++) {
        v.cpu = sum_cpu_plan_default(SUM_F32, cures[k], a->n, (int)a->threads);
        enter_variant(field, &v, roles[k]);
        v.cpu.threads = (int)a->threads;
        enter_variant(field, &v, roles[k]);
    }
}

static void enter_kernels(struct field_of *field) {
    static const char *const plans[] = {
        "f32.plain.strided.v4.i16.b256.g1056.shfl-down.warp.last",
        "f32.plain.strided.v4.i16.b512.g528.shfl-down.warp.last",
        "f32.plain.strided.v4.i8.b256.g1056.shfl-down.warp.last",
        "f32.plain.strided.v4.i16.b256.tiles.shfl-down.warp.block",
        "f32.plain.strided.v4.i16.b512.tiles.shfl-xor.warp.last",
        "f32.plain.strided.v4.i4.b256.tiles.shfl-down.warp.block",
        "f32.plain.strided.v1.i4.b256.tiles.shfl-down.warp.kernel",
        "f32.plain.blocked.v4.i16.b256.g1056.shfl-down.warp.last",
        "f32.plain.strided.v1.i1.b128.tiles.shared-seq.serial.kernel",
        "f32.compensated.strided.v4.i16.b256.g1056.shfl-down.warp.last",
        "f32.compensated.strided.v4.i8.b256.tiles.shfl-down.warp.last",
        "f32.binned.strided.v4.i16.b256.g1056.shfl-down.warp.last",
        "f32.binned.strided.v4.i16.b512.g528.shfl-down.warp.last",
        "f32.binned.strided.v4.i8.b256.g1056.shfl-down.warp.last",
        "f32.exact.strided.v4.i8.b256.g528.shfl-down.warp.last",
    };
    static const enum role roles[] = {
        [SUM_PLAIN] = ROLE_PLAIN,
        [SUM_COMPENSATED] = ROLE_COMPENSATED,
        [SUM_BINNED] = ROLE_BINNED,
        [SUM_EXACT] = ROLE_EXACT,
    };
    for (size_t k = 0; k < sizeof plans / sizeof *plans; k++) {
        struct variant v = {.native = false};
        char why[SUM_WHY];
        if (sum_plan_parse(plans[k], &v.plan, why) != 0 ||
            sum_plan_check(&v.plan, field->arena->n, why) != 0) {
            device_fail("plan %s: %s", plans[k], why);
            field->failed = 1;
            return;
        }
        enter_variant(field, &v, roles[v.plan.method]);
    }
}

static void enter_libraries(struct field_of *field) {
    const struct tree_target *libraries[8];
    struct arena *a = field->arena;
    size_t count = libraries_timed(device_kind(a->device), libraries, 8);
    for (size_t k = 0; k < count && field->count < CONTENDERS_MAX; k++) {
        struct contender *c = &field->list[field->count];
        *c = (struct contender){.role = ROLE_LIBRARY, .arena = a, .library = libraries[k]};
        snprintf(c->name, sizeof c->name, "%s", libraries[k]->name);
        if (libraries[k]->open(&c->target, a->n, a->device) != 0) {
            field->failed = 1;
            return;
        }
        field->count++;
    }
}

static void leave_libraries(struct field_of *field) {
    for (size_t k = 0; k < field->count; k++)
        if (field->list[k].library)
            field->list[k].library->close(&field->list[k].target);
}

/* --- arena -------------------------------------------------------------------------------------
 */

static void arena_close(struct arena *a) {
    if (a->x != a->in.x)
        device_free(a->device, a->x);
    device_free(a->device, a->result);
    device_free(a->device, a->workspace);
    input_free(&a->in);
}

static int arena_open(struct arena *a, struct device *device, size_t n, unsigned threads,
                      uint64_t seed) {
    *a = (struct arena){.device = device, .n = n, .threads = threads};
    if (input_make(&a->in, INPUT_UNIFORM, SUM_F32, n, seed) != 0)
        return device_fail("out of memory for %zu floats; use --quick", n);
    /* From the device's own allocator on the CPU too: it asks for huge pages. */
    if (device_alloc(device, &a->x, n * sizeof(float)) != 0 ||
        device_write(device, a->x, a->in.x, n * sizeof(float)) != 0 ||
        device_alloc(device, &a->result, 8) != 0)
        return -1;
    if (device_kind(device) == DEVICE_CPU)
        return 0;
    a->ops = sum_ops_for(device_kind(device), false);
    if (!a->ops)
        return -1;
    /* The smallest tiles leave the most values between kernels. */
    struct sum_plan worst;
    char why[SUM_WHY];
    if (sum_plan_parse("f32.exact.v1.i1.b32.tiles.kernel", &worst, why) != 0 &&
        sum_plan_parse("f32.plain.v1.i1.b32.tiles.kernel", &worst, why) != 0)
        return device_fail("%s", why);
    a->workspace_bytes = sum_workspace_bytes(&worst, n);
    if (device_alloc(device, &a->workspace, a->workspace_bytes) != 0)
        return -1;
    return a->ops->prepare(a->workspace, a->workspace_bytes, device_stream(device));
}

/* --- recording ---------------------------------------------------------------------------------
 */

struct contest {
    struct lab_run *run;
    struct arena *arena;
    const struct contender *list;
    const struct bench_result *results;
    size_t count;
    double roof; /* bytes per second */
};

static int record_contender(const struct contest *g, size_t k) {
    const struct contender *c = &g->list[k];
    const struct bench_result *r = &g->results[k];
    struct arena *a = g->arena;
    double bytes = (double)a->n * sizeof(float);
    struct lab_case *out =
        lab_case_begin(g->run, device_id(a->device), "01/time/bytes=%.0f/threads=%u/%s", bytes,
                       a->threads, c->name);
    if (!out)
        return 0;
    case_param_real(out, "bytes", bytes);
    case_param_int(out, "n", (int64_t)a->n);
    case_param_int(out, "threads", a->threads);
    case_param_text(out, "name", c->name);
    case_param_text(out, "role", role_names[c->role]);
    if (!c->library)
        case_plan(out, variant_json(&c->variant));
    case_bench(out, r);
    case_counter(out, "bytes_per_second", bytes / r->median);
    case_counter(out, "roof_bytes_per_second", g->roof);
    case_counter(out, "roof_fraction", bytes / r->median / g->roof);
    if (!c->library) {
        double value = variant_value(variant_class(&c->variant).acc, c->bits);
        case_counter(out, "error", fabs(value - a->in.exact));
        case_counter(out, "error_bound",
                     variant_bound(&c->variant, &a->in, variant_depth(&c->variant, a->n)));
    }
    return lab_case_end(out);
}

/* time(k) / time(base), paired by rounds. */
static int record_ratio(const struct contest *g, const char *kind, size_t k, size_t base,
                        const char *what) {
    struct arena *a = g->arena;
    double bytes = (double)a->n * sizeof(float), ratio, low, high;
    struct lab_case *out =
        lab_case_begin(g->run, device_id(a->device), "01/ratio/%s/bytes=%.0f/threads=%u/%s", kind,
                       bytes, a->threads, what);
    if (!out)
        return 0;
    if (bench_ratio(&g->results[k], &g->results[base], lab_seed(g->run), &ratio, &low, &high) !=
        0) {
        lab_case_drop(out);
        return lab_error(g->run, "%s and %s share no round to be compared in", g->list[k].name,
                         g->list[base].name);
    }
    case_param_real(out, "bytes", bytes);
    case_param_int(out, "threads", a->threads);
    case_param_text(out, "what", what);
    case_param_text(out, "numerator", g->list[k].name);
    case_param_text(out, "denominator", g->list[base].name);
    case_counter(out, "ratio", ratio);
    case_counter(out, "low", low);
    case_counter(out, "high", high);
    return lab_case_end(out);
}

/* The fastest of a role; -1 if none ran. */
static int fastest(const struct contest *g, enum role role) {
    int best = -1;
    for (size_t k = 0; k < g->count; k++)
        if (g->list[k].role == role && g->results[k].stop != BENCH_FAILED &&
            (best < 0 || g->results[k].median < g->results[best].median))
            best = (int)k;
    return best;
}

static int record_group(const struct contest *g) {
    int plain = fastest(g, ROLE_PLAIN);
    if (plain < 0)
        return lab_error(g->run, "no plain plan could be timed");
    for (size_t k = 0; k < g->count; k++)
        if (record_contender(g, k) != 0)
            return -1;
    static const enum role cures[] = {ROLE_COMPENSATED, ROLE_BINNED, ROLE_EXACT};
    for (size_t k = 0; k < sizeof cures / sizeof *cures; k++) {
        int cure = fastest(g, cures[k]);
        if (cure >= 0 &&
            record_ratio(g, "cure", (size_t)cure, (size_t)plain, role_names[cures[k]]) != 0)
            return -1;
    }
    for (size_t k = 0; k < g->count; k++)
        if (g->list[k].role == ROLE_LIBRARY && g->results[k].stop != BENCH_FAILED &&
            record_ratio(g, "library", (size_t)plain, k, g->list[k].name) != 0)
            return -1;
    return 0;
}

/* --- the sweep ---------------------------------------------------------------------------------
 */

static int progress(void *context, size_t settled, size_t cases) {
    (void)settled;
    (void)cases;
    return lab_stopping(context);
}

static struct bench_limits limits_for(enum lab_mode mode) {
    return mode == LAB_QUICK  ? bench_limits_quick()
           : mode == LAB_FULL ? bench_limits_full()
                              : bench_limits_default();
}

static int measure(struct lab_run *run, struct arena *arena, struct field_of *field) {
    struct bench_case cases[CONTENDERS_MAX];
    struct bench_result results[CONTENDERS_MAX];
    char ids[CONTENDERS_MAX][VARIANT_TEXT + 64];
    struct contest group = {run, arena, field->list, results, field->count, 0};
    double bytes = (double)arena->n * sizeof(float);
    for (size_t k = 0; k < field->count; k++) {
        snprintf(ids[k], sizeof ids[k], "01/time/bytes=%.0f/threads=%u/%s", bytes, arena->threads,
                 field->list[k].name);
        cases[k] = (struct bench_case){.id = ids[k],
                                       .call = call,
                                       .validate = validate,
                                       .context = &field->list[k],
                                       .device = arena->device,
                                       .bytes_per_call = bytes};
    }
    struct bench_options options = {.limits = limits_for(lab_mode(run)),
                                    .seed = lab_seed(run),
                                    .progress = progress,
                                    .progress_context = run};
    if (roof_read_bandwidth(arena->device, arena->n * sizeof(float), arena->threads, &group.roof) !=
        0)
        return lab_error(run, "read roof: %s", roof_error());
    if (bench_run(cases, field->count, &options, results) != 0)
        return lab_error(run, "%s", bench_error());
    int status = 0;
    for (size_t k = 0; k < field->count && status == 0; k++)
        if (results[k].stop == BENCH_FAILED)
            status = lab_error(run, "%s: %s", ids[k], results[k].error);
    if (status == 0 && !lab_stopping(run))
        status = record_group(&group);
    for (size_t k = 0; k < field->count; k++)
        bench_result_free(&results[k]);
    return status;
}

/* One case for each contender, and one for each ratio that record_group takes. */
static size_t expected_cases(const struct field_of *field) {
    bool role[sizeof role_names / sizeof *role_names] = {false};
    size_t count = field->count;
    for (size_t k = 0; k < field->count; k++) {
        enum role r = field->list[k].role;
        count += r == ROLE_LIBRARY || (r != ROLE_PLAIN && !role[r]);
        role[r] = true;
    }
    return count;
}

static int run_group(struct lab_run *run, struct arena *arena) {
    static struct contender list[CONTENDERS_MAX];
    struct field_of field = {.list = list, .arena = arena};
    libraries_set_threads(arena->threads ? arena->threads : 1);
    if (arena->ops)
        enter_kernels(&field);
    else
        enter_native(&field, lab_mode(run));
    enter_libraries(&field);
    lab_expect(run, expected_cases(&field));
    int status = field.failed ? lab_error(run, "%s", device_error()) : measure(run, arena, &field);
    leave_libraries(&field);
    return status;
}

/* Everything of a group is there once its last ratio is; a group half recorded is run again. */
struct seen {
    size_t cases;
};

static int count_case(void *context, const json_t *record) {
    (void)record;
    ((struct seen *)context)->cases++;
    return 0;
}

int sweep_times(struct lab_run *run, struct device *device) {
    static const size_t cpu_bytes[] = {32u << 10, 1u << 20, 256u << 20};
    static const size_t cuda_bytes[] = {1u << 20, 64u << 20, 1u << 30};
    bool cpu = device_kind(device) == DEVICE_CPU;
    const size_t *bytes = cpu ? cpu_bytes : cuda_bytes;
    unsigned most = cpu ? (pool_cpus() < 2 ? 1 : 2) : 0;
    for (size_t s = 0; s < 3 && !lab_stopping(run); s++) {
        for (unsigned threads = cpu ? 1 : 0; threads <= most && !lab_stopping(run); threads++) {
            struct arena arena;
            struct seen seen = {0};
            char prefix[64];
            snprintf(prefix, sizeof prefix, "01/ratio/library/bytes=%zu/threads=%u/", bytes[s],
                     threads);
            if (lab_cases(run, prefix, device_id(device), count_case, &seen) == 0 && seen.cases)
                continue;
            int status =
                arena_open(&arena, device, bytes[s] / sizeof(float), threads, lab_seed(run));
            if (status != 0)
                lab_error(run, "%s", device_error());
            else
                status = run_group(run, &arena);
            arena_close(&arena);
            if (status != 0)
                return -1;
        }
    }
    return 0;
}

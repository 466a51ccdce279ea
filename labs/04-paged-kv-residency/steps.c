/*
 * steps.c: what the lab's timed steps share: memory, the way a CPU asks ahead, and how a step
 * becomes an entrant of a contest.
 */
#include <hwloc.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "kernels/threads/threads.h"
#include "labs/04-paged-kv-residency/residency.h"

/* --- memory ------------------------------------------------------------------------------------
 */

struct memories_held {
    struct memories_held *next;
    struct paged_memory memory;
};
struct memories_reader {
    struct memories_reader *next;
    struct job job;
};
/* What happens before a sample: a step, then reading. */
struct memories_before {
    struct memories_before *next;
    const struct job *step, *reader; /* borrowed; either may be NULL */
    struct job job;
};

struct memories memories_open(struct lab_run *run, struct device *device) {
    return (struct memories){.run = run, .device = device, .most = device_memory_free(device) / 4};
}

void memories_close(struct memories *memories) {
    while (memories->befores) {
        struct memories_before *before = memories->befores;
        memories->befores = before->next;
        free(before);
    }
    while (memories->readers) {
        struct memories_reader *reader = memories->readers;
        memories->readers = reader->next;
        job_close(&reader->job);
        free(reader);
    }
    while (memories->held) {
        struct memories_held *held = memories->held;
        memories->held = held->next;
        paged_memory_close(&held->memory);
        free(held);
    }
    roofs_memory_close(memories->source);
    *memories = (struct memories){0};
}

int memories_take(struct memories *memories, enum element element, size_t bytes,
                  enum pages_kind kind, struct paged_memory **out) {
    *out = NULL;
    for (struct memories_held *held = memories->held; held && !*out; held = held->next)
        if (held->memory.element == element && held->memory.kind == kind &&
            held->memory.bytes >= bytes / 2)
            *out = &held->memory;
    if (*out)
        return 0;
    struct memories_held *held = calloc(1, sizeof *held);
    if (!held)
        return lab_error(memories->run, "out of memory");
    if (paged_memory_open(&held->memory, memories->device, element, bytes / 2, kind,
                          lab_seed(memories->run)) == 0) {
        held->next = memories->held;
        memories->held = held;
        *out = &held->memory;
        return 0;
    }
    free(held);
    if (device_kind(memories->device) != DEVICE_CPU || !pages_unavailable())
        return lab_error(memories->run, "%zu MiB of keys and values: %s", bytes / MIB,
                         device_error());
    lab_note(memories->run, "%zu MiB of keys and values: %s", bytes / MIB, device_error());
    return 0;
}

struct paged_memory *memories_huge(struct memories *memories, enum element element, size_t bytes) {
    struct paged_memory *memory = NULL;
    bool native = device_kind(memories->device) == DEVICE_CPU;
    if (native && memories_take(memories, element, bytes, PAGES_2M, &memory) != 0)
        return NULL;
    if (!memory && memories_take(memories, element, bytes, PAGES_ANY, &memory) != 0)
        return NULL;
    return memory;
}

struct roofs_memory *memories_source(struct memories *memories, size_t bytes) {
    if (!memories->source &&
        roofs_memory_open(&memories->source, memories->device, bytes, 0) != 0) {
        lab_error(memories->run, "%zu MiB to read: %s", bytes / MIB, device_error());
        memories->source = NULL;
    }
    return memories->source;
}

struct job *memories_reader(struct memories *memories, size_t bytes) {
    struct roofs_plan plans[16];
    struct lab_run *run = memories->run;
    unsigned threads = device_kind(memories->device) == DEVICE_CPU ? pool_cpus() : 0;
    struct roofs_memory *source = memories_source(memories, bytes);
    if (!source)
        return NULL;
    struct memories_reader *reader = calloc(1, sizeof *reader);
    if (!reader) {
        lab_error(run, "out of memory");
        return NULL;
    }
    if (roofs_variants(memories->device, ROOFS_READ, bytes, threads, plans, 16) == 0) {
        lab_error(run, "%s has no reader to fill its caches with", device_id(memories->device));
        free(reader);
        return NULL;
    }
    plans[0].passes = 1;
    if (roofs_job_open(&reader->job, source, &plans[0]) != 0) {
        lab_error(run, "%zu MiB to read: %s", bytes / MIB, device_error());
        free(reader);
        return NULL;
    }
    reader->next = memories->readers;
    memories->readers = reader;
    return &reader->job;
}

size_t memories_fitting(const struct memories *memories, size_t bytes) {
    while (bytes > MIB && bytes > memories->most)
        bytes /= 2;
    return bytes;
}

static size_t hwloc_last_level(void) {
    static const hwloc_obj_type_t levels[] = {HWLOC_OBJ_L4CACHE, HWLOC_OBJ_L3CACHE,
                                              HWLOC_OBJ_L2CACHE};
    hwloc_topology_t topology;
    size_t bytes = 0;
    if (hwloc_topology_init(&topology) != 0)
        return 0;
    if (hwloc_topology_load(topology) == 0)
        for (size_t k = 0; k < sizeof levels / sizeof *levels && bytes == 0; k++) {
            hwloc_obj_t cache = hwloc_get_obj_by_type(topology, levels[k], 0);
            bytes = cache ? cache->attr->cache.size : 0;
        }
    hwloc_topology_destroy(topology);
    return bytes;
}

size_t last_level_bytes(const struct device *device) {
    /* No GPU that these kernels run on has a larger L2 than 64 MiB, but for the newest. */
    if (device_kind(device) != DEVICE_CPU)
        return 64 * MIB;
    size_t bytes = hwloc_last_level();
    return bytes ? bytes : 32 * MIB;
}

/* --- plans and limits --------------------------------------------------------------------------
 */

struct paged_plan plan_of(enum paged_op op, enum paged_mapping mapping, enum element element) {
    struct paged_plan plan = paged_plan_default();
    plan.op = op;
    plan.mapping = mapping;
    plan.layout = PAGED_NHD;
    plan.element = element;
    plan.block = mapping == PAGED_SLAB ? 1 : 16;
    return plan;
}

/* Samples are counted rather than seconds, also where a harness' cap of 0.1 s would leave three. */
struct bench_limits mode_limits(const struct lab_run *run) {
    return lab_mode(run) == LAB_QUICK  ? (struct bench_limits){1e-3, 0.01, 7, 9, 2}
           : lab_mode(run) == LAB_FULL ? (struct bench_limits){1e-3, 0.005, 31, 300, 30}
                                       : (struct bench_limits){1e-3, 0.005, 15, 25, 5};
}

/* --- how a CPU asks ahead ----------------------------------------------------------------------
 */

/* More than the caches hold: 64 MiB of keys and as many of values. */
enum { RACE_SEQUENCES = 32, RACE_TOKENS = 1024, RACE_HEADS = 4 };

static int race(struct contest *c, struct lab_run *run, struct paged_memory *memory,
                const struct paged_plan *plan, const struct kv_table *table) {
    for (int p = 0; p < PAGED_PREFETCH_COUNT; p++) {
        struct paged_step step = paged_step_of(plan, RACE_HEADS, table);
        struct job job;
        step.prefetch = (enum paged_prefetch)p;
        step.seed = lab_seed(run);
        if (paged_job_open(&job, memory, &step) != 0) {
            lab_error(run, "prefetch %s: %s", paged_prefetch_name(step.prefetch), device_error());
            return contest_drop(c);
        }
        struct lab_case *record =
            entrant_case(contest_enter(c, &job, "%s", paged_prefetch_name(step.prefetch)));
        case_param_text(record, "op", plan_word(&paged_family, plan, PAGED_FIELD_op));
        case_param_text(record, "prefetch", paged_prefetch_name(step.prefetch));
        case_param_int(record, "threads", step.threads);
    }
    return contest_end(c);
}

static int race_recorded(struct lab_run *run, struct device *device, enum paged_op op) {
    struct paged_plan plan = plan_of(op, PAGED_TABLE, ELEMENT_F32);
    enum kv_map map = op == PAGED_ATTENTION ? KV_MAP_PERMUTED : KV_MAP_IDENTITY;
    struct contest *c = contest_open(run, device, "04/prefetch/%s",
                                     plan_word(&paged_family, &plan, PAGED_FIELD_op));
    if (!c)
        return contest_skipped(run);
    *contest_limits(c) = mode_limits(run);
    struct kv_table table = {0};
    struct paged_memory memory = {0};
    struct paged_shape shape = {.kv_heads = RACE_HEADS, .table = &table};
    int status = map_equal(&table, &plan, RACE_HEADS, RACE_SEQUENCES, RACE_TOKENS, 0, map, 1);
    if (status == 0)
        status = paged_memory_open(&memory, device, ELEMENT_F32, paged_cache_bytes(&plan, &shape),
                                   PAGES_ANY, lab_seed(run));
    if (status == 0) {
        status = race(c, run, &memory, &plan, &table);
    } else {
        lab_error(run, "which prefetch is fastest: %s", device_error());
        contest_drop(c);
    }
    paged_memory_close(&memory);
    kv_table_close(&table);
    return status;
}

int prefetch_measured(struct lab_run *run, struct device *device, enum paged_op op,
                      enum paged_prefetch *out) {
    char prefix[40];
    struct rows rows;
    double best = INFINITY;
    *out = PAGED_PREFETCH_NONE;
    if (device_kind(device) != DEVICE_CPU || op == PAGED_WALK)
        return 0;
    struct paged_plan plan = {.op = (int)op};
    snprintf(prefix, sizeof prefix, "04/prefetch/%s/",
             plan_word(&paged_family, &plan, PAGED_FIELD_op));
    if (race_recorded(run, device, op) != 0 ||
        rows_load(run, prefix, device_id(device), &rows) != 0)
        return -1;
    for (size_t k = 0; k < rows.count; k++)
        for (int p = 0; p < PAGED_PREFETCH_COUNT; p++)
            if (row_is(&rows, k, "prefetch", paged_prefetch_name((enum paged_prefetch)p)) &&
                row_number(&rows, k, "@median") < best) {
                best = row_number(&rows, k, "@median");
                *out = (enum paged_prefetch)p;
            }
    rows_free(&rows);
    return 0;
}

int step_of(struct lab_run *run, struct device *device, const struct paged_plan *plan,
            unsigned kv_heads, const struct kv_table *table, struct paged_step *out) {
    *out = paged_step_of(plan, kv_heads, table);
    out->seed = lab_seed(run);
    return prefetch_measured(run, device, (enum paged_op)plan->op, &out->prefetch);
}

/* --- entering ----------------------------------------------------------------------------------
 */

static void step_params(struct lab_case *c, const struct job *job, const char *map,
                        const char *arm) {
    const struct paged_step *s = paged_job_step(job);
    const struct paged_plan *plan = &s->plan;
    const struct paged_shape shape = paged_step_shape(s);
    bool native = device_kind(paged_job_memory(job)->device) == DEVICE_CPU;
    case_param_text(c, "what", "step");
    case_param_text(c, "op", plan_word(&paged_family, plan, PAGED_FIELD_op));
    case_param_text(c, "layout", plan_word(&paged_family, plan, PAGED_FIELD_layout));
    case_param_text(c, "element", plan_word(&paged_family, plan, PAGED_FIELD_element));
    case_param_text(c, "rule", plan_word(&paged_family, plan, PAGED_FIELD_rule));
    case_param_text(c, "map", map);
    case_param_text(c, "arm", arm);
    case_param_int(c, "block", plan->mapping == PAGED_TABLE ? plan->block : 0);
    case_param_int(c, "block bytes", (int64_t)paged_job_block_bytes(job));
    case_param_int(c, "kv heads", s->kv_heads);
    case_param_int(c, "group", plan->group);
    case_param_int(c, "splits", plan->splits);
    case_param_int(c, "splits taken", paged_job_splits(job));
    case_param_int(c, "batch", s->table->sequences);
    case_param_int(c, "tokens", s->table->tokens[0]);
    case_param_real(c, "bytes", job->bytes);
    case_param_real(c, "unique bytes", paged_job_unique_bytes(job));
    case_param_real(c, "flops", job->flops);
    case_param_int(c, "pool bytes", (int64_t)(2 * paged_cache_bytes(plan, &shape)));
    case_param_text(c, "pages", native ? pages_name(paged_job_memory(job)->kind) : "device");
    case_param_int(c, "threads", native ? s->threads : 0);
    case_param_text(c, "prefetch", native ? paged_prefetch_name(s->prefetch) : "none");
}

static int count_unique(void *entrant, struct lab_case *record, const struct bench_result *result) {
    double bytes = paged_job_unique_bytes(entrant_job(entrant));
    if (bytes < 0)
        return device_fail("out of memory to count distinct blocks");
    case_counter(record, "unique bytes per second", bytes / result->median);
    return 0;
}

struct entrant *enter_step(struct lab_run *run, struct contest *c, struct paged_memory *memory,
                           const struct paged_step *step, const char *map, const char *arm) {
    struct job job;
    char text[PLAN_TEXT];
    paged_plan_text(&step->plan, text);
    if (paged_job_open(&job, memory, step) != 0) {
        lab_error(run, "%s, %s: %s", text, map, device_error());
        return NULL;
    }
    struct entrant *e =
        contest_enter(c, &job, "%s/h%u/batch=%u/tokens=%d/%s%s%s", text, step->kv_heads,
                      step->table->sequences, step->table->tokens[0], map, *arm ? "/" : "", arm);
    step_params(entrant_case(e), entrant_job(e), map, arm);
    entrant_finish(e, count_unique, e);
    return e;
}

static int call_before(void *context) {
    const struct memories_before *before = context;
    if (before->step && job_call(before->step) != 0)
        return -1;
    return before->reader ? job_call(before->reader) : 0;
}

int enter_after(struct memories *memories, struct entrant *step, bool warm,
                const struct job *reader, double reader_bytes) {
    struct memories_before *before = calloc(1, sizeof *before);
    if (!before)
        return lab_error(memories->run, "out of memory");
    *before = (struct memories_before){.next = memories->befores,
                                       .step = warm ? entrant_job(step) : NULL,
                                       .reader = reader,
                                       .job = {.context = before, .call = call_before}};
    memories->befores = before;
    entrant_before(step, &before->job, true);
    case_param_text(entrant_case(step), "state", reader ? "cold" : "warm");
    case_param_real(entrant_case(step), "read before", reader_bytes);
    return 0;
}

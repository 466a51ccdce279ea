/*
 * ranks_plan.c: a plan: its words, its limits, and its text.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <sched.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "kernels/ranks/ranks_inside.h"

/* Real memory of all simulated ranks' buffers, which are in one process: input, sum, sum across
 * groups, and a copy that is hashed. */
#define SIMULATED_BYTES_MOST ((uint64_t)8 << 30)

/* --- words ------------------------------------------------------------------------------------ */

#define WORD(value, word, ...) [value] = word,
static const char *const engine_words[] = {RANKS_ENGINES(WORD)};
static const char *const algorithm_words[] = {RANKS_ALGORITHMS(WORD)};
static const char *const compute_words[] = {RANKS_COMPUTES(WORD)};
static const char *const fill_words[] = {RANKS_FILLS(WORD)};
static const char *const fault_words[] = {RANKS_FAULTS(WORD)};
static const char *const doing_words[] = {RANKS_DOINGS(WORD)};
static const char *const jitter_words[] = {
    [STRAGGLER_STEADY] = "steady",
    [STRAGGLER_EXPONENTIAL] = "exponential",
    [STRAGGLER_GAUSSIAN] = "gaussian",
};
/* Those that an arm can have. */
static const char *const stall_words[] = {
    [STRAGGLER_PERSISTENT] = "persistent",
    [STRAGGLER_ROTATING] = "rotating",
    [STRAGGLER_RARE] = "rare",
};
static const char *const batcher_words[] = {
    [SERVING_LATENCY_GUARDED] = "latency-guarded",
    [SERVING_BUDGET_ONLY] = "budget-only",
};

const char *ranks_engine_name(enum ranks_engine engine) {
    return engine_words[engine];
}

const char *ranks_algorithm_name(enum ranks_algorithm algorithm) {
    return algorithm_words[algorithm];
}

const char *ranks_doing_name(enum ranks_doing doing) {
    return doing_words[doing];
}

bool ranks_algorithm_has(enum ranks_engine engine, enum ranks_algorithm algorithm) {
#define HAS(value, word, openmpi, smpi, nccl) [value] = {(openmpi) != 0, (smpi) != 0, (nccl) != 0},
    static const bool has[RANKS_ALGORITHM_COUNT][RANKS_ENGINE_COUNT] = {RANKS_ALGORITHMS(HAS)};
    return algorithm == RANKS_DEFAULT || has[algorithm][engine];
}

/* --- limits ----------------------------------------------------------------------------------- */

struct ranks_plan ranks_plan_default(enum ranks_engine engine, unsigned ranks) {
    return (struct ranks_plan){
        .engine = engine,
        .ranks = ranks,
        .cluster = {.per_node = 1,
                    .latency_us = 1,
                    .gbs = 25,
                    .inner_latency_us = 0.5,
                    .inner_gbs = 300,
                    .slow_node = -1},
        .arm = {{.bytes = 4096, .compute_us = 500}},
        .arms = 1,
        .rounds = 1,
        .steps = 20,
        .warmup = 2,
        .cost_scale = 1,
        .row_bytes = 4096 * sizeof(float),
        .step_budget_us = 10000,
        .deadline_s = 10,
        .seed = 1,
    };
}

__attribute__((format(printf, 2, 3))) static int refuse(char *why, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(why, RANKS_WHY, format, arguments);
    va_end(arguments);
    return -1;
}

#define US_MOST 1e9 /* of anything in an arm */

static bool is_us(double us) {
    return us >= 0 && us <= US_MOST;
}

static int check_compute(const struct ranks_plan *plan, char *why) {
    if (plan->compute == RANKS_SPIN && plan->engine == RANKS_SMPI)
        return refuse(why, "no simulated time passes by spinning; let simulated ranks sleep");
    if (plan->compute == RANKS_KERNEL && plan->engine != RANKS_NCCL)
        return refuse(why, "kernels on a GPU need the engine nccl, not %s",
                      ranks_engine_name(plan->engine));
    if (plan->compute != RANKS_GEMM)
        return 0;
    if (plan->engine != RANKS_OPENMPI)
        return refuse(why, "products need the engine openmpi, not %s",
                      ranks_engine_name(plan->engine));
    if ((plan->gemm.rows < 1 && !plan->serves) || plan->gemm.n < 1 || plan->gemm.k < 1 ||
        plan->gemm.rows > 65536 || plan->gemm.n > 65536 || plan->gemm.k > 65536)
        return refuse(why, "a product is %u × %u × %u; each is 1 to 65536", plan->gemm.rows,
                      plan->gemm.n, plan->gemm.k);
    return 0;
}

static int check_cluster(const struct ranks_plan *plan, char *why) {
    const struct ranks_cluster *c = &plan->cluster;
    if (c->per_node < 1 || plan->ranks % c->per_node != 0)
        return refuse(why, "%u ranks do not fill nodes of %u", plan->ranks, c->per_node);
    if (!(c->latency_us >= 0 && c->latency_us <= US_MOST && c->gbs >= 1e-3 && c->gbs <= 1e6))
        return refuse(why, "wires of %g us and %g GB/s; 0 us or more, and 0.001 to 1e6 GB/s",
                      c->latency_us, c->gbs);
    if (c->per_node > 1 && !(c->inner_latency_us >= 0 && c->inner_latency_us <= US_MOST &&
                             c->inner_gbs >= 1e-3 && c->inner_gbs <= 1e6))
        return refuse(why,
                      "wires inside of a node of %g us and %g GB/s; 0 us or more, and 0.001 "
                      "to 1e6 GB/s",
                      c->inner_latency_us, c->inner_gbs);
    if (c->slow_node < -1 || c->slow_node >= (int)(plan->ranks / c->per_node))
        return refuse(why, "the slow node is %d; there are %u nodes, and -1 is none", c->slow_node,
                      plan->ranks / c->per_node);
    return 0;
}

static int check_fault(const struct ranks_plan *plan, char *why) {
    uint64_t steps = (uint64_t)plan->rounds * plan->arms * (plan->steps + (uint64_t)plan->warmup);
    if (plan->fault.kind == RANKS_NO_FAULT)
        return 0;
    if (plan->fault.rank >= plan->ranks || plan->fault.step >= steps)
        return refuse(
            why, "a fault of rank %u in step %u; there are %u ranks and %" PRIu64 " steps, from 0",
            plan->fault.rank, plan->fault.step, plan->ranks, steps);
    if (plan->fault.kind == RANKS_FULL_DISK && plan->fault.rank != 0)
        return refuse(why, "rank 0 writes the log: let the disk be full for it, not for rank %u",
                      plan->fault.rank);
    if (plan->engine == RANKS_SMPI && plan->fault.kind != RANKS_FULL_DISK &&
        plan->fault.kind != RANKS_OTHER_COLLECTIVE)
        return refuse(why, "simulated ranks are one process: no signal reaches one of them alone");
    return 0;
}

static int check_serving(const struct ranks_plan *plan, char *why) {
    if (!plan->serves)
        return 0;
    if (!(plan->cost_scale > 0 && plan->cost_scale <= 1e6))
        return refuse(why, "cost_scale is %g; it is more than 0, and at most 1e6",
                      plan->cost_scale);
    if (plan->row_bytes < 4 || plan->row_bytes % 4 != 0 ||
        plan->row_bytes * serving_calm(0).batch_most > RANKS_BYTES_MOST)
        return refuse(why,
                      "row_bytes is %" PRIu64 "; it is a multiple of 4, and a batch of them "
                      "at most %" PRIu64,
                      plan->row_bytes, RANKS_BYTES_MOST);
    if (plan->batcher == SERVING_LATENCY_GUARDED &&
        (plan->step_budget_us < 1 || plan->step_budget_us > (uint64_t)US_MOST))
        return refuse(why, "step_budget_us is %" PRIu64 "; it is 1 to 1e9", plan->step_budget_us);
    return 0;
}

static int check_arm(const struct ranks_plan *plan, unsigned k, char *why) {
    const struct ranks_arm *arm = &plan->arm[k];
    if (arm->bytes < 4 || arm->bytes % 4 != 0 || arm->bytes > RANKS_BYTES_MOST)
        return refuse(why,
                      "arm %u: a buffer is %" PRIu64 " bytes; it is 4 to %" PRIu64 ", in fours", k,
                      arm->bytes, RANKS_BYTES_MOST);
    if (!is_us(arm->compute_us) || !is_us(arm->jitter_us) || !is_us(arm->stall_us))
        return refuse(why,
                      "arm %u: %g us of computing, %g of jitter, %g of stall; each is 0 to "
                      "%g",
                      k, arm->compute_us, arm->jitter_us, arm->stall_us, US_MOST);
    if (!(arm->chance >= 0 && arm->chance <= 1))
        return refuse(why, "arm %u: the chance of a stall is %g; it is 0 to 1", k, arm->chance);
    if ((size_t)arm->stall >= sizeof stall_words / sizeof *stall_words)
        return refuse(why, "arm %u: a stall is persistent, rotating or rare", k);
    if (arm->culprit >= plan->ranks || arm->probe[0] >= plan->ranks || arm->probe[1] >= plan->ranks)
        return refuse(why, "arm %u: culprit %u, probes %u and %u of %u ranks, from 0", k,
                      arm->culprit, arm->probe[0], arm->probe[1], plan->ranks);
    if (arm->fill == RANKS_PROBE && arm->probe[0] == arm->probe[1])
        return refuse(why, "arm %u: rank %u cannot hand in both ends of a probe", k, arm->probe[0]);
    if (arm->fill == RANKS_PARTS && RANKS_PARTS_ALL % plan->ranks != 0)
        return refuse(why, "arm %u: %u ranks cannot share %d parts evenly", k, plan->ranks,
                      RANKS_PARTS_ALL);
    if (!arm->one_late)
        return 0;
    if (plan->compute != RANKS_SLEEP && plan->compute != RANKS_KERNEL)
        return refuse(why,
                      "arm %u: a sum runs beside the next step's computing only where the "
                      "processor is free meanwhile: let ranks sleep, not %s",
                      k, compute_words[plan->compute]);
    if (plan->group != 0)
        return refuse(why,
                      "arm %u: with groups the next step needs this one's sum; one_late has to be "
                      "off",
                      k);
    return 0;
}

int ranks_plan_check(const struct ranks_plan *plan, char *why) {
    uint64_t most = 0;
    if (plan->ranks < 1 || plan->ranks > RANKS_MOST)
        return refuse(why, "%u ranks; there are 1 to %d", plan->ranks, RANKS_MOST);
    if (plan->arms < 1 || plan->arms > RANKS_ARMS_MOST)
        return refuse(why, "%u arms; there are 1 to %d", plan->arms, RANKS_ARMS_MOST);
    if (plan->rounds < 1 || plan->steps < 1 || plan->warmup > (1u << 20) ||
        plan->rounds > RANKS_STEPS_MOST || plan->steps > RANKS_STEPS_MOST ||
        (uint64_t)plan->rounds * plan->arms * plan->ranks > RANKS_STEPS_MOST / plan->steps)
        return refuse(why,
                      "%u rounds of %u arms of %u steps of %u ranks (and %u steps to warm up); "
                      "there is 1 of each, and at most %" PRIu64 " in all",
                      plan->rounds, plan->arms, plan->steps, plan->ranks, plan->warmup,
                      RANKS_STEPS_MOST);
    if (!ranks_algorithm_has(plan->engine, plan->algorithm))
        return refuse(why, "%s has no all-reduce called %s", ranks_engine_name(plan->engine),
                      ranks_algorithm_name(plan->algorithm));
    if (plan->engine == RANKS_SMPI && plan->algorithm == RANKS_RABENSEIFNER && plan->ranks == 1)
        return refuse(why,
                      "SimGrid's rabenseifner calls itself without end for a single rank; take "
                      "2 ranks, or another algorithm");
    if (plan->group != 0 &&
        (plan->group < 2 || plan->group >= plan->ranks || plan->ranks % plan->group != 0))
        return refuse(why, "%u ranks do not make several groups of %u", plan->ranks, plan->group);
    if (!(plan->deadline_s >= 0.01 && plan->deadline_s <= 1e5))
        return refuse(why, "the deadline of a wait is %g s; it is 0.01 to 1e5", plan->deadline_s);
    if (plan->channels > 64)
        return refuse(why, "%u channels; there are at most 64", plan->channels);
    if (check_compute(plan, why) != 0 || check_fault(plan, why) != 0 ||
        check_serving(plan, why) != 0)
        return -1;
    for (unsigned k = 0; k < plan->arms; k++) {
        if (check_arm(plan, k, why) != 0)
            return -1;
        most = plan->arm[k].bytes > most ? plan->arm[k].bytes : most;
    }
    if (plan->engine != RANKS_SMPI)
        return 0;
    if (plan->ranks * most > SIMULATED_BYTES_MOST / 4)
        return refuse(why,
                      "the buffers of %u simulated ranks of %" PRIu64 " bytes are real memory, "
                      "more than %" PRIu64 " GiB of it; take fewer ranks, or fewer bytes",
                      plan->ranks, most, SIMULATED_BYTES_MOST >> 30);
    return check_cluster(plan, why);
}

bool ranks_oversubscribed(const struct ranks_plan *plan) {
    cpu_set_t cores;
    if (plan->engine == RANKS_SMPI || sched_getaffinity(0, sizeof cores, &cores) != 0)
        return false;
    return plan->ranks > (unsigned)CPU_COUNT(&cores);
}

/* --- text ------------------------------------------------------------------------------------- */

enum kind { U32, U64, I32, REAL, FLAG, WORDS };
struct field {
    const char *name;
    enum kind kind;
    size_t offset;
    const char *const *words;
    size_t count;
};
#define PLAN(name, kind)                                                                           \
    { #name, kind, offsetof(struct ranks_plan, name), NULL, 0 }
#define PLAN_WORD(name, words)                                                                     \
    { #name, WORDS, offsetof(struct ranks_plan, name), words, sizeof(words) / sizeof *(words) }
#define ARM(name, kind)                                                                            \
    { #name, kind, offsetof(struct ranks_arm, name), NULL, 0 }
#define ARM_WORD(name, words)                                                                      \
    { #name, WORDS, offsetof(struct ranks_arm, name), words, sizeof(words) / sizeof *(words) }

static const struct field plan_fields[] = {
    PLAN_WORD(engine, engine_words),
    PLAN(ranks, U32),
    PLAN_WORD(algorithm, algorithm_words),
    PLAN_WORD(compute, compute_words),
    PLAN(cluster.per_node, U32),
    PLAN(cluster.latency_us, REAL),
    PLAN(cluster.gbs, REAL),
    PLAN(cluster.inner_latency_us, REAL),
    PLAN(cluster.inner_gbs, REAL),
    PLAN(cluster.slow_node, I32),
    PLAN(channels, U32),
    PLAN(group, U32),
    PLAN(rounds, U32),
    PLAN(steps, U32),
    PLAN(warmup, U32),
    PLAN(serves, FLAG),
    PLAN(churning, FLAG),
    PLAN_WORD(batcher, batcher_words),
    PLAN(restore_steps, U32),
    PLAN(cost_scale, REAL),
    PLAN(row_bytes, U64),
    PLAN(step_budget_us, U64),
    PLAN(gemm.rows, U32),
    PLAN(gemm.n, U32),
    PLAN(gemm.k, U32),
    PLAN_WORD(fault.kind, fault_words),
    PLAN(fault.rank, U32),
    PLAN(fault.step, U32),
    PLAN(deadline_s, REAL),
    PLAN(seed, U64),
    PLAN(arms, U32),
};
static const struct field arm_fields[] = {
    ARM(bytes, U64),
    ARM(compute_us, REAL),
    ARM_WORD(jitter, jitter_words),
    ARM(jitter_us, REAL),
    ARM_WORD(stall, stall_words),
    ARM(stall_us, REAL),
    ARM(chance, REAL),
    ARM(culprit, U32),
    ARM(period, U32),
    ARM(from, U32),
    ARM(to, U32),
    ARM(one_late, FLAG),
    ARM_WORD(fill, fill_words),
    ARM(probe[0], U32),
    ARM(probe[1], U32),
    ARM(keep_output, FLAG),
    ARM(workspace[0], U64),
    ARM(workspace[1], U64),
    ARM(piece[0], U64),
    ARM(piece[1], U64),
};
#define PLAN_FIELDS (sizeof plan_fields / sizeof *plan_fields)
#define ARM_FIELDS (sizeof arm_fields / sizeof *arm_fields)
#define TITLE "nanolab-ranks-plan 1"

static void write_field(const struct field *f, const void *from, FILE *to) {
    const char *at = (const char *)from + f->offset;
    uint64_t u64 = 0;
    uint32_t u32 = 0;
    double real = 0;
    fprintf(to, "%s ", f->name);
    switch (f->kind) {
    case U32:
    case I32:
    case WORDS: /* an enum's values are 0 and more */
        memcpy(&u32, at, sizeof u32);
        if (f->kind == WORDS)
            fprintf(to, "%s\n", u32 < f->count ? f->words[u32] : "?");
        else if (f->kind == U32)
            fprintf(to, "%" PRIu32 "\n", u32);
        else
            fprintf(to, "%" PRId32 "\n", (int32_t)u32);
        break;
    case U64:
        memcpy(&u64, at, sizeof u64);
        fprintf(to, "%" PRIu64 "\n", u64);
        break;
    case REAL:
        memcpy(&real, at, sizeof real);
        fprintf(to, "%.17g\n", real);
        break;
    case FLAG:
        fprintf(to, "%d\n", *(const bool *)at);
        break;
    }
}

int ranks_plan_write(const struct ranks_plan *plan, FILE *to) {
    fprintf(to, "%s\n", TITLE);
    for (size_t f = 0; f < PLAN_FIELDS; f++)
        write_field(&plan_fields[f], plan, to);
    for (unsigned k = 0; k < plan->arms && k < RANKS_ARMS_MOST; k++)
        for (size_t f = 0; f < ARM_FIELDS; f++)
            write_field(&arm_fields[f], &plan->arm[k], to);
    return fflush(to) != 0 || ferror(to) ? -1 : 0;
}

/* All of `text` is a number of 0…most. */
static bool read_whole(const char *text, uint64_t most, uint64_t *out) {
    char *end;
    errno = 0;
    *out = strtoull(text, &end, 10);
    return *text >= '0' && *text <= '9' && *end == '\0' && errno == 0 && *out <= most;
}

static bool read_value(const struct field *f, const char *text, void *into) {
    char *at = (char *)into + f->offset, *end;
    bool minus = f->kind == I32 && *text == '-';
    uint64_t u64 = 0;
    uint32_t u32;
    double real;
    switch (f->kind) {
    case WORDS:
        while (u64 < f->count && strcmp(text, f->words[u64]) != 0)
            u64++;
        if (u64 == f->count)
            return false;
        u32 = (uint32_t)u64;
        memcpy(at, &u32, sizeof u32);
        return true;
    case U32:
    case I32:
        if (!read_whole(text + minus, f->kind == U32 ? UINT32_MAX : INT32_MAX, &u64))
            return false;
        u32 = minus ? 0 - (uint32_t)u64 : (uint32_t)u64;
        memcpy(at, &u32, sizeof u32);
        return true;
    case U64:
        if (!read_whole(text, UINT64_MAX, &u64))
            return false;
        memcpy(at, &u64, sizeof u64);
        return true;
    case REAL:
        real = strtod(text, &end);
        if (end == text || *end != '\0' || !isfinite(real))
            return false;
        memcpy(at, &real, sizeof real);
        return true;
    case FLAG:
        if (!read_whole(text, 1, &u64))
            return false;
        *(bool *)at = u64 != 0;
        return true;
    }
    return false;
}

/* The next line, without its end. */
static bool read_line(FILE *from, char *line, size_t size, unsigned *number) {
    ++*number;
    if (!fgets(line, (int)size, from))
        return false;
    size_t length = strcspn(line, "\n");
    bool whole = line[length] == '\n';
    line[length] = '\0';
    return whole;
}

static int read_fields(FILE *from, const struct field *fields, size_t count, void *into,
                       unsigned *number, char *why) {
    char line[128];
    for (size_t f = 0; f < count; f++) {
        size_t name = strlen(fields[f].name);
        if (!read_line(from, line, sizeof line, number) ||
            strncmp(line, fields[f].name, name) != 0 || line[name] != ' ' ||
            !read_value(&fields[f], line + name + 1, into))
            return refuse(why, "the plan's line %u is not \"%s\" and its value", *number,
                          fields[f].name);
    }
    return 0;
}

int ranks_plan_read(FILE *from, struct ranks_plan *plan, char *why) {
    char line[128];
    unsigned number = 0;
    *plan = (struct ranks_plan){0};
    if (!read_line(from, line, sizeof line, &number) || strcmp(line, TITLE) != 0)
        return refuse(why, "the plan's line 1 is not \"%s\"", TITLE);
    if (read_fields(from, plan_fields, PLAN_FIELDS, plan, &number, why) != 0)
        return -1;
    if (plan->arms > RANKS_ARMS_MOST)
        return refuse(why, "the plan's line %u: %u arms, at most %d", number, plan->arms,
                      RANKS_ARMS_MOST);
    for (unsigned k = 0; k < plan->arms; k++)
        if (read_fields(from, arm_fields, ARM_FIELDS, &plan->arm[k], &number, why) != 0)
            return -1;
    if (getc(from) != EOF)
        return refuse(why, "the plan goes on after line %u", number);
    return ranks_plan_check(plan, why);
}

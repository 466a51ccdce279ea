/*
 * bits.c, C5a-c: what decides the bits of a sum over ranks.
 *
 * One run of an engine sums messages of several sizes by one algorithm: with nobody late, and with
 * stalls of every kind, on every rank. It is run twice. From the log: whether all ranks have the
 * same bits, whether the two runs do, whether a late rank changes any, whether the first elements'
 * bits depend on how many follow. And beside it what kernels/allreduce/allreduce_mpi.h says
 * beforehand: which element is added up in which order, and so the result.
 *
 * Which algorithm an engine takes by itself nobody tells: its orders are found from its outputs
 * (allreduce_orders_probe), and its algorithm is named by them.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "labs/05-nccl-straggler/bits.h"

/* 4 KiB, 12, 80 and 256: between them lie Open MPI's decisions; the last one for few ranks. */
static const size_t sizes[] = {1024, 3000, 20000, 65536};
#define SIZES (sizeof sizes / sizeof *sizes)

static size_t sizes_of(unsigned ranks) {
    return ranks <= 4 ? SIZES : SIZES - 1;
}

/* Arms of each size. */
enum { CALM, PERSISTENT, ROTATING, RARE, KINDS };
#define STALL_US 1000

/* Which runs: ranks from … to, and algorithms as a mask, or all (0). */
struct wanted {
    enum ranks_engine engine;
    unsigned from, to, algorithms;
};
#define BIT(algorithm) (1u << (algorithm))
#define FEW (BIT(RANKS_DEFAULT) | BIT(RANKS_DOUBLING) | BIT(RANKS_RING))
#define WANTED 8
static const struct wanted wanted[][WANTED] = {
    [LAB_QUICK] = {{RANKS_OPENMPI, 3, 3, FEW},
                   {RANKS_SMPI, 3, 4, 0},
                   {RANKS_SMPI, 8, 8, FEW},
                   {RANKS_NCCL, 2, 4, 0}},
    [LAB_DEFAULT] = {{RANKS_OPENMPI, 2, 2, BIT(RANKS_DEFAULT)},
                     {RANKS_OPENMPI, 3, 3, 0},
                     {RANKS_OPENMPI, 4, 4, FEW | BIT(RANKS_NONOVERLAPPING)},
                     {RANKS_OPENMPI, 8, 8, FEW | BIT(RANKS_LINEAR)},
                     {RANKS_SMPI, 2, 6, 0},
                     {RANKS_SMPI, 8, 8, 0},
                     {RANKS_SMPI, 16, 16, FEW | BIT(RANKS_NONOVERLAPPING)},
                     {RANKS_NCCL, 2, 8, 0}},
    [LAB_FULL] = {{RANKS_OPENMPI, 2, 8, 0},
                  {RANKS_OPENMPI, 16, 16, FEW},
                  {RANKS_SMPI, 2, 16, 0},
                  {RANKS_NCCL, 2, 16, 0}},
};

static struct ranks_plan plan_of(const struct lab_run *run, enum ranks_engine engine,
                                 enum ranks_algorithm algorithm, unsigned ranks) {
    struct ranks_plan plan = ranks_plan_default(engine, ranks);
    plan.algorithm = algorithm;
    plan.seed = lab_seed(run);
    plan.steps = ranks; /* so that each rank has its turn to be late */
    plan.warmup = 0;
    plan.arms = (unsigned)sizes_of(ranks) * KINDS;
    for (unsigned arm = 0; arm < plan.arms; arm++) {
        struct ranks_arm *a = &plan.arm[arm];
        *a = (struct ranks_arm){.bytes = sizes[arm / KINDS] * sizeof(float),
                                .stall_us = arm % KINDS == CALM ? 0 : STALL_US,
                                .keep_output = arm % KINDS == CALM};
        switch (arm % KINDS) {
        case PERSISTENT:
            a->stall = STRAGGLER_PERSISTENT;
            a->culprit = ranks - 1;
            break;
        case ROTATING:
            a->stall = STRAGGLER_ROTATING;
            break;
        case RARE:
            a->stall = STRAGGLER_RARE;
            a->chance = 0.3;
            a->jitter = STRAGGLER_EXPONENTIAL;
            a->jitter_us = STALL_US / 4.0;
            break;
        default:
            break;
        }
    }
    return plan;
}

/* --- a log, counted ----------------------------------------------------------------------------
 */

static bool has(const uint64_t *list, size_t count, uint64_t value) {
    for (size_t k = 0; k < count; k++)
        if (list[k] == value)
            return true;
    return false;
}

/* A rank of this step was told to be late, and was. */
static bool is_late(const struct ranks_log *log, size_t k) {
    for (unsigned r = 0; r < log->plan.ranks; r++) {
        const struct ranks_cell *cell = ranks_at(log, k, r);
        if (cell->stall_us > 0 && cell->compute_us >= cell->stall_us)
            return true;
    }
    return false;
}

bool step_agrees(const struct ranks_log *log, size_t k) {
    for (unsigned r = 1; r < log->plan.ranks; r++)
        if (ranks_at(log, k, r)->hash != ranks_at(log, k, 0)->hash)
            return false;
    return true;
}

/* Of one size. */
struct tally {
    unsigned sums, agreeing, stalled, changed;
    uint64_t results[2 * ALLREDUCE_RANKS_MOST]; /* of sums with nobody late: two runs */
    size_t different;
};

/* The steps of one size in one run. Late ones are looked at after those with nobody late. */
static void count_log(const struct ranks_log *log, size_t size, bool late, struct tally *t) {
    for (size_t k = 0; k < log->steps; k++) {
        unsigned arm = log->step[k].arm;
        uint64_t hash = ranks_at(log, k, 0)->hash;
        if (arm / KINDS != size || late != (arm % KINDS != CALM) || (late && !is_late(log, k)))
            continue;
        t->agreeing += step_agrees(log, k);
        if (late) {
            t->stalled++;
            t->changed += !has(t->results, t->different, hash);
            continue;
        }
        t->sums++;
        if (!has(t->results, t->different, hash))
            t->results[t->different++] = hash;
    }
}

/* --- orders ------------------------------------------------------------------------------------
 */

static bool stopping(void *run) {
    return lab_stopping(run);
}

int orders_found(struct lab_run *run, const struct ranks_plan *plan, const size_t *n, size_t count,
                 struct allreduce_orders *out) {
    struct ranks_control control = {.stopping = stopping, .self = run};
    struct ranks_failure failure;
    char why[RANKS_WHY];
    if (allreduce_orders_probe(plan, &control, n, count, out, &failure, why) == 0)
        return 0;
    if (failure.stopped)
        return 1;
    return lab_error(run, "probes of %u ranks under %s: %s", plan->ranks,
                     ranks_engine_name(plan->engine), why);
}

int orders_known(struct lab_run *run, const struct ranks_plan *plan, const size_t *n, size_t count,
                 struct allreduce_orders *out) {
    char why[RANKS_WHY];
    bool chosen = plan->algorithm == RANKS_DEFAULT || plan->algorithm == RANKS_NONOVERLAPPING;
    /* NCCL's depend on its channels and their rings and trees, which it makes of the wiring. */
    bool found = plan->engine == RANKS_NCCL || (chosen && !allreduce_mpi_knows(plan->engine));
    if (plan->ranks > 1 && found)
        return orders_found(run, plan, n, count, out);
    for (size_t s = 0; s < count; s++) {
        struct allreduce_mpi sum = {plan->engine, plan->algorithm, plan->ranks, n[s]};
        if (allreduce_mpi_orders(&sum, &out[s], why) != 0)
            return lab_error(run, "%s", why);
    }
    return 0;
}

static void close_all(struct allreduce_orders *orders) {
    for (size_t s = 0; s < SIZES; s++)
        allreduce_orders_close(&orders[s]);
}

/* Whose orders these are: "doubling or rabenseifner". */
static void name_orders(const struct allreduce_orders *orders, const struct ranks_plan *plan,
                        char *out, size_t size) {
    unsigned named = allreduce_orders_named(orders, plan->engine, plan->ranks);
    size_t at = 0;
    snprintf(out, size, "none known");
    for (int k = RANKS_DEFAULT + 1; k < RANKS_ALGORITHM_COUNT; k++)
        if (named >> k & 1 && at < size)
            at += (size_t)snprintf(out + at, size - at, "%s%s", at ? " or " : "",
                                   ranks_algorithm_name((enum ranks_algorithm)k));
}

/* --- a case ------------------------------------------------------------------------------------
 */

/* What the ranks of the largest sum here hand in; smaller sums have the first of them. */
struct inputs {
    float *x; /* ranks × sizes[SIZES - 1] */
    unsigned ranks;
};

/* The inputs of at least so many ranks: those that are there stay. */
static int fill_inputs(const struct lab_run *run, unsigned ranks, struct inputs *in) {
    const struct ranks_arm arm = {.fill = RANKS_RANDOM};
    const size_t most = sizes[SIZES - 1];
    float *x = in->x;
    if (ranks > in->ranks && !(x = realloc(x, ranks * most * sizeof *x)))
        return -1;
    for (in->x = x; in->ranks < ranks; in->ranks++)
        for (size_t i = 0; i < most; i++)
            x[in->ranks * most + i] = ranks_fill(&arm, lab_seed(run), ranks, in->ranks, i);
    return 0;
}

/* All that one case rests on. */
struct trial {
    struct ranks_plan plan;
    struct ranks_log log[2]; /* of the same plan, run twice */
    struct allreduce_orders known[SIZES], found[SIZES];
    bool probed;
};

static void trial_close(struct trial *t) {
    ranks_log_close(&t->log[0]);
    ranks_log_close(&t->log[1]);
    close_all(t->known);
    close_all(t->found);
}

static int record_size(struct lab_case *c, const struct trial *t, size_t s,
                       const struct inputs *in) {
    struct tally tally = {0};
    char named[120] = "";
    bool invariant = true;
    float *sum = malloc(sizes[s] * sizeof *sum);
    if (!sum)
        return -1;
    for (int late = 0; late < 2; late++)
        for (int run = 0; run < 2; run++)
            count_log(&t->log[run], s, late, &tally);
    for (size_t other = 0; other < sizes_of(t->plan.ranks); other++)
        invariant = invariant && allreduce_orders_agree(&t->known[0], &t->known[other], sizes[0]);
    allreduce_orders_sum(&t->known[s], in->x, sizes[SIZES - 1], sum);
    if (t->probed)
        name_orders(&t->found[s], &t->plan, named, sizeof named);
    case_row(c);
    case_cell_int(c, "n", (int64_t)sizes[s]);
    case_cell_int(c, "sums", tally.sums);
    case_cell_int(c, "agreeing", tally.agreeing);
    case_cell_int(c, "results", (int64_t)tally.different);
    case_cell_int(c, "stalled", tally.stalled);
    case_cell_int(c, "changed", tally.changed);
    case_cell_int(c, "repeats", 1); /* nobody's turn in any of these algorithms is by arrival */
    case_cell_int(c, "invariant", invariant);
    case_cell_bits(c, "predicted", 64, ranks_hash(sum, sizes[s] * sizeof *sum));
    case_cell_bits(c, "measured", 64, tally.results[0]);
    case_cell_bits(c, "first", 64,
                   ranks_hash(t->log[0].output[s * KINDS], sizes[0] * sizeof(float)));
    case_cell_text(c, "found", named);
    free(sum);
    return 0;
}

/* Runs it. 0; 1: stopped; -1 after lab_error(). */
static int try_it(struct lab_run *run, struct trial *t) {
    int status = 0;
    for (int k = 0; k < 2 && status == 0; k++)
        status = engine_run(run, &t->plan, &t->log[k]);
    if (status == 0)
        status = orders_known(run, &t->plan, sizes, sizes_of(t->plan.ranks), t->known);
    if (status == 0 && t->probed)
        status = orders_found(run, &t->plan, sizes, sizes_of(t->plan.ranks), t->found);
    return status;
}

static int bits_one(struct lab_run *run, struct device *device, const struct ranks_plan *plan,
                    struct inputs *in) {
    struct lab_case *c = lab_case_begin(run, device_id(device), "05/bits/%s/%s/N=%u",
                                        ranks_engine_name(plan->engine),
                                        ranks_algorithm_name(plan->algorithm), plan->ranks);
    if (!c)
        return 0;
    /* What an engine takes by itself is looked for; all pairs of many ranks are many probes. */
    struct trial t = {
        .plan = *plan,
        .probed = (plan->algorithm == RANKS_DEFAULT || plan->algorithm == RANKS_NONOVERLAPPING) &&
                  plan->ranks <= (lab_mode(run) == LAB_FULL ? 16 : 8)};
    int status = fill_inputs(run, plan->ranks, in);
    if (status != 0)
        lab_error(run, "no memory for the inputs of %u ranks", plan->ranks);
    else
        status = try_it(run, &t);
    record_plan(c, plan);
    case_param_text(c, "setting", "");
    case_param_int(c, "shared", (int64_t)sizes[0]);
    for (size_t s = 0; s < sizes_of(plan->ranks) && status == 0; s++)
        if (record_size(c, &t, s, in) != 0)
            status = lab_error(run, "no memory for a sum of %zu elements", sizes[s]);
    trial_close(&t);
    if (status == 0)
        return lab_case_end(c);
    lab_case_drop(c);
    return status > 0 ? 0 : -1;
}

static bool is_wanted(const struct wanted *w, enum ranks_algorithm algorithm) {
    return ranks_algorithm_has(w->engine, algorithm) &&
           (w->algorithms == 0 || w->algorithms >> algorithm & 1);
}

static int sweep_engines(struct lab_run *run, struct device *device) {
    const struct wanted *list = wanted[lab_mode(run)];
    struct inputs in = {0};
    int status = 0;
    for (const struct wanted *w = list; w < list + WANTED && w->to && status == 0; w++) {
        int runs = 1;
        for (unsigned ranks = w->from; runs == 1 && ranks <= w->to && status == 0; ranks++) {
            runs = engine_fits(run, device, w->engine, ranks);
            for (int a = 0; a < RANKS_ALGORITHM_COUNT && status == 0 && !lab_stopping(run); a++) {
                if (runs != 1 || !is_wanted(w, (enum ranks_algorithm)a))
                    continue;
                struct ranks_plan plan = plan_of(run, w->engine, (enum ranks_algorithm)a, ranks);
                lab_expect(run, 1);
                status = bits_one(run, device, &plan, &in);
            }
        }
        status = runs < 0 ? -1 : status;
    }
    free(in.x);
    return status;
}

int sweep_bits(struct lab_run *run, struct device *device) {
    if (device_kind(device) != DEVICE_CPU)
        return sweep_virtual(run, device);
    return sweep_engines(run, device) == 0 ? sweep_aligned(run, device) : -1;
}

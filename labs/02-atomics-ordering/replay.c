/*
 * replay.c: A1 and A4. A logged run leaves what each update found; the path from the first value to
 * the last is the order of the updates. A1 counts the orders. A4 adds in that order on the CPU,
 * which must give the run's own bits: in every run, at every address.
 *
 * A4's control: the same values in a shuffled order. If that gave the same bits as well, agreeing
 * would prove nothing. And its second witness: small sums, of which every result that some order
 * gives is known beforehand; what a device shows in many runs must be among them. A thread's own
 * updates keep their order, so that an order which swaps them is not on the list.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness/measure/ulp.h"
#include "labs/02-atomics-ordering/ordering.h"

#define COUNT(list) (sizeof(list) / sizeof(list)[0])
#define SMALL_RUNS 1000

/* Whether a row is of a device that runs a GPU's kernels without a GPU. */
static bool is_simulated(const struct rows *rows, size_t k) {
    enum device_kind kind;
    int index;
    return device_parse(row_text(rows, k, "device"), &kind, &index) == 0 && device_simulated(kind);
}

/* --- the sweep of logged sums ------------------------------------------------------------------
 */

static const struct setting native_logged[] = {
    {"f32.none.logged.a1.t2", INPUT_UNIFORM, false},
    {"f32.none.logged.a1.t4", INPUT_CANCELLING, true},
    {"f64.none.logged.a16.t2", INPUT_LOG_UNIFORM, false},
};
static const struct setting kernels_logged[] = {
    {"f32.block.logged.a1.i1.b32.g16", INPUT_UNIFORM, false},
    {"f32.none.logged.a1.i1.b32.g16", INPUT_CANCELLING, false},
    {"f64.none.logged.a4.i4.b64.g4", INPUT_LOG_UNIFORM, false},
    {"f16x2.none.logged.a1.i1.b32.g16", INPUT_UNIFORM, false},
};

struct replays {
    uint64_t *bits, *orders;
    size_t runs, runs_held, chains, held, changed;
    int width;
    char failure[160];
};

static int replay_runs(const struct trial *t, struct replays *r) {
    for (size_t k = 0; k < r->runs; k++) {
        struct job_bits got;
        struct atomics_replay one;
        if (trial_run(t, k, &got) != 0 ||
            atomics_job_replay(&t->job, lab_seed(t->run) + k, &one) != 0)
            return -1;
        r->bits[k] = got.bits;
        r->width = got.width;
        r->orders[k] = one.order;
        r->runs_held += one.held == one.chains;
        r->chains += one.chains;
        r->held += one.held;
        r->changed += one.shuffled_differ;
        if (one.failure[0] && !r->failure[0])
            snprintf(r->failure, sizeof r->failure, "run %zu, %s", k, one.failure);
    }
    return 0;
}

static int measure_replay(const struct trial *t, struct lab_case *c) {
    struct replays r = {.runs = trial_runs(t->run)};
    r.bits = malloc(r.runs * sizeof *r.bits);
    r.orders = malloc(r.runs * sizeof *r.orders);
    int status = r.bits && r.orders ? replay_runs(t, &r) : device_fail("out of memory for orders");
    if (status == 0) {
        case_param_int(c, "runs", (int64_t)r.runs);
        if (r.failure[0])
            case_param_text(c, "first failure", r.failure);
        case_series_bits(c, "measured", r.width, r.bits, r.runs);
        if (t->sum->lanes == 1) { /* two lanes have two orders */
            case_series_bits(c, "order", 64, r.orders, r.runs);
            case_counter(c, "distinct orders", (double)ulp_distinct(r.orders, r.runs));
        }
        case_counter(c, "runs replayed", (double)r.runs_held);
        case_counter(c, "chains", (double)r.chains);
        case_counter(c, "chains replayed", (double)r.held);
        case_counter(c, "chains changed by a shuffle", (double)r.changed);
    }
    free(r.bits);
    free(r.orders);
    return status;
}

int sweep_replay(struct lab_run *run, struct device *device) {
    bool cpu = device_kind(device) == DEVICE_CPU;
    return trial_cases(run, device, "replay", cpu ? native_logged : kernels_logged,
                       cpu ? COUNT(native_logged) : COUNT(kernels_logged), measure_replay);
}

/* --- A1 ----------------------------------------------------------------------------------------
 */

static bool all_replayed(const struct rows *rows, size_t k) {
    return row_number(rows, k, "runs replayed") == row_number(rows, k, "runs");
}

void check_orders(const struct rows *rows, struct finding *f) {
    size_t most = 0, at = 0;
    for (size_t k = 0; k < rows->count; k++) {
        size_t distinct = row_series_distinct(rows, k, "order");
        if (distinct == 0)
            continue;
        finding_control(f, answer_if(all_replayed(rows, k)),
                        "every recovered order gives its run's own bits");
        finding_count(f, answer_if(distinct > 1), rows, k);
        finding_number(f, "1", number((double)distinct), "orders of the updates: %s, %s data, %s",
                       row_text(rows, k, "plan"), row_text(rows, k, "input"),
                       row_text(rows, k, "load"));
        at = distinct > most ? k : at;
        most = distinct > most ? distinct : most;
    }
    finding_say(f, "%zu runs of %.36s brought the updates of its %.0f %s in %zu different orders%s",
                row_series(rows, at, "order"), row_text(rows, at, "plan"),
                row_number(rows, at, "workers"), workers_of(rows, at), most,
                is_simulated(rows, at) ? ", by schedules of a seed" : "");
    finding_settle(f, SETTLE_ANY, "these sums");
}

/* --- the sweep of small sums -------------------------------------------------------------------
 */

static const struct small {
    const char *plan;
    size_t n;
} native_small[] = {
    {"f32.none.plain.a1.t2", 4},      {"f32.none.plain.a1.t2", 8},
    {"f32.none.plain.a1.t2", 12},     {"f32.none.plain.a1.t4", 12},
    {"f32.thread.plain.a1.t4", 4099}, {"f64.none.plain.a1.t4", 8},
    {"f32.thread.plain.a1.t8", 4099},
};
static const struct small kernels_small[] = {
    {"f32.none.plain.a1.i1.b32.g1", 3},    {"f32.none.plain.a1.i1.b32.g1", 4},
    {"f32.none.plain.a1.i1.b32.g1", 6},    {"f32.none.plain.a1.i1.b32.g1", 8},
    {"f32.none.plain.a1.i1.b32.g1", 12},   {"f64.none.plain.a1.i1.b32.g1", 8},
    {"f32.block.plain.a1.i1.b32.g8", 512}, {"f32.block.plain.a1.i1.b32.g4", 512},
};

static int measure_small(const struct trial *t, struct lab_case *c) {
    struct atomics_reachable *list;
    size_t count, outside = 0;
    uint64_t bits[SMALL_RUNS];
    struct job_bits got = {0, 64};
    double orders = 0;
    if (atomics_job_explore(&t->job, &list, &count) != 0)
        return -1;
    uint64_t *reachable = malloc(count * sizeof *reachable);
    int status = reachable ? 0 : device_fail("out of memory for %zu results", count);
    for (size_t k = 0; k < SMALL_RUNS && status == 0; k++) {
        status = trial_run(t, k, &got);
        bits[k] = got.bits;
        outside += !atomics_reachable_find(t->sum->add, list, count, got.bits);
    }
    for (size_t k = 0; k < count && reachable; k++) {
        orders += (double)list[k].orders;
        reachable[k] = list[k].bits;
    }
    if (status == 0) {
        case_series_bits(c, "measured", got.width, bits, SMALL_RUNS);
        case_series_bits(c, "reachable", got.width, reachable, count);
        case_counter(c, "reachable", (double)count);
        case_counter(c, "distinct", (double)ulp_distinct(bits, SMALL_RUNS));
        case_counter(c, "orders", orders);
        case_counter(c, "outside", (double)outside);
    }
    free(reachable);
    free(list);
    return status;
}

/* The model alone: how many results 2 … 12 updates can reach, each made by a thread of its own. */
static int count_reachable(struct lab_run *run, struct device *device, enum input_kind input) {
    struct lab_case *c =
        lab_case_begin(run, device_id(device), "02/reachable/data=%s", input_name(input));
    if (!c)
        return 0;
    enum atomics_add add = atomics_add_rule(ATOMICS_F32, device_kind(device));
    uint64_t value[ATOMICS_EXPLORE_MOST];
    float *x = input_new(input, ATOMICS_F32, ATOMICS_EXPLORE_MOST, lab_seed(run));
    char why[PLAN_WHY] = "out of memory for the data";
    int status = x ? 0 : -1;
    for (unsigned u = 0; x && u < ATOMICS_EXPLORE_MOST; u++)
        value[u] = atomics_get(ATOMICS_F32, x, u, 0);
    free(x);
    case_param_text(c, "input", input_name(input));
    for (unsigned n = 2; n <= ATOMICS_EXPLORE_MOST && status == 0; n++) {
        struct atomics_reachable *list = NULL;
        size_t count = 0;
        status = atomics_explore(add, 0, value, n, NULL, &list, &count, why);
        case_row(c);
        case_cell_int(c, "updates", n);
        case_cell_int(c, "results", (int64_t)count);
        free(list);
    }
    if (status == 0)
        return lab_case_end(c);
    lab_case_drop(c);
    return lab_error(run, "exploring %s data: %s", input_name(input), why);
}

int sweep_reach(struct lab_run *run, struct device *device) {
    static const enum input_kind inputs[] = {INPUT_UNIFORM, INPUT_CANCELLING, INPUT_LOG_UNIFORM};
    bool cpu = device_kind(device) == DEVICE_CPU;
    const struct small *list = cpu ? native_small : kernels_small;
    size_t count = cpu ? COUNT(native_small) : COUNT(kernels_small);
    bool first = device == lab_bits_device(run, 0); /* the model needs no second device */
    lab_expect(run, count * 2 + (first ? 3 : 0));
    for (size_t i = 0; first && i < 3 && !lab_stopping(run); i++)
        if (count_reachable(run, device, inputs[i]) != 0)
            return -1;
    for (size_t k = 0; k < count; k++)
        for (size_t i = 0; i < 2 && !lab_stopping(run); i++) {
            struct setting setting = {list[k].plan, inputs[i], false};
            char id[200];
            snprintf(id, sizeof id, "02/reach/n=%zu/data=%s/plan=%s", list[k].n,
                     input_name(inputs[i]), list[k].plan);
            if (trial_case(run, device, &setting, list[k].n, measure_small, id) != 0)
                return -1;
        }
    return 0;
}

/* --- A4 ----------------------------------------------------------------------------------------
 */

/* Of runs of a kind of cases, those that were as they should be. */
struct tally {
    double good, all;
};

/* On the SIMT machine, which is ours, a run that no order explains is our bug; hardware that showed
 * one would refute the claim. */
static void judge_case(struct finding *f, bool explained, const struct rows *rows, size_t k) {
    if (is_simulated(rows, k))
        finding_predicted(f, explained, rows, k);
    else
        finding_count(f, answer_if(explained), rows, k);
}

static struct tally judge_replays(const struct rows *rows, struct finding *f) {
    struct tally runs = {0}, changed = {0};
    for (size_t k = 0; k < rows->count; k++) {
        judge_case(f, all_replayed(rows, k), rows, k);
        finding_control(f, answer_if(row_number(rows, k, "chains changed by a shuffle") > 0),
                        "a shuffled order gives other bits");
        runs.good += row_number(rows, k, "runs replayed");
        runs.all += row_number(rows, k, "runs");
        changed.good += row_number(rows, k, "chains changed by a shuffle");
        changed.all += row_number(rows, k, "chains");
    }
    finding_number(f, "1", number(runs.good / runs.all),
                   "share of runs whose recovered order gave their own bits");
    finding_number(f, "1", number(changed.good / changed.all),
                   "share of addresses where a shuffled order gave other bits");
    return runs;
}

static struct tally judge_small(const struct rows *rows, struct finding *f) {
    struct tally runs = {0};
    for (size_t k = 0; k < rows->count; k++) {
        double outside = row_number(rows, k, "outside");
        double all = (double)row_series(rows, k, "measured");
        judge_case(f, outside == 0, rows, k);
        runs.good += all - outside;
        runs.all += all;
    }
    return runs;
}

/* On a GPU, asking for what an update found makes it another instruction: does the spread change?
 * Told, not judged: a logged run is replayed whatever its order. */
static void tell_logging(const struct rows *rows, struct finding *f) {
    for (size_t at = 0, count = 0; rows_group(rows, "id", &at, &count);)
        finding_number(f, "ulp", row_ratio(rows, at, "change"),
                       "change of the spread of a batch of runs by logging");
}

void check_replay(const struct rows *rows, struct finding *f) {
    struct rows logged = rows_select(rows, "02/replay/", NULL);
    struct rows small = rows_select(rows, "02/reach/", NULL);
    struct rows logging = rows_select(rows, "02/batches/logging/", NULL);
    struct tally replayed = judge_replays(&logged, f), inside = judge_small(&small, f);
    tell_logging(&logging, f);
    finding_say(
        f,
        "the recovered order gave its run's own bits in %.0f of %.0f runs; some order gives "
        "%.0f of %.0f results of small sums",
        replayed.good, replayed.all, inside.good, inside.all);
    finding_settle(f, SETTLE_ALL, "the sums whose recovered orders give their bits");
    rows_free(&logged);
    rows_free(&small);
    rows_free(&logging);
}

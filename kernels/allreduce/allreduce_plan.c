/*
 * allreduce_plan.c: what is done with a plan without running it: the table of its fields, what is
 * legal, and the sizes and counts that follow from it.
 */
#include "kernels/allreduce/allreduce.h"

#include <stdio.h>

ALLREDUCE_PLAN_FIELDS(PLAN_VALUES)
#define FIELD(name, values, what) PLAN_FIELD(allreduce_plan, name, what)
static const struct plan_field fields[ALLREDUCE_FIELDS] = {ALLREDUCE_PLAN_FIELDS(FIELD)};

static bool adds_up(const struct allreduce_plan *plan) {
    return plan->split != ALLREDUCE_SPLIT_RANKS || plan->algorithm == ALLREDUCE_ONESHOT ||
           plan->algorithm == ALLREDUCE_TWOSHOT;
}

static int rules(const void *of, char *why) {
    const struct allreduce_plan *plan = of;
    if (plan->split != ALLREDUCE_SPLIT_RANKS && plan->split % plan->ranks)
        PLAN_REFUSE("%d parts cannot be dealt to %d ranks evenly", plan->split, plan->ranks);
    if (plan->merge == ALLREDUCE_PAIRWISE && !adds_up(plan))
        PLAN_REFUSE("pairwise says how parts are added up, and the ranks' values in oneshot and "
                    "twoshot: it needs one of these");
    if (plan->chunk == ALLREDUCE_WHOLE && plan->tail == ALLREDUCE_CUT)
        PLAN_REFUSE("a whole message is always spread over the channels");
    return 0;
}

const struct plan_family allreduce_plans = {
    .name = "an all-reduce plan",
    .example = "f32.ring.r4.ch2.chunk1024.cut",
    .size = sizeof(struct allreduce_plan),
    .fields = fields,
    .count = ALLREDUCE_FIELDS,
    .counts = ALLREDUCE_FIELD_BIT(ranks) | ALLREDUCE_FIELD_BIT(channels) |
              ALLREDUCE_FIELD_BIT(segment) | ALLREDUCE_FIELD_BIT(threads),
    .rules = rules,
};

struct allreduce_plan allreduce_plan_default(void) {
    return (struct allreduce_plan){.type = ALLREDUCE_F32,
                                   .algorithm = ALLREDUCE_RING,
                                   .ranks = 4,
                                   .split = ALLREDUCE_SPLIT_RANKS,
                                   .merge = ALLREDUCE_SERIAL,
                                   .channels = 1,
                                   .chunk = ALLREDUCE_WHOLE,
                                   .tail = ALLREDUCE_SPREAD,
                                   .segment = 1024,
                                   .threads = 256};
}

char *allreduce_plan_text(const struct allreduce_plan *plan, char *out) {
    return plan_text(&allreduce_plans, plan, out);
}

int allreduce_plan_parse(const char *text, struct allreduce_plan *plan, char *why) {
    struct allreduce_plan parsed = allreduce_plan_default();
    unsigned named;
    if (plan_parse(&allreduce_plans, text, &parsed, &named, why) ||
        plan_check(&allreduce_plans, &parsed, why))
        return -1;
    *plan = parsed;
    return 0;
}

struct json_t *allreduce_plan_json(const struct allreduce_plan *plan) {
    return plan_json(&allreduce_plans, plan);
}

int allreduce_plan_check(const struct allreduce_plan *plan, size_t n, char *why) {
    if (plan_check(&allreduce_plans, plan, why))
        return -1;
    if (n > ALLREDUCE_N_MOST)
        PLAN_REFUSE("a message has at most 2^32 elements, not %zu", n);
    return 0;
}

/* --- arithmetic --------------------------------------------------------------------------------
 */

size_t allreduce_element_bytes(const struct allreduce_plan *plan) {
    return plan->type == ALLREDUCE_BF16 ? 2 : 4;
}

int allreduce_parts(const struct allreduce_plan *plan) {
    return plan->split == ALLREDUCE_SPLIT_RANKS ? plan->ranks : plan->split;
}

int allreduce_parts_each(const struct allreduce_plan *plan) {
    return allreduce_parts(plan) / plan->ranks;
}

static size_t divided(size_t n, size_t by) {
    return n / by + (n % by != 0);
}

struct allreduce_layout allreduce_layout(const struct allreduce_plan *plan, size_t n) {
    bool shared = plan->algorithm == ALLREDUCE_RING || plan->algorithm == ALLREDUCE_TWOSHOT;
    struct allreduce_layout l = {.shares = shared ? plan->ranks : 1};
    size_t side_by_side = (size_t)plan->channels * (size_t)l.shares;
    size_t loop = side_by_side * (size_t)plan->chunk;
    l.loops = plan->chunk == ALLREDUCE_WHOLE ? n != 0 : divided(n, loop);
    l.chunk = l.last = (size_t)plan->chunk;
    if (l.loops && plan->tail == ALLREDUCE_SPREAD)
        l.last = divided(n - (l.loops - 1) * loop, side_by_side);
    size_t larger = l.loops > 1 ? l.chunk : l.last;
    l.segments = l.loops ? divided(larger, (size_t)plan->segment) : 0;
    l.units = l.loops * (size_t)plan->channels * l.segments;
    return l;
}

/* The largest power of two <= n, and its logarithm. */
static int power_below(int n, int *log) {
    int power = 1;
    for (*log = 0; 2 * power <= n; power *= 2)
        ++*log;
    return power;
}

/* Of one element, on all ranks. */
struct work {
    int accesses, adds;
};

static struct work work_of(const struct allreduce_plan *plan) {
    int n = plan->ranks, each = allreduce_parts_each(plan), log;
    int power = power_below(n, &log), extra = n - power;
    struct work work = {each > 1 ? n * (each + 1) : 0, n * (each - 1)};
    struct work rest = {2, 0};
    switch (n == 1 ? ALLREDUCE_ONESHOT : plan->algorithm) {
    case ALLREDUCE_RING:
        rest = (struct work){5 * (n - 1), n - 1};
        break;
    case ALLREDUCE_TREE: /* n / 2 ranks have children */
        rest = (struct work){2 * (n / 2) + (n - 1) + 2 * (n - 1), n - 1};
        break;
    case ALLREDUCE_DOUBLING:
        rest = (struct work){3 * (extra + log * power) + 2 * extra, extra + log * power};
        break;
    case ALLREDUCE_ONESHOT:
        rest = (struct work){n * (n + 1), n * (n - 1)};
        break;
    case ALLREDUCE_TWOSHOT:
        rest = (struct work){n + 1 + 2 * (n - 1), n - 1};
        break;
    case ALLREDUCE_ARRIVAL:
        rest = (struct work){2 + 3 * (n - 1) + 2 * n, n - 1};
        break;
    }
    return (struct work){work.accesses + rest.accesses, work.adds + rest.adds};
}

double allreduce_bytes(const struct allreduce_plan *plan, size_t n) {
    return (double)n * work_of(plan).accesses * (double)allreduce_element_bytes(plan);
}

double allreduce_flops(const struct allreduce_plan *plan, size_t n) {
    return (double)n * work_of(plan).adds;
}

/* --- the workspace -----------------------------------------------------------------------------
 */

/* Vectors of n elements for sums under way: what a rank has published is never overwritten. */
static size_t vectors(const struct allreduce_plan *plan) {
    size_t n = (size_t)plan->ranks;
    int log;
    switch (plan->algorithm) {
    case ALLREDUCE_RING:
    case ALLREDUCE_TREE:
        return n;
    case ALLREDUCE_DOUBLING:
        power_below(plan->ranks, &log);
        return n * (size_t)log;
    case ALLREDUCE_ARRIVAL:
        return 1;
    default:
        return 0;
    }
}

static size_t take(size_t *at, size_t bytes) {
    size_t here = *at;
    *at += (bytes + 255) / 256 * 256;
    return here;
}

struct allreduce_workspace allreduce_workspace(const struct allreduce_plan *plan, size_t n) {
    struct allreduce_workspace w = {0};
    size_t blocks = (size_t)plan->ranks * (size_t)plan->channels;
    size_t units = plan->algorithm == ALLREDUCE_ARRIVAL ? allreduce_layout(plan, n).units : 0;
    size_t vector = n * allreduce_element_bytes(plan), at = 0;
    w.status = take(&at, sizeof(struct allreduce_status));
    w.flags = take(&at, blocks * ALLREDUCE_FLAG_APART * sizeof(uint64_t));
    w.tickets = take(&at, units * sizeof(uint32_t));
    w.turns = take(&at, units * sizeof(uint64_t));
    w.zeroed = at;
    w.times = take(&at, blocks * sizeof(struct allreduce_times));
    w.arrivals = take(&at, units * (size_t)plan->ranks);
    w.local = take(&at, allreduce_parts_each(plan) > 1 ? (size_t)plan->ranks * vector : 0);
    w.scratch = take(&at, vectors(plan) * vector);
    w.size = at;
    return w;
}

/*
 * kv_waste.c: what paged and contiguous allocation waste on one trace. Both admit first come, first
 * served; a contiguous range is reserved for the longest that its request can become, so nobody is
 * pre-empted, and its place is what may be wanting.
 */
#include <stdlib.h>
#include <string.h>

#include "kernels/kv_pool/kv_inside.h"

/* The state of memory at a sample, in slots unless said otherwise. */
struct sample {
    uint64_t taken, unused; /* unused: taken ones that hold no token */
    size_t running;         /* requests */
    bool refused;           /* the next request, which … */
    uint64_t asked, had;    /* … asked for so many when so many were free */
};

struct sums {
    double inner, outer, unused, running, tokens;
};

static void add_sample(const struct sample *sample, double slots, struct sums *sums,
                       struct kv_waste *out) {
    double inner = sample->taken ? (double)sample->unused / (double)sample->taken : 0;
    bool holes = sample->refused && sample->asked <= sample->had;
    double outer = holes ? (double)sample->had / slots : 0;
    sums->inner += inner;
    sums->outer += outer;
    sums->unused += (double)sample->unused;
    sums->running += (double)sample->running;
    sums->tokens += (double)(sample->taken - sample->unused) / slots;
    out->inner_worst = inner > out->inner_worst ? inner : out->inner_worst;
    out->outer_worst = outer > out->outer_worst ? outer : out->outer_worst;
    out->refused += sample->refused;
    out->refused_by_holes += holes;
    out->steps++;
}

static void finish(const struct sums *sums, struct kv_waste *out) {
    double steps = out->steps ? (double)out->steps : 1;
    out->inner_mean = sums->inner / steps;
    out->outer_mean = sums->outer / steps;
    out->inner_per_sequence = sums->running > 0 ? sums->unused / sums->running : 0;
    out->running_mean = sums->running / steps;
    out->tokens_mean = sums->tokens / steps;
}

static double slots_of(const struct kv_churn_options *options) {
    return (double)options->pool_blocks * options->block_tokens;
}

/* --- paged -------------------------------------------------------------------------------------
 */

/* Shared blocks are full, so what is unused is in the last block of each sequence. */
static struct sample sample_paged(const struct kv_churn *churn) {
    unsigned n = churn->options.block_tokens;
    struct sample sample = {
        .taken = (uint64_t)(kv_pool_blocks(churn->pool) - kv_pool_free_blocks(churn->pool)) * n,
        .running = churn->running.count,
        .refused = churn->refused,
        .asked = churn->asked,
        .had = churn->had,
    };
    for (size_t i = 0; i < churn->running.count; i++)
        sample.unused += (uint64_t)churn->running.at[i]->blocks * n - churn->running.at[i]->tokens;
    return sample;
}

int kv_waste_paged(const struct kv_churn_options *options, uint64_t steps, struct kv_waste *out,
                   char *why) {
    *out = (struct kv_waste){0};
    if (kv_churn_check(options, why) != 0)
        return -1;
    struct kv_churn *churn;
    if (kv_churn_open(&churn, options) != 0)
        return kv_fail(why, "no memory for a pool of %u blocks", options->pool_blocks);
    struct sums sums = {0};
    int status = 0;
    for (uint64_t step = 0; step < steps && status == 0; step++) {
        status = kv_churn_step(churn, why);
        struct sample sample = sample_paged(churn);
        add_sample(&sample, slots_of(options), &sums, out);
    }
    if (status == 0)
        status = kv_pool_audit(churn->pool, why);
    out->finished = churn->counts.finished;
    kv_churn_close(churn);
    finish(&sums, out);
    return status;
}

/* --- contiguous --------------------------------------------------------------------------------
 */

struct tenant {
    int64_t start;
    unsigned reserved, tokens, end; /* end: tokens when it has all its output */
};
struct tenancy {
    const struct kv_churn_options *options;
    struct kv_slab *slab;
    struct tenant *tenants; /* in the order of admission */
    size_t count, room;
    uint64_t next, finished; /* requests */
};

static int make_room(struct tenancy *t) {
    if (t->count < t->room)
        return 0;
    size_t room = t->room ? 2 * t->room : 16;
    struct tenant *tenants = realloc(t->tenants, room * sizeof *tenants);
    if (!tenants)
        return -1;
    t->tenants = tenants;
    t->room = room;
    return 0;
}

static int admit(struct tenancy *t, struct sample *sample, char *why) {
    while (t->options->running == 0 || t->count < t->options->running) {
        struct kv_request request = kv_trace_request(t->options, t->next);
        if (make_room(t) != 0)
            return kv_fail(why, "no memory for %zu requests", t->count + 1);
        int64_t start = kv_slab_take(t->slab, request.reserve);
        if (start < 0) {
            sample->refused = true;
            sample->asked = request.reserve;
            sample->had = kv_slab_free_slots(t->slab);
            return 0;
        }
        t->tenants[t->count++] = (struct tenant){start, request.reserve, request.prompt,
                                                 request.prompt + request.output};
        t->next++;
    }
    return 0;
}

static int decode(struct tenancy *t, struct sample *sample, char *why) {
    size_t kept = 0;
    for (size_t i = 0; i < t->count; i++) {
        struct tenant tenant = t->tenants[i];
        tenant.tokens++;
        if (tenant.tokens < tenant.end) {
            t->tenants[kept++] = tenant;
            sample->taken += tenant.reserved;
            sample->unused += tenant.reserved - tenant.tokens;
            continue;
        }
        t->finished++;
        if (kv_slab_release(t->slab, tenant.start) != 0)
            return kv_fail(why, "the range at %lld was free already", (long long)tenant.start);
    }
    t->count = sample->running = kept;
    return 0;
}

int kv_waste_contiguous(const struct kv_churn_options *options, enum kv_fit fit, uint64_t steps,
                        struct kv_waste *out, char *why) {
    *out = (struct kv_waste){0};
    if (kv_churn_check(options, why) != 0)
        return -1;
    uint64_t slots = (uint64_t)options->pool_blocks * options->block_tokens;
    struct tenancy tenancy = {.options = options};
    if (kv_slab_open(&tenancy.slab, fit, slots) != 0)
        return kv_fail(why, "no slab: no memory, or fit %d does not exist", (int)fit);
    struct sums sums = {0};
    int status = 0;
    for (uint64_t step = 0; step < steps && status == 0; step++) {
        struct sample sample = {0};
        status = admit(&tenancy, &sample, why);
        if (status == 0)
            status = decode(&tenancy, &sample, why);
        add_sample(&sample, slots_of(options), &sums, out);
    }
    if (status == 0)
        status = kv_slab_audit(tenancy.slab, why);
    out->finished = tenancy.finished;
    kv_slab_close(tenancy.slab);
    free(tenancy.tenants);
    finish(&sums, out);
    return status;
}

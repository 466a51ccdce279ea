/*
 * serving_options.c: options that make sense, two workloads, words.
 */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "kernels/serving/serving_inside.h"

int serving_fail(char *why, const char *format, ...) {
    if (why) {
        va_list arguments;
        va_start(arguments, format);
        vsnprintf(why, SERVING_WHY, format, arguments);
        va_end(arguments);
    }
    return -1;
}

/* --- words -------------------------------------------------------------------------------------
 */

#define WORD(value, word, ...) word,
static const char *const truncations[] = {SERVING_TRUNCATIONS(WORD)};
static const char *const arrival_words[] = {SERVING_ARRIVALS(WORD)};
static const char *const batchers[] = {SERVING_BATCHERS(WORD)};
static const char *const events[] = {SERVING_EVENTS(WORD)};

const char *serving_truncation_name(enum serving_truncation truncation) {
    return (unsigned)truncation < SERVING_TRUNCATION_COUNT ? truncations[truncation] : "?";
}

const char *serving_arrivals_name(enum serving_arrivals arrivals) {
    return (unsigned)arrivals < SERVING_ARRIVALS_COUNT ? arrival_words[arrivals] : "?";
}

const char *serving_batcher_name(enum serving_batcher batcher) {
    return (unsigned)batcher < SERVING_BATCHER_COUNT ? batchers[batcher] : "?";
}

const char *serving_event_name(enum serving_event_kind kind) {
    return (unsigned)kind < SERVING_EVENT_COUNT ? events[kind] : "?";
}

int serving_batcher_parse(const char *word, enum serving_batcher *batcher) {
    for (unsigned k = 0; k < SERVING_BATCHER_COUNT; k++)
        if (strcmp(word, batchers[k]) == 0) {
            *batcher = (enum serving_batcher)k;
            return 0;
        }
    return -1;
}

/* --- check -------------------------------------------------------------------------------------
 */

static int check_arrivals(const struct serving_options *o, char *why) {
    if ((unsigned)o->arrivals >= SERVING_ARRIVALS_COUNT)
        return serving_fail(why, "arrivals %d do not exist; there are 0 to %d", (int)o->arrivals,
                            SERVING_ARRIVALS_COUNT - 1);
    if (o->requests > SERVING_REQUESTS_MOST)
        return serving_fail(why,
                            "requests is %" PRIu64 "; it is at most %" PRIu64 ", or 0 for no end",
                            o->requests, SERVING_REQUESTS_MOST);
    if (o->arrivals == SERVING_SATURATED)
        return 0;
    if (o->arrival_mean_ns < 1 || o->arrival_mean_ns > SERVING_TIME_MOST)
        return serving_fail(why, "arrival_mean_ns is %" PRIu64 "; it is 1 to %" PRIu64,
                            o->arrival_mean_ns, SERVING_TIME_MOST);
    if (o->arrival_group < 1 || o->arrival_group > SERVING_QUEUE_MOST)
        return serving_fail(why, "arrival_group is %u; it is 1 to %u", o->arrival_group,
                            SERVING_QUEUE_MOST);
    if (o->queue_most < 1 || o->queue_most > SERVING_QUEUE_MOST)
        return serving_fail(why, "queue_most is %u; it is 1 to %u", o->queue_most,
                            SERVING_QUEUE_MOST);
    return 0;
}

static int check_batcher(const struct serving_options *o, bool own_memory, char *why) {
    if ((unsigned)o->batcher >= SERVING_BATCHER_COUNT)
        return serving_fail(why, "batcher %d does not exist; there are 0 to %d", (int)o->batcher,
                            SERVING_BATCHER_COUNT - 1);
    if (o->batch_most > SERVING_ROWS_MOST)
        return serving_fail(why, "batch_most is %u; it is at most %u", o->batch_most,
                            SERVING_ROWS_MOST);
    if (o->arrivals == SERVING_SATURATED && !own_memory && o->slots == 0 && o->batch_most == 0)
        return serving_fail(why, "nothing bounds the batch: set batch_most or slots");
    if (o->batcher == SERVING_BUDGET_ONLY) {
        if (o->step_budget_ns || o->batch_cut || o->restore_steps)
            return serving_fail(why, "step_budget_ns, batch_cut and restore_steps are of the "
                                     "latency-guarded batcher; set them to 0");
        return 0;
    }
    if (o->step_budget_ns < 1 || o->step_budget_ns > SERVING_TIME_MOST)
        return serving_fail(why, "step_budget_ns is %" PRIu64 "; it is 1 to %" PRIu64,
                            o->step_budget_ns, SERVING_TIME_MOST);
    if (o->batch_cut < 1 || o->batch_cut >= o->batch_most)
        return serving_fail(why, "batch_cut is %u; it is at least 1 and less than batch_most, %u",
                            o->batch_cut, o->batch_most);
    if (o->restore_steps < 1)
        return serving_fail(why, "restore_steps is 0; it is at least 1");
    return 0;
}

int serving_options_check(const struct serving_options *o, bool own_memory, char *why) {
    if (serving_trace_check(&o->trace, why) != 0 || check_arrivals(o, why) != 0 ||
        check_batcher(o, own_memory, why) != 0)
        return -1;
    if (!(o->contract.temperature >= 0 && o->contract.temperature <= 100))
        return serving_fail(why, "temperature is %g; it is 0 to 100", o->contract.temperature);
    if (!(o->contract.top_p >= 0 && o->contract.top_p <= 1))
        return serving_fail(why, "top_p is %g; it is 0 to 1", o->contract.top_p);
    if (own_memory && o->slots)
        return serving_fail(why, "slots is %" PRIu64 "; they are of the built-in memory", o->slots);
    if (o->slots && o->slots < o->trace.length_most)
        return serving_fail(why,
                            "%" PRIu64 " slots cannot hold a request of %u tokens; add some, or "
                            "lower length_most",
                            o->slots, o->trace.length_most);
    return 0;
}

/* --- workloads ---------------------------------------------------------------------------------
 */

/* Greedy, 32 rows cut to 12 as in the essays. A step of the default cost model takes 4.8 ms and 39
 * µs per 1,000 tokens of context: 7.5 ms for 32 rows of 2,112. */
static struct serving_options guarded(uint64_t seed) {
    return (struct serving_options){
        .trace = {.seed = seed, .length_most = 4096},
        .contract = {.top_p = 1},
        .prefill_elsewhere = true,
        .batcher = SERVING_LATENCY_GUARDED,
        .batch_most = 32,
        .step_budget_ns = 10000000,
        .batch_cut = 12,
        .restore_steps = 8,
    };
}

struct serving_options serving_calm(uint64_t seed) {
    struct serving_options options = guarded(seed);
    options.trace.prompt_mean = 2048;
    options.trace.output_mean = 64;
    options.arrivals = SERVING_SATURATED;
    return options;
}

struct serving_options serving_churning(uint64_t seed) {
    struct serving_options options = guarded(seed);
    options.trace.prompt_mean = 512;
    options.trace.output_mean = 64;
    options.trace.length_sigma = 1;
    options.arrivals = SERVING_POISSON; /* 64 steps of 5.2 ms: 333 ms, in which 17 arrive */
    options.arrival_mean_ns = 20000000;
    options.arrival_group = 1;
    options.queue_most = 1024;
    return options;
}

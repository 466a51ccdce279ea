/*
 * serving_cost.c: how long a step would take by the roofline, as one source of durations.
 */
#include "kernels/serving/serving.h"

struct serving_cost serving_cost_default(void) {
    return (struct serving_cost){.weights_ns = 4776000, .context_ps = 39000, .token_ns = 40000};
}

/* What no sane model reaches, and what serving_end() would refuse. */
static uint64_t capped(__uint128_t ns) {
    return ns > SERVING_TIME_MOST ? SERVING_TIME_MOST : (uint64_t)ns;
}

uint64_t serving_cost_ns(const struct serving_cost *cost, const struct serving_batch *batch) {
    __uint128_t reading =
        cost->weights_ns + (__uint128_t)cost->context_ps * batch->context_sum / 1000;
    __uint128_t computing = (__uint128_t)cost->token_ns * batch->tokens;
    return capped(reading > computing ? reading : computing);
}

int serving_cost_driver(void *self, const struct serving_batch *batch,
                        struct serving_outcome *outcome, char *why) {
    (void)why;
    outcome->duration_ns = serving_cost_ns(self, batch);
    return 0;
}

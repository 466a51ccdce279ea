/*
 * allreduce_probe.c: an engine asked for its orders. A run's algorithm is the plan's, and an arm of
 * it is one probe of one size.
 */
#include <stdio.h>

#include "kernels/allreduce/allreduce_mpi.h"

#define PAIRS_MOST (ALLREDUCE_RANKS_MOST * (ALLREDUCE_RANKS_MOST - 1) / 2)
_Static_assert(PAIRS_MOST <= RANKS_ARMS_MOST, "all pairs are probed in one run");

/* The probes of one size: an arm for each pair. */
static void add_probes(struct ranks_plan *plan, size_t n) {
    for (unsigned a = 0; a < plan->ranks; a++)
        for (unsigned b = a + 1; b < plan->ranks; b++)
            plan->arm[plan->arms++] = (struct ranks_arm){.bytes = n * sizeof(float),
                                                         .fill = RANKS_PROBE,
                                                         .probe = {a, b},
                                                         .keep_output = true};
}

/* One run, of messages of n[0 … sizes - 1] elements. */
static int probe_some(const struct ranks_plan *plan, const struct ranks_control *control,
                      const size_t *n, size_t sizes, struct allreduce_orders *out,
                      struct ranks_failure *failure, char *why) {
    struct ranks_plan probes = *plan;
    struct ranks_log log;
    size_t pairs = (size_t)plan->ranks * (plan->ranks - 1) / 2, k = 0;
    int status = 0;
    probes.arms = 0, probes.rounds = 1, probes.steps = 1, probes.warmup = 0;
    for (; k < sizes; k++)
        add_probes(&probes, n[k]);
    if (ranks_run(&probes, control, &log, failure, why) != 0)
        return -1;
    for (k = 0; k < sizes && status == 0; k++)
        status = allreduce_orders_found(plan->ranks, n[k], log.output + k * pairs, &out[k], why);
    if (status != 0)
        for (k--; k > 0; k--)
            allreduce_orders_close(&out[k - 1]);
    ranks_log_close(&log);
    return status;
}

int allreduce_orders_probe(const struct ranks_plan *plan, const struct ranks_control *control,
                           const size_t *n, size_t sizes, struct allreduce_orders *out,
                           struct ranks_failure *failure, char *why) {
    struct ranks_failure unasked = {0};
    failure = failure ? failure : &unasked;
    *failure = (struct ranks_failure){.rank = -1, .step = -1, .doing = ""};
    if (plan->ranks < 2 || plan->ranks > ALLREDUCE_RANKS_MOST) {
        snprintf(why, RANKS_WHY, "%u ranks; the orders of 2 to %d are found by probes", plan->ranks,
                 ALLREDUCE_RANKS_MOST);
        return -1;
    }
    size_t at_once = RANKS_ARMS_MOST / ((size_t)plan->ranks * (plan->ranks - 1) / 2);
    for (size_t done = 0; done < sizes; done += at_once) {
        size_t count = sizes - done < at_once ? sizes - done : at_once;
        if (probe_some(plan, control, n + done, count, out + done, failure, why) != 0) {
            while (done > 0)
                allreduce_orders_close(&out[--done]);
            return -1;
        }
    }
    return 0;
}

/*
 * serving_batcher.c: how many rows a batch may have. All else about batches is the same for both
 * batchers.
 */
#include "kernels/serving/serving_inside.h"

unsigned serving_limit(const struct serving_options *options) {
    return options->batch_most ? options->batch_most : SERVING_ROWS_MOST;
}

void serving_guard(struct serving_loop *loop, uint64_t duration_ns) {
    const struct serving_options *o = &loop->options;
    if (o->batcher != SERVING_LATENCY_GUARDED || loop->schedule)
        return;
    if (duration_ns > o->step_budget_ns) {
        loop->limit = o->batch_cut;
        loop->within = 0;
    } else if (loop->limit < o->batch_most && ++loop->within == o->restore_steps) {
        loop->limit = o->batch_most;
    }
}

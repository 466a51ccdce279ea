/*
 * serving_replay.c: the batches of a recorded schedule. Requests join first come, first served, as
 * they did when it was recorded; a schedule in which they do not, cannot have been recorded.
 */
#include <inttypes.h>

#include "kernels/serving/serving_inside.h"

int serving_replay(struct serving_loop **out, const struct serving_options *options,
                   const struct serving_memory *memory, const struct serving_observer *observer,
                   const struct serving_schedule *schedule, char *why) {
    *out = NULL;
    uint64_t trace = serving_trace_hash(&options->trace), recorded = serving_schedule_of(schedule);
    if (trace != recorded)
        return serving_fail(why,
                            "the schedule is of trace %016" PRIx64
                            " and the options have %016" PRIx64
                            "; use the seed and lengths that it was recorded with",
                            recorded, trace);
    if (serving_open(out, options, memory, observer, why) != 0)
        return -1;
    (*out)->schedule = schedule;
    return 0;
}

static struct serving_schedule_step now(const struct serving_loop *loop) {
    return serving_schedule_at(loop->schedule, loop->counts.steps);
}

static int cut(struct serving_loop *loop, const struct serving_schedule_step *step, char *why) {
    for (size_t k = 0; k < step->cut_count; k++) {
        size_t last = loop->running.count - 1;
        const struct serving_sequence *sequence = serving_queue_get(&loop->running, last);
        if (!sequence || sequence->request.number != step->cut[k])
            return serving_fail(why,
                                "step %" PRIu64 ": request %" PRIu64
                                " is cut and is not the one admitted last",
                                loop->counts.steps, step->cut[k]);
        if (serving_evict(loop, last, SERVING_CUT, why) != 0)
            return -1;
    }
    return 0;
}

/* Request `number` is in the queue, or arrives, and is the next one to be admitted. */
static int make_wait(struct serving_loop *loop, uint64_t number, char *why) {
    const struct serving_sequence *next = serving_queue_get(&loop->waiting, 0);
    if (next && next->request.number == number)
        return 0;
    if (next)
        return serving_fail(why,
                            "step %" PRIu64 ": request %" PRIu64 " joins before request %" PRIu64
                            ", which waits in front",
                            loop->counts.steps, number, next->request.number);
    uint64_t most = loop->options.requests ? loop->options.requests : SERVING_REQUESTS_MOST;
    if (number < loop->drawn || number >= most)
        return serving_fail(
            why, "step %" PRIu64 ": request %" PRIu64 " has ended, does not run, or does not exist",
            loop->counts.steps, number);
    loop->drawn = number; /* those between were rejected */
    uint64_t arrival = serving_next_arrival(loop);
    if (arrival > loop->counts.now_ns)
        loop->counts.now_ns = arrival;
    struct serving_sequence *sequence = serving_arrive(loop, number, arrival);
    if (!sequence || serving_queue_push_back(&loop->waiting, sequence) != 0) {
        serving_sequence_free(loop, sequence);
        return serving_fail(why, "no memory for a request");
    }
    loop->drawn++;
    loop->counts.arrived++;
    return 0;
}

static int join(struct serving_loop *loop, uint64_t number, char *why) {
    if (make_wait(loop, number, why) != 0)
        return -1;
    int admitted = serving_admit(loop, why);
    if (admitted == 0)
        return serving_fail(why, "step %" PRIu64 ": memory has no room for request %" PRIu64,
                            loop->counts.steps, number);
    return admitted == 1 ? 0 : -1;
}

int serving_replay_form(struct serving_loop *loop, char *why) {
    if (loop->counts.steps >= serving_schedule_steps(loop->schedule))
        return 0;
    struct serving_schedule_step step = now(loop);
    if (cut(loop, &step, why) != 0)
        return -1;
    size_t row = 0; /* of those running; the recorded ones are some of them, in their order */
    for (size_t k = 0; k < step.count; k++, row++) {
        uint64_t number = step.rows[k].request;
        while (row < loop->running.count &&
               serving_queue_get(&loop->running, row)->request.number != number)
            row++;
        if (row == loop->running.count && join(loop, number, why) != 0)
            return -1;
        struct serving_sequence *sequence = serving_queue_get(&loop->running, row);
        if (step.rows[k].tokens > sequence->tokens - sequence->computed)
            return serving_fail(why,
                                "step %" PRIu64 ": %u tokens of request %" PRIu64
                                ", which has %u to be computed",
                                loop->counts.steps, step.rows[k].tokens, number,
                                sequence->tokens - sequence->computed);
        sequence->scheduled = step.rows[k].tokens;
    }
    return 1;
}

/* Whoever runs out of memory pre-empts from the last row on, before that row had its turn. */
size_t serving_replay_losses(const struct serving_loop *loop) {
    return now(loop).lost_count - loop->lost.count;
}

int serving_replay_lose(struct serving_loop *loop, size_t row, char *why) {
    if (row + serving_replay_losses(loop) < loop->running.count)
        return 0;
    while (serving_replay_losses(loop) > 0 && loop->running.count > row)
        if (serving_evict(loop, loop->running.count - 1, SERVING_PREEMPTED, why) != 0)
            return -1;
    return 0;
}

int serving_replay_settled(struct serving_loop *loop, char *why) {
    struct serving_schedule_step step = now(loop);
    size_t k = 0;
    while (k < step.lost_count && k < loop->lost.count && step.lost[k] == loop->lost.at[k])
        k++;
    if (k == step.lost_count && k == loop->lost.count)
        return 0;
    return serving_fail(why, "step %" PRIu64 ": others were pre-empted than recorded",
                        loop->counts.steps);
}

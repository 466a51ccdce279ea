/*
 * serving_loop.c: opening, the two halves of a step, and what runs a loop to its end.
 */
#include <inttypes.h>
#include <stdlib.h>

#include "kernels/rng/philox.h"
#include "kernels/serving/serving_inside.h"

/* --- the built-in memory: a counter of slots ---------------------------------------------------
 */

static int slots_take(struct serving_loop *loop, uint64_t slots) {
    uint64_t all = loop->options.slots;
    if (all && slots > all - loop->slots_used)
        return 0;
    loop->slots_used += slots;
    return 1;
}

static int slots_admit(void *self, struct serving_sequence *sequence, char *why) {
    (void)why;
    return slots_take(self, sequence->tokens);
}

static int slots_append(void *self, struct serving_sequence *sequence, char *why) {
    (void)sequence;
    (void)why;
    return slots_take(self, 1);
}

static int slots_release(void *self, struct serving_sequence *sequence, char *why) {
    struct serving_loop *loop = self;
    (void)why;
    loop->slots_used -= sequence->tokens;
    return 0;
}

/* --- opening -----------------------------------------------------------------------------------
 */

int serving_open(struct serving_loop **out, const struct serving_options *options,
                 const struct serving_memory *memory, const struct serving_observer *observer,
                 char *why) {
    *out = NULL;
    if (serving_options_check(options, memory != NULL, why) != 0)
        return -1;
    struct serving_loop *loop = calloc(1, sizeof *loop);
    if (!loop)
        return serving_fail(why, "no memory for a serving loop");
    loop->options = *options;
    loop->memory = memory ? *memory
                          : (struct serving_memory){.self = loop,
                                                    .admit = slots_admit,
                                                    .append = slots_append,
                                                    .release = slots_release};
    if (observer)
        loop->observer = *observer;
    loop->limit = serving_limit(options);
    *out = loop;
    return 0;
}

void serving_sequence_free(struct serving_loop *loop, struct serving_sequence *sequence) {
    if (!sequence)
        return;
    if (loop->memory.forget)
        loop->memory.forget(loop->memory.self, sequence);
    free(sequence->events);
    free(sequence);
}

static void queue_free(struct serving_loop *loop, struct serving_queue *queue) {
    for (size_t i = 0; i < queue->count; i++)
        serving_sequence_free(loop, serving_queue_get(queue, i));
    free(queue->at);
}

void serving_close(struct serving_loop *loop) {
    if (!loop)
        return;
    queue_free(loop, &loop->running);
    queue_free(loop, &loop->waiting);
    free(loop->rows);
    free(loop->cut.at);
    free(loop->lost.at);
    free(loop);
}

/* --- arrivals ----------------------------------------------------------------------------------
 */

static uint64_t later(uint64_t ns, uint64_t by) {
    return by > UINT64_MAX - ns ? UINT64_MAX : ns + by;
}

static uint64_t gap(const struct serving_options *o, uint64_t group) {
    if (o->arrivals == SERVING_CONSTANT)
        return o->arrival_mean_ns;
    double u = philox_unit_above(philox_u64(o->trace.seed, SERVING_STREAM_ARRIVALS, group));
    return (uint64_t)(-philox_log(u) * (double)o->arrival_mean_ns + 0.5);
}

/* The first group comes at 0 where intervals are constant. */
uint64_t serving_next_arrival(struct serving_loop *loop) {
    const struct serving_options *o = &loop->options;
    if (o->arrivals == SERVING_SATURATED)
        return loop->counts.now_ns;
    for (; loop->drawn / o->arrival_group >= loop->groups; loop->groups++)
        if (loop->groups > 0 || o->arrivals == SERVING_POISSON)
            loop->next_ns = later(loop->next_ns, gap(o, loop->groups));
    return loop->next_ns;
}

static bool all_drawn(const struct serving_loop *loop) {
    return loop->options.requests && loop->drawn >= loop->options.requests;
}

struct serving_sequence *serving_arrive(struct serving_loop *loop, uint64_t number,
                                        uint64_t arrival_ns) {
    struct serving_sequence *sequence = calloc(1, sizeof *sequence);
    if (!sequence)
        return NULL;
    sequence->request = serving_trace_request(&loop->options.trace, number);
    sequence->tokens = sequence->request.prompt;
    sequence->arrival_ns = sequence->since_ns = arrival_ns;
    serving_note(loop, sequence, SERVING_ARRIVED);
    if (sequence->request.truncation != SERVING_WHOLE)
        serving_note(loop, sequence, SERVING_TRUNCATED);
    if (loop->observer.arrived)
        loop->observer.arrived(loop->observer.self, sequence);
    return sequence;
}

/* Request loop->drawn into the queue, or away if that is full. */
static int arrive(struct serving_loop *loop, uint64_t arrival_ns, char *why) {
    bool full = loop->options.arrivals != SERVING_SATURATED &&
                loop->waiting.count >= loop->options.queue_most;
    struct serving_sequence *sequence = serving_arrive(loop, loop->drawn, arrival_ns);
    if (!sequence)
        return serving_fail(why, "no memory for a request");
    loop->drawn++;
    loop->counts.arrived++;
    if (full) {
        loop->counts.rejected++;
        serving_note(loop, sequence, SERVING_REJECTED);
        serving_tell_end(loop, sequence);
        serving_sequence_free(loop, sequence);
        return 0;
    }
    if (serving_queue_push_back(&loop->waiting, sequence) == 0)
        return 0;
    serving_sequence_free(loop, sequence);
    return serving_fail(why, "no memory for a queue of %zu requests", loop->waiting.count);
}

/* All that have arrived by now; an idle server sleeps until the next one does. */
static int arrive_all(struct serving_loop *loop, char *why) {
    if (loop->options.arrivals == SERVING_SATURATED)
        return 0; /* one at a time, on demand */
    bool idle = loop->running.count == 0 && loop->waiting.count == 0;
    if (idle && !all_drawn(loop)) {
        uint64_t next = serving_next_arrival(loop);
        if (next > loop->counts.now_ns)
            loop->counts.now_ns = next;
    }
    while (!all_drawn(loop)) {
        uint64_t next = serving_next_arrival(loop);
        if (next > loop->counts.now_ns)
            break;
        if (arrive(loop, next, why) != 0)
            return -1;
    }
    return 0;
}

/* --- a batch -----------------------------------------------------------------------------------
 */

int serving_evict(struct serving_loop *loop, size_t row, enum serving_event_kind kind, char *why) {
    struct serving_sequence *sequence = serving_queue_take(&loop->running, row);
    bool cut = kind == SERVING_CUT;
    struct serving_ids *ids = cut ? &loop->cut : &loop->lost;
    if (serving_room((void **)&ids->at, ids->count, &ids->room, sizeof *ids->at) != 0 ||
        serving_queue_push_front(&loop->waiting, sequence) != 0) {
        serving_sequence_free(loop, sequence);
        return serving_fail(why, "no memory for a queue of %zu requests", loop->waiting.count);
    }
    ids->at[ids->count++] = sequence->request.number;
    if (cut)
        loop->counts.cut++;
    else
        loop->counts.preempted++;
    sequence->computed = sequence->scheduled = 0;
    sequence->since_ns = loop->counts.now_ns;
    serving_note(loop, sequence, kind);
    return loop->memory.release(loop->memory.self, sequence, why);
}

/* As many of a sequence's tokens as are still to be computed and the budget has left. */
static void schedule(struct serving_sequence *sequence, uint64_t *left) {
    uint64_t tokens = sequence->tokens - sequence->computed;
    sequence->scheduled = (unsigned)(tokens < *left ? tokens : *left);
    *left -= sequence->scheduled;
}

int serving_admit(struct serving_loop *loop, char *why) {
    struct serving_sequence *sequence = serving_queue_get(&loop->waiting, 0);
    int admitted = loop->memory.admit(loop->memory.self, sequence, why);
    if (admitted != 1)
        return admitted;
    serving_queue_take(&loop->waiting, 0);
    if (serving_queue_push_back(&loop->running, sequence) != 0) {
        serving_sequence_free(loop, sequence);
        return serving_fail(why, "no memory for %zu requests", loop->running.count + 1);
    }
    if (loop->options.prefill_elsewhere)
        sequence->computed = sequence->tokens - 1;
    uint64_t waited = loop->counts.now_ns - sequence->since_ns;
    if (waited > loop->batch.queue_ns)
        loop->batch.queue_ns = waited;
    loop->batch.joined++;
    loop->counts.admitted++;
    serving_note(loop, sequence, SERVING_ADMITTED);
    return 1;
}

static int admit_all(struct serving_loop *loop, uint64_t *left, char *why) {
    while (loop->running.count<loop->limit && * left> 0) {
        if (loop->waiting.count == 0) {
            if (loop->options.arrivals != SERVING_SATURATED || all_drawn(loop))
                return 0;
            if (arrive(loop, loop->counts.now_ns, why) != 0)
                return -1;
        }
        int admitted = serving_admit(loop, why);
        if (admitted != 1)
            return admitted;
        schedule(serving_queue_get(&loop->running, loop->running.count - 1), left);
    }
    return 0;
}

/* Who computes what in the next step: 1; 0: everybody has gone; -1. */
static int form(struct serving_loop *loop, char *why) {
    if (arrive_all(loop, why) != 0)
        return -1;
    while (loop->running.count > loop->limit)
        if (serving_evict(loop, loop->running.count - 1, SERVING_CUT, why) != 0)
            return -1;
    uint64_t left = loop->options.token_budget ? loop->options.token_budget : UINT64_MAX;
    for (size_t i = 0; i < loop->running.count; i++)
        schedule(serving_queue_get(&loop->running, i), &left);
    /* If the pre-empted one was the last one running, nothing is won by waiting a step. */
    if ((!loop->no_admission || loop->running.count == 0) && admit_all(loop, &left, why) != 0)
        return -1;
    loop->no_admission = false;
    if (loop->running.count > 0)
        return 1;
    const struct serving_sequence *next = serving_queue_get(&loop->waiting, 0);
    if (!next)
        return 0;
    return serving_fail(why, "request %" PRIu64 " of %u tokens does not fit into an empty memory",
                        next->request.number, next->tokens);
}

/* The batch as the caller sees it. */
static int describe(struct serving_loop *loop, char *why) {
    struct serving_batch *batch = &loop->batch;
    while (loop->row_room < loop->running.count)
        if (serving_room((void **)&loop->rows, loop->row_room, &loop->row_room,
                         sizeof *loop->rows) != 0)
            return serving_fail(why, "no memory for a batch of %zu rows", loop->running.count);
    for (size_t i = 0; i < loop->running.count; i++) {
        const struct serving_sequence *sequence = serving_queue_get(&loop->running, i);
        if (sequence->scheduled == 0)
            continue;
        unsigned context = sequence->computed + sequence->scheduled;
        loop->rows[batch->count++] =
            (struct serving_row){sequence->request.number, sequence->scheduled, context};
        batch->tokens += sequence->scheduled;
        batch->context_sum += context;
        batch->context = context > batch->context ? context : batch->context;
    }
    batch->rows = loop->rows;
    batch->shape_class = serving_shape_class(batch->tokens, batch->context);
    batch->waiting = loop->waiting.count;
    batch->limit = loop->limit;
    return 1;
}

static int begin(struct serving_loop *loop, char *why) {
    loop->cut.count = loop->lost.count = 0;
    loop->batch = (struct serving_batch){.step = loop->counts.steps};
    int more = loop->schedule ? serving_replay_form(loop, why) : form(loop, why);
    loop->batch.now_ns = loop->counts.now_ns;
    return more == 1 ? describe(loop, why) : more;
}

int serving_begin(struct serving_loop *loop, struct serving_batch *batch, char *why) {
    *batch = (struct serving_batch){0};
    if (loop->failed || loop->in_step)
        return serving_fail(why, loop->failed ? "the loop has failed before; open another one"
                                              : "the last step has not ended");
    int more = begin(loop, why);
    loop->failed = more < 0;
    loop->in_step = more == 1;
    if (more == 1)
        *batch = loop->batch;
    return more;
}

/* --- a step's end ------------------------------------------------------------------------------
 */

static void leave(struct serving_loop *loop, size_t row, enum serving_event_kind kind) {
    struct serving_sequence *sequence = serving_queue_take(&loop->running, row);
    serving_note(loop, sequence, kind);
    serving_tell_end(loop, sequence);
    serving_sequence_free(loop, sequence);
}

/* A slot for the token that a row has generated: 1; 0: the row itself was pre-empted; -1. */
static int append(struct serving_loop *loop, size_t row, char *why) {
    struct serving_sequence *sequence = serving_queue_get(&loop->running, row);
    int got;
    while ((got = loop->memory.append(loop->memory.self, sequence, why)) == 0) {
        size_t last = loop->running.count - 1;
        if (loop->schedule && serving_replay_losses(loop) == 0)
            return serving_fail(why,
                                "step %" PRIu64 ": no slot for request %" PRIu64
                                ", and nobody is recorded as pre-empted for it",
                                loop->batch.step, sequence->request.number);
        loop->no_admission = true;
        if (serving_evict(loop, last, SERVING_PREEMPTED, why) != 0)
            return -1;
        if (last == row)
            return 0;
    }
    return got;
}

/* Row `row` has computed its tokens. Sets *stays: it is still there. */
static int settle(struct serving_loop *loop, size_t row, bool *stays, char *why) {
    struct serving_sequence *sequence = serving_queue_get(&loop->running, row);
    const struct serving_request *request = &sequence->request;
    unsigned computed = sequence->computed + sequence->scheduled;
    *stays = true;
    if (computed == sequence->tokens) {
        int got = append(loop, row, why);
        *stays = got == 1;
        if (got != 1)
            return got;
        sequence->tokens++;
        loop->counts.generated++;
    }
    sequence->computed = computed;
    sequence->scheduled = 0;
    if (sequence->tokens < request->prompt + request->output)
        return 0;
    *stays = false;
    loop->counts.finished++;
    if (loop->memory.release(loop->memory.self, sequence, why) != 0)
        return -1;
    leave(loop, row, request->output_is_cut ? SERVING_LENGTH : SERVING_STOPPED);
    return 0;
}

static int settle_all(struct serving_loop *loop, char *why) {
    for (size_t row = 0; row < loop->running.count;) {
        bool stays = true;
        if (loop->schedule && serving_replay_lose(loop, row, why) != 0)
            return -1;
        const struct serving_sequence *sequence = serving_queue_get(&loop->running, row);
        if (sequence && settle(loop, row, &stays, why) != 0)
            return -1;
        row += stays;
    }
    return 0;
}

static int end(struct serving_loop *loop, const struct serving_outcome *outcome, char *why) {
    loop->counts.now_ns = later(loop->counts.now_ns, outcome->duration_ns);
    loop->counts.tokens += loop->batch.tokens;
    if (settle_all(loop, why) != 0 || (loop->schedule && serving_replay_settled(loop, why) != 0))
        return -1;
    serving_guard(loop, outcome->duration_ns);
    if (serving_tell_step(loop, outcome) != 0)
        return serving_fail(why, "no memory for the record of a step");
    loop->counts.steps++;
    return 0;
}

int serving_end(struct serving_loop *loop, const struct serving_outcome *outcome, char *why) {
    if (!loop->in_step)
        return serving_fail(why, "no step has begun");
    if (outcome->duration_ns > SERVING_TIME_MOST)
        return serving_fail(why, "a step of %" PRIu64 " ns; it takes at most %" PRIu64,
                            outcome->duration_ns, SERVING_TIME_MOST);
    loop->in_step = false;
    loop->failed = end(loop, outcome, why) != 0;
    return loop->failed ? -1 : 0;
}

int serving_abort(struct serving_loop *loop, size_t row, char *why) {
    struct serving_sequence *sequence = serving_queue_get(&loop->running, row);
    if (loop->failed || loop->in_step || !sequence)
        return serving_fail(why, sequence ? "requests leave between two steps of a sound loop"
                                          : "so many requests are not running");
    loop->counts.aborted++;
    int status = loop->memory.release(loop->memory.self, sequence, why);
    leave(loop, row, SERVING_ABORTED);
    loop->failed = status != 0;
    return status;
}

int serving_run(struct serving_loop *loop, uint64_t steps,
                int (*driver)(void *self, const struct serving_batch *batch,
                              struct serving_outcome *outcome, char *why),
                void *self, char *why) {
    for (uint64_t step = 0; step < steps; step++) {
        struct serving_batch batch;
        struct serving_outcome outcome = {0};
        int more = serving_begin(loop, &batch, why);
        if (more != 1)
            return more;
        if (driver(self, &batch, &outcome, why) != 0 || serving_end(loop, &outcome, why) != 0)
            return -1;
    }
    return 1;
}

/* --- looking -----------------------------------------------------------------------------------
 */

void serving_counts(const struct serving_loop *loop, struct serving_counts *out) {
    *out = loop->counts;
    out->running = loop->running.count;
    out->waiting = loop->waiting.count;
}

const struct serving_sequence *serving_running(const struct serving_loop *loop, size_t row) {
    return serving_queue_get(&loop->running, row);
}

const struct serving_sequence *serving_waiting(const struct serving_loop *loop, size_t place) {
    return serving_queue_get(&loop->waiting, place);
}

/*
 * serving_inside.h: what the files of the loop share, and its tests look into.
 */
#ifndef NANOLAB_KERNELS_SERVING_SERVING_INSIDE_H
#define NANOLAB_KERNELS_SERVING_SERVING_INSIDE_H

#include "kernels/serving/serving.h"

/* Philox streams of a trace's seed: one per use, so that no two share numbers. Their values are
 * part of what a seed means: others would give other requests. */
enum serving_stream {
    SERVING_STREAM_LENGTHS = 0x4b57, /* prompt and output of a request */
    SERVING_STREAM_PREFIX,           /* which prefix it starts with */
    SERVING_STREAM_PREFIX_TOKENS,    /* the tokens themselves */
    SERVING_STREAM_TOKENS,
    SERVING_STREAM_ARRIVALS,
};

/* Puts one line into `why` (SERVING_WHY bytes, or NULL) and returns -1. */
int serving_fail(char *why, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* FNV-1a over the eight bytes of a number, lowest first. */
#define SERVING_HASH_START 0xcbf29ce484222325u
uint64_t serving_hash(uint64_t hash, uint64_t number);
uint64_t serving_trace_hash(const struct serving_trace *trace);
uint64_t serving_schedule_of(const struct serving_schedule *schedule); /* the hash of its trace */

/* Sequences in order; both ends grow. */
struct serving_queue {
    struct serving_sequence **at; /* a ring */
    size_t head, count, room;     /* room: 0 or a power of two */
};
/* NULL: there are not so many. */
static inline struct serving_sequence *serving_queue_get(const struct serving_queue *queue,
                                                         size_t i) {
    return i < queue->count ? queue->at[(queue->head + i) & (queue->room - 1)] : NULL;
}
int serving_queue_push_back(struct serving_queue *queue, struct serving_sequence *sequence);
int serving_queue_push_front(struct serving_queue *queue, struct serving_sequence *sequence);
/* Takes out; those behind it move up. */
struct serving_sequence *serving_queue_take(struct serving_queue *queue, size_t i);

/* A list of request ids that grows. */
struct serving_ids {
    uint64_t *at;
    size_t count, room;
};
/* Room for one more of `size` bytes in at[]: 0, or -1. */
int serving_room(void **at, size_t count, size_t *room, size_t size);

struct serving_loop {
    struct serving_options options;
    struct serving_memory memory;
    struct serving_observer observer;
    const struct serving_schedule *schedule; /* to be replayed, or NULL */

    struct serving_queue running; /* in the order of admission */
    struct serving_queue waiting; /* the next one first */
    uint64_t drawn;               /* requests made from the trace so far */
    uint64_t groups;              /* … in so many groups, of which the next … */
    uint64_t next_ns;             /* … arrives at this time */
    uint64_t slots_used;          /* of the built-in memory */

    unsigned limit;    /* rows that the batcher allows */
    unsigned within;   /* steps in a row that kept the budget since the batch was cut */
    bool no_admission; /* the last step pre-empted somebody */
    bool in_step, failed;

    struct serving_row *rows;
    size_t row_room;
    struct serving_ids cut, lost;
    struct serving_batch batch;
    struct serving_counts counts;
};

/* serving_loop.c, for the replay. */

/* A sequence for request `number` of the trace, that has arrived at `arrival_ns`; NULL: no
 * memory. */
struct serving_sequence *serving_arrive(struct serving_loop *loop, uint64_t number,
                                        uint64_t arrival_ns);
/* The next of the queue into memory and the last row: 1, 0 (no room), -1. */
int serving_admit(struct serving_loop *loop, char *why);
/* The request admitted last gives its memory back and waits in front. `kind`: why. */
int serving_evict(struct serving_loop *loop, size_t row, enum serving_event_kind kind, char *why);
/* When request loop->drawn arrives. */
uint64_t serving_next_arrival(struct serving_loop *loop);
void serving_sequence_free(struct serving_loop *loop, struct serving_sequence *sequence);

/* serving_replay.c: who computes what, as recorded: 1; 0: the schedule is over; -1. */
int serving_replay_form(struct serving_loop *loop, char *why);
/* How many rows, the last ones, are still to be pre-empted as this step ends. */
size_t serving_replay_losses(const struct serving_loop *loop);
/* If row `row` is one of these, pre-empts it and those after it, whatever memory says. */
int serving_replay_lose(struct serving_loop *loop, size_t row, char *why);
/* Whether those have gone who were to go. */
int serving_replay_settled(struct serving_loop *loop, char *why);

/* serving_batcher.c: rows allowed to begin with, and after a step of that duration. */
unsigned serving_limit(const struct serving_options *options);
void serving_guard(struct serving_loop *loop, uint64_t duration_ns);

/* serving_record.c */
void serving_note(struct serving_loop *loop, struct serving_sequence *sequence,
                  enum serving_event_kind kind);
void serving_tell_end(struct serving_loop *loop, struct serving_sequence *sequence);
int serving_tell_step(struct serving_loop *loop, const struct serving_outcome *outcome);

#endif

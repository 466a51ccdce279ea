/*
 * serving.h: the loop of an LLM server with continuous batching: arrivals → admission → batch →
 * step → who joins the next one. A function of (options, seed, durations of the steps) alone.
 *
 * How long a step takes is an input: serving_begin() forms a batch, the caller runs it on whatever
 * it likes (a device, an engine, a simulator, the cost model below) and tells serving_end() how
 * long that took. Time decides who has arrived by the next step, so a slower step gives other
 * batches. A schedule of batches that was recorded under one source of durations can be replayed
 * under another: then the batches are the recorded ones, and time decides nothing.
 *
 * The scheduler is that of vLLM V1 (`vllm/v1/core/sched/scheduler.py`): first come, first served;
 * running requests before waiting ones; prompts in chunks where a step's tokens are bounded; when
 * memory runs out the request admitted last is pre-empted, gives everything back, waits in front,
 * and is recomputed; nobody is admitted in the step after a pre-emption. It differs in one point:
 * a token gets its slot when it has been generated, request by request in the order of the rows,
 * and what a request held is free as soon as it ends. So a request that is pre-empted loses the
 * token that this step has just computed for it.
 *
 * Where memory lies is somebody else's business: `struct serving_memory` (kernels/kv_pool has a
 * paged pool and a contiguous one), or a plain counter of slots, one a token.
 *
 * Time is in nanoseconds, lengths are in tokens, integers throughout. Plain C, one thread.
 */
#ifndef NANOLAB_KERNELS_SERVING_SERVING_H
#define NANOLAB_KERNELS_SERVING_SERVING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#ifdef __cplusplus
extern "C" {
#endif

struct json_t;

/* Room for any reason. `why` may be NULL everywhere. */
#define SERVING_WHY 240

/* --- requests ----------------------------------------------------------------------------------
 */

/* Bounds of the options; what is beyond them is refused by name. */
#define SERVING_LENGTH_MOST (1u << 28)
#define SERVING_SIGMA_MOST 4.0
#define SERVING_ROWS_MOST (1u << 20)
#define SERVING_QUEUE_MOST (1u << 20)
#define SERVING_REQUESTS_MOST ((uint64_t)1 << 24)
#define SERVING_TIME_MOST ((uint64_t)1 << 50) /* of a step, and between arrivals: 13 days */

/* Lengths and texts of requests. */
struct serving_trace {
    uint64_t seed;
    unsigned prompt_mean; /* tokens; lengths are log-normal about it … */
    unsigned output_mean; /* tokens generated */
    double length_sigma;  /* … of this deviation of their logarithm; 0: all equal */
    unsigned length_most; /* of prompt plus output, the model's context: longer ones are cut off */
    unsigned output_most; /* tokens that a request may generate, 0: up to length_most; prompt plus
                             this, at most length_most, is what a contiguous allocator must
                             reserve, as no request says how long its output will be */
    double share;         /* part of the requests whose prompt has one of `prefixes` in front */
    unsigned prefixes;    /* shared prompts … */
    unsigned prefix_tokens; /* … of so many tokens each */
};
int serving_trace_check(const struct serving_trace *trace, char *why);

/* Why a prompt is shorter than what was sent. It loses its end. */
#define SERVING_TRUNCATIONS(X)                                                                     \
    X(SERVING_WHOLE, "none")                                                                       \
    X(SERVING_CONTEXT, "context") /* longer than length_most leaves room for */
#define SERVING_ENUMERATOR(value, ...) value,
enum serving_truncation { SERVING_TRUNCATIONS(SERVING_ENUMERATOR) SERVING_TRUNCATION_COUNT };
const char *serving_truncation_name(enum serving_truncation truncation);

struct serving_request {
    uint64_t number;    /* the request's id: 0, 1, 2, … in the order of arrival */
    unsigned sent;      /* tokens of the prompt as sent */
    unsigned prompt;    /* … and what is left of them: the effective prompt, >= 1 */
    unsigned output;    /* tokens that it generates, >= 1 */
    unsigned reserve;   /* the most that prompt and output can be, as known on arrival */
    bool output_is_cut; /* by output_most or length_most */
    int prefix;         /* which one the prompt starts with, or -1 */
    enum serving_truncation truncation;
};
/* Request `number`, a function of the trace alone: the same for every batcher and memory. */
struct serving_request serving_trace_request(const struct serving_trace *trace, uint64_t number);
/* Ids of tokens [first, first + count) of a request's text: its prefix, the rest of the prompt, and
 * what it generates. */
void serving_trace_tokens(const struct serving_trace *trace, const struct serving_request *request,
                          unsigned first, unsigned count, uint32_t *tokens);

/* --- options -----------------------------------------------------------------------------------
 */

#define SERVING_ARRIVALS(X)                                                                        \
    X(SERVING_SATURATED, "saturated", "the next request always waits")                             \
    X(SERVING_CONSTANT, "constant", "one group after the other at equal intervals")                \
    X(SERVING_POISSON, "poisson", "groups at exponential intervals")
enum serving_arrivals { SERVING_ARRIVALS(SERVING_ENUMERATOR) SERVING_ARRIVALS_COUNT };
const char *serving_arrivals_name(enum serving_arrivals arrivals);

/*
 * Who decides how large a batch may be.
 *
 * latency-guarded: a step longer than `step_budget_ns` cuts the batch from `batch_most` to
 * `batch_cut` rows: those admitted last give their memory back and wait in front. Once
 * `restore_steps` steps in a row have kept the budget, `batch_most` are allowed again at once, and
 * all who wait are admitted in one burst.
 *
 * budget-only: `batch_most` rows and `token_budget` tokens a step, whatever a step takes.
 */
#define SERVING_BATCHERS(X)                                                                        \
    X(SERVING_LATENCY_GUARDED, "latency-guarded", "cuts the batch when a step takes too long")     \
    X(SERVING_BUDGET_ONLY, "budget-only", "a static budget of tokens a step")
enum serving_batcher { SERVING_BATCHERS(SERVING_ENUMERATOR) SERVING_BATCHER_COUNT };
const char *serving_batcher_name(enum serving_batcher batcher);
int serving_batcher_parse(const char *word, enum serving_batcher *batcher); /* -1: no such word */

/* How tokens are chosen from logits. The loop applies none of it; it stands in the records. */
struct serving_contract {
    double temperature; /* 0: greedy */
    double top_p;       /* 0…1 */
};

struct serving_options {
    struct serving_trace trace;
    struct serving_contract contract;

    enum serving_arrivals arrivals;
    uint64_t arrival_mean_ns; /* between groups of … */
    unsigned arrival_group;   /* … so many requests, >= 1 */
    uint64_t requests;        /* how many arrive in all; 0: no end */
    unsigned queue_most;      /* a request that arrives while so many wait is rejected */
    bool prefill_elsewhere;   /* a request joins with all of its tokens but the last computed, by
                                 other machines: then each row has one token in each step */
    uint64_t slots;           /* memory, in tokens; 0: no bound. For the built-in memory */

    enum serving_batcher batcher;
    unsigned batch_most;     /* rows; 0: as many as memory holds (at most SERVING_ROWS_MOST) */
    unsigned token_budget;   /* most tokens computed in a step; 0: no bound */
    uint64_t step_budget_ns; /* latency-guarded alone, as are … */
    unsigned batch_cut;
    unsigned restore_steps;
};
/* 0, or -1 with what is wrong and how to put it right. `own_memory`: memory is not the counter of
 * slots, and bounds the batch. */
int serving_options_check(const struct serving_options *options, bool own_memory, char *why);

/* Two workloads of decoding alone (prefill_elsewhere), both latency-guarded, 32 → 12, by a budget
 * that the default cost model keeps. Calm: equal requests in lockstep, 32 rows in every step.
 * Churning: Poisson arrivals of mixed lengths, some 17 at a time, who join and leave at any step.
 */
struct serving_options serving_calm(uint64_t seed);
struct serving_options serving_churning(uint64_t seed);

/* --- shape class -------------------------------------------------------------------------------
 *
 * What a matrix library sees of a batch, as classes of its two sizes. The linear layers have M =
 * tokens, one for each row in decoding; attention has the context L as a dimension. A tensor core's
 * fragment holds 16 (or, on its short side, 8) of M; a kernel's tile 64 of L; vector loads of
 * 16-bit elements want L in eights (16 bytes), asynchronous copies in twos (4 bytes).
 */
#define SERVING_M_CLASSES(X)                                                                       \
    X(SERVING_M_NONE, "m0", "no rows")                                                             \
    X(SERVING_M_ONE, "m1", "one row: a matrix-vector product")                                     \
    X(SERVING_M_BY_16, "m16", "a multiple of 16: whole fragments")                                 \
    X(SERVING_M_BY_8, "m8",                                                                        \
      "a multiple of 8 and not of 16: whole fragments if M is their short side")                   \
    X(SERVING_M_FEW, "mfew", "2 to 15, not 8: less than a fragment")                               \
    X(SERVING_M_TAIL, "mtail", "above 16, no multiple of 8: whole fragments and a part of one")
#define SERVING_L_CLASSES(X)                                                                       \
    X(SERVING_L_NONE, "l0", "no context")                                                          \
    X(SERVING_L_BY_64, "l64", "a multiple of 64: whole tiles")                                     \
    X(SERVING_L_BY_16, "l16", "a multiple of 16: whole fragments")                                 \
    X(SERVING_L_BY_8, "l8", "a multiple of 8: rows of 16 bytes")                                   \
    X(SERVING_L_BY_2, "l2", "even: rows of 4 bytes")                                               \
    X(SERVING_L_ODD, "l1", "odd: rows of 2 bytes")
enum serving_m_class { SERVING_M_CLASSES(SERVING_ENUMERATOR) SERVING_M_CLASS_COUNT };
enum serving_l_class { SERVING_L_CLASSES(SERVING_ENUMERATOR) SERVING_L_CLASS_COUNT };
enum serving_m_class serving_m_class(uint64_t m);
enum serving_l_class serving_l_class(uint64_t l);
const char *serving_m_class_name(enum serving_m_class m);
const char *serving_m_class_what(enum serving_m_class m);
const char *serving_l_class_name(enum serving_l_class l);
const char *serving_l_class_what(enum serving_l_class l);

/* Both as one number, 0…SERVING_SHAPE_CLASS_COUNT - 1, and its word, such as "m16.l64". */
#define SERVING_SHAPE_CLASS_COUNT ((int)SERVING_M_CLASS_COUNT * (int)SERVING_L_CLASS_COUNT)
int serving_shape_class(uint64_t m, uint64_t l);
#define SERVING_SHAPE_CLASS_TEXT 16
char *serving_shape_class_text(int shape_class, char *out); /* returns `out` */

/* --- the loop ----------------------------------------------------------------------------------
 */

struct serving_row {
    uint64_t request;
    unsigned tokens;  /* computed in this step: 1 in decoding, more of a prompt */
    unsigned context; /* tokens it attends to once they are there */
};
struct serving_batch {
    uint64_t step; /* 0, 1, 2, … */
    uint64_t now_ns;
    const struct serving_row *rows; /* in the order of admission; >= 1; until serving_end() */
    size_t count;
    uint64_t tokens;      /* of all rows */
    unsigned context;     /* the longest row's: the L of the shape class */
    uint64_t context_sum; /* of all rows: what attention reads */
    int shape_class;      /* of M = tokens and L = context */
    size_t joined;        /* rows admitted for this step */
    uint64_t queue_ns;    /* the longest that one of these had waited */
    size_t waiting;       /* requests left in the queue */
    unsigned limit;       /* rows that the batcher allowed */
};

/* What the caller knows of a step that it has run: only the duration is needed. Texts are copied
 * nowhere; they stand in the record. NULL and 0: not told. */
struct serving_outcome {
    uint64_t duration_ns;
    uint64_t free_bytes, workspace_bytes;
    const char *regime, *precision_path, *algorithm, *variant, *isolation;
};

/* A request in the server. */
struct serving_sequence {
    struct serving_request request;
    unsigned tokens;   /* prompt and generated ones */
    unsigned computed; /* … of which so many are in memory; 0 while it waits */
    void *memory;      /* the memory's own */

    /* The loop's own. */
    unsigned scheduled; /* tokens in the step under way */
    uint64_t arrival_ns, since_ns;
    uint64_t text_hash;
    struct serving_event *events;
    size_t event_count, event_room, events_left_out;
};

/*
 * Memory for the tokens of requests. All return -1 with the reason in `why` for what must not
 * happen; that ends the loop.
 */
struct serving_memory {
    void *self;
    /* For all of sequence->tokens, at once: 1, or 0 where there is not enough now. */
    int (*admit)(void *self, struct serving_sequence *sequence, char *why);
    /* For one token more, the one after sequence->tokens: 1, or 0. */
    int (*append)(void *self, struct serving_sequence *sequence, char *why);
    /* It holds nothing any more: 0. */
    int (*release)(void *self, struct serving_sequence *sequence, char *why);
    /* Frees sequence->memory, when the request has ended or the loop is closed: may be NULL. */
    void (*forget)(void *self, struct serving_sequence *sequence);
};

struct serving_request_record;
struct serving_step_record;
/* Who gets the records; any may be NULL. */
struct serving_observer {
    void *self;
    /* May set sequence->text_hash, for a server that has texts. */
    void (*arrived)(void *self, struct serving_sequence *sequence);
    void (*request)(void *self, const struct serving_request_record *record); /* has ended */
    void (*step)(void *self, const struct serving_step_record *record);       /* has ended */
};

struct serving_loop;
struct serving_schedule;

/* `memory` and `observer` are copied, NULL: slots, nobody. 0, or -1 with the reason. */
int serving_open(struct serving_loop **out, const struct serving_options *options,
                 const struct serving_memory *memory, const struct serving_observer *observer,
                 char *why);
/* The batches are those of `schedule`, which must outlive the loop, and was recorded on the same
 * trace. Time still passes, and stands in the records: nobody runs before they have arrived. */
int serving_replay(struct serving_loop **out, const struct serving_options *options,
                   const struct serving_memory *memory, const struct serving_observer *observer,
                   const struct serving_schedule *schedule, char *why);
void serving_close(struct serving_loop *loop);

/* The next batch. An idle server waits for the next arrival. 1; 0: all requests have ended, or the
 * schedule has; -1 with the reason: no memory, a request that does not fit into an empty memory, a
 * schedule that cannot be. */
int serving_begin(struct serving_loop *loop, struct serving_batch *batch, char *why);
/* The batch has been run: tokens get their slots, who is done leaves. 0, or -1. */
int serving_end(struct serving_loop *loop, const struct serving_outcome *outcome, char *why);

/* Between two steps: the running request in row `row` leaves, as one whose client has gone. */
int serving_abort(struct serving_loop *loop, size_t row, char *why);

/* Runs up to `steps` steps by `driver`, which gets `self`, sets the outcome, and returns 0 or -1.
 * 1: there are more; 0: that was all; -1. */
int serving_run(struct serving_loop *loop, uint64_t steps,
                int (*driver)(void *self, const struct serving_batch *batch,
                              struct serving_outcome *outcome, char *why),
                void *self, char *why);

/* arrived = rejected + finished + aborted + running + waiting. */
struct serving_counts {
    uint64_t steps, arrived, rejected, finished, aborted;
    uint64_t admitted;  /* again after each of … */
    uint64_t preempted; /* … want of memory, … */
    uint64_t cut;       /* … or a cut batch */
    uint64_t tokens;    /* computed, again after each of these, too */
    uint64_t generated; /* tokens of outputs */
    size_t running, waiting;
    uint64_t now_ns;
};
void serving_counts(const struct serving_loop *loop, struct serving_counts *out);
/* Running request `row`, in the order of admission; NULL: there are not so many. */
const struct serving_sequence *serving_running(const struct serving_loop *loop, size_t row);
/* Waiting request `place`, the next one first. */
const struct serving_sequence *serving_waiting(const struct serving_loop *loop, size_t place);

/* --- a cost model ------------------------------------------------------------------------------
 *
 * One driver of many: the time of a step by the roofline, whichever is longer of reading weights
 * and contexts, and of computing tokens.
 */
struct serving_cost {
    uint64_t weights_ns; /* reading all weights */
    uint64_t context_ps; /* reading the keys and values of one token of context: picoseconds */
    uint64_t token_ns;   /* computing a token */
};
/* 8·10⁹ weights of 2 bytes, 32 layers of 8 KV heads of 128 channels, on 3.35 TB/s and 400 TFLOP/s:
 * 4.8 ms, 39 ns, 40 µs. */
struct serving_cost serving_cost_default(void);
uint64_t serving_cost_ns(const struct serving_cost *cost, const struct serving_batch *batch);
/* For serving_run(); `self` is a struct serving_cost. */
int serving_cost_driver(void *self, const struct serving_batch *batch,
                        struct serving_outcome *outcome, char *why);

/* --- records -----------------------------------------------------------------------------------
 *
 * x, per request that has ended, and s, per step: what it takes to say why an answer was another
 * one. Hashes are 64-bit FNV-1a over little-endian numbers: they find accidents, and are no
 * signature.
 */
#define SERVING_EVENTS(X)                                                                          \
    X(SERVING_ARRIVED, "arrived")                                                                  \
    X(SERVING_REJECTED, "rejected")                                                                \
    X(SERVING_TRUNCATED, "truncated")                                                              \
    X(SERVING_ADMITTED, "admitted")                                                                \
    X(SERVING_PREEMPTED, "preempted") /* memory ran out */                                         \
    X(SERVING_CUT, "cut")             /* from a batch that took too long */                        \
    X(SERVING_ABORTED, "aborted")                                                                  \
    X(SERVING_STOPPED, "stop")  /* finished: its own end */                                        \
    X(SERVING_LENGTH, "length") /* finished: at the most tokens that it may have */
enum serving_event_kind { SERVING_EVENTS(SERVING_ENUMERATOR) SERVING_EVENT_COUNT };
const char *serving_event_name(enum serving_event_kind kind);
struct serving_event {
    enum serving_event_kind kind;
    uint64_t step; /* the next one to begin, or the one that ends */
    uint64_t now_ns;
};
/* Of one request; later ones are counted only. */
#define SERVING_EVENTS_MOST 256

struct serving_request_record {
    const struct serving_request *request;
    const struct serving_contract *contract;
    unsigned output_most; /* the contract's stop rule */
    uint64_t ids_hash;    /* of the effective prompt's token ids */
    uint64_t text_hash;   /* of the effective text; 0: there was none */
    unsigned generated;   /* tokens */
    uint64_t arrival_ns;
    const struct serving_event *events; /* in order; the last one is how it ended */
    size_t event_count, events_left_out;
};
struct serving_step_record {
    const struct serving_batch *batch;
    const struct serving_outcome *outcome;
    uint64_t rows_hash;   /* of the request ids in the order of rows */
    uint64_t sorted_hash; /* … and sorted: the essays' batch fingerprint, which loses the row */
    uint64_t free_slots;  /* of the built-in memory, after the step; 0 without */
    const uint64_t *cut;  /* requests cut before the step, the last admitted first */
    size_t cut_count;
    const uint64_t *lost; /* … and pre-empted as it ended: their token is lost */
    size_t lost_count;
};
uint64_t serving_hash_ids(const struct serving_trace *trace, const struct serving_request *request,
                          unsigned tokens);
/* One object each. New reference; NULL: no memory. */
struct json_t *serving_request_json(const struct serving_request_record *record);
struct json_t *serving_step_json(const struct serving_step_record *record);

/* --- schedules ---------------------------------------------------------------------------------
 *
 * Who was in which step, as text of one line a step, after two lines that name format and trace:
 *
 *     nanolab-serving-schedule 1
 *     trace 0123456789abcdef
 *     0 rows 0:161 1:161
 *     1 rows 0:1 1:1 lost 1
 *     2 cut 3 rows 0:1
 *
 * Rows are request:tokens. Numbers are decimal, separated by single blanks.
 */
#define SERVING_SCHEDULE_BYTES ((size_t)256 << 20)
#define SERVING_SCHEDULE_STEPS ((size_t)1 << 20)
#define SERVING_SCHEDULE_ENTRIES ((size_t)1 << 24) /* rows, cut and lost, of all steps */

struct serving_schedule_step {
    const struct serving_row *rows; /* context is 0: it follows */
    size_t count;
    const uint64_t *cut;
    size_t cut_count;
    const uint64_t *lost;
    size_t lost_count;
};
/* Empty, to be recorded into. NULL: no memory. */
struct serving_schedule *serving_schedule_new(const struct serving_trace *trace);
void serving_schedule_free(struct serving_schedule *schedule);
/* Adds a step that has ended. 0, or -1: no memory, or more than the limits. */
int serving_schedule_add(struct serving_schedule *schedule,
                         const struct serving_step_record *record);
size_t serving_schedule_steps(const struct serving_schedule *schedule);
struct serving_schedule_step serving_schedule_at(const struct serving_schedule *schedule,
                                                 size_t step);
/* 0, or -1: the stream has an error. */
int serving_schedule_write(const struct serving_schedule *schedule, FILE *to);
/* Text from anywhere: 0, or -1 with line and reason, one line of printable ASCII. */
int serving_schedule_parse(struct serving_schedule **out, const char *text, size_t size, char *why);

#ifdef __cplusplus
}
#endif
#endif

/*
 * serving_record.c: what is written down of requests and steps.
 */
#include <inttypes.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "kernels/serving/serving_inside.h"

/* --- hashes ------------------------------------------------------------------------------------
 */

uint64_t serving_hash(uint64_t hash, uint64_t number) {
    for (int byte = 0; byte < 8; byte++)
        hash = (hash ^ (number >> 8 * byte & 0xff)) * 0x100000001b3u;
    return hash;
}

static uint64_t hash_real(uint64_t hash, double x) {
    uint64_t bits;
    memcpy(&bits, &x, sizeof bits);
    return serving_hash(hash, bits);
}

uint64_t serving_trace_hash(const struct serving_trace *t) {
    uint64_t hash = serving_hash(SERVING_HASH_START, t->seed);
    hash = serving_hash(hash, t->prompt_mean);
    hash = serving_hash(hash, t->output_mean);
    hash = hash_real(hash, t->length_sigma);
    hash = serving_hash(hash, t->length_most);
    hash = serving_hash(hash, t->output_most);
    hash = hash_real(hash, t->share);
    hash = serving_hash(hash, t->prefixes);
    return serving_hash(hash, t->prefix_tokens);
}

uint64_t serving_hash_ids(const struct serving_trace *trace, const struct serving_request *request,
                          unsigned tokens) {
    uint64_t hash = SERVING_HASH_START;
    uint32_t ids[64];
    for (unsigned first = 0; first < tokens;) {
        unsigned count = tokens - first < 64 ? tokens - first : 64;
        serving_trace_tokens(trace, request, first, count, ids);
        for (unsigned i = 0; i < count; i++)
            hash = serving_hash(hash, ids[i]);
        first += count;
    }
    return hash;
}

static int by_number(const void *a, const void *b) {
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

/* --- telling -----------------------------------------------------------------------------------
 */

void serving_note(struct serving_loop *loop, struct serving_sequence *sequence,
                  enum serving_event_kind kind) {
    if (!loop->observer.request)
        return;
    /* The last event, how a request ended, always has a place. */
    size_t most = kind == SERVING_STOPPED || kind == SERVING_LENGTH || kind == SERVING_ABORTED
                      ? SERVING_EVENTS_MOST
                      : SERVING_EVENTS_MOST - 1;
    if (sequence->event_count >= most ||
        serving_room((void **)&sequence->events, sequence->event_count, &sequence->event_room,
                     sizeof *sequence->events) != 0) {
        sequence->events_left_out++;
        return;
    }
    sequence->events[sequence->event_count++] = (struct serving_event){
        .kind = kind, .step = loop->counts.steps, .now_ns = loop->counts.now_ns};
}

void serving_tell_end(struct serving_loop *loop, struct serving_sequence *sequence) {
    if (!loop->observer.request)
        return;
    const struct serving_trace *trace = &loop->options.trace;
    const struct serving_request *request = &sequence->request;
    const struct serving_request_record record = {
        .request = request,
        .contract = &loop->options.contract,
        .output_most = trace->output_most ? trace->output_most : trace->length_most,
        .ids_hash = serving_hash_ids(trace, request, request->prompt),
        .text_hash = sequence->text_hash,
        .generated = sequence->tokens - request->prompt,
        .arrival_ns = sequence->arrival_ns,
        .events = sequence->events,
        .event_count = sequence->event_count,
        .events_left_out = sequence->events_left_out,
    };
    loop->observer.request(loop->observer.self, &record);
}

int serving_tell_step(struct serving_loop *loop, const struct serving_outcome *outcome) {
    if (!loop->observer.step)
        return 0;
    const struct serving_batch *batch = &loop->batch;
    uint64_t *sorted = malloc(batch->count * sizeof *sorted);
    if (!sorted)
        return -1;
    struct serving_step_record record = {
        .batch = batch,
        .outcome = outcome,
        .rows_hash = SERVING_HASH_START,
        .sorted_hash = SERVING_HASH_START,
        .free_slots = loop->options.slots ? loop->options.slots - loop->slots_used : 0,
        .cut = loop->cut.at,
        .cut_count = loop->cut.count,
        .lost = loop->lost.at,
        .lost_count = loop->lost.count,
    };
    for (size_t i = 0; i < batch->count; i++) {
        sorted[i] = batch->rows[i].request;
        record.rows_hash = serving_hash(record.rows_hash, sorted[i]);
    }
    qsort(sorted, batch->count, sizeof *sorted, by_number);
    for (size_t i = 0; i < batch->count; i++)
        record.sorted_hash = serving_hash(record.sorted_hash, sorted[i]);
    free(sorted);
    loop->observer.step(loop->observer.self, &record);
    return 0;
}

/* --- JSON --------------------------------------------------------------------------------------
 */

/* Hashes are text: a JSON number loses the lower bits of one. */
static json_t *hash_json(uint64_t hash) {
    char text[17];
    snprintf(text, sizeof text, "%016" PRIx64, hash);
    return json_string(text);
}

static json_t *text_or_null(const char *text) {
    return text ? json_string(text) : json_null();
}

static json_t *bytes_or_null(uint64_t bytes) {
    return bytes ? json_integer((json_int_t)bytes) : json_null();
}

static json_t *ids_json(const uint64_t *ids, size_t count) {
    json_t *list = json_array();
    for (size_t i = 0; i < count; i++)
        json_array_append_new(list, json_integer((json_int_t)ids[i]));
    return list;
}

static json_t *rows_json(const struct serving_batch *batch) {
    json_t *list = json_array();
    for (size_t i = 0; i < batch->count; i++)
        json_array_append_new(list, json_pack("[I,I,I]", (json_int_t)batch->rows[i].request,
                                              (json_int_t)batch->rows[i].tokens,
                                              (json_int_t)batch->rows[i].context));
    return list;
}

json_t *serving_request_json(const struct serving_request_record *r) {
    json_t *events = json_array();
    for (size_t i = 0; i < r->event_count; i++)
        json_array_append_new(events, json_pack("{s:s,s:I,s:I}", "event",
                                                serving_event_name(r->events[i].kind), "step",
                                                (json_int_t)r->events[i].step, "ns",
                                                (json_int_t)r->events[i].now_ns));
    return json_pack("{s:I,s:o,s:o,s:I,s:I,s:s,s:{s:f,s:f,s:I},s:I,s:I,s:o,s:I}", "request",
                     (json_int_t)r->request->number, "ids hash", hash_json(r->ids_hash),
                     "text hash", r->text_hash ? hash_json(r->text_hash) : json_null(),
                     "sent tokens", (json_int_t)r->request->sent, "effective tokens",
                     (json_int_t)r->request->prompt, "truncation",
                     serving_truncation_name(r->request->truncation), "contract", "temperature",
                     r->contract->temperature, "top p", r->contract->top_p, "output most",
                     (json_int_t)r->output_most, "generated tokens", (json_int_t)r->generated,
                     "arrival ns", (json_int_t)r->arrival_ns, "events", events, "events left out",
                     (json_int_t)r->events_left_out);
}

json_t *serving_step_json(const struct serving_step_record *r) {
    const struct serving_batch *b = r->batch;
    const struct serving_outcome *o = r->outcome;
    char shape[SERVING_SHAPE_CLASS_TEXT];
    json_t *step =
        json_pack("{s:I,s:I,s:I,s:o,s:o,s:o,s:s,s:I,s:I,s:I,s:I,s:I,s:I,s:I}", "step",
                  (json_int_t)b->step, "ns", (json_int_t)b->now_ns, "duration ns",
                  (json_int_t)o->duration_ns, "rows", rows_json(b), "rows hash",
                  hash_json(r->rows_hash), "sorted hash", hash_json(r->sorted_hash), "shape class",
                  serving_shape_class_text(b->shape_class, shape), "tokens", (json_int_t)b->tokens,
                  "context", (json_int_t)b->context, "joined", (json_int_t)b->joined, "queue ns",
                  (json_int_t)b->queue_ns, "waiting", (json_int_t)b->waiting, "limit",
                  (json_int_t)b->limit, "free slots", (json_int_t)r->free_slots);
    json_t *rest = json_pack(
        "{s:o,s:o,s:o,s:o,s:o,s:o,s:o,s:o,s:o}", "cut", ids_json(r->cut, r->cut_count), "lost",
        ids_json(r->lost, r->lost_count), "free bytes", bytes_or_null(o->free_bytes),
        "workspace bytes", bytes_or_null(o->workspace_bytes), "regime", text_or_null(o->regime),
        "precision path", text_or_null(o->precision_path), "algorithm", text_or_null(o->algorithm),
        "variant", text_or_null(o->variant), "isolation", text_or_null(o->isolation));
    if (step && rest && json_object_update(step, rest) == 0) {
        json_decref(rest);
        return step;
    }
    json_decref(step);
    json_decref(rest);
    return NULL;
}

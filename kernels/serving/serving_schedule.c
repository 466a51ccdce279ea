/*
 * serving_schedule.c: batches as they were, recorded, written and read. What is read may come from
 * anywhere: sizes are bounded before anything is allocated for them, and a number is digits.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "kernels/serving/serving_inside.h"

#define HEADER "nanolab-serving-schedule 1"

/* Ends of one step's entries in the lists of all; a step's begin where the last one's end. */
struct ends {
    size_t rows, cut, lost;
};
struct serving_schedule {
    uint64_t trace;
    struct ends *ends;
    size_t steps, ends_room;
    struct serving_row *rows;
    size_t row_count, row_room;
    struct serving_ids cut, lost;
};

static struct serving_schedule *empty(uint64_t trace) {
    struct serving_schedule *schedule = calloc(1, sizeof *schedule);
    if (schedule)
        schedule->trace = trace;
    return schedule;
}

struct serving_schedule *serving_schedule_new(const struct serving_trace *trace) {
    return empty(serving_trace_hash(trace));
}

void serving_schedule_free(struct serving_schedule *schedule) {
    if (!schedule)
        return;
    free(schedule->ends);
    free(schedule->rows);
    free(schedule->cut.at);
    free(schedule->lost.at);
    free(schedule);
}

size_t serving_schedule_steps(const struct serving_schedule *schedule) {
    return schedule->steps;
}

uint64_t serving_schedule_of(const struct serving_schedule *schedule) {
    return schedule->trace;
}

/* No arithmetic on NULL, which an empty list is. */
static const uint64_t *from(const struct serving_ids *ids, size_t first) {
    return first > 0 ? ids->at + first : ids->at;
}

struct serving_schedule_step serving_schedule_at(const struct serving_schedule *schedule,
                                                 size_t step) {
    const struct ends *end = &schedule->ends[step];
    struct ends begin = step > 0 ? end[-1] : (struct ends){0};
    return (struct serving_schedule_step){
        .rows = schedule->rows + begin.rows,
        .count = end->rows - begin.rows,
        .cut = from(&schedule->cut, begin.cut),
        .cut_count = end->cut - begin.cut,
        .lost = from(&schedule->lost, begin.lost),
        .lost_count = end->lost - begin.lost,
    };
}

/* --- adding ------------------------------------------------------------------------------------
 */

static bool has_room(const struct serving_schedule *s, uint64_t request) {
    return request < SERVING_REQUESTS_MOST &&
           s->row_count + s->cut.count + s->lost.count < SERVING_SCHEDULE_ENTRIES;
}

static int add_row(struct serving_schedule *s, uint64_t request, unsigned tokens) {
    if (!has_room(s, request) ||
        serving_room((void **)&s->rows, s->row_count, &s->row_room, sizeof *s->rows) != 0)
        return -1;
    s->rows[s->row_count++] = (struct serving_row){.request = request, .tokens = tokens};
    return 0;
}

static int add_id(struct serving_schedule *s, struct serving_ids *ids, uint64_t id) {
    if (!has_room(s, id) || serving_room((void **)&ids->at, ids->count, &ids->room, sizeof id) != 0)
        return -1;
    ids->at[ids->count++] = id;
    return 0;
}

static int end_step(struct serving_schedule *s) {
    if (s->steps >= SERVING_SCHEDULE_STEPS ||
        serving_room((void **)&s->ends, s->steps, &s->ends_room, sizeof *s->ends) != 0)
        return -1;
    s->ends[s->steps++] = (struct ends){s->row_count, s->cut.count, s->lost.count};
    return 0;
}

int serving_schedule_add(struct serving_schedule *s, const struct serving_step_record *record) {
    const struct serving_batch *batch = record->batch;
    const size_t rows = s->row_count, cut = s->cut.count, lost = s->lost.count;
    int status = batch->step == s->steps ? 0 : -1;
    for (size_t i = 0; i < record->cut_count && status == 0; i++)
        status = add_id(s, &s->cut, record->cut[i]);
    for (size_t i = 0; i < batch->count && status == 0; i++)
        status = add_row(s, batch->rows[i].request, batch->rows[i].tokens);
    for (size_t i = 0; i < record->lost_count && status == 0; i++)
        status = add_id(s, &s->lost, record->lost[i]);
    if (status == 0 && end_step(s) == 0)
        return 0;
    s->row_count = rows;
    s->cut.count = cut;
    s->lost.count = lost;
    return -1;
}

/* --- writing -----------------------------------------------------------------------------------
 */

static void write_ids(FILE *to, const char *word, const uint64_t *ids, size_t count) {
    if (count > 0)
        fprintf(to, " %s", word);
    for (size_t i = 0; i < count; i++)
        fprintf(to, " %" PRIu64, ids[i]);
}

int serving_schedule_write(const struct serving_schedule *schedule, FILE *to) {
    fprintf(to, HEADER "\ntrace %016" PRIx64 "\n", schedule->trace);
    for (size_t k = 0; k < schedule->steps; k++) {
        struct serving_schedule_step step = serving_schedule_at(schedule, k);
        fprintf(to, "%zu", k);
        write_ids(to, "cut", step.cut, step.cut_count);
        fputs(" rows", to);
        for (size_t i = 0; i < step.count; i++)
            fprintf(to, " %" PRIu64 ":%u", step.rows[i].request, step.rows[i].tokens);
        write_ids(to, "lost", step.lost, step.lost_count);
        fputc('\n', to);
    }
    return ferror(to) || fflush(to) != 0 ? -1 : 0;
}

/* --- reading -----------------------------------------------------------------------------------
 */

struct reader {
    const char *at, *end;
    size_t line;
    char *why;
};

static int refuse(const struct reader *r, const char *what) {
    return serving_fail(r->why, "line %zu: %s", r->line, what);
}

/* Takes these characters if they come next. */
static bool skip(struct reader *r, const char *text) {
    size_t length = strlen(text);
    if ((size_t)(r->end - r->at) < length || memcmp(r->at, text, length) != 0)
        return false;
    r->at += length;
    return true;
}

static bool is_digit(const struct reader *r) {
    return r->at < r->end && *r->at >= '0' && *r->at <= '9';
}

/* Digits without leading zeros, 0…most. */
static int number(struct reader *r, uint64_t most, uint64_t *out, const char *what) {
    const char *first = r->at;
    uint64_t x = 0;
    for (; is_digit(r); r->at++) {
        x = 10 * x + (uint64_t)(*r->at - '0');
        if (x > most)
            return serving_fail(r->why, "line %zu: %s is more than %" PRIu64, r->line, what, most);
    }
    if (r->at == first || (*first == '0' && r->at > first + 1))
        return serving_fail(r->why, "line %zu: %s is no decimal number", r->line, what);
    *out = x;
    return 0;
}

static int read_ids(struct reader *r, struct serving_schedule *s, struct serving_ids *ids,
                    const char *word) {
    size_t before = ids->count;
    if (!skip(r, word))
        return 0;
    while (r->at + 1 < r->end && r->at[0] == ' ' && r->at[1] >= '0' && r->at[1] <= '9') {
        uint64_t id = 0;
        r->at++;
        if (number(r, SERVING_REQUESTS_MOST - 1, &id, "a request") != 0)
            return -1;
        if (add_id(s, ids, id) != 0)
            return refuse(r, "too many entries");
    }
    return ids->count > before ? 0 : refuse(r, "no request after \"cut\" or \"lost\"");
}

static int read_rows(struct reader *r, struct serving_schedule *s) {
    size_t before = s->row_count;
    if (!skip(r, " rows"))
        return refuse(r, "no rows");
    while (r->at + 1 < r->end && r->at[0] == ' ' && r->at[1] >= '0' && r->at[1] <= '9') {
        uint64_t request = 0, tokens = 0;
        r->at++;
        if (number(r, SERVING_REQUESTS_MOST - 1, &request, "a request") != 0)
            return -1;
        if (!skip(r, ":"))
            return refuse(r, "a row is request:tokens");
        if (number(r, SERVING_LENGTH_MOST, &tokens, "a row's tokens") != 0)
            return -1;
        if (tokens == 0)
            return refuse(r, "a row without tokens");
        if (s->row_count - before >= SERVING_ROWS_MOST ||
            add_row(s, request, (unsigned)tokens) != 0)
            return refuse(r, "too many rows");
    }
    return s->row_count > before ? 0 : refuse(r, "no rows");
}

static int read_step(struct reader *r, struct serving_schedule *s) {
    uint64_t step = 0;
    if (number(r, SERVING_SCHEDULE_STEPS - 1, &step, "the step") != 0)
        return -1;
    if (step != s->steps)
        return serving_fail(r->why, "line %zu: step %" PRIu64 " where step %zu comes next", r->line,
                            step, s->steps);
    if (read_ids(r, s, &s->cut, " cut") != 0 || read_rows(r, s) != 0 ||
        read_ids(r, s, &s->lost, " lost") != 0)
        return -1;
    if (!skip(r, "\n"))
        return refuse(r, "something that is no row, \"lost\" or end of line");
    return end_step(s) == 0 ? 0 : refuse(r, "too many steps");
}

static int read_header(struct reader *r, uint64_t *trace) {
    if (!skip(r, HEADER "\n"))
        return refuse(r, "not \"" HEADER "\"");
    r->line++;
    if (!skip(r, "trace "))
        return refuse(r, "no trace");
    for (int digit = 0; digit < 16; digit++, r->at++) {
        const char *hex = "0123456789abcdef";
        const char *found = r->at < r->end && *r->at ? strchr(hex, *r->at) : NULL;
        if (!found)
            return refuse(r, "a trace is 16 hexadecimal digits");
        *trace = *trace << 4 | (uint64_t)(found - hex);
    }
    return skip(r, "\n") ? 0 : refuse(r, "a trace is 16 hexadecimal digits");
}

int serving_schedule_parse(struct serving_schedule **out, const char *text, size_t size,
                           char *why) {
    struct reader r = {text, text + size, 1, why};
    uint64_t trace = 0;
    *out = NULL;
    if (size > SERVING_SCHEDULE_BYTES)
        return serving_fail(why, "a schedule of %zu bytes; it has at most %zu", size,
                            SERVING_SCHEDULE_BYTES);
    if (read_header(&r, &trace) != 0)
        return -1;
    struct serving_schedule *s = empty(trace);
    if (!s)
        return serving_fail(why, "no memory for a schedule");
    while (r.at < r.end) {
        r.line++;
        if (read_step(&r, s) != 0) {
            serving_schedule_free(s);
            return -1;
        }
    }
    *out = s;
    return 0;
}

/*
 * judge.c: see judge.h.
 */
#include "harness/lab/judge.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "harness/lab/claims.h"
#include "harness/lab/sentence.h"
#include "harness/measure/stats.h"

#define NUMBERS_MAX 64

enum answer answer_above(struct ratio r, double threshold) {
    return r.low > threshold ? ANSWER_HELD : r.high < threshold ? ANSWER_AGAINST : ANSWER_OPEN;
}

enum answer answer_below(struct ratio r, double threshold) {
    return r.high < threshold ? ANSWER_HELD : r.low > threshold ? ANSWER_AGAINST : ANSWER_OPEN;
}

enum answer answer_greater(struct ratio a, struct ratio b) {
    return a.low > b.high ? ANSWER_HELD : a.high < b.low ? ANSWER_AGAINST : ANSWER_OPEN;
}

enum answer answer_if(bool held) {
    return held ? ANSWER_HELD : ANSWER_AGAINST;
}

enum answer answer_both(enum answer a, enum answer b) {
    if (a == ANSWER_AGAINST || b == ANSWER_AGAINST)
        return ANSWER_AGAINST;
    return a == ANSWER_HELD && b == ANSWER_HELD ? ANSWER_HELD : ANSWER_OPEN;
}

struct ratio number(double value) {
    return (struct ratio){value, value, value};
}

struct ratio number_share(double k, double n) {
    struct stats_interval interval;
    if (!(k >= 0 && n > 0 && k <= n && n < 1e15) ||
        stats_share_interval((uint64_t)k, (uint64_t)n, 0.95, &interval) != 0)
        return RATIO_NONE;
    return (struct ratio){interval.value, interval.low, interval.high};
}

/* Evidence against a claim, or that leaves it open, comes first: `front`. */
static void evidence(struct finding *f, const char *id, bool front) {
    if (!*id)
        return;
    if (!f->evidence)
        f->evidence = json_array();
    for (size_t k = 0; k < json_array_size(f->evidence); k++)
        if (strcmp(json_string_value(json_array_get(f->evidence, k)), id) == 0)
            return;
    if (front)
        json_array_insert_new(f->evidence, 0, json_string(id));
    else if (json_array_size(f->evidence) < CLAIMS_EVIDENCE_MAX)
        json_array_append_new(f->evidence, json_string(id));
    if (json_array_size(f->evidence) > CLAIMS_EVIDENCE_MAX)
        json_array_remove(f->evidence, CLAIMS_EVIDENCE_MAX);
}

void finding_count(struct finding *f, enum answer answer, const struct rows *rows, size_t k) {
    f->held += answer == ANSWER_HELD;
    f->against += answer == ANSWER_AGAINST;
    f->open += answer == ANSWER_OPEN;
    if (rows)
        evidence(f, row_id(rows, k), answer != ANSWER_HELD);
}

void finding_evidence(struct finding *f, const struct rows *rows, size_t k) {
    evidence(f, row_id(rows, k), false);
}

void finding_predicted(struct finding *f, bool equal, const struct rows *rows, size_t k) {
    f->broken = f->broken || !equal;
    finding_count(f, answer_if(equal), rows, k);
}

void finding_say(struct finding *f, const char *format, ...) {
    va_list args;
    va_start(args, format);
    sentence_append(f->statement, sizeof f->statement, SENTENCE_WORD, format, args);
    va_end(args);
}

void finding_say_part(struct finding *f, unsigned most, const char *format, ...) {
    va_list args;
    if (f->parts++ >= most)
        return;
    va_start(args, format);
    sentence_append(f->statement, sizeof f->statement, SENTENCE_WORD, format, args);
    va_end(args);
}

void finding_range(struct finding *f, const char *format, ...) {
    va_list args;
    va_start(args, format);
    sentence_append(f->range, sizeof f->range, SENTENCE_WORD, format, args);
    va_end(args);
}

static json_t *real(double value) {
    return isfinite(value) ? json_real(value) : json_null();
}

void finding_number(struct finding *f, const char *unit, struct ratio value, const char *format,
                    ...) {
    char what[200] = "";
    va_list args;
    va_start(args, format);
    sentence_append(what, sizeof what, SENTENCE_WORD, format, args);
    va_end(args);
    if (!f->numbers)
        f->numbers = json_array();
    if (json_array_size(f->numbers) < NUMBERS_MAX)
        json_array_append_new(f->numbers, json_pack("{s:s, s:s, s:o, s:o, s:o}", "what", what,
                                                    "unit", unit, "value", real(value.value), "low",
                                                    real(value.low), "high", real(value.high)));
}

void finding_control(struct finding *f, enum answer answer, const char *what) {
    if (answer != ANSWER_HELD && !f->control[0])
        snprintf(f->control, sizeof f->control, "%s%s", what,
                 answer == ANSWER_OPEN ? ": not settled by these samples" : ": did not hold");
}

void finding_not_testable(struct finding *f, const char *format, ...) {
    char reason[sizeof f->reason] = "";
    va_list args;
    va_start(args, format);
    sentence_append(reason, sizeof reason, sizeof reason, format, args);
    va_end(args);
    memcpy(f->reason, reason, sizeof reason); /* `args` may hold the one that stood there */
    f->verdict = VERDICT_NOT_TESTABLE;
    f->settled = true;
}

static enum verdict verdict_of(const struct finding *f, enum settle settle) {
    uint64_t checked = f->held + f->against + f->open;
    if (settle == SETTLE_ALL)
        return f->held == checked                     ? VERDICT_CONFIRMED
               : f->held == 0 && f->against > f->open ? VERDICT_REFUTED
                                                      : VERDICT_BOUNDED;
    if (settle == SETTLE_MOST)
        return 2 * f->held > checked      ? VERDICT_CONFIRMED
               : 2 * f->against > checked ? VERDICT_REFUTED
                                          : VERDICT_BOUNDED;
    return f->held > 0             ? VERDICT_CONFIRMED
           : f->against == checked ? VERDICT_REFUTED
                                   : VERDICT_BOUNDED;
}

void finding_settle(struct finding *f, enum settle settle, const char *range) {
    if (f->settled)
        return;
    if (f->held + f->against + f->open == 0) {
        finding_not_testable(f, "%s",
                             f->reason[0] ? f->reason : "no case that this rests on was recorded");
        return;
    }
    f->settled = true;
    f->verdict = verdict_of(f, settle);
    if (f->control[0])
        f->verdict = VERDICT_BOUNDED;
    if (f->verdict != VERDICT_BOUNDED)
        f->range[0] = '\0';
    else if (f->control[0])
        snprintf(f->range, sizeof f->range, "a control failed: %.260s", f->control);
    else if (f->held == 0 && f->against == 0)
        snprintf(f->range, sizeof f->range, "not settled by these samples");
    else if (!f->range[0])
        snprintf(f->range, sizeof f->range, "%s", range);
}

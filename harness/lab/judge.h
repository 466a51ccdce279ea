/*
 * judge.h: from rows to a verdict. A check is a pure function of rows:
 *
 *     static void check_cost(const struct rows *rows, struct finding *f) {
 *         for (size_t k = 0; k < rows->count; k++)
 *             finding_count(f, answer_above(row_ratio(rows, k, "over normal"), 1.1), rows, k);
 *         finding_say(f, "subnormal products take %.1f times as long", …);
 *         finding_settle(f, SETTLE_ALL, "some of the sizes");
 *     }
 *
 * A single check has one of three answers: it held, it went against the claim, or it is open: its
 * interval includes the threshold. An open check never refutes.
 */
#ifndef NANOLAB_HARNESS_JUDGE_H
#define NANOLAB_HARNESS_JUDGE_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "harness/lab/rows.h"
#include "harness/measure/ratio.h"

enum verdict { VERDICT_CONFIRMED, VERDICT_REFUTED, VERDICT_BOUNDED, VERDICT_NOT_TESTABLE };

#define FINDING_STATEMENT 160

/* What a check found out about one claim on one device. */
struct finding {
    enum verdict verdict;
    uint64_t held, against, open; /* single checks; `checked` is their sum */
    char statement[400]; /* what is true here, in one sentence of at most FINDING_STATEMENT */
    char range[300];     /* where it is true; needed for VERDICT_BOUNDED */
    char reason[300];    /* what is missing; needed for VERDICT_NOT_TESTABLE */
    bool broken;       /* a predicted bit did not hold: our bug. Exit status 1; never "refuted". */
    char control[300]; /* the first control that failed, "" if none did */
    json_t *evidence;  /* ids of cases, filled by finding_count; the harness frees it */
    unsigned parts;    /* of the statement, said by finding_say_part */
    json_t *numbers;   /* what finding_number listed; the harness frees it */
    json_t *rests;     /* what its rows rest on (rests.h); the harness counts and frees it */
    bool settled;
};

enum answer { ANSWER_HELD, ANSWER_AGAINST, ANSWER_OPEN };

/* The claim is that r is above (below) the threshold. Held and against only beyond the whole
 * interval; a NaN is open. */
enum answer answer_above(struct ratio r, double threshold);
enum answer answer_below(struct ratio r, double threshold);
/* The claim is that a is greater than b, both with intervals. */
enum answer answer_greater(struct ratio a, struct ratio b);
/* Of things counted, not measured: there is no interval that could leave it open. */
enum answer answer_if(bool held);
/* Held if both did, against if one went against, else open. */
enum answer answer_both(enum answer a, enum answer b);

/* One single check, resting on row k (evidence: the first 32 ids that are not held, or else held;
 * rows NULL: on no single case). */
void finding_count(struct finding *f, enum answer answer, const struct rows *rows, size_t k);
/* Names a case the verdict rests on beside those. */
void finding_evidence(struct finding *f, const struct rows *rows, size_t k);
/* A predicted bit pattern against the measured one: held, or broken (our bug). */
void finding_predicted(struct finding *f, bool equal, const struct rows *rows, size_t k);

/* Adds to the one sentence, as sentence.h prints: what comes from a journal is bounded, and a word
 * in less than its 64 bytes by its own precision, "%.12s". A statement of over FINDING_STATEMENT
 * characters is refused by the harness: numbers go into rows under it, with finding_number(). */
void finding_say(struct finding *f, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* The same for one more part of a list ("…, 2.3 with 2 threads"), of which the sweep records at
 * most `most`. What a journal holds beyond them no lab wrote: it is judged, and not listed. */
void finding_say_part(struct finding *f, unsigned most, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* A row under the statement: what the number is, and the number, in SI units of the journal ("s",
 * "bytes/s", "bytes", "1"; the page writes 147 Gflop/s of 1.47e11 flop/s). Listed in this order,
 * at most 64. */
void finding_number(struct finding *f, const char *unit, struct ratio value, const char *format,
                    ...) __attribute__((format(printf, 4, 5)));
/* A number without an interval. */
struct ratio number(double value);
/* k of n as a share, with its 95 % interval (stats_share_interval). RATIO_NONE: it is none. */
struct ratio number_share(double k, double n);
/* Adds to where the claim is true, for a bounded verdict. */
void finding_range(struct finding *f, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* A control that must hold for the verdict to mean anything (`what`: "the same map again costs
 * the same"). Where it does not, the verdict is bounded, and says which control failed. */
void finding_control(struct finding *f, enum answer answer, const char *what);

/* How many of the single checks the claim says hold. */
enum settle {
    SETTLE_ALL,  /* "always": confirmed if all held, refuted if none did and most went against */
    SETTLE_MOST, /* "usually": confirmed if over half held, refuted if over half went against */
    SETTLE_ANY   /* "can": confirmed if one held, refuted if all went against */
};
/* The verdict from the counts and controls; otherwise bounded, in finding_range() or else `range`.
 * Where nothing held and nothing went against, the range is "not settled by these samples". With
 * no single check it is not testable here: say why in `reason` before, or "no case was recorded"
 * is said. */
void finding_settle(struct finding *f, enum settle settle, const char *range);
/* Not testable here, for this reason. */
void finding_not_testable(struct finding *f, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

#endif

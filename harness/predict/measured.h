/*
 * measured.h: what a result says to a lab's question.
 *
 * Each member of a question's `from` is one of
 *
 *     {"claim": "S2", "number": "most results, of * plans*"}
 *             the first number behind that claim whose text fits (* for anything); "over":
 *             another's, by which it is divided
 *     {"claim": "S4", "share": true}
 *             the single checks that held, over all
 *     {"claim": "A3"}
 *             its verdict, for choices
 *     {"case": "02/replay/", "where": "load=idle", "column": "distinct orders"}
 *             of the first such row of the journal (rows.h); "over": another column
 *
 * and any may have "scale", which the number is multiplied by (100 for per cent), and "take",
 * "largest" or "smallest" of the numbers that fit, where it is not to be the first.
 *
 * A claim that is not testable there, or that a bug of ours has broken, answers nothing.
 */
#ifndef NANOLAB_HARNESS_MEASURED_H
#define NANOLAB_HARNESS_MEASURED_H

#include "harness/predict/question.h"
#include "harness/store/checked.h"

enum measured_state { MEASURED_NOT, MEASURED_BROKEN, MEASURED };

struct measured {
    enum measured_state state;
    char device[24];         /* on which: the result's own text; "" if none */
    double value, low, high; /* NaN where a verdict answers */
    bool right[QUESTION_CHOICES];
    size_t right_count; /* several: the interval does not settle which */
};

/* `lab` is one of a checked folder. One that is partial has no claims, so that only its cases
 * answer. 0, or -1 with error_text(): it cannot be read. */
int measured_find(const struct question *q, const struct checked_lab *lab, struct measured *out);

/* "323 on simt", "12 µs (11 to 13) on cpu", the words of a choice. Returns `out`. The device is
 * made harmless for a terminal; Markdown escapes it anew. */
#define MEASURED_TEXT 800
const char *measured_text(const struct question *q, const struct measured *m,
                          char out[MEASURED_TEXT]);

#endif

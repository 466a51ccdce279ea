/*
 * measured.c: see measured.h.
 */
#include "harness/predict/measured.h"

#include <fnmatch.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "harness/error.h"
#include "harness/lab/rows.h"
#include "harness/page/claim_table.h"
#include "harness/page/units.h"
#include "harness/text.h"

static double real_of(const json_t *object, const char *name, double otherwise) {
    const json_t *value = json_object_get(object, name);
    return json_is_number(value) ? json_number_value(value) : otherwise;
}

/* A number with its interval, its ends in order and around it. */
struct span {
    double value, low, high;
};

static struct span span_of(double value, double low, double high) {
    bool has = isfinite(low) && isfinite(high) && low <= high;
    return (struct span){value, has ? fmin(low, value) : value, has ? fmax(high, value) : value};
}

/* Whether `b` is to be had in the place of `a`. */
static bool better(const char *take, const struct span *a, const struct span *b) {
    if (!isfinite(a->value))
        return true;
    return take && (strcmp(take, "largest") == 0 ? b->value > a->value : b->value < a->value);
}

static const char *take_of(const json_t *from) {
    return json_string_value(json_object_get(from, "take"));
}

/* --- from claims -------------------------------------------------------------------------------
 */

static struct span number_in(const json_t *entry, const char *pattern, const char *take) {
    const json_t *list = json_object_get(entry, "numbers"), *one;
    struct span found = {NAN, NAN, NAN};
    size_t k;
    json_array_foreach(list, k, one) {
        double value = real_of(one, "value", NAN);
        if (!isfinite(value) || fnmatch(pattern, claim_text(one, "what"), 0) != 0)
            continue;
        struct span s = span_of(value, real_of(one, "low", NAN), real_of(one, "high", NAN));
        if (better(take, &found, &s))
            found = s;
    }
    return found;
}

static struct span of_claim(const json_t *entry, const json_t *from) {
    const char *number = json_string_value(json_object_get(from, "number"));
    const char *over = json_string_value(json_object_get(from, "over"));
    long long checked = claim_count(entry, "checked");
    if (json_is_true(json_object_get(from, "share")) && checked > 0) {
        double share = (double)claim_count(entry, "held") / (double)checked;
        return span_of(share, share, share);
    }
    if (!number)
        return (struct span){NAN, NAN, NAN};
    struct span a = number_in(entry, number, take_of(from));
    if (!over)
        return a;
    struct span b = number_in(entry, over, take_of(from));
    if (!(b.low > 0))
        return (struct span){NAN, NAN, NAN};
    return span_of(a.value / b.value, a.low / b.high, a.high / b.low);
}

/* --- from cases --------------------------------------------------------------------------------
 */

struct visited {
    json_t *cases;
};

static int keep(void *context, const json_t *record) {
    struct visited *v = context;
    return json_array_append(v->cases, (json_t *)record);
}

static int of_cases(const struct checked_lab *lab, const char *device, const json_t *from,
                    struct span *out) {
    const char *column = json_string_value(json_object_get(from, "column"));
    const char *prefix = json_string_value(json_object_get(from, "case"));
    const char *over = json_string_value(json_object_get(from, "over"));
    struct visited v = {json_array()};
    struct rows rows = {0};
    *out = (struct span){NAN, NAN, NAN};
    int status = v.cases && column ? 0 : error_set("out of memory; close other programs");
    if (status == 0)
        status = reader_cases(lab->reader, prefix, device, keep, &v);
    if (status == 0 && rows_from(v.cases, &rows) != 0)
        status = error_set("out of memory; close other programs");
    if (status == 0) {
        struct rows some =
            rows_select(&rows, "", json_string_value(json_object_get(from, "where")));
        for (size_t k = 0; k < some.count; k++) {
            struct ratio r = row_ratio(&some, k, column);
            double value = isfinite(r.value) ? r.value : row_number(&some, k, column);
            double under = over ? row_number(&some, k, over) : 1;
            struct span s = span_of(value / under, r.low / under, r.high / under);
            if (isfinite(s.value) && under > 0 && better(take_of(from), out, &s))
                *out = s;
        }
        rows_free(&some);
    }
    rows_free(&rows);
    json_decref(v.cases);
    return status;
}

/* --- what it answers ---------------------------------------------------------------------------
 */

/* `verdict` is that of the claim, where choices are right by it. */
static void choose(const struct question *q, const char *verdict, struct measured *m) {
    for (size_t k = 0; k < q->choice_count; k++) {
        const struct question_choice *c = &q->choices[k];
        const json_t *one;
        size_t i;
        if (!c->verdicts)
            m->right[k] = m->low < c->below && m->high >= c->from;
        json_array_foreach(c->verdicts, i, one) {
            if (strcmp(json_string_value(one), verdict) == 0)
                m->right[k] = true;
        }
        m->right_count += m->right[k];
    }
}

/* Takes a number, or where the question is of verdicts that of `entry`. False: it is none. */
static bool answer(const struct question *q, const json_t *from, const char *device,
                   const json_t *entry, struct span s, struct measured *m) {
    double scale = real_of(from, "scale", 1);
    bool by_verdict = q->choice_count > 0 && q->choices[0].verdicts;
    if (!by_verdict && !isfinite(s.value))
        return false;
    *m = (struct measured){
        .state = MEASURED, .value = s.value * scale, .low = s.low * scale, .high = s.high * scale};
    snprintf(m->device, sizeof m->device, "%.23s", device);
    choose(q, claim_text(entry, "verdict"), m);
    return q->unit || m->right_count > 0;
}

/* One source on one kind of device, which has the rank `rank` among those that can answer. */
static int find_on(const struct question *q, const struct checked_lab *lab, const json_t *from,
                   int rank, struct measured *m) {
    const char *id = json_string_value(json_object_get(from, "claim"));
    const json_t *entry;
    size_t k;
    if (!id) {
        /* Devices of cases: those that the journal says it had. */
        static const char *const parts[] = {"bits", "time"};
        for (size_t p = 0; p < 2; p++) {
            json_array_foreach(json_object_get(lab->reader->start, parts[p]), k, entry) {
                const char *device = json_string_value(entry);
                struct span s;
                if (!device || question_rank(q, device) != rank)
                    continue;
                if (of_cases(lab, device, from, &s) != 0)
                    return -1;
                if (answer(q, from, device, NULL, s, m))
                    return 0;
            }
        }
        return 0;
    }
    json_array_foreach(lab->claims, k, entry) {
        const char *device = claim_text(entry, "device");
        enum claim_mark mark = claim_mark(entry);
        if (strcmp(claim_text(entry, "id"), id) != 0 || question_rank(q, device) != rank ||
            mark == MARK_NOT_TESTABLE)
            continue;
        if (mark == MARK_BROKEN) {
            m->state = MEASURED_BROKEN;
            snprintf(m->device, sizeof m->device, "%.23s", device);
            continue;
        }
        if (answer(q, from, device, entry, of_claim(entry, from), m))
            return 0;
    }
    return 0;
}

int measured_find(const struct question *q, const struct checked_lab *lab, struct measured *out) {
    const struct measured none = {.device = "", .value = NAN, .low = NAN, .high = NAN};
    struct measured broken = none;
    for (int rank = 0; rank < (int)json_array_size(q->devices); rank++) {
        for (size_t k = 0; k < json_array_size(q->from); k++) {
            *out = none;
            if (find_on(q, lab, json_array_get(q->from, k), rank, out) != 0)
                return -1;
            if (out->state == MEASURED)
                return 0;
            if (out->state == MEASURED_BROKEN && broken.state == MEASURED_NOT)
                broken = *out;
        }
    }
    *out = broken;
    return 0;
}

const char *measured_text(const struct question *q, const struct measured *m,
                          char out[MEASURED_TEXT]) {
    char number[UNITS_TEXT], device[64];
    size_t used = 0;
    out[0] = '\0';
    if (m->state != MEASURED) {
        snprintf(out, MEASURED_TEXT, "%s",
                 m->state == MEASURED_BROKEN ? "a bug of ours: no answer" : "not measured here");
        return out;
    }
    text_plain(device, sizeof device, m->device);
    if (q->unit) {
        snprintf(out, MEASURED_TEXT, "%s on %s",
                 units_interval(number, sizeof number, m->value, m->low, m->high, q->unit), device);
        return out;
    }
    for (size_t k = 0; k < q->choice_count; k++)
        if (m->right[k] && used < MEASURED_TEXT)
            used += (size_t)snprintf(out + used, MEASURED_TEXT - used, "%s%s", used ? " or " : "",
                                     q->choices[k].text);
    if (used < MEASURED_TEXT)
        snprintf(out + used, MEASURED_TEXT - used, " on %s", device);
    return out;
}

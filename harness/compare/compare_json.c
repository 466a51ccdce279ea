/*
 * compare_json.c: a comparison as one JSON object, for programs.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness/compare/compare_bits.h"
#include "harness/compare/compare_code_text.h"
#include "harness/compare/compare_explain.h"
#include "harness/compare/compare_question.h"

/* null where a number is not finite. */
static json_t *number_json(double x) {
    return isfinite(x) ? json_real(x) : json_null();
}

static json_t *side_json(const struct compare_side *side) {
    return json_pack("{s:s, s:I, s:I, s:s?, s:O}", "name", side->name, "sessions",
                     (json_int_t)side->sessions, "cases", (json_int_t)side->count, "from",
                     side->foreign, "notes", side->notes);
}

static json_t *times_json(const struct compare_case *c, bool low) {
    json_t *list = json_array();
    for (size_t k = 0; k < c->timed; k++)
        json_array_append_new(list, json_real(low ? c->times[k].low : c->times[k].median));
    return list;
}

static json_t *g1_json(const struct compare *c) {
    const struct compare_g1 g1 = compare_g1(c);
    char says[COMPARE_G1_BYTES];
    return json_pack("{s:s, s:s, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I}", "verdict",
                     compare_g1_verdict(&g1), "statement", compare_g1_says(&g1, says), "cases",
                     (json_int_t)g1.cases, "equal", (json_int_t)g1.equal, "differ",
                     (json_int_t)g1.differ, "vary", (json_int_t)g1.vary, "across",
                     (json_int_t)g1.across, "pairs", (json_int_t)g1.pairs, "pairs_equal",
                     (json_int_t)g1.pairs_equal, "pairs_across", (json_int_t)g1.pairs_across);
}

/* Cases whose bits differ by what explains it; "" where nothing does. */
static json_t *groups_json(const struct compare *c) {
    struct compare_groups groups;
    json_t *list = json_array();
    compare_bits_groups(c, &groups);
    for (size_t k = 0; k < groups.count; k++)
        json_array_append_new(list, json_pack("{s:s, s:I, s:s}", "why", groups.list[k].why, "cases",
                                              (json_int_t)groups.list[k].count, "such_as",
                                              groups.list[k].example->first->id));
    return list;
}

static json_t *pair_json(const struct compare *c, const struct compare_pair *p) {
    const struct compare_times *t = &p->times;
    json_t *pair =
        json_pack("{s:s, s:s, s:[s, s], s:s}", "id", p->first->id, "lab", p->first->lab, "devices",
                  p->first->device, p->second->device, "bits", compare_bits_name(p->bits));
    if (compare_code_case_json(c, p, pair) != 0) {
        json_decref(pair);
        return NULL;
    }
    if (p->field[0] || t->reason == COMPARE_BUSY)
        json_object_set_new(pair, "field", json_string(p->field[0] ? p->field : c->loads.field));
    if (p->field[0] || p->bits == COMPARE_BITS_DIFFER || t->reason == COMPARE_BUSY)
        json_object_set_new(pair, "fields", compare_differences_json(c, p));
    if (t->reason == COMPARE_NO_TIME && p->first->timed == p->second->timed)
        return pair;
    json_t *time = json_pack(
        "{s:s, s:s, s:o, s:o, s:o, s:o, s:o, s:[o, o], s:I, s:[o, o], s:[o, o], s:o}", "verdict",
        compare_verdict_name(t->verdict), "reason", compare_reason_name(t->reason), "ratio",
        number_json(t->ratio.value), "low", number_json(t->ratio.low), "high",
        number_json(t->ratio.high), "normalised", number_json(p->normalised.value), "chance",
        number_json(t->chance), "spread", number_json(t->spread[0]), number_json(t->spread[1]),
        "more_sessions", (json_int_t)t->more, "medians", times_json(p->first, false),
        times_json(p->second, false), "low_times", times_json(p->first, true),
        times_json(p->second, true), "ratio_of_medians", number_json(t->medians));
    json_object_set_new(pair, "time", time);
    compare_meter_json(p, pair);
    return pair;
}

/* All but the cases. */
static json_t *head_json(const struct compare *c) {
    json_t *verdicts = json_object();
    for (int v = 0; v < COMPARE_VERDICTS; v++)
        json_object_set_new(verdicts, compare_verdict_name((enum compare_verdict)v),
                            json_integer((json_int_t)c->verdicts[v]));
    return json_pack("{s:[o, o], s:{s:f, s:f, s:f, s:f}, s:o, s:I, s:[I, I], s:{s:I, s:I, s:I, "
                     "s:I, s:o, s:o, s:o}, "
                     "s:o, "
                     "s:o, s:o, "
                     "s:O, s:O, s:O, s:o, s:o, s:o}",
                     "sides", side_json(c->first), side_json(c->second), "rule", "confidence",
                     c->rule.confidence, "rate", c->rule.rate, "least", c->rule.least, "same",
                     c->rule.same, "verdicts", verdicts, "timed", (json_int_t)c->timed, "only",
                     (json_int_t)c->only[0], (json_int_t)c->only[1], "bits", "equal",
                     (json_int_t)c->bits_equal, "differ", (json_int_t)c->bits_differ, "vary",
                     (json_int_t)c->bits_vary, "arrival", (json_int_t)c->bits_arrival, "g1",
                     g1_json(c), "explained", groups_json(c), "questions",
                     compare_questions_json(c), "mean", number_json(c->mean), "normalised_mean",
                     number_json(c->normalised_mean), "same_code", json_boolean(c->same_code),
                     "other_code", c->other_code, "claims", c->claims, "differences",
                     c->differences, "code", compare_code_json(c), "measured_before",
                     compare_changes_json(c), "load", compare_loads_json(c));
}

/* Cases explained, as a member; none: no member. */
static int add_explained(json_t *head, const struct compare *c) {
    json_t *list = c->explained_count > 0 ? json_array() : NULL;
    int status = 0;
    for (size_t k = 0; list && k < c->explained_count; k++)
        status |= json_array_append_new(list, compare_explained_json(&c->explained[k]));
    if (list)
        status |= json_object_set_new(head, "explained", list);
    return status;
}

int compare_json_print(const struct compare *c, FILE *to) {
    json_t *head = head_json(c);
    char *text = head && compare_meters_json(c, head) == 0 && add_explained(head, c) == 0
                     ? json_dumps(head, JSON_INDENT(1))
                     : NULL;
    int status = text ? 0 : -1;
    json_decref(head);
    if (status == 0) /* without its "\n}": the cases are its last member */
        fprintf(to, "%.*s,\n \"cases\": [", (int)strlen(text) - 2, text);
    free(text);
    for (size_t k = 0; status == 0 && k < c->count; k++) {
        json_t *pair = pair_json(c, &c->pairs[k]);
        fputs(k ? ",\n  " : "\n  ", to);
        status = pair ? json_dumpf(pair, to, JSON_COMPACT) : -1;
        json_decref(pair);
    }
    if (status == 0)
        fputs("\n ]\n}", to);
    return status;
}

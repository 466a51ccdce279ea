/*
 * straggler_json.h: a finding as JSON. Part of straggler.c.
 */
#ifndef NANOLAB_TOOLS_STRAGGLER_JSON_H
#define NANOLAB_TOOLS_STRAGGLER_JSON_H

#include <jansson.h>

#include "harness/text.h"
#include "tools/straggler_found.h"

static json_t *real(double value) {
    return isfinite(value) ? json_real(value) : json_null();
}

static json_t *named(const struct found *f, const struct straggler_verdict *v) {
    json_t *list = json_array();
    for (unsigned r = 0; r < v->ranks; r++)
        if (v->named[r])
            json_array_append_new(list, json_integer(found_id(f, r)));
    return list;
}

static json_t *culprits(const struct found *f) {
    const struct straggler_verdict *v = f->verdict + STRAGGLER_LEAST_WAIT;
    json_t *list = json_array();
    for (unsigned r = 0; r < v->ranks; r++)
        if (v->named[r])
            json_array_append_new(
                list, json_pack("{s:i, s:o, s:I, s:I, s:o}", f->source->who, (int)found_id(f, r),
                                "late_us", real(v->late_us[r]), "steps_half_as_late",
                                (json_int_t)f->often[r], "of_steps", (json_int_t)f->judged,
                                "chance_by_jitter", real(v->chance[r])));
    return list;
}

static json_t *victims(const struct found *f) {
    json_t *list = json_array();
    for (unsigned r = 0; r < f->log->ranks; r++)
        if (f->waited[r] > 0)
            json_array_append_new(list, json_pack("{s:i, s:o}", f->source->who, (int)found_id(f, r),
                                                  "waited_us", real(f->waited[r])));
    return list;
}

static json_t *quantiles(struct straggler_quantiles q) {
    return json_pack("{s:o, s:o, s:o, s:o, s:o}", "mean", real(q.mean), "p50", real(q.p50), "p95",
                     real(q.p95), "p99", real(q.p99), "max", real(q.max));
}

static json_t *rules(const struct found *f) {
    json_t *list = json_array();
    for (int k = 0; k < STRAGGLER_RULES; k++)
        json_array_append_new(
            list, json_pack("{s:s, s:s, s:s, s:b, s:o, s:s}", "name", straggler_rules[k].name,
                            "source", straggler_rules[k].source, "says", straggler_rules[k].says,
                            "cannot_tell", (int)f->verdict[k].cannot_tell, "named",
                            named(f, f->verdict + k), "why", f->verdict[k].why));
    return list;
}

/* Who was made late, and whom that leaves missed, or named wrongly. */
static json_t *truth(const struct found *f) {
    const struct straggler_verdict *v = f->verdict + STRAGGLER_LEAST_WAIT;
    json_t *made = json_array(), *missed = json_array(), *wrong = json_array();
    for (unsigned r = 0; r < v->ranks; r++) {
        bool late = f->made_in[r] > 0;
        if (late)
            json_array_append_new(made, json_pack("{s:i, s:o, s:I}", f->source->who,
                                                  (int)found_id(f, r), "late_us", real(f->made[r]),
                                                  "steps", (json_int_t)f->made_in[r]));
        if (late && !v->named[r])
            json_array_append_new(missed, json_integer(found_id(f, r)));
        if (!late && v->named[r])
            json_array_append_new(wrong, json_integer(found_id(f, r)));
    }
    return json_pack("{s:o, s:o, s:o, s:b}", "made_late", made, "missed", missed, "named_wrongly",
                     wrong, "just_those_named", (int)f->exact);
}

static json_t *as_json(const struct found *f) {
    const struct straggler_verdict *v = f->verdict + STRAGGLER_LEAST_WAIT;
    const char *verdict = v->count > 0 ? "culprit" : v->cannot_tell ? "cannot tell" : "nobody";
    json_t *notes = json_array();
    for (int k = 0; k < 3; k++)
        if (f->source->notes[k][0])
            json_array_append_new(notes, json_string(f->source->notes[k]));
    json_t *log = json_pack(
        "{s:s, s:s, s:i, s:I, s:I, s:s, s:s, s:o, s:o, s:s, s:o, s:o, s:o, s:o}", "format",
        f->source->format, "name", f->source->name, "ranks", (int)f->log->ranks, "steps",
        (json_int_t)f->log->steps, "whole_steps", (json_int_t)f->times.whole, "verdict", verdict,
        "why", v->why, "culprits", culprits(f), "victims", victims(f), "caveat", f->source->caveat,
        "notes", notes, "collective_us", quantiles(f->times.least), "longest_wait_us",
        quantiles(f->times.skew), "rules", rules(f));
    if (log && f->source->made_us)
        json_object_set_new(log, "truth", truth(f));
    if (log && f->has_without)
        json_object_set_new(log, "without",
                            json_pack("{s:o, s:o}", "with_us", real(f->without.with_us),
                                      "without_us", real(f->without.without_us)));
    if (log && f->has_fit)
        json_object_set_new(log, "fit",
                            json_pack("{s:o, s:o, s:o}", "alpha_us", real(f->fit.alpha_us),
                                      "beta_gbs", real(f->fit.beta_gbs), "worst_error",
                                      real(f->fit.worst)));
    return log;
}

#endif

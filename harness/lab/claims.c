/*
 * claims.c: turns findings into entries of claims.json, and refuses those that cannot be meant.
 */
#include "harness/lab/claims.h"

#include <string.h>

#include "harness/error.h"
#include "harness/store/result.h"

const char *claims_verdict_name(enum verdict verdict) {
    switch (verdict) {
    case VERDICT_CONFIRMED:
        return "confirmed";
    case VERDICT_REFUTED:
        return "refuted";
    case VERDICT_BOUNDED:
        return "bounded";
    case VERDICT_NOT_TESTABLE:
        return "not-testable-here";
    }
    return "not-testable-here";
}

/* What is wrong with a finding; NULL if nothing is. */
static const char *contradiction(const struct finding *finding) {
    if (!finding->settled)
        return "its check ended without finding_settle()";
    if (strlen(finding->statement) > FINDING_STATEMENT)
        return "its statement has more than 160 characters; numbers go into finding_number()";
    if (finding->verdict == VERDICT_BOUNDED && !finding->range[0])
        return "a bounded verdict needs its range";
    if (finding->verdict == VERDICT_NOT_TESTABLE)
        return finding->reason[0] ? NULL : "a verdict of not testable here needs its reason";
    if (!finding->statement[0])
        return "a verdict needs a statement";
    return NULL;
}

static json_t *text_or_null(const char *text) {
    json_t *value = text && text[0] ? json_string(text) : NULL;
    return value ? value : json_null();
}

json_t *claims_entry(const struct claim *claim, const char *device_id,
                     const struct finding *finding) {
    const char *wrong = contradiction(finding);
    if (wrong) {
        error_set("claim %s on %s could not be checked: %s; correct the lab's check", claim->id,
                  device_id, wrong);
        return NULL;
    }
    json_t *entry = json_pack(
        "{s:s, s:s, s:o, s:s, s:s, s:b, s:I, s:I, s:I, s:I, s:o, s:o, s:o, s:o, s:O?, s:o, s:o}",
        "id", claim->id, "claim", claim->statement, "refuted_by", text_or_null(claim->refuted_by),
        "verdict", claims_verdict_name(finding->verdict), "device", device_id, "broken",
        finding->broken, "checked", (json_int_t)(finding->held + finding->against + finding->open),
        "held", (json_int_t)finding->held, "against", (json_int_t)finding->against, "open",
        (json_int_t)finding->open, "statement", text_or_null(finding->statement), "range",
        text_or_null(finding->range), "reason", text_or_null(finding->reason), "control",
        text_or_null(finding->control), "rests_on", finding->rests, "numbers",
        finding->numbers ? json_incref(finding->numbers) : json_array(), "evidence",
        finding->evidence ? json_incref(finding->evidence) : json_array());
    if (!entry)
        error_set("claim %s on %s: its texts are not UTF-8, or memory is short", claim->id,
                  device_id);
    return entry;
}

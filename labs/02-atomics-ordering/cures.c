/*
 * cures.c: A5. Does each cure leave one result, the predicted one, and at what price? And does
 * fixed point own up to numbers that do not fit?
 */
#include <stdio.h>
#include <string.h>

#include "labs/02-atomics-ordering/ordering.h"

struct cured {
    struct finding *finding;
    uint64_t runs, as_predicted;
    size_t settings, single;
    uint64_t misfits, documented;
    size_t prices;
    char text[330];
};

static const char *id_of(const json_t *record) {
    const char *id = json_string_value(json_object_get(record, "id"));
    return id ? id : "";
}

static int count_cure(void *context, const json_t *record) {
    struct cured *c = context;
    const json_t *measured = case_series(record, "measured");
    const json_t *predicted = case_series(record, "predicted");
    size_t n = case_series_length(measured), right = 0;
    bool known = case_series_length(predicted) == 1;
    for (size_t k = 0; k < n; k++)
        right += known && case_series_bits_at(measured, k) == case_series_bits_at(predicted, 0);
    c->settings++;
    c->single += series_distinct(record, "measured") == 1;
    c->runs += n;
    c->as_predicted += right;
    if (right != n || c->settings == 1)
        finding_evidence(c->finding, id_of(record));
    return 0;
}

static int count_misfits(void *context, const json_t *record) {
    struct cured *c = context;
    const json_t *right = case_series(record, "as documented");
    const json_t *measured = case_series(record, "measured");
    const json_t *predicted = case_series(record, "predicted");
    for (size_t k = 0; k < case_series_length(right); k++) {
        bool ok = case_series_real_at(right, k) == 1 &&
                  case_series_bits_at(measured, k) == case_series_bits_at(predicted, k);
        c->misfits++;
        c->documented += ok;
        if (!ok)
            finding_evidence(c->finding, id_of(record));
    }
    return 0;
}

static int list_price(void *context, const json_t *record) {
    struct cured *c = context;
    enum atomics_cure cure = (enum atomics_cure)case_number(record, "params", "cure");
    const char *name = case_text(record, "params", "name");
    const char *place = case_text(record, "params", "place");
    if (cure == ATOMICS_PLAIN || cure == ATOMICS_LOGGED || !name || !place)
        return 0;
    c->prices++;
    finding_evidence(c->finding, id_of(record));
    size_t used = strlen(c->text);
    if (strcmp(place, "in cache") == 0)
        snprintf(c->text + used, sizeof c->text - used, "%s%s x%.3g", used ? ", " : "", name,
                 case_number(record, "counters", "ratio"));
    return 0;
}

int check_cures(struct lab_run *run, const char *device_id, struct finding *finding) {
    struct cured c = {.finding = finding};
    lab_cases(run, "02/cure/", device_id, count_cure, &c);
    lab_cases(run, "02/range/", device_id, count_misfits, &c);
    lab_cases(run, "02/price/", device_id, list_price, &c);
    if (c.settings == 0) {
        finding->verdict = VERDICT_NOT_TESTABLE;
        snprintf(finding->reason, sizeof finding->reason, "no cure was recorded on %s", device_id);
        return 0;
    }
    finding->checked = c.runs + c.misfits;
    finding->held = c.as_predicted + c.documented;
    /* "One result" is ours to keep, and so is "no wrong number in silence". */
    finding->broken = finding->held != finding->checked;
    finding->verdict = c.single != c.settings ? VERDICT_REFUTED
                       : c.prices == 0        ? VERDICT_BOUNDED
                                              : VERDICT_CONFIRMED;
    if (c.single == c.settings && c.prices == 0)
        snprintf(finding->range, sizeof finding->range,
                 "bits only: no price was measured on this device");
    snprintf(finding->statement, sizeof finding->statement,
             "one result in %zu of %zu settings of the cures, the predicted one in %llu of %llu "
             "runs; numbers that do not fit came out as documented in %llu of %llu cases; time "
             "over the plain sum's, in cache: %s",
             c.single, c.settings, (unsigned long long)c.as_predicted, (unsigned long long)c.runs,
             (unsigned long long)c.documented, (unsigned long long)c.misfits,
             c.prices ? c.text : "not measured on this device");
    return 0;
}

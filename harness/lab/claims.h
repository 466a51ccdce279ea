/*
 * claims.h: verdicts as claims.json holds them.
 */
#ifndef NANOLAB_HARNESS_CLAIMS_H
#define NANOLAB_HARNESS_CLAIMS_H

#include <jansson.h>

#include "harness/lab/lab.h"

#define CLAIMS_EVIDENCE_MAX 32

/* "confirmed", "refuted", "bounded", "not-testable-here" */
const char *claims_verdict_name(enum verdict verdict);
/* One claim of claims.json, without taking anything over; NULL with error_text() when the
 * finding contradicts itself. */
json_t *claims_entry(const struct claim *claim, const char *device_id,
                     const struct finding *finding);

#endif

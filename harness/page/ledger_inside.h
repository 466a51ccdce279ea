/*
 * ledger_inside.h: what the parts of the ledger share (ledger.h).
 */
#ifndef NANOLAB_HARNESS_LEDGER_INSIDE_H
#define NANOLAB_HARNESS_LEDGER_INSIDE_H

#include <stdbool.h>

#include "harness/page/claim_table.h"
#include "harness/page/ledger.h"

/* A column of a lab: one device of one set, on which at least one claim has a verdict. */
struct ledger_column {
    const struct ledger_set *set;
    const char *device;
    bool alone; /* the set has no other in this lab */
};
#define LEDGER_COLUMNS (LEDGER_SETS_MOST * 4)

struct ledger_lab {
    const char *name;
    const struct ledger_set *sets;
    size_t count;
    struct ledger_column columns[LEDGER_COLUMNS];
    size_t column_count;
    json_t *ids; /* {id: the claim's entry of the first set that has it} in order */
};

/* Finds columns and ids of a lab of which name, sets and count are given. 0, or -1: no memory; free
 * its ids with json_decref() either way. */
int ledger_gather(struct ledger_lab *lab);
/* The claims of a lab in a session; NULL: it has none. */
const json_t *ledger_claims_of(const struct ledger_session *s, const char *lab);

/* What one device of one set says of a claim. */
struct ledger_said {
    size_t marks[MARKS]; /* sessions */
    size_t sessions;     /* with an entry */
    const json_t *entry; /* the first of the most frequent verdict */
    enum claim_mark mark;
    long long low[4], high[4]; /* held, against, open, checked: over the sessions */
};
struct ledger_said ledger_said_of(const struct ledger_set *set, const char *lab, const char *id,
                                  const char *device);
bool ledger_has_verdict(const struct ledger_said *said);
bool ledger_varies(const struct ledger_said *said);

/* --- ledger_rests.c --- */

/* The table of what the claims of these labs rest on. 0, or -1: no memory. */
int ledger_rests(const char *const *labs, size_t lab_count, const struct ledger_set *sets,
                 size_t count, FILE *out);

#endif

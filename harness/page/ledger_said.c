/*
 * ledger_said.c: what one device of one set says of a claim, over its sessions (ledger_inside.h).
 */
#include <string.h>

#include "harness/page/ledger_inside.h"

const json_t *ledger_claims_of(const struct ledger_session *s, const char *lab) {
    return json_object_get(s->labs, lab);
}

/* The entry of a claim on a device in a session; NULL: none. */
static const json_t *entry_of(const struct ledger_session *s, const char *lab, const char *id,
                              const char *device) {
    json_t *entry;
    size_t k;
    json_array_foreach(ledger_claims_of(s, lab), k, entry) {
        if (strcmp(claim_text(entry, "id"), id) == 0 &&
            strcmp(claim_text(entry, "device"), device) == 0)
            return entry;
    }
    return NULL;
}

/* --- what one device of one set says of a claim ------------------------------------------------
 */

static const char *const counted[] = {"held", "against", "open", "checked"};

struct ledger_said ledger_said_of(const struct ledger_set *set, const char *lab, const char *id,
                                  const char *device) {
    struct ledger_said said = {.mark = MARK_NOT_TESTABLE};
    const json_t *first[MARKS] = {NULL};
    for (size_t k = 0; k < set->count; k++) {
        const json_t *entry = entry_of(&set->sessions[k], lab, id, device);
        if (!entry)
            continue;
        enum claim_mark mark = claim_mark(entry);
        if (said.marks[mark]++ == 0)
            first[mark] = entry;
        for (size_t c = 0; c < 4; c++) {
            long long count = claim_count(entry, counted[c]);
            said.low[c] = said.sessions == 0 || count < said.low[c] ? count : said.low[c];
            said.high[c] = said.sessions == 0 || count > said.high[c] ? count : said.high[c];
        }
        said.sessions++;
    }
    for (size_t m = 0; m < MARKS; m++)
        if (said.marks[m] > 0 && (!said.entry || said.marks[m] > said.marks[said.mark])) {
            said.mark = (enum claim_mark)m;
            said.entry = first[m];
        }
    return said;
}

bool ledger_has_verdict(const struct ledger_said *said) {
    return said->sessions > said->marks[MARK_NOT_TESTABLE];
}

bool ledger_varies(const struct ledger_said *said) {
    return said->marks[said->mark] < said->sessions;
}

/* --- a lab -------------------------------------------------------------------------------------
 */

static void add_column(struct ledger_lab *lab, const struct ledger_set *set, const char *device) {
    for (size_t k = 0; k < lab->column_count; k++)
        if (lab->columns[k].set == set && strcmp(lab->columns[k].device, device) == 0)
            return;
    if (lab->column_count < LEDGER_COLUMNS)
        lab->columns[lab->column_count++] = (struct ledger_column){set, device, true};
}

int ledger_gather(struct ledger_lab *lab) {
    int status = 0;
    lab->column_count = 0;
    lab->ids = json_object();
    for (size_t s = 0; s < lab->count; s++)
        for (size_t k = 0; k < lab->sets[s].count; k++) {
            json_t *entry;
            size_t i;
            json_array_foreach(ledger_claims_of(&lab->sets[s].sessions[k], lab->name), i, entry) {
                const char *id = claim_text(entry, "id");
                if (!json_object_get(lab->ids, id))
                    status |= json_object_set(lab->ids, id, entry);
                if (claim_mark(entry) != MARK_NOT_TESTABLE)
                    add_column(lab, &lab->sets[s], claim_text(entry, "device"));
            }
        }
    for (size_t a = 0; a < lab->column_count; a++)
        for (size_t b = 0; b < lab->column_count; b++)
            if (a != b && lab->columns[a].set == lab->columns[b].set)
                lab->columns[a].alone = false;
    return status;
}

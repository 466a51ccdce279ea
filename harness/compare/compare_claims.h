/*
 * compare_claims.h: verdicts of a side's sessions together, and beside those of another side.
 *
 * Noise alone can turn "confirmed" into "bounded" between two runs of one machine. Only a
 * *contradiction* says that two sides are not alike: confirmed against refuted, or predicted bits
 * that held on one side alone.
 */
#ifndef NANOLAB_HARNESS_COMPARE_CLAIMS_H
#define NANOLAB_HARNESS_COMPARE_CLAIMS_H

#include <jansson.h>

enum compare_relation {
    COMPARE_AGREE, /* equal, or one could not be tested */
    COMPARE_OTHER_VERDICT,
    COMPARE_CONTRADICTION
};
const char *compare_relation_name(enum compare_relation relation);

/* Adds the claims of one session's lab (the array of claims.json) to a side's: entries
 * {"lab", "id", "claim", "device", "sessions": {verdict: in how many}, "statements": {verdict: the
 * first}}. 0, or -1: no memory. */
int compare_claims_add(json_t *claims, const char *lab, const json_t *session);
/* When all sessions are in: "verdict" is the most frequent one (of equals the first), "statement"
 * one that was made with it, "varies" whether there is another. A claim whose predicted bits did
 * not hold has the verdict "broken". */
int compare_claims_settle(json_t *claims);

/* Adds to `out`, for each claim that both sides have, on one kind of device or else on any,
 * {"lab", "id", "claim", "relation", "devices": [.., ..], "verdicts": [.., ..],
 * "statements": [.., ..], "sessions": [{..}, {..}], "varies"}. 0, or -1: no memory. */
int compare_claims_join(json_t *out, const json_t *first, const json_t *second);

enum compare_relation compare_relation_of(const char *first, const char *second);
/* Of a joined entry. */
enum compare_relation compare_claims_relation(const json_t *entry);
/* How many joined entries stand so. */
size_t compare_claims_count(const json_t *list, enum compare_relation relation);

#endif

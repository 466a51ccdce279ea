/*
 * ledger.h: what became of the claims, over several sets of results (`nanolab claims`).
 *
 * A set is what was measured of one machine: a folder of sessions (session-1.zip, session-1, …), or
 * one result folder or archive. Sets may be a stranger's: their text is escaped.
 */
#ifndef NANOLAB_HARNESS_LEDGER_H
#define NANOLAB_HARNESS_LEDGER_H

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#define LEDGER_SETS_MOST 32
#define LEDGER_SESSIONS_MOST 64

struct ledger_session {
    char file[256]; /* "session-1.zip" */
    json_t *run;    /* its run.json */
    json_t *labs;   /* {lab: the array of its claims.json} */
    json_t *cases;  /* {lab: how many} */
    uint64_t bytes; /* of an archive; 0: a folder */
    char content[80];
};

struct ledger_set {
    char name[256];
    struct ledger_session *sessions;
    size_t count;
};

/* Reads and checks a set. 0, or -1 with error_text(); close it either way. */
int ledger_open(struct ledger_set *set, const char *path);
void ledger_close(struct ledger_set *set);

/* docs/claims.md: each claim with its verdicts, set by set. `link` is what a set's name is appended
 * to for a link to it, "" for none. 0, or -1: no memory. */
int ledger_claims(const struct ledger_set *sets, size_t count, const char *link, FILE *out);
/* The README of a set: what the machine is, and what lies there. */
void ledger_about(const struct ledger_set *set, FILE *out);

#endif

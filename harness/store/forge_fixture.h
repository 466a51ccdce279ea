/*
 * forge_fixture.h: for tests: the files that a forger with a working SHA-256 would write. All their
 * hashes are in order, so that only the checks behind them stand between a folder and its reader.
 */
#ifndef NANOLAB_HARNESS_FORGE_FIXTURE_H
#define NANOLAB_HARNESS_FORGE_FIXTURE_H

#ifndef _GNU_SOURCE
#error "define _GNU_SOURCE before any include: asprintf"
#endif

#include "harness/error.h"
#include "harness/store/journal.h"
#include "harness/store/result_fixture.h"
#include "harness/store/sha.h"

#define START                                                                                      \
    "{\"record\":\"start\",\"format\":2,\"lab\":\"" FIXTURE_LAB "\",\"mode\":\"quick\","           \
    "\"seed\":\"18446744073709551615\",\"bits\":[\"cpu\"],\"time\":[],\"started\":\"t\","          \
    "\"fingerprint\":{}}"
#define CASE(series)                                                                               \
    "{\"record\":\"case\",\"id\":\"42/a\",\"device\":\"cpu\",\"params\":{},\"counters\":{},"       \
    "\"series\":[" series "]}"
#define CASE_WITH(member)                                                                          \
    "{\"record\":\"case\",\"id\":\"42/a\",\"device\":\"cpu\",\"params\":{},\"counters\":{},"       \
    "\"series\":[]," member "}"
#define CASE_WITH_COUNTERS(counters)                                                               \
    "{\"record\":\"case\",\"id\":\"42/a\",\"device\":\"cpu\",\"params\":{},\"series\":[],"         \
    "\"counters\":" counters "}"
#define ENTRANT(id, group, entrant, of)                                                            \
    "{\"record\":\"case\",\"id\":\"" id "\",\"device\":\"cpu\",\"params\":{},\"counters\":{},"     \
    "\"series\":[],\"group\":{\"id\":\"" group "\",\"entrant\":" entrant ",\"of\":" of "}}"
#define SIDE "0123456789abcdef0123456789abcdef.u8"

/* The journal that a forger with a working SHA-256 would write; ends with NULL. */
static inline void forge(const struct fixture *f, const char *const *lines) {
    char hash[SHA_TEXT] = SHA_ZEROS;
    FILE *file = fopen(f->journal, "w");
    for (; *lines; lines++) {
        size_t size = strlen(*lines);
        char *line = strdup(*lines), *previous = strstr(line, "PREVIOUS");
        if (previous) {
            char *longer = NULL;
            assert_true(asprintf(&longer, "%.*s%s%s", (int)(previous - line), line, hash,
                                 previous + 8) > 0);
            free(line);
            line = longer;
            size = strlen(line);
        }
        assert_int_equal(sha_chain(hash, line, size, hash), 0);
        fprintf(file, "%.*s,\"hash\":\"%s\"}\n", (int)size - 1, line, hash);
        free(line);
    }
    assert_int_equal(fclose(file), 0);
}

#define FORGE_PATH 320

/* A journal that ends: `lines` (a start record and cases), a claims.json and, where `table` is not
 * NULL, a table.tsv, and the end record that seals them. */
static inline void forge_ended(const struct fixture *f, const char *const *lines,
                               const char *claims, const char *table) {
    const char *all[64];
    char path[FORGE_PATH], digests[2][SHA_TEXT], *end = NULL;
    size_t count = 0, cases = 0;
    for (; lines[count]; count++) {
        all[count] = lines[count];
        cases += strstr(lines[count], "\"record\":\"case\"") != NULL;
    }
    snprintf(path, sizeof path, "%s/claims.json", f->lab);
    assert_int_equal(fixture_write(path, claims, strlen(claims)), 0);
    assert_int_equal(sha_bytes(claims, strlen(claims), digests[0]), 0);
    snprintf(path, sizeof path, "%s/table.tsv", f->lab);
    unlink(path);
    if (table) {
        assert_int_equal(fixture_write(path, table, strlen(table)), 0);
        assert_int_equal(sha_bytes(table, strlen(table), digests[1]), 0);
    }
    assert_true(asprintf(&end,
                         "{\"record\":\"end\",\"cases\":%zu,\"previous\":\"PREVIOUS\","
                         "\"files\":{\"claims.json\":\"%s\"%s%s%s}}",
                         cases, digests[0], table ? ",\"table.tsv\":\"" : "",
                         table ? digests[1] : "", table ? "\"" : "") > 0);
    all[count++] = end;
    all[count] = NULL;
    forge(f, all);
    free(end);
}

/* run.json with "complete" as given. */
static inline void forge_complete(const struct fixture *f, bool complete) {
    char path[FORGE_PATH], why[200];
    size_t size;
    snprintf(path, sizeof path, "%s/run.json", f->dir);
    char *text = fixture_read(path, &size);
    json_t *run = journal_unseal(text, size, why, sizeof why);
    assert_non_null(run);
    json_object_del(run, "hash");
    json_object_set_new(json_object_get(run, "run"), "complete", json_boolean(complete));
    char *sealed = journal_seal(run);
    assert_int_equal(fixture_write(path, sealed, strlen(sealed)), 0);
    free(sealed);
    json_decref(run);
    free(text);
}

#endif

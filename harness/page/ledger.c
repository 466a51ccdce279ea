/*
 * ledger.c: reads sets for the ledger, and writes what one is (ledger.h).
 */
#define _GNU_SOURCE
#include "harness/page/ledger.h"

#include <dirent.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "harness/error.h"
#include "harness/page/claim_table.h"
#include "harness/page/escape.h"
#include "harness/page/report.h"
#include "harness/page/units.h"
#include "harness/store/checked.h"
#include "harness/store/pack.h"
#include "harness/store/record.h"
#include "harness/store/rests.h"
#include "harness/text.h"

static int short_of_memory(void) {
    return error_set("out of memory; close other programs");
}

/* --- reading -----------------------------------------------------------------------------------
 */

#define OTHERS_MOST 65536

/* Results of older builds say nothing of what their verdicts rest on: {id and device of a case:
 * enum rests}, where that is not what the device says. */
static int see_case(void *context, const struct reader *reader, const json_t *record) {
    json_t *rests = context;
    const struct reader_case *read = &reader->cases[reader->case_count - 1];
    const json_t *first = json_array_get(json_object_get(record, "rows"), 0);
    enum rests one = rests_of_row(record, first);
    char key[RECORD_ID_MAX + 32];
    if (one == rests_of_device(read->device) || json_object_size(rests) == OTHERS_MOST)
        return 0;
    snprintf(key, sizeof key, "%s %s", read->id, read->device);
    return json_object_set_new(rests, key, json_integer(one)) == 0 ? 0 : short_of_memory();
}

/* The verdict's cases that are named, in place of all of its rows. */
static int add_rests(json_t *claim, const json_t *rests) {
    const char *device = claim_text(claim, "device");
    enum rests usual = rests_of_device(device);
    struct rests_on on = {{0}};
    json_t *id;
    size_t k;
    json_array_foreach(json_object_get(claim, "evidence"), k, id) {
        char key[RECORD_ID_MAX + 32];
        snprintf(key, sizeof key, "%s %s", json_string_value(id), device);
        const json_t *other = json_object_get(rests, key);
        enum rests one = other ? (enum rests)json_integer_value(other) : usual;
        if (one < RESTS)
            on.rows[one]++;
    }
    return k > 0 ? json_object_set_new(claim, "rests_on", rests_json(&on)) : 0;
}

static int read_folder(void *context, const char *dir) {
    struct ledger_session *s = context;
    struct checked *checked;
    json_t *rests = json_object(), *claim;
    const struct reader_watch watch = {NULL, see_case, rests};
    size_t i;
    int opened = rests ? checked_open_watched(&checked, dir, &watch) : short_of_memory();
    if (opened != 0) {
        json_decref(rests);
        return -1;
    }
    int status = 0;
    s->run = json_incref(checked->run);
    s->labs = json_object();
    s->cases = json_object();
    for (size_t k = 0; k < checked->lab_count; k++) {
        const struct checked_lab *lab = &checked->labs[k];
        json_array_foreach(lab->claims, i, claim) {
            if (!json_object_get(claim, "rests_on"))
                status |= add_rests(claim, rests);
        }
        status |= json_object_set(s->labs, lab->name, lab->claims);
        status |= json_object_set_new(s->cases, lab->name,
                                      json_integer((json_int_t)lab->reader->case_count));
    }
    checked_close(checked);
    json_decref(rests);
    return status == 0 ? 0 : short_of_memory();
}

/* The last part of a path. */
static void last_part(char *out, size_t size, const char *path) {
    char name[FOLDER_PATH];
    size_t end = strlen(path), begin;
    while (end > 1 && path[end - 1] == '/')
        end--;
    for (begin = end; begin > 0 && path[begin - 1] != '/';)
        begin--;
    snprintf(name, sizeof name, "%.*s", (int)(end - begin), path + begin);
    text_plain(out, size, name);
}

static int add_session(struct ledger_set *set, const char *path) {
    struct ledger_session *more = realloc(set->sessions, (set->count + 1) * sizeof *more);
    struct pack pack;
    struct stat file;
    if (!more)
        return short_of_memory();
    set->sessions = more;
    struct ledger_session *s = &set->sessions[set->count++];
    *s = (struct ledger_session){0};
    last_part(s->file, sizeof s->file, path);
    if (!pack_is_archive(path))
        return read_folder(s, path);
    if (pack_visit(path, read_folder, s, &pack) != 0)
        return -1;
    memcpy(s->content, pack.content, sizeof pack.content);
    s->bytes = stat(path, &file) == 0 ? (uint64_t)file.st_size : 0;
    return 0;
}

static int is_session(const struct dirent *entry) {
    static const char head[] = "session-";
    const char *digits = entry->d_name + sizeof head - 1;
    size_t count =
        strncmp(entry->d_name, head, sizeof head - 1) == 0 ? strspn(digits, "0123456789") : 0;
    return count > 0 && (!digits[count] || strcmp(digits + count, PACK_SUFFIX) == 0);
}

static int add_sessions(struct ledger_set *set, const char *path) {
    struct dirent **list = NULL;
    int count = scandir(path, &list, is_session, versionsort), status = 0;
    if (count <= 0 || count > LEDGER_SESSIONS_MOST)
        status = error_set("%s: holds no sessions (session-1" PACK_SUFFIX ", …), or more than %d; "
                           "name a set's folder",
                           path, LEDGER_SESSIONS_MOST);
    for (int k = 0; k < count; k++) {
        char session[FOLDER_PATH];
        if (snprintf(session, sizeof session, "%s/%s", path, list[k]->d_name) >=
            (int)sizeof session)
            status = error_set("%s: its name is too long; use a shorter one", path);
        if (status == 0)
            status = add_session(set, session);
        free(list[k]);
    }
    free(list);
    return status;
}

int ledger_open(struct ledger_set *set, const char *path) {
    struct folder folder;
    *set = (struct ledger_set){0};
    last_part(set->name, sizeof set->name, path);
    if (pack_is_archive(path))
        return add_session(set, path);
    if (folder_open(&folder, path) != 0)
        return -1;
    bool is_result = folder_has(&folder, "run.json");
    folder_close(&folder);
    return is_result ? add_session(set, path) : add_sessions(set, path);
}

void ledger_close(struct ledger_set *set) {
    for (size_t k = 0; k < set->count; k++) {
        json_decref(set->sessions[k].run);
        json_decref(set->sessions[k].labs);
        json_decref(set->sessions[k].cases);
    }
    free(set->sessions);
    *set = (struct ledger_set){0};
}

/* --- a set's README ----------------------------------------------------------------------------
 */

static const char *text_of(const json_t *object, const char *name) {
    return json_string_value(json_object_get(object, name));
}

/* A time as nanolab writes it, "2026-11-28T20:05:54Z", needs no escape; anything else does. */
static void put_time(const char *text, FILE *out) {
    if (text && strspn(text, "0123456789-:TZ") == strlen(text) && strlen(text) == 20)
        fputs(text, out);
    else
        escape_inline(out, text);
}

static void session_row(const struct ledger_session *s, FILE *out) {
    const json_t *asked = json_object_get(s->run, "run");
    const json_t *load = json_object_get(json_object_get(s->run, "machine"), "load_1min");
    char size[UNITS_TEXT];
    fputs("| ", out);
    escape_inline(out, s->file);
    fputs(" | ", out);
    put_time(text_of(asked, "start"), out);
    fputs(" | ", out);
    put_time(text_of(asked, "end"), out);
    if (json_is_number(load))
        fprintf(out, " | %.1f | ", json_number_value(load));
    else
        fputs(" | – | ", out);
    fputs(s->bytes ? units_number(size, sizeof size, (double)s->bytes, "bytes") : "a folder", out);
    fprintf(out, " | %.12s |\n", *s->content ? s->content : "–");
}

static void labs_table(const struct ledger_set *set, FILE *out) {
    const char *lab;
    json_t *claims;
    fputs("| lab | cases | claims |\n|---|--:|--:|\n", out);
    json_object_foreach(set->sessions[0].labs, lab, claims) {
        json_t *ids = json_object(), *entry;
        size_t k;
        json_array_foreach(claims, k, entry) {
            json_object_set_new(ids, claim_text(entry, "id"), json_true());
        }
        fputs("| ", out);
        escape_inline(out, lab);
        fprintf(out, " | %lld | %zu |\n",
                (long long)json_integer_value(json_object_get(set->sessions[0].cases, lab)),
                json_object_size(ids));
        json_decref(ids);
    }
    fputc('\n', out);
}

void ledger_about(const struct ledger_set *set, FILE *out) {
    const json_t *run = set->sessions[0].run, *asked = json_object_get(run, "run");
    const json_t *trimmed = json_object_get(run, "trimmed");
    const char *devices = text_of(asked, "device_list");
    bool simulated = devices && strcmp(devices, "simt") == 0;
    fputs("# ", out);
    escape_inline(out, set->name);
    fputs("\n\nWritten by `nanolab claims --about` from what the sessions record of their machine "
          "and build.\n\n",
          out);
    if (simulated) {
        fputs("A simulated GPU: the CUDA kernels' own source on a processor, with the matrix "
              "instructions of the card ",
              out);
        escape_inline(out, text_of(asked, "simt_card"));
        fputs(". Bits, which do not depend on the processor; no times.\n\n", out);
    }
    report_provenance(run, out);
    fputs("The table is that of the first session. All of them:\n\n"
          "| session | started | ended | load at start | size | content |\n"
          "|---|---|---|--:|--:|---|\n",
          out);
    for (size_t k = 0; k < set->count; k++)
        session_row(&set->sessions[k], out);
    fputc('\n', out);
    if (trimmed)
        fprintf(out, "They are trimmed by rule %lld of [results/README.md](../../README.md).\n\n",
                (long long)json_integer_value(json_object_get(trimmed, "rule")));
    labs_table(set, out);
    if (!simulated)
        report_warnings(run, out);
    report_reproduce(run, out);
}

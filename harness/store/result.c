/*
 * result.c: what is written into a lab's folder once it is open (result.h).
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "harness/error.h"
#include "harness/lab/claims.h"
#include "harness/store/benchmark_json.h"
#include "harness/store/limits.h"
#include "harness/store/provenance.h"
#include "harness/store/record.h"
#include "harness/store/result_inside.h"

void result_close(struct result *result) {
    if (!result)
        return;
    journal_close(&result->writer);
    reader_close(result->reader);
    json_decref(result->claims);
    json_decref(result->files);
    if (result->owns_run && !result->failed)
        result_run_finish(result->dir, result->complete, NULL);
    free(result);
}

bool result_complete(const struct result *result) {
    return result->complete;
}

bool result_failed(const struct result *result) {
    return result->failed;
}

const char *result_folder(const struct result *result) {
    return result->reader->folder.path;
}

size_t result_case_count(const struct result *result) {
    return result->reader->case_count;
}

size_t result_resumed_count(const struct result *result) {
    return result->resumed;
}

const struct reader *result_reader(const struct result *result) {
    return result->reader;
}

const json_t *result_claims(const struct result *result) {
    return result->claims;
}

/* After the first failure nothing more is written: what is there stays valid. */
static int writable(struct result *result) {
    if (result->failed)
        return -1;
    if (result->complete)
        return error_set("%s: is complete; start a new run with --out",
                         result->reader->folder.path);
    return 0;
}

static int status_of(struct result *result, int status) {
    if (status != 0)
        result->failed = true;
    return status;
}

/* Before anything is written: what a reader would refuse is not recorded. */
static int has_place_for(struct result *result, size_t cases) {
    if (cases <= LIMIT_CASES - result->reader->case_count)
        return 0;
    return status_of(result, error_set("%s: a lab records at most %zu cases (LIMIT_CASES); make "
                                       "one case of several, with rows",
                                       result->writer.path, LIMIT_CASES));
}

static int add_case(struct result *result, const char *device, const char *id,
                    struct journal_place place) {
    if (reader_add(result->reader, device, id, place.offset, place.size) == 0)
        return 0;
    return status_of(result, error_set("%s: the case %s on %s was recorded twice, or memory is "
                                       "short",
                                       result->writer.path, id, device));
}

int result_append(struct result *result, const char *device, const char *id, const json_t *record) {
    struct journal_place place;
    json_t *one = (json_t *)record;
    if (writable(result) != 0 || has_place_for(result, 1) != 0)
        return -1;
    if (journal_append_all(&result->writer, &one, 1, &place) != 0)
        return status_of(result, -1);
    return add_case(result, device, id, place);
}

int result_append_group(struct result *result, const char *device, const char *group,
                        json_t *const *records, size_t count) {
    struct journal_place *places = calloc(count + 1, sizeof *places);
    if (writable(result) != 0 || !places || has_place_for(result, count) != 0) {
        free(places);
        return result->failed ? -1 : error_set("%s: out of memory", result->writer.path);
    }
    int status = status_of(result, journal_append_all(&result->writer, records, count, places));
    for (size_t k = 0; k < count && status == 0; k++)
        status = add_case(result, device, json_string_value(json_object_get(records[k], "id")),
                          places[k]);
    free(places);
    return status == 0 ? status_of(result, reader_add_group(result->reader, device, group)) : -1;
}

int result_note(struct result *result, const char *text) {
    json_t *value = json_string(text);
    if (!value || writable(result) != 0) {
        json_decref(value);
        return -1;
    }
    const json_t *notes = result->reader->notes;
    /* The person watching has read the others. */
    bool known = json_array_size(notes) >= LIMIT_NOTES;
    for (size_t i = 0; i < json_array_size(notes); i++)
        known = known || json_equal(json_array_get(notes, i), value);
    int status = 0;
    if (!known) {
        json_t *record = json_pack("{s:s, s:O}", "record", "note", "text", value);
        char why[200];
        if (record_check(record, why, sizeof why) != 0)
            status = error_set("a note is refused: %s", why);
        else if ((status =
                      status_of(result, journal_append(&result->writer, record, NULL, NULL))) == 0)
            json_array_append(result->reader->notes, value);
        json_decref(record);
    }
    json_decref(value);
    return status;
}

int result_side(struct result *result, const char *name, const void *data, size_t size) {
    struct folder side;
    const struct folder *folder = &result->reader->folder;
    if (writable(result) != 0)
        return -1;
    if (size > LIMIT_SIDE_BYTES)
        return status_of(result, error_set("%s/%s: a series of %zu bytes is longer than a side "
                                           "file can be (LIMIT_SIDE_BYTES); record a part of it",
                                           folder->path, RECORD_SIDE_FOLDER, size));
    if (mkdirat(folder->fd, RECORD_SIDE_FOLDER, 0777) != 0 && errno != EEXIST)
        return status_of(result, error_set("%s/%s: cannot be made: %s", folder->path,
                                           RECORD_SIDE_FOLDER, folder_advice(errno)));
    if (folder_open_in(&side, folder, RECORD_SIDE_FOLDER) != 0)
        return status_of(result, -1);
    int status = folder_write(&side, name, data, size);
    folder_close(&side);
    return status_of(result, status);
}

int result_file(struct result *result, const char *name, const void *data, size_t size) {
    if (writable(result) != 0)
        return -1;
    if (size > LIMIT_DOCUMENT_BYTES)
        return status_of(result, error_set("%s/%s: %zu bytes are more than a table can have "
                                           "(LIMIT_DOCUMENT_BYTES); write fewer rows",
                                           result->reader->folder.path, name, size));
    int status = folder_write(&result->reader->folder, name, data, size);
    if (status == 0 && json_object_set_new(result->files, name, json_true()) != 0)
        status = error_set("%s: out of memory; close other programs", result->writer.path);
    return status_of(result, status);
}

/* Every piece of evidence must be a case of this journal. */
static int check_evidence(const struct reader *reader, const struct claim *claim,
                          const char *device, const json_t *evidence) {
    for (size_t i = 0; i < json_array_size(evidence); i++) {
        const char *id = json_string_value(json_array_get(evidence, i));
        size_t k = 0;
        while (k < reader->case_count && strcmp(reader->cases[k].id, id) != 0)
            k++;
        if (k == reader->case_count)
            return error_set("claim %s on %s: its evidence \"%s\" is no recorded case; correct "
                             "the lab's check",
                             claim->id, device, id);
    }
    return 0;
}

int result_claim(struct result *result, const struct claim *claim, const char *device_id,
                 struct finding *finding) {
    json_t *entry = claims_entry(claim, device_id, finding);
    json_decref(finding->evidence);
    json_decref(finding->numbers);
    json_decref(finding->rests);
    finding->evidence = finding->numbers = finding->rests = NULL;
    if (!entry)
        return -1;
    if (check_evidence(result->reader, claim, device_id, json_object_get(entry, "evidence")) != 0) {
        json_decref(entry);
        return -1;
    }
    return json_array_append_new(result->claims, entry);
}

/* --- the end --- */

static int note_side_files(void *context, const json_t *record) {
    const json_t *list = json_object_get(record, "series");
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *file = json_object_get(json_array_get(list, i), "file");
        if (json_is_string(file))
            json_object_set_new(context, json_string_value(file), json_true());
    }
    return 0;
}

/* Side files that no record names: of cases in flight when an earlier session was killed. */
static int remove_orphans(const struct reader *reader) {
    struct folder side;
    if (!folder_has(&reader->folder, RECORD_SIDE_FOLDER))
        return 0;
    if (folder_open_in(&side, &reader->folder, RECORD_SIDE_FOLDER) != 0)
        return -1;
    json_t *named = json_object();
    int status = reader_cases(reader, "", NULL, note_side_files, named);
    DIR *list = status == 0 ? fdopendir(dup(side.fd)) : NULL;
    for (struct dirent *entry; list && (entry = readdir(list));) {
        const char *name = entry->d_name;
        if (strcmp(name, ".") != 0 && strcmp(name, "..") != 0 && !json_object_get(named, name))
            unlinkat(side.fd, name, 0);
    }
    if (list)
        closedir(list);
    json_decref(named);
    folder_close(&side);
    return status;
}

static int add_digest(const struct folder *folder, const char *name, json_t *files) {
    char digest[SHA_TEXT];
    int fd = folder_open_file(folder, name, NULL);
    if (fd < 0)
        return -1;
    int status = sha_file(fd, digest, NULL);
    close(fd);
    if (status != 0)
        return error_set("%s/%s: cannot be read: %s", folder->path, name, strerror(errno));
    json_object_set_new(files, name, json_string(digest));
    return 0;
}

/* The digests of everything that is sealed with the journal: documents, and the tables that this
 * session wrote. What else lies there is not ours. */
static int digest_files(const struct result *result, json_t *files) {
    const struct folder *folder = &result->reader->folder;
    const char *name;
    json_t *value;
    if (add_digest(folder, "claims.json", files) != 0 ||
        add_digest(folder, "benchmark.json", files) != 0)
        return -1;
    json_object_foreach(result->files, name, value) {
        if (add_digest(folder, name, files) != 0)
            return -1;
    }
    return 0;
}

static int write_documents(struct result *result) {
    const struct reader *reader = result->reader;
    json_t *claims = json_pack("{s:i, s:O, s:O}", "format", RECORD_FORMAT, "lab",
                               json_object_get(reader->start, "lab"), "claims", result->claims);
    int status = folder_write_json(&reader->folder, "claims.json", claims);
    json_decref(claims);
    return status != 0 ? -1 : benchmark_json_write(reader);
}

int result_finish(struct result *result) {
    struct reader *reader = result->reader;
    if (writable(result) != 0)
        return -1;
    json_t *files = json_object();
    if (write_documents(result) != 0 || remove_orphans(reader) != 0 ||
        digest_files(result, files) != 0) {
        json_decref(files);
        return status_of(result, -1);
    }
    json_t *end =
        json_pack("{s:s, s:o, s:I, s:s, s:o}", "record", "end", "ended", provenance_now(), "cases",
                  (json_int_t)reader->case_count, "previous", result->writer.hash, "files", files);
    int status = journal_append(&result->writer, end, NULL, NULL);
    json_decref(end);
    result->complete = status == 0;
    return status_of(result, status);
}

/*
 * result.c: a lab's folder, open for writing (result.h).
 *
 * The journal's writer and a reader of the same file go together: what was appended is found again
 * by the reader at once, and a resumed run starts from what the reader accepted.
 */
#include "harness/store/result.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "harness/error.h"
#include "harness/lab/claims.h"
#include "harness/lab/run.h"
#include "harness/store/benchmark_json.h"
#include "harness/store/journal.h"
#include "harness/store/provenance.h"
#include "harness/store/reader.h"
#include "harness/store/record.h"
#include "harness/store/result_run.h"

struct result {
    struct reader *reader;
    struct journal_writer writer;
    size_t resumed; /* cases of earlier sessions */
    json_t *claims;
    char dir[RESULT_PATH_MAX];
    bool owns_run; /* closes run.json as well */
    bool complete; /* there is an end record */
    bool failed;
};

static json_t *device_names(struct device *const *devices, size_t count) {
    json_t *list = json_array();
    for (size_t i = 0; i < count; i++)
        json_array_append_new(list, json_string(device_id(devices[i])));
    return list;
}

static json_t *fingerprint_of(const struct result_setup *setup) {
    struct device *all[2 * RESULT_DEVICES_MAX];
    return provenance_fingerprint(all, result_setup_devices(setup, all));
}

/* Every name that the lab records, with its unit and meaning. */
static void add_quantities(json_t *all, const struct quantity *quantities, size_t count) {
    for (size_t k = 0; k < count; k++)
        json_object_set_new(
            all, quantities[k].name,
            json_pack("{s:s, s:s}", "unit", quantities[k].unit, "what", quantities[k].what));
}

static json_t *quantities_of(const struct lab *lab) {
    json_t *all = json_object();
    add_quantities(all, run_quantities, run_quantity_count);
    add_quantities(all, lab->quantities, lab->quantity_count);
    return all;
}

static json_t *start_record(const struct result_setup *setup, const char *lab) {
    char seed[24];
    snprintf(seed, sizeof seed, "%llu", (unsigned long long)setup->seed);
    return json_pack("{s:s, s:i, s:s, s:s, s:s, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "record",
                     "start", "format", RECORD_FORMAT, "lab", lab, "mode",
                     result_mode_name(setup->mode), "seed", seed, "bits",
                     device_names(setup->bits, setup->bits_count), "time",
                     device_names(setup->time, setup->time_count), "started", provenance_now(),
                     "fingerprint", fingerprint_of(setup), "devices",
                     result_setup_provenance(setup), "software", provenance_software(), "machine",
                     provenance_machine(), "quantities", quantities_of(setup->lab));
}

static int lock_folder(const struct folder *folder) {
    /* A lab whose driver was just killed dies a moment after it. */
    const struct timespec moment = {.tv_nsec = 20000000};
    for (int tries = 0; tries < 50; tries++) {
        if (flock(folder->fd, LOCK_EX | LOCK_NB) == 0)
            return 0;
        if (errno != EWOULDBLOCK)
            break;
        nanosleep(&moment, NULL);
    }
    if (errno == EWOULDBLOCK)
        return error_set("%s: another run is writing to it; wait for it, or choose another "
                         "folder with --out",
                         folder->path);
    return error_set("%s: cannot be locked: %s", folder->path, strerror(errno));
}

/* Removes what crashed writers left in a folder: ".<prefix>…" files and folders. */
static void remove_leftovers(const struct folder *folder, const char *prefix) {
    int fd = dup(folder->fd);
    DIR *list = fd >= 0 ? fdopendir(fd) : NULL;
    if (!list) {
        if (fd >= 0)
            close(fd);
        return;
    }
    rewinddir(list);
    for (struct dirent *entry; (entry = readdir(list));) {
        const char *name = entry->d_name;
        if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0 || name[0] != '.' ||
            strncmp(name + 1, prefix, strlen(prefix)) != 0)
            continue;
        if (unlinkat(folder->fd, name, 0) != 0)
            folder_remove_tree(folder->fd, name);
    }
    closedir(list);
}

/* Fills a temporary folder and renames it to its name; on success `made` is open and locked. */
static int fill_lab_folder(const struct result_setup *setup, const struct folder *outer,
                           const char *lab, const char *temporary, struct folder *made) {
    struct journal_writer writer;
    snprintf(made->path, sizeof made->path, "%.4000s/%s", outer->path, lab);
    made->fd = openat(outer->fd, temporary, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (made->fd < 0)
        return error_set("%s: cannot be made: %s", made->path, folder_advice(errno));
    if (lock_folder(made) != 0 || journal_create(&writer, made) != 0)
        return -1;
    json_t *start = start_record(setup, lab);
    int status = journal_append(&writer, start, NULL, NULL);
    json_decref(start);
    journal_close(&writer);
    if (status != 0 || folder_sync(made) != 0)
        return -1;
    if (renameat(outer->fd, temporary, outer->fd, lab) == 0)
        return folder_sync(outer);
    if (errno == EEXIST || errno == ENOTEMPTY || errno == ENOTDIR)
        return error_set("%s: is there already; go on with --resume %s, or choose another "
                         "folder with --out",
                         made->path, outer->path);
    return error_set("%s: cannot be made: %s", made->path, folder_advice(errno));
}

static int make_lab_folder(const struct result_setup *setup, const struct folder *outer,
                           const char *lab, struct folder *made) {
    char temporary[96], prefix[80];
    snprintf(prefix, sizeof prefix, "%.63s.new", lab);
    snprintf(temporary, sizeof temporary, ".%s", prefix);
    /* One maker at a time, so that what is lying there is a crashed one's. */
    if (flock(outer->fd, LOCK_EX) != 0)
        return error_set("%s: cannot be locked: %s", outer->path, strerror(errno));
    remove_leftovers(outer, prefix);
    int status = -1;
    made->fd = -1;
    if (mkdirat(outer->fd, temporary, 0777) != 0)
        error_set("%s/%s: cannot be made: %s", outer->path, lab, folder_advice(errno));
    else
        status = fill_lab_folder(setup, outer, lab, temporary, made);
    if (status != 0) {
        folder_close(made);
        folder_remove_tree(outer->fd, temporary);
    }
    flock(outer->fd, LOCK_UN);
    return status;
}

/* A run goes on only where it was begun: all its numbers must come from one machine and build. */
static int check_same(const json_t *recorded, const json_t *here, const char *path) {
    char was[300], is[300];
    const char *field = provenance_difference(recorded, here, was, is, sizeof was);
    if (!field)
        return 0;
    return error_set("%s: made on another machine or build: %s was %s, here it is %s; resume "
                     "it there, or start a new run with --out",
                     path, field, was, is);
}

static int check_same_run(const json_t *run, const struct result_setup *setup) {
    char path[RESULT_PATH_MAX + 16];
    snprintf(path, sizeof path, "%s/run.json", setup->dir);
    json_t *here = result_run_fingerprint();
    int status = check_same(json_object_get(run, "fingerprint"), here, path);
    json_decref(here);
    return status;
}

static int check_same_lab(const struct reader *reader, const struct result_setup *setup) {
    const char *mode = json_string_value(json_object_get(reader->start, "mode"));
    const char *seed = json_string_value(json_object_get(reader->start, "seed"));
    if (strcmp(mode, result_mode_name(setup->mode)) != 0)
        return error_set("%s: recorded in %s mode; a run cannot change its mode, start a new "
                         "one with --out",
                         reader->path, mode);
    if (strtoull(seed, NULL, 10) != setup->seed)
        return error_set("%s: recorded with seed %s; a run cannot change its seed, start a new "
                         "one with --out",
                         reader->path, seed);
    json_t *bits = device_names(setup->bits, setup->bits_count);
    json_t *time = device_names(setup->time, setup->time_count);
    bool same = json_equal(bits, json_object_get(reader->start, "bits")) &&
                json_equal(time, json_object_get(reader->start, "time"));
    json_decref(bits);
    json_decref(time);
    if (!same)
        return error_set("%s: recorded on other devices; a run cannot change them, start a new "
                         "one with --out",
                         reader->path);
    json_t *here = fingerprint_of(setup);
    int status = check_same(json_object_get(reader->start, "fingerprint"), here, reader->path);
    json_decref(here);
    return status;
}

/* Goes on behind the last good line. */
static int begin_session(struct result *result) {
    struct reader *reader = result->reader;
    if (journal_continue(&result->writer, &reader->folder, reader->length, reader->hash) != 0)
        return -1;
    json_t *record = json_pack("{s:s, s:o, s:I}", "record", "resume", "started", provenance_now(),
                               "dropped_bytes", (json_int_t)reader->cut);
    int status = journal_append(&result->writer, record, NULL, NULL);
    json_decref(record);
    return status;
}

static int open_lab(struct result *result, enum result_entry how, const struct result_setup *setup,
                    const struct folder *outer, const char *lab) {
    struct folder folder;
    bool resume = how == RESULT_RESUME && folder_has(outer, lab);
    if (!resume && make_lab_folder(setup, outer, lab, &folder) != 0)
        return -1;
    if (resume && folder_open_in(&folder, outer, lab) != 0)
        return -1;
    if (resume && lock_folder(&folder) != 0) {
        folder_close(&folder);
        return -1;
    }
    if (reader_open_folder(&result->reader, &folder, lab) != 0)
        return -1;
    struct reader *reader = result->reader;
    if (!resume)
        return journal_continue(&result->writer, &reader->folder, reader->length, reader->hash);
    if (check_same_lab(reader, setup) != 0)
        return -1;
    result->resumed = reader->case_count;
    result->complete = reader->end != NULL;
    if (result->complete) {
        json_decref(result->claims);
        result->claims = reader_claims(reader);
        return result->claims ? 0 : -1;
    }
    remove_leftovers(&reader->folder, "");
    return begin_session(result);
}

static int open_run(struct result *result, enum result_entry how, const struct result_setup *setup,
                    const char *lab) {
    struct folder outer;
    if (how == RESULT_NEW) {
        struct result_setup alone = *setup;
        alone.labs = &lab;
        alone.lab_count = 1;
        if (result_run_create(&alone) != 0)
            return -1;
    }
    json_t *run = reader_run(setup->dir);
    int status = run ? check_same_run(run, setup) : -1;
    const json_t *labs = json_object_get(json_object_get(run, "run"), "labs");
    bool ended = json_is_true(json_object_get(json_object_get(run, "run"), "complete"));
    /* Under the driver, or with nothing left to do, run.json is not this lab's to end. */
    result->owns_run =
        how == RESULT_NEW || (how == RESULT_RESUME && json_array_size(labs) == 1 && !ended);
    json_decref(run);
    if (status != 0 || folder_open(&outer, setup->dir) != 0)
        return -1;
    status = open_lab(result, how, setup, &outer, lab);
    folder_close(&outer);
    return status;
}

int result_open(struct result **out, enum result_entry how, const struct result_setup *setup) {
    char lab[64];
    *out = NULL;
    snprintf(lab, sizeof lab, "%02d-%.50s", setup->lab->number, setup->lab->name);
    if (!record_lab_is_good(lab))
        return error_set("\"%s\" is no lab's name: two digits, a dash, then a-z, 0-9 and -", lab);
    struct result *result = calloc(1, sizeof *result);
    if (!result)
        return error_set("out of memory");
    result->writer.fd = -1;
    result->claims = json_array();
    snprintf(result->dir, sizeof result->dir, "%s", setup->dir);
    /* A file size limit must be an error of write(), not the end of the process. */
    signal(SIGXFSZ, SIG_IGN);
    if (open_run(result, how, setup, lab) != 0) {
        result->owns_run = false;
        result_close(result);
        return -1;
    }
    *out = result;
    return 0;
}

void result_close(struct result *result) {
    if (!result)
        return;
    journal_close(&result->writer);
    reader_close(result->reader);
    json_decref(result->claims);
    if (result->owns_run && !result->failed)
        result_run_finish(result->dir, result->complete);
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
    if (writable(result) != 0)
        return -1;
    if (journal_append_all(&result->writer, &one, 1, &place) != 0)
        return status_of(result, -1);
    return add_case(result, device, id, place);
}

int result_append_group(struct result *result, const char *device, const char *group,
                        json_t *const *records, size_t count) {
    struct journal_place *places = calloc(count + 1, sizeof *places);
    if (writable(result) != 0 || !places) {
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
    bool known = false;
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
    return status_of(result, folder_write(&result->reader->folder, name, data, size));
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
    finding->evidence = finding->numbers = NULL;
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
        return error_set("%s/%s: cannot be read", folder->path, name);
    json_object_set_new(files, name, json_string(digest));
    return 0;
}

/* The digests of everything that is sealed with the journal: documents and tables. */
static int digest_files(const struct folder *folder, json_t *files) {
    if (add_digest(folder, "claims.json", files) != 0 ||
        add_digest(folder, "benchmark.json", files) != 0)
        return -1;
    DIR *list = fdopendir(dup(folder->fd));
    if (!list)
        return error_set("%s: cannot be listed: %s", folder->path, strerror(errno));
    rewinddir(list);
    int status = 0;
    for (struct dirent *entry; status == 0 && (entry = readdir(list));) {
        size_t length = strlen(entry->d_name);
        if (entry->d_name[0] != '.' && length > 4 &&
            strcmp(entry->d_name + length - 4, ".tsv") == 0)
            status = add_digest(folder, entry->d_name, files);
    }
    closedir(list);
    return status;
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
        digest_files(&reader->folder, files) != 0) {
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

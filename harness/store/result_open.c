/*
 * result_open.c: makes a lab's folder, or takes one up (result.h).
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "harness/error.h"
#include "harness/lab/run.h"
#include "harness/store/checked.h"
#include "harness/store/durable.h"
#include "harness/store/provenance.h"
#include "harness/store/record.h"
#include "harness/store/result_inside.h"
#include "harness/store/result_run.h"

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

/* Of a build, and of what in it this lab runs. */
static json_t *software_of(const struct lab *lab) {
    json_t *software = provenance_software();
    json_object_set_new(software, "kernels", provenance_kernels(lab->kernels, lab->kernel_count));
    return software;
}

/* NULL with error_text(). */
static json_t *start_record(const struct result_setup *setup, const char *lab) {
    char seed[24];
    json_t *fingerprint = fingerprint_of(setup);
    if (!fingerprint)
        return NULL;
    snprintf(seed, sizeof seed, "%llu", (unsigned long long)setup->seed);
    json_t *record = json_pack(
        "{s:s, s:i, s:s, s:s, s:s, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "record", "start",
        "format", RECORD_FORMAT, "lab", lab, "mode", result_mode_name(setup->mode), "seed", seed,
        "bits", device_names(setup->bits, setup->bits_count), "time",
        device_names(setup->time, setup->time_count), "started", provenance_now(), "fingerprint",
        fingerprint, "devices", result_setup_provenance(setup), "software", software_of(setup->lab),
        "machine", provenance_machine(), "quantities", quantities_of(setup->lab));
    if (!record)
        error_set("%s/%s: out of memory; close other programs", setup->dir, lab);
    return record;
}

static int lock_folder(const struct folder *folder) {
    /* A lab whose driver was just killed dies a moment after it. */
    const struct timespec moment = {.tv_nsec = 20000000};
    for (int tries = 0; tries < 50; tries++) {
        if (durable_lock(folder->fd, folder->path, false) == 0)
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

/* Removes what an earlier session of a partial lab left in its folder: temporary names, and
 * documents and tables that nothing seals. */
static void remove_leftovers(const struct folder *folder) {
    int fd = openat(folder->fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *list = fd >= 0 ? fdopendir(fd) : NULL;
    if (!list && fd >= 0)
        close(fd);
    for (struct dirent *entry; list && (entry = readdir(list));) {
        const char *name = entry->d_name;
        size_t length = strlen(name);
        if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
            continue;
        bool unsealed = strcmp(name, "claims.json") == 0 || strcmp(name, "benchmark.json") == 0 ||
                        (length > 4 && strcmp(name + length - 4, ".tsv") == 0);
        if ((unsealed || name[0] == '.') && unlinkat(folder->fd, name, 0) != 0 && !unsealed)
            folder_remove_tree(folder->fd, name);
    }
    if (list)
        closedir(list);
}

/* Fills a temporary folder, open and locked as `made`, and renames it to its name. */
static int fill_lab_folder(const struct result_setup *setup, const struct folder *outer,
                           const char *lab, const char *temporary, const struct folder *made) {
    struct journal_writer writer;
    if (journal_create(&writer, made) != 0)
        return -1;
    json_t *start = start_record(setup, lab);
    int status = start ? journal_append(&writer, start, NULL, NULL) : -1;
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
    char temporary[DURABLE_NAME];
    durable_clean(outer->fd, lab);
    snprintf(made->path, sizeof made->path, "%.4000s/%s", outer->path, lab);
    made->fd = durable_temporary_folder(outer->fd, lab, temporary);
    if (made->fd < 0)
        return error_set("%s: cannot be made: %s", made->path, folder_advice(errno));
    /* Again, aloud: the lock goes with the folder to its name. */
    int status = lock_folder(made);
    if (status == 0)
        status = fill_lab_folder(setup, outer, lab, temporary, made);
    if (status != 0) {
        folder_close(made);
        folder_remove_tree(outer->fd, temporary);
    }
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
    int status = !here ? -1 : check_same(json_object_get(run, "fingerprint"), here, path);
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
    int status =
        !here ? -1 : check_same(json_object_get(reader->start, "fingerprint"), here, reader->path);
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
                    const struct folder *outer, const char *lab, const json_t *run) {
    struct folder folder;
    struct limits left = LIMITS_WHOLE;
    json_t *claims = NULL;
    bool resume = how == RESULT_RESUME && folder_has(outer, lab);
    if (!resume && make_lab_folder(setup, outer, lab, &folder) != 0)
        return -1;
    if (resume && folder_open_in(&folder, outer, lab) != 0)
        return -1;
    if (resume && lock_folder(&folder) != 0) {
        folder_close(&folder);
        return -1;
    }
    if (reader_open_folder(&result->reader, &folder, lab, &left) != 0)
        return -1;
    struct reader *reader = result->reader;
    if (!resume)
        return journal_continue(&result->writer, &reader->folder, reader->length, reader->hash);
    if (check_same_lab(reader, setup) != 0 ||
        checked_reader(reader, run, &left, &claims, NULL) != 0)
        return -1;
    json_decref(result->claims);
    result->claims = claims;
    result->resumed = reader->case_count;
    result->complete = reader->end != NULL;
    if (result->complete)
        return 0;
    remove_leftovers(&reader->folder);
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
    if (status == 0)
        status = folder_open(&outer, setup->dir);
    if (status == 0) {
        durable_clean(outer.fd, NULL);
        status = open_lab(result, how, setup, &outer, lab, run);
        folder_close(&outer);
    }
    json_decref(run);
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
    result->files = json_object();
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

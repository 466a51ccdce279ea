/*
 * result_run.c: the folder of a run and its run.json (result.h, the driver's part).
 */
#include "harness/store/result_run.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "harness/error.h"
#include "harness/store/durable.h"
#include "harness/store/folder.h"
#include "harness/store/journal.h"
#include "harness/store/provenance.h"
#include "harness/store/reader.h"
#include "harness/store/record.h"
#include "harness/store/result.h"

static const char *const mode_names[] = {"quick", "default", "full"};

const char *result_mode_name(enum lab_mode mode) {
    return mode_names[mode];
}

int result_mode_parse(const char *text, enum lab_mode *mode) {
    for (size_t i = 0; i < sizeof mode_names / sizeof *mode_names; i++)
        if (strcmp(text, mode_names[i]) == 0) {
            *mode = (enum lab_mode)i;
            return 0;
        }
    return -1;
}

json_t *result_run_fingerprint(void) {
    json_t *fingerprint = provenance_fingerprint(NULL, 0);
    if (!fingerprint)
        return NULL;
    json_object_del(fingerprint, "devices");
    json_object_del(fingerprint, "kernel_binary");
    return fingerprint;
}

size_t result_setup_devices(const struct result_setup *setup,
                            struct device *all[2 * RESULT_DEVICES_MAX]) {
    size_t count = 0;
    for (size_t i = 0; i < setup->bits_count + setup->time_count; i++) {
        struct device *one =
            i < setup->bits_count ? setup->bits[i] : setup->time[i - setup->bits_count];
        size_t k = 0;
        while (k < count && strcmp(device_id(all[k]), device_id(one)) != 0)
            k++;
        if (k == count && count < 2 * RESULT_DEVICES_MAX)
            all[count++] = one;
    }
    return count;
}

json_t *result_setup_provenance(const struct result_setup *setup) {
    struct device *all[2 * RESULT_DEVICES_MAX];
    size_t count = result_setup_devices(setup, all);
    json_t *devices = json_object();
    for (size_t i = 0; i < count; i++)
        json_object_set_new(devices, device_id(all[i]), provenance_device(all[i]));
    return devices;
}

static json_t *text_or_null(const char *text) {
    json_t *value = text ? json_string(text) : NULL;
    return value ? value : json_null();
}

/* NULL with error_text(). */
static json_t *run_document(const struct result_setup *setup) {
    char seed[24];
    json_t *fingerprint = result_run_fingerprint();
    if (!fingerprint)
        return NULL;
    json_t *labs = json_array();
    for (size_t i = 0; i < setup->lab_count; i++)
        json_array_append_new(labs, json_string(setup->labs[i]));
    snprintf(seed, sizeof seed, "%llu", (unsigned long long)setup->seed);
    json_t *run = json_pack(
        "{s:s, s:s, s:o, s:o, s:o, s:o, s:o, s:o, s:n, s:b}", "mode", result_mode_name(setup->mode),
        "seed", seed, "device_list", text_or_null(setup->device_list), "simt_card",
        text_or_null(setup->simt_card), "labs", labs, "label", text_or_null(setup->label),
        "arguments", provenance_arguments(setup->argc, setup->argv), "start", provenance_now(),
        "end", "complete", 0);
    json_t *document =
        json_pack("{s:i, s:o, s:o, s:o, s:o, s:o}", "format", RECORD_FORMAT, "software",
                  provenance_software(), "machine", provenance_machine(), "devices",
                  result_setup_provenance(setup), "fingerprint", fingerprint, "run", run);
    if (!document)
        error_set("%s/run.json: out of memory; close other programs", setup->dir);
    return document;
}

/* Writes the sealed run.json into an open folder. */
static int write_run(const struct folder *folder, const json_t *document) {
    char why[200];
    if (record_check_run(document, why, sizeof why) != 0)
        return error_set("%s/run.json: cannot be written: %s; correct the option", folder->path,
                         why);
    char *text = journal_seal(document);
    if (!text)
        return error_set("%s/run.json: out of memory", folder->path);
    int status = folder_write(folder, "run.json", text, strlen(text));
    free(text);
    return status;
}

/* mkdir -p for the folder above. */
static int make_parents(const char *path) {
    char part[RESULT_PATH_MAX];
    for (size_t i = 1; path[i]; i++) {
        if (path[i] != '/')
            continue;
        snprintf(part, sizeof part, "%.*s", (int)i, path);
        if (mkdir(part, 0777) != 0 && errno != EEXIST)
            return error_set("%s: cannot be made: %s", part, folder_advice(errno));
    }
    if (path[0] && mkdir(path, 0777) != 0 && errno != EEXIST)
        return error_set("%s: cannot be made: %s", path, folder_advice(errno));
    return 0;
}

/* "a/b/c/" to "a/b" (or ".") and "c". */
static int split_path(const char *dir, char parent[RESULT_PATH_MAX], char name[256]) {
    size_t size = strlen(dir);
    while (size > 1 && dir[size - 1] == '/')
        size--;
    size_t base = size;
    while (base > 0 && dir[base - 1] != '/')
        base--;
    if (size >= RESULT_PATH_MAX || size - base >= 200)
        return error_set("the result folder's name is too long; choose a shorter one with --out");
    snprintf(name, 256, "%.*s", (int)(size - base), dir + base);
    size_t above = base;
    while (above > 1 && dir[above - 1] == '/')
        above--;
    snprintf(parent, RESULT_PATH_MAX, "%.*s", base > 0 ? (int)above : 1, base > 0 ? dir : ".");
    if (!name[0] || strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
        return error_set("\"%s\": name a new folder for the results, such as --out results/mine",
                         dir);
    return 0;
}

static int rename_run(const struct folder *parent, const char *temporary, const char *name,
                      const char *dir) {
    if (renameat(parent->fd, temporary, parent->fd, name) == 0)
        return folder_sync(parent);
    if (errno == ENOTEMPTY || errno == EEXIST)
        return error_set("%s: is there already and not empty; go on with --resume %s, or "
                         "choose another folder with --out",
                         dir, dir);
    if (errno == ENOTDIR)
        return error_set("%s: is there already and no folder; choose another with --out", dir);
    return error_set("%s: cannot be made: %s", dir, folder_advice(errno));
}

/* Texts from the command line go into run.json as they are, or not at all. */
static int check_texts(const struct result_setup *setup) {
    const char *const texts[] = {setup->label, setup->device_list};
    for (size_t i = 0; i < 2; i++) {
        json_t *value = texts[i] ? json_string(texts[i]) : NULL;
        json_decref(value);
        if (texts[i] && (!value || strlen(texts[i]) > 255))
            return error_set("%s: the text must be UTF-8 of at most 255 bytes",
                             i == 0 ? "--label" : "--device");
    }
    return 0;
}

int result_run_create(const struct result_setup *setup) {
    char above[RESULT_PATH_MAX], name[256], temporary[DURABLE_NAME];
    struct folder parent, made;
    if (check_texts(setup) != 0 || split_path(setup->dir, above, name) != 0 ||
        make_parents(above) != 0 || folder_open(&parent, above) != 0)
        return -1;
    /* What was killed before its first rename lies here still. */
    durable_clean(parent.fd, name);
    int status = -1;
    made.fd = durable_temporary_folder(parent.fd, name, temporary);
    snprintf(made.path, sizeof made.path, "%s", setup->dir);
    if (made.fd < 0) {
        error_set("%s: cannot be made: %s", setup->dir, folder_advice(errno));
    } else {
        json_t *document = run_document(setup);
        status = document ? write_run(&made, document) : -1;
        json_decref(document);
        if (status == 0)
            status = rename_run(&parent, temporary, name, setup->dir);
        if (status != 0)
            folder_remove_tree(parent.fd, temporary);
        folder_close(&made);
    }
    folder_close(&parent);
    return status;
}

/* With the folder locked, so that two sessions that end at once do not undo each other's. */
static int finish_locked(const struct folder *folder, const char *dir, bool complete,
                         const struct others *others) {
    json_t *document = reader_run(dir);
    if (!document)
        return -1;
    json_object_del(document, "hash");
    json_t *run = json_object_get(document, "run");
    json_object_set_new(run, "end", provenance_now());
    json_object_set_new(run, "complete", json_boolean(complete));
    struct others before, all;
    if (others) {
        all = others_of(run, &before) ? others_both(&before, others) : *others;
        json_object_set_new(run, "others", others_json(&all));
    }
    int status = write_run(folder, document);
    json_decref(document);
    return status;
}

int result_run_finish(const char *dir, bool complete, const struct others_mark *begun) {
    struct others_mark now;
    struct others others;
    struct folder folder;
    others_now(&now);
    bool known = begun && others_between(begun, &now, &others);
    if (folder_open(&folder, dir) != 0)
        return -1;
    if (durable_lock(folder.fd, dir, true) != 0) {
        folder_close(&folder);
        return error_set("%s: cannot be locked: %s", dir, strerror(errno));
    }
    durable_clean(folder.fd, "run.json");
    int status = finish_locked(&folder, dir, complete, known ? &others : NULL);
    folder_close(&folder);
    return status;
}

static int copy_text(const char *dir, const char *what, const char *from, char *to, size_t size) {
    if (from && strlen(from) >= size)
        return error_set("%s/run.json: its %s is longer than %zu bytes; take an intact copy", dir,
                         what, size - 1);
    snprintf(to, size, "%s", from ? from : "");
    return 0;
}

static size_t copy_devices(const json_t *list, char (*names)[24]) {
    size_t count = 0;
    for (; count < json_array_size(list) && count < RESULT_DEVICES_MAX; count++)
        snprintf(names[count], sizeof *names, "%.23s",
                 json_string_value(json_array_get(list, count)));
    return count;
}

static int recorded_lab(const char *dir, const char *lab, struct result_recorded *out) {
    struct folder folder;
    struct reader *reader;
    if (folder_open(&folder, dir) != 0)
        return -1;
    out->started = folder_has(&folder, lab);
    folder_close(&folder);
    if (!out->started)
        return 0;
    if (reader_open(&reader, dir, lab, NULL) != 0)
        return -1;
    const json_t *start = reader->start;
    out->complete = reader->end != NULL;
    out->cases = reader->case_count;
    out->seed = strtoull(json_string_value(json_object_get(start, "seed")), NULL, 10);
    result_mode_parse(json_string_value(json_object_get(start, "mode")), &out->mode);
    out->bits_count = copy_devices(json_object_get(start, "bits"), out->bits);
    out->time_count = copy_devices(json_object_get(start, "time"), out->time);
    reader_close(reader);
    return 0;
}

int result_recorded(const char *dir, const char *lab, struct result_recorded *out) {
    memset(out, 0, sizeof *out);
    json_t *document = reader_run(dir);
    if (!document)
        return -1;
    const json_t *run = json_object_get(document, "run"), *labs = json_object_get(run, "labs");
    result_mode_parse(json_string_value(json_object_get(run, "mode")), &out->mode);
    out->seed = strtoull(json_string_value(json_object_get(run, "seed")), NULL, 10);
    int status =
        copy_text(dir, "device list", json_string_value(json_object_get(run, "device_list")),
                  out->device_list, sizeof out->device_list);
    if (status == 0)
        status = copy_text(dir, "label", json_string_value(json_object_get(run, "label")),
                           out->label, sizeof out->label);
    if (status == 0)
        status =
            copy_text(dir, "simulated card", json_string_value(json_object_get(run, "simt_card")),
                      out->simt_card, sizeof out->simt_card);
    const json_t *settings = json_object_get(json_object_get(document, "software"), "settings");
    if (status == 0)
        status =
            copy_text(dir, "schedule", json_string_value(json_object_get(settings, "schedule")),
                      out->schedule, sizeof out->schedule);
    for (size_t i = 0; i < json_array_size(labs) && out->lab_count < RESULT_LABS_MAX; i++)
        snprintf(out->labs[out->lab_count++], sizeof *out->labs, "%.63s",
                 json_string_value(json_array_get(labs, i)));
    json_decref(document);
    return status == 0 && lab ? recorded_lab(dir, lab, out) : status;
}

int result_default_dir(const char *parent, char *out, size_t size) {
    char stamp[32];
    time_t now = time(NULL);
    struct tm utc;
    gmtime_r(&now, &utc);
    strftime(stamp, sizeof stamp, "%Y%m%dT%H%M%SZ", &utc);
    for (int i = 1; i < 1000; i++) {
        char more[8] = "";
        struct stat status;
        if (i > 1)
            snprintf(more, sizeof more, "-%d", i);
        if (snprintf(out, size, "%s/%s%s", parent, stamp, more) >= (int)size)
            return error_set("%s: the name is too long; choose a folder with --out", parent);
        if (lstat(out, &status) != 0)
            return 0;
    }
    return error_set("%s: a thousand runs in one second; choose a folder with --out", parent);
}

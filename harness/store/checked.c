/*
 * checked.c: see checked.h. The reader has checked the journal by the time a lab is open; what is
 * left is all that the journal refers to.
 */
#include "harness/store/checked.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "harness/error.h"
#include "harness/store/folder.h"
#include "harness/store/predictions.h"
#include "harness/store/record.h"
#include "harness/store/sha.h"

static int short_of_memory(const char *path) {
    return folder_refuse(path, 0, "out of memory");
}

/* A list of a folder's names, which the caller closes; NULL with error_text(). */
static DIR *list_of(const struct folder *folder) {
    int fd = openat(folder->fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *list = fd >= 0 ? fdopendir(fd) : NULL;
    if (!list) {
        error_set("%s: cannot be listed: %s", folder->path, strerror(errno));
        if (fd >= 0)
            close(fd);
    }
    return list;
}

/* Hashed in pieces: a file of any size is checked in little memory. `bytes` is its size as stated,
 * -1 where none is. The size first: a hash of a sparse terabyte would take hours. */
static int check_file(const struct folder *folder, const char *name, const char *stated,
                      json_int_t bytes, uint64_t limit, struct limits *left, const char *who) {
    char path[FOLDER_PATH + 260], digest[SHA_TEXT];
    uint64_t size = 0;
    snprintf(path, sizeof path, "%s/%s", folder->path, name);
    int fd = folder_open_file(folder, name, &size);
    if (fd < 0)
        return -1;
    int status = 0;
    if (bytes >= 0 && size != (uint64_t)bytes)
        status = error_set("%s: its size is not what %s says; take an intact copy", path, who);
    else if (size > limit)
        status = error_set("%s: %llu bytes are more than such a file can have (%llu); it is "
                           "damaged, take an intact copy",
                           path, (unsigned long long)size, (unsigned long long)limit);
    else
        status = limits_take_bytes(left, path, size);
    if (status == 0 && sha_file(fd, digest, NULL) != 0)
        status = errno == ENOMEM ? short_of_memory(path)
                                 : error_set("%s: cannot be read: %s", path, strerror(errno));
    else if (status == 0 && strcmp(digest, stated) != 0)
        status = error_set("%s: its SHA-256 is not what %s says; take an intact copy", path, who);
    close(fd);
    return status;
}

static int check_sides(const struct reader *reader, struct limits *left) {
    struct folder side;
    const char *name;
    json_t *one;
    if (json_object_size(reader->sides) == 0)
        return 0;
    if (folder_open_in(&side, &reader->folder, RECORD_SIDE_FOLDER) != 0)
        return -1;
    int status = 0;
    json_object_foreach(reader->sides, name, one) {
        status = check_file(&side, name, json_string_value(json_object_get(one, "sha256")),
                            json_integer_value(json_object_get(one, "bytes")), LIMIT_SIDE_BYTES,
                            left, "the journal");
        if (status != 0)
            break;
    }
    folder_close(&side);
    return status;
}

/* A finished lab has no side file that nothing names; a killed one may. */
static int check_strays(const struct reader *reader) {
    struct folder side;
    if (!reader->end || !folder_has(&reader->folder, RECORD_SIDE_FOLDER))
        return 0;
    if (folder_open_in(&side, &reader->folder, RECORD_SIDE_FOLDER) != 0)
        return -1;
    DIR *list = list_of(&side);
    int status = list ? 0 : -1;
    for (struct dirent *entry; status == 0 && (entry = readdir(list));)
        if (entry->d_name[0] != '.' && !json_object_get(reader->sides, entry->d_name))
            status = error_set("%s/%.200s: no case names it; remove it or take an intact copy",
                               side.path, entry->d_name);
    if (list)
        closedir(list);
    folder_close(&side);
    return status;
}

static int check_sealed(const struct reader *reader, struct limits *left) {
    const char *name;
    json_t *stated;
    json_t *files = json_object_get(reader->end, "files");
    json_object_foreach(files, name, stated) {
        if (check_file(&reader->folder, name, json_string_value(stated), -1, LIMIT_SEALED_BYTES,
                       left, "the journal's end record") != 0)
            return -1;
    }
    if (reader->end && !json_object_get(files, "claims.json"))
        return folder_refuse(reader->path, reader->lines,
                             "the end record does not name claims.json");
    return 0;
}

static bool is_result(const char *name) {
    size_t length = strlen(name);
    return strcmp(name, "claims.json") == 0 || strcmp(name, "benchmark.json") == 0 ||
           (length > 4 && name[0] != '.' && strcmp(name + length - 4, ".tsv") == 0);
}

/* Documents and tables that no end record seals: in a finished lab an error, in a partial one what
 * a killed run left, or what somebody put there; they mean nothing. */
static int check_unsealed(const struct reader *reader, json_t *ignored) {
    DIR *list = list_of(&reader->folder);
    int status = list ? 0 : -1;
    for (struct dirent *entry; status == 0 && (entry = readdir(list));) {
        if (!is_result(entry->d_name) || reader_seals(reader, entry->d_name))
            continue;
        json_t *name = reader->end ? NULL : json_string(entry->d_name);
        if (reader->end)
            status = error_set("%s/%.200s: the journal's end record does not name it; remove it "
                               "or take an intact copy",
                               reader->folder.path, entry->d_name);
        else if (name && ignored && json_array_size(ignored) < LIMIT_SEALED_FILES)
            json_array_append(ignored, name);
        json_decref(name);
    }
    if (list)
        closedir(list);
    return status;
}

static int check_evidence(const struct reader *reader, const json_t *claims) {
    if (json_array_size(claims) == 0)
        return 0;
    json_t *ids = json_object();
    int status = ids ? 0 : short_of_memory(reader->path);
    for (size_t i = 0; i < reader->case_count && status == 0; i++)
        if (json_object_set_new(ids, reader->cases[i].id, json_true()) != 0)
            status = short_of_memory(reader->path);
    for (size_t i = 0; status == 0 && i < json_array_size(claims); i++) {
        const json_t *claim = json_array_get(claims, i);
        const json_t *evidence = json_object_get(claim, "evidence");
        for (size_t k = 0; status == 0 && k < json_array_size(evidence); k++) {
            const char *id = json_string_value(json_array_get(evidence, k));
            if (!json_object_get(ids, id))
                status = error_set("%s/claims.json: claim %.40s rests on \"%.200s\", which is "
                                   "no case of the journal; take an intact copy",
                                   reader->folder.path,
                                   json_string_value(json_object_get(claim, "id")), id);
        }
    }
    json_decref(ids);
    return status;
}

/* A member that both have must be the same in both. */
static int check_same(const struct reader *reader, const json_t *lab, const json_t *run,
                      const char *name) {
    const json_t *here = json_object_get(lab, name), *there = json_object_get(run, name);
    if (!here || !there || json_is_null(here) || json_is_null(there) || json_equal(here, there))
        return 0;
    return error_set("%s: line 1: its \"%s\" is not that of run.json: the lab is of another run; "
                     "take an intact copy",
                     reader->path, name);
}

static int check_belongs(const struct reader *reader, const json_t *run) {
    static const char *const asked[] = {"mode", "seed"};
    static const char *const machine[] = {"cpu_model", "cpu_cores", "driver", "source_version"};
    const json_t *of_run = json_object_get(run, "run");
    for (size_t k = 0; k < 2; k++)
        if (check_same(reader, reader->start, of_run, asked[k]) != 0)
            return -1;
    for (size_t k = 0; k < 4; k++)
        if (check_same(reader, json_object_get(reader->start, "fingerprint"),
                       json_object_get(run, "fingerprint"), machine[k]) != 0)
            return -1;
    if (!reader->end && json_is_true(json_object_get(of_run, "complete")))
        return error_set("%s: run.json says that the run is complete, but this journal has no end "
                         "record: its end was cut off; take an intact copy",
                         reader->path);
    return 0;
}

int checked_reader(const struct reader *reader, const json_t *run, struct limits *left,
                   json_t **claims, json_t **ignored) {
    json_t *names = json_array(), *list = NULL;
    int status = names ? check_belongs(reader, run) : short_of_memory(reader->path);
    if (status == 0)
        status = check_sides(reader, left);
    if (status == 0)
        status = check_strays(reader);
    if (status == 0)
        status = check_sealed(reader, left);
    if (status == 0)
        status = check_unsealed(reader, names);
    if (status == 0) {
        list = reader_claims(reader, left);
        status = list ? check_evidence(reader, list) : -1;
    }
    if (status == 0 && claims)
        *claims = json_incref(list);
    if (status == 0 && ignored)
        *ignored = json_incref(names);
    json_decref(list);
    json_decref(names);
    return status;
}

static int open_lab(struct checked_lab *lab, const json_t *run, const char *dir, const char *name,
                    struct limits *left, const struct reader_watch *watch) {
    memset(lab, 0, sizeof *lab);
    snprintf(lab->name, sizeof lab->name, "%.63s", name);
    if (reader_open_watched(&lab->reader, dir, name, left, watch) != 0)
        return -1;
    return checked_reader(lab->reader, run, left, &lab->claims, &lab->ignored);
}

int checked_lab_open(struct checked_lab *lab, const json_t *run, const char *dir, const char *name,
                     struct limits *left) {
    return open_lab(lab, run, dir, name, left, NULL);
}

void checked_lab_close(struct checked_lab *lab) {
    reader_close(lab->reader);
    json_decref(lab->claims);
    json_decref(lab->ignored);
    memset(lab, 0, sizeof *lab);
}

static const struct checked_lab *lab_named(const struct checked *checked, const char *name) {
    for (size_t k = 0; k < checked->lab_count; k++)
        if (strcmp(checked->labs[k].name, name) == 0)
            return &checked->labs[k];
    return NULL;
}

static int read_predictions(struct checked *checked, const char *dir) {
    struct folder folder;
    if (folder_open(&folder, dir) != 0)
        return -1;
    if (predictions_read(&folder, PREDICTIONS_FILE, &checked->predictions) != 0)
        snprintf(checked->predictions_wrong, sizeof checked->predictions_wrong, "%s", error_text());
    folder_close(&folder);
    return 0;
}

static int open_all(struct checked *checked, const char *dir, const struct reader_watch *watch) {
    struct limits left = LIMITS_WHOLE;
    char names[LIMIT_LABS][64];
    checked->not_started = json_array();
    checked->run = reader_run(dir);
    int count = checked->run ? reader_labs(dir, names, LIMIT_LABS) : -1;
    if (count < 0)
        return -1;
    checked->complete = true;
    for (int k = 0; k < count; k++) {
        struct checked_lab *lab = &checked->labs[checked->lab_count++];
        if (open_lab(lab, checked->run, dir, names[k], &left, watch) != 0)
            return -1;
        checked->complete = checked->complete && lab->reader->end;
    }
    const json_t *asked = json_object_get(json_object_get(checked->run, "run"), "labs");
    for (size_t k = 0; k < json_array_size(asked); k++)
        if (!lab_named(checked, json_string_value(json_array_get(asked, k))))
            json_array_append(checked->not_started, json_array_get(asked, k));
    checked->complete = checked->complete && json_array_size(checked->not_started) == 0;
    return read_predictions(checked, dir);
}

int checked_open(struct checked **out, const char *dir) {
    return checked_open_watched(out, dir, NULL);
}

int checked_open_watched(struct checked **out, const char *dir, const struct reader_watch *watch) {
    struct checked *checked = calloc(1, sizeof *checked);
    *out = NULL;
    if (!checked)
        return short_of_memory(dir);
    if (open_all(checked, dir, watch) != 0) {
        checked_close(checked);
        return -1;
    }
    *out = checked;
    return 0;
}

void checked_close(struct checked *checked) {
    if (!checked)
        return;
    for (size_t k = 0; k < checked->lab_count; k++)
        checked_lab_close(&checked->labs[k]);
    json_decref(checked->run);
    json_decref(checked->not_started);
    json_decref(checked->predictions);
    free(checked);
}

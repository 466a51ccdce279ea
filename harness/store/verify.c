/*
 * verify.c: checks a result folder (verify.h). The reader has checked the journal by the time a
 * lab is open; what is left is all that the journal refers to.
 */
#include "harness/store/verify.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "harness/error.h"
#include "harness/store/folder.h"
#include "harness/store/reader.h"
#include "harness/store/record.h"
#include "harness/store/result.h"
#include "harness/store/sha.h"

/* Larger files are not hashed: no document or table gets there. */
#define SEALED_MAX ((uint64_t)1 << 30)

struct sides {
    const struct reader *reader;
    struct folder folder; /* fd -1 until there is a need for it */
    json_t *named;
};

/* Hashed in pieces: a file of any size is checked in little memory. */
static int check_side(struct sides *sides, const json_t *series, const char *name) {
    const struct reader *reader = sides->reader;
    if (sides->folder.fd < 0 &&
        folder_open_in(&sides->folder, &reader->folder, RECORD_SIDE_FOLDER) != 0)
        return -1;
    uint64_t size = 0, hashed = 0;
    int fd = folder_open_file(&sides->folder, name, &size);
    if (fd < 0)
        return -1;
    char digest[SHA_TEXT];
    json_int_t n = json_integer_value(json_object_get(series, "n"));
    size_t width = record_side_width(name);
    bool text = strcmp(name + 32, ".txt") == 0;
    bool fits = text || (size % width == 0 && size / width == (uint64_t)n);
    /* The size first: a hash of a sparse terabyte would take hours. */
    bool good = fits && (!text || size <= (uint64_t)1 << 32) &&
                sha_file(fd, digest, &hashed) == 0 &&
                strcmp(digest, json_string_value(json_object_get(series, "sha256"))) == 0;
    close(fd);
    if (!good)
        return error_set("%s/%s: its %s is not what the journal says; take an intact copy",
                         sides->folder.path, name, fits ? "SHA-256" : "size");
    if (json_object_get(sides->named, name))
        return error_set("%s/%s: two series name it; take an intact copy", sides->folder.path,
                         name);
    json_object_set_new(sides->named, name, json_true());
    return 0;
}

static int check_case(void *context, const json_t *record) {
    const json_t *list = json_object_get(record, "series");
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *series = json_array_get(list, i);
        const char *name = json_string_value(json_object_get(series, "file"));
        if (name && check_side(context, series, name) != 0)
            return -1;
    }
    return 0;
}

/* A finished lab has no side file that nothing names; a killed one may. */
static int check_strays(const struct sides *sides) {
    struct folder side;
    const struct reader *reader = sides->reader;
    if (!reader->end || !folder_has(&reader->folder, RECORD_SIDE_FOLDER))
        return 0;
    if (folder_open_in(&side, &reader->folder, RECORD_SIDE_FOLDER) != 0)
        return -1;
    DIR *list = fdopendir(side.fd);
    if (!list) {
        folder_close(&side);
        return error_set("%s: cannot be listed", side.path);
    }
    int status = 0;
    for (struct dirent *entry; status == 0 && (entry = readdir(list));)
        if (entry->d_name[0] != '.' && !json_object_get(sides->named, entry->d_name))
            status = error_set("%s/%.200s: no case names it; remove it or take an intact copy",
                               side.path, entry->d_name);
    closedir(list);
    return status;
}

static int check_sealed(const struct reader *reader) {
    const char *name;
    json_t *stated;
    json_t *files = json_object_get(reader->end, "files");
    json_object_foreach(files, name, stated) {
        char digest[SHA_TEXT];
        uint64_t size;
        int fd = folder_open_file(&reader->folder, name, &size);
        if (fd < 0)
            return -1;
        int status = size <= SEALED_MAX ? sha_file(fd, digest, NULL) : -1;
        close(fd);
        if (status != 0 || strcmp(digest, json_string_value(stated)) != 0)
            return error_set("%s/%s: its SHA-256 is not what the journal's end record says; "
                             "take an intact copy",
                             reader->folder.path, name);
    }
    if (reader->end && !json_object_get(files, "claims.json"))
        return error_set("%s: line %zu: the end record does not name claims.json; the file was "
                         "edited or damaged, take an intact copy",
                         reader->path, reader->lines);
    return 0;
}

static int check_evidence(const struct reader *reader, const json_t *claims) {
    json_t *ids = json_object();
    int status = 0;
    for (size_t i = 0; i < reader->case_count; i++)
        json_object_set_new(ids, reader->cases[i].id, json_true());
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

static int verify_lab(const char *dir, const char *lab, json_t **summary) {
    struct reader *reader;
    if (reader_open(&reader, dir, lab) != 0)
        return -1;
    struct sides sides = {.reader = reader, .folder = {.fd = -1}, .named = json_object()};
    int status = reader_cases(reader, "", NULL, check_case, &sides);
    if (status == 0)
        status = check_strays(&sides);
    if (status == 0)
        status = check_sealed(reader);
    json_t *claims = status == 0 ? reader_claims(reader) : NULL;
    status = claims ? check_evidence(reader, claims) : -1;
    if (status == 0)
        *summary = json_pack("{s:s, s:s, s:I, s:I, s:I, s:I}", "lab", lab, "status",
                             reader->end ? "complete" : "partial", "cases",
                             (json_int_t)reader->case_count, "dropped_bytes",
                             (json_int_t)reader->cut, "claims", (json_int_t)json_array_size(claims),
                             "side_files", (json_int_t)json_object_size(sides.named));
    json_decref(claims);
    json_decref(sides.named);
    folder_close(&sides.folder);
    reader_close(reader);
    return status;
}

static bool is_among(const char *name, char (*names)[64], int count) {
    for (int i = 0; i < count; i++)
        if (strcmp(names[i], name) == 0)
            return true;
    return false;
}

int verify_folder(const char *dir, json_t **summary) {
    char names[100][64];
    json_t *run = reader_run(dir);
    int count = run ? reader_labs(dir, names, 100) : -1, status = count < 0 ? -1 : 0;
    bool complete = status == 0;
    json_t *labs = json_array(), *missing = json_array();
    for (int i = 0; status == 0 && i < count; i++) {
        json_t *one = NULL;
        status = verify_lab(dir, names[i], &one);
        if (status != 0)
            break;
        const char *state = json_string_value(json_object_get(one, "status"));
        complete = complete && strcmp(state, "complete") == 0;
        json_array_append_new(labs, one);
    }
    const json_t *asked = json_object_get(json_object_get(run, "run"), "labs");
    for (size_t i = 0; status == 0 && i < json_array_size(asked); i++)
        if (!is_among(json_string_value(json_array_get(asked, i)), names, count))
            json_array_append(missing, json_array_get(asked, i));
    complete = complete && json_array_size(missing) == 0;
    if (status == 0 && summary)
        *summary = json_pack("{s:s, s:b, s:O, s:O}", "folder", dir, "complete", complete, "labs",
                             labs, "not_started", missing);
    json_decref(labs);
    json_decref(missing);
    json_decref(run);
    return status;
}

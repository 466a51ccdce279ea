/*
 * reader.c: reads result folders (reader.h).
 */
#include "harness/store/reader.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "harness/error.h"
#include "harness/store/journal.h"
#include "harness/store/limits.h"
#include "harness/store/record.h"

json_t *reader_run(const char *dir) {
    struct folder folder;
    char *text = NULL, why[256];
    size_t size = 0;
    if (folder_open(&folder, dir) != 0)
        return NULL;
    if (!folder_has(&folder, "run.json"))
        error_set("%s: no run.json in it, so it is no result folder; name the folder that "
                  "--out made",
                  dir);
    else
        folder_read(&folder, "run.json", LIMIT_RUN_BYTES, &text, &size);
    folder_close(&folder);
    json_t *run = text ? journal_unseal(text, size, why, sizeof why) : NULL;
    if (text && run && record_check_run(run, why, sizeof why) != 0) {
        json_decref(run);
        run = NULL;
    }
    if (text && !run) {
        char path[FOLDER_PATH + 16];
        snprintf(path, sizeof path, "%s/run.json", dir);
        folder_refuse(path, 0, why);
    }
    free(text);
    return run;
}

static int by_name(const void *a, const void *b) {
    return strcmp(a, b);
}

int reader_labs(const char *dir, char (*names)[64], size_t max) {
    struct folder folder;
    if (folder_open(&folder, dir) != 0)
        return -1;
    DIR *list = fdopendir(folder.fd);
    if (!list) {
        folder_close(&folder);
        return error_set("%s: cannot be listed: %s", dir, strerror(errno));
    }
    size_t count = 0;
    int status = 0;
    for (struct dirent *entry; (entry = readdir(list));) {
        if (!record_lab_is_good(entry->d_name))
            continue;
        if (count == max) {
            status = error_set("%s: more than %zu labs; split the folder", dir, max);
            break;
        }
        snprintf(names[count++], sizeof *names, "%.63s", entry->d_name);
    }
    closedir(list);
    if (status != 0)
        return -1;
    qsort(names, count, sizeof *names, by_name);
    return (int)count;
}

/* "device id", the key of a case or group; no more of either than a record may have. */
#define KEY (RECORD_ID_MAX + 32)

static const char *key_of(const char *device, const char *id, char key[KEY]) {
    snprintf(key, KEY, "%.23s %.*s", device, RECORD_ID_MAX, id);
    return key;
}

long reader_find(const struct reader *reader, const char *device, const char *id) {
    char key[KEY];
    const json_t *index = json_object_get(reader->keys, key_of(device, id, key));
    return index ? (long)json_integer_value(index) : -1;
}

int reader_add(struct reader *reader, const char *device, const char *id, uint64_t offset,
               size_t size) {
    if (reader_find(reader, device, id) >= 0)
        return -1;
    if (reader->case_count == reader->case_room) {
        size_t room = reader->case_room ? 2 * reader->case_room : 256;
        struct reader_case *cases = realloc(reader->cases, room * sizeof *cases);
        if (!cases)
            return -1;
        reader->cases = cases;
        reader->case_room = room;
    }
    struct reader_case *one = &reader->cases[reader->case_count];
    char key[KEY];
    if (json_object_set_new(reader->keys, key_of(device, id, key),
                            json_integer((json_int_t)reader->case_count)) != 0)
        return -1;
    snprintf(one->device, sizeof one->device, "%s", device);
    one->id =
        json_object_iter_key(json_object_iter_at(reader->keys, key)) + strlen(one->device) + 1;
    one->offset = offset;
    one->size = size;
    reader->case_count++;
    return 0;
}

bool reader_has_group(const struct reader *reader, const char *device, const char *group) {
    char key[KEY];
    return json_object_get(reader->groups, key_of(device, group, key)) != NULL;
}

int reader_add_group(struct reader *reader, const char *device, const char *group) {
    char key[KEY];
    if (json_object_set_new(reader->groups, key_of(device, group, key), json_true()) == 0)
        return 0;
    return folder_refuse(reader->path, 0, "out of memory");
}

static int bad_record(const struct reader *reader, size_t line, const char *what) {
    return folder_refuse(reader->path, line, what);
}

/* The side files that a case names, with the bytes they must have. */
static int take_sides(struct reader *reader, const struct journal_reader *journal) {
    const json_t *list = json_object_get(journal->record, "series");
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *series = json_array_get(list, i), *sha = json_object_get(series, "sha256");
        const char *name = json_string_value(json_object_get(series, "file"));
        if (!name)
            continue;
        uint64_t n = (uint64_t)json_integer_value(json_object_get(series, "n"));
        size_t width = record_side_width(name);
        bool text = strcmp(name + 32, ".txt") == 0;
        if (!text && n > LIMIT_SIDE_BYTES / width)
            return bad_record(reader, journal->number,
                              "a side file longer than one can be (LIMIT_SIDE_BYTES)");
        if (json_object_size(reader->sides) == LIMIT_SIDE_FILES)
            return bad_record(reader, journal->number,
                              "more side files than a lab can have (LIMIT_SIDE_FILES)");
        if (json_object_get(reader->sides, name))
            return bad_record(reader, journal->number, "a side file that another series names");
        json_t *side = json_pack("{s:O, s:I, s:I}", "sha256", sha, "bytes",
                                 text ? (json_int_t)-1 : (json_int_t)(n * width), "case",
                                 (json_int_t)reader->case_count - 1);
        if (!side || json_object_set_new(reader->sides, name, side) != 0)
            return bad_record(reader, journal->number, "out of memory");
    }
    return 0;
}

static int take_case(struct reader *reader, const struct journal_reader *journal,
                     const struct reader_watch *watch) {
    const char *id = json_string_value(json_object_get(journal->record, "id"));
    const char *device = json_string_value(json_object_get(journal->record, "device"));
    if (reader_find(reader, device, id) >= 0)
        return error_set("%s: line %zu: the case \"%s\" on %s is there twice; take an intact "
                         "copy",
                         reader->path, journal->number, id, device);
    if (reader->case_count == LIMIT_CASES)
        return bad_record(reader, journal->number, "more cases than a lab can have (LIMIT_CASES)");
    if (reader_add(reader, device, id, journal->offset, journal->size) != 0)
        return bad_record(reader, journal->number, "out of memory");
    if (take_sides(reader, journal) != 0)
        return -1;
    return watch && watch->see(watch->context, reader, journal->record) != 0 ? -1 : 0;
}

static int take_note(struct reader *reader, const struct journal_reader *journal) {
    if (json_array_size(reader->notes) == LIMIT_NOTES)
        return bad_record(reader, journal->number, "more notes than a lab can have (LIMIT_NOTES)");
    if (json_array_append(reader->notes, json_object_get(journal->record, "text")) != 0)
        return bad_record(reader, journal->number, "out of memory");
    return 0;
}

/* A group whose lines are being read: it is appended whole, so nothing else stands between them,
 * and only a crash can have cut it short. */
struct group {
    char id[RECORD_ID_MAX + 1], device[24];
    json_int_t of, read; /* 0 of 0: no group is open */
    uint64_t length;     /* of the journal before it … */
    size_t lines, cases;
    char hash[SHA_TEXT];
};

static int take_group(struct reader *reader, const struct journal_reader *journal,
                      struct group *open) {
    /* That of a record that is no case means nothing, and nobody has checked it. */
    bool is_case = record_kind(journal->record) == RECORD_CASE;
    const json_t *group = is_case ? json_object_get(journal->record, "group") : NULL;
    const char *id = json_string_value(json_object_get(group, "id"));
    const char *device = json_string_value(json_object_get(journal->record, "device"));
    json_int_t entrant = json_integer_value(json_object_get(group, "entrant"));
    json_int_t of = json_integer_value(json_object_get(group, "of"));
    if (!group) /* resuming drops what was cut, so a group is never left open */
        return open->of ? bad_record(reader, journal->number, "it stands inside a group of cases")
                        : 0;
    if (open->of == 0) {
        *open = (struct group){.of = of,
                               .length = reader->length,
                               .lines = reader->lines,
                               .cases = reader->case_count};
        snprintf(open->id, sizeof open->id, "%s", id);
        snprintf(open->device, sizeof open->device, "%s", device);
        memcpy(open->hash, journal->previous, SHA_TEXT);
    }
    if (strcmp(open->id, id) != 0 || strcmp(open->device, device) != 0 || of != open->of ||
        entrant != open->read)
        return bad_record(reader, journal->number, "it does not go on with its group of cases");
    if (++open->read < open->of)
        return 0;
    *open = (struct group){.of = 0};
    return reader_add_group(reader, device, id);
}

/* Takes back what was read of a group that a crash cut short. */
static void drop_group(struct reader *reader, const struct group *open) {
    const char *name;
    json_t *side;
    void *next;
    json_object_foreach_safe(reader->sides, next, name, side) {
        if (json_integer_value(json_object_get(side, "case")) >= (json_int_t)open->cases)
            json_object_del(reader->sides, name);
    }
    while (reader->case_count > open->cases) {
        const struct reader_case *one = &reader->cases[--reader->case_count];
        char key[KEY];
        json_object_del(reader->keys, key_of(one->device, one->id, key));
    }
    reader->cut += reader->length - open->length;
    reader->length = open->length;
    reader->lines = open->lines;
    memcpy(reader->hash, open->hash, SHA_TEXT);
}

static int take_record(struct reader *reader, const struct journal_reader *journal, const char *lab,
                       struct group *open, const struct reader_watch *watch) {
    char why[256];
    json_t *record = journal->record;
    if (record_check(record, why, sizeof why) != 0)
        return bad_record(reader, journal->number, why);
    enum record_kind kind = record_kind(record);
    if (reader->end)
        return bad_record(reader, journal->number, "there is more behind the end record");
    if ((kind == RECORD_START) != (journal->number == 1))
        return bad_record(reader, journal->number,
                          kind == RECORD_START ? "a second start record" : "no start record");
    if (take_group(reader, journal, open) != 0)
        return -1;
    if (kind == RECORD_START) {
        if (strcmp(json_string_value(json_object_get(record, "lab")), lab) != 0)
            return bad_record(reader, 1, "it is the journal of another lab than its folder says");
        reader->start = json_incref(record);
        return watch && watch->begin ? watch->begin(watch->context, reader) : 0;
    } else if (kind == RECORD_NOTE) {
        return take_note(reader, journal);
    } else if (kind == RECORD_CASE) {
        return take_case(reader, journal, watch);
    } else if (kind == RECORD_END) {
        if (json_integer_value(json_object_get(record, "cases")) !=
                (json_int_t)reader->case_count ||
            strcmp(json_string_value(json_object_get(record, "previous")), journal->previous) != 0)
            return bad_record(reader, journal->number,
                              "the end record's count or hash does not fit the lines before");
        reader->end = json_incref(record);
    }
    return 0;
}

static int read_journal(struct reader *reader, const char *lab, uint64_t size, struct limits *left,
                        const struct reader_watch *watch) {
    struct journal_reader journal;
    struct group open = {.of = 0};
    if (size > LIMIT_JOURNAL_BYTES)
        return error_set("%s: %llu bytes are more than a journal can have (LIMIT_JOURNAL_BYTES, "
                         "%llu); it is damaged, take an intact copy",
                         reader->path, (unsigned long long)size,
                         (unsigned long long)LIMIT_JOURNAL_BYTES);
    if (limits_take_bytes(left, reader->path, size) != 0)
        return -1;
    journal_reader_begin(&journal, reader->fd, reader->path);
    int step;
    while ((step = journal_next(&journal)) == 1) {
        enum record_kind kind = record_kind(journal.record);
        bool is_kept = kind != RECORD_CASE && kind != RECORD_RESUME;
        if (limits_take_line(left, reader->path) != 0 ||
            (is_kept && limits_take_kept(left, reader->path, journal.size) != 0) ||
            take_record(reader, &journal, lab, &open, watch) != 0) {
            step = -1;
            break;
        }
        reader->length = journal.offset + journal.size;
        reader->lines = journal.number;
    }
    reader->cut = journal.cut;
    memcpy(reader->hash, journal.hash, SHA_TEXT);
    journal_reader_end(&journal);
    if (step != 0)
        return -1;
    if (open.of)
        drop_group(reader, &open);
    if (!reader->start)
        return error_set("%s: line 1: no start record; the file was edited or damaged, take an "
                         "intact copy",
                         reader->path);
    if (reader->end && reader->cut)
        return bad_record(reader, reader->lines + 1, "there is more behind the end record");
    return 0;
}

static int open_folder(struct reader **out, struct folder *folder, const char *lab,
                       struct limits *left, const struct reader_watch *watch) {
    uint64_t size = 0;
    *out = NULL;
    struct reader *reader = calloc(1, sizeof *reader);
    if (!reader) {
        folder_close(folder);
        return folder_refuse(folder->path, 0, "out of memory");
    }
    reader->folder = *folder;
    snprintf(reader->path, sizeof reader->path, "%.4000s/%s", folder->path, JOURNAL_FILE);
    reader->keys = json_object();
    reader->groups = json_object();
    reader->sides = json_object();
    reader->notes = json_array();
    reader->fd = folder_open_file(&reader->folder, JOURNAL_FILE, &size);
    int status = reader->fd < 0 ? -1 : 0;
    if (!reader->keys || !reader->groups || !reader->notes || !reader->sides)
        status = folder_refuse(folder->path, 0, "out of memory");
    if (status != 0 || read_journal(reader, lab, size, left, watch) != 0) {
        reader_close(reader);
        return -1;
    }
    *out = reader;
    return 0;
}

int reader_open_folder(struct reader **out, struct folder *folder, const char *lab,
                       struct limits *left) {
    return open_folder(out, folder, lab, left, NULL);
}

int reader_open(struct reader **out, const char *dir, const char *lab, struct limits *left) {
    return reader_open_watched(out, dir, lab, left, NULL);
}

int reader_open_watched(struct reader **out, const char *dir, const char *lab, struct limits *left,
                        const struct reader_watch *watch) {
    struct limits whole = LIMITS_WHOLE;
    struct folder outer, inner;
    *out = NULL;
    if (!record_lab_is_good(lab))
        return error_set("\"%.80s\" is no lab's name; see nanolab list", lab);
    if (folder_open(&outer, dir) != 0)
        return -1;
    int status = folder_open_in(&inner, &outer, lab);
    folder_close(&outer);
    return status == 0 ? open_folder(out, &inner, lab, left ? left : &whole, watch) : -1;
}

void reader_close(struct reader *reader) {
    if (!reader)
        return;
    free(reader->cases);
    json_decref(reader->keys);
    json_decref(reader->groups);
    json_decref(reader->sides);
    json_decref(reader->notes);
    json_decref(reader->start);
    json_decref(reader->end);
    if (reader->fd >= 0)
        close(reader->fd);
    folder_close(&reader->folder);
    free(reader);
}

bool reader_seals(const struct reader *reader, const char *name) {
    return reader->end && json_object_get(json_object_get(reader->end, "files"), name);
}

json_t *reader_claims(const struct reader *reader, struct limits *left) {
    char *text = NULL, why[256], path[FOLDER_PATH + 16];
    size_t size = 0;
    if (!reader->end)
        return json_array();
    snprintf(path, sizeof path, "%.4000s/claims.json", reader->folder.path);
    if (folder_read(&reader->folder, "claims.json", (size_t)left->kept, &text, &size) != 0)
        return NULL;
    if (limits_take_kept(left, path, size) != 0) {
        free(text);
        return NULL;
    }
    const char *lab = json_string_value(json_object_get(reader->start, "lab"));
    json_t *document = folder_parse_json(text, size, why, sizeof why), *claims = NULL;
    if (document && record_check_claims(document, lab, why, sizeof why) == 0)
        claims = json_incref(json_object_get(document, "claims"));
    if (!claims)
        folder_refuse(path, 0, why);
    json_decref(document);
    free(text);
    return claims;
}

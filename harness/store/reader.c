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
#include "harness/store/record.h"
#include "harness/store/result.h"

#define DOCUMENT_MAX ((size_t)64 << 20)
/* A side file's largest size: 2^29 doubles. */
#define SIDE_MAX ((uint64_t)4 << 30)

/* Another format is no damage: record.h says what to do about it. */
static bool is_other_format(const char *what) {
    return strncmp(what, "format ", 7) == 0;
}

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
        folder_read(&folder, "run.json", DOCUMENT_MAX, &text, &size);
    folder_close(&folder);
    json_t *run = text ? journal_unseal(text, size, why, sizeof why) : NULL;
    if (text && run && record_check_run(run, why, sizeof why) != 0) {
        json_decref(run);
        run = NULL;
    }
    if (text && !run && is_other_format(why))
        error_set("%s/run.json: %s", dir, why);
    else if (text && !run)
        error_set("%s/run.json: %s; the file was edited or damaged, take an intact copy", dir, why);
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

static char *key_of(const char *device, const char *id) {
    size_t size = strlen(device) + strlen(id) + 2;
    char *key = malloc(size);
    if (key)
        snprintf(key, size, "%s %s", device, id);
    return key;
}

long reader_find(const struct reader *reader, const char *device, const char *id) {
    char *key = key_of(device, id);
    const json_t *index = key ? json_object_get(reader->keys, key) : NULL;
    free(key);
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
    char *key = key_of(device, id);
    one->id = strdup(id);
    int bad = !key || !one->id ||
              json_object_set_new(reader->keys, key, json_integer((json_int_t)reader->case_count));
    free(key);
    if (bad) {
        free(one->id);
        return -1;
    }
    snprintf(one->device, sizeof one->device, "%s", device);
    one->offset = offset;
    one->size = size;
    reader->case_count++;
    return 0;
}

bool reader_has_group(const struct reader *reader, const char *device, const char *group) {
    char *key = key_of(device, group);
    bool there = key && json_object_get(reader->groups, key);
    free(key);
    return there;
}

int reader_add_group(struct reader *reader, const char *device, const char *group) {
    char *key = key_of(device, group);
    int status = key ? json_object_set_new(reader->groups, key, json_true()) : -1;
    free(key);
    return status;
}

static int bad_record(const struct reader *reader, size_t line, const char *what) {
    if (is_other_format(what))
        return error_set("%s: %s", reader->path, what);
    return error_set("%s: line %zu: %s; the file was edited or damaged, take an intact copy",
                     reader->path, line, what);
}

static int take_case(struct reader *reader, const struct journal_reader *journal) {
    const char *id = json_string_value(json_object_get(journal->record, "id"));
    const char *device = json_string_value(json_object_get(journal->record, "device"));
    if (reader_find(reader, device, id) >= 0)
        return error_set("%s: line %zu: the case \"%s\" on %s is there twice; take an intact "
                         "copy",
                         reader->path, journal->number, id, device);
    if (reader_add(reader, device, id, journal->offset, journal->size) != 0)
        return error_set("%s: line %zu: out of memory", reader->path, journal->number);
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
    const json_t *group = json_object_get(journal->record, "group");
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
    while (reader->case_count > open->cases) {
        struct reader_case *one = &reader->cases[--reader->case_count];
        char *key = key_of(one->device, one->id);
        if (key)
            json_object_del(reader->keys, key);
        free(key);
        free(one->id);
    }
    reader->cut += reader->length - open->length;
    reader->length = open->length;
    reader->lines = open->lines;
    memcpy(reader->hash, open->hash, SHA_TEXT);
}

static int take_record(struct reader *reader, const struct journal_reader *journal, const char *lab,
                       struct group *open) {
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
    } else if (kind == RECORD_NOTE) {
        json_array_append(reader->notes, json_object_get(record, "text"));
    } else if (kind == RECORD_CASE) {
        return take_case(reader, journal);
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

static int read_journal(struct reader *reader, const char *lab) {
    struct journal_reader journal;
    struct group open = {.of = 0};
    journal_reader_begin(&journal, reader->fd, reader->path);
    int step;
    while ((step = journal_next(&journal)) == 1) {
        if (take_record(reader, &journal, lab, &open) != 0) {
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

int reader_open_folder(struct reader **out, struct folder *folder, const char *lab) {
    *out = NULL;
    struct reader *reader = calloc(1, sizeof *reader);
    if (!reader) {
        folder_close(folder);
        return error_set("%s: out of memory", folder->path);
    }
    reader->folder = *folder;
    snprintf(reader->path, sizeof reader->path, "%.4000s/%s", folder->path, JOURNAL_FILE);
    reader->keys = json_object();
    reader->groups = json_object();
    reader->notes = json_array();
    reader->fd = folder_open_file(&reader->folder, JOURNAL_FILE, NULL);
    if (!reader->keys || !reader->groups || !reader->notes || reader->fd < 0 ||
        read_journal(reader, lab) != 0) {
        reader_close(reader);
        return -1;
    }
    *out = reader;
    return 0;
}

int reader_open(struct reader **out, const char *dir, const char *lab) {
    struct folder outer, inner;
    *out = NULL;
    if (!record_lab_is_good(lab))
        return error_set("\"%.80s\" is no lab's name; see nanolab list", lab);
    if (folder_open(&outer, dir) != 0)
        return -1;
    int status = folder_open_in(&inner, &outer, lab);
    folder_close(&outer);
    return status == 0 ? reader_open_folder(out, &inner, lab) : -1;
}

void reader_close(struct reader *reader) {
    if (!reader)
        return;
    for (size_t i = 0; i < reader->case_count; i++)
        free(reader->cases[i].id);
    free(reader->cases);
    json_decref(reader->keys);
    json_decref(reader->groups);
    json_decref(reader->notes);
    json_decref(reader->start);
    json_decref(reader->end);
    if (reader->fd >= 0)
        close(reader->fd);
    folder_close(&reader->folder);
    free(reader);
}

/* --- visits --- */

/* Side files read during the visit of one record, on one thread. */
struct side_value {
    const json_t *series;
    unsigned char *data;
    size_t size;
    struct side_value *next;
};

struct visit {
    const struct reader *reader;
    struct side_value *sides;
    bool failed;
    struct visit *outer; /* visits may nest */
};

static _Thread_local struct visit *current_visit;

int reader_side(const struct reader *reader, const json_t *series, unsigned char **data,
                size_t *size) {
    const char *name = json_string_value(json_object_get(series, "file"));
    const char *stated = json_string_value(json_object_get(series, "sha256"));
    size_t width = name ? record_side_width(name) : 0;
    json_int_t n = json_integer_value(json_object_get(series, "n"));
    struct folder side;
    if (!stated || width == 0 || n < 0)
        return error_set("%s: a series without a proper side file", reader->path);
    if (folder_open_in(&side, &reader->folder, RECORD_SIDE_FOLDER) != 0)
        return -1;
    char *text = NULL;
    int status = folder_read(&side, name, SIDE_MAX, &text, size);
    folder_close(&side);
    if (status != 0)
        return -1;
    char computed[SHA_TEXT];
    bool text_file = strcmp(name + 32, ".txt") == 0;
    if ((!text_file && *size != (size_t)n * width) || sha_bytes(text, *size, computed) != 0 ||
        strcmp(computed, stated) != 0) {
        free(text);
        return error_set("%s/%s/%s: its size or SHA-256 is not what the journal says; take an "
                         "intact copy",
                         reader->folder.path, RECORD_SIDE_FOLDER, name);
    }
    *data = (unsigned char *)text;
    return 0;
}

const unsigned char *reader_side_values(const json_t *series, size_t *size) {
    struct visit *visit = current_visit;
    if (!visit || visit->failed)
        return NULL;
    struct side_value *side = visit->sides;
    while (side && side->series != series)
        side = side->next;
    if (!side) {
        side = calloc(1, sizeof *side);
        if (!side || reader_side(visit->reader, series, &side->data, &side->size) != 0) {
            free(side);
            visit->failed = true;
            return NULL;
        }
        side->series = series;
        side->next = visit->sides;
        visit->sides = side;
    }
    *size = side->size;
    return side->data;
}

static int visit_one(const struct reader *reader, size_t index,
                     int (*visit)(void *context, const json_t *record), void *context) {
    const struct reader_case *one = &reader->cases[index];
    json_t *record = journal_line_at(reader->fd, reader->path, one->offset, one->size);
    if (!record)
        return -1;
    struct visit here = {.reader = reader, .outer = current_visit};
    current_visit = &here;
    int status = visit(context, record);
    current_visit = here.outer;
    while (here.sides) {
        struct side_value *side = here.sides;
        here.sides = side->next;
        free(side->data);
        free(side);
    }
    json_decref(record);
    return here.failed ? -1 : status;
}

int reader_cases(const struct reader *reader, const char *prefix, const char *device,
                 int (*visit)(void *context, const json_t *record), void *context) {
    size_t length = strlen(prefix);
    for (size_t i = 0; i < reader->case_count; i++) {
        if (strncmp(reader->cases[i].id, prefix, length) != 0 ||
            (device && strcmp(reader->cases[i].device, device) != 0))
            continue;
        int status = visit_one(reader, i, visit, context);
        if (status != 0)
            return status;
    }
    return 0;
}

json_t *reader_claims(const struct reader *reader) {
    char *text = NULL, why[256];
    size_t size = 0;
    if (!reader->end && !folder_has(&reader->folder, "claims.json"))
        return json_array();
    if (folder_read(&reader->folder, "claims.json", DOCUMENT_MAX, &text, &size) != 0)
        return NULL;
    json_t *document = folder_parse_json(text, size, why, sizeof why), *claims = NULL;
    if (document && record_check_claims(document, why, sizeof why) == 0)
        claims = json_incref(json_object_get(document, "claims"));
    else
        error_set("%s/claims.json: %s; the file was edited or damaged, take an intact copy",
                  reader->folder.path, why);
    json_decref(document);
    free(text);
    return claims;
}

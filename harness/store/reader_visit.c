/*
 * reader_visit.c: recorded cases parsed again one by one, and their side files (reader.h).
 */
#include <stdlib.h>
#include <string.h>

#include "harness/error.h"
#include "harness/store/journal.h"
#include "harness/store/limits.h"
#include "harness/store/reader.h"
#include "harness/store/record.h"

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
    int status = folder_read(&side, name, LIMIT_SIDE_BYTES, &text, size);
    folder_close(&side);
    if (status != 0)
        return -1;
    char computed[SHA_TEXT] = "";
    if (sha_bytes(text, *size, computed) != 0) {
        free(text);
        return folder_refuse(side.path, 0, "out of memory"); /* of libcrypto */
    }
    bool text_file = strcmp(name + 32, ".txt") == 0;
    if ((!text_file && *size != (size_t)n * width) || strcmp(computed, stated) != 0) {
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
        if (!side)
            folder_refuse(visit->reader->path, 0, "out of memory");
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

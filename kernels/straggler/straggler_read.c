/*
 * straggler_read.c: from a file's bytes to the reader of its form, and the logs' memory.
 */
#include "kernels/straggler/straggler_read.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "kernels/straggler/straggler_read_inside.h"

void straggler_harmless(char *out, size_t size, const char *text) {
    size_t k = 0;
    for (; k + 1 < size && text[k]; k++)
        out[k] = text[k] >= ' ' && text[k] <= '~' ? text[k] : '?';
    out[k] = '\0';
}

struct straggler_reader *straggler_reader_open(void) {
    struct straggler_reader *reader = calloc(1, sizeof *reader);
    if (!reader)
        return NULL;
    reader->log = calloc(STRAGGLER_LOGS_MOST, sizeof *reader->log);
    if (!reader->log) {
        free(reader);
        return NULL;
    }
    return reader;
}

void straggler_reader_close(struct straggler_reader *reader) {
    if (!reader)
        return;
    for (size_t k = 0; k < reader->logs; k++) {
        straggler_log_close(&reader->log[k].log);
        free(reader->log[k].id);
    }
    free(reader->log);
    free(reader->record);
    free(reader->communicator);
    free(reader);
}

struct straggler_read *straggler_reader_log(struct straggler_reader *reader,
                                            enum straggler_format format, size_t ranks,
                                            size_t steps, char *why) {
    struct straggler_read *read = reader->log + reader->logs;
    if (reader->logs == STRAGGLER_LOGS_MOST)
        straggler_fail(why, "more than %d communicators; give fewer files", STRAGGLER_LOGS_MOST);
    else if (ranks > STRAGGLER_RANKS_MOST ||
             (steps && ranks > (STRAGGLER_CELLS_MOST - reader->cells) / steps))
        straggler_fail(why, "%zu ranks in %zu steps are more than the %zu that are read; give less",
                       ranks, steps, STRAGGLER_CELLS_MOST);
    else if (!(read->id = malloc((ranks + 1) * sizeof *read->id)) ||
             straggler_log_open(&read->log, (unsigned)ranks, steps) != 0) {
        free(read->id);
        straggler_fail(why, "no memory for %zu ranks in %zu steps", ranks, steps);
    } else {
        read->format = format;
        for (unsigned r = 0; r < ranks; r++)
            read->id[r] = r;
        reader->cells += ranks * steps;
        reader->logs++;
        return read;
    }
    return NULL;
}

int straggler_whole(const json_t *object, const char *key, uint64_t most, uint64_t *out,
                    const char *where, char *why) {
    const json_t *value = json_object_get(object, key);
    json_int_t n = json_integer_value(value);
    if (!json_is_integer(value) || n < 0 || (uint64_t)n > most)
        return straggler_fail(why, "%s: %s is to be a whole number of at most %" PRIu64, where, key,
                              most);
    *out = (uint64_t)n;
    return 0;
}

/* --- a file's text -----------------------------------------------------------------------------
 */

static size_t lines(const char *from, const char *to) {
    size_t n = 0;
    for (; (from = memchr(from, '\n', (size_t)(to - from))); from++)
        n++;
    return n;
}

/* Where the object that begins at `text` must have ended, or NULL: it may be longer than allowed,
 * or goes on to the end of the text. */
static bool is_cut_off(const char *text, const char *end) {
    int depth = 0;
    bool quoted = false;
    for (const char *at = text; at < end; at++) {
        if (quoted) {
            at += *at == '\\';
            quoted = at >= end || *at != '"';
        } else if (*at == '"')
            quoted = true;
        else if (*at == '{' || *at == '[')
            depth++;
        else if ((*at == '}' || *at == ']') && --depth <= 0)
            return false;
    }
    return true;
}

static int bad_json(const char *text, const char *at, const json_error_t *error, char *why) {
    char said[80];
    straggler_harmless(said, sizeof said, error->text);
    size_t before = lines(text, at);
    return straggler_fail(why, "line %zu, column %d: no JSON (%s); see whether the file is whole",
                          before + (size_t)(error->line > 0 ? error->line : 1), error->column,
                          said);
}

static const char *skip_blank(const char *at, const char *end) {
    while (at < end && strchr(" \t\r\n", *at))
        at++;
    return at;
}

/* The Inspector's objects, one after the other. A last one that is cut off is left out: the
 * process was ended while it wrote. */
static int read_objects(struct straggler_reader *reader, const char *text, const char *end,
                        char *why) {
    size_t line = 1, objects = 0;
    const char *counted = text;
    for (const char *at = skip_blank(text, end); at < end; at = skip_blank(at, end)) {
        size_t left = (size_t)(end - at);
        bool all = left <= STRAGGLER_OBJECT_MOST;
        json_error_t error;
        json_t *object = json_loadb(at, all ? left : STRAGGLER_OBJECT_MOST,
                                    JSON_REJECT_DUPLICATES | JSON_DISABLE_EOF_CHECK, &error);
        line += lines(counted, at);
        counted = at;
        if (!object && all && objects > 0 && is_cut_off(at, end)) {
            reader->unfinished++;
            return 0;
        }
        if (!object && !all && is_cut_off(at, at + STRAGGLER_OBJECT_MOST))
            return straggler_fail(why, "line %zu: one object of more than %zu KiB", line,
                                  STRAGGLER_OBJECT_MOST >> 10);
        if (!object)
            return bad_json(text, at, &error, why);
        int status = straggler_read_inspector(reader, object, line, why);
        json_decref(object);
        if (status != 0)
            return -1;
        at += error.position;
        objects++;
    }
    return 0;
}

static const char neither[] = "neither nccl-tests' JSON (results, by -I 1 -J FILE) nor NCCL "
                              "Inspector's (header and coll_perf)";

int straggler_reader_add(struct straggler_reader *reader, const char *text, size_t length,
                         char why[STRAGGLER_WHY]) {
    json_error_t error;
    const char *end = text + length, *nul = memchr(text, 0, length);
    if (length > STRAGGLER_TEXT_MOST - reader->bytes)
        return straggler_fail(why, "more than %zu MiB of text; give less",
                              STRAGGLER_TEXT_MOST >> 20);
    if (nul)
        return straggler_fail(why, "byte %zu is NUL, so this is no JSON; give a text",
                              (size_t)(nul - text));
    reader->bytes += length;
    const char *begin = skip_blank(text, end);
    if (begin == end)
        return straggler_fail(why, "there is no text; give a log of collectives");
    if (*begin != '{')
        return straggler_fail(why, "line %zu: %s", lines(text, begin) + 1, neither);
    /* Which of the two, the first object says: nccl-tests' is all of the text. */
    size_t first = (size_t)(end - begin);
    first = first < STRAGGLER_OBJECT_MOST ? first : STRAGGLER_OBJECT_MOST;
    json_t *object =
        json_loadb(begin, first, JSON_REJECT_DUPLICATES | JSON_DISABLE_EOF_CHECK, &error);
    bool inspector = json_object_get(object, "header") != NULL;
    json_decref(object);
    if (inspector)
        return read_objects(reader, text, end, why);
    if (length > STRAGGLER_DOCUMENT_MOST)
        return straggler_fail(why, "one document of more than %zu MiB; measure fewer sizes",
                              STRAGGLER_DOCUMENT_MOST >> 20);
    json_t *all = json_loadb(begin, (size_t)(end - begin), JSON_REJECT_DUPLICATES, &error);
    if (!all)
        return bad_json(text, begin, &error, why);
    int status = json_is_array(json_object_get(all, "results"))
                     ? straggler_read_nccl_tests(reader, all, why)
                     : straggler_fail(why, "%s", neither);
    json_decref(all);
    return status;
}

int straggler_reader_add_file(struct straggler_reader *reader, FILE *in, char why[STRAGGLER_WHY]) {
    char *text = NULL;
    size_t length = 0, room = 0, got = 1;
    while (got > 0 && length <= STRAGGLER_TEXT_MOST) {
        if (length == room) {
            char *more = realloc(text, room = room ? 2 * room : 1 << 16);
            if (!more) {
                free(text);
                return straggler_fail(why, "no memory for a text of %zu bytes", room);
            }
            text = more;
        }
        errno = 0;
        got = fread(text + length, 1, room - length, in);
        length += got;
    }
    int status = ferror(in) ? straggler_fail(why, "it cannot be read: %s", strerror(errno))
                            : straggler_reader_add(reader, text, length, why);
    free(text);
    return status;
}

int straggler_reader_end(struct straggler_reader *reader, struct straggler_read **logs,
                         size_t *count, char why[STRAGGLER_WHY]) {
    if (reader->records > 0 && straggler_end_inspector(reader, why) != 0)
        return -1;
    if (reader->logs == 0)
        return straggler_fail(why, reader->p2p ? "only point-to-point operations, no collective"
                                               : "no collective in it");
    *logs = reader->log;
    *count = reader->logs;
    for (size_t k = 0; k < reader->logs; k++)
        if (reader->log[k].blind[0])
            reader->log[k].log.blind = reader->log[k].blind;
    return 0;
}

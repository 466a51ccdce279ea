/*
 * journal.c: reads and writes hashed lines (journal.h).
 */
#include "harness/store/journal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "harness/error.h"
#include "harness/store/durable.h"
#include "harness/store/limits.h"

#define LINE_MEMBER ",\"hash\":\""
#define LINE_TAIL (sizeof LINE_MEMBER - 1 + SHA_DIGITS + 2) /* …"} */
#define DOCUMENT_MEMBER ",\n \"hash\": \""
#define DOCUMENT_CLOSE "\"\n}\n"

void journal_reader_begin(struct journal_reader *reader, int fd, const char *path) {
    memset(reader, 0, sizeof *reader);
    reader->fd = fd;
    reader->path = path;
    memcpy(reader->hash, SHA_ZEROS, SHA_TEXT);
}

void journal_reader_end(struct journal_reader *reader) {
    json_decref(reader->record);
    reader->record = NULL;
    free(reader->buffer);
    reader->buffer = NULL;
}

/* More of the file into the buffer, in which lines already read give way; 0 at its end. */
static ssize_t fill(struct journal_reader *reader) {
    if (reader->used > 0) {
        reader->have -= reader->used;
        memmove(reader->buffer, reader->buffer + reader->used, reader->have);
        reader->used = 0;
    }
    if (reader->have == reader->capacity) {
        size_t capacity = reader->capacity ? 2 * reader->capacity : 1 << 16;
        char *buffer = realloc(reader->buffer, capacity);
        if (!buffer)
            return folder_refuse(reader->path, reader->number + 1, "out of memory");
        reader->buffer = buffer;
        reader->capacity = capacity;
    }
    for (;;) {
        ssize_t n = pread(reader->fd, reader->buffer + reader->have,
                          reader->capacity - reader->have, (off_t)reader->position);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return error_set("%s: cannot be read: %s", reader->path, strerror(errno));
        reader->have += (size_t)n;
        reader->position += (uint64_t)n;
        return n;
    }
}

static int bad_line(const struct journal_reader *reader, const char *what) {
    return folder_refuse(reader->path, reader->number, what);
}

/* The hash a line of `size` bytes (without LF) ought to have, and the one it has. */
static int line_hash(const char *previous, char *line, size_t size, char computed[SHA_TEXT],
                     char stated[SHA_TEXT]) {
    if (size < LINE_TAIL + 2 || line[0] != '{' || memcmp(line + size - 2, "\"}", 2) != 0 ||
        memcmp(line + size - LINE_TAIL, LINE_MEMBER, sizeof LINE_MEMBER - 1) != 0)
        return -1;
    memcpy(stated, line + size - 2 - SHA_DIGITS, SHA_DIGITS);
    stated[SHA_DIGITS] = '\0';
    if (!sha_is_digest(stated))
        return -1;
    /* The line without the member, in place: its comma gives way to the closing brace. */
    line[size - LINE_TAIL] = '}';
    int status = sha_chain(previous, line, size - LINE_TAIL + 1, computed);
    line[size - LINE_TAIL] = ',';
    return status == 0 ? 0 : -2;
}

int journal_next(struct journal_reader *reader) {
    json_decref(reader->record);
    reader->record = NULL;
    char *end = NULL;
    size_t searched = 0; /* of what is not used */
    for (;;) {
        size_t have = reader->have - reader->used;
        if (have > searched)
            end = memchr(reader->buffer + reader->used + searched, '\n', have - searched);
        if (end)
            break;
        searched = have;
        if (have >= LIMIT_LINE_BYTES) {
            reader->number++;
            return bad_line(reader, "longer than a line can be");
        }
        ssize_t n = fill(reader);
        if (n < 0)
            return -1;
        if (n == 0) {
            reader->cut = have;
            return 0;
        }
    }
    char *line = reader->buffer + reader->used;
    size_t size = (size_t)(end - line);
    reader->number++;
    reader->offset = reader->position - (reader->have - reader->used);
    reader->size = size + 1;
    reader->used += size + 1;

    char computed[SHA_TEXT], stated[SHA_TEXT];
    int status = line_hash(reader->hash, line, size, computed, stated);
    if (status == -1)
        return bad_line(reader, "does not end in a hash");
    if (status != 0)
        return folder_refuse(reader->path, reader->number, "out of memory"); /* of libcrypto */
    if (memcmp(computed, stated, SHA_DIGITS) != 0)
        return bad_line(reader, "its hash does not fit it and the lines before");
    memcpy(reader->previous, reader->hash, SHA_TEXT);
    memcpy(reader->hash, stated, SHA_TEXT);

    char why[256], text[400];
    reader->record = folder_parse_json(line, size, why, sizeof why);
    if (!reader->record) {
        snprintf(text, sizeof text, "not valid JSON: %s", why);
        return bad_line(reader, text);
    }
    return 1;
}

void journal_put_plain(const struct journal_reader *reader, FILE *to) {
    const char *line = reader->buffer + reader->used - reader->size;
    fwrite(line, 1, reader->size - 1 - LINE_TAIL, to);
    fputs("}\n", to);
}

json_t *journal_line_at(int fd, const char *path, uint64_t offset, size_t size) {
    char why[256] = "it is shorter than it was";
    char *text = malloc(size + 1);
    json_t *record = NULL;
    ssize_t got = 0;
    size_t have = 0;
    while (text && have < size) {
        got = pread(fd, text + have, size - have, (off_t)(offset + have));
        if (got <= 0 && !(got < 0 && errno == EINTR))
            break;
        have += got > 0 ? (size_t)got : 0;
    }
    if (got < 0)
        snprintf(why, sizeof why, "%s", strerror(errno));
    if (text && have == size)
        record = folder_parse_json(text, size, why, sizeof why);
    free(text);
    if (!record && (!text || strstr(why, "out of memory")))
        folder_refuse(path, 0, "out of memory");
    else if (!record)
        error_set("%s: cannot be read again at byte %llu: %s; nothing else may write to it", path,
                  (unsigned long long)offset, why);
    return record;
}

static int open_writer(struct journal_writer *writer, const struct folder *folder, int flags) {
    snprintf(writer->path, sizeof writer->path, "%.4000s/%s", folder->path, JOURNAL_FILE);
    writer->fd =
        openat(folder->fd, JOURNAL_FILE, O_RDWR | O_APPEND | O_NOFOLLOW | O_CLOEXEC | flags, 0666);
    if (writer->fd < 0)
        return error_set("%s: cannot be written: %s", writer->path, folder_advice(errno));
    return 0;
}

int journal_create(struct journal_writer *writer, const struct folder *folder) {
    memset(writer, 0, sizeof *writer);
    memcpy(writer->hash, SHA_ZEROS, SHA_TEXT);
    return open_writer(writer, folder, O_CREAT | O_EXCL);
}

int journal_continue(struct journal_writer *writer, const struct folder *folder, uint64_t length,
                     const char hash[SHA_TEXT]) {
    memset(writer, 0, sizeof *writer);
    memcpy(writer->hash, hash, SHA_TEXT);
    writer->length = length;
    if (open_writer(writer, folder, 0) != 0)
        return -1;
    if (ftruncate(writer->fd, (off_t)length) != 0 ||
        durable_sync_file(writer->fd, writer->path) != 0) {
        int error = errno;
        journal_close(writer);
        return error_set("%s: cannot be written: %s", writer->path, folder_advice(error));
    }
    return 0;
}

char *journal_seal_line(const char previous[SHA_TEXT], const char *text, size_t *size,
                        char hash[SHA_TEXT]) {
    size_t plain = strlen(text);
    char *line = malloc(plain + LINE_TAIL + 2);
    if (line && sha_chain(previous, text, plain, hash) == 0) {
        memcpy(line, text, plain - 1);
        *size = plain - 1 +
                (size_t)snprintf(line + plain - 1, LINE_TAIL + 3, LINE_MEMBER "%s\"}\n", hash);
        return line;
    }
    free(line);
    return NULL;
}

/* Adds the line of one record to `text`. */
static int add_line(struct journal_writer *writer, const char *record, FILE *text,
                    char hash[SHA_TEXT], size_t *size) {
    char next[SHA_TEXT];
    char *line = record ? journal_seal_line(hash, record, size, next) : NULL;
    if (!line)
        return error_set("%s: out of memory while writing a record", writer->path);
    if (*size > LIMIT_LINE_BYTES) {
        free(line);
        return error_set("%s: a record of %zu bytes is longer than a line can be (%zu); record "
                         "fewer or shorter series in one case",
                         writer->path, *size, LIMIT_LINE_BYTES);
    }
    fwrite(line, 1, *size, text);
    free(line);
    memcpy(hash, next, SHA_TEXT);
    return 0;
}

static int write_lines(struct journal_writer *writer, const char *text, size_t bytes) {
    if (bytes > LIMIT_JOURNAL_BYTES - writer->length)
        return error_set("%s: it would have more than %llu MiB (LIMIT_JOURNAL_BYTES); record fewer "
                         "or shorter series",
                         writer->path, (unsigned long long)(LIMIT_JOURNAL_BYTES >> 20));
    if (folder_write_all(writer->fd, text, bytes) == 0 &&
        durable_sync_file(writer->fd, writer->path) == 0)
        return 0;
    int error = errno;
    /* Nothing half written stays; if even this fails, a reader drops the cut line or group. */
    if (ftruncate(writer->fd, (off_t)writer->length) == 0)
        durable_sync_file(writer->fd, writer->path);
    return error_set("%s: cannot be written: %s", writer->path, folder_advice(error));
}

int journal_append_texts(struct journal_writer *writer, char *const *records, size_t count,
                         struct journal_place *places) {
    char hash[SHA_TEXT], *text = NULL;
    size_t bytes = 0;
    uint64_t at = writer->length;
    int status = 0;
    FILE *out = open_memstream(&text, &bytes);
    if (!out)
        return error_set("%s: out of memory while writing a record", writer->path);
    memcpy(hash, writer->hash, SHA_TEXT);
    for (size_t k = 0; k < count && status == 0; k++) {
        size_t size = 0;
        status = add_line(writer, records[k], out, hash, &size);
        if (places)
            places[k] = (struct journal_place){at, size};
        at += size;
    }
    if (fclose(out) != 0 && status == 0)
        status = error_set("%s: out of memory while writing a record", writer->path);
    if (status == 0)
        status = write_lines(writer, text, bytes);
    free(text);
    if (status == 0) {
        writer->length += bytes;
        memcpy(writer->hash, hash, SHA_TEXT);
    }
    return status;
}

int journal_append_all(struct journal_writer *writer, json_t *const *records, size_t count,
                       struct journal_place *places) {
    char **texts = calloc(count + 1, sizeof *texts);
    if (!texts)
        return error_set("%s: out of memory while writing a record", writer->path);
    for (size_t k = 0; k < count; k++)
        texts[k] = json_dumps(records[k], JSON_COMPACT);
    int status = journal_append_texts(writer, texts, count, places);
    for (size_t k = 0; k < count; k++)
        free(texts[k]);
    free(texts);
    return status;
}

int journal_append(struct journal_writer *writer, const json_t *record, uint64_t *offset,
                   size_t *size) {
    json_t *one = (json_t *)record;
    struct journal_place place;
    if (journal_append_all(writer, &one, 1, &place) != 0)
        return -1;
    if (offset)
        *offset = place.offset;
    if (size)
        *size = place.size;
    return 0;
}

void journal_close(struct journal_writer *writer) {
    if (writer->fd >= 0)
        close(writer->fd);
    writer->fd = -1;
}

char *journal_seal(const json_t *object) {
    char hash[SHA_TEXT];
    char *text = json_dumps(object, JSON_INDENT(1));
    size_t plain = text ? strlen(text) : 0; /* ends in "\n}" */
    size_t room = plain + sizeof DOCUMENT_MEMBER + SHA_DIGITS + sizeof DOCUMENT_CLOSE;
    char *sealed = plain > 2 ? malloc(room) : NULL;
    if (sealed && sha_chain(SHA_ZEROS, text, plain, hash) == 0) {
        memcpy(sealed, text, plain - 2);
        snprintf(sealed + plain - 2, room - plain + 2, DOCUMENT_MEMBER "%s" DOCUMENT_CLOSE, hash);
    } else {
        free(sealed);
        sealed = NULL;
    }
    free(text);
    return sealed;
}

json_t *journal_unseal(const char *text, size_t size, char *why, size_t why_size) {
    static const size_t member = sizeof DOCUMENT_MEMBER - 1, close = sizeof DOCUMENT_CLOSE - 1;
    json_t *object = folder_parse_json(text, size, why, why_size);
    if (!object)
        return NULL;
    size_t tail = member + SHA_DIGITS + close;
    const char *end = text + size;
    char computed[SHA_TEXT];
    snprintf(why, why_size, "it does not end in a hash");
    if (json_is_object(object) && size > tail && memcmp(end - tail, DOCUMENT_MEMBER, member) == 0 &&
        memcmp(end - close, DOCUMENT_CLOSE, close) == 0) {
        char *plain = malloc(size - tail + 2);
        if (plain) {
            memcpy(plain, text, size - tail);
            memcpy(plain + size - tail, "\n}", 2);
        }
        int status = plain ? sha_chain(SHA_ZEROS, plain, size - tail + 2, computed) : -1;
        free(plain);
        if (status == 0 && memcmp(computed, end - close - SHA_DIGITS, SHA_DIGITS) == 0)
            return object;
        /* libcrypto fails for want of memory only. */
        snprintf(why, why_size, status ? "out of memory" : "its hash does not fit its text");
    }
    json_decref(object);
    return NULL;
}

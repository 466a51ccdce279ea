/*
 * pack_journal.c: see pack_journal.h.
 */
#include "harness/store/pack_journal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "harness/error.h"
#include "harness/store/journal.h"
#include "harness/store/limits.h"
#include "harness/store/pack_inside.h"

bool pack_journal_is(const char *name) {
    const char *slash = strchr(name, '/');
    return slash && strcmp(slash + 1, JOURNAL_FILE) == 0;
}

char *pack_journal_read(const struct folder *root, const char *name, size_t *size) {
    struct journal_reader journal;
    char *text = NULL;
    int fd = pack_open_file(root, name), step = -1;
    FILE *to = fd >= 0 ? open_memstream(&text, size) : NULL;
    if (fd < 0)
        return NULL;
    if (to) {
        journal_reader_begin(&journal, fd, name);
        while ((step = journal_next(&journal)) == 1)
            journal_put_plain(&journal, to);
        journal_reader_end(&journal);
        if (fclose(to) != 0 && step == 0)
            step = -1;
    }
    if (!to || (step != 0 && !text))
        error_set("%s/%s: out of memory; close other programs", root->path, name);
    close(fd);
    if (step == 0)
        return text;
    free(text);
    return NULL;
}

void pack_journal_begin(struct pack_journal *j, int fd, uint64_t bytes, const char *path) {
    *j = (struct pack_journal){.fd = fd, .left = bytes, .path = path};
    memcpy(j->hash, SHA_ZEROS, SHA_TEXT);
}

static int refuse(const struct pack_journal *j, const char *why) {
    return error_set("%s: %s; take an intact copy", j->path, why);
}

/* Writes the line that was begun, which ends here. */
static int end_line(struct pack_journal *j) {
    size_t size;
    char next[SHA_TEXT];
    j->line[j->size] = '\0';
    char *line = j->size >= 2 && strlen(j->line) == j->size
                     ? journal_seal_line(j->hash, j->line, &size, next)
                     : NULL;
    if (!line)
        return refuse(j, "a line of it is no line of a journal");
    int status = size > j->left ? refuse(j, "a file is longer than its manifest says") : 0;
    if (status == 0 && folder_write_all(j->fd, line, size) != 0)
        status = error_set("%s: cannot be unpacked: %s", j->path, folder_advice(errno));
    free(line);
    j->left -= status == 0 ? size : 0;
    j->size = 0;
    memcpy(j->hash, next, SHA_TEXT);
    return status;
}

static int add(struct pack_journal *j, const char *data, size_t size) {
    if (size > LIMIT_LINE_BYTES - j->size)
        return refuse(j, "a line of it is longer than one can be");
    if (j->size + size + 1 > j->room) {
        size_t room = 2 * (j->size + size + 1);
        char *more = realloc(j->line, room);
        if (!more)
            return error_set("%s: out of memory; close other programs", j->path);
        j->line = more;
        j->room = room;
    }
    memcpy(j->line + j->size, data, size);
    j->size += size;
    return 0;
}

int pack_journal_take(void *self, const char *data, size_t size) {
    struct pack_journal *j = self;
    int status = 0;
    while (status == 0 && size > 0) {
        const char *end = memchr(data, '\n', size);
        size_t part = end ? (size_t)(end - data) : size;
        status = add(j, data, part);
        if (status == 0 && end)
            status = end_line(j);
        data += part + (end ? 1 : 0);
        size -= part + (end ? 1 : 0);
    }
    return status;
}

void pack_journal_end(struct pack_journal *j) {
    free(j->line);
    j->line = NULL;
}

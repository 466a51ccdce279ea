/*
 * seal_fixture.h: for fuzz targets: texts of a result folder's files with the hashes that they
 * ought to have, without which nothing would get past them.
 */
#ifndef NANOLAB_HARNESS_SEAL_FIXTURE_H
#define NANOLAB_HARNESS_SEAL_FIXTURE_H

#ifndef _GNU_SOURCE
#error "define _GNU_SOURCE before any include: memmem"
#endif

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness/store/sha.h"

/* Each line of a journal with its hash, and the hash before it where an end record asks for one;
 * malloc'ed. */
static inline char *seal_journal(const char *text, size_t size, size_t *sealed) {
    char hash[SHA_TEXT] = SHA_ZEROS;
    char *out = malloc(size + size / 2 * 80 + 200);
    size_t used = 0;
    if (!out)
        abort();
    while (size > 0) {
        const char *end = memchr(text, '\n', size);
        size_t length = end ? (size_t)(end - text) : size, step = end ? length + 1 : length;
        memcpy(out + used, text, length);
        if (length > 1 && text[length - 1] == '}') {
            char *line = out + used, *previous = memmem(line, length, "\"previous\":\"", 12);
            if (previous && (size_t)(line + length - previous) > 12 + SHA_DIGITS)
                memcpy(previous + 12, hash, SHA_DIGITS);
            sha_chain(hash, line, length, hash);
            used += length - 1;
            used += (size_t)sprintf(out + used, ",\"hash\":\"%s\"}", hash);
        } else {
            used += length;
        }
        if (end)
            out[used++] = '\n';
        text += step;
        size -= step;
    }
    *sealed = used;
    return out;
}

/* run.json, given without its last line. */
static inline char *seal_run(const char *text, size_t size, size_t *sealed) {
    char hash[SHA_TEXT] = SHA_ZEROS;
    char *out = malloc(size + 100);
    if (!out)
        abort();
    memcpy(out, text, size);
    memcpy(out + size, "\n}", 2);
    sha_chain(SHA_ZEROS, out, size + 2, hash);
    *sealed = size + (size_t)sprintf(out + size, ",\n \"hash\": \"%s\"\n}\n", hash);
    return out;
}

#endif

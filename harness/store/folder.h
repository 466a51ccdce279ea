/*
 * folder.h: reading and writing files of a result folder without being led out of it.
 *
 * Result folders are passed between strangers, so names inside one are opened relative to the
 * folder's descriptor, never through a symbolic link, and only if they are plain files (a FIFO
 * would hang the reader). Writing goes through a temporary sibling with a name of its own, a sync
 * and a rename, so that a reader sees the old file or the new one.
 *
 * Functions return 0 or a descriptor, or -1 with one line in error_text().
 */
#ifndef NANOLAB_HARNESS_FOLDER_H
#define NANOLAB_HARNESS_FOLDER_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FOLDER_PATH 4096

struct folder {
    int fd;
    char path[FOLDER_PATH]; /* for messages only */
};

/* The folder the user named (which may be a link). */
int folder_open(struct folder *folder, const char *path);
/* A folder inside; a symbolic link is refused. */
int folder_open_in(struct folder *folder, const struct folder *parent, const char *name);
void folder_close(struct folder *folder);

/* True if `name` can be a plain name inside: not empty, no "/", not hidden. */
bool folder_name_is_plain(const char *name);
bool folder_has(const struct folder *folder, const char *name);

/* A plain file, for reading; `size` may be NULL. */
int folder_open_file(const struct folder *folder, const char *name, uint64_t *size);
/* All of a plain file of at most `limit` bytes, with a NUL behind it; the caller frees. */
int folder_read(const struct folder *folder, const char *name, size_t limit, char **text,
                size_t *size);
/* Replaces the file. */
int folder_write(const struct folder *folder, const char *name, const void *data, size_t size);
int folder_write_json(const struct folder *folder, const char *name, const json_t *value);
int folder_sync(const struct folder *folder);
/* Removes a temporary folder and all plain files and folders in it, for cleaning up. */
void folder_remove_tree(int parent_fd, const char *name);

/* All of `size` bytes, or -1 with errno. */
int folder_write_all(int fd, const void *data, size_t size);
/* What to do about a failed write: "the disk is full; …" for ENOSPC and so on. */
const char *folder_advice(int error);

/* JSON from strangers: duplicate keys are an error, as are NaN, invalid UTF-8 and more than 2,048
 * levels (jansson's own limits). NULL leaves the reason in `why`. */
json_t *folder_parse_json(const char *text, size_t size, char *why, size_t why_size);
/* To be called before several threads read folders. */
void folder_prepare_json(void);

/* Why a file (or a line of it, from 1; 0: all of it) is not accepted, with what to do: damage,
 * another format, or, which is no fault of the file's, want of memory. Returns -1. */
int folder_refuse(const char *path, size_t line, const char *why);

#endif

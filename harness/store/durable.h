/*
 * durable.h: syncs, locks and temporary names, on whatever file system there is.
 *
 * Some cannot sync a folder (EINVAL, EOPNOTSUPP, ENOSYS) or have no locks (ENOSYS, EOPNOTSUPP,
 * ENOLCK). A run goes on there, and says once on stderr what it does without. Functions return 0,
 * or -1 with errno.
 */
#ifndef NANOLAB_HARNESS_DURABLE_H
#define NANOLAB_HARNESS_DURABLE_H

#include <stdbool.h>
#include <stddef.h>

/* `path` is for the remark. */
int durable_sync_folder(int fd, const char *path);
int durable_sync_file(int fd, const char *path);

/* An exclusive lock on an open file or folder. Where `wait` is false and another has it, -1 with
 * EWOULDBLOCK. */
int durable_lock(int fd, const char *path, bool wait);
void durable_unlock(int fd);

/*
 * Temporary names are ".NAME.XXXXXXXX.tmp", eight random digits, so that no two writers ever share
 * one. Who writes holds a lock on the file or folder; what nobody holds was left by a writer that
 * was killed, and durable_clean() removes it.
 */
#define DURABLE_NAME 320
/* A new file, for writing, locked; its name into `name`. */
int durable_temporary_file(int folder, const char *of, char name[DURABLE_NAME]);
/* A new folder, open and locked. */
int durable_temporary_folder(int folder, const char *of, char name[DURABLE_NAME]);
/* Removes what killed writers left: temporary names of `of`, or of all where it is NULL. Does
 * nothing where there are no locks. */
void durable_clean(int folder, const char *of);

#endif

/*
 * ptx_cache.h: files that are kept from run to run, in a folder that only their owner may write:
 * $XDG_CACHE_HOME/nanolab/FOLDER. A file is named by a hash of what it was made of, and has a hash
 * of its own bytes behind it (sealed), which a loader of libraries does not look at: one that is
 * damaged is made again. Files are written under another name and renamed, so readers see all of
 * one or none.
 *
 * Functions that return int give 0, or -1 with device_error().
 */
#ifndef NANOLAB_KERNELS_PTX_PTX_CACHE_H
#define NANOLAB_KERNELS_PTX_PTX_CACHE_H

#include <stdbool.h>
#include <stddef.h>

#define PTX_CACHE_NAME 65 /* a hash in hexadecimal digits, and NUL */
#define PTX_CACHE_PATH 4100

/* The name of what is made of two things: how, and of what. */
void ptx_cache_name(const void *how, size_t how_size, const void *what, size_t size,
                    char out[PTX_CACHE_NAME]);
/* A file's path; its folder is made. */
int ptx_cache_path(const char *folder, const char *name, char path[PTX_CACHE_PATH]);
/* Whether a sealed file is there and as it was written. */
bool ptx_cache_intact(const char *path);
/* What is in a sealed file, malloc'd and with a NUL behind it; NULL: it is not intact. */
char *ptx_cache_read(const char *path, size_t *size);
int ptx_cache_write(const char *path, const void *bytes, size_t size);
/* Puts a hash behind what is in a file. */
int ptx_cache_seal(const char *path);
/* Writes a sealed file in one step. */
int ptx_cache_keep(const char *path, const void *bytes, size_t size);

#endif

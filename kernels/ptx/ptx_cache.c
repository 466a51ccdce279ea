/*
 * ptx_cache.c: files that are kept from run to run (ptx_cache.h).
 */
#include "kernels/ptx/ptx_cache.h"

#include <errno.h>
#include <openssl/sha.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "kernels/device/device.h"

static void hash_of(const void *bytes, size_t size, unsigned char out[SHA256_DIGEST_LENGTH]) {
    SHA256((const unsigned char *)bytes, size, out);
}

void ptx_cache_name(const void *how, size_t how_size, const void *what, size_t size,
                    char out[PTX_CACHE_NAME]) {
    unsigned char parts[2][SHA256_DIGEST_LENGTH], all[SHA256_DIGEST_LENGTH];
    hash_of(how, how_size, parts[0]);
    hash_of(what, size, parts[1]);
    hash_of(parts, sizeof parts, all);
    for (int k = 0; k < SHA256_DIGEST_LENGTH; k++)
        snprintf(out + 2 * k, 3, "%02x", all[k]);
}

/* Makes the folders of a path, all but its last part. */
static void make_folders(char *path) {
    for (char *slash = path + 1; (slash = strchr(slash, '/')); slash++) {
        *slash = '\0';
        mkdir(path, 0700);
        *slash = '/';
    }
}

int ptx_cache_path(const char *folder, const char *name, char path[PTX_CACHE_PATH]) {
    const char *cache = getenv("XDG_CACHE_HOME"), *home = getenv("HOME");
    int length = -1;
    if (cache && *cache == '/')
        length = snprintf(path, PTX_CACHE_PATH, "%s/nanolab/%s/%s", cache, folder, name);
    else if (home && *home == '/')
        length = snprintf(path, PTX_CACHE_PATH, "%s/.cache/nanolab/%s/%s", home, folder, name);
    if (length < 0 || (size_t)length >= PTX_CACHE_PATH)
        return device_fail("no folder for compiled kernels: set XDG_CACHE_HOME to one");
    make_folders(path);
    /* What is loaded runs: nobody else may have put it there. */
    struct stat about;
    char *slash = strrchr(path, '/');
    *slash = '\0';
    bool ours = stat(path, &about) == 0 && S_ISDIR(about.st_mode) && about.st_uid == geteuid() &&
                (about.st_mode & (S_IWGRP | S_IWOTH)) == 0;
    if (!ours)
        device_fail("%s: no folder that only its owner may write; make it one, or set "
                    "XDG_CACHE_HOME",
                    path);
    *slash = '/';
    return ours ? 0 : -1;
}

/* All of a file, with `more` bytes of room behind it. NULL: it cannot be read. */
static unsigned char *read_file(const char *path, size_t more, size_t *size) {
    FILE *file = fopen(path, "rbe");
    struct stat about;
    unsigned char *bytes = NULL;
    if (file && fstat(fileno(file), &about) == 0 && about.st_size > 0 && about.st_size < 1 << 30) {
        *size = (size_t)about.st_size;
        bytes = malloc(*size + more);
        if (bytes && fread(bytes, 1, *size, file) != *size) {
            free(bytes);
            bytes = NULL;
        }
    }
    if (file)
        fclose(file);
    return bytes;
}

char *ptx_cache_read(const char *path, size_t *size) {
    unsigned char digest[SHA256_DIGEST_LENGTH], *bytes = read_file(path, 1, size);
    if (bytes && *size > sizeof digest) {
        *size -= sizeof digest;
        hash_of(bytes, *size, digest);
        if (memcmp(digest, bytes + *size, sizeof digest) == 0) {
            bytes[*size] = '\0';
            return (char *)bytes;
        }
    }
    free(bytes);
    return NULL;
}

bool ptx_cache_intact(const char *path) {
    size_t size;
    char *bytes = ptx_cache_read(path, &size);
    bool intact = bytes != NULL;
    free(bytes);
    return intact;
}

int ptx_cache_write(const char *path, const void *bytes, size_t size) {
    FILE *file = fopen(path, "wbe");
    bool good = file && fwrite(bytes, 1, size, file) == size;
    if (file && fclose(file) != 0)
        good = false;
    return good ? 0 : device_fail("%s: cannot be written: %s", path, strerror(errno));
}

int ptx_cache_seal(const char *path) {
    size_t size;
    unsigned char *bytes = read_file(path, SHA256_DIGEST_LENGTH, &size);
    if (!bytes)
        return device_fail("%s: cannot be read: %s", path, strerror(errno));
    hash_of(bytes, size, bytes + size);
    int status = ptx_cache_write(path, bytes, size + SHA256_DIGEST_LENGTH);
    free(bytes);
    return status;
}

int ptx_cache_keep(const char *path, const void *bytes, size_t size) {
    static unsigned count;
    char other[PTX_CACHE_PATH + 40];
    snprintf(other, sizeof other, "%s.%ld.%u.new", path, (long)getpid(),
             __atomic_add_fetch(&count, 1, __ATOMIC_RELAXED));
    int status = ptx_cache_write(other, bytes, size);
    if (status == 0)
        status = ptx_cache_seal(other);
    if (status == 0 && rename(other, path) != 0)
        status = device_fail("%s: cannot be written: %s", path, strerror(errno));
    if (status != 0)
        unlink(other);
    return status;
}

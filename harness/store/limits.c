/*
 * limits.c: see limits.h.
 */
#include "harness/store/limits.h"

#include "harness/error.h"

int limits_take_bytes(struct limits *left, const char *path, uint64_t bytes) {
    if (bytes > left->bytes)
        return error_set("%s: with it, the folder's files have more than %llu MiB, which no run "
                         "writes (LIMIT_FOLDER_BYTES); take an intact copy",
                         path, (unsigned long long)(LIMIT_FOLDER_BYTES >> 20));
    left->bytes -= bytes;
    return 0;
}

int limits_take_line(struct limits *left, const char *path) {
    if (left->lines == 0)
        return error_set("%s: with it, the folder's journals have more than %llu lines, which no "
                         "run writes (LIMIT_FOLDER_LINES); take an intact copy",
                         path, (unsigned long long)LIMIT_FOLDER_LINES);
    left->lines--;
    return 0;
}

int limits_take_kept(struct limits *left, const char *path, uint64_t bytes) {
    if (bytes > left->kept)
        return error_set(
            "%s: with it, the folder's claims and the records about its labs have more "
            "than %llu MiB, which no run writes (LIMIT_FOLDER_KEPT_BYTES); take an "
            "intact copy",
            path, (unsigned long long)(LIMIT_FOLDER_KEPT_BYTES >> 20));
    left->kept -= bytes;
    return 0;
}

/*
 * compare_nvbench_samples.c: samples of nvbench's JSON, which lie in files beside it
 * (compare_foreign.h).
 */
#define _GNU_SOURCE
#include <endian.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "harness/compare/compare_foreign_inside.h"
#include "harness/error.h"
#include "harness/measure/stats.h"
#include "harness/store/folder.h"

/* All of the file's samples; malloc'ed, NULL with error_text(). */
static float *load(struct foreign *f, const struct folder *folder, const char *name, double stated,
                   size_t *count) {
    uint64_t bytes = 0;
    int fd = folder_open_file(folder, name, &bytes);
    if (fd < 0)
        return NULL;
    float *x = NULL;
    *count = (size_t)(bytes / sizeof *x);
    if (bytes % sizeof *x != 0 || (double)*count != stated || bytes == 0)
        error_set("%s/%s: %llu bytes are not the samples that %s states; take an intact copy",
                  folder->path, name, (unsigned long long)bytes, f->path);
    else if (*count > LIMIT_FOREIGN_FILE_SAMPLES)
        error_set("%s/%s: more than %zu samples (LIMIT_FOREIGN_FILE_SAMPLES); measure fewer",
                  folder->path, name, LIMIT_FOREIGN_FILE_SAMPLES);
    else if (bytes > f->left.bytes)
        error_set("%s/%s: with it, more than %llu MiB (LIMIT_FOREIGN_BYTES); compare a part of it",
                  folder->path, name, (unsigned long long)(LIMIT_FOREIGN_BYTES >> 20));
    else if (!(x = malloc((size_t)bytes)))
        error_set("%s: out of memory; close other programs", f->path);
    size_t got = 0;
    while (x && got < bytes) {
        ssize_t more = read(fd, (char *)x + got, (size_t)bytes - got);
        if (more > 0) {
            got += (size_t)more;
        } else if (more == 0 || errno != EINTR) {
            error_set("%s/%s: cannot be read: %s", folder->path, name,
                      more == 0 ? "it became shorter" : strerror(errno));
            free(x);
            x = NULL;
        }
    }
    close(fd);
    f->left.bytes -= x ? bytes : 0;
    return x;
}

/* Little-endian, as they lie in the file. */
static int check(const struct folder *folder, const char *name, float *x, size_t count) {
    for (size_t k = 0; k < count; k++) {
        uint32_t bits;
        memcpy(&bits, &x[k], sizeof bits);
        bits = le32toh(bits);
        memcpy(&x[k], &bits, sizeof bits);
        if (!isfinite(x[k]) || x[k] <= 0)
            return error_set("%s/%s: sample %zu is %g s; times are above 0, so take an intact copy",
                             folder->path, name, k, (double)x[k]);
    }
    return 0;
}

/* FOLDER and NAME of ".../FOLDER/NAME". nvbench writes just that, relative to the JSON; before that
 * was so it wrote what it was called with, of which the last two lie beside the file as well. */
static int split_file(const struct foreign *f, const char *file, char inner[256], char name[256]) {
    const char *last = strrchr(file, '/');
    const char *before = last ? memrchr(file, '/', (size_t)(last - file)) : NULL;
    const char *begin = before ? before + 1 : file;
    inner[0] = name[0] = '\0';
    if (last && last - begin < 256)
        snprintf(inner, 256, "%.*s", (int)(last - begin), begin);
    if (last && strlen(last) <= 256)
        snprintf(name, 256, "%s", last + 1);
    if (!folder_name_is_plain(inner) || !folder_name_is_plain(name) || strstr(file, "../"))
        return foreign_refuse(f,
                              "samples in \"%.100s\" are not FOLDER/NAME beside the file; put "
                              "them there",
                              file);
    return 0;
}

static int keep(struct foreign *f, const float *x, size_t count) {
    if (!f->session->see)
        return 0;
    free(f->seen);
    f->seen_count = 0;
    f->seen = malloc(count * sizeof *f->seen);
    if (!f->seen)
        return error_set("%s: out of memory; close other programs", f->path);
    for (; f->seen_count < count; f->seen_count++)
        f->seen[f->seen_count] = (double)x[f->seen_count];
    return 0;
}

int foreign_nvbench_samples(struct foreign *f, const struct folder *beside, const char *file,
                            double stated, struct compare_time *time) {
    char inner[256], name[256];
    struct folder folder;
    *time = (struct compare_time){NAN, NAN};
    if (split_file(f, file, inner, name) != 0)
        return -1;
    if (!folder_has(beside, inner))
        return 0;
    if (folder_open_in(&folder, beside, inner) != 0)
        return -1;
    size_t count;
    int status = 0;
    if (folder_has(&folder, name)) {
        float *x = load(f, &folder, name, stated, &count);
        status = x ? check(&folder, name, x, count) : -1;
        if (status == 0)
            status = keep(f, x, count);
        if (status == 0)
            *time = (struct compare_time){stats_quantile_floats(x, count, COMPARE_LOW),
                                          stats_quantile_floats(x, count, 0.5)};
        free(x);
    }
    folder_close(&folder);
    return status;
}

/*
 * compare_foreign.c: which file it is, and what all readers of others' files do with cases and
 * samples (compare_foreign.h).
 */
#define _GNU_SOURCE
#include "harness/compare/compare_foreign.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "harness/compare/compare_foreign_inside.h"
#include "harness/error.h"
#include "harness/measure/stats.h"
#include "harness/store/pack.h"
#include "harness/text.h"

#define GOOGLE "Google Benchmark's JSON"
#define NVBENCH "nvbench's JSON"
static const char google[] = GOOGLE, nvbench[] = NVBENCH;

static int short_of_memory(const struct foreign *f) {
    return error_set("%s: out of memory; close other programs", f->path);
}

int foreign_refuse(const struct foreign *f, const char *format, ...) {
    char why[600];
    va_list list;
    va_start(list, format);
    vsnprintf(why, sizeof why, format, list);
    va_end(list);
    return error_set("%s: line %zu: %s", f->path, f->json.line, why);
}

int foreign_text(const struct foreign *f, const json_t *object, const char *name,
                 const char **text) {
    const json_t *value = json_object_get(object, name);
    *text = json_string_value(value);
    return *text || !value || json_is_null(value)
               ? 0
               : foreign_refuse(f, "\"%s\" is no text; take an intact copy", name);
}

/* --- cases and samples -------------------------------------------------------------------------
 */

static struct compare_case *new_case(struct foreign *f, const char *lab, const char *id,
                                     const char *device, const char *key) {
    struct compare_session *s = f->session;
    if (s->count == LIMIT_FOREIGN_CASES) {
        foreign_refuse(f, "it has more than %zu cases (LIMIT_FOREIGN_CASES); compare a part of it",
                       LIMIT_FOREIGN_CASES);
        return NULL;
    }
    s->lab = compare_session_lab(s, lab, NULL);
    struct compare_case *c = s->lab ? compare_session_case(s) : NULL;
    if (c)
        c->id = strdup(id);
    if (!c || !c->id ||
        json_object_set_new(f->index, key, json_integer((json_int_t)(s->count - 1))) != 0) {
        short_of_memory(f);
        return NULL;
    }
    snprintf(c->device, sizeof c->device, "%s", device);
    s->bytes += 128 + strlen(key); /* of the index */
    return compare_session_count(s, f->path) == 0 ? c : NULL;
}

struct compare_case *foreign_case(struct foreign *f, const char *lab, const char *id,
                                  const char *device, bool *is_new) {
    char plain[FOREIGN_NAME], plain_lab[64], key[FOREIGN_NAME + 32];
    if (strlen(id) >= sizeof plain) {
        foreign_refuse(f, "a name of %zu bytes is longer than %d; use a shorter one", strlen(id),
                       FOREIGN_NAME - 1);
        return NULL;
    }
    if (!*id) {
        foreign_refuse(f, "a name is empty; take an intact copy");
        return NULL;
    }
    text_plain(plain, sizeof plain, id);
    text_plain(plain_lab, sizeof plain_lab, lab);
    *is_new = false;
    /* Mostly it is the one before. */
    if (f->last < f->session->count) {
        struct compare_case *c = &f->session->cases[f->last];
        if (strcmp(c->id, plain) == 0 && strcmp(c->device, device) == 0)
            return c;
    }
    snprintf(key, sizeof key, "%s %s", device, plain);
    const json_t *there = json_object_get(f->index, key);
    *is_new = !there;
    if (!there && !new_case(f, plain_lab, plain, device, key))
        return NULL;
    f->last = there ? (size_t)json_integer_value(there) : f->session->count - 1;
    return &f->session->cases[f->last];
}

int foreign_time(struct foreign *f, struct compare_case *c, struct compare_time time) {
    if (!isfinite(time.low) || time.low < 0 || !isfinite(time.median) || time.median < 0)
        return foreign_refuse(f, "a time of %g s; times are at least 0, so take an intact copy",
                              isfinite(time.low) && time.low >= 0 ? time.median : time.low);
    if (time.low == 0) {
        foreign_find(&f->zero, c->id);
        return 0;
    }
    if (++f->samples > LIMIT_FOREIGN_SAMPLES)
        return foreign_refuse(f,
                              "it has more than %zu samples (LIMIT_FOREIGN_SAMPLES); compare a "
                              "part of it",
                              LIMIT_FOREIGN_SAMPLES);
    return compare_case_add(c, &time, 1) == 0 ? 0 : short_of_memory(f);
}

int foreign_sample(struct foreign *f, struct compare_case *c, double seconds) {
    return foreign_time(f, c, (struct compare_time){seconds, seconds});
}

int foreign_see(struct foreign *f, const struct compare_case *c, const double *samples,
                size_t count) {
    return f->session->see ? f->session->see(f->session->context, c, samples, count) : 0;
}

/* Makes one time of a case's samples. */
static int join_samples(struct foreign *f, struct compare_case *c) {
    double *samples = malloc(c->timed * sizeof *samples);
    if (!samples)
        return short_of_memory(f);
    for (size_t k = 0; k < c->timed; k++)
        samples[k] = c->times[k].low;
    struct compare_time time = compare_time_of(samples, c->timed);
    int status = foreign_see(f, c, samples, c->timed);
    free(samples);
    free(c->times);
    c->times = NULL;
    c->timed = c->room = 0;
    if (status == 0 &&
        (isnan(time.low) || isnan(time.median) || compare_case_add(c, &time, 1) != 0))
        status = short_of_memory(f);
    return status;
}

/* What has no time is no case. */
static int settle(struct foreign *f) {
    struct compare_session *s = f->session;
    size_t kept = 0;
    for (size_t k = 0; k < s->count; k++) {
        struct compare_case *c = &s->cases[k];
        if (c->timed > 1 && join_samples(f, c) != 0)
            return -1;
        if (c->timed == 0)
            continue;
        /* Changes places, so that each is freed once whatever happens. */
        struct compare_case last = *c;
        s->cases[k] = s->cases[kept];
        s->cases[kept++] = last;
    }
    while (s->count > kept)
        compare_session_drop(s);
    return kept > 0
               ? 0
               : error_set("%s: it has no time of any case; take a file with results", f->path);
}

/* --- notes -------------------------------------------------------------------------------------
 */

void foreign_find(struct foreign_found *found, const char *name) {
    if (found->count++ == 0)
        text_plain(found->first, sizeof found->first, name);
}

static int add_note(const struct foreign *f, const char *text) {
    char plain[600];
    const char *slash = strrchr(f->path, '/');
    snprintf(plain, sizeof plain, "%.200s: %.350s", slash ? slash + 1 : f->path, text);
    text_plain(plain, sizeof plain, plain);
    return json_array_append_new(f->session->side->notes, json_string(plain)) == 0
               ? 0
               : short_of_memory(f);
}

int foreign_note(const struct foreign *f, const struct foreign_found *found, const char *what) {
    char text[400];
    if (found->count == 0)
        return 0;
    snprintf(text, sizeof text, "%zu %s, %s %s", found->count, what,
             found->count == 1 ? "namely" : "such as", found->first);
    return add_note(f, text);
}

int foreign_run(const struct foreign *f, const char *executable, const char *date) {
    struct compare_side *side = f->session->side;
    char label[200], plain[200], start[80];
    if (side->run)
        return 0;
    snprintf(label, sizeof label, "from %s%s%.120s", side->foreign, executable ? ": " : "",
             executable ? executable : "");
    side->run = json_pack("{s:n, s:n, s:{s:s, s:s*}}", "machine", "software", "run", "label",
                          text_plain(plain, sizeof plain, label), "start",
                          date ? text_plain(start, sizeof start, date) : NULL);
    return side->run ? 0 : short_of_memory(f);
}

bool foreign_is_our_device(const char *text, size_t size) {
    return (size == 3 && (strncmp(text, "cpu", 3) == 0 || strncmp(text, "ptx", 3) == 0)) ||
           (size == 4 && strncmp(text, "simt", 4) == 0) ||
           (size > 8 && size < 12 && strncmp(text, "sass:sm_", 8) == 0) ||
           (size > 5 && size < 10 && strncmp(text, "cuda:", 5) == 0 &&
            strspn(text + 5, "0123456789") >= size - 5);
}

/* --- which file it is --------------------------------------------------------------------------
 */

static int head_member(void *context, struct pull_json *json, const char *name) {
    struct foreign *f = context;
    if (json_object_get(f->head, name) || json_object_size(f->head) == 32)
        return foreign_refuse(f, "%s; take an intact copy",
                              json_object_get(f->head, name) ? "a member is there twice"
                                                             : "it has more than 32 members");
    bool entered = strcmp(name, "benchmarks") == 0;
    json_t *value = !entered                    ? pull_json_value(json)
                    : pull_json_skip(json) == 0 ? json_true()
                                                : NULL;
    if (!value)
        return -1;
    return json_object_set_new(f->head, name, value) == 0 ? 0 : short_of_memory(f);
}

/* What stands about the file and not in its "benchmarks", whatever comes first. */
static int read_head(struct foreign *f) {
    if (pull_json_object(&f->json, head_member, f) != 0 || pull_json_end(&f->json) != 0)
        return -1;
    if (!json_object_get(f->head, "benchmarks"))
        return error_set("%s: neither " GOOGLE " nor " NVBENCH " (no \"benchmarks\"); name a "
                         "result folder, its archive, or such a file",
                         f->path);
    return 0;
}

static int read_known(struct foreign *f, const char *what, int (*read)(struct foreign *f)) {
    f->session->side->foreign = what;
    if (lseek(f->json.fd, 0, SEEK_SET) != 0)
        return error_set("%s: cannot be read: %s", f->path, strerror(errno));
    f->json.line = 1;
    f->json.at = f->json.filled = 0;
    if (read(f) != 0 || settle(f) != 0)
        return -1;
    return foreign_note(f, &f->failed, "cases failed or were skipped, and are left out") ||
                   foreign_note(f, &f->zero, "samples of 0 are left out") ||
                   foreign_note(f, &f->other, "series of a case other than its time are left out")
               ? -1
               : 0;
}

static int read_json(struct foreign *f, int fd) {
    f->head = json_object();
    f->index = json_object();
    int status = f->head && f->index ? pull_json_open(&f->json, fd, f->path) : short_of_memory(f);
    if (status == 0)
        status = read_head(f);
    const json_t *version = json_object_get(json_object_get(f->head, "meta"), "version");
    if (status == 0 && json_object_get(version, "json"))
        status = read_known(f, nvbench, foreign_nvbench);
    else if (status == 0 && json_object_get(f->head, "context"))
        status = read_known(f, google, foreign_google_benchmark);
    else if (status == 0)
        status = error_set("%s: neither " GOOGLE " (no \"context\") nor " NVBENCH
                           " (no \"meta\" with a version); name a result folder, its archive, or "
                           "such a file",
                           f->path);
    pull_json_close(&f->json);
    json_decref(f->head);
    json_decref(f->index);
    free(f->seen);
    return status;
}

bool compare_foreign_is_file(const char *path) {
    struct stat status;
    return stat(path, &status) == 0 && !S_ISDIR(status.st_mode);
}

static int read_file(struct compare_session *s, const char *path, int fd) {
    struct foreign f = {.session = s, .path = path, .left = {.bytes = LIMIT_FOREIGN_BYTES}};
    struct stat status;
    char first[2] = "";
    struct pack pack;
    if (fstat(fd, &status) != 0 || !S_ISREG(status.st_mode))
        return error_set("%s: neither a folder nor a plain file; check the name", path);
    if (pread(fd, first, sizeof first, 0) == 2 && memcmp(first, "PK", 2) == 0)
        return pack_visit(path, compare_session_read, s, &pack);
    if ((uint64_t)status.st_size > f.left.bytes)
        return error_set("%s: more than %llu MiB (LIMIT_FOREIGN_BYTES); compare a part of it", path,
                         (unsigned long long)(LIMIT_FOREIGN_BYTES >> 20));
    f.left.bytes -= (uint64_t)status.st_size;
    return read_json(&f, fd);
}

int compare_foreign_read(struct compare_session *s, const char *path) {
    int fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0)
        return error_set("%s: cannot be read: %s", path, strerror(errno));
    int status = read_file(s, path, fd);
    close(fd);
    return status;
}

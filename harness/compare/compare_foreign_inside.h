/*
 * compare_foreign_inside.h: what the readers of others' files share (compare_foreign.h).
 */
#ifndef NANOLAB_HARNESS_COMPARE_FOREIGN_INSIDE_H
#define NANOLAB_HARNESS_COMPARE_FOREIGN_INSIDE_H

#include "harness/compare/compare_session.h"
#include "harness/store/folder.h"
#include "harness/store/limits.h"
#include "harness/store/pull_json.h"

/* Bytes of a case's id, of a benchmark's name, of an axis and its value. */
#define FOREIGN_NAME 2048

/* Things of one kind that were found in a file, for a note: how many, and the first one's name. */
struct foreign_found {
    size_t count;
    char first[120];
};

struct foreign {
    struct compare_session *session;
    const char *path;
    struct pull_json json;
    json_t *head;       /* {name: value} of the file's members, but for "benchmarks" */
    json_t *index;      /* {"DEVICE ID": number of the session's case} */
    size_t last;        /* the case that foreign_case() gave last */
    size_t samples;     /* kept in memory */
    struct limits left; /* of the bytes of this file and of those that it names */
    struct foreign_found failed, zero, other;
    double *seen; /* [seen_count], of nvbench's state now read */
    size_t seen_count;
};

/* These read "benchmarks" of the file; 0, or -1. A case's samples are its `times` until the whole
 * file was read. */
int foreign_google_benchmark(struct foreign *f);
int foreign_nvbench(struct foreign *f);

/* The time of the samples, `stated` of them, in `file` (".../FOLDER/NAME", of which the last two
 * are looked for in `beside`); NaN where there is no such file, and with 0. They are kept in
 * f->seen where the session wants to see them. */
int foreign_nvbench_samples(struct foreign *f, const struct folder *beside, const char *file,
                            double stated, struct compare_time *time);
/* Shows a case's samples to the session, if it wants to see them: 0, or -1. */
int foreign_see(struct foreign *f, const struct compare_case *c, const double *samples,
                size_t count);

/* The case of that id and device, made harmless, and a new one of lab `lab` where there is none;
 * NULL with error_text(). *is_new: whether there was none. */
struct compare_case *foreign_case(struct foreign *f, const char *lab, const char *id,
                                  const char *device, bool *is_new);
/* One sample in seconds, or what stands for all of them; or -1. */
int foreign_sample(struct foreign *f, struct compare_case *c, double seconds);
int foreign_time(struct foreign *f, struct compare_case *c, struct compare_time time);
void foreign_find(struct foreign_found *found, const char *name);
/* Adds "FILE: COUNT WHAT, such as NAME" to the side's notes where anything was found. */
int foreign_note(const struct foreign *f, const struct foreign_found *found, const char *what);

/* The text of a member, or NULL where there is none; -1 where it is something else. */
int foreign_text(const struct foreign *f, const json_t *object, const char *name,
                 const char **text);
/* "cpu", "simt", "cuda:0", as they stand in results. */
bool foreign_is_our_device(const char *text, size_t size);
/* What the side's page says of the run, if it is its first. NULL: not known. 0, or -1. */
int foreign_run(const struct foreign *f, const char *executable, const char *date);
/* -1, with a line that names file, place and what is wrong. */
int foreign_refuse(const struct foreign *f, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

#endif

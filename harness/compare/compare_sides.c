/*
 * compare_sides.c: several sides of a comparison read at once (compare.h).
 */
#define _GNU_SOURCE
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "harness/compare/compare.h"
#include "harness/error.h"
#include "harness/store/folder.h"

static int short_of_memory(void) {
    return error_set("out of memory; close other programs");
}

#define THREADS_MOST 4 /* each holds the keys of a folder's cases while it reads */

struct opening {
    struct compare_side *sides;
    const char *const *paths;
    char **errors; /* [count] of each side that failed */
    size_t count;
    atomic_size_t next;
    atomic_bool failed;
};

static void *open_some(void *context) {
    struct opening *o = context;
    size_t k;
    while (!o->failed && (k = o->next++) < o->count)
        if (compare_side_open(&o->sides[k], o->paths[k]) != 0) {
            o->errors[k] = strdup(error_text());
            o->failed = true;
        }
    return NULL;
}

static size_t threads_for(size_t count) {
    cpu_set_t set;
    size_t most = sched_getaffinity(0, sizeof set, &set) == 0 ? (size_t)CPU_COUNT(&set) : 1;
    most = most < THREADS_MOST ? most : THREADS_MOST;
    return count < most ? count : most;
}

int compare_sides_open(struct compare_side *sides, const char *const *paths, size_t count) {
    struct opening o = {.sides = sides, .paths = paths, .count = count};
    pthread_t threads[THREADS_MOST];
    size_t started = 0, wanted = threads_for(count);
    memset(sides, 0, count * sizeof *sides);
    o.errors = calloc(count + 1, sizeof *o.errors);
    if (!o.errors)
        return short_of_memory();
    folder_prepare_json();
    while (started + 1 < wanted && pthread_create(&threads[started], NULL, open_some, &o) == 0)
        started++;
    open_some(&o); /* this thread too: all is read where no other could be started */
    for (size_t k = 0; k < started; k++)
        pthread_join(threads[k], NULL);
    int status = o.failed ? -1 : 0;
    const char *error = NULL;
    for (size_t k = 0; k < count && !error; k++)
        error = o.errors[k];
    if (status != 0)
        error_set("%s", error ? error : "out of memory; close other programs");
    for (size_t k = 0; k < count; k++)
        free(o.errors[k]);
    free(o.errors);
    return status;
}

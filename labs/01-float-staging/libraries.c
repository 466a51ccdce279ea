/* libraries.c: which libraries to time, and on how many threads. */
#include "labs/01-float-staging/libraries.h"

#include <cblas.h>
#include <omp.h>
#include <string.h>

size_t libraries_timed(enum device_kind kind, const struct tree_target **out, size_t most) {
    static const char *const names[] = {"openblas-sasum", "onednn-sum", "cub"};
    size_t count = 0;
    for (size_t k = 0; k < sizeof names / sizeof *names && count < most; k++) {
        const struct tree_target *target = tree_target_named(names[k]);
        if (target && target->kind == kind)
            out[count++] = target;
    }
    return count;
}

void libraries_set_threads(unsigned threads) {
    openblas_set_num_threads((int)threads);
    omp_set_num_threads((int)threads); /* oneDNN's threads are OpenMP's */
}

/*
 * libraries.h: other people's sums as contenders in time: OpenBLAS and oneDNN on a CPU, CUB on a
 * GPU. (Their trees come from kernels/tree/targets.h directly.)
 */
#ifndef NANOLAB_LABS_01_LIBRARIES_H
#define NANOLAB_LABS_01_LIBRARIES_H

#include <stddef.h>

#include "kernels/tree/targets.h"

/* The libraries' float sums that are worth timing on a kind of device; at most `most`. cblas_ssum
 * is left out: it is an extension that returns wrong sums on some CPUs (`nanolab reveal`), while
 * cblas_sasum is right, and the same work for data that are not negative. */
size_t libraries_timed(enum device_kind kind, const struct tree_target **out, size_t most);

/* Makes the CPU libraries use so many threads from now on. */
void libraries_set_threads(unsigned threads);

#endif

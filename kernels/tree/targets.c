/*
 * targets.c: the table of built-in targets, library by library.
 */
#include "kernels/tree/targets.h"

#include <string.h>

#define TARGETS_MAX 32

const struct tree_target *tree_targets(size_t *count) {
    static struct tree_target all[TARGETS_MAX]; /* the same bytes whoever writes them */
    size_t used = 0;
    for (size_t k = 0; k < tree_targets_openblas_count && used < TARGETS_MAX; k++)
        all[used++] = tree_targets_openblas[k];
    for (size_t k = 0; k < tree_targets_onednn_count && used < TARGETS_MAX; k++)
        all[used++] = tree_targets_onednn[k];
    size_t cub = &tree_targets_cub_count ? tree_targets_cub_count : 0;
    for (size_t k = 0; k < cub && used < TARGETS_MAX; k++)
        all[used++] = tree_targets_cub[k];
    *count = used;
    return all;
}

const struct tree_target *tree_target_named(const char *name) {
    size_t count;
    const struct tree_target *all = tree_targets(&count);
    for (size_t k = 0; k < count; k++)
        if (strcmp(all[k].name, name) == 0)
            return &all[k];
    return NULL;
}

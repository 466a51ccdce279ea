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
    size_t cuda = &tree_targets_cub_count_cuda ? tree_targets_cub_count_cuda : 0;
    for (size_t k = 0; k < cuda && used < TARGETS_MAX; k++)
        all[used++] = tree_targets_cub_cuda[k];
    size_t ptx = &tree_targets_cub_count_ptx ? tree_targets_cub_count_ptx : 0;
    for (size_t k = 0; k < ptx && used < TARGETS_MAX; k++)
        all[used++] = tree_targets_cub_ptx[k];
    *count = used;
    return all;
}

bool tree_target_fits(const struct tree_target *target, enum device_kind kind) {
    return target->kind == kind || (target->kind == DEVICE_PTX && kind == DEVICE_SASS);
}

const struct tree_target *tree_target_on(const char *name, enum device_kind kind) {
    size_t count;
    const struct tree_target *all = tree_targets(&count);
    for (size_t k = 0; k < count; k++)
        if (strcmp(all[k].name, name) == 0 &&
            (kind == DEVICE_KINDS || tree_target_fits(&all[k], kind)))
            return &all[k];
    return NULL;
}

const struct tree_target *tree_target_named(const char *name) {
    return tree_target_on(name, DEVICE_KINDS);
}

/*
 * targets.h: other people's sums and dot products, ready to be taken apart by recover().
 *
 * Whoever calls tree_targets() links OpenBLAS and oneDNN; nothing else in the archive needs them.
 */
#ifndef NANOLAB_KERNELS_TREE_TARGETS_H
#define NANOLAB_KERNELS_TREE_TARGETS_H

#include <stddef.h>

#include "kernels/device/device.h"
#include "kernels/ptx/ptx_card.h"
#include "kernels/sum/sum_job.h"
#include "kernels/tree/cub_plan.h"
#include "kernels/tree/recover.h"

#ifdef __cplusplus
extern "C" {
#endif

struct tree_target {
    const char *name; /* "openblas-sdot" */
    const char *what; /* "OpenBLAS cblas_sdot" */
    enum device_kind kind;
    /* Fills *target for sums of n inputs. `device`: one of `kind`, NULL is enough for a CPU.
     * Returns 0, or -1 with device_error(); close() gives back what open() took. */
    int (*open)(struct recover_target *target, size_t n, struct device *device);
    void (*close)(struct recover_target *target);
    /* Library, version and the implementation it chose; `size` >= 120 bytes. */
    void (*version)(char *text, size_t size);
    /* GPU only: starts the sum of the n inputs at `x` in device memory and does not wait; for
     * timing, since target->sum copies from host memory first. NULL on a CPU, where target->sum
     * itself can be timed. */
    int (*start)(struct recover_target *target, const void *x, size_t n);
    /* What its authors wrote down of its order, of an opened target; NULL: nobody did. */
    const struct cub_plan *(*plan)(const struct recover_target *target);
};

/* All targets of this build; *count of them. A GPU's are only there if the build has CUDA, those of
 * the PTX machine if it has PTX. */
const struct tree_target *tree_targets(size_t *count);
/* The first of a name: a GPU's before the PTX machine's. */
const struct tree_target *tree_target_named(const char *name);
const struct tree_target *tree_target_on(const char *name, enum device_kind kind);

/* Whether a target can be opened on a device of this kind: the PTX machine's run as machine code,
 * too. */
bool tree_target_fits(const struct tree_target *target, enum device_kind kind);

/* The card that a target of the PTX machine (or on machine code, if its architecture is the same)
 * runs as if on, from its open() on; NULL: the best known of its architecture, 8.0 for PTX. */
void tree_card_ptx(const struct ptx_card *card) DEVICE_PTX_ONLY;

/* A target with a sum of floats as a job on `memory`, whose inputs `facts` describes; both must
 * outlive it. Its prove() asks for a result within the error bound of any order. 0, or -1 with
 * device_error(). */
int tree_target_job(struct job *job, const struct tree_target *library, struct sum_memory *memory,
                    const struct sum_facts *facts);

/* Rows of the table, in the files of their libraries. */
extern const struct tree_target tree_targets_openblas[];
extern const size_t tree_targets_openblas_count;
extern const struct tree_target tree_targets_onednn[];
extern const size_t tree_targets_onednn_count;
extern const struct tree_target tree_targets_cub_cuda[] DEVICE_CUDA_ONLY;
extern const size_t tree_targets_cub_count_cuda DEVICE_CUDA_ONLY;
extern const struct tree_target tree_targets_cub_ptx[] DEVICE_PTX_ONLY;
extern const size_t tree_targets_cub_count_ptx DEVICE_PTX_ONLY;

#ifdef __cplusplus
}
#endif
#endif

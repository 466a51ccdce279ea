/*
 * ranks_nccl.h: NCCL's all-reduce with a deadline on every wait.
 *
 * NCCL has no watchdog: a rank that never comes keeps all others waiting without end. So groups are
 * non-blocking, each call is asked again and again whether it is done, and a group that waited for
 * too long, or that reports an error, is aborted, once. The library is opened at run time: it has
 * 100 MB and more, and a machine with PyTorch has its own. NANOLAB_NCCL names another.
 *
 * What is on a GPU is the caller's: buffers, streams, and whether a stream still has work.
 */
#ifndef NANOLAB_KERNELS_RANKS_NCCL_H
#define NANOLAB_KERNELS_RANKS_NCCL_H

#include <stddef.h>
#include <stdint.h>

#include "kernels/ranks/ranks.h"

#ifdef __cplusplus
extern "C" {
#endif

/* The opened library. `why` has RANKS_WHY bytes everywhere here. */
struct ranks_nccl;
/* 0, or -1 with the reason: none here, too old, or not a whole one. */
int ranks_nccl_load(struct ranks_nccl **out, char *why);
/* 22809 for 2.28.9. */
int ranks_nccl_version(const struct ranks_nccl *nccl);
/* "NCCL 2.28.9": `out` has 64 bytes and is returned. */
char *ranks_nccl_name(const struct ranks_nccl *nccl, char *out);
/* Whether the library is here, and a GPU for each of so many ranks of this machine. 0, or -1. */
int ranks_nccl_check(unsigned ranks, char *why);
/* Leaves the library itself open: it may have threads. */
void ranks_nccl_unload(struct ranks_nccl *nccl);

/* By which the ranks of a group find each other: made by one of them, brought to the others by the
 * caller. */
struct ranks_nccl_id {
    char bytes[128];
};
int ranks_nccl_id(const struct ranks_nccl *nccl, struct ranks_nccl_id *id, char *why);

struct ranks_nccl_setup {
    unsigned ranks, rank;
    struct ranks_nccl_id id;
    void *stream; /* of sums; a cudaStream_t, of the GPU that is current */
    /* Whether the stream still has work: 1 or 0, or -1 with device_error(). */
    int (*busy)(void *stream);
    double deadline_s; /* of one wait */
};

/* Of what waits: 0; -1: it failed; RANKS_NCCL_WAITED: the deadline passed. In the last two cases
 * `why` says what, the group has been aborted, and can only be closed. */
#define RANKS_NCCL_WAITED 1

struct ranks_nccl_group;
/* Waits for all ranks of it. *out is NULL unless 0. */
int ranks_nccl_open(struct ranks_nccl_group **out, const struct ranks_nccl *nccl,
                    const struct ranks_nccl_setup *setup, char *why);
/* Begins a sum of `count` f32, from and to memory of the GPU. */
int ranks_nccl_begin(struct ranks_nccl_group *group, const void *from, void *to, size_t count,
                     char *why);
/* Waits for the sum that was begun. */
int ranks_nccl_end(struct ranks_nccl_group *group, char *why);
/* Ends whatever it does, unless that has happened; for groups beside one that failed. */
void ranks_nccl_abort(struct ranks_nccl_group *group);
/* Waits until the group is quiet, for at most the deadline. NULL: nothing. */
void ranks_nccl_close(struct ranks_nccl_group *group);

#ifdef __cplusplus
}
#endif
#endif

/*
 * mpi.c: sums by MPI. Each is a blocking MPI_Allreduce: only that one runs by the algorithm which
 * the plan names. Open MPI's MPI_Iallreduce belongs to another component (coll/libnbc) with
 * algorithms of its own, and SMPI's is one message from each rank to each other. So a sum makes no
 * progress between begin and end, and needs none: what computes meanwhile is asleep, and wakes by
 * the clock. The deadline is kept from outside (watch.c).
 */
#include <inttypes.h>
#include <mpi.h>
#include <stdlib.h>
#include <string.h>

#include "kernels/ranks/program/program.h"

struct sums {
    MPI_Comm inner, outer; /* without groups: all, and none */
    float *input, *sum, *outer_sum;
    const float *last;    /* result */
    struct ranks_arm arm; /* of whose input there are … */
    size_t filled;        /* … so many elements */
    uint64_t bytes;
    bool is_outer;
};

static int fails(const struct program *p, const char *what, int error) {
    char text[MPI_MAX_ERROR_STRING] = "";
    int length = 0;
    MPI_Error_string(error, text, &length);
    return program_says(p, "failed", "%s: %.300s", what, text);
}

static void sums_close(struct program *p) {
    struct sums *s = p->collective;
    if (s && p->plan.group != 0) {
        if (s->inner != MPI_COMM_NULL)
            MPI_Comm_free(&s->inner);
        if (s->outer != MPI_COMM_NULL)
            MPI_Comm_free(&s->outer);
    }
    if (s) {
        free(s->input);
        free(s->sum);
        free(s->outer_sum);
    }
    free(s);
    p->collective = NULL;
}

static int sums_open(struct program *p, uint64_t bytes) {
    unsigned group = p->plan.group;
    struct sums *s = p->collective = calloc(1, sizeof *s);
    if (!s)
        return program_says(p, "failed", "no memory");
    s->inner = MPI_COMM_WORLD;
    s->outer = MPI_COMM_NULL;
    s->input = malloc(bytes);
    s->sum = malloc(bytes);
    s->outer_sum = group != 0 ? malloc(bytes) : NULL;
    int error = MPI_SUCCESS;
    if (group != 0) {
        s->inner = MPI_COMM_NULL;
        error = MPI_Comm_split(MPI_COMM_WORLD, (int)(p->rank / group), (int)p->rank, &s->inner);
        if (error == MPI_SUCCESS)
            error = MPI_Comm_split(MPI_COMM_WORLD, (int)(p->rank % group), (int)p->rank, &s->outer);
    }
    if (error == MPI_SUCCESS && s->input && s->sum && (s->outer_sum || group == 0))
        return 0;
    if (error == MPI_SUCCESS)
        program_says(p, "failed", "no memory for buffers of %" PRIu64 " bytes", bytes);
    else
        fails(p, "cannot make groups", error);
    sums_close(p);
    return -1;
}

static int sums_fill(struct program *p, const struct ranks_arm *arm, uint64_t bytes) {
    struct sums *s = p->collective;
    /* What is there stays, if it is what this arm hands in, too. */
    if (arm->fill != s->arm.fill ||
        (arm->fill == RANKS_PROBE && memcmp(arm->probe, s->arm.probe, sizeof arm->probe) != 0))
        s->filled = 0;
    s->arm = *arm;
    for (; s->filled < bytes / sizeof(float); s->filled++)
        s->input[s->filled] = ranks_fill(arm, p->plan.seed, p->plan.ranks, p->rank, s->filled);
    return 0;
}

static int sums_begin(struct program *p, uint64_t bytes, bool outer) {
    struct sums *s = p->collective;
    s->bytes = bytes;
    s->is_outer = outer;
    return 0;
}

static int sums_end(struct program *p) {
    struct sums *s = p->collective;
    const float *from = s->is_outer ? s->sum : s->input;
    float *to = s->is_outer ? s->outer_sum : s->sum;
    int error = MPI_Allreduce(from, to, (int)(s->bytes / sizeof(float)), MPI_FLOAT, MPI_SUM,
                              s->is_outer ? s->outer : s->inner);
    s->last = to;
    return error == MPI_SUCCESS ? 0 : fails(p, "all-reduce", error);
}

static int sums_result(struct program *p, void *to, uint64_t bytes) {
    memcpy(to, ((const struct sums *)p->collective)->last, bytes);
    return 0;
}

const struct collective_ops collective_mpi = {
    .open = sums_open,
    .fill = sums_fill,
    .begin = sums_begin,
    .end = sums_end,
    .result = sums_result,
    .close = sums_close,
};

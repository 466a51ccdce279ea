/*
 * nccl.c: sums by NCCL, a GPU to each rank, started over MPI, which brings the ids of groups to all
 * ranks and hands the logs over. The sums run on the device's own stream and kernels that compute
 * on another, so that a sum can run beside the next step's computing. Every wait ends by the
 * deadline: NCCL's own, and those for ids and kernels.
 */
#include <inttypes.h>
#include <math.h>
#include <mpi.h>
#include <stdlib.h>
#include <string.h>

#include "kernels/device/device.h"
#include "kernels/ranks/program/program.h"
#include "kernels/ranks/ranks_gpu.h"
#include "kernels/ranks/ranks_nccl.h"

struct sums {
    struct device *device;
    struct ranks_nccl *nccl;
    struct ranks_nccl_group *inner, *outer; /* without groups of the plan: all, and none */
    struct ranks_nccl_group *running;
    void *computing;                /* stream */
    float *input, *sum, *outer_sum; /* on the GPU */
    const float *last;              /* result */
    uint64_t bytes;                 /* of each */
    bool filled;                    /* with the input of … */
    struct ranks_arm arm;
};

/* After a wait came to `status`. What another group does is of no use any more, and its peers wait
 * for a rank that will not come. */
static int ended(struct program *p, int status, const char *why) {
    struct sums *s = p->collective;
    if (status == 0)
        return 0;
    if (s->inner)
        ranks_nccl_abort(s->inner);
    if (s->outer)
        ranks_nccl_abort(s->outer);
    if (status == RANKS_NCCL_WAITED)
        return program_says(p, "waited", "%s for %.1f s; %s",
                            ranks_doing_name((enum ranks_doing)p->state->doing), p->plan.deadline_s,
                            why);
    return program_says(p, "failed", "%s", why);
}

static int gpu_failed(const struct program *p) {
    return program_says(p, "failed", "%s", device_error());
}

/* --- starting ----------------------------------------------------------------------------------
 */

#define ADDRESS 32 /* bytes of a GPU's address on the bus */

/* Whether another rank of this machine has the same GPU: 1 or 0, or -1 after program_says(). */
static int is_shared(struct program *p, MPI_Comm local, int here, int number, int gpu) {
    char mine[ADDRESS] = "", *all = calloc((size_t)here, ADDRESS);
    int shared = 0;
    if (!all)
        return program_says(p, "failed", "no memory");
    if (device_cuda_address(gpu, mine, ADDRESS) != 0 ||
        MPI_Allgather(mine, ADDRESS, MPI_CHAR, all, ADDRESS, MPI_CHAR, local) != MPI_SUCCESS)
        shared = program_says(p, "failed", "cannot find out which ranks share a GPU");
    for (int r = 0; r < here && shared == 0; r++)
        shared = r != number && memcmp(all + (size_t)r * ADDRESS, mine, ADDRESS) == 0;
    free(all);
    return shared;
}

/* The GPU of this rank: of those that it sees, the one with its number among this machine's ranks.
 * A scheduler may let each rank see its own alone. */
static int choose_gpu(struct program *p, MPI_Comm local) {
    struct sums *s = p->collective;
    int here = 0, number = 0, gpus = device_count(DEVICE_CUDA);
    MPI_Comm_size(local, &here);
    MPI_Comm_rank(local, &number);
    if (gpus == 0)
        return gpu_failed(p);
    int shared = is_shared(p, local, here, number, number % gpus);
    if (shared > 0)
        return program_says(p, "failed",
                            "NCCL refuses two ranks on one GPU: this machine has %d ranks, which "
                            "see %d GPU%s; start at most one rank for each GPU",
                            here, gpus, gpus == 1 ? "" : "s");
    if (shared < 0)
        return -1;
    if (device_open(&s->device, DEVICE_CUDA, number % gpus) != 0 ||
        ranks_gpu_ops_cuda.stream_open(&s->computing) != 0)
        return gpu_failed(p);
    return 0;
}

static int open_gpu(struct program *p) {
    MPI_Comm local;
    if (MPI_Comm_split_type(MPI_COMM_WORLD, MPI_COMM_TYPE_SHARED, (int)p->rank, MPI_INFO_NULL,
                            &local) != MPI_SUCCESS)
        return program_says(p, "failed", "cannot find out which ranks share a machine");
    int status = choose_gpu(p, local);
    MPI_Comm_free(&local);
    return status;
}

/* By a broadcast that can be given up, since its root may be gone. */
static int share_id(struct program *p, MPI_Comm among, struct ranks_nccl_id *id) {
    int rank, done = 0;
    char why[RANKS_WHY];
    MPI_Request request;
    int64_t until = program_monotonic_ns() + llround(1e9 * p->plan.deadline_s);
    MPI_Comm_rank(among, &rank);
    memset(id, 0, sizeof *id);
    if (rank == 0 && ranks_nccl_id(((struct sums *)p->collective)->nccl, id, why) != 0)
        return program_says(p, "failed", "%s", why);
    if (MPI_Ibcast(id, sizeof *id, MPI_BYTE, 0, among, &request) != MPI_SUCCESS)
        return program_says(p, "failed", "cannot broadcast NCCL's id");
    while (MPI_Test(&request, &done, MPI_STATUS_IGNORE) == MPI_SUCCESS && !done)
        if (program_monotonic_ns() > until)
            return program_says(p, "waited", "%s for %.1f s; for NCCL's id",
                                ranks_doing_name(RANKS_STARTING), p->plan.deadline_s);
    return done ? 0 : program_says(p, "failed", "cannot broadcast NCCL's id");
}

/* The group of those who have the same colour. */
static int open_group(struct program *p, unsigned colour, struct ranks_nccl_group **out) {
    struct sums *s = p->collective;
    MPI_Comm among;
    char why[RANKS_WHY];
    int size, rank;
    struct ranks_nccl_setup setup = {.stream = device_stream(s->device),
                                     .busy = ranks_gpu_ops_cuda.busy,
                                     .deadline_s = p->plan.deadline_s};
    if (MPI_Comm_split(MPI_COMM_WORLD, (int)colour, (int)p->rank, &among) != MPI_SUCCESS)
        return program_says(p, "failed", "cannot make groups");
    MPI_Comm_size(among, &size);
    MPI_Comm_rank(among, &rank);
    setup.ranks = (unsigned)size;
    setup.rank = (unsigned)rank;
    int status = share_id(p, among, &setup.id);
    if (status == 0)
        status = ended(p, ranks_nccl_open(out, s->nccl, &setup, why), why);
    MPI_Comm_free(&among);
    return status;
}

static void sums_close(struct program *p) {
    struct sums *s = p->collective;
    if (!s)
        return;
    ranks_nccl_close(s->outer);
    ranks_nccl_close(s->inner);
    ranks_nccl_unload(s->nccl);
    if (s->computing)
        ranks_gpu_ops_cuda.stream_close(s->computing);
    if (s->device) {
        device_free(s->device, s->input);
        device_free(s->device, s->sum);
        device_free(s->device, s->outer_sum);
    }
    device_close(s->device);
    free(s);
    p->collective = NULL;
}

static int take_memory(struct program *p) {
    struct sums *s = p->collective;
    if (device_alloc(s->device, (void **)&s->input, s->bytes) != 0 ||
        device_alloc(s->device, (void **)&s->sum, s->bytes) != 0 ||
        device_alloc(s->device, (void **)&s->outer_sum, p->plan.group ? s->bytes : 0) != 0 ||
        device_sync(s->device) != 0)
        return gpu_failed(p);
    return 0;
}

static int sums_open(struct program *p, uint64_t bytes) {
    unsigned group = p->plan.group;
    char why[RANKS_WHY];
    struct sums *s = p->collective = calloc(1, sizeof *s);
    if (!s)
        return program_says(p, "failed", "no memory");
    s->bytes = bytes;
    int status = open_gpu(p);
    if (status == 0 && ranks_nccl_load(&s->nccl, why) != 0)
        status = program_says(p, "failed", "%s", why);
    if (status == 0)
        status = take_memory(p);
    if (status == 0)
        status = open_group(p, group ? p->rank / group : 0, &s->inner);
    if (status == 0 && group)
        status = open_group(p, p->rank % group, &s->outer);
    if (status != 0)
        sums_close(p);
    return status;
}

/* --- sums --------------------------------------------------------------------------------------
 */

/* All of the buffer at once, whatever a step needs of it: nothing is to be written while a sum
 * runs. */
static int sums_fill(struct program *p, const struct ranks_arm *arm, uint64_t bytes) {
    struct sums *s = p->collective;
    (void)bytes;
    if (s->filled && arm->fill == s->arm.fill &&
        (arm->fill != RANKS_PROBE || memcmp(arm->probe, s->arm.probe, sizeof arm->probe) == 0))
        return 0;
    float *values = malloc(s->bytes);
    if (!values)
        return program_says(p, "failed", "no memory for %" PRIu64 " bytes", s->bytes);
    for (size_t i = 0; i < s->bytes / sizeof *values; i++)
        values[i] = ranks_fill(arm, p->plan.seed, p->plan.ranks, p->rank, i);
    int status = device_write(s->device, s->input, values, s->bytes);
    free(values);
    s->arm = *arm;
    s->filled = true;
    return status == 0 ? 0 : gpu_failed(p);
}

static int sums_begin(struct program *p, uint64_t bytes, bool outer) {
    struct sums *s = p->collective;
    char why[RANKS_WHY];
    s->running = outer ? s->outer : s->inner;
    s->last = outer ? s->outer_sum : s->sum;
    return ended(p,
                 ranks_nccl_begin(s->running, outer ? s->sum : s->input, (void *)s->last,
                                  bytes / sizeof(float), why),
                 why);
}

static int sums_end(struct program *p) {
    struct sums *s = p->collective;
    char why[RANKS_WHY];
    return ended(p, ranks_nccl_end(s->running, why), why);
}

static int sums_result(struct program *p, void *to, uint64_t bytes) {
    struct sums *s = p->collective;
    return device_read(s->device, to, s->last, bytes) == 0 ? 0 : gpu_failed(p);
}

/* --- kernels that compute ----------------------------------------------------------------------
 */

static int kernel_begin(struct program *p, double us) {
    struct sums *s = p->collective;
    return ranks_gpu_ops_cuda.lasts(s->computing, (uint64_t)llround(1e3 * us)) == 0 ? 0
                                                                                    : gpu_failed(p);
}

/* It ends by a clock, so it needs no deadline. */
static int kernel_end(struct program *p) {
    struct sums *s = p->collective;
    int busy;
    while ((busy = ranks_gpu_ops_cuda.busy(s->computing)) > 0)
        ;
    return busy == 0 ? 0 : gpu_failed(p);
}

const struct collective_ops collective_nccl = {
    .open = sums_open,
    .fill = sums_fill,
    .begin = sums_begin,
    .end = sums_end,
    .result = sums_result,
    .close = sums_close,
    .kernel_begin = kernel_begin,
    .kernel_end = kernel_end,
};

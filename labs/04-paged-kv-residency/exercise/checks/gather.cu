/* gather.cu: launches gather.cuh on what the judge asks for. */
#define EXERCISE_ANSWERS
#include "labs/04-paged-kv-residency/exercise/checks/gather.h"
#include "labs/04-paged-kv-residency/exercise/exercise.cuh"

static void answer(const void *in, void *out) {
    const struct task *t = (const struct task *)in;
    struct gathered *r = (struct gathered *)out;
    size_t blocks = (t->tokens + t->block_tokens - 1) / t->block_tokens;
    size_t pool_bytes = (size_t)t->pool_blocks * t->block_tokens * t->D * sizeof(float);
    size_t out_bytes = (size_t)t->tokens * t->D * sizeof(float);
    unsigned grid = (t->tokens * t->D + GATHER_THREADS - 1) / GATHER_THREADS;
    if (kernel_begin(&r->run, t->seed) != 0)
        return;
    float *pool = (float *)kernel_memory(&r->run, t->pool, pool_bytes);
    int *ids = (int *)kernel_memory(&r->run, t->ids, blocks * sizeof *ids);
    float *to = (float *)kernel_memory(&r->run, r->out, out_bytes);
    if (!r->run.failed)
        kernel_end(&r->run,
                   kernel_launch(gather, grid, GATHER_THREADS, 0, device_stream(kernel_device),
                                 pool, ids, t->tokens, t->block_tokens, t->D, to));
    kernel_result(&r->run, r->out, to, out_bytes);
    device_free(kernel_device, ids);
    device_free(kernel_device, pool);
}

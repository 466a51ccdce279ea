/*
 * paged_launch.cuh: the launchers of paged.cu, and which of its kernels a plan takes.
 */
namespace {

typedef void (*paged_kernel)(struct paged_job);

template <int E, int D, bool VLLM>
paged_kernel paged_attend_for(int group) {
    switch (group) {
    case 1:
        return paged_attend<E, D, 1, VLLM>;
    case 2:
        return paged_attend<E, D, 2, VLLM>;
    case 4:
        return paged_attend<E, D, 4, VLLM>;
    default:
        return paged_attend<E, D, 8, VLLM>;
    }
}

template <int E, int D>
paged_kernel paged_kernel_of(const struct paged_plan *plan, bool vllm) {
    constexpr int WORDS = E == ELEMENT_F16 ? ELEMENT_BF16 : E; /* a gather sees bits only */
    if (plan->op == PAGED_GATHER)
        return vllm ? paged_gather<WORDS, D, true> : paged_gather<WORDS, D, false>;
    return vllm ? paged_attend_for<E, D, true>(plan->group)
                : paged_attend_for<E, D, false>(plan->group);
}

/* A block of one token has the same order of values in vllm and hnd, and of keys too. */
bool paged_is_vllm(const struct paged_plan *plan) {
    return plan->layout == PAGED_VLLM && plan->block > 1;
}

paged_kernel paged_kernel_for(const struct paged_plan *plan) {
    bool vllm = paged_is_vllm(plan), narrow = plan->head == 64;
    if (plan->op == PAGED_WALK)
        return paged_walk;
    switch (plan->element) {
    case ELEMENT_F32:
        return narrow ? paged_kernel_of<ELEMENT_F32, 64>(plan, vllm)
                      : paged_kernel_of<ELEMENT_F32, 128>(plan, vllm);
    case ELEMENT_BF16:
        return narrow ? paged_kernel_of<ELEMENT_BF16, 64>(plan, vllm)
                      : paged_kernel_of<ELEMENT_BF16, 128>(plan, vllm);
    default:
        return narrow ? paged_kernel_of<ELEMENT_F16, 64>(plan, vllm)
                      : paged_kernel_of<ELEMENT_F16, 128>(plan, vllm);
    }
}

/* 0: unknown. */
unsigned paged_processors() {
#if defined(__CUDACC__)
    int device = 0, count = 0;
    if (cudaGetDevice(&device) == cudaSuccess &&
        cudaDeviceGetAttribute(&count, cudaDevAttrMultiProcessorCount, device) == cudaSuccess)
        return (unsigned)count;
    cudaGetLastError();
#endif
    return 0;
}

unsigned paged_splits_here(const struct paged_call *call) {
    struct paged_shape shape = call->shape;
    if (!shape.processors)
        shape.processors = paged_processors();
    return paged_splits(&call->plan, &shape);
}

struct paged_job paged_job_of(const struct paged_call *call) {
    const struct paged_plan *plan = &call->plan;
    const struct kv_table *table = call->shape.table;
    bool slab = plan->mapping == PAGED_SLAB;
    unsigned vectors = (unsigned)(plan->head * element_bytes((enum element)plan->element) / 16);
    unsigned n = slab ? (unsigned)paged_slab_tokens(table) : (unsigned)plan->block;
    struct paged_job job = {};
    job.k = (const uint4 *)call->k;
    job.v = (const uint4 *)call->v;
    job.q = (const uint4 *)call->q;
    job.ids = call->ids;
    job.tokens = call->tokens;
    job.out = call->out;
    job.partial = (float *)call->workspace;
    job.sums = (unsigned long long *)call->sums;
    job.cycles = call->cycles;
    job.warps = call->warps;
    job.heads = call->shape.kv_heads;
    job.row_blocks = table->row_blocks;
    job.splits = paged_splits_here(call);
    job.shift = 31;
    if (!slab)
        for (job.shift = 0; 1u << job.shift < n;)
            job.shift++;
    job.unit = n * job.heads * vectors;
    job.value_rows = n;
    job.lane_step = 1;
    if (paged_is_vllm(plan)) {
        job.head_step = n * vectors;
        job.token_step = 1;
        job.lane_step = n;
    } else if (plan->layout == PAGED_NHD) {
        job.head_step = vectors;
        job.token_step = job.heads * vectors;
    } else {
        job.head_step = n * vectors;
        job.token_step = vectors;
    }
    return job;
}

int launch(const struct paged_call *call) {
    const struct paged_plan *plan = &call->plan;
    char why[PLAN_WHY];
    if (paged_plan_check(plan, why))
        return device_fail("%s", why);
    struct paged_job job = paged_job_of(call);
    unsigned sequences = call->shape.table->sequences;
    paged_kernel kernel = paged_kernel_for(plan);
    if (plan->op != PAGED_ATTENTION &&
        kernel_launch(paged_zero, dim3((sequences + 127) / 128), dim3(128), 0, call->stream,
                      job.sums, sequences))
        return -1;
    if (kernel_launch(kernel, dim3(sequences * job.heads, job.splits), dim3(PAGED_THREADS), 0,
                      call->stream, job))
        return -1;
    if (plan->op != PAGED_ATTENTION || job.splits == 1)
        return 0;
    return kernel_launch(paged_merge, dim3(sequences * job.heads), dim3(PAGED_THREADS), 0,
                         call->stream, job, (unsigned)plan->group, (unsigned)plan->head);
}

size_t warps(const struct paged_call *call) {
    return (size_t)call->shape.table->sequences * call->shape.kv_heads * paged_splits_here(call) *
           PAGED_WARPS;
}

int resources(const struct paged_plan *plan, int *registers, int *local_bytes) {
#if defined(__CUDACC__)
    struct cudaFuncAttributes attributes;
    cudaError_t e = cudaFuncGetAttributes(&attributes, (const void *)paged_kernel_for(plan));
    if (e != cudaSuccess) {
        cudaGetLastError();
        return device_fail("registers of a paged attention kernel: %s", cudaGetErrorString(e));
    }
    *registers = attributes.numRegs;
    *local_bytes = (int)attributes.localSizeBytes;
    return 0;
#else
    (void)plan, (void)registers, (void)local_bytes;
    return device_fail("the SIMT machine has no registers to count: use --device cuda");
#endif
}

} // namespace

extern "C" const struct paged_ops KERNEL_EXPORT(paged_ops) = {
    .launch = launch,
    .warps = warps,
    .resources = resources,
};

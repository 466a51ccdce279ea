/*
 * ways.c: who multiplies on a device: our kernels and the libraries under test, one by one.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness/measure/ulp.h"
#include "kernels/mma/mma.h"
#include "kernels/mma/mma_cpu.h"
#include "kernels/mma/mma_cublaslt.h"
#include "kernels/mma/mma_onednn.h"
#include "kernels/mma/mma_openblas.h"
#include "labs/03-fragment-churn/fragments.h"

/* --- on a CPU ----------------------------------------------------------------------------------
 */

static int open_native(const struct way *way, struct job *job, struct device *device,
                       const struct mma_operands *operands) {
    struct mma_cpu_plan plan = mma_cpu_plan_default((enum mma_cpu_isa)way->option, 1);
    return mma_cpu_job_open(job, device, operands, &plan);
}

static int open_onednn(const struct way *way, struct job *job, struct device *device,
                       const struct mma_operands *operands) {
    struct mma_onednn_options options = {
        .weights = (enum mma_onednn_weights)way->option, .threads = 1, .isa = way->isa};
    return mma_onednn_job_open(job, device, operands, &options);
}

static const struct way native[] = {
    {.name = "avx2", .in = ELEMENT_BF16, .open = open_native, .option = MMA_CPU_AVX2},
    {.name = "avx512-bf16", .in = ELEMENT_BF16, .open = open_native, .option = MMA_CPU_AVX512},
    {.name = "amx", .in = ELEMENT_BF16, .open = open_native, .option = MMA_CPU_AMX},
};
static const struct way onednn[] = {
    {.name = "onednn",
     .in = ELEMENT_BF16,
     .library = true,
     .open = open_onednn,
     .option = MMA_ONEDNN_PLAIN},
    {.name = "onednn-packed",
     .in = ELEMENT_BF16,
     .library = true,
     .open = open_onednn,
     .option = MMA_ONEDNN_PACKED},
    {.name = "onednn-avx512-core",
     .in = ELEMENT_BF16,
     .library = true,
     .open = open_onednn,
     .option = MMA_ONEDNN_PLAIN,
     .isa = "avx512_core"},
};

static int open_openblas(const struct way *way, struct job *job, struct device *device,
                         const struct mma_operands *operands) {
    (void)way;
    return mma_openblas_job_open(job, device, operands, 1);
}

static const struct way openblas = {
    .name = "openblas", .in = ELEMENT_F32, .library = true, .open = open_openblas};

/* A limit wants a second copy of the library, and instructions beyond it. */
static bool can_be_limited(struct device *device, const struct way *way) {
    const struct mma_problem problem = {.shape = {1, 1, 1}, .in = way->in, .out = ELEMENT_F32};
    struct product p;
    bool can = product_open(&p, device, way, &problem, MMA_FILL_ONES, 0) == 0;
    product_close(&p);
    return can && strcmp(mma_onednn_isa(), way->isa) != 0;
}

static size_t ways_of_cpu(struct device *device, struct way *ways) {
    size_t count = 0;
    for (size_t k = 0; k < sizeof native / sizeof *native; k++) {
        enum mma_cpu_isa isa = (enum mma_cpu_isa)native[k].option;
        if (!mma_cpu_isa_usable(isa))
            continue;
        struct mma_cpu_plan plan = mma_cpu_plan_default(isa, 1);
        ways[count] = native[k];
        ways[count++].fragment = mma_cpu_fragment(&plan);
    }
    for (size_t k = 0; k < sizeof onednn / sizeof *onednn && mma_onednn_takes(ELEMENT_BF16); k++)
        if (!onednn[k].isa || can_be_limited(device, &onednn[k]))
            ways[count++] = onednn[k];
    return count;
}

/* --- on a GPU ----------------------------------------------------------------------------------
 */

static int open_kernel(const struct way *way, struct job *job, struct device *device,
                       const struct mma_operands *operands) {
    struct mma_plan plan =
        mma_plan_for((enum mma_kernel)way->option, way->in, ELEMENT_F32, true, MMA_BATCH_ON_M);
    return mma_kernel_job_open(job, device, operands, &plan);
}

static const struct way kernels[] = {
    {.name = "scalar", .in = ELEMENT_F16, .open = open_kernel, .option = MMA_SCALAR},
    {.name = "wmma-16x16x16", .in = ELEMENT_BF16, .open = open_kernel, .option = MMA_WMMA_16X16},
    {.name = "m16n8k16", .in = ELEMENT_BF16, .open = open_kernel, .option = MMA_M16N8K16},
    {.name = "wgmma", .in = ELEMENT_BF16, .open = open_kernel, .option = MMA_WARPGROUP},
};

static int open_cublaslt(const struct way *way, struct job *job, struct device *device,
                         const struct mma_operands *operands) {
    struct mma_cublaslt_plan plan = mma_cublaslt_plan_default();
    (void)way;
    return mma_cublaslt_job_open(job, device, operands, &plan);
}

static const struct way cublaslt = {
    .name = "cublaslt", .in = ELEMENT_BF16, .library = true, .open = open_cublaslt};

static size_t ways_of_gpu(struct device *device, struct way *ways) {
    size_t count = 0;
    for (size_t k = 0; k < sizeof kernels / sizeof *kernels; k++) {
        struct mma_plan plan = mma_plan_for((enum mma_kernel)kernels[k].option, kernels[k].in,
                                            ELEMENT_F32, true, MMA_BATCH_ON_M);
        if (mma_plan_runs(&plan, device) != 0)
            continue;
        ways[count] = kernels[k];
        ways[count++].fragment = mma_plan_fragment(&plan);
    }
    size_t version;
    if (device_kind(device) == DEVICE_CUDA && mma_cublaslt_version(&version) == 0)
        ways[count++] = cublaslt;
    return count;
}

size_t ways_of(struct device *device, struct way *ways) {
    return device_kind(device) == DEVICE_CPU ? ways_of_cpu(device, ways)
                                             : ways_of_gpu(device, ways);
}

size_t libraries_of(struct device *device, struct way *ways) {
    size_t count = ways_of(device, ways), kept = 0;
    for (size_t k = 0; k < count; k++)
        if (ways[k].library)
            ways[kept++] = ways[k];
    if (device_kind(device) == DEVICE_CPU)
        ways[kept++] = openblas;
    return kept;
}

/* --- products ----------------------------------------------------------------------------------
 */

int product_open(struct product *p, struct device *device, const struct way *way,
                 const struct mma_problem *problem, enum mma_fill fill, uint64_t seed) {
    memset(p, 0, sizeof *p);
    if (mma_operands_open(&p->operands, problem, fill, seed) != 0)
        return -1;
    return way->open(way, &p->job, device, &p->operands);
}

void product_close(struct product *p) {
    job_close(&p->job);
    mma_operands_close(&p->operands);
}

int product_row(const struct job *job, size_t m, float *row) {
    const struct mma_job *base = job->context;
    const struct mma_shape s = base->operands->problem.shape;
    float *c = malloc(s.m * s.n * sizeof *c);
    if (!c)
        return device_fail("out of memory for an output of %zu x %zu", s.m, s.n);
    int status =
        mma_job_poison(job) != 0 || job_call(job) != 0 || mma_job_output(job, c) != 0 ? -1 : 0;
    if (status == 0)
        memcpy(row, c + m * s.n, s.n * sizeof *row);
    free(c);
    return status;
}

uint64_t row_ulps(const float *a, const float *b, size_t n) {
    uint64_t most = 0;
    for (size_t k = 0; k < n; k++) {
        uint64_t ulps = ulp_distance_f32(a[k], b[k]);
        most = ulps > most ? ulps : most;
    }
    return most;
}

double fragment_use(const struct mma_shape *fragment, const struct mma_shape *shape) {
    return fragment->m ? mma_utilisation(*fragment, shape, false) : (double)NAN;
}

char *algorithm_of(const struct job *job, char *out) {
    json_t *plan = job_plan(job);
    const json_t *choice = json_object_get(plan, "choice");
    const char *name = json_string_value(choice ? json_object_get(choice, "algorithm")
                                                : json_object_get(plan, "implementation"));
    snprintf(out, ALGORITHM_TEXT, "%s", name ? name : "?");
    json_decref(plan);
    return out;
}

/*
 * speed.c: our CPU kernel beside the library, in one contest: weights packed beforehand by both,
 * and as they lie there by both; with the same instructions, where the library would use more.
 *
 * No claim rests on it. It says how much a predicted product gives away, or gains.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kernels/mma/mma.h"
#include "kernels/mma/mma_cpu.h"
#include "kernels/mma/mma_cublaslt.h"
#include "kernels/mma/mma_onednn.h"
#include "labs/03-fragment-churn/fragments.h"

struct speed {
    struct lab_run *run;
    struct device *device;
    struct contest *contest;
    struct mma_operands operands;
    enum mma_cpu_isa isa;
    int threads; /* 0: a GPU's */
};

/* What oneDNN calls the instructions of a kernel of ours. */
static const char *library_isa(enum mma_cpu_isa isa) {
    return isa == MMA_CPU_AMX      ? "avx512_core_amx"
           : isa == MMA_CPU_AVX512 ? "avx512_core_bf16"
                                   : "avx2";
}

static struct entrant *enter(struct speed *s, struct job *job, const char *name, bool packed) {
    struct entrant *e = contest_enter(s->contest, job, "%s/%s", name, packed ? "packed" : "plain");
    struct lab_case *c = entrant_case(e);
    case_param_text(c, "name", name);
    case_param_text(c, "weights", packed ? "packed" : "plain");
    case_param_text(c, "isa", s->threads ? mma_cpu_isa_name(s->isa) : "matrix unit");
    case_param_int(c, "threads", s->threads);
    case_param_int(c, "M", (int64_t)s->operands.problem.shape.m);
    case_param_int(c, "N", (int64_t)s->operands.problem.shape.n);
    case_param_int(c, "K", (int64_t)s->operands.problem.shape.k);
    if (s->threads > 1) /* the library's threads go on spinning for a while */
        entrant_before(e, &mma_onednn_quiet, false);
    return e;
}

static int enter_pair(struct speed *s, bool packed) {
    struct mma_cpu_plan plan = mma_cpu_plan_default(s->isa, s->threads);
    const struct mma_onednn_options options = {.weights =
                                                   packed ? MMA_ONEDNN_PACKED : MMA_ONEDNN_PLAIN,
                                               .threads = (unsigned)s->threads,
                                               .isa = library_isa(s->isa)};
    struct job job;
    plan.pack = packed ? MMA_CPU_PACK_BEFORE : MMA_CPU_PACK_INSIDE;
    if (mma_onednn_job_open(&job, s->device, &s->operands, &options) != 0)
        return -1;
    struct entrant *library = enter(s, &job, "onednn", packed);
    if (mma_cpu_job_open(&job, s->device, &s->operands, &plan) != 0)
        return -1;
    entrant_over(enter(s, &job, "ours", packed), library, "over library");
    return 0;
}

static int race(struct speed *s, size_t m, size_t wide) {
    const struct mma_problem problem = {
        .shape = {m, wide, wide}, .in = ELEMENT_BF16, .out = ELEMENT_F32};
    s->contest = contest_open(s->run, s->device, "03/speed/M=%zu/K=%zu/threads=%d/isa=%s", m, wide,
                              s->threads, mma_cpu_isa_name(s->isa));
    if (!s->contest)
        return contest_skipped(s->run);
    int status = mma_operands_open(&s->operands, &problem, MMA_FILL_NORMAL, lab_seed(s->run));
    if (status == 0)
        status = enter_pair(s, true) != 0 || enter_pair(s, false) != 0 ? -1 : 0;
    if (status != 0)
        lab_error(s->run, "%s", device_error());
    status = status == 0 ? contest_end(s->contest) : contest_drop(s->contest);
    mma_operands_close(&s->operands);
    return status;
}

/* --- on a GPU ----------------------------------------------------------------------------------
 */

/* Our kernels at their large tiles beside the library, on square matrices. */
static int race_gpu(struct lab_run *run, struct device *device, size_t wide) {
    static const struct {
        const char *name;
        enum mma_kernel kernel;
    } ours[] = {
        {"wmma-16x16x16", MMA_WMMA_16X16}, {"m16n8k16", MMA_M16N8K16}, {"wgmma", MMA_WARPGROUP}};
    const struct mma_cublaslt_plan levers = mma_cublaslt_plan_default();
    struct speed s = {.run = run, .device = device};
    struct job job;
    s.contest = contest_open(run, device, "03/speed/M=%zu/K=%zu", wide, wide);
    if (!s.contest)
        return contest_skipped(run);
    const struct mma_problem problem = {
        .shape = {wide, wide, wide}, .in = ELEMENT_BF16, .out = ELEMENT_F32};
    int status = mma_operands_open(&s.operands, &problem, MMA_FILL_NORMAL, lab_seed(run));
    struct entrant *library = NULL;
    if (status == 0)
        status = mma_cublaslt_job_open(&job, device, &s.operands, &levers);
    if (status == 0)
        library = enter(&s, &job, "cublaslt", false);
    for (size_t k = 0; k < sizeof ours / sizeof *ours && status == 0; k++) {
        struct mma_plan plan =
            mma_plan_for(ours[k].kernel, ELEMENT_BF16, ELEMENT_F32, false, MMA_BATCH_ON_M);
        if (mma_plan_runs(&plan, device) != 0)
            continue;
        status = mma_kernel_job_open(&job, device, &s.operands, &plan);
        if (status == 0)
            entrant_over(enter(&s, &job, ours[k].name, false), library, "over library");
    }
    if (status != 0)
        lab_error(run, "%s", device_error());
    status = status == 0 ? contest_end(s.contest) : contest_drop(s.contest);
    mma_operands_close(&s.operands);
    return status;
}

int sweep_speed(struct lab_run *run, struct device *device) {
    bool quick = lab_mode(run) == LAB_QUICK;
    struct speed s = {.run = run, .device = device, .isa = mma_cpu_isa_best(ELEMENT_BF16)};
    if (device_kind(device) == DEVICE_CUDA)
        return race_gpu(run, device, quick ? 4096 : 8192);
    if (device_kind(device) != DEVICE_CPU || s.isa == MMA_CPU_SCALAR ||
        !mma_onednn_takes(ELEMENT_BF16))
        return 0;
    for (s.threads = 1; s.threads <= 2; s.threads++)
        for (size_t m = 64; m <= 256; m *= 4)
            if (!lab_stopping(run) && !(quick && m > 64) && race(&s, m, quick ? 1024 : 4096) != 0)
                return -1;
    return 0;
}

/*
 * probe_kernels.h: runs every kernel family at a size so small that a checker, which makes it a
 * hundred times slower, is through with it in seconds; and compares what comes out with what the
 * models predict. Part of probe.c.
 */
#ifndef NANOLAB_TOOLS_PROBE_KERNELS_H
#define NANOLAB_TOOLS_PROBE_KERNELS_H

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kernels/allreduce/allreduce_job.h"
#include "kernels/atomics/atomics_job.h"
#include "kernels/chase/chase.h"
#include "kernels/decoder/decoder_job.h"
#include "kernels/decoder/decoder_small.h"
#include "kernels/mma/mma.h"
#include "kernels/mma/mma_slices_gpu.h"
#include "kernels/paged_attention/paged_job.h"
#include "kernels/rng/data.h"
#include "kernels/roofs/roofs.h"
#include "kernels/sum/sum_job.h"

#define PROBE_N 1000

struct probe {
    struct device *device;
    bool checked; /* simt: by the checked build of the kernels */
    size_t jobs, wrong;
};

/* One line about a job. `wrong` NULL: it was right. */
static void probe_line(struct probe *p, const char *family, const char *job, bool predicted,
                       const char *wrong) {
    json_t *line = json_pack("{s:s, s:s, s:s, s:s, s:s*}", "family", family, "job", job, "device",
                             device_id(p->device), "outcome",
                             wrong       ? "wrong"
                             : predicted ? "the predicted bits"
                                         : "proved",
                             "why", wrong);
    if (line)
        json_dumpf(line, stdout, 0);
    putchar('\n');
    json_decref(line);
    p->jobs++;
    p->wrong += wrong != NULL;
}

/* Calls, compares with the prediction where there is one, proves, and closes. */
static void probe_job(struct probe *p, const char *family, const char *text, struct job *job) {
    struct job_bits expected, got;
    bool predicted = job->predict && job_predict(job, &expected) == 0;
    bool failed = job_call(job) != 0 || (predicted && job_bits(job, &got) != 0);
    if (!failed && predicted && got.bits != expected.bits)
        failed = device_fail("0x%llx and not 0x%llx as predicted", (unsigned long long)got.bits,
                             (unsigned long long)expected.bits) != 0;
    failed = failed || job_prove(job) != 0;
    probe_line(p, family, text, predicted, failed ? device_error() : NULL);
    job_close(job);
}

static void probe_roofs(struct probe *p) {
    const size_t bytes = 4 * ROOFS_PAGE;
    struct roofs_memory *memory;
    if (roofs_memory_open(&memory, p->device, bytes, bytes) != 0) {
        probe_line(p, "roofs", "memory", false, device_error());
        return;
    }
    for (int op = 0; op < ROOFS_OPS; op++) {
        struct roofs_plan plan;
        struct job job;
        if (roofs_variants(p->device, (enum roofs_op)op, bytes, 0, &plan, 1) == 0)
            continue;
        plan.passes = 1, plan.blocks = 2, plan.rounds = 4, plan.checked = p->checked;
        if (roofs_job_open(&job, memory, &plan) == 0)
            probe_job(p, "roofs", roofs_op_name(plan.op), &job);
        else
            probe_line(p, "roofs", roofs_op_name(plan.op), false, device_error());
    }
    roofs_memory_close(memory);
}

static void probe_sum(struct probe *p) {
    /* Every method, tail and shuffle, every way to the last block. */
    static const char *const plans[] = {"f32.plain.strided.v4.i4.b64.tiles.shfl-down.warp.last",
                                        "f32.plain.v1.i1.b32.g8.shfl-xor.tree.kernel",
                                        "f32.acc64.plain",
                                        "f32.compensated",
                                        "f32.binned.g8.last",
                                        "f32.exact",
                                        "f32.plain.dot"};
    static float x[PROBE_N], y[PROBE_N];
    const struct data_options options = {.seed = 1, .condition = 1e4}, other = {.seed = 2};
    struct sum_memory *memory;
    data_fill(DATA_CANCELLING, ELEMENT_F32, &options, x, PROBE_N);
    data_fill(DATA_NORMAL, ELEMENT_F32, &other, y, PROBE_N);
    if (sum_memory_open(&memory, p->device, ELEMENT_F32, true, PROBE_N) != 0) {
        probe_line(p, "sum", "memory", false, device_error());
        return;
    }
    for (size_t k = 0; k < sizeof plans / sizeof *plans; k++) {
        struct sum_variant v;
        struct job job;
        char why[SUM_WHY];
        bool parsed = sum_variant_parse(plans[k], device_kind(p->device), &v, why) == 0;
        v.checked = p->checked;
        if (!parsed)
            probe_line(p, "sum", plans[k], false, why);
        else if (sum_memory_write(memory, x, sum_variant_class(&v).products ? y : NULL) != 0 ||
                 sum_job_open(&job, memory, &v) != 0)
            probe_line(p, "sum", plans[k], false, device_error());
        else
            probe_job(p, "sum", plans[k], &job);
    }
    sum_memory_close(memory);
}

static void probe_atomics(struct probe *p) {
    static const char *const plans[] = {
        "f32.none.plain.a1.i1.b32.g8",      "f16x2.block.plain.a1.i2.b32.tiles",
        "f32.none.logged.a1.i1.b32.g4",     "f32.none.fixed.a1.i1.b32.g16",
        "f64.block.fixed.a16.i2.b64.tiles", "f32.block.ordered.a1.i1.b32.g8",
        "bf16x2.warp.ordered.a2.i1.b64.g4", "f64.block.ticket.a1.i1.b32.g4",
        "f32.none.binned.a4.i1.b32.g16"};
    static const enum element types[] = {ELEMENT_F32, ELEMENT_F64, ELEMENT_F16, ELEMENT_BF16};
    static double x[PROBE_N]; /* of any type */
    const struct data_options options = {.seed = 3};
    for (size_t k = 0; k < sizeof plans / sizeof *plans; k++) {
        const struct atomics_setup setup = {.plan = plans[k],
                                            .x = x,
                                            .n = PROBE_N,
                                            .unit = atomics_fixed_unit(PROBE_N, 16),
                                            .checked = p->checked};
        enum atomics_type type = atomics_job_type(device_kind(p->device), plans[k]);
        unsigned lanes = atomics_type_lanes(type);
        struct job job;
        data_fill(DATA_UNIFORM, types[type], &options, x, PROBE_N * lanes);
        if (atomics_job_open(&job, p->device, &setup) == 0)
            probe_job(p, "atomics", plans[k], &job);
        else
            probe_line(p, "atomics", plans[k], false, device_error());
    }
}

static void probe_paged(struct probe *p) {
    static const char *const plans[] = {"attention.f32.b16.d64.g1.s1",
                                        "attention.hnd.bf16.b4.d128.g2.s4",
                                        "attention.vllm.f16.b64.d64.g4.s2",
                                        "attention.slab.b1.bf16.d64",
                                        "gather.bf16.b16.d128",
                                        "gather.vllm.f16.b16.d64",
                                        "walk.b4.bf16.d64"};
    static const int32_t tokens[] = {70, 0, 33};
    for (size_t k = 0; k < sizeof plans / sizeof *plans; k++) {
        struct paged_plan plan = paged_plan_default();
        struct kv_table table = {0};
        struct paged_memory memory;
        struct job job;
        char why[PLAN_WHY];
        if (paged_plan_parse(plans[k], &plan, why) != 0 ||
            kv_table_open(&table, 3, tokens, (unsigned)plan.block, 240) != 0 ||
            kv_table_map(&table, KV_MAP_PERMUTED, 4, 7, NULL) != 0) {
            probe_line(p, "paged_attention", plans[k], false, "no such plan or table");
            kv_table_close(&table);
            continue;
        }
        struct paged_step step = paged_step_of(&plan, 2, &table);
        step.checked = p->checked;
        if (paged_memory_of_step(&memory, p->device, &step, PAGES_ANY, 5) != 0) {
            probe_line(p, "paged_attention", plans[k], false, device_error());
        } else {
            if (paged_job_open(&job, &memory, &step) == 0)
                probe_job(p, "paged_attention", plans[k], &job);
            else
                probe_line(p, "paged_attention", plans[k], false, device_error());
            paged_memory_close(&memory);
        }
        kv_table_close(&table);
    }
}

static void probe_chase(struct probe *p) {
    for (unsigned lanes = 1; lanes <= 32; lanes *= 8) {
        const struct chase_plan plan = {.bytes = 65536,
                                        .stride = 1024,
                                        .order = CHASE_CYCLE,
                                        .lanes = lanes,
                                        .laps = 1,
                                        .seed = 1,
                                        .checked = p->checked};
        char name[32];
        struct job job;
        snprintf(name, sizeof name, "lanes=%u", lanes);
        if (chase_job_open(&job, p->device, &plan) == 0)
            probe_job(p, "chase", name, &job);
        else
            probe_line(p, "chase", name, false, device_error());
    }
}

/* A step of the small model: one row and several, both roundings, slices and splits. */
static void probe_decoder(struct probe *p) {
    static const struct {
        const char *plan;
        unsigned batch, position;
    } jobs[] = {{"bf16.fixed.k1.l16.n1.s1", 1, 3},
                {"f32.fixed.k4.l32.n2.s2", 2, 20},
                {"bf16.heuristic.k8.n4.s8", 5, 17}};
    struct decoder_model model = {0};
    struct decoder_device *on = NULL;
    char why[GGUF_WHY] = "no memory for a model";
    size_t bytes;
    unsigned char *content = decoder_small_file(1, &bytes);
    if (!content || gguf_parse(&model.file, content, bytes, why) != 0 ||
        decoder_open(&model.decoder, model.file, why) != 0 ||
        decoder_device_open(&on, p->device, model.decoder, p->checked, why) != 0)
        probe_line(p, "decoder", "model", false, why);
    for (size_t k = 0; on && k < sizeof jobs / sizeof *jobs; k++) {
        struct decoder_way way = {
            .model = &model, .engine = DECODER_PORTABLE, .threads = 1, .device = on};
        struct job job;
        if (decoder_plan_parse(jobs[k].plan, &way.plan, why) != 0)
            probe_line(p, "decoder", jobs[k].plan, false, why);
        else if (decoder_job_open(&job, &way, jobs[k].batch, jobs[k].position) != 0)
            probe_line(p, "decoder", jobs[k].plan, false, device_error());
        else
            probe_job(p, "decoder", jobs[k].plan, &job);
    }
    decoder_device_close(on);
    decoder_model_close(&model);
    free(content);
}

/* Every kernel, format, tile and load, and every way of parts of K to meet; what this card has no
 * instructions for is passed over. */
static void probe_mma(struct probe *p) {
    static const struct {
        const char *plan;
        size_t gap; /* between rows: decides how much a load takes */
    } jobs[] = {{"scalar.f16.st2.s3.kernel", 0},
                {"scalar.e4m3.st1", 1},
                {"wmma-16x16x16.f16.acc16.t64x64.st3", 8},
                {"wmma-32x8x16.bf16.t128x8.batch-n.s2.turns", 2},
                {"wmma-8x32x16.f16.t8x128.to-bf16.s2.in-place", 1},
                {"wmma-16x16x16.bf16.t128x128", 0},
                {"m16n8k8.f16.t16x128.st2", 0},
                {"m16n8k8.tf32.t64x64.s4.turns", 1},
                {"m16n8k16.bf16.t64x64.st1.s3.kernel", 4},
                {"m16n8k16.bf16.t128x128.w8.batch-n", 0},
                {"m16n8k16.f16.acc16.to-f16.t128x256.s2.in-place", 0},
                {"m16n8k32.e4m3.t128x8.batch-n", 0},
                {"m16n8k32.e5m2.acc16.t64x64.g128", 3},
                {"wgmma.bf16.t128x256.s2.turns", 0},
                {"wgmma.f16.t64x256.st2.to-f16", 8},
                {"wgmma.e4m3.t128x8.batch-n.s2.kernel", 0}};
    for (size_t k = 0; k < sizeof jobs / sizeof *jobs; k++) {
        struct mma_plan plan;
        struct mma_operands operands;
        struct job job;
        char why[PLAN_WHY];
        if (mma_plan_parse(jobs[k].plan, &plan, why) != 0) {
            probe_line(p, "mma", jobs[k].plan, false, why);
            continue;
        }
        if (mma_plan_runs(&plan, p->device) != 0)
            continue;
        const struct mma_problem problem = {.shape = {18, 35, 336},
                                            .in = (enum element)plan.in,
                                            .out = (enum element)plan.out,
                                            .lda = 336 + jobs[k].gap,
                                            .ldb = 336 + jobs[k].gap};
        if (mma_operands_open(&operands, &problem, MMA_FILL_NORMAL, k) != 0) {
            probe_line(p, "mma", jobs[k].plan, false, device_error());
            continue;
        }
        if ((p->checked ? mma_kernel_job_open_checked : mma_kernel_job_open)(&job, p->device,
                                                                             &operands, &plan) == 0)
            probe_job(p, "mma", jobs[k].plan, &job);
        else
            probe_line(p, "mma", jobs[k].plan, false, device_error());
        mma_operands_close(&operands);
    }
}

/* Integer products, of parts of K too, and their exact sums. */
static void probe_slices(struct probe *p) {
    static const struct { int tile, split; } ways[] = {{8, 2}, {16, 1}, {64, 1}, {64, 2}};
    const struct mma_problem problem = {
        .shape = {5, 19, 70}, .in = ELEMENT_F32, .out = ELEMENT_F32};
    struct mma_operands operands;
    if (mma_operands_open(&operands, &problem, MMA_FILL_NORMAL, 6) != 0) {
        probe_line(p, "slices", "operands", false, device_error());
        return;
    }
    for (size_t k = 0; k < sizeof ways / sizeof *ways; k++) {
        struct mma_slices_gpu_plan plan = mma_slices_gpu_plan_default();
        char text[PLAN_TEXT];
        struct job job;
        plan.tile = ways[k].tile, plan.split = ways[k].split;
        plan_text(&mma_slices_gpu_plans, &plan, text);
        if (mma_slices_gpu_job_open(&job, p->device, &operands, &plan, p->checked) == 0)
            probe_job(p, "slices", text, &job);
        else
            probe_line(p, "slices", text, false, device_error());
    }
    mma_operands_close(&operands);
}

/* Every algorithm, with its middle rank late. */
static void probe_allreduce(struct probe *p) {
    static const char *const plans[] = {
        "ring.r4.ch2.chunk64.cut.seg64.t64",   "ring.bf16.r3.whole.seg64.t32",
        "tree.r5.ch2.chunk64.seg64.t32",       "doubling.r6.ch2.seg64.t64",
        "oneshot.r4.split8.pairwise.t64",      "twoshot.r4.split16.pairwise.seg64.t64",
        "arrival.r4.ch2.chunk64.cut.seg64.t32"};
    static float x[16 * PROBE_N];
    const struct data_options options = {.seed = 8};
    for (size_t k = 0; k < sizeof plans / sizeof *plans; k++) {
        struct allreduce_setup setup = {.x = x, .n = PROBE_N, .checked = p->checked};
        struct job job;
        char why[PLAN_WHY];
        if (allreduce_plan_parse(plans[k], &setup.plan, why) != 0) {
            probe_line(p, "allreduce", plans[k], false, why);
            continue;
        }
        data_fill(DATA_NORMAL, setup.plan.type == ALLREDUCE_BF16 ? ELEMENT_BF16 : ELEMENT_F32,
                  &options, x, (size_t)allreduce_parts(&setup.plan) * PROBE_N);
        if (allreduce_job_open(&job, p->device, &setup) != 0) {
            probe_line(p, "allreduce", plans[k], false, device_error());
            continue;
        }
        /* Nanoseconds on a GPU, rounds elsewhere. */
        allreduce_job_stall(
            &job, &(struct allreduce_stall){.rank = setup.plan.ranks / 2,
                                            .time = device_has_clock(p->device) ? 20000 : 30});
        probe_job(p, "allreduce", plans[k], &job);
    }
}

/* How many jobs were wrong. */
static size_t probe_kernels(struct probe *p) {
    probe_roofs(p);
    probe_sum(p);
    probe_atomics(p);
    probe_paged(p);
    probe_chase(p);
    probe_decoder(p);
    probe_mma(p);
    probe_slices(p);
    probe_allreduce(p);
    return p->wrong;
}

#endif

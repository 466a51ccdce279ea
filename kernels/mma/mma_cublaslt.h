/*
 * mma_cublaslt.h: cuBLASLt's matrix product as a job of this family: a library under test, with
 * everything that decides which algorithm it chooses, and everything that it tells about the one it
 * chose.
 *
 * A plan holds the library's levers, one field each. What comes of them is a choice: the whole
 * configuration of an algorithm, as the library reports it. mma_cublaslt_order.h says which order
 * of sums that means, where somebody has published it.
 *
 *     struct mma_cublaslt_plan plan = mma_cublaslt_plan_default();
 *     struct job job;
 *     if (mma_cublaslt_job_open(&job, device, &operands, &plan) != 0) …device_error()…
 *     mma_cublaslt_choice_text(mma_cublaslt_job_choice(&job), text);
 *
 * The library is opened at run time: from NANOLAB_CUBLASLT, a path, else by its name
 * (libcublasLt.so.13, then .12), else from where toolkits and PyTorch put it. Programs link without
 * it. Reproducible it is, by its own word, for one version, one architecture and SM count, and one
 * active stream.
 */
#ifndef NANOLAB_KERNELS_MMA_MMA_CUBLASLT_H
#define NANOLAB_KERNELS_MMA_MMA_CUBLASLT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "kernels/mma/mma_job.h"
#include "kernels/plan/plan.h"

#ifdef __cplusplus
extern "C" {
#endif

struct json_t;

/* --- the values of each field: V(value, word) --------------------------------------------------
 */

/* KiB of device memory that the algorithm may use. The library's own default is none; PyTorch's on
 * Hopper is 32 MiB. */
#define MMA_CUBLASLT_WORKSPACES(V) V(0, "ws0") V(1024, "ws1m") V(4096, "ws4m") V(32768, "ws32m")

/* How the parts of a split K may be reduced: a mask of cublasLtReductionScheme_t. */
enum {
    MMA_CUBLASLT_NONE = 0,
    MMA_CUBLASLT_INPLACE = 1,
    MMA_CUBLASLT_COMPUTE_TYPE = 2,
    MMA_CUBLASLT_OUTPUT_TYPE = 4,
    MMA_CUBLASLT_ANY = 7
};
#define MMA_CUBLASLT_REDUCTIONS(V)                                                                 \
    V(MMA_CUBLASLT_ANY, "any-reduction")                                                           \
    V(MMA_CUBLASLT_NONE, "no-reduction")                                                           \
    V(MMA_CUBLASLT_INPLACE, "in-place")                                                            \
    V(MMA_CUBLASLT_COMPUTE_TYPE, "compute-type") V(MMA_CUBLASLT_OUTPUT_TYPE, "output-type")

/* What may multiply: anything, FMAs on the CUDA cores alone, or matrix units alone. */
enum { MMA_CUBLASLT_ANY_UNIT, MMA_CUBLASLT_FMA, MMA_CUBLASLT_MATRIX_UNIT };
#define MMA_CUBLASLT_UNITS(V)                                                                      \
    V(MMA_CUBLASLT_ANY_UNIT, "any-unit")                                                           \
    V(MMA_CUBLASLT_FMA, "cuda-cores") V(MMA_CUBLASLT_MATRIX_UNIT, "matrix-units")

/* SMs that the choice is made for: those of the device, or of a T4, an A100, an H100 (PCIe, SXM),
 * a B200, or a few. */
#define MMA_CUBLASLT_SMS(V)                                                                        \
    V(0, "sm-all")                                                                                 \
    V(8, "sm8") V(40, "sm40") V(108, "sm108") V(114, "sm114") V(132, "sm132") V(148, "sm148")

/* The most waves of blocks: a choice that fills the device more often is left out. 0: no limit. */
#define MMA_CUBLASLT_WAVES(V) V(0, "waves-any") V(1, "waves1") V(2, "waves2") V(8, "waves8")

/* Bytes that the library is told A, B and C are aligned to, pointers and rows both: what they are
 * (256 at most), or less. */
/* clang-format off */
#define MMA_CUBLASLT_ALIGNMENTS(V)                                                                 \
    V(0, "align-true")                                                                             \
    V(1, "align1")                                                                                 \
    V(2, "align2")                                                                                 \
    V(4, "align4")                                                                                 \
    V(8, "align8")                                                                                 \
    V(16, "align16")
/* clang-format on */

/* Of 8-bit formats: whether sums stay in the matrix unit's accumulator all along K. */
#define MMA_CUBLASLT_FAST(V) V(0, "promote") V(1, "fast")

/* Which of the library's proposals, best first. */
#define MMA_CUBLASLT_PROPOSALS 8
#define MMA_CUBLASLT_INDICES(V)                                                                    \
    V(0, "h0") V(1, "h1") V(2, "h2") V(3, "h3") V(4, "h4") V(5, "h5") V(6, "h6") V(7, "h7")

/* X(field, list of values, what it decides) */
#define MMA_CUBLASLT_PLAN_FIELDS(X)                                                                \
    X(workspace, MMA_CUBLASLT_WORKSPACES, "device memory it may use")                              \
    X(reduction, MMA_CUBLASLT_REDUCTIONS, "how parts of a split K may be added up")                \
    X(unit, MMA_CUBLASLT_UNITS, "what may multiply")                                               \
    X(sms, MMA_CUBLASLT_SMS, "SMs that it chooses for")                                            \
    X(waves, MMA_CUBLASLT_WAVES, "waves of blocks at most")                                        \
    X(alignment, MMA_CUBLASLT_ALIGNMENTS, "alignment that it is told of")                          \
    X(fast, MMA_CUBLASLT_FAST, "8-bit sums in the matrix unit's accumulator")                      \
    X(index, MMA_CUBLASLT_INDICES, "which of its proposals")

struct mma_cublaslt_plan {
#define MMA_CUBLASLT_MEMBER(field, values, what) int field;
    MMA_CUBLASLT_PLAN_FIELDS(MMA_CUBLASLT_MEMBER)
#undef MMA_CUBLASLT_MEMBER
};
#define MMA_CUBLASLT_COUNT(field, values, what) +1
enum { MMA_CUBLASLT_FIELDS = MMA_CUBLASLT_PLAN_FIELDS(MMA_CUBLASLT_COUNT) };

/* 32 MiB, nothing held back, the first proposal: "ws32m.any-reduction.….h0". */
struct mma_cublaslt_plan mma_cublaslt_plan_default(void);
/* See plan.h; `why` has PLAN_WHY bytes, `out` PLAN_TEXT. */
const struct plan_family *mma_cublaslt_family(void);
int mma_cublaslt_plan_check(const struct mma_cublaslt_plan *plan, char *why);
char *mma_cublaslt_plan_text(const struct mma_cublaslt_plan *plan, char *out);
/* `plan` comes in as what the text does not name. */
int mma_cublaslt_plan_parse(const char *text, struct mma_cublaslt_plan *plan, char *why);
struct json_t *mma_cublaslt_plan_json(const struct mma_cublaslt_plan *plan);

/* --- what the library chose --------------------------------------------------------------------
 */

/* The attributes of cublasLtMatmulAlgo_t, numbers as the library has them. */
struct mma_cublaslt_choice {
    int id;        /* the algorithm: 66 is "nvjet", … (mma_cublaslt_order.h) */
    int tile;      /* cublasLtMatmulTile_t */
    int stages;    /* cublasLtMatmulStages_t: K of a stage, and how many */
    int split;     /* parts of K; -2: by a scheduler of its own ("stream-K") */
    int reduction; /* cublasLtReductionScheme_t */
    int swizzle, custom, inner, cluster;
    size_t workspace; /* bytes that it needs */
    float waves;
    uint64_t impl;  /* CUBLASLT_NUMERICAL_IMPL_FLAGS_*: what multiplies, accumulator, input */
    int proposals;  /* how many the library made */
    size_t version; /* of the library: 130101 is 13.1.1 */
    int arch, sms;  /* of the device: 90 is sm_90; how many SMs it has */
};

#define MMA_CUBLASLT_TEXT 96
/* "a66.t128.s35.k1.r0.w0.o0.i0.c2": algorithm, tile, stages, split, reduction, swizzle, custom
 * option, inner shape, cluster shape. Two choices of one version with one text are one plan. `out`
 * has MMA_CUBLASLT_TEXT bytes; it is returned. */
char *mma_cublaslt_choice_text(const struct mma_cublaslt_choice *choice, char *out);
/* All of it, the flags in words: new reference. */
struct json_t *mma_cublaslt_choice_json(const struct mma_cublaslt_choice *choice);
/* What multiplies, by its flags: "hmma", "fma", "imma", "dmma", "?" (several: the first of
 * these). */
const char *mma_cublaslt_unit(const struct mma_cublaslt_choice *choice);
/* The accumulator: "f16", "f32", "f64", "i32", "?". */
const char *mma_cublaslt_accumulator(const struct mma_cublaslt_choice *choice);

/* --- the job -----------------------------------------------------------------------------------
 */

/* A job on a cuda device. 0, or -1 with device_error(): no CUDA objects, no library, formats that
 * it has no product of, no algorithm for such a plan. With a dimension of 0 there is nothing to
 * choose: C becomes zeros without the library, and the choice's id is -1. */
int mma_cublaslt_job_open(struct job *job, struct device *device,
                          const struct mma_operands *operands,
                          const struct mma_cublaslt_plan *plan);
const struct mma_cublaslt_choice *mma_cublaslt_job_choice(const struct job *job);
/* Why there is no model of this job's bits; NULL where there is one. */
const char *mma_cublaslt_job_declines(const struct job *job);
/* The library's version as a number, 130101. -1 with device_error() where there is none. */
int mma_cublaslt_version(size_t *version);

/* --- what nvcc builds: mma_cublaslt.cu --- */

struct mma_cublaslt_request {
    struct mma_problem problem;
    struct mma_cublaslt_plan plan;
    void *stream;
    const void *a, *b;
    void *c, *workspace; /* of the plan's bytes; NULL: none */
};
struct mma_cublaslt_calls {
    int (*version)(size_t *version);
    /* Descriptors, and the proposal that the plan asks for. */
    int (*open)(const struct mma_cublaslt_request *request, void **state,
                struct mma_cublaslt_choice *choice);
    int (*call)(void *state);
    void (*close)(void *state);
};
extern const struct mma_cublaslt_calls mma_cublaslt_calls_cuda DEVICE_CUDA_ONLY;

#ifdef __cplusplus
}
#endif
#endif

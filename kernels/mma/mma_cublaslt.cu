/*
 * mma_cublaslt.cu: the calls of mma_cublaslt.h into the library, which is opened at run time: it
 * has half a gigabyte, and a machine with PyTorch has its own. Only nvcc builds this (it brings the
 * header); for the SIMT machine the file is empty.
 *
 * The library is column-major: our C = A·Bᵀ, row-major, is its D = op(B)·op(A) with the first
 * operand transposed, N rows and M columns. Both operands are contiguous along K.
 */
#if defined(__CUDACC__) && __has_include(<cublasLt.h>)

#include <cublasLt.h>
#include <cuda_runtime.h>
#include <dlfcn.h>
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kernels/device/device.h"
#include "kernels/mma/mma_cublaslt.h"

namespace {

#define LIBRARY_FUNCTIONS(X)                                                                       \
    X(cublasLtGetVersion)                                                                          \
    X(cublasLtGetStatusString)                                                                     \
    X(cublasLtCreate)                                                                              \
    X(cublasLtDestroy)                                                                             \
    X(cublasLtMatmulDescCreate)                                                                    \
    X(cublasLtMatmulDescDestroy)                                                                   \
    X(cublasLtMatmulDescSetAttribute)                                                              \
    X(cublasLtMatrixLayoutCreate)                                                                  \
    X(cublasLtMatrixLayoutDestroy)                                                                 \
    X(cublasLtMatmulPreferenceCreate)                                                              \
    X(cublasLtMatmulPreferenceDestroy)                                                             \
    X(cublasLtMatmulPreferenceSetAttribute)                                                        \
    X(cublasLtMatmulAlgoGetHeuristic)                                                              \
    X(cublasLtMatmulAlgoConfigGetAttribute)                                                        \
    X(cublasLtMatmulAlgoCapGetAttribute)                                                           \
    X(cublasLtMatmul)

/* Opened once, and never closed: what it started on the device stays. */
struct {
    void *handle;
#define MEMBER(name) decltype(&::name) name;
    LIBRARY_FUNCTIONS(MEMBER)
#undef MEMBER
} lt;

/* Where toolkits and PyTorch put it, newest first. */
const char *const places[] = {
    "/usr/local/cuda*/lib64/libcublasLt.so.1[23]",
    "/usr/local/cuda*/targets/*/lib/libcublasLt.so.1[23]",
    "/opt/*/lib/python3*/site-packages/nvidia/c*/lib/libcublasLt.so.1[23]",
    "/usr/local/lib/python3*/*-packages/nvidia/c*/lib/libcublasLt.so.1[23]",
    "/usr/lib/python3*/*-packages/nvidia/c*/lib/libcublasLt.so.1[23]",
};
/* The same below folders that the environment names. */
const char *const roots[][2] = {
    {"VIRTUAL_ENV", "lib/python3*/site-packages/nvidia/c*/lib/libcublasLt.so.1[23]"},
    {"CONDA_PREFIX", "lib/python3*/site-packages/nvidia/c*/lib/libcublasLt.so.1[23]"},
    {"CONDA_PREFIX", "lib/libcublasLt.so.1[23]"},
    {"HOME", ".local/lib/python3*/site-packages/nvidia/c*/lib/libcublasLt.so.1[23]"},
    {"CUDA_HOME", "lib64/libcublasLt.so.1[23]"},
};

void *open_pattern(const char *pattern) {
    glob_t found;
    void *handle = NULL;
    if (glob(pattern, 0, NULL, &found) == 0)
        for (size_t i = found.gl_pathc; i-- > 0 && !handle;)
            handle = dlopen(found.gl_pathv[i], RTLD_NOW | RTLD_LOCAL);
    globfree(&found);
    return handle;
}

void *open_somewhere(void) {
    void *handle = dlopen("libcublasLt.so.13", RTLD_NOW | RTLD_LOCAL);
    if (!handle)
        handle = dlopen("libcublasLt.so.12", RTLD_NOW | RTLD_LOCAL);
    for (size_t i = 0; i < sizeof roots / sizeof *roots && !handle; i++) {
        char pattern[1024];
        const char *root = getenv(roots[i][0]);
        if (root && *root &&
            snprintf(pattern, sizeof pattern, "%s/%s", root, roots[i][1]) < (int)sizeof pattern)
            handle = open_pattern(pattern);
    }
    for (size_t i = 0; i < sizeof places / sizeof *places && !handle; i++)
        handle = open_pattern(places[i]);
    return handle;
}

int load(void) {
    if (lt.handle)
        return 0;
    const char *named = getenv("NANOLAB_CUBLASLT");
    void *handle = named && *named ? dlopen(named, RTLD_NOW | RTLD_LOCAL) : open_somewhere();
    if (!handle && named && *named)
        return device_fail("cuBLASLt cannot be opened as NANOLAB_CUBLASLT says: %s", dlerror());
    if (!handle)
        return device_fail("cuBLASLt is not here (libcublasLt.so.13 or .12, of a CUDA toolkit or "
                           "of PyTorch); NANOLAB_CUBLASLT=/path/to/it names another place");
#define FIND(name)                                                                                 \
    lt.name = (decltype(&::name))dlsym(handle, #name);                                             \
    if (!lt.name)                                                                                  \
        return device_fail("the cuBLASLt here has no " #name ": it is too old; NANOLAB_CUBLASLT "  \
                           "names another");
    LIBRARY_FUNCTIONS(FIND)
#undef FIND
    lt.handle = handle;
    return 0;
}

int version(size_t *out) {
    if (load() != 0)
        return -1;
    *out = lt.cublasLtGetVersion();
    return 0;
}

int check(cublasStatus_t status, const char *what) {
    if (status == CUBLAS_STATUS_SUCCESS)
        return 0;
    cudaGetLastError(); /* forget it: the next launch is judged on its own */
    return device_fail("cuBLASLt, %s: %s", what, lt.cublasLtGetStatusString(status));
}

struct product {
    cublasLtHandle_t handle;
    cublasLtMatmulDesc_t operation;
    cublasLtMatrixLayout_t first, second, result;
    cublasLtMatmulPreference_t preference;
    cublasLtMatmulAlgo_t algorithm;
    struct mma_cublaslt_request request;
    size_t workspace;
    bool wide; /* alpha and beta are doubles */
};

void close_product(void *state) {
    struct product *p = (struct product *)state;
    if (p->preference)
        lt.cublasLtMatmulPreferenceDestroy(p->preference);
    if (p->result)
        lt.cublasLtMatrixLayoutDestroy(p->result);
    if (p->second)
        lt.cublasLtMatrixLayoutDestroy(p->second);
    if (p->first)
        lt.cublasLtMatrixLayoutDestroy(p->first);
    if (p->operation)
        lt.cublasLtMatmulDescDestroy(p->operation);
    if (p->handle)
        lt.cublasLtDestroy(p->handle);
    free(p);
}

cudaDataType_t data_type(enum element element) {
    switch (element) {
    case ELEMENT_F16:
        return CUDA_R_16F;
    case ELEMENT_BF16:
        return CUDA_R_16BF;
    case ELEMENT_F64:
        return CUDA_R_64F;
    case ELEMENT_E4M3:
        return CUDA_R_8F_E4M3;
    case ELEMENT_E5M2:
        return CUDA_R_8F_E5M2;
    default:
        return CUDA_R_32F;
    }
}

/* --- what is asked for -------------------------------------------------------------------------
 */

template <typename T>
int set_operation(struct product *p, cublasLtMatmulDescAttributes_t attribute, T value,
                  const char *what) {
    return check(lt.cublasLtMatmulDescSetAttribute(p->operation, attribute, &value, sizeof value),
                 what);
}

template <typename T>
int set_preference(struct product *p, cublasLtMatmulPreferenceAttributes_t attribute, T value,
                   const char *what) {
    return check(
        lt.cublasLtMatmulPreferenceSetAttribute(p->preference, attribute, &value, sizeof value),
        what);
}

/* The power of two that both the address and the rows' distance are multiples of, 256 at most, and
 * no more than the plan admits. */
uint32_t alignment(const void *pointer, size_t row_bytes, int most) {
    uint32_t bytes = 256;
    while (((size_t)pointer | row_bytes) & (bytes - 1))
        bytes /= 2;
    return most && (uint32_t)most < bytes ? (uint32_t)most : bytes;
}

int describe(struct product *p) {
    const struct mma_problem *m = &p->request.problem;
    const struct mma_shape *s = &m->shape;
    cublasComputeType_t compute = m->in == ELEMENT_TF32  ? CUBLAS_COMPUTE_32F_FAST_TF32
                                  : m->in == ELEMENT_F64 ? CUBLAS_COMPUTE_64F
                                                         : CUBLAS_COMPUTE_32F;
    p->wide = m->in == ELEMENT_F64;
    if (check(
            lt.cublasLtMatmulDescCreate(&p->operation, compute, p->wide ? CUDA_R_64F : CUDA_R_32F),
            "a product") ||
        set_operation(p, CUBLASLT_MATMUL_DESC_TRANSA, (int32_t)CUBLAS_OP_T, "transposing") ||
        set_operation(p, CUBLASLT_MATMUL_DESC_TRANSB, (int32_t)CUBLAS_OP_N, "transposing"))
        return -1;
    if (p->request.plan.sms && set_operation(p, CUBLASLT_MATMUL_DESC_SM_COUNT_TARGET,
                                             (int32_t)p->request.plan.sms, "another SM count"))
        return -1;
    if (p->request.plan.fast &&
        set_operation(p, CUBLASLT_MATMUL_DESC_FAST_ACCUM, (int8_t)1, "fast accumulation"))
        return -1;
    return check(lt.cublasLtMatrixLayoutCreate(&p->first, data_type(m->in), s->k, s->n,
                                               (int64_t)mma_ldb(m)),
                 "the layout of B") ||
                   check(lt.cublasLtMatrixLayoutCreate(&p->second, data_type(m->in), s->k, s->m,
                                                       (int64_t)mma_lda(m)),
                         "the layout of A") ||
                   check(lt.cublasLtMatrixLayoutCreate(&p->result, data_type(m->out), s->n, s->m,
                                                       (int64_t)mma_ldc(m)),
                         "the layout of C")
               ? -1
               : 0;
}

int prefer(struct product *p) {
    const struct mma_problem *m = &p->request.problem;
    const struct mma_cublaslt_plan *plan = &p->request.plan;
    size_t in = element_bytes(m->in), out = element_bytes(m->out);
    uint64_t units = plan->unit == MMA_CUBLASLT_FMA ? CUBLASLT_NUMERICAL_IMPL_FLAGS_FMA
                     : plan->unit == MMA_CUBLASLT_MATRIX_UNIT
                         ? CUBLASLT_NUMERICAL_IMPL_FLAGS_TENSOR_OP_MASK
                         : CUBLASLT_NUMERICAL_IMPL_FLAGS_OP_TYPE_MASK;
    uint32_t first = alignment(p->request.b, mma_ldb(m) * in, plan->alignment),
             second = alignment(p->request.a, mma_lda(m) * in, plan->alignment),
             result = alignment(p->request.c, mma_ldc(m) * out, plan->alignment);
    return check(lt.cublasLtMatmulPreferenceCreate(&p->preference), "a preference") ||
                   set_preference(p, CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES,
                                  (uint64_t)plan->workspace * 1024, "a workspace") ||
                   set_preference(p, CUBLASLT_MATMUL_PREF_REDUCTION_SCHEME_MASK,
                                  (uint32_t)plan->reduction, "reduction schemes") ||
                   set_preference(p, CUBLASLT_MATMUL_PREF_IMPL_MASK,
                                  ~(uint64_t)CUBLASLT_NUMERICAL_IMPL_FLAGS_OP_TYPE_MASK | units,
                                  "implementations") ||
                   set_preference(p, CUBLASLT_MATMUL_PREF_MAX_WAVES_COUNT, (float)plan->waves,
                                  "waves") ||
                   set_preference(p, CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_A_BYTES, first,
                                  "an alignment") ||
                   set_preference(p, CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_B_BYTES, second,
                                  "an alignment") ||
                   set_preference(p, CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_C_BYTES, result,
                                  "an alignment") ||
                   set_preference(p, CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_D_BYTES, result,
                                  "an alignment")
               ? -1
               : 0;
}

/* --- what is given -----------------------------------------------------------------------------
 */

/* A number of the configuration, whose type has `size` bytes; 0 where this library has none. */
int config(const struct product *p, cublasLtMatmulAlgoConfigAttributes_t attribute, size_t size) {
    uint32_t value = 0;
    size_t written = 0;
    return lt.cublasLtMatmulAlgoConfigGetAttribute(&p->algorithm, attribute, &value, size,
                                                   &written) == CUBLAS_STATUS_SUCCESS
               ? (int)value
               : 0;
}

int card(struct mma_cublaslt_choice *choice) {
    int device = 0, major = 0, minor = 0;
    cudaError_t e = cudaGetDevice(&device);
    if (e == cudaSuccess)
        e = cudaDeviceGetAttribute(&major, cudaDevAttrComputeCapabilityMajor, device);
    if (e == cudaSuccess)
        e = cudaDeviceGetAttribute(&minor, cudaDevAttrComputeCapabilityMinor, device);
    if (e == cudaSuccess)
        e = cudaDeviceGetAttribute(&choice->sms, cudaDevAttrMultiProcessorCount, device);
    choice->arch = 10 * major + minor;
    return e == cudaSuccess
               ? 0
               : device_fail("asking for the GPU's architecture: %s", cudaGetErrorString(e));
}

int choose(struct product *p, struct mma_cublaslt_choice *choice) {
    cublasLtMatmulHeuristicResult_t proposals[MMA_CUBLASLT_PROPOSALS];
    int count = 0, usable = 0, at = -1;
    cublasStatus_t status = lt.cublasLtMatmulAlgoGetHeuristic(
        p->handle, p->operation, p->first, p->second, p->result, p->result, p->preference,
        MMA_CUBLASLT_PROPOSALS, proposals, &count);
    if (status == CUBLAS_STATUS_NOT_SUPPORTED)
        count = 0;
    else if (check(status, "choosing an algorithm"))
        return -1;
    for (int i = 0; i < count; i++)
        if (proposals[i].state == CUBLAS_STATUS_SUCCESS && usable++ == p->request.plan.index)
            at = i;
    if (at < 0)
        return device_fail("cuBLASLt has %d algorithm%s for this product and plan, not %d", usable,
                           usable == 1 ? "" : "s", p->request.plan.index + 1);
    p->algorithm = proposals[at].algo;
    size_t written = 0;
    *choice = {};
    choice->id = config(p, CUBLASLT_ALGO_CONFIG_ID, 4);
    choice->tile = config(p, CUBLASLT_ALGO_CONFIG_TILE_ID, 4);
    choice->stages = config(p, CUBLASLT_ALGO_CONFIG_STAGES_ID, 4);
    choice->split = config(p, CUBLASLT_ALGO_CONFIG_SPLITK_NUM, 4);
    choice->reduction = config(p, CUBLASLT_ALGO_CONFIG_REDUCTION_SCHEME, 4);
    choice->swizzle = config(p, CUBLASLT_ALGO_CONFIG_CTA_SWIZZLING, 4);
    choice->custom = config(p, CUBLASLT_ALGO_CONFIG_CUSTOM_OPTION, 4);
    choice->inner = config(p, CUBLASLT_ALGO_CONFIG_INNER_SHAPE_ID, 2);
    choice->cluster = config(p, CUBLASLT_ALGO_CONFIG_CLUSTER_SHAPE_ID, 2);
    choice->workspace = p->workspace = proposals[at].workspaceSize;
    choice->waves = proposals[at].wavesCount;
    choice->proposals = usable;
    choice->version = lt.cublasLtGetVersion();
    if (card(choice) != 0)
        return -1;
    return check(lt.cublasLtMatmulAlgoCapGetAttribute(&p->algorithm,
                                                      CUBLASLT_ALGO_CAP_NUMERICAL_IMPL_FLAGS,
                                                      &choice->impl, sizeof choice->impl, &written),
                 "asking what the algorithm multiplies with");
}

int open_product(const struct mma_cublaslt_request *request, void **state,
                 struct mma_cublaslt_choice *choice) {
    if (load() != 0)
        return -1;
    struct product *p = (struct product *)calloc(1, sizeof *p);
    if (!p)
        return device_fail("out of memory");
    p->request = *request;
    if (check(lt.cublasLtCreate(&p->handle), "starting") || describe(p) || prefer(p) ||
        choose(p, choice)) {
        close_product(p);
        return -1;
    }
    *state = p;
    return 0;
}

int call(void *state) {
    struct product *p = (struct product *)state;
    const struct mma_cublaslt_request *r = &p->request;
    const float one = 1, zero = 0;
    const double one_wide = 1, zero_wide = 0;
    const void *alpha = p->wide ? (const void *)&one_wide : &one;
    const void *beta = p->wide ? (const void *)&zero_wide : &zero;
    return check(lt.cublasLtMatmul(p->handle, p->operation, alpha, r->b, p->first, r->a, p->second,
                                   beta, r->c, p->result, r->c, p->result, &p->algorithm,
                                   r->workspace, (size_t)r->plan.workspace * 1024,
                                   (cudaStream_t)r->stream),
                 "multiplying");
}

} // namespace

extern "C" const struct mma_cublaslt_calls mma_cublaslt_calls_cuda = {version, open_product, call,
                                                                      close_product};

#endif

/*
 * cub_target.cu: cub::DeviceReduce::Sum as a target for recover(). Only nvcc builds it; for the
 * SIMT machine this file is empty. On the PTX machine CUB's own host code runs with CUB's own
 * kernels, as on a card that can be chosen.
 */
#if defined(__CUDACC__)

#include <cub/device/device_reduce.cuh>
#include <cub/version.cuh>
#include <stdio.h>
#include <stdlib.h>

#include "kernels/device/kernel.h"
#include "kernels/tree/cub_plan.h"
#include "kernels/tree/targets.h"

namespace {

#if defined(KERNEL_PTX)
constexpr enum device_kind KIND = DEVICE_PTX;
struct ptx_card chosen = TREE_CARD_DEFAULT;

/* While CUB runs, it is on this card. */
class on_card {
  public:
    explicit on_card(const struct ptx_card *card) {
        ptx_card_ptx(card);
    }
    ~on_card() {
        ptx_card_ptx(nullptr);
    }
    on_card(const on_card &) = delete;
    on_card &operator=(const on_card &) = delete;
};
#else
constexpr enum device_kind KIND = DEVICE_CUDA;
struct on_card {
    explicit on_card(const struct ptx_card *) {}
};
#endif

struct reduction {
    struct device *device;
    struct ptx_card card;
    bool wide_count;
    size_t bytes; /* of x */
    void *x, *result, *scratch;
    size_t scratch_bytes;
};

int check(cudaError_t error, const char *what) {
    if (error == cudaSuccess)
        return 0;
    cudaGetLastError();
    return device_fail("cub::DeviceReduce::Sum, %s: %s", what, cudaGetErrorString(error));
}

template <class T, class COUNT>
int run(struct reduction *r, const void *x, size_t n) {
    on_card here(&r->card);
    cudaStream_t stream = static_cast<cudaStream_t>(device_stream(r->device));
    return check(cub::DeviceReduce::Sum(r->scratch, r->scratch_bytes, static_cast<const T *>(x),
                                        static_cast<T *>(r->result), static_cast<COUNT>(n), stream),
                 r->scratch ? "launch" : "asking for its workspace");
}

template <class T, class COUNT>
int sum(void *context, const void *x, size_t n, double *result) {
    struct reduction *r = static_cast<struct reduction *>(context);
    T value = 0;
    if (device_write(r->device, r->x, x, r->bytes) || run<T, COUNT>(r, r->x, n) ||
        device_sync(r->device) || device_read(r->device, &value, r->result, sizeof value))
        return -1;
    *result = value;
    return 0;
}

template <class T, class COUNT>
int start(struct recover_target *target, const void *x, size_t n) {
    return run<T, COUNT>(static_cast<struct reduction *>(target->context), x, n);
}

void close(struct recover_target *target) {
    struct reduction *r = static_cast<struct reduction *>(target->context);
    if (!r)
        return;
    device_free(r->device, r->x);
    device_free(r->device, r->result);
    device_free(r->device, r->scratch);
    free(r);
    target->context = nullptr;
}

template <class T, class COUNT>
int open(struct recover_target *target, size_t n, struct device *device) {
    *target = {};
    struct reduction *r = static_cast<struct reduction *>(calloc(1, sizeof *r));
    if (!r)
        return device_fail("not enough memory");
#if defined(KERNEL_PTX)
    r->card = chosen;
#endif
    r->device = device;
    r->wide_count = sizeof(COUNT) == 8;
    r->bytes = n * sizeof(T);
    target->type = target->result = sizeof(T) == 8 ? ELEMENT_F64 : ELEMENT_F32;
    target->sum = sum<T, COUNT>;
    target->context = r;
    if (run<T, COUNT>(r, nullptr, n) || device_alloc(device, &r->x, r->bytes) ||
        device_alloc(device, &r->result, sizeof(T)) ||
        device_alloc(device, &r->scratch, r->scratch_bytes ? r->scratch_bytes : 1)) {
        close(target);
        return -1;
    }
    return 0;
}

/* The tree that CUB's own tuning table says. On a GPU it is not asked: of its code and its
 * occupancy the table knows nothing. */
struct tree *predict(const struct recover_target *target, size_t n) {
    const struct reduction *r = static_cast<const struct reduction *>(target->context);
    if (CUB_MAJOR_VERSION * 100 + CUB_MINOR_VERSION != CUB_PLAN_VERSION || !r->card.arch)
        return nullptr;
    struct cub_plan plan =
        cub_plan_of(target->type, r->wide_count, r->card.arch, r->card.sms, r->card.occupancy);
    return cub_plan_tree(&plan, n);
}

void version(char *text, size_t size) {
    snprintf(text, size, "CUB %d.%d.%d", CUB_MAJOR_VERSION, CUB_MINOR_VERSION,
             CUB_SUBMINOR_VERSION);
}

} // namespace

extern "C" {
#if defined(KERNEL_PTX)
void tree_card_ptx(const struct ptx_card *card) {
    chosen = card ? *card : (struct ptx_card)TREE_CARD_DEFAULT;
}
#endif

/* The type of the count chooses CUB's tuning, and so the tree. */
const struct tree_target KERNEL_EXPORT(tree_targets_cub)[] = {
    {"cub", "cub::DeviceReduce::Sum of f32, n a size_t", KIND, open<float, size_t>, close, version,
     start<float, size_t>, predict},
    {"cub-f64", "cub::DeviceReduce::Sum of f64, n a size_t", KIND, open<double, size_t>, close,
     version, start<double, size_t>, predict},
    {"cub-int", "cub::DeviceReduce::Sum of f32, n an int", KIND, open<float, int>, close, version,
     start<float, int>, predict},
    {"cub-f64-int", "cub::DeviceReduce::Sum of f64, n an int", KIND, open<double, int>, close,
     version, start<double, int>, predict},
};
const size_t KERNEL_EXPORT(tree_targets_cub_count) = sizeof KERNEL_EXPORT(tree_targets_cub) /
                                                     sizeof *KERNEL_EXPORT(tree_targets_cub);
}

#endif

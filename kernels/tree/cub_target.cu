/*
 * cub_target.cu: cub::DeviceReduce::Sum, and cub::DeviceSegmentedReduce::Sum of one segment, as
 * targets for recover(). Only nvcc builds it; for the SIMT machine this file is empty. On the PTX
 * machine CUB's own host code runs with CUB's own kernels, as on a card that can be chosen.
 */
#if defined(__CUDACC__)

#include <cub/device/device_reduce.cuh>
#include <cub/device/device_segmented_reduce.cuh>
#include <cub/version.cuh>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kernels/device/kernel.h"
#include "kernels/tree/cub_plan.h"
#include "kernels/tree/targets.h"

namespace {

#if defined(KERNEL_PTX)
constexpr enum device_kind KIND = DEVICE_PTX;
struct ptx_card chosen;

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
    struct cub_plan plan;
    size_t bytes; /* of x */
    void *x, *result, *scratch, *range;
    size_t scratch_bytes;
};

int check(cudaError_t error, const char *what) {
    if (error == cudaSuccess)
        return 0;
    cudaGetLastError();
    return device_fail("CUB, %s: %s", what, cudaGetErrorString(error));
}

/* What is called, of type T. The type of the count chooses CUB's tuning, and so the tree. */
template <class T, class COUNT>
struct whole {
    typedef T type;
    static constexpr bool WIDE_COUNT = sizeof(COUNT) == 8, SEGMENTED = false;
    static cudaError_t call(struct reduction *r, const T *x, size_t n, cudaStream_t stream) {
        return cub::DeviceReduce::Sum(r->scratch, r->scratch_bytes, x, static_cast<T *>(r->result),
                                      static_cast<COUNT>(n), stream);
    }
};
template <class T>
struct segment {
    typedef T type;
    static constexpr bool WIDE_COUNT = false, SEGMENTED = true;
    static cudaError_t call(struct reduction *r, const T *x, size_t, cudaStream_t stream) {
        const int *range = static_cast<const int *>(r->range);
        return cub::DeviceSegmentedReduce::Sum(r->scratch, r->scratch_bytes, x,
                                               static_cast<T *>(r->result), 1, range, range + 1,
                                               stream);
    }
};

template <class WAY>
int run(struct reduction *r, const void *x, size_t n) {
    on_card here(&r->card);
    cudaStream_t stream = static_cast<cudaStream_t>(device_stream(r->device));
    return check(WAY::call(r, static_cast<const typename WAY::type *>(x), n, stream),
                 r->scratch ? "launch" : "asking for its workspace");
}

template <class WAY>
int sum(void *context, const void *x, size_t n, double *result) {
    struct reduction *r = static_cast<struct reduction *>(context);
    typename WAY::type value = 0;
    if (device_write(r->device, r->x, x, r->bytes) || run<WAY>(r, r->x, n) ||
        device_sync(r->device) || device_read(r->device, &value, r->result, sizeof value))
        return -1;
    *result = value;
    return 0;
}

template <class WAY>
int start(struct recover_target *target, const void *x, size_t n) {
    return run<WAY>(static_cast<struct reduction *>(target->context), x, n);
}

void close(struct recover_target *target) {
    struct reduction *r = static_cast<struct reduction *>(target->context);
    if (!r)
        return;
    device_free(r->device, r->x);
    device_free(r->device, r->result);
    device_free(r->device, r->scratch);
    device_free(r->device, r->range);
    free(r);
    target->context = nullptr;
}

#if defined(KERNEL_PTX)
/* The card that was chosen, or else the best known one; machine code is of one architecture. */
int take_card(struct device *device, struct ptx_card *card) {
    bool code = device_kind(device) == DEVICE_SASS;
    int arch = code ? (int)(uintptr_t)device_stream(device) : chosen.arch ? chosen.arch : 80;
    const struct cub_card *known = cub_card_of(arch);
    *card = chosen;
    if (chosen.arch == arch)
        return 0;
    if (!known)
        return device_fail(
            "CUB as on a card of sm_%d: how many multiprocessors it has is not known", arch);
    *card = {arch, known->sms, 0, false};
    return 0;
}
#else
/* What the card says of itself. */
int take_card(struct device *, struct ptx_card *card) {
    int device = 0, version = 0;
    cudaError_t e = cudaGetDevice(&device);
    if (e == cudaSuccess)
        e = cudaDeviceGetAttribute(&card->sms, cudaDevAttrMultiProcessorCount, device);
    if (e == cudaSuccess)
        e = cub::PtxVersion(version);
    card->arch = version / 10;
    return check(e, "asking for the card");
}
#endif

template <class WAY>
int open(struct recover_target *target, size_t n, struct device *device) {
    typedef typename WAY::type T;
    const int range[2] = {0, static_cast<int>(n)};
    *target = {};
    struct reduction *r = static_cast<struct reduction *>(calloc(1, sizeof *r));
    if (!r)
        return device_fail("not enough memory");
    r->device = device;
    r->bytes = n * sizeof(T);
    target->type = target->result = sizeof(T) == 8 ? ELEMENT_F64 : ELEMENT_F32;
    target->sum = sum<WAY>;
    target->context = r;
    if (take_card(device, &r->card) || device_alloc(device, &r->range, sizeof range) ||
        device_write(device, r->range, range, sizeof range) || run<WAY>(r, nullptr, n) ||
        device_alloc(device, &r->x, r->bytes) || device_alloc(device, &r->result, sizeof(T)) ||
        device_alloc(device, &r->scratch, r->scratch_bytes ? r->scratch_bytes : 1)) {
        close(target);
        return -1;
    }
    r->plan =
        cub_plan_of(target->type, WAY::WIDE_COUNT, r->card.arch, r->card.sms, r->card.occupancy);
    if (WAY::SEGMENTED)
        r->plan.most_blocks = 1;
    return 0;
}

const struct cub_plan *plan(const struct recover_target *target) {
    const struct reduction *r = static_cast<const struct reduction *>(target->context);
    return CUB_MAJOR_VERSION * 100 + CUB_MINOR_VERSION == CUB_PLAN_VERSION ? &r->plan : nullptr;
}

void version(char *text, size_t size) {
    snprintf(text, size, "CUB %d.%d.%d", CUB_MAJOR_VERSION, CUB_MINOR_VERSION,
             CUB_SUBMINOR_VERSION);
}

template <class WAY>
constexpr struct tree_target row(const char *name, const char *what) {
    return {name, what, KIND, open<WAY>, close, version, start<WAY>, plan};
}

} // namespace

extern "C" {
#if defined(KERNEL_PTX)
void tree_card_ptx(const struct ptx_card *card) {
    chosen = card ? *card : ptx_card{};
}
#endif

const struct tree_target KERNEL_EXPORT(tree_targets_cub)[] = {
    row<whole<float, size_t>>("cub", "cub::DeviceReduce::Sum of f32, n a size_t"),
    row<whole<double, size_t>>("cub-f64", "cub::DeviceReduce::Sum of f64, n a size_t"),
    row<whole<float, int>>("cub-int", "cub::DeviceReduce::Sum of f32, n an int"),
    row<whole<double, int>>("cub-f64-int", "cub::DeviceReduce::Sum of f64, n an int"),
    row<segment<float>>("cub-segment", "cub::DeviceSegmentedReduce::Sum of f32, one segment"),
    row<segment<double>>("cub-segment-f64", "cub::DeviceSegmentedReduce::Sum of f64, one segment"),
};
const size_t KERNEL_EXPORT(tree_targets_cub_count) = sizeof KERNEL_EXPORT(tree_targets_cub) /
                                                     sizeof *KERNEL_EXPORT(tree_targets_cub);
}

#endif

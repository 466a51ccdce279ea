/*
 * mma_ops.c: which of the family's kernels a device runs: the tables of mma.cu, mma_sync.cu and
 * mma_wgmma.cu.
 */
#include "kernels/device/ops.h"
#include "kernels/mma/mma.h"

DEVICE_OPS(mma_ops, "mma_cpu.h")
DEVICE_OPS(mma_sync_ops, "mma_cpu.h")
extern const struct mma_wgmma_ops mma_wgmma_ops_cuda DEVICE_CUDA_ONLY;

static bool is_sync(int kernel) {
    return kernel == MMA_M16N8K8 || kernel == MMA_M16N8K16 || kernel == MMA_M16N8K32;
}

static int launch_wgmma(const struct mma_call *call, enum device_kind kind) {
    if (kind != DEVICE_CUDA)
        return device_fail("wgmma is an instruction of Hopper GPUs: the device '%s' has none",
                           device_kind_name(kind));
    if (!&mma_wgmma_ops_cuda)
        return device_fail("this build has no wgmma kernels: build with 90 among CUDA_ARCHS");
    return mma_wgmma_ops_cuda.launch(call);
}

int mma_kernel_prepare(const struct mma_call *call, enum device_kind kind, bool checked) {
    const struct mma_ops *ops = mma_ops_for(kind, checked);
    return ops ? ops->prepare(call) : -1;
}

int mma_kernel_launch(const struct mma_call *call, enum device_kind kind, bool checked) {
    if (call->plan.kernel == MMA_WARPGROUP)
        return launch_wgmma(call, kind);
    if (is_sync(call->plan.kernel)) {
        const struct mma_sync_ops *ops = mma_sync_ops_for(kind, checked);
        return ops ? ops->launch(call) : -1;
    }
    const struct mma_ops *ops = mma_ops_for(kind, checked);
    return ops ? ops->launch(call) : -1;
}

int mma_capability(struct device *device) {
    int capability;
    const struct mma_ops *ops = mma_ops_for(device_kind(device), false);
    device_stream(device);
    return ops && ops->capability(&capability) == 0 ? capability : 0;
}

/* A product of nothing is refused like any other. */
int mma_plan_runs(const struct mma_plan *plan, struct device *device) {
    const struct mma_call call = {.plan = *plan,
                                  .problem = {.shape = {0, 0, 0},
                                              .in = (enum element)plan->in,
                                              .out = (enum element)plan->out},
                                  .stream = device_stream(device)};
    return mma_kernel_launch(&call, device_kind(device), false);
}

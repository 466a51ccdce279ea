/* paged_ops.c: which of paged.cu's kernels a device runs. */
#include "kernels/device/ops.h"
#include "kernels/paged_attention/paged.h"

DEVICE_OPS(paged_ops, "paged_cpu.h")

/* sum_ops.c: which of sum.cu's kernels a device runs. */
#include "kernels/device/ops.h"
#include "kernels/sum/sum.h"

DEVICE_OPS(sum_ops, "sum_cpu.h")

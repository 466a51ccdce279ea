/* allreduce_ops.c: which of allreduce.cu's kernels a device runs. */
#include "kernels/allreduce/allreduce.h"
#include "kernels/device/ops.h"

DEVICE_OPS(allreduce_ops, "no file of this family")

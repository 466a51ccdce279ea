/* atomics_ops.c: which of atomics.cu's kernels a device runs. */
#include "kernels/atomics/atomics.h"
#include "kernels/device/ops.h"

DEVICE_OPS(atomics_ops, "atomics_cpu.h")

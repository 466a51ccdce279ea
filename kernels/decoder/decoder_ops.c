/* decoder_ops.c: which of decoder.cu's kernels a device runs. */
#include "kernels/decoder/decoder_kernels.h"
#include "kernels/device/ops.h"

DEVICE_OPS(decoder_ops, "decoder.h")

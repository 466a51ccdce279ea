/*
 * provenance_settings.c: the few environment variables by which numerical libraries choose other
 * kernels, and so other bits, and ours that say what is run: by name, and only where they are set.
 * And the schedule of what is simulated, where it is not the usual one.
 */
#include <stdlib.h>
#include <string.h>

#include "harness/store/provenance.h"
#include "kernels/device/device_schedule.h"

/* cuBLAS' and cuBLASLt's own (13.1), ours, then those of the libraries for CPUs. */
static const char *const names[] = {
    "CUBLASLT_HEURISTICS_CACHE_CAPACITY",
    "CUBLASLT_HEURISTICS_LUT_FILE",
    "CUBLAS_AUTOTUNING_CACHE_CAPACITY",
    "CUBLAS_EMULATE_DOUBLE_PRECISION",
    "CUBLAS_EMULATE_SINGLE_PRECISION",
    "CUBLAS_EMULATION_STRATEGY",
    "CUBLAS_FIXEDPOINT_EMULATION_MANTISSA_BIT_COUNT",
    "CUBLAS_FORCE_XMMA_KERNEL_INIT",
    "CUBLAS_WORKSPACE_CONFIG",
    "NVIDIA_TF32_OVERRIDE",
    "NANOLAB_CUBLASLT",
    "NANOLAB_GPUS",
    "NANOLAB_MPIRUN",
    "NANOLAB_NCCL",
    "NANOLAB_RANKS",
    "ONEDNN_MAX_CPU_ISA",
    "DNNL_MAX_CPU_ISA",
    "OMP_NUM_THREADS",
    "OPENBLAS_CORETYPE",
    "OPENBLAS_L2_SIZE",
    "OPENBLAS_NUM_THREADS",
};

#define VALUE_MOST 40

/* Words and numbers are recorded; of anything else, a path above all, that it is set. */
static const char *recorded(const char *value) {
    const char *plain = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-+.,:";
    size_t length = strlen(value);
    return length <= VALUE_MOST && strspn(value, plain) == length ? value : "(set)";
}

json_t *provenance_settings(void) {
    json_t *settings = json_object();
    for (size_t i = 0; settings && i < sizeof names / sizeof *names; i++) {
        const char *value = getenv(names[i]);
        if (value)
            json_object_set_new(settings, names[i], json_string(recorded(value)));
    }
    if (settings && strcmp(device_schedule_text(), "in-order") != 0)
        json_object_set_new(settings, "schedule", json_string(device_schedule_text()));
    return settings;
}

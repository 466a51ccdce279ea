/*
 * nvml.h: NVIDIA's library that tells of GPUs. It comes with the driver and is opened at run time;
 * the few declarations used here are its documented C interface (nvml.h of the CUDA toolkit).
 * Nothing is ever set.
 */
#ifndef NANOLAB_HARNESS_NVML_H
#define NANOLAB_HARNESS_NVML_H

#include <stdbool.h>

struct nvml_device; /* opaque in NVML's interface too */

struct nvml_memory {
    unsigned long long total, free, used;
};

enum {
    NVML_SUCCESS = 0,
    NVML_CLOCK_GRAPHICS = 0,
    NVML_CLOCK_SM = 1,
    NVML_CLOCK_MEMORY = 2,
    NVML_TEMPERATURE_GPU = 0
};

/* X(name, parameters); a status. */
#define NVML_FUNCTIONS(X)                                                                          \
    X(nvmlInit_v2, (void))                                                                         \
    X(nvmlSystemGetDriverVersion, (char *, unsigned))                                              \
    X(nvmlDeviceGetCount_v2, (unsigned *))                                                         \
    X(nvmlDeviceGetHandleByIndex_v2, (unsigned, struct nvml_device **))                            \
    X(nvmlDeviceGetHandleByPciBusId_v2, (const char *, struct nvml_device **))                     \
    X(nvmlDeviceGetName, (struct nvml_device *, char *, unsigned))                                 \
    X(nvmlDeviceGetMemoryInfo, (struct nvml_device *, struct nvml_memory *))                       \
    X(nvmlDeviceGetClockInfo, (struct nvml_device *, int, unsigned *))                             \
    X(nvmlDeviceGetMaxClockInfo, (struct nvml_device *, int, unsigned *))                          \
    X(nvmlDeviceGetPowerManagementLimit, (struct nvml_device *, unsigned *))                       \
    X(nvmlDeviceGetPowerUsage, (struct nvml_device *, unsigned *))                                 \
    X(nvmlDeviceGetTotalEnergyConsumption, (struct nvml_device *, unsigned long long *))           \
    X(nvmlDeviceGetEccMode, (struct nvml_device *, unsigned *, unsigned *))                        \
    X(nvmlDeviceGetMigMode, (struct nvml_device *, unsigned *, unsigned *))                        \
    X(nvmlDeviceGetTemperature, (struct nvml_device *, int, unsigned *))                           \
    X(nvmlDeviceGetPersistenceMode, (struct nvml_device *, unsigned *))                            \
    X(nvmlDeviceGetCurrentClocksThrottleReasons, (struct nvml_device *, unsigned long long *))

struct nvml {
    char why[300];   /* why it does not work, with what to do; "" when it does */
    char driver[96]; /* the driver's version; "" if it does not tell */
#define NVML_MEMBER(name, parameters) int(*name) parameters;
    NVML_FUNCTIONS(NVML_MEMBER) /* NULL: not in this driver's */
#undef NVML_MEMBER
};

/* Opened and started by the first call, of any thread. */
const struct nvml *nvml_open(void);
/* The GPU behind a CUDA device index. False: NVML does not work, or does not know it. */
bool nvml_gpu(int cuda_index, struct nvml_device **gpu);

#endif

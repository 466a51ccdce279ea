/*
 * nvml.c: see nvml.h.
 */
#define _GNU_SOURCE /* dlinfo */
#include "harness/measure/nvml.h"

#include <dlfcn.h>
#include <link.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "harness/text.h"
#include "kernels/device/device.h"

static struct nvml nvml;
static pthread_once_t nvml_once = PTHREAD_ONCE_INIT;

/* What a status of NVML's (nvml.h, nvmlReturn_t) means for a person, and what to do. */
static const char *advice_for(int status) {
    switch (status) {
    case 4: /* no permission */
        return "let this user open /dev/nvidia* (the group video, or the container's devices)";
    case 9: /* driver not loaded */
        return "load the kernel module: modprobe nvidia, then look at dmesg";
    case 12: /* library not found: what the toolkit's stub answers */
        return "this is the toolkit's stub, which is for linking only: take its folder (stubs) out "
               "of LD_LIBRARY_PATH, and install the driver";
    case 15: /* GPU is lost */
    case 16: /* reset required */
        return "reset the GPU (nvidia-smi --gpu-reset), or restart the machine";
    case 17: /* operating system: blocked by cgroups and the like */
        return "start the container with GPUs (docker run --gpus all)";
    case 18: /* driver and library versions */
        return "the kernel still runs the module of the driver before an update: restart the "
               "machine, or reload the nvidia modules";
    default:
        return "run nvidia-smi, which meets the same, and look at dmesg";
    }
}

/* Whether the library that was opened is the toolkit's stub. */
static bool is_stub(void *library) {
    struct link_map *map = NULL;
    return dlinfo(library, RTLD_DI_LINKMAP, &map) == 0 && map && strstr(map->l_name, "/stubs/");
}

static void explain(void *library, int status) {
    const char *(*text_of)(int) = (const char *(*)(int))dlsym(library, "nvmlErrorString");
    const char *text = text_of ? text_of(status) : NULL;
    char words[80];
    snprintf(nvml.why, sizeof nvml.why, "NVML cannot start: %s (status %d); %s",
             text_plain(words, sizeof words, text ? text : "it gives no reason"), status,
             advice_for(is_stub(library) ? 12 : status));
}

static void open_nvml(void) {
    void *library = dlopen("libnvidia-ml.so.1", RTLD_NOW | RTLD_LOCAL);
    if (!library) {
        snprintf(nvml.why, sizeof nvml.why,
                 "libnvidia-ml.so.1 is not there: no NVIDIA driver on this machine");
        return;
    }
    /* A function missing in an old driver stays NULL, and its field is null. */
#define FIND(name, parameters) nvml.name = (int(*) parameters)dlsym(library, #name);
    NVML_FUNCTIONS(FIND)
#undef FIND
    if (!nvml.nvmlInit_v2) {
        snprintf(nvml.why, sizeof nvml.why,
                 "libnvidia-ml.so.1 has no nvmlInit_v2: a driver from before 2013, or another "
                 "library of that name; install a current driver");
        return;
    }
    int status = nvml.nvmlInit_v2();
    if (status != NVML_SUCCESS) {
        explain(library, status);
        return;
    }
    if (!nvml.nvmlSystemGetDriverVersion ||
        nvml.nvmlSystemGetDriverVersion(nvml.driver, sizeof nvml.driver) != NVML_SUCCESS)
        nvml.driver[0] = '\0';
}

const struct nvml *nvml_open(void) {
    pthread_once(&nvml_once, open_nvml);
    return &nvml;
}

/* CUDA and NVML count GPUs differently (CUDA_VISIBLE_DEVICES, order); the bus address joins them.
 */
bool nvml_gpu(int cuda_index, struct nvml_device **gpu) {
    char address[32];
    return !nvml_open()->why[0] && nvml.nvmlDeviceGetHandleByPciBusId_v2 && device_cuda_address &&
           device_cuda_address(cuda_index, address, sizeof address) == 0 &&
           nvml.nvmlDeviceGetHandleByPciBusId_v2(address, gpu) == NVML_SUCCESS;
}

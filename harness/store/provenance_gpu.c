/*
 * provenance_gpu.c: what NVML tells about GPUs. The library comes with the driver and is opened at
 * run time; the few declarations used here are its documented C interface. Nothing is ever set.
 */
#define _GNU_SOURCE /* dlinfo */
#include <dlfcn.h>
#include <link.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "harness/store/provenance.h"
#include "harness/text.h"
#include "kernels/device/device.h"

struct nvml_device; /* opaque in NVML's interface too */

struct nvml_memory {
    unsigned long long total, free, used;
};

enum { NVML_SUCCESS = 0, NVML_CLOCK_GRAPHICS = 0, NVML_CLOCK_MEMORY = 2, NVML_TEMPERATURE_GPU = 0 };

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
    X(nvmlDeviceGetEccMode, (struct nvml_device *, unsigned *, unsigned *))                        \
    X(nvmlDeviceGetMigMode, (struct nvml_device *, unsigned *, unsigned *))                        \
    X(nvmlDeviceGetTemperature, (struct nvml_device *, int, unsigned *))                           \
    X(nvmlDeviceGetPersistenceMode, (struct nvml_device *, unsigned *))                            \
    X(nvmlDeviceGetCurrentClocksThrottleReasons, (struct nvml_device *, unsigned long long *))

static struct {
    char why[300]; /* "" when NVML works */
    char driver[96];
#define X(name, parameters) int(*name) parameters;
    NVML_FUNCTIONS(X)
#undef X
} nvml;

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
#define X(name, parameters) nvml.name = (int(*) parameters)dlsym(library, #name);
    NVML_FUNCTIONS(X)
#undef X
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

static bool nvml_works(void) {
    pthread_once(&nvml_once, open_nvml);
    return !nvml.why[0];
}

const char *provenance_gpu_driver(void) {
    return nvml_works() && nvml.driver[0] ? nvml.driver : NULL;
}

static void put(json_t *object, json_t *missing, const char *name, json_t *value) {
    if (!value) {
        value = json_null();
        json_object_set_new(missing, name, json_string("the driver does not tell"));
    }
    json_object_set_new(object, name, value);
}

static json_t *number_of(int (*get)(struct nvml_device *, unsigned *), struct nvml_device *gpu,
                         double scale) {
    unsigned value;
    return get && get(gpu, &value) == NVML_SUCCESS ? json_real(value * scale) : NULL;
}

static json_t *kind_of(int (*get)(struct nvml_device *, int, unsigned *), struct nvml_device *gpu,
                       int kind) {
    unsigned value;
    return get && get(gpu, kind, &value) == NVML_SUCCESS ? json_integer(value) : NULL;
}

static json_t *mode_of(int (*get)(struct nvml_device *, unsigned *, unsigned *),
                       struct nvml_device *gpu) {
    unsigned now, later;
    return get && get(gpu, &now, &later) == NVML_SUCCESS ? json_boolean(now) : NULL;
}

/* The bits of NVML's clock throttle reasons. */
static json_t *throttle_of(struct nvml_device *gpu) {
    static const char *const names[] = {"idle",        "applications_clocks", "sw_power_cap",
                                        "hw_slowdown", "sync_boost",          "sw_thermal",
                                        "hw_thermal",  "hw_power_brake",      "display_clocks"};
    unsigned long long bits;
    if (!nvml.nvmlDeviceGetCurrentClocksThrottleReasons ||
        nvml.nvmlDeviceGetCurrentClocksThrottleReasons(gpu, &bits) != NVML_SUCCESS)
        return NULL;
    json_t *list = json_array();
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (bits >> i & 1)
            json_array_append_new(list, json_string(names[i]));
    return list;
}

static json_t *state_of(struct nvml_device *gpu) {
    json_t *state = json_object(), *missing = json_object();
    put(state, missing, "clock_mhz",
        kind_of(nvml.nvmlDeviceGetClockInfo, gpu, NVML_CLOCK_GRAPHICS));
    put(state, missing, "memory_clock_mhz",
        kind_of(nvml.nvmlDeviceGetClockInfo, gpu, NVML_CLOCK_MEMORY));
    put(state, missing, "temperature_celsius",
        kind_of(nvml.nvmlDeviceGetTemperature, gpu, NVML_TEMPERATURE_GPU));
    put(state, missing, "power_watts", number_of(nvml.nvmlDeviceGetPowerUsage, gpu, 1e-3));
    put(state, missing, "throttle", throttle_of(gpu));
    json_decref(missing); /* a case's record has no room for reasons: null says enough */
    return state;
}

static void describe(struct nvml_device *gpu, json_t *object, json_t *missing) {
    struct nvml_memory memory;
    char name[96];
    bool named =
        nvml.nvmlDeviceGetName && nvml.nvmlDeviceGetName(gpu, name, sizeof name) == NVML_SUCCESS;
    bool sized =
        nvml.nvmlDeviceGetMemoryInfo && nvml.nvmlDeviceGetMemoryInfo(gpu, &memory) == NVML_SUCCESS;
    put(object, missing, "name", named ? json_string(name) : NULL);
    put(object, missing, "driver", nvml.driver[0] ? json_string(nvml.driver) : NULL);
    put(object, missing, "memory_bytes", sized ? json_integer((json_int_t)memory.total) : NULL);
    put(object, missing, "max_clock_mhz",
        kind_of(nvml.nvmlDeviceGetMaxClockInfo, gpu, NVML_CLOCK_GRAPHICS));
    put(object, missing, "max_memory_clock_mhz",
        kind_of(nvml.nvmlDeviceGetMaxClockInfo, gpu, NVML_CLOCK_MEMORY));
    put(object, missing, "power_limit_watts",
        number_of(nvml.nvmlDeviceGetPowerManagementLimit, gpu, 1e-3));
    put(object, missing, "ecc", mode_of(nvml.nvmlDeviceGetEccMode, gpu));
    put(object, missing, "mig", mode_of(nvml.nvmlDeviceGetMigMode, gpu));
    unsigned persistence;
    put(object, missing, "persistence",
        nvml.nvmlDeviceGetPersistenceMode &&
                nvml.nvmlDeviceGetPersistenceMode(gpu, &persistence) == NVML_SUCCESS
            ? json_boolean(persistence)
            : NULL);
    json_object_set_new(object, "state", state_of(gpu));
}

json_t *provenance_gpus(char *why, size_t why_size) {
    unsigned count = 0;
    if (!nvml_works() || !nvml.nvmlDeviceGetCount_v2 || !nvml.nvmlDeviceGetHandleByIndex_v2 ||
        nvml.nvmlDeviceGetCount_v2(&count) != NVML_SUCCESS) {
        snprintf(why, why_size, "%s", nvml.why[0] ? nvml.why : "NVML does not list GPUs");
        return NULL;
    }
    json_t *list = json_array();
    for (unsigned i = 0; i < count; i++) {
        struct nvml_device *gpu;
        if (nvml.nvmlDeviceGetHandleByIndex_v2(i, &gpu) != NVML_SUCCESS)
            continue;
        json_t *one = json_object(), *missing = json_object();
        describe(gpu, one, missing);
        json_object_set_new(one, "missing", missing);
        json_array_append_new(list, one);
    }
    return list;
}

/* CUDA and NVML count GPUs differently (CUDA_VISIBLE_DEVICES, order); the bus address joins them.
 */
static bool handle_of(int cuda_index, struct nvml_device **gpu) {
    char address[32];
    return nvml_works() && nvml.nvmlDeviceGetHandleByPciBusId_v2 && device_cuda_address &&
           device_cuda_address(cuda_index, address, sizeof address) == 0 &&
           nvml.nvmlDeviceGetHandleByPciBusId_v2(address, gpu) == NVML_SUCCESS;
}

static json_t *runtime_of(void) {
    int version;
    return device_cuda_version && device_cuda_version(&version) == 0
               ? json_sprintf("%d.%d", version / 1000, version % 1000 / 10)
               : NULL;
}

void provenance_gpu(int cuda_index, json_t *object, json_t *missing) {
    struct nvml_device *gpu;
    put(object, missing, "cuda_runtime", runtime_of());
    if (handle_of(cuda_index, &gpu))
        describe(gpu, object, missing);
    else
        json_object_set_new(missing, "nvml",
                            json_string(nvml.why[0] ? nvml.why : "NVML does not know this device"));
}

json_t *provenance_gpu_state(int cuda_index) {
    struct nvml_device *gpu;
    return handle_of(cuda_index, &gpu) ? state_of(gpu) : json_null();
}

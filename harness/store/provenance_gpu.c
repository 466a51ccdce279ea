/*
 * provenance_gpu.c: what NVML tells about GPUs (harness/measure/nvml.h).
 */
#include <stdio.h>
#include <string.h>

#include "harness/measure/nvml.h"
#include "harness/store/provenance.h"
#include "kernels/device/device.h"

const char *provenance_gpu_driver(void) {
    const struct nvml *nvml = nvml_open();
    return !nvml->why[0] && nvml->driver[0] ? nvml->driver : NULL;
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
    const struct nvml *nvml = nvml_open();
    static const char *const names[] = {"idle",        "applications_clocks", "sw_power_cap",
                                        "hw_slowdown", "sync_boost",          "sw_thermal",
                                        "hw_thermal",  "hw_power_brake",      "display_clocks"};
    unsigned long long bits;
    if (!nvml->nvmlDeviceGetCurrentClocksThrottleReasons ||
        nvml->nvmlDeviceGetCurrentClocksThrottleReasons(gpu, &bits) != NVML_SUCCESS)
        return NULL;
    json_t *list = json_array();
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (bits >> i & 1)
            json_array_append_new(list, json_string(names[i]));
    return list;
}

static json_t *state_of(struct nvml_device *gpu) {
    const struct nvml *nvml = nvml_open();
    json_t *state = json_object(), *missing = json_object();
    put(state, missing, "clock_mhz",
        kind_of(nvml->nvmlDeviceGetClockInfo, gpu, NVML_CLOCK_GRAPHICS));
    put(state, missing, "memory_clock_mhz",
        kind_of(nvml->nvmlDeviceGetClockInfo, gpu, NVML_CLOCK_MEMORY));
    put(state, missing, "temperature_celsius",
        kind_of(nvml->nvmlDeviceGetTemperature, gpu, NVML_TEMPERATURE_GPU));
    put(state, missing, "power_watts", number_of(nvml->nvmlDeviceGetPowerUsage, gpu, 1e-3));
    put(state, missing, "throttle", throttle_of(gpu));
    json_decref(missing); /* a case's record has no room for reasons: null says enough */
    return state;
}

static void describe(struct nvml_device *gpu, json_t *object, json_t *missing) {
    const struct nvml *nvml = nvml_open();
    struct nvml_memory memory;
    char name[96];
    bool named =
        nvml->nvmlDeviceGetName && nvml->nvmlDeviceGetName(gpu, name, sizeof name) == NVML_SUCCESS;
    bool sized = nvml->nvmlDeviceGetMemoryInfo &&
                 nvml->nvmlDeviceGetMemoryInfo(gpu, &memory) == NVML_SUCCESS;
    put(object, missing, "name", named ? json_string(name) : NULL);
    put(object, missing, "driver", nvml->driver[0] ? json_string(nvml->driver) : NULL);
    put(object, missing, "memory_bytes", sized ? json_integer((json_int_t)memory.total) : NULL);
    put(object, missing, "max_clock_mhz",
        kind_of(nvml->nvmlDeviceGetMaxClockInfo, gpu, NVML_CLOCK_GRAPHICS));
    put(object, missing, "max_memory_clock_mhz",
        kind_of(nvml->nvmlDeviceGetMaxClockInfo, gpu, NVML_CLOCK_MEMORY));
    put(object, missing, "power_limit_watts",
        number_of(nvml->nvmlDeviceGetPowerManagementLimit, gpu, 1e-3));
    put(object, missing, "ecc", mode_of(nvml->nvmlDeviceGetEccMode, gpu));
    put(object, missing, "mig", mode_of(nvml->nvmlDeviceGetMigMode, gpu));
    unsigned persistence;
    put(object, missing, "persistence",
        nvml->nvmlDeviceGetPersistenceMode &&
                nvml->nvmlDeviceGetPersistenceMode(gpu, &persistence) == NVML_SUCCESS
            ? json_boolean(persistence)
            : NULL);
    json_object_set_new(object, "state", state_of(gpu));
}

json_t *provenance_gpus(char *why, size_t why_size) {
    const struct nvml *nvml = nvml_open();
    unsigned count = 0;
    if (nvml->why[0] || !nvml->nvmlDeviceGetCount_v2 || !nvml->nvmlDeviceGetHandleByIndex_v2 ||
        nvml->nvmlDeviceGetCount_v2(&count) != NVML_SUCCESS) {
        snprintf(why, why_size, "%s", nvml->why[0] ? nvml->why : "NVML does not list GPUs");
        return NULL;
    }
    json_t *list = json_array();
    for (unsigned i = 0; i < count; i++) {
        struct nvml_device *gpu;
        if (nvml->nvmlDeviceGetHandleByIndex_v2(i, &gpu) != NVML_SUCCESS)
            continue;
        json_t *one = json_object(), *missing = json_object();
        describe(gpu, one, missing);
        json_object_set_new(one, "missing", missing);
        json_array_append_new(list, one);
    }
    return list;
}

static json_t *runtime_of(void) {
    int version;
    return device_cuda_version && device_cuda_version(&version) == 0
               ? json_sprintf("%d.%d", version / 1000, version % 1000 / 10)
               : NULL;
}

void provenance_gpu(int cuda_index, json_t *object, json_t *missing) {
    const struct nvml *nvml = nvml_open();
    struct nvml_device *gpu;
    put(object, missing, "cuda_runtime", runtime_of());
    if (nvml_gpu(cuda_index, &gpu))
        describe(gpu, object, missing);
    else
        json_object_set_new(
            missing, "nvml",
            json_string(nvml->why[0] ? nvml->why : "NVML does not know this device"));
}

json_t *provenance_gpu_state(int cuda_index) {
    struct nvml_device *gpu;
    return nvml_gpu(cuda_index, &gpu) ? state_of(gpu) : json_null();
}

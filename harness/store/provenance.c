/*
 * provenance.c: what is recorded about build and machine (provenance.h). Topology comes from
 * hwloc, whose own host name field is never read.
 */
#define _GNU_SOURCE /* sched_getaffinity */
#include "harness/store/provenance.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <gnu/libc-version.h>
#include <hwloc.h>
#include <math.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#if defined(__x86_64__) || defined(__i386__)
#include <cpuid.h>
#endif

#include "harness/error.h"
#include "harness/measure/clock.h"
#include "harness/measure/meter.h"
#include "harness/store/build_info.h"
#include "harness/store/sha.h"

json_t *provenance_now(void) {
    char text[32];
    time_t now = time(NULL);
    struct tm utc;
    gmtime_r(&now, &utc);
    strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &utc);
    return json_string(text);
}

/* A value, or null and its reason. */
static void put(json_t *object, json_t *missing, const char *name, json_t *value,
                const char *reason) {
    if (!value) {
        value = json_null();
        json_object_set_new(missing, name, json_string(reason));
    }
    json_object_set_new(object, name, value);
}

/* A read may fail in passing: a few tries before it counts. */
static int hash_self(char digest[SHA_TEXT]) {
    const struct timespec moment = {.tv_nsec = 20000000};
    int status = -1;
    for (int tries = 0; tries < 3 && status != 0; tries++) {
        if (tries > 0)
            nanosleep(&moment, NULL);
        int fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
        status = fd >= 0 ? sha_file(fd, digest, NULL) : -1;
        if (fd >= 0)
            close(fd);
    }
    return status;
}

json_t *provenance_software(void) {
    json_t *software = json_object(), *missing = json_object();
    char digest[SHA_TEXT];
    bool hashed = hash_self(digest) == 0;
    json_object_set_new(software, "name", json_string("nanolab"));
    json_object_set_new(software, "version", json_string(build_version()));
    json_object_set_new(software, "dirty", json_boolean(build_dirty()));
    json_object_set_new(software, "compiler", json_string(build_compiler()));
    json_object_set_new(software, "flags", json_string(build_flags()));
    json_object_set_new(software, "libc", json_string(gnu_get_libc_version()));
    const char *toolkit = build_cuda_toolkit();
    put(software, missing, "cuda_toolkit", toolkit ? json_string(toolkit) : NULL,
        "this build has no cuda device");
    put(software, missing, "binary_sha256", hashed ? json_string(digest) : NULL,
        "the executable cannot be read");
    json_object_set_new(software, "settings", provenance_settings());
    json_object_set_new(software, "changes", json_integer(build_change_count()));
    json_object_set_new(software, "missing", missing);
    return software;
}

/* The first line of a small file the kernel makes; NULL if there is none. */
static const char *first_line(const char *path, char *text, size_t size) {
    FILE *file = fopen(path, "re");
    if (!file)
        return NULL;
    char *line = fgets(text, (int)size, file);
    fclose(file);
    if (line)
        line[strcspn(line, "\n")] = '\0';
    return line;
}

/* Of "always [madvise] never": what stands in brackets. */
static json_t *chosen_of(const char *path) {
    char text[256];
    if (!first_line(path, text, sizeof text))
        return NULL;
    char *open = strchr(text, '['), *close = open ? strchr(open, ']') : NULL;
    if (!close)
        return json_string(text);
    *close = '\0';
    return json_string(open + 1);
}

int provenance_hypervisor(void) {
#if defined(__x86_64__) || defined(__i386__)
    unsigned a, b, c, d;
    return __get_cpuid(1, &a, &b, &c, &d) ? (int)(c >> 31 & 1) : -1;
#else
    return -1;
#endif
}

static json_t *count_of(hwloc_topology_t topology, hwloc_obj_type_t type) {
    int count = hwloc_get_nbobjs_by_type(topology, type);
    return count > 0 ? json_integer(count) : NULL;
}

static json_t *cache_of(hwloc_topology_t topology, hwloc_obj_type_t type) {
    hwloc_obj_t cache = hwloc_get_obj_by_type(topology, type, 0);
    int count = hwloc_get_nbobjs_by_type(topology, type);
    if (!cache || cache->attr->cache.size == 0)
        return NULL;
    return json_pack("{s:I, s:i}", "bytes", (json_int_t)cache->attr->cache.size, "count", count);
}

/* Processors' worth of CPU time that a container's limit allows; NULL without a limit. */
static json_t *quota_of(void) {
    char text[128];
    double quota = -1, period = 0;
    /* cgroup 2: "200000 100000" or "max 100000". */
    if (first_line("/sys/fs/cgroup/cpu.max", text, sizeof text)) {
        if (sscanf(text, "%lf %lf", &quota, &period) != 2)
            return NULL;
    } else if (first_line("/sys/fs/cgroup/cpu/cpu.cfs_quota_us", text, sizeof text)) {
        quota = atof(text);
        if (first_line("/sys/fs/cgroup/cpu/cpu.cfs_period_us", text, sizeof text))
            period = atof(text);
    }
    return quota > 0 && period > 0 ? json_real(quota / period) : NULL;
}

static json_t *cpu_of(hwloc_topology_t topology) {
    static const char none[] = "the machine does not tell";
    json_t *cpu = json_object(), *missing = json_object();
    hwloc_obj_t package = hwloc_get_obj_by_type(topology, HWLOC_OBJ_PACKAGE, 0);
    const char *model = package ? hwloc_obj_get_info_by_name(package, "CPUModel") : NULL;
    if (!model)
        model = hwloc_obj_get_info_by_name(hwloc_get_root_obj(topology), "CPUModel");
    put(cpu, missing, "model", model ? json_string(model) : NULL, none);
    put(cpu, missing, "packages", count_of(topology, HWLOC_OBJ_PACKAGE), none);
    put(cpu, missing, "numa_nodes", count_of(topology, HWLOC_OBJ_NUMANODE), none);
    put(cpu, missing, "cores", count_of(topology, HWLOC_OBJ_CORE), none);
    put(cpu, missing, "threads", count_of(topology, HWLOC_OBJ_PU), none);
    cpu_set_t allowed;
    put(cpu, missing, "allowed_threads",
        sched_getaffinity(0, sizeof allowed, &allowed) == 0 ? json_integer(CPU_COUNT(&allowed))
                                                            : NULL,
        "the affinity mask cannot be read");
    put(cpu, missing, "quota", quota_of(), "no limit of CPU time is set");
    put(cpu, missing, "l1d", cache_of(topology, HWLOC_OBJ_L1CACHE), none);
    put(cpu, missing, "l2", cache_of(topology, HWLOC_OBJ_L2CACHE), none);
    put(cpu, missing, "l3", cache_of(topology, HWLOC_OBJ_L3CACHE), none);
    char text[128];
    const char *governor =
        first_line("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor", text, sizeof text);
    put(cpu, missing, "governor", governor ? json_string(governor) : NULL,
        "no frequency control is visible here");
    json_object_set_new(cpu, "missing", missing);
    return cpu;
}

json_t *provenance_machine(void) {
    json_t *machine = json_object(), *missing = json_object();
    hwloc_topology_t topology;
    json_t *cpu = NULL;
    setenv("HWLOC_HIDE_ERRORS", "2", 0); /* without /sys it writes lines of its own */
    if (hwloc_topology_init(&topology) == 0) {
        if (hwloc_topology_load(topology) == 0)
            cpu = cpu_of(topology);
        hwloc_topology_destroy(topology);
    }
    put(machine, missing, "cpu", cpu, "hwloc cannot read the topology");
    /* Not from hwloc, whose nodes leave out memory that was added to a virtual machine later. */
    json_int_t pages = (json_int_t)sysconf(_SC_PHYS_PAGES), page = sysconf(_SC_PAGESIZE);
    put(machine, missing, "memory_bytes", pages > 0 ? json_integer(pages * page) : NULL,
        "the kernel does not tell");
    json_object_set_new(machine, "page_bytes", json_integer(page));
    put(machine, missing, "transparent_huge_pages",
        chosen_of("/sys/kernel/mm/transparent_hugepage/enabled"), "the kernel does not tell");
    int hypervisor = provenance_hypervisor();
    put(machine, missing, "hypervisor", hypervisor < 0 ? NULL : json_boolean(hypervisor),
        "the processor does not tell");
    double load;
    put(machine, missing, "load_1min", getloadavg(&load, 1) == 1 ? json_real(load) : NULL,
        "the kernel does not tell");
    double step = clock_step();
    put(machine, missing, "clock_step_seconds", isfinite(step) ? json_real(step) : NULL,
        "the clock stands still");
    char why[300] = "";
    json_t *gpus = provenance_gpus(why, sizeof why);
    put(machine, missing, "gpus", gpus, why);
    json_object_set_new(machine, "missing", missing);
    return machine;
}

static int cuda_index(const struct device *device) {
    const char *colon = strchr(device_id(device), ':');
    return colon ? atoi(colon + 1) : 0;
}

/* By what its energy and its clock are measured, or why they are not. */
static void put_meter(const struct device *device, json_t *object, json_t *missing) {
    struct meter m;
    meter_open(&m, device_kind(device), cuda_index(device));
    put(object, missing, "energy", m.energy ? json_string(m.energy_by) : NULL, m.energy_why);
    put(object, missing, "cycles", m.clock_by ? json_string(m.clock_by) : NULL, m.clock_why);
    meter_close(&m);
}

json_t *provenance_device(struct device *device) {
    json_t *object = json_object(), *missing = json_object();
    json_object_set_new(object, "kind", json_string(device_kind_name(device_kind(device))));
    json_object_set_new(object, "model", json_string(device_model(device)));
    json_object_set_new(object, "clock", json_boolean(device_has_clock(device)));
    if (device_kind(device) == DEVICE_CUDA)
        provenance_gpu(cuda_index(device), object, missing);
    put_meter(device, object, missing);
    json_object_set_new(object, "missing", missing);
    return object;
}

static json_t *cpu_state(void) {
    char text[64];
    json_t *state = json_object();
    const char *khz =
        first_line("/sys/devices/system/cpu/cpu0/cpufreq/scaling_cur_freq", text, sizeof text);
    if (khz)
        json_object_set_new(state, "clock_mhz", json_real(strtod(khz, NULL) / 1e3));
    const char *throttled = first_line(
        "/sys/devices/system/cpu/cpu0/thermal_throttle/core_throttle_count", text, sizeof text);
    if (throttled)
        json_object_set_new(state, "throttle_count", json_integer(strtoll(throttled, NULL, 10)));
    if (json_object_size(state) > 0)
        return state;
    json_decref(state);
    return json_null();
}

json_t *provenance_state(struct device *device) {
    switch (device_kind(device)) {
    case DEVICE_CUDA:
        return provenance_gpu_state(cuda_index(device));
    case DEVICE_CPU:
        return cpu_state();
    default:
        return json_null();
    }
}

json_t *provenance_arguments(int argc, char *const *argv) {
    json_t *list = json_array();
    bool label = false;
    for (int i = 0; i < argc; i++) {
        const char *text = argv[i];
        bool own = label || strncmp(text, "--label=", 8) == 0;
        label = strcmp(text, "--label") == 0;
        const char *slash = own ? NULL : strrchr(text, '/');
        if (!slash) {
            json_t *value = json_string(text);
            json_array_append_new(list, value ? value : json_string("(not UTF-8)"));
            continue;
        }
        /* "--out=/home/someone/r/x" becomes "--out=…/x", and "/home/someone/" "…". */
        char kept[512];
        const char *equals = strchr(text, '=');
        int option = text[0] == '-' && equals && equals < slash ? (int)(equals + 1 - text) : 0;
        snprintf(kept, sizeof kept, "%.*s\xe2\x80\xa6%s%.200s", option > 100 ? 100 : option, text,
                 slash[1] ? "/" : "", slash + 1);
        json_t *value = json_string(kept);
        json_array_append_new(list, value ? value : json_string("(not UTF-8)"));
    }
    return list;
}

json_t *provenance_fingerprint(struct device *const *devices, size_t count) {
    json_t *fingerprint = json_object(), *models = json_object();
    json_t *machine = provenance_machine(), *software = provenance_software();
    json_t *cpu = json_object_get(machine, "cpu");
    json_t *model = json_object_get(cpu, "model"), *cores = json_object_get(cpu, "cores");
    const char *driver = provenance_gpu_driver();
    if (!json_is_string(json_object_get(software, "binary_sha256"))) {
        /* What could not be read is no value: recorded as one, the folder could never be resumed.
         */
        json_decref(fingerprint);
        json_decref(models);
        json_decref(machine);
        json_decref(software);
        error_set("/proc/self/exe: this program cannot read itself (%s), so that nobody could tell "
                  "what made the results; try again",
                  strerror(errno));
        return NULL;
    }
    for (size_t i = 0; i < count; i++)
        json_object_set_new(models, device_id(devices[i]), json_string(device_model(devices[i])));
    json_object_set_new(fingerprint, "cpu_model", model ? json_incref(model) : json_null());
    json_object_set_new(fingerprint, "cpu_cores", cores ? json_incref(cores) : json_null());
    json_object_set_new(fingerprint, "devices", models);
    json_object_set_new(fingerprint, "driver", driver ? json_string(driver) : json_null());
    json_object_set(fingerprint, "source_version", json_object_get(software, "version"));
    json_object_set(fingerprint, "kernel_binary", json_object_get(software, "binary_sha256"));
    json_object_set(fingerprint, "settings", json_object_get(software, "settings"));
    json_decref(machine);
    json_decref(software);
    return fingerprint;
}

static void as_text(const json_t *value, char *text, size_t size) {
    char *dump = value ? json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY) : NULL;
    snprintf(text, size, "%s",
             json_is_string(value) ? json_string_value(value)
             : dump                ? dump
                                   : "nothing");
    free(dump);
}

const char *provenance_difference(const json_t *a, const json_t *b, char *was, char *is,
                                  size_t size) {
    static const struct {
        const char *name, *words;
    } fields[] = {{"cpu_model", "CPU model"},
                  {"cpu_cores", "core count"},
                  {"devices", "devices"},
                  {"driver", "driver"},
                  {"source_version", "source version"},
                  {"kernel_binary", "kernel binary"},
                  {"settings", "libraries' settings"}};
    for (size_t i = 0; i < sizeof fields / sizeof *fields; i++) {
        const json_t *x = json_object_get(a, fields[i].name);
        const json_t *y = json_object_get(b, fields[i].name);
        /* null: nobody could tell when it was recorded. What was known then must be the same. */
        if (!x || json_is_null(x) || (y && json_equal(x, y)))
            continue;
        as_text(x, was, size);
        as_text(y, is, size);
        return fields[i].words;
    }
    return NULL;
}

static void warn(json_t *list, const char *field, const char *problem, const char *advice) {
    json_array_append_new(
        list, json_pack("{s:s, s:s, s:s}", "field", field, "problem", problem, "advice", advice));
}

static void warn_of_gpu(json_t *list, const json_t *gpu) {
    if (json_is_true(json_object_get(gpu, "mig")))
        warn(list, "mig", "a GPU is split by MIG: its roofs are those of a slice",
             "measure on a whole GPU, or compare only with the same slice");
    const json_t *reasons = json_object_get(json_object_get(gpu, "state"), "throttle");
    for (size_t i = 0; i < json_array_size(reasons); i++) {
        const char *reason = json_string_value(json_array_get(reasons, i));
        if (reason && strcmp(reason, "idle") != 0 && strcmp(reason, "applications_clocks") != 0)
            warn(list, "throttle", "a GPU's clocks are held down right now",
                 "let it cool, check its power limit, and look at the clocks of each case");
    }
}

json_t *provenance_warnings(const json_t *machine) {
    json_t *list = json_array();
    const json_t *cpu = json_object_get(machine, "cpu");
    const char *governor = json_string_value(json_object_get(cpu, "governor"));
    if (governor && strcmp(governor, "performance") != 0)
        warn(list, "governor", "the CPU frequency governor is not \"performance\"",
             "set it for the time of the run: cpupower frequency-set -g performance");
    if (json_is_true(json_object_get(machine, "hypervisor")))
        warn(list, "hypervisor", "this is a virtual machine: other guests share its hardware",
             "use bare metal for final numbers, or repeat the run and compare the two");
    double load = json_number_value(json_object_get(machine, "load_1min"));
    double threads = json_number_value(json_object_get(cpu, "allowed_threads"));
    if (threads > 0 && load > 0.5 * threads) {
        char text[120];
        snprintf(text, sizeof text, "other work is running: load %.1f on %.0f processors", load,
                 threads);
        warn(list, "load", text, "stop it, or wait until it is done");
    }
    if (threads > 0 && threads < json_number_value(json_object_get(cpu, "threads")))
        warn(list, "affinity", "this process may use only some of the processors",
             "start it without taskset or with a larger CPU set if that is not meant");
    double quota = json_number_value(json_object_get(cpu, "quota"));
    if (quota > 0 && quota < (threads > 0 ? threads : 1e9)) {
        char text[120];
        snprintf(text, sizeof text,
                 "a container's limit stops this process after %.3g "
                 "processors' worth of CPU time",
                 quota);
        warn(list, "quota", text, "raise the limit (docker run --cpus), or run outside");
    }
    const json_t *step = json_object_get(machine, "clock_step_seconds");
    if (json_number_value(step) > 1e-6) {
        char text[120];
        snprintf(text, sizeof text, "the clock moves in steps of %.3g ms: short times are not seen",
                 1e3 * json_number_value(step));
        warn(list, "clock_step_seconds", text,
             "choose a finer source (tsc) in /sys/devices/system/clocksource/clocksource0");
    } else if (json_is_null(step)) {
        warn(list, "clock_step_seconds", "the clock stands still: no time can be measured",
             "choose another source in /sys/devices/system/clocksource/clocksource0");
    }
    const char *pages = json_string_value(json_object_get(machine, "transparent_huge_pages"));
    if (pages && strcmp(pages, "never") == 0)
        warn(list, "transparent_huge_pages",
             "large pages are off: big sweeps over memory measure the TLB too",
             "allow them on request: echo madvise > /sys/kernel/mm/transparent_hugepage/enabled");
    const json_t *gpus = json_object_get(machine, "gpus");
    for (size_t i = 0; i < json_array_size(gpus); i++)
        warn_of_gpu(list, json_array_get(gpus, i));
    return list;
}

/*
 * device.c: opens devices and hands each call to the back end behind it (backend.h).
 *
 * What is the same everywhere is done here: names, the error text, poisoning of fresh memory.
 */
#include "kernels/device/device.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kernels/device/backend.h"

struct device {
    enum device_kind kind;
    const struct device_backend *backend;
    void *state;
    char id[DEVICE_NAME];
    char model[128];
};

/* A result nobody wrote reads as NaN in every float format. */
#define POISON 0xff

static _Thread_local char error_text[512];

const char *device_error(void) {
    return error_text;
}

int device_fail(const char *format, ...) {
    /* Through a second buffer, so that a caller may quote device_error() itself. */
    char text[sizeof error_text];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    memcpy(error_text, text, sizeof text);
    return -1;
}

int device_fail_no_cuda(void) {
    return device_fail("this build has no CUDA kernels: make builds them where it finds nvcc and a "
                       "GPU, make cuda wherever it finds nvcc");
}

int device_fail_no_ptx(void) {
    if (&ptx_target_ptx)
        return device_fail(
            "these kernels are not among those whose PTX is run (matrix instructions "
            "are not): use --device simt");
    return device_fail("this build has no PTX of the kernels: make builds it where it finds nvcc; "
                       "no GPU is needed");
}

static const struct device_backend *backend_of(enum device_kind kind) {
    switch (kind) {
    case DEVICE_CPU:
        return &device_backend_cpu;
    case DEVICE_SIMT:
        return &device_backend_simt;
    case DEVICE_PTX:
        return &device_backend_ptx;
    case DEVICE_SASS:
        return &device_backend_sass;
    case DEVICE_CUDA:
        if (!&device_backend_cuda)
            device_fail_no_cuda();
        return &device_backend_cuda;
    case DEVICE_KINDS:
        break;
    }
    device_fail("no such kind of device: %d", (int)kind);
    return NULL;
}

const char *device_kind_name(enum device_kind kind) {
    static const char *const names[DEVICE_KINDS] = {[DEVICE_CPU] = "cpu",
                                                    [DEVICE_SIMT] = "simt",
                                                    [DEVICE_PTX] = "ptx",
                                                    [DEVICE_SASS] = "sass",
                                                    [DEVICE_CUDA] = "cuda"};
    return kind < DEVICE_KINDS ? names[kind] : "?";
}

unsigned device_sass_arch(int index) {
    static const unsigned archs[] = {80, 90, 100, 120};
    return index >= 0 && index < (int)(sizeof archs / sizeof *archs) ? archs[index] : 0;
}

void device_name(enum device_kind kind, int index, char out[DEVICE_NAME]) {
    if (kind == DEVICE_CUDA)
        snprintf(out, DEVICE_NAME, "cuda:%d", index);
    else if (kind == DEVICE_SASS)
        snprintf(out, DEVICE_NAME, "sass:sm_%u", device_sass_arch(index));
    else
        snprintf(out, DEVICE_NAME, "%s", device_kind_name(kind));
}

int device_parse(const char *text, enum device_kind *kind, int *index) {
    *index = 0;
    for (int k = 0; k < DEVICE_KINDS; k++) {
        if (k != DEVICE_SASS && strcmp(text, device_kind_name((enum device_kind)k)) == 0) {
            *kind = (enum device_kind)k;
            return 0;
        }
    }
    for (int k = 0; device_sass_arch(k); k++) {
        char name[DEVICE_NAME];
        device_name(DEVICE_SASS, k, name);
        if (strcmp(text, name) == 0) {
            *kind = DEVICE_SASS;
            *index = k;
            return 0;
        }
    }
    if (strncmp(text, "cuda:", 5) == 0 && text[5] >= '0' && text[5] <= '9') {
        char *end;
        long n = strtol(text + 5, &end, 10);
        if (*end == '\0' && n <= 1023) {
            *kind = DEVICE_CUDA;
            *index = (int)n;
            return 0;
        }
    }
    return device_fail(
        "unknown device \"%s\"; use cpu, simt, ptx, sass:sm_80, sass:sm_90, cuda or cuda:N", text);
}

int device_count(enum device_kind kind) {
    const struct device_backend *backend = backend_of(kind);
    return backend ? backend->count() : 0;
}

int device_open(struct device **out, enum device_kind kind, int index) {
    *out = NULL;
    const struct device_backend *backend = backend_of(kind);
    if (!backend)
        return -1;
    int count = backend->count();
    if (count == 0)
        return -1;
    /* Of machine code, the back end says which there is. */
    if (index < 0 || (index >= count && kind != DEVICE_SASS))
        return device_fail("there is no device %s:%d; the last one is %s:%d",
                           device_kind_name(kind), index, device_kind_name(kind), count - 1);
    struct device *device = calloc(1, sizeof *device);
    if (!device)
        return device_fail("out of memory while opening a device");
    device->kind = kind;
    device->backend = backend;
    device_name(kind, index, device->id);
    if (backend->open(index, &device->state, device->model, sizeof device->model) != 0) {
        free(device);
        return -1;
    }
    *out = device;
    return 0;
}

void device_close(struct device *device) {
    if (!device)
        return;
    device->backend->close(device->state);
    free(device);
}

enum device_kind device_kind(const struct device *device) {
    return device->kind;
}

const char *device_id(const struct device *device) {
    return device->id;
}

const char *device_model(const struct device *device) {
    return device->model;
}

bool device_has_clock(const struct device *device) {
    return device->backend->timer_start != NULL;
}

size_t device_memory_free(const struct device *device) {
    return device->backend->memory_free(device->state);
}

int device_alloc(struct device *device, void **out, size_t bytes) {
    *out = NULL;
    /* A kernel may be asked to read no elements at all; it still gets a valid address. */
    if (bytes == 0)
        bytes = 1;
    if (device->backend->alloc(device->state, out, bytes) != 0)
        return -1;
    if (device->backend->fill(device->state, *out, POISON, bytes) != 0) {
        device->backend->free(device->state, *out);
        *out = NULL;
        return -1;
    }
    return 0;
}

void device_free(struct device *device, void *memory) {
    if (memory)
        device->backend->free(device->state, memory);
}

int device_write(struct device *device, void *to, const void *host_from, size_t bytes) {
    return bytes ? device->backend->write(device->state, to, host_from, bytes) : 0;
}

int device_read(struct device *device, void *host_to, const void *from, size_t bytes) {
    return bytes ? device->backend->read(device->state, host_to, from, bytes) : 0;
}

int device_fill(struct device *device, void *to, int byte, size_t bytes) {
    return bytes ? device->backend->fill(device->state, to, byte, bytes) : 0;
}

int device_sync(struct device *device) {
    return device->backend->sync(device->state);
}

int device_timer_start(struct device *device) {
    if (!device_has_clock(device))
        return device_fail("device %s reports no times: it checks bits", device->id);
    return device->backend->timer_start(device->state);
}

int device_timer_stop(struct device *device, double *seconds) {
    if (!device_has_clock(device))
        return device_fail("device %s reports no times: it checks bits", device->id);
    return device->backend->timer_stop(device->state, seconds);
}

void *device_stream(struct device *device) {
    return device->backend->stream ? device->backend->stream(device->state) : NULL;
}

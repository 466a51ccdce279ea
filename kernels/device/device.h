/*
 * device.h: the one door to the machine that runs a kernel.
 *
 * Five back ends sit behind it: `cuda` (a GPU), `simt` (the SIMT machine: the CUDA kernels' own
 * source on the CPU, same bits, no times), `ptx` and `sass` (what nvcc made of that source, its PTX
 * and its machine code, on the CPU: same bits, no times) and `cpu` (native code). Kernel families
 * take pointers from here and launch themselves; labs open a device, move data and ask for times.
 *
 * Every function that returns int gives 0 on success and -1 on failure; device_error() then holds
 * one line that says what is wrong and what to do about it. Functions are not thread-safe per
 * device; different devices may be used from different threads.
 */
#ifndef NANOLAB_KERNELS_DEVICE_DEVICE_H
#define NANOLAB_KERNELS_DEVICE_DEVICE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

enum device_kind { DEVICE_CPU, DEVICE_SIMT, DEVICE_PTX, DEVICE_SASS, DEVICE_CUDA, DEVICE_KINDS };

/* Whether a kind runs a GPU's kernels without a GPU: bits, and never a time. */
static inline bool device_simulated(enum device_kind kind) {
    return kind == DEVICE_SIMT || kind == DEVICE_PTX || kind == DEVICE_SASS;
}

/* Whether it is what nvcc made of the kernels that runs there (their tables end in _ptx), under the
 * PTX machine's schedules. */
static inline bool device_compiled(enum device_kind kind) {
    return kind == DEVICE_PTX || kind == DEVICE_SASS;
}

struct device;

/* "cpu", "simt", "ptx", "sass" or "cuda". */
const char *device_kind_name(enum device_kind kind);

/* The name used on the command line and in results: "cpu", "simt", "ptx", "sass:sm_90", "cuda:0".
 * Of `sass`, an index stands for an architecture, built or not. */
#define DEVICE_NAME 24
void device_name(enum device_kind kind, int index, char out[DEVICE_NAME]);

/* Parses one element of a device list: a name as above, or "cuda". */
int device_parse(const char *text, enum device_kind *kind, int *index);

/* How many devices of a kind can be opened now. 0 leaves the reason in device_error(). */
int device_count(enum device_kind kind);

int device_open(struct device **out, enum device_kind kind, int index);
void device_close(struct device *device);

enum device_kind device_kind(const struct device *device);
/* Its device_name(). */
const char *device_id(const struct device *device);
/* What the hardware calls itself, such as "NVIDIA H200" or the CPU's model name. */
const char *device_model(const struct device *device);
/* False for what is simulated, which never reports a time. */
bool device_has_clock(const struct device *device);
/* Bytes of memory a case may still allocate on this device. */
size_t device_memory_free(const struct device *device);

/* Memory, aligned to at least 256 bytes. Its contents are poisoned (0xff bytes: NaN in every
 * float format), so that a result nobody wrote is never mistaken for one. */
int device_alloc(struct device *device, void **out, size_t bytes);
void device_free(struct device *device, void *memory);
int device_write(struct device *device, void *to, const void *host_from, size_t bytes);
int device_read(struct device *device, void *host_to, const void *from, size_t bytes);
int device_fill(struct device *device, void *to, int byte, size_t bytes);

/* Waits for all launched work and reports the first error any of it had. */
int device_sync(struct device *device);

/* Time between two points of the device's own stream, in seconds: device events on a GPU, the
 * monotonic clock on a CPU. device_timer_stop waits for the work in between. */
int device_timer_start(struct device *device);
int device_timer_stop(struct device *device, double *seconds);

/* The stream to hand to a kernel launcher: a cudaStream_t on cuda; what tells the architecture of
 * machine code from others on sass; NULL elsewhere. */
void *device_stream(struct device *device);

/* Why the last call on this thread failed; "" if none did. */
const char *device_error(void);
/* For back ends and launchers: set the text, return -1. */
int device_fail(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Marks what only CUDA objects define. They are linked or left out, and nothing else is compiled
 * for it: where they are left out, the address of such a name is NULL. */
#define DEVICE_CUDA_ONLY __attribute__((weak))
/* The same for what only objects of PTX and machine code define (libnanolab-ptx.so). */
#define DEVICE_PTX_ONLY __attribute__((weak))
/* -1; the error says how to get a build with them. */
int device_fail_no_cuda(void);
int device_fail_no_ptx(void);
/* The CUDA run time's version (13000 for 13.0), and the bus address of GPU `index`; 0 or -1. */
int device_cuda_version(int *version) DEVICE_CUDA_ONLY;
int device_cuda_address(int index, char *address, int size) DEVICE_CUDA_ONLY;

#ifdef __cplusplus
}
#endif
#endif

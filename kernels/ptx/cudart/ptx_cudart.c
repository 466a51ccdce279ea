/*
 * ptx_cudart.c: the part of the CUDA run time that our own objects call, over the PTX machine and
 * the SASS machine. It is linked with them in place of NVIDIA's into libnanolab-ptx.so, which shows
 * nothing but names that end in _ptx: the run time of libnanolab-cuda.so does not meet it.
 *
 * An object brings its PTX and its machine code with it, in the "fat binary" that it registers, so
 * that they and the host code that launches them are always of one compilation. A launch's stream
 * says which of them runs (device_stream()): NULL is PTX, 90 the machine code of sm_90. Only what
 * is called is here; a call that is missing fails when the library is linked.
 */
#include "kernels/ptx/cudart/ptx_cudart.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kernels/device/device.h"
#include "kernels/ptx/ptx.h"
#include "kernels/sass/sass.h"

/* The Makefile says so. */
#ifndef PTX_TARGET
#define PTX_TARGET "compute_80"
#endif
#ifndef SASS_TARGETS
#define SASS_TARGETS ""
#endif
/* Whose PTX and machine code this is; their being there is how device_ptx.c knows that the library
 * is linked. */
extern const char ptx_target_ptx[], sass_targets_ptx[];
const char ptx_target_ptx[] = PTX_TARGET;
const char sass_targets_ptx[] = SASS_TARGETS;

/* --- what an object registers --------------------------------------------------------------------
 */

/* Of .nvFatBinSegment, as the toolkit's fatbinary_section.h has it. */
struct wrapper {
    int magic, version;
    const void *data;
    void *more;
};
#define WRAPPER_MAGIC 0x466243b1
/* What it points to: this, and entries one after another, each a header and its data. */
struct fat_header {
    uint32_t magic;
    uint16_t version, header_size;
    uint64_t size;
};
#define FAT_MAGIC 0xba55ed50u
struct fat_entry {
    uint16_t kind, version;
    uint32_t header_size;
    uint64_t size;
    uint32_t compressed_size, options;
    uint16_t minor, major;
    uint32_t arch;
    uint32_t name, name_size;
    uint64_t flags;
};
enum { FAT_PTX = 1, FAT_CUBIN = 2 };
#define FAT_COMPRESSED 0xa000u /* LZ4, Zstandard */

/* An object may have PTX, and machine code, of several architectures. */
#define PTX_MAX 4
#define CUBINS_MAX 8
struct object {
    const void *fat;
    struct text {
        int arch; /* 80: compute_80; 0: there are no more */
        const char *text;
        size_t size;
        struct ptx_program *program; /* read when its first kernel is launched */
    } texts[PTX_MAX];
    struct cubin {
        unsigned arch; /* 80: sm_80; 0: there are no more */
        const void *bytes;
        size_t size;
        struct sass_cubin *cubin; /* read when its first kernel is launched */
    } cubins[CUBINS_MAX];
};

struct kernel {
    struct kernel *next;
    struct object *object;
    const void *host; /* the address by which it is launched */
    const char *name;
};

static struct kernel *kernels[4096]; /* by host address */
static _Thread_local cudaError_t last;
static _Thread_local char last_text[600];

static size_t place_of(const void *host) {
    return ((uintptr_t)host >> 4) % (sizeof kernels / sizeof *kernels);
}

cudaError_t ptx_cudart_failed(cudaError_t error) {
    snprintf(last_text, sizeof last_text, "%s", device_error());
    last = error;
    return error;
}

/* What is in an object's fat binary; of PTX texts up to their NUL. */
static int find_codes(struct object *object) {
    const struct fat_header *header = object->fat;
    if (!header || header->magic != FAT_MAGIC || header->header_size < sizeof *header)
        return device_fail("an object's fat binary is not one");
    const uint8_t *at = (const uint8_t *)header + header->header_size, *end = at + header->size;
    int count = 0, cubins = 0;
    while ((size_t)(end - at) >= sizeof(struct fat_entry)) {
        const struct fat_entry *entry = (const void *)at;
        if (entry->header_size < sizeof *entry || entry->header_size > (size_t)(end - at) ||
            entry->size > (size_t)(end - at) - entry->header_size)
            break;
        if (entry->flags & FAT_COMPRESSED)
            return device_fail("an object's code is compressed; nvcc -no-compress");
        if (entry->kind == FAT_PTX && count < PTX_MAX) {
            struct text *text = &object->texts[count++];
            text->arch = (int)entry->arch;
            text->text = (const char *)at + entry->header_size;
            text->size = strnlen(text->text, entry->size);
        }
        if (entry->kind == FAT_CUBIN && cubins < CUBINS_MAX) {
            struct cubin *cubin = &object->cubins[cubins++];
            cubin->arch = entry->arch;
            cubin->bytes = at + entry->header_size;
            cubin->size = entry->size;
        }
        at += entry->header_size + entry->size;
    }
    return count ? 0 : device_fail("an object has no PTX");
}

/* What the card runs: the newest that is not newer than it; without a card the first. */
static struct text *text_of(struct object *object) {
    const struct ptx_card *card = ptx_cudart_card();
    struct text *best = NULL;
    if (!object->texts[0].arch && find_codes(object) != 0)
        return NULL;
    if (!card)
        return &object->texts[0];
    for (int k = 0; k < PTX_MAX && object->texts[k].arch; k++)
        if (object->texts[k].arch <= card->arch && (!best || best->arch < object->texts[k].arch))
            best = &object->texts[k];
    if (!best)
        device_fail("an object has no PTX that a card of sm_%d runs", card->arch);
    return best;
}

void **__cudaRegisterFatBinary(void *data) {
    const struct wrapper *wrapper = data;
    struct object *object = calloc(1, sizeof *object);
    if (object && wrapper->magic == WRAPPER_MAGIC)
        object->fat = wrapper->data;
    return (void **)object;
}

void __cudaRegisterFatBinaryEnd(void **handle) {
    (void)handle;
}

void __cudaUnregisterFatBinary(void **handle) {
    struct object *object = (struct object *)handle;
    for (int k = 0; object && k < PTX_MAX; k++)
        ptx_program_close(object->texts[k].program);
    for (int k = 0; object && k < CUBINS_MAX; k++)
        sass_cubin_close(object->cubins[k].cubin);
    for (size_t k = 0; object && k < sizeof kernels / sizeof *kernels; k++)
        for (struct kernel **at = &kernels[k], *one; (one = *at);) {
            if (one->object != object) {
                at = &one->next;
                continue;
            }
            *at = one->next;
            free(one);
        }
    free(object);
}

void __cudaRegisterFunction(void **handle, const char *host, char *device, const char *name,
                            int thread_limit, void *tid, void *bid, void *block, void *grid,
                            int *warp_size) {
    (void)device, (void)thread_limit, (void)tid, (void)bid, (void)block, (void)grid,
        (void)warp_size;
    struct kernel *kernel = calloc(1, sizeof *kernel);
    if (!kernel || !handle) {
        free(kernel); /* a launch finds no kernel, and says so */
        return;
    }
    kernel->object = (struct object *)handle;
    kernel->host = host;
    kernel->name = name;
    kernel->next = kernels[place_of(host)];
    kernels[place_of(host)] = kernel;
}

/* Variables of a module have no place that the host could name: nobody copies to or from one. */
void __cudaRegisterVar(void **handle, char *host, char *device, const char *name, int external,
                       size_t size, int constant, int global) {
    (void)handle, (void)host, (void)device, (void)name, (void)external, (void)size, (void)constant,
        (void)global;
}

static struct kernel *kernel_of(const void *host) {
    struct kernel *kernel = kernels[place_of(host)];
    while (kernel && kernel->host != host)
        kernel = kernel->next;
    return kernel;
}

static int code_of(const struct kernel *kernel, const struct ptx_code **code, int *arch) {
    struct text *text = text_of(kernel->object);
    if (!text || (!text->program && ptx_program_open(&text->program, text->text, text->size) != 0))
        return -1;
    *arch = text->arch;
    return ptx_program_kernel(text->program, kernel->name, code);
}

int ptx_cudart_arch(const void *host) {
    const struct kernel *kernel = kernel_of(host);
    const struct text *text = kernel ? text_of(kernel->object) : NULL;
    return text ? text->arch : 0;
}

/* --- launching -----------------------------------------------------------------------------------
 */

static int launch_ptx(const struct kernel *kernel, const struct ptx_launch *job) {
    const struct ptx_code *code;
    int arch;
    if (code_of(kernel, &code, &arch) != 0)
        return -1;
    ptx_cudart_note(kernel->name, job, arch, false);
    return ptx_launch(code, job);
}

static int launch_sass(const struct kernel *kernel, const struct ptx_launch *job, unsigned arch) {
    const struct sass_program *program;
    struct cubin *cubin = NULL;
    if (!kernel->object->texts[0].arch && find_codes(kernel->object) != 0)
        return -1;
    for (int k = 0; k < CUBINS_MAX; k++)
        if (kernel->object->cubins[k].arch == arch)
            cubin = &kernel->object->cubins[k];
    if (!cubin)
        return device_fail("an object has no machine code of sm_%u", arch);
    if ((!cubin->cubin && sass_cubin_open(&cubin->cubin, cubin->bytes, cubin->size) != 0) ||
        sass_cubin_kernel(cubin->cubin, kernel->name, &program) != 0)
        return -1;
    ptx_cudart_note(kernel->name, job, (int)arch, true);
    return sass_launch(program, job);
}

static cudaError_t launch(const struct kernel *kernel, dim3 grid, dim3 block, void **arguments,
                          size_t shared_bytes, cudaStream_t stream, bool together) {
    if (!kernel) {
        device_fail("this kernel is not among those that were registered");
        return ptx_cudart_failed(cudaErrorInvalidDeviceFunction);
    }
    struct ptx_launch job = {.grid = {grid.x, grid.y, grid.z},
                             .block = {block.x, block.y, block.z},
                             .shared_bytes = shared_bytes,
                             .together = together,
                             .arguments = arguments};
    int status =
        stream ? launch_sass(kernel, &job, (unsigned)(uintptr_t)stream) : launch_ptx(kernel, &job);
    return status == 0 ? cudaSuccess : ptx_cudart_failed(cudaErrorLaunchFailure);
}

cudaError_t cudaLaunchKernelExC(const cudaLaunchConfig_t *config, const void *host,
                                void **arguments) {
    bool together = false;
    for (unsigned k = 0; k < config->numAttrs; k++)
        together |= config->attrs[k].id == cudaLaunchAttributeCooperative &&
                    config->attrs[k].val.cooperative;
    return launch(kernel_of(host), config->gridDim, config->blockDim, arguments,
                  config->dynamicSmemBytes, config->stream, together);
}

/* The stubs that nvcc makes for <<<>>> call these. */
cudaError_t __cudaGetKernel(cudaKernel_t *kernel, const void *host);
cudaError_t __cudaGetKernel(cudaKernel_t *kernel, const void *host) {
    *kernel = (cudaKernel_t)kernel_of(host);
    return *kernel ? cudaSuccess : cudaErrorInvalidDeviceFunction;
}

cudaError_t __cudaLaunchKernel(cudaKernel_t kernel, dim3 grid, dim3 block, void **arguments,
                               size_t shared_bytes, cudaStream_t stream);
cudaError_t __cudaLaunchKernel(cudaKernel_t kernel, dim3 grid, dim3 block, void **arguments,
                               size_t shared_bytes, cudaStream_t stream) {
    return launch((const struct kernel *)kernel, grid, block, arguments, shared_bytes, stream,
                  false);
}

/* Others' host code has <<<>>>: what stands in it, until the stub takes it. */
static _Thread_local struct {
    dim3 grid, block;
    size_t shared_bytes;
    cudaStream_t stream;
} pushed;

unsigned __cudaPushCallConfiguration(dim3 grid, dim3 block, size_t shared_bytes,
                                     struct CUstream_st *stream);
unsigned __cudaPushCallConfiguration(dim3 grid, dim3 block, size_t shared_bytes,
                                     struct CUstream_st *stream) {
    pushed.grid = grid;
    pushed.block = block;
    pushed.shared_bytes = shared_bytes;
    pushed.stream = stream;
    return 0;
}

cudaError_t __cudaPopCallConfiguration(dim3 *grid, dim3 *block, size_t *shared_bytes, void *stream);
cudaError_t __cudaPopCallConfiguration(dim3 *grid, dim3 *block, size_t *shared_bytes,
                                       void *stream) {
    *grid = pushed.grid;
    *block = pushed.block;
    *shared_bytes = pushed.shared_bytes;
    *(cudaStream_t *)stream = pushed.stream;
    return cudaSuccess;
}

/* --- the rest ------------------------------------------------------------------------------------
 */

cudaError_t cudaFuncSetAttribute(const void *host, enum cudaFuncAttribute attribute, int value) {
    (void)attribute, (void)value; /* more shared memory: the launch checks how much there is */
    return kernel_of(host) ? cudaSuccess : cudaErrorInvalidDeviceFunction;
}

/* A launch has ended when it returns, so one stream is as good as another. */
cudaError_t cudaStreamCreateWithFlags(cudaStream_t *stream, unsigned flags) {
    (void)flags;
    *stream = NULL;
    return cudaSuccess;
}

cudaError_t cudaStreamSynchronize(cudaStream_t stream) {
    (void)stream;
    return cudaSuccess;
}

cudaError_t cudaStreamDestroy(cudaStream_t stream) {
    (void)stream;
    return cudaSuccess;
}

cudaError_t cudaGetLastError(void) {
    cudaError_t error = last;
    last = cudaSuccess;
    return error;
}

cudaError_t cudaPeekAtLastError(void) {
    return last;
}

/* What went wrong here says more than the error's number. */
const char *cudaGetErrorString(cudaError_t error) {
    return error == cudaSuccess ? "no error" : last_text;
}

/*
 * ptx_cudart_card.c: what host code asks of the card it runs on. Without a card there is nothing to
 * say, and that is an error.
 *
 * Each architecture is a device of its own number: libraries keep what they were told by number.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kernels/device/backend.h"
#include "kernels/ptx/cudart/ptx_cudart.h"

/* From 8.0 on every architecture's: CUDA C++ Programming Guide, "Technical Specifications per
 * Compute Capability"; sm_86, sm_89 and sm_12x hold 1536, and 16 or 24 blocks. */
#define SM_THREADS 2048
#define SM_BLOCKS 32
#define BLOCK_THREADS 1024
#define GRID_X 2147483647
#define ARCHS 128 /* devices there seem to be: more than any architecture's number */

static _Thread_local struct ptx_card card;
static _Thread_local struct ptx_noted noted[PTX_NOTED_MAX];
static _Thread_local const char *symbols[PTX_NOTED_MAX]; /* of what was noted: the objects' own */
static _Thread_local size_t noted_count;

void ptx_card_ptx(const struct ptx_card *to) {
    card = to ? *to : (struct ptx_card){0};
    noted_count = to ? 0 : noted_count;
}

const struct ptx_card *ptx_cudart_card(void) {
    return card.arch ? &card : NULL;
}

/* Of the C++ run time, which is linked for Boost. */
char *__cxa_demangle(const char *name, char *out, size_t *size, int *status);

/* "void cub::detail::reduce::DeviceReduceKernel<…>(…)" to "DeviceReduceKernel". */
static void shorten(const char *symbol, char *out, size_t size) {
    int status = -1;
    char *full = __cxa_demangle(symbol, NULL, NULL, &status);
    const char *name = full && status == 0 ? full : symbol;
    for (const char *at = name; *at && !strchr("<(", *at); at++)
        if (*at == ':' || *at == ' ')
            name = at + 1;
    snprintf(out, size, "%.*s", (int)strcspn(name, "<("), name);
    free(full);
}

void ptx_cudart_note(const char *symbol, const struct ptx_launch *launch, int arch,
                     bool machine_code) {
    if (!card.arch || noted_count == PTX_NOTED_MAX)
        return;
    struct ptx_noted *one = &noted[noted_count];
    symbols[noted_count++] = symbol;
    memcpy(one->grid, launch->grid, sizeof one->grid);
    memcpy(one->block, launch->block, sizeof one->block);
    one->arch = arch;
    one->machine_code = machine_code;
}

size_t ptx_noted_ptx(struct ptx_noted out[PTX_NOTED_MAX]) {
    memcpy(out, noted, noted_count * sizeof *out);
    for (size_t k = 0; k < noted_count; k++)
        shorten(symbols[k], out[k].kernel, sizeof out->kernel);
    return noted_count;
}

static cudaError_t no_card(const char *what) {
    device_fail("PTX on the CPU has no %s: use --device cuda", what);
    return ptx_cudart_failed(cudaErrorNotSupported);
}

static _Thread_local unsigned runs; /* machine code of this architecture; 0: PTX */

void ptx_runs_ptx(unsigned arch) {
    runs = arch;
}

/* The current device's number, and its compute capability times ten. */
static int arch_now(void) {
    return card.arch ? card.arch : runs ? (int)runs : atoi(strchr(ptx_target_ptx, '_') + 1);
}

cudaError_t cudaGetDevice(int *device) {
    *device = arch_now();
    return cudaSuccess;
}

cudaError_t cudaSetDevice(int device) {
    if (device == arch_now())
        return cudaSuccess;
    device_fail("PTX on the CPU plays one card at a time");
    return ptx_cudart_failed(cudaErrorInvalidDevice);
}

cudaError_t cudaGetDeviceCount(int *count) {
    *count = ARCHS;
    return cudaSuccess;
}

cudaError_t cudaDeviceGetAttribute(int *value, enum cudaDeviceAttr attribute, int device) {
    bool capability = attribute == cudaDevAttrComputeCapabilityMajor ||
                      attribute == cudaDevAttrComputeCapabilityMinor;
    if (device != arch_now() || (!card.arch && !capability))
        return no_card("attributes of a GPU");
    switch (attribute) {
    case cudaDevAttrMultiProcessorCount:
        *value = card.sms;
        return cudaSuccess;
    case cudaDevAttrComputeCapabilityMajor:
        *value = device / 10;
        return cudaSuccess;
    case cudaDevAttrComputeCapabilityMinor:
        *value = device % 10;
        return cudaSuccess;
    case cudaDevAttrMaxGridDimX:
        *value = GRID_X;
        return cudaSuccess;
    default:
        device_fail("PTX on the CPU does not know a GPU's attribute %d", (int)attribute);
        return ptx_cudart_failed(cudaErrorNotSupported);
    }
}

/* Which code a kernel is of. There are no registers that one could count. */
cudaError_t cudaFuncGetAttributes(struct cudaFuncAttributes *attributes, const void *host) {
    int arch = ptx_cudart_arch(host); /* of PTX; 0: there is no such kernel */
    memset(attributes, 0, sizeof *attributes);
    attributes->maxThreadsPerBlock = BLOCK_THREADS;
    attributes->binaryVersion = attributes->ptxVersion = card.arch || !arch ? arch : arch_now();
    return attributes->ptxVersion ? cudaSuccess : ptx_cudart_failed(cudaErrorInvalidDeviceFunction);
}

cudaError_t cudaOccupancyMaxActiveBlocksPerMultiprocessorWithFlags(int *blocks, const void *host,
                                                                   int threads, size_t shared_bytes,
                                                                   unsigned flags) {
    (void)host, (void)shared_bytes, (void)flags;
    if (!card.arch || threads < 1 || threads > BLOCK_THREADS)
        return no_card("occupancy of a GPU");
    *blocks = card.occupancy ? card.occupancy : SM_THREADS / ((threads + 31) / 32 * 32);
    if (*blocks > SM_BLOCKS)
        *blocks = SM_BLOCKS;
    return cudaSuccess;
}

/*
 * sass.h: the SASS machine: machine code that nvcc made of a kernel for one architecture, run on
 * the CPU, a warp at a time with active masks; it tells bits, and no times.
 *
 * Memory, and how launches are scheduled, recorded and followed, are the PTX machine's
 * (kernels/ptx/ptx.h): ptx_malloc(), ptx_configure(); its launches are described alike.
 *
 * Every function that returns int gives 0, or -1 with device_error().
 */
#ifndef NANOLAB_KERNELS_SASS_SASS_H
#define NANOLAB_KERNELS_SASS_SASS_H

#include "kernels/ptx/ptx.h"
#include "kernels/sass/sass_program.h"

#ifdef __cplusplus
extern "C" {
#endif

/* --- reading (sass_read.c) -----------------------------------------------------------------------
 */

struct sass_cubin;

/* `bytes` must outlive it. */
int sass_cubin_open(struct sass_cubin **out, const void *bytes, size_t size);
void sass_cubin_close(struct sass_cubin *cubin);
/* Disassembled and read at the first call. The program is the cubin's. */
int sass_cubin_kernel(struct sass_cubin *cubin, const char *name, const struct sass_program **out);
/* Names of its kernels, at most `room`; how many there are. */
size_t sass_cubin_kernels(const struct sass_cubin *cubin, const char **names, size_t room);
/* Whether there is an nvdisasm: 0, or -1 with what is missing. */
int sass_reader_found(void);

/* --- running (sass_run.c) ------------------------------------------------------------------------
 */

/* Returns when all of it has run. */
int sass_launch(const struct sass_program *program, const struct ptx_launch *launch);

/* Of this process, since it began. */
struct sass_counts {
    uint64_t kernels, instructions; /* read; of their texts */
    uint64_t launches, threads, warps,
        steps;         /* a step: an instruction of a warp, whoever is active */
    uint64_t products; /* of matrix instructions */
    double run_seconds;
};
void sass_counts(struct sass_counts *out);

#ifdef __cplusplus
}
#endif
#endif

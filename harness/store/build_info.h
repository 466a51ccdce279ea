/*
 * build_info.h: what this build was made from and with.
 */
#ifndef NANOLAB_HARNESS_BUILD_INFO_H
#define NANOLAB_HARNESS_BUILD_INFO_H

#include <stdbool.h>

/* As `git describe --always --tags` gives it; "unknown" when built outside a git checkout. */
const char *build_version(void);
/* True if tracked files differed from that commit, or when nobody knows. */
bool build_dirty(void);
/* "gcc 12.2.0", and the flags that the C files were compiled with. */
const char *build_compiler(void);
const char *build_flags(void);
/* "13.0" of the CUDA toolkit, NULL in a build without it. */
const char *build_cuda_toolkit(void);

/* What the Makefile found out about this build; each list ends in a NULL. */

/* One object of kernels/, or of a lab's CUDA C, as machine code (scripts/kernel-code): "sum/sum.c",
 * "sum/sum.cu:simt" as compiled for the SIMT machine, "sum/sum.cu:sm_90" for GPUs of that
 * capability. */
struct build_kernel {
    const char *name, *code; /* 16 hexadecimal digits: equal where the code is */
};
extern const struct build_kernel build_kernels[];

/* A line of results/changes.tsv: a change in how something is measured. */
struct build_change {
    const char *cases; /* how their ids begin; "*": all that are timed */
    const char *version, *date, *what;
};
extern const struct build_change build_changes[];
int build_change_count(void);
bool build_change_concerns(const struct build_change *change, const char *id, bool timed);

#endif

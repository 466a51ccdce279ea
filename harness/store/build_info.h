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

#endif

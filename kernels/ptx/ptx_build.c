/*
 * ptx_build.c: a kernel's C to machine code, by the C compiler of this machine, and a cache of what
 * was compiled (ptx_cache.h).
 *
 * An entry is named by a hash of the C text, the compiler's version and its flags.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "kernels/device/device.h"
#include "kernels/ptx/ptx_cache.h"
#include "kernels/ptx/ptx_inside.h"

extern char **environ;

/* The compiler the build had, and what else there may be. */
#ifndef PTX_CC
#define PTX_CC "gcc"
#endif
static const char *const compilers[] = {PTX_CC, "gcc", "cc", "clang", NULL};
/* Nothing here may change a value. Of the optimiser's levels, -O1 is where the text is: nvcc has
 * optimised it already. */
static const char *const flags[] = {"-std=gnu11",
                                    "-O1",
                                    "-w",
                                    "-fPIC",
                                    "-shared",
                                    "-ffp-contract=off",
                                    "-fno-math-errno",
                                    "-fno-strict-aliasing",
                                    "-fwrapv",
                                    "-Wframe-larger-than=65536",
                                    "-Werror=frame-larger-than=65536",
                                    NULL};
#define FLAGS ((int)(sizeof flags / sizeof *flags))

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static const char *compiler; /* "": searched for, and none found */
static char version[160];

/* fma() as an instruction where there is one; the library's gives the same bits. */
static const char *fma_flag(void) {
#if defined(__x86_64__)
    __builtin_cpu_init();
    if (__builtin_cpu_supports("fma"))
        return "-mfma";
#endif
    return "-DPTX_NO_FMA_FLAG";
}

/* Runs a program; its output (both) into `out`, one line of it at most. Its exit status, or -1. */
static int run(char *const argv[], char *out, size_t size) {
    int ends[2], status = -1;
    pid_t child;
    posix_spawn_file_actions_t actions;
    if (pipe2(ends, O_CLOEXEC) != 0)
        return -1;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_adddup2(&actions, ends[1], 1);
    posix_spawn_file_actions_adddup2(&actions, ends[1], 2);
    int failed = posix_spawnp(&child, argv[0], &actions, NULL, argv, environ);
    posix_spawn_file_actions_destroy(&actions);
    close(ends[1]);
    size_t length = 0;
    char rest[4096];
    while (!failed) {
        bool full = length + 1 >= size;
        ssize_t n = full ? read(ends[0], rest, sizeof rest)
                         : read(ends[0], out + length, size - 1 - length);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            break;
        length += full ? 0 : (size_t)n;
    }
    close(ends[0]);
    out[failed ? 0 : length] = '\0';
    if (failed)
        return -1;
    while (waitpid(child, &status, 0) < 0 && errno == EINTR)
        ;
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void one_line(char *text) {
    text[strcspn(text, "\n")] = '\0';
    for (; *text; text++)
        if (*text < ' ' || *text > '~')
            *text = '?';
}

static int find_compiler(void) {
    pthread_mutex_lock(&lock);
    for (int k = 0; !compiler && compilers[k]; k++) {
        char *const argv[] = {(char *)compilers[k], "--version", NULL};
        if (run(argv, version, sizeof version) == 0) {
            one_line(version);
            compiler = compilers[k];
        }
    }
    if (!compiler)
        compiler = "";
    pthread_mutex_unlock(&lock);
    if (*compiler)
        return 0;
    return device_fail("PTX is run by way of C, and there is no C compiler here (tried %s, cc and "
                       "clang); install gcc",
                       PTX_CC);
}

int ptx_compiler_found(void) {
    return find_compiler();
}

const char *ptx_compiler(void) {
    return find_compiler() == 0 ? version : "";
}

/* --- entries of the cache ------------------------------------------------------------------------
 */

/* Compiler, flags and text: what an entry depends on. */
static void entry_name(const char *c, size_t size, char out[PTX_CACHE_NAME + 3]) {
    char how[1024];
    int length = snprintf(how, sizeof how, "%s %s %s", compiler, version, fma_flag());
    for (int k = 0; flags[k]; k++)
        length += snprintf(how + length, sizeof how - (size_t)length, " %s", flags[k]);
    ptx_cache_name(how, (size_t)length, c, size, out);
    strcat(out, ".so");
}

/* C at `source` to a library at `to`, its hash behind it. */
static int compile(const char *kernel, const char *source, const char *to) {
    char out[600];
    const char *argv[FLAGS + 6] = {compiler};
    int count = 1;
    for (int k = 0; flags[k]; k++)
        argv[count++] = flags[k];
    argv[count++] = fma_flag();
    argv[count++] = source;
    argv[count++] = "-o";
    argv[count++] = to;
    int status = run((char *const *)argv, out, sizeof out);
    if (status != 0) {
        one_line(out);
        return device_fail("%s does not compile the C of the kernel %s (status %d): %s", compiler,
                           kernel, status, out);
    }
    return ptx_cache_seal(to);
}

static int make_entry(const char *kernel, const char *path, const char *c, size_t size) {
    static unsigned count;
    char source[4200], library[4200];
    unsigned number = __atomic_add_fetch(&count, 1, __ATOMIC_RELAXED);
    snprintf(source, sizeof source, "%s.%ld.%u.c", path, (long)getpid(), number);
    snprintf(library, sizeof library, "%s.%ld.%u.tmp", path, (long)getpid(), number);
    int status = ptx_cache_write(source, c, size);
    if (status == 0)
        status = compile(kernel, source, library);
    if (status == 0 && rename(library, path) != 0)
        status = device_fail("%s: cannot be written: %s", path, strerror(errno));
    unlink(source);
    unlink(library);
    return status;
}

int ptx_build(struct ptx_code *code, const char *c, size_t size, bool *compiled) {
    char name[PTX_CACHE_NAME + 3], path[PTX_CACHE_PATH];
    if (find_compiler() != 0)
        return -1;
    entry_name(c, size, name);
    if (ptx_cache_path("ptx", name, path) != 0)
        return -1;
    *compiled = !ptx_cache_intact(path);
    if (*compiled && make_entry(code->name, path, c, size) != 0)
        return -1;
    code->library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (!code->library)
        return device_fail("%s: cannot be loaded: %s", path, dlerror());
    *(void **)&code->entry = dlsym(code->library, "ptx_entry");
    return code->entry ? 0 : device_fail("%s: has no ptx_entry", path);
}

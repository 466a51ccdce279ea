/*
 * ranks_nccl.c: see ranks_nccl.h.
 *
 * Values and signatures are those of nccl.h 2.28.9. Of the configuration it is only what 2.14 had,
 * which later libraries read by its size and version and fill up with their defaults. 2.14 is the
 * first with calls that return before they are done.
 */
#include "kernels/ranks/ranks_nccl.h"

#include <dlfcn.h>
#include <glob.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "kernels/device/device.h"

enum { NCCL_SUCCESS = 0, NCCL_IN_PROGRESS = 7 };
enum { NCCL_SUM = 0, NCCL_FLOAT32 = 7 };
#define NCCL_OLDEST 21400

struct nccl_config {
    size_t size;
    unsigned magic, version;
    int blocking;
    int undefined; /* where later versions have a field */
};
#define NCCL_CONFIG_MAGIC 0xcafebeefu

/* F(member, name, arguments…) */
#define NCCL_FUNCTIONS(F)                                                                          \
    F(get_version, "ncclGetVersion", int *version)                                                 \
    F(get_unique_id, "ncclGetUniqueId", struct ranks_nccl_id *id)                                  \
    F(init, "ncclCommInitRankConfig", void **comm, int ranks, struct ranks_nccl_id id, int rank,   \
      struct nccl_config *config)                                                                  \
    F(all_reduce, "ncclAllReduce", const void *from, void *to, size_t count, int type, int op,     \
      void *comm, void *stream)                                                                    \
    F(async_error, "ncclCommGetAsyncError", void *comm, int *error)                                \
    F(finalize, "ncclCommFinalize", void *comm)                                                    \
    F(destroy, "ncclCommDestroy", void *comm)                                                      \
    F(abort, "ncclCommAbort", void *comm)

struct ranks_nccl {
    int version;
#define MEMBER(member, name, ...) int (*member)(__VA_ARGS__);
    NCCL_FUNCTIONS(MEMBER)
#undef MEMBER
    const char *(*error_string)(int result);
    const char *(*last_error)(void *comm);
};

__attribute__((format(printf, 2, 3))) static int says(char *why, const char *format, ...) {
    va_list args;
    va_start(args, format);
    vsnprintf(why, RANKS_WHY, format, args);
    va_end(args);
    return -1;
}

/* --- the library -------------------------------------------------------------------------------
 */

/* Where toolkits and PyTorch put it. */
static const char *const places[] = {
    "/usr/local/cuda*/lib*/libnccl.so.2",
    "/usr/local/cuda*/targets/*/lib/libnccl.so.2",
    "/opt/*/lib/python3*/site-packages/nvidia/nccl/lib/libnccl.so.2",
    "/usr/local/lib/python3*/*-packages/nvidia/nccl/lib/libnccl.so.2",
    "/usr/lib/python3*/*-packages/nvidia/nccl/lib/libnccl.so.2",
};
/* The same below folders that the environment names. */
static const char *const roots[][2] = {
    {"VIRTUAL_ENV", "lib/python3*/site-packages/nvidia/nccl/lib/libnccl.so.2"},
    {"CONDA_PREFIX", "lib/python3*/site-packages/nvidia/nccl/lib/libnccl.so.2"},
    {"CONDA_PREFIX", "lib/libnccl.so.2"},
    {"HOME", ".local/lib/python3*/site-packages/nvidia/nccl/lib/libnccl.so.2"},
    {"CUDA_HOME", "lib64/libnccl.so.2"},
};

static void *open_pattern(const char *pattern) {
    glob_t found;
    void *handle = NULL;
    if (glob(pattern, 0, NULL, &found) == 0)
        for (size_t i = found.gl_pathc; i-- > 0 && !handle;)
            handle = dlopen(found.gl_pathv[i], RTLD_NOW | RTLD_LOCAL);
    globfree(&found);
    return handle;
}

static void *open_somewhere(void) {
    void *handle = dlopen("libnccl.so.2", RTLD_NOW | RTLD_LOCAL);
    for (size_t i = 0; i < sizeof roots / sizeof *roots && !handle; i++) {
        char pattern[1024];
        const char *root = getenv(roots[i][0]);
        if (root && *root &&
            snprintf(pattern, sizeof pattern, "%s/%s", root, roots[i][1]) < (int)sizeof pattern)
            handle = open_pattern(pattern);
    }
    for (size_t i = 0; i < sizeof places / sizeof *places && !handle; i++)
        handle = open_pattern(places[i]);
    return handle;
}

static int find_functions(struct ranks_nccl *nccl, void *handle, char *why) {
    const char *missing = NULL;
#define FIND(member, name, ...)                                                                    \
    if (!(nccl->member = (__typeof__(nccl->member))dlsym(handle, name)))                           \
        missing = name;
    FIND(error_string, "ncclGetErrorString")
    FIND(last_error, "ncclGetLastError")
    NCCL_FUNCTIONS(FIND)
#undef FIND
    if (nccl->get_version && nccl->get_version(&nccl->version) != NCCL_SUCCESS)
        return says(why, "NCCL does not say its version; NANOLAB_NCCL=/path/to/libnccl.so.2 names "
                         "another one");
    if (nccl->version && nccl->version < NCCL_OLDEST) {
        char name[64];
        return says(why,
                    "%s is too old: 2.14 is the first whose calls can be given a deadline; "
                    "NANOLAB_NCCL=/path/to/libnccl.so.2 names another one",
                    ranks_nccl_name(nccl, name));
    }
    if (missing)
        return says(why,
                    "the NCCL here has no %s: it is too old or not whole; "
                    "NANOLAB_NCCL=/path/to/libnccl.so.2 names another one",
                    missing);
    return 0;
}

int ranks_nccl_load(struct ranks_nccl **out, char *why) {
    *out = NULL;
    const char *named = getenv("NANOLAB_NCCL");
    bool is_named = named && *named;
    void *handle = is_named ? dlopen(named, RTLD_NOW | RTLD_LOCAL) : open_somewhere();
    if (!handle && is_named)
        return says(why, "NCCL cannot be opened as NANOLAB_NCCL says: %s", dlerror());
    if (!handle)
        return says(why, "NCCL is not here (libnccl.so.2, of the package libnccl2, of PyPI's "
                         "nvidia-nccl-cu13 or of PyTorch); NANOLAB_NCCL=/path/to/it names another "
                         "place");
    struct ranks_nccl *nccl = calloc(1, sizeof *nccl);
    if (!nccl)
        return says(why, "out of memory");
    if (find_functions(nccl, handle, why) != 0) {
        free(nccl);
        return -1;
    }
    *out = nccl;
    return 0;
}

int ranks_nccl_check(unsigned ranks, char *why) {
    struct ranks_nccl *nccl;
    int gpus = device_count(DEVICE_CUDA);
    if (gpus == 0)
        return says(why, "NCCL needs a GPU for each rank: %.300s", device_error());
    if ((unsigned)gpus < ranks)
        return says(why, "%d GPU%s here; NCCL needs one for each rank, so %u", gpus,
                    gpus == 1 ? "" : "s", ranks);
    if (ranks_nccl_load(&nccl, why) != 0)
        return -1;
    ranks_nccl_unload(nccl);
    return 0;
}

void ranks_nccl_unload(struct ranks_nccl *nccl) {
    free(nccl);
}

int ranks_nccl_version(const struct ranks_nccl *nccl) {
    return nccl->version;
}

/* Until 2.8: 2000 + 100 × minor + patch; since 2.9: 20000 + 100 × minor + patch. */
char *ranks_nccl_name(const struct ranks_nccl *nccl, char *out) {
    int major = nccl->version < 10000 ? 1000 : 10000;
    snprintf(out, 64, "NCCL %d.%d.%d", nccl->version / major, nccl->version % major / 100,
             nccl->version % 100);
    return out;
}

int ranks_nccl_id(const struct ranks_nccl *nccl, struct ranks_nccl_id *id, char *why) {
    int result = nccl->get_unique_id(id);
    return result == NCCL_SUCCESS ? 0
                                  : says(why, "ncclGetUniqueId: %s: %.200s",
                                         nccl->error_string(result), nccl->last_error(NULL));
}

/* --- groups ------------------------------------------------------------------------------------
 */

struct ranks_nccl_group {
    const struct ranks_nccl *nccl;
    struct ranks_nccl_setup setup;
    void *comm; /* NULL: never opened, or aborted */
};

static double seconds(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

void ranks_nccl_abort(struct ranks_nccl_group *group) {
    void *comm = group->comm;
    group->comm = NULL;
    if (comm)
        group->nccl->abort(comm);
}

/* What went wrong, then the abort, after which the library could not be asked any more. */
static int failed(struct ranks_nccl_group *group, const char *doing, int result, char *why) {
    const char *last = group->nccl->last_error(group->comm);
    says(why, "%s: %s%s%.200s", doing, group->nccl->error_string(result), last && *last ? ": " : "",
         last ? last : "");
    why[strcspn(why, "\n")] = '\0';
    ranks_nccl_abort(group);
    return -1;
}

/*
 * Until the library has done what it was asked for and, with `stream`, so has the GPU. The stream
 * is asked only once the library is through: before, the work may not be on it yet.
 * Sums are timed, so nothing sleeps while one is waited for.
 */
static int wait_for(struct ranks_nccl_group *group, const char *doing, bool stream, char *why) {
    double began = seconds();
    for (;;) {
        int state = NCCL_SUCCESS;
        int result = group->nccl->async_error(group->comm, &state);
        if (result != NCCL_SUCCESS)
            return failed(group, doing, result, why);
        if (state != NCCL_SUCCESS && state != NCCL_IN_PROGRESS)
            return failed(group, doing, state, why);
        int busy = state == NCCL_IN_PROGRESS ? 1
                   : stream                  ? group->setup.busy(group->setup.stream)
                                             : 0;
        if (busy == 0)
            return 0;
        if (busy < 0) {
            says(why, "%s: %.300s", doing, device_error());
            ranks_nccl_abort(group);
            return -1;
        }
        if (seconds() - began > group->setup.deadline_s) {
            says(why, "%s: not done after %.1f s", doing, group->setup.deadline_s);
            ranks_nccl_abort(group);
            return RANKS_NCCL_WAITED;
        }
        if (!stream)
            nanosleep(&(struct timespec){.tv_nsec = 100000}, NULL);
    }
}

int ranks_nccl_open(struct ranks_nccl_group **out, const struct ranks_nccl *nccl,
                    const struct ranks_nccl_setup *setup, char *why) {
    struct nccl_config config = {.size = sizeof config,
                                 .magic = NCCL_CONFIG_MAGIC,
                                 .version = NCCL_OLDEST,
                                 .blocking = 0,
                                 .undefined = INT_MIN};
    *out = NULL;
    struct ranks_nccl_group *group = calloc(1, sizeof *group);
    if (!group)
        return says(why, "out of memory");
    *group = (struct ranks_nccl_group){.nccl = nccl, .setup = *setup};
    int result = nccl->init(&group->comm, (int)setup->ranks, setup->id, (int)setup->rank, &config);
    int status;
    if (result != NCCL_SUCCESS && result != NCCL_IN_PROGRESS)
        status = failed(group, "ncclCommInitRankConfig", result, why);
    else
        status = wait_for(group, "ncclCommInitRankConfig", false, why);
    if (status == 0)
        *out = group;
    else
        free(group);
    return status;
}

int ranks_nccl_begin(struct ranks_nccl_group *group, const void *from, void *to, size_t count,
                     char *why) {
    if (!group->comm)
        return says(why, "ncclAllReduce: the group has been aborted");
    int result = group->nccl->all_reduce(from, to, count, NCCL_FLOAT32, NCCL_SUM, group->comm,
                                         group->setup.stream);
    return result == NCCL_SUCCESS || result == NCCL_IN_PROGRESS
               ? 0
               : failed(group, "ncclAllReduce", result, why);
}

int ranks_nccl_end(struct ranks_nccl_group *group, char *why) {
    if (!group->comm)
        return says(why, "ncclAllReduce: the group has been aborted");
    return wait_for(group, "ncclAllReduce", true, why);
}

void ranks_nccl_close(struct ranks_nccl_group *group) {
    char why[RANKS_WHY];
    if (!group)
        return;
    if (group->comm) {
        int result = group->nccl->finalize(group->comm);
        if (result != NCCL_SUCCESS && result != NCCL_IN_PROGRESS)
            ranks_nccl_abort(group);
        else if (wait_for(group, "ncclCommFinalize", false, why) == 0)
            group->nccl->destroy(group->comm);
    }
    free(group);
}

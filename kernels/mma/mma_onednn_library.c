/*
 * mma_onednn_library.c: see mma_onednn_inside.h.
 */
#define _GNU_SOURCE /* dlmopen, dladdr */
#include <dlfcn.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "kernels/device/device.h"
#include "kernels/mma/mma_onednn.h"
#include "kernels/mma/mma_onednn_inside.h"

#define LINKED(name) .name = (name),
static const struct mma_onednn_library linked = {MMA_ONEDNN_FUNCTIONS(LINKED)};

static const struct {
    const char *name;
    dnnl_cpu_isa_t isa;
} isas[] = {
    {"sse41", dnnl_cpu_isa_sse41},
    {"avx", dnnl_cpu_isa_avx},
    {"avx2", dnnl_cpu_isa_avx2},
    {"avx2_vnni", dnnl_cpu_isa_avx2_vnni},
    {"avx512_core", dnnl_cpu_isa_avx512_core},
    {"avx512_core_vnni", dnnl_cpu_isa_avx512_core_vnni},
    {"avx512_core_bf16", dnnl_cpu_isa_avx512_core_bf16},
    {"avx512_core_amx", dnnl_cpu_isa_avx512_core_amx},
};
#define ISAS (sizeof isas / sizeof *isas)

const char *mma_onednn_isa_of(const struct mma_onednn_library *library) {
    dnnl_cpu_isa_t isa = library->dnnl_get_effective_cpu_isa();
    for (size_t k = 0; k < ISAS; k++)
        if (isas[k].isa == isa)
            return isas[k].name;
    return "?";
}

const char *mma_onednn_isa(void) {
    return mma_onednn_isa_of(&linked);
}

/* The same file as the linked copy's. It stays in memory: its threads have no end. */
static int load(struct mma_onednn_library *copy) {
#ifdef __SANITIZE_ADDRESS__
    (void)copy;
    return device_fail("no second copy of oneDNN is loaded in a sanitised build, which sees the "
                       "threads of one namespace only");
#else
    Dl_info info;
    if (!dladdr((void *)dnnl_version, &info) || !info.dli_fname)
        return device_fail("oneDNN is in no file of its own, which could be loaded again");
    void *handle = dlmopen(LM_ID_NEWLM, info.dli_fname, RTLD_NOW | RTLD_LOCAL);
    if (!handle)
        return device_fail("no second copy of oneDNN can be loaded: %s", dlerror());
#define FIND(name)                                                                                 \
    if (!(copy->name = (__typeof__(copy->name))dlsym(handle, #name)))                              \
        return device_fail("the second copy of oneDNN has no " #name);
    MMA_ONEDNN_FUNCTIONS(FIND)
    return 0;
#endif
}

static const struct mma_onednn_library *limited(size_t k) {
    static struct mma_onednn_library *copies[ISAS];
    static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
    pthread_mutex_lock(&lock);
    if (!copies[k]) {
        struct mma_onednn_library *copy = malloc(sizeof *copy);
        if (!copy)
            device_fail("out of memory");
        else if (load(copy) != 0)
            free(copy);
        else if (copy->dnnl_set_max_cpu_isa(isas[k].isa) != dnnl_success) {
            device_fail("oneDNN does not take the limit %s", isas[k].name);
            free(copy);
        } else
            copies[k] = copy;
    }
    const struct mma_onednn_library *copy = copies[k];
    pthread_mutex_unlock(&lock);
    if (copy && strcmp(mma_onednn_isa_of(copy), isas[k].name) != 0) {
        device_fail("oneDNN has no %s on this processor, but %s", isas[k].name,
                    mma_onednn_isa_of(copy));
        return NULL;
    }
    return copy;
}

const struct mma_onednn_library *mma_onednn_library(const char *isa) {
    if (!isa || strcmp(isa, mma_onednn_isa()) == 0)
        return &linked;
    for (size_t k = 0; k < ISAS; k++)
        if (strcmp(isas[k].name, isa) == 0)
            return limited(k);
    device_fail("oneDNN has no limit named '%s'; \"avx512_core_bf16\" is one", isa);
    return NULL;
}

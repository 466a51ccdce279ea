/*
 * mma_onednn_inside.h: oneDNN's functions as a table, since there may be more than one copy of the
 * library in the process.
 *
 * The library's limit on instructions is the whole library's, and is settled by its first use. To
 * compare it with itself and with a kernel of fewer instructions in one run, the same file is
 * loaded again into a namespace of its own, where it has its own limit, and its own OpenMP and
 * threads.
 */
#ifndef NANOLAB_KERNELS_MMA_MMA_ONEDNN_INSIDE_H
#define NANOLAB_KERNELS_MMA_MMA_ONEDNN_INSIDE_H

#include <dnnl.h>
#include <omp.h>

#define MMA_ONEDNN_FUNCTIONS(X)                                                                    \
    X(dnnl_engine_create)                                                                          \
    X(dnnl_engine_destroy)                                                                         \
    X(dnnl_get_effective_cpu_isa)                                                                  \
    X(dnnl_matmul_desc_init)                                                                       \
    X(dnnl_memory_create)                                                                          \
    X(dnnl_memory_desc_get_size)                                                                   \
    X(dnnl_memory_desc_init_by_strides)                                                            \
    X(dnnl_memory_desc_init_by_tag)                                                                \
    X(dnnl_memory_destroy)                                                                         \
    X(dnnl_primitive_create)                                                                       \
    X(dnnl_primitive_desc_create)                                                                  \
    X(dnnl_primitive_desc_destroy)                                                                 \
    X(dnnl_primitive_desc_query)                                                                   \
    X(dnnl_primitive_desc_query_md)                                                                \
    X(dnnl_primitive_destroy)                                                                      \
    X(dnnl_primitive_execute)                                                                      \
    X(dnnl_reorder_primitive_desc_create)                                                          \
    X(dnnl_set_max_cpu_isa)                                                                        \
    X(dnnl_stream_create)                                                                          \
    X(dnnl_stream_destroy)                                                                         \
    X(dnnl_stream_wait)                                                                            \
    X(omp_get_max_threads)                                                                         \
    X(omp_set_num_threads)

#define MMA_ONEDNN_MEMBER(name) __typeof__(&(name)) name;
struct mma_onednn_library {
    MMA_ONEDNN_FUNCTIONS(MMA_ONEDNN_MEMBER)
};

/* The copy whose limit has this name; NULL is the linked one, as it is. NULL with device_error():
 * no limit has that name, the processor has less than it, or no second copy can be loaded. */
const struct mma_onednn_library *mma_onednn_library(const char *isa);
/* The name of a copy's limit. */
const char *mma_onednn_isa_of(const struct mma_onednn_library *library);

#endif

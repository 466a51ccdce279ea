/*
 * ptx_cudart.h: what the files of this run time share.
 */
#ifndef NANOLAB_KERNELS_PTX_CUDART_PTX_CUDART_H
#define NANOLAB_KERNELS_PTX_CUDART_PTX_CUDART_H

#include <cuda_runtime_api.h>

#include "kernels/ptx/ptx.h"
#include "kernels/ptx/ptx_card.h"

/* Remembers device_error() as what went wrong, for cudaGetErrorString(); returns `error`. */
cudaError_t ptx_cudart_failed(cudaError_t error);

/* The card that was set; NULL: none. */
const struct ptx_card *ptx_cudart_card(void);
/* `symbol`: the kernel's name, mangled. */
void ptx_cudart_note(const char *symbol, const struct ptx_launch *launch, int arch,
                     bool machine_code);

/* What PTX a kernel runs on this card: 80 is compute_80's; 0 if there is none. */
int ptx_cudart_arch(const void *host);

#endif

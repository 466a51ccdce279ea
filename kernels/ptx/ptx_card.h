/*
 * ptx_card.h: the GPU whose part the run time of libnanolab-ptx.so plays. Host code of libraries
 * asks what card it runs on, and chooses kernels and grids by the answers: they decide its bits.
 */
#ifndef NANOLAB_KERNELS_PTX_PTX_CARD_H
#define NANOLAB_KERNELS_PTX_PTX_CARD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "kernels/device/device.h"

#ifdef __cplusplus
extern "C" {
#endif

struct ptx_card {
    int arch;      /* compute capability times ten: 80, 90, 100. Runs the newest PTX up to it. */
    int sms;       /* streaming multiprocessors */
    int occupancy; /* blocks that one holds; 0: as many as its 2048 threads are enough for */
    bool machine_code; /* that of `arch` runs, and no PTX */
};
/* From now on, in this thread; NULL: none, and what host code asks of a card is an error. With a
 * card launches are noted, from nothing on. */
void ptx_card_ptx(const struct ptx_card *card) DEVICE_PTX_ONLY;

/* What the launches of this thread that come next run: 0 is PTX, 90 the machine code of sm_90.
 * device_stream() says so. Where no card is set, host code that asks for the current device's
 * number and compute capability is told those of that code. */
void ptx_runs_ptx(unsigned arch) DEVICE_PTX_ONLY;

/* A launch that was noted. */
struct ptx_noted {
    char kernel[64]; /* its name, without what its template was given */
    uint32_t grid[3], block[3];
    int arch;          /* of the code that ran: 80 is compute_80's or sm_80's */
    bool machine_code; /* it was no PTX */
};
#define PTX_NOTED_MAX 8
/* The first launches on the card that was set last, at most PTX_NOTED_MAX: how many there are in
 * `out`. */
size_t ptx_noted_ptx(struct ptx_noted out[PTX_NOTED_MAX]) DEVICE_PTX_ONLY;

#ifdef __cplusplus
}
#endif
#endif

/*
 * device_advice.c: what to do about a status of the CUDA run time. The statuses are numbers here,
 * as this file is built, and tested, where no toolkit is; device_cuda.cu checks them.
 */
#include <stddef.h>

#include "kernels/device/backend.h"

static const struct {
    int status;
    const char *advice;
} known[] = {
    {2, "the GPU's memory is full; end what else uses it (nvidia-smi), or use --quick"},
    {3, "the driver does not start; see what nvidia-smi says, and whether /dev/nvidia* can be "
        "opened"},
    {34, "the libcuda.so that is found first is the toolkit's stub, which is no driver; take "
         ".../stubs out of LD_LIBRARY_PATH, or install the driver"},
    {35, "there is no NVIDIA driver, or one older than this build's CUDA; install or update it"},
    {46, "the GPU is in use by others alone, or its MIG instance is not set up; see nvidia-smi"},
    {100, "no GPU is visible; check nvidia-smi and CUDA_VISIBLE_DEVICES"},
    {101, "there is no GPU of this number; nvidia-smi -L lists them"},
    {209, "this build has no code for this GPU; add its architecture to CUDA_ARCH in the Makefile "
          "and run make again"},
    {214,
     "the GPU's memory has an error that cannot be corrected; reset it (nvidia-smi -r) or take "
     "another"},
    {222, "this build's PTX is newer than the driver; update the driver"},
    {304, "the system refuses a call; see dmesg, and whether /dev/nvidia* can be opened"},
    {700, "a kernel used an address that is not its own: our bug; run the case with --device simt, "
          "which names the line, and report it"},
    {702, "the display's watchdog ended a kernel; use a GPU without a display, or --quick"},
    {716, "a kernel used a misaligned address: our bug; run the case with --device simt, which "
          "names the line, and report it"},
    {719, "a kernel failed: our bug, or a GPU that is not well (dmesg | grep Xid); run the case "
          "with --device simt, and report it"},
    {802, "the system is not ready yet; start nvidia-fabricmanager, or wait for it"},
    {803, "the driver's kernel module and its libraries are of two versions, mostly after an "
          "update; restart the machine, or reload the module"},
    {804, "the forward compatibility package does not know this GPU; take it out of "
          "LD_LIBRARY_PATH, or update the driver"},
    {999, "the driver gives no reason; see dmesg | grep -i -e nvidia -e Xid, then restart the "
          "machine"},
};

const char *device_cuda_advice(int status) {
    for (size_t k = 0; k < sizeof known / sizeof *known; k++)
        if (known[k].status == status)
            return known[k].advice;
    return "see what nvidia-smi and dmesg say";
}

/*
 * device_schedule.c: the schedule by which what is simulated runs, where nobody sets another.
 */
#include "kernels/device/device_schedule.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kernels/device/device.h"
#include "kernels/ptx/ptx.h"
#include "kernels/simt/simt.h"

static char text_now[32] = "in-order";

const char *device_schedule_text(void) {
    return text_now;
}

/* A number behind "seed:", digits alone. */
static bool read_seed(const char *text, uint64_t *seed) {
    char *end;
    if (strncmp(text, "seed:", 5) != 0 || text[5] < '0' || text[5] > '9')
        return false;
    errno = 0;
    *seed = strtoull(text + 5, &end, 10);
    return errno == 0 && *end == '\0';
}

int device_schedule_set(const char *text) {
    struct simt_config simt = {0};
    struct ptx_config ptx = {0};
    if (read_seed(text, &simt.seed)) {
        simt.block_order = SIMT_BLOCKS_RANDOM;
        simt.interleave = SIMT_RANDOM;
        ptx.order = PTX_RANDOM;
        ptx.seed = simt.seed;
        snprintf(text_now, sizeof text_now, "seed:%llu", (unsigned long long)ptx.seed);
    } else if (strcmp(text, "reverse") == 0 || strcmp(text, "in-order") == 0) {
        bool reverse = text[0] == 'r';
        simt.block_order = reverse ? SIMT_BLOCKS_REVERSE : SIMT_BLOCKS_IN_ORDER;
        simt.interleave = reverse ? SIMT_REVERSE : SIMT_IN_ORDER;
        ptx.order = reverse ? PTX_REVERSE : PTX_IN_ORDER;
        snprintf(text_now, sizeof text_now, "%s", text);
    } else {
        return device_fail("there is no schedule '%.40s': give in-order, reverse or seed:N, such "
                           "as seed:7",
                           text);
    }
    simt_set_usual(&simt);
    ptx_set_usual(&ptx);
    return 0;
}

/*
 * device_fixture.h: for tests of what runs on devices that may not be here.
 */
#ifndef NANOLAB_KERNELS_DEVICE_DEVICE_FIXTURE_H
#define NANOLAB_KERNELS_DEVICE_DEVICE_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "kernels/device/device.h"
#include "kernels/ptx/ptx.h"

/* The next launches of compiled kernels run under the k-th schedule: in order, reverse, at random
 * up to the tenth, and unfair. */
static inline void device_schedule(unsigned k) {
    enum ptx_order order = k < 2 ? (enum ptx_order)k : k < 10 ? PTX_RANDOM : PTX_UNFAIR;
    ptx_configure(&(struct ptx_config){.resident = 1 + k % 9, .order = order, .seed = k});
}

/* The device of a name such as "sass:sm_90"; where it is not to be had, the test is skipped. */
static inline struct device *device_or_skip(const char *name) {
    enum device_kind kind;
    struct device *device = NULL;
    int index;
    assert_int_equal(device_parse(name, &kind, &index), 0);
    if (device_count(kind) == 0 ||
        (device_open(&device, kind, index) != 0 && kind == DEVICE_SASS)) {
        print_message("not testable here: %s\n", device_error());
        skip();
    }
    if (!device)
        fail_msg("%s", device_error());
    return device;
}

#endif

/*
 * roof_test.c: a roof comes out finite, ordered and of the op that was asked for. How high it is
 * depends on the machine, and no test asks.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <string.h>

#include "harness/measure/roof.h"

static void test_every_op(void **state) {
    (void)state;
    struct device *device;
    assert_int_equal(device_open(&device, DEVICE_CPU, 0), 0);
    struct bench_limits limits = bench_limits_quick();
    limits.max_seconds = 0.005;
    for (int op = 0; op < ROOFS_OPS; ++op) {
        struct roof roof;
        if (roof_measure(device, (enum roofs_op)op, 100000, 2, &limits, 1, &roof) != 0)
            fail_msg("%s: %s", roofs_op_name((enum roofs_op)op), roof_error());
        assert_true(isfinite(roof.per_second) && roof.per_second > 0);
        assert_true(roof.low <= roof.per_second && roof.per_second <= roof.high);
        assert_int_equal(roof.plan.op, op);
        assert_true(roof.samples >= 1);
        if (op <= ROOFS_COPY)
            assert_int_equal(roof.plan.bytes, 98304);
    }
    double bandwidth;
    assert_int_equal(roof_read_bandwidth(device, 1, 1, &bandwidth), 0);
    assert_true(isfinite(bandwidth) && bandwidth > 0);
    device_close(device);
}

static void test_simt_has_no_roof(void **state) {
    (void)state;
    struct device *device;
    assert_int_equal(device_open(&device, DEVICE_SIMT, 0), 0);
    double bandwidth = -1;
    assert_int_equal(roof_read_bandwidth(device, 65536, 1, &bandwidth), -1);
    assert_non_null(strstr(roof_error(), "no times"));
    assert_true(bandwidth == -1);
    device_close(device);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_op),
        cmocka_unit_test(test_simt_has_no_roof),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* device_test.c: every device that can be opened here keeps the promises of device.h. */
#include "kernels/device/device.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "kernels/device/backend.h"

static void names_parse(void **state) {
    (void)state;
    enum device_kind kind;
    int index;
    assert_int_equal(device_parse("cpu", &kind, &index), 0);
    assert_int_equal(kind, DEVICE_CPU);
    assert_int_equal(device_parse("cuda:3", &kind, &index), 0);
    assert_int_equal(kind, DEVICE_CUDA);
    assert_int_equal(index, 3);
    assert_int_equal(device_parse("cuda", &kind, &index), 0);
    assert_int_equal(index, 0);
    assert_int_equal(device_parse("sass:sm_90", &kind, &index), 0);
    assert_int_equal(kind, DEVICE_SASS);
    assert_int_equal(device_sass_arch(index), 90);
    static const char *const wrong[] = {
        "sass",    "sass:90", "sass:sm_70",  "",    "gpu", "cuda:", "cuda:-1", "cuda:1x",
        "cuda:+1", "cuda: 1", "cuda:999999", "CPU", "cpu "};
    for (size_t k = 0; k < sizeof wrong / sizeof *wrong; k++) {
        assert_int_equal(device_parse(wrong[k], &kind, &index), -1);
        assert_non_null(
            strstr(device_error(), "use cpu, simt, ptx, sass:sm_80, sass:sm_90, cuda or cuda:N"));
    }
}

static void error_text_may_quote_itself(void **state) {
    (void)state;
    assert_int_equal(device_fail("inner"), -1);
    assert_int_equal(device_fail("outer: %s", device_error()), -1);
    assert_string_equal(device_error(), "outer: inner");
}

/* One line for any status, with something to do. */
static void every_status_of_cuda_has_a_next_step(void **state) {
    (void)state;
    for (int status = -1; status < 1100; status++) {
        const char *advice = device_cuda_advice(status);
        assert_non_null(advice);
        assert_in_range(strlen(advice), 20, 200);
        assert_null(strchr(advice, '\n'));
    }
    assert_non_null(strstr(device_cuda_advice(34), "stub"));
    assert_non_null(strstr(device_cuda_advice(803), "two versions"));
    assert_non_null(strstr(device_cuda_advice(12345), "nvidia-smi"));
}

/* Either a device opens, or there is a reason. */
static struct device *open_or_skip(enum device_kind kind) {
    struct device *device = NULL;
    if (device_open(&device, kind, 0) != 0) {
        assert_true(strlen(device_error()) > 10);
        assert_true(kind == DEVICE_CUDA || device_compiled(kind));
        skip();
    }
    return device;
}

static void memory_of(enum device_kind kind) {
    struct device *device = open_or_skip(kind);
    assert_int_equal(device_kind(device), kind);
    assert_true(strlen(device_model(device)) > 0);
    assert_true(device_memory_free(device) > 0);
    static const size_t sizes[] = {0, 1, 255, 4096, (4u << 20) + 3};
    for (size_t k = 0; k < sizeof sizes / sizeof *sizes; k++) {
        size_t bytes = sizes[k];
        unsigned char *host = malloc(bytes + 1), *back = malloc(bytes + 1);
        assert_non_null(host);
        assert_non_null(back);
        void *memory;
        assert_int_equal(device_alloc(device, &memory, bytes), 0);
        assert_int_equal((uintptr_t)memory % 256, 0);
        assert_int_equal(device_read(device, back, memory, bytes), 0);
        for (size_t i = 0; i < bytes; i++)
            assert_int_equal(back[i], 0xff);
        for (size_t i = 0; i < bytes; i++)
            host[i] = (unsigned char)(i * 7 + 1);
        assert_int_equal(device_write(device, memory, host, bytes), 0);
        assert_int_equal(device_read(device, back, memory, bytes), 0);
        assert_memory_equal(host, back, bytes);
        assert_int_equal(device_fill(device, memory, 0, bytes), 0);
        assert_int_equal(device_read(device, back, memory, bytes), 0);
        for (size_t i = 0; i < bytes; i++)
            assert_int_equal(back[i], 0);
        device_free(device, memory);
        free(host);
        free(back);
    }
    device_close(device);
}

static void memory_cpu(void **state) {
    (void)state;
    memory_of(DEVICE_CPU);
}

static void memory_simt(void **state) {
    (void)state;
    memory_of(DEVICE_SIMT);
}

static void memory_ptx(void **state) {
    (void)state;
    memory_of(DEVICE_PTX);
}

static void memory_sass(void **state) {
    (void)state;
    memory_of(DEVICE_SASS);
}

static void memory_cuda(void **state) {
    (void)state;
    memory_of(DEVICE_CUDA);
}

static void too_much_memory_is_an_error(void **state) {
    (void)state;
    struct device *device = open_or_skip(DEVICE_CPU);
    void *memory;
    assert_int_equal(device_alloc(device, &memory, SIZE_MAX / 4), -1);
    assert_null(memory);
    assert_non_null(strstr(device_error(), "smaller size"));
    device_close(device);
}

static void simt_has_no_clock(void **state) {
    (void)state;
    struct device *device = open_or_skip(DEVICE_SIMT);
    double seconds = 0;
    assert_false(device_has_clock(device));
    assert_int_equal(device_timer_start(device), -1);
    assert_int_equal(device_timer_stop(device, &seconds), -1);
    device_close(device);
    device = open_or_skip(DEVICE_CPU);
    assert_true(device_has_clock(device));
    assert_int_equal(device_timer_start(device), 0);
    assert_int_equal(device_timer_stop(device, &seconds), 0);
    assert_true(seconds >= 0);
    device_close(device);
}

static void no_such_device(void **state) {
    (void)state;
    struct device *device;
    assert_int_equal(device_open(&device, DEVICE_CPU, 1), -1);
    assert_null(device);
    assert_int_equal(device_open(&device, DEVICE_CUDA, 1000), -1);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_parse),
        cmocka_unit_test(error_text_may_quote_itself),
        cmocka_unit_test(every_status_of_cuda_has_a_next_step),
        cmocka_unit_test(memory_cpu),
        cmocka_unit_test(memory_simt),
        cmocka_unit_test(memory_ptx),
        cmocka_unit_test(memory_sass),
        cmocka_unit_test(memory_cuda),
        cmocka_unit_test(too_much_memory_is_an_error),
        cmocka_unit_test(no_such_device),
        cmocka_unit_test(simt_has_no_clock),
    };
    return cmocka_run_group_tests_name("device", tests, NULL, NULL);
}

/*
 * pages_test.c: memory is as asked for, or is refused with the reason.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "kernels/device/device.h"
#include "kernels/pages/pages.h"

static bool all_zero(const struct pages *p) {
    const unsigned char *bytes = p->memory;
    for (size_t i = 0; i < p->bytes; i++)
        if (bytes[i])
            return false;
    return true;
}

static void test_small_pages_are_small(void **state) {
    (void)state;
    static const size_t sizes[] = {1, 4095, 4096, 4097, 3 << 20, (size_t)17 << 20};
    for (size_t k = 0; k < sizeof sizes / sizeof *sizes; k++) {
        struct pages p;
        assert_int_equal(pages_alloc(&p, sizes[k], PAGES_4K), 0);
        assert_int_equal(p.huge, 0);
        assert_int_equal((uintptr_t)p.memory % PAGES_HUGE, 0);
        assert_true(all_zero(&p));
        memset(p.memory, 1, p.bytes);
        pages_free(&p);
        assert_null(p.memory);
    }
}

static void test_huge_pages_are_huge_or_refused(void **state) {
    (void)state;
    static const size_t sizes[] = {1, 3 << 20, (size_t)64 << 20};
    for (size_t k = 0; k < sizeof sizes / sizeof *sizes; k++) {
        struct pages p;
        if (pages_alloc(&p, sizes[k], PAGES_2M) != 0) {
            assert_true(pages_unavailable());
            assert_non_null(strstr(device_error(), "transparent huge pages"));
            skip(); /* this machine gives none */
        }
        assert_true(p.huge >= p.bytes - p.bytes / 16);
        assert_true(all_zero(&p));
        pages_free(&p);
    }
}

static void test_two_allocations_are_counted_apart(void **state) {
    (void)state;
    struct pages small, huge;
    assert_int_equal(pages_alloc(&small, (size_t)8 << 20, PAGES_4K), 0);
    if (pages_alloc(&huge, (size_t)8 << 20, PAGES_2M) != 0)
        skip();
    struct pages second;
    assert_int_equal(pages_alloc(&second, (size_t)8 << 20, PAGES_4K), 0);
    assert_int_equal(second.huge, 0);
    assert_int_equal(huge.huge, (size_t)8 << 20);
    pages_free(&small);
    pages_free(&huge);
    pages_free(&second);
}

static void test_impossible_sizes_are_refused(void **state) {
    (void)state;
    struct pages p;
    assert_int_equal(pages_alloc(&p, 0, PAGES_ANY), -1);
    assert_int_equal(pages_alloc(&p, SIZE_MAX - 1, PAGES_ANY), -1);
    assert_int_equal(pages_alloc(&p, (size_t)1 << 60, PAGES_ANY), -1);
    assert_false(pages_unavailable());
    assert_null(p.memory);
}

int main(void) {
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_small_pages_are_small),
        cmocka_unit_test(test_huge_pages_are_huge_or_refused),
        cmocka_unit_test(test_two_allocations_are_counted_apart),
        cmocka_unit_test(test_impossible_sizes_are_refused),
    };
    return cmocka_run_group_tests_name("pages", tests, NULL, NULL);
}

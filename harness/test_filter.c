/*
 * test_filter.c: linked into every test. NANOLAB_TEST="test_cuts*" leaves the test functions whose
 * name fits; cmocka can do so and has no option for it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

__attribute__((constructor)) static void take_filter(void) {
    const char *pattern = getenv("NANOLAB_TEST");
    if (pattern && *pattern)
        cmocka_set_test_filter(pattern);
}

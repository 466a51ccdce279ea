/*
 * reveal_nasty_test.c: functions that nearly add (reveal_nasty/functions.c), each with the verdict
 * that it has to get: no wrong tree, and no reason that is not so.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "kernels/device/device.h"
#include "kernels/tree/child_target.h"

#define SOURCE "tools/reveal_nasty/functions.c"

static char folder[] = "/tmp/nanolab-nasty-XXXXXX", library[64];

static int set_up(void **state) {
    (void)state;
    if (!mkdtemp(folder))
        return -1;
    char command[400];
    snprintf(library, sizeof library, "%s/lib.so", folder);
    snprintf(command, sizeof command,
             "gcc -O1 -ffp-contract=off -frounding-math -fno-builtin -shared -fPIC -o %s " SOURCE
             " -lm -lpthread",
             library);
    return system(command);
}

static int tear_down(void **state) {
    (void)state;
    remove(library);
    return remove(folder);
}

/* What is said of the function at n. */
static void ask(const char *name, bool dot, size_t n, const char *verdict, const char *part) {
    struct child_spec spec = {
        .library = library, .symbol = name, .type = ELEMENT_F32, .dot = dot, .seconds = 10};
    struct recover_target target;
    struct recovery found = {0};
    if (child_target_open(&target, &spec, n) || recover(&target, n, NULL, &found))
        fail_msg("%s, n = %zu: %s", name, n, device_error());
    const char *said = found.status == RECOVER_FOUND ? found.rule : found.why;
    const char *status = recover_status_name(found.status);
    if (strncmp(status, verdict, strlen(verdict)) != 0 || !strstr(said, part))
        fail_msg("%s, n = %zu: %s (%s), expected: %s (… %s …)", name, n, status, said, verdict,
                 part);
    recovery_free(&found);
    child_target_close(&target);
}

/* LIST(name, "verdict", "part") in a line of its own, then SUM(name) or DOT(name). */
static void every_function(void **state) {
    (void)state;
    char line[300], name[80], verdict[80], part[80];
    size_t functions = 0;
    FILE *in = fopen(SOURCE, "r");
    assert_non_null(in);
    while (fgets(line, sizeof line, in)) {
        part[0] = '\0'; /* stays so where "" stands */
        if (sscanf(line, "LIST(%79[^,], \"%79[^\"]\", \"%79[^\"]", name, verdict, part) < 2)
            continue;
        bool dot = fgets(line, sizeof line, in) && strncmp(line, "DOT", 3) == 0;
        ask(name, dot, 16, verdict, part);
        ask(name, dot, 67, verdict, part);
        functions++;
    }
    fclose(in);
    assert_true(functions >= 45);
}

/* A compensated sum in a type wider than its inputs is not plain in that type, however short. */
static void wide_and_compensated(void **state) {
    (void)state;
    for (size_t n = 3; n <= 24; n++) {
        ask("kahan_f64", false, n, "compensated additions", "in f64");
        ask("kahan_x87", false, n, "compensated additions", "in x87");
        ask("kahan_dot_f64", true, n, "compensated additions", "");
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(every_function),
                                       cmocka_unit_test(wide_and_compensated)};
    return cmocka_run_group_tests_name("reveal_nasty", tests, set_up, tear_down);
}

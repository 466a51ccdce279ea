/*
 * child_target_test.c: functions that crash, hang, leave, print and cheat, in a shared library that
 * the test compiles, each ending in one line; and one that works, whose tree is found.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "kernels/device/device.h"
#include "kernels/tree/child_target.h"

static const char source[] =
    "#include <signal.h>\n#include <stdio.h>\n#include <stdlib.h>\n#include <unistd.h>\n"
    "float good(const float *x, size_t n) { float a = 0; for (size_t i = 0; i < n; i++)"
    " a += x[i]; return a; }\n"
    "double dot(const double *x, const double *y, size_t n) { double a = 0;"
    " for (size_t i = n; i-- > 0;) a += x[i] * y[i]; return a; }\n"
    "float crash(const float *x, size_t n) { (void)x; (void)n; raise(SIGSEGV); return 0; }\n"
    "float hang(const float *x, size_t n) { (void)x; (void)n; for (;;) pause(); }\n"
    "float leave(const float *x, size_t n) { (void)x; (void)n; exit(3); }\n"
    "float late(const float *x, size_t n) { static int k; if (++k == 50) abort();"
    " return good(x, n); }\n"
    "float noisy(const float *x, size_t n) { for (int k = 0; k < 2000; k++) puts(\"0123456789\");"
    " return good(x, n); }\n"
    "float beyond(const float *x, size_t n) { return good(x, n + 100000); }\n"
    "float cheat(const float *x, size_t n) { ((float *)x)[n - 1] = 0; return 0; }\n"
    "float cut(const float *x, size_t n) { for (int f = 3; f < 64; f++) close(f);"
    " return good(x, n); }\n";

static char folder[] = "/tmp/nanolab-child-XXXXXX", library[64], loud[64];

static int compile(const char *text, const char *name, char path[64]) {
    char c_file[64];
    snprintf(c_file, sizeof c_file, "%s/%s.c", folder, name);
    snprintf(path, 64, "%s/%s.so", folder, name);
    FILE *out = fopen(c_file, "w");
    if (!out || fputs(text, out) == EOF || fclose(out))
        return -1;
    pid_t pid = fork();
    if (pid == 0) {
        execlp("gcc", "gcc", "-O1", "-ffp-contract=off", "-shared", "-fPIC", "-o", path, c_file,
               (char *)NULL);
        _exit(127);
    }
    int status = -1;
    return pid > 0 && waitpid(pid, &status, 0) == pid && status == 0 ? 0 : -1;
}

static int set_up(void **state) {
    (void)state;
    if (!mkdtemp(folder) || compile(source, "mine", library))
        return -1;
    return compile("#include <stdlib.h>\n"
                   "__attribute__((constructor)) static void start(void) { abort(); }\n"
                   "float good(const float *x) { return x[0]; }\n",
                   "loud", loud);
}

static int tear_down(void **state) {
    (void)state;
    static const char *const names[] = {"mine.c", "mine.so", "loud.c", "loud.so"};
    char path[64];
    for (size_t k = 0; k < 4; k++) {
        snprintf(path, sizeof path, "%s/%s", folder, names[k]);
        unlink(path);
    }
    return rmdir(folder);
}

static struct child_spec of(const char *symbol) {
    return (struct child_spec){
        .library = library, .symbol = symbol, .type = ELEMENT_F32, .seconds = 5};
}

static void a_good_function(void **state) {
    (void)state;
    struct child_spec spec = of("good");
    struct recover_target target;
    struct recovery found;
    assert_int_equal(child_target_open(&target, &spec, 30), 0);
    assert_int_equal(recover(&target, 30, NULL, &found), 0);
    assert_int_equal(found.status, RECOVER_FOUND);
    assert_int_equal(tree_depth(found.tree), 29);
    assert_int_equal(found.probes, 29);
    assert_string_equal(child_target_output(&target), "");
    recovery_free(&found);
    child_target_close(&target);
}

static void a_dot_product_of_doubles(void **state) {
    (void)state;
    struct child_spec spec = of("dot");
    spec.dot = true;
    spec.type = ELEMENT_F64;
    struct recover_target target;
    struct recovery found;
    assert_int_equal(child_target_open(&target, &spec, 9), 0);
    assert_int_equal(recover(&target, 9, NULL, &found), 0);
    assert_int_equal(found.status, RECOVER_FOUND);
    char *text = tree_text(found.tree);
    assert_string_equal(text, "(0 (1 (2 (3 (4 (5 (6 (7 8))))))))");
    free(text);
    recovery_free(&found);
    child_target_close(&target);
}

/* The line in which studying `symbol` ends. */
static void ends_in(const char *symbol, double seconds, const char *line) {
    struct child_spec spec = of(symbol);
    spec.seconds = seconds;
    struct recover_target target;
    struct recovery found = {0};
    if (child_target_open(&target, &spec, 30) == 0)
        assert_int_equal(recover(&target, 30, NULL, &found), -1);
    if (!strstr(device_error(), line))
        fail_msg("%s: %s; expected: %s", symbol, device_error(), line);
    recovery_free(&found);
    child_target_close(&target);
}

static void bad_functions(void **state) {
    (void)state;
    ends_in("crash", 5, "crash was killed by signal 11 (Segmentation fault) in call 1");
    ends_in("beyond", 5, "beyond was killed by signal 11");
    ends_in("late", 5, "late was killed by signal 6 (Aborted) in call 50");
    ends_in("leave", 5, "leave ended its process with exit status 3 in call 1");
    ends_in("hang", 0.2, "hang did not return within 0.2 seconds and was killed in call 1");
    ends_in("cheat", 5, "cheat writes to its inputs");
    ends_in("cut", 5, "cut closed files that are not its own");
    ends_in("nowhere", 5, "undefined symbol: nowhere");
}

static void libraries_that_do_not_load(void **state) {
    (void)state;
    struct recover_target target;
    struct child_spec spec = of("good");
    spec.library = "/nonexistent/lib.so";
    assert_int_equal(child_target_open(&target, &spec, 3), -1);
    assert_non_null(strstr(device_error(), "/nonexistent/lib.so"));
    child_target_close(&target);
    spec.library = loud;
    assert_int_equal(child_target_open(&target, &spec, 3), -1);
    assert_non_null(strstr(device_error(), "loading the library: it was killed by signal 6"));
    child_target_close(&target);
}

/* More than a pipe holds, and more than is kept: neither blocks. */
static void printing_does_not_block(void **state) {
    (void)state;
    struct child_spec spec = of("noisy");
    struct recover_target target;
    float x[8] = {1, 2, 3, 4, 5, 6, 7, 8};
    double result = 0.0;
    assert_int_equal(child_target_open(&target, &spec, 8), 0);
    for (int k = 0; k < 10; k++)
        assert_int_equal(target.sum(target.context, x, 8, &result), 0);
    assert_true(result == 36.0);
    const char *output = child_target_output(&target);
    assert_int_equal(strlen(output), 4096);
    assert_int_equal(strncmp(output, "0123456789\n0123456789\n", 22), 0);
    child_target_close(&target);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_good_function),         cmocka_unit_test(a_dot_product_of_doubles),
        cmocka_unit_test(bad_functions),           cmocka_unit_test(libraries_that_do_not_load),
        cmocka_unit_test(printing_does_not_block),
    };
    return cmocka_run_group_tests_name("child_target", tests, set_up, tear_down);
}

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
    "#define _GNU_SOURCE\n#include <fcntl.h>\n#include <signal.h>\n#include <stdint.h>\n"
    "#include <stdio.h>\n#include <stdlib.h>\n#include <string.h>\n#include <sys/mman.h>\n"
    "#include <sys/time.h>\n#include <sys/wait.h>\n#include <unistd.h>\n"
    "#define SUM(name) float name(const float *x, size_t n)\n"
    "SUM(good) { float a = 0; for (size_t i = 0; i < n; i++) a += x[i]; return a; }\n"
    "double dot(const double *x, const double *y, size_t n) { double a = 0;"
    " for (size_t i = n; i-- > 0;) a += x[i] * y[i]; return a; }\n"
    "SUM(crash) { (void)x; (void)n; raise(SIGSEGV); return 0; }\n"
    "SUM(hang) { (void)x; (void)n; for (;;) pause(); }\n"
    "SUM(leave) { (void)x; (void)n; exit(3); }\n"
    "SUM(leave_well) { (void)x; (void)n; exit(0); }\n"
    "SUM(leave_as_119) { (void)x; (void)n; _exit(119); }\n"
    "SUM(late) { static int k; if (++k == 50) abort(); return good(x, n); }\n"
    "SUM(noisy) { for (int k = 0; k < 2000; k++) puts(\"0123456789\"); return good(x, n); }\n"
    "SUM(beyond) { return good(x, n + 100000); }\n"
    "SUM(cheat) { ((float *)x)[n - 1] = 0; return 0; }\n"
    /* Careless with files. */
    "SUM(cut) { for (int f = 0; f < 4096; f++) close(f); return good(x, n); }\n"
    "SUM(closes_twice) { static int once; if (!once++) { int f = open(\"/dev/zero\", O_RDONLY);"
    " close(f); close(f - 1); close(f - 2); open(\"/dev/zero\", O_RDWR); open(\"/dev/null\", "
    "O_RDWR);"
    " } return good(x, n); }\n"
    "SUM(closes_standard) { fclose(stdin); fclose(stdout); fclose(stderr); return good(x, n); }\n"
    "SUM(lives_on) { (void)x; (void)n; for (int f = 0; f < 64; f++) close(f);"
    " for (;;) pause(); }\n"
    /* Timers and helpers. */
    "static void tick(int s) { (void)s; }\n"
    "SUM(timer) { struct itimerval t = {{0, 300}, {0, 300}}; signal(SIGALRM, tick);"
    " setitimer(ITIMER_REAL, &t, 0); return good(x, n); }\n"
    "SUM(helper) { pid_t p = fork(); if (p == 0) _exit(7); waitpid(p, 0, 0); return good(x, n); }\n"
    "SUM(comes_back_twice) { static int once; if (!once++ && fork() == 0) return 4711;"
    " return good(x, n); }\n"
    "SUM(reaps_all) { while (waitpid(-1, 0, WNOHANG) > 0); return good(x, n); }\n"
    /* Without end: memory, shared memory, memory of helpers, processes. */
    "char *volatile kept;\n"
    "SUM(leak) { char *k = kept = malloc(50 << 20); memset(k, 1, 50 << 20); return good(x, n); }\n"
    "SUM(leak_shared) { char *k = mmap(0, 50 << 20, 3, MAP_SHARED | MAP_ANONYMOUS, -1, 0);"
    " memset(k, 1, 50 << 20); return good(x, n); }\n"
    "SUM(leak_helpers) { if (fork() == 0) { char *k = kept = malloc(100 << 20); memset(k, 1, 100 "
    "<< 20);"
    " for (;;) pause(); } usleep(20000); return good(x, n); }\n"
    "SUM(asks_at_once) { char *k = kept = malloc((size_t)1 << 44); if (!k) abort(); return good(x, "
    "n); }\n"
    "SUM(orphans) { static int once; if (!once++) for (int k = 0; k < 100; k++) if (fork() == 0) {"
    " if (k % 2) setsid(); if (k % 3 == 0 && fork()) _exit(0); sleep(60); _exit(0); }"
    " return good(x, n); }\n"
    "SUM(bomb) { for (int k = 0; k < 20; k++) if (fork() == 0) { sleep(60); _exit(0); } return "
    "good(x, n); }\n"
    "SUM(ends_its_group) { (void)x; (void)n; kill(0, SIGKILL); return 0; }\n"
    "SUM(ends_its_watcher) { (void)x; (void)n; kill(getppid(), SIGKILL); for (;;) pause(); }\n"
    "SUM(slow) { usleep(20000); return good(x, n); }\n"
    /* What is not there as asked for. */
    "float variable = 1;\n"
    "static SUM(hidden) { return good(x, n); }\nvoid *keep = (void *)hidden;\n"
    "SUM(_Z6my_sumPKfm) { return good(x, n); }\n"
    "double wide(const float *x, size_t n) { double a = 0; for (size_t i = 0; i < n; i++) a += "
    "x[i];"
    " return a; }\n"
    /* Functions of the name that libraries of nanolab's have, of another library. */
    "float cblas_sdot(int n, const float *x, int dx, const float *y, int dy) { float a = 0;"
    " for (int i = n; i-- > 0;) a += x[i * dx] * y[i * dy]; return a; }\n"
    "float by_blas(const float *x, const float *y, size_t n) { return cblas_sdot(n, x, 1, y, 1); "
    "}\n"
    /* Nothing of ours is near: no symbol, no library, no file but the standard ones. */
    "#include <dlfcn.h>\n#include <stdio.h>\n"
    "SUM(sees_symbols) { return dlsym(RTLD_DEFAULT, \"dnnl_version\") || dlsym(RTLD_DEFAULT, "
    "\"json_dumps\") ||"
    " dlsym(RTLD_DEFAULT, \"recover\") || dlsym(RTLD_DEFAULT, \"tree_new\") ? 1 : good(x, n); }\n"
    "SUM(sees_libraries) { char line[500]; int seen = 0; FILE *in = fopen(\"/proc/self/maps\", "
    "\"r\");"
    " while (in && fgets(line, sizeof line, in)) seen |= strstr(line, \"openblas\") ||"
    " strstr(line, \"jansson\") || strstr(line, \"dnnl\") || strstr(line, \"stdc++\");"
    " if (in) fclose(in); return seen ? 1 : good(x, n); }\n"
    "SUM(sees_files) { int seen = 0; for (int f = 3; f < 1024; f++) seen |= fcntl(f, F_GETFD) >= 0;"
    " return seen ? 1 : good(x, n); }\n"
    "SUM(sees_terminal) { return open(\"/dev/tty\", O_RDWR) >= 0 || read(0, &(char){0}, 1) != 0 ? 1"
    " : good(x, n); }\n";

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
        execlp("gcc", "gcc", "-O1", "-w", "-ffp-contract=off", "-shared", "-fPIC", "-o", path,
               c_file, (char *)NULL);
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
    assert_in_range(found.probes, 29, 4 * 30);
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
    ends_in("leave_well", 5, "leave_well ended its process with exit status 0 in call 1");
    ends_in("leave_as_119", 5, "ended its process with exit status 119 in call 1");
    ends_in("hang", 0.2, "hang did not return within 0.2 seconds and was killed in call 1");
    ends_in("lives_on", 0.2, "lives_on did not return within 0.2 seconds and was killed");
    ends_in("cheat", 5, "cheat writes to its inputs");
    ends_in("ends_its_group", 5, "ends_its_group was killed by signal 9");
    ends_in("ends_its_watcher", 5, "ends_its_watcher killed the process that watches it");
    ends_in("asks_at_once", 5, "asks_at_once was killed by signal 6");
}

static void limits_on_the_whole(void **state) {
    (void)state;
    static const char *const greedy[] = {"leak", "leak_shared", "leak_helpers"};
    struct child_spec spec;
    struct recover_target target;
    struct recovery found = {0};
    for (size_t k = 0; k < sizeof greedy / sizeof *greedy; k++) {
        spec = of(greedy[k]);
        spec.megabytes = 300;
        assert_int_equal(child_target_open(&target, &spec, 30), 0);
        assert_int_equal(recover(&target, 30, NULL, &found), -1);
        if (!strstr(device_error(), "took more than 300 MiB of memory"))
            fail_msg("%s: %s", greedy[k], device_error());
        child_target_close(&target);
    }
    ends_in("bomb", 5, "bomb started more than 512 processes");
    spec = of("slow");
    spec.total_seconds = 0.5;
    assert_int_equal(child_target_open(&target, &spec, 30), 0);
    assert_int_equal(recover(&target, 30, NULL, &found), -1);
    assert_non_null(strstr(device_error(), "slow took more than 0.5 seconds in all calls"));
    child_target_close(&target);
}

/* Processes that left the group, or whose parent is gone, are ended too. */
static void nothing_is_left(void **state) {
    (void)state;
    struct child_spec spec = of("orphans");
    struct recover_target target;
    float x[8] = {1, 2, 3, 4, 5, 6, 7, 8};
    double result = 0.0;
    assert_int_equal(child_target_open(&target, &spec, 8), 0);
    assert_int_equal(target.sum(target.context, x, 8, &result), 0);
    assert_true(result == 36.0);
    char command[200];
    snprintf(command, sizeof command, "grep -lsF %s /proc/[0-9]*/maps | wc -l >%s/count", library,
             folder);
    assert_int_equal(system(command), 0);
    snprintf(command, sizeof command, "test $(cat %s/count) -ge 50", folder);
    assert_int_equal(system(command), 0);
    child_target_close(&target);
    snprintf(command, sizeof command, "! grep -qsF %s /proc/[0-9]*/maps; rm %s/count", library,
             folder);
    assert_int_equal(system(command), 0);
    assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
}

static void ordinary_functions(void **state) {
    (void)state;
    static const char *const names[] = {
        "cut",          "closes_twice",     "closes_standard", "timer",          "helper",
        "reaps_all",    "comes_back_twice", "sees_symbols",    "sees_libraries", "sees_files",
        "sees_terminal"};
    for (size_t k = 0; k < sizeof names / sizeof *names; k++) {
        struct child_spec spec = of(names[k]);
        struct recover_target target;
        struct recovery found;
        assert_int_equal(child_target_open(&target, &spec, 12), 0);
        if (recover(&target, 12, NULL, &found) || found.status != RECOVER_FOUND)
            fail_msg("%s: %s %s", names[k], found.why, device_error());
        assert_int_equal(tree_depth(found.tree), 11);
        recovery_free(&found);
        child_target_close(&target);
    }
}

/* This test is linked to OpenBLAS, whose cblas_sdot the library must not see. */
static void symbols_are_the_librarys_own(void **state) {
    (void)state;
    struct child_spec spec = of("by_blas");
    struct recover_target target;
    struct recovery found;
    spec.dot = true;
    assert_int_equal(child_target_open(&target, &spec, 8), 0);
    assert_int_equal(recover(&target, 8, NULL, &found), 0);
    assert_int_equal(found.status, RECOVER_FOUND);
    char *text = tree_text(found.tree);
    assert_string_equal(text, "(0 (1 (2 (3 (4 (5 (6 7)))))))");
    free(text);
    recovery_free(&found);
    child_target_close(&target);
}

static void what_is_not_there(void **state) {
    (void)state;
    ends_in("nowhere", 5, "no symbol nowhere in ");
    ends_in("my_sum", 5, "my_sum is a C++ function there (_Z6my_sumPKfm); declare it extern \"C\"");
    ends_in("hidden", 5, "not exported (static or hidden)");
    ends_in("variable", 5, "variable is a variable, not a function; give the name of a function");
    struct child_spec spec = of("wide");
    struct recover_target target;
    float x[3] = {1, 2, 3};
    double result = 0.0;
    assert_int_equal(child_target_open(&target, &spec, 3), 0);
    assert_int_equal(target.sum(target.context, x, 3, &result), 0);
    assert_true(result != 6.0 && child_target_other(&target) == 6.0);
    child_target_close(&target);
    spec.returns_f64 = true;
    assert_int_equal(child_target_open(&target, &spec, 3), 0);
    assert_int_equal(target.sum(target.context, x, 3, &result), 0);
    assert_true(result == 6.0);
    child_target_close(&target);
}

/* Standard files of this process that are closed are no obstacle. */
static void without_standard_files(void **state) {
    (void)state;
    int keep[3], status;
    for (int k = 0; k < 3; k++)
        keep[k] = dup(k);
    for (int k = 0; k < 3; k++)
        close(k);
    struct child_spec spec = of("good");
    struct recover_target target;
    float x[3] = {1, 2, 3};
    double result = 0.0;
    status = child_target_open(&target, &spec, 3);
    if (!status)
        status = target.sum(target.context, x, 3, &result);
    child_target_close(&target);
    for (int k = 0; k < 3; k++) {
        dup2(keep[k], k);
        close(keep[k]);
    }
    assert_int_equal(status, 0);
    assert_true(result == 6.0);
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
        cmocka_unit_test(a_good_function),
        cmocka_unit_test(a_dot_product_of_doubles),
        cmocka_unit_test(bad_functions),
        cmocka_unit_test(limits_on_the_whole),
        cmocka_unit_test(nothing_is_left),
        cmocka_unit_test(ordinary_functions),
        cmocka_unit_test(symbols_are_the_librarys_own),
        cmocka_unit_test(what_is_not_there),
        cmocka_unit_test(without_standard_files),
        cmocka_unit_test(libraries_that_do_not_load),
        cmocka_unit_test(printing_does_not_block),
    };
    return cmocka_run_group_tests_name("child_target", tests, set_up, tear_down);
}

/*
 * ptx_build_test.c: the cache of compiled kernels: an entry serves again, a damaged one is made
 * again, a folder that others may write is not used; and what is said where something is missing.
 */
#include "kernels/ptx/ptx_fixture.h"

#include <dirent.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static char folder[] = "/tmp/nanolab-ptx-XXXXXX";

static int make_folder(void **state) {
    (void)state;
    return mkdtemp(folder) && setenv("XDG_CACHE_HOME", folder, 1) == 0 ? 0 : -1;
}

static int remove_folder(void **state) {
    (void)state;
    char command[100];
    snprintf(command, sizeof command, "rm -rf '%s'", folder);
    return system(command) == 0 ? 0 : -1;
}

/* The path of the one entry. */
static void entry(char path[600]) {
    char name[300];
    snprintf(name, sizeof name, "%s/nanolab/ptx", folder);
    DIR *files = opendir(name);
    int count = 0;
    assert_non_null(files);
    for (struct dirent *file; (file = readdir(files));)
        if (file->d_name[0] != '.') {
            snprintf(path, 600, "%s/%s", name, file->d_name);
            count++;
        }
    closedir(files);
    assert_int_equal(count, 1);
}

static uint64_t runs(void) {
    struct ptx_counts before, after;
    uint32_t *word = ptx_malloc(4);
    ptx_counts(&before);
    *word = 0;
    if (ptx_test_body("mov.u32 %r2, 7; st.global.u32 [%rd1], %r2;", 1, 1, word) != 0)
        fail_msg("%s", device_error());
    assert_int_equal(*word, 7);
    ptx_free(word);
    ptx_counts(&after);
    assert_int_equal(after.kernels - before.kernels, 1);
    return after.compiled - before.compiled;
}

static void an_entry_serves_again_and_a_damaged_one_does_not(void **state) {
    (void)state;
    char path[600];
    if (ptx_compiler_found() != 0)
        skip();
    assert_int_equal(runs(), 1);
    assert_int_equal(runs(), 0);
    entry(path);
    FILE *file = fopen(path, "r+b");
    assert_non_null(file);
    fseek(file, 4000, SEEK_SET);
    int byte = fgetc(file);
    fseek(file, 4000, SEEK_SET);
    fputc(byte ^ 1, file);
    fclose(file);
    assert_int_equal(runs(), 1);
    assert_int_equal(runs(), 0);
    assert_int_equal(truncate(path, 100), 0);
    assert_int_equal(runs(), 1);
    assert_int_equal(truncate(path, 0), 0);
    assert_int_equal(runs(), 1);
    assert_int_equal(runs(), 0);
}

/* In a process of its own, as what was found once stays found. */
static void expect_in_child(int (*run)(void), const char *what) {
    fflush(NULL);
    pid_t child = fork();
    if (child == 0)
        _exit(run() != 0 && strstr(device_error(), what) ? 0 : 1);
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

static int run_one(void) {
    uint32_t *word = ptx_malloc(4);
    return ptx_test_body("mov.u32 %r2, 8; st.global.u32 [%rd1], %r2;", 1, 1, word);
}

static int in_others_folder(void) {
    char path[100];
    snprintf(path, sizeof path, "%s/nanolab/ptx", folder);
    return chmod(path, 0777) == 0 ? run_one() : 0;
}

static int without_a_home(void) {
    unsetenv("XDG_CACHE_HOME");
    unsetenv("HOME");
    return run_one();
}

static void what_is_missing_is_said(void **state) {
    (void)state;
    if (ptx_compiler_found() != 0)
        skip();
    assert_int_equal(runs(), 0);
    expect_in_child(in_others_folder, "no folder that only its owner may write");
    char path[100];
    snprintf(path, sizeof path, "%s/nanolab/ptx", folder);
    assert_int_equal(chmod(path, 0700), 0);
    expect_in_child(without_a_home, "set XDG_CACHE_HOME");
}

/* Before anything asks for a compiler in this process. */
static int without_a_path(void) {
    setenv("PATH", "/nonexistent", 1);
    return ptx_compiler_found();
}

static void no_compiler_is_said(void **state) {
    (void)state;
    expect_in_child(without_a_path, "there is no C compiler here");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_compiler_is_said),
        cmocka_unit_test(an_entry_serves_again_and_a_damaged_one_does_not),
        cmocka_unit_test(what_is_missing_is_said),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}

/*
 * profile_test.c: scripts/profile asks the profiler which metrics it knows before it asks for any,
 * takes the fallbacks, and says what it left out. The profiler here is a script of the test's.
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

#include "harness/page/home.h"
#include "harness/store/result.h"

static char tree[] = "/tmp/profile-XXXXXX";
static char home[FOLDER_PATH], said[8192], asked[4096];

static void read_file(const char *name, char *text, size_t size) {
    FILE *file = fopen(name, "r");
    size_t n = file ? fread(text, 1, size - 1, file) : 0;
    text[n] = '\0';
    if (file)
        fclose(file);
}

static int write_file(const char *name, const char *text, mode_t mode) {
    FILE *file = fopen(name, "w");
    int failed = !file || fputs(text, file) < 0;
    if (file)
        failed = fclose(file) != 0 || failed;
    return failed ? -1 : chmod(name, mode);
}

static int run(const char *command) {
    char whole[FOLDER_PATH];
    snprintf(whole, sizeof whole, "rm -f asked; { %s; } >output 2>&1", command);
    int status = system(whole);
    read_file("output", said, sizeof said);
    read_file("asked", asked, sizeof asked);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

/* Lists what stands in the file `list`; asked for a profile, writes down for what, and a row. */
static const char fake_ncu[] = "#!/bin/bash\n"
                               "if [ \"$1\" = --query-metrics ]; then cat list; exit; fi\n"
                               "echo \"$*\" >asked\n"
                               "while [ $# -gt 0 ]; do\n"
                               "    [ \"$1\" = --log-file ] && echo '\"ID\",\"a row\"' >\"$2\"\n"
                               "    shift\n"
                               "done\n";

static const char list[] =
    "Device Some GPU (GX100)\n"
    "------------------------------- ---------- --------- ------------------------------\n"
    "Metric Name                     Type       Unit      Description\n"
    "------------------------------- ---------- --------- ------------------------------\n"
    "dram__bytes_read                Counter    byte      # of bytes read from DRAM\n"
    "lts__t_sectors_op_read          Counter    sector    # of LTS sectors for reads\n"
    "smsp__stalled_per_issue_active  Ratio      inst      # of warps\n";

static int begin(void **state) {
    (void)state;
    char command[3 * FOLDER_PATH], path[FOLDER_PATH];
    if (home_find(home, sizeof home) != 0 || !mkdtemp(tree) || chdir(tree) != 0)
        return -1;
    snprintf(command, sizeof command,
             "mkdir -p scripts tools build/labs labs/04-a labs/05-b && cp '%s/scripts/profile' "
             "scripts/",
             home);
    snprintf(path, sizeof path, "%s/tools:%s", tree, getenv("PATH"));
    if (system(command) != 0 || setenv("PATH", path, 1) != 0 ||
        write_file("tools/ncu", fake_ncu, 0755) != 0 ||
        write_file("build/labs/04-a", "#!/bin/sh\n", 0755) != 0)
        return -1;
    unsetenv("B");
    return write_file("build/labs/05-b", "#!/bin/sh\n", 0755);
}

static int end(void **state) {
    (void)state;
    char command[100];
    snprintf(command, sizeof command, "rm -rf %s", tree);
    return chdir("/") == 0 && system(command) == 0 ? 0 : -1;
}

static void takes_what_is_known(void **state) {
    (void)state;
    assert_int_equal(write_file("list", list, 0644), 0);
    assert_int_equal(write_file("labs/04-a/counters",
                                "# a remark\n"
                                "gpu dram__bytes_read.sum\n"
                                "gpu lts__t_sectors_srcunit_tex.sum|lts__t_sectors_op_read.sum\n"
                                "gpu smsp__stalled.ratio|smsp__never.ratio\n"
                                "gpu dram__bytes.sum\n"
                                "gpu smsp__stalled_per_issue_active.ratio|smsp__other.ratio\n"
                                "gpu launch__registers_per_thread\n"
                                "cpu cycles\n",
                                0644),
                     0);
    assert_int_equal(run("scripts/profile 04 04/a/case"), 0);
    /* All that is known, in its order; dram__bytes is no part of dram__bytes_read. */
    assert_non_null(strstr(asked, " --metrics dram__bytes_read.sum,lts__t_sectors_op_read.sum,"
                                  "smsp__stalled_per_issue_active.ratio,"
                                  "launch__registers_per_thread "));
    assert_non_null(strstr(asked, "--cache-control none"));
    assert_non_null(strstr(asked, "--clock-control none"));
    assert_non_null(strstr(said, "lts__t_sectors_op_read.sum for lts__t_sectors_srcunit_tex.sum"));
    assert_non_null(
        strstr(said, "left out, unknown on this GPU: smsp__stalled.ratio, smsp__never.ratio"));
    assert_non_null(strstr(said, "left out, unknown on this GPU: dram__bytes.sum"));
    assert_null(strstr(said, "dram__bytes_read"));
    assert_non_null(strstr(said, "a row"));
}

static void probes_its_own_list_too(void **state) {
    (void)state;
    assert_int_equal(write_file("list", list, 0644), 0);
    assert_int_equal(run("scripts/profile 05 05/b/case"), 0);
    assert_non_null(strstr(asked, " --metrics dram__bytes_read.sum,lts__t_sectors_op_read.sum,"
                                  "launch__registers_per_thread "));
}

static void asks_for_nothing_that_is_not_there(void **state) {
    (void)state;
    assert_int_equal(write_file("labs/04-a/counters", "gpu dram__bytes_read.sum\n", 0644), 0);
    /* A profiler without a GPU lists nothing. */
    assert_int_equal(write_file("list", "==ERROR== no supported GPU\n", 0644), 0);
    assert_int_equal(run("scripts/profile 04 04/a/case"), 2);
    assert_non_null(strstr(said, "lists no metrics"));
    assert_string_equal(asked, "");
    /* Or none of those asked for. */
    assert_int_equal(write_file("list", "sm__cycles_active Counter cycle #\n", 0644), 0);
    assert_int_equal(run("scripts/profile 04 04/a/case"), 2);
    assert_non_null(strstr(said, "knows none of the metrics"));
    assert_string_equal(asked, "");
    /* Or fails. */
    assert_int_equal(unlink("list"), 0);
    assert_int_equal(run("scripts/profile 04 04/a/case"), 2);
    assert_non_null(strstr(said, "cannot list its metrics"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(takes_what_is_known),
        cmocka_unit_test(probes_its_own_list_too),
        cmocka_unit_test(asks_for_nothing_that_is_not_there),
    };
    return cmocka_run_group_tests_name("profile", tests, begin, end);
}

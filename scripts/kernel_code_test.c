/*
 * kernel_code_test.c: scripts/kernel-code gives one hash to one source, in whichever folder it was
 * compiled, and another to other code; harness/store/changes.awk refuses lines that are malformed.
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
#include "harness/store/build_info.h"

static char tree[] = "/tmp/kernel-code-XXXXXX";
static char home[FOLDER_PATH];

static void write_file(const char *name, const char *text) {
    FILE *file = fopen(name, "w");
    assert_non_null(file);
    fputs(text, file);
    assert_int_equal(fclose(file), 0);
}

/* What a command prints, both streams together; its exit status. */
static int run(const char *command, char *out, size_t size) {
    char all[2 * FOLDER_PATH];
    snprintf(all, sizeof all, "exec 2>&1; %s", command);
    FILE *pipe = popen(all, "r");
    assert_non_null(pipe);
    size_t n = fread(out, 1, size - 1, pipe);
    out[n] = '\0';
    int status = pclose(pipe);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

/* Compiles a text as `folder`/k.c, and hashes that. */
static const char *hash_of(const char *folder, const char *text) {
    static char out[4][400];
    static int turn;
    char *own = out[turn = (turn + 1) % 4], command[2 * FOLDER_PATH];
    mkdir(folder, 0777);
    snprintf(command, sizeof command, "%s/k.c", folder);
    write_file(command, text);
    snprintf(command, sizeof command,
             "cd %s && ${CC:-cc} -O2 -g -c k.c -o k.o && '%s/scripts/kernel-code' k k.o", folder,
             home);
    if (run(command, own, sizeof out[0]) != 0)
        fail_msg("%s", own);
    assert_int_equal(strlen(own), 2 + 16 + 1);
    return own;
}

#define KERNEL(constant, comment)                                                                  \
    "#include <stdio.h>\nstatic const float table[] = {1, 2, " constant "};\nint other(float);\n"  \
    "static int inner(int k) { return other(table[k]) + 7; } " comment "\n"                        \
    "int kernel(int k) { puts(\"a text\"); return inner(k) * 3; }\n"
static const char kernel[] = KERNEL("3", "");

static void the_same_wherever_it_is_compiled(void **state) {
    (void)state;
    char first[40];
    snprintf(first, sizeof first, "%s", hash_of("here", kernel));
    assert_string_equal(hash_of("in-a-folder-of-a-much-longer-name", kernel), first);
    assert_string_equal(hash_of("here", KERNEL("3", "/* a\n\n\n comment of some lines */")), first);
}

static void other_code_is_another_hash(void **state) {
    (void)state;
    char hashes[5][40];
    static const char *const texts[] = {
        kernel,
        KERNEL("4", ""), /* in a table */
        /* a constant in an instruction; another function called; another text */
        "#include <stdio.h>\nstatic const float table[] = {1, 2, 3};\nint other(float);\n"
        "static int inner(int k) { return other(table[k]) + 8; }\n"
        "int kernel(int k) { puts(\"a text\"); return inner(k) * 3; }\n",
        "#include <stdio.h>\nstatic const float table[] = {1, 2, 3};\nint othes(float);\n"
        "static int inner(int k) { return othes(table[k]) + 7; }\n"
        "int kernel(int k) { puts(\"a text\"); return inner(k) * 3; }\n",
        "#include <stdio.h>\nstatic const float table[] = {1, 2, 3};\nint other(float);\n"
        "static int inner(int k) { return other(table[k]) + 7; }\n"
        "int kernel(int k) { puts(\"b text\"); return inner(k) * 3; }\n",
    };
    for (int k = 0; k < 5; k++) {
        snprintf(hashes[k], sizeof hashes[k], "%s", hash_of("here", texts[k]));
        for (int i = 0; i < k; i++)
            assert_string_not_equal(hashes[i], hashes[k]);
    }
}

static void what_is_no_object_is_named(void **state) {
    (void)state;
    char out[600], command[2 * FOLDER_PATH];
    write_file("no-object", "words");
    snprintf(command, sizeof command, "'%s/scripts/kernel-code' k no-object", home);
    assert_int_not_equal(run(command, out, sizeof out), 0);
    assert_non_null(strstr(out, "no-object: no object"));
}

/* nvcc names what is a file's own after a process's number, too. */
static void device_code_by_architecture(void **state) {
    (void)state;
    char out[2][600], nvcc[300], command[2 * FOLDER_PATH];
    if (run("command -v nvcc || ls /usr/local/cuda/bin/nvcc", nvcc, sizeof nvcc) != 0) {
        print_message("nvcc is not here\n");
        skip();
    }
    nvcc[strcspn(nvcc, "\n")] = '\0';
    for (int k = 0; k < 2; k++) {
        const char *folder = k ? "gpu" : "another-gpu";
        mkdir(folder, 0777);
        snprintf(command, sizeof command, "%s/k.cu", folder);
        write_file(command, "namespace { __constant__ float table[2] = {1, 2};\n"
                            "__global__ void kernel(float *x) { x[threadIdx.x] *= table[1]; } }\n"
                            "void launch(float *x) { kernel<<<1, 32>>>(x); }\n");
        snprintf(command, sizeof command,
                 "cd %s && mkdir -p keep && '%s' --keep --keep-dir keep -arch=sm_90 -c k.cu -o k.o "
                 "&& '%s/scripts/kernel-code' --gpu k.cu keep",
                 folder, nvcc, home);
        if (run(command, out[k], sizeof out[k]) != 0)
            fail_msg("%s", out[k]);
    }
    assert_int_equal(strncmp(out[0], "k.cu:sm_90 ", 11), 0);
    assert_string_equal(out[0], out[1]);
}

/* --- results/changes.tsv -----------------------------------------------------------------------
 */

static void malformed_lines_are_named(void **state) {
    (void)state;
    static const struct {
        const char *line, *says;
    } tries[] = {
        {"01/time/\tv0.2\t2026-11-28", "3 fields in place of 4"},
        {"01/time/\tv0.2\t2026-11-28\ta\tb", "5 fields in place of 4"},
        {"", "0 fields in place of 4"},
        {"sums\tv0.2\t2026-11-28\twhat", "\"sums\" begins no id of a case"},
        {"*\tv 0.2\t2026-11-28\twhat", "\"v 0.2\" is no version"},
        {"*\tv0.2\t28.11.2026\twhat", "\"28.11.2026\" is no date"},
        {"*\tv0.2\t2025-11-28\twhat", "older than the line before"},
        {"*\tv0.2\t2026-11-28\t\"what\"", "no plain sentence"},
        {"*\tv0.2\t2026-11-28\t", "no plain sentence"},
    };
    char out[2000], command[2 * FOLDER_PATH], text[300];
    for (size_t k = 0; k < sizeof tries / sizeof *tries; k++) {
        snprintf(text, sizeof text, "# a head\n*\tv0.1\t2026-11-21\tthe first\n%s\n",
                 tries[k].line);
        write_file("changes.tsv", text);
        snprintf(command, sizeof command, "awk -f '%s/harness/store/changes.awk' changes.tsv",
                 home);
        assert_int_equal(run(command, out, sizeof out), 2);
        if (!strstr(out, "changes.tsv:3: ") || !strstr(out, tries[k].says))
            fail_msg("\"%s\" is not in:\n%s", tries[k].says, out);
    }
}

static void this_build_has_its_tables(void **state) {
    (void)state;
    char command[2 * FOLDER_PATH], out[40];
    snprintf(command, sizeof command, "grep -vc '^#' '%s/results/changes.tsv'", home);
    assert_int_equal(run(command, out, sizeof out), 0);
    assert_int_equal(build_change_count(), atoi(out));
    size_t count = 0;
    for (; build_kernels[count].name; count++) {
        assert_int_equal(strlen(build_kernels[count].code), 16);
        if (count > 0) /* no name twice */
            assert_true(strcmp(build_kernels[count - 1].name, build_kernels[count].name) < 0);
    }
    assert_true(count > 50);
}

static int setup(void **state) {
    (void)state;
    if (home_find(home, sizeof home) != 0 || !mkdtemp(tree) || chdir(tree) != 0)
        return -1;
    return 0;
}

static int teardown(void **state) {
    (void)state;
    char command[100];
    snprintf(command, sizeof command, "rm -rf %s", tree);
    return chdir("/") == 0 && system(command) == 0 ? 0 : -1;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_same_wherever_it_is_compiled),
        cmocka_unit_test(other_code_is_another_hash),
        cmocka_unit_test(what_is_no_object_is_named),
        cmocka_unit_test(device_code_by_architecture),
        cmocka_unit_test(malformed_lines_are_named),
        cmocka_unit_test(this_build_has_its_tables),
    };
    return cmocka_run_group_tests_name("kernel_code", tests, setup, teardown);
}

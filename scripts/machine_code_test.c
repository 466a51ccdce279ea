/*
 * machine_code_test.c: what the models of bits stand on is in our machine code, on every
 * architecture that nvcc knows, and scripts/machine-code can tell: it is also given kernels with
 * planted faults. Compiles and disassembles; no GPU.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "harness/page/home.h"
#include "harness/store/result.h"

static char home[FOLDER_PATH], build[2 * FOLDER_PATH];
static char said[1 << 16];

static int run(const char *format, ...) __attribute__((format(printf, 1, 2)));
static int run(const char *format, ...) {
    char command[6 * FOLDER_PATH];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(command, sizeof command, format, arguments);
    va_end(arguments);
    FILE *pipe = popen(command, "r");
    assert_non_null(pipe);
    size_t n = fread(said, 1, sizeof said - 1, pipe);
    said[n] = '\0';
    int status = pclose(pipe);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

/* Both tools are wherever the script looks for them. Of builds without CUDA objects one test of all
 * this is enough, and the plain build has it. */
static void needs_tools(void) {
    char archs[64] = "";
    char path[sizeof build + 20];
    snprintf(path, sizeof path, "%s/cuda-archs", build);
    FILE *file = fopen(path, "r");
    if (file) {
        if (!fgets(archs, sizeof archs, file))
            archs[0] = '\0';
        fclose(file);
    }
    if (archs[0] < '0') {
        print_message("this build has no CUDA objects; NVCC, or CUDA_ARCHS=test, makes them\n");
        skip();
    }
    static bool here;
    if (!here && run("'%s/scripts/machine-code' shapes --archs 80 2>&1", home) == 77) {
        print_message("%s", said);
        skip();
    }
    here = true;
}

static void ours(const char *arguments) {
    int status =
        run("cd '%s' && NANOLAB_BUILD='%s' scripts/machine-code %s 2>&1", home, build, arguments);
    if (status != 0)
        fail_msg("status %d:\n%s", status, said);
}

static void has(const char *words) {
    if (!strstr(said, words))
        fail_msg("\"%s\" is not in:\n%s", words, said);
}

static void test_matrix_instructions(void **state) {
    (void)state;
    needs_tools();
    ours("shapes fp8");
    has("QMMA.16832.F32.E4M3.E4M3");
    has("low pairs HMMA.16816.F32 from 0, high pairs HMMA.16816.F32 on top, FADD");
    has("4 HMMA.1688.F32, chains of 2");
    has("no matrix unit: 32 FFMA, 8 FADD");
    has(", 0 not\n");
}

static void test_updates(void **state) {
    (void)state;
    needs_tools();
    ours("--archs '80 86 89 90 100 120' atomics");
    has("RED F32");
    has("ATOMG F32");
    has("RED F16x2");
    has("RED BF16x2");
}

/* The control: our own kernels, compiled with the one flag that fuses what nobody wrote fused. */
static void test_fused_updates_are_found(void **state) {
    (void)state;
    needs_tools();
    int status = run("cd '%s' && scripts/machine-code atomics --archs 90 --flags "
                     "'-fmad=true -ftz=false -prec-div=true -prec-sqrt=true' 2>&1",
                     home);
    if (status != 1)
        fail_msg("status %d:\n%s", status, said);
    has("such as DFMA in atomics_");
    has(", 1 not\n");
}

/* As built: for the other architectures this takes half a minute each. */
static void test_kernels(void **state) {
    (void)state;
    needs_tools();
    ours("--built sum chase roofs kernels");
    has("no FMA, no FTZ");
    has("FMA where written, no FTZ");
    has("no MEMBAR.SC");
    has("as wide as written");
    has("16 bytes at once");
    has("a loop of 8 loads, each of what the one before it loaded");
    has(", 0 not\n");
}

static void test_registers(void **state) {
    (void)state;
    needs_tools();
    int status = run("cd '%s' && NANOLAB_BUILD='%s' scripts/machine-code --built registers 2>&1",
                     home, build);
    if (strstr(said, "not compared") || strstr(said, "leave out --built")) {
        print_message("%s", said);
        skip();
    }
    if (status != 0)
        fail_msg("status %d:\n%s", status, said);
    has("sum.cu");
    has("as recorded");
}

/* A table, and what ptxas reports of a kernel that is in it. */
static void test_a_new_spill_is_found(void **state) {
    (void)state;
    static const struct {
        const char *report, *saw; /* saw: NULL where nothing is wrong */
    } cases[] = {
        {"0 bytes stack frame, 0 bytes spill stores, 0 bytes spill loads\n"
         "ptxas info    : Used 40 registers",
         NULL},
        {"8 bytes stack frame, 8 bytes spill stores, 4 bytes spill loads\n"
         "ptxas info    : Used 40 registers",
         "1 new spills, such as walk: 40 spills 8/4, recorded: 40"},
        {"0 bytes stack frame, 0 bytes spill stores, 0 bytes spill loads\n"
         "ptxas info    : Used 41 registers",
         "1 others, such as walk: 41, recorded: 40"},
    };
    for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
        assert_int_equal(
            run("python3 - '%s' '%s' <<'END'\n"
                "import sys\n"
                "sys.dont_write_bytecode = True\n"
                "sys.path.insert(0, sys.argv[1] + '/scripts/machine_code')\n"
                "import disassembly, registers\n"
                "registers.TABLE_HERE.archs = ['80']\n"
                "registers.TABLE_HERE.rows = {('kernels/x.cu', 'walk'): {'80': '40'}}\n"
                "report = \"ptxas info    : Compiling entry function '_Z4walkv' for 'sm_80'\\n\"\n"
                "print(registers.compare(disassembly.Compiled('', report + sys.argv[2],\n"
                "                                             'kernels/x.cu', '80')))\n"
                "END\n",
                home, cases[k].report),
            0);
        has(cases[k].saw ? cases[k].saw : "as recorded");
        if (cases[k].saw)
            has("record it: scripts/machine-code registers --record");
    }
}

static void test_matrix_products(void **state) {
    (void)state;
    char path[sizeof home + 40];
    snprintf(path, sizeof path, "%s/kernels/mma/mma_sync.cu", home);
    if (access(path, F_OK) != 0)
        skip();
    needs_tools();
    ours("--built mma wmma wgmma");
    has("m16n8k16 bf16 acc32");
    has(", 0 not\n");
}

/* Only what differs from what is right may be told from it. */
static void test_planted(void **state) {
    (void)state;
    static const struct {
        const char *check, *arch, *flags, *saw; /* saw: NULL where nothing is wrong */
    } cases[] = {
        {"fp8", "100", "-fmad=false -DPLANT=1", NULL},
        {"fp8", "100", "-fmad=false -DPLANT=2", "the first product takes pairs with k mod 4 in {2"},
        {"fp8", "100", "-fmad=false -DPLANT=3", "starts from neither zero nor a first product"},
        {"fp8", "100", "-fmad=false -DPLANT=4", "0 on top of one"},
        {"fp8", "100", "-fmad=false -DPLANT=5", "WRONG: the "},
        {"fp8", "100", "-fmad=false -DPLANT=6", "3 of 4 FADD add C"},
        {"atomics", "80", "-DPLANT=7", "ATOMG F32"},
        {"shapes", "80", "-DPLANT=8", "2 HMMA.1688.F32, chains of 2"},
        {"chase", "80", "-DPLANT=9", "MEMBAR.SC.GPU in hand_over"},
        {"chase", "80", "-DPLANT=10", "is not of what the one before it loaded"},
        {"sum", "80", "-DPLANT=11", "0 of 2 loads of 8 bytes in sum_tiles"},
        {"sum", "90", "-fmad=false", NULL},
        {"sum", "90", "-fmad=true", "FFMA in sum_of_products"},
        {"sum", "90", "-fmad=false -ftz=true", ".FTZ in sum_of_products"},
    };
    needs_tools();
    for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
        const char *check = cases[k].check;
        int status = run("cd '%s' && scripts/machine-code %s --json --archs %s --flags '%s' "
                         "--source %s=scripts/machine_code/planted.cu 2>/dev/null | "
                         "grep -v -e '\"saw\": null' -e 'no such kernel'",
                         home, check, cases[k].arch, cases[k].flags, check);
        const char *wrong = strstr(said, "\"holds\": false");
        if (status != 0 || !!wrong != !!cases[k].saw ||
            (cases[k].saw && !strstr(said, cases[k].saw)))
            fail_msg("%s, %s, status %d: %s", check, cases[k].flags, status, said);
    }
}

static void test_another_architecture_is_another(void **state) {
    (void)state;
    needs_tools();
    assert_int_equal(run("cd '%s' && scripts/machine-code fp8 --archs '90' --expect 89 2>&1", home),
                     1);
    has("NOT QMMA.16832.F32.E4M3.E4M3");
    has("0 as the models have it, 3 not");
    assert_int_equal(
        run("cd '%s' && scripts/machine-code shapes --archs 80 --expect 75 2>&1", home), 1);
    has("NOT 4 HMMA.1688.F32, chains of 2");
}

static void test_what_is_missing_is_said(void **state) {
    (void)state;
    char tree[] = "/tmp/machine-code-XXXXXX";
    assert_non_null(mkdtemp(tree));
    assert_int_equal(
        run("printf '#!/bin/sh\\necho sm_80\\n' >%s/nvcc && chmod +x %s/nvcc", tree, tree), 0);
    /* An nvdisasm may be in PATH, and python3 may be a script that wants to find more there. */
    assert_int_equal(run("env -u NVDISASM PATH= XDG_CACHE_HOME=%s NVCC=%s/nvcc "
                         "\"$(python3 -c 'import sys; print(sys.executable)')\" "
                         "'%s/scripts/machine-code' 2>&1",
                         tree, tree, home),
                     77);
    has("scripts/install-deps --test brings it");
    assert_int_equal(run("rm -r %s", tree), 0);
}

static void test_bad_lines(void **state) {
    (void)state;
    static const char *const bad[] = {"--archs",  "--archs 70",        "--wrong",
                                      "nonsense", "--source fp8=/no/", "--source x=/dev/null"};
    for (size_t k = 0; k < sizeof bad / sizeof *bad; k++) {
        assert_int_equal(run("'%s/scripts/machine-code' %s 2>&1", home, bad[k]), 2);
        has("machine-code: ");
    }
    assert_int_equal(run("'%s/scripts/machine-code' --help", home), 0);
    has("--json");
}

static int begin(void **state) {
    (void)state;
    const char *built = getenv("NANOLAB_BUILD");
    if (home_find(home, sizeof home) != 0)
        return -1;
    built = built ? built : "build";
    snprintf(build, sizeof build, "%s%s%s", *built == '/' ? "" : home, *built == '/' ? "" : "/",
             built);
    return 0;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_matrix_instructions),
        cmocka_unit_test(test_updates),
        cmocka_unit_test(test_fused_updates_are_found),
        cmocka_unit_test(test_kernels),
        cmocka_unit_test(test_registers),
        cmocka_unit_test(test_a_new_spill_is_found),
        cmocka_unit_test(test_matrix_products),
        cmocka_unit_test(test_planted),
        cmocka_unit_test(test_another_architecture_is_another),
        cmocka_unit_test(test_what_is_missing_is_said),
        cmocka_unit_test(test_bad_lines),
    };
    return cmocka_run_group_tests_name("machine_code", tests, begin, NULL);
}

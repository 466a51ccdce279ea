/*
 * reveal_test.c: `nanolab reveal` from outside: what it prints, what it draws, and how it ends.
 * Needs bin/nanolab-reveal beside the tests of the same build (make build).
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

#include <jansson.h>

#include "harness/cli/tool_fixture.h"

static char program[4096], folder[] = "/tmp/nanolab-reveal-XXXXXX";
static char said[1 << 16], warned[1 << 12];

static int set_up(void **state) {
    (void)state;
    if (!mkdtemp(folder) || tool_find("nanolab-reveal", program, sizeof program) != 0)
        return -1;
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    char command[128];
    snprintf(command, sizeof command, "rm -rf %s", folder);
    return system(command);
}

static void read_back(const char *name, char *to, size_t size) {
    char path[128];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *in = fopen(path, "r");
    size_t got = in ? fread(to, 1, size - 1, in) : 0;
    to[got] = '\0';
    if (in)
        fclose(in);
}

/* Types a line in the folder; returns its exit status. */
static int type(const char *arguments) {
    char command[8192];
    snprintf(command, sizeof command, "cd %s && %s %s >out 2>err", folder, program, arguments);
    int status = system(command);
    read_back("out", said, sizeof said);
    read_back("err", warned, sizeof warned);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void expect(const char *arguments, int status, const char *words) {
    int got = type(arguments);
    if (got != status || !strstr(said, words))
        fail_msg("%s: status %d, expected %d and \"%s\"\nstdout: %s\nstderr: %s", arguments, got,
                 status, words, said, warned);
}

static void trees_that_are_found(void **state) {
    (void)state;
    expect("sum:b64.i1.v1.shfl-down -n 64 --device simt", 0, "this is the tree that the plan's");
    expect("sum:l1.u1.s1.t1 -n 10", 0, "(((((((((0 1) 2) 3) 4) 5) 6) 7) 8) 9)");
    expect("sum: --device cpu -n 1", 0, "shape    1 input");
    expect("openblas-sdot", 0, "verdict  tree found, all checks passed");
    expect("onednn-sum -n 64", 0, "bits of ");
    expect("--list", 0, "openblas-ssum");
    expect("--help", 0, "exit status");
    expect("--version", 0, "nanolab");
}

/* Made by nvcc for the tests that need it, for a card that is not here. */
static const char kernels[] =
    "extern \"C\" __global__ void in_order(const float *x, float *result, int n) {\n"
    "    float s = 0;\n"
    "    for (int k = 0; k < n; k++) s += x[k];\n"
    "    *result = s;\n"
    "}\n"
    "template <class T> __global__ void pairs(const T *x, const T *y, T *result,\n"
    "                                         unsigned long long n) {\n"
    "    T s = threadIdx.x < n ? x[threadIdx.x] * y[threadIdx.x] : T(0);\n"
    "    for (int d = 16; d; d /= 2) s += __shfl_down_sync(~0u, s, d);\n"
    "    if (threadIdx.x == 0) *result = s;\n"
    "}\n"
    "template __global__ void pairs(const double *, const double *, double *,\n"
    "                               unsigned long long);\n";

static bool make_cubin(const char *arch) {
    char path[128], command[512];
    snprintf(path, sizeof path, "%s/kernels.cu", folder);
    FILE *source = fopen(path, "w");
    assert_non_null(source);
    fputs(kernels, source);
    fclose(source);
    snprintf(command, sizeof command,
             "nvcc=$(command -v nvcc || ls /usr/local/cuda/bin/nvcc 2>/dev/null) && cd %s && "
             "\"$nvcc\" -fmad=false -cubin -arch=%s kernels.cu -o kernels.cubin 2>log",
             folder, arch);
    return system(command) == 0;
}

static void kernels_that_are_machine_code(void **state) {
    (void)state;
    static const char *const archs[] = {"sm_80", "sm_90", "sm_100"};
    int status = 77;
    expect("--cubin x --blocks 1", 2, "");
    assert_non_null(strstr(warned, "give --kernel NAME"));
    expect("--threads 32 sum:", 2, "");
    assert_non_null(strstr(warned, "--threads belongs to --cubin"));
    for (size_t k = 0; k < sizeof archs / sizeof *archs; k++) {
        if (!make_cubin(archs[k])) {
            print_message("not testable here: no nvcc, or none that knows %s\n", archs[k]);
            continue;
        }
        status = type("--cubin kernels.cubin --kernel in_order --threads 1 -n 9");
        if (status == 77)
            break;
        expect("--cubin kernels.cubin --kernel in_order --threads 1 -n 9", 0,
               "((((((((0 1) 2) 3) 4) 5) 6) 7) 8)");
        assert_non_null(strstr(said, archs[k]));
        expect("--cubin kernels.cubin --kernel 'pairs<double>' --dot --type f64 --threads 32 -n 4",
               0, "((0 2) (1 3))");
        expect("--cubin kernels.cubin --kernel in_order --dot -n 4", 2, "");
        assert_non_null(strstr(warned, "does not take (const T *x, const T *y, T *result, n)"));
        expect("--cubin kernels.cubin --kernel other", 2, "");
        assert_non_null(strstr(warned, "it has 2: "));
        expect("--cubin kernels.cu --kernel other", 2, "");
        assert_non_null(strstr(warned, "this is no cubin"));
    }
    if (status == 77) {
        print_message("not testable here: %s\n", warned);
        skip();
    }
}

static void what_has_no_tree(void **state) {
    (void)state;
    expect("openblas-sasum", 1, "no tree: absolute values");
    expect("sum:exact --device simt", 1, "no tree: exact accumulation");
    expect("sum:binned --device cpu", 1, "no tree: units always lost (binned)");
    expect("sum:compensated --device simt", 1, "no tree: compensated additions");
}

static void json_that_reads_back(void **state) {
    (void)state;
    expect("sum:b32 -n 33 --device simt --json", 0, "\"found\": true");
    json_error_t error;
    json_t *answer = json_loads(said, 0, &error);
    assert_non_null(answer);
    assert_int_equal(json_integer_value(json_object_get(answer, "n")), 33);
    assert_true(json_is_true(json_object_get(answer, "equals_plan")));
    assert_non_null(json_string_value(json_object_get(answer, "tree")));
    json_decref(answer);
    expect("openblas-sasum --json", 1, "\"found\": false");
    answer = json_loads(said, 0, &error);
    assert_non_null(json_string_value(json_object_get(answer, "why")));
    json_decref(answer);
    expect("--list --json", 0, "openblas-sdot");
    answer = json_loads(said, 0, &error);
    assert_true(json_array_size(answer) >= 8);
    json_decref(answer);
}

static void pictures(void **state) {
    (void)state;
    char picture[1 << 14];
    expect("sum:l8.u1.s1.t1 -n 100 --draw tree.dot", 0, "verdict");
    read_back("tree.dot", picture, sizeof picture);
    assert_non_null(strstr(picture, "digraph tree {"));
    expect("sum:l8.u1.s1.t1 -n 100 --draw tree.svg", 0, "verdict");
    read_back("tree.svg", picture, sizeof picture);
    assert_non_null(strstr(picture, "<svg"));
    expect("sum:l8.u1.s1.t1 -n 100 --draw tree.png", 0, "verdict");
    read_back("tree.png", picture, sizeof picture);
    assert_memory_equal(picture, "\x89PNG", 4);
    expect("sum:l8.u1.s1.t1 -n 16 --draw tree.txt", 0, "verdict");
    read_back("tree.txt", picture, sizeof picture);
    assert_non_null(strstr(picture, "├─ sum\n"));
    expect("sum:l1.u1.s1.t1 -n 200 --draw tree.txt", 2, "verdict");
    assert_non_null(strstr(warned, "too deep to be drawn"));
    expect("sum:l8 --draw none/tree.svg", 2, "verdict");
    assert_non_null(strstr(warned, "cannot write none/tree.svg"));
}

/* One line on stderr, nothing on stdout, exit status 2. */
static void every_bad_line_is_one_line(void **state) {
    (void)state;
    static const struct {
        const char *line, *words;
    } bad[] = {
        {"", "nothing to reveal"},
        {"''", "is empty"},
        {"a b", "one target at a time"},
        {"opnblas-sdot", "did you mean openblas-sdot?"},
        {"frobnicate", "--list"},
        {"sum:zork", "'zork'"},
        {"sum:b64 --device cpu", "'b64'"},
        {"sum: --device cpu,simt", "one device"},
        {"sum: --device cup", "did you mean cpu?"},
        {"openblas-sdot --device simt", "runs on cpu only"},
        {"openblas-sdot -n", "needs a value"},
        {"openblas-sdot -n 0", "give 1 to 65536"},
        {"openblas-sdot -n 65537", "give 1 to 65536"},
        {"openblas-sdot -n 1e3", "whole number"},
        {"openblas-sdot --draw tree", "end the name in"},
        {"openblas-sdot --dot", "--dot belongs to --library"},
        {"openblas-sdot --type f64", "--type belongs to --library"},
        {"openblas-sdot --memory-limit 100", "--memory-limit belongs to --library"},
        {"--library /dev/null --symbol f --memory-limit 1", "64 to 1048576"},
        {"--library /dev/null --symbol f --total-limit 0", "1 to 86400"},
        {"--library /dev/null --symbol f --result f16", "f32 or f64"},
        {"openblas-sdot --collapse 0", "--collapse is 0"},
        {"openblas-sdot --jsn", "did you mean --json?"},
        {"--symbol f", "go together"},
        {"--library x.so", "go together"},
        {"--library x.so --symbol f", "cannot read x.so"},
        {"--library out --symbol f", "f: "},
        {"--library /dev/null --symbol f --type f16", "f32 or f64"},
        {"--library /dev/null --symbol f --time-limit 0", "1 to 3600"},
        {"--library /dev/null --symbol f --device simt", "leave --device out"},
        {"openblas-sdot --library x.so --symbol f", "exclude each other"},
        {"sum:f16 -n 5000 --device simt", "out of range"},
        {"onednn-sum -n 1", "single input"},
        {"openblas-sdot --arch sm_80", "--arch belongs to cub"},
        {"sum: --sms 4", "--sms belongs to cub"},
        {"--library /dev/null --symbol f --occupancy 1", "--occupancy belongs to cub"},
        {"cub-f46 --arch sm_80", "did you mean cub-f64?"},
        {"cub --arch", "needs a value"},
        {"cub --arch sm_70", "there are sm_80, sm_90 and sm_100"},
        {"cub --arch '$(touch bad)'", "there are sm_80, sm_90 and sm_100"},
        {"cub --arch sm_90 --sms 0", "--sms is 0; give 1 to 1024"},
        {"cub --arch sm_90 --sms 1025", "give 1 to 1024"},
        {"cub --arch sm_90 --occupancy 33", "give 1 to 32"},
        {"cub --arch sm_90 --device simt", "runs on cuda, ptx or sass:ARCH"},
        {"cub --arch sm_90 --device cuda", "leave --device out"},
        {"cub --sms 100 --device cuda", "give --arch sm_90"},
        {"cub --arch sm_80 --device sass:sm_90", "--arch sm_80 is not the card of"},
        {"cub --device sass:sm_120", "there are sm_80, sm_90 and sm_100"},
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        int status = type(bad[i].line);
        const char *newline = strchr(warned, '\n');
        if (status != 2 || said[0] || !newline || newline[1] || !strstr(warned, bad[i].words))
            fail_msg("%s: status %d, expected \"%s\"\nstdout: %s\nstderr: %s", bad[i].line, status,
                     bad[i].words, said, warned);
    }
}

/* NVIDIA's sum as on cards that are not here; where it cannot be run, one line says what is
 * missing.
 */
static void cub_on_a_card(void **state) {
    (void)state;
    static const struct {
        const char *target, *arch, *block;
        int depth;
    } known[] = {
        {"cub-f64", "sm_80", "1 block of 256 threads", 2 + 5 + 7},
        {"cub-f64", "sm_100", "1 block of 512 threads", 1 + 5 + 15},
        {"cub-f64-int", "sm_100", "1 block of 640 threads", 0 + 5 + 18},
    };
    for (size_t k = 0; k < sizeof known / sizeof *known; k++) {
        char line[128], words[64];
        snprintf(line, sizeof line, "%s --arch %s -n 600", known[k].target, known[k].arch);
        int status = type(line);
        if (status == 77) {
            const char *newline = strchr(warned, '\n');
            assert_true(newline && !newline[1] && !said[0]);
            assert_non_null(strstr(warned, known[k].target));
            assert_non_null(strstr(warned, "not testable here: "));
            print_message("%s", warned);
            skip();
        }
        assert_int_equal(status, 0);
        snprintf(words, sizeof words, "depth    %d additions", known[k].depth);
        if (!strstr(said, words) || !strstr(said, known[k].block) ||
            !strstr(said, "run on the CPU: no GPU was asked"))
            fail_msg("%s: expected \"%s\" and \"%s\" in:\n%s", line, words, known[k].block, said);
    }
    expect("cub --arch sm_90 -n 40 --json --draw cub.dot", 0, "\"found\": true");
    json_error_t error;
    json_t *answer = json_loads(said, 0, &error);
    assert_string_equal(json_string_value(json_object_get(answer, "arch")), "sm_90");
    assert_string_equal(json_string_value(json_object_get(answer, "rests_on")),
                        "PTX of compute_90");
    assert_int_equal(json_integer_value(json_object_get(answer, "multiprocessors")), 132);
    assert_int_equal(json_array_size(json_object_get(answer, "launched")), 1);
    json_decref(answer);
    char picture[1 << 14];
    read_back("cub.dot", picture, sizeof picture);
    assert_non_null(strstr(picture, "digraph tree {"));
    expect("cub --device ptx -n 3", 0, "as on an A100");
    if (type("cub-f64 --device sass:sm_100 -n 600") == 77) {
        print_message("%s", warned);
        return;
    }
    expect("cub-f64 --device sass:sm_100 -n 600", 0, "depth    21 additions");
    assert_non_null(strstr(said, "rests on machine code of sm_100"));
    expect("cub --arch sm_90 -n 40", 0, "has the bits of 20 of 20 random inputs");
}

/* Compiles functions of one's own to m.so in the folder. */
static void compile(const char *source) {
    char path[64], command[256];
    snprintf(path, sizeof path, "%s/m.c", folder);
    FILE *out = fopen(path, "w");
    assert_non_null(out);
    fputs(source, out);
    assert_int_equal(fclose(out), 0);
    snprintf(command, sizeof command,
             "cd %s && gcc -w -O1 -ffp-contract=off -shared -fPIC -o m.so m.c -lm", folder);
    assert_int_equal(system(command), 0);
}

#define SUM "float "
#define OF "(const float *x, size_t n) { float s = 0; for (size_t i = 0; i < n; i++) s += x[i]; "

static void a_function_of_ones_own(void **state) {
    (void)state;
    compile("#include <stddef.h>\n"
            "float good(const float *x, size_t n) { return n == 1 ? x[0] : "
            "good(x, n / 2) + good(x + n / 2, n - n / 2); }\n"
            "float bad(const float *x, size_t n) { return x[n] / 0 + *(float *)n; }\n");
    expect("--library m.so --symbol good -n 8", 0, "(((0 1) (2 3)) ((4 5) (6 7)))");
    assert_int_equal(type("--library ./m.so --symbol bad -n 8"), 2);
    assert_non_null(strstr(warned, "bad was killed by signal 11"));
    assert_string_equal(said, "");
}

/* What is remarked does not cost the tree. */
static void remarks(void **state) {
    (void)state;
    compile(
        "#include <stddef.h>\n#include <stdint.h>\n#include <stdlib.h>\n" SUM "aligned" OF
        "if ((uintptr_t)x % 16) abort(); return s; }\n" SUM "aligned_64" OF
        "if ((uintptr_t)x % 64) abort(); return s; }\n" SUM "three_more" OF
        "volatile float v = x[n + 2]; return s; }\n" SUM "sixteen_more" OF
        "volatile float v = x[n + 15]; return s; }\n" SUM "one_before" OF
        "volatile float v = x[-1]; return s; }\n"
        "float apart(const float *x, const float *y, size_t n) { float s = 0;"
        " if (((uintptr_t)x ^ (uintptr_t)y) % 32) for (size_t i = n; i-- > 0;) s += x[i] * y[i];"
        " else for (size_t i = 0; i < n; i++) s += x[i] * y[i]; return s; }\n"
        "float same_line(const float *x, const float *y, size_t n) { float s = 0;"
        " if (((uintptr_t)x ^ (uintptr_t)y) % 16) abort();"
        " for (size_t i = 0; i < n; i++) s += x[i] * y[i]; return s; }\n");
    expect("--library m.so --symbol aligned -n 16", 0, "needs aligned inputs");
    assert_non_null(strstr(said, "at a 16-byte boundary"));
    expect("--library m.so --symbol aligned -n 13", 0, "((((((((((((0 1) 2) 3)");
    expect("--library m.so --symbol aligned_64 -n 13", 0, "at a 64-byte boundary");
    expect("--library m.so --symbol three_more -n 16", 1, "reads beyond its inputs");
    assert_non_null(strstr(said, "((((((((((((((("));
    expect("--library m.so --symbol three_more -n 61", 1, "memory behind them cannot be touched");
    expect("--library m.so --symbol sixteen_more -n 5", 1, "reads beyond its inputs");
    expect("--library m.so --symbol one_before -n 5", 1, "memory before them cannot be touched");
    expect("--library m.so --symbol apart --dot -n 9", 0, "at other addresses its bits differ");
    expect("--library m.so --symbol same_line --dot -n 9", 0, "needs aligned inputs");
}

/* A function that is not called as it is: a next step. */
static void next_steps(void **state) {
    (void)state;
    compile("#include <stddef.h>\n"
            "double ds(const float *x, size_t n) { double s = 0; for (size_t i = 0; i < n; i++)"
            " s += x[i]; return s; }\n"
            "double dd(const double *x, size_t n) { double s = 0; for (size_t i = 0; i < n; i++)"
            " s += x[i]; return s; }\n"
            "double dsdot(const float *x, const float *y, size_t n) { double s = 0;"
            " for (size_t i = 0; i < n; i++) s += (double)x[i] * y[i]; return s; }\n"
            "float variable = 1;\nfloat _Z2mySFPKfm" OF "return s; }\n");
    expect("--library m.so --symbol ds", 1, "it returns a double: give --result f64");
    expect("--library m.so --symbol ds --result f64", 0, "each partial sum rounded to f64");
    expect("--library m.so --symbol dd", 1, "its inputs are doubles: give --type f64");
    expect("--library m.so --symbol dd --type f64", 0, "tree found");
    expect("--library m.so --symbol dsdot --dot", 1, "give --result f64");
    expect("--library m.so --symbol dsdot --dot --result f64 --json", 0, "\"exact\"");
    assert_int_equal(type("--library m.so --symbol variable"), 2);
    assert_non_null(strstr(warned, "variable is a variable, not a function"));
    assert_int_equal(type("--library m.so --symbol nowhere"), 2);
    assert_non_null(strstr(warned, "no symbol nowhere in ./m.so; nm -D"));
}

/* Which nodes are wide and which products are fused. */
static void json_to_compute_from(void **state) {
    (void)state;
    compile("#include <math.h>\n#include <stddef.h>\n"
            "float f(const float *x, const float *y, size_t n) { float s = x[0] * y[0];"
            " s = fmaf(x[1], y[1], s); double d = (double)x[2] + x[3]; return (float)(s + d); }\n"
            "float g(const float *x, const float *y, size_t n) { float s = x[0] * y[0];"
            " s = fmaf(x[1], y[1], s); double d = x[2] * y[2]; d += x[3] * y[3];"
            " return (float)(s + d); }\n");
    expect("--library m.so --symbol g --dot -n 4 --json", 0, "\"found\": true");
    json_t *answer = json_loads(said, 0, NULL), *additions = json_object_get(answer, "additions");
    assert_int_equal(json_array_size(additions), 3);
    size_t exact = 0, wide = 0, k;
    json_t *one;
    json_array_foreach(additions, k, one) {
        char *text = json_dumps(one, 0);
        exact += strstr(text, "\"exact\"") != NULL;
        wide += strstr(text, "\"in\": \"f64\"") != NULL;
        free(text);
    }
    assert_int_equal(exact, 1);
    assert_int_equal(wide, 2);
    json_decref(answer);
}

static void what_does_not_get_out(void **state) {
    (void)state;
    static const char *const lines[] = {"sum:l1 -n 4 >/dev/full", "sum:l1 -n 4 --json >/dev/full",
                                        "--list >/dev/full",      "--list --json >/dev/full",
                                        "--help >/dev/full",      "--version >/dev/full",
                                        "sum:l1 -n 4 >&-",        "sum:l1 -n 4 --json >&-",
                                        "--list <&- >&-"};
    char command[5000];
    for (size_t k = 0; k < sizeof lines / sizeof *lines; k++) {
        snprintf(command, sizeof command, "cd %s && %s %s 2>err", folder, program, lines[k]);
        int status = system(command);
        read_back("err", warned, sizeof warned);
        if (WEXITSTATUS(status) != 2 || !strstr(warned, "standard output cannot be written"))
            fail_msg("%s: status %d, %s", lines[k], WEXITSTATUS(status), warned);
    }
    compile("#include <stddef.h>\n" SUM "f" OF "return s; }\n");
    snprintf(command, sizeof command, "cd %s && %s --library m.so --symbol f -n 4 <&- 2>&- >out",
             folder, program);
    assert_int_equal(system(command), 0);
}

/* From a library, and of a name. */
static void text_from_outside(void **state) {
    (void)state;
    compile("#include <stddef.h>\n#include <stdio.h>\n" SUM "f" OF
            "fputs(\"\\xc2\\x9b\" \"31mred\\033[2J\\xe2\\x80\\xae\", stderr); return s; }\n");
    expect("--library m.so --symbol f -n 4", 0, "tree found");
    assert_non_null(strstr(warned, "31mred"));
    assert_null(strstr(warned, "\xc2\x9b"));
    assert_null(strstr(warned, "\033"));
    assert_null(strstr(warned, "\xe2\x80\xae"));
    char command[200];
    snprintf(command, sizeof command, "cp %s/m.so \"%s/$(printf 'm\\351')\"", folder, folder);
    assert_int_equal(system(command), 0);
    expect("--library \"$(printf 'm\\351')\" --symbol f -n 4 --json", 0, "\"found\": true");
    json_t *answer = json_loads(said, 0, NULL);
    assert_non_null(json_string_value(json_object_get(answer, "what")));
    json_decref(answer);
}

/* Progress is shown, and the whole has its limit. */
static void what_takes_long(void **state) {
    (void)state;
    compile("#include <stddef.h>\n#include <unistd.h>\n" SUM "f" OF
            "usleep(10000); return s; }\n" SUM "back(const float *x, size_t n) { float s = 0;"
            " while (n-- > 0) s += x[n]; return s; }\n");
    assert_int_equal(type("--library m.so --symbol f -n 64 --total-limit 4"), 2);
    assert_non_null(strstr(warned, "seconds so far"));
    assert_non_null(strstr(warned, "f took more than 4 seconds in all calls"));
    assert_int_equal(type("sum: --device simt -n 65536 --total-limit 1"), 2);
    assert_non_null(strstr(warned, "took more than 1 seconds in all calls"));
    expect("--library m.so --symbol back -n 4000", 0, "4000 inputs in order from the last");
    size_t probes = 0;
    const char *calls = strstr(said, "calls ");
    assert_true(calls && sscanf(calls, "calls %zu to find", &probes) == 1);
    assert_in_range(probes, 3999, 40000);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(trees_that_are_found),
        cmocka_unit_test(kernels_that_are_machine_code),
        cmocka_unit_test(what_has_no_tree),
        cmocka_unit_test(json_that_reads_back),
        cmocka_unit_test(pictures),
        cmocka_unit_test(every_bad_line_is_one_line),
        cmocka_unit_test(cub_on_a_card),
        cmocka_unit_test(a_function_of_ones_own),
        cmocka_unit_test(remarks),
        cmocka_unit_test(next_steps),
        cmocka_unit_test(json_to_compute_from),
        cmocka_unit_test(what_does_not_get_out),
        cmocka_unit_test(text_from_outside),
        cmocka_unit_test(what_takes_long),
    };
    return cmocka_run_group_tests_name("reveal", tests, set_up, tear_down);
}

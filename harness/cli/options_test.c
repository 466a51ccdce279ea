/*
 * options_test.c: the command line's table, numbers, near misses and device lists.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "harness/cli/options.h"

struct values {
    bool quick, seed_given;
    const char *out;
    uint64_t seed;
};

#define MAX_ARGS 12

/* Parses a NULL-terminated list; positional arguments go to `rest` if it is not NULL. */
static int parse(struct values *values, const char **rest, size_t *rest_count, ...) {
    const struct option_spec specs[] = {
        {"--quick", NULL, "short", OPTION_FLAG, &values->quick, NULL},
        {"--out", "DIR", "folder", OPTION_TEXT, &values->out, NULL},
        {"--seed", "N", "seed", OPTION_NUMBER, &values->seed, &values->seed_given},
        {"--hidden", NULL, NULL, OPTION_FLAG, &values->quick, NULL},
    };
    struct options options = {.program = "prog",
                              .help_command = "prog --help",
                              .specs = specs,
                              .spec_count = 4,
                              .positional = rest};
    char *argv[MAX_ARGS] = {"prog"};
    int argc = 1;
    va_list list;
    memset(values, 0, sizeof *values);
    va_start(list, rest_count);
    for (char *arg; argc < MAX_ARGS && (arg = va_arg(list, char *));)
        argv[argc++] = arg;
    va_end(list);
    int status = options_parse(&options, argc, argv);
    if (rest_count)
        *rest_count = options.positional_count;
    return status;
}

#define assert_refused(words, ...)                                                                 \
    do {                                                                                           \
        struct values v_;                                                                          \
        assert_int_equal(parse(&v_, NULL, NULL, __VA_ARGS__, NULL), -1);                           \
        if (!strstr(options_error(), (words)))                                                     \
            fail_msg("expected \"%s\" in: %s", (words), options_error());                          \
        assert_ptr_equal(strstr(options_error(), "prog: "), options_error());                      \
        assert_null(strchr(options_error(), '\n'));                                                \
    } while (0)

static void good_lines_are_read(void **state) {
    (void)state;
    struct values v;
    const char *rest[MAX_ARGS];
    size_t count;
    assert_int_equal(parse(&v, rest, &count, "a", "--seed", "7", "b", "--out=x y", "--quick", "--",
                           "--seed", NULL),
                     0);
    assert_true(v.quick && v.seed_given);
    assert_int_equal(v.seed, 7);
    assert_string_equal(v.out, "x y");
    assert_int_equal(count, 3);
    assert_string_equal(rest[0], "a");
    assert_string_equal(rest[1], "b");
    assert_string_equal(rest[2], "--seed");
    assert_int_equal(parse(&v, NULL, NULL, NULL), 0);
    assert_false(v.quick || v.seed_given);
    assert_int_equal(parse(&v, NULL, NULL, "--out", "-", NULL), 0);
}

static void bad_lines_are_refused(void **state) {
    (void)state;
    assert_refused("unknown option --quik; did you mean --quick?", "--quik");
    assert_refused("unknown option --zzz; see prog --help", "--zzz");
    assert_refused("unknown option -x", "-x");
    /* What is not listed is not suggested either. */
    assert_refused("unknown option --hiden; see", "--hiden");
    assert_refused("--out needs a value; give --out DIR", "--out");
    assert_refused("--out needs a value", "--out", "--quick");
    assert_refused("--out has an empty value", "--out", "");
    assert_refused("--out has an empty value", "--out=");
    assert_refused("--quick takes no value", "--quick=1");
    assert_refused("--quick is given twice", "--quick", "--quick");
    assert_refused("--seed is given twice", "--seed", "1", "--seed=1");
    assert_refused("unexpected argument \"extra\"", "extra");
    assert_refused("argument 1 is empty", "");
    assert_refused("not \"-1\"", "--seed", "-1");
    assert_refused("whole number", "--seed", "1.5");
    assert_refused("whole number", "--seed", " 1");
    assert_refused("whole number", "--seed", "0x");
    assert_refused("whole number", "--seed", "18446744073709551616");
    /* A line break in an argument must not make a second line. */
    assert_refused("unexpected argument \"a b\"", "a\nb");
}

static void numbers_are_whole(void **state) {
    (void)state;
    uint64_t value = 0;
    assert_int_equal(options_number("0", &value), 0);
    assert_int_equal(value, 0);
    assert_int_equal(options_number("18446744073709551615", &value), 0);
    assert_true(value == UINT64_MAX);
    assert_int_equal(options_number("0xFf", &value), 0);
    assert_int_equal(value, 255);
    static const char *const bad[] = {"",   "-0",  "+1", "1 ",    "1e3",
                                      "0x", "0xg", "ff", "1,000", "0x10000000000000000"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        if (options_number(bad[i], &value) == 0)
            fail_msg("\"%s\" was taken for a number", bad[i]);
}

static void near_misses_are_near(void **state) {
    (void)state;
    static const char *const words[] = {"list",         "info", "run", "report", "01-float-staging",
                                        "float-staging"};
    const struct {
        const char *typed, *meant;
    } cases[] = {{"lst", "list"},
                 {"rnu", "run"},
                 {"reprot", "report"},
                 {"infos", "info"},
                 {"float", "01-float-staging"},
                 {"flaot-staging", "float-staging"},
                 {"zebra", NULL},
                 {"x", NULL},
                 {"", NULL}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const char *near = options_nearest(cases[i].typed, words, 6);
        if (!cases[i].meant != !near || (near && strcmp(near, cases[i].meant) != 0))
            fail_msg("\"%s\": %s instead of %s", cases[i].typed, near ? near : "nothing",
                     cases[i].meant ? cases[i].meant : "nothing");
    }
    assert_null(options_nearest("run", NULL, 0));
}

static void device_lists_are_read(void **state) {
    (void)state;
    const struct options options = {.program = "prog", .help_command = "prog --help"};
    struct option_device devices[OPTION_DEVICES_MAX];
    size_t count;
    assert_int_equal(options_devices(&options, "cuda:2,simt,cpu", devices, &count), 0);
    assert_int_equal(count, 3);
    assert_int_equal(devices[0].kind, DEVICE_CUDA);
    assert_int_equal(devices[0].index, 2);
    assert_string_equal(devices[0].id, "cuda:2");
    assert_string_equal(devices[1].id, "simt");
    assert_string_equal(devices[2].id, "cpu");
    static const struct {
        const char *list, *words;
    } bad[] = {{"cup", "did you mean cpu?"},
               {"tpu9000", "use cpu, simt, ptx, sass:sm_80, sass:sm_90, cuda or cuda:N"},
               {"cpu,,simt", "empty element"},
               {",cpu", "empty element"},
               {"cpu,", "empty element"},
               {"cuda,cuda:0", "names cuda:0 twice"},
               {"cuda:", "unknown device"},
               {"cuda:-1", "unknown device"},
               {"cuda:99999999999999999999", "unknown device"}};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_int_equal(options_devices(&options, bad[i].list, devices, &count), -1);
        if (!strstr(options_error(), bad[i].words))
            fail_msg("expected \"%s\" in: %s", bad[i].words, options_error());
    }
    char many[200] = "cuda:0";
    for (int i = 1; i <= OPTION_DEVICES_MAX; i++)
        snprintf(many + strlen(many), sizeof many - strlen(many), ",cuda:%d", i);
    assert_int_equal(options_devices(&options, many, devices, &count), -1);
    assert_non_null(strstr(options_error(), "more than"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(good_lines_are_read),   cmocka_unit_test(bad_lines_are_refused),
        cmocka_unit_test(numbers_are_whole),     cmocka_unit_test(near_misses_are_near),
        cmocka_unit_test(device_lists_are_read),
    };
    return cmocka_run_group_tests_name("options", tests, NULL, NULL);
}

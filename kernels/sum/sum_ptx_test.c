/*
 * sum_ptx_test.c: what must be noticed on the PTX machine: kernels that nvcc was left to fuse, and
 * translations with one thing changed: a rounding, the distance of a shuffle, a barrier left out.
 * Each runs in a process of its own, since a kernel is built once a process.
 */
#include <dlfcn.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "kernels/ptx/ptx.h"
#include "kernels/rng/data.h"
#include "kernels/sum/sum_job.h"

#define N 5000
#define DOT "f32.plain.dot.strided.v1.i1.b128.g8.shfl-down.warp.last"
#define PLAIN "f32.plain.strided.v1.i1.b128.g8.shfl-down.warp.last"
#define SHARED "f32.plain.strided.v1.i1.b128.g8.shfl-down.tree.last"

static float x[N], y[N];

static int fill(void **state) {
    (void)state;
    const struct data_options options = {.seed = 11, .condition = 1e4};
    return data_fill(DATA_CANCELLING, ELEMENT_F32, &options, x, N) != 0 ||
                   data_fill(DATA_NORMAL, ELEMENT_F32, &options, y, N) != 0
               ? -1
               : 0;
}

static int which; /* of the places where something could be changed */

/* One `what` becomes something else of the same length. A kernel that has none stays as it is: the
 * bits tell whether anything was changed. */
static void replace(char *c, const char *what, const char *with) {
    for (int k = 0; (c = strstr(c, what)); c++)
        if (k++ == which) {
            memcpy(c, with, strlen(with));
            return;
        }
}

/* Where the kernel's own text begins. */
static char *functions_of(char *c) {
    return strstr(c, "#define PTX_DYNAMIC");
}

/* A sum that is rounded towards zero, in place of the first one. */
static char *change_rounding(const char *kernel, char *c, size_t *size) {
    static const char toward_zero[] =
        "PTX_INLINE uint32_t ptx_add_rz_f32(uint32_t a, uint32_t b) {\n"
        "double d = (double)ptx_f32(a) + (double)ptx_f32(b); float f = (float)d;\n"
        "return ptx_bits32(__builtin_fabs((double)f) > __builtin_fabs(d) ? "
        "__builtin_nextafterf(f, 0) : f); }\n";
    (void)kernel;
    char *own = functions_of(c), *made = malloc(*size + sizeof toward_zero);
    size_t before = (size_t)(own - c);
    memcpy(made, c, before);
    memcpy(made + before, toward_zero, sizeof toward_zero - 1);
    memcpy(made + before + sizeof toward_zero - 1, own, *size - before + 1);
    *size += sizeof toward_zero - 1;
    free(c);
    replace(functions_of(made), "ptx_add_rn_f32(", "ptx_add_rz_f32(");
    return made;
}

/* 3 instead of what the shuffle's distance is: its second operand. */
static char *change_distance(const char *kernel, char *c, size_t *size) {
    (void)kernel, (void)size;
    static const char shuffle[] = "meet(t, PTX_SHFL_DOWN,";
    char *at = functions_of(c);
    for (int k = 0; (at = strstr(at, shuffle)); at++)
        if (k++ == which) {
            at = strchr(at + sizeof shuffle, ',');
            *++at = '3';
            for (at++; *at != ','; at++)
                *at = ' ';
            break;
        }
    return c;
}

static char *leave_out_barrier(const char *kernel, char *c, size_t *size) {
    (void)kernel, (void)size;
    replace(functions_of(c), "t->machine->barrier(t, PTX_BARRIER,",
            "(void)(0,                          ");
    return c;
}

/* Exit statuses of a process: as predicted; other bits; an error of the run. */
enum outcome { PREDICTED = 40, OTHER_BITS, AN_ERROR };

static enum outcome sum_of(const struct sum_ops *ops, const char *text) {
    struct device *device;
    struct sum_memory *memory;
    struct sum_variant v;
    struct job job;
    struct job_bits got, expected;
    char why[SUM_WHY];
    if (device_open(&device, DEVICE_PTX, 0) != 0 ||
        sum_memory_open(&memory, device, ELEMENT_F32, true, N) != 0 ||
        sum_variant_parse(text, DEVICE_PTX, &v, why) != 0 ||
        sum_memory_write(memory, x, sum_variant_class(&v).products ? y : NULL) != 0 ||
        sum_job_open(&job, memory, &v) != 0 || job_predict(&job, &expected) != 0)
        return 0;
    if (ops)
        sum_job_use(&job, ops);
    enum outcome outcome = AN_ERROR;
    if (job_call(&job) == 0 && job_bits(&job, &got) == 0)
        outcome = got.bits == expected.bits ? PREDICTED : OTHER_BITS;
    job_close(&job);
    sum_memory_close(memory);
    device_close(device);
    return outcome;
}

static enum outcome outcome_of(const char *library, const char *text,
                               char *(*change)(const char *, char *, size_t *)) {
    fflush(NULL);
    pid_t child = fork();
    if (child == 0) {
        const struct sum_ops *ops = NULL;
        void *loaded = library ? dlopen(library, RTLD_NOW | RTLD_LOCAL) : NULL;
        if (loaded)
            ops = dlsym(loaded, "sum_ops_ptx");
        if (library && !ops)
            _exit(1);
        /* What was changed may never end: soon, then, on a busy machine too. */
        ptx_configure(&(struct ptx_config){
            .change = change, .jump_limit = 10 * 1000 * 1000, .poll_limit = 100 * 1000});
        _exit(sum_of(ops, text));
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

static void needs_ptx(void) {
    if (device_count(DEVICE_PTX) == 0) {
        print_message("not testable here: %s\n", device_error());
        skip();
    }
}

static void unchanged_kernels_give_the_predicted_bits(void **state) {
    (void)state;
    needs_ptx();
    assert_int_equal(outcome_of(NULL, DOT, NULL), PREDICTED);
    assert_int_equal(outcome_of(NULL, PLAIN, NULL), PREDICTED);
    assert_int_equal(outcome_of(NULL, SHARED, NULL), PREDICTED);
}

/* Of the places in a kernel some are on ways that this sum does not take; one of the first is not.
 */
static void expect_caught(const char *what, const char *text,
                          char *(*change)(const char *, char *, size_t *)) {
    enum outcome outcome = PREDICTED;
    for (which = 0; which < 12 && outcome == PREDICTED; which++)
        outcome = outcome_of(NULL, text, change);
    if (outcome != OTHER_BITS && outcome != AN_ERROR)
        fail_msg("%s: not noticed", what);
    print_message("%s: %s\n", what, outcome == OTHER_BITS ? "other bits" : "an error of the run");
}

static void changed_kernels_do_not(void **state) {
    (void)state;
    needs_ptx();
    expect_caught("a rounding", PLAIN, change_rounding);
    expect_caught("a shuffle's distance", PLAIN, change_distance);
    expect_caught("a barrier left out", SHARED, leave_out_barrier);
}

static void fused_kernels_do_not(void **state) {
    (void)state;
    needs_ptx();
    char path[4096];
    ssize_t length = readlink("/proc/self/exe", path, sizeof path - 64);
    path[length > 0 ? length : 0] = '\0';
    char *tests = strstr(path, "/tests/kernels/");
    assert_non_null(tests);
    strcpy(tests, "/obj/kernels/sum/fused.so");
    assert_int_equal(outcome_of(path, DOT, NULL), OTHER_BITS);
    /* Where nothing is multiplied there is nothing to fuse. */
    assert_int_equal(outcome_of(path, PLAIN, NULL), PREDICTED);
}

/* Ten schedules, and blocks that live at once in other numbers. */
static void schedules_change_nothing(void **state) {
    (void)state;
    needs_ptx();
    static const char *const plans[] = {PLAIN, SHARED, DOT, "f32.binned.g8.last",
                                        "f32.compensated.i4.b64.tiles.shfl-xor.warp.kernel"};
    size_t count = 0;
    for (size_t p = 0; p < sizeof plans / sizeof *plans; p++)
        for (unsigned k = 0; k < 10; k++) {
            ptx_configure(&(struct ptx_config){
                .resident = 1 + k, .order = k < 3 ? (enum ptx_order)k : PTX_RANDOM, .seed = k});
            if (sum_of(NULL, plans[p]) != PREDICTED)
                fail_msg("%s, schedule %u: %s", plans[p], k, device_error());
            count++;
        }
    ptx_configure(NULL);
    print_message("%zu sums\n", count);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(unchanged_kernels_give_the_predicted_bits),
        cmocka_unit_test(changed_kernels_do_not),
        cmocka_unit_test(fused_kernels_do_not),
        cmocka_unit_test(schedules_change_nothing),
    };
    return cmocka_run_group_tests(tests, fill, NULL);
}

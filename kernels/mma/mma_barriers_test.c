/*
 * mma_barriers_test.c: each barrier of the matrix products' kernels, as nvcc made them, left out:
 * that is noticed, by the bits under one of some schedules, or as a race in shared memory under
 * any.
 *
 * Each runs in a process of its own, since a kernel is built once a process.
 */
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "kernels/device/device_fixture.h"
#include "kernels/mma/mma_kernel_fixture.h"

/* Seven stages: with three of them in turn the last one lies where the sums pass through. */
enum { ROWS = 40, COLUMNS = 36, K = 200, SCHEDULES = 12, PLACES = 40 };

/* What was noticed, as bits of an exit status; ENDED: so that no other status is taken for one. */
enum { ENDED = 64, BY_BITS = 1, BY_RACES = 2, NO_PLACE = 4 };

/* One kernel, by plans that take different ways through it: a barrier may be met on one alone, as
 * those between blocks that take turns, or of a single stage. */
static const struct subject {
    const char *kernel; /* a part of its name */
    const char *plans[4];
    /* Barriers that order nothing: the one behind the last stage of mma_walk is for sums that pass
     * through shared memory, and the scalar kernel's go from registers to C. */
    unsigned idle;
} subjects[] = {
    {"mma_sync", {"m16n8k16.t64x64.st3", "m16n8k16.t64x64.st1.s3.turns"}, 0},
    {"mma_wmma", {"wmma-16x16x16.t64x64.st3", "wmma-16x16x16.t64x64.st1.s3.turns"}, 0},
    {"mma_scalar", {"scalar.f16.st2", "scalar.f16.st1.s3.turns"}, 1},
};
static const struct subject *subject;

static unsigned which; /* of the barriers */
static bool left_out;

static char *leave_out(const char *kernel, char *c, size_t *size) {
    static const char what[] = "t->machine->barrier(t, PTX_BARRIER,",
                      with[] = "(void)(0,                          ";
    (void)size;
    unsigned k = 0;
    char *at = strstr(c, "#define PTX_DYNAMIC");
    while (strstr(kernel, subject->kernel) && (at = strstr(at, what))) {
        if (k++ == which) {
            memcpy(at, with, sizeof with - 1);
            left_out = true;
        }
        at++;
    }
    return c;
}

/* Whether outputs are not the predicted ones; `failed`: or the run ended with an error. */
static bool other(const char *text, bool *failed) {
    struct mma_plan plan = parsed(text);
    struct mma_problem problem = problem_of(&plan, ROWS, COLUMNS, K, 0, 0);
    struct mma_operands o = operands_of(&problem, MMA_FILL_NORMAL, 5);
    struct job job;
    float c[ROWS * COLUMNS], value;
    size_t wrong = 0;
    if (mma_kernel_job_open(&job, device, &o, &plan) != 0)
        _exit(1);
    *failed = mma_job_poison(&job) != 0 || job_call(&job) != 0 || mma_job_output(&job, c) != 0;
    for (size_t k = 0; k < COUNT(c) && !*failed; k++) {
        if (mma_job_element(&job, k / COLUMNS, k % COLUMNS, &value) != 0)
            _exit(1);
        wrong += !same(c[k], value);
    }
    job_close(&job);
    mma_operands_close(&o);
    return *failed || wrong;
}

/* In order, reverse, by chance once, and unfair. What was changed may never end: soon, then. */
static void use_schedule(unsigned k, bool races) {
    static const enum ptx_order first[] = {PTX_IN_ORDER, PTX_REVERSE, PTX_RANDOM};
    ptx_configure(&(struct ptx_config){.change = leave_out,
                                       .races = races,
                                       .resident = 1 + (k + 1) % 3,
                                       .order = k < COUNT(first) ? first[k] : PTX_UNFAIR,
                                       .seed = k,
                                       .jump_limit = 10 * 1000 * 1000,
                                       .poll_limit = 100 * 1000});
}

static int tried(void) {
    int noticed = ENDED;
    bool failed;
    for (size_t p = 0; subject->plans[p]; p++) {
        use_schedule(0, true);
        if (other(subject->plans[p], &failed) && failed &&
            strstr(device_error(), "a race in shared memory"))
            noticed |= BY_RACES;
        for (unsigned k = 0; k < SCHEDULES && !(noticed & BY_BITS); k++) {
            use_schedule(k, false);
            if (other(subject->plans[p], &failed))
                noticed |= BY_BITS;
        }
    }
    return noticed | (left_out ? 0 : NO_PLACE);
}

static int in_a_process(void) {
    int status;
    fflush(NULL);
    pid_t child = fork();
    if (child == 0)
        _exit(tried());
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) & ENDED);
    return WEXITSTATUS(status) & ~ENDED;
}

static void each_barrier_that_is_left_out(void **state) {
    (void)state;
    device = device_or_skip("ptx");
    for (size_t s = 0; s < COUNT(subjects); s++) {
        unsigned bits = 0, races = 0, missed = 0;
        subject = &subjects[s];
        which = PLACES;
        assert_int_equal(in_a_process(), NO_PLACE); /* unchanged: the bits, and no race */
        for (which = 0; which < PLACES; which++) {
            int noticed = in_a_process();
            if (noticed & NO_PLACE)
                break;
            bits += (noticed & BY_BITS) != 0;
            races += (noticed & BY_RACES) != 0;
            missed += noticed == 0;
        }
        print_message(
            "%s: of %u barriers, left out one by one, %u are noticed by the bits, %u as a "
            "race in shared memory; %u order nothing\n",
            subject->kernel, which, bits, races, missed);
        assert_true(which >= 5 && which < PLACES && bits > 0 && races > 0);
        assert_int_equal(missed, subject->idle);
    }
    device_close(device);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_barrier_that_is_left_out),
    };
    return cmocka_run_group_tests_name("mma_barriers", tests, NULL, NULL);
}

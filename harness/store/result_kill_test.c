/*
 * result_kill_test.c: kill -9 at random moments of a run.
 *
 * A child records cases while its parent kills it; what is left must verify, and resuming until it
 * is done must give the set of cases of an uninterrupted run. The moments are drawn from a fixed
 * seed, but where they fall in the run is up to the machine.
 */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <sys/wait.h>
#include <time.h>

#include <cmocka.h>

#include "harness/error.h"
#include "harness/store/reader.h"
#include "harness/store/result_fixture.h"
#include "harness/store/verify.h"

#define KILLS 10
#define CASES 60

/* What the child does: begins or resumes the run, records, finishes. */
static void child_run(struct fixture *f) {
    bool begun = access(f->dir, F_OK) == 0;
    if (fixture_open(f, begun ? RESULT_RESUME : RESULT_NEW) != 0 ||
        (!result_complete(f->run.result) &&
         (fixture_sweep(f, CASES) != 0 || fixture_finish(f) != 0))) {
        fprintf(stderr, "child: %s %s\n", f->run.error, error_text());
        _exit(1);
    }
    fixture_close(f);
    _exit(0);
}

/* Runs a child and kills it after a while, if it has not ended. Returns its wait status. */
static int run_and_kill(struct fixture *f, long microseconds) {
    int status = 0;
    pid_t child = fork();
    assert_int_not_equal(child, -1);
    if (child == 0)
        child_run(f);
    if (microseconds >= 0) {
        struct timespec pause = {.tv_nsec = microseconds * 1000};
        nanosleep(&pause, NULL);
        kill(child, SIGKILL);
    }
    waitpid(child, &status, 0);
    assert_false(WIFEXITED(status) && WEXITSTATUS(status) != 0);
    return status;
}

static int collect(void *context, const json_t *record) {
    /* All that makes a case, without the moment it ended. */
    json_t *kept = json_deep_copy(record);
    json_object_del(kept, "ended");
    json_object_del(kept, "hash");
    const char *id = json_string_value(json_object_get(record, "id"));
    assert_null(json_object_get(context, id));
    return json_object_set_new(context, id, kept);
}

static json_t *cases_of(const struct fixture *f) {
    struct reader *reader;
    json_t *cases = json_object();
    assert_int_equal(reader_open(&reader, f->dir, FIXTURE_LAB, NULL), 0);
    assert_int_equal(reader_cases(reader, "", NULL, collect, cases), 0);
    reader_close(reader);
    return cases;
}

/* What every kill must leave behind. Returns the cases in it. */
static size_t check_remains(const struct fixture *f, size_t kept) {
    json_t *summary = NULL;
    if (access(f->dir, F_OK) != 0)
        return 0; /* killed before the folder appeared */
    if (verify_folder(f->dir, &summary) != 0)
        fail_msg("after a kill: %s", error_text());
    const json_t *lab = json_array_get(json_object_get(summary, "labs"), 0);
    size_t cases = (size_t)json_integer_value(json_object_get(lab, "cases"));
    json_decref(summary);
    assert_true(cases >= kept);
    return cases;
}

/* One run, killed and resumed until it is done or `kills` has gone down to 0; then finished and
 * compared. `partial` counts the kills that found some cases recorded, but not all. */
static void one_run(const json_t *expected, long takes, int *kills, int *partial) {
    static uint32_t random = 20261121;
    struct fixture f;
    size_t kept = 0;
    assert_int_equal(fixture_begin(&f), 0);
    while (*kills > 0) {
        random = random * 1664525u + 1013904223u;
        int status = run_and_kill(&f, 1 + (long)(random >> 8) % takes);
        if (!WIFSIGNALED(status))
            break;
        --*kills;
        kept = check_remains(&f, kept);
        *partial += kept > 0 && kept < CASES;
    }
    run_and_kill(&f, -1);
    json_t *summary = NULL;
    assert_int_equal(verify_folder(f.dir, &summary), 0);
    assert_true(json_is_true(json_object_get(summary, "complete")));
    json_t *cases = cases_of(&f);
    assert_true(json_equal(cases, expected));
    json_decref(cases);
    json_decref(summary);
    fixture_end(&f);
}

static void ten_kills_lose_nothing_that_was_recorded(void **state) {
    (void)state;
    struct fixture whole;
    struct timespec before, after;
    assert_int_equal(fixture_begin(&whole), 0);
    clock_gettime(CLOCK_MONOTONIC, &before);
    run_and_kill(&whole, -1);
    clock_gettime(CLOCK_MONOTONIC, &after);
    json_t *expected = cases_of(&whole);
    fixture_end(&whole);
    assert_int_equal(json_object_size(expected), CASES);

    long takes =
        (after.tv_sec - before.tv_sec) * 1000000L + (after.tv_nsec - before.tv_nsec) / 1000;
    int kills = KILLS, partial = 0, runs = 0;
    for (; kills > 0 && runs < 100; runs++)
        one_run(expected, takes, &kills, &partial);
    print_message("%d kills in %d runs; %d of them found a journal in part\n", KILLS - kills, runs,
                  partial);
    json_decref(expected);
    assert_int_equal(kills, 0);
    assert_true(partial > 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ten_kills_lose_nothing_that_was_recorded),
    };
    return cmocka_run_group_tests_name("result_kill", tests, NULL, NULL);
}

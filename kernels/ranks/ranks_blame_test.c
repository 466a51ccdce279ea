/*
 * ranks_blame_test.c: who is to blame, from what can be heard and seen; without an engine.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "kernels/ranks/ranks_blame.h"

static struct ranks_heard heard;
static struct ranks_failure failure;
static char why[RANKS_WHY];

static void open_heard(unsigned ranks) {
    assert_int_equal(ranks_heard_open(&heard, ranks), 0);
    failure = (struct ranks_failure){.rank = -1, .step = -1, .doing = ""};
}

static void hear(const char *text) {
    ranks_heard_bytes(&heard, text, strlen(text));
}

static void see(unsigned rank, enum ranks_alive alive, int64_t step, enum ranks_doing doing) {
    heard.rank[rank].alive = alive;
    heard.rank[rank].state =
        (struct ranks_state){.step = step, .doing = (int32_t)doing, .pid = 1000};
}

static void check(enum ranks_end end, enum ranks_fault kind, int rank, const char *sentence) {
    ranks_blame(&heard, end, "mpirun ended with exit status 1", 10, 70, &failure, why);
    assert_string_equal(why, sentence);
    assert_int_equal(failure.kind, kind);
    assert_int_equal(failure.rank, rank);
    ranks_heard_close(&heard);
}

static void all_sum(unsigned step) {
    for (unsigned r = 0; r < heard.ranks; r++)
        see(r, RANKS_RUNS, step, RANKS_SUMMING);
}

static void test_seen(void **state) {
    (void)state;
    open_heard(4);
    all_sum(7);
    see(1, RANKS_HALTED, 7, RANKS_COMPUTING);
    check(RANKS_DEADLINE, RANKS_STOPPED, 1,
          "rank 1 has been silent for 10 s in step 7 while computing: it is stopped (SIGSTOP); 0, "
          "2 and 3 waited for it");
    open_heard(2);
    all_sum(7);
    see(0, RANKS_GONE, 6, RANKS_SUMMING);
    check(RANKS_DEADLINE, RANKS_KILLED, 0,
          "rank 0 is gone in step 6 while it was in a sum; 1 waited for it");
    open_heard(2);
    all_sum(7);
    see(0, RANKS_GONE, 6, RANKS_COMPUTING);
    hear("nanolab-ranks: rank 1 step 7 waited: in a sum for 10.0 s\nprocess rank 0 with PID 9 on "
         "node a exited on signal 9 (Killed).\n");
    check(RANKS_DEADLINE, RANKS_KILLED, 0,
          "rank 0 was killed by SIGKILL in step 6 while computing; 1 waited for it");
    open_heard(3);
    all_sum(7);
    see(2, RANKS_RUNS, 7, RANKS_COMPUTING);
    check(RANKS_DEADLINE, RANKS_NO_FAULT, 2,
          "rank 2 has been silent for 10 s in step 7 while computing; 0 and 1 waited for it");
    /* One that is stopped is the cause of one that is somewhere else. */
    open_heard(3);
    all_sum(7);
    see(0, RANKS_RUNS, 7, RANKS_ELSEWHERE);
    see(1, RANKS_HALTED, 8, RANKS_SUMMING);
    check(RANKS_OVER, RANKS_STOPPED, 1,
          "the run took longer than its limit of 70 s; rank 1 has been silent for 70 s in step 8 "
          "while it was in a sum: it is stopped (SIGSTOP); 2 waited for it");
    /* Of two, the one that is behind. */
    open_heard(32);
    all_sum(7);
    see(4, RANKS_RUNS, 7, RANKS_COMPUTING);
    see(9, RANKS_RUNS, 6, RANKS_COMPUTING);
    check(RANKS_DEADLINE, RANKS_NO_FAULT, 9,
          "rank 9 has been silent for 10 s in step 6 while computing; 30 ranks waited for it");
}

/* On other machines: what they say is all that there is. */
static void test_heard(void **state) {
    (void)state;
    open_heard(3);
    hear("nanolab-ranks: rank 0 step 7 wai");
    hear("ted: in a sum for 10.0 s\nnoise\n[1,2]<stderr>:nanolab-ranks: rank 2 step 7 waited: in a "
         "sum across groups for 10.1 s\n");
    assert_int_equal(heard.rank[2].state.doing, RANKS_OUTER);
    check(RANKS_DEADLINE, RANKS_NO_FAULT, 1,
          "rank 1 has been silent for 10 s; it is on another machine, or never started; 0 and 2 "
          "waited for it");
    open_heard(2);
    hear("nanolab-ranks: rank 0 step 7 waited: in a sum for 10.0 s\n"
         "nanolab-ranks: rank 1 step 7 waited: in another collective for 10.0 s\n");
    check(RANKS_DEADLINE, RANKS_OTHER_COLLECTIVE, 1,
          "rank 1 waits in another collective than the others in step 7; 0 waited for it");
    open_heard(2);
    hear("nanolab-ranks: rank 0 step 7 waited: in a sum for 10.0 s\n"
         "nanolab-ranks: rank 1 step 7 waited: in a sum for 10.0 s\n");
    check(RANKS_DEADLINE, RANKS_NO_FAULT, -1,
          "rank 0 waited for 10 s, in a sum in step 7, and so did the others");
    open_heard(2);
    hear("nanolab-ranks: rank 1 step -1 failed: NCCL has no GPU\n"
         "nanolab-ranks: rank 0 step 7 failed: later\n");
    check(RANKS_ENDED, RANKS_NO_FAULT, 1, "rank 1: NCCL has no GPU");
}

static void test_engine(void **state) {
    (void)state;
    open_heard(4);
    all_sum(14);
    see(2, RANKS_UNSEEN, 14, RANKS_COMPUTING);
    hear(
        "-----------------------------------------\nmpirun noticed that process rank 2 with PID "
        "271 on node a-b exited on signal 11 (Segmentation fault).\n---------------------------\n");
    check(RANKS_ENDED, RANKS_KILLED, 2,
          "rank 2 was killed by SIGSEGV in step 14 while computing; 0, 1 and 3 waited for it");
    open_heard(2);
    hear("[host:1] a trace\n\n----------------------------\n\n  Not enough\x1b slots.\n  Buy "
         "more.\n----------------------------\n");
    check(RANKS_ENDED, RANKS_NO_FAULT, -1,
          "mpirun ended with exit status 1 before any rank had started: Not enough  slots.");
    open_heard(3);
    all_sum(14);
    see(1, RANKS_UNSEEN, 13, RANKS_WRITING);
    hear("mpirun detected that one or more processes exited with non-zero status:\n\n  Process "
         "name: "
         "[[32742,1],1]\n  Exit code:    9\n");
    check(
        RANKS_ENDED, RANKS_NO_FAULT, 1,
        "rank 1 ended with exit status 9 in step 13 while writing the log; 0 and 2 waited for it");
    open_heard(2);
    hear("----------------------------\nCannot open the file:\n\n    hosts\n\nGive "
         "another.\n----------------------------\n");
    check(
        RANKS_ENDED, RANKS_NO_FAULT, -1,
        "mpirun ended with exit status 1 before any rank had started: Cannot open the file: hosts");
    open_heard(2);
    check(RANKS_ENDED, RANKS_NO_FAULT, -1,
          "mpirun ended with exit status 1 before any rank had started");
    open_heard(2);
    check(RANKS_OVER, RANKS_NO_FAULT, -1,
          "the run took longer than its limit of 70 s; no rank had started");
    open_heard(2);
    hear("----------------------------\nIt was unable to locate a\nusable command. Install\n  "
         "it.\nOr "
         "not.\n----------------------------\n");
    check(RANKS_ENDED, RANKS_NO_FAULT, -1,
          "mpirun ended with exit status 1 before any rank had started: It was unable to locate a "
          "usable command. Install it.");
    open_heard(2);
    hear("----------------------------\nIt was unable to\n\nfind.\n----------------------------\n");
    check(RANKS_ENDED, RANKS_NO_FAULT, -1,
          "mpirun ended with exit status 1 before any rank had started: It was unable to");
}

/* Ranks that are not there, numbers that are none, lines without end, and bytes of all kinds. */
static void test_anything(void **state) {
    (void)state;
    open_heard(2);
    hear("nanolab-ranks: rank 2 step 7 failed: x\nnanolab-ranks: rank -1 step 7 failed: x\n"
         "nanolab-ranks: rank 99999999999999999999 step 7 waited: in a sum\nnanolab-ranks: rank \n"
         "nanolab-ranks: rank 1 step 7 failed\nprocess rank 7 with PID 1 on node a exited on "
         "signal 9\nprocess rank x\n");
    assert_int_equal(heard.failed, -1);
    assert_int_equal(heard.killed, -1);
    assert_false(heard.waited);
    char all[256];
    for (int c = 0; c < 256; c++)
        all[c] = (char)c;
    for (int k = 0; k < 100; k++)
        ranks_heard_bytes(&heard, all + 11, sizeof all - 11);
    hear("\n");
    for (int k = 0; k < 1000; k++)
        hear("nanolab-ranks: rank 1 step 7 failed: so much ");
    hear("\n");
    assert_int_equal(heard.failed, 1);
    assert_true(strlen(heard.failure) < RANKS_WHY);
    ranks_blame(&heard, RANKS_ENDED, "mpirun", 10, 70, &failure, why);
    assert_true(strlen(why) < RANKS_WHY);
    ranks_heard_close(&heard);
}

/* A file of states that is cut, or holds nonsense. */
static void test_states(void **state) {
    (void)state;
    char folder[] = "/tmp/nanolab-blame-XXXXXX", path[60];
    struct ranks_state states[3] = {{.step = 4, .doing = RANKS_SUMMING, .pid = (int)getpid()},
                                    {.step = 3, .doing = 99, .pid = 1},
                                    {.step = 5, .doing = RANKS_COMPUTING, .pid = 0x7ffffff0}};
    assert_non_null(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/state", folder);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fwrite(states, sizeof states, 1, file);
    fwrite("x", 1, 1, file);
    fclose(file);
    open_heard(4);
    ranks_heard_states(&heard, folder, true);
    assert_int_equal(heard.rank[0].alive, RANKS_RUNS);
    assert_int_equal(heard.rank[0].state.step, 4);
    assert_int_equal(heard.rank[1].state.pid, 0);
    assert_int_equal(heard.rank[2].alive, RANKS_GONE);
    assert_int_equal(heard.rank[3].state.pid, 0);
    check(RANKS_DEADLINE, RANKS_KILLED, 2,
          "rank 2 is gone in step 5 while computing; 0 waited for it");
    unlink(path);
    rmdir(folder);
    open_heard(1);
    ranks_heard_states(&heard, folder, true); /* there is none */
    assert_int_equal(heard.rank[0].alive, RANKS_UNSEEN);
    ranks_heard_close(&heard);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_seen),   cmocka_unit_test(test_heard),
        cmocka_unit_test(test_engine), cmocka_unit_test(test_anything),
        cmocka_unit_test(test_states),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

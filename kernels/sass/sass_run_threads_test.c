/*
 * sass_run_threads_test.c: lanes that part and meet, schedules, and what is an error of a run: each
 * names kernel, address, instruction, block and lane.
 */
#include "kernels/sass/sass_run_fixture.h"

static uint32_t *words;
#define WORDS 1024

static int open_machine(void **state) {
    (void)state;
    words = ptx_malloc(WORDS * sizeof *words);
    return words ? 0 : -1;
}

static int close_machine(void **state) {
    (void)state;
    ptx_free(words);
    return 0;
}

/* R0 is the thread; then `body`, then R8 is stored in words[thread of all]. */
#define HEAD "S2R R0, SR_TID.X\nMOV R1, c[0x0][0x28]\nMOV R8, RZ\nMOV R9, RZ\n" /* 0 … 3 */
#define TAIL                                                                                       \
    "S2R R4, SR_CTAID.X\nIMAD R4, R4, c[0x0][0x0], R0\nMOV R5, 0x4\n"                              \
    "IMAD.WIDE R2, R4, R5, c[0x0][0x160]\nSTG.E [R2.64], R8\nEXIT\n"

static int try(const char *body, uint32_t blocks, uint32_t threads) {
    char text[6000];
    memset(words, 0, WORDS * sizeof *words);
    snprintf(text, sizeof text, "%s%s%s", HEAD, body, TAIL);
    return sass_test_run(text, blocks, threads, words);
}

static void run(const char *body, uint32_t blocks, uint32_t threads) {
    if (try(body, blocks, threads) != 0)
        fail_msg("%s\n%s", body, device_error());
}

static void fails(const char *body, uint32_t threads, const char *why, const char *where) {
    if (try(body, 2, threads) == 0)
        fail_msg("%s\nis no error", body);
    if (!strstr(device_error(), why) || !strstr(device_error(), where) ||
        !strstr(device_error(), "kernel k, sm_80") || !strstr(device_error(), "block ("))
        fail_msg("%s\nsays: %s\nand not: %s … %s", body, device_error(), why, where);
}

static const enum ptx_order orders[] = {PTX_IN_ORDER, PTX_REVERSE, PTX_RANDOM};

/* --- parting and meeting -------------------------------------------------------------------------
 */

/* Every mode by the manual's pseudocode, in segments and clamped. */
static void shuffles(void **state) {
    (void)state;
    run("IADD3 R4, R0, 0x64, RZ\nSHFL.DOWN PT, R8, R4, 0x10, 0x1f\n", 1, 32);
    for (uint32_t l = 0; l < 32; l++)
        assert_int_equal(words[l], 100 + (l < 16 ? l + 16 : l));
    run("SHFL.UP P0, R8, R0, 0x1, RZ\n@!P0 MOV R8, 0x4d\n", 1, 32);
    for (uint32_t l = 0; l < 32; l++)
        assert_int_equal(words[l], l ? l - 1 : 77);
    run("SHFL.BFLY PT, R8, R0, 0x3, 0x1f\n", 1, 32);
    for (uint32_t l = 0; l < 32; l++)
        assert_int_equal(words[l], l ^ 3);
    run("SHFL.IDX PT, R8, R0, 0x2, 0x181f\n", 1, 32); /* in segments of 8 */
    for (uint32_t l = 0; l < 32; l++)
        assert_int_equal(words[l], (l & 24) + 2);
}

/* Lanes below 5 go one way, others another; behind BSYNC all 32 shuffle again. */
static void parted_lanes_meet(void **state) {
    (void)state;
    for (unsigned k = 0; k < 24; k++) {
        ptx_configure(&(struct ptx_config){.order = orders[k < 3 ? k : 2], .seed = k});
        run("ISETP.LT.AND P0, PT, R0, 0x5, PT\n" /* 4 */
            "BSSY B0, @11\n"
            "@P0 BRA @9\n"
            "IADD3 R8, R0, 0x64, RZ\n"
            "BRA @10\n"
            "IADD3 R8, R0, 0xc8, RZ\n" /* 9 */
            "BSYNC B0\n"               /* 10 */
            "SHFL.BFLY PT, R8, R8, 0x1f, 0x1f\n",
            1, 32);
        for (uint32_t l = 0; l < 32; l++)
            assert_int_equal(words[l], (31 - l < 5 ? 200 : 100) + 31 - l);
        /* a loop of unlike length, within an if; those that have left are not waited for */
        run("ISETP.GT.AND P1, PT, R0, 0x1e, PT\n" /* 4 */
            "@P1 EXIT\n"
            "BSSY B1, @17\n"
            "LOP3.LUT P0, RZ, R0, 0x1, RZ, 0xc0, !PT\n"
            "@!P0 BRA @16\n"
            "BSSY B0, @15\n" /* 9 */
            "MOV R9, R0\n"
            "IADD3 R8, R8, 0x2, RZ\n" /* 11 */
            "IADD3 R9, R9, -0x1, RZ\n"
            "ISETP.NE.AND P2, PT, R9, RZ, PT\n"
            "@P2 BRA @11\n"
            "BSYNC B0\n" /* 15 */
            "BSYNC B1\n" /* 16 */
            "VOTE.ANY R9, PT, PT\n"
            "IADD3 R8, R8, R9, RZ\n",
            1, 32);
        for (uint32_t l = 0; l < 31; l++)
            assert_int_equal(words[l], (l & 1 ? 2 * l : 0) + 0x7fffffffu);
        assert_int_equal(words[31], 0);
        /* BRA.DIV takes lanes that are not together to a WARPSYNC */
        run("LOP3.LUT P0, RZ, R0, 0x1, RZ, 0xc0, !PT\n" /* 4 */
            "@P0 BRA @6\n"
            "BRA.DIV ~URZ, @9\n" /* 6 */
            "MOV R9, 0x1\n"
            "BRA @11\n"
            "MOV R9, 0x2\n" /* 9 */
            "WARPSYNC 0xffffffff\n"
            "SHFL.DOWN PT, R8, R0, 0x1, 0x1f\n" /* 11 */
            "IMAD R8, R9, 0x64, R8\n",
            1, 32);
        for (uint32_t l = 0; l < 32; l++)
            assert_int_equal(words[l], 200 + (l < 31 ? l + 1 : l));
    }
    ptx_configure(NULL);
}

/* Each lane returns to where it was called from, and BRX jumps by a table. */
static void calls_and_tables(void **state) {
    (void)state;
    run("ISETP.LT.AND P0, PT, R0, 0x3, PT\n" /* 4 */
        "BSSY B0, @13\n"
        "@P0 BRA @10\n"
        "MOV R20, 0x90\n"
        "CALL.REL.NOINC @14\n"
        "BRA @12\n" /* 9 */
        "MOV R20, 0xc0\n"
        "CALL.REL.NOINC @14\n"
        "BSYNC B0\n" /* 12 */
        "BRA @17\n"
        "IADD3 R8, R20, R0, RZ\n" /* 14 */
        "MOV R21, RZ\n"
        "RET.REL.NODEC R20 @0\n",
        1, 32);
    for (uint32_t l = 0; l < 32; l++)
        assert_int_equal(words[l], l + (l < 3 ? 0xc0 : 0x90));
    /* from behind the jump: even lanes on, odd ones two instructions farther */
    run("LOP3.LUT R4, R0, 0x1, RZ, 0xc0, !PT\n" /* 4 */
        "SHF.L.U32 R4, R4, 0x5, RZ\n"
        "IADD3 R4, R4, 0x10, RZ\n"
        "BRX R4 -0x10\n"
        "MOV R8, 0x3\n"
        "IADD3 R8, R8, 0x1, RZ\n"
        "IADD3 R8, R8, 0x7, RZ\n",
        1, 32);
    for (uint32_t l = 0; l < 32; l++)
        assert_int_equal(words[l], l & 1 ? 7 : 11);
}

static void votes_and_barriers(void **state) {
    (void)state;
    run("LOP3.LUT P0, RZ, R0, 0x1, RZ, 0xc0, !PT\nVOTE.ANY R8, P1, P0\n@!P1 MOV R8, 0x0\n", 1, 32);
    assert_int_equal(words[7], 0xaaaaaaaa);
    run("ISETP.EQ.AND P0, PT, R0, 0x5a, PT\nBAR.RED.OR.DEFER_BLOCKING 0x0, P0\n"
        "B2R.RESULT RZ, P1\nSEL R8, 0x1, RZ, P1\n",
        1, 100);
    assert_int_equal(words[42], 1);
    run("REDUX.OR UR4, R0\nMOV R8, UR4\n", 1, 32);
    assert_int_equal(words[3], 31);
    /* threads that have left are not waited for */
    run("ISETP.GT.AND P0, PT, R0, 0x14, PT\n@P0 EXIT\nWARPSYNC.ALL\n"
        "BAR.SYNC.DEFER_BLOCKING 0x0\nMOV R8, 0x8\n",
        1, 33);
    assert_int_equal(words[20], 8);
    assert_int_equal(words[21], 0);
}

/* --- schedules -----------------------------------------------------------------------------------
 */

/* What threads write before a barrier is read behind it; blocks wait for one another by polling. */
static const char handed_over[] = "ULDC.64 UR4, c[0x0][0x160]\n" /* 4 */
                                  "SHF.L.U32 R4, R0, 0x2, RZ\n"
                                  "STS [R4], R0\n"
                                  "BAR.SYNC.DEFER_BLOCKING 0x0\n"
                                  "ISETP.NE.AND P0, PT, R0, RZ, PT\n"
                                  "BSSY B0, @26\n"
                                  "@P0 BRA @25\n" /* 10 */
                                  "MOV R6, RZ\n"
                                  "LDS R7, [R6]\n" /* 12 */
                                  "IADD3 R9, R9, R7, RZ\n"
                                  "IADD3 R6, R6, 0x4, RZ\n"
                                  "ISETP.LT.AND P1, PT, R6, 0x200, PT\n"
                                  "@P1 BRA @12\n"
                                  "MOV R10, UR4\n"
                                  "MOV R11, UR5\n"
                                  "RED.E.ADD.STRONG.GPU [R10.64+0xf00], R9\n"
                                  "MEMBAR.SC.GPU\n" /* 20 */
                                  "LDG.E.STRONG.GPU R8, [R10.64+0xf00]\n"
                                  "ISETP.NE.AND P1, PT, R8, 0x5f40, PT\n"
                                  "@P1 BRA @21\n"
                                  "NOP\n"
                                  "BSYNC B0\n"; /* 25 */

static void schedules_change_nothing(void **state) {
    (void)state;
    for (unsigned k = 0; k < 40; k++) {
        ptx_configure(
            &(struct ptx_config){.resident = 3 + k % 5, .order = orders[k < 3 ? k : 2], .seed = k});
        run(handed_over, 3, 128);
        assert_int_equal(words[0], 3 * 128 * 127 / 2);
        assert_int_equal(words[256], 3 * 128 * 127 / 2);
    }
    ptx_configure(NULL);
}

/* Arrival order is the schedule's: it differs by seed, and a record of it brings it back. */
static void schedules_are_recorded(void **state) {
    (void)state;
    static const char arrival[] = "ULDC.64 UR4, c[0x0][0x160]\nMOV R2, UR4\nMOV R3, UR5\n"
                                  "ATOMG.E.ADD.STRONG.GPU PT, R8, [R2.64+0xf00], RZ\nMOV R6, 0x1\n"
                                  "ATOMG.E.ADD.STRONG.GPU PT, R8, [R2.64+0xf04], R6\n";
    uint32_t first[128];
    struct ptx_schedule schedule = {0};
    ptx_configure(&(struct ptx_config){.order = PTX_RANDOM, .seed = 1, .record = &schedule});
    run(arrival, 2, 64);
    memcpy(first, words, sizeof first);
    ptx_configure(&(struct ptx_config){.order = PTX_RANDOM, .seed = 1});
    run(arrival, 2, 64);
    assert_memory_equal(first, words, sizeof first); /* the same seed */
    ptx_configure(&(struct ptx_config){.order = PTX_RANDOM, .seed = 2});
    run(arrival, 2, 64);
    assert_memory_not_equal(first, words, sizeof first);
    ptx_configure(&(struct ptx_config){.order = PTX_RANDOM, .seed = 3, .replay = &schedule});
    run(arrival, 2, 64);
    assert_memory_equal(first, words, sizeof first);
    ptx_configure(NULL);
    free(schedule.choice);
}

/* --- errors --------------------------------------------------------------------------------------
 */

static void accesses_are_checked(void **state) {
    (void)state;
    fails("MOV R4, 0x2\nLDS R8, [R4]\n", 1, "to 4 bytes of shared memory at 0x2, which is not",
          "0x50: LDS R8, [R4]");
    fails("LDS R8, [0x1000]\n", 1, "shared memory at 0x1000, outside", "lane 0");
    fails("LDL R8, [R1]\n", 3, "local memory at 0x40, outside", "warp 0, lane 0");
    fails("CS2R R4, SRZ\nLDG.E R8, [R4.64]\n", 1, "global memory at 0x0, outside", "LDG.E");
    fails("ULDC.64 UR4, c[0x0][0x160]\nMOV R4, UR4\nMOV R5, UR5\nIMAD R4, R0, 0x40, R4\n"
          "LDG.E R8, [R4.64+0x41]\n",
          32, "global memory at 0x", "not aligned");
    fails("ULDC.64 UR4, c[0x0][0x160]\nMOV R4, UR4\nMOV R5, UR5\nIMAD R4, R0, 0x100, R4\n"
          "LDG.E R8, [R4.64]\n",
          32, "byte 4096 of an allocation of 4096", "lane 16");
    fails("MOV R8, c[0x0][0x48]\n", 1, "what c[0x0][0x48] holds is not known", "0x40: MOV");
    fails("MOV R8, c[0x3][0x0]\n", 1, "there is no c[0x3][0x0]", "0x40: MOV");
}

static void divergence_is_an_error(void **state) {
    (void)state;
    fails("ISETP.LT.AND P0, PT, R0, 0x5, PT\n@P0 SHFL.BFLY PT, R8, R0, 0x8, 0x1f\n", 32,
          "a shuffle reads lane 8, which is not among those that are here (0x1f)", "lane 0");
    fails("ISETP.LT.AND P0, PT, R0, 0x5, PT\n@P0 BRA @8\nBAR.SYNC.DEFER_BLOCKING 0x0\nBRA @9\n"
          "BAR.SYNC.DEFER_BLOCKING 0x0\nNOP\n",
          32, "divergent barriers: other lanes of the warp are at the one at 0x", "lane");
    fails("ISETP.LT.AND P0, PT, R0, 0x5, PT\n@P0 BRA @7\nBAR.SYNC.DEFER_BLOCKING 0x0\n"
          "WARPSYNC.ALL\n",
          32, "deadlock: 54 threads wait at a barrier and 10 for lanes of their warp",
          "0x70: WARPSYNC.ALL");
    fails("MOV R4, 0x6\nWARPSYNC R4\n", 3, "comes to WARPSYNC with mask 0x6", "lane 0");
    fails("R2UR UR4, R0\n", 2, "unlike values into one uniform register", "lane 1");
}

static void other_errors(void **state) {
    (void)state;
    fails("IADD.64 R8, R0, R2\n", 1, "not among the instructions that are run", "IADD.64 R8, R0");
    fails("F2F.F64.F16 R8, R0\n", 1, "not among the instructions that are run", "F2F.F64.F16");
    fails("IADD3 R8, R8, R8\n", 1, "too few operands", "IADD3");
    fails("STG.E [R2.64], 0x5\n", 1, "what it stores is in no register", "STG");
    fails("LDS R8\n", 1, "it has no address", "LDS");
    fails("MOV R20, 0x7\nRET.REL.NODEC R20 @0\n", 1, "a jump to 0x7, where no instruction begins",
          "RET");
    fails("MOV R20, 0x7000\nRET.REL.NODEC R20 @0\n", 1, "a jump to 0x7000, where no", "RET");
    fails("BPT.TRAP 0x1\n", 1, "gives up", "BPT");
    ptx_configure(&(struct ptx_config){.poll_limit = 1000});
    fails("ULDC.64 UR4, c[0x0][0x160]\nMOV R4, UR4\nMOV R5, UR5\n"
          "LDG.E.STRONG.GPU R8, [R4.64]\nISETP.EQ.AND P0, PT, R8, RZ, PT\n@P0 BRA @7\n",
          1, "deadlock: threads wait for memory that nobody writes (1000", "LDG.E.STRONG");
    ptx_configure(&(struct ptx_config){.step_limit = 1000});
    fails("BRA @4\n", 1, "the launch does not end", "BRA");
    ptx_configure(NULL);
    assert_int_equal(try("", 1, 1025), -1);
    assert_non_null(strstr(device_error(), "there are at most 1024"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(shuffles),
        cmocka_unit_test(parted_lanes_meet),
        cmocka_unit_test(calls_and_tables),
        cmocka_unit_test(votes_and_barriers),
        cmocka_unit_test(schedules_change_nothing),
        cmocka_unit_test(schedules_are_recorded),
        cmocka_unit_test(accesses_are_checked),
        cmocka_unit_test(divergence_is_an_error),
        cmocka_unit_test(other_errors),
    };
    return cmocka_run_group_tests(tests, open_machine, close_machine);
}

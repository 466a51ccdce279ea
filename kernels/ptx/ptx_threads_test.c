/*
 * ptx_threads_test.c: threads that meet, schedules, and what is an error of a run: each names the
 * line of the PTX, block and thread.
 */
#include "kernels/ptx/ptx_fixture.h"

static uint32_t *words; /* device memory */
#define WORDS 256

static int open_machine(void **state) {
    (void)state;
    if (ptx_compiler_found() != 0) {
        print_message("not testable here: %s\n", device_error());
        return 0;
    }
    words = ptx_malloc(WORDS * sizeof *words);
    return words ? 0 : -1;
}

static int close_machine(void **state) {
    (void)state;
    ptx_free(words);
    return 0;
}

static void needs_a_compiler(void) {
    if (!words)
        skip();
}

#define STORE "mad.wide.u32 %rd2, %r1, 4, %rd1; st.global.u32 [%rd2], %r3;\n"
/* The last of block and thread; for 32 blocks of a line. */

static void run(const char *body, uint32_t blocks, uint32_t threads) {
    memset(words, 0, WORDS * sizeof *words);
    if (ptx_test_body(body, blocks, threads, words) != 0)
        fail_msg("%s\n%s", body, device_error());
}

/* --- meeting -------------------------------------------------------------------------------------
 */

/* Every mode by the manual's pseudocode, in segments and clamped. */
static void shuffles(void **state) {
    (void)state;
    needs_a_compiler();
    run("add.s32 %r2, %r1, 100; shfl.sync.down.b32 %r3|%p1, %r2, 16, 31, -1;\n" STORE, 1, 32);
    for (uint32_t l = 0; l < 32; l++)
        assert_int_equal(words[l], 100 + (l < 16 ? l + 16 : l));
    run("shfl.sync.up.b32 %r3|%p1, %r1, 1, 0, -1; @!%p1 mov.u32 %r3, 77;\n" STORE, 1, 32);
    for (uint32_t l = 0; l < 32; l++)
        assert_int_equal(words[l], l ? l - 1 : 77);
    run("shfl.sync.bfly.b32 %r3, %r1, 3, 31, 0xffffffff;\n" STORE, 1, 32);
    for (uint32_t l = 0; l < 32; l++)
        assert_int_equal(words[l], l ^ 3);
    /* idx in segments of 8: the mask of c is 0x18 */
    run("shfl.sync.idx.b32 %r3, %r1, 2, 0x181f, -1;\n" STORE, 1, 32);
    for (uint32_t l = 0; l < 32; l++)
        assert_int_equal(words[l], (l & 24) + 2);
    /* half a warp on its own */
    run("setp.lt.u32 %p1, %r1, 16; mov.u32 %r3, 5; @!%p1 bra $out;\n"
        "shfl.sync.bfly.b32 %r3, %r1, 1, 31, 0xffff;\n$out:\n" STORE,
        1, 32);
    for (uint32_t l = 0; l < 32; l++)
        assert_int_equal(words[l], l < 16 ? l ^ 1 : 5);
}

static void votes_and_barriers(void **state) {
    (void)state;
    needs_a_compiler();
    run("and.b32 %r2, %r1, 1; setp.eq.u32 %p1, %r2, 1; vote.sync.ballot.b32 %r3, %p1, -1;\n" STORE,
        1, 32);
    assert_int_equal(words[7], 0xaaaaaaaa);
    run("setp.eq.u32 %p1, %r1, 9; vote.sync.any.pred %p2, %p1, -1; vote.sync.all.pred %p3, %p1, "
        "-1;\n"
        "vote.sync.uni.pred %p4, %p1, -1; selp.u32 %r3, 1, 0, %p2; selp.u32 %r4, 2, 0, %p3;\n"
        "selp.u32 %r5, 4, 0, %p4; or.b32 %r3, %r3, %r4; or.b32 %r3, %r3, %r5;\n" STORE,
        1, 32);
    assert_int_equal(words[3], 1);
    run("setp.eq.u32 %p1, %r1, 90; bar.red.or.pred %p2, 0, %p1; selp.u32 %r3, 1, 0, %p2;\n" STORE,
        1, 100);
    assert_int_equal(words[42], 1);
    run("bar.red.popc.u32 %r3, 3, 1;\n" STORE, 1, 70);
    assert_int_equal(words[69], 70);
    /* lanes that have left are not waited for */
    run("setp.gt.u32 %p1, %r1, 20; @%p1 exit; bar.warp.sync -1; bar.sync 0; mov.u32 %r3, "
        "8;\n" STORE,
        1, 33);
    assert_int_equal(words[20], 8);
    assert_int_equal(words[21], 0);
}

/* What threads write before a barrier is read behind it, under every schedule: the sum of a block's
 * numbers by thread 0, and blocks that wait for one another. */
static const char handed_over[] =
    ".shared .align 4 .b8 s[512]; mul.wide.u32 %rd2, %r1, 4; mov.u64 %rd3, s;\n"
    "add.s64 %rd3, %rd3, %rd2; st.shared.u32 [%rd3], %r1; bar.sync 0; setp.ne.u32 %p1, %r1, 0;\n"
    "@%p1 bra $out; mov.u32 %r3, 0; mov.u32 %r4, 0;\n"
    "$more: ld.shared.u32 %r5, [%rd3]; add.s32 %r3, %r3, %r5; add.s64 %rd3, %rd3, 4;\n"
    "add.s32 %r4, %r4, 1; setp.lt.u32 %p1, %r4, 128; @%p1 bra $more;\n"
    "atom.global.add.u32 %r6, [%rd1], %r3; mov.u32 %r7, %ctaid.x; setp.ne.u32 %p2, %r7, 0;\n"
    "@%p2 bra $out;\n"
    "$wait: ld.acquire.gpu.u32 %r8, [%rd1]; setp.lt.u32 %p3, %r8, 24384; @%p3 bra $wait;\n"
    "st.global.u32 [%rd1+4], %r8;\n$out:";

static void schedules_change_nothing(void **state) {
    (void)state;
    needs_a_compiler();
    for (uint64_t k = 0; k < 40; k++) {
        ptx_configure(&(struct ptx_config){.resident = 3 + (unsigned)k % 5,
                                           .order = k < 3 ? (enum ptx_order)k : PTX_RANDOM,
                                           .seed = k});
        run(handed_over, 3, 128);
        assert_int_equal(words[0], 3 * 128 * 127 / 2);
        assert_int_equal(words[1], 3 * 128 * 127 / 2);
    }
    ptx_configure(NULL);
}

/* Arrival order is the schedule's: it differs by seed, and a record of it brings it back. */
static void schedules_are_recorded(void **state) {
    (void)state;
    needs_a_compiler();
    static const char arrival[] = "atom.global.add.u32 %r2, [%rd1], 1; add.s32 %r2, %r2, 1;\n"
                                  "mov.u32 %r4, %ctaid.x; mad.lo.s32 %r3, %r4, 32, %r1;\n"
                                  "mad.wide.u32 %rd2, %r2, 4, %rd1; st.global.u32 [%rd2], %r3;";
    uint32_t first[65], other[65];
    struct ptx_schedule schedule = {0};
    ptx_configure(&(struct ptx_config){.order = PTX_RANDOM, .seed = 1, .record = &schedule});
    run(arrival, 2, 32);
    memcpy(first, words, sizeof first);
    run(arrival, 2, 32);
    memcpy(other, words, sizeof other);
    assert_true(memcmp(first, other, sizeof first) == 0); /* the same seed */
    assert_true(schedule.count > 128);
    ptx_configure(&(struct ptx_config){.order = PTX_RANDOM, .seed = 2});
    run(arrival, 2, 32);
    assert_true(memcmp(first, words, sizeof first) != 0);
    ptx_configure(&(struct ptx_config){.order = PTX_RANDOM, .seed = 3, .replay = &schedule});
    for (int k = 0; k < 2; k++) { /* two launches were recorded */
        run(arrival, 2, 32);
        assert_true(memcmp(first, words, sizeof first) == 0);
    }
    ptx_configure(&(struct ptx_config){.order = PTX_REVERSE});
    run(arrival, 2, 32);
    assert_int_equal(words[1], 63);
    ptx_configure(NULL);
    run(arrival, 2, 32);
    assert_int_equal(words[1], 0);
    free(schedule.choice);
}

/* --- errors --------------------------------------------------------------------------------------
 */

static const struct {
    const char *body, *what; /* and what its message has */
    uint32_t threads;
} wrong[] = {
    {"ld.global.u32 %r2, [%rd1+2];", "line 10: an access to 4 bytes of global memory", 1},
    {"ld.global.v4.u32 {%r2, %r3, %r4, %r5}, [%rd1+8];", "not aligned", 1},
    {"ld.global.u32 %r2, [%rd1+1024];", "byte 1024 of an allocation of 1024", 1},
    {"st.global.u8 [%rd1-1], %r1;", "outside", 1},
    {"mov.u64 %rd2, 0; ld.global.u32 %r2, [%rd2];", "line 10", 1},
    {"mov.u64 %rd2, 64; ld.u32 %r2, [%rd2];", "global memory at 0x40", 1},
    {".shared .align 4 .b8 s[64]; st.shared.u32 [s+64], %r1;", "shared memory at 0x40", 1},
    {".shared .align 4 .b8 s[64]; st.shared.u32 [s+2], %r1;", "not aligned", 1},
    {".local .align 4 .b8 s[64]; ld.local.u32 %r2, [s+64];", "local memory", 1},
    {".local .align 4 .b8 s[64]; ld.local.u32 %r2, [s-4];", "local memory", 1},
    {"div.u32 %r2, 1, %r1;", "a division by zero; block (0, 0, 0), thread (0, 0, 0)", 1},
    {"setp.eq.u32 %p1, %r1, 5; @%p1 trap;", "thread (5, 0, 0)", 8},
    {"setp.lt.u32 %p1, %r1, 16; @%p1 bar.sync 0;", NULL, 32},
    {"setp.eq.u32 %p1, %r1, 3; @%p1 bra $a; bar.sync 0; ret;\n$a: bar.sync 0;",
     "divergent barriers", 32},
    {"bar.sync 16;", "there are 16", 1},
    {"shfl.sync.idx.b32 %r2, %r1, 0, 31, 0xfffffffe;", "not in its own mask", 32},
    {"shfl.sync.idx.b32 %r2, %r1, 20, 31, -1;", "lane 20, which is not there", 12},
    {"setp.eq.u32 %p1, %r1, 0; @%p1 bra $a; bar.warp.sync -1; ret;\n"
     "$a: shfl.sync.idx.b32 %r2, %r1, 1, 31, -1;",
     "lanes of one warp diverge", 32},
    {"setp.eq.u32 %p1, %r1, 0; @%p1 bra $a; bar.warp.sync 0xfffffffe; bar.sync 0; ret;\n"
     "$a: bar.warp.sync 3;",
     "deadlock", 32},
    {"$a: ld.relaxed.gpu.u32 %r2, [%rd1]; setp.eq.u32 %p1, %r2, 0; @%p1 bra $a;",
     "memory that nobody writes", 4},
    {"$a: bra $a;", "kernel k: PTX line 10: a loop without an end: 100000 jumps back", 4},
    {"$a: add.u32 %r2, %r2, 1; st.global.u32 [%rd1], %r2; setp.ne.u32 %p1, %r1, 99; @%p1 bra $a;",
     "a loop without an end", 1},
    {"mov.u32 %r2, 0; $a: add.u32 %r2, %r2, 1; setp.lt.u32 %p1, %r2, 99999; @%p1 bra $a;", NULL, 2},
};

static void wrong_kernels_are_errors(void **state) {
    (void)state;
    needs_a_compiler();
    ptx_configure(&(struct ptx_config){.poll_limit = 10000, .jump_limit = 100000});
    for (size_t k = 0; k < sizeof wrong / sizeof *wrong; k++) {
        memset(words, 0, WORDS * sizeof *words);
        int status = ptx_test_body(wrong[k].body, 1, wrong[k].threads, words);
        if (wrong[k].what && status == 0)
            fail_msg("%s: no error", wrong[k].body);
        if (!wrong[k].what && status != 0)
            fail_msg("%s: %s", wrong[k].body, device_error());
        if (wrong[k].what && !strstr(device_error(), wrong[k].what))
            fail_msg("%s: %s", wrong[k].body, device_error());
        run("mov.u32 %r3, 4;\n" STORE, 1, 1); /* and the next one runs */
    }
    ptx_configure(NULL);
}

static void freed_memory_is_no_memory(void **state) {
    (void)state;
    needs_a_compiler();
    uint32_t *other = ptx_malloc(1000);
    assert_int_equal((uintptr_t)other % 256, 0);
    assert_int_equal(ptx_test_body("st.global.u32 [%rd1+996], %r1;", 1, 1, other), 0);
    assert_int_equal(ptx_test_body("st.global.u32 [%rd1+1000], %r1;", 1, 1, other), -1);
    ptx_free(other);
    assert_int_equal(ptx_test_body("st.global.u32 [%rd1], %r1;", 1, 1, other), -1);
    assert_null(ptx_malloc(SIZE_MAX / 2));
    size_t before = ptx_memory_free();
    uint8_t *many[100];
    for (int k = 0; k < 100; k++) {
        many[k] = ptx_malloc((size_t)(k * 37 + 1));
        assert_non_null(many[k]);
        memset(many[k], k, (size_t)(k * 37 + 1));
    }
    for (int k = 0; k < 100; k++) {
        for (int b = 0; b < k * 37 + 1; b++)
            assert_int_equal(many[k][b], k);
        ptx_free(many[k]);
    }
    assert_int_equal(ptx_memory_free(), before);
}

static void impossible_launches_are_refused(void **state) {
    (void)state;
    needs_a_compiler();
    static const char text[] = PTX_HEAD ".entry k(.param .u64 p)\n.maxntid 64, 1, 1\n{\nret;\n}\n";
    static const struct {
        struct ptx_launch launch;
        const char *what;
    } launches[] = {
        {{.grid = {0, 1, 1}, .block = {1, 1, 1}}, "a grid of 0"},
        {{.grid = {1, 70000, 1}, .block = {1, 1, 1}}, "70000"},
        {{.grid = {1, 1, 1}, .block = {0, 1, 1}}, "a block of 0"},
        {{.grid = {1, 1, 1}, .block = {1025, 1, 1}}, "at most 1024"},
        {{.grid = {1, 1, 1}, .block = {65, 1, 1}}, "compiled for at most 64"},
        {{.grid = {1, 1, 1}, .block = {1, 1, 1}, .shared_bytes = 200000}, "163 KiB"},
        {{.grid = {5000, 1, 1}, .block = {64, 1, 1}, .together = true}, "all run at once"},
    };
    struct ptx_program *program;
    const struct ptx_code *code;
    assert_int_equal(ptx_program_open(&program, text, strlen(text)), 0);
    assert_int_equal(ptx_program_kernel(program, "other", &code), -1);
    assert_int_equal(ptx_program_kernel(program, "k", &code), 0);
    for (size_t k = 0; k < sizeof launches / sizeof *launches; k++) {
        struct ptx_launch launch = launches[k].launch;
        void *memory = NULL, *arguments[] = {&memory};
        launch.arguments = arguments;
        assert_int_equal(ptx_launch(code, &launch), -1);
        if (!strstr(device_error(), launches[k].what))
            fail_msg("%s, not %s", device_error(), launches[k].what);
    }
    ptx_program_close(program);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(shuffles),
        cmocka_unit_test(votes_and_barriers),
        cmocka_unit_test(schedules_change_nothing),
        cmocka_unit_test(schedules_are_recorded),
        cmocka_unit_test(wrong_kernels_are_errors),
        cmocka_unit_test(freed_memory_is_no_memory),
        cmocka_unit_test(impossible_launches_are_refused),
    };
    return cmocka_run_group_tests(tests, open_machine, close_machine);
}

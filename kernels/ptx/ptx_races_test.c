/*
 * ptx_races_test.c: what is a race in shared memory and what is not; and the unfair order.
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

/* Thread t's own word of s is at %r2; the next thread's, around a warp, at %r3, and around the
 * block of 64 at %r4. */
#define HEAD                                                                                       \
    ".shared .align 16 .b8 s[1024]; mov.u32 %r5, s; mad.lo.u32 %r2, %r1, 4, %r5;\n"                \
    "add.u32 %r6, %r1, 1; and.b32 %r6, %r6, 31; and.b32 %r7, %r1, 32; or.b32 %r6, %r6, %r7;\n"     \
    "mad.lo.u32 %r3, %r6, 4, %r5; add.u32 %r6, %r1, 1; and.b32 %r6, %r6, 63;\n"                    \
    "mad.lo.u32 %r4, %r6, 4, %r5;\n"
#define PUT "st.shared.u32 [%r2], %r1;\n"
#define GET "ld.shared.u32 %r8, [%r2];\n"
#define NEXT_LANE "ld.shared.u32 %r8, [%r3];\n"
#define NEXT "ld.shared.u32 %r8, [%r4];\n"
#define PUT_NEXT "st.shared.u32 [%r4], %r1;\n"
#define SYNC "bar.sync 0;\n"
#define SYNC_WARP "bar.warp.sync 0xffffffff;\n"
#define UPDATE "atom.shared.add.u32 %r8, [%r5], 1;\n"
#define COPY "cp.async.ca.shared.global [%r2], [%rd1], 4;\n"
#define WAIT "cp.async.wait_all;\n"
/* Which of the two comes first is the order's. */
#define OPEN "and nothing orders the two"

static void races_are_found_under_every_order(void **state) {
    (void)state;
    needs_a_compiler();
    static const struct {
        const char *body, *why; /* NULL: there is none */
    } cases[] = {
        {HEAD PUT GET, NULL},
        {HEAD PUT SYNC NEXT SYNC PUT, NULL},
        {HEAD PUT NEXT, OPEN},
        {HEAD PUT SYNC NEXT PUT, OPEN},
        {HEAD PUT SYNC PUT_NEXT, NULL},
        {HEAD PUT PUT_NEXT, OPEN},
        /* within a warp */
        {HEAD PUT SYNC_WARP NEXT_LANE SYNC_WARP PUT, NULL},
        {HEAD PUT NEXT_LANE, OPEN},
        {HEAD PUT SYNC_WARP NEXT_LANE PUT, OPEN},
        {HEAD PUT SYNC_WARP NEXT, OPEN},
        /* halves of a warp that meet by themselves: lane 15 reads lane 16's word */
        {HEAD PUT
         "and.b32 %r9, %r1, 31; setp.lt.u32 %p1, %r9, 16; @%p1 bra $low; bar.warp.sync 0xffff0000; "
         "bra $out;\n"
         "$low: bar.warp.sync 0xffff;\n$out: setp.eq.u32 %p2, %r1, 15; @!%p2 bra $end;\n" NEXT
         "$end:\n",
         OPEN},
        /* what a shuffle brings is a value, and not memory */
        {HEAD PUT "shfl.sync.idx.b32 %r9, %r1, 0, 31, -1;\n" NEXT_LANE, OPEN},
        /* updates are ordered among themselves, and not with plain accesses */
        {HEAD UPDATE UPDATE, NULL},
        {HEAD PUT UPDATE, OPEN},
        {HEAD UPDATE PUT, OPEN},
        {HEAD UPDATE SYNC PUT, NULL},
        {HEAD PUT SYNC "st.volatile.shared.u32 [%r4], %r1;\n", NULL},
        /* of several readers each one counts */
        {HEAD "ld.shared.u32 %r8, [%r5];\nsetp.ne.u32 %p1, %r1, 0; @%p1 bra $end;\n" PUT "$end:\n",
         OPEN},
        {HEAD "ld.shared.u32 %r8, [%r5];\n" SYNC "setp.ne.u32 %p1, %r1, 0; @%p1 bra $end;\n" PUT
              "$end:\n",
         NULL},
        /* generic addresses are followed to where they point */
        {HEAD PUT "mov.u64 %rd3, s; cvta.shared.u64 %rd3, %rd3; ld.u32 %r8, [%rd3+4];\n", OPEN},
        /* copies */
        {HEAD COPY WAIT GET, NULL},
        {HEAD COPY GET WAIT, "still copies"},
        {HEAD COPY WAIT NEXT, OPEN},
        {HEAD COPY WAIT SYNC NEXT, NULL},
        {HEAD COPY COPY WAIT, "still copies"},
        {HEAD NEXT COPY WAIT, OPEN},
        {HEAD NEXT SYNC COPY WAIT, NULL},
        /* matrices: 16 bytes of each lane's row */
        {HEAD "and.b32 %r9, %r1, 7; mad.lo.u32 %r9, %r9, 16, %r5;\n" PUT
              "ldmatrix.sync.aligned.m8n8.x1.shared.b16 {%r10}, [%r9];\n",
         OPEN},
        {HEAD "and.b32 %r9, %r1, 7; mad.lo.u32 %r9, %r9, 16, %r5;\n" PUT SYNC
              "ldmatrix.sync.aligned.m8n8.x1.shared.b16 {%r10}, [%r9];\n" SYNC PUT,
         NULL},
    };
    static const enum ptx_order orders[] = {PTX_IN_ORDER, PTX_REVERSE, PTX_RANDOM, PTX_UNFAIR};
    size_t found = 0, none = 0;
    for (size_t k = 0; k < sizeof cases / sizeof *cases; k++)
        for (size_t o = 0; o < sizeof orders / sizeof *orders; o++) {
            ptx_configure(&(struct ptx_config){.order = orders[o], .seed = k, .races = true});
            bool ended = ptx_test_body(cases[k].body, 3, 64, words) == 0;
            if (ended != !cases[k].why)
                fail_msg("%s: %s", cases[k].body, ended ? "no race" : device_error());
            if (!ended && (!strstr(device_error(), "a race in shared memory") ||
                           !strstr(device_error(), cases[k].why)))
                fail_msg("%s: '%s' is not in: %s", cases[k].body, cases[k].why, device_error());
            found += !ended;
            none += ended;
        }
    ptx_configure(NULL);
    print_message("%zu runs with a race, each of them found, and %zu without\n", found, none);
}

/* Who does not ask is not told. */
static void nobody_asks(void **state) {
    (void)state;
    needs_a_compiler();
    if (ptx_test_body(HEAD PUT NEXT, 1, 64, words) != 0)
        fail_msg("%s", device_error());
}

/* Two blocks: thread 0 of the first lets the second go on before its own other warp has written,
 * which only an unfair order shows; and nobody waits for ever. */
static void warps_are_left_behind(void **state) {
    (void)state;
    needs_a_compiler();
    static const char body[] =
        "mov.u32 %r2, %ctaid.x; setp.ne.u32 %p1, %r2, 0; @%p1 bra $second;\n"
        "mad.wide.u32 %rd2, %r1, 4, %rd1; mov.u32 %r3, 1; st.global.u32 [%rd2], %r3;\n"
        "setp.ne.u32 %p2, %r1, 0; @%p2 bra $end; st.release.gpu.u32 [%rd1+512], %r3; bra $end;\n"
        "$second: setp.ne.u32 %p2, %r1, 0; @%p2 bra $met;\n"
        "$poll: ld.acquire.gpu.u32 %r3, [%rd1+512]; setp.eq.u32 %p3, %r3, 0; @%p3 bra $poll;\n"
        "$met: bar.sync 0; mad.wide.u32 %rd2, %r1, 4, %rd1; ld.global.u32 %r3, [%rd2];\n"
        "st.global.u32 [%rd2+520], %r3;\n"
        "$end:\n";
    unsigned early = 0;
    for (uint64_t seed = 0; seed < 30; seed++) {
        memset(words, 0, WORDS * sizeof *words);
        ptx_configure(&(struct ptx_config){.order = PTX_UNFAIR, .seed = seed, .resident = 2});
        if (ptx_test_body(body, 2, 64, words) != 0)
            fail_msg("%s", device_error());
        for (uint32_t k = 0; k < 32; k++)
            assert_int_equal(words[k], 1);
        early += words[130 + 63] == 0;
    }
    ptx_configure(NULL);
    print_message("the second block came before the first one's other warp under %u of 30 seeds\n",
                  early);
    assert_true(early > 0 && early < 30);
}

/* A lock that is waited for by atomics alone: who has the highest rank does not keep its holder
 * from going on. */
static void nobody_spins_for_ever(void **state) {
    (void)state;
    needs_a_compiler();
    static const char body[] =
        "setp.ne.u32 %p1, %r1, 0; @%p1 bra $end; mov.u32 %r3, 1; mov.u32 %r4, 0;\n"
        "$lock: atom.global.cas.b32 %r5, [%rd1], 0, 1; setp.ne.u32 %p2, %r5, 0; @%p2 bra $lock;\n"
        "ld.global.u32 %r6, [%rd1+4]; atom.global.add.u32 %r7, [%rd1+8], 1;\n"
        "add.u32 %r6, %r6, 1; st.global.u32 [%rd1+4], %r6; atom.global.exch.b32 %r7, [%rd1], 0;\n"
        "$end:\n";
    for (uint64_t seed = 0; seed < 20; seed++) {
        memset(words, 0, WORDS * sizeof *words);
        ptx_configure(&(struct ptx_config){
            .order = PTX_UNFAIR, .seed = seed, .resident = 8, .jump_limit = 1000 * 1000});
        if (ptx_test_body(body, 8, 32, words) != 0)
            fail_msg("%s", device_error());
        assert_int_equal(words[1], 8);
    }
    ptx_configure(NULL);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(races_are_found_under_every_order),
        cmocka_unit_test(nobody_asks),
        cmocka_unit_test(warps_are_left_behind),
        cmocka_unit_test(nobody_spins_for_ever),
    };
    return cmocka_run_group_tests_name("ptx_races", tests, open_machine, close_machine);
}

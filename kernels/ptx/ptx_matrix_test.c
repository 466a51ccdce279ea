/*
 * ptx_matrix_test.c: instructions on matrices, on PTX that was written by hand: where elements are
 * in the registers of a warp, as the manual lists it fragment by fragment; loads and stores; copies
 * that nobody waits for; and what is refused or an error, by name and line.
 */
#include "kernels/element/element.h"
#include "kernels/ptx/ptx_fixture.h"

static uint32_t *words; /* device memory */
#define WORDS 2048

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
    memset(words, 0, WORDS * sizeof *words);
}

static void run(const char *body) {
    if (ptx_test_body(body, 1, 32, words) != 0)
        fail_msg("%s\n%s", body, device_error());
}

/* --- fragments of mma ----------------------------------------------------------------------------
 */

struct shape {
    const char *opcode;
    enum element in, out;
    unsigned k, bytes; /* products; of an element of A and B */
};
static const struct shape shapes[] = {
    {"m16n8k8.row.col.f32.f16.f16.f32", ELEMENT_F16, ELEMENT_F32, 8, 2},
    {"m16n8k16.row.col.f32.f16.f16.f32", ELEMENT_F16, ELEMENT_F32, 16, 2},
    {"m16n8k8.row.col.f16.f16.f16.f16", ELEMENT_F16, ELEMENT_F16, 8, 2},
    {"m16n8k16.row.col.f16.f16.f16.f16", ELEMENT_F16, ELEMENT_F16, 16, 2},
    {"m16n8k8.row.col.f32.bf16.bf16.f32", ELEMENT_BF16, ELEMENT_F32, 8, 2},
    {"m16n8k16.row.col.f32.bf16.bf16.f32", ELEMENT_BF16, ELEMENT_F32, 16, 2},
    {"m16n8k4.row.col.f32.tf32.tf32.f32", ELEMENT_TF32, ELEMENT_F32, 4, 4},
    {"m16n8k8.row.col.f32.tf32.tf32.f32", ELEMENT_TF32, ELEMENT_F32, 8, 4},
    {"m16n8k32.row.col.s32.s8.s8.s32", ELEMENTS, ELEMENTS, 32, 1},
};

/* Row and column of a lane's element i of A, case by case as the manual has them. */
static void place_in_a(const struct shape *s, unsigned lane, unsigned i, unsigned *row,
                       unsigned *column) {
    unsigned group = lane >> 2, thread = lane % 4;
    if (s->bytes == 2) {
        *row = i < 2 || (4 <= i && i < 6) ? group : group + 8;
        *column = thread * 2 + (i & 1) + (i >= 4 ? 8 : 0);
    } else if (s->bytes == 4) {
        *row = i == 0 || i == 2 ? group : group + 8;
        *column = i < 2 ? thread : thread + 4;
    } else {
        *row = i < 4 || (8 <= i && i < 12) ? group : group + 8;
        *column = thread * 4 + (i & 3) + (i >= 8 ? 16 : 0);
    }
}

/* Row of a lane's element i of B; its column is the group. */
static unsigned row_in_b(const struct shape *s, unsigned lane, unsigned i) {
    unsigned thread = lane % 4;
    if (s->bytes == 2)
        return thread * 2 + (i & 1) + (i >= 2 ? 8 : 0);
    if (s->bytes == 4)
        return i == 0 ? thread : thread + 4;
    return thread * 4 + (i & 3) + (i >= 4 ? 16 : 0);
}

static int number(unsigned row, unsigned column, unsigned salt) {
    return (int)((row * 7 + column * 5 + row * column + salt) % 9) - 4;
}

static void put(const struct shape *s, uint32_t *registers, unsigned i, int value) {
    if (s->bytes == 1)
        ((int8_t *)registers)[i] = (int8_t)value;
    else
        element_set(s->in, registers, i, value);
}

/* Lane's registers of A at words[16 lane], of B behind its four, of C behind these. */
#define A_AT 0
#define B_AT 4
#define C_AT 6
#define EACH 16

static void write_mma(char *body, size_t size, const struct shape *s) {
    bool four = s->k * s->bytes == 32, half = s->out == ELEMENT_F16;
    snprintf(body, size,
             "mad.wide.u32 %%rd2, %%r1, 64, %%rd1;\n"
             "ld.global.v4.u32 {%%r2, %%r3, %%r4, %%r5}, [%%rd2];\n"
             "ld.global.v2.u32 {%%r6, %%r7}, [%%rd2+16];\n"
             "ld.global.v2.u32 {%%r8, %%r9}, [%%rd2+24];\n"
             "ld.global.v2.u32 {%%r10, %%r11}, [%%rd2+32];\n"
             "mma.sync.aligned.%s %s, %s, %s, %s;\n"
             "st.global.v2.u32 [%%rd2+24], {%%r8, %%r9};\n"
             "st.global.v2.u32 [%%rd2+32], {%%r10, %%r11};\n",
             s->opcode, half ? "{%r8, %r9}" : "{%r8, %r9, %r10, %r11}",
             four ? "{%r2, %r3, %r4, %r5}" : "{%r2, %r3}", four ? "{%r6, %r7}" : "{%r6}",
             half ? "{%r8, %r9}" : "{%r8, %r9, %r10, %r11}");
}

static void fragments_are_the_manuals(void **state) {
    (void)state;
    needs_a_compiler();
    for (size_t n = 0; n < sizeof shapes / sizeof *shapes; n++) {
        const struct shape *s = &shapes[n];
        char body[1024];
        unsigned of_a = 16 * s->k / 32, of_b = 8 * s->k / 32;
        memset(words, 0, WORDS * sizeof *words);
        for (unsigned lane = 0; lane < 32; lane++) {
            uint32_t *own = words + EACH * lane;
            for (unsigned i = 0; i < of_a; i++) {
                unsigned row, column;
                place_in_a(s, lane, i, &row, &column);
                put(s, own + A_AT, i, number(row, column, 1));
            }
            for (unsigned i = 0; i < of_b; i++)
                put(s, own + B_AT, i, number(row_in_b(s, lane, i), lane >> 2, 3));
            for (unsigned i = 0; i < 4; i++) {
                unsigned row = lane / 4 + (i < 2 ? 0 : 8), column = lane % 4 * 2 + (i & 1);
                if (s->out == ELEMENTS)
                    own[C_AT + i] = (uint32_t)number(row, column, 5);
                else
                    element_set(s->out, own + C_AT, i, number(row, column, 5));
            }
        }
        write_mma(body, sizeof body, s);
        run(body);
        for (unsigned lane = 0; lane < 32; lane++)
            for (unsigned i = 0; i < 4; i++) {
                unsigned row = lane / 4 + (i < 2 ? 0 : 8), column = lane % 4 * 2 + (i & 1);
                const uint32_t *d = words + EACH * lane + C_AT;
                int expected = number(row, column, 5);
                for (unsigned k = 0; k < s->k; k++)
                    expected += number(row, k, 1) * number(k, column, 3);
                int got = s->out == ELEMENTS ? (int)d[i] : (int)element_get(s->out, d, i);
                if (got != expected)
                    fail_msg("%s: D[%u][%u] is %d, not %d", s->opcode, row, column, got, expected);
            }
    }
}

/* --- loads and stores ----------------------------------------------------------------------------
 */

/* Word w of row r of matrix m is 100 m + 10 r + w; rows lie 32 bytes apart. */
static void matrices_are_loaded(void **state) {
    (void)state;
    needs_a_compiler();
    static const char fill[] = ".shared .align 16 .b8 s[1024]; mov.u32 %r2, s;\n"
                               "shr.u32 %r3, %r1, 3; and.b32 %r4, %r1, 7;\n"
                               "mul.lo.u32 %r5, %r3, 100; mad.lo.u32 %r5, %r4, 10, %r5;\n"
                               "mad.lo.u32 %r6, %r1, 32, %r2; add.u32 %r7, %r5, 1;\n"
                               "add.u32 %r8, %r5, 2; add.u32 %r9, %r5, 3;\n"
                               "st.shared.v4.u32 [%r6], {%r5, %r7, %r8, %r9}; bar.sync 0;\n";
    for (unsigned count = 1; count <= 4; count *= 2) {
        static const char *const to[] = {"", "{%r10}", "{%r10, %r11}", "",
                                         "{%r10, %r11, %r12, %r13}"};
        char body[2048];
        memset(words, 0, WORDS * sizeof *words);
        snprintf(body, sizeof body,
                 "%sldmatrix.sync.aligned.m8n8.x%u.shared.b16 %s, [%%r6];\n"
                 "mad.wide.u32 %%rd2, %%r1, 16, %%rd1;\n"
                 "st.global.v4.u32 [%%rd2], {%%r10, %%r11, %%r12, %%r13};\n",
                 fill, count, to[count]);
        run(body);
        for (unsigned lane = 0; lane < 32; lane++)
            for (unsigned m = 0; m < count; m++)
                assert_int_equal(words[4 * lane + m], 100 * m + 10 * (lane / 4) + lane % 4);
    }
}

/* A 16 × 16 product of bf16 by wmma: A row by row, B column by column, C and D by columns, D of
 * another distance than C. */
static void wmma_multiplies(void **state) {
    (void)state;
    needs_a_compiler();
    uint32_t *a = words, *b = words + 256, *c = words + 512, *d = words + 1024;
    for (unsigned i = 0; i < 256; i++) {
        element_set(ELEMENT_BF16, a, i / 16 * 24 + i % 16, number(i / 16, i % 16, 1));
        element_set(ELEMENT_BF16, b, i / 16 * 16 + i % 16, number(i % 16, i / 16, 3));
        element_set(ELEMENT_F32, c, i, number(i % 16, i / 16, 5)); /* [column][row] */
    }
    run(".reg .b32 %q<32>;\n"
        "wmma.load.a.sync.aligned.row.m16n16k16.global.bf16 {%q0, %q1, %q2, %q3}, [%rd1], 24;\n"
        "wmma.load.b.sync.aligned.col.m16n16k16.bf16 {%q4, %q5, %q6, %q7}, [%rd1+1024], 16;\n"
        "mov.u32 %r2, 16;\n"
        "wmma.load.c.sync.aligned.col.m16n16k16.global.f32 {%q8, %q9, %q10, %q11, %q12, %q13, "
        "%q14, %q15}, [%rd1+2048], %r2;\n"
        "wmma.mma.sync.aligned.row.col.m16n16k16.f32.bf16.bf16.f32 {%q16, %q17, %q18, %q19, %q20, "
        "%q21, %q22, %q23}, {%q0, %q1, %q2, %q3}, {%q4, %q5, %q6, %q7}, {%q8, %q9, %q10, %q11, "
        "%q12, %q13, %q14, %q15};\n"
        "wmma.store.d.sync.aligned.row.m16n16k16.global.f32 [%rd1+4096], {%q16, %q17, %q18, %q19, "
        "%q20, %q21, %q22, %q23}, 20;\n");
    for (unsigned row = 0; row < 16; row++)
        for (unsigned column = 0; column < 16; column++) {
            int expected = number(row, column, 5);
            for (unsigned k = 0; k < 16; k++)
                expected += number(row, k, 1) * number(k, column, 3);
            assert_int_equal((int)element_get(ELEMENT_F32, d, 20 * row + column), expected);
        }
}

/* --- copies --------------------------------------------------------------------------------------
 */

#define COPY_HEAD                                                                                  \
    ".shared .align 16 .b8 s[64]; mov.u32 %r2, s; mov.u32 %r3, 7;\n"                               \
    "st.shared.v4.u32 [%r2], {%r3, %r3, %r3, %r3}; st.shared.v4.u32 [%r2+16], {%r3, %r3, %r3, "    \
    "%r3};\n"

/* One thread: what it reads before its wait is old in order and new in reverse; behind the bytes
 * there are zeros. */
static void copies_come_when_they_are_waited_for(void **state) {
    (void)state;
    needs_a_compiler();
    static const char body[] =
        COPY_HEAD "cp.async.cg.shared.global.L2::128B [%r2], [%rd1], 16, 6;\n"
                  "cp.async.commit_group;\n"
                  "cp.async.ca.shared.global [%r2+16], [%rd1+8], 8;\n"
                  "cp.async.commit_group;\n"
                  "ld.shared.u32 %r4, [%r2]; st.global.u32 [%rd1+64], %r4;\n"
                  "cp.async.wait_group 1;\n"
                  "ld.shared.v4.u32 {%r5, %r6, %r7, %r8}, [%r2];\n"
                  "st.global.v4.u32 [%rd1+80], {%r5, %r6, %r7, %r8};\n"
                  "ld.shared.u32 %r9, [%r2+20]; st.global.u32 [%rd1+68], %r9;\n"
                  "cp.async.wait_all; ld.shared.u32 %r10, [%r2+20];\n"
                  "st.global.u32 [%rd1+72], %r10;\n";
    for (int order = PTX_IN_ORDER; order <= PTX_REVERSE; order++) {
        bool at_once = order == PTX_REVERSE;
        for (uint32_t k = 0; k < 4; k++)
            words[k] = 0x01010101 * (k + 1);
        ptx_configure(&(struct ptx_config){.order = (enum ptx_order)order});
        if (ptx_test_body(body, 1, 1, words) != 0)
            fail_msg("%s", device_error());
        assert_int_equal(words[16], at_once ? 0x01010101 : 7);
        assert_int_equal(words[20], 0x01010101);
        assert_int_equal(words[21], 0x0202);
        assert_int_equal(words[22], 0);
        assert_int_equal(words[23], 0);
        assert_int_equal(words[17], at_once ? 0x04040404 : 7);
        assert_int_equal(words[18], 0x04040404);
    }
    ptx_configure(NULL);
}

/* --- errors --------------------------------------------------------------------------------------
 */

#define MMA                                                                                        \
    "mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32 {%f1, %f2, %f3, %f4}, {%r1, %r1, %r1, "     \
    "%r1}, {%r1, %r1}, {%f1, %f2, %f3, %f4};\n"
#define LDMATRIX "ldmatrix.sync.aligned.m8n8.x1.shared.b16 {%r4}, [%r3];\n"
#define LOAD_A "wmma.load.a.sync.aligned.row.m16n16k16.global.bf16 {%r4, %r5, %r6, %r7}, "

static void what_is_wrong_is_an_error(void **state) {
    (void)state;
    needs_a_compiler();
    static const struct {
        const char *body, *why;
    } wrong[] = {
        {"setp.eq.u32 %p1, %r1, 3; @%p1 bra $out;\n" MMA "$out:\n", "only 0xfffffff7"},
        {"setp.lt.u32 %p1, %r1, 16; @%p1 bra $low;\n" MMA "bra $out;\n$low:\n" MMA "$out:\n",
         "lanes of one warp diverge"},
        {"setp.lt.u32 %p1, %r1, 16; @%p1 bra $low;\n" MMA
         "bra $out;\n$low:\nbar.warp.sync 0xffffffff;\n$out:\n",
         "lanes of one warp diverge"},
        {".shared .align 16 .b8 s[128]; mov.u32 %r2, s; mad.lo.u32 %r3, %r1, 16, %r2;\n"
         "add.u32 %r3, %r3, 8;\n" LDMATRIX,
         "16 bytes of shared memory at 0x8, which is not aligned"},
        {".shared .align 16 .b8 s[112]; mov.u32 %r2, s; mad.lo.u32 %r3, %r1, 16, %r2;\n" LDMATRIX,
         "thread (7, 0, 0)"},
        {"mad.wide.u32 %rd2, %r1, 32, %rd1;\n" LOAD_A "[%rd2], 16;\n", "names another matrix"},
        {LOAD_A "[%rd1], 20;\n", "not all begin at a multiple of 16"},
        {LOAD_A "[%rd1+8000], 16;\n", "outside what is allocated"},
        {COPY_HEAD "cp.async.ca.shared.global [%r2], [%rd1+2], 4;\n", "which is not aligned"},
        {COPY_HEAD "cp.async.ca.shared.global [%r2+60], [%rd1], 8;\n", "of shared memory"},
        {COPY_HEAD "cp.async.ca.shared.global [%r2], [%rd1+8192], 8, 1;\n", "of global memory"},
        {COPY_HEAD "cp.async.ca.shared.global [%r2], [%rd1], 8, 9;\n", "a copy of 9 bytes to 8"},
        /* and what is not known is refused before it runs */
        {"mma.sync.aligned.m16n8k32.row.col.f32.e4m3.e4m3.f32 {%f1, %f2, %f3, %f4}, {%r1, %r1, "
         "%r1, %r1}, {%r1, %r1}, {%f1, %f2, %f3, %f4};",
         "no rule is known for it on sm_80"},
        {"mma.sync.aligned.m8n8k4.row.col.f32.f16.f16.f32 {%f1, %f2}, {%r1}, {%r1}, {%f1, %f2};",
         "is not among the instructions"},
        {"mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32 {%f1, %f2}, {%r1, %r1, %r1, %r1}, "
         "{%r1, %r1}, {%f1, %f2, %f3, %f4};",
         "operand 1 is not 4 registers"},
        {"mma.sync.aligned.m16n8k32.row.col.s32.s8.s8.s32.satfinite {%r1, %r1, %r1, %r1}, {%r1, "
         "%r1, %r1, %r1}, {%r1, %r1}, {%r1, %r1, %r1, %r1};",
         "is not among the instructions"},
        {"ldmatrix.sync.aligned.m8n8.x3.shared.b16 {%r1, %r2, %r3}, [%r1];",
         "is not among the instructions"},
        {"wgmma.fence.sync.aligned;", "is not among the instructions"},
        {"cp.async.bulk.commit_group;", "is not among the instructions"},
    };
    for (size_t k = 0; k < sizeof wrong / sizeof *wrong; k++) {
        if (ptx_test_body(wrong[k].body, 1, 32, words) == 0)
            fail_msg("%s: no error", wrong[k].body);
        if (!strstr(device_error(), wrong[k].why))
            fail_msg("%s: '%s' is not in: %s", wrong[k].body, wrong[k].why, device_error());
    }
    print_message("%zu errors, each by its name\n", sizeof wrong / sizeof *wrong);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fragments_are_the_manuals),
        cmocka_unit_test(matrices_are_loaded),
        cmocka_unit_test(wmma_multiplies),
        cmocka_unit_test(copies_come_when_they_are_waited_for),
        cmocka_unit_test(what_is_wrong_is_an_error),
    };
    return cmocka_run_group_tests(tests, open_machine, close_machine);
}

/*
 * ptx_test.c: what instructions mean, on PTX that was written by hand; expected values are the
 * manual's rules worked out, not another program's. No nvcc is needed, a C compiler is.
 */
#include "kernels/ptx/ptx_fixture.h"

#include "kernels/ptx/ptx_translate.h"

static uint64_t *words; /* device memory */
#define WORDS 64

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

/* --- instructions --------------------------------------------------------------------------------
 * Each is run with its operands in memory, so that no compiler knows them: %f, %r, … by its sizes.
 */

struct vector {
    const char *opcode;
    uint64_t a, b, c, d; /* operands, as many as the instruction has */
    uint64_t expected;
};

static const struct vector vectors[] = {
    {"add.s32", 0xffffffff, 2, 0, 0, 1},
    {"sub.s64", 1, 2, 0, 0, UINT64_MAX},
    {"mul.lo.s32", 0x10000, 0x10001, 0, 0, 0x10000},
    {"mul.hi.u32", 0xffffffff, 0xffffffff, 0, 0, 0xfffffffe},
    {"mul.hi.s32", 0xffffffff, 0xffffffff, 0, 0, 0},
    {"mul.hi.u64", UINT64_MAX, UINT64_MAX, 0, 0, UINT64_MAX - 1},
    {"mul.hi.s64", UINT64_MAX, 5, 0, 0, UINT64_MAX},
    {"mul.wide.s32", 0xffffffff, 3, 0, 0, (uint64_t)-3},
    {"mul.wide.u32", 0xffffffff, 3, 0, 0, 0x2fffffffdull},
    {"mul.wide.u16", 0xffff, 0xffff, 0, 0, 0xfffe0001},
    {"mad.lo.s32", 7, 6, 0xffffffff, 0, 41},
    {"mad.wide.s32", 0xffffffff, 2, 1, 0, UINT64_MAX},
    {"div.s32", (uint32_t)-7, 2, 0, 0, (uint32_t)-3},
    {"div.s32", 0x80000000, 0xffffffff, 0, 0, 0x80000000},
    {"div.u32", (uint32_t)-7, 2, 0, 0, 0x7ffffffc},
    {"rem.s32", (uint32_t)-7, 2, 0, 0, (uint32_t)-1},
    {"rem.s64", 1ull << 63, UINT64_MAX, 0, 0, 0},
    {"min.s32", 0xffffffff, 1, 0, 0, 0xffffffff},
    {"min.u32", 0xffffffff, 1, 0, 0, 1},
    {"abs.s32", 0x80000000, 0, 0, 0, 0x80000000},
    {"neg.s64", 5, 0, 0, 0, (uint64_t)-5},
    {"shl.b32", 1, 32, 0, 0, 0},
    {"shl.b64", 1, 63, 0, 0, 1ull << 63},
    {"shr.u32", 0x80000000, 31, 0, 0, 1},
    {"shr.s32", 0x80000000, 99, 0, 0, 0xffffffff},
    {"shr.u64", UINT64_MAX, 64, 0, 0, 0},
    {"shf.l.wrap.b32", 0x80000001, 0x00000003, 33, 0, 7},
    {"shf.r.wrap.b32", 0x80000001, 0x00000003, 1, 0, 0xc0000000},
    {"shf.l.clamp.b32", 0x80000001, 0x3, 40, 0, 0x80000001},
    {"clz.b32", 0, 0, 0, 0, 32},
    {"clz.b64", 1, 0, 0, 0, 63},
    {"popc.b64", UINT64_MAX, 0, 0, 0, 64},
    {"bfi.b32", 0xff, 0, 4, 4, 0xf0},
    {"bfi.b32", 0xff, 7, 28, 200, 0xf0000007},
    {"bfe.u32", 0x12345678, 8, 8, 0, 0x56},
    {"bfe.s32", 0x00008000, 8, 8, 0, 0xffffff80},
    {"bfe.s32", 0x80000000, 40, 8, 0, 0xffffffff},
    {"prmt.b32", 0x33221100, 0x77665544, 0x7052, 0, 0x77005522},
    {"prmt.b32", 0x80, 0, 0x8888, 0, 0xffffffff},
    {"lop3.b32", 0xf0f0f0f0, 0xcccccccc, 0xaaaaaaaa, 0x80, 0x80808080},
    {"lop3.b32", 0xf0f0f0f0, 0xcccccccc, 0xaaaaaaaa, 0x96, 0x96969696},
    /* sums in binary32: ties to even, and no more precision than that */
    {"add.rn.f32", 0x4b800000, 0x3f800000, 0, 0, 0x4b800000}, /* 2^24 + 1 */
    {"add.rn.f32", 0x4b800000, 0x40400000, 0, 0, 0x4b800002}, /* 2^24 + 3 */
    {"add.rn.f32", 0x00000001, 0x00000001, 0, 0, 0x00000002}, /* subnormals stay */
    {"add.rn.f32", 0x7f800000, 0xff800000, 0, 0, 0x7fffffff}, /* the canonical NaN */
    {"add.rn.f32", 0xffc12345, 0x3f800000, 0, 0, 0x7fffffff},
    {"sub.rn.f64", 0x4340000000000000, 0x3ff0000000000000, 0, 0, 0x433fffffffffffff},
    {"mul.rn.f32", 0x3f800001, 0x3f800001, 0, 0, 0x3f800002},
    {"fma.rn.f32", 0x3f800001, 0x3f800001, 0xbf800002, 0, 0x28800000}, /* 2^-46 */
    {"fma.rn.f64", 0x3ff0000000000001, 0x3ff0000000000001, 0xbff0000000000002, 0,
     0x3970000000000000},
    {"div.rn.f32", 0x3f800000, 0x40400000, 0, 0, 0x3eaaaaab},
    {"sqrt.rn.f32", 0x40000000, 0, 0, 0, 0x3fb504f3},
    {"rcp.rn.f64", 0x4008000000000000, 0, 0, 0, 0x3fd5555555555555},
    {"max.f32", 0x7fc00000, 0x3f800000, 0, 0, 0x3f800000},
    {"max.f32", 0x80000000, 0x00000000, 0, 0, 0x00000000},
    {"min.f32", 0x00000000, 0x80000000, 0, 0, 0x80000000},
    {"min.f64", 0x7ff8000000000000, 0x7ff8000000000000, 0, 0, 0xfff8000000000000},
    {"neg.f32", 0x7fc00000, 0, 0, 0, 0xffc00000},
    {"abs.f64", 0xc000000000000000, 0, 0, 0, 0x4000000000000000},
    /* halves: 1 + 2^-11 is a tie; a product and a sum with one rounding */
    {"add.f16x2", 0x3c003c00, 0x10001400, 0, 0, 0x3c003c01},
    {"add.f16", 0x0001, 0x0001, 0, 0, 0x0002},
    {"mul.f16", 0x7bff, 0x4000, 0, 0, 0x7c00},
    {"fma.rn.f16", 0x3c01, 0x3c01, 0xbc02, 0, 0x0010},
    {"fma.rn.bf16x2", 0x3f803f81, 0x3f803f81, 0x3b80bf82, 0, 0x3f803880},
    {"cvt.rn.f16x2.f32", 0x3f800000, 0x477fefff, 0, 0, 0x3c007bff},
    {"cvt.rn.f16x2.f32", 0xc77ff000, 0x33000000, 0, 0, 0xfc000000},
    {"cvt.rn.bf16x2.f32", 0x3f808000, 0x3f818000, 0, 0, 0x3f803f82},
    {"cvt.rn.bf16.f32", 0x7f7fffff, 0, 0, 0, 0x7f80},
    {"cvt.f32.f16", 0x0001, 0, 0, 0, 0x33800000},
    {"cvt.f32.f16", 0xfc01, 0, 0, 0, 0x7fffffff},
    {"cvt.f64.f32", 0xc0000000, 0, 0, 0, 0xc000000000000000},
    {"cvt.rn.f32.f64", 0x3ff0000010000000, 0, 0, 0, 0x3f800000},
    {"cvt.rn.f32.f64", 0x3ff0000030000000, 0, 0, 0, 0x3f800002},
    {"cvt.rn.f64.u64", UINT64_MAX, 0, 0, 0, 0x43f0000000000000},
    {"cvt.rn.f32.s32", 0x01000001, 0, 0, 0, 0x4b800000},
    {"cvt.rni.s64.f64", 0x3fe0000000000000, 0, 0, 0, 0}, /* 0.5 */
    {"cvt.rni.s64.f64", 0x7ff8000000000000, 0, 0, 0, 1ull << 63},
    {"cvt.rzi.s32.f32", 0x7fc00000, 0, 0, 0, 0},
    {"cvt.rzi.s32.f32", 0xcf800000, 0, 0, 0, 0x80000000},
    {"cvt.rzi.s32.f64", 0x7ff8000000000000, 0, 0, 0, 0x80000000},
    {"cvt.rzi.u32.f32", 0xbf800000, 0, 0, 0, 0},
    {"cvt.rzi.u32.f32", 0x4f800000, 0, 0, 0, 0xffffffff},
    {"cvt.rpi.s32.f32", 0x3f000000, 0, 0, 0, 1},
    {"cvt.rmi.s32.f32", 0xbf000000, 0, 0, 0, 0xffffffff},
    {"setp.lt.s32", 0xffffffff, 0, 0, 0, 1},
    {"setp.lt.u32", 0xffffffff, 0, 0, 0, 0},
    {"setp.hs.u64", 1, 1, 0, 0, 1},
    {"setp.ne.f32", 0x7fc00000, 0x3f800000, 0, 0, 0},
    {"setp.neu.f32", 0x7fc00000, 0x3f800000, 0, 0, 1},
    {"setp.equ.f64", 0x7ff8000000000000, 0, 0, 0, 1},
    {"setp.gtu.f64", 0x7ff8000000000000, 0, 0, 0, 1},
    {"setp.le.f32", 0x80000000, 0x00000000, 0, 0, 1},
    {"setp.nan.f32", 0x7fc00000, 0, 0, 0, 1},
    {"setp.num.f32", 0x7f800000, 0, 0, 0, 1},
    {"selp.b32", 5, 6, 0, 0, 6},
    {"selp.f64", 5, 6, 1, 0, 5},
    {"and.pred", 1, 0, 0, 0, 0},
    {"dp4a.s32.s32", 0x80ff0203, 0x80017f04, 0xfffffff0, 0, 0x40f9},
    {"xor.pred", 1, 0, 0, 0, 1},
    {"not.b16", 0x00ff, 0, 0, 0, 0xff00},
};

static const char *register_of(char size, char out[16], int k) {
    snprintf(out, 16,
             size == 'p'   ? "%%p%d"
             : size == '2' ? "%%h%d"
             : size == '4' ? "%%r%d"
                           : "%%rd%d",
             k + 2);
    return out;
}

/* One instruction by its form: operands from words, its result to words[WORDS - 1]. */
static void write_body(char *body, size_t size, const char *opcode, const char *operands) {
    char at[16];
    int count = (int)strspn(operands, "p248"), length = 0;
    for (int k = 1; k < count; k++) {
        char type = operands[k];
        register_of(type, at, k);
        if (type == 'p')
            length += snprintf(body + length, size - (size_t)length,
                               "ld.global.u32 %%r15, [%%rd1+%d]; setp.ne.u32 %s, %%r15, 0;\n",
                               8 * (k - 1), at);
        else
            length +=
                snprintf(body + length, size - (size_t)length, "ld.global.u%d %s, [%%rd1+%d];\n",
                         8 * (type - '0'), at, 8 * (k - 1));
    }
    length += snprintf(body + length, size - (size_t)length, "%s %s", opcode,
                       register_of(operands[0], at, 0));
    for (int k = 1; k < count; k++)
        length +=
            snprintf(body + length, size - (size_t)length, ", %s", register_of(operands[k], at, k));
    int to = 8 * (WORDS - 1);
    register_of(operands[0], at, 0);
    if (operands[0] == 'p')
        snprintf(body + length, size - (size_t)length,
                 ";\nselp.u32 %%r15, 1, 0, %s; st.global.u32 [%%rd1+%d], %%r15;", at, to);
    else
        snprintf(body + length, size - (size_t)length, ";\nst.global.u%d [%%rd1+%d], %s;",
                 8 * (operands[0] - '0'), to, at);
}

static const struct ptx_form *form_of(const char *opcode) {
    return ptx_form_find((struct ptx_word){opcode, (int)strlen(opcode)});
}

static void instructions_give_the_manuals_values(void **state) {
    (void)state;
    needs_a_compiler();
    for (size_t k = 0; k < sizeof vectors / sizeof *vectors; k++) {
        const struct vector *v = &vectors[k];
        const struct ptx_form *form = form_of(v->opcode);
        if (!form)
            fail_msg("%s is no form", v->opcode);
        char body[1024];
        write_body(body, sizeof body, v->opcode, form->operands);
        memset(words, 0, WORDS * sizeof *words);
        words[0] = v->a, words[1] = v->b, words[2] = v->c, words[3] = v->d;
        if (ptx_test_body(body, 1, 1, words) != 0)
            fail_msg("%s: %s", v->opcode, device_error());
        if (words[WORDS - 1] != v->expected)
            fail_msg("%s(%#lx, %#lx, %#lx, %#lx) is %#lx and not %#lx", v->opcode, v->a, v->b, v->c,
                     v->d, words[WORDS - 1], v->expected);
    }
    print_message("%zu values\n", sizeof vectors / sizeof *vectors);
}

/* A form in the table is a function of the headers. All of them in one kernel. */
static void every_form_compiles(void **state) {
    (void)state;
    needs_a_compiler();
    char *body = NULL;
    size_t size = 0;
    int count = 0;
    FILE *out = open_memstream(&body, &size);
    for (const struct ptx_form *form; (form = ptx_form_at(count)); count++) {
        char one[1024];
        assert_ptr_equal(form_of(form->opcode), form);
        write_body(one, sizeof one, form->opcode, form->operands);
        fprintf(out, "%s\n", one);
    }
    fclose(out);
    for (size_t k = 0; k < WORDS; k++)
        words[k] = k + 1; /* nothing is divided by zero */
    if (ptx_test_body(body, 1, 1, words) != 0)
        fail_msg("%s", device_error());
    free(body);
    print_message("%d forms\n", count);
}

/* --- more than a call ----------------------------------------------------------------------------
 */

static uint64_t result_of(const char *body, uint32_t threads) {
    memset(words, 0, WORDS * sizeof *words);
    if (ptx_test_body(body, 1, threads, words) != 0)
        fail_msg("%s\n%s", body, device_error());
    return words[0];
}

static void moves_and_conversions(void **state) {
    (void)state;
    needs_a_compiler();
    assert_int_equal(result_of("mov.b64 %rd2, {%r1, 5}; st.global.u64 [%rd1], %rd2;", 1),
                     5ull << 32);
    assert_int_equal(result_of("mov.u64 %rd2, 0x123456789abcdef0; mov.b64 {%r2, %r3}, %rd2;\n"
                               "st.global.u32 [%rd1], %r3;",
                               1),
                     0x12345678);
    assert_int_equal(result_of("mov.b32 %r2, {0x1234, 0x5678}; st.global.u32 [%rd1], %r2;", 1),
                     0x56781234);
    assert_int_equal(
        result_of("mov.u32 %r2, -2; cvt.s64.s32 %rd2, %r2; st.global.u64 [%rd1], %rd2;", 1),
        (uint64_t)-2);
    assert_int_equal(
        result_of("mov.u32 %r2, -2; cvt.u64.u32 %rd2, %r2; st.global.u64 [%rd1], %rd2;", 1),
        0xfffffffe);
    assert_int_equal(
        result_of("mov.u32 %r2, 0x1ff; cvt.s32.s8 %r3, %r2; st.global.u32 [%rd1], %r3;", 1),
        0xffffffff);
    assert_int_equal(
        result_of("mov.u32 %r2, 0x1ff; cvt.u16.u32 %h2, %r2; st.global.u16 [%rd1], %h2;", 1),
        0x1ff);
    /* a narrow load into a wide register: by its type */
    assert_int_equal(result_of("mov.u32 %r2, -1; st.global.u32 [%rd1+8], %r2;\n"
                               "ld.global.s8 %r3, [%rd1+8]; st.global.u32 [%rd1], %r3;",
                               1),
                     0xffffffff);
    assert_int_equal(result_of("mov.u32 %r2, -1; st.global.u32 [%rd1+8], %r2;\n"
                               "ld.global.u8 %rd3, [%rd1+8]; st.global.u64 [%rd1], %rd3;",
                               1),
                     0xff);
    assert_int_equal(result_of("mov.u32 %r2, %laneid; setp.eq.u32 %p1, %r2, 3;\n"
                               "@!%p1 bra $done; st.global.u32 [%rd1], %r2;\n$done:",
                               32),
                     3);
}

static void memories(void **state) {
    (void)state;
    needs_a_compiler();
    /* shared memory, by its own addresses and by generic ones */
    assert_int_equal(result_of(".shared .align 16 .b8 s[64]; mov.u32 %r2, s;\n"
                               "st.shared.v2.u32 [%r2+8], {%r2, 77}; mov.u64 %rd2, s;\n"
                               "cvta.shared.u64 %rd3, %rd2; ld.u32 %r4, [%rd3+12];\n"
                               "st.global.u32 [%rd1], %r4;",
                               1),
                     77);
    /* a thread's own memory */
    assert_int_equal(
        result_of(".local .align 8 .b8 d[32]; mov.u64 %rd2, d;\n"
                  "cvta.local.u64 %rd3, %rd2; mov.u64 %rd4, 99; st.u64 [%rd3+16], %rd4;\n"
                  "ld.local.u64 %rd5, [%rd2+16]; st.global.u64 [%rd1], %rd5;",
                  1),
        99);
    /* atomics: inc wraps, cas compares, add.f32 flushes in global memory and not in shared */
    assert_int_equal(result_of("mov.u64 %rd2, 0; atom.global.inc.u32 %r3, [%rd1], 2;", 7), 1);
    assert_int_equal(result_of("atom.acq_rel.gpu.global.inc.u32 %r3, [%rd1], 2;", 7), 1);
    assert_int_equal(result_of("atom.global.cas.b32 %r3, [%rd1], 0, 9;\n"
                               "atom.global.cas.b32 %r4, [%rd1], 0, 8;",
                               1),
                     9);
    assert_int_equal(result_of("mov.b32 %f1, 0f00400000; red.global.add.f32 [%rd1], %f1;\n"
                               "mov.b32 %f2, 0f00800000; red.global.add.f32 [%rd1], %f2;",
                               1),
                     0x00800000);
    assert_int_equal(result_of(".shared .align 4 .b32 s; mov.b32 %r2, 0; st.shared.u32 [s], %r2;\n"
                               "mov.b32 %f1, 0f00400000; atom.shared.add.f32 %f2, [s], %f1;\n"
                               "ld.shared.u32 %r3, [s]; st.global.u32 [%rd1], %r3;",
                               1),
                     0x00400000);
    /* pairs: each half by itself, and subnormals are kept */
    assert_int_equal(result_of("mov.u32 %r2, 0x00013c00; cvta.to.global.u64 %rd2, %rd1;\n"
                               "red.global.add.noftz.f16x2 [%rd2], %r2;",
                               2),
                     0x00024000);
    assert_int_equal(
        result_of("mov.u32 %r2, 0x00013f80; red.global.add.noftz.bf16x2 [%rd1], %r2;", 2),
        0x00024000);
}

/* A function with a parameter whose address it takes, and local memory under its caller's. */
static void calls(void **state) {
    (void)state;
    needs_a_compiler();
    static const char text[] = PTX_HEAD
        ".func (.param .b32 r) f(.param .align 8 .b8 a[8], .param .b32 b)\n{\n"
        ".local .align 4 .b8 d[16]; .reg .b64 %rd<8>; .reg .b32 %r<8>;\n"
        "mov.b64 %rd1, a; cvta.local.u64 %rd2, %rd1; ld.u32 %r1, [%rd2+4];\n"
        "ld.param.u32 %r2, [b]; mov.u64 %rd3, d; st.local.u32 [%rd3], %r2;\n"
        "ld.local.u32 %r3, [%rd3]; add.s32 %r4, %r1, %r3; st.param.b32 [r+0], %r4; "
        "ret;\n}\n" PTX_KERNEL ".local .align 4 .b8 d[16]; mov.u64 %rd3, d; mov.u32 %r2, 1000;\n"
        "st.local.u32 [%rd3], %r2;\n"
        "{ // callseq\n.reg .b32 temp;\n.param .align 8 .b8 p0[8]; mov.u64 %rd2, 0x500000003;\n"
        "st.param.b64 [p0+0], %rd2; .param .b32 p1; st.param.b32 [p1+0], 70; .param .b32 back;\n"
        "call.uni (back), f, (p0, p1);\nld.param.b32 %r3, [back+0];\n}\n"
        "ld.local.u32 %r4, [%rd3]; add.s32 %r5, %r3, %r4; st.global.u32 [%rd1], %r5; ret;\n}\n";
    memset(words, 0, WORDS * sizeof *words);
    if (ptx_test_run(text, 1, 3, words) != 0)
        fail_msg("%s", device_error());
    assert_int_equal(words[0], 1075);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(instructions_give_the_manuals_values),
        cmocka_unit_test(every_form_compiles),
        cmocka_unit_test(moves_and_conversions),
        cmocka_unit_test(memories),
        cmocka_unit_test(calls),
    };
    return cmocka_run_group_tests(tests, open_machine, close_machine);
}

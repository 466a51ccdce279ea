/*
 * ptx_read_test.c: texts that are no PTX, or none that is translated: one line that names the line
 * and the word; and what a kernel's text says of it.
 */
#include "kernels/ptx/ptx_fixture.h"

#include "kernels/ptx/ptx_translate.h"

#define IN_KERNEL(body) PTX_HEAD PTX_KERNEL body "\nret;\n}\n"

static const struct {
    const char *text, *why;
} bad[] = {
    {"hello", "line 1: 'hello' where a function or a variable should be"},
    {".version 9.0\n.address_size 32", "line 2: '32' where 64 should be"},
    {".entry k(.param .u64 a", "the text ends where ) should be"},
    {".entry k() {", "the text ends where the end of a body should be"},
    {".entry k() { /* ", "a comment, string or name without an end"},
    {".entry k(.param .u65 a) {}", "'.u65' where a type should be"},
    {".entry k(.param .b8 a[0]) {}", "'a' has 0 elements"},
    {".entry k(.param .b8 a[99999999999999999999]) {}", "a number that is not too large"},
    {".entry k(.param .b8 a[1048577]) {}", "a number that is not too large"},
    {".entry k(.param .align 3 .b8 a[4]) {}", "an alignment of 3"},
    {".global .b8 g[];", "'g' has no size"},
    {".entry \x01\x02() {}", "'?' where a function's name should be"},
    {IN_KERNEL("frobnicate.u32 %r1, %r2;"), "line 10: frobnicate.u32 is not among"},
    {IN_KERNEL("add.rz.f32 %f1, %f2, %f3;"), "line 10: add.rz.f32 is not among"},
    {IN_KERNEL("add.ftz.f32 %f1, %f2, %f3;"), "add.ftz.f32"},
    {IN_KERNEL("ex2.approx.f32 %f1, %f2;"), "ex2.approx.f32"},
    {IN_KERNEL("mma.sync.aligned.m8n8k4.row.col.f32.f16.f16.f32 {%f1}, {%r1}, {%r1}, {%f1};"),
     "mma.sync.aligned.m8n8k4.row.col.f32.f16.f16.f32 is not among"},
    {IN_KERNEL("add.s32 %r1, %r2;"), "line 10: add.s32: 2 operands where 3 should be"},
    {IN_KERNEL("add.s32 %r1, %r2, %rd1;"), "'%rd1' has 64 bits and not 32"},
    {IN_KERNEL("add.s32 %r1, %r2, %r99;"), "'%r99' is no operand of 32 bits"},
    {IN_KERNEL("add.s32 %r1, %r2, %r01;"), "'%r01'"},
    {IN_KERNEL("add.s32 5, %r2, %r3;"), "'5' is no register"},
    {IN_KERNEL("add.s32 %r1, %r2, 0x100000000;"), "has more than 32 bits"},
    {IN_KERNEL("mov.f32 %f1, 0d3ff0000000000000;"), "is of another size"},
    {IN_KERNEL("mov.u32 %r1, %smid;"), "'%smid' is no operand"},
    {IN_KERNEL("mov.u32 %r1 %r2;"), "'%r2' is not expected here"},
    {IN_KERNEL("bra $nowhere;"), "line 10: there is no label '$nowhere'"},
    {IN_KERNEL("$a: $a: ret;"), "the label '$a' is there twice"},
    {IN_KERNEL(".reg .b32 %r<4>;"), "'%r' is declared twice"},
    {IN_KERNEL(".reg .b32 %q<300000>;"), "more than 200000 registers"},
    {IN_KERNEL(".reg .b8 %q;"), "registers of type '.b8'"},
    {IN_KERNEL("}"), "line"},
    {IN_KERNEL("ld.global.u32 %r1, [%r2];"), "'%r2' has 32 bits and not 64"},
    {IN_KERNEL("ld.global.v4.u64 {%rd1, %rd2, %rd3, %rd4}, [%rd1];"), "ld.global.v4.u64"},
    {IN_KERNEL("ld.global.v2.u32 %r1, [%rd1];"), "no 2 registers"},
    {IN_KERNEL("ld.param.u64 %rd1, [k_0+4];"), "8 bytes at 4 are not inside 'k_0'"},
    {IN_KERNEL("ld.param.u32 %r1, [k_0+2];"), "not aligned"},
    {IN_KERNEL("st.param.u64 [k_0], %rd1;"), "a kernel's parameters are not written"},
    {IN_KERNEL("atom.global.add.f16 %h1, [%rd1], %h2;"), "atom.global.add.f16"},
    {IN_KERNEL("atom.local.add.u32 %r1, [%rd1], %r2;"), "atom.local.add.u32"},
    {IN_KERNEL("call.uni vprintf, (p);"), "there is no function 'vprintf'"},
    {IN_KERNEL("shfl.up.b32 %r1, %r2, 1, 0;"), "shfl.up.b32 is not among"},
    {IN_KERNEL("bar.sync 0, 64;"), "bar.sync"},
    {IN_KERNEL("{ .local .b8 d[4]; }"), "a .local variable in an inner block"},
    {PTX_HEAD ".func f() { call.uni f; ret; }\n" PTX_KERNEL "call.uni f; ret;\n}\n",
     "line 4: call.uni: 'f' calls itself"},
    {PTX_HEAD ".func f(.param .b32 a) { ret; }\n" PTX_KERNEL "call.uni f; ret;\n}\n",
     "'f' has other results or arguments"},
    {PTX_HEAD ".global .u32 g;\n" PTX_KERNEL "mov.u64 %rd2, g; ret;\n}\n", "'g' is no operand"},
};

static void bad_texts_are_refused(void **state) {
    (void)state;
    for (size_t k = 0; k < sizeof bad / sizeof *bad; k++) {
        char why[PTX_WHY] = "";
        struct ptx_module module;
        struct ptx_kernel_text text;
        int status = ptx_module_read(&module, bad[k].text, strlen(bad[k].text), why);
        if (status == 0) {
            struct ptx_word name = {"k", 1};
            const struct ptx_function *f = ptx_module_function(&module, name);
            if (f)
                status = ptx_translate(&module, f, &text, why);
            ptx_module_free(&module);
        }
        if (status == 0 || !strstr(why, bad[k].why))
            fail_msg("%s\n%s: %s", bad[k].text, status ? "other words" : "not refused", why);
    }
    print_message("%zu texts\n", sizeof bad / sizeof *bad);
}

static void a_kernel_says_what_it_needs(void **state) {
    (void)state;
    static const char text[] =
        PTX_HEAD ".extern .shared .align 16 .b8 more[];\n"
                 ".func f() { .local .align 8 .b8 d[64]; ret; }\n"
                 ".entry k(.param .u8 a, .param .align 8 .b8 b[24], .param .u32 c)\n"
                 ".maxntid 128, 2, 1\n.minnctapersm 2\n{\n"
                 ".shared .align 4 .b8 s[20]; .local .align 8 .b8 d[16]; .reg .b64 %rd<3>;\n"
                 "mov.u64 %rd1, s; mov.u64 %rd2, more; call.uni f; ret;\n}\n";
    char why[PTX_WHY] = "";
    struct ptx_module module;
    struct ptx_kernel_text out;
    assert_int_equal(ptx_module_read(&module, text, strlen(text), why), 0);
    struct ptx_word name = {"k", 1};
    if (ptx_translate(&module, ptx_module_function(&module, name), &out, why) != 0)
        fail_msg("%s", why);
    assert_int_equal(out.shared_bytes, 32); /* 20, and what is dynamic is aligned to 16 */
    assert_true(out.local_bytes >= 80);
    assert_int_equal(out.param_count, 3);
    assert_int_equal(out.param_at[1], 8);
    assert_int_equal(out.param_at[2], 32);
    assert_int_equal(out.params_bytes, 36);
    assert_int_equal(out.max_threads[0] * out.max_threads[1], 256);
    assert_false(out.exact_threads);
    assert_int_equal(out.instructions, 5);
    free(out.c);
    ptx_module_free(&module);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bad_texts_are_refused),
        cmocka_unit_test(a_kernel_says_what_it_needs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/*
 * sass_read_test.c: texts and cubins that are none, or not whole: one line that says what is wrong;
 * and what good ones are read as.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "kernels/device/device.h"
#include "kernels/sass/sass.h"
#include "kernels/sass/sass_fixture.h"
#include "kernels/sass/sass_read.h"

/* --- the folder of what is kept ------------------------------------------------------------------
 */

static char folder[] = "/tmp/nanolab-sass-XXXXXX";

static int make_folder(void **state) {
    (void)state;
    return mkdtemp(folder) ? 0 : -1;
}

static int remove_folder(void **state) {
    (void)state;
    char command[100];
    snprintf(command, sizeof command, "rm -rf '%s'", folder);
    return system(command) == 0 ? 0 : -1;
}

/* --- instructions --------------------------------------------------------------------------------
 */

static const struct {
    const char *text, *why;
    uint32_t bits; /* of the immediate */
} bad[] = {
    {"", "an instruction that is not known: ''", 0},
    {"FROBNICATE R1, R2", "an instruction that is not known: 'FROBNICATE'", 0},
    {"IADD3.FROB R1, R2, R3, R4", "a modifier that is not known: 'FROB'", 0},
    {"IADD3. R1", "a modifier that is not known: ''", 0},
    {"@R1 EXIT", "a guard that is no predicate: 'R1'", 0},
    {"@P9 EXIT", "a guard that is no predicate: 'P9'", 0},
    {"@ EXIT", "a guard that is no predicate: ''", 0},
    {"MOV R256, R1", "an operand that is not known: 'R256'", 0},
    {"MOV R255, R1", "an operand that is not known: 'R255'", 0},
    {"MOV R1, R-1", "an operand that is not known: 'R'", 0},
    {"MOV R1, P7", "an operand that is not known: 'P7'", 0},
    {"MOV R1, 0x", "an operand that is not known: '0x'", 0},
    {"MOV R1, 0x10000000000000000", "a number that is too long", 0},
    {"MOV R1, 1.5.5", "a number that is none", 0},
    {"MOV R1, 1.5", "a number that is not what is encoded: '1.5'", 0x3f800000},
    {"MOV R1, QNAN", "a number that is not what is encoded: 'QNAN'", 0x3f800000},
    {"HADD2 R1, R2, 1, 2", "a number that is not what is encoded: '1'", 0x3c003c00},
    {"HADD2 R1, R2, 1", "an operand that is not known", 0x3c003c00},
    {"MOV R1, c[0x0]", "an operand that is not known", 0},
    {"MOV R1, c[0x9][0x0]", "a constant bank that is not there", 0},
    {"MOV R1, c[0x0][0x4", "an address that does not end", 0},
    {"MOV R1, cx[UR4][0x4]", "a constant bank that a register names", 0},
    {"LDG.E R1, [R2", "an address that does not end", 0},
    {"LDG.E R1, [R2+R3]", "an address with a second 'R3'", 0},
    {"LDG.E R1, [R2+0x4+0x4]", "an address with a second", 0},
    {"LDG.E R1, [R2.X5]", "an address with 'X5'", 0},
    {"LDG.E R1, [P2]", "an address with 'P2'", 0},
    {"LDG.E R1, desc[UR4]", "an operand that is not known", 0},
    {"MOV R1, -[R2]", "a sign before", 0},
    {"S2R R1, SR_NOWHERE", "a special register that is not known: 'SR_NOWHERE'", 0},
    {"MOV R1, |R2", "an operand that does not end", 0},
    {"MOV R1, R2.H0_H0.B1.B2", "a second 'B2'", 0},
    {"MOV R1, R1, R1, R1, R1, R1, R1, R1, R1, R1, R1", "more operands than there can be", 0},
    {"ISETP.X.X.X.X.X.X.X.X.X.X.X PT, PT", "too many modifiers", 0},
    {"BRA 0x10000000008", "a jump to where no instruction", 0},
    {"BRA 0x10000000050", "a jump to where no instruction", 0},
    {"BRA 0xfffffffff0", "a jump to where no instruction", 0},
    {"MOV R1, \x01\x02", "an operand that is not known: '?\?'", 0},
};

static void texts_that_are_none_are_refused(void **state) {
    (void)state;
    for (size_t k = 0; k < sizeof bad / sizeof *bad; k++) {
        struct sass_instruction one = {.code = {(uint64_t)bad[k].bits << 32, 0}};
        char why[SASS_WHY] = "";
        if (sass_text(&one, bad[k].text, 0, 4, why) == 0)
            fail_msg("'%s' was read", bad[k].text);
        if (!strstr(why, bad[k].why))
            fail_msg("'%s': \"%s\" and not \"%s\"", bad[k].text, why, bad[k].why);
        for (const char *c = why; *c; c++)
            assert_true(*c >= ' ' && *c <= '~');
    }
}

static struct sass_instruction read_one(const char *text, uint32_t bits) {
    struct sass_instruction one = {.code = {(uint64_t)bits << 32, 0}};
    char why[SASS_WHY] = "";
    if (sass_text(&one, text, 2, 10, why) != 0)
        fail_msg("'%s': %s", text, why);
    return one;
}

static void texts_are_read(void **state) {
    (void)state;
    struct sass_instruction i =
        read_one("@!UP3 IMAD.WIDE.U32.X R4, P0, R6.reuse, -c[0x0][0x160], ~R8, !P1", 0);
    assert_int_equal(i.op, SASS_OP_IMAD);
    assert_true(i.guard_inverted && i.guard_uniform && i.guard == 3);
    assert_int_equal(i.modifier_count, 3);
    assert_true(sass_has(&i, SASS_MOD_WIDE) && sass_has(&i, SASS_MOD_U32) &&
                sass_has(&i, SASS_MOD_X) && !sass_has(&i, SASS_MOD_HI));
    assert_int_equal(i.operand_count, 6);
    assert_int_equal(i.operands[0].kind, SASS_REGISTER);
    assert_int_equal(i.operands[0].number, 4);
    assert_int_equal(i.operands[1].kind, SASS_PREDICATE);
    assert_int_equal(i.operands[3].kind, SASS_CONSTANT);
    assert_true(i.operands[3].negative);
    assert_int_equal(i.operands[3].bits, 0x160);
    assert_int_equal(i.operands[3].number, SASS_RZ);
    assert_true(i.operands[4].inverted);
    assert_true(i.operands[5].inverted);
    i = read_one("LDG.E.128 R4, desc[UR6][R2.64+-0x10]", 0);
    assert_int_equal(i.operands[1].kind, SASS_MEMORY);
    assert_true(i.operands[1].wide);
    assert_int_equal(i.operands[1].number, 2);
    assert_int_equal(i.operands[1].uniform, SASS_URZ);
    assert_int_equal(i.operands[1].bits, -16);
    i = read_one("STS [R3.X16+UR4+0x20], RZ", 0);
    assert_int_equal(i.operands[0].scale, 16);
    assert_int_equal(i.operands[0].uniform, 4);
    assert_int_equal(i.operands[1].number, SASS_RZ);
    i = read_one("S2R R0, SR_TID.X", 0);
    assert_int_equal(i.operands[1].number, SASS_SR_TID_X);
    i = read_one("DSETP.GTU.AND P0, PT, |R2|, +INF, PT", 0x7ff00000);
    assert_true(i.operands[2].absolute);
    assert_true(i.operands[3].bits == 0x7ff0000000000000);
    i = read_one("FSEL R0, R1, -QNAN , P0", 0xfff00000);
    assert_int_equal(i.operands[2].bits, 0xfff00000);
    assert_int_equal(i.operands[3].kind, SASS_PREDICATE);
    i = read_one("HFMA2.BF16_V2 R2, R3.H0_H0, 1, -0.5, -R4.H1_H1", 0x3f80bf00);
    assert_int_equal(i.operand_count, 4);
    assert_int_equal(i.operands[1].half, SASS_H0_H0);
    assert_int_equal(i.operands[2].bits, 0x3f80bf00);
    assert_int_equal(i.operands[3].half, SASS_H1_H1);
    i = read_one("HADD2 R2, R3, -c[0x0] [0x170].H0_H0", 0);
    assert_int_equal(i.operand_count, 3);
    assert_int_equal(i.operands[2].bits, 0x170);
    assert_int_equal(i.operands[2].half, SASS_H0_H0);
    i = read_one("HFMA2.MMA R2, -RZ, RZ, 5.9604644775390625e-08, 0", 0x00010000);
    assert_int_equal(i.operands[3].bits, 0x10000);
    i = read_one("IADD3 R1, R1, -0x8, RZ", 0xfffffff8);
    assert_int_equal(i.operands[2].bits, -8);
    /* The text's origin is two instructions before the kernel's. */
    i = read_one("BRA.DIV UR4, 0x10000000060", 0);
    assert_int_equal(i.operands[1].kind, SASS_LABEL);
    assert_int_equal(i.operands[1].bits, 4);
    i = read_one("BRXU UR4 -0x3ec0", 0);
    assert_int_equal(i.operands[1].kind, SASS_IMMEDIATE);
    assert_int_equal(i.operands[1].bits, -0x3ec0);
    i = read_one("P2R R2, PR, RZ, 0x7f", 0);
    assert_int_equal(i.operands[1].kind, SASS_ALL_PREDICATES);
    i = read_one("NOP", 0);
    assert_int_equal(i.operand_count, 0);
}

/* --- nvdisasm's output ---------------------------------------------------------------------------
 */

static const struct {
    const char *text, *why;
} outputs[] = {
    {"", "texts for 0 of 2 instructions"},
    {"/*10000000000*/ NOP ;\n", "texts for 1 of 2 instructions"},
    {"/*10000000000*/ NOP ;\n/*10000000020*/ NOP ;\n",
     "no instruction, or not the next: /*10000000020*/"},
    {"/*10000000000*/ NOP ;\n/*10000000010*/ NOP\n", "not the next"},
    {"/*10000000000*/ NOP ; EXIT ;\n/*10000000010*/ NOP ;\n", "not the next"},
    {"/*10000000000*/ N\x7fP ;\n/*10000000010*/ NOP ;\n", "not the next"},
    {".L_x_1:\n/*10000000000*/ NOP ;\n", "not the next: .L_x_1:"},
    {"/*10000000000*/ NOP ;\n/*10000000010*/ NOP ;\n/*10000000020*/ NOP ;\n", "not the next"},
    {"/*0x10000000000 NOP ;\n", "not the next"},
};

static void outputs_that_are_none_are_refused(void **state) {
    (void)state;
    for (size_t k = 0; k < sizeof outputs / sizeof *outputs; k++) {
        struct sass_dictionary dictionary = {.count = 2};
        char why[SASS_WHY] = "";
        if (sass_dictionary_split(&dictionary, strdup(outputs[k].text), why) == 0)
            fail_msg("output %zu was read", k);
        if (!strstr(why, outputs[k].why))
            fail_msg("output %zu: \"%s\" and not \"%s\"", k, why, outputs[k].why);
        sass_dictionary_free(&dictionary);
    }
    struct sass_dictionary dictionary = {.count = 2};
    char why[SASS_WHY];
    assert_int_equal(
        sass_dictionary_split(
            &dictionary,
            strdup(
                "\n        /*10000000000*/                   @P0 EXIT ;\n/*10000000010*/ ERRBAR;"),
            why),
        0);
    assert_string_equal(dictionary.texts[0], "@P0 EXIT");
    assert_string_equal(dictionary.texts[1], "ERRBAR");
    sass_dictionary_free(&dictionary);
}

/* --- cubins --------------------------------------------------------------------------------------
 */

static void cut_cubins_are_refused(void **state) {
    (void)state;
    size_t size;
    uint8_t *bytes = sass_test_cubin(&size);
    for (size_t cut = 0; cut < size; cut++) {
        /* In memory of its own, so that the sanitiser sees what is read behind it. */
        uint8_t *copy = malloc(cut ? cut : 1);
        struct sass_elf elf;
        char why[SASS_WHY] = "";
        memcpy(copy, bytes, cut);
        assert_int_equal(sass_elf_read(&elf, copy, cut, why), -1);
        assert_true(strlen(why) > 10);
        free(copy);
    }
    free(bytes);
}

/* One byte of a cubin is another: whatever is read of it lies inside it. */
static void changed_cubins_do_no_harm(void **state) {
    (void)state;
    size_t size, read = 0, refused = 0;
    uint8_t *bytes = sass_test_cubin(&size);
    static const uint8_t masks[] = {0x01, 0x80, 0xff};
    for (size_t k = 0; k < 3 * size; k++) {
        struct sass_elf elf;
        struct sass_dictionary words;
        char why[SASS_WHY] = "";
        bytes[k / 3] ^= masks[k % 3];
        if (sass_elf_read(&elf, bytes, size, why) == 0) {
            struct sass_program program = {.name = "k"};
            assert_int_equal(sass_dictionary_words(&words, &elf, why), 0);
            sass_dictionary_free(&words);
            if (sass_info_read(&elf, &program, why) == 0) {
                assert_true(program.params_offset + program.params_bytes <= program.banks[0].size);
                read++;
            }
            free((void *)program.params);
            sass_elf_free(&elf);
        } else {
            refused++;
        }
        bytes[k / 3] ^= masks[k % 3];
    }
    print_message("%zu changed cubins: %zu read, %zu refused whole\n", 3 * size, read, refused);
    assert_true(read > 0 && refused > 0);
    free(bytes);
}

static void what_a_cubin_says_is_read(void **state) {
    (void)state;
    size_t size;
    uint8_t *bytes = sass_test_cubin(&size);
    struct sass_elf elf;
    struct sass_program program = {.name = "k"};
    char why[SASS_WHY] = "";
    if (sass_elf_read(&elf, bytes, size, why) != 0 || sass_info_read(&elf, &program, why) != 0)
        fail_msg("%s", why);
    assert_int_equal(elf.arch, 80);
    assert_int_equal(program.registers, 10);
    assert_int_equal(program.local_bytes, 32);
    assert_int_equal(program.shared_bytes, 48);
    assert_int_equal(program.params_offset, 0x160);
    assert_int_equal(program.params_bytes, 12);
    assert_int_equal(program.param_count, 2);
    assert_int_equal(program.params[1].offset, 8);
    assert_int_equal(program.params[1].size, 4);
    assert_int_equal(program.banks[0].size, 0x16c);
    free((void *)program.params);
    sass_elf_free(&elf);
    free(bytes);
}

static void a_kernel_is_read(void **state) {
    (void)state;
    size_t size;
    struct sass_cubin *cubin;
    const struct sass_program *program, *again;
    if (sass_reader_found() != 0) {
        assert_non_null(strstr(device_error(), "scripts/install-deps"));
        skip();
    }
    setenv("XDG_CACHE_HOME", folder, 1); /* nvdisasm may be in the other */
    uint8_t *bytes = sass_test_cubin(&size);
    if (sass_cubin_open(&cubin, bytes, size) != 0 || sass_cubin_kernel(cubin, "k", &program) != 0 ||
        sass_cubin_kernel(cubin, "k", &again) != 0)
        fail_msg("%s", device_error());
    assert_ptr_equal(program, again);
    assert_int_equal(program->count, 4);
    assert_int_equal(program->instructions[0].op, SASS_OP_MOV);
    assert_int_equal(program->instructions[1].op, SASS_OP_EXIT);
    assert_int_equal(program->instructions[1].guard, 0);
    assert_int_equal(program->instructions[2].op, SASS_OP_BRA);
    assert_int_equal(program->instructions[2].operands[0].kind, SASS_LABEL);
    assert_int_equal(program->instructions[2].operands[0].bits, 2);
    assert_int_equal(sass_cubin_kernel(cubin, "j", &program), -1);
    assert_non_null(strstr(device_error(), "there is no kernel j"));
    sass_cubin_close(cubin);
    /* Bits that are no instruction. */
    memset(bytes + sass_test_code, 0xee, 16);
    assert_int_equal(sass_cubin_open(&cubin, bytes, size), 0);
    assert_int_equal(sass_cubin_kernel(cubin, "k", &program), -1);
    assert_non_null(strstr(device_error(), "does not read code of sm_80"));
    assert_null(strchr(device_error(), '\n'));
    sass_cubin_close(cubin);
    free(bytes);
}

/* --- what is missing -----------------------------------------------------------------------------
 */

static int without_nvdisasm(void) {
    setenv("PATH", "/nonexistent", 1);
    setenv("XDG_CACHE_HOME", "/nonexistent", 1);
    unsetenv("NVDISASM");
    unsetenv("NVCC");
    return access("/usr/local/cuda/bin/nvdisasm", X_OK) == 0 ||
           (sass_reader_found() != 0 && strstr(device_error(), "nvdisasm, which is not here"));
}

/* What is no nvdisasm: a program that says nothing, one that fails, one that is none. */
static int with_another(const char *program, const char *what) {
    size_t size;
    struct sass_cubin *cubin;
    const struct sass_program *read;
    setenv("NVDISASM", program, 1);
    setenv("XDG_CACHE_HOME", folder, 1);
    uint8_t *bytes = sass_test_cubin(&size);
    return sass_cubin_open(&cubin, bytes, size) == 0 &&
           sass_cubin_kernel(cubin, "k", &read) == -1 && strstr(device_error(), what);
}

static int with_true(void) {
    return with_another("/bin/true", "texts for 0 of 4");
}

static int with_false(void) {
    return with_another("/bin/false", "/bin/false does not read code of sm_80");
}

static int with_echo(void) {
    return with_another("/bin/echo", "/bin/echo: a line that is no instruction");
}

/* In processes of their own, as what was found once stays found. */
static void what_is_missing_is_said(void **state) {
    (void)state;
    int (*const runs[])(void) = {without_nvdisasm, with_true, with_false, with_echo};
    for (size_t k = 0; k < sizeof runs / sizeof *runs; k++) {
        int status;
        fflush(NULL);
        pid_t child = fork();
        if (child == 0)
            _exit(runs[k]() ? 0 : 1);
        assert_int_equal(waitpid(child, &status, 0), child);
        if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
            fail_msg("run %zu", k);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_missing_is_said), /* before anything is found */
        cmocka_unit_test(texts_that_are_none_are_refused),
        cmocka_unit_test(texts_are_read),
        cmocka_unit_test(outputs_that_are_none_are_refused),
        cmocka_unit_test(cut_cubins_are_refused),
        cmocka_unit_test(changed_cubins_do_no_harm),
        cmocka_unit_test(what_a_cubin_says_is_read),
        cmocka_unit_test(a_kernel_is_read),
    };
    return cmocka_run_group_tests_name("sass_read", tests, make_folder, remove_folder);
}

/*
 * sass_run_test.c: what instructions of machine code mean: small programs, written by hand, whose
 * results are known otherwise.
 */
#include <math.h>

#include "kernels/sass/sass_run.h"
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

/* R0 is the thread; R2:R3 where its 8 words are. Then `body`, then R8 … R11 are stored. */
#define HEAD                                                                                       \
    "S2R R0, SR_TID.X\n"                                                                           \
    "MOV R1, c[0x0][0x28]\n"                                                                       \
    "MOV R6, 0x10\n"                                                                               \
    "IMAD.WIDE R2, R0, R6, c[0x0][0x160]\n"                                                        \
    "CS2R R8, SRZ\n"                                                                               \
    "CS2R R10, SRZ\n"
#define HEAD_LINES 6
#define TAIL                                                                                       \
    "STG.E.128 [R2.64], R8\n"                                                                      \
    "EXIT\n"

static void run(const char *body, uint32_t threads) {
    char text[6000];
    memset(words, 0, WORDS * sizeof *words);
    snprintf(text, sizeof text, "%s%s%s", HEAD, body, TAIL);
    if (sass_test_run(text, 1, threads, words) != 0)
        fail_msg("%s\n%s", body, device_error());
}

/* R8 of thread 0 after one body. */
static void is(const char *body, uint32_t expected) {
    run(body, 1);
    if (words[0] != expected)
        fail_msg("%s gives 0x%x, not 0x%x", body, words[0], expected);
}

static void is_64(const char *body, uint64_t expected) {
    uint64_t found;
    run(body, 1);
    memcpy(&found, words, sizeof found);
    if (found != expected)
        fail_msg("%s gives 0x%llx, not 0x%llx", body, (unsigned long long)found,
                 (unsigned long long)expected);
}

static void integers(void **state) {
    (void)state;
    is("MOV R4, 0x5\nIADD3 R8, R4, -0x8, RZ\n", (uint32_t)-3);
    is("MOV R4, 0x5\nIADD3 R8, -R4, 0x1, -R4\n", (uint32_t)-9);
    /* 64 bits in two steps: 0xffffffff + 1, and 5 - 7 */
    is_64("MOV R4, 0xffffffff\nIADD3 R8, P0, R4, 0x1, RZ\nIADD3.X R9, RZ, RZ, RZ, P0, !PT\n",
          0x100000000ull);
    is_64("MOV R4, 0x5\nMOV R5, 0x7\nIADD3 R8, P0, R4, -R5, RZ\n"
          "IADD3.X R9, RZ, ~RZ, RZ, P0, !PT\n",
          (uint64_t)-2);
    /* two carries: 3 * 0xffffffff */
    is_64("MOV R4, 0xffffffff\nIADD3 R8, P0, P1, R4, R4, R4\nIADD3.X R9, RZ, RZ, RZ, P0, P1\n",
          3 * 0xffffffffull);
    is("MOV R4, 0x7\nMOV R5, -0x3\nIMAD R8, R4, R5, R4\n", (uint32_t)-14);
    is_64("MOV R4, 0x7\nMOV R5, -0x3\nIMAD.WIDE R8, R4, R5, RZ\n", (uint64_t)-21);
    is_64("MOV R4, 0x7\nMOV R5, -0x3\nIMAD.WIDE.U32 R8, R4, R5, RZ\n", 7 * 0xfffffffdull);
    is("MOV R4, 0x80000000\nMOV R5, 0x6\nIMAD.HI.U32 R8, R4, R5, RZ\n", 3);
    is("MOV R4, 0x5\nMOV R5, 0x3\nLEA R8, R4, R5, 0x2\n", 23);
    is_64("MOV R4, 0xc0000000\nMOV R5, 0x80000000\nLEA R8, P0, R4, R5, 0x2\n"
          "LEA.HI.X R9, R4, 0x9, RZ, 0x2, P0\n",
          ((uint64_t)9 << 32) + 4 * 0xc0000000ull + 0x80000000ull);
    is("MOV R4, -0x8\nLEA.HI.SX32 R8, R4, 0x9, 0x1e\n", 9 - 2);
    is("MOV R4, -0x10\nSHF.R.S32.HI R8, RZ, 0x2, R4\n", (uint32_t)-4);
    is("MOV R4, -0x10\nSHF.R.U32.HI R8, RZ, 0x2, R4\n", 0x3ffffffc);
    is("MOV R4, 0x5\nSHF.L.U32 R8, R4, 0x21, RZ\n", 0);
    is("MOV R4, 0x5\nMOV R5, 0x21\nSHF.L.W.U32 R8, R4, R5, RZ\n", 10);
    is("MOV R4, 0xf0000000\nMOV R5, 0x1\nSHF.L.U64.HI R8, R4, 0x4, R5\n", 0x1f);
    is("MOV R4, 0xf0000000\nMOV R5, 0x1\nSHF.R.U64 R8, R4, 0x1c, R5\n", 0x1f);
    is("MOV R4, 0xf0f0\nMOV R5, 0xff00\nMOV R7, 0x3\nLOP3.LUT R8, R4, R5, R7, 0xea, !PT\n", 0xf003);
    is("MOV R4, 0x0\nLOP3.LUT P0, RZ, R4, 0x1, RZ, 0xc0, !PT\nSEL R8, 0x5, 0x6, P0\n", 6);
    is("MOV R4, 0x8b7a6550\nMOV R5, 0x44332211\nPRMT R8, R4, 0xb406, R5\n", 0xff115033);
    is("MOV R4, 0x1000\nFLO.U32 R8, R4\n", 12);
    is("MOV R4, 0x0\nFLO.U32 R8, R4\n", 0xffffffff);
    is("MOV R4, 0xf0f1\nPOPC R8, R4\n", 9);
    is("MOV R4, -0x7\nIABS R8, R4\n", 7);
    is("MOV R4, -0x7\nIMNMX R8, R4, 0x3, PT\n", (uint32_t)-7);
    is("MOV R4, -0x7\nIMNMX.U32 R8, R4, 0x3, PT\n", 3);
    is("MOV R4, -0x7\nVIADDMNMX R8, R4, 0x9, 0x5, !PT\n", 5);
    is("MOV R4, -0x7\nVIMNMX.RELU R8, R4, 0x10, PT\n", 0);
    is("MOV R4, 0x17\nVIMNMX.RELU R8, R4, 0x10, PT\n", 0x10);
    is("MOV R4, -0x7\nVIADDMNMX.RELU R8, R4, 0x9, 0x5, PT\n", 2);
    is("MOV R4, 0x80ff0203\nMOV R5, 0x7f0405ff\nIDP.4A.S8.S8 R8, R4, R5, R4\n",
       0x80ff0203 - 128 * 127 - 4 + 10 - 3);
}

static void comparisons(void **state) {
    (void)state;
    static const struct {
        const char *op;
        uint32_t bits; /* of (-1, 1), (1, 1), (1, -1) */
    } rows[] = {{"LT", 1}, {"LE", 3}, {"EQ", 2}, {"NE", 5}, {"GE", 6}, {"GT", 4}};
    for (size_t k = 0; k < 6; k++)
        for (int sign = 0; sign < 2; sign++) {
            char text[400];
            snprintf(text, sizeof text,
                     "MOV R4, -0x1\nMOV R5, 0x1\n"
                     "ISETP.%s.%sAND P0, PT, R4, R5, PT\nISETP.%s.%sAND P1, PT, R5, R5, PT\n"
                     "ISETP.%s.%sAND P2, PT, R5, R4, PT\nP2R R8, PR, RZ, 0x7\n",
                     rows[k].op, sign ? "" : "U32.", rows[k].op, sign ? "" : "U32.", rows[k].op,
                     sign ? "" : "U32.");
            uint32_t swapped = (rows[k].bits & 2) | rows[k].bits >> 2 | (rows[k].bits & 1) << 2;
            is(text, sign ? rows[k].bits : swapped);
        }
    /* of 64 bits: lower words first */
    is("MOV R4, 0x5\nISETP.LT.U32.AND P0, PT, R4, 0x6, PT\n"
       "ISETP.LT.AND.EX P1, PT, RZ, RZ, PT, P0\nSEL R8, 0x1, RZ, P1\n",
       1);
    is("MOV R4, 0x5\nISETP.LT.U32.AND P0, PT, R4, 0x6, PT\n"
       "ISETP.LT.AND.EX P1, PT, R4, RZ, PT, P0\nSEL R8, 0x1, RZ, P1\n",
       0);
    is("ISETP.EQ.OR P0, P1, RZ, 0x1, PT\nP2R R8, PR, RZ, 0x3\n", 3);
    is("ISETP.EQ.AND P0, P1, RZ, RZ, PT\nP2R R8, PR, RZ, 0x3\n", 1);
    is("PLOP3.LUT P0, P1, PT, !PT, PT, 0x20, 0xdf\nP2R R8, PR, RZ, 0x3\n", 1);
    is("MOV R4, 0x6\nR2P PR, R4, 0x7\nP2R R8, PR, RZ, 0x7\n", 6);
}

/* Of doubles and floats the bits are the host's; here it is which operand and which half. */
static void floats(void **state) {
    (void)state;
    is("MOV R4, 0x3f800000\nFADD R8, -R4, 4 # 40800000\n", 0x40400000);
    is("MOV R4, 0xbf800000\nFADD R8, |R4|, -RZ\n", 0x3f800000);
    is("MOV R4, 0x1\nFADD R8, R4, R4\n", 2);
    is("MOV R4, 0x1\nFADD.FTZ R8, R4, R4\n", 0);
    is("MOV R4, 0x7f800000\nFADD R8, R4, -R4\n", 0x7fffffff);
    is("MOV R4, 0x40400000\nFMUL R8, R4, R4\n", 0x41100000);
    /* (1 + 2^-12)^2 - 1 is not rounded in between */
    is("MOV R4, 0x3f800800\nMOV R5, 0xbf800000\nFFMA R8, R4, R4, R5\n", 0x3a000400);
    is("MOV R4, 0x3f800001\nFFMA R8, R4, R4, RZ\n", 0x3f800002);
    is("MOV R4, 0x3f800001\nFFMA.RP R8, R4, R4, RZ\n", 0x3f800003);
    is("MOV R4, 0x3f800001\nFFMA.RM R8, R4, -R4, RZ\n", 0xbf800003);
    is("MOV R4, 0x3f800001\nFFMA.RZ R8, R4, -R4, RZ\n", 0xbf800002);
    is("MOV R4, 0x3f800000\nFFMA.RM R8, R4, R4, -1 # bf800000\n", 0x80000000);
    is_64("MOV R4, 0x0\nMOV R5, 0x3ff00000\nDADD R8, R4, -3 # c0080000\n", 0xc000000000000000ull);
    is_64("MOV R4, 0x1\nMOV R5, 0x3ff00000\nDFMA R8, R4, -R4, R4\n", 0xbcb0000000000001ull);
    is("MOV R4, 0x7fc00000\nFSETP.LT.AND P0, PT, R4, R4, PT\nFSETP.LTU.AND P1, PT, R4, R4, PT\n"
       "FSETP.NEU.AND P2, PT, R4, R4, PT\nFSETP.GE.AND P3, P4, R4, R4, PT\nP2R R8, PR, RZ, 0x1f\n",
       0x16);
    is("MOV R4, 0x1\nFSETP.NEU.FTZ.AND P0, PT, R4, RZ, PT\nFSETP.NEU.AND P1, PT, R4, RZ, PT\n"
       "P2R R8, PR, RZ, 0x3\n",
       2);
    is("MOV R4, 0x80000000\nFMNMX R8, R4, RZ, PT\n", 0x80000000);
    is("MOV R4, 0x7fc00000\nFMNMX R8, R4, 5, !PT # 40a00000\n", 0x40a00000);
    is("MOV R4, 0xbf800000\nFSEL R8, -R4, RZ, PT\n", 0x3f800000);
    is_64("MOV R4, 0x3f800000\nF2F.F64.F32 R8, -R4\n", 0xbff0000000000000ull);
    is("MOV R4, 0x10000000\nMOV R5, 0x3ff00000\nF2F.F32.F64 R8, R4\n", 0x3f800000);
    is("MOV R4, 0x3\nI2F.RP R8, -R4\n", 0xc0400000);
    is("MOV R4, 0x1000001\nI2F.U32.RP R8, R4\n", 0x4b800001);
    is("MOV R4, 0x1000001\nI2F.RM R8, R4\n", 0x4b800000);
    is("MOV R4, 0xc0200000\nF2I.TRUNC R8, R4\n", (uint32_t)-2);
    is("MOV R4, 0xc0200000\nF2I.U32.TRUNC R8, R4\n", 0);
    is_64("MOV R4, 0x0\nMOV R5, 0xc0040000\nF2I.S64.F64 R8, R4\n", (uint64_t)-2);
    is("MOV R4, 0x40000000\nMUFU.RCP R8, R4\n", 0x3f000000);
}

static void halves(void **state) {
    (void)state;
    is("MOV R4, 0x3c004000\nMOV R5, 0x40003c00\nHADD2 R8, R4, R5\n", 0x42004200);
    is("MOV R4, 0x3c004000\nHADD2 R8, R4, R4.H0_H0\n", 0x42004400);
    is("MOV R4, 0x3c004000\nHADD2.F32 R8, -RZ, R4.H1_H1\n", 0x3f800000);
    is("MOV R4, 0x3c004000\nHFMA2 R8, R4, R4, -R4\n", 0x00004000);
    is("HFMA2.MMA R8, -RZ, RZ, 1, 5.9604644775390625e-08 # 3c000001\n", 0x3c000001);
    is("MOV R4, 0x3f804000\nHFMA2.BF16_V2 R8, R4, 1, 1, R4 # 3f803f80\n", 0x40004080);
    is("MOV R4, 0x3f808000\nMOV R5, 0xc0018000\nF2FP.BF16.PACK_AB R8, R4, R5\n", 0x3f80c002);
}

static void memory(void **state) {
    (void)state;
    is("MOV R4, 0x80\nSTS.U8 [RZ+0x11], R4\nSTS.U8 [RZ+0x10], R4\nLDS.U16 R8, [RZ+0x10]\n", 0x8080);
    is("MOV R4, 0x80\nSTS.U8 [RZ+0x11], R4\nLDS.S8 R8, [RZ+0x11]\n", 0xffffff80);
    is("MOV R4, 0x4\nMOV R5, 0x77\nSTS [R4.X8+0x4], R5\nLDS R8, [0x24]\n", 0x77);
    is_64("MOV R4, 0x1\nMOV R5, 0x2\nSTL.64 [R1+-0x8], R4\nLDL.64 R8, [R1+-0x8]\n", 0x200000001ull);
    /* a generic address of shared memory */
    is("MOV R4, 0x20\nMOV R5, c[0x0][0x1c]\nMOV R6, 0x99\nST.E [R4.64], R6\nLDS R8, [0x20]\n"
       "QSPC.E.S P0, RZ, [R4]\n@!P0 MOV R8, 0x0\n",
       0x99);
    is("ULDC.64 UR4, c[0x0][0x160]\nMOV R6, 0x44\nSTG.E [UR4+0x8], R6\nMOV R8, UR4\n"
       "LDG.E R8, [UR4.64+0x8]\n",
       0x44);
}

static void atomics(void **state) {
    (void)state;
    /* each of 33 threads adds its number, and sees what was there */
    memset(words, 0, WORDS * sizeof *words);
    assert_int_equal(
        sass_test_run("S2R R0, SR_TID.X\nULDC.64 UR4, c[0x0][0x160]\nMOV R4, UR4\nMOV R5, UR5\n"
                      "ATOMG.E.ADD.STRONG.GPU PT, R6, [R4.64], R0\nRED.E.ADD.STRONG.GPU "
                      "[R4.64+0x4], R0\nLEA R4, P0, R0, R4, 0x2\n"
                      "IADD3.X R5, RZ, R5, RZ, P0, !PT\nSTG.E [R4.64+0x10], R6\nEXIT\n",
                      1, 33, words),
        0);
    assert_int_equal(words[0], 33 * 16);
    assert_int_equal(words[1], 33 * 16);
    for (uint32_t k = 0; k < 33; k++)
        assert_int_equal(words[4 + k], k * (k - 1) / 2); /* lanes in order */
    /* global float additions flush subnormals, as their text says */
    is("MOV R4, 0x3\nSTG.E [R2.64], R4\nRED.E.ADD.F32.FTZ.RN.STRONG.GPU [R2.64], R4\n"
       "LDG.E R8, [R2.64]\n",
       0);
    is("MOV R4, 0x3\nMOV R5, 0x9\nSTS [0x0], R4\nATOMS.CAST.SPIN R8, [RZ], R4, R5\n"
       "LDS R9, [0x0]\nIMAD R8, R9, 0x10, R8\n",
       0x91);
    is("MOV R4, 0x3\nMOV R5, 0x9\nSTS [0x0], R5\nATOMS.CAST.SPIN R8, [RZ], R4, R5\n", 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(integers), cmocka_unit_test(comparisons), cmocka_unit_test(floats),
        cmocka_unit_test(halves),   cmocka_unit_test(memory),      cmocka_unit_test(atomics),
    };
    return cmocka_run_group_tests(tests, open_machine, close_machine);
}

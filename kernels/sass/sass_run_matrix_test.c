/*
 * sass_run_matrix_test.c: matrix instructions: where elements lie is written here as the PTX ISA
 * writes it (fragments of mma.sync), what comes out as a product of matrices; and copies that do
 * not wait.
 */
#include "kernels/element/element.h"
#include "kernels/mma/mma_rule.h"
#include "kernels/rng/philox.h"
#include "kernels/sass/sass_run_fixture.h"

enum { LANES = 32, WORDS = 16, ROWS = 16, COLUMNS = 8, DEPTH = 32 };
/* Of a lane, in memory: its registers of A, B, C and D. */
enum { OF_A = 0, OF_B = 4, OF_C = 8, OF_D = 12 };

static uint32_t (*lane)[WORDS];

static int open_machine(void **state) {
    (void)state;
    lane = ptx_malloc(LANES * sizeof *lane);
    return lane ? 0 : -1;
}

static int close_machine(void **state) {
    (void)state;
    ptx_free(lane);
    return 0;
}

#define HEAD                                                                                       \
    "S2R R0, SR_TID.X\n"                                                                           \
    "MOV R6, 0x40\n"                                                                               \
    "IMAD.WIDE R2, R0, R6, c[0x0][%s]\n"                                                           \
    "LDG.E.128 R8, [R2.64]\n"                                                                      \
    "LDG.E.64 R12, [R2.64+0x10]\n"                                                                 \
    "LDG.E.128 R16, [R2.64+0x20]\n"
#define TAIL                                                                                       \
    "STG.E.128 [R2.64+0x30], R20\n"                                                                \
    "EXIT\n"

/* Between loads of all registers and a store of R20 … R23. */
static int try(const char *body) {
    char text[2000];
    snprintf(text, sizeof text, HEAD "%s\n" TAIL, sass_test_arch >= 90 ? "0x210" : "0x160", body);
    return sass_test_run(text, 1, LANES, lane);
}

/* --- fragments, as the PTX ISA has them ----------------------------------------------------------
 */

struct place {
    unsigned row, column;
};

/* a_i of mma.m16n8k16 of 16-bit types, and of .m16n8k8 (whose i is below 4). */
static struct place a_of_halves(unsigned thread, unsigned i) {
    unsigned group = thread >> 2, in_group = thread % 4;
    return (struct place){i < 2 || (i >= 4 && i < 6) ? group : group + 8,
                          in_group * 2 + (i & 1) + (i >= 4 ? 8 : 0)};
}
static struct place b_of_halves(unsigned thread, unsigned i) {
    return (struct place){thread % 4 * 2 + (i & 1) + (i >= 2 ? 8 : 0), thread >> 2};
}
/* Of .m16n8k4 and .m16n8k8 of .tf32. */
static struct place a_of_words(unsigned thread, unsigned i) {
    unsigned group = thread >> 2;
    return (struct place){i == 0 || i == 2 ? group : group + 8, thread % 4 + (i >= 2 ? 4 : 0)};
}
static struct place b_of_words(unsigned thread, unsigned i) {
    return (struct place){thread % 4 + (i == 1 ? 4 : 0), thread >> 2};
}
/* Of .m16n8k32 of bytes. */
static struct place a_of_bytes(unsigned thread, unsigned i) {
    unsigned group = thread >> 2;
    return (struct place){i < 4 || (i >= 8 && i < 12) ? group : group + 8,
                          thread % 4 * 4 + (i & 3) + (i >= 8 ? 16 : 0)};
}
static struct place b_of_bytes(unsigned thread, unsigned i) {
    return (struct place){thread % 4 * 4 + (i & 3) + (i >= 4 ? 16 : 0), thread >> 2};
}
static struct place of_sums(unsigned thread, unsigned i) {
    return (struct place){(thread >> 2) + (i < 2 ? 0 : 8), thread % 4 * 2 + (i & 1)};
}

/* --- floats --------------------------------------------------------------------------------------
 */

static const struct form {
    const char *op;
    enum element in, out;
    unsigned k;
    struct place (*a)(unsigned, unsigned), (*b)(unsigned, unsigned);
} forms[] = {
    {"HMMA.16816.F32", ELEMENT_F16, ELEMENT_F32, 16, a_of_halves, b_of_halves},
    {"HMMA.16816.F16", ELEMENT_F16, ELEMENT_F16, 16, a_of_halves, b_of_halves},
    {"HMMA.16816.F32.BF16", ELEMENT_BF16, ELEMENT_F32, 16, a_of_halves, b_of_halves},
    {"HMMA.1688.F32", ELEMENT_F16, ELEMENT_F32, 8, a_of_halves, b_of_halves},
    {"HMMA.1688.F16", ELEMENT_F16, ELEMENT_F16, 8, a_of_halves, b_of_halves},
    {"HMMA.1688.F32.BF16", ELEMENT_BF16, ELEMENT_F32, 8, a_of_halves, b_of_halves},
    {"HMMA.1688.F32.TF32", ELEMENT_TF32, ELEMENT_F32, 8, a_of_words, b_of_words},
    {"HMMA.1684.F32.TF32", ELEMENT_TF32, ELEMENT_F32, 4, a_of_words, b_of_words},
};

struct matrices {
    float a[ROWS][DEPTH], b[COLUMNS][DEPTH], c[ROWS][COLUMNS]; /* b by columns */
};

/* Numbers whose sums tell rules apart; numbers of a format. */
static void draw(const struct form *f, uint64_t seed, struct matrices *m) {
    uint64_t at = 0;
    double bits = 0;
    for (unsigned k = 0; k < DEPTH; k++) {
        for (unsigned row = 0; row < ROWS; row++) {
            element_set(f->in, &bits, 0, philox_log_uniform(seed, 1, at++, -8, 6));
            m->a[row][k] = (float)element_get(f->in, &bits, 0);
        }
        for (unsigned column = 0; column < COLUMNS; column++) {
            element_set(f->in, &bits, 0, philox_log_uniform(seed, 2, at++, -8, 6));
            m->b[column][k] = (float)element_get(f->in, &bits, 0);
        }
    }
    for (unsigned row = 0; row < ROWS; row++)
        for (unsigned column = 0; column < COLUMNS; column++) {
            element_set(f->out, &bits, 0, philox_normal(seed, 3, at++));
            m->c[row][column] = (float)element_get(f->out, &bits, 0);
        }
}

static void write_lanes(const struct form *f, const struct matrices *m) {
    unsigned a_count = ROWS * f->k / LANES, b_count = COLUMNS * f->k / LANES;
    memset(lane, 0, LANES * sizeof *lane);
    for (unsigned t = 0; t < LANES; t++) {
        for (unsigned i = 0; i < a_count; i++) {
            struct place at = f->a(t, i);
            element_set(f->in, &lane[t][OF_A], i, (double)m->a[at.row][at.column]);
        }
        for (unsigned i = 0; i < b_count; i++) {
            struct place at = f->b(t, i);
            element_set(f->in, &lane[t][OF_B], i, (double)m->b[at.column][at.row]);
        }
        for (unsigned i = 0; i < 4; i++) {
            struct place at = of_sums(t, i);
            element_set(f->out, &lane[t][OF_C], i, (double)m->c[at.row][at.column]);
        }
    }
}

/* How many of a product's elements are as a card's rule has them. */
static size_t as_rule(const struct form *f, const struct matrices *m, const char *card) {
    struct mma_rule rule = *mma_rule_find(card, MMA_SYNC, f->in, f->out);
    size_t equal = 0;
    rule.k = rule.k < (int)f->k ? rule.k : (int)f->k;
    for (unsigned t = 0; t < LANES; t++)
        for (unsigned i = 0; i < 4; i++) {
            struct place at = of_sums(t, i);
            float expected =
                      mma_dot(&rule, m->a[at.row], m->b[at.column], f->k, m->c[at.row][at.column]),
                  got = (float)element_get(f->out, &lane[t][OF_D], i);
            equal += memcmp(&expected, &got, sizeof got) == 0;
        }
    return equal;
}

static void products_of_floats(void **state) {
    (void)state;
    static const struct {
        unsigned arch;
        const char *card, *other;
    } cards[] = {{80, "A100", "H100"}, {90, "H100", "A100"}};
    size_t elements = 0, as_other = 0;
    for (size_t k = 0; k < sizeof cards / sizeof *cards; k++)
        for (size_t n = 0; n < sizeof forms / sizeof *forms; n++)
            for (uint64_t seed = 0; seed < 8; seed++) {
                struct matrices m;
                char body[80];
                sass_test_arch = cards[k].arch;
                draw(&forms[n], seed, &m);
                write_lanes(&forms[n], &m);
                snprintf(body, sizeof body, "%s R20, R8, R12, R16", forms[n].op);
                if (try(body) != 0)
                    fail_msg("%s", device_error());
                if (as_rule(&forms[n], &m, cards[k].card) != ROWS * COLUMNS)
                    fail_msg("sm_%u, %s: other bits", sass_test_arch, forms[n].op);
                elements += ROWS * COLUMNS;
                as_other += as_rule(&forms[n], &m, cards[k].other);
            }
    sass_test_arch = 80;
    print_message("%zu elements, all by the card's rule; %zu of them by the other card's\n",
                  elements, as_other);
    assert_true(as_other < elements - 1000);
}

/* A sum from nothing, and one whose result takes the addend's place. */
static void registers_of_a_product(void **state) {
    (void)state;
    const struct form *f = &forms[0];
    struct matrices m, zero;
    draw(f, 9, &m);
    zero = m;
    memset(zero.c, 0, sizeof zero.c);
    write_lanes(f, &m);
    assert_int_equal(try("HMMA.16816.F32 R20, R8, R12, RZ"), 0);
    assert_int_equal(as_rule(f, &zero, "A100"), ROWS * COLUMNS);
    write_lanes(f, &m);
    assert_int_equal(try("HMMA.16816.F32 R16, R8, R12, R16\nMOV R20, R16\nMOV R21, R17\n"
                         "MOV R22, R18\nMOV R23, R19"),
                     0);
    assert_int_equal(as_rule(f, &m, "A100"), ROWS * COLUMNS);
    write_lanes(f, &m); /* over an operand */
    assert_int_equal(try("HMMA.16816.F32 R8, R8, R12, R16\nMOV R20, R8\nMOV R21, R9\n"
                         "MOV R22, R10\nMOV R23, R11"),
                     0);
    assert_int_equal(as_rule(f, &m, "A100"), ROWS * COLUMNS);
    /* A NaN of each format is the unit's. */
    m.a[3][5] = (float)NAN;
    write_lanes(f, &m);
    assert_int_equal(try("HMMA.16816.F32 R20, R8, R12, R16"), 0);
    assert_int_equal(lane[12][OF_D], 0x7fffffff);
    assert_int_equal(try("HMMA.16816.F16 R20, R8, R12, R16"), 0);
    assert_int_equal(lane[12][OF_D], 0x7fff7fff);
}

/* --- bytes ---------------------------------------------------------------------------------------
 */

static void products_of_bytes(void **state) {
    (void)state;
    static const struct {
        const char *op;
        bool a_signed, b_signed;
    } kinds[] = {{"IMMA.16832.S8.S8", true, true},
                 {"IMMA.16832.U8.U8", false, false},
                 {"IMMA.16832.S8.U8", true, false},
                 {"IMMA.16832.U8.S8", false, true}};
    for (size_t n = 0; n < sizeof kinds / sizeof *kinds; n++) {
        uint8_t a[ROWS][DEPTH], b[COLUMNS][DEPTH];
        char body[80];
        for (unsigned k = 0; k < DEPTH; k++) {
            for (unsigned row = 0; row < ROWS; row++)
                a[row][k] = (uint8_t)philox_u64(n, 1, row * DEPTH + k);
            for (unsigned column = 0; column < COLUMNS; column++)
                b[column][k] = (uint8_t)philox_u64(n, 2, column * DEPTH + k);
        }
        for (unsigned t = 0; t < LANES; t++) {
            for (unsigned i = 0; i < 16; i++) {
                struct place at = a_of_bytes(t, i);
                ((uint8_t *)&lane[t][OF_A])[i] = a[at.row][at.column];
            }
            for (unsigned i = 0; i < 8; i++) {
                struct place at = b_of_bytes(t, i);
                ((uint8_t *)&lane[t][OF_B])[i] = b[at.column][at.row];
            }
            for (unsigned i = 0; i < 4; i++)
                lane[t][OF_C + i] = 0x7fffff00 + t * 4 + i; /* sums wrap */
        }
        snprintf(body, sizeof body, "%s R20, R8.ROW, R12.COL, R16", kinds[n].op);
        if (try(body) != 0)
            fail_msg("%s", device_error());
        for (unsigned t = 0; t < LANES; t++)
            for (unsigned i = 0; i < 4; i++) {
                struct place at = of_sums(t, i);
                int64_t sum = 0x7fffff00 + t * 4 + i;
                for (unsigned k = 0; k < DEPTH; k++) {
                    int x = a[at.row][k], y = b[at.column][k];
                    x -= kinds[n].a_signed && x > 127 ? 256 : 0;
                    y -= kinds[n].b_signed && y > 127 ? 256 : 0;
                    sum += x * y;
                }
                assert_int_equal(lane[t][OF_D + i], (uint32_t)sum);
            }
    }
}

/* --- fragments from shared memory ----------------------------------------------------------------
 */

/* Row r of matrix i lies where lane 8 i + r says; here backwards. */
static void matrices_are_loaded(void **state) {
    (void)state;
    static const struct {
        const char *op;
        unsigned count;
    } kinds[] = {{"LDSM.16.M88", 1}, {"LDSM.16.M88.2", 2}, {"LDSM.16.M88.4", 4}};
    for (size_t n = 0; n < 3; n++) {
        char body[300];
        memset(lane, 0, LANES * sizeof *lane);
        /* each lane's 16 bytes hold 4 words: 4 times its number, and so on */
        snprintf(body, sizeof body,
                 "CS2R R20, SRZ\nCS2R R22, SRZ\nIMAD R24, R0, 0x4, RZ\nIADD3 R25, R24, 0x1, RZ\n"
                 "IADD3 R26, R24, 0x2, RZ\nIADD3 R27, R24, 0x3, RZ\nIMAD R28, R0, 0x10, RZ\n"
                 "STS.128 [R28], R24\nIADD3 R29, -R28, 0x1f0, RZ\n%s R20, [R29]",
                 kinds[n].op);
        if (try(body) != 0)
            fail_msg("%s", device_error());
        for (unsigned t = 0; t < LANES; t++)
            for (unsigned i = 0; i < 4; i++) {
                unsigned row = 31 - (8 * i + t / 4);
                assert_int_equal(lane[t][OF_D + i], i < kinds[n].count ? 4 * row + t % 4 : 0);
            }
    }
}

/* Two neighbours of row t / 4 become two of column t / 4. */
static void matrices_are_turned_around(void **state) {
    (void)state;
    for (unsigned t = 0; t < LANES; t++) {
        unsigned row = t / 4, column = t % 4 * 2;
        lane[t][OF_A] = (10 * row + column) | (10 * row + column + 1) << 16;
    }
    assert_int_equal(try("MOVM.16.MT88 R20, R8"), 0);
    for (unsigned t = 0; t < LANES; t++) {
        unsigned column = t / 4, row = t % 4 * 2;
        assert_int_equal(lane[t][OF_D], (10 * row + column) | (10 * (row + 1) + column) << 16);
    }
}

static void bytes_become_halves(void **state) {
    (void)state;
    static const struct {
        const char *op;
        enum element in;
    } kinds[] = {{"F2FP.F16.E4M3.UNPACK_B", ELEMENT_E4M3},
                 {"F2FP.F16.E5M2.UNPACK_B", ELEMENT_E5M2}};
    for (size_t n = 0; n < 2; n++)
        for (unsigned first = 0; first < 256; first += LANES) {
            char body[120];
            for (unsigned t = 0; t < LANES; t++)
                lane[t][OF_A] = 0x01010101u * (first + t) ^ 0x80004000u;
            snprintf(body, sizeof body, "%s R20, R8\n%s R21, R8.H1", kinds[n].op, kinds[n].op);
            if (try(body) != 0)
                fail_msg("%s", device_error());
            for (unsigned t = 0; t < LANES; t++)
                for (unsigned i = 0; i < 4; i++) {
                    double expected = element_get(kinds[n].in, &lane[t][OF_A], i),
                           got = element_get(ELEMENT_F16, &lane[t][OF_D], i);
                    if (!(expected == got || (expected != expected && got != got)))
                        fail_msg("%s: %a, not %a", kinds[n].op, got, expected);
                }
        }
}

/* --- copies --------------------------------------------------------------------------------------
 */

#define TO                                                                                         \
    "MOV R20, RZ\nIMAD R28, R0, 0x10, RZ\nMOV R24, 0x77\nMOV R25, 0x77\nMOV R26, 0x77\n"           \
    "MOV R27, 0x77\nSTS.128 [R28], R24\nSTS.128 [R28+0x200], R24\n"
#define COPY "LDGSTS.E.BYPASS.LTC128B.128.ZFILL "
#define BACK "\nLDS R20, [R28]\nLDS R21, [R28+0x4]\nLDS R22, [R28+0x200]\nLDS R23, [R28+0xc]"

static void write_numbers(void) {
    for (unsigned t = 0; t < LANES; t++)
        for (unsigned i = 0; i < WORDS; i++)
            lane[t][i] = 0x11111111u * (i + 1) + t;
}

static void expect_back(const char *body, uint32_t d0, uint32_t d1, uint32_t d2, uint32_t d3) {
    const uint32_t expected[4] = {d0, d1, d2, d3};
    write_numbers();
    if (try(body) != 0)
        fail_msg("%s: %s", body, device_error());
    for (unsigned t = 0; t < LANES; t++)
        for (unsigned i = 0; i < 4; i++) {
            bool copied = expected[i] && expected[i] != 0x77 && expected[i] != 0x3434;
            uint32_t number =
                expected[i] == 0x3434 ? (0x44444444u + t) & 0xffff : expected[i] + copied * t;
            if (lane[t][OF_D + i] != number)
                fail_msg("%s: lane %u has 0x%x, not 0x%x", body, t, lane[t][OF_D + i], number);
        }
}

static void copies_arrive(void **state) {
    (void)state;
    /* in time; too late, in order; at once, in reverse */
    expect_back(TO COPY "[R28], [R2.64], PT\nLDGDEPBAR\nDEPBAR.LE SB0, 0x0" BACK, 0x11111111,
                0x22222222, 0x77, 0x44444444);
    expect_back(TO COPY "[R28], [R2.64], PT\nLDGDEPBAR" BACK, 0x77, 0x77, 0x77, 0x77);
    expect_back(TO COPY "[R28], [R2.64], PT\nDEPBAR.LE SB0, 0x0" BACK, 0x77, 0x77, 0x77, 0x77);
    ptx_configure(&(struct ptx_config){.order = PTX_REVERSE});
    expect_back(TO COPY "[R28], [R2.64], PT\nLDGDEPBAR" BACK, 0x11111111, 0x22222222, 0x77,
                0x44444444);
    ptx_configure(NULL);
    /* all groups but the last one */
    expect_back(TO COPY "[R28], [R2.64], PT\nLDGDEPBAR\n" COPY
                        "[R28+0x200], [R2.64+0x10], PT\nLDGDEPBAR\nDEPBAR.LE SB0, 0x1" BACK,
                0x11111111, 0x22222222, 0x77, 0x44444444);
    /* nothing of a false predicate's, and two bytes less; of 4 and 8 bytes */
    expect_back(TO COPY "[R28], [R2.64], !PT\nLDGDEPBAR\nDEPBAR.LE SB0, 0x0" BACK, 0, 0, 0x77, 0);
    expect_back(TO COPY "[R28], [R2.64+0x2], PT\nLDGDEPBAR\nDEPBAR.LE SB0, 0x0" BACK, 0x11111111,
                0x22222222, 0x77, 0x3434);
    expect_back(TO "LDGSTS.E.ZFILL [R28], [R2.64], PT\nLDGSTS.E.64.ZFILL [R28+0x8], "
                   "[R2.64+0x8], PT\nLDGDEPBAR\nDEPBAR.LE SB0, 0x0" BACK,
                0x11111111, 0x77, 0x77, 0x44444444);
}

/* --- errors --------------------------------------------------------------------------------------
 */

static void fails(const char *body, const char *why) {
    if (try(body) == 0)
        fail_msg("%s: is no error", body);
    if (!strstr(device_error(), why) || !strstr(device_error(), "kernel k, sm_80"))
        fail_msg("%s says: %s, and not: %s", body, device_error(), why);
}

static void errors_are_named(void **state) {
    (void)state;
    fails("ISETP.GE.AND P0, PT, R0, 0x1, PT\n@P0 HMMA.16816.F32 R20, R8, R12, R16",
          "only some of a warp's lanes (0xfffffffe)");
    fails("HMMA.1688.F32.F16 R20, R8, R12, R16", "not among the instructions");
    fails("HMMA.16816.F32 R20, R8, 0x1, R16", "not among the instructions");
    fails("HMMA.16816.F32 R20, -R8, R12, R16", "not among the instructions");
    fails("IMMA.16832.S8.S8 R20, R8, R12, R16", "not among the instructions");
    fails("LDSM.16.M88.4 R20, [R0]", "not aligned");
    fails("IMAD R28, R0, 0x100, RZ\nLDSM.16.M88.4 R20, [R28]", "outside of it");
    fails(COPY "[RZ], [R2.64+0x1000], PT", "outside what is allocated");
    fails(COPY "[R0], [R2.64], PT", "not aligned");
    fails("LDGSTS.E.128 [RZ], [R2.64], PT", "not among the instructions");
    fails("DEPBAR.LE SB1, 0x0", "not among the instructions");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(products_of_floats),
        cmocka_unit_test(registers_of_a_product),
        cmocka_unit_test(products_of_bytes),
        cmocka_unit_test(matrices_are_loaded),
        cmocka_unit_test(matrices_are_turned_around),
        cmocka_unit_test(bytes_become_halves),
        cmocka_unit_test(copies_arrive),
        cmocka_unit_test(errors_are_named),
    };
    return cmocka_run_group_tests_name("sass_run_matrix", tests, open_machine, close_machine);
}

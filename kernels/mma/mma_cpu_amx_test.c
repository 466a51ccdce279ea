/*
 * mma_cpu_amx_test.c: the AMX kernel's own instructions do to C what the model's stand-ins for them
 * do: on the processor's tiles where it has them, and elsewhere one by one, as each is refused by
 * the processor, is decoded here and done here.
 */
#define _GNU_SOURCE /* registers in a signal's context */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "kernels/mma/mma_cpu.h"
#include "kernels/mma/mma_cpu_inside.h"

#ifdef __x86_64__
#include <ucontext.h>

/* --- a processor's tiles -----------------------------------------------------------------------
 */

#define TILES 8
#define SIDE 16
#define ROW_BYTES 64

static struct {
    unsigned rows[TILES], bytes[TILES]; /* 0: not configured */
    uint8_t data[TILES][SIDE][ROW_BYTES];
    unsigned done;     /* instructions */
    const char *wrong; /* the first thing that a processor would refuse */
} tiles;

static void wrong(const char *what) {
    if (!tiles.wrong)
        tiles.wrong = what;
}

static unsigned usable_tile(unsigned t) {
    if (t >= TILES || !tiles.rows[t] || !tiles.bytes[t])
        wrong("a tile that is not configured");
    return t % TILES;
}

/* The 64 bytes: palette, first row, 14 reserved, bytes of a row of 16 tiles, rows of 16 tiles. */
static void configure(const uint8_t *from) {
    memset(&tiles.data, 0, sizeof tiles.data);
    if (from[0] != 1 || from[1] != 0)
        wrong("a palette other than 1, or a first row other than 0");
    for (int i = 2; i < 16; i++)
        if (from[i])
            wrong("something in reserved bytes");
    for (unsigned t = 0; t < 16; t++) {
        unsigned bytes = from[16 + 2 * t] | (unsigned)from[17 + 2 * t] << 8, rows = from[48 + t];
        if (t >= TILES ? bytes || rows : bytes > ROW_BYTES || rows > SIDE || !bytes != !rows)
            wrong("a tile of a shape that there is not");
        else if (t < TILES) {
            tiles.bytes[t] = bytes;
            tiles.rows[t] = rows;
        }
    }
}

static void release(void) {
    memset(tiles.rows, 0, sizeof tiles.rows);
    memset(tiles.bytes, 0, sizeof tiles.bytes);
}

static void zero(unsigned t) {
    memset(tiles.data[usable_tile(t)], 0, sizeof tiles.data[0]);
}

static void load(unsigned t, const char *from, ptrdiff_t stride) {
    zero(t);
    for (unsigned row = 0; row < tiles.rows[t % TILES]; row++)
        memcpy(tiles.data[t % TILES][row], from + row * stride, tiles.bytes[t % TILES]);
}

static void store(unsigned t, char *to, ptrdiff_t stride) {
    for (unsigned row = 0; row < tiles.rows[usable_tile(t)]; row++)
        memcpy(to + row * stride, tiles.data[t % TILES][row], tiles.bytes[t % TILES]);
}

static float number(unsigned t, unsigned row, unsigned at) {
    uint16_t bits;
    memcpy(&bits, &tiles.data[t][row][2 * at], sizeof bits);
    return element_from_bf16(bits);
}

static void product(unsigned c, unsigned a, unsigned b) {
    const struct mma_rule *rule = mma_cpu_rule(MMA_CPU_AMX, ELEMENT_BF16);
    unsigned pairs = tiles.bytes[usable_tile(a)] / 4;
    if (tiles.rows[usable_tile(c)] != tiles.rows[a] || tiles.rows[usable_tile(b)] != pairs ||
        tiles.bytes[c] != tiles.bytes[b] || c == a || c == b || a == b)
        wrong("a product of tiles that do not fit each other");
    for (unsigned m = 0; m < tiles.rows[c] && !tiles.wrong; m++)
        for (unsigned n = 0; n < tiles.bytes[c] / 4; n++) {
            float x[2 * SIDE], y[2 * SIDE], sum;
            for (unsigned k = 0; k < 2 * pairs; k++) {
                x[k] = number(a, m, k);
                y[k] = number(b, k / 2, 2 * n + k % 2);
            }
            memcpy(&sum, &tiles.data[c][m][4 * n], sizeof sum);
            sum = mma_step(rule, x, y, 2 * (size_t)pairs, sum);
            memcpy(&tiles.data[c][m][4 * n], &sum, sizeof sum);
        }
}

/* --- its instructions ---------------------------------------------------------------------------
 */

struct operand {
    char *base; /* of memory, with the displacement */
    ptrdiff_t index;
    size_t length; /* of ModRM, SIB and displacement */
};

static greg_t value_of(const greg_t *registers, unsigned number) {
    static const int places[] = {REG_RAX, REG_RCX, REG_RDX, REG_RBX, REG_RSP, REG_RBP,
                                 REG_RSI, REG_RDI, REG_R8,  REG_R9,  REG_R10, REG_R11,
                                 REG_R12, REG_R13, REG_R14, REG_R15};
    return registers[places[number]];
}

/* Of all ways to address memory, those without RIP. x and b are VEX's bits, as numbers to add. */
static struct operand operand_at(const uint8_t *modrm, unsigned x, unsigned b,
                                 const greg_t *registers) {
    struct operand o = {.length = 1};
    unsigned mod = *modrm >> 6, base = (*modrm & 7u);
    if (base == 4) {
        unsigned sib = modrm[1], index = (sib >> 3 & 7) + x;
        base = sib & 7;
        o.index = index == 4 ? 0 : value_of(registers, index) << (sib >> 6);
        o.length++;
    }
    if (mod == 0 && base == 5)
        wrong("an address that this test does not decode");
    int8_t near;
    int32_t far;
    memcpy(&near, modrm + o.length, sizeof near);
    memcpy(&far, modrm + o.length, sizeof far);
    o.base = (char *)value_of(registers, base + b) + (mod == 1 ? near : mod == 2 ? far : 0);
    o.length += mod == 1 ? 1 : mod == 2 ? 4 : 0;
    return o;
}

/* Does the instruction at `code`; its length, or 0: it is no other than a processor refuses. */
static size_t execute(const uint8_t *code, const greg_t *registers) {
    enum { NONE, P66, F3, F2 };
    if (code[0] != 0xc4 || (code[1] & 31) != 2 || (code[2] & 0x84))
        return 0; /* three bytes of VEX, the map 0F38, W and L 0 */
    unsigned r = code[1] & 0x80 ? 0 : 8, x = code[1] & 0x40 ? 0 : 8, b = code[1] & 0x20 ? 0 : 8;
    unsigned third = ~code[2] >> 3 & 15, prefix = code[2] & 3, opcode = code[3];
    bool memory = code[4] >> 6 != 3;
    unsigned reg = (code[4] >> 3 & 7) + r, rm = (code[4] & 7) + b;
    struct operand o = {.length = 1};
    if (memory)
        o = operand_at(code + 4, x, b, registers);
    if (opcode == 0x49 && prefix == NONE && memory)
        configure((const uint8_t *)o.base + o.index);
    else if (opcode == 0x49 && prefix == NONE)
        release();
    else if (opcode == 0x49 && prefix == F2 && !memory)
        zero(reg);
    else if (opcode == 0x4b && prefix == F2 && memory)
        load(reg, o.base, o.index);
    else if (opcode == 0x4b && prefix == F3 && memory)
        store(reg, o.base, o.index);
    else if (opcode == 0x5c && prefix == F3 && !memory)
        product(reg, rm, third);
    else
        return 0;
    return 4 + o.length;
}

static void refused(int number, siginfo_t *info, void *context) {
    greg_t *registers = ((ucontext_t *)context)->uc_mcontext.gregs;
    size_t length = execute((const uint8_t *)registers[REG_RIP], registers);
    (void)info;
    if (length == 0)
        signal(number, SIG_DFL); /* and again */
    registers[REG_RIP] += (greg_t)length;
    tiles.done++;
}

/* --- the kernels --------------------------------------------------------------------------------
 */

static uint64_t state = 0x2545f4914f6cdd1du;

static uint16_t next_number(void) {
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return (uint16_t)((state >> 20 & 0x807f) | (120 + (state >> 40) % 14) << 7);
}

static void fill(uint16_t *x, size_t count) {
    for (size_t i = 0; i < count; i++)
        x[i] = next_number();
}

#define STEPS 3
#define STRIDE 70

/* The same block, by the instructions and by their stand-ins. */
static void compare(int tile, unsigned rows, unsigned columns, bool fresh) {
    size_t width = (size_t)(tile & 0xff), height = (rows + SIDE - 1u) / SIDE * SIDE;
    static uint16_t a[STEPS * 32 * 32] __attribute__((aligned(64)));
    static uint16_t b[STEPS * 32 * 64] __attribute__((aligned(64)));
    float c[2][32 * STRIDE];
    struct mma_cpu_block block = {.a = a,
                                  .b = b,
                                  .ldc = STRIDE,
                                  .steps = STEPS,
                                  .rows = rows,
                                  .columns = columns,
                                  .fresh = fresh};
    fill(a, STEPS * height * 32);
    fill(b, STEPS * width * 32);
    for (size_t i = 0; i < 32 * STRIDE; i++)
        c[0][i] = c[1][i] = element_from_bf16(next_number());
    for (int k = 0; k < 2; k++) {
        const struct mma_cpu_code *code = k ? &mma_cpu_amx : &mma_cpu_amx_model;
        block.c = c[k];
        code->begin();
        code->multiply(tile, &block);
        if (code->end)
            code->end();
    }
    if (tiles.wrong || memcmp(c[0], c[1], sizeof c[0]) != 0)
        fail_msg("tile %d × %zu, %u × %u: %s", tile >> 8, width, rows, columns,
                 tiles.wrong ? tiles.wrong : "another C");
}

static void test_instructions(void **unused) {
    (void)unused;
    bool here = mma_cpu_isa_usable(MMA_CPU_AMX);
    struct sigaction ours = {.sa_sigaction = refused, .sa_flags = SA_SIGINFO}, before;
    if (!here)
        assert_int_equal(sigaction(SIGILL, &ours, &before), 0);
    for (int fresh = 0; fresh < 2; fresh++)
        for (int wide = 0; wide < 2; wide++) {
            int tile = wide ? MMA_CPU_TILE(16, 64) : MMA_CPU_TILE(32, 32);
            unsigned height = (unsigned)tile >> 8, width = tile & 0xff;
            compare(tile, height, width, fresh);
            compare(tile, height, width - 3, fresh);
            compare(tile, height - 1, width, fresh);
            compare(tile, 16, width, fresh);
            compare(tile, 1, 1, fresh);
        }
    if (!here) {
        assert_int_equal(sigaction(SIGILL, &before, NULL), 0);
        assert_true(tiles.done > 500);
        for (unsigned t = 0; t < TILES; t++)
            assert_int_equal(tiles.rows[t], 0); /* released */
    }
    print_message("%s\n", here ? "on the processor's own tiles"
                               : "not on this processor: amx; its instructions decoded");
}
#else
static void test_instructions(void **unused) {
    (void)unused;
    print_message("not on this processor: amx\n");
    skip();
}
#endif

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_instructions)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}

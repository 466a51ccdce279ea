/*
 * mma_probe.c: questions to matrix instructions, and their answers; see mma_probe.h.
 */
#include "kernels/mma/mma_probe.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kernels/device/ops.h"
#include "kernels/rng/philox.h"

DEVICE_OPS(mma_probe_ops, "kernels/mma/mma_cpu.h")

static const struct mma_probe_instruction instructions[] = {
    {"wmma m16n16k16 f16 to f32", true, ELEMENT_F16, ELEMENT_F32, 16, 70},
    {"wmma m16n16k16 f16 to f16", true, ELEMENT_F16, ELEMENT_F16, 16, 70},
    {"wmma m16n16k16 bf16 to f32", true, ELEMENT_BF16, ELEMENT_F32, 16, 80},
    {"mma.sync m16n8k8 f16 to f32", false, ELEMENT_F16, ELEMENT_F32, 8, 75},
    {"mma.sync m16n8k16 f16 to f32", false, ELEMENT_F16, ELEMENT_F32, 16, 80},
    {"mma.sync m16n8k8 f16 to f16", false, ELEMENT_F16, ELEMENT_F16, 8, 75},
    {"mma.sync m16n8k16 f16 to f16", false, ELEMENT_F16, ELEMENT_F16, 16, 80},
    {"mma.sync m16n8k8 bf16 to f32", false, ELEMENT_BF16, ELEMENT_F32, 8, 80},
    {"mma.sync m16n8k16 bf16 to f32", false, ELEMENT_BF16, ELEMENT_F32, 16, 80},
    {"mma.sync m16n8k4 tf32 to f32", false, ELEMENT_TF32, ELEMENT_F32, 4, 80},
    {"mma.sync m16n8k8 tf32 to f32", false, ELEMENT_TF32, ELEMENT_F32, 8, 80},
    {"mma.sync m16n8k32 e4m3 to f32", false, ELEMENT_E4M3, ELEMENT_F32, 32, 89},
    {"mma.sync m16n8k32 e5m2 to f32", false, ELEMENT_E5M2, ELEMENT_F32, 32, 89},
    {"mma.sync m16n8k32 e4m3 to f16", false, ELEMENT_E4M3, ELEMENT_F16, 32, 89},
    {"mma.sync m16n8k32 e5m2 to f16", false, ELEMENT_E5M2, ELEMENT_F16, 32, 89},
};

const struct mma_probe_instruction *mma_probe_instructions(size_t *count) {
    *count = sizeof instructions / sizeof *instructions;
    return instructions;
}

const char *mma_probe_data_name(enum mma_probe_data data) {
    static const char *const names[MMA_PROBE_DATA] = {
        "normal", "far apart", "cancelling", "subnormal", "any finite", "special", "floor"};
    return (unsigned)data < MMA_PROBE_DATA ? names[data] : "?";
}

/* --- operands ----------------------------------------------------------------------------------
 */

enum { ROWS = 16 };

/* All tiles, as the device gets them. */
struct tiles {
    const struct mma_probe_instruction *instruction;
    enum mma_probe_data data;
    size_t count, columns, k;
    uint64_t seed;
    void *a, *b, *c, *d;
};

static size_t a_count(const struct tiles *t) {
    return t->count * ROWS * t->k;
}
static size_t b_count(const struct tiles *t) {
    return t->count * t->columns * t->k;
}
static size_t c_count(const struct tiles *t) {
    return t->count * ROWS * t->columns;
}

static int least_of(enum element format) {
    return format == ELEMENT_F16 || format == ELEMENT_E5M2 ? -14
           : format == ELEMENT_E4M3                        ? -6
                                                           : -126;
}

/* Any pattern of a format, infinities and NaN only where `special`. */
static double any_pattern(enum element format, uint64_t random, bool special) {
    double room = 0, value;
    do {
        memcpy(&room, &random, sizeof random);
        if (format == ELEMENT_TF32 || format == ELEMENT_F32) {
            uint32_t bits = (uint32_t)random & (format == ELEMENT_TF32 ? 0xffffe000u : ~0u);
            memcpy(&room, &bits, sizeof bits);
        }
        value = element_get(format, &room, 0);
        random = random * 6364136223846793005u + 1442695040888963407u;
        random ^= random >> 29;
    } while (!special && !isfinite(value));
    return value;
}

/* Operand `at`, the i-th along k, of A (side 0) or B. */
static double operand(const struct tiles *t, int side, size_t at, size_t i) {
    enum element in = t->instruction->in;
    uint64_t stream = 10 + (uint64_t)side, random = philox_u64(t->seed, stream, at);
    int least = least_of(in);
    bool wide = least < -14;
    switch (t->data) {
    case MMA_PROBE_NORMAL:
        return philox_normal(t->seed, stream, at);
    case MMA_PROBE_FAR:
        return philox_log_uniform(t->seed, stream, at, wide ? -60 : least, wide ? 60 : 4);
    case MMA_PROBE_CANCELLING: {
        /* Neighbours along k are alike; in B of the opposite sign, and some one step larger. */
        double value = 1 + 0.125 * (double)(philox_u64(t->seed, stream, at - i % 2) % 8);
        return value * (side && i % 2 ? -1 : 1) * (random % 3 ? 1 : 1.125);
    }
    case MMA_PROBE_SUBNORMAL:
        if (wide && side)
            return philox_log_uniform(t->seed, stream, at, -12, 12);
        return philox_log_uniform(t->seed, stream, at, least - 9, least + 3);
    case MMA_PROBE_SPECIAL: {
        static const double values[] = {
            0, -0.0, 1, -1, (double)INFINITY, -(double)INFINITY, (double)NAN};
        /* Most tiles have zeros and ones only. An 8-bit format's largest stands for infinity. */
        size_t tile = at / (t->k * (side ? t->columns : ROWS));
        return values[tile % 4 == 0 && random % 32 == 0 ? 4 + random / 32 % 3 : random / 32 % 4];
    }
    default:
        return any_pattern(in, random, false);
    }
}

/* The first two or three products of a row and a column next to c = 0 say where 2^-j is lost; the
 * row's number chooses j, and every column asks the same. */
static int floor_first(const struct tiles *t) {
    return t->instruction->out == ELEMENT_F16 ? 33 : 148;
}
static bool asks_floor(const struct tiles *t) {
    return t->data == MMA_PROBE_FLOOR && element_bytes(t->instruction->in) == 2 &&
           (t->instruction->in == ELEMENT_BF16 || t->instruction->out == ELEMENT_F16);
}
static double floor_operand(const struct tiles *t, int side, size_t row, size_t i) {
    int j = floor_first(t) + (int)row; /* of A; B's are the same for all */
    if (t->instruction->out == ELEMENT_F16) {
        /* 2^-25 + 2^-j rounds to 2^-24 as long as 2^-j is there. */
        static const int b[2] = {-13, -24};
        return i > 1 ? 0 : side ? ldexp(1, b[i]) : i == 0 ? ldexp(1, -12) : ldexp(1, 24 - j);
    }
    /* 2^-150, 2^-150 - 2^-j and 2^-j are together the least float. */
    double part = j > 158 ? 0 : 1 - ldexp(1, 150 - j);
    return i > 2 ? 0 : side ? 0x1p-75 : i < 1 ? 0x1p-75 : i < 2 ? 0x1p-75 * part : ldexp(1, 75 - j);
}

static double addend(const struct tiles *t, size_t at) {
    enum element out = t->instruction->out;
    uint64_t random = philox_u64(t->seed, 12, at);
    switch (t->data) {
    case MMA_PROBE_NORMAL:
    case MMA_PROBE_CANCELLING:
        return philox_normal(t->seed, 13, at);
    case MMA_PROBE_SUBNORMAL: {
        /* Near the products, or near the least sum. */
        int products = 2 * least_of(t->instruction->in), least = least_of(out);
        int top = random % 2 && products > least ? products + 4 : least + 2;
        return random % 8 < 6 ? philox_log_uniform(t->seed, 13, at, top - 24, top) : 0;
    }
    case MMA_PROBE_SPECIAL:
        return random % 3 == 0 ? -0.0 : random % 3 == 1 ? 0 : any_pattern(out, random, true);
    case MMA_PROBE_FLOOR:
        return 0;
    case MMA_PROBE_FAR:
        return philox_log_uniform(t->seed, 13, at, -24, 12);
    default:
        return any_pattern(out, random, false);
    }
}

static void fill(struct tiles *t) {
    const struct mma_probe_instruction *q = t->instruction;
    bool floor = asks_floor(t);
    for (int side = 0; side < 2; side++)
        for (size_t at = 0; at < (side ? b_count(t) : a_count(t)); at++) {
            size_t i = at % t->k, row = at / t->k % (side ? t->columns : ROWS);
            double value = floor ? floor_operand(t, side, row, i) : operand(t, side, at, i);
            element_set(q->in, side ? t->b : t->a, at, value);
        }
    for (size_t at = 0; at < c_count(t); at++)
        element_set(q->out, t->c, at, addend(t, at));
}

/* --- answers -----------------------------------------------------------------------------------
 */

/* The device is then the one whose architecture is asked for. */
static const struct mma_probe_ops *ops_of(struct device *device, bool checked) {
    device_stream(device);
    return mma_probe_ops_for(device_kind(device), checked);
}

int mma_probe_arch(struct device *device) {
    const struct mma_probe_ops *ops = ops_of(device, false);
    return ops ? ops->arch() : -1;
}

static bool same(float x, float y) {
    return (isnan(x) && isnan(y)) || memcmp(&x, &y, sizeof x) == 0;
}

static void compare(const struct tiles *t, const struct mma_rule *rule,
                    struct mma_probe_answer *answer) {
    enum element in = t->instruction->in, out = t->instruction->out;
    bool floor = asks_floor(t);
    for (size_t at = 0; at < c_count(t); at++) {
        float a[MMA_TILE], b[MMA_TILE];
        size_t tile = at / (ROWS * t->columns), row = at / t->columns % ROWS;
        for (size_t i = 0; i < t->k; i++) {
            a[i] = (float)element_get(in, t->a, (tile * ROWS + row) * t->k + i);
            b[i] = (float)element_get(in, t->b, (tile * t->columns + at % t->columns) * t->k + i);
        }
        float c = (float)element_get(out, t->c, at), got = (float)element_get(out, t->d, at);
        float expected = mma_dot(rule, a, b, t->k, c);
        if (!same(got, expected) && answer->differ++ == 0) {
            answer->got = got;
            answer->expected = expected;
        }
        answer->sums++;
        int j = floor_first(t) + (int)row;
        if (floor && got != 0 && j > answer->last)
            answer->last = j;
        if (floor && expected != 0 && j > answer->last_expected)
            answer->last_expected = j;
    }
}

/* Moves the operands to the device, runs, and moves the results back. */
static int run(struct device *device, const struct mma_probe_ops *ops, struct tiles *t) {
    enum element in = t->instruction->in, out = t->instruction->out;
    void *const host[4] = {t->a, t->b, t->c, t->d};
    const size_t bytes[4] = {a_count(t) * element_bytes(in), b_count(t) * element_bytes(in),
                             c_count(t) * element_bytes(out), c_count(t) * element_bytes(out)};
    void *memory[4] = {NULL};
    int status = 0;
    for (int i = 0; i < 4 && status == 0; i++) {
        status = device_alloc(device, &memory[i], bytes[i]);
        if (status == 0 && i < 3)
            status = device_write(device, memory[i], host[i], bytes[i]);
    }
    if (status == 0)
        status = ops->run(t->instruction, memory[0], memory[1], memory[2], memory[3],
                          (unsigned)t->count, device_stream(device));
    if (status == 0)
        status = device_sync(device);
    if (status == 0)
        status = device_read(device, t->d, memory[3], bytes[3]);
    for (int i = 0; i < 4; i++)
        if (memory[i])
            device_free(device, memory[i]);
    return status;
}

bool mma_probe_measured(enum mma_probe_data data) {
    return data <= MMA_PROBE_CANCELLING;
}

int mma_probe_ask(struct device *device, bool checked, const struct mma_probe_instruction *q,
                  enum mma_probe_data data, size_t tiles, uint64_t seed,
                  const struct mma_rule *against, struct mma_probe_answer *answer) {
    const struct mma_probe_ops *ops = ops_of(device, checked);
    char name[16];
    int arch = ops ? ops->arch() : -1;
    *answer = (struct mma_probe_answer){0};
    if (arch < 0)
        return -1;
    snprintf(name, sizeof name, "sm_%d", arch);
    const struct mma_rule *found = against ? against : mma_rule_find(name, MMA_SYNC, q->in, q->out);
    if (arch < q->least || !found)
        return 0;
    struct mma_rule rule = *found;
    rule.k = rule.k < q->k ? rule.k : q->k;
    struct tiles t = {.instruction = q,
                      .data = data,
                      .count = tiles,
                      .columns = q->wmma ? 16 : 8,
                      .k = (size_t)q->k,
                      .seed = seed};
    t.a = malloc(a_count(&t) * sizeof(float));
    t.b = malloc(b_count(&t) * sizeof(float));
    t.c = malloc(c_count(&t) * sizeof(float));
    t.d = malloc(c_count(&t) * sizeof(float));
    int status = t.a && t.b && t.c && t.d ? 0 : device_fail("out of memory for %zu tiles", tiles);
    if (status == 0) {
        fill(&t);
        status = run(device, ops, &t);
    }
    if (status == 0) {
        answer->rule = found;
        compare(&t, &rule, answer);
    }
    free(t.a);
    free(t.b);
    free(t.c);
    free(t.d);
    return status;
}

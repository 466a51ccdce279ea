/*
 * rules_probe.c: the questions of rules_probe.h and what they are answered with.
 */
#include "kernels/simt/rules_probe.h"

#include <math.h>
#include <string.h>

#include "kernels/device/ops.h"

DEVICE_OPS(rules_ops, "plain C")

/* Floats as bits: named where a question has them. */
#define F32_INF 0x7f800000
#define F32_MINUS_INF 0xff800000
#define F32_NAN 0x7fc12345 /* with a payload */
#define F32_MINUS_NAN 0xffc12345
#define F32_ONE 0x3f800000
#define F32_MINUS_ONE 0xbf800000
#define F32_SMALLEST_NORMAL 0x00800000
#define F32_SUBNORMAL 0x00400000
#define F32_MINUS_SUBNORMAL 0x80400000
#define F32_3E9 0x4f32d05e
#define F32_MINUS_3E9 0xcf32d05e
#define F32_1E20 0x60ad78ec
#define F32_MINUS_1E20 0xe0ad78ec
#define F16_INF 0x7c00
#define F16_MINUS_INF 0xfc00
#define BF16_INF 0x7f80
#define BF16_MINUS_INF 0xff80
#define F64_NAN 0x7ff8000000012345
#define F64_1E20 0x4415af1d78b58c40
#define F64_MINUS_1E20 0xc415af1d78b58c40

#define NAN_F32(instruction, a, b, text, by_class)                                                 \
    { SIMT_RULE_NAN_F32, instruction, a, b, 0x7fffffff, text, by_class }
#define NAN_F16(instruction, a, b, text)                                                           \
    { SIMT_RULE_NAN_F16, instruction, a, b, 0x7fff, text, false }
#define NAN_BF16(instruction, a, b, text)                                                          \
    { SIMT_RULE_NAN_BF16, instruction, a, b, 0x7fff, text, false }
#define GLOBAL(instruction, a, b, bits, text)                                                      \
    { SIMT_RULE_ATOMIC_F32_GLOBAL_FTZ, instruction, a, b, bits, text, false }
#define SHARED(a, b, bits, text)                                                                   \
    { SIMT_RULE_ATOMIC_F32_SHARED_FTZ, RULES_F32_ATOMIC_SHARED, a, b, bits, text, false }
#define CONVERT(rule, instruction, a, bits, text)                                                  \
    { rule, instruction, a, 0, bits, text, false }

static const struct rules_question questions[] = {
    NAN_F32(RULES_F32_ADD, F32_INF, F32_MINUS_INF, "inf - inf", true),
    NAN_F32(RULES_F32_MULTIPLY, 0, F32_INF, "0 * inf", true),
    NAN_F32(RULES_F32_DIVIDE, 0, 0, "0 / 0", true),
    NAN_F32(RULES_F32_ROOT, F32_MINUS_ONE, 0, "sqrt(-1)", true),
    NAN_F32(RULES_F32_FUSED, F32_INF, 0, "fma(inf, 0, 1)", true),
    NAN_F32(RULES_F32_ADD, F32_NAN, F32_ONE, "a NaN with a payload, plus 1", true),
    NAN_F32(RULES_F32_ATOMIC, F32_INF, F32_MINUS_INF, "atomicAdd, inf and -inf", false),
    NAN_F16(RULES_F16_ADD, F16_INF, F16_MINUS_INF, "inf - inf"),
    NAN_F16(RULES_F16_FUSED, F16_INF, 0, "fma(inf, 0, 1)"),
    NAN_F16(RULES_F16_NARROW, F32_NAN, 0, "narrowed from a NaN with a payload"),
    NAN_F16(RULES_F16_NARROW, F32_MINUS_NAN, 0, "narrowed from a negative NaN"),
    NAN_F16(RULES_F16_ATOMIC, F16_INF, F16_MINUS_INF, "atomicAdd, inf and -inf"),
    NAN_BF16(RULES_BF16_ADD, BF16_INF, BF16_MINUS_INF, "inf - inf"),
    NAN_BF16(RULES_BF16_FUSED, BF16_INF, 0, "fma(inf, 0, 1)"),
    NAN_BF16(RULES_BF16_NARROW, F32_NAN, 0, "narrowed from a NaN with a payload"),
    NAN_BF16(RULES_BF16_NARROW, F32_MINUS_NAN, 0, "narrowed from a negative NaN"),
    NAN_BF16(RULES_BF16_ATOMIC, BF16_INF, BF16_MINUS_INF, "atomicAdd, inf and -inf"),
    GLOBAL(RULES_F32_ATOMIC, F32_SUBNORMAL, 0, 0, "a subnormal in memory, plus 0"),
    GLOBAL(RULES_F32_ATOMIC, 0, F32_SUBNORMAL, 0, "0 in memory, plus a subnormal"),
    GLOBAL(RULES_F32_ATOMIC, F32_SUBNORMAL, F32_SUBNORMAL, 0,
           "two subnormals whose sum is a normal number"),
    GLOBAL(RULES_F32_ATOMIC, F32_MINUS_SUBNORMAL, 0x80000000, 0x80000000,
           "a negative subnormal in memory, plus -0"),
    GLOBAL(RULES_F32_ATOMIC, F32_SMALLEST_NORMAL, 0x80800001, 0x80000000,
           "two normal numbers whose sum is a negative subnormal"),
    GLOBAL(RULES_F32_ATOMIC_RETURNED, F32_SUBNORMAL, 0, 0,
           "a subnormal in memory, plus 0, where the old value is used"),
    GLOBAL(RULES_F32_ATOMIC_RETURNED, F32_SMALLEST_NORMAL, 0x80800001, 0x80000000,
           "two normal numbers whose sum is a negative subnormal, where the old value is used"),
    SHARED(F32_SUBNORMAL, 0, F32_SUBNORMAL, "a subnormal in memory, plus 0"),
    SHARED(0, F32_SUBNORMAL, F32_SUBNORMAL, "0 in memory, plus a subnormal"),
    SHARED(F32_SUBNORMAL, F32_SUBNORMAL, F32_SMALLEST_NORMAL,
           "two subnormals whose sum is a normal number"),
    SHARED(F32_SMALLEST_NORMAL, 0x80800001, 0x80000001,
           "two normal numbers whose sum is a negative subnormal"),
    {SIMT_RULE_ATOMIC_PAIR, RULES_PAIR_F16, 0, 0, 2, "half2, looked at by others", false},
    {SIMT_RULE_ATOMIC_PAIR, RULES_PAIR_BF16, 0, 0, 2, "bfloat162, looked at by others", false},
    CONVERT(SIMT_RULE_F32_TO_I32_NAN, RULES_F32_TO_I32, F32_NAN, 0, "NaN to int"),
    CONVERT(SIMT_RULE_F32_TO_I32_NAN, RULES_F32_TO_U32, F32_NAN, 0, "NaN to unsigned"),
    CONVERT(SIMT_RULE_F32_TO_I32_NAN, RULES_F32_TO_I32, F32_3E9, 0x7fffffff, "3e9 to int"),
    CONVERT(SIMT_RULE_F32_TO_I32_NAN, RULES_F32_TO_I32, F32_MINUS_3E9, 0x80000000, "-3e9 to int"),
    CONVERT(SIMT_RULE_F32_TO_I32_NAN, RULES_F32_TO_U32, F32_1E20, 0xffffffff, "1e20 to unsigned"),
    CONVERT(SIMT_RULE_F32_TO_I32_NAN, RULES_F32_TO_U32, F32_MINUS_ONE, 0, "-1 to unsigned"),
    CONVERT(SIMT_RULE_F64_TO_I32_NAN, RULES_F64_TO_I32, F64_NAN, 0x80000000, "NaN to int"),
    CONVERT(SIMT_RULE_F64_TO_I32_NAN, RULES_F64_TO_U32, F64_NAN, 0x80000000, "NaN to unsigned"),
    CONVERT(SIMT_RULE_F64_TO_I32_NAN, RULES_F64_TO_I32, F64_1E20, 0x7fffffff, "1e20 to int"),
    CONVERT(SIMT_RULE_F64_TO_I32_NAN, RULES_F64_TO_U32, F64_MINUS_1E20, 0, "-1e20 to unsigned"),
    CONVERT(SIMT_RULE_F64_TO_I64_NAN, RULES_F64_TO_I64, F64_NAN, 0x8000000000000000,
            "double NaN to long long"),
    CONVERT(SIMT_RULE_F64_TO_I64_NAN, RULES_F64_TO_U64, F64_NAN, 0x8000000000000000,
            "double NaN to unsigned long long"),
    CONVERT(SIMT_RULE_F64_TO_I64_NAN, RULES_F32_TO_I64, F32_NAN, 0x8000000000000000,
            "float NaN to long long"),
    CONVERT(SIMT_RULE_F64_TO_I64_NAN, RULES_F32_TO_U64, F32_NAN, 0x8000000000000000,
            "float NaN to unsigned long long"),
    CONVERT(SIMT_RULE_F64_TO_I64_NAN, RULES_F64_TO_I64, F64_1E20, 0x7fffffffffffffff,
            "1e20 to long long"),
    CONVERT(SIMT_RULE_F64_TO_I64_NAN, RULES_F64_TO_I64, F64_MINUS_1E20, 0x8000000000000000,
            "-1e20 to long long"),
    CONVERT(SIMT_RULE_F64_TO_I64_NAN, RULES_F64_TO_U64, F64_1E20, 0xffffffffffffffff,
            "1e20 to unsigned long long"),
    CONVERT(SIMT_RULE_F64_TO_I64_NAN, RULES_F32_TO_U64, F32_MINUS_1E20, 0,
            "float -1e20 to unsigned long long"),
};

const struct rules_question *rules_questions(size_t *count) {
    *count = sizeof questions / sizeof *questions;
    return questions;
}

const char *rules_outcome_name(enum rules_outcome outcome) {
    static const char *const names[] = {"confirmed", "contradicted", "not seen"};
    return names[outcome];
}

/* How often the lookers look. On a GPU it is over in milliseconds. */
static unsigned rounds_on(const struct device *device) {
    return device_kind(device) == DEVICE_CUDA ? 20000 : 16;
}

static bool is_nan_f32(uint64_t bits) {
    return (bits & 0x7fffffff) > F32_INF;
}

static enum rules_outcome outcome_of(const struct device *device, const struct rules_question *q,
                                     uint64_t bits) {
    if (q->rule == SIMT_RULE_ATOMIC_PAIR)
        return bits == q->expected ? RULES_CONFIRMED : RULES_NOT_SEEN;
    bool by_class = q->nan_by_class && device_kind(device) == DEVICE_SIMT;
    return bits == q->expected || (by_class && is_nan_f32(bits)) ? RULES_CONFIRMED
                                                                 : RULES_CONTRADICTED;
}

int rules_ask(struct device *device, bool checked, const struct rules_question *question,
              struct rules_answer *answer) {
    const struct rules_ops *ops = rules_ops_for(device_kind(device), checked);
    uint64_t got[8] = {0};
    void *memory = NULL;
    if (!ops || device_alloc(device, &memory, sizeof got) != 0)
        return -1;
    bool pair = question->rule == SIMT_RULE_ATOMIC_PAIR;
    bool simt = device_kind(device) == DEVICE_SIMT;
    /* In its default order the machine lets a thread go on until it waits, and nobody looks. */
    const struct simt_config turns = {.interleave = SIMT_ROUND_ROBIN};
    if (simt && pair)
        simt_configure(&turns);
    int status = device_write(device, memory, got, sizeof got);
    if (status == 0)
        status = pair ? ops->pair(question->instruction == RULES_PAIR_BF16, rounds_on(device),
                                  memory, device_stream(device))
                      : ops->instruction(question->instruction, question->a, question->b, memory,
                                         device_stream(device));
    if (status == 0)
        status = device_sync(device);
    if (status == 0)
        status = device_read(device, got, memory, sizeof got);
    if (simt && pair)
        simt_configure(NULL);
    device_free(device, memory);
    if (status != 0)
        return -1;
    answer->bits = pair ? (got[1] ? 2 : 1) : got[0];
    answer->outcome = outcome_of(device, question, answer->bits);
    return 0;
}

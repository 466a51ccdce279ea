/*
 * rules_probe.h: asks a device about each rule of simt_rules: what an instruction makes of given
 * operands, as bits. On a GPU that confirms the rule or contradicts it; on the SIMT machine it
 * shows that the machine follows its own table.
 */
#ifndef NANOLAB_KERNELS_SIMT_RULES_PROBE_H
#define NANOLAB_KERNELS_SIMT_RULES_PROBE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "kernels/device/device.h"
#include "kernels/simt/simt.h"

#ifdef __cplusplus
extern "C" {
#endif

/* One instruction of one thread; a and b are its operands' bits. */
enum rules_instruction {
    RULES_F32_ADD,
    RULES_F32_MULTIPLY,
    RULES_F32_DIVIDE,
    RULES_F32_ROOT,            /* of a */
    RULES_F32_FUSED,           /* a * b + 1 */
    RULES_F32_ATOMIC,          /* what memory holding a has after atomicAdd of b, … */
    RULES_F32_ATOMIC_RETURNED, /* … where the old value is used, … */
    RULES_F32_ATOMIC_SHARED,   /* … in shared memory */
    RULES_F16_ADD,
    RULES_F16_FUSED,
    RULES_F16_NARROW, /* of float a */
    RULES_F16_ATOMIC,
    RULES_BF16_ADD,
    RULES_BF16_FUSED,
    RULES_BF16_NARROW,
    RULES_BF16_ATOMIC,
    RULES_F32_TO_I32, /* toward zero, as all of these */
    RULES_F32_TO_U32,
    RULES_F32_TO_I64,
    RULES_F32_TO_U64,
    RULES_F64_TO_I32,
    RULES_F64_TO_U32,
    RULES_F64_TO_I64,
    RULES_F64_TO_U64,
    RULES_PAIR_F16, /* accesses that one atomicAdd of a pair is seen to be made of */
    RULES_PAIR_BF16,
};

struct rules_question {
    enum simt_rule_id rule;
    enum rules_instruction instruction;
    uint64_t a, b;
    uint64_t expected;
    const char *text;
    /* The SIMT machine leaves plain arithmetic to the CPU, so there any NaN is right. */
    bool nan_by_class;
};

const struct rules_question *rules_questions(size_t *count);

enum rules_outcome {
    RULES_CONFIRMED,
    RULES_CONTRADICTED,
    RULES_NOT_SEEN /* of what may happen and did not: no answer */
};
const char *rules_outcome_name(enum rules_outcome outcome);

struct rules_answer {
    uint64_t bits;
    enum rules_outcome outcome;
};
/* Puts one question to a device (cuda or simt; `checked` as in kernels/device/ops.h). 0, or -1
 * with device_error(). */
int rules_ask(struct device *device, bool checked, const struct rules_question *question,
              struct rules_answer *answer);

/* rules_probe.cu. `answer` is device memory of 64 bytes. */
struct rules_ops {
    int (*instruction)(enum rules_instruction instruction, uint64_t a, uint64_t b, uint64_t *answer,
                       void *stream);
    /* Half of the blocks add pairs of equal halves to answer[0], the others look at it that often:
     * answer[1] counts pairs whose halves differed. */
    int (*pair)(bool bfloat, unsigned rounds, uint64_t *answer, void *stream);
};

#ifdef __cplusplus
}
#endif
#endif

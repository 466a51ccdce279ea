/*
 * rules.c: the one table of places where a GPU's bits differ from what the same C gives on x86.
 * The machine and its header take their values from here; a GPU confirms them one by one.
 */
#include "kernels/simt/simt.h"

const struct simt_rule simt_rules[SIMT_RULES] = {
    [SIMT_RULE_NAN_F32] = {"nan-f32",
                           "an invalid FP32 operation gives the canonical NaN; NaNs compare as a "
                           "class",
                           0x7fffffff, 0xffc00000},
    [SIMT_RULE_NAN_F16] = {"nan-f16", "an invalid or narrowed FP16 NaN is canonical", 0x7fff,
                           0xfe00},
    [SIMT_RULE_NAN_BF16] = {"nan-bf16", "an invalid or narrowed BF16 NaN is canonical", 0x7fff,
                            0xffc0},
    [SIMT_RULE_ATOMIC_F32_GLOBAL_FTZ] = {"atomic-f32-global-ftz",
                                         "atomicAdd on float in global memory flushes subnormal "
                                         "inputs and results to zero of the same sign",
                                         1, 0},
    [SIMT_RULE_ATOMIC_F32_SHARED_FTZ] = {"atomic-f32-shared-ftz",
                                         "atomicAdd on float in shared memory keeps subnormals", 0,
                                         0},
    [SIMT_RULE_ATOMIC_PAIR] = {"atomic-pair",
                               "atomicAdd on half2 and bfloat162 is atomic per half, so that "
                               "another thread's may fall in between",
                               2, 1},
    [SIMT_RULE_F32_TO_I32_NAN] = {"f32-to-i32-nan",
                                  "float to 32-bit integer saturates, and NaN gives 0", 0,
                                  0x80000000},
    [SIMT_RULE_F64_TO_I32_NAN] = {"f64-to-i32-nan",
                                  "double to 32-bit integer saturates, and NaN gives the top bit",
                                  0x80000000, 0x80000000},
    [SIMT_RULE_F64_TO_I64_NAN] = {"f64-to-i64-nan",
                                  "conversion to a 64-bit integer saturates, and NaN gives the top "
                                  "bit",
                                  0x8000000000000000, 0x8000000000000000},
};

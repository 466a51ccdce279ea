/*
 * mma_probe.h: asks a device's matrix instructions about the rules of mma_rule.h: single
 * instructions on operands of many kinds, those among them that only the published model answers.
 * On a GPU that confirms a rule or contradicts it; on the SIMT machine it shows that the machine
 * follows the table.
 */
#ifndef NANOLAB_KERNELS_MMA_PROBE_H
#define NANOLAB_KERNELS_MMA_PROBE_H

#include <stdbool.h>
#include <stddef.h>

#include "kernels/device/device.h"
#include "kernels/mma/mma_rule.h"

#ifdef __cplusplus
extern "C" {
#endif

struct mma_probe_instruction {
    const char *name; /* "mma.sync m16n8k16 f16 to f32" */
    bool wmma;        /* 16 × 16 × 16; else 16 × 8 × k */
    enum element in, out;
    int k;
    int least; /* the first architecture that has it: 80 */
};
const struct mma_probe_instruction *mma_probe_instructions(size_t *count);

enum mma_probe_data {
    MMA_PROBE_NORMAL,     /* normal numbers */
    MMA_PROBE_FAR,        /* magnitudes over many octaves */
    MMA_PROBE_CANCELLING, /* products that cancel but for their last bits */
    MMA_PROBE_SUBNORMAL,  /* operands and sums around the least normal numbers */
    MMA_PROBE_FINITE,     /* any finite pattern: sums that overflow among them */
    MMA_PROBE_SPECIAL,    /* zeros of both signs, infinities, NaN */
    MMA_PROBE_FLOOR,      /* small sums next to c = 0, whose exponent decides what is lost */
    MMA_PROBE_DATA
};
/* "normal", "far apart", "cancelling", "subnormal", "any finite", "special", "floor". */
const char *mma_probe_data_name(enum mma_probe_data data);

struct mma_probe_answer {
    const struct mma_rule *rule; /* NULL: this device has no such instruction, or no known rule */
    size_t sums, differ;         /* every NaN is one */
    float got, expected;         /* of the first that differs */
    /* MMA_PROBE_FLOOR with FP16 or BF16 operands: the last j at which 2^-j still counted, and what
     * the rule says; 0 elsewhere. */
    int last, last_expected;
};
/* `tiles` instructions, each with operands of its own; a device, cuda or simt (`checked` as in
 * ops.h). Against `rule`, or NULL: that of the device's card. 0, or -1 with device_error(). */
int mma_probe_ask(struct device *device, bool checked,
                  const struct mma_probe_instruction *instruction, enum mma_probe_data data,
                  size_t tiles, uint64_t seed, const struct mma_rule *rule,
                  struct mma_probe_answer *answer);
/* Whether the measurements that a rule may rest on (MMA_MEASURED) hold such operands. */
bool mma_probe_measured(enum mma_probe_data data);
/* Of the device: 90; -1 with device_error(). */
int mma_probe_arch(struct device *device);

/* mma_probe.cu. Tiles lie one after another: A [16][k], B [columns][k], C and D [16][columns]. */
struct mma_probe_ops {
    int (*run)(const struct mma_probe_instruction *instruction, const void *a, const void *b,
               const void *c, void *d, unsigned tiles, void *stream);
    int (*arch)(void);
};

#ifdef __cplusplus
}
#endif
#endif

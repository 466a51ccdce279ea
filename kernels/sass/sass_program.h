/*
 * sass_program.h: a kernel's machine code (SASS) as the executor reads it. sass_read.c makes it of
 * a cubin and of nvdisasm's text; sass_names.h lists the opcodes, modifiers and special registers
 * there are: one more is one line there.
 */
#ifndef NANOLAB_KERNELS_SASS_SASS_PROGRAM_H
#define NANOLAB_KERNELS_SASS_SASS_PROGRAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "kernels/sass/sass_names.h"

#ifdef __cplusplus
extern "C" {
#endif

/* clang-format off */
#define SASS_OP(name) SASS_OP_##name,
#define SASS_MOD(name) SASS_MOD_##name,
#define SASS_SR(name, text) SASS_SR_##name,
/* "IADD3.X": SASS_OP_IADD3 and SASS_MOD_X; "SR_TID.X": SASS_SR_TID_X. */
enum sass_op { SASS_OPS(SASS_OP) SASS_OP_COUNT };
enum sass_modifier { SASS_MODIFIERS(SASS_MOD) SASS_MOD_COUNT };
enum sass_special { SASS_SPECIALS(SASS_SR) SASS_SR_COUNT };
/* clang-format on */

enum sass_kind {
    SASS_NONE,
    SASS_REGISTER,          /* R`number`; RZ is SASS_RZ */
    SASS_UNIFORM,           /* UR`number`; URZ is SASS_URZ */
    SASS_PREDICATE,         /* P`number`; PT is SASS_PT */
    SASS_UNIFORM_PREDICATE, /* UP`number`; UPT is SASS_PT */
    SASS_IMMEDIATE,         /* `bits` */
    SASS_CONSTANT,          /* c[bank][register + uniform + bits] */
    SASS_MEMORY,            /* [register + uniform + bits] */
    SASS_LABEL,             /* the instruction with the index `bits` */
    SASS_SPECIAL,           /* the enum sass_special `number` */
    SASS_BARRIER,           /* B`number`, of BSSY and BSYNC */
    SASS_SCOREBOARD,        /* SB`number` */
    SASS_ALL_PREDICATES,    /* PR */
    SASS_ALL_BARRIERS,      /* B, as bits */
};

#define SASS_RZ 255
#define SASS_URZ 255 /* whatever its number in the encoding, which differs */
#define SASS_PT 7
#define SASS_OPERANDS 10
#define SASS_MODIFIERS_MAX 10

enum sass_half { SASS_BOTH, SASS_H0_H0, SASS_H1_H1, SASS_H1_H0 };

struct sass_operand {
    uint8_t kind;    /* enum sass_kind */
    uint8_t number;  /* of a register and so on; SASS_MEMORY, SASS_CONSTANT: the register, or RZ */
    uint8_t uniform; /* SASS_MEMORY, SASS_CONSTANT: UR that is added, or URZ */
    uint8_t bank;    /* SASS_CONSTANT; one named by its descriptor: SASS_BANK_UNIFORM */
    uint8_t scale;   /* SASS_MEMORY: what `number` is multiplied by (.X4: 4), else 1 */
    uint8_t half;    /* enum sass_half */
    bool negative;   /* -x */
    bool inverted;   /* ~x; of a predicate !x */
    bool absolute;   /* |x|, of which negative is taken after */
    bool wide;       /* "R2.64": a pair of registers; SASS_MEMORY: the address in `number` */
    bool wide_uniform; /* SASS_MEMORY: "UR4.64" */
    bool extended;     /* SASS_MEMORY: "R2.U32": 32 bits without a sign, added to `uniform` */
    uint16_t selector; /* enum sass_modifier of a suffix not named above, ("R4.B1"); 0: none */
    /* SASS_IMMEDIATE: of an integer its value, a negative one extended to 64 bits; a float's 32
     * bits; two halves, the text's first the upper (one operand, though the text has two); a
     * double's 64 bits, of which the encoding has the upper half. NaNs keep their bits.
     * SASS_MEMORY, SASS_CONSTANT: the offset, with its sign. SASS_LABEL: the index. */
    int64_t bits;
};
#define SASS_BANK_UNIFORM 0xff

struct sass_instruction {
    uint16_t op;            /* enum sass_op */
    uint8_t guard;          /* of P, or of UP; SASS_PT: always */
    bool guard_inverted;    /* @!P0 */
    bool guard_uniform;     /* @UP0 */
    uint8_t modifier_count; /* in the text's order */
    uint8_t operand_count;
    uint16_t modifiers[SASS_MODIFIERS_MAX]; /* enum sass_modifier */
    struct sass_operand operands[SASS_OPERANDS];
    uint64_t code[2]; /* as encoded: bits 0-63, 64-127 */
    const char *text; /* "@P0 IADD3 R1, R1, -0x8, RZ", for errors */
};

static inline bool sass_has(const struct sass_instruction *i, enum sass_modifier modifier) {
    for (unsigned k = 0; k < i->modifier_count; k++)
        if (i->modifiers[k] == modifier)
            return true;
    return false;
}

#define SASS_BANKS 8
#define SASS_STEP 16 /* bytes of an instruction: that at address a has the index a / SASS_STEP */

struct sass_param {
    uint32_t offset, size; /* bytes; from params_offset */
};

/* Of one kernel: all of its section, functions that it calls among it. Instruction 0 is where it
 * begins. The whole is one that sass_cubin_close() frees. */
struct sass_program {
    const char *name;  /* as in the cubin, mangled */
    const char *plain; /* as its source has it, for errors */
    unsigned arch;     /* 80, 90, 100, 120 */
    const struct sass_instruction *instructions;
    size_t count;
    unsigned registers;    /* R0 … of a thread */
    unsigned barriers;     /* of BAR, with 0 */
    uint32_t shared_bytes; /* static ones */
    uint32_t local_bytes;  /* of a thread: its stack, the callees' among it */
    /* Constant bank 0: what the run time writes, then the parameters. */
    uint32_t params_offset, params_bytes;
    const struct sass_param *params;
    unsigned param_count;
    /* Contents of the banks; bank 0's are zeros, to be filled by a launch. NULL: none. */
    struct sass_bank {
        const uint8_t *bytes;
        size_t size;
    } banks[SASS_BANKS];
};

#ifdef __cplusplus
}
#endif
#endif

/*
 * ptx_translate_inside.h: what the parts of the translator share.
 */
#ifndef NANOLAB_KERNELS_PTX_PTX_TRANSLATE_INSIDE_H
#define NANOLAB_KERNELS_PTX_PTX_TRANSLATE_INSIDE_H

#include <stdio.h>

#include "kernels/ptx/ptx_translate.h"

#define PTX_OPERANDS_MAX 8
#define PTX_ITEMS_MAX PTX_PARAMS_MAX
#define PTX_MODIFIERS_MAX 12
#define PTX_SYMBOLS_MAX 4096
#define PTX_LABELS_MAX 16384
#define PTX_REGISTERS_MAX 200000
#define PTX_CALLS_MAX 12 /* functions in one another */
#define PTX_EXPRESSION (PTX_NAME_MAX + 128)

/* What a name stands for. Registers of a range `%r<8>` are one symbol, "%r" with 8 of them. */
enum ptx_symbol_kind { PTX_REGISTER, PTX_REGISTERS, PTX_PARAM, PTX_OF_LOCAL, PTX_OF_SHARED };
struct ptx_symbol {
    struct ptx_word name;
    enum ptx_symbol_kind kind;
    int depth;      /* of braces */
    unsigned bytes; /* of a register, 0: predicate; of a parameter */
    uint64_t count,
        at;    /* registers of a range; a shared variable's address, a kernel's parameter */
    int place; /* of a parameter: the function's, by number, or one of the two below */
};
#define PTX_OF_KERNEL (-1)
#define PTX_OF_BLOCK (-2)

struct ptx_value { /* a name or a number */
    struct ptx_word word;
    bool minus;
};
enum ptx_operand_kind { PTX_VALUE, PTX_ADDRESS, PTX_VECTOR, PTX_LIST };
struct ptx_operand {
    enum ptx_operand_kind kind;
    struct ptx_value value; /* also an address' base */
    struct ptx_word second; /* behind |; no text: none */
    bool negated;           /* !p */
    int64_t offset;         /* of an address */
    int count;              /* items of {…} and (…) */
    struct ptx_value items[PTX_ITEMS_MAX];
};

struct ptx_statement {
    int line;
    struct ptx_word opcode; /* all of it */
    struct ptx_word base;   /* up to the first dot */
    struct ptx_word modifier[PTX_MODIFIERS_MAX];
    int modifiers;
    struct ptx_operand operand[PTX_OPERANDS_MAX];
    int operands;
};

struct ptx_labels {
    struct ptx_word *word;
    int *line;
    int count;
};

/* One function that is being written. */
struct ptx_writer {
    struct ptx_kernel *kernel;
    const struct ptx_function *function;
    FILE *out;
    struct ptx_symbol *symbols;
    int symbol_count, depth;
    uint64_t registers;
    struct ptx_labels defined, used;
    uint64_t local_bytes; /* of this function and what it calls */
    uint64_t called_local_bytes;
    bool has_local;
    bool moved[PTX_PARAMS_MAX + 2]; /* parameters whose address is taken: they lie in .local */
};

/* One kernel: its functions, and the shared variables they name. */
struct ptx_kernel {
    const struct ptx_module *module;
    struct ptx_kernel_text *text;
    FILE *out;
    char *why;
    int calls;                /* how many functions are being written in one another */
    signed char *state;       /* per function of the module: 0 not yet, 1 now, 2 done */
    uint64_t *function_local; /* per function: local bytes with what it calls */
    uint64_t *variable_at;    /* per variable of the module: its shared address + 1, or 0 */
    uint64_t shared_top;
};

#define PTX_SHOWN(word) ptx_word_shown((word), (char[64]){0})

/* Refuses a statement: "line N: opcode: …"; -1. */
int ptx_refuse_statement(struct ptx_writer *w, const struct ptx_statement *s, const char *format,
                         ...) __attribute__((format(printf, 3, 4)));
int ptx_unknown(struct ptx_writer *w, const struct ptx_statement *s);

/* A name without its %: "r_" before it is a name of C. */
struct ptx_word ptx_bare(struct ptx_word name);
int ptx_add_symbol(struct ptx_writer *w, int line, struct ptx_symbol symbol);
const struct ptx_symbol *ptx_symbol_of(const struct ptx_writer *w, struct ptx_word name);
/* The address of a shared variable that has none yet. */
uint64_t ptx_shared_place(struct ptx_kernel *kernel, const struct ptx_variable *v);

/* The next declaration, label, brace or instruction; 0 or -1. */
int ptx_write_statement(struct ptx_writer *w, struct ptx_lexer *lexer);
void ptx_write_return(struct ptx_writer *w);

/* C for a value's bits, in `bytes` (0: a predicate). `wider`: a register may have more bytes than
 * are used. 0 or -1. */
int ptx_write_value(struct ptx_writer *w, const struct ptx_statement *s, struct ptx_value value,
                    unsigned bytes, bool wider, char out[PTX_EXPRESSION]);
/* The same for operand `index`, which must be one value. */
int ptx_write_operand(struct ptx_writer *w, const struct ptx_statement *s, int index,
                      unsigned bytes, bool wider, char out[PTX_EXPRESSION]);
/* Writes `register = expression;`. A register with more than `bytes` bytes gets them extended, if
 * `wider`. "_" takes nothing. */
int ptx_write_result(struct ptx_writer *w, const struct ptx_statement *s, struct ptx_value to,
                     unsigned bytes, bool wider, bool is_signed, const char *expression);
/* C for the place of `bytes` bytes at a parameter's address [name+offset], checked to be inside. */
int ptx_write_param(struct ptx_writer *w, const struct ptx_statement *s,
                    const struct ptx_operand *operand, unsigned bytes, char out[PTX_EXPRESSION]);
/* A label is jumped to. */
int ptx_label_used(struct ptx_writer *w, const struct ptx_statement *s, struct ptx_word label);
/* Whether it stands before what is being written. */
bool ptx_label_defined(const struct ptx_writer *w, struct ptx_word label);
/* Translates a function that is called, if it is not yet; its number, or -1. */
int ptx_function_needed(struct ptx_writer *w, const struct ptx_statement *s, struct ptx_word name);

/* Instructions that are more than a call. Each returns 1 if it wrote the statement, 0 if it is none
 * of its own, -1 if it is and cannot be done. */
int ptx_write_move(struct ptx_writer *w, const struct ptx_statement *s);    /* mov, cvt, cvta */
int ptx_write_access(struct ptx_writer *w, const struct ptx_statement *s);  /* ld, st, atom, red */
int ptx_write_control(struct ptx_writer *w, const struct ptx_statement *s); /* bra … bar, shfl */
int ptx_write_matrix(struct ptx_writer *w, const struct ptx_statement *s);  /* mma … cp.async */

#endif

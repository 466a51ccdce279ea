/*
 * ptx_translate.h: one kernel of a module to C, one statement an instruction. What the translator
 * does not know is an error, never a guess.
 */
#ifndef NANOLAB_KERNELS_PTX_PTX_TRANSLATE_H
#define NANOLAB_KERNELS_PTX_PTX_TRANSLATE_H

#include "kernels/ptx/ptx_read.h"

struct ptx_kernel_text {
    char *c; /* all of it; the caller frees it. It defines `void ptx_entry(struct ptx_thread *)`. */
    size_t size;
    int instructions;
    int arch;              /* that the text was made for: 80 */
    uint64_t shared_bytes; /* without what the launch adds */
    uint64_t local_bytes;  /* of one thread, at most */
    int param_count;
    unsigned param_at[PTX_PARAMS_MAX], param_bytes[PTX_PARAMS_MAX]; /* in ptx_thread.params */
    unsigned params_bytes;
    unsigned max_threads[3];
    bool exact_threads;
};

/* 0, or -1 with "line N: …" in why. */
int ptx_translate(const struct ptx_module *module, const struct ptx_function *kernel,
                  struct ptx_kernel_text *out, char why[PTX_WHY]);

/* --- instructions that are one call --------------------------------------------------------------
 */

struct ptx_form {
    const char *opcode;
    const char *like;     /* the form whose function it shares, or NULL */
    const char *operands; /* destination first: p a predicate, a digit bytes; a 0 at the end: the
                             last operand may not be zero */
};
/* NULL: none. */
const struct ptx_form *ptx_form_find(struct ptx_word opcode);
/* All of them, by index from 0; NULL behind the last. */
const struct ptx_form *ptx_form_at(int index);

#endif

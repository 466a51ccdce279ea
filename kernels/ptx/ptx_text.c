/*
 * ptx_text.c: see ptx_text.h. The assembler reads the files, so paths are the repository's (-I.).
 */
#include "kernels/ptx/ptx_text.h"

__asm__(".section .rodata\n"
        ".global ptx_text_begin, ptx_text_end\n"
        "ptx_text_begin:\n"
        ".incbin \"kernels/ptx/ptx_c.h\"\n"
        ".incbin \"kernels/ptx/ptx_float.h\"\n"
        ".incbin \"kernels/ptx/ptx_atomic.h\"\n"
        "ptx_text_end:\n"
        ".byte 0\n"
        ".previous\n");

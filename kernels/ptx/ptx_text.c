/*
 * ptx_text.c: see ptx_text.h. The assembler reads the files, so paths are the repository's (-I.).
 */
#include "kernels/ptx/ptx_text.h"

__asm__(".section .rodata\n"
        ".global ptx_text, ptx_text_size\n"
        "ptx_text:\n"
        ".incbin \"kernels/ptx/ptx_c.h\"\n"
        ".incbin \"kernels/ptx/ptx_float.h\"\n"
        ".incbin \"kernels/ptx/ptx_atomic.h\"\n"
        "ptx_text_end:\n"
        ".byte 0\n"
        ".balign 4\n"
        "ptx_text_size: .long ptx_text_end - ptx_text\n"
        ".previous\n");

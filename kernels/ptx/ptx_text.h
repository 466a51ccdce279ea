/*
 * ptx_text.h: the text of ptx_c.h, ptx_float.h and ptx_atomic.h, which stands before each
 * translated kernel: part of the program, as it may run where its source is not.
 */
#ifndef NANOLAB_KERNELS_PTX_PTX_TEXT_H
#define NANOLAB_KERNELS_PTX_PTX_TEXT_H

extern const char ptx_text[];
extern const unsigned ptx_text_size;

#endif

/* gguf_inside.h: between gguf.c, which reads a file, and gguf_values.c, which is asked about it. */
#ifndef NANOLAB_KERNELS_DECODER_GGUF_INSIDE_H
#define NANOLAB_KERNELS_DECODER_GGUF_INSIDE_H

#include <string.h>

#include "kernels/decoder/gguf.h"

/* Kinds of values, by the format's numbers. */
enum kind { U8, I8, U16, I16, U32, I32, F32, BOOL, STRING, ARRAY, U64, I64, F64, GGUF_KINDS };
extern const unsigned char gguf_kind_bytes[GGUF_KINDS]; /* of a value; 0: it has a length */

struct setting {
    struct gguf_text key;
    enum kind kind, of; /* of: an array's elements */
    uint64_t count;     /* of an array */
    const unsigned char *value;
};

struct gguf {
    unsigned char *content;
    size_t bytes, settings, tensors;
    struct setting *setting;
    struct gguf_tensor *tensor;
};

/* Orders by key and by name, in which the file's lists lie. */
int gguf_setting_order(const void *a, const void *b);
int gguf_tensor_order(const void *a, const void *b);
/* NULL: there is none of this key. */
const struct setting *gguf_setting(const struct gguf *file, const char *key);

static inline uint64_t gguf_integer_in(const unsigned char *at, unsigned bytes) {
    uint64_t value = 0;
    memcpy(&value, at, bytes);
    return value;
}

#endif

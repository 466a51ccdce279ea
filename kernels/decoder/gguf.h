/*
 * gguf.h: reads a GGUF file, version 3: the model's settings (keys with values), its tensors, and
 * where they lie. The format is ggml's (github.com/ggml-org/ggml, docs/gguf.md).
 *
 * A file is a stranger's. Everything is checked when it is opened, so that what a reader of it is
 * given lies inside of it: sizes and counts against the file, offsets against each other, names
 * against names. What is wrong ends in one line that says where and what to do.
 *
 * All is in memory as the file has it, little-endian, on one 64-byte aligned copy. Nothing here may
 * be used once it is closed.
 */
#ifndef NANOLAB_KERNELS_DECODER_GGUF_H
#define NANOLAB_KERNELS_DECODER_GGUF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Larger files are refused: they would be copied into memory. */
#define GGUF_BYTES_MOST ((size_t)4 << 30)
#define GGUF_KEYS_MOST 4096
#define GGUF_TENSORS_MOST 65536
#define GGUF_DIMS_MOST 4
#define GGUF_WHY 256

/* Types of elements that are known, by the format's numbers. In blocks of 32 along the first
 * dimension: q4_1 is an f16 d, an f16 m and 16 bytes, whose low halves are q of elements 0…15 and
 * high halves of 16…31, w = d·q + m; q8_0 an f16 d and 32 signed bytes, w = d·q. */
enum gguf_type { GGUF_F32 = 0, GGUF_F16 = 1, GGUF_Q4_1 = 3, GGUF_Q8_0 = 8 };
#define GGUF_BLOCK 32
#define GGUF_Q4_1_BYTES 20
#define GGUF_Q8_0_BYTES 34

const char *gguf_type_name(enum gguf_type type);
/* Bytes of `elements`, a whole number of the type's blocks. */
size_t gguf_type_bytes(enum gguf_type type, size_t elements);

/* Text of the file: not terminated, and any bytes at all. */
struct gguf_text {
    const char *at;
    size_t bytes;
};

struct gguf_tensor {
    struct gguf_text name;
    enum gguf_type type;
    unsigned dims;                /* 1…GGUF_DIMS_MOST */
    uint64_t dim[GGUF_DIMS_MOST]; /* the first lies closest in memory; unused ones are 1 */
    const void *data;             /* aligned to 32 bytes at least */
    size_t bytes;
};

struct gguf;

/* 0, or -1 with a line in `why` (GGUF_WHY bytes): PATH, what is wrong, at which byte. */
int gguf_open(struct gguf **out, const char *path, char *why);
/* The same of a file's content in memory, which is copied. */
int gguf_parse(struct gguf **out, const void *content, size_t bytes, char *why);
void gguf_close(struct gguf *file); /* NULL is allowed */

/* Of the file. */
size_t gguf_bytes(const struct gguf *file);
size_t gguf_tensors(const struct gguf *file);
const struct gguf_tensor *gguf_tensor_at(const struct gguf *file, size_t i);
/* NULL: there is none of this name. */
const struct gguf_tensor *gguf_tensor(const struct gguf *file, const char *name);

/* A setting, by its key. False: there is none of this key, of this kind. Integers of any width that
 * are not negative count. */
bool gguf_integer(const struct gguf *file, const char *key, uint64_t *out);
bool gguf_number(const struct gguf *file, const char *key, double *out); /* f32 or f64 */
bool gguf_truth(const struct gguf *file, const char *key, bool *out);
bool gguf_string(const struct gguf *file, const char *key, struct gguf_text *out);
/* Elements of an array of strings, or of i32 or u32 (0: there is no such array), and one of these,
 * i below that. */
size_t gguf_strings(const struct gguf *file, const char *key);
size_t gguf_integers(const struct gguf *file, const char *key);
int64_t gguf_integers_at(const struct gguf *file, const char *key, size_t i);
/* Calls `each` with every string of the array in order until it gives other than 0, and returns
 * that; 0 where there is no such array. */
int gguf_strings_each(const struct gguf *file, const char *key,
                      int (*each)(void *context, size_t i, struct gguf_text text), void *context);

bool gguf_text_is(struct gguf_text text, const char *word);

#ifdef __cplusplus
}
#endif
#endif

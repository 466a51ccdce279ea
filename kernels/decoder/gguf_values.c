/* gguf_values.c: what is in a file that was read: by key, by name, in order. */
#include <stdlib.h>

#include "kernels/decoder/gguf_inside.h"

const struct setting *gguf_setting(const struct gguf *file, const char *key) {
    const struct setting wanted = {.key = {key, strlen(key)}};
    return bsearch(&wanted, file->setting, file->settings, sizeof wanted, gguf_setting_order);
}

size_t gguf_bytes(const struct gguf *file) {
    return file->bytes;
}

size_t gguf_tensors(const struct gguf *file) {
    return file->tensors;
}

const struct gguf_tensor *gguf_tensor_at(const struct gguf *file, size_t i) {
    return &file->tensor[i];
}

const struct gguf_tensor *gguf_tensor(const struct gguf *file, const char *name) {
    const struct gguf_tensor wanted = {.name = {name, strlen(name)}};
    return bsearch(&wanted, file->tensor, file->tensors, sizeof wanted, gguf_tensor_order);
}

bool gguf_integer(const struct gguf *file, const char *key, uint64_t *out) {
    const struct setting *s = gguf_setting(file, key);
    if (!s || s->kind == F32 || s->kind == F64 || s->kind == BOOL || !gguf_kind_bytes[s->kind])
        return false;
    bool is_signed = s->kind == I8 || s->kind == I16 || s->kind == I32 || s->kind == I64;
    *out = gguf_integer_in(s->value, gguf_kind_bytes[s->kind]);
    return !(is_signed && *out >> (8 * gguf_kind_bytes[s->kind] - 1) & 1);
}

bool gguf_number(const struct gguf *file, const char *key, double *out) {
    const struct setting *s = gguf_setting(file, key);
    float single;
    if (!s || (s->kind != F32 && s->kind != F64))
        return false;
    if (s->kind == F64) {
        memcpy(out, s->value, sizeof *out);
    } else {
        memcpy(&single, s->value, sizeof single);
        *out = single;
    }
    return true;
}

bool gguf_truth(const struct gguf *file, const char *key, bool *out) {
    const struct setting *s = gguf_setting(file, key);
    if (!s || s->kind != BOOL)
        return false;
    *out = *s->value;
    return true;
}

static const unsigned char *text_at(const unsigned char *at, struct gguf_text *out) {
    out->bytes = gguf_integer_in(at, 8);
    out->at = (const char *)at + 8;
    return at + 8 + out->bytes;
}

bool gguf_string(const struct gguf *file, const char *key, struct gguf_text *out) {
    const struct setting *s = gguf_setting(file, key);
    if (!s || s->kind != STRING)
        return false;
    text_at(s->value, out);
    return true;
}

static const struct setting *array(const struct gguf *file, const char *key, bool strings) {
    const struct setting *s = gguf_setting(file, key);
    bool fits = s && s->kind == ARRAY && (strings ? s->of == STRING : s->of == I32 || s->of == U32);
    return fits ? s : NULL;
}

size_t gguf_strings(const struct gguf *file, const char *key) {
    const struct setting *s = array(file, key, true);
    return s ? s->count : 0;
}

int gguf_strings_each(const struct gguf *file, const char *key,
                      int (*each)(void *context, size_t i, struct gguf_text text), void *context) {
    const struct setting *s = array(file, key, true);
    const unsigned char *at = s ? s->value : NULL;
    int status = 0;
    for (size_t i = 0; s && i < s->count && status == 0; i++) {
        struct gguf_text text;
        at = text_at(at, &text);
        status = each(context, i, text);
    }
    return status;
}

size_t gguf_integers(const struct gguf *file, const char *key) {
    const struct setting *s = array(file, key, false);
    return s ? s->count : 0;
}

int64_t gguf_integers_at(const struct gguf *file, const char *key, size_t i) {
    const struct setting *s = array(file, key, false);
    uint64_t word = gguf_integer_in(s->value + 4 * i, 4);
    return s->of == I32 ? (int32_t)word : (int64_t)word;
}

bool gguf_text_is(struct gguf_text text, const char *word) {
    return text.bytes == strlen(word) && memcmp(text.at, word, text.bytes) == 0;
}

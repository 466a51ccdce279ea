/*
 * gguf.c: see gguf.h. One pass over the head of the file, by a cursor that cannot leave it.
 *
 *     "GGUF", u32 version, u64 tensors, u64 keys
 *     keys     string key, u32 kind, value
 *     tensors  string name, u32 dims, u64 dim[dims], u32 type, u64 offset
 *     data     from the next multiple of the alignment on; offsets count from there
 *
 * A string is a u64 of bytes and these; an array a u32 kind, a u64 count and its elements.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "kernels/decoder/gguf_inside.h"

#if __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "GGUF files are little-endian, and are read in place"
#endif

const unsigned char gguf_kind_bytes[GGUF_KINDS] = {1, 1, 2, 2, 4, 4, 4, 1, 0, 0, 8, 8, 8};

enum { ALIGNMENT = 32, ALIGNMENT_MOST = 65536, NAME_MOST = 256 };

struct cursor {
    const unsigned char *content;
    size_t at, bytes;
    char *why; /* NULL once it has its line */
};

const char *gguf_type_name(enum gguf_type type) {
    switch (type) {
    case GGUF_F32:
        return "f32";
    case GGUF_F16:
        return "f16";
    case GGUF_Q4_1:
        return "q4_1";
    case GGUF_Q8_0:
        return "q8_0";
    }
    return NULL;
}

/* Elements and bytes of a type's blocks. */
static unsigned type_block(enum gguf_type type) {
    return type == GGUF_Q4_1 || type == GGUF_Q8_0 ? GGUF_BLOCK : 1;
}

size_t gguf_type_bytes(enum gguf_type type, size_t elements) {
    static const unsigned char bytes[] = {[GGUF_F32] = 4,
                                          [GGUF_F16] = 2,
                                          [GGUF_Q4_1] = GGUF_Q4_1_BYTES,
                                          [GGUF_Q8_0] = GGUF_Q8_0_BYTES};
    return elements / type_block(type) * bytes[type];
}

__attribute__((format(printf, 2, 3))) static int refuse(struct cursor *c, const char *format, ...) {
    if (c->why) {
        int n = snprintf(c->why, GGUF_WHY, "at byte %zu: ", c->at);
        va_list list;
        va_start(list, format);
        vsnprintf(c->why + n, (size_t)(GGUF_WHY - n), format, list);
        va_end(list);
        c->why = NULL;
    }
    return -1;
}

/* --- the cursor --------------------------------------------------------------------------------
 */

static const unsigned char *take(struct cursor *c, uint64_t bytes) {
    if (bytes > c->bytes - c->at) {
        refuse(c,
               "the file ends %" PRIu64 " bytes too early; it is cut short or damaged: fetch it "
               "again",
               bytes - (c->bytes - c->at));
        return NULL;
    }
    const unsigned char *at = c->content + c->at;
    c->at += bytes;
    return at;
}

static int take_integer(struct cursor *c, unsigned bytes, uint64_t *out) {
    const unsigned char *at = take(c, bytes);
    *out = at ? gguf_integer_in(at, bytes) : 0;
    return at ? 0 : -1;
}

static int take_text(struct cursor *c, struct gguf_text *out) {
    uint64_t bytes;
    if (take_integer(c, 8, &bytes) != 0)
        return -1;
    out->at = (const char *)take(c, bytes);
    out->bytes = bytes;
    return out->at ? 0 : -1;
}

/* A key's or a tensor's name: printable ASCII, so that it can be told and compared. */
static int take_name(struct cursor *c, struct gguf_text *out) {
    size_t at = c->at;
    if (take_text(c, out) != 0)
        return -1;
    bool fits = out->bytes > 0 && out->bytes <= NAME_MOST;
    for (size_t i = 0; fits && i < out->bytes; i++)
        fits = out->at[i] > ' ' && out->at[i] <= '~';
    c->at = fits ? c->at : at;
    return fits ? 0 : refuse(c, "a name is not 1 to %d printable characters of ASCII", NAME_MOST);
}

/* --- settings ----------------------------------------------------------------------------------
 */

static int take_array(struct cursor *c, struct setting *s) {
    uint64_t of;
    if (take_integer(c, 4, &of) != 0 || take_integer(c, 8, &s->count) != 0)
        return -1;
    if (of >= GGUF_KINDS || of == ARRAY)
        return refuse(c, "\"%.*s\" is an array of kind %" PRIu64 ", which is not among those read",
                      (int)s->key.bytes, s->key.at, of);
    s->of = (enum kind)of;
    s->value = c->content + c->at;
    struct gguf_text text;
    if (of != STRING)
        return s->count > c->bytes / gguf_kind_bytes[of] ? take(c, UINT64_MAX) ? 0 : -1
               : take(c, s->count * gguf_kind_bytes[of]) ? 0
                                                         : -1;
    for (uint64_t i = 0; i < s->count; i++)
        if (take_text(c, &text) != 0)
            return -1;
    return 0;
}

static int take_setting(struct cursor *c, struct setting *s) {
    uint64_t kind;
    if (take_name(c, &s->key) != 0 || take_integer(c, 4, &kind) != 0)
        return -1;
    if (kind >= GGUF_KINDS)
        return refuse(c, "\"%.*s\" is of kind %" PRIu64 ", which version 3 does not have",
                      (int)s->key.bytes, s->key.at, kind);
    s->kind = (enum kind)kind;
    s->value = c->content + c->at;
    struct gguf_text text;
    if (kind == ARRAY)
        return take_array(c, s);
    if (kind == STRING)
        return take_text(c, &text);
    if (!take(c, gguf_kind_bytes[kind]))
        return -1;
    return kind == BOOL && *s->value > 1
               ? refuse(c, "\"%.*s\" is neither true nor false", (int)s->key.bytes, s->key.at)
               : 0;
}

static int text_order(struct gguf_text a, struct gguf_text b) {
    int order = memcmp(a.at, b.at, a.bytes < b.bytes ? a.bytes : b.bytes);
    return order ? order : (a.bytes > b.bytes) - (a.bytes < b.bytes);
}

int gguf_setting_order(const void *a, const void *b) {
    return text_order(((const struct setting *)a)->key, ((const struct setting *)b)->key);
}

/* --- tensors -----------------------------------------------------------------------------------
 */

/* The offset into the data goes to `bytes` until the data's place is known. */
static int take_tensor(struct cursor *c, struct gguf_tensor *t, uint64_t *offset) {
    uint64_t dims, type, elements = 1;
    if (take_name(c, &t->name) != 0 || take_integer(c, 4, &dims) != 0)
        return -1;
    const int length = (int)t->name.bytes;
    if (dims < 1 || dims > GGUF_DIMS_MOST)
        return refuse(c, "tensor %.*s has %" PRIu64 " dimensions; 1 to %d are read", length,
                      t->name.at, dims, GGUF_DIMS_MOST);
    t->dims = (unsigned)dims;
    for (unsigned d = 0; d < GGUF_DIMS_MOST; d++) {
        t->dim[d] = 1;
        if (d < dims && take_integer(c, 8, &t->dim[d]) != 0)
            return -1;
        /* Elements of any type take more than half a byte, so more do not fit into a file. */
        if (t->dim[d] == 0 || t->dim[d] > 2 * GGUF_BYTES_MOST / elements)
            return refuse(c,
                          "tensor %.*s has dimension %u of %" PRIu64
                          ", which no file of this size can hold",
                          length, t->name.at, d, t->dim[d]);
        elements *= t->dim[d];
    }
    if (take_integer(c, 4, &type) != 0 || take_integer(c, 8, offset) != 0)
        return -1;
    if (type > GGUF_Q8_0 || !gguf_type_name((enum gguf_type)type))
        return refuse(c,
                      "tensor %.*s is of type %" PRIu64
                      "; those read are f32, f16, q4_1 and q8_0: take a model in these",
                      length, t->name.at, type);
    t->type = (enum gguf_type)type;
    if (t->dim[0] % type_block(t->type))
        return refuse(c, "tensor %.*s: rows of %" PRIu64 " are no whole blocks of %s", length,
                      t->name.at, t->dim[0], gguf_type_name(t->type));
    t->bytes = gguf_type_bytes(t->type, elements);
    return 0;
}

int gguf_tensor_order(const void *a, const void *b) {
    return text_order(((const struct gguf_tensor *)a)->name, ((const struct gguf_tensor *)b)->name);
}

static int place_order(const void *a, const void *b) {
    const struct gguf_tensor *x = *(const struct gguf_tensor *const *)a,
                             *y = *(const struct gguf_tensor *const *)b;
    return (x->data > y->data) - (x->data < y->data);
}

/* No two tensors share a byte. */
static int check_places(struct cursor *c, const struct gguf *file) {
    const struct gguf_tensor **place = calloc(file->tensors + 1, sizeof(*place));
    int status = 0;
    if (!place)
        return refuse(c, "no memory for a table of %zu tensors", file->tensors);
    for (size_t i = 0; i < file->tensors; i++)
        place[i] = &file->tensor[i];
    qsort(place, file->tensors, sizeof(*place), place_order);
    for (size_t i = 1; i < file->tensors && status == 0; i++)
        if ((const char *)place[i - 1]->data + place[i - 1]->bytes > (const char *)place[i]->data)
            status = refuse(c, "tensors %.*s and %.*s share bytes", (int)place[i - 1]->name.bytes,
                            place[i - 1]->name.at, (int)place[i]->name.bytes, place[i]->name.at);
    free(place);
    return status;
}

/* --- the file ----------------------------------------------------------------------------------
 */

static int take_head(struct cursor *c, uint64_t *tensors, uint64_t *settings) {
    uint64_t version;
    const unsigned char *magic = take(c, 4);
    if (!magic)
        return -1;
    if (memcmp(magic, "GGUF", 4) != 0)
        return refuse(c, "this is no GGUF file: it does not begin with \"GGUF\"");
    if (take_integer(c, 4, &version) != 0)
        return -1;
    if (version != 3)
        return refuse(c, "version %" PRIu64 " of the format; 3 is what is read", version);
    if (take_integer(c, 8, tensors) != 0 || take_integer(c, 8, settings) != 0)
        return -1;
    if (*tensors > GGUF_TENSORS_MOST || *settings > GGUF_KEYS_MOST)
        return refuse(c, "%" PRIu64 " tensors and %" PRIu64 " keys; at most %d and %d are read",
                      *tensors, *settings, GGUF_TENSORS_MOST, GGUF_KEYS_MOST);
    return 0;
}

static int take_settings(struct cursor *c, struct gguf *file, uint64_t count) {
    file->setting = calloc(count + 1, sizeof(*file->setting));
    if (!file->setting)
        return refuse(c, "no memory for %" PRIu64 " keys", count);
    for (; file->settings < count; file->settings++)
        if (take_setting(c, &file->setting[file->settings]) != 0)
            return -1;
    qsort(file->setting, count, sizeof(*file->setting), gguf_setting_order);
    for (uint64_t i = 1; i < count; i++)
        if (gguf_setting_order(&file->setting[i - 1], &file->setting[i]) == 0)
            return refuse(c, "key \"%.*s\" comes twice", (int)file->setting[i].key.bytes,
                          file->setting[i].key.at);
    return 0;
}

static int take_tensors(struct cursor *c, struct gguf *file, uint64_t count) {
    uint64_t alignment = ALIGNMENT, *offset = calloc(count + 1, sizeof(*offset));
    file->tensor = calloc(count + 1, sizeof(*file->tensor));
    int status = file->tensor && offset ? 0 : refuse(c, "no memory for %" PRIu64 " tensors", count);
    if (status == 0 && gguf_setting(file, "general.alignment") &&
        (!gguf_integer(file, "general.alignment", &alignment) || alignment < ALIGNMENT ||
         alignment > ALIGNMENT_MOST || alignment & (alignment - 1)))
        status = refuse(c, "general.alignment is no power of two from %d to %d", ALIGNMENT,
                        ALIGNMENT_MOST);
    for (; status == 0 && file->tensors < count; file->tensors++)
        status = take_tensor(c, &file->tensor[file->tensors], &offset[file->tensors]);
    uint64_t start = (c->at + alignment - 1) & ~(alignment - 1);
    for (size_t i = 0; status == 0 && i < count; i++) {
        struct gguf_tensor *t = &file->tensor[i];
        if (offset[i] % alignment || start > c->bytes || offset[i] > c->bytes - start ||
            t->bytes > c->bytes - start - offset[i])
            status = refuse(c,
                            "tensor %.*s of %zu bytes at offset %" PRIu64
                            " does not lie in the file, aligned to %" PRIu64
                            "; it is cut short or damaged: fetch it again",
                            (int)t->name.bytes, t->name.at, t->bytes, offset[i], alignment);
        else
            t->data = c->content + start + offset[i];
    }
    free(offset);
    if (status != 0 || check_places(c, file) != 0)
        return -1;
    qsort(file->tensor, count, sizeof(*file->tensor), gguf_tensor_order);
    for (uint64_t i = 1; i < count; i++)
        if (gguf_tensor_order(&file->tensor[i - 1], &file->tensor[i]) == 0)
            return refuse(c, "tensor %.*s comes twice", (int)file->tensor[i].name.bytes,
                          file->tensor[i].name.at);
    return 0;
}

/* Takes `content` over. */
static int parse(struct gguf **out, unsigned char *content, size_t bytes, char *why) {
    struct cursor c = {content, 0, bytes, why};
    struct gguf *file = calloc(1, sizeof(*file));
    uint64_t tensors, settings;
    *out = NULL;
    if (!file) {
        free(content);
        return refuse(&c, "no memory");
    }
    file->content = content;
    file->bytes = bytes;
    if (take_head(&c, &tensors, &settings) != 0 || take_settings(&c, file, settings) != 0 ||
        take_tensors(&c, file, tensors) != 0) {
        gguf_close(file);
        return -1;
    }
    *out = file;
    return 0;
}

static unsigned char *room(size_t bytes) {
    return aligned_alloc(64, (bytes + 64) & ~(size_t)63);
}

int gguf_parse(struct gguf **out, const void *content, size_t bytes, char *why) {
    unsigned char *copy = room(bytes);
    *out = NULL;
    if (!copy) {
        snprintf(why, GGUF_WHY, "no memory for a file of %zu bytes", bytes);
        return -1;
    }
    memcpy(copy, content, bytes);
    return parse(out, copy, bytes, why);
}

/* All of the file, or NULL with a line. It may be written to meanwhile: what was read counts. */
static unsigned char *content_of(int fd, size_t *bytes, char *why) {
    struct stat is;
    if (fstat(fd, &is) != 0 || !S_ISREG(is.st_mode)) {
        snprintf(why, GGUF_WHY, "not a file");
        return NULL;
    }
    if ((uint64_t)is.st_size > GGUF_BYTES_MOST) {
        snprintf(why, GGUF_WHY, "%lld bytes; at most %zu are read", (long long)is.st_size,
                 GGUF_BYTES_MOST);
        return NULL;
    }
    unsigned char *content = room((size_t)is.st_size);
    for (*bytes = 0; content && *bytes < (size_t)is.st_size;) {
        ssize_t n = read(fd, content + *bytes, (size_t)is.st_size - *bytes);
        if (n == 0)
            break;
        if (n < 0 && errno != EINTR) {
            snprintf(why, GGUF_WHY, "cannot be read: %s", strerror(errno));
            free(content);
            return NULL;
        }
        *bytes += n > 0 ? (size_t)n : 0;
    }
    if (!content)
        snprintf(why, GGUF_WHY, "no memory for %lld bytes", (long long)is.st_size);
    return content;
}

int gguf_open(struct gguf **out, const char *path, char *why) {
    char reason[GGUF_WHY] = "";
    size_t bytes;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK), status = -1;
    *out = NULL;
    if (fd < 0) {
        snprintf(reason, sizeof reason, "cannot be opened: %s", strerror(errno));
    } else {
        unsigned char *content = content_of(fd, &bytes, reason);
        status = content ? parse(out, content, bytes, reason) : -1;
        close(fd);
    }
    if (status != 0)
        snprintf(why, GGUF_WHY, "%.100s: %.150s", path, reason);
    return status;
}

void gguf_close(struct gguf *file) {
    if (!file)
        return;
    free(file->setting);
    free(file->tensor);
    free(file->content);
    free(file);
}

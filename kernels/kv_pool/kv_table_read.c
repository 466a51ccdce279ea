/*
 * kv_table_read.c: block tables as JSON text.
 */
#include "kernels/kv_pool/kv_table_read.h"

#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "kernels/kv_pool/kv_inside.h"

/* Text of others, fit to be shown: one line, nothing that a terminal would obey. */
static const char *harmless(const char *text, char shown[48]) {
    size_t k = 0;
    for (; k < 47 && text[k]; k++)
        shown[k] = text[k] >= ' ' && text[k] <= '~' ? text[k] : '?';
    shown[k] = '\0';
    return shown;
}

/* --- members -----------------------------------------------------------------------------------
 */

/* Whether an object has members of these names only. `where`: "" or "sequence 3: ". */
static int only(const json_t *object, const char *const *names, size_t count, const char *where,
                const char *all, char *why) {
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)object, key, value) {
        bool known = false;
        for (size_t k = 0; k < count; k++)
            known |= strcmp(key, names[k]) == 0;
        char shown[48];
        if (!known)
            return kv_fail(why, "%sunknown member \"%s\"; leave it out (there are %s)", where,
                           harmless(key, shown), all);
    }
    return 0;
}

/* The whole number of a member in low…high. */
static int number(const json_t *object, const char *name, int64_t low, int64_t high,
                  const char *where, int64_t *out, char *why) {
    const json_t *value = json_object_get(object, name);
    if (!value)
        return kv_fail(why, "%s\"%s\" is missing; give a whole number, %" PRId64 " to %" PRId64,
                       where, name, low, high);
    if (!json_is_integer(value))
        return kv_fail(why, "%s\"%s\" is not a whole number; give one, %" PRId64 " to %" PRId64,
                       where, name, low, high);
    *out = json_integer_value(value);
    if (*out < low || *out > high)
        return kv_fail(why, "%s\"%s\" is %" PRId64 "; give %" PRId64 " to %" PRId64, where, name,
                       *out, low, high);
    return 0;
}

static int array(const json_t *object, const char *name, const char *of, const char *where,
                 const json_t **out, char *why) {
    *out = json_object_get(object, name);
    if (!json_is_array(*out))
        return kv_fail(why, "%s\"%s\" is %s; give %s in [ ]", where, name,
                       *out ? "not an array" : "missing", of);
    return 0;
}

/* --- sequences ---------------------------------------------------------------------------------
 */

static void place(char where[40], size_t sequence) {
    snprintf(where, 40, "sequence %zu: ", sequence);
}

/* The tokens of a sequence, after a look at the number of its blocks. */
static int read_length(const json_t *object, size_t s, unsigned block_tokens, int32_t *tokens,
                       char *why) {
    static const char *const names[] = {"tokens", "blocks"};
    char where[40];
    place(where, s);
    const json_t *blocks;
    int64_t n;
    if (!json_is_object(object))
        return kv_fail(why, "%snot an object; give {\"tokens\": N, \"blocks\": [ids]}", where);
    if (only(object, names, 2, where, "tokens and blocks", why) != 0 ||
        number(object, "tokens", 0, INT32_MAX, where, &n, why) != 0 ||
        array(object, "blocks", "the ids", where, &blocks, why) != 0)
        return -1;
    int64_t needs = (n + block_tokens - 1) / block_tokens, named = (int64_t)json_array_size(blocks);
    if (needs != named)
        return kv_fail(why,
                       "%s%" PRId64 " tokens need %" PRId64 " blocks of %u, not %" PRId64 "; %s",
                       where, n, needs, block_tokens, named,
                       named < needs ? "name the others, or lower its tokens"
                                     : "leave the last ones out, or raise its tokens");
    *tokens = (int32_t)n;
    return 0;
}

static int read_ids(const json_t *blocks, unsigned s, struct kv_table *table, char *why) {
    for (size_t b = 0; b < json_array_size(blocks); b++) {
        const json_t *value = json_array_get(blocks, b);
        if (!json_is_integer(value))
            return kv_fail(why, "sequence %u, block %zu: not a whole number; give an id, 0 to %u",
                           s, b, table->pool_blocks - 1);
        int64_t id = json_integer_value(value);
        /* The table's own check tells about the others; these are beyond its numbers. */
        if (id < INT32_MIN || id > INT32_MAX)
            return kv_fail(
                why, "sequence %u, block %zu: id %" PRId64 " is not in the pool; ids are 0 to %u",
                s, b, id, table->pool_blocks - 1);
        table->ids[(size_t)s * table->row_blocks + b] = (int32_t)id;
    }
    return 0;
}

/* `lengths` has room for all sequences. */
static int read_sequences(const json_t *sequences, unsigned block_tokens, unsigned pool_blocks,
                          int32_t *lengths, struct kv_table *out, char *why) {
    size_t count = json_array_size(sequences), most = 0;
    for (size_t s = 0; s < count; s++) {
        if (read_length(json_array_get(sequences, s), s, block_tokens, &lengths[s], why) != 0)
            return -1;
        size_t blocks = json_array_size(json_object_get(json_array_get(sequences, s), "blocks"));
        most = blocks > most ? blocks : most;
    }
    if (most > KV_IDS_MOST / count)
        return kv_fail(why,
                       "%zu rows as long as the longest, %zu blocks, are more than %zu ids; give "
                       "fewer sequences",
                       count, most, KV_IDS_MOST);
    if (kv_table_open(out, (unsigned)count, lengths, block_tokens, pool_blocks) != 0)
        return kv_fail(why, "no memory for a table of %zu rows of %zu blocks", count, most);
    for (unsigned s = 0; s < out->sequences; s++)
        if (read_ids(json_object_get(json_array_get(sequences, s), "blocks"), s, out, why) != 0)
            return -1;
    return kv_table_check(out, true, why);
}

/* --- the whole ---------------------------------------------------------------------------------
 */

static int read_table(const json_t *all, struct kv_table *out, char *why) {
    static const char *const names[] = {"block_tokens", "pool_blocks", "sequences"};
    int64_t block_tokens, pool_blocks;
    const json_t *sequences;
    if (!json_is_object(all))
        return kv_fail(why, "the text is an array; give an object: {\"block_tokens\": 16, ...}");
    if (only(all, names, 3, "", "block_tokens, pool_blocks and sequences", why) != 0 ||
        number(all, "block_tokens", 1, KV_BLOCK_TOKENS_MOST, "", &block_tokens, why) != 0 ||
        number(all, "pool_blocks", 1, INT32_MAX, "", &pool_blocks, why) != 0 ||
        array(all, "sequences", "a sequence or more", "", &sequences, why) != 0)
        return -1;
    size_t count = json_array_size(sequences);
    if (count == 0)
        return kv_fail(why, "\"sequences\" is empty; give one or more");
    int32_t *lengths = calloc(count, sizeof *lengths);
    int status = lengths ? read_sequences(sequences, (unsigned)block_tokens, (unsigned)pool_blocks,
                                          lengths, out, why)
                         : kv_fail(why, "no memory for %zu sequences", count);
    free(lengths);
    if (status != 0)
        kv_table_close(out);
    return status;
}

int kv_table_parse(const char *text, size_t length, struct kv_table *out, char *why) {
    *out = (struct kv_table){0};
    json_error_t error;
    if (length > KV_TEXT_MOST)
        return kv_fail(why, "more than %zu MiB of text; give fewer sequences", KV_TEXT_MOST >> 20);
    if (length == 0)
        return kv_fail(why, "there is no text; give a block table in JSON");
    if (memchr(text, 0, length))
        return kv_fail(why, "byte %zu is NUL, so this is no JSON; give a text",
                       (size_t)((const char *)memchr(text, 0, length) - text));
    json_t *all = json_loadb(text, length, JSON_REJECT_DUPLICATES, &error);
    if (!all) {
        char shown[48];
        return kv_fail(why, "line %d, column %d: no JSON (%s); mend it, or see whether it is whole",
                       error.line, error.column, harmless(error.text, shown));
    }
    int status = read_table(all, out, why);
    json_decref(all);
    return status;
}

int kv_table_read(FILE *in, struct kv_table *out, char *why) {
    char *text = NULL;
    size_t length = 0, room = 0, got = 1;
    *out = (struct kv_table){0};
    while (got > 0 && length <= KV_TEXT_MOST) {
        if (length == room) {
            char *more = realloc(text, room = room ? 2 * room : 1 << 16);
            if (!more) {
                free(text);
                return kv_fail(why, "no memory for a text of %zu bytes", room);
            }
            text = more;
        }
        errno = 0;
        got = fread(text + length, 1, room - length, in);
        length += got;
    }
    int status = ferror(in) ? kv_fail(why, "it cannot be read: %s", strerror(errno))
                            : kv_table_parse(text, length, out, why);
    free(text);
    return status;
}

int kv_table_write(const struct kv_table *table, FILE *out) {
    fprintf(out, "{\"block_tokens\": %u, \"pool_blocks\": %u, \"sequences\": [",
            table->block_tokens, table->pool_blocks);
    for (unsigned s = 0; s < table->sequences; s++) {
        fprintf(out, "%s\n {\"tokens\": %" PRId32 ", \"blocks\": [", s > 0 ? "," : "",
                table->tokens[s]);
        for (unsigned b = 0; b < kv_table_blocks_of(table, s); b++)
            fprintf(out, "%s%" PRId32, b > 0 ? ", " : "",
                    table->ids[(size_t)s * table->row_blocks + b]);
        fputs("]}", out);
    }
    fputs("\n]}\n", out);
    return ferror(out) ? -1 : 0;
}

/*
 * kv_table_read.c: block tables as text: a file's bytes, and from its rows to a table.
 */
#include "kernels/kv_pool/kv_table_read.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "kernels/kv_pool/kv_inside.h"
#include "kernels/kv_pool/kv_read_inside.h"

const char *kv_harmless(const char *text, char shown[KV_SHOWN]) {
    size_t k = 0;
    for (; k < KV_SHOWN - 1 && text[k]; k++)
        shown[k] = text[k] >= ' ' && text[k] <= '~' ? text[k] : '?';
    shown[k] = '\0';
    return shown;
}

/* --- from rows to a table ----------------------------------------------------------------------
 */

/* Leaves out the blocks that hold nothing, and their tokens. */
static void drop_null(struct kv_rows *rows, int64_t null_block) {
    size_t to = 0, dropped = 0;
    for (size_t s = 0, from = 0; s < rows->count; s++) {
        size_t end = rows->first[s + 1], first = to;
        int64_t left = rows->tokens[s];
        for (; from < end; from++) {
            int64_t here = left < rows->block_tokens ? left : rows->block_tokens;
            left -= left < 0 ? 0 : here;
            if (rows->ids[from] != null_block) {
                rows->ids[to++] = rows->ids[from];
                continue;
            }
            rows->tokens[s] -= rows->tokens[s] < 0 ? 0 : here;
            dropped++;
        }
        rows->first[s] = first;
    }
    rows->first[rows->count] = rows->held = to;
    if (dropped)
        kv_note(rows, "%zu null blocks left out, with their tokens", dropped);
}

/* Lengths that a table can hold, for all rows. */
static int count_tokens(const struct kv_rows *rows, int32_t *tokens, size_t *most, char *why) {
    for (size_t s = 0; s < rows->count; s++) {
        size_t blocks = rows->first[s + 1] - rows->first[s];
        int64_t n = rows->tokens[s];
        n = n < 0 ? (int64_t)blocks * rows->block_tokens : n;
        if (n > INT32_MAX)
            return kv_fail(why,
                           "sequence %zu: %zu blocks of %" PRId64 " tokens; give at most %d "
                           "tokens",
                           s, blocks, rows->block_tokens, INT32_MAX);
        tokens[s] = (int32_t)n;
        *most = blocks > *most ? blocks : *most;
    }
    return 0;
}

static void choose_pool(struct kv_rows *rows) {
    int32_t highest = 0;
    for (size_t k = 0; k < rows->held; k++)
        highest = rows->ids[k] > highest ? rows->ids[k] : highest;
    if (rows->pool_blocks)
        return;
    rows->pool_blocks = highest < INT32_MAX ? (int64_t)highest + 1 : INT32_MAX;
    kv_note(rows, "no pool_blocks, so the pool ends with the highest id, %" PRId32, highest);
}

static int build(struct kv_rows *rows, const struct kv_read_options *options, int32_t *tokens,
                 struct kv_table *out, char *why) {
    size_t most = 0;
    if (options->null_block >= 0)
        drop_null(rows, options->null_block);
    choose_pool(rows);
    if (count_tokens(rows, tokens, &most, why) != 0)
        return -1;
    if (most > KV_IDS_MOST / rows->count)
        return kv_fail(why,
                       "%zu rows as long as the longest, %zu blocks, are more than %zu ids; give "
                       "fewer sequences",
                       rows->count, most, KV_IDS_MOST);
    if (kv_table_open(out, (unsigned)rows->count, tokens, (unsigned)rows->block_tokens,
                      (unsigned)rows->pool_blocks) != 0)
        return kv_fail(why, "no memory for a table of %zu rows of %zu blocks", rows->count, most);
    for (size_t s = 0; s < rows->count; s++)
        for (size_t k = rows->first[s], b = 0; k < rows->first[s + 1]; k++)
            out->ids[s * out->row_blocks + b++] = rows->ids[k];
    return kv_table_check(out, true, why);
}

static int read_all(const json_t *all, const struct kv_read_options *options, struct kv_table *out,
                    char *note, char *why) {
    struct kv_rows rows = {
        .block_tokens = options->block_tokens, .pool_blocks = options->pool_blocks, .note = note};
    int32_t *tokens = NULL;
    int status = kv_rows_read(all, &rows, why);
    if (status == 0) {
        tokens = calloc(rows.count, sizeof *tokens);
        status = tokens ? build(&rows, options, tokens, out, why)
                        : kv_fail(why, "no memory for %zu sequences", rows.count);
    }
    free(tokens);
    kv_rows_close(&rows);
    if (status != 0)
        kv_table_close(out);
    return status;
}

/* --- bytes -------------------------------------------------------------------------------------
 */

/* Files that hold tables and are no text: how to make text of them. */
static int known_binary(const char *text, size_t length, char *why) {
    static const struct {
        const char *begins, *what;
    } known[] = {
        {"\x93NUMPY", "a NumPy file; make text of it: python3 -c \"import numpy, json; "
                      "print(json.dumps(numpy.load('FILE').tolist()))\""},
        {"PK\x03\x04", "an archive (torch.save, .npz); make text of it: python3 -c \"import torch, "
                       "json; print(json.dumps(torch.load('FILE').tolist()))\""},
        {"\xff\xfe", "UTF-16; make UTF-8 of it: iconv -f UTF-16 -t UTF-8 FILE"},
        {"\xfe\xff", "UTF-16; make UTF-8 of it: iconv -f UTF-16 -t UTF-8 FILE"},
    };
    for (size_t k = 0; k < sizeof known / sizeof *known; k++)
        if (length >= strlen(known[k].begins) &&
            memcmp(text, known[k].begins, strlen(known[k].begins)) == 0)
            return kv_fail(why, "this is %s", known[k].what);
    const char *nul = memchr(text, 0, length);
    return nul ? kv_fail(why, "byte %zu is NUL, so this is no JSON; give a text",
                         (size_t)(nul - text))
               : 0;
}

static json_t *as_python(const char *text, size_t length, const json_error_t *first, char *why) {
    json_error_t error;
    char shown[KV_SHOWN];
    bool changed = false;
    char *more = kv_python_to_json(text, length, &changed, why);
    if (!more)
        return NULL;
    json_t *all = changed ? json_loads(more, JSON_REJECT_DUPLICATES, &error) : NULL;
    free(more);
    if (!all && changed)
        kv_fail(why, "no JSON (%s); mend it, or print it with json.dumps",
                kv_harmless(error.text, shown));
    else if (!all)
        kv_fail(why, "line %d, column %d: no JSON (%s); mend it, or see whether it is whole",
                first->line, first->column, kv_harmless(first->text, shown));
    return all;
}

int kv_table_parse(const char *text, size_t length, const struct kv_read_options *options,
                   struct kv_table *out, char *note, char *why) {
    static const struct kv_read_options none = {.null_block = -1};
    json_error_t error;
    *out = (struct kv_table){0};
    *note = '\0';
    if (length > KV_TEXT_MOST)
        return kv_fail(why, "more than %zu MiB of text; give fewer sequences", KV_TEXT_MOST >> 20);
    if (length >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0) {
        text += 3; /* a byte order mark says nothing in UTF-8 */
        length -= 3;
    }
    if (length == 0)
        return kv_fail(why, "there is no text; give a block table");
    if (known_binary(text, length, why) != 0)
        return -1;
    json_t *all = json_loadb(text, length, JSON_REJECT_DUPLICATES, &error);
    if (!all)
        all = as_python(text, length, &error, why);
    if (!all)
        return -1;
    int status = read_all(all, options ? options : &none, out, note, why);
    json_decref(all);
    return status;
}

int kv_table_read(FILE *in, const struct kv_read_options *options, struct kv_table *out, char *note,
                  char *why) {
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
                            : kv_table_parse(text, length, options, out, note, why);
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

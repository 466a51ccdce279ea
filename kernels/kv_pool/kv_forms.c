/*
 * kv_forms.c: block tables in the forms that engines have, as rows of ids:
 *
 *     sequences                       one object for each, with its tokens and its blocks
 *     block_tables, seq_lens          vLLM: rows of one length, padded with anything
 *     [[3, 7, -1], …]                 the same alone, padded with -1
 *     kv_indptr, kv_indices,          FlashInfer: rows one behind the other, and the tokens in each
 *       kv_last_page_len                last page
 *     req_to_token, seq_lens          SGLang: a slot for each token
 *
 * Members that say nothing of places are passed over. Text may be hostile: every number is looked
 * up, and bounded.
 */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kernels/kv_pool/kv_inside.h"
#include "kernels/kv_pool/kv_read_inside.h"

void kv_rows_close(struct kv_rows *rows) {
    free(rows->first);
    free(rows->tokens);
    free(rows->ids);
    rows->first = NULL;
    rows->tokens = NULL;
    rows->ids = NULL;
}

void kv_note(struct kv_rows *rows, const char *format, ...) {
    size_t used = strlen(rows->note);
    va_list arguments;
    va_start(arguments, format);
    if (used && used + 3 < KV_WHY)
        used += (size_t)snprintf(rows->note + used, KV_WHY - used, "; ");
    vsnprintf(rows->note + used, KV_WHY - used, format, arguments);
    va_end(arguments);
}

/* --- members -----------------------------------------------------------------------------------
 */

/* The member with the first of these names that is there; *name: which. */
#define NAMES_MOST 6
struct names {
    const char *of[NAMES_MOST];
};

static const json_t *member(const json_t *object, const struct names *names, const char **name) {
    for (int k = 0; k < NAMES_MOST && names->of[k]; k++) {
        const json_t *value = json_object_get(object, names->of[k]);
        if (value && !json_is_null(value)) {
            *name = names->of[k];
            return value;
        }
    }
    return NULL;
}

static const struct names block_names = {
    {"block_tokens", "block_size", "page_size", "kv_block_size"}};
static const struct names pool_names = {
    {"pool_blocks", "num_gpu_blocks", "num_blocks", "num_pages", "max_num_pages"}};
static const struct names length_names = {
    {"seq_lens", "cache_seqlens", "seqlens", "context_lens", "kv_lens", "tokens"}};
static const struct names table_names = {
    {"block_tables", "block_table", "page_table", "block_table_tensor", "req_to_page"}};
static const struct names indptr_names = {
    {"kv_indptr", "paged_kv_indptr", "kv_page_indptr", "indptr"}};
static const struct names indices_names = {
    {"kv_indices", "paged_kv_indices", "kv_page_indices", "indices"}};
static const struct names last_names = {
    {"kv_last_page_len", "paged_kv_last_page_len", "last_page_len", "kv_last_page_lens"}};
static const struct names slot_names = {{"req_to_token", "req_to_token_pool"}};
static const struct names request_names = {{"req_pool_indices", "req_indices"}};
static const struct names one_length_names = {
    {"tokens", "num_tokens", "seq_len", "context_len", "length"}};
static const struct names one_table_names = {{"blocks", "block_ids", "block_table", "pages"}};

/* A whole number in low…high. `where`: "" or "sequence 3: ". */
static int number(const json_t *value, const char *name, int64_t low, int64_t high,
                  const char *where, int64_t *out, char *why) {
    if (json_is_array(value) && json_array_size(value) == 1)
        value = json_array_get(value, 0); /* tensor([16]) */
    if (!json_is_integer(value))
        return kv_fail(why, "%s\"%s\" is not a whole number; give one, %" PRId64 " to %" PRId64,
                       where, name, low, high);
    *out = json_integer_value(value);
    if (*out < low || *out > high)
        return kv_fail(why, "%s\"%s\" is %" PRId64 "; give %" PRId64 " to %" PRId64, where, name,
                       *out, low, high);
    return 0;
}

/* What a text and an option both can say. */
static int setting(const json_t *object, const struct names *names, const char *option,
                   int64_t most, int64_t *into, char *why) {
    const char *name;
    int64_t said;
    const json_t *value = member(object, names, &name);
    if (!value)
        return 0;
    if (number(value, name, 1, most, "", &said, why) != 0)
        return -1;
    if (*into && *into != said)
        return kv_fail(why, "\"%s\" is %" PRId64 " and %s %" PRId64 "; leave the option out", name,
                       said, option, *into);
    *into = said;
    return 0;
}

static int array(const json_t *value, const char *name, char *why) {
    if (!json_is_array(value))
        return kv_fail(why, "\"%s\" is not an array; give numbers in [ ]", name);
    return 0;
}

/* Element k of an array of whole numbers. */
static int element(const json_t *values, const char *name, size_t k, int64_t low, int64_t high,
                   int64_t *out, char *why) {
    const json_t *value = json_array_get(values, k);
    if (!json_is_integer(value))
        return kv_fail(why,
                       "\"%s\", number %zu: not a whole number; give one, %" PRId64 " to %" PRId64,
                       name, k, low, high);
    *out = json_integer_value(value);
    if (*out < low || *out > high)
        return kv_fail(why, "\"%s\", number %zu: %" PRId64 "; give %" PRId64 " to %" PRId64, name,
                       k, *out, low, high);
    return 0;
}

/* --- rows --------------------------------------------------------------------------------------
 */

static int open_rows(struct kv_rows *rows, size_t count, char *why) {
    if (count == 0)
        return kv_fail(why, "there is no sequence in it; give one or more");
    if (count > INT32_MAX)
        return kv_fail(why, "%zu sequences; give fewer", count);
    rows->count = count;
    rows->first = calloc(count + 1, sizeof *rows->first);
    rows->tokens = calloc(count, sizeof *rows->tokens);
    return rows->first && rows->tokens ? 0 : kv_fail(why, "no memory for %zu sequences", count);
}

/* One more block of row s. */
static int append(struct kv_rows *rows, size_t s, int64_t id, char *why) {
    if (id < INT32_MIN || id > INT32_MAX)
        return kv_fail(why,
                       "sequence %zu, block %zu: id %" PRId64
                       " is not in the pool; ids are 0 to %" PRId64,
                       s, rows->held - rows->first[s], id,
                       (rows->pool_blocks ? rows->pool_blocks : INT32_MAX) - 1);
    if (rows->held == rows->room) {
        size_t room = rows->room ? 2 * rows->room : 1024;
        int32_t *more = realloc(rows->ids, room * sizeof *more);
        if (!more)
            return kv_fail(why, "no memory for %zu blocks", room);
        rows->ids = more;
        rows->room = room;
    }
    rows->ids[rows->held++] = (int32_t)id;
    return 0;
}

static int need_block(const struct kv_rows *rows, char *why) {
    return rows->block_tokens
               ? 0
               : kv_fail(why, "\"block_tokens\" is missing, the tokens of a block (block_size, "
                              "page_size); add it, or give --block-tokens 16");
}

static int64_t blocks_of(const struct kv_rows *rows, int64_t tokens) {
    return tokens > 0 ? (tokens - 1) / rows->block_tokens + 1 : 0;
}

static int too_short(size_t s, int64_t tokens, int64_t needs, const struct kv_rows *rows,
                     size_t named, const char *what, char *why) {
    return kv_fail(
        why, "sequence %zu: %" PRId64 " tokens need %" PRId64 " blocks of %" PRId64 ", not %zu; %s",
        s, tokens, needs, rows->block_tokens, named, what);
}

/* --- sequences ---------------------------------------------------------------------------------
 */

static int read_ids(const json_t *blocks, size_t s, struct kv_rows *rows, char *why) {
    for (size_t b = 0; b < json_array_size(blocks); b++) {
        const json_t *value = json_array_get(blocks, b);
        if (!json_is_integer(value))
            return kv_fail(why, "sequence %zu, block %zu: not a whole number; give a block's id", s,
                           b);
        if (append(rows, s, json_integer_value(value), why) != 0)
            return -1;
    }
    return 0;
}

static int read_sequence(const json_t *object, size_t s, struct kv_rows *rows, char *why) {
    char where[40];
    const char *name = "tokens";
    int64_t tokens = 0;
    snprintf(where, sizeof where, "sequence %zu: ", s);
    if (!json_is_object(object))
        return kv_fail(why, "%snot an object; give {\"tokens\": N, \"blocks\": [ids]}", where);
    const json_t *length = member(object, &one_length_names, &name);
    if (!length)
        return kv_fail(why, "%s\"tokens\" is missing; give a whole number, 0 to %d", where,
                       INT32_MAX);
    if (number(length, name, 0, INT32_MAX, where, &tokens, why) != 0)
        return -1;
    const json_t *blocks = member(object, &one_table_names, &name);
    if (!json_is_array(blocks))
        return kv_fail(why, "%s\"%s\" is %s; give the ids in [ ]", where, blocks ? name : "blocks",
                       blocks ? "not an array" : "missing");
    /* vLLM: one list for each group of layers. */
    if (json_array_size(blocks) == 1 && json_is_array(json_array_get(blocks, 0)))
        blocks = json_array_get(blocks, 0);
    size_t named = json_array_size(blocks);
    int64_t needs = blocks_of(rows, tokens);
    if (needs != (int64_t)named)
        return too_short(s, tokens, needs, rows, named,
                         (int64_t)named < needs ? "name the others, or lower its tokens"
                                                : "leave the last ones out, or raise its tokens",
                         why);
    rows->tokens[s] = tokens;
    return read_ids(blocks, s, rows, why);
}

static int read_sequences(const json_t *sequences, struct kv_rows *rows, char *why) {
    if (need_block(rows, why) != 0)
        return -1;
    if (!json_is_array(sequences))
        return kv_fail(why, "\"sequences\" is not an array; give a sequence or more in [ ]");
    if (json_array_size(sequences) == 0)
        return kv_fail(why, "\"sequences\" is empty; give one or more");
    if (open_rows(rows, json_array_size(sequences), why) != 0)
        return -1;
    for (size_t s = 0; s < rows->count; s++) {
        if (read_sequence(json_array_get(sequences, s), s, rows, why) != 0)
            return -1;
        rows->first[s + 1] = rows->held;
    }
    return 0;
}

/* --- a table and lengths -----------------------------------------------------------------------
 */

static bool in_rows(const json_t *table) {
    return json_is_array(json_array_get(table, 0));
}

static const json_t *row_of(const json_t *table, size_t s) {
    return in_rows(table) ? json_array_get(table, s) : s == 0 ? table : NULL;
}

/* Up to the first -1, behind which there may be nothing else. */
static int read_padded(const json_t *row, size_t s, struct kv_rows *rows, char *why) {
    bool ended = false;
    for (size_t b = 0; b < json_array_size(row); b++) {
        const json_t *value = json_array_get(row, b);
        if (!json_is_integer(value) && !json_is_null(value))
            return kv_fail(why, "sequence %zu, block %zu: not a whole number; give a block's id", s,
                           b);
        if (json_is_null(value) || json_integer_value(value) == KV_NO_BLOCK) {
            ended = true;
        } else if (ended) {
            return kv_fail(why,
                           "sequence %zu, block %zu: an id behind a -1; pad at the end only, or "
                           "give seq_lens",
                           s, b);
        } else if (append(rows, s, json_integer_value(value), why) != 0) {
            return -1;
        }
    }
    rows->tokens[s] = -1;
    return 0;
}

static int read_row(const json_t *row, size_t s, int64_t tokens, struct kv_rows *rows, char *why) {
    int64_t needs = blocks_of(rows, tokens);
    if ((int64_t)json_array_size(row) < needs)
        return too_short(s, tokens, needs, rows, json_array_size(row),
                         "check the block size and the lengths", why);
    rows->tokens[s] = tokens;
    for (int64_t b = 0; b < needs; b++) {
        const json_t *value = json_array_get(row, (size_t)b);
        if (!json_is_integer(value))
            return kv_fail(why,
                           "sequence %zu, block %" PRId64 ": not a whole number; give a block's id",
                           s, b);
        if (append(rows, s, json_integer_value(value), why) != 0)
            return -1;
    }
    return 0;
}

static int read_table(const json_t *table, const char *name, const json_t *lengths,
                      const char *length_name, struct kv_rows *rows, char *why) {
    if (!name && !rows->block_tokens)
        return kv_fail(why, "rows alone do not say how many tokens a block has; give "
                            "--block-tokens 16");
    if (array(table, name, why) != 0 || (lengths && array(lengths, length_name, why) != 0) ||
        need_block(rows, why) != 0)
        return -1;
    size_t there = in_rows(table) ? json_array_size(table) : json_array_size(table) > 0;
    size_t count = lengths ? json_array_size(lengths) : there;
    if (count > there)
        return kv_fail(why, "\"%s\" has %zu numbers and \"%s\" %zu rows; give a row for each",
                       length_name, count, name, there);
    if (count < there)
        kv_note(rows, "%zu of %zu rows, as many as lengths", count, there);
    if (!lengths)
        kv_note(rows, "no lengths, so every block named counts as full");
    if (open_rows(rows, count, why) != 0)
        return -1;
    for (size_t s = 0; s < count; s++) {
        const json_t *row = row_of(table, s);
        int64_t tokens = 0;
        if (!json_is_array(row))
            return kv_fail(why, "sequence %zu: its row is not an array; give ids in [ ]", s);
        if (lengths && element(lengths, length_name, s, 0, INT32_MAX, &tokens, why) != 0)
            return -1;
        if ((lengths ? read_row(row, s, tokens, rows, why) : read_padded(row, s, rows, why)) != 0)
            return -1;
        rows->first[s + 1] = rows->held;
    }
    return 0;
}

/* --- slots -------------------------------------------------------------------------------------
 */

/* The blocks of a sequence whose token t lies in slot values[from + t]. */
static int read_slots(const json_t *values, size_t from, size_t s, int64_t tokens,
                      struct kv_rows *rows, char *why) {
    int64_t n = rows->block_tokens, slot = 0;
    rows->tokens[s] = tokens;
    /* Requests can name one row again and again. */
    rows->slots += tokens;
    if (rows->slots > (int64_t)KV_IDS_MOST)
        return kv_fail(why, "more than %zu slots in all; give fewer sequences", KV_IDS_MOST);
    for (int64_t t = 0; t < tokens; t++) {
        const json_t *value = json_array_get(values, from + (size_t)t);
        if (!json_is_integer(value) || json_integer_value(value) < 0)
            return kv_fail(why, "sequence %zu, token %" PRId64 ": no slot; give a whole number", s,
                           t);
        int64_t here = json_integer_value(value);
        if (t % n != 0 ? here != slot + 1 : here % n != 0)
            return kv_fail(why,
                           "sequence %zu, token %" PRId64 ": slot %" PRId64
                           " is not in the order of a block of %" PRId64 " tokens; give page_size",
                           s, t, here, n);
        slot = here;
        if (t % n == 0 && append(rows, s, here / n, why) != 0)
            return -1;
    }
    return 0;
}

/* SGLang's default. */
static void token_blocks(struct kv_rows *rows) {
    if (!rows->block_tokens) {
        rows->block_tokens = 1;
        kv_note(rows, "no page_size, so a block is one token");
    }
}

static int read_requests(const json_t *object, const json_t *table, const char *name,
                         struct kv_rows *rows, char *why) {
    const char *length_name = "seq_lens", *request_name = "";
    const json_t *lengths = member(object, &length_names, &length_name);
    const json_t *requests = member(object, &request_names, &request_name);
    if (!lengths)
        return kv_fail(why,
                       "\"seq_lens\" is missing; \"%s\" holds slots of all requests ever, so "
                       "give the tokens of each",
                       name);
    if (array(table, name, why) != 0 || array(lengths, length_name, why) != 0 ||
        (requests && array(requests, request_name, why) != 0))
        return -1;
    size_t count = json_array_size(lengths), there = in_rows(table) ? json_array_size(table) : 1;
    token_blocks(rows);
    if (requests && json_array_size(requests) < count)
        return kv_fail(why, "\"%s\" has %zu numbers and \"%s\" %zu; give one for each", length_name,
                       count, request_name, json_array_size(requests));
    if (open_rows(rows, count, why) != 0)
        return -1;
    for (size_t s = 0; s < count; s++) {
        int64_t tokens, row = (int64_t)s;
        if (element(lengths, length_name, s, 0, INT32_MAX, &tokens, why) != 0 ||
            (requests && element(requests, request_name, s, 0, INT32_MAX, &row, why) != 0))
            return -1;
        const json_t *slots = (size_t)row < there ? row_of(table, (size_t)row) : NULL;
        if (!json_is_array(slots) || (int64_t)json_array_size(slots) < tokens)
            return kv_fail(why,
                           "sequence %zu: \"%s\" has no row %" PRId64 " of %" PRId64
                           " slots; check seq_lens",
                           s, name, row, tokens);
        if (read_slots(slots, 0, s, tokens, rows, why) != 0)
            return -1;
        rows->first[s + 1] = rows->held;
    }
    return 0;
}

/* --- rows one behind the other -----------------------------------------------------------------
 */

struct csr {
    const json_t *indptr, *indices, *last, *lengths;
    const char *indptr_name, *indices_name, *last_name, *length_name;
    size_t count;
    bool slots; /* indices are of tokens */
};

static int bounds(const struct csr *c, size_t s, int64_t *from, int64_t *to, char *why) {
    int64_t most = (int64_t)json_array_size(c->indices);
    if (element(c->indptr, c->indptr_name, s, 0, most, from, why) != 0 ||
        element(c->indptr, c->indptr_name, s + 1, 0, most, to, why) != 0)
        return -1;
    if (*to < *from)
        return kv_fail(why,
                       "\"%s\", number %zu: %" PRId64 " is less than the one before; give "
                       "where each row begins, ascending, and where the last one ends",
                       c->indptr_name, s + 1, *to);
    return 0;
}

/* Whether the rows have exactly a number for each token, in blocks of more than one. */
static bool has_slots(const struct csr *c, const struct kv_rows *rows) {
    if (!c->lengths || c->last || rows->block_tokens == 1)
        return false;
    bool slots = false;
    for (size_t s = 0; s < c->count; s++) {
        int64_t tokens = json_integer_value(json_array_get(c->lengths, s));
        int64_t from = json_integer_value(json_array_get(c->indptr, s));
        int64_t to = json_integer_value(json_array_get(c->indptr, s + 1));
        if (to - from != tokens)
            return false;
        slots |= to - from > blocks_of(rows, tokens);
    }
    return slots;
}

/* The tokens of row s, which has so many blocks. */
static int csr_tokens(const struct csr *c, size_t s, int64_t blocks, const struct kv_rows *rows,
                      int64_t *tokens, char *why) {
    int64_t last;
    *tokens = -1;
    if (c->last) {
        if (element(c->last, c->last_name, s, 0, rows->block_tokens, &last, why) != 0)
            return -1;
        if (blocks > 0 && last == 0)
            return kv_fail(why,
                           "\"%s\", number %zu: 0 tokens in the last of %" PRId64
                           " pages; give 1 to %" PRId64,
                           c->last_name, s, blocks, rows->block_tokens);
        *tokens = blocks > 0 ? (blocks - 1) * rows->block_tokens + last : 0;
    } else if (c->lengths) {
        if (element(c->lengths, c->length_name, s, 0, INT32_MAX, tokens, why) != 0)
            return -1;
        int64_t needs = blocks_of(rows, *tokens);
        if (needs > blocks)
            return too_short(s, *tokens, needs, rows, (size_t)blocks,
                             "check the block size and the lengths", why);
    }
    return 0;
}

static int read_csr_row(const struct csr *c, size_t s, struct kv_rows *rows, char *why) {
    int64_t from, to, tokens = 0, id;
    if (bounds(c, s, &from, &to, why) != 0)
        return -1;
    if (c->slots)
        return read_slots(c->indices, (size_t)from, s, to - from, rows, why);
    if (csr_tokens(c, s, to - from, rows, &tokens, why) != 0)
        return -1;
    rows->tokens[s] = tokens;
    if (tokens >= 0)
        to = from + blocks_of(rows, tokens);
    for (int64_t k = from; k < to; k++)
        if (element(c->indices, c->indices_name, (size_t)k, INT64_MIN, INT64_MAX, &id, why) != 0 ||
            append(rows, s, id, why) != 0)
            return -1;
    return 0;
}

static int read_csr(const json_t *object, struct csr *c, struct kv_rows *rows, char *why) {
    c->last = member(object, &last_names, &c->last_name);
    c->lengths = member(object, &length_names, &c->length_name);
    if (!c->indices)
        return kv_fail(why, "\"kv_indices\" is missing; give the blocks of all rows in [ ]");
    if (array(c->indptr, c->indptr_name, why) != 0 ||
        array(c->indices, c->indices_name, why) != 0 ||
        (c->last && array(c->last, c->last_name, why) != 0) ||
        (c->lengths && array(c->lengths, c->length_name, why) != 0))
        return -1;
    if (json_array_size(c->indptr) < 2)
        return kv_fail(why, "\"%s\" has %zu numbers; give one more than there are rows",
                       c->indptr_name, json_array_size(c->indptr));
    c->count = json_array_size(c->indptr) - 1;
    const json_t *each = c->last ? c->last : c->lengths;
    if (each && json_array_size(each) < c->count)
        return kv_fail(why, "\"%s\" has %zu numbers for %zu rows of \"%s\"; give one for each",
                       c->last ? c->last_name : c->length_name, json_array_size(each), c->count,
                       c->indptr_name);
    if (!c->last)
        token_blocks(rows);
    if (need_block(rows, why) != 0 || open_rows(rows, c->count, why) != 0)
        return -1;
    c->slots = has_slots(c, rows);
    if (!each && rows->block_tokens > 1)
        kv_note(rows, "no last_page_len, so every page counts as full");
    for (size_t s = 0; s < c->count; s++) {
        if (read_csr_row(c, s, rows, why) != 0)
            return -1;
        rows->first[s + 1] = rows->held;
    }
    return 0;
}

/* --- which form --------------------------------------------------------------------------------
 */

int kv_rows_read(const json_t *all, struct kv_rows *rows, char *why) {
    struct csr csr = {0};
    const char *name, *length_name = "";
    if (json_is_array(all)) {
        if (json_array_size(all) == 0)
            return kv_fail(why, "the array is empty; give a row of blocks for each sequence");
        return json_is_object(json_array_get(all, 0))
                   ? read_sequences(all, rows, why)
                   : read_table(all, NULL, NULL, NULL, rows, why);
    }
    if (setting(all, &block_names, "--block-tokens", KV_TABLE_TOKENS_MOST, &rows->block_tokens,
                why) != 0 ||
        setting(all, &pool_names, "--pool-blocks", INT32_MAX, &rows->pool_blocks, why) != 0)
        return -1;
    const json_t *value = json_object_get(all, "sequences");
    if (value)
        return read_sequences(value, rows, why);
    csr.indptr = member(all, &indptr_names, &csr.indptr_name);
    csr.indices = member(all, &indices_names, &csr.indices_name);
    if (csr.indptr)
        return read_csr(all, &csr, rows, why);
    value = member(all, &slot_names, &name);
    if (value)
        return read_requests(all, value, name, rows, why);
    value = member(all, &table_names, &name);
    if (value)
        return read_table(value, name, member(all, &length_names, &length_name), length_name, rows,
                          why);
    char shown[KV_SHOWN];
    const char *key = json_object_iter_key(json_object_iter((json_t *)all));
    return kv_fail(why,
                   "no block table in it%s%s%s; give sequences, block_tables and seq_lens, "
                   "kv_indptr and kv_indices, or req_to_token and seq_lens",
                   key ? ", only \"" : "", key ? kv_harmless(key, shown) : "",
                   key ? "\" and such" : "");
}

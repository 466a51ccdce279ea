/*
 * kv_table.c: block tables: opening, checking, and what they look like to the memory system.
 */
#include "kernels/kv_pool/kv_table.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kernels/kv_pool/kv_inside.h"

#define PAGE_BYTES ((size_t)2 << 20)

int kv_fail(char *why, const char *format, ...) {
    if (why) {
        va_list arguments;
        va_start(arguments, format);
        vsnprintf(why, KV_WHY, format, arguments);
        va_end(arguments);
    }
    return -1;
}

/* --- opening -----------------------------------------------------------------------------------
 */

static unsigned blocks_for(int32_t tokens, unsigned block_tokens) {
    return tokens > 0 ? ((unsigned)tokens - 1) / block_tokens + 1 : 0;
}

int kv_table_open(struct kv_table *out, unsigned sequences, const int32_t *tokens,
                  unsigned block_tokens, unsigned pool_blocks) {
    *out = (struct kv_table){0};
    if (sequences < 1 || block_tokens < 1 || block_tokens > KV_TABLE_TOKENS_MOST ||
        pool_blocks < 1 || pool_blocks > INT32_MAX)
        return -1;
    unsigned row_blocks = 0;
    for (unsigned s = 0; s < sequences; s++) {
        if (tokens[s] < 0)
            return -1;
        unsigned blocks = blocks_for(tokens[s], block_tokens);
        row_blocks = blocks > row_blocks ? blocks : row_blocks;
    }
    struct kv_table table = {.sequences = sequences,
                             .block_tokens = block_tokens,
                             .row_blocks = row_blocks,
                             .pool_blocks = pool_blocks};
    size_t entries = (size_t)sequences * row_blocks; /* < 2^63 */
    table.ids = calloc(entries ? entries : 1, sizeof *table.ids);
    table.tokens = calloc(sequences, sizeof *table.tokens);
    if (!table.ids || !table.tokens) {
        kv_table_close(&table);
        return -1;
    }
    for (size_t i = 0; i < entries; i++)
        table.ids[i] = KV_NO_BLOCK;
    memcpy(table.tokens, tokens, sequences * sizeof *tokens);
    *out = table;
    return 0;
}

void kv_table_close(struct kv_table *table) {
    free(table->ids);
    free(table->tokens);
    *table = (struct kv_table){0};
}

unsigned kv_table_blocks_of(const struct kv_table *table, unsigned sequence) {
    return blocks_for(table->tokens[sequence], table->block_tokens);
}

size_t kv_table_blocks(const struct kv_table *table) {
    size_t sum = 0;
    for (unsigned s = 0; s < table->sequences; s++)
        sum += kv_table_blocks_of(table, s);
    return sum;
}

/* --- checking ----------------------------------------------------------------------------------
 */

static bool set_bit(uint64_t *bits, size_t i) {
    bool was = bits[i / 64] >> (i % 64) & 1;
    bits[i / 64] |= 1ull << (i % 64);
    return was;
}

static int check_row(const struct kv_table *table, unsigned s, char *why) {
    const int32_t *row = table->ids + (size_t)s * table->row_blocks;
    if (table->tokens[s] < 0)
        return kv_fail(why, "sequence %u has %" PRId32 " tokens; a length is 0 or more", s,
                       table->tokens[s]);
    unsigned blocks = kv_table_blocks_of(table, s);
    if (blocks > table->row_blocks)
        return kv_fail(why,
                       "sequence %u needs %u blocks for %" PRId32
                       " tokens but rows have room for %u; lengthen the rows to %u",
                       s, blocks, table->tokens[s], table->row_blocks, blocks);
    for (unsigned b = 0; b < blocks; b++) {
        if (row[b] == KV_NO_BLOCK)
            return kv_fail(why,
                           "sequence %u, block %u: id %d, so no block is named for tokens %" PRIu64
                           " on; name one for all of its %u blocks",
                           s, b, KV_NO_BLOCK, (uint64_t)b * table->block_tokens, blocks);
        if (row[b] < 0 || (unsigned)row[b] >= table->pool_blocks)
            return kv_fail(
                why, "sequence %u, block %u: id %" PRId32 " is not in the pool; ids are 0 to %u", s,
                b, row[b], table->pool_blocks - 1);
    }
    for (unsigned b = blocks; b < table->row_blocks; b++)
        if (row[b] != KV_NO_BLOCK)
            return kv_fail(why,
                           "sequence %u, block %u: id %" PRId32
                           " is left over after its %u blocks; put %d there",
                           s, b, row[b], blocks, KV_NO_BLOCK);
    return 0;
}

/* The first place that names a block; there is one. */
static void first_naming(const struct kv_table *table, int32_t id, unsigned *s, unsigned *b) {
    for (*s = 0; *s < table->sequences; ++*s)
        for (*b = 0; *b < kv_table_blocks_of(table, *s); ++*b)
            if (table->ids[(size_t)*s * table->row_blocks + *b] == id)
                return;
}

static int check_shared(const struct kv_table *table, char *why) {
    uint64_t *named = calloc((size_t)table->pool_blocks / 64 + 1, sizeof *named);
    if (!named)
        return kv_fail(why, "no memory to look for blocks that are named twice");
    int status = 0;
    for (unsigned s = 0; s < table->sequences && status == 0; s++) {
        const int32_t *row = table->ids + (size_t)s * table->row_blocks;
        unsigned blocks = kv_table_blocks_of(table, s);
        for (unsigned b = 0; b < blocks && status == 0; b++) {
            if (!set_bit(named, (size_t)row[b]))
                continue;
            unsigned first_s = 0, first_b = 0;
            first_naming(table, row[b], &first_s, &first_b);
            status = kv_fail(why,
                             "sequence %u, block %u: id %" PRId32
                             " is also block %u of sequence %u; name another, or allow sharing",
                             s, b, row[b], first_b, first_s);
        }
    }
    free(named);
    return status;
}

int kv_table_check(const struct kv_table *table, bool may_share, char *why) {
    if (table->sequences < 1 || !table->ids || !table->tokens)
        return kv_fail(why, "the table has no sequences; open it with kv_table_open");
    if (table->block_tokens < 1 || table->block_tokens > KV_TABLE_TOKENS_MOST)
        return kv_fail(why, "blocks of %u tokens; a block has 1 to %d", table->block_tokens,
                       KV_TABLE_TOKENS_MOST);
    if (table->pool_blocks < 1 || table->pool_blocks > INT32_MAX)
        return kv_fail(why, "a pool of %u blocks; ids are 32-bit, so a pool has 1 to %d",
                       table->pool_blocks, INT32_MAX);
    for (unsigned s = 0; s < table->sequences; s++)
        if (check_row(table, s, why) != 0)
            return -1;
    return may_share ? 0 : check_shared(table, why);
}

/* --- statistics --------------------------------------------------------------------------------
 */

/* Work memory: which ids are named, and how many runs there are of each length. */
struct tally {
    uint64_t *named;
    size_t *lengths; /* [row_blocks + 1] */
};

static void end_run(struct tally *tally, size_t length, struct kv_map_stats *out) {
    if (length == 0)
        return;
    out->runs++;
    tally->lengths[length]++;
    out->run_longest = length > out->run_longest ? length : out->run_longest;
    unsigned k = 63 - (unsigned)__builtin_clzll(length);
    unsigned last = sizeof out->run_lengths / sizeof *out->run_lengths - 1;
    out->run_lengths[k < last ? k : last]++;
}

/* A step from block to block inside a row. */
struct steps {
    size_t count, switches;
    double jumped; /* bytes */
};

static void count_step(struct steps *steps, int32_t from, int32_t to, size_t block_bytes) {
    size_t end = ((size_t)from + 1) * block_bytes, start = (size_t)to * block_bytes;
    steps->count++;
    steps->jumped += (double)(start > end ? start - end : end - start);
    steps->switches += (end - 1) / PAGE_BYTES != start / PAGE_BYTES;
}

static void count_row(const struct kv_table *table, unsigned s, size_t block_bytes,
                      struct tally *tally, struct steps *steps, struct kv_map_stats *out) {
    const int32_t *row = table->ids + (size_t)s * table->row_blocks;
    unsigned blocks = kv_table_blocks_of(table, s);
    size_t length = 0;
    for (unsigned b = 0; b < blocks; b++) {
        out->blocks++;
        out->unique_blocks += !set_bit(tally->named, (size_t)row[b]);
        if (b > 0) {
            count_step(steps, row[b - 1], row[b], block_bytes);
            if (row[b] != row[b - 1] + 1) {
                end_run(tally, length, out);
                length = 0;
            }
        }
        length++;
    }
    end_run(tally, length, out);
}

struct last_block {
    int32_t id;
    unsigned slots;
};

static int by_id_and_slots(const void *a, const void *b) {
    const struct last_block *x = a, *y = b;
    return x->id != y->id ? (x->id > y->id) - (x->id < y->id)
                          : (x->slots > y->slots) - (x->slots < y->slots);
}

/* Slots with a token, each once. Only a row's last block can have free ones: all others are full,
 * and a block that is the last of several rows counts by its fullest. 0, or -1: no memory. */
static int count_slots(const struct kv_table *table, struct kv_map_stats *out) {
    unsigned n = table->block_tokens;
    size_t count = 0;
    uint64_t *full = calloc((size_t)table->pool_blocks / 64 + 1, sizeof *full);
    struct last_block *last = malloc(table->sequences * sizeof *last);
    if (!full || !last) {
        free(full);
        free(last);
        return -1;
    }
    for (unsigned s = 0; s < table->sequences; s++) {
        const int32_t *row = table->ids + (size_t)s * table->row_blocks;
        unsigned tokens = (unsigned)table->tokens[s], whole = tokens / n;
        out->tokens += tokens;
        for (unsigned b = 0; b < whole; b++)
            out->unique_tokens += set_bit(full, (size_t)row[b]) ? 0 : n;
        if (tokens % n)
            last[count++] = (struct last_block){row[whole], tokens % n};
    }
    qsort(last, count, sizeof *last, by_id_and_slots);
    for (size_t k = 0; k < count; k++)
        if ((k + 1 == count || last[k + 1].id != last[k].id) &&
            !(full[last[k].id / 64] >> (last[k].id % 64) & 1))
            out->unique_tokens += last[k].slots;
    free(full);
    free(last);
    return 0;
}

/* Named blocks in the order of their addresses, so that a page is new if it is beyond the last. */
static size_t count_pages(const struct kv_table *table, const uint64_t *named, size_t block_bytes) {
    size_t pages = 0, next = 0; /* pages under `next` are counted */
    for (size_t id = 0; id < table->pool_blocks; id++) {
        uint64_t rest = named[id / 64] >> (id % 64);
        if (!rest) {
            id |= 63; /* nothing more in this word */
            continue;
        }
        id += (size_t)__builtin_ctzll(rest);
        size_t first = id * block_bytes / PAGE_BYTES;
        size_t last = ((id + 1) * block_bytes - 1) / PAGE_BYTES;
        first = first < next ? next : first;
        if (last >= first) {
            pages += last - first + 1;
            next = last + 1;
        }
    }
    return pages;
}

int kv_table_stats(const struct kv_table *table, size_t block_bytes, struct kv_map_stats *out) {
    *out = (struct kv_map_stats){0};
    if (block_bytes < 1 || block_bytes > SIZE_MAX / 2 / ((size_t)table->pool_blocks + 1) ||
        count_slots(table, out) != 0)
        return -1;
    struct tally tally = {
        .named = calloc((size_t)table->pool_blocks / 64 + 1, sizeof *tally.named),
        .lengths = calloc((size_t)table->row_blocks + 1, sizeof *tally.lengths),
    };
    if (!tally.named || !tally.lengths) {
        free(tally.named);
        free(tally.lengths);
        return -1;
    }
    struct steps steps = {0};
    for (unsigned s = 0; s < table->sequences; s++)
        count_row(table, s, block_bytes, &tally, &steps, out);
    if (out->blocks > 0) {
        out->run_mean = (double)out->blocks / (double)out->runs;
        for (size_t below = 0; below < (out->runs + 1) / 2;)
            below += tally.lengths[++out->run_median];
        out->pages = count_pages(table, tally.named, block_bytes);
        size_t ideal = (out->unique_blocks * block_bytes - 1) / PAGE_BYTES + 1;
        out->pages_over_ideal = (double)out->pages / (double)ideal;
    }
    if (steps.count > 0) {
        out->jump_mean = steps.jumped / (double)steps.count;
        out->page_switches = (double)steps.switches / (double)steps.count;
    }
    free(tally.named);
    free(tally.lengths);
    return 0;
}

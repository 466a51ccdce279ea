/*
 * kv_table_test.c: tables are as asked for, faults are named, statistics agree with counting, and
 * maps keep what their names promise.
 */
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "kernels/kv_pool/kv_table.h"
#include "kernels/rng/philox.h"

static struct kv_table opened(unsigned sequences, const int32_t *tokens, unsigned block_tokens,
                              unsigned pool_blocks) {
    struct kv_table table;
    assert_int_equal(kv_table_open(&table, sequences, tokens, block_tokens, pool_blocks), 0);
    return table;
}

static int32_t *row(const struct kv_table *table, unsigned s) {
    return table->ids + (size_t)s * table->row_blocks;
}

/* --- opening -----------------------------------------------------------------------------------
 */

static void test_opened_tables_name_nothing(void **state) {
    (void)state;
    static const int32_t tokens[] = {17, 0, 16, 1};
    struct kv_table t = opened(4, tokens, 16, 9);
    assert_int_equal(t.row_blocks, 2);
    static const unsigned blocks[] = {2, 0, 1, 1};
    for (unsigned s = 0; s < 4; s++) {
        assert_int_equal(kv_table_blocks_of(&t, s), blocks[s]);
        assert_int_equal(t.tokens[s], tokens[s]);
        for (unsigned b = 0; b < 2; b++)
            assert_int_equal(row(&t, s)[b], KV_NO_BLOCK);
    }
    assert_int_equal(kv_table_blocks(&t), 4);
    kv_table_close(&t);
    assert_null(t.ids);
    kv_table_close(&t);
    static const int32_t none[] = {0};
    t = opened(1, none, 1, 1);
    assert_int_equal(t.row_blocks, 0);
    assert_int_equal(kv_table_check(&t, false, NULL), 0);
    kv_table_close(&t);
}

static void test_sizes_out_of_range_are_refused(void **state) {
    (void)state;
    static const int32_t tokens[] = {5, -1};
    struct kv_table t;
    assert_int_equal(kv_table_open(&t, 0, tokens, 16, 1), -1);
    assert_int_equal(kv_table_open(&t, 2, tokens, 16, 1), -1);
    assert_int_equal(kv_table_open(&t, 1, tokens, 0, 1), -1);
    assert_int_equal(kv_table_open(&t, 1, tokens, KV_TABLE_TOKENS_MOST + 1, 1), -1);
    assert_int_equal(kv_table_open(&t, 1, tokens, 16, 0), -1);
    assert_int_equal(kv_table_open(&t, 1, tokens, 16, (unsigned)INT_MAX + 1), -1);
    assert_null(t.ids);
}

/* --- checking ----------------------------------------------------------------------------------
 */

static const int32_t good_tokens[] = {40, 16, 0};

static struct kv_table good(void) {
    struct kv_table t = opened(3, good_tokens, 16, 8);
    assert_int_equal(kv_table_map(&t, KV_MAP_IDENTITY, 1, 0, NULL), 0);
    assert_int_equal(kv_table_check(&t, false, NULL), 0);
    return t;
}

/* One line, with all the given words. */
static void refused(const struct kv_table *t, bool may_share, const char *a, const char *b,
                    const char *c) {
    char why[KV_WHY] = "";
    assert_int_equal(kv_table_check(t, may_share, why), -1);
    assert_int_equal(kv_table_check(t, may_share, NULL), -1);
    assert_non_null(strstr(why, a));
    assert_non_null(strstr(why, b));
    assert_non_null(strstr(why, c));
    assert_null(strchr(why, '\n'));
    assert_true(strlen(why) < KV_WHY - 1);
}

static void test_each_fault_is_named(void **state) {
    (void)state;
    struct kv_table t = good();
    t.tokens[1] = -7;
    refused(&t, true, "sequence 1", "-7", "0 or more");
    t.tokens[1] = 16;

    static const int32_t out_of_range[] = {8, INT_MAX, -2, INT_MIN};
    for (unsigned i = 0; i < 4; i++) {
        row(&t, 0)[2] = out_of_range[i];
        refused(&t, true, "sequence 0, block 2", "not in the pool", "0 to 7");
    }
    row(&t, 0)[2] = KV_NO_BLOCK;
    refused(&t, true, "sequence 0, block 2", "no block is named", "name one");
    row(&t, 0)[2] = 2;

    row(&t, 1)[1] = 5;
    refused(&t, true, "sequence 1, block 1", "id 5", "left over");
    row(&t, 1)[1] = KV_NO_BLOCK;

    row(&t, 1)[0] = 0;
    refused(&t, false, "sequence 1, block 0", "id 0 is also block 0 of sequence 0",
            "allow sharing");
    assert_int_equal(kv_table_check(&t, true, NULL), 0);
    row(&t, 1)[0] = 3;
    assert_int_equal(kv_table_check(&t, false, NULL), 0);

    t.block_tokens = 0;
    refused(&t, true, "blocks of 0", "1 to", "1048576");
    t.block_tokens = UINT_MAX;
    refused(&t, true, "blocks of 4294967295", "1 to", "1048576");
    t.block_tokens = 16;
    kv_table_close(&t);
    refused(&t, true, "no sequences", "open", "kv_table_open");
}

static void test_hostile_numbers_do_not_overflow(void **state) {
    (void)state;
    struct kv_table t = good();
    t.tokens[2] = INT_MAX;
    refused(&t, true, "sequence 2", "134217728 blocks", "lengthen");
    t.block_tokens = 1;
    t.tokens[0] = INT_MAX;
    refused(&t, false, "sequence 0", "2147483647 blocks", "lengthen");
    t.tokens[0] = 40;
    t.tokens[2] = 0;
    t.block_tokens = 16;
    t.pool_blocks = UINT_MAX;
    refused(&t, false, "4294967295", "32-bit", "1 to 2147483647");
    t.pool_blocks = INT_MAX;
    row(&t, 0)[1] = INT_MAX - 1;
    assert_int_equal(kv_table_check(&t, false, NULL), 0);
    struct kv_map_stats stats;
    assert_int_equal(kv_table_stats(&t, SIZE_MAX, &stats), -1);
    assert_int_equal(kv_table_stats(&t, 0, &stats), -1);
    assert_int_equal(kv_table_stats(&t, (size_t)1 << 31, &stats), 0);
    assert_int_equal(stats.pages, 4u << 10);
    kv_table_close(&t);
}

/* --- statistics --------------------------------------------------------------------------------
 */

#define MIB2 ((size_t)2 << 20)

static void test_statistics_of_known_maps(void **state) {
    (void)state;
    static const int32_t tokens[] = {64 * 16, 64 * 16, 64 * 16, 64 * 16};
    struct kv_table t = opened(4, tokens, 16, 512);
    size_t bytes = MIB2 / 32;
    struct kv_map_stats s;
    assert_int_equal(kv_table_map(&t, KV_MAP_IDENTITY, 32, 1, NULL), 0);
    assert_int_equal(kv_table_stats(&t, bytes, &s), 0);
    assert_int_equal(s.blocks, 256);
    assert_int_equal(s.unique_blocks, 256);
    assert_int_equal(s.runs, 4); /* rows lie side by side, and yet runs end with them */
    assert_true(s.run_mean == 64 && s.run_median == 64 && s.run_longest == 64);
    assert_int_equal(s.pages, 8);
    assert_true(s.pages_over_ideal == 1 && s.jump_mean == 0);
    assert_true(s.page_switches == 4.0 / (4 * 63));
    assert_int_equal(s.run_lengths[6], 4);

    assert_int_equal(kv_table_map(&t, KV_MAP_REVERSED, 32, 1, NULL), 0);
    assert_int_equal(row(&t, 0)[0], 255);
    assert_int_equal(kv_table_stats(&t, bytes, &s), 0);
    assert_int_equal(s.runs, 256);
    assert_int_equal(s.pages, 8);
    assert_true(s.jump_mean == 2.0 * (double)bytes);
    assert_int_equal(s.run_lengths[0], 256);

    assert_int_equal(kv_table_map(&t, KV_MAP_SPREAD, 32, 1, NULL), 0);
    assert_int_equal(kv_table_stats(&t, bytes, &s), 0);
    assert_int_equal(s.pages, 16);
    assert_true(s.pages_over_ideal == 2 && s.page_switches == 1);

    assert_int_equal(kv_table_map(&t, KV_MAP_CLUSTERED, 32, 1, NULL), 0);
    assert_int_equal(kv_table_stats(&t, bytes, &s), 0);
    assert_int_equal(s.pages, 8);
    kv_table_close(&t);

    static const int32_t none[] = {0, 0};
    t = opened(2, none, 16, 4);
    assert_int_equal(kv_table_stats(&t, 4096, &s), 0);
    assert_true(s.blocks == 0 && s.runs == 0 && s.pages == 0 && s.run_mean == 0);
    kv_table_close(&t);
}

static int compare_sizes(const void *a, const void *b) {
    size_t x = *(const size_t *)a, y = *(const size_t *)b;
    return (x > y) - (x < y);
}

/* Everything again, by marking bytes' pages and listing runs. */
static void count_naively(const struct kv_table *t, size_t bytes, struct kv_map_stats *s) {
    static size_t lengths[4096];
    static bool block[4096], page[1 << 16], slot[1 << 16];
    size_t steps = 0, switches = 0;
    double jumps = 0;
    *s = (struct kv_map_stats){0};
    memset(block, 0, sizeof block);
    memset(page, 0, sizeof page);
    memset(slot, 0, sizeof slot);
    for (unsigned r = 0; r < t->sequences; r++)
        for (unsigned k = 0; k < (unsigned)t->tokens[r]; k++) {
            unsigned n = t->block_tokens, at = (unsigned)row(t, r)[k / n] * n + k % n;
            s->tokens++;
            s->unique_tokens += !slot[at];
            slot[at] = true;
        }
    for (unsigned r = 0; r < t->sequences; r++)
        for (unsigned b = 0; b < kv_table_blocks_of(t, r); b++) {
            long long id = row(t, r)[b];
            s->blocks++;
            s->unique_blocks += !block[id];
            block[id] = true;
            for (size_t at = (size_t)id * bytes; at < ((size_t)id + 1) * bytes; at += 512) {
                s->pages += !page[at / MIB2];
                page[at / MIB2] = true;
            }
            if (b == 0 || id != row(t, r)[b - 1] + 1)
                lengths[s->runs++] = 0;
            lengths[s->runs - 1]++;
            if (b == 0)
                continue;
            long long end = (row(t, r)[b - 1] + 1LL) * (long long)bytes;
            jumps += (double)llabs(id * (long long)bytes - end);
            switches += (end - 1) / (long long)MIB2 != id * (long long)bytes / (long long)MIB2;
            steps++;
        }
    qsort(lengths, s->runs, sizeof *lengths, compare_sizes);
    for (size_t i = 0; i < s->runs; i++) {
        int k = 0;
        while (lengths[i] >> (k + 1))
            k++;
        s->run_lengths[k]++;
    }
    s->run_median = lengths[(s->runs - 1) / 2];
    s->run_longest = lengths[s->runs - 1];
    s->run_mean = (double)s->blocks / (double)s->runs;
    s->pages_over_ideal = (double)s->pages / (double)((s->unique_blocks * bytes + MIB2 - 1) / MIB2);
    s->jump_mean = steps ? jumps / (double)steps : 0;
    s->page_switches = steps ? (double)switches / (double)steps : 0;
}

static void test_statistics_agree_with_counting(void **state) {
    (void)state;
    static const size_t block_bytes[] = {512, 65536, 1048576, 3 * 512 * 1024, 5 << 20};
    for (uint64_t seed = 0; seed < 200; seed++) {
        int32_t tokens[4] = {1};
        for (unsigned s = 0; s < 4; s++)
            tokens[s] += (int32_t)philox_below(philox_u64(seed, 1, s), 60);
        struct kv_table t = opened(4, tokens, 1 + (unsigned)seed % 5, 300);
        unsigned page_blocks = 1 + (unsigned)seed % 7;
        enum kv_map map = (enum kv_map)(seed % KV_MAP_COUNT);
        assert_int_equal(kv_table_map(&t, map, page_blocks, seed, NULL), 0);
        struct kv_map_stats stats, naive;
        size_t bytes = block_bytes[seed % 5];
        assert_int_equal(kv_table_stats(&t, bytes, &stats), 0);
        count_naively(&t, bytes, &naive);
        assert_memory_equal(&stats, &naive, sizeof stats);
        kv_table_close(&t);
    }
}

int main(void) {
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_opened_tables_name_nothing),
        cmocka_unit_test(test_sizes_out_of_range_are_refused),
        cmocka_unit_test(test_each_fault_is_named),
        cmocka_unit_test(test_hostile_numbers_do_not_overflow),
        cmocka_unit_test(test_statistics_of_known_maps),
        cmocka_unit_test(test_statistics_agree_with_counting),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

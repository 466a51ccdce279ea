/*
 * kv_table_read_test.c: block tables as text: what is read, what is refused and in which words.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "kernels/kv_pool/kv_pool.h"
#include "kernels/kv_pool/kv_table_read.h"

#define HEAD "{\"block_tokens\": 16, \"pool_blocks\": 10, \"sequences\": "

static void a_table_is_read(void **state) {
    (void)state;
    static const char text[] =
        HEAD "[{\"tokens\": 33, \"blocks\": [7, 8, 3]}, {\"tokens\": 0, \"blocks\": []}, "
             "{\"blocks\": [8], \"tokens\": 16}]}";
    static const int32_t ids[] = {7, 8, 3, -1, -1, -1, 8, -1, -1}, tokens[] = {33, 0, 16};
    struct kv_table t;
    char why[KV_WHY], note[KV_WHY];
    assert_int_equal(kv_table_parse(text, strlen(text), NULL, &t, note, why), 0);
    assert_int_equal(t.sequences, 3);
    assert_int_equal(t.row_blocks, 3);
    assert_int_equal(t.block_tokens, 16);
    assert_int_equal(t.pool_blocks, 10);
    assert_memory_equal(t.ids, ids, sizeof ids);
    assert_memory_equal(t.tokens, tokens, sizeof tokens);
    assert_string_equal(note, "");
    kv_table_close(&t);
}

/* One line of printable ASCII, with the given words, and nothing left to close. */
static void refuse(const char *text, size_t length, const char *words) {
    struct kv_table t;
    char why[KV_WHY] = "", note[KV_WHY];
    /* Exactly as long as said, so that a sanitizer sees a read beyond the end. */
    char *copy = malloc(length ? length : 1);
    assert_non_null(copy);
    memcpy(copy, text, length);
    int status = kv_table_parse(copy, length, NULL, &t, note, why);
    free(copy);
    if (status != -1 || !strstr(why, words) || t.ids || t.tokens)
        fail_msg("%.200s: status %d, expected \"%s\": %s", text, status, words, why);
    for (const char *c = why; *c; c++)
        assert_in_range(*c, ' ', '~');
    assert_true(strlen(why) < KV_WHY - 1);
}

static void every_fault_is_named(void **state) {
    (void)state;
    static const struct {
        const char *text, *words;
    } bad[] = {
        {"", "there is no text"},
        {" ", "line 1, column 2: no JSON"},
        {"block 7", "no JSON"},
        {"[]", "the array is empty"},
        {"7", "no JSON"},
        {"\xef\xbb\xbf{}", "no block table in it; give sequences"},
        {"\xef\xbb\xbf", "there is no text"},
        {"{\"a\x1b[31m\": 1}", "no JSON"},
        {"{\"\\u001b[31m\\n\": 1}", "no block table in it, only \"?[31m?\" and such"},
        {"{\"\xc3\xa9\": 1}", "only \"??\" and such"},
        {"{\"sequences\": []}", "\"block_tokens\" is missing"},
        {"{\"block_tokens\": 0}", "\"block_tokens\" is 0; give 1 to 1048576"},
        {"{\"block_tokens\": 1048577}", "is 1048577"},
        {"{\"block_tokens\": 16.0}", "not a whole number"},
        {"{\"block_tokens\": 1e999}", "no JSON"},
        {"{\"block_tokens\": 99999999999999999999}", "no JSON"},
        {"{\"block_tokens\": 16, \"block_tokens\": 16}", "duplicate"},
        {"{\"block_tokens\": 16}", "no block table in it"},
        {"{\"block_tokens\": 16, \"pool_blocks\": 2147483648}", "is 2147483648; give 1 to 2147"},
        {"{\"block_tokens\": 16, \"pool_blocks\": -1}", "is -1"},
        {"{\"block_tokens\": 16, \"pool_blocks\": \"a\"}", "not a whole number"},
        {"{\"block_tokens\": 16, \"pool_blocks\": 10}", "give sequences, block_tables"},
        {HEAD "{}}", "\"sequences\" is not an array"},
        {HEAD "[]}", "\"sequences\" is empty"},
        {HEAD "[", "see whether it is whole"},
        {HEAD "[]} x", "no JSON"},
        {HEAD "[[1, 2]]}", "sequence 0: not an object"},
        {HEAD "[{}]}", "sequence 0: \"tokens\" is missing"},
        {HEAD "[{\"tokens\": -1, \"blocks\": []}]}", "sequence 0: \"tokens\" is -1"},
        {HEAD "[{\"tokens\": 2147483648, \"blocks\": []}]}", "is 2147483648"},
        {HEAD "[{\"tokens\": 2147483647, \"blocks\": [1]}]}", "need 134217728 blocks"},
        {HEAD "[{\"tokens\": \"1\", \"blocks\": [1]}]}", "not a whole number"},
        {HEAD "[{\"tokens\": 1}]}", "sequence 0: \"blocks\" is missing"},
        {HEAD "[{\"tokens\": 1, \"blocks\": 1}]}", "\"blocks\" is not an array"},
        {HEAD "[{\"tokens\": 0, \"blocks\": []}, {\"tokens\": 17, \"blocks\": [1]}]}",
         "sequence 1: 17 tokens need 2 blocks of 16, not 1; name the others"},
        {HEAD "[{\"tokens\": 16, \"blocks\": [1, 2]}]}", "leave the last ones out"},
        {HEAD "[{\"tokens\": 17, \"blocks\": [1, \"2\"]}]}", "sequence 0, block 1: not a whole"},
        {HEAD "[{\"tokens\": 17, \"blocks\": [1, 10]}]}",
         "sequence 0, block 1: id 10 is not in the pool; ids are 0 to 9"},
        {HEAD "[{\"tokens\": 17, \"blocks\": [1, -2]}]}", "id -2 is not in the pool"},
        {HEAD "[{\"tokens\": 17, \"blocks\": [1, -1]}]}", "block 1: id -1, so no block is named"},
        {HEAD "[{\"tokens\": 17, \"blocks\": [1, 4294967297]}]}", "id 4294967297 is not in the"},
        {HEAD "[{\"tokens\": 17, \"blocks\": [1, -9223372036854775808]}]}", "is not in the pool"},
    };
    for (size_t k = 0; k < sizeof bad / sizeof bad[0]; k++)
        refuse(bad[k].text, strlen(bad[k].text), bad[k].words);
    refuse("{}\0{}", 5, "byte 2 is NUL");
}

static void every_truncation_is_refused(void **state) {
    (void)state;
    static const char text[] = HEAD "[{\"tokens\": 33, \"blocks\": [7, 8, 3]}]}";
    for (size_t length = 0; length + 1 < sizeof text; length++)
        refuse(text, length, "");
}

/* Many opening brackets; a long name; many rows with one long one among them. */
static void short_texts_do_not_ask_for_much(void **state) {
    (void)state;
    size_t room = 1 << 20;
    char *text = malloc(room);
    assert_non_null(text);
    memset(text, '[', room);
    refuse(text, room, "no JSON");
    memset(text, 'x', room);
    memcpy(text, "{\"", 2);
    memcpy(text + room - 5, "\": 1}", 5);
    refuse(text, room, "only \"xxxx");
    char *to = text + sprintf(text, HEAD "[{\"tokens\": 240000, \"blocks\": [0");
    for (size_t k = 1; k < 15000; k++)
        to += sprintf(to, ",0");
    to += sprintf(to, "]}");
    for (size_t k = 0; k < 30000; k++)
        to += sprintf(to, ",{\"tokens\":0,\"blocks\":[]}");
    to += sprintf(to, "]}");
    refuse(text, (size_t)(to - text), "30001 rows as long as the longest, 15000 blocks");
    free(text);
}

static void files_without_end_are_refused(void **state) {
    (void)state;
    struct kv_table t;
    char why[KV_WHY], note[KV_WHY];
    FILE *zero = fopen("/dev/zero", "r");
    assert_non_null(zero);
    assert_int_equal(kv_table_read(zero, NULL, &t, note, why), -1);
    assert_non_null(strstr(why, "more than 32 MiB of text"));
    fclose(zero);
    FILE *folder = fopen("/tmp", "r");
    assert_non_null(folder);
    assert_int_equal(kv_table_read(folder, NULL, &t, note, why), -1);
    assert_non_null(strstr(why, "directory"));
    fclose(folder);
}

/* What is written reads back as the same table, empty rows and shared blocks included. */
static void what_is_written_reads_back(void **state) {
    (void)state;
    static const int32_t tokens[] = {100, 0, 1, 32};
    for (int map = 0; map < KV_MAP_COUNT; map++) {
        struct kv_table t, back;
        char why[KV_WHY], note[KV_WHY];
        assert_int_equal(kv_table_open(&t, 4, tokens, 16, 12), 0);
        assert_int_equal(kv_table_map(&t, (enum kv_map)map, 4, 1, why), 0);
        FILE *file = tmpfile();
        assert_non_null(file);
        assert_int_equal(kv_table_write(&t, file), 0);
        rewind(file);
        if (kv_table_read(file, NULL, &back, note, why) != 0)
            fail_msg("%s: %s", kv_map_name((enum kv_map)map), why);
        fclose(file);
        assert_int_equal(back.row_blocks, t.row_blocks);
        assert_int_equal(back.block_tokens, t.block_tokens);
        assert_int_equal(back.pool_blocks, t.pool_blocks);
        assert_int_equal(back.sequences, t.sequences);
        assert_memory_equal(back.ids, t.ids, 4 * t.row_blocks * sizeof *t.ids);
        assert_memory_equal(back.tokens, t.tokens, sizeof tokens);
        kv_table_close(&back);
        kv_table_close(&t);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_table_is_read),
        cmocka_unit_test(every_fault_is_named),
        cmocka_unit_test(every_truncation_is_refused),
        cmocka_unit_test(short_texts_do_not_ask_for_much),
        cmocka_unit_test(files_without_end_are_refused),
        cmocka_unit_test(what_is_written_reads_back),
    };
    return cmocka_run_group_tests_name("kv_table_read", tests, NULL, NULL);
}

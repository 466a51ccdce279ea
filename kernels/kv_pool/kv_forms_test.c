/*
 * kv_forms_test.c: block tables as engines and Python have them: every form gives the same table,
 * and what is missing or hostile is named.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "kernels/kv_pool/kv_pool.h"
#include "kernels/kv_pool/kv_table_read.h"

static char note[KV_WHY], why[KV_WHY];

static int parse(const char *text, size_t length, const struct kv_read_options *options,
                 struct kv_table *t) {
    char *copy = malloc(length ? length : 1); /* so that a sanitizer sees a read beyond the end */
    assert_non_null(copy);
    memcpy(copy, text, length);
    int status = kv_table_parse(copy, length, options, t, note, why);
    free(copy);
    return status;
}

/* Blocks 3 7 12 for 40 tokens and 5 for 10, of 16 each: the same by all names. */
static void every_form_gives_the_same_table(void **state) {
    (void)state;
    static const struct {
        const char *text, *note;
        unsigned pool;
    } forms[] = {
        {"{\"block_tokens\": 16, \"pool_blocks\": 64, \"sequences\": [{\"tokens\": 40, \"blocks\": "
         "[3, 7, 12]}, {\"id\": \"b\", \"tokens\": 10, \"blocks\": [5]}]}",
         "", 64},
        {"\xef\xbb\xbf{\"block_size\": 16, \"num_gpu_blocks\": 64, \"block_tables\": [[3, 7, 12], "
         "[5]], \"seq_lens\": [40, 10]}\r\n",
         "", 64},
        /* As vLLM pads: with what was there, or with block 0. */
        {"{\"block_size\": 16, \"num_gpu_blocks\": 64, \"block_tables\": [[3, 7, 12, 0], "
         "[5, 9, 0, 0], [0, 0, 0, 0]], \"seq_lens\": [40, 10], \"max_query_len\": 1, "
         "\"slot_mapping\": [199, 89]}",
         "2 of 3 rows, as many as lengths", 64},
        {"FlashAttentionMetadata(num_actual_tokens=2, max_query_len=1, query_start_loc=tensor([0, "
         "1, 2], device='cuda:0', dtype=torch.int32), max_seq_len=40, seq_lens=tensor([40, 10], "
         "device='cuda:0', dtype=torch.int32), block_table=tensor([[ 3,  7, 12,  0],\n"
         "        [ 5,  0,  0,  0]], device='cuda:0', dtype=torch.int32), use_cascade=False, "
         "common=None, num_blocks=64, block_size=16, sliding=(-1, -1), backend=<class 'x.Y'>)",
         "", 64},
        {"{\"page_size\": 16, \"kv_indptr\": [0, 3, 4], \"kv_indices\": [3, 7, 12, 5], "
         "\"kv_last_page_len\": [8, 10]}",
         "no pool_blocks, so the pool ends with the highest id, 12", 13},
        {"paged_kv_indptr = tensor([0, 3, 4], device='cuda:0', dtype=torch.int32)\n"
         "paged_kv_indices = tensor([ 3,  7, 12,  5,  0,  0], device='cuda:0', dtype=torch.int32)\n"
         "paged_kv_last_page_len = tensor([ 8, 10], device='cuda:0', dtype=torch.int32)\n"
         "page_size = 16   # tokens\n"
         "max_num_pages = 64\n",
         "", 64},
        {"{'indptr': array([0, 3, 4], dtype=int32), 'indices': array([ 3,  7, 12,  5], "
         "dtype=int32), 'last_page_len': array([ 8, 10], dtype=int32), 'page_size': np.int64(16),}",
         "no pool_blocks, so the pool ends with the highest id, 12", 13},
        {"page_size: 16\nkv_indptr: [0 3 4]\nkv_indices: [ 3  7 12  5]\nseq_lens: [40. 10.]\n",
         NULL, 0}, /* refused: lengths are no whole numbers */
        {"page_size: 16\nkv_indptr: [0 3 4]\nkv_indices: [ 3  7 12  5]\nseq_lens: [40 10]\n",
         "no pool_blocks, so the pool ends with the highest id, 12", 13},
        {"(3, 7", NULL, 0},
    };
    static const int32_t ids[] = {3, 7, 12, 5, -1, -1}, tokens[] = {40, 10};
    for (size_t k = 0; k < sizeof forms / sizeof *forms; k++) {
        struct kv_table t;
        int status = parse(forms[k].text, strlen(forms[k].text), NULL, &t);
        if ((status == 0) != (forms[k].note != NULL))
            fail_msg("%zu: %d %s", k, status, why);
        if (status != 0)
            continue;
        assert_string_equal(note, forms[k].note);
        assert_int_equal(t.sequences, 2);
        assert_int_equal(t.row_blocks, 3);
        assert_int_equal(t.block_tokens, 16);
        assert_int_equal(t.pool_blocks, forms[k].pool);
        assert_memory_equal(t.ids, ids, sizeof ids);
        assert_memory_equal(t.tokens, tokens, sizeof tokens);
        kv_table_close(&t);
    }
}

/* Rows alone say no lengths: every block counts as full. */
static void rows_alone_are_full(void **state) {
    (void)state;
    static const char *const texts[] = {
        "[[3, 7, 12, -1], [5, -1, -1, -1]]",
        "tensor([[ 3,  7, 12, -1],\n        [ 5, -1, -1, -1]], dtype=torch.int32)",
        "array([[ 3,  7, 12, -1],\n       [ 5, -1, -1, -1]], dtype=int32)",
        "[[ 3  7 12 -1]\n [ 5 -1 -1 -1]]",
        "[(3, 7, 12), (5,)]",
        "[[3, 7, 12, None], [5, None, None, None]]",
        "block_tables = Array([[3, 7, 12], [5, -1, -1]], dtype=int32)",
        // NOLINTNEXTLINE(bugprone-suspicious-missing-comma): one text, two lines
        "Tensor(shape=[2, 3], dtype=int32, place=Place(gpu:0), stop_gradient=True,\n"
        "       [[3 , 7 , 12], [5 , -1, -1]])",
    };
    static const int32_t ids[] = {3, 7, 12, 5, -1, -1}, tokens[] = {48, 16};
    const struct kv_read_options options = {
        .block_tokens = 16, .pool_blocks = 20, .null_block = -1};
    for (size_t k = 0; k < sizeof texts / sizeof *texts; k++) {
        struct kv_table t;
        if (parse(texts[k], strlen(texts[k]), &options, &t) != 0)
            fail_msg("%s: %s", texts[k], why);
        assert_string_equal(note, "no lengths, so every block named counts as full");
        assert_int_equal(t.pool_blocks, 20);
        assert_int_equal(t.row_blocks, 3);
        assert_memory_equal(t.ids, ids, sizeof ids);
        assert_memory_equal(t.tokens, tokens, sizeof tokens);
        kv_table_close(&t);
    }
}

/* SGLang: a slot for each token, of rows that requests had before too. */
static void slots_become_blocks(void **state) {
    (void)state;
    static const char *const texts[] = {
        "{\"page_size\": 4, \"req_to_token\": [[99, 98], [8, 9, 10, 11, 20, 21, 22, 0], [0], "
        "[40, 41, 42, 43, 44]], \"req_pool_indices\": [1, 3], \"seq_lens\": [6, 5]}",
        "{\"page_size\": 4, \"kv_indptr\": [0, 6, 11], \"kv_indices\": [8, 9, 10, 11, 20, 21, 40, "
        "41, 42, 43, 44], \"seq_lens\": [6, 5]}",
    };
    static const int32_t ids[] = {2, 5, 10, 11}, tokens[] = {6, 5};
    struct kv_table t;
    for (size_t k = 0; k < 2; k++) {
        if (parse(texts[k], strlen(texts[k]), NULL, &t) != 0)
            fail_msg("%zu: %s", k, why);
        assert_int_equal(t.block_tokens, 4);
        assert_memory_equal(t.ids, ids, sizeof ids);
        assert_memory_equal(t.tokens, tokens, sizeof tokens);
        kv_table_close(&t);
    }
    static const char text[] = "{\"kv_indptr\": [0, 2, 3], \"kv_indices\": [9, 4, 7]}";
    assert_int_equal(parse(text, strlen(text), NULL, &t), 0);
    assert_int_equal(t.block_tokens, 1);
    assert_int_equal(t.tokens[0], 2);
    assert_non_null(strstr(note, "no page_size, so a block is one token"));
    kv_table_close(&t);
}

/* No block at all is a table too. */
static void rows_of_nothing(void **state) {
    (void)state;
    static const char text[] = "[[-1, -1], []]";
    const struct kv_read_options options = {.block_tokens = 16, .null_block = 0};
    struct kv_table t;
    assert_int_equal(parse(text, strlen(text), &options, &t), 0);
    assert_int_equal(t.sequences, 2);
    assert_int_equal(t.row_blocks, 0);
    kv_table_close(&t);
}

/* vLLM's sliding window: block 0 stands for what has been forgotten. */
static void null_blocks_are_left_out(void **state) {
    (void)state;
    static const char text[] = "{\"block_size\": 16, \"num_gpu_blocks\": 64, \"block_tables\": "
                               "[[0, 0, 12, 13], [4]], \"seq_lens\": [60, 1]}";
    static const int32_t ids[] = {12, 13, 4, -1}, tokens[] = {28, 1};
    const struct kv_read_options options = {.null_block = 0};
    struct kv_table t;
    assert_int_equal(parse(text, strlen(text), &options, &t), 0);
    assert_memory_equal(t.ids, ids, sizeof ids);
    assert_memory_equal(t.tokens, tokens, sizeof tokens);
    assert_string_equal(note, "2 null blocks left out, with their tokens");
    kv_table_close(&t);
}

#define CSR(indptr, indices, last)                                                                 \
    "{\"page_size\": 16, \"kv_indptr\": [" indptr "], \"kv_indices\": [" indices                   \
    "], \"kv_last_page_len\": [" last "]}"

static void every_fault_is_named(void **state) {
    (void)state;
    static const struct {
        const char *text, *words;
    } bad[] = {
        {"[[3, 7]]", "give --block-tokens 16"},
        {"tensor([[ 3,  7, ..., -1, -1],\n [1, 2, ..., 3, 4]])", "column 18: shortened with"},
        {"[[3, 7, \xe2\x80\xa6]]", "shortened"},
        {"\x93NUMPY\x01", "numpy.load"},
        {"PK\x03\x04", "torch.load"},
        {"\xff\xfe[", "iconv -f UTF-16"},
        {"tensor()", "nothing in these brackets"},
        {"tensor([1, 2]", "in the middle"},
        {"['a", "has no end"},
        {"[1]]", "more text behind"},
        {"[,1]", "a comma in a value's place"},
        {"[1,,2]", "nothing that Python prints"},
        {"{1: 2, }", "no block table"},
        {"{'a' 2}", "no value behind this name"},
        {"{'page_size': 16, 'page_size': 16}", "duplicate"},
        {"import torch\n", "no JSON"},
        {CSR("0", "3", "1"), "has 1 numbers; give one more than there are rows"},
        {CSR("0, 2", "3", "1"), "number 1: 2; give 0 to 1"},
        {CSR("1, 0", "3", "1"), "is less than the one before"},
        {CSR("0, -1", "3", "1"), "number 1: -1"},
        {CSR("0, 9223372036854775807", "3", "1"), "9223372036854775807; give 0 to 1"},
        {CSR("0, 1, 1", "3", "1"), "has 1 numbers for 2 rows"},
        {CSR("0, 1", "3", "0"), "0 tokens in the last of 1 pages"},
        {CSR("0, 1", "3", "17"), "number 0: 17; give 0 to 16"},
        {CSR("0, 1", "\"3\"", "1"), "not a whole number"},
        {CSR("0, 1", "4294967296", "1"), "id 4294967296 is not in the pool"},
        {CSR("0, 1", "-3", "1"), "id -3 is not in the pool"},
        {"{\"kv_indptr\": [0, 1], \"kv_last_page_len\": [1], \"kv_indices\": [1]}",
         "\"block_tokens\" is missing"},
        {"{\"kv_indptr\": [0, 1]}", "\"kv_indices\" is missing"},
        {"{\"page_size\": 16, \"block_table\": [[1, 2]], \"seq_lens\": [33]}",
         "33 tokens need 3 blocks of 16, not 2; check the block size and the lengths"},
        {"{\"page_size\": 16, \"block_table\": [[1]], \"seq_lens\": [1, 1]}", "has 2 numbers and"},
        {"{\"page_size\": 16, \"block_table\": [[1], 2], \"seq_lens\": [1, 1]}", "not an array"},
        {"{\"page_size\": 16, \"block_table\": [[1, -1, 2]]}", "an id behind a -1"},
        {"{\"page_size\": 16, \"block_table\": [[[1]]]}", "not a whole number"},
        {"{\"page_size\": 16, \"block_table\": [], \"seq_lens\": []}", "no sequence in it"},
        {"{\"req_to_token\": [[1, 2]]}", "\"seq_lens\" is missing"},
        {"{\"req_to_token\": [[1, 2]], \"seq_lens\": [3]}", "has no row 0 of 3 slots"},
        {"{\"req_to_token\": [[1, 2]], \"req_pool_indices\": [7], \"seq_lens\": [1]}", "no row 7"},
        {"{\"req_to_token\": [[1, 2]], \"req_pool_indices\": [], \"seq_lens\": [1]}", "for each"},
        {"{\"req_to_token\": [[4, 6]], \"seq_lens\": [2], \"page_size\": 4}",
         "token 1: slot 6 is not in the order of a block of 4 tokens"},
        {"{\"req_to_token\": [[-4]], \"seq_lens\": [1]}", "no slot"},
    };
    for (size_t k = 0; k < sizeof bad / sizeof *bad; k++) {
        struct kv_table t;
        int status = parse(bad[k].text, strlen(bad[k].text), NULL, &t);
        if (status != -1 || !strstr(why, bad[k].words) || t.ids || t.tokens)
            fail_msg("%s: status %d, expected \"%s\": %s", bad[k].text, status, bad[k].words, why);
        for (const char *c = why; *c; c++)
            assert_in_range(*c, ' ', '~');
        assert_true(strlen(why) < KV_WHY - 1);
    }
    const struct kv_read_options options = {.block_tokens = 32, .null_block = -1};
    struct kv_table t;
    assert_int_equal(parse("{\"page_size\": 16}", 17, &options, &t), -1);
    assert_non_null(strstr(why, "\"page_size\" is 16 and --block-tokens 32"));
}

/* A short text that names one long row again and again asks for no more than a long one. */
static void work_is_bounded(void **state) {
    (void)state;
    enum { SLOTS = 20000, REQUESTS = 40000 };
    char *text = malloc((size_t)SLOTS * 8 + (size_t)REQUESTS * 16), *to = text;
    struct kv_table t;
    assert_non_null(text);
    to += sprintf(to, "{\"req_to_token\": [[0");
    for (int k = 1; k < SLOTS; k++)
        to += sprintf(to, ",%d", k);
    to += sprintf(to, "]], \"req_pool_indices\": [0");
    for (int k = 1; k < REQUESTS; k++)
        to += sprintf(to, ",0");
    to += sprintf(to, "], \"seq_lens\": [%d", SLOTS);
    for (int k = 1; k < REQUESTS; k++)
        to += sprintf(to, ",%d", SLOTS);
    to += sprintf(to, "]}");
    assert_int_equal(parse(text, (size_t)(to - text), NULL, &t), -1);
    assert_non_null(strstr(why, "more than 67108864 slots in all"));
    free(text);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_form_gives_the_same_table),
        cmocka_unit_test(rows_alone_are_full),
        cmocka_unit_test(slots_become_blocks),
        cmocka_unit_test(rows_of_nothing),
        cmocka_unit_test(null_blocks_are_left_out),
        cmocka_unit_test(every_fault_is_named),
        cmocka_unit_test(work_is_bounded),
    };
    return cmocka_run_group_tests_name("kv_forms", tests, NULL, NULL);
}

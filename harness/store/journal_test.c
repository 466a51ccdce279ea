/*
 * journal_test.c: hashes, hashed lines and sealed documents.
 */
#define _GNU_SOURCE /* memfd_create */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include "harness/error.h"
#include "harness/store/journal.h"
#include "harness/store/result.h"

/* FIPS 180-2, appendix B. */
static void sha_agrees_with_published_vectors(void **state) {
    (void)state;
    char digest[SHA_TEXT], chained[SHA_TEXT], joined[SHA_DIGITS + 3];
    assert_int_equal(sha_bytes("abc", 3, digest), 0);
    assert_string_equal(digest, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    const char *two = "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq";
    assert_int_equal(sha_bytes(two, strlen(two), digest), 0);
    assert_string_equal(digest, "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
    assert_int_equal(sha_chain(digest, "xyz", 3, chained), 0);
    memcpy(joined, digest, SHA_DIGITS);
    memcpy(joined + SHA_DIGITS, "xyz", 3);
    assert_int_equal(sha_bytes(joined, sizeof joined, digest), 0);
    assert_string_equal(digest, chained);
    assert_true(sha_is_digest(digest));
    assert_true(sha_is_digest(SHA_ZEROS));
    digest[3] = 'A';
    assert_false(sha_is_digest(digest));
    digest[3] = '\0';
    assert_false(sha_is_digest(digest));
}

static void a_million_a_through_a_file(void **state) {
    (void)state;
    char digest[SHA_TEXT], block[1000];
    uint64_t size;
    int fd = memfd_create("a", MFD_CLOEXEC);
    memset(block, 'a', sizeof block);
    for (int i = 0; i < 1000; i++)
        assert_int_equal(write(fd, block, sizeof block), sizeof block);
    assert_int_equal(sha_file(fd, digest, &size), 0);
    assert_string_equal(digest, "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
    assert_int_equal(size, 1000000);
    close(fd);
    assert_int_equal(sha_file(fd, digest, &size), -1);
}

static void lines_come_back_in_order_whatever_their_length(void **state) {
    char root[] = "/tmp/nanolab-test-XXXXXX";
    struct folder folder;
    struct journal_writer writer;
    struct journal_reader reader;
    uint64_t offsets[6];
    size_t sizes[6];
    (void)state;
    assert_non_null(mkdtemp(root));
    assert_int_equal(folder_open(&folder, root), 0);
    assert_int_equal(journal_create(&writer, &folder), 0);
    for (int i = 0; i < 6; i++) {
        size_t length = (size_t)1 << (4 * i); /* 1 to 1 MiB: around the reader's buffer */
        char *text = malloc(length + 1);
        memset(text, 'a' + i, length);
        text[length] = '\0';
        json_t *record = json_pack("{s:s}", "t", text);
        assert_int_equal(journal_append(&writer, record, &offsets[i], &sizes[i]), 0);
        json_decref(record);
        free(text);
    }
    journal_reader_begin(&reader, writer.fd, writer.path);
    for (int i = 0; i < 6; i++) {
        assert_int_equal(journal_next(&reader), 1);
        const char *text = json_string_value(json_object_get(reader.record, "t"));
        assert_int_equal(strlen(text), (size_t)1 << (4 * i));
        assert_int_equal(text[0], 'a' + i);
        assert_int_equal(reader.number, i + 1);
        assert_int_equal(reader.offset, offsets[i]);
        assert_int_equal(reader.size, sizes[i]);
    }
    assert_int_equal(journal_next(&reader), 0);
    assert_int_equal(reader.cut, 0);
    assert_string_equal(reader.hash, writer.hash);
    journal_reader_end(&reader);
    json_t *again = journal_line_at(writer.fd, writer.path, offsets[3], sizes[3]);
    assert_int_equal(strlen(json_string_value(json_object_get(again, "t"))), 4096);
    json_decref(again);
    assert_null(journal_line_at(writer.fd, writer.path, writer.length - 1, 10));
    journal_close(&writer);
    /* A journal is never made twice. */
    assert_int_equal(journal_create(&writer, &folder), -1);
    assert_int_equal(unlinkat(folder.fd, JOURNAL_FILE, 0), 0);
    folder_close(&folder);
    assert_int_equal(rmdir(root), 0);
}

static int step_of(const char *text, size_t size, struct journal_reader *reader) {
    int fd = memfd_create("journal", MFD_CLOEXEC);
    assert_int_equal(write(fd, text, size), size);
    journal_reader_begin(reader, fd, "x");
    int step = journal_next(reader);
    journal_reader_end(reader);
    close(fd);
    return step;
}

static void what_is_no_line_is_no_line(void **state) {
    (void)state;
    struct journal_reader reader;
    char line[200], hash[SHA_TEXT];
    assert_int_equal(sha_chain(SHA_ZEROS, "{\"a\":1}", 7, hash), 0);
    int size = snprintf(line, sizeof line, "{\"a\":1,\"hash\":\"%s\"}\n", hash);
    assert_int_equal(step_of(line, (size_t)size, &reader), 1);
    assert_int_equal(step_of(line, (size_t)size - 1, &reader), 0);
    assert_int_equal(reader.cut, size - 1);
    assert_int_equal(step_of("", 0, &reader), 0);
    assert_int_equal(step_of("\n", 1, &reader), -1);
    assert_int_equal(step_of("{}\n", 3, &reader), -1);
    assert_int_equal(step_of(line + 1, (size_t)size - 1, &reader), -1);
    size = snprintf(line, sizeof line, "{\"a\":2,\"hash\":\"%s\"}\n", hash);
    assert_int_equal(step_of(line, (size_t)size, &reader), -1);
    assert_non_null(strstr(error_text(), "x: line 1: its hash does not fit"));
    /* Well hashed, but no JSON. */
    assert_int_equal(sha_chain(SHA_ZEROS, "{\"a\":NaN}", 9, hash), 0);
    size = snprintf(line, sizeof line, "{\"a\":NaN,\"hash\":\"%s\"}\n", hash);
    assert_int_equal(step_of(line, (size_t)size, &reader), -1);
    assert_non_null(strstr(error_text(), "not valid JSON"));
}

static void an_endless_line_costs_bounded_memory(void **state) {
    (void)state;
    struct journal_reader reader;
    int fd = memfd_create("journal", MFD_CLOEXEC);
    assert_int_equal(ftruncate(fd, (off_t)1 << 40), 0); /* a sparse terabyte */
    journal_reader_begin(&reader, fd, "x");
    assert_int_equal(journal_next(&reader), -1);
    assert_non_null(strstr(error_text(), "longer than a line can be"));
    journal_reader_end(&reader);
    close(fd);
}

static void seals_fit_only_their_own_text(void **state) {
    (void)state;
    char why[200];
    json_t *object = json_pack("{s:i, s:{s:s}}", "a", 1, "b", "c", "\xe2\x80\xa6");
    char *text = journal_seal(object);
    size_t size = strlen(text);
    json_t *back = journal_unseal(text, size, why, sizeof why);
    assert_non_null(back);
    assert_int_equal(json_integer_value(json_object_get(back, "a")), 1);
    json_decref(back);
    for (size_t i = 0; i < size; i++) {
        text[i] ^= 1;
        assert_null(journal_unseal(text, size, why, sizeof why));
        text[i] ^= 1;
        assert_null(journal_unseal(text, i, why, sizeof why));
    }
    free(text);
    json_decref(object);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sha_agrees_with_published_vectors),
        cmocka_unit_test(a_million_a_through_a_file),
        cmocka_unit_test(lines_come_back_in_order_whatever_their_length),
        cmocka_unit_test(what_is_no_line_is_no_line),
        cmocka_unit_test(an_endless_line_costs_bounded_memory),
        cmocka_unit_test(seals_fit_only_their_own_text),
    };
    return cmocka_run_group_tests_name("journal", tests, NULL, NULL);
}

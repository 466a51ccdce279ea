/*
 * straggler_read_test.c: logs of others: what is read of them, and how wrong ones end.
 */
#include <ctype.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "kernels/straggler/straggler_read.h"

static struct straggler_reader *reader;
static struct straggler_read *logs;
static size_t count;
static char why[STRAGGLER_WHY];

static int set_up(void **state) {
    (void)state;
    reader = straggler_reader_open();
    return reader ? 0 : -1;
}

static int tear_down(void **state) {
    (void)state;
    straggler_reader_close(reader);
    return 0;
}

static int add(const char *text) {
    return straggler_reader_add(reader, text, strlen(text), why);
}

/* Reads `text` alone; its line of what is wrong, if there is one, is harmless. */
static int parse(const char *text, size_t length) {
    straggler_reader_close(reader);
    reader = straggler_reader_open();
    assert_non_null(reader);
    strcpy(why, "nothing was said");
    int status = straggler_reader_add(reader, text, length, why);
    if (status == 0)
        status = straggler_reader_end(reader, &logs, &count, why);
    for (const char *at = why; *at; at++)
        assert_true(isprint((unsigned char)*at));
    return status;
}

static void refused(const char *text, const char *words) {
    if (parse(text, strlen(text)) != -1)
        fail_msg("accepted: %s", text);
    if (!strstr(why, words))
        fail_msg("\"%s\" does not say \"%s\"", why, words);
}

/* --- NCCL Inspector ----------------------------------------------------------------------------
 */

#define HEADER(id, rank, ranks)                                                                    \
    "{\"header\":{\"id\":\"" id "\",\"rank\":" #rank ",\"n_ranks\":" #ranks ",\"nnodes\":1},"
#define PERF(coll, sn, bytes, us)                                                                  \
    "\"coll_perf\":{\"coll\":\"" coll "\",\"coll_sn\":" #sn ",\"coll_msg_size_bytes\":" #bytes     \
    ",\"coll_exec_time_us\":" #us ",\"coll_timing_source\":\"kernel_gpu\"}}\n"
#define RECORD(rank, sn, us) HEADER("0xa", rank, 2) PERF("AllReduce", sn, 64, us)

static void reads_records(void **state) {
    (void)state;
    /* Ranks' files in any order, steps in any order; counts are of each collective. */
    assert_int_equal(add(RECORD(1, 2, 70) RECORD(1, 1, 50)), 0);
    assert_int_equal(add("\n" HEADER("0xb", 0, 1) PERF("AllReduce", 1, 8, 3)), 0);
    assert_int_equal(add(RECORD(0, 1, 20) RECORD(0, 2, 30) HEADER("0xa", 0, 2) PERF(
                         "AllGather", 1, 16, 9) HEADER("0xa", 1, 2) PERF("AllGather", 1, 16, 11)),
                     0);
    assert_int_equal(straggler_reader_end(reader, &logs, &count, why), 0);
    assert_int_equal(count, 2);
    const struct straggler_read *a = logs;
    assert_string_equal(a->name, "0xa");
    assert_int_equal(a->log.ranks, 2);
    assert_int_equal(a->log.steps, 3);
    assert_null(a->log.blind);
    assert_string_equal(a->notes[0], "");
    assert_int_equal(a->log.step[1].collective, STRAGGLER_ALL_REDUCE);
    assert_int_equal(a->log.step[1].sequence, 2);
    assert_int_equal(a->log.step[2].collective, STRAGGLER_ALL_GATHER);
    assert_int_equal(a->log.step[2].bytes, 16);
    assert_true(straggler_comm(&a->log, 0, 0) == 20 && straggler_comm(&a->log, 0, 1) == 50);
    assert_true(straggler_comm(&a->log, 1, 0) == 30 && straggler_comm(&a->log, 1, 1) == 70);
    assert_true(straggler_comm(&a->log, 2, 1) == 11);
    assert_true(a->log.resolution_us == 1);
    assert_string_equal(logs[1].name, "0xb");
}

static void says_what_is_missing(void **state) {
    (void)state;
    const char *absent = RECORD(1, 1, 50) RECORD(1, 2, 50);
    assert_int_equal(parse(absent, strlen(absent)), 0);
    assert_non_null(
        strstr(logs->log.blind, "1 of the 2 ranks have no record (the first is rank 0"));
    const char *queued =
        "{\"header\":{\"id\":\"0xa\",\"rank\":0,\"n_ranks\":1},\"coll_perf\":{\"coll\":"
        "\"AllReduce\",\"coll_sn\":1,\"coll_msg_size_bytes\":8,"
        "\"coll_exec_time_us\":3,\"coll_timing_source\":\"collective_cpu\"}}";
    assert_int_equal(parse(queued, strlen(queued)), 0);
    assert_non_null(strstr(logs->log.blind, "1 records are timed where they were queued"));
    const char *incomplete = RECORD(1, 1, 50) RECORD(0, 1, 50) RECORD(1, 2, 50);
    assert_int_equal(parse(incomplete, strlen(incomplete)), 0);
    assert_null(logs->log.blind);
    assert_non_null(strstr(logs->notes[0], "1 of 2 collectives lack a rank's record"));
    const char *none = RECORD(1, 1, 50) RECORD(0, 2, 50);
    assert_int_equal(parse(none, strlen(none)), 0);
    assert_non_null(strstr(logs->log.blind, "no collective has a record of every rank"));
    const char *sizes = RECORD(0, 1, 50) HEADER("0xa", 1, 2) PERF("AllReduce", 1, 65, 50)
        RECORD(0, 2, 5) RECORD(1, 2, 6);
    assert_int_equal(parse(sizes, strlen(sizes)), 0);
    assert_non_null(strstr(logs->notes[0], "1 collectives have another size"));
    assert_int_equal(logs->log.step[0].collective, STRAGGLER_OTHER);
    assert_int_equal(logs->log.step[1].collective, STRAGGLER_ALL_REDUCE);
    const char *cut = RECORD(0, 1, 50) RECORD(1, 1, 50) "{\"header\":{\"id\":\"0x\\\"}";
    assert_int_equal(parse(cut, strlen(cut)), 0);
    assert_non_null(strstr(logs->notes[0], "1 cut off last records"));
}

#define RECORDS RECORD(0, 1, 50) RECORD(1, 1, 50)

static void refuses_records(void **state) {
    (void)state;
    refused("", "there is no text");
    refused(" \n ", "there is no text");
    refused("rank 3 is slow\n", "line 1: neither nccl-tests' JSON");
    refused("\n\n[1, 2]", "line 3: neither");
    refused("{\"a\": 1}", "neither nccl-tests' JSON");
    refused("{\"header\": ", "line 1, column");
    refused(RECORDS "\n{\"header\":}" RECORDS, "line 4, column 11: no JSON");
    refused(RECORDS "x" RECORDS, "line 3, column 1: no JSON");
    refused(RECORDS "{\"header\":{\"id\":\"\x1b[31m\xff\"}}\n", "line 3, column");
    refused(RECORDS "{\"header\":1}\n", "line 3: no record of NCCL Inspector");
    refused(RECORDS "{}", "line 3: no record");
    refused(RECORDS HEADER("0xa", 2, 2) PERF("AllReduce", 3, 64, 1),
            "line 3: rank is to be a whole number of at most 1");
    refused(RECORDS HEADER("0xa", -1, 2) PERF("AllReduce", 3, 64, 1), "line 3: rank");
    refused(RECORDS HEADER("0xa", 0, 0) PERF("AllReduce", 3, 64, 1), "a communicator of no ranks");
    refused(RECORDS HEADER("0xa", 0, 70000) PERF("AllReduce", 3, 64, 1), "line 3: n_ranks");
    refused(RECORDS HEADER("0xa", 0, 3) PERF("AllReduce", 3, 64, 1),
            "line 3: communicator 0xa has 3 ranks here and 2 before");
    refused(RECORDS HEADER("0xa", 0, 2) PERF("AllReduce", 3, 64, 1.5), "line 3: coll_exec_time_us");
    refused(RECORDS HEADER("0xa", 0, 2) PERF("AllReduce", 3, 64, -1), "line 3: coll_exec_time_us");
    refused(RECORDS HEADER("0xa", 0, 2) PERF("AllReduce", 3, "64", 1), "coll_msg_size_bytes");
    refused(RECORDS HEADER("0xa", 0, 2) PERF("AllReduce", 99999999999999999999, 64, 1),
            "no JSON (too big integer");
    refused(RECORDS RECORD(1, 1, 50), "rank 1 has all-reduce number 1 twice");
    refused("{\"header\":{\"id\":\"a\",\"id\":\"b\"}}", "duplicate");
    refused("{\"header\":{},\"p2p_perf\":{}}", "only point-to-point operations");
    refused(HEADER("0x\\u001b[2Ja\\u0080", 0, 1) PERF("AllReduce", 1, 8, 3)
                HEADER("0x\\u001b[2Ja\\u0080", 0, 2) PERF("AllReduce", 2, 8, 3),
            "communicator 0x?[2Ja?? has 2 ranks here and 1 before");
    assert_int_equal(parse("{\"header\":\0", 11), -1);
    assert_non_null(strstr(why, "byte 10 is NUL"));
}

/* A few bytes cannot ask for much memory. */
static void refuses_large_ones(void **state) {
    (void)state;
    size_t each = 400, n = 400;
    char *text = malloc(n * each);
    assert_non_null(text);
    text[0] = '\0';
    for (size_t k = 0, at = 0; k < n; k++)
        at += (size_t)snprintf(
            text + at, n * each - at,
            HEADER("0xa", 0, 65536) "\"coll_perf\":{\"coll\":\"AllReduce\",\"coll_sn\":%zu,"
                                    "\"coll_msg_size_bytes\":8,\"coll_exec_time_us\":1}}\n",
            k);
    refused(text, "65536 ranks in 400 steps are more than the 16777216 that are read");
    free(text);
    size_t length = STRAGGLER_OBJECT_MOST + 4096;
    text = malloc(length + sizeof RECORDS);
    assert_non_null(text);
    strcpy(text, RECORDS "{\"header\":\"");
    size_t from = strlen(text);
    memset(text + from, 'x', length - from);
    text[length] = '\0';
    refused(text, "line 3: one object of more than 1024 KiB");
    free(text);
}

/* --- nccl-tests --------------------------------------------------------------------------------
 */

#define DOCUMENT(z, config, results)                                                               \
    "{\"version\":3,\"args\":[\"./build/all_reduce_perf\"" z "],\"env\":[\"SECRET=1\"],"           \
    "\"config\":{\"nthreads\":1,\"ngpus\":1" config "},\"results\":[" results "]}"
#define RESULT(times, rows)                                                                        \
    "{\"size\":1024,\"type\":\"float\",\"out_of_place\":{\"time\":1.0},"                           \
    "\"out_of_place_per_iter\":{\"skipped_iterations\":0,\"times_us\":" times                      \
    ",\"per_process_max_times_us\":" rows "}}"
#define GOOD RESULT("[5.0,6.5]", "[[5.0,6.0],[4.0,6.5]]")

static void reads_tables(void **state) {
    (void)state;
    const char *text = DOCUMENT(",\"-z\",\"3\"", "", GOOD "," GOOD);
    assert_int_equal(parse(text, strlen(text)), 0);
    assert_int_equal(count, 1);
    assert_null(logs->log.blind);
    assert_int_equal(logs->log.ranks, 2);
    assert_int_equal(logs->log.steps, 4);
    assert_true(straggler_comm(&logs->log, 1, 0) == 6 && straggler_comm(&logs->log, 1, 1) == 6.5);
    assert_true(straggler_comm(&logs->log, 2, 1) == 4);
    assert_int_equal(logs->log.step[3].bytes, 1024);
    assert_int_equal(logs->log.step[3].collective, STRAGGLER_ALL_REDUCE);
    text = DOCUMENT(
        ",\"-z3\"", "",
        "{\"size\":8,\"in_place_per_iter\":{\"skipped_iterations\":1,\"times_us\":[9.0,5.0],"
        "\"per_process_max_times_us\":[[9.0,4.0],[1.0,5.0]]}}");
    assert_int_equal(parse(text, strlen(text)), 0);
    assert_int_equal(logs->log.steps, 1);
    assert_true(straggler_comm(&logs->log, 0, 0) == 4);
    /* A "nan" is how nccl-tests writes one. */
    text = DOCUMENT(",\"-z3\"", "", RESULT("[5.0,6.5]", "[[5.0,\"nan\"],[4.0,6.5]]"));
    assert_int_equal(parse(text, strlen(text)), 0);
    assert_true(straggler_is_whole(&logs->log, 0) && !straggler_is_whole(&logs->log, 1));
}

static void knows_how_it_was_timed(void **state) {
    (void)state;
    static const struct {
        const char *text, *blind; /* NULL: not blind */
    } cases[] = {
        {DOCUMENT(",\"-z\",\"3\"", "", GOOD), NULL},
        {DOCUMENT(",\"-z3\"", "", GOOD), NULL},
        {DOCUMENT(",\"--blocking\",\"3\"", "", GOOD), NULL},
        {DOCUMENT(",\"--blocking=3\"", "", GOOD), NULL},
        {DOCUMENT(",\"-z\",\"3\",\"-z\",\"1\"", "", GOOD), "with -z 1 each iteration"},
        {DOCUMENT("", "", GOOD), "with -z 0 each iteration"},
        {DOCUMENT(",\"-z\",\"9\"", "", GOOD), "do not say which -z"},
        {DOCUMENT("", ",\"blocking_collectives\":\"true\"", GOOD), "do not say which -z"},
        {DOCUMENT(",\"-z\",\"3\"", "", "{\"size\":8}"), "no time of each iteration"},
        {DOCUMENT(",\"-z\",\"3\"", "", "{\"size\":8,\"in_place_per_iter\":{\"times_us\":[1.0]}}"),
         "there is one process"},
    };
    for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
        assert_int_equal(parse(cases[k].text, strlen(cases[k].text)), 0);
        if (!cases[k].blind != !logs->log.blind ||
            (cases[k].blind && !strstr(logs->log.blind, cases[k].blind)))
            fail_msg("%s: \"%s\"", cases[k].text, logs->log.blind ? logs->log.blind : "not blind");
    }
}

static void groups_are_apart(void **state) {
    (void)state;
    const char *text =
        DOCUMENT(",\"-z\",\"3\"", ",\"devices\":[{\"group\":1},{\"group\":0},{\"group\":1}]",
                 RESULT("[7.0]", "[[5.0],[4.0],[7.0]]"));
    assert_int_equal(parse(text, strlen(text)), 0);
    assert_int_equal(count, 2);
    assert_string_equal(logs[0].name, "group 1");
    assert_int_equal(logs[0].log.ranks, 2);
    assert_int_equal(logs[0].id[1], 2);
    assert_true(straggler_comm(&logs[0].log, 0, 1) == 7);
    assert_int_equal(logs[1].log.ranks, 1);
    assert_int_equal(logs[1].id[0], 1);
}

static void refuses_tables(void **state) {
    (void)state;
    refused(DOCUMENT("", "", "3"), "results[0] is no object");
    refused(DOCUMENT("", "", RESULT("3", "[[1.0]]")),
            "results[0].out_of_place_per_iter: times_us is to be a list");
    refused(DOCUMENT("", "", RESULT("[]", "[]")), "times_us is to be a list");
    refused(DOCUMENT("", "", RESULT("[1.0]", "[]")), "to be a list of lists");
    refused(DOCUMENT("", "", RESULT("[1.0]", "{}")), "to be a list of lists");
    refused(DOCUMENT("", "", GOOD "," RESULT("[1.0,2.0]", "[[1.0,2.0],[1.0]]")),
            "results[1].out_of_place_per_iter.per_process_max_times_us[1]: 1 numbers, and times_us "
            "has 2");
    refused(DOCUMENT("", "", RESULT("[1.0]", "[[-1.0],[1.0]]")), "[0][0] is no time in us");
    refused(DOCUMENT("", "", RESULT("[1.0]", "[[1.0],[1e300]]")), "[1][0] is no time in us");
    refused(DOCUMENT("", "", RESULT("[1.0]", "[[\"1\"],[1.0]]")), "[0][0] is no time in us");
    refused(DOCUMENT("", "", GOOD "," RESULT("[1.0]", "[[1.0]]")), "1 processes, and 2 before");
    refused(DOCUMENT("", "", "{\"size\":-1,\"in_place_per_iter\":{\"times_us\":[1.0]}}"),
            "results[0]: size");
    refused(DOCUMENT("", "",
                     "{\"size\":1,\"in_place_per_iter\":{\"skipped_iterations\":2,\"times_us\":"
                     "[1.0]}}"),
            "skips 2 of 1");
    refused("{\"version\":3,\"results\":[],\n\"config\":{}", "line 2, column");
    refused("{\"results\":[]}", "the document: version");
}

/* --- hostile bytes -----------------------------------------------------------------------------
 */

/* Every beginning of a good text, and a good text with each byte changed: an answer or one line. */
static void any_bytes(void **state) {
    (void)state;
    static const char *const good[] = {RECORDS RECORD(0, 2, 5) RECORD(1, 2, 6),
                                       DOCUMENT(",\"-z\",\"3\"", "", GOOD "," GOOD)};
    static const char other[] = "\"{}[]:,0-9e.\\ x\x01\x1b\x80\xff";
    for (int g = 0; g < 2; g++) {
        size_t length = strlen(good[g]), whole = 0;
        char *text = malloc(length + 1);
        assert_non_null(text);
        for (size_t n = 0; n < length; n++) {
            memcpy(text, good[g], length);
            whole += parse(text, n) == 0;
            for (size_t k = 0; k < sizeof other; k++) { /* the NUL too */
                text[n] = other[k];
                parse(text, length);
            }
        }
        if (g == 1)
            assert_int_equal(whole, 0); /* a document is whole or it is not */
        free(text);
    }
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(reads_records),      TEST(says_what_is_missing), TEST(refuses_records),
        TEST(refuses_large_ones), TEST(reads_tables),         TEST(knows_how_it_was_timed),
        TEST(groups_are_apart),   TEST(refuses_tables),       TEST(any_bytes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

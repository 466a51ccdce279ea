/*
 * kvmap_test.c: `nanolab kvmap` from outside: what it prints, and how it ends.
 * Needs bin/nanolab-kvmap beside the tests of the same build (make build).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include <jansson.h>

#include "harness/cli/tool_fixture.h"
#include "kernels/device/device.h"

static char program[4096], folder[] = "/tmp/nanolab-kvmap-XXXXXX";
static char said[1 << 17], warned[1 << 12];

/* Runs a line in the folder, with the program as $kvmap; returns its exit status. */
static int type(const char *line) {
    char command[8192];
    const char *const names[] = {"out", "err"};
    char *const texts[] = {said, warned};
    const size_t sizes[] = {sizeof said, sizeof warned};
    snprintf(command, sizeof command, "cd %s && kvmap=%s && { %s; } >out 2>err", folder, program,
             line);
    int status = system(command);
    for (int k = 0; k < 2; k++) {
        snprintf(command, sizeof command, "%s/%s", folder, names[k]);
        FILE *in = fopen(command, "r");
        size_t got = in ? fread(texts[k], 1, sizes[k] - 1, in) : 0;
        texts[k][got] = '\0';
        if (in)
            fclose(in);
    }
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void put_file(const char *name, const char *text) {
    char path[128];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *out = fopen(path, "w");
    if (!out || fputs(text, out) < 0 || fclose(out) != 0)
        fail_msg("cannot write %s", path);
}

static void expect(const char *line, int status, const char *words) {
    int got = type(line);
    if (got != status || !strstr(said, words))
        fail_msg("%s: status %d, expected %d and \"%s\"\nstdout: %s\nstderr: %s", line, got, status,
                 words, said, warned);
}

#define HEAD "{\"block_tokens\": 16, \"pool_blocks\": 10, \"sequences\": "

static int set_up(void **state) {
    (void)state;
    if (!mkdtemp(folder) || tool_find("nanolab-kvmap", program, sizeof program) != 0)
        return -1;
    /* Runs 7 8, 3, 0 1. A block of 8 heads of 128 bf16 is 32 KiB. */
    put_file("small",
             HEAD "[{\"tokens\": 40, \"blocks\": [7, 8, 3]}, "
                  "{\"tokens\": 24, \"blocks\": [0, 1]}, {\"tokens\": 0, \"blocks\": []}]}");
    put_file("shared", HEAD "[{\"tokens\": 32, \"blocks\": [4, 9]}, "
                            "{\"tokens\": 40, \"blocks\": [4, 9, 2]}]}");
    put_file("empty", HEAD "[{\"tokens\": 0, \"blocks\": []}]}");
    put_file("twelve", "{\"block_tokens\": 12, \"pool_blocks\": 4, \"sequences\": "
                       "[{\"tokens\": 30, \"blocks\": [3, 1, 0]}]}");
    put_file("null", HEAD "[{\"tokens\": 64, \"blocks\": [0, 0, 2, 3]}]}");
    put_file("wide", "{\"block_tokens\": 528, \"pool_blocks\": 64, \"sequences\": "
                     "[{\"tokens\": 1000, \"blocks\": [3, 7]}]}");
    put_file("wider", "{\"block_tokens\": 7808, \"pool_blocks\": 58, \"sequences\": "
                      "[{\"tokens\": 12, \"blocks\": [3]}]}");
    put_file("huge", "{\"block_tokens\": 256, \"pool_blocks\": 120000, \"sequences\": "
                     "[{\"tokens\": 1, \"blocks\": [3]}]}");
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    char command[128];
    snprintf(command, sizeof command, "rm -rf %s", folder);
    return system(command);
}

static void known_answers(void **state) {
    (void)state;
    expect("$kvmap small", 0,
           "table      3 sequences, 64 tokens in 5 blocks of 16; 5 distinct, 50 %");
    assert_non_null(strstr(said, "a block is 32.0 KiB of keys"));
    /* 80 slots for 64 tokens. */
    assert_non_null(strstr(said, "waste      20 % of"));
    assert_non_null(strstr(said, "runs       3 (2 at the fewest) of 1.67 blocks in the mean, "
                                 "median 2, longest 2"));
    assert_non_null(strstr(said, "1            #################### 1\n"));
    assert_non_null(strstr(said, "2-3          ######################################## 2\n"));
    assert_non_null(strstr(said, "copies     3 to move"));
    assert_non_null(strstr(said, "pages      1 of 2 MiB in a pool of keys, 1 at the fewest"));
    /* Jumps of 0, 6 and 0 blocks. */
    assert_non_null(strstr(said, "64.0 KiB apart in the mean"));
    /* 2 × 64 tokens × 8 × 128 × 2 bytes. */
    assert_non_null(strstr(said, "bytes      256.0 KiB of keys and values"));
    expect("$kvmap - --heads 64 --element f32 --layout hnd <small", 0,
           "64 KV heads of 128 channels, f32, hnd: a block is 512.0 KiB");
    /* Ids 7, 8, 3, 0, 1 at four to a page: pages 0, 1 and 2. */
    assert_non_null(strstr(said, "pages      3 of 2 MiB in a pool of keys, 2 at the fewest: 1.5"));
    expect("$kvmap small --head 64 --heads 1", 0, "a block is 2.0 KiB");
    expect("$kvmap shared --shared", 0, "72 tokens in 5 blocks of 16; 3 distinct");
    assert_non_null(strstr(said, "288.0 KiB of keys and values in a decode step of a layer, "
                                 "160.0 KiB of them distinct"));
    expect("$kvmap twelve", 0, "30 tokens in 3 blocks of 12");
    expect("$kvmap empty", 0, "no sequence has a token");
    expect("$kvmap --help", 0, "exit status");
    expect("$kvmap --version", 0, "nanolab");
}

/* What engines have, and no kernel here: enough to be looked at. */
static void any_geometry_is_looked_at(void **state) {
    (void)state;
    expect("$kvmap wide", 0, "1000 tokens in 2 blocks of 528; 2 distinct");
    assert_non_null(strstr(said, "a block is 1.0 MiB of keys, and as much of values"));
    assert_non_null(strstr(said, "waste      5.3 % of"));
    expect("$kvmap wider", 0, "12 tokens in 1 blocks of 7808");
    assert_non_null(strstr(said, "pages      9 of 2 MiB in a pool of keys, 8 at the fewest"));
    for (int block = 512; block <= 784; block += 16) {
        char line[120];
        snprintf(line, sizeof line, "sed s/528/%d/ wide | $kvmap - --head 96", block);
        expect(line, 0, "channels, bf16, nhd: a block is");
    }
    expect("$kvmap small --head 256 --heads 65", 0, "65 KV heads of 256 channels");
    /* 64 tokens × 576 bytes: no values beside them. */
    expect("$kvmap small --heads 1 --head 576 --element fp8_e4m3 --latent", 0,
           "1 KV heads of 576 channels, fp8, nhd: a block is 9.0 KiB of latent vectors\n");
    assert_non_null(strstr(said, "bytes      36.0 KiB of latent vectors in a decode step"));
    expect("$kvmap small --element int8", 0, "a block is 16.0 KiB of keys");
    expect("$kvmap null --null-block 0", 0, "32 tokens in 2 blocks of 16");
    assert_non_null(strstr(said, "read       2 null blocks left out"));
    expect("echo '[[3, 7, 12, -1], [5, -1, -1, -1]]' | $kvmap - --block-tokens 16 --json", 0,
           "\"note\": \"no lengths, so every block named counts as full; no pool_blocks");
    assert_non_null(strstr(said, "\"tokens\": 64"));
}

static void json_that_reads_back(void **state) {
    (void)state;
    static const struct {
        const char *name;
        double value;
    } known[] = {
        {"sequences", 3},
        {"tokens", 64},
        {"blocks", 5},
        {"unique_blocks", 5},
        {"runs", 3},
        {"runs_fewest", 2},
        {"run_longest", 2},
        {"jump_mean_bytes", 65536},
        {"step_bytes", 262144},
        {"pages", 1},
        {"block_bytes", 32768},
        {"distinct_step_bytes", 262144},
        {"kv_heads", 8},
        {"page_switches", 0},
    };
    expect("$kvmap small --json", 0, "{");
    json_t *answer = json_loads(said, 0, NULL);
    assert_non_null(answer);
    for (size_t k = 0; k < sizeof known / sizeof known[0]; k++) {
        const json_t *value = json_object_get(answer, known[k].name);
        if (!json_is_number(value) || json_number_value(value) != known[k].value)
            fail_msg("%s is not %g: %s", known[k].name, known[k].value, said);
    }
    assert_int_equal(
        json_integer_value(json_array_get(json_object_get(answer, "run_lengths_log2"), 1)), 2);
    assert_null(json_object_get(answer, "same_bits"));
    json_decref(answer);
}

/* Every policy's table comes back, with all its tokens and nothing named twice. */
static void examples_can_be_read(void **state) {
    (void)state;
    static const char *const policies[] = {"", "fifo", "lifo", "address", "buddy"};
    for (size_t k = 0; k < sizeof policies / sizeof policies[0]; k++) {
        char line[100];
        snprintf(line, sizeof line, "$kvmap --example %s | $kvmap -", policies[k]);
        expect(line, 0, "16 sequences, 32640 tokens in 2048 blocks of 16; 2048 distinct");
    }
    expect("$kvmap --example lifo >a && $kvmap --example lifo | cmp a - && echo equal", 0, "equal");
    assert_int_equal(type("$kvmap --example fifo | cmp a -"), 1);
}

/* Only the form: a time is nobody's expectation. */
static void a_step_is_timed(void **state) {
    (void)state;
    expect("$kvmap small --time --device cpu --heads 2", 0, "bits       the same through this");
    assert_non_null(strstr(said, "time       on cpu"));
    assert_non_null(strstr(said, "ratio"));
    expect("$kvmap shared --shared --time --device cpu --json --element f16 --layout hnd", 0,
           "\"same_bits\": true");
    json_t *answer = json_loads(said, 0, NULL), *time = json_object_get(answer, "time");
    assert_true(json_real_value(json_object_get(time, "ratio")) > 0);
    assert_int_equal(json_array_size(json_object_get(time, "ratio_interval")), 2);
    assert_int_equal(json_array_size(json_object_get(time, "in_order_seconds")), 3);
    json_decref(answer);
}

static void simt_gives_bits_and_no_time(void **state) {
    (void)state;
    expect("$kvmap small --time --device simt --heads 2", 0, "bits       the same");
    assert_null(strstr(said, "time "));
    expect("$kvmap shared --shared --time --device simt --heads 1 --element f32 --json", 0,
           "\"same_bits\": true");
    assert_null(strstr(said, "seconds"));
    if (device_count(DEVICE_CUDA) > 0)
        expect("$kvmap small --time --device cuda", 0, "bits       the same");
    else
        assert_int_equal(type("$kvmap small --time --device cuda"), 77);
}

/* One line on stderr, nothing on stdout, exit status 2. */
static void every_bad_line_is_one_line(void **state) {
    (void)state;
    static const struct {
        const char *line, *words;
    } bad[] = {
        {"$kvmap", "a block table is missing"},
        {"$kvmap ''", "is empty"},
        {"$kvmap a b", "one table at a time"},
        {"$kvmap none", "cannot read none: No such file"},
        {"$kvmap .", ".: it cannot be read: Is a directory"},
        {"$kvmap - </dev/null", "standard input: there is no text"},
        {"printf '{\\000}' | $kvmap -", "byte 1 is NUL"},
        {"head -c 100000 $kvmap >program; $kvmap program", "program: byte"},
        {"head -c 100 small | $kvmap -", "see whether it is whole"},
        {"sed s/7/10/ small | $kvmap -",
         "standard input: sequence 0, block 0: id 10 is not in the pool; ids are 0 to 9"},
        {"sed s/7/2147483648/ small | $kvmap -", "id 2147483648 is not in the pool"},
        {"sed s/7/-1/ small | $kvmap -", "sequence 0, block 0: id -1"},
        {"sed s/7/7.0/ small | $kvmap -", "sequence 0, block 0: not a whole number"},
        {"sed s/40/49/ small | $kvmap -", "sequence 0: 49 tokens need 4 blocks of 16, not 3"},
        {"sed s/40/32/ small | $kvmap -", "leave the last ones out"},
        {"sed s/tokens.:.40/token/ small | $kvmap -", "column 65: no value behind this name"},
        {"sed s/sequences/rows/ small | $kvmap -", "no block table in it, only \"block_tokens\""},
        {"echo '[[3, 7, 12, -1]]' | $kvmap -", "give --block-tokens 16"},
        {"$kvmap small --block-tokens 32", "\"block_tokens\" is 16 and --block-tokens 32"},
        {"$kvmap small --block-tokens 2000000", "give 1 to 1048576"},
        {"$kvmap small --pool-blocks 4294967296", "give 1 to 2147483647"},
        {"$kvmap null", "(--shared; if 0 is vLLM's null block, --null-block 0)"},
        {"$kvmap wide --time --device cpu", "blocks of 528 tokens can be looked at, not timed; cut "
                                            "each into 33 of 16: block b becomes "
                                            "33 b to 33 b + 32"},
        {"$kvmap small --time --device cpu --head 96", "time --head 64 or 128"},
        {"$kvmap small --time --device cpu --heads 65", "time --heads 64 or fewer"},
        {"$kvmap small --time --device cpu --element fp8", "time --element f32, bf16 or f16"},
        {"$kvmap small --time --device cpu --latent", "--latent can be looked at, not timed"},
        {"$kvmap shared", "shared: sequence 1, block 0: id 4 is also block 0 of sequence 0"},
        {"$kvmap shared --time", "(--shared)"},
        {"$kvmap empty --time --device cpu", "no sequence has a token"},
        {"$kvmap twelve --time --device cpu", "cut each into 3 of 4: block b"},
        {"$kvmap huge --time --device cpu --heads 64", "GiB of keys"},
        {"$kvmap small --heads 0", "--heads is 0; give 1 to 1024"},
        {"$kvmap small --heads 1025", "give 1 to 1024"},
        {"$kvmap small --head 0", "give 1 to 65536"},
        {"$kvmap small --element f64", "f32, bf16, f16, fp8 or int8"},
        {"$kvmap small --layout vllm", "nhd or hnd"},
        {"$kvmap small --device cpu", "--device belongs to --time"},
        {"$kvmap small --time --device cpu,simt", "one device"},
        {"$kvmap small --time --device cup", "did you mean cpu?"},
        {"$kvmap small --jsn", "did you mean --json?"},
        {"$kvmap --example fifi", "did you mean fifo?"},
        {"$kvmap --example --time", "pipe it into nanolab kvmap -"},
        {"$kvmap --example zork", "give fifo, lifo, address or buddy"},
        {"$kvmap small >/dev/full", "standard output cannot be written"},
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        int status = type(bad[i].line);
        const char *newline = strchr(warned, '\n');
        if (status != 2 || said[0] || !newline || newline[1] || !strstr(warned, bad[i].words))
            fail_msg("%s: status %d, expected \"%s\"\nstdout: %s\nstderr: %s", bad[i].line, status,
                     bad[i].words, said, warned);
    }
}

/* As much of the pool as a quarter of any machine's memory is not. */
static void what_does_not_fit_is_refused_before_it_is_tried(void **state) {
    (void)state;
    struct device *cpu;
    assert_int_equal(device_open(&cpu, DEVICE_CPU, 0), 0);
    size_t available = device_memory_free(cpu);
    device_close(cpu);
    /* Blocks of 256 tokens of one head of 64 bf16: 32 KiB of keys, 64 GiB of them at the most. */
    size_t blocks = available / 2 >> 16;
    if (blocks > (size_t)2 << 20)
        skip();
    char text[200];
    snprintf(text, sizeof text,
             "{\"block_tokens\": 256, \"pool_blocks\": %zu, \"sequences\": "
             "[{\"tokens\": 1, \"blocks\": [3]}]}",
             blocks);
    put_file("large", text);
    assert_int_equal(type("$kvmap large --time --device cpu --heads 1 --head 64"), 2);
    assert_non_null(strstr(warned, "MiB of host memory, and a quarter of what is free is"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(known_answers),
        cmocka_unit_test(any_geometry_is_looked_at),
        cmocka_unit_test(json_that_reads_back),
        cmocka_unit_test(examples_can_be_read),
        cmocka_unit_test(a_step_is_timed),
        cmocka_unit_test(simt_gives_bits_and_no_time),
        cmocka_unit_test(every_bad_line_is_one_line),
        cmocka_unit_test(what_does_not_fit_is_refused_before_it_is_tried),
    };
    return cmocka_run_group_tests_name("kvmap", tests, set_up, tear_down);
}

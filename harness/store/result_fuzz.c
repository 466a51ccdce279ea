/*
 * result_fuzz.c: a libFuzzer target over everything that reads a result folder.
 *
 * The first byte of an input says which file the rest becomes, and whether its hashes are made to
 * fit first: without that, no input would ever get past them. The other files of the folder are
 * good ones. Then the folder is verified, and every case read through the accessors. What was
 * predicted is also written and read again, which must give the same; or it is refused in one
 * harmless line. How many such inputs there were, and how many were taken, is printed at the end.
 *
 * Build with clang -fsanitize=fuzzer,address and run with -max_total_time=… and
 * -print_final_stats=1 (libFuzzer prints the number of runs). No seed corpus is needed: the mutator
 * brings its own.
 */
#define _GNU_SOURCE /* memmem, nftw */
#include <ftw.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "harness/error.h"
#include "harness/lab/lab.h"
#include "harness/page/report.h"
#include "harness/store/checked.h"
#include "harness/store/predictions.h"
#include "harness/store/result.h"
#include "harness/store/seal_fixture.h"
#include "harness/store/sha.h"
#include "harness/store/verify.h"
#include "harness/text.h"

#define LAB "42-fuzz"
#define SIDE "0123456789abcdef0123456789abcdef.u8"

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max, unsigned seed);
size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t max);

enum target {
    JOURNAL_RAW,
    JOURNAL_SEALED,
    RUN_RAW,
    RUN_SEALED,
    CLAIMS,
    TABLE,
    PREDICTIONS,
    TARGETS
};

static char root[64];
static char dir[80];
static char claims_digest[SHA_TEXT], table_digest[SHA_TEXT];
static char journal_seed[8192];

static const char claims_seed[] =
    "{\"format\":2,\"lab\":\"" LAB "\",\"claims\":[{\"id\":\"S1\",\"claim\":\"x\",\"verdict\":"
    "\"bounded\",\"device\":\"cpu\",\"broken\":false,\"checked\":3,\"held\":2,\"against\":0,"
    "\"open\":1,\"control\":null,"
    "\"numbers\":[{\"what\":\"n\",\"unit\":\"s\",\"value\":1,\"low\":0.5,\"high\":null}],"
    "\"statement\":\"y\","
    "\"range\":\"z\",\"reason\":null,\"evidence\":[\"42/a\"]}]}\n";

static const char table_seed[] = "device\tn\ncpu\t1\nsimt\t2.5e-3\ncpu\t\n";

static const char run_seed[] =
    "{\n \"format\": 2,\n \"software\": {},\n \"machine\": {},\n \"fingerprint\": {},\n"
    " \"run\": {\"mode\": \"quick\", \"seed\": \"1\", \"device_list\": null, \"labs\": [\"" LAB
    "\"], \"label\": \"l\", \"arguments\": [\"a\"], \"start\": \"s\", \"end\": null, "
    "\"complete\": true}";

static const char predictions_seed[] =
    "{\"format\":1,\"predictions\":[{\"lab\":\"" LAB "\",\"version\":\"v\",\"asked\":"
    "\"2026-11-29T04:00:00Z\",\"answers\":[{\"id\":\"42.a\",\"question\":\"q\",\"unit\":\"1\","
    "\"low\":0.5,\"high\":4e2},{\"id\":\"42.b\",\"question\":\"q\",\"choice\":\"c\"},"
    "{\"id\":\"42.c\",\"question\":\"q\",\"answer\":null}]}]}\n";
static struct { size_t inputs, taken; } predicted;

static void write_file(const char *name, const void *data, size_t size) {
    char path[200];
    snprintf(path, sizeof path, "%s/%s", dir, name);
    FILE *file = fopen(path, "wb");
    if (!file || fwrite(data, 1, size, file) != size || fclose(file) != 0) {
        perror(path);
        abort();
    }
}

static void write_sealed_journal(const char *text, size_t size) {
    char *out = seal_journal(text, size, &size);
    write_file(LAB "/cases.jsonl", out, size);
    free(out);
}

static void write_sealed_run(const char *text, size_t size) {
    char *out = seal_run(text, size, &size);
    write_file("run.json", out, size);
    free(out);
}

static int remove_entry(const char *path, const struct stat *status, int type, struct FTW *ftw) {
    (void)status, (void)type, (void)ftw;
    return remove(path);
}

static void remove_root(void) {
    printf("fuzz: predictions.json: %zu inputs, %zu of them taken\n", predicted.inputs,
           predicted.taken);
    nftw(root, remove_entry, 8, FTW_DEPTH | FTW_PHYS);
}

/* The good folder must be found good, or no input would get anywhere. */
static void check_seeds(void) {
    for (enum target target = JOURNAL_SEALED; target < TARGETS; target++) {
        const char *text = target == CLAIMS           ? claims_seed
                           : target == TABLE          ? table_seed
                           : target == PREDICTIONS    ? predictions_seed
                           : target == JOURNAL_SEALED ? journal_seed
                                                      : run_seed;
        size_t size = strlen(text) + 1;
        uint8_t *whole = malloc(size);
        whole[0] = (uint8_t)target;
        memcpy(whole + 1, text, size - 1);
        LLVMFuzzerTestOneInput(whole, size);
        free(whole);
        if (target != RUN_RAW && verify_folder(dir, NULL) != 0) {
            fprintf(stderr, "seed %d: %s\n", (int)target, error_text());
            abort();
        }
    }
}

int LLVMFuzzerInitialize(int *argc, char ***argv) {
    (void)argc, (void)argv;
    char path[200], side[3] = "abc", side_digest[SHA_TEXT];
    bool memory = access("/dev/shm", W_OK) == 0;
    snprintf(root, sizeof root, "%s/nanolab-fuzz-XXXXXX", memory ? "/dev/shm" : "/tmp");
    if (!mkdtemp(root))
        abort();
    atexit(remove_root);
    snprintf(dir, sizeof dir, "%s/run", root);
    mkdir(dir, 0777);
    snprintf(path, sizeof path, "%s/" LAB, dir);
    mkdir(path, 0777);
    snprintf(path, sizeof path, "%s/" LAB "/side", dir);
    mkdir(path, 0777);
    write_file(LAB "/side/" SIDE, side, sizeof side);
    sha_bytes(side, sizeof side, side_digest);
    sha_bytes(claims_seed, sizeof claims_seed - 1, claims_digest);
    sha_bytes(table_seed, sizeof table_seed - 1, table_digest);
    snprintf(
        journal_seed, sizeof journal_seed,
        "{\"record\":\"start\",\"format\":2,\"lab\":\"" LAB "\",\"mode\":\"quick\",\"seed\":\"1\","
        "\"bits\":[\"cpu\"],\"time\":[],\"started\":\"t\",\"fingerprint\":{}}\n"
        "{\"record\":\"case\",\"id\":\"42/a\",\"device\":\"cpu\",\"params\":{\"n\":1,\"t\":\"x\"},"
        "\"counters\":{\"c\":null,\"r\":{\"value\":1,\"low\":0.5,\"high\":2}},"
        "\"rows\":[{\"a\":\"x\",\"b\":1}],\"group\":{\"id\":\"42\",\"entrant\":0,\"of\":1},"
        "\"plan\":null,\"bench\":{\"calls\":3},\"state\":null,\"series\":"
        "["
        "{\"name\":\"time\",\"unit\":\"s\",\"kind\":\"time\",\"n\":2,\"values\":[1e-3,null]},"
        "{\"name\":\"b\",\"unit\":\"bits\",\"kind\":\"bits\",\"n\":1,\"width\":16,"
        "\"values\":[\"3f80\"]},"
        "{\"name\":\"s\",\"unit\":\"bits\",\"kind\":\"bits\",\"n\":3,\"width\":8,\"file\":\"" SIDE
        "\",\"sha256\":\"%s\"},"
        "{\"name\":\"c\",\"unit\":\"1\",\"kind\":\"count\",\"n\":1,\"values\":[9]},"
        "{\"name\":\"h\",\"unit\":\"ulp\",\"kind\":\"histogram\",\"n\":1,\"edges\":[0,1],"
        "\"bins\":[5]},"
        "{\"name\":\"t\",\"unit\":\"tree\",\"kind\":\"tree\",\"n\":1,\"values\":[\"(0 1)\"]}]}\n"
        "{\"record\":\"note\",\"text\":\"n\"}\n"
        "{\"record\":\"resume\",\"started\":\"t\",\"dropped_bytes\":0}\n"
        "{\"record\":\"end\",\"cases\":1,\"previous\":\"%s\",\"files\":{\"claims.json\":\"%s\","
        "\"table.tsv\":\"%s\"}}\n",
        side_digest, SHA_ZEROS, claims_digest, table_digest);
    check_seeds();
    return 0;
}

static double sum; /* so that no read is optimised away */

static int read_all(void *context, const json_t *record) {
    (void)context;
    const json_t *list = json_object_get(record, "series");
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *series = json_array_get(list, i);
        size_t n = case_series_length(series);
        for (size_t k = 0; k <= n && k < 10; k++)
            sum += case_series_real_at(series, k) + (double)case_series_bits_at(series, k);
        sum += (double)case_series_bits_at(series, n);
    }
    struct rows rows;
    json_t *all = json_pack("[O]", record);
    if (rows_from(all, &rows) == 0) {
        struct rows some = rows_select(&rows, "42/", "n=1");
        rows_sort(&rows, "a;n;r");
        for (size_t k = 0; k < rows.count; k++)
            sum += row_number(&rows, k, "n") + row_ratio(&rows, k, "r").low +
                   (double)(row_bits(&rows, k, "a") + row_series_distinct(&rows, k, "b")) +
                   (row_text(&rows, k, "t")[0] != 0) + (double)some.count;
        rows_free(&some);
        rows_free(&rows);
    }
    json_decref(all);
    sum += case_series(record, "time") != NULL;
    return 0;
}

/* The good journal, whose end record seals what the input became. */
static void write_good_journal(enum target target, const char *text, size_t size) {
    char *journal = strdup(journal_seed), digest[SHA_TEXT];
    sha_bytes(text, size, digest);
    if (target == CLAIMS)
        memcpy(strstr(journal, claims_digest), digest, SHA_DIGITS);
    if (target == TABLE)
        memcpy(strstr(journal, table_digest), digest, SHA_DIGITS);
    write_sealed_journal(journal, strlen(journal));
    free(journal);
}

/* What report and plot do with a folder that is sound: verdicts as a table, tables as data. */
static void show(const struct checked_lab *lab) {
    struct claim_table claims;
    struct table table;
    char *out_text = NULL;
    size_t length;
    FILE *out = open_memstream(&out_text, &length);
    if (claim_table_make(lab->claims, &claims) == 0) {
        report_verdicts(&claims, out);
        report_claim_by_claim(&claims, out);
    }
    claim_table_free(&claims);
    if (reader_seals(lab->reader, "table.tsv") &&
        table_read(&lab->reader->folder, "table.tsv", &table) == 0) {
        struct legend_data data = {.number = 1, .table = "table"};
        struct table_extent extent;
        report_table(&table, json_object_get(lab->reader->start, "quantities"), 20, out);
        if (strlen(table_cell(&table, 0, 0)) < LEGEND_WORD) {
            strcpy(data.columns.name[0], table_cell(&table, 0, 0));
            data.columns.count = 1;
            table_write_blocks(&table, &data, out, &extent);
        }
        table_free(&table);
    }
    fclose(out);
    free(out_text);
}

/* What a folder's predictions.json became. */
static void check_predicted(const struct checked *checked) {
    struct folder folder;
    json_t *again = NULL;
    predicted.inputs++;
    if (*checked->predictions_wrong) {
        char plain[sizeof checked->predictions_wrong];
        text_plain(plain, sizeof plain, checked->predictions_wrong);
        if (checked->predictions || strcmp(plain, checked->predictions_wrong) != 0)
            abort();
        return;
    }
    if (!checked->predictions)
        abort();
    predicted.taken++;
    if (folder_open(&folder, dir) != 0 ||
        predictions_write(&folder, PREDICTIONS_FILE, checked->predictions) != 0 ||
        predictions_read(&folder, PREDICTIONS_FILE, &again) != 0 ||
        !json_equal(again, checked->predictions)) {
        fprintf(stderr, "%s\n", error_text());
        abort();
    }
    folder_close(&folder);
    const json_t *answers = json_object_get(predictions_of(again, LAB), "answers"), *one;
    size_t k;
    json_array_foreach(answers, k, one) {
        if (predictions_answer(predictions_of(again, LAB),
                               json_string_value(json_object_get(one, "id"))) != one)
            abort();
    }
    json_decref(again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    enum target target = size ? data[0] % TARGETS : JOURNAL_RAW;
    const char *text = (const char *)data + (size > 0);
    size -= size > 0;
    if (target == RUN_RAW)
        write_file("run.json", text, size);
    else if (target == RUN_SEALED)
        write_sealed_run(text, size);
    else
        write_sealed_run(run_seed, sizeof run_seed - 1);
    if (target == JOURNAL_RAW)
        write_file(LAB "/cases.jsonl", text, size);
    else if (target == JOURNAL_SEALED)
        write_sealed_journal(text, size);
    else
        write_good_journal(target, text, size);
    write_file(LAB "/claims.json", target == CLAIMS ? text : claims_seed,
               target == CLAIMS ? size : sizeof claims_seed - 1);
    write_file(LAB "/table.tsv", target == TABLE ? text : table_seed,
               target == TABLE ? size : sizeof table_seed - 1);
    write_file(PREDICTIONS_FILE, target == PREDICTIONS ? text : predictions_seed,
               target == PREDICTIONS ? size : sizeof predictions_seed - 1);

    json_t *summary = NULL;
    struct result_recorded recorded;
    struct reader *reader;
    if (verify_folder(dir, &summary) == 0)
        json_decref(summary);
    result_recorded(dir, LAB, &recorded);
    struct checked *checked;
    if (checked_open(&checked, dir) == 0) {
        for (size_t k = 0; k < checked->lab_count; k++)
            show(&checked->labs[k]);
        if (target == PREDICTIONS)
            check_predicted(checked);
        checked_close(checked);
    }
    if (reader_open(&reader, dir, LAB, NULL) == 0) {
        reader_cases(reader, "", NULL, read_all, NULL);
        reader_close(reader);
    }
    return 0;
}

/* Starts from a good file now and then, else mutates what there is. */
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max, unsigned seed) {
    const char *text = NULL;
    if (size < 2 || seed % 257 == 0) {
        enum target target = (seed >> 9) % TARGETS;
        text = target == CLAIMS        ? claims_seed
               : target == TABLE       ? table_seed
               : target == PREDICTIONS ? predictions_seed
               : target >= RUN_RAW     ? run_seed
                                       : journal_seed;
        if (strlen(text) + 1 > max)
            return LLVMFuzzerMutate(data, size, max);
        size = strlen(text) + 1;
        data[0] = (uint8_t)target;
        memcpy(data + 1, text, size - 1);
        if (seed >> 20 & 1)
            return size;
    }
    /* Another digit or letter leaves it JSON, so that it comes further. */
    if (size > 1 && data[0] % TARGETS == PREDICTIONS && seed % 3 == 0) {
        uint8_t *at = data + 1 + (seed >> 8) % (size - 1);
        if (*at >= '0' && *at <= '9')
            *at = (uint8_t)('0' + (seed >> 4) % 10);
        else if (*at >= 'a' && *at <= 'z')
            *at = (uint8_t)('a' + (seed >> 4) % 26);
        return size;
    }
    if (size > 1 && seed % 5)
        return 1 + LLVMFuzzerMutate(data + 1, size - 1, max - 1);
    return LLVMFuzzerMutate(data, size, max);
}

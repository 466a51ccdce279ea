/*
 * compare_fuzz.c: a libFuzzer target over everything that `nanolab compare` reads as a side: result
 * folders, archives, Google Benchmark's JSON, nvbench's JSON and its samples.
 *
 * The first byte of an input says which of those the rest becomes; what it needs beside it is good.
 * The side is compared with a good one, in both orders, and told as text, JSON and Markdown.
 * Besides not crashing: whatever is refused is refused in one harmless line; the text for a
 * terminal holds no control and nothing invisible; the JSON is JSON; and nothing unpacked is left.
 *
 * At its end it prints how many inputs each reader had, and how many of them it accepted. Build and
 * run: see result_fuzz.c. No seed corpus is needed.
 */
#define _GNU_SOURCE /* memmem, nftw */
#include <dirent.h>
#include <ftw.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zip.h>

#include "harness/compare/compare_explain.h"
#include "harness/compare/compare_page.h"
#include "harness/compare/compare_text.h"
#include "harness/error.h"
#include "harness/store/pack.h"
#include "harness/store/seal_fixture.h"
#include "harness/text.h"

#define LAB "42-fuzz"

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max, unsigned seed);
size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t max);

enum target { JOURNAL, RUN, GOOGLE, NVBENCH, SAMPLES, ARCHIVE, MANIFEST, TARGETS };
static const char *const names[TARGETS] = {
    "journal",           "run.json", "Google Benchmark's JSON", "nvbench's JSON",
    "nvbench's samples", "archive",  "archive's manifest"};

static struct { size_t inputs, accepted; } counts[TARGETS];

static char root[64], path_of_archive[100], path_of_file[100], path_of_run[100];
static struct compare_side good;
static char *archive_seed, *manifest_seed, *top;
static size_t archive_size;

static const char journal_seed[] =
    "{\"record\":\"start\",\"format\":2,\"lab\":\"" LAB "\",\"mode\":\"quick\",\"seed\":\"1\","
    "\"bits\":[\"cpu\"],\"time\":[\"cpu\"],\"started\":\"t\",\"fingerprint\":{\"kernel_binary\":"
    "\"" SHA_ZEROS "\"},\"software\":{\"changes\":1,\"kernels\":{\"code\":{\"sum/sum_cpu.c\":"
    "\"0123456789abcdef\",\"sum/sum.cu:sm_90\":\"0\"},\"used\":{\"42/a\":\"sum/\"},\"always\":"
    "\"rng/\"}},\"quantities\":{\"a\":{\"unit\":\"bits\",\"what\":\"w\"}}}\n"
    "{\"record\":\"case\",\"id\":\"42/a\",\"device\":\"cpu\",\"params\":{\"n\":1,\"a\":\"x\"},"
    "\"counters\":{\"roof fraction\":{\"value\":0.5,\"low\":0.4,\"high\":0.6}},"
    "\"rows\":[{\"a\":\"3f80\",\"b\":1}],\"plan\":{\"tile\":[1,2],\"kind\":\"k\"},"
    "\"bench\":{\"calls\":3,\"median\":1e-3},\"state\":{\"before\":{\"throttle\":[\"idle\"]},"
    "\"after\":{\"throttle\":[\"power\"]}},\"clock\":{\"median\":3e9},\"energy\":{\"joules\":2,"
    "\"watts\":3},\"series\":["
    "{\"name\":\"time\",\"unit\":\"s\",\"kind\":\"time\",\"n\":2,\"values\":[1e-3,2e-3]},"
    "{\"name\":\"b\",\"unit\":\"bits\",\"kind\":\"bits\",\"n\":1,\"width\":16,\"values\":[\"3f80\"]"
    "}"
    ",{\"name\":\"t\",\"unit\":\"tree\",\"kind\":\"tree\",\"n\":1,\"values\":[\"(0 1)\"]}]}\n"
    "{\"record\":\"case\",\"id\":\"42/b\",\"device\":\"cpu\",\"params\":{},\"counters\":{},"
    "\"plan\":null,\"bench\":{\"median\":2e-3},\"group\":{\"id\":\"g\",\"entrant\":0,\"of\":1},"
    "\"series\":[]}\n"
    "{\"record\":\"case\",\"id\":\"42/s/n=9/plan=f32.acc32.plain.l8.u2.s2.e512.pf0.t2.accs-serial."
    "lanes-halves.join-serial\",\"device\":\"cpu\",\"params\":{\"n\":9,\"type\":\"f32\"},"
    "\"counters\":{},\"plan\":{\"acc\":\"acc32\",\"method\":\"plain\",\"lanes\":8},\"series\":["
    "{\"name\":\"b\",\"unit\":\"bits\",\"kind\":\"bits\",\"n\":1,\"width\":32,\"values\":["
    "\"00000001\"]"
    "}]}\n";

static const char run_seed[] =
    "{\n \"format\": 2,\n \"software\": {\"version\": \"v\", \"dirty\": true},\n \"machine\": "
    "{\"cpu\": {\"model\": \"m\"}, \"gpus\": [{\"name\": \"g\", \"driver\": \"d\"}]},\n"
    " \"fingerprint\": {},\n \"run\": {\"mode\": \"quick\", \"seed\": \"1\", \"device_list\": null,"
    " \"labs\": [\"" LAB
    "\"], \"label\": \"l\", \"arguments\": [\"a\"], \"start\": \"s\", \"end\": "
    "null, \"complete\": false}";

static const char google_seed[] =
    "{\"context\":{\"date\":\"d\",\"executable\":\"42-fuzz\"},\"benchmarks\":["
    "{\"name\":\"42/a/cpu\",\"run_name\":\"42/a/cpu\",\"run_type\":\"iteration\",\"repetitions\":2,"
    "\"iterations\":3,\"real_time\":1.5e+02,\"cpu_time\":1,\"time_unit\":\"us\"},"
    "{\"name\":\"42/a/cpu/other\",\"real_time\":2,\"time_unit\":\"ms\"},"
    "{\"name\":\"BM_x_mean\",\"run_name\":\"BM_x\",\"run_type\":\"aggregate\",\"aggregate_name\":"
    "\"mean\",\"aggregate_unit\":\"time\",\"real_time\":2,\"time_unit\":\"s\"},"
    "{\"name\":\"BM_e\",\"error_occurred\":true,\"real_time\":0,\"time_unit\":\"ns\"}]}\n";

static const char nvbench_seed[] =
    "{\"meta\":{\"argv\":[],\"version\":{\"json\":{\"major\":1}}},\"devices\":[{\"id\":0,\"name\":"
    "\"NVIDIA "
    "H100\"},{\"id\":1,\"name\":\"cpu\"}],\"benchmarks\":[{\"name\":\"copy\",\"axes\":null,"
    "\"states\":[{\"device\":0,\"axis_values\":[{\"name\":\"N\",\"type\":\"int64\",\"value\":\"8\"}"
    "],"
    "\"summaries\":[{\"tag\":\"nv/json/bin:nv/cold/sample_times\",\"data\":[{\"name\":\"filename\","
    "\"value\":\"bin/0.bin\"},{\"name\":\"size\",\"value\":\"2\"}]},{\"tag\":"
    "\"nv/cold/time/gpu/mean\",\"data\":[{\"name\":\"value\",\"value\":\"1e-3\"}]}],"
    "\"is_skipped\":false},{\"device\":1,\"axis_values\":[{\"name\":\"case\",\"value\":\"42/a\"}],"
    "\"summaries\":[{\"tag\":\"nv/cold/time/gpu/median\",\"data\":[{\"name\":\"value\",\"value\":"
    "2e-3}]}]},{\"device\":null,\"summaries\":[{\"tag\":\"nv/cpu_only/time/cpu/mean\",\"data\":[{"
    "\"name\":\"value\",\"value\":\"3\"}]}],\"axis_values\":null},{\"device\":0,\"is_skipped\":"
    "true}"
    "]}]}\n";

static const float sample_seed[2] = {1e-3f, 2e-3f};

static void write_file(const char *name, const void *data, size_t size) {
    char path[200];
    snprintf(path, sizeof path, "%s/%s", root, name);
    FILE *file = fopen(path, "wb");
    if (!file || fwrite(data, 1, size, file) != size || fclose(file) != 0) {
        perror(path);
        abort();
    }
}

static void write_sealed(const char *name, char *(*seal)(const char *, size_t, size_t *),
                         const char *text, size_t size) {
    char *out = seal(text, size, &size);
    write_file(name, out, size);
    free(out);
}

static char *read_whole(const char *path, size_t *size) {
    FILE *file = fopen(path, "rb");
    char *data = malloc(1 << 16);
    if (!file || !data)
        abort();
    *size = fread(data, 1, (1 << 16) - 1, file);
    data[*size] = '\0';
    fclose(file);
    return data;
}

static int remove_entry(const char *path, const struct stat *status, int type, struct FTW *ftw) {
    (void)status, (void)type, (void)ftw;
    return remove(path);
}

static void end(void) {
    compare_side_close(&good);
    nftw(root, remove_entry, 8, FTW_DEPTH | FTW_PHYS);
    free(archive_seed);
    free(manifest_seed);
    free(top);
    for (int k = 0; k < TARGETS; k++)
        fprintf(stderr, "fuzz: %-24s %9zu inputs %9zu accepted %9zu refused\n", names[k],
                counts[k].inputs, counts[k].accepted, counts[k].inputs - counts[k].accepted);
}

/* --- archives ----------------------------------------------------------------------------------
 */

static void add(zip_t *zip, const char *name, const char *data, size_t size) {
    char whole[200];
    snprintf(whole, sizeof whole, "%s/%s", top, name);
    zip_source_t *source = zip_source_buffer(zip, data, size, 0);
    zip_int64_t index = source ? zip_file_add(zip, whole, source, 0) : -1;
    if (index < 0)
        abort();
    zip_file_set_external_attributes(zip, (zip_uint64_t)index, 0, ZIP_OPSYS_UNIX,
                                     (zip_uint32_t)(S_IFREG | 0644) << 16);
}

/* The good folder's files behind any manifest. */
static void write_archive(const char *manifest, size_t size) {
    static const char *const files[] = {LAB "/cases.jsonl", "run.json"};
    char path[200], *data[2];
    int error;
    zip_t *zip = zip_open(path_of_archive, ZIP_CREATE | ZIP_TRUNCATE, &error);
    if (!zip)
        abort();
    add(zip, PACK_MANIFEST, manifest, size);
    for (int k = 0; k < 2; k++) {
        size_t bytes;
        snprintf(path, sizeof path, "%s/%s", path_of_run, files[k]);
        data[k] = read_whole(path, &bytes);
        add(zip, files[k], data[k], bytes);
    }
    if (zip_close(zip) != 0)
        abort();
    free(data[0]);
    free(data[1]);
}

/* What `nanolab pack` makes of the good folder: its bytes, its manifest, the name of its folder. */
static void make_archive(void) {
    struct pack pack;
    int error;
    if (pack_folder(path_of_run, path_of_archive, &pack) != 0) {
        fprintf(stderr, "%s\n", error_text());
        abort();
    }
    archive_seed = read_whole(path_of_archive, &archive_size);
    zip_t *zip = zip_open(path_of_archive, ZIP_RDONLY, &error);
    zip_stat_t stat;
    if (!zip || zip_stat_index(zip, 0, 0, &stat) != 0)
        abort();
    top = strndup(stat.name, strcspn(stat.name, "/"));
    manifest_seed = calloc(1, (size_t)stat.size + 1);
    zip_file_t *entry = zip_fopen_index(zip, 0, 0);
    if (!top || !manifest_seed || !entry ||
        zip_fread(entry, manifest_seed, stat.size) != (zip_int64_t)stat.size)
        abort();
    zip_fclose(entry);
    zip_discard(zip);
}

/* --- the target --------------------------------------------------------------------------------
 */

static const char *seed_of(enum target target, size_t *size) {
    static const struct {
        const char *text;
        size_t size;
    } seeds[] = {[JOURNAL] = {journal_seed, sizeof journal_seed - 1},
                 [RUN] = {run_seed, sizeof run_seed - 1},
                 [GOOGLE] = {google_seed, sizeof google_seed - 1},
                 [NVBENCH] = {nvbench_seed, sizeof nvbench_seed - 1},
                 [SAMPLES] = {(const char *)sample_seed, sizeof sample_seed}};
    *size = target == ARCHIVE    ? archive_size
            : target == MANIFEST ? strlen(manifest_seed)
                                 : seeds[target].size;
    return target == ARCHIVE    ? archive_seed
           : target == MANIFEST ? manifest_seed
                                : seeds[target].text;
}

static void write_good_run(void) {
    write_sealed("run/" LAB "/cases.jsonl", seal_journal, journal_seed, sizeof journal_seed - 1);
    write_sealed("run/run.json", seal_run, run_seed, sizeof run_seed - 1);
}

/* Every seed must be found good, or no input would get anywhere. */
static void check_seeds(void) {
    for (enum target target = JOURNAL; target < TARGETS; target++) {
        size_t size, before = counts[target].accepted;
        const char *text = seed_of(target, &size);
        uint8_t *whole = malloc(size + 1);
        if (!whole)
            abort();
        whole[0] = (uint8_t)target;
        memcpy(whole + 1, text, size);
        LLVMFuzzerTestOneInput(whole, size + 1);
        free(whole);
        if (counts[target].accepted == before) {
            fprintf(stderr, "seed %s: %s\n", names[target], error_text());
            abort();
        }
    }
}

int LLVMFuzzerInitialize(int *argc, char ***argv) {
    (void)argc, (void)argv;
    static const char *const folders[] = {"run", "run/" LAB, "bin", "private"};
    char path[200];
    bool memory = access("/dev/shm", W_OK) == 0;
    snprintf(root, sizeof root, "%s/nanolab-fuzz-XXXXXX", memory ? "/dev/shm" : "/tmp");
    if (!mkdtemp(root))
        abort();
    for (size_t k = 0; k < sizeof folders / sizeof *folders; k++) {
        snprintf(path, sizeof path, "%s/%s", root, folders[k]);
        mkdir(path, 0777);
    }
    setenv("TMPDIR", path, 1);
    snprintf(path_of_run, sizeof path_of_run, "%s/run", root);
    snprintf(path_of_archive, sizeof path_of_archive, "%s/a.zip", root);
    snprintf(path_of_file, sizeof path_of_file, "%s/a.json", root);
    write_good_run();
    make_archive();
    if (compare_side_open(&good, path_of_run) != 0) {
        fprintf(stderr, "%s\n", error_text());
        abort();
    }
    atexit(end);
    check_seeds();
    return 0;
}

/* One line or more of visible characters. */
static void check_visible(const char *text, bool lines) {
    for (const char *at = text; *at;) {
        size_t n = lines && *at == '\n' ? 1 : text_visible(at);
        if (n == 0) {
            fprintf(stderr, "not fit for a terminal: %s\n", text);
            abort();
        }
        at += n;
    }
}

static void tell(const struct compare *c) {
    struct compare_page page = {.sections = {{.c = c, .letter = "B"}}, .count = 1};
    char *text = NULL;
    size_t size;
    for (int how = 0; how < 3; how++) {
        FILE *out = open_memstream(&text, &size);
        if (!out)
            abort();
        if (how == 0 && c->explained_count > 0)
            compare_explained_print(c->explained, COMPARE_WIDTH, out);
        if (how == 0   ? compare_print(c, out)
            : how == 1 ? compare_json_print(c, out)
                       : compare_markdown(&page, out))
            abort();
        fclose(out);
        json_t *json = how == 1 ? json_loadb(text, size, 0, NULL) : NULL;
        if (how == 1 && !json)
            abort();
        json_decref(json);
        if (how == 0)
            check_visible(text, true);
        free(text);
    }
}

static void compare_with_good(const struct compare_side *side) {
    const struct compare_rule rule = compare_rule_default();
    for (int k = 0; k < 2; k++) {
        struct compare c;
        if (compare_open(&c, k ? side : &good, k ? &good : side, &rule, NULL) != 0)
            abort();
        /* What is read again of the good side may be the input by now. */
        const struct compare_pair *last = c.count > 0 ? &c.pairs[c.count - 1] : NULL;
        if (last && compare_explain_add(&c, &last, 1) != 0)
            check_visible(error_text(), false);
        tell(&c);
        compare_close(&c);
    }
}

static void check_nothing_left(void) {
    struct dirent *entry;
    DIR *list = opendir(getenv("TMPDIR"));
    while (list && (entry = readdir(list)))
        if (entry->d_name[0] != '.')
            abort();
    if (list)
        closedir(list);
}

/* Which side the input became. */
static const char *write_input(enum target target, const char *text, size_t size) {
    if (target == JOURNAL || target == RUN) {
        if (target == JOURNAL)
            write_sealed("run/" LAB "/cases.jsonl", seal_journal, text, size);
        else
            write_sealed("run/run.json", seal_run, text, size);
        return path_of_run;
    }
    if (target == ARCHIVE || target == MANIFEST) {
        if (target == ARCHIVE)
            write_file("a.zip", text, size);
        else
            write_archive(text, size);
        return path_of_archive;
    }
    if (target == SAMPLES)
        write_file("bin/0.bin", text, size);
    else
        write_file("bin/0.bin", sample_seed, sizeof sample_seed);
    if (target == SAMPLES)
        write_file("a.json", nvbench_seed, sizeof nvbench_seed - 1);
    else
        write_file("a.json", text, size);
    return path_of_file;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct compare_side side;
    if (size == 0)
        return 0;
    enum target target = data[0] % TARGETS;
    const char *path = write_input(target, (const char *)data + 1, size - 1);
    counts[target].inputs++;
    if (compare_side_open(&side, path) == 0) {
        counts[target].accepted++;
        compare_with_good(&side);
    } else {
        if (!*error_text())
            abort();
        check_visible(error_text(), false);
    }
    compare_side_close(&side);
    check_nothing_left();
    if (path == path_of_run)
        write_good_run();
    return 0;
}

/* Other digits and letters in a few places, which leave a text what it is: JSON, mostly. */
static void change_gently(uint8_t *text, size_t size, unsigned seed) {
    static const char letters[] = "abkmnsu/_.=- #:%<>|&*";
    for (unsigned k = 0; k <= seed % 4; k++) {
        seed = seed * 1664525u + 1013904223u;
        uint8_t *at = text + (seed >> 8) % size;
        if (*at >= '0' && *at <= '9')
            *at = (uint8_t)('0' + (seed >> 4) % 10);
        else if (*at >= 'a' && *at <= 'z')
            *at = (uint8_t)letters[(seed >> 3) % (sizeof letters - 1)];
    }
}

/* Starts from a good file now and then, else changes what there is. */
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max, unsigned seed) {
    if (size < 2 || seed % 17 == 0) {
        enum target target = (enum target)((seed >> 9) % TARGETS);
        size_t length;
        const char *text = seed_of(target, &length);
        if (length + 1 > max)
            return LLVMFuzzerMutate(data, size, max);
        data[0] = (uint8_t)target;
        memcpy(data + 1, text, length);
        size = length + 1;
    }
    if (size > 1 && seed % 3 == 0) {
        change_gently(data + 1, size - 1, seed);
        return size;
    }
    if (size > 1 && seed % 5)
        return 1 + LLVMFuzzerMutate(data + 1, size - 1, max - 1);
    return LLVMFuzzerMutate(data, size, max);
}

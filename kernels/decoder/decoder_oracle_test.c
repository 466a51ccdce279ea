/*
 * decoder_oracle_test.c: others' code reads the same file: logits by the gguf package and numpy,
 * tokens by Hugging Face's tokenizers. Skipped by name where the weights or these are not there:
 * scripts/fetch-model, and python3 -m venv V; V/bin/pip install gguf numpy tokenizers, and
 * NANOLAB_PYTHON=V/bin/python.
 */
#include <jansson.h>
#include <math.h>
#include <sys/stat.h>
#include <unistd.h>

#include "kernels/decoder/decoder_fixture.h"
#include "kernels/decoder/decoder_text.h"

static struct fixture real;
static const char *model_path;
static char folder[] = "/tmp/nanolab-oracle-XXXXXX";

static int open_real(void **state) {
    (void)state;
    model_path = real_path();
    if (!mkdtemp(folder))
        return -1;
    if (model_path) {
        char why[GGUF_WHY] = "";
        struct gguf *file;
        if (gguf_open(&file, model_path, why) != 0)
            fail_msg("%s", why);
        fixture_open(&real, file);
    }
    return 0;
}
static int close_real(void **state) {
    (void)state;
    char command[100];
    fixture_close(&real);
    snprintf(command, sizeof command, "rm -rf %s", folder);
    return system(command) == 0 ? 0 : -1;
}

/* Runs the oracle; false, and why on stdout, where it is not there. */
static bool oracle(const char *arguments) {
    const char *python = getenv("NANOLAB_PYTHON");
    char command[4096];
    if (!model_path) {
        printf("no weights: scripts/fetch-model brings them\n");
        return false;
    }
    snprintf(command, sizeof command, "%s kernels/decoder/decoder_oracle.py %s",
             python && *python ? python : "python3", arguments);
    int status = system(command);
    if (WIFEXITED(status) && WEXITSTATUS(status) == 77)
        return false;
    assert_int_equal(status, 0);
    return true;
}

static void logits_are_numpys(void **state) {
    (void)state;
    char arguments[3000], out[64], why[GGUF_WHY] = "";
    struct bpe_tokens prompt = {0};
    if (model_path)
        assert_int_equal(bpe_chat(real.bpe, NULL, decoder_question(0)->text, &prompt, why), 0);
    snprintf(out, sizeof out, "%s/logits", folder);
    snprintf(arguments, sizeof arguments, "logits %s %s", model_path ? model_path : "", out);
    for (size_t i = 0; i < prompt.count; i++)
        snprintf(arguments + strlen(arguments), sizeof arguments - strlen(arguments), " %u",
                 prompt.id[i]);
    if (!oracle(arguments)) {
        bpe_tokens_free(&prompt);
        skip();
    }
    const size_t vocabulary = real.decoder->vocabulary, n = prompt.count * vocabulary;
    double *theirs = malloc(n * sizeof *theirs), most = 0;
    float *ours = malloc(n * sizeof *ours);
    FILE *in = fopen(out, "rb");
    assert_true(theirs && ours && in);
    assert_int_equal(fread(theirs, sizeof *theirs, n, in), n);
    fclose(in);
    struct decoder_row *row = calloc(prompt.count, sizeof *row);
    for (unsigned i = 0; i < prompt.count; i++)
        row[i] = (struct decoder_row){prompt.id[i], 0, i, true};
    struct decoder_cache cache;
    struct decoder_step step = {.decoder = real.decoder,
                                .cache = &cache,
                                .plan = decoder_plan_default(),
                                .engine = decoder_engine_best(),
                                .threads = 2,
                                .row = row,
                                .rows = (unsigned)prompt.count};
    step.plan.rounding = DECODER_F32;
    assert_int_equal(
        decoder_cache_open(&cache, real.decoder, DECODER_F32, 1, (unsigned)prompt.count, why), 0);
    if (decoder_run(&step, ours, why) != 0)
        fail_msg("%s", why);
    for (size_t r = 0; r < prompt.count; r++) {
        double low = INFINITY, high = -INFINITY, off = 0;
        for (size_t i = r * vocabulary; i < (r + 1) * vocabulary; i++) {
            low = fmin(low, theirs[i]);
            high = fmax(high, theirs[i]);
            off = fmax(off, fabs(theirs[i] - ours[i]));
        }
        most = fmax(most, off / (high - low));
    }
    printf("%zu logits of %zu positions: at most %.2g of their range from numpy's\n", n,
           prompt.count, most);
    assert_true(most < 1e-4);
    decoder_cache_close(&cache);
    bpe_tokens_free(&prompt);
    free(row);
    free(ours);
    free(theirs);
}

/* --- tokens ------------------------------------------------------------------------------------
 */

enum { TEXTS = 1000, CHARACTERS = 60 };

static uint64_t state_of_random = 7;
static unsigned random_to(unsigned n) {
    state_of_random = state_of_random * 6364136223846793005u + 1442695040888963407u;
    return (unsigned)((state_of_random >> 33) % n);
}

static size_t put_character(unsigned c, char *out) {
    if (c < 0x80) {
        out[0] = (char)c;
        return 1;
    }
    if (c < 0x800) {
        out[0] = (char)(0xc0 | c >> 6);
        out[1] = (char)(0x80 | (c & 0x3f));
        return 2;
    }
    if (c < 0x10000) {
        out[0] = (char)(0xe0 | c >> 12);
        out[1] = (char)(0x80 | (c >> 6 & 0x3f));
        out[2] = (char)(0x80 | (c & 0x3f));
        return 3;
    }
    out[0] = (char)(0xf0 | c >> 18);
    out[1] = (char)(0x80 | (c >> 12 & 0x3f));
    out[2] = (char)(0x80 | (c >> 6 & 0x3f));
    out[3] = (char)(0x80 | (c & 0x3f));
    return 4;
}

/* Words of letters, marks, digits and spaces of one script and the next: Latin, Greek, Cyrillic,
 * Hebrew, Arabic, Devanagari, Thai, Hangul, kana, Han, emoji. */
static size_t make_text(char *out) {
    static const struct {
        unsigned first, count;
    } scripts[] = {{0x20, 0x5f},    {'a', 26},       {0xa0, 0x60},    {0x100, 0x80},
                   {0x391, 0x39},   {0x410, 0x40},   {0x5d0, 0x1b},   {0x620, 0x50},
                   {0x905, 0x6a},   {0xe01, 0x3a},   {0xac00, 0x400}, {0x3041, 0x56},
                   {0x4e00, 0x500}, {0x1f600, 0x50}, {0x2000, 0x6f},  {0x9, 5},
                   {0x2150, 0x30}};
    size_t n = 0;
    const unsigned characters = 1 + random_to(CHARACTERS);
    unsigned script = 1;
    for (unsigned i = 0; i < characters; i++) {
        if (random_to(6) == 0)
            script = random_to(sizeof scripts / sizeof *scripts);
        unsigned c = random_to(5) == 0 ? (unsigned char)" \n'0 "[random_to(5)]
                                       : scripts[script].first + random_to(scripts[script].count);
        n += put_character(c, out + n);
    }
    return n;
}

static void tokens_are_others(void **state) {
    (void)state;
    char path[64], ids[64], arguments[512], text[TEXTS][4 * CHARACTERS + 1];
    size_t bytes[TEXTS], equal = 0, tokens = 0;
    snprintf(path, sizeof path, "%s/texts", folder);
    snprintf(ids, sizeof ids, "%s/ids", folder);
    FILE *out = fopen(path, "w");
    assert_non_null(out);
    for (int t = 0; t < TEXTS; t++) {
        bytes[t] = make_text(text[t]);
        json_t *string = json_stringn(text[t], bytes[t]);
        assert_non_null(string);
        json_dumpf(string, out, JSON_ENCODE_ANY | JSON_ENSURE_ASCII);
        fputc('\n', out);
        json_decref(string);
    }
    fclose(out);
    snprintf(arguments, sizeof arguments, "tokens %s < %s > %s", model_path ? model_path : "", path,
             ids);
    if (!oracle(arguments))
        skip();
    FILE *in = fopen(ids, "r");
    assert_non_null(in);
    for (int t = 0; t < TEXTS; t++) {
        char why[GGUF_WHY] = "", *line = NULL;
        size_t room = 0;
        struct bpe_tokens ours = {0};
        if (bpe_encode(real.bpe, text[t], bytes[t], &ours, why) != 0)
            fail_msg("%s", why);
        assert_true(getline(&line, &room, in) > 0);
        char *at = line;
        bool same = true;
        for (size_t i = 0; i < ours.count; i++)
            same = same && strtoul(at, &at, 10) == ours.id[i];
        same = same && strspn(at, " \n") == strlen(at);
        if (!same)
            fail_msg("text %d (%.*s): other tokens: %s", t, (int)bytes[t], text[t], line);
        equal += same;
        tokens += ours.count;
        free(line);
        bpe_tokens_free(&ours);
    }
    fclose(in);
    printf("%zu of %d texts, %zu tokens: equal\n", equal, TEXTS, tokens);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(logits_are_numpys),
                                       cmocka_unit_test(tokens_are_others)};
    return cmocka_run_group_tests(tests, open_real, close_real);
}

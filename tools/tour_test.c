/*
 * tour_test.c: `nanolab tour` from outside, and its steps with a prediction that is wrong.
 * Needs bin/nanolab-tour beside the tests of the same build (make build).
 */
#define _GNU_SOURCE
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "harness/cli/tool_fixture.h"
#include "tools/tour_walk.h"

static char program[4096], folder[] = "/tmp/nanolab-tour-XXXXXX";
static char said[1 << 16], warned[1 << 12];

/* Runs a line in the folder, with the program as $tour; returns its exit status. */
static int type(const char *line) {
    char command[8192];
    const char *const names[] = {"out", "err"};
    char *const texts[] = {said, warned};
    const size_t sizes[] = {sizeof said, sizeof warned};
    snprintf(command, sizeof command, "cd %s && tour=%s && { %s; } >out 2>err", folder, program,
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

static void expect(const char *line, int status, const char *words) {
    int got = type(line);
    if (got != status || !strstr(said, words))
        fail_msg("%s: status %d, expected %d and \"%s\"\nstdout: %s\nstderr: %s", line, got, status,
                 words, said, warned);
}

static int set_up(void **state) {
    (void)state;
    return !mkdtemp(folder) || tool_find("nanolab-tour", program, sizeof program) != 0 ? -1 : 0;
}

static int tear_down(void **state) {
    (void)state;
    char command[128];
    snprintf(command, sizeof command, "rm -rf %s", folder);
    return system(command);
}

static size_t count(const char *text, const char *part) {
    size_t times = 0;
    for (const char *at = text; (at = strstr(at, part)); at += strlen(part))
        times++;
    return times;
}

/* Every pair of bit patterns on the page, read back: equal. Returns how many there are. */
static size_t all_bits_equal(void) {
    size_t pairs = 0;
    for (const char *at = said; (at = strstr(at, ", measured 0x")); at++) {
        uint64_t predicted, measured;
        const char *before = at;
        while (before > said && strncmp(before, "predicted 0x", 12) != 0)
            before--;
        assert_int_equal(sscanf(before, "predicted 0x%" SCNx64, &predicted), 1);
        assert_int_equal(sscanf(at, ", measured 0x%" SCNx64, &measured), 1);
        assert_true(predicted == measured);
        pairs++;
    }
    return pairs;
}

static void all_of_it(void **state) {
    (void)state;
    expect("$tour --yes", 0, "1 of ");
    for (size_t k = 0; k < STEPS; k++)
        assert_non_null(strstr(said, steps[k].title));
    assert_in_range(all_bits_equal(), 10, 100);
    assert_null(strstr(said, "NOT"));
    assert_non_null(strstr(said, "nanolab run 01 --quick"));
    assert_string_equal(warned, "");
    size_t made = 0, held = 0;
    const char *sum = strstr(said, " predictions were made here");
    while (sum && sum > said && sum[-1] != '\n')
        sum--;
    assert_non_null(sum);
    assert_int_equal(sscanf(sum, "%zu predictions were made here; %zu of them held", &made, &held),
                     2);
    assert_true(made >= all_bits_equal() && made == held);
    /* Bits that differ are drawn. */
    assert_non_null(strstr(said, "^"));
    assert_int_equal(count(said, "Bits that differ"), 2);
    /* Nothing is left behind. */
    assert_int_equal(type("ls"), 0);
    assert_string_equal(said, "err\nout\n");
}

/* Not one number of it is written down: other seeds have other numbers, and hold as well. */
static void other_numbers(void **state) {
    (void)state;
    char first[sizeof said];
    expect("$tour --yes --seed 1 --from block", 0, "measured");
    strcpy(first, said);
    expect("$tour --yes --seed 1 --from block", 0, "measured");
    assert_string_equal(said, first);
    for (int seed = 2; seed < 6; seed++) {
        char line[80];
        snprintf(line, sizeof line, "$tour --yes --seed %d --from block", seed);
        expect(line, 0, "measured");
        assert_in_range(all_bits_equal(), 8, 100);
        assert_string_not_equal(said, first);
    }
}

static void words_for_drawings(void **state) {
    (void)state;
    expect("$tour --yes --plain", 0, "In words: ");
    assert_null(strstr(said, "##"));
    assert_null(strstr(said, "--+"));
    assert_null(strstr(said, "^"));
    assert_in_range(all_bits_equal(), 10, 100);
    expect("LC_ALL=C $tour --yes --from tree", 0, "--+");
    for (const char *c = said; *c; c++)
        assert_true((unsigned char)*c < 0x80);
    expect("LC_ALL=C.UTF-8 $tour --yes --from tree", 0, "─┐");
}

static void where_to_begin(void **state) {
    (void)state;
    expect("$tour --list", 0, "1  order");
    assert_int_equal(count(said, "\n"), STEPS);
    expect("$tour --yes --from 3 | head -1", 0, steps[2].title);
    expect("$tour --yes --from late", 0, "6 of 6");
    assert_null(strstr(said, "5 of 6"));
    assert_int_equal(type("$tour --from blok"), 2);
    assert_non_null(strstr(warned, "did you mean block?"));
    assert_int_equal(type("$tour --from 7"), 2);
    assert_int_equal(type("$tour --from 0"), 2);
    assert_int_equal(type("$tour now"), 2);
    expect("$tour --help", 0, "exit status");
    expect("$tour --version", 0, "nanolab");
    expect("$tour --describe", 0, "summary");
}

static void kept_if_asked(void **state) {
    (void)state;
    expect("$tour --yes --from late --out kept && cmp kept out", 0, "late");
    assert_int_equal(type("$tour --yes --from late --out kept"), 2);
    assert_non_null(strstr(warned, "not there yet"));
    assert_int_equal(type("$tour --yes --from late >/dev/full"), 2);
    assert_int_equal(type("$tour --yes --from late --out /dev/full/x"), 2);
}

/* On a terminal it waits for its reader: script(1) makes one. */
static void asks_on_a_terminal(void **state) {
    (void)state;
    if (system("command -v script >/dev/null") != 0)
        skip();
    expect("printf '3\\nq\\n' | script -qec \"$tour --from late\" /dev/null", 0, "You guessed: 3");
    expect("printf 'q\\n' | script -qec \"$tour --from block\" /dev/null", 0, "--from block");
    assert_null(strstr(said, "measured 0x"));
}

/* --- predictions that are wrong ----------------------------------------------------------------
 */

static const char *planted_step;

static uint64_t plant(const char *step, uint64_t bits) {
    return strcmp(step, planted_step) == 0 ? bits ^ 1 : bits;
}

/* What it prints is in t->keep as well. */
static int walk_unseen(struct tour *t, size_t first) {
    int out = dup(STDOUT_FILENO), err = dup(STDERR_FILENO);
    fflush(NULL);
    assert_non_null(freopen("/dev/null", "w", stdout));
    assert_non_null(freopen("/dev/null", "w", stderr));
    int status = tour_walk(t, first);
    fflush(NULL);
    dup2(out, STDOUT_FILENO);
    dup2(err, STDERR_FILENO);
    close(out);
    close(err);
    return status;
}

static void a_wrong_prediction_is_told(void **state) {
    (void)state;
    for (size_t k = 0; k < STEPS; k++) {
        char *text = NULL;
        size_t size = 0;
        struct tour t = {.seed = 1, .screen.width = 80};
        planted_step = steps[k].name;
        if (strcmp(planted_step, "late") == 0) /* predicts a rank, no bits */
            continue;
        t.keep = open_memstream(&text, &size);
        assert_non_null(t.keep);
        tour_plant = plant;
        int status = walk_unseen(&t, k);
        tour_plant = NULL;
        fclose(t.keep);
        if (status != EXIT_BROKEN || !strstr(text, "NOT EQUAL, our bug"))
            fail_msg("step %s: status %d\n%s", planted_step, status, text);
        free(text);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_of_it),
        cmocka_unit_test(other_numbers),
        cmocka_unit_test(words_for_drawings),
        cmocka_unit_test(where_to_begin),
        cmocka_unit_test(kept_if_asked),
        cmocka_unit_test(asks_on_a_terminal),
        cmocka_unit_test(a_wrong_prediction_is_told),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}

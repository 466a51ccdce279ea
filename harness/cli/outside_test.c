/*
 * outside_test.c: what reaches the commands from outside: signals in every phase, paths of any
 * bytes, folders of strangers.
 */
#define _GNU_SOURCE
#include "harness/cli/cli_fixture.h"

#include "harness/text.h"

/* --- a lab whose check never ends --- */

static void check_for_ever(const struct rows *rows, struct finding *f) {
    for (volatile size_t k = 0;; k++)
        finding_say(f, "%s", rows->count > k ? "" : "");
}

static const struct claim endless_claims[] = {
    TINY_CLAIM("T1", "squares are squares", tiny_sweep, check_for_ever)};
static const struct lab endless_lab = {.number = 99,
                                       .name = "endless",
                                       .question = "Does it end?",
                                       .needs = "patience",
                                       .takes = "for ever",
                                       .bits_devices = ON_CPU,
                                       .claims = endless_claims,
                                       .claim_count = 1,
                                       TINY_QUANTITIES};

static int begin_outside(void **state) {
    return begin(state) == 0 && link("bin/nanolab", "labs/99-endless") == 0 ? 0 : -1;
}

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* Until the journal holds all cases, and a moment more: then the check runs. */
static void wait_for_check(const char *journal) {
    for (double from = now(); now() - from < 10; nap(10)) {
        char text[65536];
        size_t lines = 0;
        slurp(journal, text, sizeof text);
        for (const char *at = text; (at = strchr(at, '\n')); at++)
            lines++;
        if (lines >= TINY_CASES + 2) /* the start record, and the note at the sweep's end */
            break;
    }
    nap(300);
}

static void a_signal_ends_judging_too(void **state) {
    (void)state;
    static const struct {
        int number;
        const char *line, *folder;
    } tries[] = {{SIGTERM, "labs/99-endless --device cpu --out alone", "alone"},
                 {SIGINT, "labs/99-endless --device cpu --out again", "again"},
                 {SIGTERM, "bin/nanolab run 99 97 --device cpu --out driven", "driven"}};
    for (size_t k = 0; k < 3; k++) {
        char journal[200];
        snprintf(journal, sizeof journal, "%s/99-endless/cases.jsonl", tries[k].folder);
        pid_t child = start(tries[k].line);
        wait_for_check(journal);
        double from = now();
        kill(child, tries[k].number);
        int status = finish(child);
        if (status != 128 + tries[k].number || now() - from > 3)
            fail_msg("%s: status %d after %g s", tries[k].line, status, now() - from);
        assert_in(warned, "stopped");
        assert_status(0, "bin/nanolab verify %s", tries[k].folder);
        assert_in(said, "partial");
        assert_in(said, "40 cases");
    }
}

static json_t *json_said(void) {
    json_error_t error;
    json_t *value = json_loads(said, JSON_REJECT_DUPLICATES, &error);
    if (!value)
        fail_msg("%s in: %s", error.text, said);
    return value;
}

/* Latin-1, a control character of one byte, and one of two. */
static void a_path_may_have_any_bytes(void **state) {
    (void)state;
    static const char *const names[] = {"caf\xe9", "bell\x07",
                                        "csi\xc2\x9b"
                                        "2J",
                                        "turn\xe2\x80\xae"};
    for (size_t k = 0; k < 4; k++) {
        assert_status(0, "bin/nanolab run 97 --device cpu --quick --json --out %s", names[k]);
        json_t *run = json_said();
        assert_int_equal(json_array_size(json_object_get(run, "labs")), 1);
        json_decref(run);
        for (const char *at = warned; *at; at++)
            assert_true((unsigned char)*at >= ' ' || *at == '\n');
        assert_null(strstr(warned, "\xc2\x9b"));
        assert_null(strstr(warned, "\xe2\x80\xae"));
        assert_status(0, "bin/nanolab verify %s", names[k]);
        assert_in(said, "97-tiny                  complete ");
        assert_null(strstr(said, "partial"));
        assert_null(strstr(said, "\xc2\x9b"));
        assert_status(0, "bin/nanolab verify --json %s", names[k]);
        json_t *verified = json_said();
        assert_true(json_is_true(json_object_get(verified, "complete")));
        json_decref(verified);
        assert_status(2, "bin/nanolab verify --json %s/none", names[k]);
        json_decref(json_said());
        assert_null(strstr(warned, "\xe9"));
    }
}

/* The page says what was typed: writer and reader agree on the arguments. */
static void a_page_shows_how_to_repeat_it(void **state) {
    (void)state;
    char text[65536];
    assert_status(0, "bin/nanolab run 97 --device cpu --quick --seed 7 --out deep/inside/rep");
    assert_in(warned, "results go to deep/inside/rep");
    assert_status(1, "bin/nanolab report deep/inside/rep"); /* no plots: this tree has none */
    slurp("deep/inside/rep/report.md", text, sizeof text);
    assert_in(text, "```\nbuild/bin/nanolab run 97 --device cpu --quick --seed 7 --out rep\n```");
    assert_status(0, "labs/97-tiny --device cpu --quick --out hand");
    assert_status(1, "bin/nanolab report hand");
    slurp("hand/report.md", text, sizeof text);
    assert_in(text, "```\nbuild/labs/97-tiny --device cpu --quick --out hand\n```");
}

/* A verdict edited, and a journal cut: no command takes them, and none makes a page of them. */
static void no_command_takes_an_edited_folder(void **state) {
    (void)state;
    static const char *const commands[] = {"verify", "report", "plot", "run --resume"};
    static const char *const edits[] = {"sed -i s/confirmed/refuted/ kept/97-tiny/claims.json",
                                        "sed -i '$d' kept/97-tiny/cases.jsonl",
                                        "sed -i s/40/41/ kept/97-tiny/claims.json",
                                        "cp kept/97-tiny/claims.json kept/97-tiny/more.tsv"};
    for (size_t k = 0; k < 4; k++) {
        assert_int_equal(system("rm -rf kept"), 0);
        assert_status(0, "bin/nanolab run 97 --device cpu --quick --out kept");
        assert_int_equal(system(edits[k]), 0);
        for (size_t c = 0; c < 4; c++) {
            int status = type("bin/nanolab %s kept", commands[c]);
            if (status != 2 || !strstr(warned, "take an intact copy"))
                fail_msg("%s after %s: status %d: %s", commands[c], edits[k], status, warned);
        }
        assert_false(exists("kept/report.md"));
    }
}

int main(int argc, char **argv) {
    const char *slash = strrchr(argv[0], '/'), *name = slash ? slash + 1 : argv[0];
    int status;
    if (strcmp(name, "99-endless") == 0)
        return run_main(&endless_lab, argc, argv);
    if (plays_a_part(argc, argv, &status))
        return status;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_signal_ends_judging_too),
        cmocka_unit_test(a_path_may_have_any_bytes),
        cmocka_unit_test(a_page_shows_how_to_repeat_it),
        cmocka_unit_test(no_command_takes_an_edited_folder),
    };
    return cmocka_run_group_tests_name("outside", tests, begin_outside, end);
}

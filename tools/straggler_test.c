/*
 * straggler_test.c: `nanolab straggler` from outside, on logs made after the fields that nccl-tests
 * and NCCL Inspector document (tools/straggler_logs/): the right culprit, or the right reason; and
 * on result folders as our labs make them.
 * Needs bin/nanolab-straggler beside the tests of the same build (make build).
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
#include "harness/store/result_fixture.h"
#include "kernels/straggler/straggler.h"

#define LOGS "tools/straggler_logs/"

static char program[4096], folder[] = "/tmp/nanolab-straggler-XXXXXX";
static char said[1 << 17], warned[1 << 12];

/* Runs a line with the program as $t, the logs as $l and a folder of its own as $d. */
static int type(const char *line) {
    char command[12000];
    const char *const names[] = {"out", "err"};
    char *const texts[] = {said, warned};
    const size_t sizes[] = {sizeof said, sizeof warned};
    snprintf(command, sizeof command, "t=%s l=" LOGS " d=%s && { %s; } >%s/out 2>%s/err", program,
             folder, line, folder, folder);
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

static void expect(const char *line, const char *words) {
    int got = type(line);
    if (got != 0 || !strstr(said, words) || warned[0])
        fail_msg("%s: status %d, expected \"%s\"\nstdout: %s\nstderr: %s", line, got, words, said,
                 warned);
}

/* One line on stderr, nothing on stdout, status 2. */
static void refused(const char *line, const char *words) {
    int got = type(line);
    const char *end = strchr(warned, '\n');
    if (got != 2 || !strstr(warned, words) || said[0] || !end || end[1])
        fail_msg("%s: status %d, expected 2 and \"%s\"\nstdout: %s\nstderr: %s", line, got, words,
                 said, warned);
    for (const char *at = warned; at < end; at++)
        assert_true(*at >= ' ' && *at <= '~');
}

static int set_up(void **state) {
    (void)state;
    return mkdtemp(folder) && tool_find("nanolab-straggler", program, sizeof program) == 0 ? 0 : -1;
}

static int tear_down(void **state) {
    (void)state;
    char command[128];
    snprintf(command, sizeof command, "rm -rf %s", folder);
    return system(command);
}

/* --- nccl-tests --------------------------------------------------------------------------------
 */

static void a_late_process(void **state) {
    (void)state;
    expect(
        "$t ${l}nccl_tests_late.json",
        "culprit     process 2: waits less than its peers by up to 304.9 us, in 48 of 48 by half "
        "of that or more; the chance of that by jitter alone is under 1e-12\n");
    assert_non_null(strstr(said, "4 processes, 48 all-reduce of 1048576 to 4194304 bytes"));
    assert_non_null(strstr(said, "victims     3 (0, 1, 3): they waited "));
    assert_non_null(strstr(said, "would take 144 us and not 441.4 us"));
    assert_non_null(strstr(said, "\n  slowest time      1\n")); /* a victim */
    assert_non_null(strstr(said, "\n  least wait        2\n"));
    assert_non_null(strstr(said, "over 2 sizes"));
}

static void a_late_process_of_one_group(void **state) {
    (void)state;
    expect("$t ${l}nccl_tests_groups.json", "group 1: 3 processes, 44 all-reduce");
    assert_non_null(strstr(said, "culprit     process 4: waits less"));
    assert_non_null(strstr(said, "victims     2 (3, 5)"));
    assert_non_null(strstr(said, "group 0: 3 processes"));
    assert_non_null(strstr(said, "culprit     none: nobody is late"));
}

static void where_nccl_tests_cannot_tell(void **state) {
    (void)state;
    expect("$t ${l}nccl_tests_back_to_back.json",
           "culprit     cannot tell: with -z 0 each iteration is timed to the end of the next one "
           "before");
    assert_null(strstr(said, "victims"));
    assert_null(strstr(said, "without"));
    expect("$t ${l}nccl_tests_one_process.json", "culprit     cannot tell: there is one process");
    expect("$t ${l}nccl_tests_broadcast.json",
           "culprit     cannot tell: no collective in which nobody leaves before all have entered");
    expect("$t ${l}nccl_tests_even.json", "culprit     none: nobody is late by more than");
    assert_non_null(strstr(said, "but         each time is that of the slowest of 2 GPUs"));
}

/* --- NCCL Inspector ----------------------------------------------------------------------------
 */

static void a_late_rank(void **state) {
    (void)state;
    expect("$t ${l}inspector_late_rank?.log",
           "culprit     rank 1: waits less than its peers by up to 1.212 ms, in 14 of 14");
    assert_non_null(strstr(said, "NCCL Inspector, 0x7f8c496ae9f661: 4 ranks, 14 all-reduce"));
    assert_non_null(strstr(said, "victims     3 (0, 2, 3)"));
    assert_non_null(strstr(said, "would take 501.9 us and not 1.697 ms"));
    /* In the other communicator nobody is. */
    const char *other = strstr(said, "0xe62dedaa97644a: 4 ranks, 14 reduce-scatter");
    assert_non_null(other);
    assert_non_null(strstr(other, "culprit     none: "));
    expect("cat ${l}inspector_late_rank?.log | $t -", "culprit     rank 1: ");
}

static void a_rank_late_once(void **state) {
    (void)state;
    expect("$t ${l}inspector_one_stall.log", "culprit     rank 3: waits less than its peers by up "
                                             "to 903 us, in 1 of 14 by half of that or more");
    assert_non_null(strstr(said, "victims     3 (0-2)"));
    assert_non_null(strstr(said, "\n  twice the median  0-2\n")); /* the victims */
    expect("$t ${l}inspector_cut_off.log", "culprit     rank 2: ");
    assert_non_null(strstr(said, "3 of 16 collectives lack a rank's record"));
    assert_non_null(strstr(said, "1 cut off last records"));
}

static void where_the_inspector_cannot_tell(void **state) {
    (void)state;
    expect("$t ${l}inspector_late_rank0.log ${l}inspector_late_rank2.log ${l}inspector_late_rank3"
           ".log",
           "culprit     cannot tell: 1 of the 4 ranks have no record (the first is rank 1)");
    assert_null(strstr(said, "culprit     rank"));
    expect("$t ${l}inspector_on_host.log",
           "culprit     cannot tell: 48 records are timed where they were queued");
    expect("$t ${l}inspector_few.log", "culprit     cannot tell: fewer than eight collectives");
    expect("$t ${l}inspector_even.log", "culprit     none: nobody is late by more than");
    assert_non_null(strstr(said, "but         a collective that hangs is in nobody's file"));
}

/* --- as JSON -----------------------------------------------------------------------------------
 */

static json_t *ask(const char *line) {
    assert_int_equal(type(line), 0);
    json_t *all = json_loads(said, JSON_REJECT_DUPLICATES, NULL);
    assert_non_null(all);
    return all;
}

static void as_json(void **state) {
    (void)state;
    json_t *all = ask("$t --json ${l}inspector_late_rank?.log");
    json_t *list = json_object_get(all, "logs"), *first = json_array_get(list, 0);
    assert_int_equal(json_array_size(list), 2);
    assert_string_equal(json_string_value(json_object_get(first, "verdict")), "culprit");
    json_t *culprit = json_array_get(json_object_get(first, "culprits"), 0);
    assert_int_equal(json_integer_value(json_object_get(culprit, "rank")), 1);
    assert_true(json_real_value(json_object_get(culprit, "late_us")) > 1100);
    assert_int_equal(json_integer_value(json_object_get(culprit, "steps_half_as_late")), 14);
    assert_int_equal(json_array_size(json_object_get(first, "victims")), 3);
    assert_int_equal(json_array_size(json_object_get(first, "rules")), 8);
    assert_true(json_real_value(json_object_get(json_object_get(first, "without"), "without_us")) <
                600);
    json_t *second = json_array_get(list, 1);
    assert_string_equal(json_string_value(json_object_get(second, "verdict")), "nobody");
    assert_null(json_object_get(second, "without"));
    json_decref(all);
    all = ask("$t --json ${l}nccl_tests_one_process.json");
    first = json_array_get(json_object_get(all, "logs"), 0);
    assert_string_equal(json_string_value(json_object_get(first, "verdict")), "cannot tell");
    assert_true(strncmp(json_string_value(json_object_get(first, "why")), "cannot tell: ", 13) ==
                0);
    assert_true(json_is_null(json_object_get(json_object_get(first, "collective_us"), "p50")));
    json_decref(all);
}

/* --- our own folders ---------------------------------------------------------------------------
 */

#define OUR_LAB "05-nccl-straggler"

static const struct quantity our_quantities[] = {
    {"compute", "us", "computing"},       {"start", "us", "of the sum"},
    {"end", "us", "of the sum"},          {"stall", "us", "the truth"},
    {"log ranks", "1", "ranks"},          {"log bytes", "bytes", "of a buffer"},
    {"log overlapped", "", "one late"},   {"log floor", "us", "without a stall"},
    {"log round", "1", "steps in a row"}, {"oversubscribed", "", "more ranks than cores"},
    {"steps left out", "1", "disturbed"}};
static const struct lab our_lab = {.number = 5,
                                   .name = "nccl-straggler",
                                   .claims = fixture_claims,
                                   .claim_count = 2,
                                   .quantities = our_quantities,
                                   .quantity_count =
                                       sizeof our_quantities / sizeof *our_quantities};

static int open_ours(struct fixture *f) {
    struct result_setup setup = fixture_setup(f);
    snprintf(f->dir, sizeof f->dir, "%s/run", folder);
    snprintf(f->lab, sizeof f->lab, "%s/" OUR_LAB, f->dir);
    snprintf(f->journal, sizeof f->journal, "%s/cases.jsonl", f->lab);
    setup.dir = f->dir;
    setup.lab = f->run.lab = &our_lab;
    return result_open(&f->run.result, RESULT_NEW, &setup);
}

/* `left_out` values are missing at the end of the times at which ranks left. */
static struct lab_case *record(struct fixture *f, const char *name,
                               const struct straggler_synthetic *o, bool truth, size_t left_out) {
    struct straggler_log log;
    double *stall, *values;
    struct lab_case *c = lab_case_begin(&f->run, "cpu", "05/%s", name);
    assert_int_equal(straggler_synthesise(o, &log, &stall), 0);
    size_t cells = log.steps * log.ranks;
    values = malloc(3 * cells * sizeof *values);
    for (size_t k = 0; k < cells; k++) {
        values[k] = log.cell[k].compute_us;
        values[cells + k] = log.cell[k].start_us;
        values[2 * cells + k] = log.cell[k].end_us;
    }
    case_param_int(c, "log ranks", log.ranks);
    case_param_int(c, "log bytes", 4096);
    case_param_flag(c, "log overlapped", o->one_late);
    case_series_real(c, "compute", "us", values, cells);
    case_series_real(c, "start", "us", values + cells, cells);
    case_series_real(c, "end", "us", values + 2 * cells, cells - left_out);
    if (truth)
        case_series_real(c, "stall", "us", stall, cells);
    free(values);
    free(stall);
    straggler_log_close(&log);
    return c;
}

static void remove_ours(struct fixture *f) {
    char command[300];
    fixture_close(f);
    snprintf(command, sizeof command, "rm -rf %s/run", folder);
    assert_int_equal(system(command), 0);
}

static void our_own_folder(void **state) {
    (void)state;
    struct fixture f;
    struct straggler_synthetic o = straggler_synthetic_default(4, 7);
    assert_int_equal(fixture_begin(&f), 0);
    assert_int_equal(open_ours(&f), 0);
    o.stall_us = 300;
    assert_int_equal(lab_case_end(record(&f, "late", &o, true, 0)), 0);
    o.stall_us = 0;
    struct lab_case *c = record(&f, "even", &o, true, 0);
    case_param_flag(c, "oversubscribed", true);
    case_param_int(c, "steps left out", 3);
    assert_int_equal(lab_case_end(c), 0);
    o.stall_us = 1200;
    o.one_late = true;
    o.ranks = 256; /* series in side files */
    assert_int_equal(lab_case_end(record(&f, "unknown", &o, false, 0)), 0);
    o.one_late = false;
    o.ranks = 4;
    o.stall_us = 100;
    c = record(&f, "under the floor", &o, true, 0);
    case_param_real(c, "log floor", 7000);
    assert_int_equal(lab_case_end(c), 0);
    fixture_close(&f);

    expect("$t $d/run", "log         recorded, 05/late on cpu: 4 ranks, 64 all-reduce of 4096 ");
    const char *late = said, *even = strstr(said, "recorded, 05/even on cpu"),
               *unknown = strstr(said, "recorded, 05/unknown on cpu: 256 ranks"),
               *under = strstr(said, "recorded, 05/under the floor on cpu");
    assert_true(even && unknown && under);
    assert_non_null(
        strstr(late, "\nculprit     rank 2: waits less than its peers by up to 300 us"));
    assert_non_null(strstr(late, "a step would take 1.03 ms and not 1.255 ms in the mean\n"));
    assert_non_null(strstr(late,
                           "\ntruth       made late was 2, by up to 300 us in 48 of 64 steps; "
                           "missed: nobody; named and was not made late: nobody\n"));
    assert_non_null(strstr(late, "\n  slowest time      3\n")); /* a victim */
    assert_non_null(strstr(even, "\nculprit     none: nobody is late by more"));
    assert_non_null(strstr(even,
                           "\ntruth       made late was nobody; missed: nobody; named and was "
                           "not made late: nobody\n"));
    assert_non_null(strstr(even, "\nbut         more ranks than cores computed at once"));
    assert_non_null(
        strstr(even, "\nnote        in 3 of its steps the machine itself made a rank "));
    assert_non_null(strstr(unknown, "\nculprit     rank 2: waits less"));
    assert_true(strstr(strstr(unknown, "\ntruth"), "missed: 2;") > under);
    assert_non_null(strstr(said, "\nall         4 logs; in 2 of the 3 whose truth is known just "
                                 "those who were made late are named\n"));
    char *first = strdup(said);
    expect("$t $d/run/" OUR_LAB "/", "all         4 logs");
    assert_string_equal(said, first);
    expect("cd $d/run/" OUR_LAB " && $t .", "all         4 logs");
    free(first);

    json_t *all = ask("$t --json $d/run"), *list = json_object_get(all, "logs");
    assert_int_equal(json_array_size(list), 4);
    json_t *truth = json_object_get(json_array_get(list, 0), "truth");
    json_t *made = json_array_get(json_object_get(truth, "made_late"), 0);
    assert_int_equal(json_integer_value(json_object_get(made, "rank")), 2);
    assert_int_equal(json_integer_value(json_object_get(made, "steps")), 48);
    assert_true(json_is_true(json_object_get(truth, "just_those_named")));
    assert_null(json_object_get(json_array_get(list, 2), "truth"));
    truth = json_object_get(json_array_get(list, 3), "truth");
    assert_true(json_is_false(json_object_get(truth, "just_those_named")));
    assert_int_equal(json_array_size(json_object_get(truth, "missed")), 1);
    truth = json_object_get(all, "truth");
    assert_int_equal(json_integer_value(json_object_get(truth, "logs")), 3);
    assert_int_equal(json_integer_value(json_object_get(truth, "just_those_named")), 2);
    json_decref(all);

    refused("$t $d/run ${l}inspector_even.log", "a result folder is judged by itself");
    refused("for f in $d/run/" OUR_LAB "/side/*; do printf x | dd of=$f conv=notrunc status=none; "
            "done; $t $d/run",
            "its SHA-256 is not what the journal says");
    refused("sed -i 's/under the floor/above the floor/' $d/run/" OUR_LAB "/cases.jsonl; $t $d/run",
            "cases.jsonl: line ");
    refused("rm $d/run/" OUR_LAB "/cases.jsonl; $t $d/run", "cases.jsonl");
    remove_ours(&f);
    fixture_end(&f);
}

/* What follows on what is part of a log: the time between two rounds is no step's. */
static void rounds_are_apart(void **state) {
    (void)state;
    struct fixture f;
    struct straggler_synthetic o = straggler_synthetic_default(4, 7);
    char apart[400];
    assert_int_equal(fixture_begin(&f), 0);
    assert_int_equal(open_ours(&f), 0);
    o.stall_us = 300;
    o.steps = 16;
    o.onset = 0;
    struct straggler_log log;
    double *stall, values[3][2 * 16 * 4];
    assert_int_equal(straggler_synthesise(&o, &log, &stall), 0);
    for (size_t k = 0; k < 128; k++) {
        values[0][k] = log.cell[k % 64].compute_us;
        values[1][k] = log.cell[k % 64].start_us + (k < 64 ? 0 : 1e9);
        values[2][k] = log.cell[k % 64].end_us + (k < 64 ? 0 : 1e9);
    }
    struct lab_case *c = lab_case_begin(&f.run, "cpu", "05/rounds");
    case_param_int(c, "log ranks", 4);
    case_param_int(c, "log bytes", 4096);
    case_param_int(c, "log round", 16);
    case_series_real(c, "compute", "us", values[0], 128);
    case_series_real(c, "start", "us", values[1], 128);
    case_series_real(c, "end", "us", values[2], 128);
    assert_int_equal(lab_case_end(c), 0);
    snprintf(apart, sizeof apart, "would take 1.03 ms and not 1.33 ms in the mean");
    expect("$t $d/run", apart);
    free(stall);
    straggler_log_close(&log);
    remove_ours(&f);
    fixture_end(&f);
}

static void folders_without_a_log(void **state) {
    (void)state;
    struct fixture f;
    struct straggler_synthetic o = straggler_synthetic_default(4, 7);
    refused("$t $d", "no run.json in it, so it is no result folder");
    assert_int_equal(fixture_begin(&f), 0);
    assert_int_equal(open_ours(&f), 0);
    refused("$t $d/run", "run: no log of ranks is recorded in it; give a folder that");
    assert_int_equal(lab_case_end(record(&f, "fine", &o, true, 0)), 0);
    assert_int_equal(lab_case_end(record(&f, "short", &o, true, 1)), 0);
    refused("$t $d/run",
            "case \"05/short\": no log can be made of it: its series \"end\" has not a "
            "value for each rank and step");
    remove_ours(&f);
    assert_int_equal(open_ours(&f), 0);
    assert_int_equal(lab_case_end(record(&f, "short", &o, true, 4)), 0); /* a whole step */
    refused("$t --json $d/run", "its series \"compute\" has not a value for each");
    remove_ours(&f);
    assert_int_equal(open_ours(&f), 0);
    double backwards[] = {2, 2, 1, 1};
    struct lab_case *c = lab_case_begin(&f.run, "cpu", "05/backwards");
    case_param_int(c, "log ranks", 2);
    case_series_real(c, "start", "us", backwards, 4);
    case_series_real(c, "end", "us", (double[]){3, 3, 0, 0}, 4);
    assert_int_equal(lab_case_end(c), 0);
    refused("$t $d/run", "\"05/backwards\": no log can be made of it: a time of it runs backwards");
    remove_ours(&f);
    assert_int_equal(open_ours(&f), 0);
    c = lab_case_begin(&f.run, "cpu", "05/nobody");
    case_param_int(c, "log ranks", 0);
    assert_int_equal(lab_case_end(c), 0);
    refused("$t $d/run", "\"log ranks\" is no number of ranks");
    remove_ours(&f);
    fixture_end(&f);
}

/* --- what is wrong -----------------------------------------------------------------------------
 */

static void bad_files(void **state) {
    (void)state;
    refused("$t", "a log is missing");
    refused("$t --jsn x", "did you mean --json?");
    refused("$t /nowhere/x", "/nowhere/x: cannot be read: No such file");
    refused("$t /dev/null", "/dev/null: there is no text");
    refused("head -c 3000 ${l}nccl_tests_late.json >$d/x; $t $d/x",
            "x: line 1, column 3000: no JSON (");
    refused("head -c 100 ${l}inspector_even.log >$d/x; $t $d/x",
            "x: line 1, column 100: no JSON (");
    refused("sed 7s/rank/knar/ ${l}inspector_even.log >$d/x; $t $d/x", "x: line 7: rank is to be");
    refused("$t ${l}inspector_even.log ${l}inspector_even.log",
            "rank 0 has all-reduce number 1 twice");
    refused(
        "sed 's/0x7f8c496ae9f661/\\\\u001b[2J/;2s/:4/:5/' ${l}inspector_even.log >$d/x; $t $d/x",
        "x: line 2: communicator ?[2J has 5 ranks here and 4 before");
    assert_int_equal(type("printf '{' >\"$d/a$(printf '\\033')[31m\"; $t \"$d/a\"*"), 2);
    assert_null(strchr(warned, '\x1b'));
    assert_int_equal(type("$t ${l}nccl_tests_even.json >/dev/full"), 2);
}

static void tells_of_itself(void **state) {
    (void)state;
    expect("$t --help", "exit status: 0 done");
    assert_non_null(strstr(said, "nanolab straggler DIR"));
    assert_non_null(strstr(said, "the SHORTEST time"));
    expect("$t --version", "nanolab ");
    expect("$t --describe", "\"arguments\": \"FILE...|DIR\"");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_late_process),
        cmocka_unit_test(a_late_process_of_one_group),
        cmocka_unit_test(where_nccl_tests_cannot_tell),
        cmocka_unit_test(a_late_rank),
        cmocka_unit_test(a_rank_late_once),
        cmocka_unit_test(where_the_inspector_cannot_tell),
        cmocka_unit_test(as_json),
        cmocka_unit_test(our_own_folder),
        cmocka_unit_test(rounds_are_apart),
        cmocka_unit_test(folders_without_a_log),
        cmocka_unit_test(bad_files),
        cmocka_unit_test(tells_of_itself),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}

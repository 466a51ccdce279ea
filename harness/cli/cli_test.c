/*
 * cli_test.c: the whole command line, from outside: this executable copies itself to a fresh
 * bin/nanolab and labs/NN-name, which by their names become the driver and tiny labs, and
 * then types what users type: good lines, bad lines, Ctrl-C, kill -9.
 */
#define _GNU_SOURCE
#include "harness/cli/cli_fixture.h"
#include "harness/error.h"

static void every_bad_line_is_one_line(void **state) {
    (void)state;
    assert_status(0, "bin/nanolab run 97 --device cpu --out taken");
    static const struct {
        const char *line, *words;
    } bad[] = {
        {"bin/nanolab", "a command is missing"},
        {"bin/nanolab ''", "the command is empty"},
        {"bin/nanolab lst", "did you mean list?"},
        {"bin/nanolab rum 97", "did you mean run?"},
        {"bin/nanolab frobnicate", "unknown command"},
        {"bin/nanolab ../../bin/sh", "unknown command"},
        {"bin/nanolab --frob", "unknown option"},
        {"bin/nanolab --version x", "unexpected argument"},
        {"bin/nanolab reveal x", "nor is nanolab-reveal beside this program"},
        {"bin/nanolab ehco x", "did you mean echo?"},
        {"bin/nanolab list x", "unexpected argument"},
        {"bin/nanolab list --jsn", "did you mean --json?"},
        {"bin/nanolab info --json=1", "takes no value"},
        {"bin/nanolab run 99", "unknown lab \"99\""},
        {"bin/nanolab run -1", "unknown option -1"},
        {"bin/nanolab run tny", "did you mean tiny?"},
        {"bin/nanolab run ''", "is empty"},
        {"bin/nanolab run 97 tiny", "named twice"},
        {"bin/nanolab run --all 97", "exclude each other"},
        {"bin/nanolab run 97 --quick --full", "exclude each other"},
        {"bin/nanolab run 97 --only speed", "give bits or time"},
        {"bin/nanolab run 97 --quik", "did you mean --quick?"},
        {"bin/nanolab run 97 --seed", "--seed needs a value"},
        {"bin/nanolab run 97 --seed 3x", "whole number"},
        {"bin/nanolab run 97 --seed -3", "whole number"},
        {"bin/nanolab run 97 --seed 99999999999999999999", "whole number"},
        {"bin/nanolab run 97 --device", "--device needs a value"},
        {"bin/nanolab run 97 --device cup", "did you mean cpu?"},
        {"bin/nanolab run 97 --device cpu,", "empty element"},
        {"bin/nanolab run 97 --device cpu,cpu", "twice"},
        {"bin/nanolab run 97 --simt-arch", "--simt-arch needs a value"},
        {"bin/nanolab run 97 --simt-arch sm_91", "cannot simulate \"sm_91\""},
        {"bin/nanolab run --resume taken --simt-arch A100", "simulates the card H100"},
        {"bin/nanolab run 97 --out ''", "empty value"},
        {"bin/nanolab run 97 --out taken", "is there already"},
        {"bin/nanolab run 97 --out stdout", "stdout"},
        {"bin/nanolab run 97 --out stdout/x", "stdout"},
        {"bin/nanolab run 97 --out /proc/nanolab", "/proc/nanolab"},
        {"bin/nanolab run --resume none", "no such folder"},
        {"bin/nanolab run --resume bin", "no result folder"},
        {"bin/nanolab run --resume taken --out x", "exclude each other"},
        {"bin/nanolab run --resume taken --seed 2", "has seed 1, not 2"},
        {"bin/nanolab run --resume taken --quick", "is a default run"},
        {"bin/nanolab run --resume taken --device simt", "was begun with --device cpu"},
        {"bin/nanolab run --resume taken --label x", "cannot be changed"},
        {"bin/nanolab run 97 --resume taken", "leave 97 out"},
        {"bin/nanolab run 97 --sessions 2", "--sessions needs --out"},
        {"bin/nanolab run 97 --sessions 2 --out taken", "is there already"},
        {"bin/nanolab run 97 --sessions 65 --out x", "at most 64"},
        {"bin/nanolab run --sessions 2 --resume taken", "leave --sessions out"},
        {"bin/nanolab verify", "needs a result folder"},
        {"bin/nanolab verify a b", "takes one folder"},
        {"bin/nanolab verify none", "no such folder"},
        {"bin/nanolab verify bin", "no run.json"},
        {"bin/nanolab verify bin/nanolab", "no archive of nanolab pack"},
        {"bin/nanolab pack", "needs a result folder"},
        {"bin/nanolab pack a b", "takes one folder"},
        {"bin/nanolab pack bin", "no run.json"},
        {"bin/nanolab pack taken --out bin/nanolab", "is there already"},
        {"bin/nanolab unpack", "needs an archive"},
        {"bin/nanolab unpack a b", "takes one archive"},
        {"bin/nanolab unpack none", "no such file"},
        {"bin/nanolab unpack bin/nanolab --out x", "no archive of nanolab pack"},
        {"bin/nanolab compare taken", "needs 2 to 16 sides"},
        {"bin/nanolab compare taken none", "no such folder"},
        {"bin/nanolab compare bin taken", "neither a result folder"},
        {"bin/nanolab compare taken taken --fail-on better", "give slower or faster"},
        {"bin/nanolab compare taken taken --fail-on slower:x", "give a percentage"},
        {"bin/nanolab compare taken taken --calibrate taken,,", "separated by commas"},
        {"bin/nanolab compare taken taken --explain nosuchcase", "no case has this in its id"},
        {"bin/nanolab compare taken taken --page bin", "holds no page of compare"},
        {"bin/nanolab compare taken taken --page none/x", "cannot make this folder"},
        {"bin/nanolab export taken", "export needs --format"},
        {"bin/nanolab export taken --format nvbnch --out x", "did you mean nvbench"},
        {"bin/nanolab export taken --format nvbench", "name it with --out"},
        {"bin/nanolab export taken --format tsv --out bin/nanolab", "it is there already"},
        {"bin/nanolab export none --format tsv --out x", "no such folder"},
        {"bin/nanolab plot none", "no such folder"},
        {"bin/nanolab report none", "no such folder"},
        {"labs/97-tiny x", "unexpected argument"},
        {"labs/97-tiny --quick --full", "exclude each other"},
        {"labs/97-tiny --joined 1", "needs --out or --resume"},
        {"labs/97-tiny --joined 999999999 --out late", "has ended"},
        {"labs/97-tiny --out taken", "is there already"},
        {"labs/97-tiny --resume none", "no such folder"},
        {"labs/97-tiny --device none", "unknown device"},
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        int status = type("%s", bad[i].line);
        const char *newline = strchr(warned, '\n');
        if (status != 2 || said[0] || !newline || newline[1] || !strstr(warned, bad[i].words))
            fail_msg("%s: status %d, expected \"%s\"\nstdout: %s\nstderr: %s", bad[i].line, status,
                     bad[i].words, said, warned);
    }
    /* None of them left a folder behind. */
    assert_false(exists("results"));
    assert_false(exists("x"));
    assert_status(0, "bin/nanolab verify taken");
}

static void a_folder_travels(void **state) {
    (void)state;
    assert_status(0, "bin/nanolab run 97 --device cpu --out sent");
    assert_status(0, "bin/nanolab pack sent/");
    assert_in(said, "sent.zip: ");
    assert_status(0, "bin/nanolab verify sent.zip");
    assert_in(said, "sent.zip");
    assert_status(0, "bin/nanolab unpack sent.zip --out received");
    assert_in(said, "received: ");
    assert_status(0, "bin/nanolab verify received --json");
    assert_status(0, "bin/nanolab compare sent received");
    assert_in(said, "A sent (1 session), B received (1 session)");
    assert_status(0, "bin/nanolab compare sent received sent --json --calibrate sent,received");
    json_t *both = json_loads(said, 0, NULL);
    assert_int_equal(json_array_size(both), 2);
    json_decref(both);
}

static void sessions_are_a_side(void **state) {
    (void)state;
    assert_status(0, "bin/nanolab run 97 --device cpu --sessions 3 --out often");
    assert_status(0, "bin/nanolab verify often/session-3");
    assert_status(0, "bin/nanolab compare often often");
    assert_in(said, "A often (3 sessions), B often (3 sessions)");
    assert_status(0, "bin/nanolab compare often often --explain 97/tiny/n=1");
    assert_in(said, "\nExplained: 97/tiny/n=1");
    assert_status(0, "bin/nanolab compare often often --page page");
    assert_in(said, "\npage/compare.md\npage/compare.html\n");
    assert_true(exists("page/compare.md") && exists("page/compare.html"));
    assert_status(0, "bin/nanolab compare often often often --page page --json");
    assert_true(exists("page/C/ratios.tsv"));
    assert_string_equal(warned, "");
}

static void folders_that_cannot_be_written(void **state) {
    (void)state;
    assert_int_equal(mkdir("locked", 0555), 0);
    as_nobody = true;
    int status = type("bin/nanolab run 97 --device cpu --out locked/x");
    as_nobody = false;
    assert_int_equal(status, 2);
    assert_in(warned, "permission denied");
    assert_false(exists("locked/x"));
}

static void a_full_disk_loses_nothing(void **state) {
    (void)state;
    file_limit = 9000; /* run.json and some of the cases fit */
    int status = type("bin/nanolab run 97 --device cpu --quick --out full");
    file_limit = RLIM_INFINITY;
    if (status != 2)
        fail_msg("status %d\nstderr: %s", status, warned);
    assert_in(warned, "full/97-tiny/cases.jsonl");
    assert_in(warned, "go on with --resume");
    assert_status(0, "bin/nanolab verify full");
    assert_in(said, "partial");
    assert_status(0, "bin/nanolab run --resume full");
    assert_in(said, "confirmed 40/0/0");
    assert_status(0, "bin/nanolab verify full");
}

/* --resume goes on with the card that the run began with. */
static void the_simulated_card_is_kept(void **state) {
    (void)state;
    file_limit = 9000;
    type("labs/97-tiny --device cpu --quick --simt-arch A100 --out card");
    file_limit = RLIM_INFINITY;
    assert_status(2, "labs/97-tiny --resume card --simt-arch sm_90");
    assert_in(warned, "simulates the card A100");
    assert_status(0, "labs/97-tiny --resume card --simt-arch sm_80");
    assert_in(said, "confirmed 40/0/0");
    assert_status(0, "bin/nanolab run 97 --device cpu --quick --simt-arch V100 --out card2");
    static const char *const files[] = {"card/run.json", "card2/run.json"};
    static const char *const cards[] = {"\"simt_card\": \"A100\"", "\"simt_card\": \"V100\""};
    for (size_t i = 0; i < 2; i++) {
        static char text[1 << 18];
        slurp(files[i], text, sizeof text);
        assert_in(text, cards[i]);
    }
}

static void help_teaches_everywhere(void **state) {
    (void)state;
    static const char *const lines[] = {
        "bin/nanolab --help",         "bin/nanolab -h",
        "bin/nanolab help",           "bin/nanolab list --help",
        "bin/nanolab info --help",    "bin/nanolab run --help",
        "bin/nanolab run -h 99",      "bin/nanolab help run",
        "bin/nanolab verify --help",  "bin/nanolab plot --help",
        "bin/nanolab pack --help",    "bin/nanolab unpack --help",
        "bin/nanolab compare --help", "bin/nanolab export --help",
        "bin/nanolab report --help",  "labs/97-tiny --help",
    };
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
        assert_status(0, "%s", lines[i]);
        assert_in(said, "usage:");
        assert_string_equal(warned, "");
    }
    assert_status(0, "bin/nanolab --version");
    assert_in(said, "nanolab ");
    assert_status(0, "labs/97-tiny --version");
    assert_in(said, "97-tiny ");
    assert_status(0, "labs/97-tiny --help");
    assert_in(said, "squares are squares");
}

static void list_asks_the_labs(void **state) {
    (void)state;
    assert_status(0, "bin/nanolab list");
    assert_in(said, "97-tiny\n    Are squares square?\n");
    assert_status(0, "bin/nanolab list --json");
    json_t *list = json_loads(said, 0, NULL);
    assert_int_equal(json_array_size(list), LABS);
    assert_string_equal(json_string_value(json_object_get(json_array_get(list, 3), "name")),
                        "97-tiny");
    json_decref(list);
    /* What is in the folder and is no lab is no lab. */
    assert_int_equal(mkdir("labs/notes", 0755), 0);
    FILE *file = fopen("labs/93-text", "w");
    assert_non_null(file);
    fclose(file);
    assert_status(0, "bin/nanolab list");
    assert_null(strstr(said, "93-text"));
    /* One that is broken is named, and the others are still listed. */
    assert_int_equal(chmod("labs/93-text", 0755), 0);
    assert_status(1, "bin/nanolab list");
    assert_in(said, "97-tiny");
    assert_in(warned, "93-text");
    unlink("labs/93-text");
    rmdir("labs/notes");
}

static void info_is_readable(void **state) {
    (void)state;
    assert_status(0, "bin/nanolab info --json");
    json_t *info = json_loads(said, 0, NULL);
    assert_true(json_array_size(json_object_get(info, "devices")) >= 3);
    assert_true(json_is_object(json_object_get(info, "machine")));
    assert_true(json_is_array(json_object_get(info, "warnings")));
    /* The allow-list holds: neither the host's name nor the user's environment. */
    char host[256] = "";
    gethostname(host, sizeof host - 1);
    if (strlen(host) > 3)
        assert_null(strstr(said, host));
    json_decref(info);
    assert_status(0, "bin/nanolab info");
    assert_in(said, "cpu");
    assert_in(said, "what spoils measurements here");
}

static void a_run_ends_in_verdicts(void **state) {
    (void)state;
    assert_status(0, "bin/nanolab run tiny --device cpu --quick --out good --predict");
    assert_in(said, "        cpu\n  T1    confirmed 40/0/0\n        40 squares are squares\n");
    assert_in(said, "prediction: every square is a square");
    assert_in(said, "Results: good");
    assert_in(warned, "bits on cpu");
    assert_in(warned, "note: tiny indeed");
    assert_null(strstr(warned, "\033"));
}

static void json_is_all_there_is_on_stdout(void **state) {
    (void)state;
    assert_status(0, "bin/nanolab run 97 --device cpu --quick --json --predict --out machine");
    json_t *all = json_loads(said, 0, NULL);
    assert_non_null(all);
    json_t *lab = json_array_get(json_object_get(all, "labs"), 0);
    json_t *claim = json_array_get(json_object_get(lab, "claims"), 0);
    assert_string_equal(json_string_value(json_object_get(claim, "verdict")), "confirmed");
    assert_int_equal(json_integer_value(json_object_get(claim, "held")), TINY_CASES);
    json_decref(all);
    assert_in(warned, "prediction");
    assert_status(0, "bin/nanolab verify machine --json");
    all = json_loads(said, 0, NULL);
    assert_true(json_is_true(json_object_get(all, "complete")));
    json_decref(all);
}

static void a_lab_runs_alone(void **state) {
    (void)state;
    assert_status(0, "labs/97-tiny --device cpu --quick --out alone --label desk");
    assert_in(said, "T1    confirmed 40/0/0");
    assert_in(said, "Results: alone");
    assert_status(0, "bin/nanolab verify alone");
    assert_in(said, "everything that is there is intact\n");
    assert_status(0, "labs/97-tiny --resume alone");
    assert_in(warned, "already complete");
    assert_in(said, "T1    confirmed 40/0/0");
}

static void the_default_folder_is_named(void **state) {
    (void)state;
    assert_status(0, "bin/nanolab run 97 --device cpu");
    assert_in(said, "Results: results/");
    assert_status(0, "labs/97-tiny --device cpu");
    assert_in(said, "Results: results/");
    assert_int_equal(system("rm -r results"), 0);
}

static void our_bug_is_status_1(void **state) {
    (void)state;
    assert_status(1, "bin/nanolab run 95 97 --device cpu --out bug");
    assert_in(warned, "our bug: a predicted bit of T2 on cpu did not hold (39 of 40 did)");
    assert_in(said, "OUR BUG");
    /* The other lab ran all the same, and the bug is on record. */
    assert_in(said, "97-tiny: Are squares square?");
    assert_status(0, "bin/nanolab verify bug");
    assert_status(1, "bin/nanolab run --resume bug");
    assert_in(said, "OUR BUG");
}

static void a_check_that_cannot_run_is_status_1(void **state) {
    (void)state;
    assert_status(1, "bin/nanolab run 98 --device cpu --out oracle");
    assert_in(warned,
              "claim T3 on cpu could not be checked: its check ended without finding_settle()");
    assert_in(said, "no verdicts yet");
    assert_status(0, "bin/nanolab verify oracle");
    assert_in(said, "partial");
    assert_status(1, "bin/nanolab run 94 --device cpu --out dead");
    assert_in(warned, "94-dead: the sweep has no data at all\n");
}

static void no_hardware_is_77_and_never_a_pass(void **state) {
    (void)state;
    if (device_count(DEVICE_CUDA) > 0)
        skip(); /* the hardware is here */
    assert_status(77, "bin/nanolab run 96 --out skipped");
    assert_in(said, "not testable here");
    assert_in(warned, "96-gpu: skipped, not testable here: cuda:0");
    assert_null(strstr(said, "confirmed"));
    assert_status(0, "bin/nanolab verify skipped");
    assert_status(77, "labs/96-gpu --out skipped2");
    /* One lab that ran is enough for 0. */
    assert_status(0, "bin/nanolab run 96 97 --device cpu --out mixed");
    assert_in(said, "1 not testable here");
    assert_in(said, "1 confirmed");
    /* A device that was asked for and is not here is not passed over in silence. */
    assert_status(0, "bin/nanolab run 97 --device cpu,cuda --out half");
    assert_in(warned, "nothing is tested on cuda:0");
}

static void standard_output_may_fail(void **state) {
    (void)state;
    pid_t child = fork();
    if (child == 0) {
        int full = open("/dev/full", O_WRONLY);
        dup2(full, STDOUT_FILENO);
        dup2(open("stderr", O_WRONLY | O_CREAT | O_TRUNC, 0600), STDERR_FILENO);
        execl("bin/nanolab", "nanolab", "list", (char *)NULL);
        _exit(126);
    }
    assert_int_equal(finish(child), 2);
    assert_in(warned, "standard output cannot be written");
}

/* --- interruption --- */

static void wait_for_case(const char *journal) {
    for (int i = 0; i < 2000; i++) {
        struct stat status;
        if (stat(journal, &status) == 0 && status.st_size > 6000)
            return;
        nap(2);
    }
    fail_msg("%s did not grow in 4 s", journal);
}

static void a_signal_leaves_a_partial_folder(void **state) {
    (void)state;
    static const struct {
        int number;
        const char *line, *journal, *resume;
    } cases[] = {
        {SIGINT, "bin/nanolab run 97 95 --device cpu --out int", "int/97-tiny/cases.jsonl", "int"},
        {SIGTERM, "bin/nanolab run 97 --device cpu --out term", "term/97-tiny/cases.jsonl", "term"},
        {SIGTERM, "labs/97-tiny --device cpu --out lab", "lab/97-tiny/cases.jsonl", "lab"},
    };
    for (size_t i = 0; i < 3; i++) {
        pid_t child = start(cases[i].line);
        wait_for_case(cases[i].journal);
        kill(child, cases[i].number);
        assert_int_equal(finish(child), 128 + cases[i].number);
        assert_in(warned, "go on with: ");
        assert_in(warned, "--resume");
        assert_status(0, "bin/nanolab verify %s", cases[i].resume);
        assert_in(said, "partial");
        /* The second lab of the first run reports its planted bug at the end. */
        assert_status(i == 0 ? 1 : 0, "bin/nanolab run --resume %s", cases[i].resume);
        assert_in(warned, "going on after");
        assert_status(0, "bin/nanolab verify %s", cases[i].resume);
        assert_in(said, "everything that is there is intact\n");
    }
}

static int add_id(void *context, const json_t *record) {
    return json_object_set(context, json_string_value(json_object_get(record, "id")),
                           json_object_get(record, "series"));
}

/* The cases of a folder: id -> series. */
static json_t *cases_of(const char *dir) {
    struct reader *reader;
    json_t *cases = json_object();
    if (reader_open(&reader, dir, "97-tiny", NULL) != 0)
        fail_msg("%s", error_text());
    assert_int_equal(reader_cases(reader, "", NULL, add_id, cases), 0);
    assert_int_equal((int)reader->case_count, (int)json_object_size(cases));
    reader_close(reader);
    return cases;
}

static void kill_9_at_random_moments(void **state) {
    (void)state;
    unsigned seed = 20;
    int partial = 0;
    assert_status(0, "bin/nanolab run 97 --device cpu --quick --out whole");
    json_t *whole = cases_of("whole");
    assert_int_equal(json_object_size(whole), TINY_CASES);
    for (int i = 0; i < 10; i++) {
        char dir[20], line[100];
        snprintf(dir, sizeof dir, "killed%d", i);
        snprintf(line, sizeof line, "bin/nanolab run 97 --device cpu --quick --out %s", dir);
        pid_t child = start(line);
        nap(rand_r(&seed) % 300);
        kill(child, SIGKILL);
        int status = finish(child);
        if (!exists(dir)) {
            /* Too early for a folder: then there is nothing half-made either. */
            assert_status(0, "%s", line);
        } else {
            assert_status(0, "bin/nanolab verify %s", dir);
            partial += strstr(said, "partial") != NULL;
            assert_true(status == -SIGKILL || status == 0);
            assert_status(0, "bin/nanolab run --resume %s", dir);
        }
        assert_status(0, "bin/nanolab verify %s", dir);
        assert_in(said, "everything that is there is intact\n");
        json_t *cases = cases_of(dir);
        if (!json_equal(cases, whole))
            fail_msg("%s: its cases are not those of an uninterrupted run", dir);
        json_decref(cases);
    }
    json_decref(whole);
    /* If no kill hit a run in the middle, nothing was tested. */
    assert_true(partial > 0);
}

int main(int argc, char **argv) {
    int status;
    if (plays_a_part(argc, argv, &status))
        return status;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_bad_line_is_one_line),
        cmocka_unit_test(a_folder_travels),
        cmocka_unit_test(sessions_are_a_side),
        cmocka_unit_test(folders_that_cannot_be_written),
        cmocka_unit_test(a_full_disk_loses_nothing),
        cmocka_unit_test(the_simulated_card_is_kept),
        cmocka_unit_test(help_teaches_everywhere),
        cmocka_unit_test(list_asks_the_labs),
        cmocka_unit_test(info_is_readable),
        cmocka_unit_test(a_run_ends_in_verdicts),
        cmocka_unit_test(json_is_all_there_is_on_stdout),
        cmocka_unit_test(a_lab_runs_alone),
        cmocka_unit_test(the_default_folder_is_named),
        cmocka_unit_test(our_bug_is_status_1),
        cmocka_unit_test(a_check_that_cannot_run_is_status_1),
        cmocka_unit_test(no_hardware_is_77_and_never_a_pass),
        cmocka_unit_test(standard_output_may_fail),
        cmocka_unit_test(a_signal_leaves_a_partial_folder),
        cmocka_unit_test(kill_9_at_random_moments),
    };
    return cmocka_run_group_tests_name("cli", tests, begin, end);
}

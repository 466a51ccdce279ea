/*
 * predict_test.c: `nanolab predict`, `run --predict` and `class` from outside, with a tiny lab that
 * has questions.
 */
#define _GNU_SOURCE
#include "harness/cli/cli_fixture.h"

#include <pty.h>

#define SHARE "share/nanolab/"

static const char questions[] =
    "{\"format\": 1, \"lab\": \"97-tiny\", \"questions\": ["
    " {\"id\": \"97.squares\", \"part\": \"bits\", \"devices\": [\"cpu\"], \"short\": \"squares\","
    "  \"text\": \"Of 40 squares, how many are square, in percent?\", \"because\": \"A square "
    "is.\","
    "  \"unit\": \"%\", \"most\": 100,"
    "  \"from\": [{\"claim\": \"T1\", \"share\": true, \"scale\": 100}]},"
    " {\"id\": \"97.true\", \"part\": \"bits\", \"devices\": [\"cpu\"], \"short\": \"truth\","
    "  \"text\": \"Are squares square?\", \"because\": \"That is what square means.\","
    "  \"choices\": [{\"key\": \"yes\", \"text\": \"all\", \"verdicts\": [\"confirmed\"]},"
    "                {\"key\": \"no\", \"text\": \"none\", \"verdicts\": [\"refuted\"]}],"
    "  \"from\": [{\"claim\": \"T1\"}]},"
    " {\"id\": \"97.gpu\", \"part\": \"bits\", \"devices\": [\"cuda\"], \"short\": \"gpu\","
    "  \"text\": \"On a GPU?\", \"because\": \"Who knows.\", \"unit\": \"1\","
    "  \"from\": [{\"claim\": \"T1\", \"share\": true}]}]}";

static void put(const char *name, const char *text) {
    FILE *file = fopen(name, "w");
    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
}

static int begin_with_questions(void **state) {
    if (begin(state) != 0 || system("mkdir -p " SHARE "labs/97-tiny " SHARE
                                    "harness/page && touch " SHARE "harness/page/style.gp") != 0)
        return -1;
    put(SHARE "labs/97-tiny/questions.json", questions);
    put("right.json", "{\"97.squares\": \"90..100\", \"97.true\": \"a\"}");
    put("wrong.json", "{\"97.squares\": 7, \"97.true\": \"no\"}");
    return 0;
}

static json_t *json_said(void) {
    json_t *all = json_loads(said, 0, NULL);
    if (!all)
        fail_msg("no JSON: %s", said);
    return all;
}

static void answers_are_asked_kept_and_scored(void **state) {
    (void)state;
    assert_status(2, "bin/nanolab predict 97 --device cpu");
    assert_in(warned, "no terminal; give --answers FILE");
    assert_status(0, "bin/nanolab predict tiny --device cpu --answers right.json");
    assert_in(said, "Kept in predictions.json");
    assert_status(2, "bin/nanolab predict tiny --device cpu --answers wrong.json");
    assert_in(warned, "has answers for 97-tiny already; --again asks anew");
    assert_status(0, "bin/nanolab run tiny --device cpu --quick --out one");
    assert_null(strstr(said, "predicted"));
    assert_false(exists("one/predictions.json"));
    assert_status(0, "bin/nanolab predict tiny --in one");
    assert_in(said, "you said: 90 % to 100 %");
    assert_in(said, "measured: 100 % on cpu");
    assert_in(said, "  2 right\n");
    assert_null(strstr(said, "no prediction")); /* it was asked before the run */
    assert_true(exists("one/predictions.json"));
    assert_status(0, "bin/nanolab predict tiny --device cpu --answers wrong.json --again");
    /* What the folder has is what counts. */
    assert_status(0, "bin/nanolab predict --in one --json");
    json_t *all = json_said();
    const json_t *first = json_array_get(json_object_get(json_array_get(all, 0), "questions"), 0);
    assert_string_equal(json_string_value(json_object_get(first, "score")), "right");
    json_decref(all);
    unlink("predictions.json");
}

static void a_run_predicts_first(void **state) {
    (void)state;
    assert_status(0, "bin/nanolab run tiny --device cpu --quick --out two --answers wrong.json");
    assert_in(said, "T1    confirmed 40/0/0");
    assert_in(said, "off by a factor of 14.3");
    assert_in(said, "why:      A square is.");
    assert_in(said, "  2 surprising\n");
    assert_true(strstr(said, "T1    confirmed") < strstr(said, "off by a factor"));
    assert_status(0, "bin/nanolab verify two");
    assert_status(0, "bin/nanolab run tiny --device cpu --quick --out three --answers right.json "
                     "--json");
    json_t *all = json_said();
    const json_t *lab = json_array_get(json_object_get(all, "labs"), 0);
    const json_t *scored = json_array_get(json_object_get(lab, "predictions"), 0);
    assert_int_equal(json_array_size(json_object_get(scored, "questions")), 2);
    json_decref(all);
    /* Nobody to ask: it runs all the same, and says so. */
    assert_status(0, "bin/nanolab run tiny --device cpu --quick --out four --predict");
    assert_in(warned, "nobody is asked to predict");
    assert_false(exists("four/predictions.json"));
    assert_status(2, "bin/nanolab run --resume two --answers right.json");
    assert_in(warned, "--answers are given before a run");
}

static void bad_answers_are_named(void **state) {
    (void)state;
    static const char *const bad[][2] = {
        {"{", "bad.json: "},
        {"[]", "no JSON object"},
        {"{\"97.squares\": \"many\"}", "bad.json: 97.squares: \"many\" is no number"},
        {"{\"97.squares\": 101}", "97.squares: it can be 100 % at most"},
        {"{\"97.true\": \"z\"}", "none of the choices"},
        {"{\"97.true\": []}", "a text or a number"},
        {"{\"97.moon\": 1}", "97.moon is no question of 97-tiny"},
        {"{\"format\": 9}", "format is newer"},
    };
    for (size_t k = 0; k < sizeof bad / sizeof *bad; k++) {
        put("bad.json", bad[k][0]);
        assert_status(2, "bin/nanolab run tiny --device cpu --quick --out bad --answers bad.json");
        assert_in(warned, bad[k][1]);
        assert_false(exists("bad")); /* before anything was made */
    }
    assert_status(2, "bin/nanolab run tiny --device cpu --out bad --answers nofile.json");
    assert_in(warned, "nofile.json: missing");
    assert_status(2, "bin/nanolab predict");
    assert_status(2, "bin/nanolab predict 97 96");
    assert_status(2, "bin/nanolab predict 97 --in two --list");
    assert_status(2, "bin/nanolab predict 97 --only chance");
    assert_status(2, "bin/nanolab predict 97 --in nowhere");
    assert_status(2, "bin/nanolab predict 95 --in four");
    assert_in(warned, "it has no 95-bug");
    assert_status(2, "bin/nanolab predict --in four");
    assert_in(warned, "there are no answers");
}

static void questions_are_listed(void **state) {
    (void)state;
    assert_status(0, "bin/nanolab predict 97 --list --device cpu");
    assert_in(said, "   2  Are squares square?\n      a  all\n      b  none\n");
    assert_null(strstr(said, "On a GPU?"));
    assert_status(0, "bin/nanolab predict 97 --list --device cuda");
    assert_in(said, "   1  On a GPU?");
    assert_status(0, "bin/nanolab predict 97 --list --json --device cpu");
    json_t *all = json_said();
    assert_int_equal(json_array_size(json_object_get(all, "questions")), 3);
    json_decref(all);
    /* A lab without questions is none that asks. */
    assert_status(0, "bin/nanolab predict 95 --answers right.json");
    assert_in(said, "95-bug: it has no questions");
}

/* On a terminal of our own. */
static void a_terminal_is_asked(void **state) {
    (void)state;
    int terminal;
    fflush(NULL);
    pid_t child = forkpty(&terminal, NULL, NULL, NULL);
    if (child < 0) {
        print_message("no terminal can be made here\n");
        skip();
    }
    if (child == 0) {
        execl("bin/nanolab", "bin/nanolab", "predict", "97", "--device", "cpu", "--to",
              "typed.json", NULL);
        _exit(126);
    }
    static const char typed[] = "nonsense\n50..100\nb\n";
    assert_int_equal(write(terminal, typed, sizeof typed - 1), sizeof typed - 1);
    char text[8192];
    size_t used = 0;
    ssize_t n;
    while (used < sizeof text - 1 && (n = read(terminal, text + used, sizeof text - 1 - used)) > 0)
        used += (size_t)n;
    text[used] = '\0';
    close(terminal);
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
        fail_msg("status %d: %s", status, text);
    assert_in(text, "\"nonsense\" is no number here");
    assert_in(text, "Kept in typed.json");
    json_t *stored = json_load_file("typed.json", 0, NULL);
    const json_t *lab = json_array_get(json_object_get(stored, "predictions"), 0);
    const json_t *first = json_array_get(json_object_get(lab, "answers"), 0);
    assert_true(json_number_value(json_object_get(first, "low")) == 50);
    json_decref(stored);
}

static void a_class_is_one_page(void **state) {
    (void)state;
    assert_status(0, "bin/nanolab class two three four --json");
    json_t *all = json_said();
    assert_int_equal(json_array_size(json_object_get(all, "students")), 3);
    const json_t *lab = json_array_get(json_object_get(all, "labs"), 0);
    const json_t *first = json_array_get(json_object_get(lab, "questions"), 0);
    assert_int_equal(json_integer_value(json_object_get(first, "scored")), 2);
    assert_int_equal(json_integer_value(json_object_get(first, "surprised")), 1);
    json_decref(all);
    /* There are no scripts for plots here: the page is there without, and the status says so. */
    assert_status(1, "bin/nanolab class two three four --page pages");
    assert_in(said, "3 students, 1 lab, 1 machine");
    assert_in(warned, "no plots");
    assert_true(exists("pages/class.html") && exists("pages/class.md"));
    assert_status(0, "bin/nanolab class two three four --plain");
    assert_in(said, "Who was surprised by what");
    assert_in(said, "said: 7 %");
    assert_null(strchr(said, '|'));
    assert_status(2, "bin/nanolab class two --plain --json");
    assert_status(1, "bin/nanolab class two three four nowhere --json");
    assert_status(2, "bin/nanolab class nowhere");
    assert_in(warned, "no folder of 1 could be used; the first, nowhere: nowhere: no such folder");
    assert_status(2, "bin/nanolab class");
    assert_status(2, "bin/nanolab class two --page two");
    assert_in(warned, "holds no page of class");
}

static void predictions_travel_and_are_checked(void **state) {
    (void)state;
    assert_status(0, "bin/nanolab pack two --out two.zip");
    assert_status(0, "bin/nanolab unpack two.zip --out again");
    assert_true(exists("again/predictions.json"));
    assert_status(0, "bin/nanolab predict --in again");
    put("again/predictions.json", "{\"format\": 1}");
    assert_status(2, "bin/nanolab verify again");
    assert_in(warned, "again/predictions.json: its \"predictions\" are no list");
    assert_status(2, "bin/nanolab pack again --out broken.zip");
    assert_false(exists("broken.zip"));
    assert_status(2, "bin/nanolab predict --in again");
    assert_status(0, "bin/nanolab report again");
    char page[65536];
    slurp("again/report.md", page, sizeof page);
    assert_in(page, "What was predicted is left out");
}

int main(int argc, char **argv) {
    int status;
    if (plays_a_part(argc, argv, &status))
        return status;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(answers_are_asked_kept_and_scored),
        cmocka_unit_test(a_run_predicts_first),
        cmocka_unit_test(bad_answers_are_named),
        cmocka_unit_test(questions_are_listed),
        cmocka_unit_test(a_terminal_is_asked),
        cmocka_unit_test(a_class_is_one_page),
        cmocka_unit_test(predictions_travel_and_are_checked),
    };
    return cmocka_run_group_tests(tests, begin_with_questions, end);
}

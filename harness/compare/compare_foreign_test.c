/*
 * compare_foreign_test.c: sides from files: archives, what our own export made of a folder, folders
 * of such, and files with too much in them.
 */
#define _GNU_SOURCE
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <dirent.h>
#include <signal.h>
#include <sys/wait.h>

#include "harness/compare/compare_explain.h"
#include "harness/compare/compare_foreign_fixture.h"
#include "harness/stop.h"
#include "harness/store/export.h"
#include "harness/store/pack.h"

static size_t names_in(const char *path) {
    DIR *list = opendir(path);
    size_t count = 0;
    while (list && readdir(list))
        count++;
    if (list)
        closedir(list);
    return count;
}

/* --- what our own commands make ----------------------------------------------------------------
 */

static void make_one(struct two *t) {
    const struct made plain = PLAIN;
    make_side(t, 0, &plain, 2);
    snprintf(t->path[0] + strlen(t->path[0]), 20, "/session-1");
}

static void compare_with(struct two *t, const char *name) {
    file_of(t, name, t->path[1]);
    compare_two(t, NULL);
}

/* Its samples can be looked at as those of a folder. */
static void samples_are_seen(struct two *t, double tolerance) {
    const struct compare_pair *pair = pair_of(t, 5);
    assert_int_equal(compare_explain_add(&t->c, &pair, 1), 0);
    const struct compare_explained *e = t->c.explained;
    assert_int_equal(e->histogram.all[0], 3);
    assert_int_equal(e->histogram.all[1], 3);
    const struct compare_drawn *a = &e->samples[0].session[0], *b = &e->samples[1].session[0];
    assert_int_equal(b->of, 3);
    for (size_t k = 0; k < 3; k++)
        assert_true(fabs(b->seconds[k] / a->seconds[k] - 1) < tolerance);
    assert_true(fabs(b->median / a->median - 1) < tolerance);
}

/* Each case with time is there, and as long. */
static void all_are_equal(const struct two *t, double tolerance) {
    assert_int_equal(t->c.timed, 9);
    for (size_t k = 0; k < t->c.count; k++) {
        const struct compare_pair *p = &t->c.pairs[k];
        assert_string_equal(p->field, "");
        if (p->first->timed == 0)
            continue;
        assert_int_equal(p->second->timed, 1);
        assert_true(fabs(p->second->times[0].median / p->first->times[0].median - 1) < tolerance);
        assert_int_equal(p->times.verdict, COMPARE_AMBIGUOUS);
        assert_int_equal(p->times.reason, COMPARE_ONE_SESSION);
    }
}

static void google_benchmark_and_back(void **state) {
    struct two *t = *state;
    char path[PATH];
    size_t samples;
    make_one(t);
    file_of(t, "g.json", path);
    assert_int_equal(export_folder(t->path[0], EXPORT_GOOGLEBENCHMARK, path, &samples), 0);
    compare_with(t, "g.json");
    all_are_equal(t, 1e-12);
    assert_int_equal(t->c.only[0], 1); /* case 0 has no time */
    assert_int_equal(t->c.only[1], 0);
    assert_string_equal(t->side[1].foreign, "Google Benchmark's JSON");
    assert_int_equal(json_array_size(t->side[1].notes), 0);
    assert_int_equal(json_array_size(t->c.differences), 0);
    samples_are_seen(t, 1e-12);
}

static void nvbench_and_back(void **state) {
    struct two *t = *state;
    char path[PATH];
    size_t samples;
    make_one(t);
    file_of(t, "n.json", path);
    assert_int_equal(export_folder(t->path[0], EXPORT_NVBENCH, path, &samples), 0);
    compare_with(t, "n.json");
    all_are_equal(t, 1e-6);
    assert_int_equal(t->c.only[0], 1);
    assert_int_equal(t->c.only[1], 0);
    assert_string_equal(t->side[1].foreign, "nvbench's JSON");
    assert_int_equal(json_array_size(t->side[1].notes), 0);
    assert_string_equal(t->side[1].cases[0].lab, FIXTURE_LAB);
    samples_are_seen(t, 1e-6);
}

/* An archive says all that its folder does, and nothing is left of it. */
static void an_archive_is_its_folder(void **state) {
    struct two *t = *state;
    char path[PATH], private[PATH];
    struct pack pack;
    make_one(t);
    file_of(t, "a.zip", path);
    file_of(t, "private", private);
    assert_int_equal(mkdir(private, 0777), 0);
    assert_int_equal(setenv("TMPDIR", private, 1), 0);
    assert_int_equal(pack_folder(t->path[0], path, &pack), 0);
    compare_with(t, "a.zip");
    all_are_equal(t, 1e-300);
    assert_int_equal(t->c.bits_equal, 10);
    assert_int_equal(json_array_size(t->c.claims), json_array_size(t->side[0].claims));
    assert_null(t->side[1].foreign);
    assert_true(json_equal(t->side[0].run, t->side[1].run));
    assert_int_equal(names_in(private), 2);
    compare_side_close(&t->side[0]);
    write_text(t, "b.zip", "PK and nothing else");
    expect_refused(t, "b.zip", "damaged, or no archive");
    assert_int_equal(names_in(private), 2);
    unsetenv("TMPDIR");
}

static int stop_here(void *context, const char *dir) {
    (void)context;
    if (access(dir, R_OK) == 0)
        raise(SIGTERM);
    pause();
    return pause();
}

static void a_signal_removes_what_was_unpacked(void **state) {
    struct two *t = *state;
    char path[PATH], private[PATH];
    struct pack pack;
    int status;
    make_one(t);
    file_of(t, "a.zip", path);
    file_of(t, "private", private);
    assert_int_equal(mkdir(private, 0777), 0);
    assert_int_equal(pack_folder(t->path[0], path, &pack), 0);
    pid_t child = fork();
    if (child == 0) {
        setenv("TMPDIR", private, 1);
        stop_catch(NULL);
        if (!freopen("/dev/null", "w", stderr))
            _exit(99);
        _exit(pack_visit(path, stop_here, NULL, &pack) == 0 ? 98 : 97);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 128 + SIGTERM);
    assert_int_equal(names_in(private), 2);
}

/* --- sessions ----------------------------------------------------------------------------------
 */

static void sessions_may_be_archives(void **state) {
    struct two *t = *state;
    const struct made plain = PLAIN;
    struct pack pack;
    char dir[200], archive[220];
    make_side(t, 0, &plain, 3);
    file_of(t, "packed", t->path[1]);
    assert_int_equal(mkdir(t->path[1], 0777), 0);
    for (int k = 1; k <= 3; k++) {
        snprintf(dir, sizeof dir, "%s/session-%d", t->path[0], k);
        snprintf(archive, sizeof archive, "%s/session-%d.zip", t->path[1], k);
        assert_int_equal(pack_folder(dir, archive, &pack), 0);
    }
    compare_two(t, NULL);
    assert_int_equal(t->side[1].sessions, 3);
    assert_int_equal(t->c.bits_equal, 10);
    for (int k = 1; k < 10; k++)
        assert_true(pair_of(t, k)->times.ratio.value == 1);
    compare_side_close(&t->side[0]);
    /* One is there twice. */
    snprintf(archive, sizeof archive, "%s/session-3", t->path[1]);
    assert_int_equal(rename(dir, archive), 0);
    expect_refused(t, "packed", "session-3 and session-3.zip are one session");
}

static void sessions_may_be_others_files(void **state) {
    struct two *t = *state;
    char path[PATH], other[PATH];
    file_of(t, "s", path);
    assert_int_equal(mkdir(path, 0777), 0);
    write_json(t, "s/session-1.json", GOOGLE RUN("BM_a", "10") NS "," RUN("BM_b", "7") NS "]}");
    write_json(t, "s/session-2.json", GOOGLE RUN("BM_a", "12") NS "]}");
    write_json(t, "s/session-10.json", GOOGLE RUN("BM_a", "11") NS "]}");
    open_side(t, 0, "s");
    const struct compare_side *side = &t->side[0];
    assert_int_equal(side->sessions, 3);
    assert_int_equal(side->count, 2);
    assert_int_equal(side->cases[0].timed, 3);
    const double times[] = {10e-9, 12e-9, 11e-9};
    for (size_t k = 0; k < 3; k++)
        assert_true(fabs(side->cases[0].times[k].median / times[k] - 1) < 1e-12);
    assert_string_equal(side->cases[0].lab, "bm");
    assert_string_equal(
        json_string_value(json_object_get(json_object_get(side->run, "run"), "label")),
        "from Google Benchmark's JSON: bm");
    compare_side_close(&t->side[0]);
    /* Never through a link, and no two kinds on one side. */
    file_of(t, "s/session-10.json", path);
    file_of(t, "elsewhere", other);
    assert_int_equal(rename(path, other), 0);
    assert_int_equal(symlink(other, path), 0);
    expect_refused(t, "s", "session-10.json: not a plain file");
    assert_int_equal(unlink(path), 0);
    write_json(t, "s/session-10.json",
               "{'meta':{'version':{'json':{'major':1}}},'devices':[],'benchmarks':[{'name':'x',"
               "'states':[{'summaries':[{'tag':'nv/cpu_only/time/cpu/mean','data':[{'name':'value',"
               "'value':'1e-3'}]}]}]}]}");
    expect_refused(t, "s", "session-10.json: of another kind than the sessions before");
}

/* --- too much ----------------------------------------------------------------------------------
 */

static void write_deep(const struct two *t, const char *name, const char *open, size_t depth) {
    char path[PATH];
    file_of(t, name, path);
    FILE *to = fopen(path, "w");
    assert_non_null(to);
    for (const char *at = open; *at; at++)
        fputc(*at == '\'' ? '"' : *at, to);
    for (size_t k = 0; k < depth; k++)
        fputc('[', to);
    assert_int_equal(fclose(to), 0);
}

static void too_much_is_refused(void **state) {
    struct two *t = *state;
    char path[PATH];
    file_of(t, "big", path);
    FILE *to = fopen(path, "w");
    fputs("{\"context\":{},\"benchmarks\":[", to);
    for (size_t k = 0; k <= LIMIT_FOREIGN_CASES; k++)
        fprintf(to, "%s{\"name\":\"%zu\",\"real_time\":1,\"time_unit\":\"s\"}", k ? "," : "", k);
    fputs("]}", to);
    assert_int_equal(fclose(to), 0);
    expect_refused(t, "big", "LIMIT_FOREIGN_CASES");
    assert_int_equal(truncate(path, (off_t)LIMIT_FOREIGN_BYTES + 1), 0);
    expect_refused(t, "big", "LIMIT_FOREIGN_BYTES");
    assert_int_equal(unlink(path), 0);
    /* Nested deeper than any reader goes: passed over, or refused. */
    write_deep(t, "deep", "{'context':{},'benchmarks':", 3000000);
    expect_refused(t, "deep", "ends too early");
    write_deep(t, "deep", "{'context':", 3000000);
    expect_refused(t, "deep", "one entry has more than 1 MiB");
    write_deep(t, "deep", "{'context':", 100000);
    expect_refused(t, "deep", "ends too early");
    char *long_name = malloc(FOREIGN_NAME + 200);
    int n = sprintf(long_name, GOOGLE "{'real_time':1,'time_unit':'s','name':'");
    memset(long_name + n, 'x', FOREIGN_NAME);
    strcpy(long_name + n + FOREIGN_NAME, "'}]}");
    write_json(t, "long", long_name);
    free(long_name);
    expect_refused(t, "long", "a name of 2048 bytes is longer than 2047");
    file_of(t, "fifo", path);
    assert_int_equal(mkfifo(path, 0666), 0);
    expect_refused(t, "fifo", "neither a folder nor a plain file");
    expect_refused(t, "nothing", "no such folder");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, two_setup, two_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(google_benchmark_and_back), TEST(nvbench_and_back),
        TEST(an_archive_is_its_folder),  TEST(a_signal_removes_what_was_unpacked),
        TEST(sessions_may_be_archives),  TEST(sessions_may_be_others_files),
        TEST(too_much_is_refused),
    };
    return cmocka_run_group_tests_name("compare_foreign", tests, NULL, NULL);
}

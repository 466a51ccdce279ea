/*
 * gpu_check_test.c: scripts/gpu-check leaves a summary and an archive whatever happens: after a dry
 * run from the tree and from a bundle, when it is stopped in the middle, when a step hangs, when
 * there is no GPU. Where no dry run will do, the executables are scripts of the test's.
 */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "harness/page/home.h"
#include "harness/store/result.h"

static char tree[] = "/tmp/gpu-check-XXXXXX";
#define LINE (6 * FOLDER_PATH)
static char home[FOLDER_PATH], build[2 * FOLDER_PATH];
static char said[1 << 16], page[1 << 16], archive[1 << 16];

static void read_file(const char *name, char *text, size_t size) {
    FILE *file = fopen(name, "r");
    size_t n = file ? fread(text, 1, size - 1, file) : 0;
    text[n] = '\0';
    if (file)
        fclose(file);
}

static void put_script(const char *name, const char *text) {
    FILE *file = fopen(name, "w");
    if (!file || fprintf(file, "#!/bin/bash\n%s\n", text) < 0 || fclose(file) != 0 ||
        chmod(name, 0755) != 0)
        fail_msg("cannot write %s", name);
}

/* What is left by a run into `out`: its page, and the names in its archive. */
static void look(const char *out) {
    char path[FOLDER_PATH], command[LINE];
    snprintf(path, sizeof path, "%s/summary.md", out);
    read_file(path, page, sizeof page);
    snprintf(command, sizeof command,
             "tar -tzf %s.tar.gz >names && rm -rf again && mkdir again && "
             "tar -C again -xzf %s.tar.gz && cmp again/%s/summary.md %s/summary.md && rm -rf %s "
             "%s.tar.gz",
             out, out, out, out, out, out);
    if (system(command) != 0)
        fail_msg("no whole archive of %s:\n%s", out, said);
    read_file("names", archive, sizeof archive);
}

static int run(const char *command, const char *out) {
    char whole[LINE + 100];
    snprintf(whole, sizeof whole, "{ %s; } >output 2>&1", command);
    int status = system(whole);
    read_file("output", said, sizeof said);
    if (out)
        look(out);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void has(const char *text, const char *words) {
    if (!strstr(text, words))
        fail_msg("\"%s\" is not in:\n%s\n%s", words, text, said);
}

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* --- the real executables -----------------------------------------------------------------------
 */

static void a_dry_run(const char *script) {
    char command[LINE];
    snprintf(command, sizeof command, "%s --dry-run --out dry", script);
    double began = now();
    int status = run(command, "dry");
    if (status != 0)
        fail_msg("status %d: %s\n%s", status, said, page);
    assert_true(now() - began < 60);
    assert_non_null(strstr(page, "A dry run"));
    has(page, "every kernel family, checked by the SIMT machine");
    has(page, "| c bits | predicted bits of lab 00 |");
    has(page, "0 contradicted");
    has(page, "left out: nanolab probe: NCCL wants a GPU");
    has(page, "ended after");
    assert_null(strstr(page, "failed"));
    has(archive, "dry/rules.jsonl");
    has(archive, "dry/bits-00/00-roofs/cases.jsonl");
    read_file("again/dry/rules.jsonl", said, sizeof said);
    has(said, "\"rule\": \"nan-f32\"");
    assert_int_equal(system("! grep -rqF -e \"$(pwd)\" -e \"$(uname -n)\" again --include=*.log "
                            "--include=*.txt --include=*.md"),
                     0);
}

static void needs_a_build(void) {
    char path[3 * FOLDER_PATH];
    snprintf(path, sizeof path, "%s/bin/nanolab-probe", build);
    if (access(path, X_OK) != 0)
        fail_msg("%s is not built; run make build first", path);
}

static void from_the_tree(void **state) {
    (void)state;
    char script[LINE - 100];
    needs_a_build();
    snprintf(script, sizeof script, "B='%s' '%s/scripts/gpu-check'", build, home);
    a_dry_run(script);
}

static void from_a_bundle(void **state) {
    (void)state;
    char command[LINE];
    needs_a_build();
    snprintf(command, sizeof command,
             "mkdir -p bundle/scripts && ln -s '%s/bin' '%s/labs' bundle/ && "
             "cp '%s/scripts/gpu-check' bundle/scripts/",
             build, build, home);
    assert_int_equal(run(command, NULL), 0);
    a_dry_run("bundle/scripts/gpu-check");
}

/* --- with scripts in their place ----------------------------------------------------------------
 */

static const char quick_lab[] = "case $1 in\n"
                                "--version) echo nanolab 7;;\n"
                                "run) echo \"  2 confirmed\"; exit ${LAB_STATUS-0};;\n"
                                "esac";
static const char good_probe[] = "echo '{\"outcome\": \"confirmed\"}'";

static void every_step_is_told(void **state) {
    (void)state;
    put_script("build/bin/nanolab", quick_lab);
    put_script("build/bin/nanolab-probe", good_probe);
    put_script("path/nvidia-smi",
               "cat <<END\n    Product Name     : NVIDIA Test\n    Serial Number    : 12345678\n"
               "    GPU UUID         : GPU-aa-bb\n    Driver Version   : 580\n"
               "        Process ID   : 77\n        Name         : /home/someone/train\nEND");
    put_script("path/compute-sanitizer",
               "echo \"in $PWD\"; echo '========= ERROR SUMMARY: 0 errors'; [ $2 != racecheck ]");
    put_script("path/python3", "[ -n \"$TORCH\" ] || { echo no torch; exit 77; }; echo '{}'");
    assert_int_equal(run("scripts/gpu-check --minutes=1 --out told", "told"), 1);
    has(page, "device: NVIDIA Test");
    has(page, "nanolab 7");
    has(page, "| memcheck of every kernel family | ");
    has(page, "**failed, status 1**, see racecheck.log");
    has(page, "| d rules | cuBLASLt's bits, 2,000 shapes, from its own account | ");
    has(page, "| NCCL with one rank: starting, sums, a deadline, an abort, refusals | ");
    has(page, "| clock and energy, against the driver's account of power | ");
    has(page, "| e times | is PyTorch here | ");
    has(page, "left out: no torch");
    has(page, "| lab 05 against its roofs and peers (CUB) |");
    has(page, "ERROR SUMMARY: 0 errors");
    assert_null(strstr(page, "A dry run"));
    assert_int_equal(system("! grep -rq -e 12345678 -e GPU-aa -e someone -e \"$PWD\" again/told"),
                     0);
    /* A predicted bit that did not hold; and PyTorch between the labs. */
    assert_int_equal(run("LAB_STATUS=1 TORCH=1 scripts/gpu-check --minutes 1 --out told", "told"),
                     1);
    has(page, "**failed, status 1**, see bits-00.log");
    has(page, "| PyTorch and cuBLASLt, before-05 |");
    has(archive, "told/peers-after.jsonl");
    /* A driver alone. */
    assert_int_equal(
        run("rm path/*; PATH=$PWD/few scripts/gpu-check --minutes 1 --out told", "told"), 0);
    has(page, "left out: nvidia-smi is not here");
    has(page, "left out: compute-sanitizer is not here");
    has(page, "| every kernel family, without it |");
    has(page, "left out: python3 is not here");
}

static void no_gpu_is_said(void **state) {
    (void)state;
    put_script("build/bin/nanolab", quick_lab);
    put_script("build/bin/nanolab-probe", "echo 'no GPU: none' >&2; exit 77");
    assert_int_equal(run("scripts/gpu-check --out none", "none"), 77);
    has(page, "ended: no GPU works here");
    has(page, "left out: no GPU: none");
}

/* Whoever inherits it may take a moment to collect it. */
static void child_is_gone(void) {
    assert_int_equal(system("for k in $(seq 50); do kill -0 $(cat child) 2>/dev/null || exit 0; "
                            "sleep 0.1; done; exit 1"),
                     0);
}

static void a_step_that_hangs_is_stopped(void **state) {
    (void)state;
    put_script("build/bin/nanolab", quick_lab);
    /* It and its child hear no request to end. */
    put_script("build/bin/nanolab-probe",
               "[ $1 = kernels ] || exit 0\ntrap '' TERM\necho begun\n"
               "(trap '' TERM; echo $BASHPID >child; sleep 1000) &\nwait");
    double began = now();
    assert_int_equal(run("scripts/gpu-check --dry-run --minutes 0.2 --out hung", "hung"), 1);
    assert_true(now() - began < 25);
    has(page, "checked by the SIMT machine");
    has(page, "**stopped: its time was over**");
    has(page, "| c bits | predicted bits of lab 00 |"); /* those after it had their turn */
    has(page, "ended after");
    child_is_gone();
}

/* Starts a run, waits until it is inside its second step, and sends it a signal. */
static int signalled(int signal_number) {
    assert_int_equal(system("rm -f child"), 0);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        if (!freopen("output", "w", stdout) || dup2(1, 2) < 0)
            _exit(99);
        execl("/bin/bash", "bash", "scripts/gpu-check", "--dry-run", "--out", "cut", (char *)NULL);
        _exit(99);
    }
    for (int k = 0; k < 400 && access("child", F_OK) != 0; k++)
        usleep(50000);
    assert_int_equal(access("child", F_OK), 0);
    assert_int_equal(kill(pid, signal_number), 0);
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    read_file("output", said, sizeof said);
    look("cut");
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static void stopped_in_the_middle(void **state) {
    (void)state;
    put_script("build/bin/nanolab", quick_lab);
    put_script("build/bin/nanolab-probe",
               "[ $1 = kernels ] || exit 0\necho $BASHPID >child\nexec sleep 1000");
    double began = now();
    assert_int_equal(signalled(SIGTERM), 143);
    has(page, "stopped by SIGTERM after");
    has(page, "| stopped from outside |");
    has(page, "does a kernel run");
    child_is_gone();
    assert_int_equal(signalled(SIGHUP), 129);
    has(page, "the terminal went away");
    assert_true(now() - began < 40);
    /* Without a chance to say a word: what was there after the step before. */
    assert_int_equal(signalled(SIGKILL), 128 + SIGKILL);
    has(page, "goes on after");
    has(page, "does a kernel run");
    assert_int_equal(system("kill $(cat child)"), 0);
}

static void bad_lines_are_refused(void **state) {
    (void)state;
    static const char *const bad[] = {"--minutes", "--minutes x", "--minutes 0", "--wet", "12"};
    put_script("build/bin/nanolab", quick_lab);
    for (size_t k = 0; k < sizeof bad / sizeof *bad; k++) {
        char command[200];
        snprintf(command, sizeof command, "scripts/gpu-check %s", bad[k]);
        assert_int_equal(run(command, NULL), 2);
        has(said, "gpu-check: ");
    }
    assert_int_equal(run("mkdir taken; scripts/gpu-check --dry-run --out taken", NULL), 2);
    has(said, "cannot make taken; name a new folder");
    assert_int_equal(run("rm build/bin/nanolab; scripts/gpu-check --out new", NULL), 2);
    has(said, "run make, or unpack a bundle");
    assert_int_equal(access("new", F_OK), -1);
    assert_int_equal(run("scripts/gpu-check --help", NULL), 0);
    has(said, "--dry-run");
}

/* --- the tree -----------------------------------------------------------------------------------
 */

static int begin(void **state) {
    (void)state;
    char command[LINE], path[FOLDER_PATH + 100];
    const char *built = getenv("NANOLAB_BUILD");
    if (home_find(home, sizeof home) != 0 || !mkdtemp(tree))
        return -1;
    built = built ? built : "build";
    snprintf(build, sizeof build, "%s%s%s", *built == '/' ? "" : home, *built == '/' ? "" : "/",
             built);
    if (chdir(tree) != 0)
        return -1;
    /* few: what a machine with a driver alone has. */
    snprintf(command, sizeof command,
             "mkdir -p scripts build/bin build/labs path few && "
             "touch build/labs/00-a build/labs/05-b && cp '%s/scripts/gpu-check' scripts/ && "
             "for tool in bash awk basename cat cp cut date dirname env find grep gzip head mkdir "
             "mv realpath rm rmdir sed sleep tail tar timeout uname; do "
             "ln -s \"$(command -v $tool)\" few/; done",
             home);
    snprintf(path, sizeof path, "%s/path:%s", tree, getenv("PATH"));
    unsetenv("B");
    return system(command) == 0 && setenv("PATH", path, 1) == 0 ? 0 : -1;
}

static int end(void **state) {
    (void)state;
    char command[100];
    snprintf(command, sizeof command, "rm -rf %s", tree);
    return chdir("/") == 0 && system(command) == 0 ? 0 : -1;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(from_the_tree),
        cmocka_unit_test(from_a_bundle),
        cmocka_unit_test(every_step_is_told),
        cmocka_unit_test(no_gpu_is_said),
        cmocka_unit_test(a_step_that_hangs_is_stopped),
        cmocka_unit_test(stopped_in_the_middle),
        cmocka_unit_test(bad_lines_are_refused),
    };
    return cmocka_run_group_tests_name("gpu_check", tests, begin, end);
}
